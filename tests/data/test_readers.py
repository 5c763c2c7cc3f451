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
import pyarrow.compute
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


def test_ids_in_the_names_of_folders_lose_nothing(tmp_path: Path) -> None:
    def found(place: Path, *items: str) -> list[Any]:
        for item in items:
            folder = place / f"item={item}"
            folder.mkdir(parents=True)
            pd.DataFrame({"user": [1]}).to_parquet(folder / "some.parquet")
        return Interactions.read(place).items.tolist()

    assert found(tmp_path / "whole", "7", "5000000000") == [7, 5000000000]
    assert found(tmp_path / "padded", "007", "7") == ["007", "7"]
    assert found(tmp_path / "text", "a%20b", "2024-01-01") == ["2024-01-01", "a b"]
    pattern = tmp_path / "padded" / "item=*" / "*.parquet"
    assert Interactions.from_parquet(str(pattern)).items.tolist() == ["007", "7"]
    none = "__HIVE_DEFAULT_PARTITION__"
    assert "lacks a value in 1 rows" in complaint(lambda: found(tmp_path / "whole", none))


def in_files(folder: Path, *columns: pa.Array, **names: Any) -> Interactions:
    """What is read of files that hold these columns, one each, called `x`."""
    start = 0
    for number, column in enumerate(columns):
        places = range(start, start := start + len(column))
        table = pa.table({"user": places, "item": places, "x": column})
        pa.parquet.write_table(table, folder / f"{number}.parquet")
    return Interactions.read(folder, **names)


def moments(*values: dt.datetime, unit: str = "ms", zone: str | None = None) -> pa.Array:
    return pa.array([*values], pa.timestamp(unit, zone))


DAY, NOON = dt.date(2024, 5, 1), dt.datetime(2024, 5, 2, 12, 0, 0, 5_000)
WAYS = [
    ("timestamp", [pa.array([DAY]), moments(NOON)]),
    ("timestamp", [moments(NOON), pa.array([DAY])]),
    ("timestamp", [pa.array([DAY], pa.date64()), pa.array([DAY]), moments(NOON, unit="ns")]),
    ("timestamp", [moments(NOON.replace(microsecond=0), unit="s"), moments(NOON, unit="us")]),
    ("timestamp", [moments(NOON), moments(NOON.replace(tzinfo=dt.UTC), zone="Asia/Tokyo")]),
    ("rating", [pa.array([4, 5]), pa.array([4.5])]),
    ("rating", [pa.array([4.5]), pa.nulls(0), pa.array([4, 5], pa.int8())]),
    ("rating", [pa.array([0.5], pa.float32()), pa.array([2**24 + 1], pa.int32())]),
    ("rating", [pa.array([Decimal("4.25")]), pa.array([4]), pa.array([Decimal("0.125")])]),
    ("timestamp", [pa.array([5], pa.int8()), pa.array([2**60 + 1]), pa.array([7], pa.uint64())]),
    ("user", [pa.array([5], pa.int8()), pa.array([2**60 + 1]), pa.array([7], pa.uint64())]),
    ("user", [pa.array([5]), pa.array([7.0])]),
    ("user", [pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.array(["007"])]),
    ("user", [pa.array([], pa.string()), pa.array([7]), pa.array([], pa.bool_())]),
    ("user", [pa.array(["a"]).dictionary_encode(), pa.array(["b"]), pa.array(["c"])]),
]


@pytest.mark.parametrize(("role", "columns"), WAYS)
def test_files_of_other_types_are_read_without_loss(
    tmp_path: Path, role: str, columns: list[pa.Array]
) -> None:
    def known(value: Any) -> Any:  # by Python alone
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day)
        if isinstance(value, dt.datetime):
            return pd.Timestamp(value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value)
        return float(value) if isinstance(value, Decimal) else value

    found = in_files(tmp_path, *columns, **{role: "x"}).to_frame()
    want = [known(value) for column in columns for value in column.to_pylist()]
    assert found.sort_values("item")[role].tolist() == want


