"""Files and tables of many kinds: what people have, and what has to come out of it."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import tempfile
import uuid
import warnings
import zipfile
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from fuzz_readers import fuzz
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from gnnrec_helpers import Interactions
from gnnrec_helpers.data import readers

few = settings(max_examples=40, deadline=None, derandomize=True)
read = Interactions.from_frame


def pairs_of(found: Interactions) -> list[tuple[Any, ...]]:
    return list(found.to_frame()[["user", "item"]].itertuples(index=False, name=None))


def rows_of(found: Interactions) -> list[tuple[Any, ...]]:
    return list(found.to_frame().itertuples(index=False, name=None))


def text_file(text: str) -> io.StringIO:
    return io.StringIO(text)


def complaint(call: Callable[[], object], error: type[Exception] = ValueError) -> str:
    """What is said about bad input: always one line, always a sentence."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value.args[0])
    assert "\n" not in message
    assert message.endswith(".")
    return message


# ---------------------------------------------------------------------- files of the field
MOVIELENS_1M = "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n"
MOVIELENS_100K = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n"
BOOKS = (
    '"User-ID";"ISBN";"Book-Rating"\r\n"276725";"034545104X";"0"\r\n"276726";"0155061224";"5"\r\n'
)
RECBOLE = "user_id:token\titem_id:token\trating:float\n196\t242\t3\n186\t302\t3\n"
AMAZON = (
    '{"reviewerID": "A2", "asin": "0000031852", "overall": 5.0, "unixReviewTime": 1370044800, '
    '"reviewText": "so \\"nice\\"\\nand long"}\n'
    '{"reviewerID": "A1", "asin": "0000000031", "overall": 4.0, "unixReviewTime": 1370044801}\n'
)


def test_ratings_dat_of_movielens_1m(tmp_path: Path) -> None:
    path = tmp_path / "ratings.dat"
    path.write_text(MOVIELENS_1M)
    found = Interactions.read(path, 0, 1, 2, 3)
    assert rows_of(found) == [
        (1, 661, 3.0, 978302109), (1, 1193, 5.0, 978300760), (2, 1193, 4.0, 978298413),
    ]  # fmt: skip


def test_u_data_of_movielens_100k(tmp_path: Path) -> None:
    path = tmp_path / "u.data"
    path.write_text(MOVIELENS_100K)
    found = Interactions.read(path, user=0, item=1, rating=2, timestamp=3)
    assert rows_of(found) == [
        (22, 377, 1.0, 878887116), (186, 302, 3.0, 891717742), (196, 242, 3.0, 881250949),
    ]  # fmt: skip


def test_book_crossing() -> None:
    columns = ("User-ID", "ISBN", "Book-Rating")
    source = io.BytesIO(BOOKS.encode("latin-1"))
    found = Interactions.from_csv(source, *columns, separator=";", encoding="latin-1")
    assert rows_of(found) == [(276725, "034545104X", 0.0), (276726, "0155061224", 5.0)]

    escaped = BOOKS.replace('"034545104X"', '"\\"0432534220\\""')
    found = Interactions.from_csv(text_file(escaped), *columns, separator=";", escape="\\")
    assert found.items.tolist() == ['"0432534220"', "0155061224"]

    titles = (
        '"User-ID";"ISBN";"Title"\r\n"1";"034545104X";"Say \\"Cheese\\"; a novel"\r\n'
        '"2";"0155061224";"Rites"\r\n'
    )
    message = complaint(
        lambda: Interactions.from_csv(text_file(titles), *columns[:2], separator=";")
    )
    assert "1 rows with more or fewer values than the 3 of its header" in message
    found = Interactions.from_csv(text_file(titles), *columns[:2], separator=";", escape="\\")
    assert pairs_of(found) == [(1, "034545104X"), (2, "0155061224")]


def test_atomic_files_of_recbole(tmp_path: Path) -> None:
    path = tmp_path / "ml.inter"
    path.write_text(RECBOLE)
    want = [(186, 302, 3.0), (196, 242, 3.0)]
    assert rows_of(Interactions.read(path, "user_id", "item_id", "rating")) == want
    assert (
        rows_of(Interactions.read(path, "user_id:token", "item_id:token", "rating:float")) == want
    )


def test_lists_of_lightgcn(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("0 1 2 3\n1 2 4\n\n2 0\n3\n")
    found = Interactions.from_item_lists(path)
    assert pairs_of(found) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 4), (2, 0)]
    assert found.users.tolist() == [0, 1, 2]  # 3 has no item
    assert "does not say by its ending" in complaint(lambda: Interactions.read(path))


