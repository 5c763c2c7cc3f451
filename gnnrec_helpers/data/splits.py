"""Interactions to learn from, to choose with, and to be judged by."""

from __future__ import annotations

import bisect
import itertools
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .arguments import check_whole
from .interactions import VALUES, IntArray, Interactions, TimeUnit
from .tables import UNITS, unit_of

Part = Literal["test", "validation"]
Amount: TypeAlias = float | str | date  # a share, a number of pairs, or a date


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

    @classmethod
    def from_parts(
        cls,
        train: Any,
        validation: Any = None,
        test: Any = None,
        *,
        shared: Literal["error", "drop"] = "error",
        **columns: Any,
    ) -> Split:
        """Parts that come separately, brought into one index space: the union of their labels.

        Parameters
        ----------
        train, validation, test : Interactions, data frame or path, optional
            Without `test` its part is empty, for the final fit on everything.
        shared : {"error", "drop"}
            What to do with pairs that an earlier part has too: refuse them, or leave them out of
            the later part, where `dropped` counts them.
        columns
            For parts that are data frames or files: what :meth:`Interactions.from_frame`, or
            :meth:`Interactions.read`, takes besides.

        Raises
        ------
        ValueError
            If parts have labels of different types or only some of them have ratings, timestamps
            or weights.

        Examples
        --------
        >>> before = {"user": ["ana", "ben"], "item": ["tea", "rye"]}
        >>> after = {"user": ["ana", "cem"], "item": ["rye", "oat"]}
        >>> Split.from_parts(before, test=after)
        Split(2 train, 2 test pairs of 3 users and 3 items; 1 users without test items)
        """
        if shared not in ("error", "drop"):
            raise ValueError(f"shared={shared!r}: choose 'error' or 'drop'.")
        given = {"train": train, "validation": validation, "test": test}
        parts = {
            name: _as_interactions(part, columns)
            for name, part in given.items()
            if part is not None
        }
        if "train" not in parts:
            raise ValueError("A train part is needed.")
        parts = _in_one_space(parts)
        if shared == "drop":
            for later, earlier in (
                ("validation", "train"),
                ("test", "train"),
                ("test", "validation"),
            ):
                if later in parts and earlier in parts:
                    parts[later] = _without(parts[later], parts[earlier], earlier)
        return cls(
            parts["train"],
            parts.get("validation"),
            parts.get("test", parts["train"].select([])),
        )

    @classmethod
    def from_positions(
        cls, interactions: Interactions, test: ArrayLike, validation: ArrayLike | None = None
    ) -> Split:
        """The pairs at these positions held out, the others in train.

        Parameters
        ----------
        interactions : Interactions
        test, validation : bool or int array
            Masks, or positions such as those of scikit-learn's ``train_test_split``, in any order.

        Examples
        --------
        >>> from gnnrec_helpers import datasets
        >>> Split.from_positions(datasets.load("toy").interactions, test=[9, 3])
        Split(8 train, 2 test pairs of 5 users and 5 items; 3 users without test items)
        """
        for_test = interactions._mask(test)
        if validation is None:
            return cls(interactions.select(~for_test), None, interactions.select(for_test))
        for_validation = interactions._mask(validation)
        if both := int((for_test & for_validation).sum()):
            raise ValueError(f"test and validation share {both:,} positions: each may be in one.")
        return cls(
            interactions.select(~(for_test | for_validation)),
            interactions.select(for_validation),
            interactions.select(for_test),
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
        """The same split with a share, or a number, of each user's train pairs as validation."""
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

    def everything(self) -> Split:
        """All three parts joined as train, for the final fit before serving: nothing is judged."""
        joined = self.without_validation()
        return Split(merge(joined.train, self.test), None, self.test.select([]))

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
    interactions: Interactions, amounts: Mapping[str, Amount], *, seed: int, by: str, within: str
) -> list[Interactions]:
    """What stays, and then one part for each of the amounts; see :meth:`Interactions.split`.

    Parameters
    ----------
    interactions : Interactions
    amounts : mapping of str to share, number or date
        By the name of the argument that the caller was given. "validation" may be 0.
    seed, by, within
        As for :meth:`Interactions.split`.
    """
    check_whole(0, seed=seed)
    if by not in ("random", "time", "user"):
        raise ValueError(f"by={by!r}: choose 'random', 'time' or 'user'.")
    if by == "time" and interactions.timestamp is None:
        raise ValueError("split by='time' needs timestamps, and there are none.")
    if within not in ("user", "all"):
        raise ValueError(f"within={within!r}: choose 'user' or 'all'.")
    if any(map(_is_date, amounts.values())):
        return _from_dates(interactions, amounts, by, seed)
    _check_amounts(amounts)
    if by == "user":
        return _whole_users(interactions, amounts, seed)
    if within == "user":
        group, sizes = interactions.user_index, interactions.user_degrees()
    else:
        group, sizes = np.zeros_like(interactions.user_index), np.array([len(interactions)])
    bounds = _bounds(sizes, amounts.values())
    for number, (name, amount) in enumerate(amounts.items()):
        if amount and not (bounds[number + 1] > bounds[number]).any():
            raise ValueError(_empty_part(name, amounts, int(sizes.max(initial=0)), within))

    drawn = np.random.default_rng(seed).random(len(interactions))
    place = np.empty(len(interactions), np.int64)  # within the group
    if by == "random":
        order = np.lexsort((drawn, group))
    else:  # ties are drawn: the lower index is not the earlier
        order = np.lexsort((drawn, interactions.timestamp, group))  # type: ignore[arg-type]
    starts = np.cumsum(sizes) - sizes
    place[order] = np.arange(len(interactions)) - starts[group[order]]
    # rank 0 is the first of a group to be held out; by time, that is the latest
    rank = place if by == "random" else sizes[group] - 1 - place
    return [
        interactions.select(rank >= bounds[-1][group]),
        *(
            interactions.select((rank >= start[group]) & (rank < end[group]))
            for start, end in itertools.pairwise(bounds)
        ),
    ]


