"""Files of interactions: CSV in its dialects, lists of items, JSON lines, Parquet."""

from __future__ import annotations

import bz2
import codecs
import csv
import glob
import gzip
import itertools
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import dataset, parquet
from pyarrow import json as arrow_json

from .tables import (
    WHOLE,
    Missing,
    decoded,
    decoded_type,
    listed,
    missing_column,
    numeric,
    plain_names,
)

Source: TypeAlias = str | os.PathLike[str] | IO[Any]
Names: TypeAlias = Mapping[str, str | int]  # from roles ("user", ...) to columns

OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSED = (*OPENERS, ".zip", ".zst")
TORN = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)
INSIDE = "lines joined to others by quotes"
STAND_IN = "\x1f"  # "unit separator": replaces a separator of several characters
MAGIC = (
    (b"PAR1", "a Parquet file", "Interactions.from_parquet"),
    (b"PK\x03\x04", "an archive or a workbook", "Interactions.from_csv(path.zip), or pandas,"),
    (b'{"', "a file of JSON", "Interactions.from_json_lines"),
)
BEGINNING = 2**20  # bytes in which the first line is looked for
ROWS_AT_ONCE = 2**16  # of a Parquet file
# the longer mark first, since the other begins it
MARKS_OF_ORDER = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


# ---------------------------------------------------------------------- bytes
def content(source: Source) -> bytes | str:
    """All that is in a file, a compressed one, the one file in a zip archive, or a file object."""
    if not isinstance(source, (str, os.PathLike)):
        if not hasattr(source, "read"):
            raise TypeError(f"A path is needed, not {type(source).__name__}.")
        try:
            found = source.read()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{shown(source)} was opened with an encoding that is not its own "
                f"({_one_line(error)}): open it with the right one, or give its path."
            ) from None
        return found if isinstance(found, str) else bytes(found)
    if "://" in os.fspath(source):
        raise ValueError(f"{os.fspath(source)!r} is an address: download the file first.")
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {os.fspath(source)!r}.")
    suffix = path.suffix.lower()
    try:
        if suffix == ".zip":
            return _only_file(path)
        if suffix == ".zst":
            with pa.input_stream(str(path), compression="zstd") as stream:
                return stream.read()
        with OPENERS.get(suffix, open)(path, "rb") as file:
            return file.read()
    except (*TORN, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise ValueError(f"{shown(source)} cannot be unpacked: {_one_line(error)}.") from None


def _only_file(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        files = [
            name
            for name in archive.namelist()
            if not name.endswith("/") and not name.startswith("__MACOSX")
        ]
        if len(files) != 1:
            raise zipfile.BadZipFile(
                f"it holds {len(files)} files ({', '.join(files[:5])}) and one is needed, so "
                "unpack it and name the file"
            )
        return archive.read(files[0])


def shown(source: Source) -> str:
    """A source, as errors name it."""
    if isinstance(source, (str, os.PathLike)):
        return repr(os.fspath(source))
    return f"The {type(source).__name__}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def utf8(source: Source, encoding: str = "utf-8-sig") -> bytes:
    """The content as UTF-8, without a byte order mark.

    Text that a file object has decoded already is taken as it is, and a byte order mark of UTF-16
    or UTF-32, which is not UTF-8, tells what it tells.
    """
    found = content(source)
    if isinstance(found, str):
        try:
            return found.encode().removeprefix(codecs.BOM_UTF8)
        except UnicodeEncodeError as error:
            odd = found[error.start : error.end]
            raise ValueError(
                f"{shown(source)} holds text that is no valid Unicode, such as {odd!r}."
            ) from None
    try:
        if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
            marked = (name for mark, name in MARKS_OF_ORDER if found.startswith(mark))
            encoding = next(marked, "utf-8")
        if encoding != "utf-8":
            found = found.decode(encoding).encode()
    except (UnicodeError, LookupError):
        raise _wrong_encoding(source, encoding, found) from None
    return found.removeprefix(codecs.BOM_UTF8)


def _wrong_encoding(source: Source, encoding: str, found: bytes) -> ValueError:
    try:
        found.decode(encoding)
        why = "characters that UTF-8 has not"
    except (UnicodeError, LookupError) as error:
        why = _one_line(error)
    return ValueError(
        f"{shown(source)} cannot be read with encoding={encoding!r} ({why}): name its encoding, "
        "such as 'latin-1' or 'utf-16'."
    )


def _check_zeros(source: Source, found: bytes) -> None:
    first = found[:BEGINNING].partition(b"\n")[0]
    if b"\0" in first:
        order = "be" if first.startswith(b"\0") else "le"
        raise ValueError(
            f"{shown(source)} has zero bytes in its first line, as text in UTF-16 has: name its "
            f"encoding, such as encoding='utf-16-{order}'."
        )


# ---------------------------------------------------------------------- CSV
def read_csv(
    source: Source,
    names: Names,
    *,
    separator: str = ",",
    header: bool | None = None,
    encoding: str = "utf-8-sig",
    quote: str | None = '"',
    escape: str | None = None,
    decimal: str = ".",
    as_text: Sequence[str] = (),
    uneven: Missing = "error",
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The named columns of a CSV file, ids as text, and how much of the file is not in them.

    Parameters
    ----------
    source : path or file object
    names : mapping
        From "user", "item", "rating", "timestamp" and "weight" to columns: their names, or their
        places counted from 0.
    separator, header, encoding, quote, escape, decimal
        As for :meth:`Interactions.from_csv`.
    as_text : sequence of roles
        Those whose column is not to be taken for numbers or dates.
    uneven : {"error", "drop"}
        What to do with rows that have too few or too many values.

    Returns
    -------
    DataFrame
        A column for each role.
    dict
        Rows with too few or too many values, which are left out, and lines that are inside of
        quotes and so part of another row.
    """
    names = plain_names(names)
    _check_dialect(separator, quote, escape, decimal)
    found = utf8(source, encoding)
    for beginning, kind, reader in MAGIC:
        if found.startswith(beginning):
            raise ValueError(f"{shown(source)} is {kind}, no CSV: {reader} reads it.")
    given, valid = found, _is_utf8(found)
    if not valid:  # which does no harm in columns that are not read
        found = found.decode("utf-8", "replace").encode()
    mark = separator
    if len(separator.encode()) > 1:
        mark = STAND_IN
        if mark.encode() in found:
            raise ValueError(
                f"{shown(source)} holds the character {mark!r}, beside which no separator of "
                "several characters can be read."
            )
        found = found.replace(separator.encode(), mark.encode())
    first, after = _first_record(found, mark, quote, escape, source)
    is_header = _is_header(first, names, header, source)
    try:
        places = _places(first if is_header else None, len(first), names)
    except ValueError:
        if any("\ufffd" in name for name in first) and not valid:  # the name may be there
            raise _wrong_encoding(source, encoding, given) from None
        raise
    rows = pa.py_buffer(memoryview(found)[after if is_header else 0 :])
    wrong: list[str] = []

    def set_aside(row: Any) -> str:
        wrong.append(row.text)
        return "skip"

    columns = [f"column {place}" for place in range(len(first))]
    text = [columns[places[role]] for role in ("user", "item", *as_text) if role in places]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(rows),
            arrow_csv.ReadOptions(column_names=columns),
            arrow_csv.ParseOptions(
                delimiter=mark,
                quote_char=quote or False,
                double_quote=bool(quote),
                escape_char=escape or False,
                newlines_in_values=bool(quote),
                invalid_row_handler=set_aside,
            ),
            arrow_csv.ConvertOptions(
                include_columns=[columns[place] for place in dict.fromkeys(places.values())],
                column_types=dict.fromkeys(text, pa.string()),
                null_values=[""],  # of ids: text between quotes is text, also if there is none
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=decimal,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise ValueError(
                f"{shown(source)} cannot be read as CSV with separator={separator!r}: "
                f"{_one_line(error)}."
            ) from None
        table = pa.table({name: pa.array([], pa.string()) for name in columns})
    if wrong and uneven == "error":
        raise ValueError(
            f"{shown(source)} has {len(wrong):,} rows with more or fewer values than the "
            f"{len(first)} of its {'header' if is_header else 'first line'}, the first "
            f"{wrong[0][:60].strip()!r}, with separator={separator!r}: mend them, or pass "
            "missing='drop' to leave them out."
        )
    swallowed = 0
    begin = after if is_header else 0
    if any(found.find(mark.encode(), begin) >= 0 for mark in (quote, escape) if mark):
        swallowed = _lines(found, begin) - len(table) - len(wrong)
    counts = {
        "rows with too few or too many values": len(wrong),
        INSIDE: max(swallowed, 0),
    }
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    picked = pd.DataFrame({role: frame[columns[place]].array for role, place in places.items()})
    for role in picked.columns[[pd.api.types.is_string_dtype(t) for t in picked.dtypes]]:
        if not valid and picked[role].str.contains("\ufffd", regex=False).any():
            raise _wrong_encoding(source, encoding, given)
        if mark != separator:  # where it stood between quotes
            picked[role] = picked[role].str.replace(mark, separator, regex=False)
        if decimal != "." and role not in ("user", "item", *as_text):
            picked[role] = _with_point(picked[role], decimal, names[role])
    return picked, {what: count for what, count in counts.items() if count}


def _with_point(values: pd.Series, decimal: str, column: object) -> pd.Series:
    """The numbers of a column of text as Python writes them; others are none, or dates."""
    pointed = values.str.contains(".", regex=False).to_numpy(bool, na_value=False)
    pointed &= ~np.isnan(numeric(values))
    if pointed.any():
        row = int(np.argmax(pointed))
        raise ValueError(
            f"Column {column!r} has {int(pointed.sum()):,} numbers with a point, the first "
            f"{values[row]!r} in row {row}, and decimal={decimal!r}: numbers such as "
            f"{f'3{decimal}5'!r}, without marks between thousands, are needed."
        )
    replaced = values.str.replace(decimal, ".", regex=False)
    return values.where(np.isnan(numeric(replaced)), replaced)


def _is_utf8(found: bytes) -> bool:
    try:
        return found.isascii() or bool(found.decode())
    except UnicodeError:
        return False


def _check_dialect(separator: str, quote: str | None, escape: str | None, decimal: str) -> None:
    if not separator or any(mark in separator for mark in "\r\n"):
        raise ValueError(f"separator={separator!r}: one or more characters of a line are needed.")
    for name, mark in (("quote", quote), ("escape", escape), ("decimal", decimal)):
        if mark is None and name != "decimal":
            continue
        if not (isinstance(mark, str) and len(mark) == 1 and mark.isascii() and mark.isprintable()):
            raise ValueError(f"{name}={mark!r}: one printable ASCII character is needed.")
        if mark == separator:
            raise ValueError(f"{name}={mark!r} is the separator too: they must differ.")
    if quote is not None and quote == escape:
        raise ValueError(f"quote and escape are both {quote!r}: they must differ.")


def _first_record(
    found: bytes, mark: str, quote: str | None, escape: str | None, source: Source
) -> tuple[list[str], int]:
    """The values of the first row that is not empty, and where the row after it begins."""
    _check_zeros(source, found)
    lines = found[:BEGINNING].splitlines(keepends=True)
    texts = [line.decode("utf-8", "replace") for line in lines]
    reader = csv.reader(
        texts,
        delimiter=mark,
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape,
    )
    try:
        for record in reader:
            if record:
                return record, sum(map(len, lines[: reader.line_num]))
    except csv.Error as error:
        raise ValueError(
            f"The first line of {shown(source)} cannot be read: {_one_line(error)}."
        ) from None
    raise ValueError(f"{shown(source)} is empty: a header line, or at least one row, is needed.")


def _is_header(first: list[str], names: Names, header: bool | None, source: Source) -> bool:
    by_number = [isinstance(name, int) for name in names.values()]
    if any(by_number) and not all(by_number):
        raise ValueError("Name all columns, or give all of them by number.")
    is_data = 2 * sum(map(_is_number, first)) >= len(first)
    if header is None:
        if is_data and all(by_number):
            return False
        if is_data:
            raise ValueError(
                f"The first line of {shown(source)} looks like data ({listed(first)}): "
                "pass header=False and give columns by number, such as user=0, item=1, or "
                "header=True if these are names."
            )
        if all(by_number):
            raise ValueError(
                f"Pass header=True if the first line of {shown(source)} holds names "
                f"({listed(first)}), or header=False."
            )
        return True
    if not header and not all(by_number):
        raise ValueError(
            "Without a header line, columns are given by number: user=0, item=1, for example."
        )
    return header


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _places(header: list[str] | None, width: int, names: Names) -> dict[str, int]:
    """Where each of the named columns is."""
    places = {}
    for role, name in names.items():
        if isinstance(name, int):
            if not 0 <= name < width:
                raise ValueError(f"There is no column {name} (for {role}); there are {width}.")
            places[role] = name
            continue
        assert header is not None
        found = [place for place, one in enumerate(header) if one == name]
        # typed names of .inter files: "user_id:token"
        found = found or [p for p, one in enumerate(header) if one.partition(":")[0] == name]
        if not found:
            raise ValueError(missing_column(role, name, header))
        if len(found) > 1:
            raise ValueError(f"There are {len(found)} columns {name!r} (for {role}): keep one.")
        places[role] = found[0]
    return places


def _lines(found: bytes, begin: int) -> int:
    """How many lines from `begin` on are not empty."""
    if b"\r" not in found and found.find(b"\n\n", begin) < 0:
        ends = found.count(b"\n", begin)
        return ends - found.startswith(b"\n", begin) + (not found.endswith(b"\n"))
    letters = np.frombuffer(found, np.uint8)[begin:]
    inside = (letters != 10) & (letters != 13)
    return int(inside[:1].sum()) + int((inside[1:] & ~inside[:-1]).sum())


def read_item_lists(source: Source, encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Lines that begin with a user and go on with her items, with spaces between."""
    found = utf8(source, encoding)
    _check_zeros(source, found)
    try:
        lines = found.decode().splitlines()
    except UnicodeError:
        raise _wrong_encoding(source, encoding, found) from None
    user, item = [], []
    for line in lines:
        first, *others = line.split() or [""]
        user += [first] * len(others)
        item += others
    return pd.DataFrame({"user": user, "item": item}, dtype=object)


# ---------------------------------------------------------------------- JSON lines, Parquet
def read_json_lines(source: Source, names: Names, as_text: Sequence[str] = ()) -> pd.DataFrame:
    """The named values of a file with a JSON object in each line: a column for each role."""
    names = _only_names(names)
    found = utf8(source)
    if found[:100].lstrip()[:1] == b"[":
        raise ValueError(
            f"{shown(source)} holds one JSON list, not an object in each line: "
            "pandas.read_json(path, dtype=False) reads it, and Interactions.from_frame goes on."
        )
    text = {str(names[role]) for role in as_text if role in names}
    table = _json(source, found, text)
    # ids that look like dates are text all the same
    dates = {
        str(names[role])
        for role in ("user", "item")
        if names[role] in table.column_names
        and pa.types.is_timestamp(table.schema.field(names[role]).type)
    }
    return _picked(_json(source, found, text | dates) if dates else table, names)


def _json(source: Source, found: bytes, text: set[str]) -> pa.Table:
    """All columns of JSON lines, some of them as text."""
    schema = pa.schema([(name, pa.string()) for name in sorted(text)])
    try:
        table = arrow_json.read_json(
            pa.BufferReader(found),
            arrow_json.ReadOptions(block_size=max(len(found), 1)),
            arrow_json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
        )
        assert all(isinstance(name, str) for name in table.column_names)  # may be no UTF-8
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeError) as error:
        if "Empty JSON" in str(error):
            raise ValueError(f"{shown(source)} is empty: at least one line is needed.") from None
        raise ValueError(
            f"{shown(source)} cannot be read as JSON lines: {_one_line(error)}."
        ) from None
    return table


def read_parquet(source: Source, names: Names) -> pd.DataFrame:
    """The named columns of Parquet files: a column for each role.

    Files are read batch by batch. Of ids that are text only the distinct ones are kept, and their
    places: a column of categories. A column of which files differ in the type is read as one that
    keeps all values, or refused.
    """
    names = _only_names(names)
    wanted = [str(name) for name in dict.fromkeys(names.values())]
    parts = _parts(source, wanted)
    for role, name in names.items():
        for part in [part for part in parts if name in part.columns] or parts[:1]:
            _check_column(role, name, part.columns)
    kinds = {name: _common_type(name, parts) for name in wanted}
    ids = (names["user"], names["item"])
    columns: dict[str, _Plain | _Codes] = {
        name: _Codes() if name in ids and _is_text(kind) else _Plain(kind)
        for name, kind in kinds.items()
    }
    for part, batch in _batches(parts):
        for name, column in columns.items():
            column.add(_values(name, batch, part, kinds[name]))
    return pd.DataFrame({role: columns[str(n)].values(role, n) for role, n in names.items()})


@dataclass(frozen=True)
class _Part:
    """A Parquet file."""

    source: Source
    file: Any
    columns: list[str]
    kinds: dict[str, pa.DataType]  # of the wanted columns that it holds, decoded
    keys: dict[str, str | None]  # columns that the names of its folders give


def _parts(source: Source, wanted: Sequence[str]) -> list[_Part]:
    """The files that hold rows, of which only the columns are known yet.

    They are not read by the data set that Arrow makes of them, which reads far ahead.
    """
    files: list[tuple[Source, Any, dict[str, str | None]]]
    with _refused(source):
        if isinstance(source, (str, os.PathLike)):
            paths = dataset.dataset(_files(source), format="parquet").files
            files = [(path, path, _keys(path)) for path in paths]
        else:
            files = [(source, pa.BufferReader(content(source)), {})]
    if not files:
        raise FileNotFoundError(f"There is no Parquet file in {shown(source)}.")
    parts, empty = list[_Part](), list[_Part]()
    for name, file, keys in files:
        with _refused(name):
            metadata = parquet.read_metadata(file)
            schema = metadata.schema.to_arrow_schema()
        types = dict(zip(schema.names, schema.types, strict=True))
        kinds = {column: decoded_type(types[column]) for column in wanted if column in types}
        columns = [*schema.names, *(key for key in keys if key not in types)]
        part = _Part(name, file, columns, kinds, keys)
        (parts if metadata.num_rows else empty).append(part)
    return parts or empty


@contextmanager
def _refused(source: Source) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise ValueError(f"{shown(source)} is no Parquet file: {_one_line(error)}.") from None


def _keys(path: str) -> dict[str, str | None]:
    """What the names of folders say: a file in the folder shop=a is of shop a."""
    named = (folder.partition("=") for folder in Path(path).parts[:-1] if "=" in folder)
    return {
        unquote(name): None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value)
        for name, _, value in named
    }


def _batches(parts: Sequence[_Part]) -> Iterator[tuple[_Part, pa.RecordBatch]]:
    for part in parts:
        with _refused(part.source), parquet.ParquetFile(part.file) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[*part.kinds]):
                yield part, batch