@pytest.mark.parametrize("ending", ["jsonl", "json", "ndjson", "jsonl.gz"])
def test_amazon_reviews(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"reviews.{ending}"
    content = AMAZON.encode()
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    found = Interactions.read(path, "reviewerID", "asin", "overall", "unixReviewTime")
    assert rows_of(found) == [
        ("A1", "0000000031", 4.0, 1370044801), ("A2", "0000031852", 5.0, 1370044800),
    ]  # fmt: skip


def test_ids_of_json_lines_keep_their_type() -> None:
    def ids(*values: Any) -> list[Any]:
        text = "".join(json.dumps({"user": value, "item": 1}) + "\n" for value in values)
        return Interactions.from_json_lines(text_file(text)).users.tolist()

    assert ids(2**60 + 1, 7) == [7, 2**60 + 1]
    assert ids("2026-01-31", "2026-01-30") == ["2026-01-30", "2026-01-31"]  # text, not dates
    assert ids("007") == ["007"]
    assert ids(1.0, 2.0) == [1, 2]
    assert "row 1" in complaint(lambda: ids("a", 1))


def parquet_of_pandas(path: Path, frame: pd.DataFrame) -> None:
    frame.to_parquet(path)


def parquet_of_polars(path: Path, frame: pd.DataFrame) -> None:
    pl.from_pandas(frame).write_parquet(path)


def parquet_of_duckdb(path: Path, frame: pd.DataFrame) -> None:
    duckdb.from_df(frame).write_parquet(str(path))


@pytest.mark.parametrize("write", [parquet_of_pandas, parquet_of_polars, parquet_of_duckdb])
def test_parquet(tmp_path: Path, write: Callable[[Path, pd.DataFrame], None]) -> None:
    when = pd.to_datetime(["2026-01-31 10:00:00.5", "2026-01-30 10:00:00.0"])
    frame = pd.DataFrame({"user": [7, 8], "item": ["007", "b"], "note": ["x", "y"], "when": when})
    path = tmp_path / "orders.parquet"
    write(path, frame)
    found = Interactions.read(path, timestamp="when")
    assert pairs_of(found) == [(7, "007"), (8, "b")]
    assert found.to_frame()["timestamp"].tolist() == list(when.tz_localize("UTC"))
    message = complaint(lambda: Interactions.from_parquet(path, rating="stars"))
    assert message == (
        "There is no column 'stars' (for rating); the columns are 'user', 'item', 'note', 'when'."
    )


def test_parquet_with_ids_in_the_index_of_a_frame(tmp_path: Path) -> None:
    counted = pd.DataFrame({"user": [1, 1], "item": [3, 3]}).groupby(["user", "item"]).size()
    frame = counted.to_frame("plays")
    frame.to_parquet(tmp_path / "plays.parquet")
    for found in (
        read(frame, weight="plays"),
        Interactions.read(tmp_path / "plays.parquet", weight="plays"),
    ):
        assert rows_of(found) == [(1, 3, 2.0)]


def partitioned(folder: Path, frame: pd.DataFrame) -> None:
    """Three files of a table, the last one without rows."""
    for number, part in enumerate((frame[::3], frame.drop(frame.index[::3]), frame[:0])):
        parquet_of_polars(folder / f"part-{number}.parquet", part.astype({"item": "str"}))


@pytest.mark.parametrize("rows_at_once", [7, 2**16])
def test_partitioned_parquet_is_read_as_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": generator.integers(0, 40, 300),
            "item": [f"item {n}" for n in generator.integers(0, 30, 300)],
            "when": generator.integers(0, 1000, 300),
        }
    )
    partitioned(tmp_path, frame)
    monkeypatch.setattr(readers, "ROWS_AT_ONCE", rows_at_once)
    with pytest.warns(UserWarning, match="repeated pairs"):
        expected = read(frame, timestamp="when")
    for place in (tmp_path, str(tmp_path), tmp_path / "part-*.parquet"):
        with pytest.warns(UserWarning, match=r"Left out of 300 rows: \d+ repeated pairs"):
            found = Interactions.read(place, timestamp="when")
        assert rows_of(found) == rows_of(expected)
        assert found.users.equals(expected.users)
        assert found.items.equals(expected.items)
        assert found.dropped == expected.dropped
    assert complaint(
        lambda: Interactions.read(tmp_path / "other-*.parquet"), FileNotFoundError
    ).startswith("There is no file")
    assert "no column 'who'" in complaint(lambda: Interactions.read(tmp_path, "who"))


def test_parquet_whose_folders_say_a_column(tmp_path: Path) -> None:
    for shop, item in (("a", "x"), ("b", "y")):
        folder = tmp_path / f"shop={shop}"
        folder.mkdir()
        pd.DataFrame({"user": [1], "item": [item]}).to_parquet(folder / "some.parquet")
    assert pairs_of(Interactions.read(tmp_path, "shop")) == [("a", "x"), ("b", "y")]


def test_text_that_is_missing_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": ["a", None, "b", "c"], "item": ["x", "x", None, "NA"]})
    frame.to_parquet(tmp_path / "some.parquet")
    message = complaint(lambda: Interactions.read(tmp_path))
    assert message.startswith("Column 'user' lacks a value in 1 rows, the first row 1")
    with pytest.warns(UserWarning, match="2 rows with a missing value"):
        found = Interactions.read(tmp_path, missing="drop")
    assert pairs_of(found) == [("a", "x"), ("c", "NA")]
    assert found.users.tolist() == ["a", "c"]
    with pytest.warns(UserWarning, match="3 rows with a missing value"):
        assert len(Interactions.read(tmp_path, missing="drop", na_values=["NA"])) == 1


