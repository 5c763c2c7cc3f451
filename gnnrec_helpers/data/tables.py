"""Columns of a table, checked: ids, numbers and times, and rows that lack a value."""

from __future__ import annotations

import numbers
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

Missing = Literal["error", "drop"]
ROLES = ("user", "item", "rating", "timestamp", "weight")
# what stands for a missing number or time in the files of common programs; in a column of ids
# each of them may be somebody's name
NO_NUMBER = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "\\N", "-")
SUSPECTS = {"na", "n/a", "#n/a", "nan", "null", "none", "\\n", "undefined", "nil", "<na>"}
UNITS: tuple[tuple[Literal["s", "ms", "us", "ns"], int], ...] = (
    ("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9),
)  # fmt: skip
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # integers that come back as the same text
PLAUSIBLE = (315_532_800, 4_102_444_800)  # seconds since 1970: from 1980 to 2100
EXACT = 2.0**53  # whole floats beyond it have lost digits


@dataclass(frozen=True)
class Columns:
    """The checked columns of the rows that lack nothing."""

    user: NDArray[np.int64]  # positions in `users`
    item: NDArray[np.int64]
    users: pd.Index
    items: pd.Index
    values: dict[str, NDArray[Any]]  # rating, timestamp, weight
    time_unit: Literal["s", "ms", "us", "ns"] | None
    lacking: int  # rows left out for a missing value
    notes: list[str]  # what the caller should be warned of


def read_columns(
    table: Any,
    names: Mapping[str, Any],
    *,
    by_role: bool = False,
    missing: Missing = "error",
    na_values: Sequence[Any] = (),
    date_format: str | None = None,
    whole_text: bool = False,
) -> Columns:
    """Check the named columns of a table and turn labels into positions.

    Parameters
    ----------
    table : data frame of pandas, polars or Arrow, or mapping from names to columns
    names : mapping
        From the roles that are wanted ("user", "item", "rating", ...) to names of columns.
    by_role : bool, default False
        Whether the columns of the table are called by their roles already.
    missing, na_values, date_format
        As for :meth:`Interactions.from_frame`.
    whole_text : bool, default False
        Whether ids that are text become integers where that loses nothing.

    Raises
    ------
    TypeError, ValueError
        With one sentence naming the column, what was found and what would be accepted.
    """
    if isinstance(na_values, str):
        raise TypeError(f"na_values={na_values!r}: a list is needed, such as [{na_values!r}].")
    try:
        frame = table if by_role else _named(table, names)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The table holds text that is no valid Unicode, such as {error.object!r}."
        ) from None
    if len(frame) == 0:
        raise ValueError("The table has no rows: at least one interaction is needed.")
    columns = {
        role: frame[role]
        if role in ("user", "item") and _is_categories(frame[role]) and not na_values
        else _plain(frame[role])
        for role in names
    }
    lacks = pd.DataFrame(
        {
            role: _lacking(column, [*na_values, *(() if role in ("user", "item") else NO_NUMBER)])
            for role, column in columns.items()
        }
    )
    lacking = np.asarray(lacks.to_numpy().any(axis=1))
    if lacking.any():
        _check_lacking(lacks, names, missing)
        columns = {role: column[~lacking] for role, column in columns.items()}

    notes: list[str] = []
    users, user = ids(columns.pop("user"), names["user"], notes, whole_text=whole_text)
    items, item = ids(columns.pop("item"), names["item"], notes, whole_text=whole_text)
    unit = None
    values: dict[str, NDArray[Any]] = {}
    for role, column in columns.items():
        if role == "timestamp":
            values[role], unit = times(column, names[role], date_format, notes)
        else:
            values[role] = finite_numbers(column, names[role])
    if "weight" in values and not (values["weight"] > 0).all():
        row = columns["weight"].index[int(np.argmin(values["weight"] > 0))]
        raise ValueError(
            f"Column {names['weight']!r} (for weight) holds {values['weight'].min():g}, the first "
            f"number that is not above 0 in row {row}: leave such rows out, or shift them."
        )
    return Columns(user, item, users, items, values, unit, int(lacking.sum()), notes)


