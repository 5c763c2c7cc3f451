"""Graphs beside the interactions: who knows whom, and facts about items."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from .interactions import IntArray, check_labels, check_positions, checked_column
from .tables import _named, _whole


@dataclass(frozen=True, repr=False, eq=False)
class SocialGraph:
    """Links between users, as positions in the same list of users as the interactions.

    The constructor sorts links that are in another order. It refuses repeated links, links from a
    user to herself, and positions without a label.

    Attributes
    ----------
    source, target : int64 arrays, shape (n,)
        ``source[i]`` trusts, follows or befriends ``target[i]``. A mutual friendship is stored
        in both directions.
    users : pandas.Index
    dropped : int
        Links left out because one of their ends is not among `users`, or because they link a
        user to herself.
    """

    source: IntArray
    target: IntArray
    users: pd.Index
    dropped: int = 0

    def __post_init__(self) -> None:
        check_labels("users", self.users)
        _check_rows(self, "links", {"source": "users", "target": "users"})
        oneself = self.source[self.source == self.target]
        if len(oneself):
            raise ValueError(
                f"{len(oneself):,} of {len(self):,} links join a user to herself, such as "
                f"{_label(self.users, oneself[0])!r}: leave them out, as SocialGraph.from_frame "
                "does."
            )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        users: pd.Index,
        source: str = "user",
        target: str = "friend",
        *,
        mutual: bool = False,
    ) -> SocialGraph:
        """Read a table of links, each of which is kept once.

        Parameters
        ----------
        frame : data frame of pandas, polars or Arrow, or mapping from names to columns
        users : pandas.Index
            Those of the interactions. Links that have an end elsewhere are left out and counted.
        source, target : str
            The columns with the two ends.
        mutual : bool, default False
            Whether to add the opposite direction of each link.

        Raises
        ------
        TypeError, ValueError
            If a label is missing, or if a column holds none of the users and labels of another
            type, such as text where the users are numbers.

        Examples
        --------
        >>> links = pd.DataFrame({"user": ["ana"], "friend": ["ben"]})
        >>> SocialGraph.from_frame(links, pd.Index(["ana", "ben"]), mutual=True)
        SocialGraph(2 links of 2 users)
        """
        check_labels("users", users)
        ends = zip((source, target), _columns(frame, source=source, target=target), strict=True)
        start, end = (
            _places(labels, users, f"Column {name!r} holds", "users") for name, labels in ends
        )
        known = (start >= 0) & (end >= 0) & (start != end)
        start, end = start[known], end[known]
        if mutual:
            start, end = np.concatenate([start, end]), np.concatenate([end, start])
        pairs = np.unique(start * len(users) + end)
        return cls(*np.divmod(pairs, max(len(users), 1)), users, int((~known).sum()))

    def __len__(self) -> int:
        return len(self.source)

    @property
    def num_users(self) -> int:
        return len(self.users)

    def to_csr(self) -> sparse.csr_array:
        """The user-user matrix, shape (num_users, num_users), ones at the links."""
        shape = (self.num_users, self.num_users)
        return sparse.csr_array((np.ones(len(self)), (self.source, self.target)), shape=shape)

    def rewired(self, *, seed: int = 0) -> SocialGraph:
        """As many links for every user, but with anybody: a control for what links tell.

        The ends of the links are shuffled. Where that links a user to herself, or two users twice,
        these ends are shuffled again with others; a few links that still clash at last are left
        out. If all links are mutual they still are.

        Parameters
        ----------
        seed : int, default 0

        Examples
        --------
        >>> pairs = pd.DataFrame({"user": [0, 1, 2, 3], "friend": [1, 2, 3, 0]})
        >>> ring = SocialGraph.from_frame(pairs, pd.RangeIndex(4), mutual=True)
        >>> ring.rewired(seed=1).to_csr().sum(axis=1).max() <= 2
        np.True_
        """
        links = self.to_csr()
        mutual = len(self) > 0 and (links != links.T).nnz == 0
        generator = np.random.default_rng(seed)
        one, other = self.source.copy(), self.target.copy()
        if mutual:  # each friendship once, in either direction
            kept = one < other
            one, other = one[kept], other[kept]
            turned = generator.random(len(one)) < 0.5
            one, other = np.where(turned, other, one), np.where(turned, one, other)
        generator.shuffle(other)
        for _ in range(100):
            clashing = _clashing(one, other, self.num_users, mutual)
            if not clashing.any():
                break
            # with as many others, so that there is somebody to swap with
            partners = generator.choice(len(one), min(len(one), 2 * int(clashing.sum())), False)
            swapped = np.union1d(np.flatnonzero(clashing), partners)
            other[swapped] = other[generator.permutation(swapped)]
        good = ~_clashing(one, other, self.num_users, mutual)
        one, other = one[good], other[good]
        if mutual:
            one, other = np.concatenate([one, other]), np.concatenate([other, one])
        return SocialGraph(one, other, self.users)

    def to_frame(self) -> pd.DataFrame:
        """One link a row: columns user, friend."""
        return pd.DataFrame({"user": self.users[self.source], "friend": self.users[self.target]})

    def __repr__(self) -> str:
        left = f", left out: {self.dropped:,} to unknown users or oneself" if self.dropped else ""
        return f"SocialGraph({len(self):,} links of {self.num_users:,} users{left})"


@dataclass(frozen=True, repr=False, eq=False)
class KnowledgeGraph:
    """Facts (head, relation, tail) about items and the things items are linked to.

    The constructor sorts facts that are in another order. It refuses repeated facts, positions
    without a label, and entities of which the first are not the items.

    Attributes
    ----------
    head, relation, tail : int64 arrays, shape (n,)
        Positions in `entities`, `relations` and `entities`.
    entities, relations : pandas.Index
        Labels. The first ``num_items`` entities are the items, in the order of `items`, so an
        item's index is also its entity's index.
    items : pandas.Index
        The items of the interactions.
    """

    head: IntArray
    relation: IntArray
    tail: IntArray
    entities: pd.Index
    relations: pd.Index
    items: pd.Index

    def __post_init__(self) -> None:
        for role in ("entities", "relations", "items"):
            check_labels(role, getattr(self, role))
        if not self.entities[: self.num_items].equals(self.items):
            raise ValueError(
                f"The first {self.num_items:,} entities are not the items, in their order: "
                "KnowledgeGraph.from_frame puts them there."
            )
        roles = {"head": "entities", "relation": "relations", "tail": "entities"}
        _check_rows(self, "facts", roles)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        items: pd.Index,
        head: str = "head",
        relation: str = "relation",
        tail: str = "tail",
    ) -> KnowledgeGraph:
        """Read a table of facts, each of which is kept once.

        Parameters
        ----------
        frame : data frame of pandas, polars or Arrow, or mapping from names to columns
        items : pandas.Index
            Those of the interactions. A head or tail that equals an item's label is that item.
        head, relation, tail : str
            The columns with the three parts of a fact.

        Raises
        ------
        TypeError, ValueError
            If a label is missing, or if the facts are about none of the items and have labels of
            another type, such as text where the items are numbers.
        """
        check_labels("items", items)
        heads, kinds, tails = _columns(frame, head=head, relation=relation, tail=tail)
        others = _joined(heads, tails).unique()
        place = _places(others, items, f"Columns {head!r} and {tail!r} hold", "items")
        others = others[place < 0]
        # by type first: items that are numbers may stand beside tails that are text
        in_order = sorted(others.tolist(), key=lambda label: (type(label).__name__, label))
        others = pd.Index(in_order, dtype=others.dtype)
        entities = _joined(items, others)
        relation_index, relations = pd.factorize(kinds, sort=True)
        triples = np.stack(
            [entities.get_indexer(heads), relation_index, entities.get_indexer(tails)], axis=1
        ).astype(np.int64)
        triples = np.unique(triples, axis=0)
        return cls(
            triples[:, 0], triples[:, 1], triples[:, 2], entities, pd.Index(relations), items
        )

    def __len__(self) -> int:
        return len(self.head)

    @property
    def num_entities(self) -> int:
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        return len(self.relations)

    @property
    def num_items(self) -> int:
        return len(self.items)

    def to_frame(self) -> pd.DataFrame:
        """One fact a row: columns head, relation, tail."""
        return pd.DataFrame(
            {
                "head": self.entities[self.head],
                "relation": self.relations[self.relation],
                "tail": self.entities[self.tail],
            }
        )

    def __repr__(self) -> str:
        covered = len(np.unique(self.head[self.head < self.num_items]))
        return (
            f"KnowledgeGraph({len(self):,} facts of {self.num_relations:,} kinds about "
            f"{covered:,} of {self.num_items:,} items, {self.num_entities:,} entities)"
        )


def _clashing(one: IntArray, other: IntArray, num_users: int, mutual: bool) -> NDArray[np.bool_]:
    """Links from a user to herself, and all but the first of several between the same two."""
    low, high = (np.minimum(one, other), np.maximum(one, other)) if mutual else (one, other)
    first = np.zeros(len(one), bool)
    first[np.unique(low * num_users + high, return_index=True)[1]] = True
    return ~first | (one == other)


def _columns(frame: Any, **names: str) -> list[pd.Index]:
    """The named columns as labels, read as the ids of interactions are."""
    try:
        table = _named(frame, names)
        return [_labels(table[role], name) for role, name in names.items()]
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The table holds text that is no valid Unicode, such as {error.object!r}."
        ) from None


def _labels(values: pd.Series, column: str) -> pd.Index:
    """Integers where all are whole numbers; else the labels as they are, which may be of any type.

    Facts may be about numbers in one row and text in the next.
    """
    if (count := int(values.isna().sum())) > 0:
        raise ValueError(f"Column {column!r} lacks a value in {count:,} rows.")
    whole = _whole(values)
    if whole is not None:
        return pd.Index(whole)
    labels = values.tolist()
    for kind in {*map(type, labels)}:
        if issubclass(kind, (bool, np.bool_)) or not issubclass(kind, Hashable):
            example = next(label for label in labels if type(label) is kind)
            raise TypeError(
                f"Column {column!r} holds labels of type {kind.__name__}, such as {example!r}: "
                "integers or text are needed."
            )
    return pd.Index(labels, tupleize_cols=False)


def _places(labels: pd.Index, known: pd.Index, found: str, role: str) -> IntArray:
    """Where labels stand among the known ones, or -1.

    If none of them is known and all are of another type than the known ones, they are refused.
    """
    place = known.get_indexer(labels).astype(np.int64)
    if len(labels) == 0 or len(known) == 0 or (place >= 0).any():
        return place
    theirs, ours = (
        {type(label).__name__: label for label in reversed(index.tolist())}
        for index in (labels, known)
    )
    if not theirs.keys() & ours.keys():
        shown, wanted = (
            f"{' and '.join(sorted(examples))}, such as {next(iter(examples.values()))!r}"
            for examples in (theirs, ours)
        )
        raise ValueError(
            f"{found} labels of type {shown}, and the {role} are of type {wanted}: the same type "
            "is needed (astype(str) makes text of a column, astype(int) numbers)."
        )
    return place


def _joined(first: pd.Index, second: pd.Index) -> pd.Index:
    """All labels, as they are: pandas would make floats of integers beside floats."""
    if first.dtype == second.dtype:
        return first.append(second)
    return pd.Index([*first.tolist(), *second.tolist()], dtype=object, tupleize_cols=False)


def _label(labels: pd.Index, place: int) -> object:
    """A label as Python has it."""
    return labels[[place]].tolist()[0]


def _check_rows(graph: SocialGraph | KnowledgeGraph, what: str, roles: Mapping[str, str]) -> None:
    """Sort the rows of a graph, and refuse some that are repeated or have no label.

    Parameters
    ----------
    graph : SocialGraph or KnowledgeGraph
    what : str
        What a row is called, for the error.
    roles : mapping
        From the arrays of positions to the labels that these are positions in.
    """
    columns = {
        name: checked_column(name, getattr(graph, name), np.dtype(np.int64)) for name in roles
    }
    count = len(next(iter(columns.values())))
    for name, role in roles.items():
        if len(columns[name]) != count:
            raise ValueError(f"{name} holds {len(columns[name]):,} values for {count:,} {what}.")
        check_positions(name, columns[name], role, len(getattr(graph, role)))
    steps = _steps([*columns.values()])
    if (steps < 0).any():
        order = np.lexsort([*columns.values()][::-1])
        columns = {name: column[order] for name, column in columns.items()}
        steps = _steps([*columns.values()])
    repeated = np.flatnonzero(steps == 0)
    if len(repeated):
        example = tuple(
            _label(getattr(graph, role), columns[name][repeated[0]]) for name, role in roles.items()
        )
        raise ValueError(
            f"{len(repeated):,} of {count:,} {what} are repeated, such as {example!r}: each may "
            f"occur once, and {type(graph).__name__}.from_frame keeps one of each."
        )
    for name, column in columns.items():
        object.__setattr__(graph, name, column)


def _steps(columns: Sequence[IntArray]) -> IntArray:
    """Whether each row but the first is after (1), before (-1) or like (0) the one above it."""
    steps = np.sign(np.diff(columns[0]))
    for column in columns[1:]:
        steps = np.where(steps == 0, np.sign(np.diff(column)), steps)
    return steps
