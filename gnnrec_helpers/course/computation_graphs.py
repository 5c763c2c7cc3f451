"""What has to be computed for one node: its computation tree, and the tree with copies merged.

Nodes are numbered users first, then items, as in :mod:`gnnrec_helpers.engine.propagation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.interactions import IntArray, Interactions
from ..engine.propagation import bipartite_matrix
from .graph_statistics import hops

MOST_DRAWN_OUT = 1_000_000  # places of a tree: more would fill the memory


@dataclass(frozen=True, eq=False)
class ComputationGraph:
    """Levels of nodes under a target, and who sends to whom from each level to the one above.

    Attributes
    ----------
    nodes : tuple of int64 arrays
        ``nodes[d]`` are the nodes `d` levels below the target, ``nodes[0]`` the target alone. In
        a model with K layers, level d holds values of layer ``K - d``.
    edges : tuple of int64 arrays, each of shape (2, messages)
        ``edges[d]`` goes from places in ``nodes[d + 1]`` (row 0) to places in ``nodes[d]``
        (row 1).
    """

    nodes: tuple[IntArray, ...]
    edges: tuple[IntArray, ...]

    @property
    def layers(self) -> int:
        return len(self.edges)

    @property
    def sizes(self) -> list[int]:
        """How many places each level has, the target's level first."""
        return [len(level) for level in self.nodes]

    @property
    def messages(self) -> int:
        """How many messages are sent in all."""
        return sum(level.shape[1] for level in self.edges)


def computation_tree(interactions: Interactions, node: int, layers: int) -> ComputationGraph:
    """Unroll a node: its neighbours, their neighbours, and so on, a copy each time.

    Parameters
    ----------
    interactions : Interactions
    node : int
        The target. A user's position is her node; item i is node ``num_users + i``.
    layers : int
        How many levels of neighbours.

    Returns
    -------
    ComputationGraph
        A place of level d + 1 sends to exactly one place of level d. Every place of level d is a
        walk of d edges from the target, which may go back where it came from.

    Raises
    ------
    ValueError
        When the node does not exist, or the tree would have over a million places.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> computation_tree(datasets.load("toy").interactions, node=0, layers=3).sizes
    [1, 2, 4, 10]

    References
    ----------
    W. Hamilton (2020), Graph Representation Learning, section 5.1.
    """
    _check(interactions, node, layers)
    places = tree_sizes(interactions, [node], layers).sum()
    if places > MOST_DRAWN_OUT:
        raise ValueError(
            f"The tree of node {node} with {layers} layers has {places:.3g} places, over "
            f"{MOST_DRAWN_OUT:,}: use fewer layers, or computation_graph, which merges copies."
        )
    return _unroll(interactions, node, layers, merged=False)


def computation_graph(interactions: Interactions, node: int, layers: int) -> ComputationGraph:
    """The computation tree with the copies of a node in the same level merged into one.

    Copies in one level have the same subtree and hence the same value, so one computation
    serves all of them. A node may still be in several levels: its value differs by layer.

    Parameters and errors are those of :func:`computation_tree`, without a limit on size.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> computation_graph(datasets.load("toy").interactions, node=0, layers=3).sizes
    [1, 2, 2, 3]
    """
    _check(interactions, node, layers)
    return _unroll(interactions, node, layers, merged=True)


def tree_sizes(interactions: Interactions, nodes: ArrayLike, layers: int) -> NDArray[np.float64]:
    """How many places each level of the computation trees has, without building them.

    Parameters
    ----------
    interactions : Interactions
    nodes : int array, shape (n,)
    layers : int

    Returns
    -------
    float64 array, shape (n, layers + 1)
        Walks of 0, 1, ..., `layers` edges from each node; exact up to 2**53.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> tree_sizes(datasets.load("toy").interactions, [0, 4], layers=3)
    array([[ 1.,  2.,  4., 10.],
           [ 1.,  1.,  2.,  3.]])
    """
    if layers < 0:
        raise ValueError(f"layers={layers}: zero or more are possible.")
    chosen = np.atleast_1d(np.asarray(nodes, np.int64))
    matrix = bipartite_matrix(interactions)
    walks = [np.ones(matrix.shape[0])]
    for _ in range(layers):
        walks.append(matrix @ walks[-1])
    return np.stack(walks, axis=1)[chosen]


def nodes_touched(interactions: Interactions, users: ArrayLike, layers: int) -> IntArray:
    """How many different nodes a prediction reads with 0, 1, ..., `layers` layers.

    Those within so many hops of the user, herself included.

    Parameters
    ----------
    interactions : Interactions
    users : int array, shape (n,)
        Positions of users.
    layers : int

    Returns
    -------
    int64 array, shape (n, layers + 1)

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> nodes_touched(datasets.load("toy").interactions, [0], layers=3)
    array([[1, 3, 4, 5]])
    """
    distance = hops(interactions, users, layers)
    within = [((distance >= 0) & (distance <= hop)).sum(axis=1) for hop in range(layers + 1)]
    return np.stack(within, axis=1).astype(np.int64)


def _check(interactions: Interactions, node: int, layers: int) -> None:
    num_nodes = interactions.num_users + interactions.num_items
    if not 0 <= node < num_nodes:
        raise ValueError(f"node={node}: nodes are numbered from 0 to {num_nodes - 1}.")
    if layers < 0:
        raise ValueError(f"layers={layers}: zero or more are possible.")


def _unroll(interactions: Interactions, node: int, layers: int, merged: bool) -> ComputationGraph:
    matrix = bipartite_matrix(interactions)
    matrix.sort_indices()
    degrees = np.diff(matrix.indptr)
    levels, edges = [np.array([node], np.int64)], []
    for _ in range(layers):
        above = levels[-1]
        below = matrix[above].indices.astype(np.int64)
        receivers = np.repeat(np.arange(len(above)), degrees[above])
        senders = np.arange(len(below))
        if merged:
            below, senders = np.unique(below, return_inverse=True)
        levels.append(below)
        edges.append(np.stack([senders, receivers]))
    return ComputationGraph(tuple(levels), tuple(edges))
