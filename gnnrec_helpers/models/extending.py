"""Yesterday's model with today's interactions, users and items: a warm start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch

from ..data import Interactions, KnowledgeGraph, SocialGraph
from ..data.splits import joined
from ..engine import Adjacency
from .base import Model, arguments_of
from .matrix_factorization import MatrixFactorization

M = TypeVar("M", bound=Model)


def extend(model: M, interactions: Interactions, **changed: Any) -> M:
    """The same model, built from what it was built from and further interactions.

    Users and items that are new to it are added; those it knows keep their labels, and the
    embeddings that they were trained to, as where training goes on. A model in closed form is
    computed anew and is then exactly that of all interactions.

    Parameters
    ----------
    model : Model
        It is not changed.
    interactions : Interactions
        What came in since, with labels of the same type. A pair that the model has already counts
        as the newer one says. Ratings and weights that the model's own pairs do not have are left
        out.
    **changed
        Arguments of the model's constructor that are to be others than before. Friendships and
        facts go on with the new labels, without links for what is new, unless they are given here.

    Returns
    -------
    Model
        Of the same class, in evaluation mode. ``fit(new, Split.from_parts(new.interactions))``
        trains it further; a few epochs do.

    Raises
    ------
    TypeError
        If the model's weights do not belong to users and items alone, as those of KGAT and the
        rating models, or if it was given a graph of your own: build it anew.
    ValueError
        If labels, ratings or times of both are of different kinds.

    Examples
    --------
    >>> import pandas as pd
    >>> from gnnrec_helpers import datasets, models
    >>> model = models.LightGCN(datasets.load("toy").interactions, dim=8)
    >>> today = pd.DataFrame({"user": ["Ana", "Fay"], "item": ["Emma", "Heat"]})
    >>> extend(model, Interactions.from_frame(today))
    LightGCN(6 users, 6 items, dim=8, layers=3, cosine=False, seed=0)
    """
    kind, name = type(model), type(model).__name__
    if not isinstance(model, Model):
        raise TypeError(
            f"{name} cannot be extended: a model of gnnrec_helpers.models is needed, as it was "
            "before it was frozen."
        )
    if not isinstance(interactions, Interactions):
        raise TypeError(
            f"extend needs Interactions, not {type(interactions).__name__}: "
            "Interactions.from_frame(table) makes them."
        )
    arguments = arguments_of(model)
    given, *others = arguments
    for argument in changed:
        if argument not in others:
            raise TypeError(
                f"{name} has no argument {argument!r} to change; there are {', '.join(others)}."
            )
    own_graph = [
        argument
        for argument, value in arguments.items()
        if isinstance(value, (Adjacency, Model)) and argument not in changed
    ]
    trained = any(True for _ in model.parameters())
    if own_graph or (trained and not isinstance(model, MatrixFactorization)):
        what = f"its {own_graph[0]}" if own_graph else "what it has learnt"
        raise TypeError(
            f"{name} cannot be extended: {what} does not say what belongs to which user and item. "
            "Build it anew from all interactions."
        )
    if isinstance(model, MatrixFactorization) and (
        sum(map(len, model.node_labels())) != len(model.nodes.weight)
    ):
        raise TypeError(
            f"{name} cannot be extended: it has embeddings of more than users and items. Build it "
            "anew from all interactions."
        )
    train = joined(*_of_one_kind(model.interactions, interactions))
    relabelled: dict[str, Any] = {}
    for argument, value in arguments.items():
        if isinstance(value, SocialGraph):
            value = SocialGraph.from_frame(value.to_frame(), train.users)
        elif isinstance(value, KnowledgeGraph):
            value = KnowledgeGraph.from_frame(value.to_frame(), train.items)
        relabelled[argument] = value
    newer = kind(**{**relabelled, given: train, **changed})
    if isinstance(newer, MatrixFactorization):
        _start_from(newer, model)
    return newer.to(model.device)


def _of_one_kind(before: Interactions, newer: Interactions) -> tuple[Interactions, Interactions]:
    """Without what the model does not have, and without times unless both have some."""
    if before.timestamp is None or newer.timestamp is None:
        before, newer = (replace(one, timestamp=None, time_unit=None) for one in (before, newer))
    if before.rating is None:
        newer = replace(newer, rating=None)
    if before.weight is None:
        newer = replace(newer, weight=None)
    return before, newer


def _start_from(newer: Any, older: Any) -> None:
    """Weights by label; those of new nodes, and of other sizes, stay as they were drawn."""
    weights = newer.state_dict()
    before = {name: values.cpu() for name, values in older.state_dict().items()}
    labels, labels_before = newer.node_labels(), older.node_labels()
    start = start_before = 0
    table = weights.pop("nodes.weight")
    for here, there in zip(labels, labels_before, strict=True):
        places = torch.from_numpy(here.get_indexer(there))
        known = places >= 0
        rows = before["nodes.weight"][start_before : start_before + len(there)]
        table[start + places[known]] = rows[known]
        start, start_before = start + len(here), start_before + len(there)
    for name, values in weights.items():
        if values.shape == before[name].shape:
            values.copy_(before[name])
