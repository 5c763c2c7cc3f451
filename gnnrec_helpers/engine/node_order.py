"""Numbering the nodes of a graph so that neighbours lie near each other in memory.

A product with the adjacency matrix reads a row of embeddings for every edge. Taste has
neighbourhoods (places of one town, films of one kind), and nodes of the same neighbourhood read
the same rows. Worked on one after the other, they find those rows in the processor's own cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..data.interactions import IntArray

TOGETHER = 1024  # nodes of a part: 256 KiB of embeddings of 64 numbers, less than a core's cache
ROUNDS = 40  # of averaging a part's signal over the neighbours before it is cut


def neighbourhood_order(
    matrix: sparse.csr_array, kinds: Sequence[int] = (), seed: int = 0
) -> IntArray:
    """An order of the nodes in which parts of the graph with few edges between them stay together.

    Recursive spectral bisection: a random number on every node is averaged over the neighbours,
    40 times, with the constant pattern taken out. What fades least is left: a power iteration
    toward the second eigenvector of the normalized adjacency. The nodes are sorted by it and cut
    where the fewest edges are cut for the size of the smaller side. Each side is sorted and cut
    likewise, in the direction that the cut above gave it, down to parts of at most 1,024 nodes.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (n, n)
        Adjacency of the graph, symmetric; only where its entries are matters, not what they are.
    kinds : sequence of int, optional
        How many nodes of each kind there are, one kind after the other in `matrix`. Kinds stay
        apart in the order, each with its parts in the same order: the users of a part read the
        embeddings of items only, so less has to stay at hand at a time.
    seed : int, default 0
        Of the random start.

    Returns
    -------
    int64 array, shape (n,)
        The node at each place.

    Examples
    --------
    Even nodes know even ones and odd nodes odd ones; two groups come apart:

    >>> odd = np.arange(1200) % 2
    >>> graph = sparse.csr_array(np.equal.outer(odd, odd).astype(float))
    >>> order = neighbourhood_order(graph)
    >>> sorted([set((order[:600] % 2).tolist()), set((order[600:] % 2).tolist())], key=str)
    [{0}, {1}]
    """
    generator = np.random.default_rng(seed)
    pattern = sparse.csr_array(
        (np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    parts: list[IntArray] = []
    # nodes of a part, the graph among them, and the signal by which the part was cut off
    waiting = [(np.arange(matrix.shape[0]), pattern, np.zeros(matrix.shape[0], np.float32))]
    while waiting:
        nodes, within, above = waiting.pop()
        signal = _slowest_to_fade(within, generator)
        if signal @ (above - above.mean()) < 0:
            signal = -signal  # the end that lies toward the neighbouring part stays there
        ranks = np.argsort(signal, kind="stable")
        if len(nodes) <= TOGETHER:
            parts.append(nodes[ranks])
            continue
        cut = _best_cut(within, ranks)
        for side in (np.sort(ranks[cut:]), np.sort(ranks[:cut])):  # the first is taken last
            waiting.append((nodes[side], sparse.csr_array(within[side][:, side]), signal[side]))
    order = np.concatenate(parts)
    kind = np.searchsorted(np.cumsum(kinds), order, side="right")
    return order[np.argsort(kind, kind="stable")]


def _slowest_to_fade(
    pattern: sparse.csr_array, generator: np.random.Generator
) -> NDArray[np.float32]:
    """A number for every node, such that averaging over neighbours fades their differences least.

    The constant, which does not fade at all, is taken out.
    """
    degrees = np.diff(pattern.indptr).astype(np.float32)
    roots = np.sqrt(degrees)
    inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
    constant = roots / max(float(np.linalg.norm(roots)), 1.0)  # the first eigenvector
    signal = generator.standard_normal(len(roots), np.float32)
    for _ in range(ROUNDS):
        signal += inverse * (pattern @ (inverse * signal))  # half itself, half its neighbours
        signal -= constant * (constant @ signal)
        # of a lone node nothing is left but a constant, and so 0
        signal /= max(float(np.linalg.norm(signal)), 1e-30)
    return inverse * signal


def _best_cut(pattern: sparse.csr_array, order: IntArray) -> int:
    """How many nodes of `order` go to the first side, a tenth at least to either.

    Minimizes the conductance: the edges cut, over the edges of the side that has fewer.
    """
    nodes, degrees = len(order), np.diff(pattern.indptr)
    place = np.empty(nodes, np.int64)
    place[order] = np.arange(nodes)
    tails, heads = np.repeat(place, degrees), place[pattern.indices]
    begun = np.bincount(np.minimum(tails, heads), minlength=nodes)
    ended = np.bincount(np.maximum(tails, heads), minlength=nodes)
    # [i]: edges that a cut after place i would cut, each twice, which does not matter
    open_edges = np.cumsum(begun - ended)
    before = np.cumsum(degrees[order], dtype=np.float64)
    smaller = np.maximum(np.minimum(before, before[-1] - before), 1.0)
    least = max(nodes // 10, 1)
    allowed = (open_edges / smaller)[least - 1 : nodes - least]
    return least + int(np.argmin(allowed))
