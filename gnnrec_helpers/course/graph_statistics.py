"""What a recommendation graph looks like: inequality, components, hops.

Nodes are numbered users first, then items, as in :mod:`gnnrec_helpers.engine.propagation`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from ..data.interactions import IntArray, Interactions
from ..engine.propagation import bipartite_matrix


def gini(values: ArrayLike) -> float:
    """How unequally something is shared: 0 when all have the same, towards 1 when one has all.

    Half the mean absolute difference between two members, divided by the mean.

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    shares = np.sort(np.asarray(values, float).ravel())
    if len(shares) == 0 or shares[0] < 0 or shares.sum() == 0:
        raise ValueError("gini needs numbers of zero or more, and not all of them zero.")
    ranks = np.arange(1, len(shares) + 1)
    found = ((2 * ranks - len(shares) - 1) * shares).sum() / (len(shares) * shares.sum())
    return float(found)


def components(interactions: Interactions) -> IntArray:
    """For every node, the number of its connected component; the largest component is 0.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> components(datasets.load("toy").interactions)
    array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    """
    _, found = connected_components(bipartite_matrix(interactions), directed=False)
    by_size = np.argsort(-np.bincount(found), kind="stable")
    new = np.empty_like(by_size)
    new[by_size] = np.arange(len(by_size))
    return np.asarray(new[found], np.int64)


def hops(interactions: Interactions, users: ArrayLike, most: int) -> NDArray[np.int64]:
    """How many edges each node is from each of these users; -1 where it is more than `most`.

    Parameters
    ----------
    interactions : Interactions
    users : int array, shape (n,)
        Positions of users.
    most : int
        How far to look.

    Returns
    -------
    int64 array, shape (n, num_users + num_items)

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> hops(datasets.load("toy").interactions, [0], most=3)
    array([[ 0,  2, -1, -1, -1,  1,  1,  3, -1, -1]])
    """
    if most < 0:
        raise ValueError(f"most={most}: zero or more are possible.")
    start = np.atleast_1d(np.asarray(users, np.int64))
    matrix = bipartite_matrix(interactions)
    found = np.full((matrix.shape[0], len(start)), -1, np.int64)  # nodes are rows meanwhile
    found[start, np.arange(len(start))] = 0
    for hop in range(1, most + 1):
        border = (found == hop - 1).astype(np.float32)
        touched = (matrix @ border > 0) & (found < 0)
        if not touched.any():
            break
        found[touched] = hop
    return found.T.copy()


def reach(interactions: Interactions, users: ArrayLike, most: int) -> NDArray[np.float64]:
    """The share of the catalogue within 0, 1, ..., `most` hops of each user.

    Returns
    -------
    float64 array, shape (n, most + 1)
    """
    items = hops(interactions, users, most)[:, interactions.num_users :]
    within = [(items >= 0) & (items <= hop) for hop in range(most + 1)]
    return np.stack([part.mean(axis=1) for part in within], axis=1)