def _values(name: str, batch: pa.RecordBatch, part: _Part, kind: pa.DataType) -> pa.Array:
    """A column of a batch, as the type that it has in all files."""
    if name not in part.kinds:
        if (key := part.keys.get(name)) is None:
            return pa.nulls(len(batch), kind)
        return pa.repeat(pa.scalar(key).cast(kind), len(batch))
    column = decoded(batch.column(name))
    try:
        return column if column.type == kind else column.cast(kind)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"Column {name!r} holds {column.type} in {shown(part.source)}, and beside the other "
            f"files {kind} is needed, which cannot hold all of it: {_one_line(error)}."
        ) from None


def _common_type(name: str, parts: Sequence[_Part]) -> pa.DataType:
    """A type to which a column can be cast in all files, and back again."""
    keys = [part.keys.get(name) for part in parts if name not in part.kinds]
    whole = all(WHOLE.fullmatch(key) for key in keys if key is not None)
    kinds: dict[pa.DataType, Source] = {}
    for part in parts:
        of_key = (pa.int64() if whole else pa.string()) if name in part.keys else pa.null()
        kinds.setdefault(part.kinds.get(name, of_key), part.source)
    common = _merged(kinds)
    if common is None:
        pairs = [*itertools.combinations(kinds, 2)]
        one, other = next((pair for pair in pairs if _merged(pair) is None), pairs[0])
        raise ValueError(
            f"Column {name!r} holds {one} in {shown(kinds[one])} and {other} in "
            f"{shown(kinds[other])}: the same type is needed, or numbers in both, or dates."
        )
    return common


