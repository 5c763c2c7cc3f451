"""Rows of the propagation cut down to a few nodes each, so that a step needs no graph.

After some layers, a node's embedding is a weighted sum over nearly all nodes: row u of
``P = a0 I + a1 A + ... + aK A^K`` times the table. Most of these weights are tiny. A *bag* keeps
the k largest of a row, and multiplies them by what makes their sum that of the whole row.

That a few nodes of personalized PageRank can replace propagation was shown by Bojchevski et al.
(2020), "Scaling Graph Neural Networks with Approximate PageRank", and in recommendation PinSage
(Ying et al., 2018) chose neighbours by random walks. That bags keep the row's sum is our addition:
without it popular nodes, whose rows are long, lose more than others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..data.arguments import check_whole
from ..data.interactions import FloatArray
from .propagation import Adjacency, _checked
from .sparse_product import Csr, _from_scipy, multiply, transposed

NODES_AT_ONCE = 256  # exact rows, each as long as there are nodes
STEPS_AT_ONCE = 2**21  # of random walks


class Bags(NamedTuple):
    """Every node's weighted bag of nodes.

    Where a row has fewer than k, the rest are the node itself with weight 0.
    """

    nodes: Tensor  # (n, k) int32
    weights: Tensor  # (n, k) float32

    def to(self, device: torch.device | str) -> Bags:
        """The same on another device."""
        return Bags(self.nodes.to(device), self.weights.to(device))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write them to two files of a folder, which :meth:`open` maps into memory."""
        for name, part in self._asdict().items():
            aside = Path(folder) / f"{name}.part.npy"
            np.save(aside, part.numpy(force=True))
            os.replace(aside, Path(folder) / f"{name}.npy")

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Bags:
        """Those of a folder, of which only what is looked at is read.

        Processes of one machine that open the same folder share the memory. What is written to
        them does not reach the files.
        """
        paths = (Path(folder) / f"{name}.npy" for name in cls._fields)
        return cls(*(torch.from_numpy(np.load(path, mmap_mode="c")) for path in paths))

    def csr(self, rows: Tensor) -> Csr:
        """Some rows as a sparse matrix of shape (rows, n)."""
        nodes, weights = self.nodes.index_select(0, rows), self.weights.index_select(0, rows)
        ends = torch.arange(0, nodes.numel() + 1, nodes.shape[1], dtype=torch.int32)
        return ends.to(nodes.device), nodes.flatten(), weights.flatten()


def truncated_rows(
    adjacency: Adjacency, layers: int, k: int, combine: Sequence[float] | None = None
) -> Bags:
    """The k largest weights of every row of the propagation, rescaled to the sum of the row.

    Blocks of rows are computed exactly, and cut down at once. So memory is twice that of the bags,
    and that of about a thousand rows. Time grows with nodes times edges.

    Parameters
    ----------
    adjacency : Adjacency, shape (n, n)
        No weight may be negative.
    layers : int
    k : int
        Nodes in a bag.
    combine : sequence of layers + 1 floats, optional
        Weight of each layer; by default all ``1 / (layers + 1)``.

    Returns
    -------
    Bags

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> from gnnrec_helpers.engine import user_item_adjacency
    >>> adjacency = user_item_adjacency(datasets.load("toy").interactions)
    >>> bags = truncated_rows(adjacency, layers=3, k=4)
    >>> bags.nodes.shape
    torch.Size([10, 4])
    """
    weights, matrix = _prepared(adjacency, layers, k, combine)
    count = matrix.shape[0]
    backward = _from_scipy(sparse.csr_array(matrix.T), torch.int32)
    totals = _totals(matrix, weights)
    parts = []
    for start in range(0, count, NODES_AT_ONCE):
        block = torch.arange(start, min(start + NODES_AT_ONCE, count))
        columns = torch.zeros(count, len(block), dtype=torch.float32)
        columns[block, block - start] = 1.0
        rows = weights[-1] * columns
        for weight in reversed(weights[:-1]):
            rows = multiply(backward, rows).add_(columns, alpha=weight)
        parts.append(_cut(rows.T, k, block, totals[block]))
    return Bags(*(torch.cat(part) for part in zip(*parts, strict=True)))


