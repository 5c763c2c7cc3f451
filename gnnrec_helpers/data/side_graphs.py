"""Graphs beside the interactions: who knows whom, and facts about items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from .interactions import IntArray


@dataclass(frozen=True, repr=False, eq=False)
class SocialGraph:
    """Links between users, as positions in the same list of users as the interactions.

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

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        users: pd.Index,
        source: str = "user",
        target: str = "friend",
        *,
        mutual: bool = False,
    ) -> SocialGraph:
        """Read a table of links; `mutual` adds the opposite direction of each.

        Examples
        --------
        >>> links = pd.DataFrame({"user": ["ana"], "friend": ["ben"]})
        >>> SocialGraph.from_frame(links, pd.Index(["ana", "ben"]), mutual=True)
        SocialGraph(2 links of 2 users)
        """
        ends = [_column(frame, name) for name in (source, target)]
        start, end = (users.get_indexer(pd.Index(values)) for values in ends)
        known = (start >= 0) & (end >= 0) & (start != end)
        start, end = start[known].astype(np.int64), end[known].astype(np.int64)
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
        order = np.lexsort((other, one))
        return SocialGraph(one[order], other[order], self.users)

    def to_frame(self) -> pd.DataFrame:
        """One link a row: columns user, friend."""
        return pd.DataFrame({"user": self.users[self.source], "friend": self.users[self.target]})

    def __repr__(self) -> str:
        left = f", left out: {self.dropped:,} to unknown users or oneself" if self.dropped else ""
        return f"SocialGraph({len(self):,} links of {self.num_users:,} users{left})"


@dataclass(frozen=True, repr=False, eq=False)
class KnowledgeGraph:
    """Facts (head, relation, tail) about items and the things items are linked to.

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

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        items: pd.Index,
        head: str = "head",
        relation: str = "relation",
        tail: str = "tail",
    ) -> KnowledgeGraph:
        """Read a table of facts. A head or tail that equals an item's label is that item.

        Repeated facts are kept once.
        """
        columns = [_column(frame, name) for name in (head, relation, tail)]
        for name, values in zip((head, relation, tail), columns, strict=True):
            if (count := int(pd.isna(values).sum())) > 0:
                raise ValueError(f"Column {name!r} lacks a value in {count:,} rows.")
        heads, kinds, tails = (pd.Index(values) for values in columns)
        others = heads.append(tails).unique()
        others = others[items.get_indexer(others) < 0]
        # by type first: items that are numbers may stand beside tails that are text
        in_order = sorted(others.tolist(), key=lambda label: (type(label).__name__, label))
        others = pd.Index(in_order, dtype=others.dtype)
        entities = items.append(others)
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


def _column(frame: pd.DataFrame, name: str) -> NDArray[np.object_]:
    if name not in frame.columns:
        found = ", ".join(repr(str(column)) for column in frame.columns)
        raise ValueError(f"There is no column {name!r}; the columns are {found}.")
    return frame[name].to_numpy()