@pytest.mark.parametrize(
    ("role", "columns"),
    [
        ("user", [pa.array([7, 1]), pa.array(["007", "1"])]),
        ("user", [pa.array(["007", "1"]), pa.array([7, 1])]),
        ("timestamp", [moments(NOON), pa.array([1_700_000_000])]),
        ("timestamp", [pa.array([1_700_000_000]), moments(NOON)]),
        ("timestamp", [pa.array([DAY]), pa.array(["2024-05-02"])]),
        ("timestamp", [pa.array([DAY]), pa.array([19_800], pa.int32())]),
        ("rating", [pa.array([4.0]), pa.array(["4.5"])]),
        ("rating", [pa.nulls(1), pa.array([4]), pa.array([True])]),
        ("user", [pa.array([2**53 + 1]), pa.array([7.0])]),
        ("user", [pa.array([7.0]), pa.array([2**53 + 1])]),
        ("user", [pa.array([7]), pa.array([2**63], pa.uint64())]),
        ("timestamp", [moments(dt.datetime(5000, 1, 1)), moments(NOON, unit="ns")]),
    ],
)
def test_files_whose_types_cannot_be_joined_are_refused(
    tmp_path: Path, role: str, columns: list[pa.Array]
) -> None:
    message = complaint(lambda: in_files(tmp_path, *columns, missing="drop", **{role: "x"}))
    kinds = {str(column.type) for column in columns if column.null_count == 0}
    named = [f"{number}.parquet" for number in range(3) if f"{number}.parquet" in message]
    assert named
    assert message.startswith("Column 'x' holds ")
    assert [kind for kind in kinds if kind not in message] == []
    assert "no Parquet file" not in message


def test_files_that_lack_a_column_or_have_it_twice(tmp_path: Path) -> None:
    one, twice = pa.table({"user": [1]}), pa.table([[2], [3], [4]], names=["user", "item", "item"])
    pa.parquet.write_table(one, tmp_path / "0.parquet")
    pa.parquet.write_table(twice.select([0, 1]), tmp_path / "1.parquet")
    assert "'item' lacks a value in 1 rows" in complaint(lambda: Interactions.read(tmp_path))
    pa.parquet.write_table(twice, tmp_path / "2.parquet")
    assert "There are 2 columns 'item'" in complaint(lambda: Interactions.read(tmp_path))
    (tmp_path / "nothing").mkdir()
    complaint(lambda: Interactions.read(tmp_path / "nothing"), FileNotFoundError)


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


@pytest.mark.parametrize("decimal", [",", "."])
@pytest.mark.parametrize("role", ["rating", "weight", "timestamp"])
@pytest.mark.parametrize("beside", ["3,5", "3", "NA"])
@pytest.mark.parametrize("number", ["1,234", ",5", "1.234.567,5", "1,234,567"])
def test_marks_between_thousands_are_no_decimal_points(
    decimal: str, role: str, beside: str, number: str
) -> None:
    """What the one mark is in one country, the other is in the other."""
    swap = str.maketrans(",.", ".,") if decimal == "," else {}
    values = [value.translate(swap) for value in (number, beside.replace(",", "."))]
    text = "user;item;n\n" + "".join(f"1;{n};{value}\n" for n, value in enumerate(values))
    options: dict[str, Any] = {"separator": ";", "decimal": decimal, "missing": "drop", role: "n"}
    message = complaint(lambda: Interactions.from_csv(text_file(text), **options))
    assert f"{values[0]!r} in row 0" in message


def test_points_that_are_no_decimal_points_are_kept_beside_commas() -> None:
    def found(*values: str, **options: Any) -> Interactions:
        text = "user;item;n\n" + "".join(f"1;{n};{value}\n" for n, value in enumerate(values))
        return Interactions.from_csv(text_file(text), separator=";", decimal=",", **options)

    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        rated = found("n.a.", "3,5", rating="n", na_values=["n.a."], missing="drop")
    assert rated.rating.tolist() == [3.5]  # type: ignore[union-attr]
    with pytest.warns(UserWarning, match="2 rows with a missing value"):
        rated = found("-1,0", "NA", "3,5", rating="n", na_values=[-1], missing="drop")
    assert rated.rating.tolist() == [3.5]  # type: ignore[union-attr]
    half = found("2024-01-01 10:00:00.5", "2024-01-01 10:00:00", timestamp="n")
    assert half.time_unit == "ms"
    day = found("31.12", "30.12", timestamp="n", date_format="%d.%m")
    assert day.timestamp[0] > day.timestamp[1]  # type: ignore[index]
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        late = found("1700000000,5", "NA", timestamp="n", missing="drop")
    assert late.timestamp.tolist() == [1700000000.5]  # type: ignore[union-attr]


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