def test_of_parquet_only_distinct_labels_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, width, rows = np.random.default_rng(0), 200, 60_000
    labels = np.array([f"{n:0{width}}" for n in range(50)], object)
    frame = pd.DataFrame(
        {name: labels[generator.integers(0, 50, rows)] for name in ("user", "item")}
    )
    for number in range(4):
        frame[number::4].to_parquet(tmp_path / f"{number}.parquet", row_group_size=2_000)
    del frame
    monkeypatch.setattr(readers, "ROWS_AT_ONCE", 1_000)
    before, held = pa.total_allocated_bytes(), []
    add = readers._Codes.add

    def watched(self: Any, column: pa.Array) -> None:
        add(self, column)
        held.append(pa.total_allocated_bytes() - before)

    monkeypatch.setattr(readers._Codes, "add", watched)
    with pytest.warns(UserWarning, match="repeated pairs"):
        assert len(Interactions.read(tmp_path)) == 2_500
    assert len(held) >= 2 * rows // 1_000
    assert max(held) < 2 * width * rows / 4  # of the bytes of all text


def test_categories_are_taken_as_their_labels() -> None:
    """The order of categories, and those that nobody has, are of no importance."""
    kinds = pd.Categorical.from_codes([2, 0, -1, 2], ["b", "unused", "a"])
    frame = pd.DataFrame({"user": kinds, "item": pd.Categorical([7, 5, 5, 5], [9, 7, 5])})
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        found = read(frame, missing="drop")
    assert pairs_of(found) == [("a", 5), ("a", 7), ("b", 5)]
    assert found.users.tolist() == ["a", "b"]
    assert found.items.tolist() == [5, 7]
    with pytest.warns(UserWarning, match="rows with a missing value"):
        assert pairs_of(read(frame, missing="drop", na_values=["a"])) == [("b", 5)]


# ---------------------------------------------------------------------- dialects of CSV
def test_a_stray_quote_is_noticed() -> None:
    text = 'user,item,title\n1,10,ok\n2,11,"12 inch\n3,12,x\n4,13,x\n5,14,"end\n6,15,z\n'
    with pytest.warns(UserWarning, match="3 lines joined to others by quotes; pass quote=None"):
        found = Interactions.from_csv(text_file(text))
    assert (len(found), dict(found.dropped)) == (3, {"lines joined to others by quotes": 3})
    assert len(Interactions.from_csv(text_file(text), quote=None)) == 6

    open_to_the_end = 'user,item,title\n1,10,ok\n2,11,"12 inch\n3,12,x\n'
    with pytest.warns(UserWarning, match="1 lines joined to others by quotes"):
        Interactions.from_csv(text_file(open_to_the_end))


@pytest.mark.parametrize("separator", ["::", ", ", "§", "\t|\t"])
@pytest.mark.parametrize("quoted", [False, True])
def test_separators_of_several_characters(separator: str, quoted: bool) -> None:
    def line(*values: object) -> str:
        return separator.join(f'"{value}"' if quoted else str(value) for value in values)

    text = "\n".join([line("user", "item", "r"), line("ana", 7, 2.5), line("ben", 8, 3)])
    found = Interactions.from_csv(text_file(text), rating="r", separator=separator)
    assert rows_of(found) == [("ana", 7, 2.5), ("ben", 8, 3.0)]


def test_a_separator_between_quotes_is_no_separator() -> None:
    for separator in (",", "::"):
        text = separator.join(["user", "item"]) + f'\n"a{separator}b"{separator}x\n'
        found = Interactions.from_csv(text_file(text), separator=separator)
        assert pairs_of(found) == [(f"a{separator}b", "x")]


def test_german_exports() -> None:
    text = "ana;tea;3,5;31.01.2024\nben;rye;NULL;01.02.2024\ncem;rye;4,0;03.02.2024\n"
    with pytest.warns(UserWarning, match="Left out of 3 rows: 1 rows with a missing value"):
        found = Interactions.from_csv(
            text_file(text), 0, 1, 2, 3, separator=";", header=False, decimal=",",
            date_format="%d.%m.%Y", missing="drop",
        )  # fmt: skip
    assert rows_of(found) == [
        ("ana", "tea", 3.5, pd.Timestamp("2024-01-31", tz="UTC")),
        ("cem", "rye", 4.0, pd.Timestamp("2024-02-03", tz="UTC")),
    ]


@pytest.mark.parametrize(
    "names",
    [{}, {"user": "0", "item": "1"}, {"user": "1", "item": "1193", "rating": "5"}],
    ids=["default", "digits", "the first row"],
)
def test_a_first_row_is_not_lost_as_a_header(names: dict[str, str]) -> None:
    message = complaint(
        lambda: Interactions.from_csv(text_file(MOVIELENS_1M), separator="::", **names)
    )
    assert "looks like data ('1', '1193', '5', '978300760')" in message
    assert "header=False" in message


