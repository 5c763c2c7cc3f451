"""People who chose this also chose that: item-based nearest neighbours."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..interactions import IntArray, Interactions


class ItemKNN:
    """Scores an item by its similarity to what the user chose already.

    The similarity of two items is the cosine of their columns in the user-item matrix, damped by
    `shrink` when few users have both: ``common / (sqrt(degree i * degree j) + shrink)``
    (Sarwar et al. 2001; shrinkage as in Bell & Koren 2007).

    Parameters
    ----------
    train : Interactions
    neighbours : int, default 100
        How many most similar items each item keeps; ties go to the lower index.
    shrink : float, default 10
    """

    def __init__(self, train: Interactions, neighbours: int = 100, shrink: float = 10.0) -> None:
        if neighbours < 1:
            raise ValueError(f"neighbours={neighbours}: at least 1 is needed.")
        self.users, self.items = train.users, train.items
        self.neighbours, self.shrink = neighbours, shrink
        self._likes = train.to_csr()
        self.similarity = _similarity(self._likes, neighbours, shrink)  # (num_items, num_items)

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items): the sum of similarities to the user's items."""
        wanted = users.cpu().numpy()
        return torch.from_numpy((self._likes[wanted] @ self.similarity.T).toarray()).float()

    def __repr__(self) -> str:
        return (
            f"ItemKNN({len(self.items):,} items, neighbours={self.neighbours}, "
            f"shrink={self.shrink:g})"
        )


def _similarity(likes: sparse.csr_array, neighbours: int, shrink: float) -> sparse.csr_array:
    """Each row keeps its `neighbours` largest entries; blocks of rows bound the memory."""
    degrees = np.asarray(likes.sum(axis=0)).ravel()
    columns = sparse.csr_array(likes.T)
    blocks = []
    for start in range(0, likes.shape[1], 2048):
        common = sparse.csr_array(columns[start : start + 2048] @ likes)
        common.sort_indices()
        rows = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
        norms = np.sqrt(degrees[start + rows] * degrees[common.indices])
        values = common.data / (norms + shrink)
        values[rows + start == common.indices] = 0.0  # an item is no neighbour of itself
        keep = _largest_of_each_row(values, rows, neighbours)
        kept = (values[keep], (rows[keep], common.indices[keep]))
        blocks.append(sparse.csr_array(kept, shape=common.shape))
    similarity = sparse.csr_array(sparse.vstack(blocks, format="csr"))
    similarity.eliminate_zeros()
    return similarity


def _largest_of_each_row(values: np.ndarray, rows: IntArray, count: int) -> IntArray:
    order = np.lexsort((np.arange(len(values)), -values, rows))
    starts = np.searchsorted(rows, rows[order])
    return np.sort(order[np.arange(len(order)) - starts < count])