def _whole_users(
    interactions: Interactions, amounts: Mapping[str, Amount], seed: int
) -> list[Interactions]:
    """All pairs of some users held out."""
    active = np.unique(interactions.user_index)
    bounds = [int(bound[0]) for bound in _bounds(np.array([len(active)]), amounts.values())]
    for (name, amount), (start, end) in zip(
        amounts.items(), itertools.pairwise(bounds), strict=True
    ):
        if amount and start == end:
            raise ValueError(
                f"{name}={amount!r} would hold out nobody of {len(active):,} users: pass a larger "
                "share, or a number of users."
            )
    rank = np.full(interactions.num_users, -1)
    rank[active] = np.random.default_rng(seed).permutation(len(active))
    ranks = rank[interactions.user_index]
    return [
        interactions.select(ranks >= bounds[-1]),
        *(
            interactions.select((ranks >= start) & (ranks < end))
            for start, end in itertools.pairwise(bounds)
        ),
    ]


def _from_dates(
    interactions: Interactions, amounts: Mapping[str, Amount], by: str, seed: int
) -> list[Interactions]:
    """Cut at one moment for everybody."""
    if by != "time":
        name, amount = next((n, amount) for n, amount in amounts.items() if _is_date(amount))
        raise ValueError(
            f"{name}={amount!r}: a share or a number is needed; a date needs by='time'."
        )
    names = list(amounts)
    if not _is_date(amounts[names[0]]):
        raise ValueError(f"{names[1]} is a date, so {names[0]} has to be one too.")
    cuts = {name: _moment(name, amount, interactions) for name, amount in amounts.items()
            if _is_date(amount)}  # fmt: skip
    stamps = interactions.timestamp
    assert stamps is not None
    first = names[0]
    late = np.asarray(stamps >= cuts[first])
    rest, parts = interactions.select(~late), {first: interactions.select(late)}
    for name in names[1:]:
        if name in cuts:
            if cuts[name] >= cuts[first]:
                raise ValueError(f"{name} must begin before {first} does.")
            late = np.asarray(rest.timestamp >= cuts[name])  # type: ignore[operator]
            rest, parts[name] = rest.select(~late), rest.select(late)
        elif len(rest):
            rest, parts[name] = hold_out(
                rest, {name: amounts[name]}, seed=seed, by="time", within="all"
            )
        else:
            parts[name] = rest
    for name, part in {"train": rest, **parts}.items():
        if len(part) == 0 and amounts.get(name, 1):
            span = [_in_words(stamp, interactions) for stamp in (stamps.min(), stamps.max())]
            raise ValueError(
                f"{name} would be empty: the interactions are from {span[0]} to {span[1]}, so "
                "choose dates between."
            )
    return [rest, *parts.values()]


