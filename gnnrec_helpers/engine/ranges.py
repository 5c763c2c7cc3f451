"""Many ranges of integers at once."""

from __future__ import annotations

import numpy as np

from ..data.interactions import IntArray


def ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """``starts[0], starts[0] + 1, ...`` (``counts[0]`` numbers), then the same for the others.

    Examples
    --------
    >>> ranges(np.array([7, 0]), np.array([2, 3]))
    array([7, 8, 0, 1, 2])
    """
    ends = np.cumsum(counts)
    shift = np.repeat(starts - ends + counts, counts)
    return np.arange(len(shift)) + shift
