"""Who interacted with what: the table every recommender starts from, and its splits."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

if TYPE_CHECKING:
    from .splits import Split

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

COLUMNS = {
    "user_index": np.dtype(np.int64),
    "item_index": np.dtype(np.int64),
    "rating": np.dtype(np.float64),
    "timestamp": np.dtype(np.int64),
    "weight": np.dtype(np.float64),
}
VALUES = ("rating", "timestamp", "weight")  # what a pair may have besides
TimeUnit = Literal["s", "ms", "us", "ns"]


@dataclass(frozen=True, repr=False, eq=False)
class Interactions:
    """Pairs of a user and an item, as positions into two lists of labels.

    Build one with :meth:`from_frame` or :meth:`from_csv`, which check what they are given.
    Pairs are unique and sorted by user, then item, so nothing that follows (splits, training)
    depends on the order of rows in a file. The constructor sorts pairs that are in another order.
    It refuses repeated pairs, positions without a label, and arrays of other types or lengths.

    Attributes
    ----------
    user_index, item_index : int64 arrays, shape (n,)
        One entry an interaction; positions in `users` and `items`.
    users, items : pandas.Index
        The labels, each once; the position of a label is its index everywhere in the package.
        :meth:`from_frame` sorts them.
    rating : float64 array, shape (n,), or None
    timestamp : int64 array, shape (n,), or None
        When it was: larger is later. A float64 array where numbers with fractions were given.
    dropped : dict
        What was left out on the way here, and how many: ``{"repeated pairs": 3}``.
    weight : float64 array, shape (n,), or None
        How much a pair counts, above zero: how often a song was played, say.
    time_unit : {"s", "ms", "us", "ns"} or None
        Of timestamps that came from dates, which are counted from 1970 on; None for plain numbers.

    Examples
    --------
    >>> table = pd.DataFrame({"user": ["ana", "ben", "ana"], "item": ["tea", "tea", "rye"]})
    >>> Interactions.from_frame(table)
    Interactions(3 pairs of 2 users and 2 items)
    """

    user_index: IntArray
    item_index: IntArray
    users: pd.Index
    items: pd.Index
    rating: FloatArray | None = None
    timestamp: IntArray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    weight: FloatArray | None = None
    time_unit: TimeUnit | None = None

    def __post_init__(self) -> None:
        for role, labels in (("users", self.users), ("items", self.items)):
            _check_labels(role, labels)
        columns = {
            name: _checked_column(name, getattr(self, name), dtype)
            for name, dtype in COLUMNS.items()
            if name.endswith("_index") or getattr(self, name) is not None
        }
        for name, column in columns.items():
            if len(column) != len(columns["user_index"]):
                raise ValueError(
                    f"{name} holds {len(column):,} values for {len(columns['user_index']):,} pairs."
                )
        if "weight" in columns and not (columns["weight"] > 0).all():
            raise ValueError(
                f"weight holds {columns['weight'].min():g}: numbers above 0 are needed."
            )
        _check_positions("user_index", columns["user_index"], "users", len(self.users))
        _check_positions("item_index", columns["item_index"], "items", len(self.items))

        pairs = columns["user_index"] * self.num_items + columns["item_index"]
        if not (pairs[1:] > pairs[:-1]).all():
            order = np.argsort(pairs, kind="stable")
            pairs = pairs[order]
            columns = {name: column[order] for name, column in columns.items()}
            repeated = np.flatnonzero(pairs[1:] == pairs[:-1])
            if len(repeated):
                raise ValueError(
                    f"{len(repeated):,} of {len(pairs):,} pairs are repeated, such as "
                    f"{self._in_words(*divmod(pairs[repeated[0]], self.num_items))}: each may "
                    "occur once, and Interactions.from_frame keeps one of each."
                )
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    # ------------------------------------------------------------------ from and to tables
    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        user: str = "user",
        item: str = "item",
        rating: str | None = None,
        timestamp: str | None = None,
        *,
        missing: Literal["error", "drop"] = "error",
    ) -> Interactions:
        """Read a table with one interaction a row.

        Parameters
        ----------
        frame : pandas.DataFrame
        user, item : str
            The columns holding the ids: integers, or text (kept exactly, spaces and emoji too).
        rating, timestamp : str, optional
            A column of numbers, and one of dates or numbers.
        missing : {"error", "drop"}
            What to do with a row that lacks one of these values. Dropped rows are counted in
            `dropped`.

        Returns
        -------
        Interactions
            A pair that occurs several times is kept once: the latest by timestamp, else the last
            row. How many rows that left out is in `dropped`, and a warning says so.

        Raises
        ------
        ValueError
            With one sentence naming the column, what was found and what would be accepted.
        """
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(f"frame must be a pandas.DataFrame, not {type(frame).__name__}.")
        if missing not in ("error", "drop"):
            raise ValueError(f"missing={missing!r}: choose 'error' or 'drop'.")
        named = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
        columns = {role: name for role, name in named.items() if name is not None}
        for role, name in columns.items():
            if name not in frame.columns:
                raise ValueError(_missing_column(role, name, frame))
            if (count := int((frame.columns == name).sum())) > 1:
                raise ValueError(f"There are {count} columns {name!r} (for {role}): keep one.")
        if len(frame) == 0:
            raise ValueError("The table has no rows: at least one interaction is needed.")

        table = pd.DataFrame({role: frame[name].array for role, name in columns.items()})
        if "rating" in table:
            table["rating"] = _numbers(table["rating"], columns["rating"])
        if "timestamp" in table:
            table["timestamp"] = _seconds(table["timestamp"], columns["timestamp"])
        table, dropped = _without_missing(table, columns, missing)
        users, user_index = _labels(table["user"], user)
        items, item_index = _labels(table["item"], item)

        order = np.arange(len(table))
        if "timestamp" in table:
            order = np.argsort(table["timestamp"].to_numpy(), kind="stable")
        # sorted by user, item and age: the last of each run of equal pairs is the one to keep
        order = order[np.lexsort((item_index[order], user_index[order]))]
        pairs = user_index[order] * len(items) + item_index[order]
        keep = order[np.append(pairs[1:] != pairs[:-1], True)]
        if len(keep) < len(table):
            dropped["repeated pairs"] = len(table) - len(keep)
        if dropped:
            counts = ", ".join(f"{count:,} {what}" for what, count in dropped.items())
            warnings.warn(
                f"Left out of {len(frame):,} rows: {counts} (the latest of a pair is kept).",
                stacklevel=2,
            )
        return cls(
            user_index[keep],
            item_index[keep],
            users,
            items,
            table["rating"].to_numpy(np.float64)[keep] if "rating" in table else None,
            table["timestamp"].to_numpy(np.int64)[keep] if "timestamp" in table else None,
            dropped,
        )

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        user: str = "user",
        item: str = "item",
        rating: str | None = None,
        timestamp: str | None = None,
        *,
        separator: str = ",",
        encoding: str = "utf-8-sig",
        missing: Literal["error", "drop"] = "error",
    ) -> Interactions:
        """Read a CSV file (plain or compressed) with a header line; see :meth:`from_frame`.

        Ids are read as text and become integers only when that loses nothing: ``42`` does,
        ``007`` stays text.

        Examples
        --------
        >>> Interactions.from_csv("my_shop.csv", user="customer", item="product",
        ...                       timestamp="when")                        # doctest: +SKIP
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no file {os.fspath(path)!r}.")
        ids = {user, item}
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", "Length of header", pd.errors.ParserWarning)
                frame = pd.read_csv(
                    path,
                    sep=separator,
                    encoding=encoding,
                    index_col=False,  # else a value too many in each row shifts all columns
                    dtype=dict.fromkeys(ids, str),
                    # an id may well be the text "NA": only an empty cell is missing there
                    keep_default_na=False,
                    na_values={name: [""] for name in ids} | _usual_na([rating, timestamp]),
                )
        except pd.errors.EmptyDataError:
            raise ValueError(
                f"{os.fspath(path)!r} is empty: a header line and at least one row are needed."
            ) from None
        except pd.errors.ParserWarning:
            raise ValueError(
                f"{os.fspath(path)!r} has rows with more values than the header has names, with "
                f"separator={separator!r}: as many are needed."
            ) from None
        except (pd.errors.ParserError, UnicodeError, LookupError) as error:
            raise ValueError(
                f"{os.fspath(path)!r} cannot be read as CSV with separator={separator!r} and "
                f"encoding={encoding!r}: {str(error).strip()}."
            ) from None
        for name in ids & set(frame.columns):
            frame[name] = _integers_if_lossless(frame[name])
        return cls.from_frame(frame, user, item, rating, timestamp, missing=missing)

    def to_frame(self) -> pd.DataFrame:
        """The table again: columns user, item and, where present, rating, timestamp and weight.

        Timestamps that came from dates are dates again, in UTC.
        """
        columns: dict[str, Any] = {
            "user": self.users[self.user_index],
            "item": self.items[self.item_index],
        }
        columns |= self.values()
        if self.time_unit is not None:
            columns["timestamp"] = pd.to_datetime(
                columns["timestamp"], unit=self.time_unit, utc=True
            )
        return pd.DataFrame(columns)

    def values(self) -> dict[str, Any]:
        """What the pairs have besides, by name: those of rating, timestamp and weight there are."""
        return {name: getattr(self, name) for name in VALUES if getattr(self, name) is not None}

    def to_csr(self, values: ArrayLike | None = None) -> sparse.csr_array:
        """The user-item matrix R, shape (num_users, num_items), float64; ones by default.

        Parameters
        ----------
        values : array, shape (n,), optional
            What to store instead of ones, for example ``interactions.rating``.
        """
        data = np.ones(len(self)) if values is None else np.asarray(values, np.float64)
        if data.shape != (len(self),):
            raise ValueError(f"values has shape {data.shape}; one value a pair is ({len(self)},).")
        shape = (self.num_users, self.num_items)
        return sparse.csr_array((data, (self.user_index, self.item_index)), shape=shape)

    # ------------------------------------------------------------------ size and looks
    @property
    def num_users(self) -> int:
        return len(self.users)

    @property
    def num_items(self) -> int:
        return len(self.items)

    def __len__(self) -> int:
        return len(self.user_index)

    def __repr__(self) -> str:
        extra = [f"with {' and '.join(self.values())}"] if self.values() else []
        extra += [f"left out: {count:,} {what}" for what, count in self.dropped.items()]
        return (
            f"Interactions({len(self):,} pairs of {self.num_users:,} users and "
            f"{self.num_items:,} items{''.join(', ' + part for part in extra)})"
        )

    @property
    def density(self) -> float:
        """The share of all user-item pairs that are present."""
        return len(self) / (self.num_users * self.num_items)

    def user_degrees(self) -> IntArray:
        """Interactions of each user, shape (num_users,)."""
        return np.bincount(self.user_index, minlength=self.num_users)

    def item_degrees(self) -> IntArray:
        """Interactions of each item, shape (num_items,)."""
        return np.bincount(self.item_index, minlength=self.num_items)

    def items_of(self, user: object) -> pd.Index:
        """The labels of what one user (given by label) interacted with."""
        return self.items[self.item_index[self.user_index == position(self.users, user, "user")]]

    def contains(self, users: IntArray, items: IntArray) -> NDArray[np.bool_]:
        """Which of these pairs are among the interactions.

        Parameters
        ----------
        users, items : int64 arrays
            Positions; the two broadcast. An item of -1 is no item, so its pair is never among them.

        Returns
        -------
        bool array
            One entry a pair.

        Examples
        --------
        >>> from gnnrec_helpers import datasets
        >>> likes = datasets.load("toy").interactions
        >>> likes.contains(likes.user_index[:2], np.array([likes.item_index[0], -1]))
        array([ True, False])
        """
        asked = np.asarray(users * self.num_items + items)
        if len(self) == 0:
            return np.zeros(asked.shape, bool)
        pairs = self.user_index * self.num_items + self.item_index  # in ascending order
        place = np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)
        return np.asarray((pairs[place] == asked) & (items >= 0))

    def _in_words(self, user: int, item: int) -> str:
        """A pair of positions by its labels, as Python shows them."""
        user_label, item_label = self.users[[user]].tolist()[0], self.items[[item]].tolist()[0]
        return f"user {user_label!r} with item {item_label!r}"

    # ------------------------------------------------------------------ selections
    def select(self, keep: ArrayLike) -> Interactions:
        """Some of the pairs, in the same index space.

        Parameters
        ----------
        keep : bool array, shape (n,), or int array
            A mask, or positions as a set: their order and repetitions change nothing.

        Examples
        --------
        >>> from gnnrec_helpers import datasets
        >>> likes = datasets.load("toy").interactions
        >>> likes.select([7, 0, 7]).to_frame().to_numpy().tolist()
        [['Ana', 'Alien'], ['Dia', 'Dune']]
        """
        mask = self._mask(keep)
        return replace(
            self,
            user_index=self.user_index[mask],
            item_index=self.item_index[mask],
            dropped={},
            **{name: values[mask] for name, values in self.values().items()},
        )

    def _mask(self, keep: ArrayLike) -> NDArray[np.bool_]:
        """Which pairs to keep, from a mask or from positions."""
        keep = np.asarray(keep)
        if keep.ndim != 1 or not (keep.dtype.kind in "biu" or keep.size == 0):
            raise TypeError(
                "select takes a mask or positions, not an array of "
                f"{keep.dtype} with shape {keep.shape}."
            )
        if keep.dtype == bool:
            if len(keep) != len(self):
                raise ValueError(
                    f"The mask has {len(keep):,} entries; one for each of the {len(self):,} pairs "
                    "is needed."
                )
            return keep
        outside = (keep < 0) | (keep >= len(self))
        if outside.any():
            raise ValueError(
                f"Position {keep[outside][0]} is not one of the {len(self):,} pairs, whose "
                "positions start at 0."
            )
        mask = np.zeros(len(self), bool)
        mask[keep.astype(np.int64)] = True
        return mask

    def compact(self) -> Interactions:
        """The same pairs with users and items that have none taken off the lists of labels."""
        users, user_index = np.unique(self.user_index, return_inverse=True)
        items, item_index = np.unique(self.item_index, return_inverse=True)
        return replace(
            self,
            user_index=user_index.astype(np.int64),
            item_index=item_index.astype(np.int64),
            users=self.users[users],
            items=self.items[items],
        )

    def binarize(self, threshold: float) -> Interactions:
        """Keep the pairs rated at least `threshold`, without the rating: liked, or not known.

        Users and items left without any pair disappear; `dropped` counts all three.
        """
        if self.rating is None:
            raise ValueError("binarize needs ratings, and these interactions have none.")
        kept = self.select(self.rating >= threshold)
        if len(kept) == 0:
            raise ValueError(
                f"No rating reaches {threshold:g}: they go from {self.rating.min():g} "
                f"to {self.rating.max():g}."
            )
        return replace(self._report(kept.compact(), f"ratings under {threshold:g}"), rating=None)

    def k_core(self, users: int = 5, items: int = 5) -> Interactions:
        """Keep users with at least `users` items and items with at least `items` users.

        Repeated until nothing changes, since removing an item may push a user under the bar.
        """
        kept = self
        while True:
            enough = (kept.user_degrees()[kept.user_index] >= users) & (
                kept.item_degrees()[kept.item_index] >= items
            )
            if enough.all():
                break
            kept = kept.select(enough)
        if len(kept) == 0:
            raise ValueError(f"Nothing is left of the core with {users} items and {items} users.")
        return self._report(kept.compact(), "pairs outside the core")

    def _report(self, kept: Interactions, what: str) -> Interactions:
        counts = {
            what: len(self) - len(kept),
            "users": self.num_users - kept.num_users,
            "items": self.num_items - kept.num_items,
        }
        return replace(kept, dropped={name: count for name, count in counts.items() if count})

    # ------------------------------------------------------------------ splits
    def split(
        self,
        test: float = 0.2,
        validation: float = 0.1,
        *,
        seed: int = 0,
        by: Literal["random", "time"] = "random",
        within: Literal["user", "all"] = "user",
    ) -> Split:
        """Hold out a share of every user's interactions, or of all together.

        Parameters
        ----------
        test, validation : float
            Shares of each user's interactions, rounded to whole ones (halves up); validation may
            be 0. At least one interaction of every user stays in train, so a user with a single
            one has nothing held out.
        seed : int
            Of the NumPy generator that shuffles (unused by time).
        by : {"random", "time"}
            Which ones: any, or the latest (test) and next latest (validation).
        within : {"user", "all"}
            Whether the shares are those of each user, or of all interactions in one heap, as
            papers on rating prediction have it. Then some users and items are in test only.

        Returns
        -------
        Split
            Three `Interactions` with the same users and items as this one. What had to stay in
            train shows as "users without test items" when the split is printed.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or if test or validation would be empty because no user
            has enough interactions.
        """
        from .splits import Split, hold_out

        shares = {"test": test, "validation": validation}
        train, for_test, for_validation = hold_out(self, shares, seed=seed, by=by, within=within)
        return Split(train, for_validation if validation else None, for_test)