# ---------------------------------------------------------------------- which columns
def _named(table: Any, names: Mapping[str, Any]) -> pd.DataFrame:
    """The named columns under the names of their roles."""
    if isinstance(table, Mapping):
        table = _from_mapping(table)
    if isinstance(table, pd.DataFrame):
        levels = [name for name in table.index.names if name is not None]
        found = [*table.columns, *(name for name in levels if name not in table.columns)]
        _check_names(found, names)
        return pd.DataFrame(
            {
                role: (
                    table[name] if name in table.columns else table.index.get_level_values(name)
                ).array
                for role, name in names.items()
            }
        )
    frame = nw.from_native(table, pass_through=True)
    if not isinstance(frame, (nw.DataFrame, nw.LazyFrame)):
        kind = f"{type(table).__module__}.{type(table).__qualname__}".removeprefix("builtins.")
        raise TypeError(
            f"frame is a {kind}: a data frame is needed (a pandas.DataFrame, or one of polars or "
            "Arrow), or a dict of columns."
        )
    _check_names(list(frame.collect_schema().names()), names)
    picked = frame.select([nw.col(name) for name in dict.fromkeys(names.values())])
    whole = picked.collect() if isinstance(picked, nw.LazyFrame) else picked
    # by way of Arrow, since integers with gaps would become floats otherwise
    columns = whole.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)
    return pd.DataFrame({role: columns[name].array for role, name in names.items()})


def _from_mapping(table: Mapping[Any, Any]) -> pd.DataFrame:
    if not all(isinstance(column, Collection) for column in table.values()):
        raise TypeError("A dict of columns, each a list of values, is needed.")
    lengths = {name: len(column) for name, column in table.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name!r} {length:,}" for name, length in lengths.items())
        raise ValueError(f"The columns have different lengths ({shown}): as many are needed.")
    return pd.DataFrame(dict(table), index=range(max(lengths.values(), default=0)))


def _check_names(found: list[Any], names: Mapping[str, Any]) -> None:
    for role, name in names.items():
        count = sum(type(one) is type(name) and one == name for one in found)
        if count == 0:
            raise ValueError(missing_column(role, name, found))
        if count > 1:
            raise ValueError(f"There are {count} columns {name!r} (for {role}): keep one.")


def missing_column(role: str, name: object, found: Sequence[object]) -> str:
    """The sentence for a column that is not there."""
    message = f"There is no column {name!r} (for {role}); the columns are {listed(found)}."
    if len(found) == 1:
        header = str(found[0])
        used = [mark for mark in ("::", ";", "\t", "|", ",") if mark in header]
        if used:
            message += f" The header contains {used[0]!r}: try separator={used[0]!r}."
    return message


def listed(names: Sequence[object]) -> str:
    """Names as an error shows them: each on one line and not too long, and not too many."""
    texts = [repr(name) for name in names[:12]]
    shown = [text if len(text) <= 60 else f"{text[:56]}...'" for text in texts]
    return ", ".join([*shown, "..."] if len(names) > 12 else shown)


# ---------------------------------------------------------------------- missing values
def _plain(values: pd.Series) -> pd.Series:
    """Without categories, and of a type of its own where pandas holds Python objects of one."""
    values = values.infer_objects()
    if _is_categories(values):  # else the labels are in its own order
        return values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.ArrowDtype) and "dictionary" in str(values.dtype):
        return values.astype(pd.ArrowDtype(values.dtype.pyarrow_dtype.value_type))
    return values


