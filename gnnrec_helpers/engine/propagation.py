"""The adjacency matrix of a recommendation graph, and sending embeddings along its edges.

Nodes are numbered users first, then items: item ``i`` is node ``num_users + i``.

One layer of LightGCN is one product with a sparse matrix, and these products are most of the work.
Four things make them fast on a processor, none of which changes the result beyond rounding (on a
GPU other things do: :mod:`gnnrec_helpers.engine.on_device` says which, and why):

1. The product is `torch.embedding_bag` over the rows of the matrix ("bags" of neighbours with
   weights), which adds up a neighbour's row as it reads it and never stores a row for every edge
   (:mod:`gnnrec_helpers.engine.sparse_product`).
2. Backward is the same product with the transposed matrix, which is the matrix itself when the
   normalization is symmetric. The polynomial ``a0 E + a1 A E + a2 A(A E) + ...`` is linear, so
   backward needs no layer of it in memory, and by Horner's rule one product a layer.
3. A training batch asks for a few thousand rows. The last product computes only those, and the
   first product of the backward pass, with the transpose of the same small matrix, reads only
   those.
4. In a large graph the engine (the code below) works on the nodes in an order of its own,
   neighbours near each other, so that most reads find their row in the processor's cache
   (:mod:`gnnrec_helpers.engine.node_order`). The first product reads the callers' order and the
   last one is put back into it; the example of :class:`Adjacency` shows how.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..data.interactions import FloatArray, IntArray, Interactions
from .node_order import neighbourhood_order
from .on_device import generator_on, is_gpu
from .sparse_product import Csr, multiply, some_rows, sparse_tensor, transposed

Normalization = Literal["symmetric", "mean", "none"]
LARGE = 2**15  # nodes: 8 MiB of embeddings of 64 numbers, more than one core's cache holds


def bipartite_matrix(train: Interactions, values: ArrayLike | None = None) -> sparse.csr_array:
    """The adjacency matrix of the user-item graph, shape (num_users + num_items,) * 2.

    ``[[0, R], [R.T, 0]]`` with R the user-item matrix of ones, or of `values`, one a pair.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> bipartite_matrix(datasets.load("toy").interactions).sum(axis=0).astype(int)
    array([2, 3, 2, 2, 1, 2, 2, 2, 2, 2])
    """
    likes = train.to_csr(values)
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

    The engine may keep the nodes in an order of its own. Its places are called *slots*:
    ``node_at_slot[s]`` is the node in slot s, and ``slot_of_node[n]`` the slot of node n. Callers
    do not notice: embeddings go in and come out in the order of `matrix`.

    Parameters
    ----------
    matrix : scipy.sparse array, shape (rows, columns)
    order : int64 array, shape (rows,), optional
        For a square matrix: the node at each slot.

    Examples
    --------
    Node 0 is linked to 1, and 1 to 2. The engine keeps node 2 in slot 0, node 0 in slot 1 and node
    1 in slot 2. So row 0 of its matrix is that of node 2, whose neighbour, node 1, is in slot 2:

    >>> path = sparse.csr_array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> adjacency = Adjacency(path, order=np.array([2, 0, 1]))
    >>> adjacency.slot_of_node.tolist(), adjacency.csr()[1].tolist()  # columns are slots
    ([1, 2, 0], [2, 2, 0, 1])
    >>> adjacency.columns_as_nodes.tolist()  # the same columns, as the callers number nodes
    [1, 1, 2, 0]
    >>> adjacency(torch.tensor([[1.0], [10.0], [100.0]])).flatten()  # nodes in, nodes out
    tensor([ 10., 101.,  10.])
    """

    offsets: Tensor  # (rows + 1,) where each row's entries start
    columns: Tensor  # (entries,) slots
    weights: Tensor  # (entries,)
    # the same of the transpose, where the matrix is not symmetric
    transposed_offsets: Tensor
    transposed_columns: Tensor
    transposed_weights: Tensor
    node_at_slot: Tensor | None  # (rows,); None where the engine keeps the callers' order
    slot_of_node: Tensor | None  # (rows,)
    columns_as_nodes: Tensor | None  # (entries,) as `columns`, in the callers' numbers

    def __init__(self, matrix: sparse.csr_array, order: IntArray | None = None) -> None:
        super().__init__()
        matrix = sparse.csr_array(matrix)
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        if order is not None:
            matrix = sparse.csr_array(matrix[order][:, order])
        matrix.sort_indices()
        small = max(matrix.nnz, *self.shape) < 2**31
        self._index_type = torch.int32 if small else torch.int64
        self._pair: Tensor | None = None  # the first of each entry and its mirror image
        self._kept: dict[bool, tuple[Tensor, Tensor]] = {}  # weights, and the matrix made of them
        self._order: tuple[Tensor, ...] | None = None
        self._register(matrix, "")
        self._register_order(order, matrix)
        transposed = sparse.csr_array(matrix.T)
        transposed.sort_indices()
        self.symmetric = self.shape[0] == self.shape[1] and _equal(matrix, transposed)
        if not self.symmetric:
            self._register(transposed, "transposed_")

    @classmethod
    def in_cache_order(cls, matrix: sparse.csr_array, kinds: Sequence[int]) -> Adjacency:
        """An adjacency that works on the nodes in an order that suits the processor's cache.

        Small graphs fit the cache as they are and keep their order.

        Parameters
        ----------
        matrix : scipy.sparse array, shape (n, n)
            Whatever graph and normalization; entries are symmetric in place, if not in value.
        kinds : sequence of int
            How many nodes of each kind there are, in the order of `matrix`: users, then items, say.
        """
        large = matrix.shape[0] > LARGE
        return cls(matrix, neighbourhood_order(matrix, kinds) if large else None)

    def _register(self, matrix: sparse.csr_array, prefix: str) -> None:
        # not persistent: the graph is data, rebuilt from `train`, and not part of the weights
        index_type = self._index_type
        for name, values in (
            ("offsets", torch.from_numpy(matrix.indptr).to(index_type)),
            ("columns", torch.from_numpy(matrix.indices).to(index_type)),
            ("weights", torch.from_numpy(matrix.data).float()),
        ):
            self.register_buffer(prefix + name, values, persistent=False)

    def _register_order(self, order: IntArray | None, matrix: sparse.csr_array) -> None:
        node_at_slot = slot_of_node = columns_as_nodes = None
        if order is not None:
            node_at_slot = torch.from_numpy(order)
            slot_of_node = torch.from_numpy(np.argsort(order))
            columns_as_nodes = torch.from_numpy(order[matrix.indices].astype(matrix.indices.dtype))
        self.register_buffer("node_at_slot", node_at_slot, persistent=False)
        self.register_buffer("slot_of_node", slot_of_node, persistent=False)
        self.register_buffer("columns_as_nodes", columns_as_nodes, persistent=False)

    @property
    def entries(self) -> int:
        return len(self.columns)

    def slots(self, nodes: Tensor) -> Tensor:
        """Where the engine keeps these nodes."""
        return nodes if self.slot_of_node is None else self.slot_of_node.index_select(0, nodes)

    def nodes(self, slots: Tensor) -> Tensor:
        """Which nodes the engine keeps there."""
        return slots if self.node_at_slot is None else self.node_at_slot.index_select(0, slots)

    def in_slots(self, rows: Tensor) -> Tensor:
        """Rows in the callers' order, put into the engine's."""
        return rows if self.node_at_slot is None else rows.index_select(0, self.node_at_slot)

    def in_callers_order(self, rows: Tensor) -> Tensor:
        """Rows in the engine's order, put into the callers'."""
        return rows if self.slot_of_node is None else rows.index_select(0, self.slot_of_node)

    def csr(self, transposed: bool = False) -> Csr:
        """Offsets, columns, weights of the matrix or of its transpose, in the engine's order."""
        if transposed and not self.symmetric:
            return self.transposed_offsets, self.transposed_columns, self.transposed_weights
        return self.offsets, self.columns, self.weights

    def csr_of_nodes(self) -> Csr:
        """The matrix for embeddings in the callers' order; the product is in the engine's."""
        if self.columns_as_nodes is None:
            return self.csr()
        return self.offsets, self.columns_as_nodes, self.weights

    def product(self, x: Tensor, transposed: bool = False) -> Tensor:
        """The matrix, or its transpose, times `x`, in slots."""
        return multiply(self.csr(transposed), x)

    def on_gpu(self, transposed: bool) -> Tensor:
        """The matrix, or its transpose, in the callers' order, for cuSPARSE; kept between calls."""
        transposed &= not self.symmetric
        weights = self.csr(transposed)[2]
        if self._kept.get(transposed, (None,))[0] is not weights:  # or the model has moved
            self._kept[transposed] = (weights, self._sparse_tensor(transposed))
        return self._kept[transposed][1]

    def _sparse_tensor(self, transposed: bool) -> Tensor:
        offsets, columns, weights = self.csr(transposed)
        shape = (len(offsets) - 1, self.shape[0] if transposed else self.shape[1])
        if self.slot_of_node is None:
            return sparse_tensor((offsets, columns, weights), shape)
        if self._order is None or self._order[0].device != weights.device:
            # which entry comes where does not depend on the weights: thinned matrices share it
            places = np.arange(self.entries)
            parts = (places, columns.cpu().numpy(), offsets.cpu().numpy())
            slots = self.slot_of_node.cpu().numpy()
            ordered = sparse.csr_array(parts, shape=shape)[slots][:, slots]
            ordered.sort_indices()
            self._order = tuple(
                torch.from_numpy(part).to(weights.device)
                for part in (ordered.data, ordered.indptr, ordered.indices)
            )
        order, offsets, columns = self._order
        return sparse_tensor((offsets, columns, weights[order]), shape)

    def row(self, node: int) -> tuple[IntArray, FloatArray]:
        """Whom one node hears, and the weights of these edges, in the callers' numbers."""
        slot = node if self.slot_of_node is None else int(self.slot_of_node[node])
        entries = slice(int(self.offsets[slot]), int(self.offsets[slot + 1]))
        _, columns, weights = self.csr_of_nodes()
        nodes = columns[entries].cpu().numpy().astype(np.int64)
        return nodes, weights[entries].cpu().numpy().astype(np.float64)

    def to_scipy(self) -> sparse.csr_array:
        """The matrix, in the callers' order."""
        parts = (self.weights, self.columns, self.offsets)
        matrix = sparse.csr_array(tuple(part.cpu().numpy() for part in parts), shape=self.shape)
        if self.slot_of_node is None:
            return matrix
        slots = self.slot_of_node.cpu().numpy()
        return sparse.csr_array(matrix[slots][:, slots])

    def thinned(self, share: float, generator: np.random.Generator) -> Adjacency:
        """A symmetric matrix without a share of its entries, each together with its mirror image.

        The others keep their weights; the dropped ones are there with weight 0.
        """
        if not self.symmetric:
            raise ValueError("Only a symmetric adjacency can be thinned.")
        device = self.weights.device
        if self._pair is None or self._pair.device != device:
            columns = self.columns.cpu().numpy()
            rows = np.repeat(np.arange(self.shape[0]), np.diff(self.offsets.cpu().numpy()))
            mirrored = np.lexsort((rows, columns))  # where each entry's mirror image is
            self._pair = torch.from_numpy(np.minimum(mirrored, np.arange(self.entries))).to(device)
        if is_gpu(device):
            there = generator_on(device, int(generator.integers(2**63)))
            drawn = torch.rand(self.entries, generator=there, device=device)
        else:
            drawn = torch.from_numpy(generator.random(self.entries, np.float32))
        return self._with_weights(self.weights * (drawn[self._pair] >= share))

    def _with_weights(self, weights: Tensor) -> Adjacency:
        """The same entries with other weights, which are symmetric too; nothing is copied."""
        other = Adjacency.__new__(Adjacency)
        nn.Module.__init__(other)
        other.shape, other.symmetric = self.shape, self.symmetric
        other._index_type, other._pair = self._index_type, self._pair
        other._kept, other._order = {}, self._order
        for name, buffer in self.named_buffers():
            other.register_buffer(name, buffer, persistent=False)
        for name in ("node_at_slot", "slot_of_node", "columns_as_nodes"):
            if getattr(self, name) is None:
                other.register_buffer(name, None, persistent=False)
        other.register_buffer("weights", weights, persistent=False)
        return other

    def forward(self, embeddings: Tensor) -> Tensor:
        """The product with `embeddings`, shape (columns, dim), giving (rows, dim)."""
        return cast(Tensor, _Product.apply(embeddings, self))

    def extra_repr(self) -> str:
        kind = "symmetric, " if self.symmetric else ""
        return f"{self.shape[0]:,} x {self.shape[1]:,}, {kind}{self.entries:,} entries"