def test_columns_by_number_need_to_know_about_the_first_line() -> None:
    text = "ana,tea\nben,rye\n"
    message = complaint(lambda: Interactions.from_csv(text_file(text), 0, 1))
    assert "header=True" in message
    assert "header=False" in message
    assert "'ana', 'tea'" in message
    assert pairs_of(Interactions.from_csv(text_file(text), 0, 1, header=True)) == [("ben", "rye")]
    assert len(Interactions.from_csv(text_file(text), 1, 0, header=False)) == 2
    assert len(Interactions.from_csv(text_file("1,2\n3,4\n"), "1", "2", header=True)) == 1
    assert "no column 2 (for item); there are 2" in complaint(
        lambda: Interactions.from_csv(text_file(text), 0, 2, header=False)
    )
    assert "by number" in complaint(lambda: Interactions.from_csv(text_file(text), header=False))
    assert "by number" in complaint(lambda: Interactions.from_csv(text_file(text), "ana", 1))


def test_only_named_columns_are_read() -> None:
    latin = "user,item,title\n1,2,caf\xe9\n".encode("latin-1")
    assert pairs_of(Interactions.from_csv(io.BytesIO(latin))) == [(1, 2)]
    message = complaint(lambda: Interactions.from_csv(io.BytesIO(latin), "title", "item"))
    assert "encoding='utf-8-sig'" in message
    assert "0xe9" in message


def test_uneven_rows_are_counted_where_they_are_dropped() -> None:
    text = "user,item\n1,2\n3\n4,5,6\n7,8\n,9\n"
    with pytest.warns(UserWarning, match="Left out of 5 rows"):
        found = Interactions.from_csv(text_file(text), missing="drop")
    assert pairs_of(found) == [(1, 2), (7, 8)]
    assert dict(found.dropped) == {
        "rows with too few or too many values": 2, "rows with a missing value": 1,
    }  # fmt: skip


def test_missing_values_of_databases() -> None:
    text = "user,item,rating\n1,10,5\n\\N,11,4\nNULL,12,3\nNULL,13,2\n2,14,\\N\n3,15,N/A\n"
    options: dict[str, Any] = {"rating": "rating", "missing": "drop"}
    with pytest.warns(UserWarning, match="rows") as caught:
        Interactions.from_csv(text_file(text), **options)
    told = [str(warning.message) for warning in caught]
    assert any("'NULL', '\\\\N' in 3 rows" in message for message in told)
    with pytest.warns(UserWarning, match="Left out of 6 rows: 5 rows with a missing value"):
        found = Interactions.from_csv(text_file(text), na_values=["NULL", "\\N"], **options)
    assert rows_of(found) == [(1, 10, 5.0)]
    assert found.users.dtype == np.int64
    message = complaint(lambda: Interactions.from_csv(text_file(text), na_values="NULL"), TypeError)
    assert "['NULL']" in message


def test_numbers_that_mean_missing() -> None:
    frame = pd.DataFrame({"user": [1, -1, 2], "item": [5, 6, 7], "stars": [4, 3, 0]})
    with pytest.warns(UserWarning, match="2 rows with a missing value"):
        found = read(frame, rating="stars", na_values=[-1, 0], missing="drop")
    assert rows_of(found) == [(1, 5, 4.0)]


def test_ids_of_one_type_in_every_file() -> None:
    today, tomorrow = "user,item\n1,10\n2,11\n", "user,item\n1,10\nG-7,10\n"
    found = [Interactions.from_csv(text_file(text), ids="text") for text in (today, tomorrow)]
    assert [part.users.tolist() for part in found] == [["1", "2"], ["1", "G-7"]]
    assert found[0].users.dtype == found[1].users.dtype
    assert "'auto' or 'text'" in complaint(
        lambda: Interactions.from_csv(text_file(today), ids="str")  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"separator": ""}, {"separator": "\n"}, {"quote": "''"}, {"quote": ","}, {"quote": "é"},
        {"escape": '"'}, {"decimal": ","}, {"decimal": ""}, {"keep": "last"}, {"missing": "skip"},
    ],
)  # fmt: skip
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    name = next(iter(options))
    message = complaint(lambda: Interactions.from_csv(text_file("user,item\n1,2\n"), **options))
    assert name in message


# ---------------------------------------------------------------------- containers
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.bz2", "csv.xz", "csv.zst", "zip"])
def test_compressed_files(tmp_path: Path, ending: str) -> None:
    content = b"user,item\n2,b\n1,a\n"
    path = tmp_path / ("shop.csv.zip" if ending == "zip" else f"shop.{ending}")
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/shop.csv", content)
    elif ending == "csv.zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(content)
    else:
        pack: dict[str, Any] = {
            "csv.gz": gzip.compress, "csv.bz2": bz2.compress, "csv.xz": lzma.compress,
        }  # fmt: skip
        path.write_bytes(pack.get(ending, bytes)(content))
    assert pairs_of(Interactions.read(path)) == [(1, "a"), (2, "b")]
    if ending != "csv":
        path.write_bytes(path.read_bytes()[:-6])
        message = complaint(lambda: Interactions.read(path))
        assert repr(str(path)) in message
        assert "cannot be unpacked" in message