def ratings_of(interactions: Interactions) -> FloatArray:
    """The ratings, one a pair; without any there is nothing to learn or to judge by."""
    if interactions.rating is None or len(interactions) == 0:
        found = "none of these interactions has one" if len(interactions) else "there are none"
        raise ValueError(f"Ratings are needed, and {found}.")
    return interactions.rating


def _check_labels(role: str, labels: object) -> None:
    if not isinstance(labels, pd.Index):
        raise TypeError(f"{role} must be a pandas.Index of labels, not {type(labels).__name__}.")
    if not labels.is_unique:
        repeated = labels[labels.duplicated()].tolist()[0]
        raise ValueError(f"{role} holds the label {repeated!r} more than once.")


def _checked_column(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> NDArray[Any]:
    """One value a pair, as `dtype`; not a copy if it is one already."""
    column = np.asarray(values)
    if name == "timestamp" and column.dtype.kind == "f":
        dtype = np.dtype(np.float64)
    if column.ndim != 1:
        raise ValueError(f"{name} has shape {column.shape}; one dimension is needed.")
    if len(column) and (column.dtype == bool or not np.can_cast(column.dtype, dtype)):
        raise TypeError(f"{name} holds values of type {column.dtype}; {dtype} is needed.")
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        raise ValueError(f"{name} holds values that are no finite numbers.")
    return column.astype(dtype, copy=False)


def _check_positions(name: str, index: IntArray, role: str, count: int) -> None:
    if len(index) and not (index.min() >= 0 and index.max() < count):
        wrong = index[(index < 0) | (index >= count)][0]
        raise ValueError(
            f"{name} holds {wrong}; with {count:,} {role}, positions go from 0 to {count - 1:,}."
        )


def position(labels: pd.Index, label: object, role: str) -> int:
    """Where `label` stands in `labels`; an unknown one is named in the error."""
    try:
        found: Any = labels.get_loc(label)
    except (KeyError, TypeError, pd.errors.InvalidIndexError):
        raise KeyError(
            f"Unknown {role} {label!r}: the {len(labels):,} known ones look like "
            f"{', '.join(repr(known) for known in labels[:3].tolist())}."
        ) from None
    return int(found)


def positions(labels: pd.Index, wanted: ArrayLike | Sequence[object], role: str) -> IntArray:
    """Where each of `wanted` stands in `labels`, shape (len(wanted),); see :func:`position`."""
    values: Any = wanted
    values = [values] if np.isscalar(values) else list(values)
    if len(values) == 1:  # a request for one user, without the detour through an index
        return np.array([position(labels, values[0], role)])
    given = pd.Index(values)
    found = labels.get_indexer(given)
    for unknown in given[found < 0].tolist():
        position(labels, unknown, role)
    return found.astype(np.int64)


def _missing_column(role: str, name: str, frame: pd.DataFrame) -> str:
    found = ", ".join(repr(str(column)) for column in frame.columns[:12])
    message = f"There is no column {name!r} (for {role}); the columns are {found}."
    if len(frame.columns) == 1:
        header = str(frame.columns[0])
        used = [mark for mark in (";", "\t", "|", ",") if mark in header]
        if used:
            message += f" The header contains {used[0]!r}: try separator={used[0]!r}."
    return message


def _usual_na(names: list[str | None]) -> dict[str, list[str]]:
    return {name: ["", "NA", "NaN", "nan", "null", "NULL", "None"] for name in names if name}


def _integers_if_lossless(values: pd.Series) -> pd.Series:
    present = values.dropna()
    if len(present) and present.str.fullmatch(r"0|-?[1-9][0-9]{0,17}").all():
        return values.astype("Int64") if len(present) < len(values) else values.astype(np.int64)
    return values


def _numbers(values: pd.Series, column: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = numbers.isna() & values.notna()
    wrong |= np.isinf(numbers.to_numpy(np.float64, na_value=np.nan))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"Column {column!r} has {int(wrong.sum()):,} values that are no finite number, the "
            f"first {values.tolist()[row]!r} in row {row}."
        )
    return numbers.astype(np.float64)


def _seconds(values: pd.Series, column: str) -> pd.Series:
    values = values.infer_objects()
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("Int64")  # exactly: nanoseconds would not fit into a float
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _numbers(values, column).round().astype("Int64")
    dates = pd.to_datetime(values, errors="coerce", utc=True, format="mixed")
    wrong = dates.isna() & values.notna()
    wrong |= values.map(lambda value: isinstance(value, (int, float))) & values.notna()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"Column {column!r} has {int(wrong.sum()):,} values that are no date or time, the "
            f"first {values.iloc[row]!r} in row {row}; ISO dates such as '2026-01-31 12:00' "
            "throughout, or numbers throughout, are accepted."
        )
    seconds = pd.Series(pd.NA, index=values.index, dtype="Int64")
    known = dates.notna()
    seconds[known] = dates[known].dt.as_unit("s").astype("int64")
    return seconds


