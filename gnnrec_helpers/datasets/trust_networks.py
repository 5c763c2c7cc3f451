"""Ratings beside a trust network: Ciao and Epinions (MATLAB files), FilmTrust (text files)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.interactions import Interactions
from ..data.side_graphs import SocialGraph
from .dataset import Dataset
from .files import need

TANG = "https://www.cse.msu.edu/~tangjili/datasetcode/truststudy.htm"
LIBREC = "https://www.librec.net/datasets/filmtrust.zip"


class _Source(NamedTuple):
    ratings: str  # file names
    trust: str
    publisher: str
    rating_column: int
    trusted_only: bool
    highest: float
    terms: str
    citation: str


_RESEARCH = "published for research, no licence stated: ask the publisher before passing it on"
_MATRICES = _Source(
    "rating.mat",
    "trustnetwork.mat",
    TANG,
    rating_column=3,
    trusted_only=True,
    highest=5.0,
    terms=_RESEARCH,
    citation="Tang, Gao & Liu (2012), mTrust: Discerning Multi-Faceted Trust, WSDM",
)
SOURCES = {
    "ciao": _MATRICES,
    "epinions": _MATRICES,
    "filmtrust": _Source(
        "ratings.txt",
        "trust.txt",
        LIBREC,
        rating_column=2,
        trusted_only=False,
        highest=4.0,
        terms=_RESEARCH,
        citation="Guo, Zhang & Yorke-Smith (2013), A Novel Bayesian Similarity Measure, IJCAI",
    ),
}


def load(name: str) -> Dataset:
    """Ratings, and who trusts whom as a directed `SocialGraph`; labels are the published numbers.

    Three kinds of rows are left out, in this order, and counted in ``interactions.dropped``:

    1. Ciao and Epinions: ratings of users who neither trust nor are trusted, as the papers that
       use these data do. FilmTrust's papers keep them, and so does this.
    2. Ratings of zero, which lie below the scale.
    3. All but the last row of a pair that is rated several times.

    The published categories and the helpfulness of reviews are not read. A link from or to
    somebody without ratings is left out and counted in ``social.dropped``.
    """
    source = SOURCES[name]
    paths = [need(name, file, source.publisher) for file in (source.ratings, source.trust)]
    ratings = read_ratings(paths[0], source.rating_column, source.highest)
    links = read_links(paths[1])
    rated, dropped = len(ratings), dict[str, int]()
    if source.trusted_only:
        known = pd.unique(links[["user", "friend"]].to_numpy().ravel())
        ratings = ratings[ratings["user"].isin(known)]
        dropped["ratings of users outside the trust network"] = rated - len(ratings)
    rated = len(ratings)
    ratings = ratings[ratings["rating"] > 0]
    dropped["ratings of zero"] = rated - len(ratings)
    rated = len(ratings)
    ratings = ratings.drop_duplicates(["user", "item"], keep="last")
    dropped["repeated pairs"] = rated - len(ratings)
    if len(ratings) == 0:
        raise ValueError(
            f"No rating of {name!r} is left: {paths[0].name} and {paths[1].name} have no user in "
            "common, or hold zeros only."
        )
    interactions = replace(
        Interactions.from_frame(ratings, rating="rating"),
        dropped={what: count for what, count in dropped.items() if count},
    )
    return Dataset(
        name,
        interactions,
        social=SocialGraph.from_frame(links, interactions.users),
        terms=source.terms,
        citation=source.citation,
    )


def read_ratings(path: Path, column: int, highest: float) -> pd.DataFrame:
    """All rows of the file, zeros and repeats too: columns user, item, rating (in `column`)."""
    values = _read(path, column + 1)
    _check(path, values[:, [0, 1]], _are_whole, "users and items are whole numbers")
    _check(
        path,
        values[:, [column]],
        lambda rating: (rating >= 0) & (rating <= highest),
        f"ratings go from 0 to {highest:g}",
    )
    user, item = values[:, :2].astype(np.int64).T
    return pd.DataFrame({"user": user, "item": item, "rating": values[:, column]})


def read_links(path: Path) -> pd.DataFrame:
    """Columns user and friend: the first trusts the second."""
    values = _read(path, 2)
    _check(path, values[:, :2], _are_whole, "users are whole numbers")
    if path.suffix == ".txt":
        _check(path, values[:, 2:3], lambda trust: trust == 1, "a link has the value 1")
    return pd.DataFrame(values[:, :2].astype(np.int64), columns=["user", "friend"])


def _are_whole(values: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):
        return np.asarray((values == np.floor(values)) & (np.abs(values) < 2**53))


def _check(
    path: Path, values: NDArray[Any], fine: Callable[[NDArray[Any]], NDArray[Any]], rule: str
) -> None:
    rows = np.flatnonzero(~fine(values).all(axis=1))
    if len(rows):
        found = " ".join(f"{value:g}" for value in values[rows[0]])
        raise ValueError(f"{path.name}, row {rows[0] + 1}: {rule}, and there is {found}.")


def _read(path: Path, columns: int) -> NDArray[np.float64]:
    """The numbers of a file, one row a line, with at least this many columns."""
    values = _matrix(path) if path.suffix == ".mat" else _text(path)
    if values.shape[0] == 0 or values.shape[1] < columns:
        raise ValueError(
            f"{path.name} holds {values.shape[0]} rows of {values.shape[1]} columns: at least one "
            f"row and {columns} columns are needed."
        )
    return values


def _matrix(path: Path) -> NDArray[np.float64]:
    """The matrix that is called like the file, or else the only one."""
    from scipy.io import loadmat

    try:
        found = loadmat(path)
    except Exception as error:  # a broken header leads its reader into errors of any kind
        raise ValueError(
            f"{path.name} cannot be read as a MATLAB file of version 7.2 or older "
            f"({type(error).__name__})."
        ) from error
    matrices = {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "iuf"
    }
    if path.stem not in matrices and len(matrices) != 1:
        raise ValueError(
            f"{path.name} holds {len(matrices)} matrices of numbers: one is needed, or one called "
            f"{path.stem!r}."
        )
    chosen = path.stem if path.stem in matrices else next(iter(matrices))
    return np.asarray(matrices[chosen], np.float64)


def _text(path: Path) -> NDArray[np.float64]:
    """Numbers separated by white space; empty lines are skipped."""
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            raise ValueError(
                f"{path.name}, line {number}: expected numbers separated by white space."
            ) from None
        if rows and row and len(row) != len(rows[0]):
            raise ValueError(
                f"{path.name}, line {number}: {len(row)} numbers, and {len(rows[0])} in the lines "
                "before."
            )
        if row:
            rows.append(row)
    return np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0)