def user_item_adjacency(
    train: Interactions, normalization: Normalization = "symmetric"
) -> Adjacency:
    """The normalized adjacency of the user-item graph, ready to propagate along.

    Edges have the weights of the interactions, where there are any; a node's degree is the sum of
    its edges' weights.
    """
    matrix = normalize(bipartite_matrix(train, train.weight), normalization)
    return Adjacency.in_cache_order(matrix, kinds=(train.num_users, train.num_items))


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
class _Product(torch.autograd.Function):
    """``A x``; backward ``A.T g``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, adjacency: Adjacency) -> Tensor:
        ctx.adjacency = adjacency
        if x.device.type != "cpu":
            return _everywhere(adjacency, x.detach(), [0.0, 1.0], transposed=False)
        return adjacency.in_callers_order(multiply(adjacency.csr_of_nodes(), x))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        adjacency, gradient = ctx.adjacency, gradient.contiguous()
        if gradient.device.type != "cpu":
            return _everywhere(adjacency, gradient, [0.0, 1.0], transposed=True), None
        found = adjacency.product(adjacency.in_slots(gradient), transposed=True)
        return adjacency.in_callers_order(found), None


def _layers(adjacency: Adjacency, x: Tensor, count: int) -> Iterator[Tensor]:
    """Layers 1, 2, ... `count`, each of shape (n, dim), in the engine's order."""
    layer = x
    for depth in range(count):
        layer = multiply(adjacency.csr() if depth else adjacency.csr_of_nodes(), layer)
        yield layer