def _is_date(amount: object) -> bool:
    return isinstance(amount, (str, date))  # a datetime and a pandas.Timestamp are dates too


def _unit(interactions: Interactions) -> TimeUnit:
    """The unit of the timestamps; of plain numbers the one in which all lie from 1980 to 2100."""
    if interactions.time_unit is not None:
        return interactions.time_unit
    unit = None if interactions.timestamp is None else unit_of(interactions.timestamp)
    if unit is not None:
        return unit
    raise ValueError(
        "A cut at a date needs timestamps that are dates, and these are plain numbers: "
        "dataclasses.replace(interactions, time_unit='s') says that they are seconds since 1970."
    )


def _moment(name: str, amount: Any, interactions: Interactions) -> int:
    """A date as a timestamp of these interactions, rounded up."""
    try:
        moment = pd.Timestamp(amount)
        moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
        nanoseconds = moment.as_unit("ns").value
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name}={amount!r}: a share, a number, or a date such as '2026-01-31' is needed."
        ) from None
    return -(-nanoseconds // (10**9 // dict(UNITS)[_unit(interactions)]))


def _in_words(stamp: Any, interactions: Interactions) -> str:
    return f"{pd.Timestamp(int(stamp), unit=_unit(interactions)):%Y-%m-%d %H:%M}"


def _share_labels(first: Interactions, second: Interactions) -> bool:
    return first.users.equals(second.users) and first.items.equals(second.items)


def _check_amounts(amounts: Mapping[str, Amount]) -> None:
    for name, amount in amounts.items():
        is_number = isinstance(amount, (int, float, np.number)) and not isinstance(amount, bool)
        if _is_count(amount) and (amount > 0 or (amount == 0 and name == "validation")):  # type: ignore[operator]
            continue
        if not (is_number and 0 < amount < 1) and not (name == "validation" and amount == 0):  # type: ignore[operator]
            final = " For the final fit on all pairs: Split.from_parts(interactions)."
            raise ValueError(
                f"{name}={amount!r}: a share between 0 and 1, or a whole number from 1 on, is "
                f"needed.{final if name == 'test' and is_number and amount == 0 else ''}"
            )
    shares = {name: amount for name, amount in amounts.items() if not _is_count(amount)}
    if sum(shares.values()) >= 1:  # type: ignore[arg-type]
        given = " and ".join(f"{name}={share:g}" for name, share in shares.items())
        raise ValueError(f"{given} leave nothing to train on: their sum must stay under 1.")


def _is_count(amount: object) -> bool:
    return isinstance(amount, (int, np.integer)) and not isinstance(amount, bool)


def _bounds(sizes: IntArray, amounts: Iterable[Amount]) -> list[IntArray]:
    """Of every group, the rank at which each held-out part begins, and at which the last ends.

    Shares are rounded to whole pairs, halves up, and at least one pair of a group is left.
    """
    most = np.maximum(sizes - 1, 0)
    bounds = [np.zeros_like(most)]
    for amount in amounts:
        number: Any = amount if _is_count(amount) else np.floor(sizes * amount + 0.5)  # type: ignore[operator]
        bounds.append(np.minimum(bounds[-1] + np.int64(number), most))
    return bounds


def _empty_part(name: str, amounts: Mapping[str, Amount], largest: int, within: str) -> str:
    """Why nothing is held out for an amount, and what would help."""
    number = list(amounts).index(name)

    def holds_out(size: int) -> bool:
        bounds = _bounds(np.array([size]), amounts.values())
        return bool(bounds[number + 1] > bounds[number])

    # a larger group never has fewer pairs held out, so the first that has one can be bisected
    needed = 1 + bisect.bisect_left(range(1, 2**53), True, key=holds_out)
    helps = [] if _is_count(amounts[name]) else ["a larger share"]
    if within == "user":
        why = f"no user has the {needed:,} interactions that it takes (the most are {largest:,})"
        if name != "share":
            if not _is_count(amounts[name]):
                helps.append(f"{name}=1 (one pair of every user)")
            helps.append("within='all' (a share of all pairs together)")
    else:
        why = f"it takes {needed:,} interactions and there are {largest:,}"
    if name == "validation":
        helps.append("validation=0")
    return (
        f"{name}={amounts[name]:g} would hold out nothing, since {why}"
        f"{': pass ' if helps else ''}{' or '.join(helps)}."
    )


# ---------------------------------------------------------------------- parts that come separately
def _as_interactions(part: Any, columns: Mapping[str, Any]) -> Interactions:
    if isinstance(part, Interactions):
        return part
    if isinstance(part, (str, os.PathLike)):
        return Interactions.read(part, **columns)
    return Interactions.from_frame(part, **columns)


def _in_one_space(parts: dict[str, Interactions]) -> dict[str, Interactions]:
    """The same pairs as positions in the union of all labels."""
    _check_values(parts)
    users, items = (
        _union({name: getattr(part, role) for name, part in parts.items()}, role)
        for role in ("users", "items")
    )
    units = {part.time_unit for part in parts.values()}
    finest = (
        max((factor, unit) for unit, factor in UNITS if unit in units)[1]
        if units - {None}
        else None
    )
    moved = {}
    for name, part in parts.items():
        stamps = part.timestamp
        if part.time_unit != finest and stamps is not None:
            stamps = stamps * (dict(UNITS)[finest] // dict(UNITS)[part.time_unit])  # type: ignore[index]
        moved[name] = replace(
            part,
            user_index=users.get_indexer(part.users)[part.user_index].astype(np.int64),
            item_index=items.get_indexer(part.items)[part.item_index].astype(np.int64),
            users=users,
            items=items,
            timestamp=stamps,
            time_unit=finest,
        )
    return moved


def _union(labels: dict[str, pd.Index], role: str) -> pd.Index:
    """All labels, sorted; those of one part if all have the same."""
    first, *others = labels.values()
    if all(first.equals(other) for other in others):
        return first
    kinds = {
        name: "integers" if pd.api.types.is_integer_dtype(index.dtype) else "text"
        for name, index in labels.items()
        if len(index)
    }
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{kind} in {name}" for name, kind in kinds.items())
        raise ValueError(
            f"The {role} are {told}: they must be of one type (from_csv(..., ids='text') keeps "
            "text)."
        )
    return pd.Index(sorted(set().union(*(index.tolist() for index in labels.values()))))


def _check_values(parts: dict[str, Interactions]) -> None:
    for value in VALUES:
        has = [name for name, part in parts.items() if getattr(part, value) is not None]
        lack = [name for name in parts if name not in has]
        if has and lack:
            raise ValueError(
                f"{' and '.join(lack)} lacks {value}s, which {' and '.join(has)} has: give all "
                "parts of a split the same columns."
            )
    dated = [name for name, part in parts.items() if part.time_unit is not None]
    if dated and len(dated) < len(parts):
        others = " and ".join(name for name in parts if name not in dated)
        raise ValueError(
            f"The timestamps of {' and '.join(dated)} are dates and those of {others} plain "
            "numbers: bring them to one kind."
        )


def _without(part: Interactions, other: Interactions, what: str) -> Interactions:
    """The pairs that the other has not."""
    shared = other.contains(part.user_index, part.item_index)
    if not shared.any():
        return part
    dropped = {**part.dropped, f"pairs of {what}": int(shared.sum())}
    return replace(part.select(~shared), dropped=dropped)
