"""The one contract: a model remembers what it was made from, and how it is trained."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data import Interactions, KnowledgeGraph, SocialGraph
from ..data.arguments import check_whole, plain
from ..engine.dot_products import DotProducts
from ..objectives import Objective, RatingRegression
from .files import decode, encode, fingerprint, read, understood, write
from .frozen import Frozen, thawed
from .parts.fold_in import FoldIn
from .parts.pair_scores import score_all_items
from .parts.products import Product, Table, scores_of
from .parts.side_links import friendships, linked
from .recommender import (
    TABLE,
    Recommender,
    check_recommender,
    check_shape,
    check_takes_users,
    device_of,
    table_of,
)

T = TypeVar("T", bound=Table)
G = TypeVar("G", SocialGraph, KnowledgeGraph)
Scorer = Callable[[Tensor], Tensor]  # from user positions, (n,), to scores, (n, num_items)


class Model(nn.Module):
    """A recommender that is built from interactions and keeps them.

    A subclass calls ``super().__init__(train)``, names each setting as an argument of its
    constructor, and answers `compute_scores`, `products` or, where scores are dot products,
    ``embeddings(users, items)``. Everything else follows: saving and loading, checkpoints, the
    check that nothing is judged on what it was built from, and that a `seed` is a whole number and
    what is annotated as a bool is one.

    Parameters
    ----------
    interactions : Interactions
        What the model is built from: its ``train``.

    Attributes
    ----------
    interactions : Interactions
        (``train`` is the name of a method of every :class:`torch.nn.Module`.)
    uses_ratings : bool
        Whether ratings are learnt; otherwise every pair counts as one choice.
    uses_weights : bool
        Whether weights are used; otherwise every pair counts once.
    trained_by : tuple of str
        Methods that a loss has to call, because part of the model is trained through them alone.
    static_step : bool
        Whether a step of training is the same operations for all batches of a size, and draws
        nothing, so that a GPU may record it. Not inherited: a subclass says it of itself.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> model = models.LightGCN(datasets.load("toy").interactions, dim=8)
    >>> model
    LightGCN(5 users, 5 items, dim=8, layers=3, cosine=False, seed=0)
    >>> model.num_users, model.items[0]
    (5, 'Alien')
    """

    uses_ratings: ClassVar[bool] = False
    uses_weights: ClassVar[bool] = False
    trained_by: ClassVar[tuple[str, ...]] = ()
    static_step: ClassVar[bool] = False

    _arguments: dict[str, Any]  # of the constructor, by name, defaults included
    _tables: dict[str, Table]  # what `computed` keeps
    _stored: dict[str, Table] | None  # while a file is loaded, what it has of these

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        self = super().__new__(cls)
        if not (arguments or settings):  # copied or unpickled: its attributes follow
            return self
        try:
            bound = inspect.signature(cls.__init__).bind(self, *arguments, **settings)
        except TypeError:
            return self  # `__init__` says which argument is wrong
        bound.apply_defaults()
        self.__dict__["_arguments"] = _named(bound)
        train = next(iter(self._arguments.values()), None)
        if not isinstance(train, Interactions):
            raise TypeError(
                f"{cls.__name__} is built from Interactions, such as split.train, not from "
                f"{type(train).__name__}; Interactions.from_frame(table) makes them."
            )
        for name, value in self._arguments.items():
            if name == "seed":
                check_whole(0, seed=value)
            parameter = bound.signature.parameters.get(name)
            if parameter and parameter.annotation in (bool, "bool") and not isinstance(value, bool):
                raise TypeError(f"{name}={value!r}: True or False is needed.")
        if train.rating is not None and not cls.uses_ratings:
            warnings.warn(
                f"{cls.__name__} does not use the ratings: each of the {len(train):,} pairs counts "
                "as a choice. Interactions.binarize(threshold) keeps those that are likes.",
                stacklevel=2,
            )
        if train.weight is not None and not cls.uses_weights:
            warnings.warn(
                f"{cls.__name__} does not use the weights: each of the {len(train):,} pairs counts "
                "once. IALS and LightGCN use them.",
                stacklevel=2,
            )
        return self

    def __init__(self, interactions: Interactions) -> None:
        super().__init__()
        self.training = False  # until `fit` trains it: scores carry no gradients
        self.interactions = interactions
        self._tables = {}

    # ------------------------------------------------------------------ what it was made from
    @property
    def users(self) -> pd.Index:
        """Labels; the position of a label is the user's index."""
        return self.interactions.users

    @property
    def items(self) -> pd.Index:
        """Labels; the position of a label is the item's index."""
        return self.interactions.items

    @property
    def num_users(self) -> int:
        return self.interactions.num_users

    @property
    def num_items(self) -> int:
        return self.interactions.num_items

    @property
    def device(self) -> torch.device:
        """Where the weights are; the CPU for a model without any."""
        return device_of(self)

    def identity(self) -> dict[str, Any]:
        """Class and all constructor arguments, with a digest in the place of each graph or table.

        Two models with the same identity start from the same numbers.

        Examples
        --------
        >>> from gnnrec_helpers import datasets, models
        >>> model = models.ItemKNN(datasets.load("toy").interactions, shrink=5)
        >>> model.identity()  # doctest: +ELLIPSIS
        {'class': 'ItemKNN', 'train': '10 pairs ...', 'neighbours': 100, 'shrink': 5}
        """
        arguments = {name: _identity(value) for name, value in self._arguments.items()}
        return {"class": type(self).__name__, **arguments}

    def is_built_from(self, interactions: Interactions) -> bool:
        """Are these the same pairs, with the same ratings and weights if these are used?"""
        used = ["user_index", "item_index"]
        used += ["rating"] * self.uses_ratings + ["weight"] * self.uses_weights
        return self.interactions is interactions or all(
            np.array_equal(getattr(self.interactions, name), getattr(interactions, name))
            for name in used
        )

    def _keep(self, name: str, value: object) -> None:
        """For an attribute that may be set afterwards: what the argument of that name is now."""
        self.__dict__[name] = value
        if name in self._arguments:  # a subclass may have no such argument
            self._arguments[name] = value

    def computed(self, name: str, compute: Callable[[], T]) -> T:
        """A table that is computed from the data and saved with the model.

        ``computed("similarity", f)`` is ``f()`` when the model is built, and what the file says
        when it is loaded.
        """
        stored = self.__dict__.get("_stored")
        table = compute() if stored is None else stored[name]
        self._tables[name] = table
        return cast(T, table)

    # ------------------------------------------------------------------ scores
    def score(self, users: Tensor) -> Tensor:
        """Scores of all items for some users, on the model's device.

        Gradients are recorded in training mode only.

        Parameters
        ----------
        users : int64 Tensor, shape (n,)
            On any device.

        Returns
        -------
        Tensor, shape (n, num_items)
            Higher is better.
        """
        with torch.set_grad_enabled(self.training and torch.is_grad_enabled()):
            return self.compute_scores(users.to(self.device))

    def compute_scores(self, users: Tensor) -> Tensor:
        """What :meth:`score` returns, from users on the model's device."""
        return scores_of(self.products(), users).float()

    def products(self) -> list[Product]:
        """The scores of all users as a sum of matrix products, the first factor's rows being users.

        This is what :meth:`frozen` keeps. The default is a table of all scores, for models in which
        every pair is scored by itself.
        """
        needed = 4 * self.num_users * self.num_items / 1e9
        if needed > 8:
            raise ValueError(
                f"{type(self).__name__} scores every pair by itself, and a table of all "
                f"{self.num_users:,} x {self.num_items:,} scores needs {needed:.0f} GB: use the "
                "model as it is."
            )
        everybody = torch.arange(self.num_users).split(256)
        with scoring(self) as score:
            return [(torch.cat([score(users).cpu() for users in everybody]),)]

    def scorer(self) -> Scorer:
        """:meth:`score` for a model that does not change meanwhile: what can be is computed once.

        What it returns may be written to.
        """
        return self.score

    def item_similarity(self) -> Scorer:
        """A function from items, shape (n,), to their similarity to all items, (n, num_items)."""
        raise TypeError(f"{type(self).__name__} has nothing to compare items by.")

    def user_similarity(self) -> Scorer:
        """A function from users, shape (n,), to their similarity to all users, (n, num_users)."""
        raise TypeError(f"{type(self).__name__} has nothing to compare users by.")

    def frozen(self) -> Frozen:
        """Tables and labels only, no graph and no training: answers one user in a millisecond.

        Examples
        --------
        >>> from gnnrec_helpers import datasets, models, recommend
        >>> model = models.ItemKNN(datasets.load("toy").interactions)
        >>> recommend(model.frozen(), ["Ana"], k=1)["item"].tolist()
        ['Casablanca']
        """
        with scoring(self):
            try:
                fold_in = self.fold_in()
            except TypeError:  # it answers those it knows
                fold_in = None
            return Frozen(
                self.interactions,
                self.products(),
                fold_in,
                informed_users=self.informed_users,
                informed_items=self.informed_items,
            )

    # ------------------------------------------------------------------ who was not there
    def fold_in(self) -> FoldIn:
        """A function from the items that somebody new has to her scores, without training again.

        It takes histories, a :class:`scipy.sparse.csr_array` of ones of shape (n, num_items), and
        returns scores of that shape. :func:`gnnrec_helpers.recommend` does the same by label.

        Raises
        ------
        TypeError
            If the model has no way to do so.
        """
        raise TypeError(
            f"{type(self).__name__} cannot answer for somebody who was not in train: it would have "
            "to be trained again. ItemKNN, UserKNN, RP3Beta, EASE, the filters, IALS, GraphSAGE, "
            "and LightGCN with its kin can."
        )

    @cached_property
    def informed_users(self) -> NDArray[np.bool_]:
        """Of which users does the model know anything? Shape (num_users,).

        Those with interactions, and the friends of these, if the model is given friendships. The
        others would be ranked for by the numbers that their embeddings started from.
        """
        known = self.interactions.user_degrees() > 0
        for social in self._side_graphs(SocialGraph):
            known = known | (friendships(social, self.interactions) @ known > 0)
        return known

    @cached_property
    def informed_items(self) -> NDArray[np.bool_]:
        """Of which items does the model know anything? Shape (num_items,).

        Those with interactions, and those that share a fact with one of these, or a thing that both
        have facts about, if the model is given facts.
        """
        known = self.interactions.item_degrees() > 0
        for knowledge in self._side_graphs(KnowledgeGraph):
            links = linked(knowledge)
            reached = np.zeros(knowledge.num_entities, bool)
            reached[: self.num_items] = known
            for _ in range(2):  # item - thing - item
                reached = reached | (links @ reached > 0)
            known = reached[: self.num_items]
        return known

    def _side_graphs(self, kind: type[G]) -> list[G]:
        return [graph for graph in self._arguments.values() if isinstance(graph, kind)]

    # ------------------------------------------------------------------ training
    def default_objective(self) -> Objective[Any, Any] | None:
        """The loss this model is trained by, or None if it is ready when constructed."""
        return None

    def start_epoch(self) -> None:
        """Called by `fit` before every epoch, for what a model refreshes once an epoch."""

    # ------------------------------------------------------------------ files
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything the model is to one file, from which :func:`load` makes the same model.

        That is the class, the arguments (interactions and graphs included), weights, tables, and
        public attributes that are numbers, text or lists of these; all others are as the
        constructor makes them. The file is written aside and then put in place.

        Raises
        ------
        TypeError
            If labels or arguments are of a kind that no file holds, or arguments have no names.
        ValueError
            If another program's file is there already, or one that is no model; if the model is no
            longer what its arguments say.
        PermissionError
            If the folder may not be written to.
        """
        tensors: dict[str, Tensor] = {}
        write(path, {"model": _encode(self, "model", tensors)}, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """What :meth:`save` wrote, also for a class of your own; see :func:`load`."""
        story, tensors = read(path, "a model written by save", lambda story: "model" in story)
        with understood(path, story):
            model = _decode(story["model"], tensors, cls)
        if not isinstance(model, cls):
            raise ValueError(
                f"{os.fspath(path)!r} holds a {type(model).__name__}, not a {cls.__name__}."
            )
        return model

    def __repr__(self) -> str:
        sizes = [f"{self.num_users:,} users", f"{self.num_items:,} items"]
        settings = [
            f"{name}={f'{value:g}' if isinstance(value, float) else repr(value)}"
            for name, value in self._arguments.items()
            if isinstance(value, (bool, int, float, str, tuple))
        ]
        return f"{type(self).__name__}({', '.join(sizes + settings)})"


class EmbeddingModel(Model):
    """A model whose score is the dot product of a user's and an item's embedding."""

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        raise NotImplementedError

    def compute_scores(self, users: Tensor) -> Tensor:
        user_rows, item_rows = self.embeddings(users, None)
        return user_rows @ item_rows.T

    def products(self) -> list[Product]:
        user_rows, item_rows = self.embeddings()
        return [(user_rows.detach().cpu(), item_rows.detach().cpu().T)]

    def scorer(self) -> Scorer:
        return DotProducts(*(rows.detach() for rows in self.embeddings()))

    def item_similarity(self) -> Scorer:
        return DotProducts.cosines(self.embeddings()[1].detach())

    def user_similarity(self) -> Scorer:
        return DotProducts.cosines(self.embeddings()[0].detach())

    def rows_of(
        self, nodes: Tensor, users: Tensor | None, items: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """These users' and items' rows of a table of all nodes, users first, then items."""
        user_rows, item_rows = nodes[: self.num_users], nodes[self.num_users :][: self.num_items]
        return (
            user_rows if users is None else user_rows.index_select(0, users.to(nodes.device)),
            item_rows if items is None else item_rows.index_select(0, items.to(nodes.device)),
        )


class RatingsModel(Model):
    """A model that says how a user would rate an item; its score is that rating."""

    uses_ratings = True

    def predict(self, users: Tensor, items: Tensor) -> Tensor:
        """The rating of each of these pairs, shape (len(users),), on the model's device.

        Gradients are recorded in training mode only.
        """
        with torch.set_grad_enabled(self.training and torch.is_grad_enabled()):
            return self.compute_ratings(users.to(self.device), items.to(self.device))

    def compute_ratings(self, users: Tensor, items: Tensor) -> Tensor:
        """What :meth:`predict` returns, from pairs on the model's device."""
        raise NotImplementedError

    def compute_scores(self, users: Tensor) -> Tensor:
        return score_all_items(self.compute_ratings, users, self.num_items).float()

    def default_objective(self) -> Objective[Any, Any] | None:
        return RatingRegression()