def _without_missing(
    table: pd.DataFrame, columns: Mapping[str, str], missing: str
) -> tuple[pd.DataFrame, dict[str, int]]:
    lacking = table.isna()
    if not lacking.to_numpy().any():
        return table, {}
    counts = {role: int(count) for role, count in lacking.sum().items() if count}
    if missing == "error":
        role, count = next(iter(counts.items()))
        row = int(np.flatnonzero(lacking[role])[0])
        raise ValueError(
            f"Column {columns[str(role)]!r} lacks a value in {count:,} rows, the first row {row}; "
            "fill them in, or pass missing='drop' to leave those rows out."
        )
    table = table[~lacking.any(axis=1)].reset_index(drop=True)
    if len(table) == 0:
        raise ValueError("No row is left once those with missing values are dropped.")
    return table, {"rows with a missing value": int(lacking.any(axis=1).sum())}


def _labels(values: pd.Series, column: str) -> tuple[pd.Index, IntArray]:
    """Sorted distinct labels and the position of each value among them."""
    values = values.infer_objects()
    if isinstance(values.dtype, pd.CategoricalDtype):  # else the labels are in its own order
        values = values.astype(values.cat.categories.dtype)
    if not pd.api.types.is_integer_dtype(values.dtype):
        kinds = sorted({type(value).__name__ for value in values})
        if len(kinds) > 1 or kinds[0] not in ("str", "int"):
            raise ValueError(
                f"Column {column!r} holds ids of type {' and '.join(kinds)}: use integers or text "
                f"throughout, for example frame[{column!r}].astype(str)."
            )
        values = values.astype(np.int64) if kinds == ["int"] else values
    elif pd.api.types.is_extension_array_dtype(values.dtype):
        values = values.astype(np.int64)
    codes, labels = pd.factorize(values, sort=True)
    return pd.Index(labels), codes.astype(np.int64)
