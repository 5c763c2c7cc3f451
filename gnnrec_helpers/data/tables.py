"""Columns of a table, checked: ids, numbers and times, and rows that lack a value."""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

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
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")  # 007 is none
TRUTH = {"true": "1", "True": "1", "TRUE": "1", "false": "0", "False": "0", "FALSE": "0"}
PLAUSIBLE = (315_532_800, 4_102_444_800)  # seconds since 1970: from 1980 to 2100


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
    if isinstance(na_values, (str, Mapping)) or not isinstance(na_values, Collection):
        raise TypeError(f"na_values={na_values!r}: a list is needed, such as ['NULL'] or [-1].")
    if not (date_format is None or isinstance(date_format, str)):
        raise TypeError(f"date_format={date_format!r}: text is needed, such as '%d.%m.%Y'.")
    markers, names = list(na_values), plain_names(names)
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
        if role in ("user", "item") and _is_categories(frame[role]) and not markers
        else _plain(frame[role])
        for role in names
    }
    lacks = pd.DataFrame(
        {
            role: _lacking(column, markers, is_id=role in ("user", "item"))
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
    if isinstance(table, (pa.RecordBatch, pa.RecordBatchReader)):
        table = pa.table(table)
    if not isinstance(table, pa.Table):
        table = _to_arrow(table, names)
    _check_names(table.column_names, names)
    # as Arrow has them, since integers with gaps would become floats otherwise
    return pd.DataFrame({role: _of_arrow(table.column(name)) for role, name in names.items()})


def _to_arrow(table: Any, names: Mapping[str, Any]) -> pa.Table:
    """The named columns of a table of another library."""
    frame = nw.from_native(table, pass_through=True)
    if not isinstance(frame, (nw.DataFrame, nw.LazyFrame)):
        raise TypeError(
            f"frame is a {_kind(table)}: a data frame is needed (a pandas.DataFrame, or one of "
            "polars or Arrow), or a dict of columns."
        )
    _check_names(list(frame.collect_schema().names()), names)
    picked = frame.select([nw.col(name) for name in dict.fromkeys(names.values())])
    return (picked.collect() if isinstance(picked, nw.LazyFrame) else picked).to_arrow()


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _from_mapping(table: Mapping[Any, Any]) -> pd.DataFrame:
    columns = {name: _values_of(name, column) for name, column in table.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name!r} {length:,}" for name, length in lengths.items())
        raise ValueError(f"The columns have different lengths ({shown}): as many are needed.")
    return pd.DataFrame(columns)


def _values_of(name: object, column: Any) -> Any:
    """The values of a column in their order, without an index that would pair them anew."""
    arrow = any(hasattr(column, f"__arrow_c_{kind}__") for kind in ("array", "stream"))
    # without an order, or of several parts
    odd = (str, bytes, set, frozenset, Mapping, pd.MultiIndex)
    if isinstance(column, odd) or not (arrow or isinstance(column, Collection)):
        found = _kind(column)
    elif len(shape := getattr(column, "shape", (0,))) != 1:
        found = f"{_kind(column)} of shape {tuple(shape)}"
    elif arrow and not isinstance(column, (pd.Series, pd.Index)):
        return _of_arrow(column)
    else:
        return pd.Series(column).array
    raise TypeError(
        f"A dict of columns is needed, each a list or array of values, and {name!r} is a {found}."
    )


def plain_names(names: Mapping[str, Any]) -> dict[str, Any]:
    """Names of columns by role, as Python has them where they are scalars of NumPy."""
    return {role: _plain_name(name) for role, name in names.items()}


def _plain_name(name: Any) -> Any:
    return name.item() if isinstance(name, np.generic) else name


def _check_names(found: list[Any], names: Mapping[str, Any]) -> None:
    found = [_plain_name(one) for one in found]
    for role, name in plain_names(names).items():
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
def decoded(values: pa.Array) -> pa.Array:
    """Without dictionaries, runs and views, which neither pandas nor all of Arrow can handle."""
    if pa.types.is_run_end_encoded(values.type):
        return decoded(compute.run_end_decode(values))
    if pa.types.is_dictionary(values.type):
        return decoded(values.dictionary).take(values.indices)
    return values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values


def decoded_type(kind: pa.DataType) -> pa.DataType:
    """Of what type such values are then."""
    return decoded(pa.nulls(0, kind)).type


def _of_arrow(column: Any) -> Any:
    """A column of Arrow, decoded, as pandas has it."""
    whole = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array(column)
    parts = [decoded(part) for part in whole.chunks]
    return pd.arrays.ArrowExtensionArray(pa.chunked_array(parts, decoded_type(whole.type)))


def _plain(values: pd.Series) -> pd.Series:
    """Without categories and gaps, and of its own type where pandas holds objects of one."""
    if isinstance(values.dtype, pd.SparseDtype):
        values = pd.Series(np.asarray(values), values.index)
    values = values.infer_objects()
    if _is_categories(values):  # else the labels are in its own order
        return values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.ArrowDtype):
        return pd.Series(_of_arrow(pa.array(values.array)))
    return values


def _is_categories(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _is_text(values: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(values.dtype) or values.dtype == object


def _is_date(values: pd.Series) -> bool:
    kind = values.dtype  # "date32[day][pyarrow]" counts to the second
    return pd.api.types.is_datetime64_any_dtype(kind) or str(kind).startswith("date")


def _is_fractional(values: pd.Series) -> bool:
    """Whether these are floats or decimals."""
    types = pd.api.types
    return types.is_numeric_dtype(values.dtype) and not (
        types.is_integer_dtype(values.dtype) or types.is_bool_dtype(values.dtype)
    )


def _numpy_type(kind: Any) -> np.dtype[Any]:
    """Of the numbers of a column, float64 for decimals."""
    found = np.dtype(getattr(kind, "numpy_dtype", kind))
    return np.dtype(np.float64) if found.hasobject else found


def _exact_below(kind: Any) -> float:
    """Whole floats from here on have lost digits: 2**53, but 2**24 of float32."""
    return 2.0 ** (np.finfo(_numpy_type(kind)).nmant + 1)


def _lacking(values: pd.Series, markers: Sequence[Any], *, is_id: bool) -> NDArray[np.bool_]:
    """Where there is no value, or a marker of a missing one: -1 or "-1", whatever the column."""
    lacking = values.isna().to_numpy(bool)
    figures = [number for number in map(_figure, markers) if number is not None]
    if _is_text(values):
        texts = [m for m in markers if isinstance(m, str)]
        texts += [written for m in markers for written in _spellings(m)]
        marked = values.isin([*texts, *(() if is_id else NO_NUMBER)])
        if figures and values.dtype == object:
            marked |= values.isin(figures)
        if figures and not is_id:
            marked |= np.isin(numeric(values), np.array(figures, np.float64))
        return lacking | marked.to_numpy(bool)
    if _is_date(values):
        texts = [m for m in markers if isinstance(m, str) and not NUMBER.fullmatch(m)]
        days = [*texts, *(m for m in markers if isinstance(m, (datetime.date, np.datetime64)))]
        moments = _moments(pd.Series(days, dtype=object), "ISO8601").dropna()
        if len(moments):
            return lacking | pd.to_datetime(values, utc=True).isin(moments).to_numpy(bool)
    elif pd.api.types.is_integer_dtype(values.dtype):
        kind = _numpy_type(values.dtype)
        bounds = np.iinfo(kind)
        whole = [int(f) for f in figures if bounds.min <= f <= bounds.max and f == int(f)]
        if whole:
            return lacking | np.isin(values.to_numpy(kind, na_value=0), np.array(whole, kind))
    elif _is_fractional(values):
        floats = values.to_numpy(np.float64, na_value=np.nan)
        rounded = np.array(figures, np.float64).astype(_numpy_type(values.dtype))
        return lacking | np.isnan(floats) | np.isin(floats, rounded.astype(np.float64))
    return lacking


def _figure(marker: object) -> Any:
    """The number that a marker is, or stands for as text."""
    if isinstance(marker, str) and NUMBER.fullmatch(marker):
        return float(marker) if "." in marker else int(marker)
    return marker if _is_finite_number(marker) else None


def _spellings(marker: Any) -> list[str]:
    """How a number is written: -1 as -1.0, too."""
    if not _is_finite_number(marker):
        return []
    return [str(marker), *([str(int(marker)), f"{int(marker)}.0"] if marker == int(marker) else [])]


def _is_finite_number(value: Any) -> bool:
    if isinstance(value, (bool, complex)) or not isinstance(value, numbers.Number):
        return False
    # (an integer may be too large for a float, and a Decimal has a size but is no Real)
    return isinstance(value, numbers.Integral) or math.isfinite(cast("float", value))


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
        try:
            codes, found = whole or pd.factorize(values)
        except (TypeError, pa.ArrowNotImplementedError):  # lists, say
            raise _no_ids(values.tolist(), column) from None
        if values.dtype == np.float16:
            found = np.asarray(found).astype(np.float16)  # which pandas has made float32
    labels = _whole(found)
    if labels is None:
        texts = list(found)
        if not all(isinstance(value, str) for value in texts):
            raise _no_ids(texts, column)
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


def _no_ids(found: Sequence[Any], column: object) -> ValueError:
    """Why these distinct values are no ids."""
    odd = [value for value in found if not isinstance(value, str)]
    if len(odd) == len(found) and all(map(_is_finite_number, odd)):
        floats = [value for value in odd if isinstance(value, (float, np.floating))]
        whole = [value for value in odd if not isinstance(value, (float, np.floating))]
        beyond = [value for value in whole if not -(2**63) <= value < 2**63]
        if beyond:
            return ValueError(
                f"Column {column!r} holds {beyond[0]}: integers up to 2**63 - 1, or text, are "
                "accepted."
            )
        odd = [value for value in odd if value != int(value)]
        if not odd:
            return ValueError(
                f"Column {column!r} holds {max(map(float, floats), key=abs)}, and floats of that "
                "size have lost digits: use integers or text throughout."
            )
    kinds = sorted({type(value).__name__ for value in found})
    return ValueError(
        f"Column {column!r} holds ids of type {' and '.join(kinds)}, such as {odd[0]!r}: "
        f"use integers or text throughout, for example frame[{column!r}].astype(str)."
    )


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
        exact = (np.abs(floats) < _exact_below(dtype)) & (np.floor(floats) == floats)
        return floats.astype(np.int64) if exact.all() else None
    listed = list(found)
    if listed and all(_is_finite_number(v) and _is_exact(v) for v in listed):
        integers = [int(v) for v in listed]
        if all(-(2**63) <= integer < 2**63 for integer in integers):
            return np.array(integers, np.int64)
    return None


def _is_exact(value: Any) -> bool:
    """Whether a number is whole, and no float that may have been another."""
    is_float = isinstance(value, (float, np.floating))
    return value == int(value) and not (is_float and abs(value) >= _exact_below(type(value)))


# ---------------------------------------------------------------------- numbers and times
def finite_numbers(values: pd.Series, column: object) -> NDArray[np.float64]:
    """The values as float64; True is 1."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy(np.float64)
    if not (pd.api.types.is_numeric_dtype(values.dtype) or _is_text(values)):
        raise ValueError(f"Column {column!r} holds values of type {values.dtype}, not numbers.")
    if _is_text(values) and values.isin(list(TRUTH)).all():
        values = values.map(TRUTH)
    plain = numeric(values)
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
    if _is_date(values):
        return _since_1970(pd.to_datetime(values, utc=True))
    if not (_is_text(values) or pd.api.types.is_numeric_dtype(values.dtype)):
        raise ValueError(
            f"Column {column!r} holds values of type {values.dtype}: dates, or numbers, are needed."
        )
    if date_format is not None:
        whole = _whole(values)  # a gap makes floats of integers: 20240101.0
        texts = values if whole is None else pd.Series(whole, values.index)
        dates = _moments(texts.astype(str), date_format)
        if dates.isna().any():
            raise _no_time(values, column, dates.isna(), f"dates like {date_format!r} throughout")
        return _since_1970(dates)
    moments = values.astype(object) if values.dtype == object else values.astype(str)
    is_number = ~np.isnan(numeric(moments))
    if is_number.all():
        return _as_numbers(pd.to_numeric(moments), column, notes), None
    dates = _moments(moments.where(~is_number), "ISO8601")
    if dates.notna().all():
        return _since_1970(dates)
    # the kind that is rarer is the odd one
    raise _no_time(
        values, column, ~is_number if is_number.sum() > len(values) / 2 else dates.isna(),
        "ISO dates such as '2026-01-31 12:00' throughout, dates of one other format that "
        "date_format= names, or numbers throughout",
    )  # fmt: skip


def _moments(values: pd.Series, written: str) -> pd.Series:
    """The dates that are written so, NaT where there is none."""
    # pandas takes "now" and "today" for the moment of reading
    digits = values.astype(str).str.contains("[0-9]", na=False).astype(bool)
    try:
        return pd.to_datetime(values.where(digits), errors="coerce", utc=True, format=written)
    except ValueError as error:
        raise ValueError(f"date_format={written!r} is no format of dates: {error}.") from None


def numeric(values: pd.Series) -> NDArray[np.float64]:
    """The values as numbers, NaN where they are none."""
    if values.dtype == object:
        values = values.where(values.map(lambda value: isinstance(value, (str, numbers.Number))))
    if not pd.api.types.is_numeric_dtype(values.dtype):
        values = pd.to_numeric(values, errors="coerce")
    return values.to_numpy(np.float64, na_value=np.nan)


def _no_time(values: pd.Series, column: object, wrong: Any, accepted: str) -> ValueError:
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
        limit = _exact_below(values.dtype if _is_fractional(values) else np.float64)
        if (np.floor(found) == found).all() and (np.abs(found) < limit).all():
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
    Other numbers, such as a 0 for an unknown time, have no say unless most are such.
    """
    counts = _in_each_unit(stamps).values()
    return sum(counts) - max(counts) if 2 * sum(counts) > len(stamps) else 0


def only_unit(stamps: NDArray[Any]) -> Literal["s", "ms", "us", "ns"] | None:
    """The unit in which most of these numbers are moments from 1980 to 2100, and none in another.

    Unlike in :func:`unit_of`, a 0 for an unknown time has no say.
    """
    counts = _in_each_unit(stamps)
    used = [unit for unit, count in counts.items() if count]
    return used[0] if len(used) == 1 and 2 * counts[used[0]] > len(stamps) else None


def _in_each_unit(stamps: NDArray[Any]) -> dict[Literal["s", "ms", "us", "ns"], int]:
    """How many of these numbers are moments from 1980 to 2100 in a unit."""
    low, high = PLAUSIBLE
    return {
        unit: int(((stamps >= low * factor) & (stamps < high * factor)).sum())
        for unit, factor in UNITS
    }


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
