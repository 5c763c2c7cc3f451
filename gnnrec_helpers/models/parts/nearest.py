"""The strongest entries of each row of a sparse product, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from ...data.arguments import check_whole
from ...data.interactions import FloatArray, IntArray

Weigh = Callable[[FloatArray, IntArray, IntArray], FloatArray]
BLOCK = 2**22  # entries in memory before all but the strongest of each row are dropped, 0.3 GB


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
    check_whole(neighbours=neighbours)
    blocks = []
    starts = _starts(left, right)
    for start, stop in zip(starts, [*starts[1:], left.shape[0]], strict=True):
        found = sparse.csr_array(left[start:stop] @ right)
        found.sort_indices()
        rows = _rows(found)
        found.data = weigh(found.data, start + rows, found.indices)
        found.data[start + rows == found.indices] = 0.0
        blocks.append(strongest(found, neighbours))
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def strongest(matrix: sparse.csr_array, count: int) -> sparse.csr_array:
    """Of each row the `count` largest entries, of equal ones those of the lower columns.

    The columns of a row are sorted already; there are no negative entries.

    Examples
    --------
    >>> strongest(sparse.csr_array([[0.2, 0.5, 0.2], [0.0, 0.0, 0.1]]), 2).toarray()
    array([[0.2, 0.5, 0. ],
           [0. , 0. , 0.1]])
    """
    rows = _rows(matrix)
    order = np.lexsort((-matrix.data, rows))  # stable: equal ones stay in the order of columns
    rank = np.arange(len(order)) - matrix.indptr[rows]  # sorting leaves each row where it was
    keep = np.sort(order[rank < count])
    kept = (matrix.data[keep], (rows[keep], matrix.indices[keep]))
    found = sparse.csr_array(kept, shape=matrix.shape)
    found.eliminate_zeros()
    return found


def damped_cosine(likes: sparse.csr_array, neighbours: int, shrink: float) -> sparse.csr_array:
    """The most similar columns of a matrix of ones: common / (sqrt of both degrees + shrink)."""
    degrees = np.asarray(likes.sum(axis=0)).ravel()

    def weigh(common: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
        return common / (np.sqrt(degrees[rows] * degrees[columns]) + shrink)

    return nearest(sparse.csr_array(likes.T), likes, neighbours, weigh)


def _starts(left: sparse.csr_array, right: sparse.csr_array) -> list[int]:
    """The first row of each block of ``left @ right``, none with many more entries than BLOCK."""
    ends = np.concatenate([[0], np.cumsum(np.diff(right.indptr)[left.indices])])
    products = np.diff(ends[left.indptr])  # terms of a row's sums: it has no more entries than that
    entries = np.minimum(products, right.shape[1])
    block = (np.cumsum(entries) - entries) // BLOCK
    return [int(start) for start in np.flatnonzero(np.diff(block, prepend=-1))]


def _rows(matrix: sparse.csr_array) -> IntArray:
    """The row of each entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
