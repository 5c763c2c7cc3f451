"""The sparse product every GNN shares, and what a training batch needs of a sparse matrix.

A matrix is three tensors, in "compressed sparse row" form: row r has the entries ``offsets[r]`` to
``offsets[r + 1]``, each a column and a weight. Nothing here knows of gradients;
:mod:`gnnrec_helpers.engine.propagation` adds them.
"""

from __future__ import annotations

import torch
from scipy import sparse
from torch import Tensor

Csr = tuple[Tensor, Tensor, Tensor]  # offsets of the rows, columns, weights


def multiply(csr: Csr, x: Tensor) -> Tensor:
    """A sparse matrix times a dense one: row r is the weighted sum of the rows r points to."""
    offsets, columns, weights = csr
    x = x.detach()  # for a tensor that requires gradients `embedding_bag` prepares its own backward
    if len(columns) == 0:
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


def some_rows(csr: Csr, rows: Tensor) -> Csr:
    """The matrix made of these rows of a matrix."""
    if rows.device.type != "cpu":
        return _some_rows_anywhere(csr, rows)
    offsets = csr[0]  # SciPy's loop in C takes a tenth of the time
    return _from_scipy(_as_scipy(csr, len(offsets) - 1)[rows.numpy()], offsets.dtype)


def transposed(csr: Csr, num_columns: int) -> Csr:
    """The transpose of a matrix with so many columns."""
    if csr[0].device.type != "cpu":
        return _transposed_anywhere(csr, num_columns)
    return _from_scipy(_as_scipy(csr, num_columns).tocsc(), csr[0].dtype)


def _some_rows_anywhere(csr: Csr, rows: Tensor) -> Csr:
    """:func:`some_rows` on any device."""
    offsets, columns, weights = csr
    starts = offsets[rows].long()
    counts = offsets[rows + 1].long() - starts
    ends = counts.cumsum(0)
    entries = torch.arange(int(ends[-1]) if len(ends) else 0, device=rows.device)
    entries += (starts - ends + counts).repeat_interleave(counts)
    some = torch.cat([ends.new_zeros(1), ends]).to(offsets.dtype)
    return some, columns[entries], weights[entries]


def _transposed_anywhere(csr: Csr, num_columns: int) -> Csr:
    """:func:`transposed` on any device."""
    offsets, columns, weights = csr
    counts = (offsets[1:] - offsets[:-1]).long()
    owners = torch.arange(len(counts), device=columns.device, dtype=columns.dtype)
    order = columns.argsort(stable=True)
    ends = torch.bincount(columns, minlength=num_columns).cumsum(0).to(offsets.dtype)
    return (
        torch.cat([offsets.new_zeros(1), ends]),
        owners.repeat_interleave(counts)[order],
        weights[order],
    )


def _as_scipy(csr: Csr, num_columns: int) -> sparse.csr_array:
    offsets, columns, weights = (part.numpy() for part in csr)
    return sparse.csr_array((weights, columns, offsets), shape=(len(offsets) - 1, num_columns))


def _from_scipy(matrix: sparse.csr_array | sparse.csc_array, index_type: torch.dtype) -> Csr:
    offsets, indices = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices))
    return offsets.to(index_type), indices.to(index_type), torch.from_numpy(matrix.data)