FORMS: list[Callable[[list[Any]], Any]] = [
    list, np.array, pa.array, lambda v: pa.array(v).dictionary_encode(), pl.Series,
    lambda v: [str(one) for one in v], lambda v: [float(one) for one in v],
    lambda v: [Decimal(one) for one in v], lambda v: pd.array(v, "Int8"), pd.Categorical,
    lambda v: pa.array([str(one) for one in v]), lambda v: pa.array(v, pa.float32()),
    lambda v: pa.array([Decimal(one) for one in v]), lambda v: np.array(v, object),
]  # fmt: skip


@pytest.mark.parametrize("marker", [-1, "-1", -1.0, np.int64(-1), Decimal(-1)], ids=repr)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", ["user", "item", "rating", "timestamp"])
def test_a_marker_means_the_same_in_every_column(marker: Any, form: Any, role: str) -> None:
    columns = {"user": [1, 2, 3], "item": [4, 5, 6], role: form([1, -1, 3])}
    names: dict[str, Any] = {role: role}
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        found = read(columns, na_values=[marker], missing="drop", **names)
    assert found.to_frame()[role].astype(float).tolist() == [1, 3]


@pytest.mark.parametrize("marker", [-1, "-1", -1.0], ids=repr)
def test_a_marker_means_the_same_in_every_column_of_a_csv_file(marker: Any) -> None:
    text = "user,item,r\n-1,1,5\n1,-1,5\n1,1,-1\n1,2,-1.0\n3,4,5\n"
    for more in ("", "5,6,NA\n"):  # numbers beside marks are read as text
        with pytest.warns(UserWarning, match=r"\d rows with a missing value"):
            found = Interactions.from_csv(
                text_file(text + more), rating="r", na_values=[marker], missing="drop"
            )
        assert rows_of(found) == [(3, 4, 5.0)]


def test_a_marker_is_no_more_than_what_it_says() -> None:
    assert read({"user": ["7", "007"], "item": [1, 1]}, na_values=["07"]).users.tolist() == [
        "007", "7",
    ]  # fmt: skip
    large = [2**60 + 1, 2**60 + 3]
    found = read({"user": large, "item": [1, 2]}, na_values=[0.5, 2**60, 10**30, np.nan, np.inf])
    assert found.users.tolist() == large
    assert len(read({"user": [0, 1], "item": [1, 2]}, na_values=["", "NULL", "1.5"])) == 2
    true = read({"user": [1, 2], "item": [1, 2], "r": [True, False]}, rating="r", na_values=[0])
    assert len(true) == 2


@pytest.mark.parametrize("marker", ["1900-01-01", dt.date(1900, 1, 1), np.datetime64("1900-01-01")])
def test_a_date_that_means_missing(marker: Any) -> None:
    days = pd.to_datetime(["1900-01-01", "2024-01-01"])
    tables: list[Any] = [days, pa.array(days.date), pl.Series(days), days.tz_localize("UTC")]
    for when in tables:
        with pytest.warns(UserWarning, match="1 rows with a missing value"):
            assert len(timed(when, na_values=[marker], missing="drop")) == 1
    text = "user,item,t\n1,2,1900-01-01\n1,3,2024-01-01\n"
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        found = Interactions.from_csv(
            text_file(text), timestamp="t", na_values=[marker], missing="drop"
        )
    assert pairs_of(found) == [(1, 3)]