def test_what_is_no_file_of_this_kind(tmp_path: Path) -> None:
    archive = tmp_path / "ml.csv.zip"
    with zipfile.ZipFile(archive, "w") as together:
        together.writestr("ratings.csv", "user,item\n1,2\n")
        together.writestr("movies.csv", "item,title\n2,x\n")
    assert "2 files (ratings.csv, movies.csv)" in complaint(lambda: Interactions.read(archive))
    assert "is an address" in complaint(lambda: Interactions.read("https://example.org/r.csv"))
    table = tmp_path / "x.csv"
    pd.DataFrame({"user": [1], "item": [2]}).to_parquet(table)
    assert "from_parquet" in complaint(lambda: Interactions.read(table))
    table.write_text('{"user": 1, "item": 2}\n')
    assert "from_json_lines" in complaint(lambda: Interactions.read(table))
    assert "no Parquet file" in complaint(lambda: Interactions.from_parquet(table))
    assert "is empty" in complaint(lambda: Interactions.from_json_lines(text_file("")))
    assert "one JSON list" in complaint(lambda: Interactions.from_json_lines(text_file("[1]")))
    for other in ("x.xlsx", "x", "x.txt.gz"):
        assert "ending" in complaint(lambda other=other: Interactions.read(tmp_path / other))
    for reader in (Interactions.from_csv, Interactions.from_parquet, Interactions.from_json_lines):
        complaint(lambda reader=reader: reader(tmp_path / "nothing.csv"), FileNotFoundError)
    complaint(lambda: Interactions.from_csv(7), TypeError)  # type: ignore[arg-type]
    complaint(lambda: Interactions.read(text_file("user,item\n")), TypeError)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- tables of other libraries
ROWS: dict[str, list[Any]] = {"user": [2, 1], "item": ["b", "a"], "stars": [4.0, 2.5]}


@pytest.mark.parametrize(
    "table",
    [
        ROWS,
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"),
        pd.DataFrame(ROWS).convert_dtypes(dtype_backend="numpy_nullable"),
        pd.DataFrame(ROWS).astype(object),
        pd.DataFrame(ROWS).astype({"item": "category", "user": "uint8", "stars": "float32"}),
        pl.DataFrame(ROWS),
        pl.LazyFrame(ROWS),
        pl.DataFrame(ROWS).with_columns(pl.col("item").cast(pl.Categorical)),
        pa.table(ROWS),
        pa.table({**ROWS, "item": pa.array(ROWS["item"]).dictionary_encode()}),
        duckdb.sql("select * from (values (2, 'b', 4.0), (1, 'a', 2.5)) t(user, item, stars)"),
    ],
    ids=lambda table: type(table).__module__.partition(".")[0],
)
def test_labels_are_equal_whatever_they_came_in(table: Any) -> None:
    found = read(table, rating="stars")
    assert rows_of(found) == [(1, "a", 2.5), (2, "b", 4.0)]
    want = read(pd.DataFrame(ROWS))
    assert found.users.equals(want.users)
    assert found.items.equals(want.items)
    assert found.users.dtype == want.users.dtype == np.int64
    assert found.items.dtype == want.items.dtype


@pytest.mark.parametrize(
    ("given_as", "kept"),
    [
        ([1.0, 3.0], [1, 3]),
        ([Decimal(1), Decimal(3)], [1, 3]),
        (np.array([1, 3], object), [1, 3]),
        (pd.array([1, 3], "Int8"), [1, 3]),
        (pd.array([1, 3], "UInt64"), [1, 3]),
        (pd.array([2**60 + 1, 3], "int64[pyarrow]"), [3, 2**60 + 1]),
    ],
)
def test_whole_numbers_are_integers(given_as: Any, kept: list[int]) -> None:
    found = read(pd.DataFrame({"user": given_as, "item": ["a", "b"]}))
    assert found.users.dtype == np.int64
    assert found.users.tolist() == kept


def test_integers_with_a_gap_come_back() -> None:
    frame = pd.DataFrame({"user": [1, None, 3], "item": [7, 8, 9]})
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        assert pairs_of(read(frame, missing="drop")) == [(1, 7), (3, 9)]
    gaps = pl.DataFrame({"user": [2**60 + 1, None], "item": ["a", "b"]})
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        assert read(gaps, missing="drop").users.tolist() == [2**60 + 1]


@pytest.mark.parametrize(
    "users",
    [
        [1.5, 3.0], [1, "1"], [uuid.UUID(int=1), uuid.UUID(int=2)], [b"a", b"b"], [True, False],
        [2**64 - 1, 1], [1e300, 2.0], [dt.date(2024, 1, 1), dt.date(2024, 1, 2)], [(1,), (2,)],
    ],
    ids=str,
)  # fmt: skip
def test_other_ids_are_refused(users: list[Any]) -> None:
    message = complaint(lambda: read(pd.DataFrame({"user": pd.Series(users), "item": [1, 2]})))
    assert "integers or text" in message
    assert "'user'" in message


