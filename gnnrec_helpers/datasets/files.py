"""Where the files of a data set are: found, or downloaded and verified."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

DATA_VARIABLE = "GNNREC_DATA"


def folders(name: str) -> list[Path]:
    """The places looked in for data set `name`, first to last: yours, ours, the cache."""
    yours = os.environ.get(DATA_VARIABLE)
    package = Path(__file__).resolve().parents[1]
    roots = [Path(yours).expanduser()] if yours else []
    roots += [package / "_data", package.parent / "data", cache()]  # wheel, checkout, downloads
    return [root / name for root in roots]


def cache() -> Path:
    """The folder for downloads, as the operating system wants it."""
    import pooch

    return Path(pooch.os_cache("gnnrec"))


def find(name: str, file: str) -> Path | None:
    """The first place that has `file` of data set `name`, or None."""
    return next((p for folder in folders(name) if (p := folder / file).is_file()), None)


def need(name: str, file: str, source: str) -> Path:
    """Like :func:`find`, with an error that says where to get an absent file and put it."""
    path = find(name, file)
    if path is None:
        raise FileNotFoundError(
            f"Data set {name!r} needs the file {file!r}, published at {source}: put it into "
            f"{cache() / name}, or into $GNNREC_DATA/{name}."
        )
    return path


def download(name: str, file: str, url: str, verify: Callable[[Path], bool]) -> Path:
    """`file` of data set `name`, fetched once into the cache and kept only when `verify` agrees.

    pooch writes to a temporary name and renames, so an interrupted download leaves nothing and
    two processes at once do not disturb each other.
    """
    import pooch

    found = find(name, file)
    if found is not None:
        return found
    target = cache() / name
    unverified = f"{file}.{os.getpid()}.unverified"
    try:
        fetched = Path(
            pooch.retrieve(url, known_hash=None, fname=unverified, path=target, progressbar=True)
        )
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"Data set {name!r} needs the file {file!r} and {url} could not be read "
            f"({type(error).__name__}): put it into {target}, or into $GNNREC_DATA/{name}."
        ) from error
    try:
        if not verify(fetched):
            raise ValueError(f"{url} does not hold the published {file!r}: it was thrown away.")
        os.replace(fetched, target / file)
    finally:
        fetched.unlink(missing_ok=True)
    return target / file


def read_table(name: str, file: str) -> pd.DataFrame:
    """A table that is embedded in the package."""
    return pd.read_csv(need(name, file, f"data/{name} of the gnnrec repository"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