def _merged(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    """The narrowest type for values of all these, if there is one: never text for numbers."""
    found = {kind for kind in kinds if not pa.types.is_null(kind)} or {pa.null()}
    if len(found) > 1:  # what Arrow does not find by itself
        zone = "UTC" if any(getattr(kind, "tz", None) for kind in found) else None
        decimals = any(map(pa.types.is_decimal, found))
        found = {_widened(kind, zone, decimals) for kind in found}
    try:
        schemas = [pa.schema([("one", kind)]) for kind in found]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None


def _widened(kind: pa.DataType, zone: str | None, decimals: bool) -> pa.DataType:
    if pa.types.is_date(kind):  # which is its midnight, in UTC as all moments without a zone
        return pa.timestamp("s" if pa.types.is_date32(kind) else "ms", zone)
    if pa.types.is_timestamp(kind):
        return pa.timestamp(kind.unit, zone)
    if pa.types.is_integer(kind) and decimals:
        return pa.decimal128(20)
    return pa.float64() if pa.types.is_floating(kind) else kind


def _files(source: str | os.PathLike[str]) -> str | list[str]:
    """The file or the folder of this name, or the files that the pattern stands for."""
    place = os.fspath(source)
    if Path(place).exists():
        return place
    files = sorted(glob.glob(place, recursive=True))
    if not files:
        raise FileNotFoundError(f"There is no file {place!r}.")
    return files


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


class _Plain:
    """A column as it comes."""

    def __init__(self, kind: pa.DataType) -> None:
        self.kind, self.parts = kind, list[Any]()

    def add(self, column: pa.Array) -> None:
        self.parts.append(column)

    def values(self, role: str, name: str | int) -> Any:
        column = pa.chunked_array(self.parts, self.kind)
        _check_text(role, name, column)
        return pd.arrays.ArrowExtensionArray(column)


class _Codes:
    """A column of text: its distinct labels, and the place of each value among them."""

    def __init__(self) -> None:
        self.labels: dict[str, int] = {}
        self.parts = list[NDArray[np.int32]]()
        self.is_utf_8 = True

    def add(self, column: pa.Array) -> None:
        found = column.dictionary_encode()
        try:
            labels = found.dictionary.to_pylist()
        except UnicodeError:
            self.is_utf_8 = False
            return
        places = [self.labels.setdefault(label, len(self.labels)) for label in labels]
        at = found.indices.fill_null(len(labels)).to_numpy()
        self.parts.append(np.array([*places, -1], np.int32)[at])

    def values(self, role: str, name: str | int) -> Any:
        if not self.is_utf_8:
            raise _not_utf_8(role, name)
        codes = np.concatenate([np.empty(0, np.int32), *self.parts])
        return pd.Categorical.from_codes(codes, pd.Index([*self.labels], dtype=object))


def _only_names(names: Names) -> dict[str, str]:
    found = plain_names(names)
    for role, name in found.items():
        if not isinstance(name, str):
            raise TypeError(f"{role}={name!r}: the name of a column is needed in such a file.")
    return found


def _picked(table: pa.Table, names: Names) -> pd.DataFrame:
    for role, name in names.items():
        _check_column(role, name, table.column_names)
        _check_text(role, name, table.column(name))
    frame = table.select(list(dict.fromkeys(names.values()))).to_pandas(
        types_mapper=pd.ArrowDtype, ignore_metadata=True
    )
    return pd.DataFrame({role: frame[name].array for role, name in names.items()})


def _check_column(role: str, name: str | int, known: Sequence[str]) -> None:
    if (count := list(known).count(str(name))) != 1:
        if count:
            raise ValueError(f"There are {count} columns {name!r} (for {role}): keep one.")
        raise ValueError(missing_column(role, name, known))


def _check_text(role: str, name: str | int, column: pa.ChunkedArray) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:  # the readers of JSON and Parquet take text as it comes
        raise _not_utf_8(role, name) from None


def _not_utf_8(role: str, name: str | int) -> ValueError:
    return ValueError(
        f"Column {name!r} (for {role}) holds text that is not UTF-8: write the file anew in UTF-8."
    )


# ---------------------------------------------------------------------- by their ending
def ending(source: Source) -> str:
    """What kind of file it is by its name, without what says that it is compressed."""
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"Interactions.read needs a path, not {type(source).__name__}: from_csv, from_parquet "
            "and from_json_lines take file objects."
        )
    suffixes: Iterable[str] = [suffix.lower() for suffix in Path(source).suffixes]
    kept = [suffix for suffix in suffixes if suffix not in COMPRESSED]
    return kept[-1] if kept else ""