# ---------------------------------------------------------------------- for other modules
@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Evaluation mode and no gradients for a while; each module is put back into its own mode."""
    modes = {}
    if isinstance(model, nn.Module):
        modes = {module: module.training for module in model.modules()}
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def scoring(model: Recommender, num_items: int | None = None) -> Iterator[Scorer]:
    """``model.score`` for a while, in evaluation mode and without gradients.

    What can be computed once is: for a GNN, a propagation through the whole graph. A
    :class:`torch.nn.Module` is put back into the mode it was in.

    Parameters
    ----------
    model : Recommender
    num_items : int, optional
        How many columns the scores must have; a model of this package says so itself.

    Raises
    ------
    TypeError, ValueError
        If the model has no ``score`` to call with users, or, when it is called, if it does not give
        a row for each user and a column for each item.
    """
    check_recommender(model)
    name = f"{type(model).__name__}.score"
    with evaluating(model):
        if isinstance(model, (Model, Frozen)):
            score = model.scorer()
            if isinstance(score, DotProducts):
                found = len(score.users), score.num_items
                check_shape(found, (len(model.users), len(model.items)), name, TABLE)
                yield score
            else:
                width = len(model.items)
                yield lambda users: table_of(score(users), len(users), width, name)
        else:
            yield _copied(model, num_items, name)


def _copied(model: Recommender, num_items: int | None, name: str) -> Scorer:
    device = device_of(model)

    def score(users: Tensor) -> Tensor:
        try:
            scores = model.score(users.to(device))
        except TypeError:
            check_takes_users(model.score, name)
            raise
        scores = table_of(scores, len(users), num_items, name)
        # a copy: whoever asks writes to it, and the model may have handed out a table that it keeps
        return scores.detach().clone(memory_format=torch.contiguous_format)

    return score


def load(path: str | os.PathLike[str]) -> Model | Frozen:
    """The model, or the frozen recommender, that was saved to a file.

    Only classes of this package are made, and nothing is unpickled. A model scores as it did, to
    the last bit.

    Raises
    ------
    FileNotFoundError, PermissionError, ValueError
        If there is no such file; if it may not be read; if it is torn, is something else or is from
        a newer version.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from gnnrec_helpers import datasets, load, models
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "knn.safetensors"
    >>> models.ItemKNN(datasets.load("toy").interactions).save(path)
    >>> load(path)
    ItemKNN(5 users, 5 items, neighbours=100, shrink=10)
    """
    story, tensors = read(
        path, "a model written by save", lambda story: "model" in story or "frozen" in story
    )
    with understood(path, story):
        if "frozen" in story:
            return thawed(story, tensors)
        return _decode(story["model"], tensors, Model)


def _identity(value: object) -> Any:
    return value.identity() if isinstance(value, Model) else fingerprint(value)


def _named(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Arguments by name, but for ``self``, and NumPy's numbers as Python's.

    Those that ``**`` took have the names they were given by. One that a constructor takes by its
    place alone has a name that none can be given by.
    """
    named: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            named |= {f"{name}[{place}]": one for place, one in enumerate(value)}
        else:
            named[f"{name}[0]" if kind is inspect.Parameter.POSITIONAL_ONLY else name] = value
    return {name: plain(value) for name, value in named.items()}


