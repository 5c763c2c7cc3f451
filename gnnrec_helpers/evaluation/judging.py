"""What a model may be asked: pairs that it was not built from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..data import IntArray, Interactions, Part, Split
from ..engine import Adjacency
from ..models import Model
from ..models.recommender import check_recommender
from ..serving.retrieval import check_labels

FEW = 0.05  # of all who are judged


def held_out_pairs(
    model: object,
    split: Split,
    part: Part,
    check: Callable[[object], None] = check_recommender,
) -> Interactions:
    """The pairs of a part, if this model can be judged on them.

    Parameters
    ----------
    model : object
    split : Split
    part : {"test", "validation"}
    check : function
        Refuses a model that cannot answer what it will be asked.

    Raises
    ------
    TypeError, ValueError
        If `split` is no split or has no such part, or if the model does not answer what it is
        asked, has other users or items, or was built from pairs that it is asked to find.
    """
    if not isinstance(split, Split):
        raise TypeError(
            f"A Split is needed, not {type(split).__name__}: Interactions.split() makes one."
        )
    if isinstance(model, type):
        raise TypeError(
            f"{model.__name__} is a class: a model is needed, such as "
            f"{model.__name__}(split.train)."
        )
    check(model)
    held_out = split.held_out(part)
    built_from = getattr(model, "interactions", None)
    check_labels(model, built_from, held_out)
    seen = np.zeros(len(held_out), bool)
    if isinstance(built_from, Interactions) and built_from is not split.train:
        seen |= built_from.contains(held_out.user_index, held_out.item_index)
    for graph in _graphs_given(model):
        seen |= _linked(graph, held_out)
    if seen.any():
        raise ValueError(
            f"{type(model).__name__} was built from {seen.sum():,} of the {len(held_out):,} pairs "
            f"that it is asked to find in {part}: build it from split.train."
        )
    return held_out


def check_known(model: object, users: IntArray, part: Part) -> None:
    """Warn of users about whom the model knows nothing, whose lists are arbitrary.

    Nothing is said of fewer than one in twenty, who change a mean by little.

    Parameters
    ----------
    model : object
    users : int array
        Positions of those who are to be judged.
    part : {"test", "validation"}

    Raises
    ------
    ValueError
        If it knows nothing about any of them.
    """
    informed = getattr(model, "informed_users", None)
    if informed is None or informed[users].all():
        return
    strangers, name = int((~informed[users]).sum()), type(model).__name__
    if strangers == len(users):
        raise ValueError(
            f"{name} knows nothing about the {len(users):,} users who are judged in {part}, since "
            "they have no interactions in train: recommend(model, histories=...) answers for them."
        )
    if strangers < FEW * len(users):
        return
    warnings.warn(
        f"{name} knows nothing about {strangers:,} of the {len(users):,} users who are judged in "
        f"{part}, since they have no interactions in train, so their lists are arbitrary: "
        "evaluate_users has a row for each user, of which theirs can be left out.",
        stacklevel=2,
    )


def _graphs_given(model: object) -> Iterator[Adjacency]:
    """Those among the arguments of a model, and of the models among them."""
    for value in model._arguments.values() if isinstance(model, Model) else ():
        if isinstance(value, Adjacency):
            yield value
        yield from _graphs_given(value)


def _linked(graph: Adjacency, pairs: Interactions) -> NDArray[np.bool_]:
    """Which of the pairs are edges of a graph whose nodes are users, then items, then others."""
    users, items = pairs.user_index, pairs.num_users + pairs.item_index
    if min(graph.shape) < pairs.num_users + pairs.num_items:  # of users alone, say
        return np.zeros(len(pairs), bool)
    matrix = graph.to_scipy()
    return np.asarray((matrix[users, items] != 0) | (matrix[items, users] != 0))


def check_named(named: object, baseline: str | None = None, what: str = "models") -> None:
    """Refuse what is no mapping of names, an empty one, and a baseline that is not in it."""
    if not isinstance(named, Mapping):
        raise TypeError(f"`{what}` must be a mapping of names, not {type(named).__name__}.")
    if not named:
        raise ValueError(f"`{what}` is empty: at least one is needed.")
    if baseline is not None and baseline not in named:
        raise ValueError(f"baseline={baseline!r}: choose one of {', '.join(map(repr, named))}.")
