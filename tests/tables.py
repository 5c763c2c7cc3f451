"""Small random tables of likes, for property tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from gnnrec_helpers import Interactions, Split


def interactions(likes: np.ndarray) -> Interactions:
    """From a dense matrix of zeros and ones; users and items with none are kept."""
    user, item = np.nonzero(likes)
    return Interactions(user, item, pd.RangeIndex(likes.shape[0]), pd.RangeIndex(likes.shape[1]))


@st.composite
def likes_of(draw: st.DrawFn) -> np.ndarray:
    """Who likes what, of up to 6 users and items, some of whom have nothing; of 0 and 1."""
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    size = users * items
    cells = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return np.array(cells).reshape(users, items).astype(float)


@st.composite
def likes_with_negatives(draw: st.DrawFn) -> np.ndarray:
    """As :func:`likes_of`, but nobody likes everything."""
    likes = draw(likes_of())
    likes[likes.all(axis=1), draw(st.integers(0, likes.shape[1] - 1))] = 0
    return likes


class Guarded(Split):
    """A split whose test part cannot be touched."""

    def __init__(self, split: Split) -> None:
        object.__setattr__(self, "train", split.train)
        object.__setattr__(self, "validation", split.validation)

    @property
    def test(self) -> Interactions:  # type: ignore[override]
        raise AssertionError("training looked at the test part")