def _everywhere(adjacency: Adjacency, x: Tensor, weights: list[float], transposed: bool) -> Tensor:
    """``a0 x + A (a1 x + A (a2 x + ...))``, or with A.T, on a device other than the CPU."""
    total = weights[-1] * x
    # cuSPARSE adds up in whatever order is fastest; whoever asks for one order gets it
    quick = is_gpu(x.device) and x.dtype == adjacency.weights.dtype
    if quick and not torch.are_deterministic_algorithms_enabled():
        matrix = adjacency.on_gpu(transposed)
        for weight in reversed(weights[:-1]):
            total = torch.addmm(x, matrix, total, beta=weight) if weight else matrix @ total
        return total
    total, start = adjacency.in_slots(total), adjacency.in_slots(x)
    for weight in reversed(weights[:-1]):
        total = adjacency.product(total, transposed)
        if weight:  # otherwise x may have another number of rows
            total.add_(start, alpha=weight)
    return adjacency.in_callers_order(total)


class _Polynomial(torch.autograd.Function):
    """``a0 x + a1 A x + ... + aK A^K x``; backward by Horner's rule.

    What it computes, more slowly::

        layers = propagate_layers(adjacency, x, len(weights) - 1)
        sum(weight * layer for weight, layer in zip(weights, layers))
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, adjacency: Adjacency, weights: list[float]) -> Tensor:
        ctx.adjacency, ctx.weights = adjacency, weights
        if x.device.type != "cpu":
            return _everywhere(adjacency, x.detach(), weights, transposed=False)
        total = weights[0] * x
        layers = _layers(adjacency, x, len(weights) - 1)
        for weight, layer in zip(weights[1:], layers, strict=True):
            total.add_(adjacency.in_callers_order(layer), alpha=weight)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        adjacency, weights, gradient = ctx.adjacency, ctx.weights, gradient.contiguous()
        if gradient.device.type != "cpu":
            return _everywhere(adjacency, gradient, weights, transposed=True), None, None
        gradient = adjacency.in_slots(gradient)
        total = weights[-1] * gradient
        for weight in reversed(weights[:-1]):
            total = adjacency.product(total, transposed=True).add_(gradient, alpha=weight)
        return adjacency.in_callers_order(total), None, None


class _PolynomialAtRows(torch.autograd.Function):
    """Some rows of the polynomial, and the same rows of x.

    What it computes, more slowly, for at least one layer::

        polynomial = _Polynomial.apply(x, adjacency, weights)
        polynomial[nodes], x[nodes]

    The last layer is computed at these rows only, and once where a node is asked for several times.
    Backward starts from these rows only, and one pass through the layers serves both results.

    On a GPU finding these rows takes longer than computing all: there it is what it says above.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, adjacency: Adjacency, weights: list[float], nodes: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.adjacency, ctx.weights, ctx.nodes = adjacency, weights, nodes
        if x.device.type != "cpu":
            everybody = _everywhere(adjacency, x.detach(), weights, transposed=False)
            return everybody.index_select(0, nodes), x.index_select(0, nodes)
        # each node once: (r,) slots, and for each of `nodes` which of them it is
        slots, which = torch.unique(adjacency.slots(nodes), return_inverse=True)
        start = x.index_select(0, adjacency.nodes(slots))  # (r, dim)
        rows = weights[0] * start
        earlier = list(_layers(adjacency, x, len(weights) - 2))  # all but the last, (n, dim)
        for weight, layer in zip(weights[1:-1], earlier, strict=True):
            rows.add_(layer.index_select(0, slots), alpha=weight)
        before_last = earlier[-1] if earlier else adjacency.in_slots(x)
        last_rows = some_rows(adjacency.csr(), slots)  # r rows of the matrix
        rows.add_(multiply(last_rows, before_last), alpha=weights[-1])
        ctx.last_rows, ctx.slots, ctx.which = last_rows, slots, which
        return rows.index_select(0, which), start.index_select(0, which)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Tensor, start_gradient: Tensor
    ) -> tuple[Tensor, None, None, None]:
        if gradient.device.type != "cpu":
            return _from_all_rows(ctx, gradient, start_gradient), None, None, None
        adjacency, slots, which = ctx.adjacency, ctx.slots, ctx.which
        # what arrives at each of the r nodes, (r, dim), and from there at each layer
        arriving = gradient.new_zeros(len(slots), gradient.shape[1]).index_add_(0, which, gradient)
        at_layers = [weight * arriving for weight in ctx.weights]
        at_layers[0].index_add_(0, which, start_gradient)
        # Horner's rule from the last layer down; the first product reads these r rows only
        total = multiply(transposed(ctx.last_rows, adjacency.shape[0]), at_layers[-1])  # (n, dim)
        total.index_add_(0, slots, at_layers[-2])
        for at_layer in reversed(at_layers[:-2]):
            total = multiply(adjacency.csr(transposed=True), total).index_add_(0, slots, at_layer)
        return adjacency.in_callers_order(total), None, None, None


def _from_all_rows(ctx: Any, gradient: Tensor, start_gradient: Tensor) -> Tensor:
    """What :class:`_PolynomialAtRows` sends back on a GPU, shape (n, dim)."""
    adjacency, nodes = ctx.adjacency, ctx.nodes
    arriving = gradient.new_zeros(adjacency.shape[0], gradient.shape[1])
    arriving.index_add_(0, nodes, gradient)
    total = _everywhere(adjacency, arriving, ctx.weights, transposed=True)
    return total.index_add_(0, nodes, start_gradient)


def _equal(first: sparse.csr_array, second: sparse.csr_array) -> bool:
    return bool(
        np.array_equal(first.indptr, second.indptr)
        and np.array_equal(first.indices, second.indices)
        and np.array_equal(first.data.astype(np.float32), second.data.astype(np.float32))
    )
