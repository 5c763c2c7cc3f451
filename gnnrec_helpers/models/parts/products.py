"""Scores as sums of matrix products, for some users at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ...engine.ranges import ranges

Table: TypeAlias = Tensor | sparse.csr_array
Product: TypeAlias = tuple[Table, ...]  # (num_users, a), (a, b), ..., (z, num_items)
FEW = 4  # a fourth of a matrix is gathered as fast as all of it is gone through


def scores_of(products: Sequence[Product], users: Tensor) -> Tensor:
    """The rows of ``sum of first @ second @ ...`` that belong to these users.

    Parameters
    ----------
    products : sequence of products
        Each a sequence of factors, dense or sparse, whose first factor has a row per user.
    users : int64 Tensor, shape (n,)

    Returns
    -------
    Tensor, shape (n, num_items)

    Examples
    --------
    >>> likes = sparse.csr_array(np.eye(2))
    >>> scores_of([(likes, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))], torch.tensor([1]))
    tensor([[3., 4.]], dtype=torch.float64)
    """
    rows = users.cpu().numpy()
    total: np.ndarray | None = None
    for first, *others in products:
        part = _plain(first)[rows]
        for factor in others:
            part = _product(part, _plain(factor))
        dense = part.toarray() if sparse.issparse(part) else part
        total = dense if total is None else total + dense
    return torch.from_numpy(np.ascontiguousarray(total))


def _product(part: Any, factor: Any) -> Any:
    """``part @ factor``, added up in the same order."""
    if part.shape[0] != 1 or not sparse.issparse(factor):
        return part @ factor
    # one row: SciPy would check two sparse matrices for longer than the sum takes, and go through
    # all of `factor` for a dense row, of which a few numbers are not zero
    is_sparse = sparse.issparse(part)
    places = part.indices if is_sparse else np.flatnonzero(part[0])
    starts = factor.indptr[places]
    counts = factor.indptr[places + 1] - starts
    if not is_sparse and counts.sum() > factor.nnz / FEW:
        return part @ factor
    entries = ranges(starts, counts)
    weights = part.data if is_sparse else part[0, places]
    values = np.repeat(weights, counts) * factor.data[entries]
    return np.bincount(factor.indices[entries], values, factor.shape[1])[None]


def _plain(table: Table) -> np.ndarray | sparse.csr_array:
    return table.detach().cpu().numpy() if isinstance(table, Tensor) else table