def _is_categories(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _is_text(values: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(values.dtype) or values.dtype == object


def _lacking(values: pd.Series, markers: Sequence[Any]) -> NDArray[np.bool_]:
    lacking = values.isna().to_numpy(bool)
    if _is_text(values):
        texts = [marker for marker in markers if isinstance(marker, str)]
        lacking = lacking | values.isin(texts).to_numpy(bool)
    numeric = [m for m in markers if isinstance(m, numbers.Number)]
    if numeric and (pd.api.types.is_numeric_dtype(values.dtype) or values.dtype == object):
        lacking = lacking | values.isin(numeric).to_numpy(bool, na_value=False)
    return np.asarray(lacking)


def _check_lacking(lacks: pd.DataFrame, names: Mapping[str, Any], missing: str) -> None:
    if missing == "error":
        role = str(lacks.any().idxmax())
        rows = np.flatnonzero(lacks[role])
        raise ValueError(
            f"Column {names[role]!r} lacks a value in {len(rows):,} rows, the first row {rows[0]}; "
            "fill them in, or pass missing='drop' to leave those rows out."
        )
    if lacks.any(axis=1).all():
        raise ValueError("No row is left once those with missing values are dropped.")


# ---------------------------------------------------------------------- ids
def ids(
    values: pd.Series, column: object, notes: list[str], *, whole_text: bool = False
) -> tuple[pd.Index, NDArray[np.int64]]:
    """Sorted distinct labels, and the position of each value among them.

    Labels are int64 or text, whatever the type of the column was: numbers of any width, or floats
    that are whole, as a column of integers with gaps becomes.
    """
    codes: NDArray[Any]
    found: Any
    if _is_categories(values):
        used = values.cat.remove_unused_categories()
        codes, found = used.cat.codes.to_numpy(), used.cat.categories
    else:
        whole = _integers_if_lossless(values) if whole_text else None
        codes, found = whole or pd.factorize(values)
    labels = _whole(found)
    if labels is None:
        texts = list(found)
        kinds = sorted({type(value).__name__ for value in texts})
        if kinds != ["str"]:
            example = next((v for v in texts if not isinstance(v, str)), texts[0])
            raise ValueError(
                f"Column {column!r} holds ids of type {' and '.join(kinds)}, such as {example!r}: "
                f"use integers or text throughout, for example frame[{column!r}].astype(str)."
            )
        odd = sorted(text for text in texts if text.strip().lower() in SUSPECTS)
        others = [text for text in texts if text not in odd]
        if odd and others and all(map(WHOLE.fullmatch, others)):  # somebody is called "NA", too
            rows = int(np.isin(codes, [texts.index(text) for text in odd]).sum())
            notes.append(
                f"Column {column!r} has the ids {', '.join(map(repr, odd))} in {rows:,} rows, and "
                f"all others are integers: if they stand for a missing one, pass na_values={odd!r}."
            )
        index = pd.Index(texts)
        order = np.argsort(np.array(texts, object), kind="stable")
    else:
        index = pd.Index(labels)
        order = np.argsort(labels, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return index[order], place[codes]


def _integers_if_lossless(values: pd.Series) -> tuple[NDArray[np.int64], NDArray[Any]] | None:
    """Codes and distinct integers, if every text comes back from them: 42 does, 007 does not."""
    texts = values.array if isinstance(values.dtype, pd.ArrowDtype) else values.tolist()
    column = pa.array(texts) if len(texts) else pa.array([], pa.string())
    try:
        codes, integers = _factorize(compute.cast(column, pa.int64()).to_numpy())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    if len(integers) and np.abs(integers).max() >= 10**18:
        return None
    digits = np.searchsorted(10 ** np.arange(1, 18), np.abs(integers), side="right") + 1
    shortest = np.bincount(codes) @ (digits + (integers < 0))
    # any other text of the same number is longer, so the sum of all lengths tells
    return (
        (codes, integers)
        if compute.sum(compute.binary_length(column)).as_py() == shortest
        else None
    )


def _factorize(integers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``pandas.factorize``, without hashing where the integers lie close together."""
    least, most = (int(integers.min()), int(integers.max())) if len(integers) else (0, 0)
    if most - least > 4 * len(integers):
        return pd.factorize(integers)
    shifted = integers - least
    there = np.bincount(shifted) > 0
    code = np.cumsum(there) - 1
    return code[shifted], np.flatnonzero(there) + least


def _whole(found: Any) -> NDArray[np.int64] | None:
    """The values as integers, if all of them are whole numbers."""
    dtype = found.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return None
    if pd.api.types.is_integer_dtype(dtype):
        whole = np.asarray(found.to_numpy() if hasattr(found, "to_numpy") else found)
        too_large = whole.dtype.kind == "u" and len(whole) and whole.max() > np.iinfo(np.int64).max
        return None if too_large else whole.astype(np.int64)
    if pd.api.types.is_float_dtype(dtype):
        floats = np.asarray(found, np.float64)
        exact = (np.abs(floats) <= EXACT) & (np.floor(floats) == floats)
        return floats.astype(np.int64) if exact.all() else None
    listed = list(found)
    if listed and all(
        isinstance(v, numbers.Number) and not isinstance(v, (bool, np.bool_, complex))
        for v in listed
    ):
        try:
            integers = [int(v) for v in listed]
            same = all(one == other for one, other in zip(integers, listed, strict=True))
            return np.array(integers, np.int64) if same else None
        except (OverflowError, ValueError):
            return None
    return None


# ---------------------------------------------------------------------- numbers and times
def finite_numbers(values: pd.Series, column: object) -> NDArray[np.float64]:
    """The values as float64."""
    if not (pd.api.types.is_numeric_dtype(values.dtype) or _is_text(values)):
        raise ValueError(f"Column {column!r} holds values of type {values.dtype}, not numbers.")
    found = pd.to_numeric(values, errors="coerce")
    plain = found.to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isfinite(plain)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"Column {column!r} has {int(wrong.sum()):,} values that are no finite number, the "
            f"first {values.tolist()[place]!r} in row {values.index[place]}."
        )
    return plain


def times(
    values: pd.Series, column: object, date_format: str | None, notes: list[str]
) -> tuple[NDArray[Any], Literal["s", "ms", "us", "ns"] | None]:
    """Numbers in the order of time, and their unit if they were dates.

    Dates are counted from 1970 in the coarsest unit that keeps all of them exactly. Numbers are
    kept as they are, as int64 where they are whole.
    """
    if date_format is None and pd.api.types.is_numeric_dtype(values.dtype):
        if pd.api.types.is_bool_dtype(values.dtype):
            raise ValueError(f"Column {column!r} holds only True and False: times are needed.")
        return _as_numbers(values, column, notes), None
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or str(values.dtype).startswith("date"):
        return _since_1970(pd.to_datetime(values, utc=True))
    if not (_is_text(values) or pd.api.types.is_numeric_dtype(values.dtype)):
        raise ValueError(
            f"Column {column!r} holds values of type {values.dtype}: dates, or numbers, are needed."
        )
    if date_format is not None:
        texts = values.astype(str)
        dates = pd.to_datetime(texts, errors="coerce", utc=True, format=date_format)
        if dates.isna().any():
            raise _no_time(values, column, dates.isna(), f"dates like {date_format!r} throughout")
        return _since_1970(dates)
    moments = values.astype(object) if values.dtype == object else values.astype(str)
    numeric = _numeric(moments)
    if numeric.all():
        return _as_numbers(pd.to_numeric(moments), column, notes), None
    dates = pd.to_datetime(moments.where(~numeric), errors="coerce", utc=True, format="ISO8601")
    if dates.notna().all():
        return _since_1970(dates)
    # the kind that is rarer is the odd one
    raise _no_time(
        values, column, ~numeric if numeric.sum() > len(values) / 2 else dates.isna(),
        "ISO dates such as '2026-01-31 12:00' throughout, dates of one other format that "
        "date_format= names, or numbers throughout",
    )  # fmt: skip


def _numeric(values: pd.Series) -> pd.Series:
    """Which of these values, text or objects, are numbers."""
    if values.dtype == object:
        values = values.where(values.map(lambda value: isinstance(value, (str, numbers.Number))))
    return pd.to_numeric(values, errors="coerce").notna()


def _no_time(values: pd.Series, column: object, wrong: pd.Series, accepted: str) -> ValueError:
    place = int(np.flatnonzero(wrong)[0])
    return ValueError(
        f"Column {column!r} has {int(wrong.sum()):,} values that are no date or time like the "
        f"others, the first {values.tolist()[place]!r} in row {values.index[place]}; {accepted}, "
        "are accepted."
    )


def _as_numbers(values: pd.Series, column: object, notes: list[str]) -> NDArray[Any]:
    if pd.api.types.is_integer_dtype(values.dtype):
        whole = values.to_numpy()
        if whole.dtype.kind == "u" and len(whole) and whole.max() > np.iinfo(np.int64).max:
            raise ValueError(f"Column {column!r} holds {whole.max()}: up to 2**63 - 1 is accepted.")
        found: NDArray[Any] = np.asarray(whole, np.int64)
    else:
        found = finite_numbers(values, column)
        if (np.floor(found) == found).all() and (np.abs(found) <= EXACT).all():
            found = found.astype(np.int64)
    if odd := mixed_units(found):
        notes.append(
            f"Column {column!r} seems to mix seconds with milliseconds or finer units: {odd:,} of "
            f"{len(found):,} values have another number of digits than most. Bring them to one "
            "unit, or the order is wrong."
        )
    return found


def unit_of(stamps: NDArray[Any]) -> Literal["s", "ms", "us", "ns"] | None:
    """The unit in which all of these numbers are moments from 1980 to 2100, if there is one."""
    if len(stamps) == 0:
        return None
    for unit, factor in UNITS:
        if PLAUSIBLE[0] * factor <= stamps.min() and stamps.max() < PLAUSIBLE[1] * factor:
            return unit
    return None


def mixed_units(stamps: NDArray[Any]) -> int:
    """How many of these numbers are in a coarser unit than the others, seconds among milliseconds.

    Moments from 1980 to 2100 are numbers of ten digits in seconds, of thirteen in milliseconds, of
    sixteen and nineteen in micro- and nanoseconds, so the four cannot be mistaken for each other.
    """
    counts = []
    for _, factor in UNITS:
        low, high = (bound * factor for bound in PLAUSIBLE)
        counts.append(int(((stamps >= low) & (stamps < high)).sum()))
    if sum(counts) < len(stamps) or max(counts, default=0) == len(stamps):
        return 0
    return len(stamps) - max(counts)


def _since_1970(dates: pd.Series) -> tuple[NDArray[Any], Literal["s", "ms", "us", "ns"]]:
    moments = pd.DatetimeIndex(dates)
    finest = dict(UNITS)[moments.unit]
    counted = moments.asi8
    unit, factor = next(
        (unit, factor)
        for unit, factor in UNITS
        if factor == finest or not (counted % (finest // factor)).any()
    )
    return counted // (finest // factor), unit