@pytest.mark.parametrize("markers", [-1, "NULL", {"user": [-1]}, None], ids=repr)
def test_markers_are_a_list(markers: Any) -> None:
    message = complaint(lambda: read(ROWS, na_values=markers), TypeError)
    assert message.startswith(f"na_values={markers!r}: a list is needed")


@pytest.mark.parametrize("role", ["rating", "timestamp"])
def test_nan_is_a_missing_number(role: str) -> None:
    rows: dict[str, list[Any]] = {"user": [1, 2], "item": [3, 4], "n": [5.0, float("nan")]}
    table, file = pa.table(rows), io.BytesIO()
    pa.parquet.write_table(table, file)
    names: dict[str, Any] = {role: "n", "missing": "drop"}
    calls: list[Callable[..., Interactions]] = [
        lambda **options: read(rows, **options),
        lambda **options: read(table, **options),
        lambda **options: read(pl.DataFrame(rows), **options),
        lambda **options: read(table.to_pandas(types_mapper=pd.ArrowDtype), **options),
        lambda **options: Interactions.from_parquet(io.BytesIO(file.getvalue()), **options),
        *(
            lambda text=text, **options: Interactions.from_csv(text_file(text), **options)
            for text in (f"user,item,n\n1,3,5\n2,4,{word}\n" for word in ("nan", "NaN"))
        ),
    ]
    for call in calls:
        with pytest.warns(UserWarning, match="1 rows with a missing value"):
            assert [row[:3] for row in rows_of(call(**names))] == [(1, 3, 5.0)]
        names["missing"] = "error"
        assert "lacks a value in 1 rows, the first row 1" in complaint(
            lambda call=call: call(**names)
        )
        names["missing"] = "drop"


def test_true_is_one_in_every_reader() -> None:
    rows: dict[str, list[Any]] = {"user": [1, 2], "item": [3, 4], "r": [True, False]}
    table, file = pa.table(rows), io.BytesIO()
    pa.parquet.write_table(table, file)
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    for found in (
        read(rows, rating="r"),
        read(pd.DataFrame(rows).astype({"r": "boolean"}), rating="r"),
        read(pd.DataFrame(rows).astype(object), rating="r"),
        read(pl.DataFrame(rows), rating="r"),
        read(table, rating="r"),
        Interactions.from_parquet(io.BytesIO(file.getvalue()), rating="r"),
        Interactions.from_json_lines(text_file(lines), rating="r"),
        Interactions.from_csv(text_file("user,item,r\n1,3,True\n2,4,False\n"), rating="r"),
    ):
        assert rows_of(found) == [(1, 3, 1.0), (2, 4, 0.0)]
    with pytest.warns(UserWarning, match="1 rows with a missing value"):  # so it is text
        beside_marks = Interactions.from_csv(
            text_file("user,item,r\n1,3,true\n2,4,false\n3,4,NA\n"), rating="r", missing="drop"
        )
    assert rows_of(beside_marks) == [(1, 3, 1.0), (2, 4, 0.0)]
    mixed = "user,item,r\n1,3,True\n2,4,4.5\n"
    assert "'True' in row 0" in complaint(
        lambda: Interactions.from_csv(text_file(mixed), rating="r")
    )


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


@pytest.mark.parametrize("ending", ["csv.GZ", "CSV.Zip", "Csv.BZ2", "csv.XZ"])
def test_endings_in_capitals(tmp_path: Path, ending: str) -> None:
    path, content = tmp_path / f"X.{ending}", b"user,item\n2,b\n1,a\n"
    if ending.endswith("Zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.csv", content)
    else:
        pack = {"GZ": gzip.compress, "BZ2": bz2.compress, "XZ": lzma.compress}
        path.write_bytes(pack[ending.partition(".")[2]](content))
    assert pairs_of(Interactions.read(path)) == [(1, "a"), (2, "b")]