def arguments_of(model: Model) -> dict[str, Any]:
    """What the model was built from, by names that its constructor takes.

    Raises
    ------
    TypeError
        If it takes one by its place alone.
    """
    for name in model._arguments:
        if not name.isidentifier():
            raise TypeError(
                f"{type(model).__name__} cannot be built again from what it was given, since its "
                f"constructor takes {name} by its place: it has to name every argument."
            )
    return model._arguments


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of attributes or arguments those that are public, and numbers, text or lists of these."""
    plain = (bool, int, float, str, np.generic, type(None))
    return {
        name: value
        for name, value in values.items()
        if not name.startswith("_") and name != "training"
        if all(isinstance(p, plain) for p in (value if type(value) in (list, tuple) else [value]))
    }


def _encode(model: Model, name: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    arguments = {
        argument: {"model": _encode(value, f"{name}/{argument}", tensors)}
        if isinstance(value, Model)
        else encode(value, f"{name}/{argument}", tensors)
        for argument, value in arguments_of(model).items()
    }
    node = {
        "class": type(model).__name__,
        "arguments": arguments,
        "weights": encode(model.state_dict(), f"{name}/weights", tensors),
        "tables": encode(model._tables, f"{name}/tables", tensors),
        "attributes": {
            attribute: plain(value) if type(value) is list else encode(value, attribute, tensors)
            for attribute, value in _settings(vars(model)).items()
            if attribute not in arguments
        },
    }
    _check_unchanged(model, node, tensors)
    return node


def _check_unchanged(model: Model, node: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
    """Refuse a model with an attribute that was set to something else than the argument says."""
    now, given = _settings(vars(model)), _settings(model._arguments)
    changed = [name for name in now if name in model._arguments and now[name] != given.get(name)]
    if not changed:
        return
    built = _settings(vars(_decode(node, tensors, type(model))))  # as its constructor leaves it
    for name in changed:
        if built.get(name) != now[name]:
            raise ValueError(
                f"This {type(model).__name__} has {name}={now[name]!r} and was built with "
                f"{name}={model._arguments[name]!r}, from which a file would build it again: build "
                f"one with {name}={now[name]!r}, and save that."
            )


def _decode(node: Mapping[str, Any], tensors: dict[str, Tensor], own: type[Model]) -> Model:
    kind = own if own.__name__ == node["class"] else _class(node["class"])
    arguments = {
        name: _decode(value["model"], tensors, Model)
        if isinstance(value, dict) and "model" in value
        else decode(value, tensors)
        for name, value in node["arguments"].items()
    }
    model = nn.Module.__new__(kind)
    model.__dict__["_arguments"] = arguments
    model.__dict__["_stored"] = decode(node["tables"], tensors)
    model.__init__(**arguments)  # type: ignore[misc]
    weights = decode(node["weights"], tensors)
    if len(dtypes := {w.dtype for w in weights.values() if w.is_floating_point()}) == 1:
        model.to(*dtypes)
    model.load_state_dict(weights)
    model.__dict__["_stored"] = None
    for name, value in node.get("attributes", {}).items():  # older files have none
        setattr(model, name, decode(value, tensors))
    return model.eval()


def _class(name: str) -> type[Model]:
    kind = getattr(sys.modules[__package__ or ""], name, None)
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        raise ValueError(
            f"The file holds a model of a class {name!r}, which is none of this package: if it is "
            f"your own, call {name}.load(path)."
        )
    return kind
