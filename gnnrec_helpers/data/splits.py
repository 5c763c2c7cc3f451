"""Interactions to learn from, to choose with, and to be judged by."""

from __future__ import annotations

import bisect
import itertools
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .arguments import check_whole
from .interactions import IntArray, Interactions

Part = Literal["test", "validation"]


@dataclass(frozen=True, repr=False, eq=False)
class Split:
    """Interactions to learn from, to choose with, and to be judged by.

    The three share one index space (`users`, `items`) and no pair; `validation` is None in a split
    that was published without one, until :meth:`with_validation` carves it out of train.

    Raises
    ------
    TypeError, ValueError
        If a part is no `Interactions`, has other users or items, or shares pairs with another part.
    """

    train: Interactions
    validation: Interactions | None
    test: Interactions

    def __post_init__(self) -> None:
        parts = {name: getattr(self, name) for name in ("train", "validation", "test")}
        if self.validation is None:
            del parts["validation"]
        for name, part in parts.items():
            if not isinstance(part, Interactions):
                raise TypeError(
                    f"{name} must be Interactions, not {type(part).__name__}: "
                    "Interactions.from_frame(table) makes them."
                )
        for (name, part), (other_name, other) in itertools.combinations(parts.items(), 2):
            if not _share_labels(part, other):
                raise ValueError(
                    f"The parts of a split must have the same users and items; {name} and "
                    f"{other_name} have not."
                )
            shared = part.contains(other.user_index, other.item_index)
            if shared.any():
                example = int(shared.argmax())
                pair = other._in_words(other.user_index[example], other.item_index[example])
                raise ValueError(
                    f"{name} and {other_name} share {int(shared.sum()):,} pairs, such as {pair}: "
                    "each pair may be in one part only."
                )

    def held_out(self, part: Part) -> Interactions:
        """What is to be found when this part is judged.

        Parameters
        ----------
        part : {"test", "validation"}

        Raises
        ------
        ValueError
            If there is no such part, or if it is empty.

        Examples
        --------
        >>> from gnnrec_helpers import datasets
        >>> split = datasets.load("movielens-small").interactions.split()
        >>> split.held_out("validation") is split.validation
        True
        """
        interactions = self._named(part)
        if len(interactions) == 0:
            without = ", or train without one (validation=0)" if part == "validation" else ""
            raise ValueError(
                f"The {part} part of the split is empty, so there is nothing to find: hold out a "
                f"larger share, or a share of all pairs together (within='all'){without}."
            )
        return interactions

    def known_before(self, part: Part) -> list[Interactions]:
        """What is known when this part is judged: train, and before test validation as well.

        Parameters
        ----------
        part : {"test", "validation"}

        Raises
        ------
        ValueError
            If there is no such part.
        """
        self._named(part)
        if part == "validation" or self.validation is None:
            return [self.train]
        return [self.train, self.validation]

    def _named(self, part: str) -> Interactions:
        if part == "test":
            return self.test
        if part != "validation":
            raise ValueError(f"part={part!r}: choose 'test' or 'validation'.")
        if self.validation is None:
            raise ValueError("This split has no validation part: see Split.with_validation.")
        return self.validation

    def with_validation(self, share: float = 0.1, *, seed: int = 0) -> Split:
        """The same split with `share` of each user's train interactions as validation."""
        if self.validation is not None:
            raise ValueError("This split has a validation part already.")
        train, validation = hold_out(
            self.train, {"share": share}, seed=seed, by="random", within="user"
        )
        return Split(train, validation, self.test)

    def without_validation(self) -> Split:
        """Train and validation joined again, to fit once more with what validation chose."""
        if self.validation is None:
            return self
        return Split(merge(self.train, self.validation), None, self.test)

    def refit(self) -> Split:
        """The old name of :meth:`without_validation`."""
        warnings.warn(
            "Split.refit() is now called Split.without_validation().",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.without_validation()

    def __repr__(self) -> str:
        parts = [f"{len(self.train):,} train"]
        parts += [] if self.validation is None else [f"{len(self.validation):,} validation"]
        without = self.train.num_users - len(np.unique(self.test.user_index))
        return (
            f"Split({', '.join([*parts, f'{len(self.test):,} test'])} pairs of "
            f"{self.train.num_users:,} users and {self.train.num_items:,} items; "
            f"{without:,} users without test items)"
        )


def merge(first: Interactions, second: Interactions) -> Interactions:
    """All pairs of two interactions over the same users and items that share no pair."""
    if not _share_labels(first, second):
        raise ValueError("Only interactions with the same users and items can be merged.")

    def joined(name: str) -> Any:
        values = [getattr(first, name), getattr(second, name)]
        return None if any(v is None for v in values) else np.concatenate(values)

    return replace(
        first,
        user_index=joined("user_index"),
        item_index=joined("item_index"),
        rating=joined("rating"),
        timestamp=joined("timestamp"),
        weight=joined("weight"),
        dropped={},
    )


def hold_out(
    interactions: Interactions, shares: Mapping[str, float], *, seed: int, by: str, within: str
) -> list[Interactions]:
    """What stays, and then one part for each of the shares; see :meth:`Interactions.split`.

    Parameters
    ----------
    interactions : Interactions
    shares : mapping of str to float
        By the name of the argument that the caller was given. "validation" may be 0.
    seed, by, within
        As for :meth:`Interactions.split`.
    """
    _check_shares(shares)
    check_whole(0, seed=seed)
    if by not in ("random", "time"):
        raise ValueError(f"by={by!r}: choose 'random' or 'time'.")
    if by == "time" and interactions.timestamp is None:
        raise ValueError("split by='time' needs timestamps, and there are none.")
    if within == "user":
        group, sizes = interactions.user_index, interactions.user_degrees()
    elif within == "all":
        group, sizes = np.zeros_like(interactions.user_index), np.array([len(interactions)])
    else:
        raise ValueError(f"within={within!r}: choose 'user' or 'all'.")
    bounds = _bounds(sizes, shares.values())
    for number, (name, share) in enumerate(shares.items()):
        if share and not (bounds[number + 1] > bounds[number]).any():
            raise ValueError(_empty_part(name, shares, int(sizes.max(initial=0)), within))

    if by == "random":
        key: NDArray[Any] = np.random.default_rng(seed).random(len(interactions))
    else:
        key = -interactions.timestamp  # type: ignore[operator]
    order = np.lexsort((key, group))  # equal ones by user and item, since pairs are sorted
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(interactions), np.int64)  # 0 for the first of a group to be held out
    rank[order] = np.arange(len(interactions)) - starts[group[order]]
    return [
        interactions.select(rank >= bounds[-1][group]),
        *(
            interactions.select((rank >= start[group]) & (rank < end[group]))
            for start, end in itertools.pairwise(bounds)
        ),
    ]


