"""Neighbours of some nodes: all of them or a seeded sample, and sums over them with attention.

Lists of neighbours differ in length. They are kept one after the other, with the owner of every
entry beside it, and never padded to a common length: there is nothing to mask.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..data.interactions import IntArray
from .ranges import ranges
from .sparse_product import multiply


class Neighbours(NamedTuple):
    """Edges from the nodes that were asked for to their neighbours, sorted by the first."""

    offsets: Tensor  # (nodes + 1,) where each node's edges start
    owner: Tensor  # (edges,) place of the node among those asked for
    node: Tensor  # (edges,) its neighbour
    value: Tensor  # (edges,) what the edge carries: a rating, a kind of relation; 0 if nothing

    def __len__(self) -> int:
        """Nodes that were asked for."""
        return len(self.offsets) - 1


class NeighbourLists:
    """Who is linked to whom, to be asked for some nodes at a time.

    Parameters
    ----------
    source, target : int64 arrays, shape (n,)
        The edges. No pair may occur twice.
    num_sources, num_targets : int
    value : int64 array, shape (n,), optional
        What each edge carries.
    seed : int, default 0
        Of the order in which the neighbours of a node are kept.

    Examples
    --------
    >>> lists = NeighbourLists(np.array([0, 0, 2]), np.array([1, 4, 3]), 3, 5)
    >>> found = lists.of(torch.tensor([2, 0, 1]))
    >>> found.offsets, sorted(found.node.tolist())
    (tensor([0, 1, 3, 3]), [1, 3, 4])
    """

    def __init__(
        self,
        source: IntArray,
        target: IntArray,
        num_sources: int,
        num_targets: int,
        value: IntArray | None = None,
        seed: int = 0,
    ) -> None:
        shuffled = np.random.default_rng(seed).permutation(len(source))
        order = shuffled[np.argsort(source[shuffled], kind="stable")]
        counts = np.bincount(source, minlength=num_sources)
        self._offsets = np.concatenate([[0], np.cumsum(counts)])
        self._node = target[order]
        self._value = np.zeros_like(self._node) if value is None else value[order]
        self._num_targets = num_targets
        keys = source[order] * num_targets + self._node
        self._edge = np.argsort(keys)  # the edge with each key, keys ascending
        self._keys = keys[self._edge]
        if (self._keys[1:] == self._keys[:-1]).any():
            raise ValueError("There are repeated edges; each pair of nodes may be linked once.")

    def of(
        self,
        nodes: Tensor,
        most: int | None = None,
        generator: np.random.Generator | None = None,
        hidden: tuple[Tensor, Tensor] | None = None,
    ) -> Neighbours:
        """The neighbours of `nodes`.

        Parameters
        ----------
        nodes : int64 Tensor, shape (n,)
        most : int, optional
            At most this many neighbours per node: a random contiguous run, taken as on a circle,
            of a list that was shuffled once. Every neighbour is equally likely, but neighbours
            that are next to each other in the list are drawn together.
        generator : numpy.random.Generator, optional
            Needed with `most`.
        hidden : two int64 Tensors, optional
            Sources and targets of edges that are left out.
        """
        asked = nodes.cpu().numpy()
        starts = self._offsets[asked]
        counts = self._offsets[asked + 1] - starts
        taken = counts if most is None else np.minimum(counts, most)
        within = ranges(np.zeros_like(taken), taken)  # 0, 1, ... for every node
        owner = np.repeat(np.arange(len(asked)), taken)
        if generator is not None:
            first = generator.integers(np.maximum(counts, 1))
            within = (within + first[owner]) % np.repeat(counts, taken)
        edges = starts[owner] + within
        if hidden is not None:
            shown = ~np.isin(edges, self._edges_of(*hidden))
            edges, owner = edges[shown], owner[shown]
            taken = np.bincount(owner, minlength=len(asked))
        parts = (
            np.concatenate([[0], np.cumsum(taken)]),
            owner,
            self._node[edges],
            self._value[edges],
        )
        return Neighbours(*(torch.from_numpy(part).to(nodes.device) for part in parts))

    def _edges_of(self, source: Tensor, target: Tensor) -> IntArray:
        """Which edges these pairs are; pairs that are not linked are ignored."""
        keys = source.cpu().numpy() * self._num_targets + target.cpu().numpy()
        place = np.searchsorted(self._keys, keys)
        place = place[place < len(self._keys)]
        return self._edge[place[np.isin(self._keys[place], keys)]]


def attention_weights(scores: Tensor, neighbours: Neighbours) -> Tensor:
    """Softmax of `scores`, shape (edges,), over the neighbours of each node.

    Examples
    --------
    >>> lists = NeighbourLists(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2)
    >>> attention_weights(torch.zeros(3), lists.of(torch.tensor([0, 1])))
    tensor([0.5000, 0.5000, 1.0000])
    """
    return softmax_by_owner(scores, neighbours.owner, len(neighbours))


def softmax_by_owner(scores: Tensor, owner: Tensor, count: int) -> Tensor:
    """Softmax of `scores`, shape (edges,), among the edges of each of `count` owners.

    Examples
    --------
    >>> softmax_by_owner(torch.tensor([0.0, 7.0, 0.0]), torch.tensor([0, 1, 0]), count=2)
    tensor([0.5000, 1.0000, 0.5000])
    """
    largest = scores.new_full((count,), -torch.inf)
    largest = largest.scatter_reduce(0, owner, scores.detach(), "amax")
    powers = (scores - largest.index_select(0, owner)).exp()  # at most 1: nothing overflows
    total = powers.new_zeros(count).index_add(0, owner, powers)
    return powers / total.index_select(0, owner)


def weighted_sum(weights: Tensor, rows: Tensor, neighbours: Neighbours) -> Tensor:
    """Sum over each node's neighbours of weight times row; zeros for a node without any.

    Parameters
    ----------
    weights : Tensor, shape (edges,)
    rows : Tensor, shape (edges, dim)
        What each edge brings.
    neighbours : Neighbours

    Returns
    -------
    Tensor, shape (nodes, dim)
    """
    return cast(Tensor, _WeightedSum.apply(weights, rows, neighbours))


class _WeightedSum(torch.autograd.Function):
    """As multiplying, then adding up by owner, without a product for every edge in memory."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, rows: Tensor, neighbours: Neighbours) -> Tensor:
        ctx.save_for_backward(weights, rows, neighbours.owner)
        edges = torch.arange(len(rows), device=rows.device)
        return multiply((neighbours.offsets, edges, weights.detach()), rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        weights, rows, owner = ctx.saved_tensors
        at_edges = gradient.index_select(0, owner)
        return (at_edges * rows).sum(1), weights.unsqueeze(1) * at_edges, None