@pytest.mark.parametrize(
    "table",
    [((1, 2) for _ in "a"), [1], None, np.eye(2), sparse.eye_array(2).tocsr(), "user,item"],
    ids=lambda table: type(table).__name__,
)
def test_what_is_no_table(table: Any) -> None:
    message = complaint(lambda: read(table), TypeError)
    assert type(table).__name__ in message
    assert "pandas.DataFrame" in message


def test_dicts_of_uneven_columns() -> None:
    message = complaint(lambda: read({"user": [1, 2], "item": [3]}))
    assert "'user' 2, 'item' 1" in message
    complaint(lambda: read({"user": 1, "item": 2}), TypeError)
    assert "no rows" in complaint(lambda: read({"user": [], "item": []}))


# ---------------------------------------------------------------------- time
def timed(values: Any, **options: Any) -> Interactions:
    size = len(values)
    return read(
        {"user": [1] * size, "item": list(range(size)), "t": values}, timestamp="t", **options
    )


@pytest.mark.parametrize(
    ("values", "unit", "counted"),
    [
        (["1970-01-01 00:01", "1970-01-02"], "s", [60, 86400]),
        (["1970-01-01T00:00:00.1Z", "1970-01-01T00:00:00.9Z"], "ms", [100, 900]),
        (["1970-01-01T00:00:00.000001Z", "1970-01-01"], "us", [1, 0]),
        (["1970-01-01T00:00:00.000000001Z", "1970-01-01"], "ns", [1, 0]),
        (pd.to_datetime([5, 6], unit="ms"), "ms", [5, 6]),
        (pa.array([5, 6], pa.timestamp("us")).to_pandas(types_mapper=pd.ArrowDtype), "us", [5, 6]),
        ([dt.date(1970, 1, 2), dt.date(1970, 1, 1)], "s", [86400, 0]),
        ([dt.datetime(1970, 1, 1, 0, 1), dt.datetime(1970, 1, 1)], "s", [60, 0]),
        ([1588687728923, 1588687728924], None, [1588687728923, 1588687728924]),
        ([1588687728.923, 1588687728.924], None, [1588687728.923, 1588687728.924]),
        ([2**62 + 1, 2**62 + 2], None, [2**62 + 1, 2**62 + 2]),
        (["1700000000", "1700000002"], None, [1700000000, 1700000002]),
        ([3.0, 1.0], None, [3, 1]),
    ],
    ids=str,
)
def test_times_keep_their_resolution(values: Any, unit: str | None, counted: list[Any]) -> None:
    found = timed(values)
    assert found.time_unit == unit
    assert found.timestamp is not None
    assert found.timestamp.tolist() == counted


def test_the_latest_within_a_second() -> None:
    frame = pd.DataFrame(
        {"user": 1, "item": 1, "stars": [5, 1],
         "when": pd.to_datetime(["2024-03-01T10:00:00.900Z", "2024-03-01T10:00:00.100Z"])}
    )  # fmt: skip
    with pytest.warns(UserWarning, match="the latest of a pair is kept"):
        assert read(frame, rating="stars", timestamp="when").rating.tolist() == [5.0]  # type: ignore[union-attr]
    within = [f"2024-03-01T10:00:00.{m}Z" for m in (100, 900, 500, 300, 700)]
    split = timed(within).split(test=0.2, validation=0, by="time")
    assert split.test.to_frame()["item"].tolist() == [1]


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (["31/01/2024", "02/03/2024"], ["2 values", "'31/01/2024' in row 0", "date_format="]),
        (["10:00", "11:00"], ["2 values", "'10:00'"]),
        (["2024-01-31", "31.01.2024", "2024-02-01"], ["1 values", "'31.01.2024' in row 1"]),
        (["1700000000", "2023-11-14", "1700000001"], ["1 values", "'2023-11-14' in row 1"]),
        (["2023-11-14", "2023-11-15", "1700000001"], ["1 values", "'1700000001' in row 2"]),
        ([True, False], ["True and False"]),
        ([[1], [2]], ["2 values"]),
    ],
)  # fmt: skip
def test_times_of_no_kind(values: list[Any], parts: list[str]) -> None:
    message = complaint(lambda: timed(values))
    assert [part for part in parts if part not in message] == []


def test_one_format_of_dates() -> None:
    days = timed(["31/01/2024", "02/03/2024", "13/03/2024"], date_format="%d/%m/%Y")
    assert days.to_frame()["timestamp"].dt.strftime("%d %b").tolist() == [
        "31 Jan",
        "02 Mar",
        "13 Mar",
    ]
    compact = timed([20240131, 20240302], date_format="%Y%m%d")
    assert compact.to_frame()["timestamp"].dt.strftime("%d %b").tolist() == ["31 Jan", "02 Mar"]
    message = complaint(lambda: timed(["31/01/2024", "2024-02-01"], date_format="%d/%m/%Y"))
    assert "'2024-02-01' in row 1" in message


def test_seconds_among_milliseconds_are_noticed() -> None:
    with pytest.warns(UserWarning, match="1 of 3 values have another number of digits"):
        timed([1588687728, 1388687728923, 1388687728924])
    timed([1588687728923, 1388687728923])  # without a warning
    timed([1, 1388687728923])  # neither can be told


