"""A small catalogue of vectors in whole numbers: an index of it can be checked exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..data import IntArray

USERS, ITEMS, DIM, HAS, AMONG = 200, 500, 16, 25, 40


class Catalogue(NamedTuple):
    """Users, items, the items rounded, and what users have already."""

    users: IntArray  # (200, 16)
    items: IntArray  # (500, 16)
    rounded: IntArray  # (500, 16), what an index keeps of the items
    known: IntArray  # (200, 25), positions of the items that each user has


def catalogue() -> Catalogue:
    """Two hundred users who have 25 of the 40 items that suit them best.

    Examples
    --------
    >>> users, items, rounded, known = catalogue()
    >>> users.shape, items.shape, known.shape
    ((200, 16), (500, 16), (200, 25))
    """
    generator = np.random.default_rng(13)
    users, items = (generator.integers(-9, 10, (n, DIM)) for n in (USERS, ITEMS))
    best = np.argsort(-(users @ items.T), axis=1, kind="stable")[:, :AMONG]
    known = np.stack([generator.permutation(row)[:HAS] for row in best])
    rounded = (4 * np.rint(items / 4)).astype(np.int64)
    return Catalogue(users, items, rounded, known)