def _share_labels(first: Interactions, second: Interactions) -> bool:
    return first.users.equals(second.users) and first.items.equals(second.items)


def _check_shares(shares: Mapping[str, float]) -> None:
    for name, share in shares.items():
        is_number = isinstance(share, (int, float, np.number)) and not isinstance(share, bool)
        if name == "validation":
            if not (is_number and 0 <= share < 1):
                raise ValueError(f"{name}={share!r}: a share from 0 up to 1 is needed.")
        elif not (is_number and 0 < share < 1):
            raise ValueError(f"{name}={share!r}: a share strictly between 0 and 1 is needed.")
    if sum(shares.values()) >= 1:
        given = " and ".join(f"{name}={share:g}" for name, share in shares.items())
        raise ValueError(f"{given} leave nothing to train on: their sum must stay under 1.")


def _bounds(sizes: IntArray, shares: Iterable[float]) -> list[IntArray]:
    """Of every group, the rank at which each held-out part begins, and at which the last ends.

    Numbers are rounded, halves up, and at least one pair of a group is left.
    """
    most = np.maximum(sizes - 1, 0)
    bounds = [np.zeros_like(most)]
    for share in shares:
        count = np.floor(sizes * share + 0.5).astype(np.int64)
        bounds.append(np.minimum(bounds[-1] + count, most))
    return bounds


def _empty_part(name: str, shares: Mapping[str, float], largest: int, within: str) -> str:
    """Why nothing is held out for a share, and what would help."""
    number = list(shares).index(name)

    def holds_out(size: int) -> bool:
        bounds = _bounds(np.array([size]), shares.values())
        return bool(bounds[number + 1] > bounds[number])

    # a larger group never has fewer pairs held out, so the first that has one can be bisected
    needed = 1 + bisect.bisect_left(range(1, 2**53), True, key=holds_out)
    helps = ["a larger share"]
    if within == "user":
        why = f"no user has the {needed:,} interactions that it takes (the most are {largest:,})"
        if name != "share":
            helps.append("within='all' (a share of all pairs together)")
    else:
        why = f"it takes {needed:,} interactions and there are {largest:,}"
    if name == "validation":
        helps.append("validation=0")
    return (
        f"{name}={shares[name]:g} would hold out nothing, since {why}: pass {' or '.join(helps)}."
    )