# ---------------------------------------------------------------------- repeated pairs
PLAYS = pd.DataFrame({"user": 1, "item": [1, 1, 1, 2], "plays": [5, 1, 3, 7], "t": [3, 1, 2, 9]})


@pytest.mark.parametrize(
    ("keep", "timestamp", "want"),
    [
        ("latest", None, (3.0, None)),
        ("latest", "t", (5.0, 3)),
        ("first", None, (5.0, None)),
        ("first", "t", (1.0, 1)),
        ("sum", None, (9.0, None)),
        ("sum", "t", (9.0, 3)),
        ("max", "t", (5.0, 3)),
    ],
)
@pytest.mark.parametrize("role", ["rating", "weight"])
def test_what_becomes_of_repeated_pairs(
    role: str, keep: Any, timestamp: str | None, want: tuple[Any, ...]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if keep in ("latest", "first") else "error")
        found = read(PLAYS, timestamp=timestamp, keep=keep, **{role: "plays"})
    assert getattr(found, role).tolist() == [want[0], 7.0]
    assert timestamp is None or found.timestamp.tolist() == [want[1], 9]  # type: ignore[union-attr]
    assert sum(found.dropped.values()) == 2


def test_counting_rows() -> None:
    found = read(PLAYS, rating="plays", timestamp="t", keep="count")
    assert found.weight.tolist() == [3.0, 1.0]  # type: ignore[union-attr]
    assert found.rating.tolist() == [5.0, 7.0]  # type: ignore[union-attr]  # of the latest
    assert "left out" in repr(found)
    assert read(PLAYS[3:], keep="count").weight.tolist() == [1.0]  # type: ignore[union-attr]
    assert "'count' makes weights" in complaint(lambda: read(PLAYS, weight="plays", keep="count"))
    assert "needs a rating or a weight" in complaint(lambda: read(PLAYS, keep="sum"))


def test_weights_are_above_zero() -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 1], "plays": [3, 0]})
    message = complaint(lambda: read(frame, weight="plays"))
    assert "'plays'" in message
    assert "row 1" in message
    assert "above 0" in message


@few
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 5), st.integers(0, 3)),
        min_size=1, max_size=25,
    ),
    st.sampled_from(["latest", "first", "sum", "max", "count"]),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_order_of_rows_never_matters_beside_times(
    rows: list[Any], keep: Any, random: Any
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = (
            read(
                pd.DataFrame(part, columns=["user", "item", "r", "t"]),
                rating="r",
                timestamp="t",
                keep=keep,
            )
            for part in (rows, shuffled)
        )
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    frame = pd.DataFrame(rows, columns=["user", "item", "r", "t"]).sort_values(["t", "r"])
    grouped = frame.groupby(["user", "item"])
    if keep == "count":
        assert one.weight.tolist() == grouped.size().tolist()  # type: ignore[union-attr]
    how = {"latest": "last", "first": "first", "sum": "sum", "max": "max", "count": "last"}[keep]
    assert one.rating.tolist() == grouped["r"].agg(how).tolist()  # type: ignore[union-attr]
    assert sum(one.dropped.values()) == len(rows) - len(one)


# ---------------------------------------------------------------------- arrays and matrices
def test_edges_of_pyg() -> None:
    edges = torch.tensor([[1, 0, 1], [0, 2, 0]])
    with pytest.warns(UserWarning, match="1 repeated pairs"):
        found = Interactions.from_edge_index(edges, 3, ["x", "y", "z"])
    assert pairs_of(found) == [(0, "z"), (1, "x")]
    assert (found.num_users, found.num_items) == (3, 3)
    plays = Interactions.from_edge_index(edges, weight=[1.0, 2.0, 4.0], keep="sum")
    assert plays.weight.tolist() == [2.0, 5.0]  # type: ignore[union-attr]
    assert "users holds 9; with 2 users" in complaint(
        lambda: Interactions.from_edge_index([[0, 9], [0, 1]], users=2)
    )
    assert "-1" in complaint(lambda: Interactions.from_edge_index([[0, -1], [0, 1]]))
    assert "(2, n)" in complaint(lambda: Interactions.from_edge_index([[0, 1, 2]]))
    assert "2 values for 1 pairs" in complaint(
        lambda: Interactions.from_edge_index([[0], [1]], rating=[1.0, 2.0])
    )


@pytest.mark.parametrize("build", [sparse.csr_array, sparse.coo_matrix, sparse.lil_array])
def test_matrices_of_scipy(build: Callable[[Any], Any]) -> None:
    dense = np.array([[0, 3, 0], [1, 0, 0]])
    found = Interactions.from_scipy(build(dense), users=["ana", "ben"])
    assert rows_of(found) == [("ana", 1, 3.0), ("ben", 0, 1.0)]
    assert found.num_items == 3
    assert Interactions.from_scipy(build(dense), values="rating").rating.tolist() == [3.0, 1.0]  # type: ignore[union-attr]
    assert Interactions.from_scipy(build(dense), values=None).weight is None
    assert Interactions.from_scipy(build(np.eye(3))).weight is None
    assert (found.to_csr(found.weight).toarray() == dense).all()


def test_entries_of_a_matrix_that_are_zero_or_doubled() -> None:
    matrix = sparse.coo_array(([2.0, 0.0, 1.0], ([0, 0, 0], [1, 2, 1])), shape=(1, 3))
    with pytest.warns(UserWarning, match="Left out of 2 rows: 1 entries of 0"):
        found = Interactions.from_scipy(matrix)
    assert rows_of(found) == [(0, 1, 3.0)]  # SciPy means the sum
    complaint(lambda: Interactions.from_scipy(np.eye(2)), TypeError)


# ---------------------------------------------------------------------- every reader agrees
ids = st.one_of(
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=12),
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=1, max_size=12
    ),
)


