"""Data that several test files share."""

from __future__ import annotations

import pytest

from gnnrec_helpers import Interactions, Split, datasets


@pytest.fixture(scope="session")
def toy() -> Interactions:
    """Five people, five films."""
    return datasets.load("toy").interactions


@pytest.fixture(scope="session")
def movielens() -> Interactions:
    """All ratings of the small MovieLens."""
    return datasets.load("movielens-small").interactions


@pytest.fixture(scope="session")
def movielens_split(movielens: Interactions) -> Split:
    """Its likes (four stars or more), split as the course does."""
    return movielens.binarize(4.0).split(test=0.2, validation=0.1, seed=0)
