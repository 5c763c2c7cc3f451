"""The sparse product every GNN shares, and what a training batch needs of a sparse matrix.

A matrix is three tensors, in "compressed sparse row" form: row r has the entries ``offsets[r]`` to
``offsets[r + 1]``, each a column and a weight. Nothing here knows of gradients;
:mod:`gnnrec_helpers.engine.propagation` adds them.
"""

from __future__ import annotations

import warnings

import torch
from scipy import sparse
from torch import Tensor

Csr = tuple[Tensor, Tensor, Tensor]  # offsets of the rows, columns, weights


def multiply(csr: Csr, x: Tensor) -> Tensor:
    """A sparse matrix times a dense one: row r is the weighted sum of the rows r points to."""
    offsets, columns, weights = csr
    x = x.detach()  # for a tensor that requires gradients `embedding_bag` prepares its own backward
    if len(columns) == 0 or x.shape[1] == 0:  # which several threads of `embedding_bag` refuse
        return x.new_zeros(len(offsets) - 1, x.shape[1])
    sums, *_ = torch.embedding_bag(
        x,
        columns,
        offsets,
        mode=0,  # the sum
        per_sample_weights=weights.to(x.dtype),
        include_last_offset=True,  # offsets has one entry more than there are rows
    )
    return sums


def sparse_tensor(csr: Csr, shape: tuple[int, int]) -> Tensor:
    """The same matrix as a tensor, which cuSPARSE multiplies on a GPU; nothing is copied."""
    with warnings.catch_warnings():
        # that such tensors are in beta state, and that their offsets and columns are not checked
        warnings.filterwarnings("ignore", message="Sparse")
        return torch.sparse_csr_tensor(*csr, shape, check_invariants=False)


def some_rows(csr: Csr, rows: Tensor) -> Csr:
    """The matrix made of these rows of a matrix on the CPU."""
    offsets = csr[0]  # SciPy's loop in C takes a tenth of the time of PyTorch's operations
    return _from_scipy(_as_scipy(csr, len(offsets) - 1)[rows.numpy()], offsets.dtype)


def transposed(csr: Csr, num_columns: int) -> Csr:
    """The transpose of a matrix on the CPU with so many columns."""
    return _from_scipy(_as_scipy(csr, num_columns).tocsc(), csr[0].dtype)


def _as_scipy(csr: Csr, num_columns: int) -> sparse.csr_array:
    offsets, columns, weights = (part.numpy() for part in csr)
    return sparse.csr_array((weights, columns, offsets), shape=(len(offsets) - 1, num_columns))


def _from_scipy(matrix: sparse.csr_array | sparse.csc_array, index_type: torch.dtype) -> Csr:
    offsets, indices = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices))
    return offsets.to(index_type), indices.to(index_type), torch.from_numpy(matrix.data)
