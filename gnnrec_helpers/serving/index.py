"""The best items by inner product, exactly or among a few that look best."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from ..data.arguments import check_whole
from ..data.interactions import IntArray, Interactions, positions
from ..engine.dot_products import DotProducts
from ..models import Frozen, Model
from ..models.recommender import MASKED
from .candidates import interactions_in, label_list
from .export import embeddings_of
from .retrieval import Ranked, check_informed, check_labels, rank, table

SAMPLE = 2**16  # rows that the codes are fitted to
FIRST, GROWTH = 2**13, 4  # rows of the first part, and how many times as many with the next


class Index:
    """Lists of items for users, or for any vectors, from a model's embeddings.

    The exact index compares a vector with all items of which the model knows anything, as
    :func:`~gnnrec_helpers.recommend` does. The approximate one keeps a copy of the items in which
    every two numbers are rounded to one of sixteen pairs, a sixteenth of the memory. It scans that
    copy, takes the `candidates` that look best, and ranks these by their true scores. So all scores
    are exact, and the only possible mistake is that an item is missing.

    The items lie in the order of their vectors' lengths, in parts that grow in size. No inner
    product is larger than the product of the two lengths. So once the longest items have given
    scores, the parts whose items are all too short for a place in the list need no scan. How many
    these are depends on the model; where all items are about equally long, there are none.

    Rounding and scanning is the fast scan of product quantization in FAISS (the extra ``serving``).
    It was chosen over the graph of usearch (HNSW). A scan has nothing to tune to the data, and
    vectors without structure, in which a graph takes long ways, are scanned as fast as others.
    Of 200,000 random vectors of 64 numbers, on one thread, the copy was made in less than a second,
    and a scan found .98 of the exact lists in a third of a millisecond. The graph was built in a
    minute and a half, and found .97 in ten milliseconds. ``benchmarks/serving_index.py`` measures
    the index.

    An index is not saved. It is made of the model's file in seconds, and so cannot belong to
    another model.

    Parameters
    ----------
    model : Model or Frozen
        With embeddings.
    exact : bool, default True
    candidates : int, default 200
        Items of each part whose true scores are computed, for the approximate index. More find
        more, and take longer. There are always at least four times as many as are asked for.

    Raises
    ------
    TypeError
        If the model scores without embeddings.
    ImportError
        Without FAISS, if the index is to be approximate.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> index = Index(models.LightGCN(datasets.load("toy").interactions, dim=8, seed=0))
    >>> index
    Index(5 users, 5 items, dim=8, exact=True)
    >>> index.recommend(["Ana"], k=2).columns.tolist()
    ['user', 'rank', 'item', 'score']
    """

    def __init__(self, model: Model | Frozen, *, exact: bool = True, candidates: int = 200) -> None:
        check_whole(candidates=candidates)
        self.exact, self.candidates = exact, candidates
        users, items = embeddings_of(model)
        if not (bool(users.isfinite().all()) and bool(items.isfinite().all())):
            raise ValueError("The model's embeddings are not all finite numbers.")
        self.interactions = model.interactions
        self._informed_users = model.informed_users
        # of other items the model knows nothing: they are in no list
        self._kept = np.flatnonzero(model.informed_items)
        if not exact:  # the longest first
            lengths = np.linalg.norm(items.numpy(), axis=1)[self._kept]
            order = np.argsort(-lengths, kind="stable")
            self._kept, self._lengths = self._kept[order], lengths[order]
        items = items[torch.from_numpy(self._kept)]
        self._user_rows, self._item_rows = users.numpy(), items.numpy()
        self._products = DotProducts(users, items) if exact else None
        self._rounded: list[Any] = [] if exact else _rounded(self._item_rows)

    @property
    def users(self) -> pd.Index:
        """Labels; the position of a label is the user's index."""
        return self.interactions.users

    @property
    def items(self) -> pd.Index:
        """Labels; the position of a label is the item's index."""
        return self.interactions.items

    def recommend(
        self,
        users: ArrayLike | Sequence[object],
        k: int = 10,
        exclude: Interactions | Sequence[Interactions] | None = None,
    ) -> pd.DataFrame:
        """The k best items for some users, by label, as :func:`~gnnrec_helpers.recommend` has them.

        Parameters
        ----------
        users : sequence of labels
        k : int, default 10
        exclude : Interactions, or several, optional
            Pairs that are not recommended. By default those that the model was built from.

        Returns
        -------
        pandas.DataFrame
            Columns user, rank (from 1), item, score.

        Raises
        ------
        KeyError
            For a user the model does not know, naming her.
        """
        excluded = interactions_in(self.interactions if exclude is None else exclude)
        check_labels(self, *excluded)
        asked = positions(self.users, label_list(users, "users", "user", one=True), "user")
        instead = "recommend(..., unknown='popular') gives her the most popular items"
        check_informed(self.users, self._informed_users, asked, instead)
        left_out = [np.concatenate([_items_of(part, user) for part in excluded] or [NONE])
                    for user in asked]  # fmt: skip
        ranked = self.search(self._user_rows[asked], k, left_out)
        row, place = np.nonzero(ranked.items >= 0)
        items = self.items.array[ranked.items[row, place]]
        return table(self.users.array[asked[row]], place + 1, items, ranked.scores[row, place])

    def search(
        self, vectors: ArrayLike, k: int = 10, exclude: Sequence[IntArray] | None = None
    ) -> Ranked:
        """The k items with the largest inner products with each vector, by position.

        The more is left out, the more candidates are looked at, so a list is only shorter than k
        where there are no more items.

        Parameters
        ----------
        vectors : array, shape (n, dim)
        k : int, default 10
        exclude : sequence of n int64 arrays, optional
            Positions of items that are left out, for each vector.

        Returns
        -------
        Ranked
            Positions and scores, each of shape (n, k).
        """
        check_whole(k=k)
        if isinstance(vectors, np.ma.MaskedArray):
            raise TypeError(f"vectors is {MASKED}.")
        queries = np.ascontiguousarray(vectors, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self._item_rows.shape[1]:
            raise ValueError(
                f"vectors are of shape {queries.shape}: (n, {self._item_rows.shape[1]}) is needed."
            )
        if not np.isfinite(queries).all():
            raise ValueError("vectors contain NaN or infinity; finite numbers are needed.")
        left_out = (
            [NONE] * len(queries)
            if exclude is None
            else [np.sort(np.asarray(known, np.int64)) for known in exclude]
        )
        if len(left_out) != len(queries):
            raise ValueError(f"exclude is for {len(left_out)} of {len(queries)} vectors.")
        if self._products is not None:
            items, scores = self._search_exactly(self._products, queries, k, left_out)
            items[items >= 0] = self._kept[items[items >= 0]]
            return Ranked(items, scores)
        ranked = Ranked(
            np.full((len(queries), k), -1, np.int64),
            np.full((len(queries), k), -np.inf, np.float32),
        )
        for row, (query, known) in enumerate(zip(queries, left_out, strict=True)):
            items, scores = self._best(query, k, known)
            ranked.items[row, : len(items)] = items
            ranked.scores[row, : len(items)] = scores
        return ranked

    def _search_exactly(
        self, products: DotProducts, queries: NDArray[Any], k: int, left_out: list[IntArray]
    ) -> Ranked:
        products = copy.copy(products)  # the same items, for other users
        products.users = torch.from_numpy(queries)
        left_out = [np.unique(known[_are_among(self._kept, known)]) for known in left_out]
        rows = np.repeat(np.arange(len(queries)), [len(known) for known in left_out])
        columns = np.searchsorted(self._kept, np.concatenate([NONE, *left_out]))
        sizes = pd.RangeIndex(len(queries)), pd.RangeIndex(len(self._item_rows))
        pairs = Interactions(rows, columns, *sizes)
        return rank(products, np.arange(len(queries)), k, [pairs])

    def _best(
        self, query: NDArray[np.float32], k: int, known: IntArray
    ) -> tuple[IntArray, NDArray[np.float32]]:
        # what is known stands at the top, and by rounded scores the next best lie further down
        count = 3 * len(known) + max(self.candidates, 4 * k)
        enough, length = k + len(known), np.linalg.norm(query)
        places, scores, start = NONE, np.empty(0, np.float32), 0
        for part in self._rounded:
            if start and len(scores) >= enough and scores.min() > self._lengths[start] * length:
                break  # none of the others is long enough
            found = start + _candidates(part, query, count)
            places = np.concatenate([places, found])
            scores = np.concatenate([scores, self._item_rows.take(found, axis=0) @ query])
            if enough < len(scores):
                few = scores >= np.partition(scores, -enough)[-enough]  # and what equals the last
                places, scores = places[few], scores[few]
            start += part.ntotal
        items = self._kept[places]
        others = ~_are_among(known, items)
        items, scores = items[others], scores[others]
        order = np.lexsort((items, -scores))[:k]  # of equals the lower position first
        return items[order], scores[order]

    def __repr__(self) -> str:
        (users, dim), items = self._user_rows.shape, len(self.items)
        return f"Index({users:,} users, {items:,} items, dim={dim}, exact={self.exact})"


NONE = np.empty(0, np.int64)


def _items_of(part: Interactions, user: int) -> IntArray:
    first, last = np.searchsorted(part.user_index, [user, user + 1])
    return part.item_index[first:last]


def _are_among(ascending: IntArray, items: IntArray) -> NDArray[np.bool_]:
    """Which of the items are; ``np.isin`` that looks up a few instead of sorting all."""
    places = np.searchsorted(ascending, items)
    there = places < len(ascending)
    there[there] = ascending[places[there]] == items[there]
    return there


def _candidates(part: Any, query: NDArray[np.float32], count: int) -> IntArray:
    """Rows of a part with the best rounded scores; all where that says none."""
    if count < part.ntotal:
        found: IntArray = part.search(_even(query[None]), count)[1][0]
        if found.min() >= 0:  # not for a vector of zeros, say, to which all are equal
            return found
    return np.arange(part.ntotal)


def _rounded(rows: NDArray[np.float32]) -> list[Any]:
    """FAISS indices of rows, the longest first, that round every two numbers to four bits.

    The first has FIRST rows, and with each other there are GROWTH times as many as before.
    """
    faiss = _faiss()
    rows = _even(rows)
    # items with long vectors are those that lists are made of, so the rounding is fitted to them
    longest = rows[: -(-len(rows) // 10)]
    squares = np.square(longest).sum(1, dtype=np.float64)
    weight = squares / squares.sum() if squares.any() else None
    sample = np.random.default_rng(0).choice(longest, SAMPLE, p=weight)
    dim = rows.shape[1]
    fitted = faiss.IndexPQFastScan(dim, dim // 2, 4, faiss.METRIC_INNER_PRODUCT)
    fitted.train(sample)
    parts, start = [], 0
    while start < len(rows):
        part = faiss.clone_index(fitted)
        part.add(rows[start : max(FIRST, GROWTH * start)])
        parts.append(part)
        start += part.ntotal
    return parts


def _even(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same inner products, with an even number of columns."""
    return np.pad(rows, ((0, 0), (0, 1))) if rows.shape[1] % 2 else rows


def _faiss() -> Any:
    if sys.platform == "darwin":  # its OpenMP and torch's are two, which stops the process
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            "An approximate index needs FAISS: install it with pip install "
            "'gnnrec-helpers[serving]'."
        ) from error
    if sys.platform == "darwin":  # with one thread they do not get in each other's way
        faiss.omp_set_num_threads(1)
    return faiss
