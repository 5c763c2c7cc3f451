"""Interactions to learn from, to choose with, and to be judged by."""

from __future__ import annotations

import bisect
import itertools
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .arguments import check_whole
from .interactions import VALUES, IntArray, Interactions, TimeUnit
from .tables import UNITS, only_unit, unit_of

Part = Literal["test", "validation"]
# a share, a number of pairs or users, or a date
Amount: TypeAlias = float | str | date | np.datetime64
IN_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
DAY = re.compile(r"(19[89]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)
ISO = re.compile(r"\d{4}(-?)\d\d\1\d\d([T ]\d\d[\d:.]* ?(Z|[+-]\d\d:?(\d\d)?)?)?", re.ASCII)


@dataclass(frozen=True, repr=False, eq=False)
class Split:
    """Interactions to learn from, to choose with, and to be judged by.

    The three share one index space (`users`, `items`) and no pair; `validation` is None in a split
    that was published without one, until :meth:`with_validation` carves it out of train.

    Raises
    ------
    TypeError, ValueError
        If a part is no `Interactions`, has other users or items or times in another unit, shares
        pairs with another part, or lacks ratings, timestamps or weights that another has.
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
            _check_joinable({name: part, other_name: other})
            _check_disjoint(name, part, other_name, other)

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
        TypeError, ValueError
            If a part cannot be read or has no pairs, if parts share pairs, have labels of different
            types or times in what seem to be different units, or if only some of them have ratings,
            timestamps or weights.

        Examples
        --------
        >>> before = {"user": ["ana", "ben"], "item": ["tea", "rye"]}
        >>> after = {"user": ["ana", "cem"], "item": ["rye", "oat"]}
        >>> Split.from_parts(before, test=after)
        Split(2 train, 2 test pairs of 3 users and 3 items; 1 users without test items)
        """
        if shared not in ("error", "drop"):
            raise ValueError(f"shared={shared!r}: choose 'error' or 'drop'.")
        if train is None:
            raise ValueError("A train part is needed.")
        given = {"train": train, "validation": validation, "test": test}
        given = {name: part for name, part in given.items() if part is not None}
        if columns and all(isinstance(part, Interactions) for part in given.values()):
            raise TypeError(
                f"{', '.join(columns)} would say how to read a data frame or a file, and all parts "
                "are Interactions; the parts are called train, validation and test."
            )
        parts = _in_one_space(
            {name: _as_interactions(part, name, columns) for name, part in given.items()}
        )
        for earlier, later in itertools.combinations(parts, 2):
            if shared == "drop":
                parts[later] = _without(parts[later], parts[earlier], later, earlier)
            else:
                helps = f", and shared='drop' leaves them out of {later}"
                _check_disjoint(earlier, parts[earlier], later, parts[later], helps)
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
            They count the pairs as ``interactions.to_frame()`` lists them, not the rows of the
            table that was read.

        Raises
        ------
        TypeError, ValueError
            If a position is none of the pairs or in both parts, or if a part would be empty.

        Examples
        --------
        >>> from gnnrec_helpers import datasets
        >>> Split.from_positions(datasets.load("toy").interactions, test=[9, 3])
        Split(8 train, 2 test pairs of 5 users and 5 items; 3 users without test items)
        """
        if not isinstance(interactions, Interactions):
            raise TypeError(
                f"Interactions are needed, not {type(interactions).__name__}: "
                "Interactions.from_frame(table) makes them."
            )
        given = {"test": test} if validation is None else {"test": test, "validation": validation}
        part = np.zeros(len(interactions), np.int64)
        for number, (name, places) in enumerate(given.items(), 1):
            mask = interactions._mask(places)
            if not mask.any():
                helps = {
                    "test": "Split.from_parts(interactions) is a split without test",
                    "validation": "validation=None goes without",
                }
                raise ValueError(f"{name} has no positions: {helps[name]}.")
            if both := int(np.count_nonzero(part[mask])):
                raise ValueError(
                    f"test and validation share {both:,} positions, the first "
                    f"{np.flatnonzero(mask & (part > 0))[0]:,}: each may be in one."
                )
            part[mask] = number
        if part.all():
            raise ValueError(
                f"Nothing is left to train on: all {len(part):,} pairs are in {' or '.join(given)}."
            )
        train, for_test, *for_validation = _cut(interactions, part, len(given))
        return cls(train, for_validation[0] if for_validation else None, for_test)

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
                f"larger share, one pair of every user ({part}=1), or a share of all pairs "
                f"together (within='all'){without}."
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
        """The same split with a share, or a number, of each user's train pairs as validation.

        Examples
        --------
        >>> from gnnrec_helpers import datasets
        >>> split = datasets.load("toy").interactions.split(test=1, validation=0)
        >>> split.with_validation(1).validation
        Interactions(1 pairs of 5 users and 5 items)
        """
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
    """All pairs of two interactions over the same users and items that share no pair.

    Raises
    ------
    ValueError
        If they share pairs, or if users, items, the columns or the unit of times are not the same.
    """
    _check_joinable({"the first": first, "the second": second})

    def joined(name: str) -> Any:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    return replace(
        first,
        user_index=joined("user_index"),
        item_index=joined("item_index"),
        dropped={},
        # the parts of one split have the same number, of the table that was read
        later_repeats=max(first.later_repeats, second.later_repeats),  # type: ignore[attr-defined]
        **{name: joined(name) for name in first.values()},
    )


def joined(before: Interactions, newer: Interactions) -> Interactions:
    """All pairs of two interactions with labels of their own; of a repeated pair the newer."""
    parts = _in_one_space({"the earlier interactions": before, "the newer ones": newer})
    first, second = parts.values()
    repeated = second.contains(first.user_index, first.item_index)
    later = before.later_repeats + newer.later_repeats  # type: ignore[attr-defined]
    later += int(repeated.sum())
    return replace(merge(first.select(~repeated), second), later_repeats=later)


# ---------------------------------------------------------------------- which pairs go where
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
    dates = {name: amount for name, amount in amounts.items() if _is_date(amount)}
    if dates and by != "time":
        name, amount = next(iter(dates.items()))
        raise ValueError(
            f"{name}={_shown(amount)}: a share or a number is needed; a date is for "
            "Interactions.split(by='time')."
        )
    if by != "user":
        for name, amount in amounts.items():
            _check_is_no_time(name, amount, interactions, within == "all" or bool(dates))
    _check_amounts({name: amount for name, amount in amounts.items() if name not in dates})
    if len(interactions) == 0:
        raise ValueError("There are no interactions to split.")
    if by == "time":
        _warn_of_late_dates(interactions)
    if dates:
        part = _at_dates(interactions, amounts, seed)
    elif by == "user":
        part = _of_users(interactions, amounts, seed)
    else:
        part = _of_pairs(interactions, amounts, seed, by, within)
    return _cut(interactions, part, len(amounts))


def _cut(interactions: Interactions, part: IntArray, count: int) -> list[Interactions]:
    """What stays (part 0), and then the pairs of the parts 1 to `count`."""
    return [interactions.select(part == number) for number in range(count + 1)]


def _of_pairs(
    interactions: Interactions, amounts: Mapping[str, Any], seed: int, by: str, within: str
) -> IntArray:
    """Some pairs of every user, or of all in one heap: the part of each pair, shape (n,)."""
    if within == "user":
        group, sizes = interactions.user_index, interactions.user_degrees()
    else:
        group, sizes = np.zeros_like(interactions.user_index), np.array([len(interactions)])
    bounds = _bounds(sizes, amounts, OF_USER if within == "user" else OF_ALL)

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
    return _numbered(rank, [bound[group] for bound in bounds])


def _of_users(interactions: Interactions, amounts: Mapping[str, Any], seed: int) -> IntArray:
    """All pairs of some users: the part of each pair, shape (n,)."""
    active = np.unique(interactions.user_index)
    bounds = _bounds(np.array([len(active)]), amounts, OF_USERS)
    rank = np.full(interactions.num_users, -1)
    rank[active] = np.random.default_rng(seed).permutation(len(active))
    return _numbered(rank[interactions.user_index], bounds)


def _warn_of_late_dates(interactions: Interactions) -> None:
    """A pair of several rows stands at its latest: what was known before would count as new."""
    if repeated := interactions.later_repeats:  # type: ignore[attr-defined]
        warnings.warn(
            f"{repeated:,} rows repeated a pair, and such a pair stands at its latest time: what "
            "was known before and came again is held out as if it were new. Reading with "
            "keep='first' dates each pair by its first row.",
            stacklevel=4,
        )


def _at_dates(interactions: Interactions, amounts: Mapping[str, Any], seed: int) -> IntArray:
    """A cut at one moment for everybody: the part of each pair, shape (n,)."""
    stamps: NDArray[Any] = interactions.timestamp  # type: ignore[assignment]
    test, validation = amounts["test"], amounts["validation"]
    if not _is_date(test):
        raise ValueError(
            f"validation={_shown(validation)} is a date, so test has to be one too, and not "
            f"{test!r}."
        )
    begin = _moment("test", test, interactions)
    part = np.where(stamps >= begin, 1, 0)
    span = (
        f"the interactions are from {_in_words(stamps.min(), interactions)} to "
        f"{_in_words(stamps.max(), interactions)}"
    )
    if not part.any():
        raise ValueError(
            f"test={_shown(test)} would hold out nothing: {span}, so choose a date between."
        )
    if part.all():
        raise ValueError(
            f"test={_shown(test)} leaves nothing to train on: {span}, so choose a later date."
        )
    if not _is_date(validation):
        rest = np.flatnonzero(part == 0)
        amount = {"validation": validation}
        part[rest] = 2 * _of_pairs(interactions.select(rest), amount, seed, "time", "all")
        return part

    start = _moment("validation", validation, interactions)
    if start >= begin:
        raise ValueError(
            f"validation={_shown(validation)} must begin before test={_shown(test)} does."
        )
    part[(part == 0) & (stamps >= start)] = 2
    if not (part == 2).any():
        raise ValueError(
            f"validation={_shown(validation)} would hold out nothing: there are no interactions "
            f"from then to test={_shown(test)}. Choose an earlier date, or pass validation=0."
        )
    if part.all():
        raise ValueError(
            f"validation={_shown(validation)} leaves nothing to train on: {span}, so choose a "
            "later date."
        )
    return part


def _numbered(rank: IntArray, bounds: list[IntArray]) -> IntArray:
    """The part that each rank belongs to, which is 0 from the last bound on."""
    part = np.zeros_like(rank)
    for number, (start, end) in enumerate(itertools.pairwise(bounds), 1):
        part[(rank >= start) & (rank < end)] = number
    return part


# ---------------------------------------------------------------------- dates
def _is_date(amount: object) -> bool:
    # a datetime and a pandas.Timestamp are dates too
    return isinstance(amount, (str, date, np.datetime64))


def _unit(interactions: Interactions) -> TimeUnit:
    """The unit of the timestamps; of plain numbers the one in which all lie from 1980 to 2100."""
    if interactions.time_unit is not None:
        return interactions.time_unit
    unit = None if interactions.timestamp is None else unit_of(interactions.timestamp)
    if unit is not None:
        return unit
    raise ValueError(
        "A cut at a date needs timestamps that are dates, and these are plain numbers: "
        "interactions.select(interactions.timestamp < number) and Split.from_parts cut at a number "
        "(dataclasses.replace(interactions, time_unit='s') says that they are seconds since 1970)."
    )


def _moment(name: str, amount: Any, interactions: Interactions) -> float:
    """A date as a timestamp of these interactions, rounded up where they are whole numbers."""
    refusal = (
        f"{name}={_shown(amount)}: a date such as '2026-01-31' or '2026-01-31 18:30', or a number, "
        "is needed."
    )
    # else pandas would guess which number of 01/02/2024 is the month
    if isinstance(amount, str) and not ISO.fullmatch(amount):
        raise ValueError(refusal)
    try:
        moment = pd.Timestamp(amount)
    except (ValueError, OverflowError):
        raise ValueError(refusal) from None
    if pd.isna(moment):
        raise ValueError(refusal)
    if moment.tzinfo is not None:
        moment = moment.tz_convert("UTC").tz_localize(None)
    # Python's own integers: year 9999 in nanoseconds does not fit into 64 bits
    count = int(moment.to_datetime64().astype(np.int64)) * dict(UNITS)[_unit(interactions)]
    per_second = dict(UNITS)[moment.unit]  # type: ignore[index]
    whole = interactions.timestamp.dtype.kind == "i"  # type: ignore[union-attr]
    return -(-count // per_second) if whole else count / per_second


def _in_words(stamp: Any, interactions: Interactions) -> str:
    return str(np.datetime64(int(stamp), _unit(interactions))).replace("T", " ")


def _shown(amount: object) -> str:
    """As an error shows it: a datetime as the text that would be accepted too."""
    return repr(amount if isinstance(amount, (str, int, float)) else str(amount))


# ---------------------------------------------------------------------- how many
def _check_amounts(amounts: Mapping[str, Amount]) -> None:
    for name, amount in amounts.items():
        is_number = isinstance(amount, (int, float, np.number)) and not isinstance(amount, bool)
        if _is_count(amount) and (amount > 0 or (amount == 0 and name == "validation")):  # type: ignore[operator]
            continue
        if not is_number or not (0 < amount < 1 or (name == "validation" and amount == 0)):  # type: ignore[operator]
            final = " For the final fit on all pairs: Split.from_parts(interactions)."
            raise ValueError(
                f"{name}={amount!r}: a share between 0 and 1, or a whole number from 1 on, is "
                f"needed.{final if name == 'test' and is_number and amount == 0 else ''}"
            )
    shares = {name: amount for name, amount in amounts.items() if not _is_count(amount)}
    if sum(shares.values()) >= 1:  # type: ignore[arg-type]
        given = " and ".join(f"{name}={share:g}" for name, share in shares.items())
        raise ValueError(f"{given} leave nothing to train on: their sum must stay under 1.")


def _check_is_no_time(name: str, amount: Any, interactions: Interactions, of_all: bool) -> None:
    """Refuse a number that cannot be one of pairs, and is a time if the timestamps are any guide.

    A time is a moment from 1980 to 2100 in one of the units, a day such as 20240131, or a number of
    four digits or more among the timestamps, such as a year.
    """
    stamps = interactions.timestamp
    is_whole = _is_count(amount) or (isinstance(amount, float) and amount.is_integer())
    if stamps is None or len(stamps) == 0 or not is_whole:
        return
    number = int(amount)
    most = len(interactions) if of_all else int(interactions.user_degrees().max())
    if number <= max(most, 999):
        return
    if interactions.time_unit or only_unit(stamps):
        moment = _as_moment(number)
        if moment is None:
            return
        helps = (
            f"a date for Interactions.split(by='time') is text such as {str(moment)!r}, a datetime "
            "or a pandas.Timestamp"
        )
    elif stamps.min() <= number <= stamps.max():
        helps = (
            "interactions.select(interactions.timestamp < number) and Split.from_parts cut at a "
            "timestamp that is a plain number"
        )
    else:
        return
    there = f"there are {most:,}" if of_all else f"no user has more than {most:,}"
    raise ValueError(f"{name}={amount!r} would be a number of pairs, and {there}: {helps}.")


def _as_moment(number: int) -> pd.Timestamp | None:
    """The moment from 1980 to 2100 that a number stands for: 1706659200 or 20240131, say."""
    if DAY.fullmatch(str(number)):
        moment = pd.to_datetime(str(number), format="%Y%m%d", errors="coerce")
        return None if pd.isna(moment) else moment
    unit = unit_of(np.array([number], object))
    return None if unit is None else pd.Timestamp(number, unit=unit)


def _is_count(amount: object) -> bool:
    return isinstance(amount, (int, np.integer)) and not isinstance(amount, bool)


OF_USER, OF_ALL, OF_USERS = (
    "interactions of a user",
    "interactions",
    "users",
)  # what amounts are counted of


def _bounds(sizes: IntArray, amounts: Mapping[str, Any], what: str) -> list[IntArray]:
    """Of every group, the rank at which each held-out part begins, and at which the last ends.

    Raises
    ------
    ValueError
        If a part would be empty, or if one heap has fewer than the numbers that it is asked for.
    """
    bounds = held_out_ranks(sizes, amounts.values())
    if what != OF_USER and any(map(_is_count, amounts.values())):
        size = int(sizes[0])
        if sum(_number(size, amount) for amount in amounts.values()) >= size:
            given = " and ".join(f"{name}={amount}" for name, amount in amounts.items() if amount)
            raise ValueError(
                f"{given} would leave nothing to train on: there are {size:,} {what} to take from."
            )
    for number, (name, amount) in enumerate(amounts.items()):
        if amount and not (bounds[number + 1] > bounds[number]).any():
            raise ValueError(_empty_part(name, amounts, int(sizes.max()), what))
    return bounds


def _number(size: int, amount: Any) -> int:
    """How many of `size` an amount is; shares are rounded, halves up."""
    return int(amount) if _is_count(amount) else int(np.floor(size * amount + 0.5))


def held_out_ranks(sizes: IntArray, amounts: Iterable[Any]) -> list[IntArray]:
    """The bounds unchecked: at least one of a group is left."""
    most = np.maximum(sizes - 1, 0)
    bounds = [np.zeros_like(most)]
    for amount in amounts:
        if _is_count(amount):  # which may be too large for an array
            number = np.minimum(most, min(int(amount), int(most.max())))
        else:
            number = np.floor(sizes * amount + 0.5).astype(np.int64)
        bounds.append(np.minimum(bounds[-1] + number, most))
    return bounds


def _empty_part(name: str, amounts: Mapping[str, Any], largest: int, what: str) -> str:
    """Why nothing is held out for an amount, and what would help."""
    place = list(amounts).index(name)

    def holds_out(size: int, amounts: Mapping[str, Any] = amounts) -> bool:
        bounds = held_out_ranks(np.array([size]), amounts.values())
        return bool(bounds[place + 1] > bounds[place])

    # a larger group never has fewer held out, so the first that has one can be bisected
    needed = 1 + bisect.bisect_left(range(1, 2**53), True, key=holds_out)
    is_share = not _is_count(amounts[name])
    helps = []
    if is_share and holds_out(largest, {**amounts, name: 1}):
        one = {OF_USER: "one pair of every user", OF_ALL: "one pair", OF_USERS: "one user"}[what]
        helps += ["a larger share", f"{name}=1 ({one})"]
    if what == OF_USER:
        why = f"no user has the {needed:,} interactions that it takes (the most are {largest:,})"
        if name != "share":
            amount = "share" if is_share else "number"
            helps.append(f"within='all' (a {amount} of all pairs together)")
    else:
        why = f"it takes {needed:,} {what} and there are {largest:,}"
    if name == "validation":
        helps.append("validation=0")
    return (
        f"{name}={amounts[name]} would hold out nothing, since {why}"
        f"{': pass ' if helps else ''}{' or '.join(helps)}."
    )


# ---------------------------------------------------------------------- parts that come separately
def _as_interactions(part: Any, name: str, columns: Mapping[str, Any]) -> Interactions:
    try:
        if isinstance(part, (str, os.PathLike)):
            part = Interactions.read(part, **columns)
        elif not isinstance(part, Interactions):
            part = Interactions.from_frame(part, **columns)
    except Exception as error:
        error.add_note(f"This is about the {name} part.")
        raise
    if len(part) == 0:
        helps = "it is what is learnt from" if name == "train" else f"pass {name}=None for none"
        raise ValueError(f"The {name} part has no pairs: {helps}.")
    return part


def _check_disjoint(
    name: str, part: Interactions, other_name: str, other: Interactions, helps: str = ""
) -> None:
    shared = part.contains(other.user_index, other.item_index)
    if shared.any():
        example = int(shared.argmax())
        pair = other._in_words(other.user_index[example], other.item_index[example])
        raise ValueError(
            f"{name} and {other_name} share {int(shared.sum()):,} pairs, such as {pair}: "
            f"each pair may be in one part only{helps}."
        )


def _check_joinable(parts: dict[str, Interactions]) -> None:
    """Refuse parts that could not be joined as they are."""
    (name, first), (other_name, second) = parts.items()
    if not (first.users.equals(second.users) and first.items.equals(second.items)):
        raise ValueError(
            f"{name} and {other_name} must have the same users and items, and have not: "
            "Split.from_parts brings parts to the union of both."
        )
    _check_values(parts)
    if first.time_unit != second.time_unit:
        raise ValueError(
            f"The timestamps of {name} and {other_name} are in different units, "
            f"{first.time_unit!r} and {second.time_unit!r}: Split.from_parts brings parts to one."
        )


def _in_one_space(parts: dict[str, Interactions]) -> dict[str, Interactions]:
    """The same pairs as positions in the union of all labels."""
    _check_values(parts)
    users, items = (
        _union({name: getattr(part, role) for name, part in parts.items()}, role)
        for role in ("users", "items")
    )
    units = {part.time_unit for part in parts.values()}
    finest = next((unit for unit, _ in reversed(UNITS) if unit in units), None)
    return {
        name: replace(
            part,
            user_index=users.get_indexer(part.users)[part.user_index].astype(np.int64),
            item_index=items.get_indexer(part.items)[part.item_index].astype(np.int64),
            users=users,
            items=items,
            timestamp=_in_unit(part, finest, name),
            time_unit=finest,
        )
        for name, part in parts.items()
    }


def _in_unit(part: Interactions, unit: TimeUnit | None, name: str) -> NDArray[Any] | None:
    """The timestamps in a finer unit, exactly."""
    stamps = part.timestamp
    if stamps is None or unit is None or part.time_unit is None or part.time_unit == unit:
        return stamps
    factor = dict(UNITS)[unit] // dict(UNITS)[part.time_unit]
    fits = np.iinfo(np.int64).max // factor
    beyond = np.flatnonzero((stamps > fits) | (stamps < -fits))
    if len(beyond):
        raise ValueError(
            f"{name} has the time {_in_words(stamps[beyond[0]], part)}, which cannot be written in "
            f"{unit!r}, the unit of another part: give all parts times in {part.time_unit!r}."
        )
    return stamps * factor


def _union(labels: dict[str, pd.Index], role: str) -> pd.Index:
    """All labels, sorted; those of one part if all have the same."""
    first, *others = labels.values()
    if all(first.equals(other) for other in others):
        return first
    words = {"integer": "integers", "string": "text", "floating": "floats"}
    kinds = {
        name: words.get(index.inferred_type, index.inferred_type) for name, index in labels.items()
    }
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{kind} in {name}" for name, kind in kinds.items())
        raise ValueError(
            f"The {role} are {told}: they must be of one type (ids='text' reads files as text, and "
            "astype(str) makes text of a column)."
        )
    return pd.Index(sorted(set().union(*(index.tolist() for index in labels.values()))))


def _check_values(parts: dict[str, Interactions]) -> None:
    for value in VALUES:
        has = [name for name, part in parts.items() if getattr(part, value) is not None]
        lack = [name for name in parts if name not in has]
        if has and lack:
            raise ValueError(
                f"There are no {value}s in {' and '.join(lack)}, but in {' and '.join(has)}: give "
                "all parts of a split the same columns."
            )
    dated = [name for name, part in parts.items() if part.time_unit is not None]
    if dated and len(dated) < len(parts):
        others = " and ".join(name for name in parts if name not in dated)
        raise ValueError(
            f"The timestamps of {' and '.join(dated)} are dates and those of {others} plain "
            "numbers: bring them to one kind."
        )
    guessed = {
        name: only_unit(part.timestamp)
        for name, part in parts.items()
        if part.timestamp is not None and part.time_unit is None
    }
    if len(units := {unit: name for name, unit in guessed.items() if unit}) > 1:
        told = " and those of ".join(
            f"{name} look like {IN_WORDS[unit]}" for unit, name in units.items()
        )
        raise ValueError(f"The timestamps of {told} since 1970: bring them to one unit.")


def _without(part: Interactions, other: Interactions, name: str, other_name: str) -> Interactions:
    """The pairs that the other has not."""
    shared = other.contains(part.user_index, part.item_index)
    if not shared.any():
        return part
    if shared.all():
        raise ValueError(
            f"All {len(part):,} pairs of {name} are in {other_name} too: shared='drop' would leave "
            "none of them."
        )
    dropped = {**part.dropped, f"pairs of {other_name}": int(shared.sum())}
    return replace(part.select(~shared), dropped=dropped)
