"""The adjacency matrix of a recommendation graph, and sending embeddings along its edges.

Nodes are numbered users first, then items: item ``i`` is node ``num_users + i``.

One layer of LightGCN is one product with a sparse matrix, and these products are most of the work.
Four things make them fast, none of which changes the result beyond rounding:

1. The product is `torch.embedding_bag` over the rows of the matrix ("bags" of neighbours with
   weights), which adds up a neighbour's row as it reads it and never stores a row for every edge
   (:mod:`gnnrec_helpers.engine.sparse_product`).
2. Backward is the same product with the transposed matrix, which is the matrix itself when the
   normalisation is symmetric. The polynomial ``a0 E + a1 A E + a2 A(A E) + ...`` is linear, so
   backward needs no layer of it in memory, and by Horner's rule one product a layer.
3. A training batch asks for a few thousand rows. The last product computes only those, and the
   first product of the backward pass, with the transpose of the same small matrix, reads only
   those.
4. In a large graph the engine (the code below) works on the nodes in an order of its own,
   neighbours near each other, so that most reads find their row in the processor's cache
   (:mod:`gnnrec_helpers.engine.node_order`). The first product reads the callers' order and the
   last one is put back into it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..data.interactions import IntArray, Interactions
from .node_order import neighbourhood_order
from .sparse_product import Csr, multiply, some_rows, transposed

Normalization = Literal["symmetric", "mean", "none"]
LARGE = 2**15  # nodes: 8 MiB of embeddings of 64 numbers, more than one core's cache holds


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
    order : int64 array, shape (rows,), optional
        For a square matrix: the node at each place of the order in which the engine works.
        Callers do not notice it: embeddings go in and come out in the order of `matrix`.

    Examples
    --------
    >>> swap = Adjacency(sparse.csr_array([[0.0, 1.0], [1.0, 0.0]]))
    >>> swap(torch.tensor([[1.0], [2.0]])).flatten()
    tensor([2., 1.])
    """

    offsets: Tensor  # (rows + 1,) where each row's entries start
    columns: Tensor  # (entries,)
    weights: Tensor  # (entries,)
    order: Tensor | None  # (rows,) the node at each place
    place: Tensor | None  # (rows,) the place of each node
    outside: Tensor | None  # (entries,) as `columns`, with the callers' numbers of the nodes

    def __init__(self, matrix: sparse.csr_array, order: IntArray | None = None) -> None:
        super().__init__()
        matrix = sparse.csr_array(matrix)
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        if order is not None:
            matrix = sparse.csr_array(matrix[order][:, order])
        matrix.sort_indices()
        small = max(matrix.nnz, *self.shape) < 2**31
        self._mirrored: IntArray | None = None
        self._index_type = torch.int32 if small else torch.int64
        self._register(matrix, "")
        self._register_order(order, matrix)
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

    def _register_order(self, order: IntArray | None, matrix: sparse.csr_array) -> None:
        numbers: dict[str, IntArray | None] = dict.fromkeys(("order", "place", "outside"))
        if order is not None:
            outside = order[matrix.indices].astype(matrix.indices.dtype)
            numbers = {"order": order, "place": np.argsort(order), "outside": outside}
        for name, found in numbers.items():
            buffer = None if found is None else torch.from_numpy(found)
            self.register_buffer(name, buffer, persistent=False)

    @property
    def entries(self) -> int:
        return len(self.columns)

    def place_of(self, nodes: Tensor) -> Tensor:
        """Where the engine keeps these nodes."""
        return nodes if self.place is None else self.place.index_select(0, nodes)

    def node_at(self, places: Tensor) -> Tensor:
        """Which nodes the engine keeps there."""
        return places if self.order is None else self.order.index_select(0, places)

    def csr(self, transposed: bool = False) -> Csr:
        """Offsets, columns, weights of the matrix or of its transpose, in the engine's order."""
        prefix = "transposed_" if transposed and not self.symmetric else ""
        return tuple(getattr(self, prefix + part) for part in ("offsets", "columns", "weights"))  # type: ignore[return-value]

    def csr_from_outside(self) -> Csr:
        """The matrix for embeddings in the callers' order; its product is in the engine's."""
        return self.csr() if self.outside is None else (self.offsets, self.outside, self.weights)

    def thinned(self, share: float, generator: np.random.Generator) -> Adjacency:
        """A symmetric matrix without a share of its entries, each together with its mirror image.

        The others keep their weights; the dropped ones are there with weight 0.
        """
        if not self.symmetric:
            raise ValueError("Only a symmetric adjacency can be thinned.")
        if self._mirrored is None:
            columns = self.columns.cpu().numpy()
            rows = np.repeat(np.arange(self.shape[0]), np.diff(self.offsets.cpu().numpy()))
            self._mirrored = np.lexsort((rows, columns))  # where each entry's mirror image is
        drawn = generator.random(self.entries, np.float32)
        kept = drawn[np.minimum(self._mirrored, np.arange(self.entries))] >= share
        thin = copy.copy(self)
        weights = self.weights * torch.from_numpy(kept).to(self.weights.device)
        thin._buffers = {**self._buffers, "weights": weights}
        return thin

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
    matrix = normalize(bipartite_matrix(train), normalization)
    return reordered(matrix, kinds=(train.num_users, train.num_items))


