"""Data sets published as two files of lists: a line is a user, then the items of that user.

Gowalla, Yelp2018 and Amazon-Book, as the LightGCN paper (He et al. 2020) splits them.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ..data import IntArray, Interactions, Split, merge
from .dataset import Dataset
from .files import download, need

PUBLISHER = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data"
CITATION = "He et al. (2020), LightGCN, SIGIR (splits); Wang et al. (2019), NGCF, SIGIR"
# SHA-256 of the sorted pairs as text: the order within a line differs between publishers
DIGESTS = {
    ("gowalla", "train.txt"): "2ddf160a77f38b0018bd6c77cf3dcb40dd98bb50518b17d599732301f8541e75",
    ("gowalla", "test.txt"): "9d1add1d4eac36738054fd06efc7fb70acccad526848d78c10fee33498517395",
}


def load(name: str) -> Dataset:
    """The published split; labels are the numbers in the files."""
    paths = {}
    for file in ("train.txt", "test.txt"):
        url = f"{PUBLISHER}/{name}/{file}"
        digest = DIGESTS.get((name, file))
        if digest is None:
            paths[file] = need(name, file, url)
        else:
            paths[file] = download(name, file, url, partial(_holds, digest=digest))
    train, test = (read_lists(paths[file]) for file in ("train.txt", "test.txt"))
    users = pd.RangeIndex(int(max(train[0].max(), test[0].max())) + 1)
    items = pd.RangeIndex(int(max(train[1].max(), test[1].max())) + 1)
    parts = [Interactions(*pairs, users, items) for pairs in (train, test)]
    try:
        split = Split(parts[0], None, parts[1])
    except ValueError as error:
        raise ValueError(f"The files of {name!r} were mixed up: {error}") from error
    return Dataset(name, merge(*parts), split, terms="see the publisher", citation=CITATION)


def read_lists(path: Path) -> tuple[IntArray, IntArray]:
    """User and item of every pair, sorted; a line with a user alone holds no pair."""
    users, items = [], []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        try:
            values = np.array(line.split(), dtype=np.int64)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{path.name}, line {number}: expected whole numbers, a user and then items."
            ) from None
        if len(values) > 1:
            users.append(np.full(len(values) - 1, values[0]))
            items.append(values[1:])
    if not users:
        raise ValueError(f"{path.name} holds no pair of a user and an item.")
    user, item = np.concatenate(users), np.concatenate(items)
    if user.min() < 0 or item.min() < 0:
        raise ValueError(f"{path.name}: users and items are numbered from 0, not below.")
    pairs = np.unique(np.stack([user, item], axis=1), axis=0)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def edge_digest(path: Path) -> str:
    """SHA-256 of the sorted pairs, one ``user item`` a line."""
    text = "".join(f"{user} {item}\n" for user, item in zip(*read_lists(path), strict=True))
    return hashlib.sha256(text.encode()).hexdigest()


def _holds(path: Path, digest: str) -> bool:
    try:
        return edge_digest(path) == digest
    except ValueError:  # no lists at all, such as a page that asks to log in
        return False
