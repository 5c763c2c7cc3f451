"""The strongest entries of each row of a sparse product, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from ..interactions import FloatArray, IntArray

Weigh = Callable[[FloatArray, IntArray, IntArray], FloatArray]
BLOCK = 2048  # rows whose entries are in memory before all but the strongest are dropped


def nearest(
    left: sparse.csr_array, right: sparse.csr_array, neighbours: int, weigh: Weigh
) -> sparse.csr_array:
    """``left @ right`` with its entries weighed, and of each row the `neighbours` largest.

    Parameters
    ----------
    left, right : scipy.sparse.csr_array, shapes (n, m) and (m, n)
    neighbours : int
        Entries kept of a row; of equal ones those of the lower columns.
    weigh : function
        From values, rows and columns of entries to their new values.

    Returns
    -------
    scipy.sparse.csr_array, shape (n, n)
        The diagonal is empty: nothing is its own neighbour.
    """
    if neighbours < 1:
        raise ValueError(f"neighbours={neighbours}: at least 1 is needed.")
    blocks = []
    for start in range(0, left.shape[0], BLOCK):
        found = sparse.csr_array(left[start : start + BLOCK] @ right)
        found.sort_indices()
        rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
        values = weigh(found.data, start + rows, found.indices)
        values[start + rows == found.indices] = 0.0
        keep = _largest_of_each_row(values, rows, neighbours)
        kept = (values[keep], (rows[keep], found.indices[keep]))
        blocks.append(sparse.csr_array(kept, shape=found.shape))
    strongest = sparse.csr_array(sparse.vstack(blocks, format="csr"))
    strongest.eliminate_zeros()
    return strongest


def damped_cosine(likes: sparse.csr_array, neighbours: int, shrink: float) -> sparse.csr_array:
    """The most similar columns of a matrix of ones: common / (sqrt of both degrees + shrink)."""
    degrees = np.asarray(likes.sum(axis=0)).ravel()

    def weigh(common: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
        return common / (np.sqrt(degrees[rows] * degrees[columns]) + shrink)

    return nearest(sparse.csr_array(likes.T), likes, neighbours, weigh)


def _largest_of_each_row(values: FloatArray, rows: IntArray, count: int) -> IntArray:
    order = np.lexsort((np.arange(len(values)), -values, rows))
    starts = np.searchsorted(rows, rows[order])
    return np.sort(order[np.arange(len(order)) - starts < count])