def reordered(matrix: sparse.csr_array, kinds: Sequence[int]) -> Adjacency:
    """An adjacency whose nodes the engine works on in an order that suits the processor's cache.

    Small graphs fit the cache as they are and keep their order.

    Parameters
    ----------
    matrix : scipy.sparse array, shape (n, n)
        Whatever graph and normalisation; entries are symmetric in place, if not in value.
    kinds : sequence of int
        How many nodes of each kind there are, in the order of `matrix`: users, then items, say.
    """
    large = matrix.shape[0] > LARGE
    return Adjacency(matrix, neighbourhood_order(matrix, kinds) if large else None)


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
    if rows is not None:
        return propagate_batch(adjacency, embeddings, layers, rows, combine)[0]
    weights = _checked(adjacency, embeddings, layers, combine)
    return cast(Tensor, _Polynomial.apply(embeddings, adjacency, weights))


def propagate_batch(
    adjacency: Adjacency,
    embeddings: Tensor,
    layers: int,
    rows: Tensor,
    combine: Sequence[float] | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`propagate` for the rows of a training batch, and where these rows started from.

    Returns
    -------
    tuple of Tensor, shape (r, dim)
        The propagated rows, and the same rows of `embeddings`, which weight decay acts on. To
        take those from here saves a second gradient of the size of the table.
    """
    weights = _checked(adjacency, embeddings, layers, combine)
    if layers == 0:
        start = embeddings.index_select(0, rows)
        return weights[0] * start, start
    return cast(
        tuple[Tensor, Tensor], _PolynomialAtRows.apply(embeddings, adjacency, weights, rows)
    )


def _checked(
    adjacency: Adjacency, embeddings: Tensor, layers: int, combine: Sequence[float] | None
) -> list[float]:
    """The weight of every layer."""
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
    return weights


def propagate_layers(adjacency: Adjacency, embeddings: Tensor, layers: int) -> list[Tensor]:
    """Every layer by itself, layer 0 first: ``layers + 1`` tensors of shape (n, dim)."""
    outputs = [embeddings]
    for _ in range(layers):
        outputs.append(adjacency(outputs[-1]))
    return outputs


# ---------------------------------------------------------------------- the engine
def _permuted(x: Tensor, order: Tensor | None) -> Tensor:
    """The rows of `x` in this order."""
    return x if order is None else x.index_select(0, order)


class _Product(torch.autograd.Function):
    """``A x``; backward ``A.T g``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, adjacency: Adjacency) -> Tensor:
        ctx.adjacency = adjacency
        found = multiply(adjacency.csr_from_outside(), x)
        return _permuted(found, adjacency.place)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        adjacency = ctx.adjacency
        gradient = _permuted(gradient.contiguous(), adjacency.order)
        found = multiply(adjacency.csr(transposed=True), gradient)
        return _permuted(found, adjacency.place), None


def _layers(adjacency: Adjacency, x: Tensor) -> Iterator[Tensor]:
    """Layers 1, 2, ... in the engine's order."""
    layer = multiply(adjacency.csr_from_outside(), x)
    while True:
        yield layer
        layer = multiply(adjacency.csr(), layer)


class _Polynomial(torch.autograd.Function):
    """``a0 x + a1 A x + ... + aK A^K x``; backward by Horner's rule."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, adjacency: Adjacency, weights: list[float]) -> Tensor:
        ctx.adjacency, ctx.weights = adjacency, weights
        total = weights[0] * x
        for weight, layer in zip(weights[1:], _layers(adjacency, x), strict=False):
            total.add_(_permuted(layer, adjacency.place), alpha=weight)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        adjacency, weights = ctx.adjacency, ctx.weights
        gradient = _permuted(gradient.contiguous(), adjacency.order)
        csr = adjacency.csr(transposed=True)
        total = weights[-1] * gradient
        for weight in reversed(weights[:-1]):
            total = multiply(csr, total).add_(gradient, alpha=weight)
        return _permuted(total, adjacency.place), None, None


class _PolynomialAtRows(torch.autograd.Function):
    """Some rows of the polynomial, and the same rows of x.

    There is at least one layer. The last is computed at the rows only, and once where a node is
    asked for several times. Backward starts from these rows only, and one pass through the layers
    serves both results.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, adjacency: Adjacency, weights: list[float], nodes: Tensor
    ) -> tuple[Tensor, Tensor]:
        places, which = torch.unique(adjacency.place_of(nodes), return_inverse=True)
        ctx.adjacency, ctx.weights, ctx.places, ctx.which = adjacency, weights, places, which
        start = x.index_select(0, adjacency.node_at(places))
        found = weights[0] * start
        layer = None
        for weight, layer in zip(weights[1:-1], _layers(adjacency, x), strict=False):
            found.add_(layer.index_select(0, places), alpha=weight)
        layer = _permuted(x, adjacency.order) if layer is None else layer
        ctx.last = some_rows(adjacency.csr(), places)
        found.add_(multiply(ctx.last, layer), alpha=weights[-1])
        return found.index_select(0, which), start.index_select(0, which)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, of_start: Tensor) -> tuple[Tensor, None, None, None]:
        adjacency, places, which = ctx.adjacency, ctx.places, ctx.which
        csr = adjacency.csr(transposed=True)
        there = gradient.new_zeros(len(places), gradient.shape[1]).index_add_(0, which, gradient)
        terms = [weight * there for weight in ctx.weights]  # what each layer is told
        terms[0].index_add_(0, which, of_start)
        *earlier, before, last = terms
        total = multiply(transposed(ctx.last, adjacency.shape[0]), last)
        total.index_add_(0, places, before)
        for term in reversed(earlier):
            total = multiply(csr, total).index_add_(0, places, term)
        return _permuted(total, adjacency.place), None, None, None


def _equal(first: sparse.csr_array, second: sparse.csr_array) -> bool:
    return bool(
        np.array_equal(first.indptr, second.indptr)
        and np.array_equal(first.indices, second.indices)
        and np.array_equal(first.data.astype(np.float32), second.data.astype(np.float32))
    )