@st.composite
def any_table(draw: st.DrawFn) -> pd.DataFrame:
    user, item = draw(ids), draw(ids)
    size = min(len(user), len(item))
    columns: dict[str, Any] = {"user": user[:size], "item": item[:size]}
    if draw(st.booleans()):
        columns["rating"] = draw(st.lists(st.floats(-1e9, 1e9), min_size=size, max_size=size))
    if draw(st.booleans()):
        columns["timestamp"] = draw(
            st.lists(st.integers(-(2**62), 2**62), min_size=size, max_size=size)
        )
    return pd.DataFrame(columns)


def by_csv(frame: pd.DataFrame, folder: Path, **names: Any) -> Interactions:
    frame.to_csv(folder / "t.csv", index=False, quoting=2, lineterminator="\n")
    is_text = any(not pd.api.types.is_integer_dtype(frame[name]) for name in ("user", "item"))
    return Interactions.read(folder / "t.csv", ids="text" if is_text else "auto", **names)


def by_json(frame: pd.DataFrame, folder: Path, **names: Any) -> Interactions:
    (folder / "t.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in frame.to_dict("records")), encoding="utf-8"
    )
    return Interactions.read(folder / "t.jsonl", **names)


def by_parquet(frame: pd.DataFrame, folder: Path, **names: Any) -> Interactions:
    frame.to_parquet(folder / "t.parquet")
    return Interactions.read(folder / "t.parquet", **names)


def by_polars(frame: pd.DataFrame, folder: Path, **names: Any) -> Interactions:
    return read(pl.from_pandas(frame), **names)


def by_matrix(frame: pd.DataFrame, folder: Path, **names: Any) -> Interactions:
    whole = read(frame, **names)
    return Interactions.from_edge_index(
        np.stack([whole.user_index, whole.item_index]), whole.users, whole.items, **whole.values()
    )


@pytest.mark.parametrize("reader", [by_csv, by_json, by_parquet, by_polars, by_matrix])
@few
@given(any_table())
def test_a_table_is_the_same_through_every_reader(reader: Any, frame: pd.DataFrame) -> None:
    names: dict[str, Any] = {role: role for role in frame.columns[2:]}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        want = read(frame, **names)
        found = reader(frame, Path(folder), **names)
    got, wanted = found.to_frame(), want.to_frame()
    if reader is by_csv:  # one column of text makes text of both
        got, wanted = (t.astype({"user": str, "item": str}) for t in (got, wanted))
        got, wanted = (t.sort_values(["user", "item"], ignore_index=True) for t in (got, wanted))
    pd.testing.assert_frame_equal(got, wanted, check_exact=True)


def test_a_reader_of_bytes_counts_every_line(tmp_path: Path) -> None:
    lines: Iterable[str] = (f"{n % 7},{n % 11},x" for n in range(500))
    path = tmp_path / "many.csv"
    path.write_text("user,item,note\n" + "\r\n".join(lines))
    with pytest.warns(UserWarning, match=r"Left out of 500 rows: 423 repeated pairs"):
        found = Interactions.from_csv(path)
    assert len(found) + sum(found.dropped.values()) == 500


def test_damaged_files_are_answered() -> None:
    answers = fuzz(150, seed=1)
    assert sum(answers.values()) == 300
    assert {"csv: read", "csv: ValueError", "json_lines: read"} <= set(answers)


# ---------------------------------------------------------------------- text that is none
def test_text_that_is_not_utf_8_is_refused_where_it_is_read() -> None:
    broken = b'{"user": "a\xff", "item": 1, "note": "x"}\n{"user": "b", "item": 2, "note": "y"}\n'
    with pytest.raises(ValueError, match=r"Column 'user' \(for user\) holds text that is not UTF"):
        Interactions.from_json_lines(io.BytesIO(broken))
    elsewhere = b'{"user": "a", "item": 1, "note": "\xff"}\n'
    assert len(Interactions.from_json_lines(io.BytesIO(elsewhere))) == 1
    column = pa.array([b"a\xff", b"b"]).view(pa.binary())
    text = pa.StringArray.from_buffers(2, *column.buffers()[1:])
    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"user": text, "item": [1, 2]}), file)
    file.seek(0)
    with pytest.raises(ValueError, match=r"Column 'user' .* not UTF-8"):
        Interactions.from_parquet(file)