NAMES = "größe,item\r\nZoë,ß\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "ascii"])
def test_text_that_is_decoded_already_has_no_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(NAMES.encode("latin-1"))
    with path.open(encoding="latin-1") as file:
        assert pairs_of(Interactions.from_csv(file, "größe", encoding=encoding)) == [("Zoë", "ß")]
    lists = Interactions.from_item_lists(text_file("Zoë ß"), encoding=encoding)
    assert pairs_of(lists) == [("Zoë", "ß")]
    with path.open(encoding="utf-8") as file:
        message = complaint(lambda: Interactions.from_csv(file, "größe"))
    assert "opened with an encoding that is not its own" in message
    surrogate = text_file("user,item\n\udcff,1\n")
    assert "no valid Unicode" in complaint(lambda: Interactions.from_csv(surrogate))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    for named in ("utf-8-sig", "UTF8", encoding):
        source = io.BytesIO(NAMES.encode(encoding))
        assert pairs_of(Interactions.from_csv(source, "größe", encoding=named)) == [("Zoë", "ß")]
    big_endian = io.BytesIO(b"\xfe\xff" + NAMES.encode("utf-16-be"))
    assert pairs_of(Interactions.from_csv(big_endian, "größe")) == [("Zoë", "ß")]
    lines = io.BytesIO('{"user": "Zoë", "item": 1}\n'.encode(encoding))
    assert pairs_of(Interactions.from_json_lines(lines)) == [("Zoë", 1)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_named(encoding: str) -> None:
    content = "user,item\n1,2\n".encode(encoding)
    readers: list[Any] = [Interactions.from_csv, Interactions.from_item_lists]
    for reader in readers:
        message = complaint(lambda reader=reader: reader(io.BytesIO(content)))
        assert "zero bytes in its first line" in message
        assert f"encoding={encoding!r}" in message
    assert len(Interactions.from_csv(io.BytesIO(content), encoding=encoding)) == 1
    marked = io.BytesIO("user,item\n1,2\n".encode("utf-16"))
    assert "utf-16" in complaint(lambda: Interactions.from_csv(marked, encoding="latin-1"))


def test_a_header_that_is_not_utf_8() -> None:
    windows = "größe,item,käufer\n1,2,3\n".encode("cp1252")
    message = complaint(lambda: Interactions.from_csv(io.BytesIO(windows), "größe"))
    assert "cannot be read with encoding='utf-8-sig'" in message
    assert "0xf6 in position 2" in message
    found = Interactions.from_csv(io.BytesIO(windows), "größe", encoding="cp1252")
    assert pairs_of(found) == [(1, 2)]
    harmless = "user,item,käufer\n1,2,3\n".encode("cp1252")
    assert len(Interactions.from_csv(io.BytesIO(harmless))) == 1


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
        [1e300, 2.0], [dt.date(2024, 1, 1), dt.date(2024, 1, 2)], [(1,), (2,)],
        [[1], [2]], [np.array([1]), np.array([2])], [{"id": 1}, {"id": 2}],
    ],
    ids=str,
)  # fmt: skip
def test_other_ids_are_refused(users: list[Any]) -> None:
    message = complaint(lambda: read(pd.DataFrame({"user": pd.Series(users), "item": [1, 2]})))
    assert "integers or text" in message
    assert "'user'" in message


NESTED: list[Any] = [[[1], [2]], [{"id": 1}, {"id": 2}]]


@pytest.mark.parametrize("column", NESTED, ids=["lists", "records"])
def test_nested_ids_are_refused_from_every_reader(column: list[Any]) -> None:
    table = pa.table({"user": column, "item": [1, 2], "t": column})
    file, lines = io.BytesIO(), "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    pa.parquet.write_table(table, file)
    readers: list[Callable[..., Interactions]] = [
        lambda **names: read(table, **names),
        lambda **names: read(pl.from_arrow(table), **names),
        lambda **names: Interactions.from_parquet(io.BytesIO(file.getvalue()), **names),
        lambda **names: Interactions.from_json_lines(text_file(lines), **names),
    ]
    for reader in readers:
        message = complaint(reader)
        assert f"ids of type {type(column[0]).__name__}, such as {column[0]!r}" in message
        assert "integers or text" in message
        for role in ("rating", "timestamp"):
            message = complaint(lambda reader=reader, role=role: reader(user="item", **{role: "t"}))
            assert "'t'" in message


