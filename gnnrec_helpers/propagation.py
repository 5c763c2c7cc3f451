"""The adjacency matrix of a recommendation graph, and the sparse product every GNN shares.

Nodes are numbered users first, then items: item ``i`` is node ``num_users + i``.

One layer of LightGCN is one product with a sparse matrix, and everything else costs little beside
it. Three things make it fast, none of which changes the result:

1. The product is `torch.embedding_bag` over the rows of the matrix ("bags" of neighbours with
   weights), which reads each neighbour's row once and adds it up in registers.
2. Backward is the same product with the transposed matrix, which is the matrix itself when the
   normalisation is symmetric. A polynomial ``a0 E + a1 A E + a2 A(A E) + ...`` goes backward by
   Horner's rule, so no layer is kept in memory.
3. A training batch asks for a few thousand rows. The last product computes only those, and the
   first product of the backward pass, with the transpose of the same small matrix, reads only
   those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .interactions import Interactions

Normalization = Literal["symmetric", "mean", "none"]
Csr = tuple[Tensor, Tensor, Tensor]  # offsets of the rows, columns, weights


def bipartite_matrix(train: Interactions) -> sparse.csr_array:
    """The adjacency matrix of the user-item graph, shape (num_users + num_items,) * 2.

    ``[[0, R], [R.T, 0]]`` with R the user-item matrix of ones.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> bipartite_matrix(datasets.load("toy").interactions).sum(axis=0).astype(int)
    array([2, 3, 2, 2, 1, 2, 2, 2, 2, 2])
    """
    likes = train.to_csr()
    return sparse.csr_array(sparse.block_array([[None, likes], [likes.T, None]], format="csr"))


def normalize(matrix: sparse.csr_array, how: Normalization = "symmetric") -> sparse.csr_array:
    """Divide each entry by the degrees of its ends; rows of isolated nodes stay empty.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (n, n)
    how : {"symmetric", "mean", "none"}
        "symmetric" divides entry (u, i) by ``sqrt(degree u) * sqrt(degree i)``  (LightGCN,
        He et al. 2020, eq. 3; GCN, Kipf & Welling 2017), "mean" by ``degree u``, so that a
        product averages over neighbours.
    """
    matrix = sparse.csr_array(matrix, dtype=np.float64)
    degrees = np.asarray(matrix.sum(axis=1)).ravel()
    inverse = np.divide(1.0, degrees, out=np.zeros_like(degrees), where=degrees > 0)
    if how == "symmetric":
        columns = np.asarray(matrix.sum(axis=0)).ravel()
        inverse_columns = np.divide(1.0, columns, out=np.zeros_like(columns), where=columns > 0)
        left = sparse.diags_array(np.sqrt(inverse))
        right = sparse.diags_array(np.sqrt(inverse_columns))
        return sparse.csr_array(left @ matrix @ right)
    if how == "mean":
        return sparse.csr_array(sparse.diags_array(inverse) @ matrix)
    if how == "none":
        return matrix
    raise ValueError(f"how={how!r}: choose 'symmetric', 'mean' or 'none'.")


class Adjacency(nn.Module):
    """A sparse matrix that multiplies embeddings, on whatever device the model is moved to.

    Parameters
    ----------
    matrix : scipy.sparse array, shape (rows, columns)

    Examples
    --------
    >>> swap = Adjacency(sparse.csr_array([[0.0, 1.0], [1.0, 0.0]]))
    >>> swap(torch.tensor([[1.0], [2.0]])).flatten()
    tensor([2., 1.])
    """

    offsets: Tensor  # (rows + 1,) where each row's entries start
    columns: Tensor  # (entries,)
    weights: Tensor  # (entries,)

    def __init__(self, matrix: sparse.csr_array) -> None:
        super().__init__()
        matrix = sparse.csr_array(matrix)
        matrix.sort_indices()
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        small = max(matrix.nnz, *self.shape) < 2**31
        self._index_type = torch.int32 if small else torch.int64
        self._register(matrix, "")
        transposed = sparse.csr_array(matrix.T)
        transposed.sort_indices()
        self.symmetric = self.shape[0] == self.shape[1] and _equal(matrix, transposed)
        if not self.symmetric:
            self._register(transposed, "transposed_")

    def _register(self, matrix: sparse.csr_array, prefix: str) -> None:
        # not persistent: the graph is data, rebuilt from `train`, and not part of the weights
        index_type = self._index_type
        self.register_buffer(
            f"{prefix}offsets", torch.from_numpy(matrix.indptr).to(index_type), persistent=False
        )
        self.register_buffer(
            f"{prefix}columns", torch.from_numpy(matrix.indices).to(index_type), persistent=False
        )
        self.register_buffer(
            f"{prefix}weights", torch.from_numpy(matrix.data).float(), persistent=False
        )

    @property
    def entries(self) -> int:
        return len(self.columns)

    def csr(self, transposed: bool = False) -> Csr:
        """``offsets, columns, weights`` of the matrix or of its transpose."""
        prefix = "transposed_" if transposed and not self.symmetric else ""
        return tuple(getattr(self, prefix + part) for part in ("offsets", "columns", "weights"))  # type: ignore[return-value]

    def forward(self, embeddings: Tensor) -> Tensor:
        """The product with `embeddings`, shape (columns, dim), giving (rows, dim)."""
        return cast(Tensor, _Product.apply(embeddings, self))

    def extra_repr(self) -> str:
        kind = "symmetric, " if self.symmetric else ""
        return f"{self.shape[0]:,} x {self.shape[1]:,}, {kind}{self.entries:,} entries"


def user_item_adjacency(
    train: Interactions, normalization: Normalization = "symmetric"
) -> Adjacency:
    """The normalised adjacency of the user-item graph, ready to propagate along."""
    return Adjacency(normalize(bipartite_matrix(train), normalization))


def propagate(
    adjacency: Adjacency,
    embeddings: Tensor,
    layers: int,
    rows: Tensor | None = None,
    combine: Sequence[float] | None = None,
) -> Tensor:
    """Send embeddings along the edges `layers` times and combine what each layer gives.

    Layer 0 is `embeddings` itself and layer k is ``adjacency`` times layer k - 1
    (LightGCN, eq. 7); the result is their weighted sum (eq. 4).

    Parameters
    ----------
    adjacency : Adjacency, shape (n, n)
    embeddings : Tensor, shape (n, dim)
    layers : int
        How many hops a node looks; 0 returns the embeddings (weighted).
    rows : int64 Tensor, shape (r,), optional
        Only these nodes are wanted; the result is the same, the work is less.
    combine : sequence of layers + 1 floats, optional
        Weight of each layer; by default all ``1 / (layers + 1)``, the mean.

    Returns
    -------
    Tensor, shape (n, dim) or (r, dim)
    """
    if layers < 0:
        raise ValueError(f"layers={layers}: zero or more are possible.")
    if adjacency.shape[0] != adjacency.shape[1] or adjacency.shape[1] != len(embeddings):
        raise ValueError(
            f"An adjacency of shape {adjacency.shape} cannot propagate {len(embeddings)} rows of "
            "embeddings: it must be square, with one row a node."
        )
    weights = [1 / (layers + 1)] * (layers + 1) if combine is None else list(combine)
    if len(weights) != layers + 1:
        raise ValueError(f"combine has {len(weights)} weights; {layers} layers need {layers + 1}.")
    if rows is None:
        return cast(Tensor, _Polynomial.apply(embeddings, adjacency, weights, None))
    distinct, place = torch.unique(rows, return_inverse=True)
    found = cast(Tensor, _Polynomial.apply(embeddings, adjacency, weights, distinct))
    return found.index_select(0, place)


def propagate_layers(adjacency: Adjacency, embeddings: Tensor, layers: int) -> list[Tensor]:
    """Every layer by itself, layer 0 first: ``layers + 1`` tensors of shape (n, dim)."""
    outputs = [embeddings]
    for _ in range(layers):
        outputs.append(adjacency(outputs[-1]))
    return outputs


# ---------------------------------------------------------------------- the engine
def _multiply(csr: Csr, x: Tensor) -> Tensor:
    """A sparse matrix times a dense one: row r is the weighted sum of the rows r points to."""
    offsets, columns, weights = csr
    if len(columns) == 0:
        return x.new_zeros(len(offsets) - 1, x.shape[1])
    return torch.embedding_bag(x, columns, offsets, False, 0, False, weights.to(x.dtype), True)[
        0
    ]  # mode 0: sum; the last True: offsets has one more entry than there are rows


def _some_rows(csr: Csr, rows: Tensor) -> Csr:
    """The matrix made of these rows of a matrix."""
    if rows.device.type != "cpu":
        return _some_rows_anywhere(csr, rows)
    offsets = csr[0]  # SciPy's loop in C takes a tenth of the time
    return _from_scipy(_as_scipy(csr, len(offsets) - 1)[rows.numpy()], offsets.dtype)


def _transposed(csr: Csr, num_columns: int) -> Csr:
    """The transpose of a matrix with so many columns."""
    if csr[0].device.type != "cpu":
        return _transposed_anywhere(csr, num_columns)
    return _from_scipy(_as_scipy(csr, num_columns).tocsc(), csr[0].dtype)


def _some_rows_anywhere(csr: Csr, rows: Tensor) -> Csr:
    """:func:`_some_rows` on any device."""
    offsets, columns, weights = csr
    starts = offsets[rows].long()
    counts = offsets[rows + 1].long() - starts
    ends = counts.cumsum(0)
    entries = torch.arange(int(ends[-1]) if len(ends) else 0, device=rows.device)
    entries += (starts - ends + counts).repeat_interleave(counts)
    some = torch.cat([ends.new_zeros(1), ends]).to(offsets.dtype)
    return some, columns[entries], weights[entries]


def _transposed_anywhere(csr: Csr, num_columns: int) -> Csr:
    """:func:`_transposed` on any device."""
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


class _Product(torch.autograd.Function):
    """``A x``; backward ``A.T g``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, adjacency: Adjacency) -> Tensor:
        ctx.adjacency = adjacency
        return _multiply(adjacency.csr(), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _multiply(ctx.adjacency.csr(transposed=True), gradient.contiguous()), None


class _Polynomial(torch.autograd.Function):
    """Some rows, or all, of ``a0 x + a1 A x + ... + aK A^K x``; backward by Horner's rule."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, adjacency: Adjacency, weights: list[float], rows: Tensor | None
    ) -> Tensor:
        ctx.adjacency, ctx.weights, ctx.rows = adjacency, weights, rows
        csr = adjacency.csr()
        layer = x
        out = weights[0] * (x if rows is None else x.index_select(0, rows))
        for k, weight in enumerate(weights[1:], 1):
            if rows is None:
                layer = _multiply(csr, layer)
                out.add_(layer, alpha=weight)
            elif k < len(weights) - 1:
                layer = _multiply(csr, layer)
                out.add_(layer.index_select(0, rows), alpha=weight)
            else:
                ctx.some = _some_rows(csr, rows)
                out.add_(_multiply(ctx.some, layer), alpha=weight)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        adjacency, weights, rows = ctx.adjacency, ctx.weights, ctx.rows
        gradient = gradient.contiguous()
        csr = adjacency.csr(transposed=True)
        num_nodes = adjacency.shape[0]

        def add(total: Tensor, weight: float) -> Tensor:
            if rows is None:
                return total.add_(gradient, alpha=weight)
            return total.index_add_(0, rows, weight * gradient)

        if len(weights) > 1 and rows is not None:
            back = _transposed(ctx.some, num_nodes)
            total = _multiply(back, weights[-1] * gradient)
            remaining = weights[:-1]
        else:
            total = gradient.new_zeros(num_nodes, gradient.shape[1])
            remaining = weights
        for k, weight in enumerate(reversed(remaining)):
            if k:
                total = _multiply(csr, total)
            total = add(total, weight)
        return total, None, None, None


def _equal(first: sparse.csr_array, second: sparse.csr_array) -> bool:
    return bool(
        np.array_equal(first.indptr, second.indptr)
        and np.array_equal(first.indices, second.indices)
        and np.array_equal(first.data.astype(np.float32), second.data.astype(np.float32))
    )
