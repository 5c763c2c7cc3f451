"""Data sets by name: ``datasets.load("movielens-small")``."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from . import lastfm_2k, linked_items, movielens_small, toy, trust_networks, user_item_lists
from .dataset import Dataset

__all__ = ["Dataset", "available", "load"]

_LOADERS: dict[str, Callable[[str], Dataset]] = {
    "movielens-small": movielens_small.load,
    "lastfm-2k": lastfm_2k.load,
    "toy": toy.load,
    "gowalla": user_item_lists.load,
    "yelp2018": user_item_lists.load,
    "amazon-book": user_item_lists.load,
    "ciao": trust_networks.load,
    "epinions": trust_networks.load,
    "filmtrust": trust_networks.load,
    "lastfm-kg": linked_items.load,
    "book-crossing-kg": linked_items.load,
}


def available() -> list[str]:
    """The names `load` knows. The first three travel with the package."""
    return list(_LOADERS)


def load(name: str) -> Dataset:
    """Load a data set by name.

    Files are looked for in ``$GNNREC_DATA/<name>/``, then in the package, then in the user's
    cache folder; Gowalla is downloaded there on first use.

    Examples
    --------
    >>> load("toy").interactions
    Interactions(10 pairs of 5 users and 5 items)
    """
    if name not in _LOADERS:
        text = name.lower() if isinstance(name, str) else ""
        near = difflib.get_close_matches(text, _LOADERS, n=2, cutoff=0.6)
        near = near or difflib.get_close_matches(text, _LOADERS, n=1, cutoff=0.4)
        hint = f" Did you mean {' or '.join(map(repr, sorted(near)))}?" if near else ""
        raise ValueError(f"No data set {name!r}; there are {', '.join(_LOADERS)}.{hint}")
    return _LOADERS[name](name)