def test_integers_that_are_too_large() -> None:
    for kind in (object, np.uint64):
        frame = pd.DataFrame({"user": np.array([1, 2**63], kind), "item": [1, 2]})
        message = complaint(lambda frame=frame: read(frame))
        assert "holds 9223372036854775808: integers up to 2**63 - 1, or text, are" in message
    decimals = pd.DataFrame({"user": [Decimal(2**63), Decimal(1)], "item": [1, 2]})
    assert "up to 2**63 - 1" in complaint(lambda: read(decimals))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("wrap", [np.asarray, pa.array, pd.array], ids=["NumPy", "Arrow", "pandas"])
def test_floats_that_may_have_lost_digits_are_no_integers(kind: Any, wrap: Any) -> None:
    if wrap is pd.array and kind is np.float16:
        return  # pandas has no array of them
    largest = next(n for n in (2**i for i in range(64)) if kind(n) == kind(n + 1))
    for most in (largest - 1, -(largest - 1)):
        exact = wrap(np.array([most, 1], kind))
        assert set(read({"user": exact, "item": [1, 2]}).users) == {most, 1}
        found = read({"user": [1, 2], "item": [1, 2], "t": exact}, timestamp="t")
        assert found.timestamp.dtype == np.int64  # type: ignore[union-attr]
    for first in (largest, -largest):
        unsure = wrap(np.array([first, 1], kind))
        message = complaint(lambda unsure=unsure: read({"user": unsure, "item": [1, 2]}))
        assert f"holds {float(first)}, and floats of that size have lost digits" in message
        found = read({"user": [1, 2], "item": [1, 2], "t": unsure}, timestamp="t")
        assert found.timestamp.dtype == np.float64  # type: ignore[union-attr]
    assert "lost digits" in complaint(
        lambda: read({"user": np.array([2.0**53, "a"], object)[:1], "item": [1]})
    )


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


@pytest.mark.parametrize("index", [[2, 1, 0], [5, 6, 7], [0, 0, 0], ["a", "b", "c"]], ids=str)
@pytest.mark.parametrize("other", [list, np.array, pd.Series, pa.array], ids=lambda f: f.__name__)
def test_columns_of_a_dict_are_paired_by_position(index: list[Any], other: Any) -> None:
    columns = {"user": pd.Series([3, 1, 2], index=index), "item": other(["x", "y", "z"])}
    for missing in ("error", "drop"):
        assert pairs_of(read(columns, missing=missing)) == [(1, "y"), (2, "z"), (3, "x")]  # type: ignore[arg-type]


def test_a_filtered_series_in_a_dict_loses_no_row() -> None:
    frame = pd.DataFrame({"user": [1, 2, 3, 4], "item": [5, 6, 7, 8]})
    kept = frame[frame["user"] % 2 == 0]
    columns = {"user": kept["user"], "item": kept["item"].reset_index(drop=True)}
    assert pairs_of(read(columns, missing="drop")) == [(2, 6), (4, 8)]


@pytest.mark.parametrize(
    "column",
    [
        (7, 2**60 + 1), range(7, 9), pd.Index([7, 8]), torch.tensor([7, 8]),
        pl.Series([7, 2**60 + 1]), pa.array([7, 2**60 + 1]), pa.chunked_array([[7], [2**60 + 1]]),
        pl.Series(["a", "b"], dtype=pl.Categorical), pa.array(["a", "b"]).dictionary_encode(),
        pa.array(["a", "b"], pa.string_view()), {7: 1, 8: 1}.keys(), pd.Categorical([8, 9]),
    ],
    ids=lambda column: type(column).__module__.partition(".")[0] + type(column).__name__,
)  # fmt: skip
def test_a_column_of_a_dict_may_be_any_sequence(column: Any) -> None:
    want = column.to_pylist() if hasattr(column, "to_pylist") else [*column]
    found = read({"user": column, "item": [1, 2]})
    assert pairs_of(found) == [(want[0], 1), (want[1], 2)]