def walked_rows(
    adjacency: Adjacency,
    layers: int,
    k: int,
    walks: int,
    *,
    combine: Sequence[float] | None = None,
    seed: int = 0,
) -> Bags:
    """An estimate of :func:`truncated_rows` by random walks, whose time grows with the nodes.

    The graph itself is read once, for the sums of the rows. From every node `walks` walks go
    `layers` steps, each to a neighbour drawn at random. Entry (u, v) of A^l is estimated by the
    mean of the products of ``A[s, t] * (neighbours of s)`` along the l steps of the walks that are
    at v then. The estimate is unbiased before it is cut: the product is the weight of the path,
    divided by the probability of going along it.

    Parameters
    ----------
    adjacency, layers, k, combine
        As for :func:`truncated_rows`.
    walks : int
        From each node. The error falls with their square root.
    seed : int, default 0
    """
    check_whole(walks=walks)
    weights, matrix = _prepared(adjacency, layers, k, combine)
    generator = np.random.default_rng(seed)
    totals = _totals(matrix, weights)
    size = max(1, STEPS_AT_ONCE // (walks * max(layers, 1)))
    parts = []
    for start in range(0, matrix.shape[0], size):
        block = np.arange(start, min(start + size, matrix.shape[0]))
        rows = _walked(matrix, weights, block, walks, generator)
        parts.append(_cut_sparse(rows, k, torch.from_numpy(block), totals[block]))
    return Bags(*(torch.cat(part) for part in zip(*parts, strict=True)))


def bag_rows(bags: Bags, table: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of some nodes' bags, and the same rows of the table, shape (r, dim) each.

    As :func:`~gnnrec_helpers.engine.propagate_batch` gives them for the whole propagation.
    """
    if table.device.type != "cpu":
        weights = bags.weights.index_select(0, nodes)
        sums = torch.nn.functional.embedding_bag(
            bags.nodes.index_select(0, nodes),
            table,
            per_sample_weights=weights.to(table.dtype),
            mode="sum",
        )
        return sums, table.index_select(0, nodes)
    return cast(tuple[Tensor, Tensor], _AtRows.apply(table, bags, nodes))


class _AtRows(torch.autograd.Function):
    """Each node once, by the engine's sparse product, forward and backward."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, bags: Bags, nodes: Tensor) -> tuple[Tensor, Tensor]:
        rows, which = torch.unique(nodes, return_inverse=True)
        ctx.csr, ctx.rows, ctx.which, ctx.count = bags.csr(rows), rows, which, len(table)
        sums = multiply(ctx.csr, table)
        start = table.detach().index_select(0, rows)
        return sums.index_select(0, which), start.index_select(0, which)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, start_gradient: Tensor) -> tuple[Tensor, None, None]:
        def at_rows(arriving: Tensor) -> Tensor:
            zeros = arriving.new_zeros(len(ctx.rows), arriving.shape[1])
            return zeros.index_add_(0, ctx.which, arriving)

        total = multiply(transposed(ctx.csr, ctx.count), at_rows(gradient))
        return total.index_add_(0, ctx.rows, at_rows(start_gradient)), None, None


# ---------------------------------------------------------------------- rows
def _prepared(
    adjacency: Adjacency, layers: int, k: int, combine: Sequence[float] | None
) -> tuple[list[float], sparse.csr_array]:
    check_whole(k=k)
    weights = _checked(adjacency, torch.empty(adjacency.shape[1], 0), layers, combine)
    # bags are float32, also those of a model that is not
    matrix = adjacency.to_scipy().astype(np.float32, copy=False)
    if (matrix.data < 0).any() or min(weights) < 0:
        raise ValueError("Rows with negative weights have no largest part: none may be negative.")
    return weights, matrix


def _totals(matrix: sparse.csr_array, weights: list[float]) -> Tensor:
    """The sums of the rows."""
    ones = np.ones(matrix.shape[0], np.float32)
    total = weights[-1] * ones
    for weight in reversed(weights[:-1]):
        total = matrix @ total + np.float32(weight) * ones
    return torch.from_numpy(total)


def _cut(rows: Tensor, k: int, block: Tensor, totals: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of dense rows, each of which belongs to a node of the block."""
    weights, nodes = rows.topk(min(k, rows.shape[1]), dim=1)
    if missing := k - weights.shape[1]:
        weights = torch.nn.functional.pad(weights, (0, missing))
        nodes = torch.nn.functional.pad(nodes, (0, missing))
    nodes = torch.where(weights > 0, nodes, block[:, None])
    return nodes.int(), _rescaled(weights, totals)


def _cut_sparse(
    rows: sparse.csr_array, k: int, block: Tensor, totals: Tensor
) -> tuple[Tensor, Tensor]:
    """The largest of sparse rows, each of which belongs to a node of the block."""
    counts = np.diff(rows.indptr)
    owner = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((-rows.data, owner))
    place = np.arange(len(owner)) - rows.indptr[:-1][owner]  # in its row, the largest first
    kept = place < k
    nodes = block[:, None].repeat(1, k).int()
    weights = torch.zeros(len(block), k, dtype=torch.float32)
    where = torch.from_numpy(owner[kept]), torch.from_numpy(place[kept])
    nodes[where] = torch.from_numpy(rows.indices[order[kept]]).int()
    weights[where] = torch.from_numpy(rows.data[order[kept]])
    return nodes, _rescaled(weights, totals)


def _rescaled(weights: Tensor, totals: Tensor) -> Tensor:
    held = weights.sum(1)
    return weights * torch.where(held > 0, totals / held, 0.0)[:, None]


def _walked(
    matrix: sparse.csr_array,
    weights: list[float],
    block: np.ndarray,
    walks: int,
    generator: np.random.Generator,
) -> sparse.csr_array:
    """Estimated rows of a block of nodes."""
    degrees = np.diff(matrix.indptr)
    owner = np.repeat(np.arange(len(block), dtype=np.int32), walks)
    ends = [block]
    values: list[FloatArray] = [np.full(len(block), weights[0], np.float32)]
    owners = [np.arange(len(block), dtype=np.int32)]
    for weight, (at, product, going) in zip(
        weights[1:], _steps(matrix, degrees, block, walks, generator), strict=False
    ):
        ends.append(at)
        values.append((weight / walks) * product)
        owners.append(owner[going])
    entries = np.concatenate(values), (np.concatenate(owners), np.concatenate(ends))
    rows = sparse.coo_array(entries, shape=(len(block), matrix.shape[0])).tocsr()
    rows.sum_duplicates()
    return rows


def _steps(
    matrix: sparse.csr_array,
    degrees: np.ndarray,
    block: np.ndarray,
    walks: int,
    generator: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """After every step: where the walks are, their products, and which of them still go on."""
    at, going = np.repeat(block, walks), np.arange(len(block) * walks)
    product = np.ones(len(at), np.float32)
    while True:
        leaving = degrees[at] > 0
        at, product, going = at[leaving], product[leaving], going[leaving]
        neighbours = degrees[at]
        drawn = (generator.random(len(at), np.float32) * neighbours).astype(np.int64)
        entry = matrix.indptr[at] + np.minimum(drawn, neighbours - 1)
        product = product * matrix.data[entry] * neighbours.astype(np.float32)
        at = matrix.indices[entry]
        yield at, product, going