@pytest.mark.parametrize(
    "column",
    [
        {1, 2}, frozenset({1, 2}), np.ones((2, 2)), np.array(1), "ab", b"ab", {0: 1, 1: 2}, None, 7,
        pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]}),
        pd.MultiIndex.from_tuples([(1, 2), (3, 4)]), sparse.eye_array(2), (n for n in (1, 2)),
    ],
    ids=lambda column: type(column).__name__,
)  # fmt: skip
def test_other_columns_of_a_dict_are_refused(column: Any) -> None:
    message = complaint(lambda: read({"user": [1, 2], "item": column}), TypeError)
    assert "'item'" in message
    assert type(column).__name__ in message
    assert "list or array" in message


def test_other_kinds_of_arrow() -> None:
    view, runs = pa.array(["b", "a"], pa.string_view()), pa.compute.run_end_encode(pa.array([7, 7]))
    table = pa.table({"user": view, "item": runs, "r": pa.compute.run_end_encode([1.0, 2.0])})
    for one in (
        table,
        table.to_pandas(types_mapper=pd.ArrowDtype),
        table.to_batches()[0],
        table.to_reader(),
        dict(zip(table.column_names, table.columns, strict=True)),
    ):
        assert rows_of(read(one, rating="r")) == [("a", 7, 2.0), ("b", 7, 1.0)]
    twice = pa.table([[1], [2], [3], [4]], names=["user", "item", "x", "x"])
    assert pairs_of(read(twice)) == [(1, 2)]
    assert "There are 2 columns 'x' (for user)" in complaint(lambda: read(twice, user="x"))


def test_names_of_columns_that_are_scalars_of_numpy(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [1], "item": [2]})
    frame.to_parquet(tmp_path / "x.parquet")
    user, item = np.array(["user", "item"])
    for found in (
        read(frame, user, item),
        read(pl.from_pandas(frame), user, item),
        read(pd.DataFrame([[1, 2]]), np.int64(0), np.int64(1)),  # type: ignore[arg-type]
        Interactions.from_csv(text_file("user,item\n1,2\n"), user, item),
        Interactions.from_csv(text_file("1,2\n"), np.int64(0), np.int64(1)),  # type: ignore[arg-type]
        Interactions.from_parquet(tmp_path / "x.parquet", user, item),
        Interactions.from_json_lines(text_file('{"user": 1, "item": 2}\n'), user, item),
    ):
        assert pairs_of(found) == [(1, 2)]
    message = complaint(lambda: read(frame, user, np.str_("what")))
    assert message.startswith("There is no column 'what' (for item)")


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
    timed([0, 1388687728923, 1388687728924])
    timed([1, 2, 3, 4, 1588687728, 1388687728923])  # ranks, say


@pytest.mark.parametrize("unknown", [[0], [-1], [0, 0], [0, -1], [-(2**40)]], ids=str)
def test_an_unknown_time_does_not_hide_mixed_units(unknown: list[int]) -> None:
    with pytest.warns(UserWarning, match=r"1 of \d values have another number of digits"):
        timed([1588687728, 1388687728923, 1388687728924, *unknown])


@pytest.mark.parametrize("word", ["now", "today", "NaT", "soon"])
def test_words_are_no_times(word: str) -> None:
    assert f"the first {word!r} in row 1" in complaint(lambda: timed(["2024-01-01", word]))
    assert f"the first {word!r} in row 1" in complaint(
        lambda: timed(["01.01.2024", word], date_format="%d.%m.%Y")
    )
    mixed = np.array([1, 2, word], object)
    assert f"the first {word!r} in row 2" in complaint(lambda: timed(mixed))
    text = f"user,item,t\n1,2,{word}\n"
    assert f"the first {word!r} in row 0" in complaint(
        lambda: Interactions.from_csv(text_file(text), timestamp="t")
    )


def test_what_is_no_format_of_dates() -> None:
    message = complaint(lambda: timed(["1"], date_format=5), TypeError)
    assert message == "date_format=5: text is needed, such as '%d.%m.%Y'."
    assert "date_format='%Q'" in complaint(lambda: timed(["1"], date_format="%Q"))


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
