"""The table of interactions: reading it, complaining about it, cutting and splitting it."""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers import Interactions
from gnnrec_helpers.data.interactions import position, positions

few = settings(max_examples=60, deadline=None, derandomize=True)
read = Interactions.from_frame


def table(rows: Iterable[tuple], columns: str = "user item rating timestamp") -> pd.DataFrame:
    rows = list(rows)
    return pd.DataFrame(rows, columns=columns.split()[: len(rows[0])])


def rows_of(part: Interactions) -> list[tuple]:
    return list(part.to_frame().itertuples(index=False, name=None))


def pairs_of(part: Interactions) -> list[tuple]:
    return [row[:2] for row in rows_of(part)]


def assert_same(one: Interactions, other: Interactions) -> None:
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert one.users.equals(other.users)
    assert one.items.equals(other.items)


def complaint(call: Callable[[], object], error: type[Exception] = ValueError) -> str:
    """What is said about bad input: always one line, always a sentence."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value.args[0])
    assert "\n" not in message
    assert message.endswith(".")
    return message


# ---------------------------------------------------------------------- strategies
whole = st.integers(-5, 40)
text = st.text(max_size=4)


@st.composite
def tables(draw: st.DrawFn, most: int = 40, users: st.SearchStrategy | None = None) -> list[tuple]:
    """Rows with distinct pairs, a rating and a time of their own."""
    user = draw(st.sampled_from([whole, text])) if users is None else users
    item = draw(st.sampled_from([whole, text]))
    pairs = draw(st.lists(st.tuples(user, item), min_size=1, max_size=most, unique=True))
    size = len(pairs)
    ratings = draw(st.lists(st.integers(1, 10), min_size=size, max_size=size))
    times = draw(st.permutations(range(size)))
    return [(*pair, r / 2, t) for pair, r, t in zip(pairs, ratings, times, strict=True)]


def built(rows: list[tuple]) -> Interactions:
    return read(table(rows), rating="rating", timestamp="timestamp")


# ---------------------------------------------------------------------- the constructor
def arrays_of(part: Interactions, order: np.ndarray) -> dict[str, np.ndarray]:
    names = ("user_index", "item_index", "rating", "timestamp")
    return {name: getattr(part, name)[order] for name in names}


@few
@given(tables(), st.randoms(use_true_random=False))
def test_pairs_in_any_order_are_the_same_interactions(rows: list[tuple], random) -> None:
    right = built(rows)
    order = list(range(len(right)))
    random.shuffle(order)
    again = Interactions(users=right.users, items=right.items, **arrays_of(right, np.array(order)))
    assert_same(again, right)
    assert_same(replace(right, **arrays_of(right, np.array(order))), right)


@few
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30),
)
def test_repeated_pairs_are_refused_with_their_number(pairs: list[tuple]) -> None:
    users, items = np.array(pairs).T
    labels = pd.Index(list("abcde")), pd.RangeIndex(5)
    repeated = len(pairs) - len(set(pairs))
    if not repeated:
        assert len(Interactions(users, items, *labels)) == len(pairs)
        return
    message = complaint(lambda: Interactions(users, items, *labels))
    assert message.startswith(f"{repeated} of {len(pairs)} pairs are repeated")
    user, item = min(pair for pair, count in Counter(pairs).items() if count > 1)
    assert f"user {'abcde'[user]!r} with item {item}:" in message
    assert "from_frame keeps one of each" in message


def test_arrays_that_are_right_are_kept_and_may_be_read_only() -> None:
    columns = [np.array([0, 0, 1]), np.array([0, 2, 1]), np.array([1.0, 2, 3]), np.array([7, 8, 9])]
    for column in columns:
        column.setflags(write=False)
    user, item, rating, time = columns
    found = Interactions(user, item, pd.RangeIndex(2), pd.RangeIndex(3), rating, time)
    assert found.user_index is user
    assert found.item_index is item
    assert found.rating is rating
    assert found.timestamp is time


def test_narrower_types_are_widened() -> None:
    found = Interactions(
        np.array([0, 1], np.int32),
        np.array([1, 0], np.uint8),
        pd.RangeIndex(2),
        pd.RangeIndex(2),
        np.array([4, 5]),
        np.array([7, 8], np.int32),
    )
    types = [getattr(found, name).dtype for name in ("user_index", "item_index", "timestamp")]
    assert types == [np.int64] * 3
    assert found.rating.dtype == np.float64
    assert rows_of(found) == [(0, 1, 4.0, 7), (1, 0, 5.0, 8)]


@pytest.mark.parametrize(
    ("changed", "error", "parts"),
    [
        ({"user_index": np.array([0, 2])}, ValueError, ["user_index holds 2", "2 users", "0 to 1"]),
        ({"item_index": np.array([-1, 0])}, ValueError, ["item_index holds -1", "3 items"]),
        ({"user_index": np.array([0.0, 1.0])}, TypeError, ["user_index", "float64", "int64"]),
        ({"user_index": np.array([False, True])}, TypeError, ["user_index", "bool"]),
        ({"item_index": np.array([0, 1], np.uint64)}, TypeError, ["item_index", "uint64"]),
        ({"item_index": np.array(["0", "1"])}, TypeError, ["item_index", "int64 is needed"]),
        ({"user_index": None}, ValueError, ["user_index has shape ()"]),
        ({"user_index": np.array([[0, 1]])}, ValueError, ["user_index", "(1, 2)"]),
        ({"item_index": np.array([0])}, ValueError, ["item_index holds 1 values for 2 pairs"]),
        ({"rating": np.array([1.0])}, ValueError, ["rating holds 1 values for 2 pairs"]),
        ({"timestamp": np.array([1, 2, 3])}, ValueError, ["timestamp holds 3 values for 2 pairs"]),
        ({"rating": np.array([1.0, np.nan])}, ValueError, ["rating", "no finite numbers"]),
        ({"rating": np.array(["1", "2"])}, TypeError, ["rating", "float64 is needed"]),
        ({"timestamp": np.array(["1", "2"])}, TypeError, ["timestamp", "<U1", "int64"]),
        ({"timestamp": np.array([1.5, np.nan])}, ValueError, ["timestamp", "no finite"]),
        ({"weight": np.array([1.0, 0.0])}, ValueError, ["weight holds 0", "above 0"]),
        ({"time_unit": "s"}, ValueError, ["time_unit='s'", "timestamps, and there are none"]),
        ({"time_unit": "d", "timestamp": np.array([1, 2])}, ValueError, ["time_unit='d'", "'ns'"]),
        ({"users": ["a", "b"]}, TypeError, ["users", "pandas.Index", "list"]),
        ({"items": pd.Index(["x", "y", "x"])}, ValueError, ["items", "'x'", "more than once"]),
    ],
)
def test_what_the_constructor_refuses(changed: dict, error: type[Exception], parts: list) -> None:
    right = {
        "user_index": np.array([0, 1]),
        "item_index": np.array([1, 0]),
        "users": pd.Index(["a", "b"]),
        "items": pd.RangeIndex(3),
    }
    message = complaint(lambda: Interactions(**right | changed), error)
    assert [part for part in parts if part not in message] == []
    message = complaint(lambda: replace(Interactions(**right), **changed), error)
    assert [part for part in parts if part not in message] == []


def test_no_pairs_at_all() -> None:
    nothing = Interactions([], [], pd.Index([]), pd.Index([]))  # type: ignore[arg-type]
    assert len(nothing) == 0
    assert nothing.user_index.dtype == nothing.item_index.dtype == np.int64
    assert nothing.contains(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


@few
@given(tables(), st.data())
def test_contains_is_membership_in_a_set(rows: list[tuple], data: st.DataObject) -> None:
    part = built(rows)
    pairs = set(zip(part.user_index.tolist(), part.item_index.tolist(), strict=True))
    users = data.draw(st.lists(st.integers(0, part.num_users - 1), min_size=1))
    items = data.draw(st.lists(st.integers(-1, part.num_items - 1), min_size=1))
    found = part.contains(np.array(users)[:, None], np.array(items))
    assert found.tolist() == [[(user, item) in pairs for item in items] for user in users]


# ---------------------------------------------------------------------- from and to tables
@few
@given(tables())
def test_a_table_comes_back_sorted_by_user_and_item(rows: list[tuple]) -> None:
    found = built(rows)
    assert rows_of(found) == sorted(rows)
    assert found.users.tolist() == sorted({row[0] for row in rows})
    assert found.items.tolist() == sorted({row[1] for row in rows})
    assert_same(built(rows_of(found)), found)
    assert dict(found.dropped) == {}


@few
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(rows: list[tuple], random) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert_same(built(shuffled), built(rows))


@pytest.mark.filterwarnings("ignore:Left out of")
@few
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=30
    ),
    st.randoms(use_true_random=False),
)
def test_of_repeated_pairs_the_latest_is_kept(rows: list[tuple], random) -> None:
    timed = [(*row, when) for when, row in enumerate(rows)]
    latest = {row[:2]: row for row in timed}
    random.shuffle(timed)
    found = built(timed)
    assert rows_of(found) == sorted(latest.values())
    assert found.dropped.get("repeated pairs", 0) == len(rows) - len(latest)


@few
@given(tables())
def test_the_matrix_has_the_given_values_at_the_pairs(rows: list[tuple]) -> None:
    found = built(rows)
    ones = np.zeros((found.num_users, found.num_items))
    ratings = ones.copy()
    for user, item, rating, _ in rows:
        place = found.users.tolist().index(user), found.items.tolist().index(item)
        ones[place], ratings[place] = 1, rating
    np.testing.assert_array_equal(found.to_csr().toarray(), ones)
    np.testing.assert_array_equal(found.to_csr(found.rating).toarray(), ratings)
    np.testing.assert_array_equal(found.user_degrees(), ones.sum(axis=1))
    np.testing.assert_array_equal(found.item_degrees(), ones.sum(axis=0))
    assert found.density == ones.mean()


def test_the_matrix_wants_one_value_a_pair(toy: Interactions) -> None:
    assert "(3,)" in complaint(lambda: toy.to_csr([1, 2, 3]))


def test_the_toy_by_hand(toy: Interactions) -> None:
    assert toy.users.tolist() == ["Ana", "Ben", "Cem", "Dia", "Eli"]
    assert toy.items.tolist() == ["Alien", "Blade Runner", "Casablanca", "Dune", "Emma"]
    assert toy.to_csr().toarray().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1],
    ]
    assert toy.items_of("Ben").tolist() == ["Alien", "Blade Runner", "Casablanca"]
    assert (len(toy), toy.density) == (10, 0.4)
    assert repr(toy) == "Interactions(10 pairs of 5 users and 5 items)"


def test_one_user_is_enough() -> None:
    found = read(pd.DataFrame({"user": ["ana"], "item": [7]}))
    assert pairs_of(found) == [("ana", 7)]
    assert found.user_index.dtype == found.item_index.dtype == np.int64


def test_columns_go_by_the_names_given() -> None:
    frame = pd.DataFrame({"who": [2, 1], "what": ["b", "a"], "stars": ["3", "4"], "extra": 0})
    assert rows_of(read(frame, "who", "what", "stars")) == [(1, "a", 4.0), (2, "b", 3.0)]


def test_text_is_kept_exactly() -> None:
    odd = [" a", "a ", "a", "A", "😀", "007", "7", "NA", "nan", "", "é", "e\u0301"]
    found = read(pd.DataFrame({"user": odd, "item": odd}))
    assert found.users.tolist() == sorted(odd)


@pytest.mark.parametrize(
    "ids",
    [
        pd.array([5, 3], dtype="Int64"),
        pd.array([5, 3], dtype="UInt8"),
        np.array([5, 3], np.int16),
        np.array([5, 3], object),
        np.array([np.int64(5), np.int32(3)], object),
        pd.Categorical([5, 3], categories=[5, 3, 9]),
    ],
    ids=["Int64", "UInt8", "int16", "object", "NumPy objects", "categories"],
)
def test_integers_of_every_kind_are_ids(ids) -> None:
    found = read(pd.DataFrame({"user": ids, "item": ["x", "y"]}))
    assert found.users.tolist() == [3, 5]
    assert found.users.dtype.kind in "iu"
    assert pairs_of(found) == [(3, "y"), (5, "x")]


def test_categories_are_sorted_like_any_text() -> None:
    names = pd.Categorical(["ben", "ana"], categories=["zoe", "ben", "ana"])
    found = read(pd.DataFrame({"user": names, "item": [1, 2]}))
    assert found.users.equals(pd.Index(["ana", "ben"]))


def test_the_index_of_the_frame_is_ignored() -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [3, 4]}, index=[9, 9])
    assert pairs_of(read(frame)) == [(1, 3), (2, 4)]


# ---------------------------------------------------------------------- time
MINUTE_AND_DAY = pd.to_datetime(["1970-01-01 00:01:00", "1970-01-02 00:00:00"])


@pytest.mark.parametrize(
    ("given_as", "seconds"),
    [
        (["1970-01-02", "1970-01-01 00:01"], [86400, 60]),
        (["1970-01-01T02:00:00+01:00", "1970-01-01T00:00:01Z"], [3600, 1]),
        (MINUTE_AND_DAY, [60, 86400]),
        (MINUTE_AND_DAY.tz_localize("Etc/GMT-1"), [-3540, 82800]),  # an hour ahead of UTC
        ([1260759144, 5], [1260759144, 5]),
        (np.array([1260759144, 5], object), [1260759144, 5]),
        ([2**60 + 1, 2**60 + 2], [2**60 + 1, 2**60 + 2]),
    ],
    ids=["dates", "zones", "datetimes", "zoned", "whole", "objects", "nanoseconds"],
)
def test_dates_become_seconds_and_numbers_stay(given_as, seconds: list[int]) -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 1], "when": given_as})
    found = read(frame, timestamp="when")
    assert found.timestamp.tolist() == seconds
    assert found.timestamp.dtype == np.int64


def test_one_nanosecond_is_enough_to_be_the_latest() -> None:
    start = 1_600_000_000_000_000_000
    frame = table([(1, 1, start + 3), (1, 2, start + 1), (1, 3, start + 2)], "user item when")
    split = read(frame, timestamp="when").split(test=0.3, validation=0.3, by="time")
    assert [pairs_of(p) for p in (split.train, split.validation, split.test)] == [
        [(1, 2)], [(1, 3)], [(1, 1)],
    ]  # fmt: skip


# ---------------------------------------------------------------------- bad tables
def simple(**columns) -> pd.DataFrame:
    return pd.DataFrame({"user": ["ana", "ben"], "item": ["tea", "rye"], **columns})


@pytest.mark.parametrize(
    ("frame", "arguments", "parts"),
    [
        (simple(), {"user": "who"}, ["'who'", "user", "'user', 'item'"]),
        (simple(), {"rating": "stars"}, ["'stars'", "rating", "'item'"]),
        (simple(), {"timestamp": "when"}, ["'when'", "timestamp"]),
        (simple()[:0], {}, ["no rows", "at least one"]),
        (simple(r=[1, np.inf]), {"rating": "r"}, ["'r'", "finite", "first inf", "row 1"]),
        (simple(r=["good", "5"]), {"rating": "r"}, ["'r'", "number", "'good'", "row 0"]),
        (simple(r=[1, np.nan]), {"rating": "r"}, ["'r'", "1 rows", "row 1", "missing='drop'"]),
        (simple(t=["soon", "2020-01-31"]), {"timestamp": "t"}, ["'t'", "'soon'", "row 0", "ISO"]),
        (simple(t=[1.0, np.inf]), {"timestamp": "t"}, ["'t'", "inf", "row 1"]),
        (simple(t=[3, "2020-01-31"]), {"timestamp": "t"}, ["'t'", "first 3", "throughout"]),
        (simple(t=["2020-01-31", None]), {"timestamp": "t"}, ["'t'", "1 rows", "row 1"]),
        (simple(user=["ana", None]), {}, ["'user'", "1 rows", "row 1", "missing='drop'"]),
        (simple(user=["ana", 7]), {}, ["'user'", "int and str", "astype(str)"]),
        (simple(item=[0.5, 1.5]), {}, ["'item'", "float", "integers or text"]),
        (simple(item=[True, False]), {}, ["'item'", "bool", "integers or text"]),
        (simple(item=[None, None]), {"missing": "drop"}, ["No row", "missing"]),
        (simple(), {"missing": "ignore"}, ["missing='ignore'", "'error' or 'drop'"]),
        (pd.DataFrame([[1, 2, 3]], columns=["user", "item", "user"]), {}, ["2 columns 'user'"]),
    ],
)
def test_a_bad_table_is_named_in_one_sentence(frame, arguments: dict, parts: list[str]) -> None:
    message = complaint(lambda: read(frame, **arguments))
    assert [part for part in parts if part not in message] == []


def test_only_data_frames_are_tables() -> None:
    message = complaint(lambda: read([("ana", "tea")]), TypeError)
    assert "pandas.DataFrame" in message
    assert "list" in message


def test_rows_with_missing_values_are_dropped_on_request_and_counted() -> None:
    frame = table([("a", 1, 1.0, 5), (None, 1, 2.0, 5), ("b", 2, np.nan, 5), ("c", 2, 3.0, None)])
    with pytest.warns(UserWarning, match="Left out of 4 rows: 3 rows with a missing value"):
        found = read(frame, rating="rating", timestamp="timestamp", missing="drop")
    assert rows_of(found) == [("a", 1, 1.0, 5)]
    assert dict(found.dropped) == {"rows with a missing value": 3}
    assert repr(found) == (
        "Interactions(1 pairs of 1 users and 1 items, with rating and timestamp, "
        "left out: 3 rows with a missing value)"
    )


def test_a_value_missing_in_a_column_nobody_asked_for_does_no_harm() -> None:
    assert len(read(simple(rating=[np.nan, 1.0]))) == 2


def test_repeated_pairs_are_warned_of_and_counted() -> None:
    frame = table([("a", 1, 2.0), ("b", 1, 4.0), ("a", 1, 3.0)])
    with pytest.warns(UserWarning, match="Left out of 3 rows: 1 repeated pairs") as caught:
        found = read(frame, rating="rating")
    assert rows_of(found) == [("a", 1, 3.0), ("b", 1, 4.0)]  # without times: the last row
    assert dict(found.dropped) == {"repeated pairs": 1}
    assert caught[0].filename == __file__


# ---------------------------------------------------------------------- CSV
@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Interactions]:
    """Reads text, or bytes, as if it were a file."""

    def reader(content: str | bytes, *names: str, **arguments) -> Interactions:
        path = tmp_path / "shop.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Interactions.from_csv(path, *names, **arguments)

    return reader


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.integers(-(10**17), 10**17),
            st.text(st.characters(exclude_categories=["Cs", "Cc"])).map("x{}".format),
            st.floats(-1e9, 1e9),
            st.integers(0, 2**40),
        ),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[:2],
    )
)
def test_a_csv_file_comes_back(rows: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "all.csv")
        table(rows).to_csv(path, index=False)
        found = Interactions.from_csv(path, rating="rating", timestamp="timestamp")
    assert_same(found, built(rows))


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        (["42", "-7", "0"], [-7, 0, 42]),
        (["007", "7"], ["007", "7"]),
        (["1", "a"], ["1", "a"]),
        (["1.0", "2.0"], ["1.0", "2.0"]),
        (["+1", "-0"], ["+1", "-0"]),
        (["1" * 19, "2"], ["1" * 19, "2"]),
        (["NA", "nan", "None", "null"], ["NA", "None", "nan", "null"]),
        ([" ana ", "😀", "x y"], [" ana ", "x y", "😀"]),
        (['""', "a"], ["", "a"]),
        (["2026-01-31", "TRUE"], ["2026-01-31", "TRUE"]),
    ],
)
def test_ids_of_a_csv_file_are_kept_exactly(csv, ids: list[str], kept: list) -> None:
    found = csv("user,item\n" + "".join(f"{one},x\n" for one in ids))
    assert found.users.tolist() == kept


def test_names_separator_and_dates_of_a_csv_file(csv) -> None:
    text = "when;product;note;customer\n1970-01-02;tea;;ana\n1970-01-01;rye;NA;ben\n"
    found = csv(text, "customer", "product", timestamp="when", separator=";")
    assert rows_of(found) == [
        ("ana", "tea", pd.Timestamp("1970-01-02", tz="UTC")),
        ("ben", "rye", pd.Timestamp("1970-01-01", tz="UTC")),
    ]
    assert found.timestamp.tolist() == [86400, 0]


def test_a_compressed_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "likes.csv.gz"
    path.write_bytes(gzip.compress(b"user,item\n2,b\n1,a\n"))
    assert pairs_of(Interactions.from_csv(path)) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ("latin-1", {"encoding": "latin-1"}),
        ("utf-8-sig", {}),
        ("utf-8", {}),
        ("utf-16", {"encoding": "utf-16"}),
    ],
)
def test_encodings(csv, written: str, arguments: dict) -> None:
    found = csv("user,item\nZoë,café\n".encode(written), **arguments)
    assert pairs_of(found) == [("Zoë", "café")]


def test_blank_lines_and_windows_line_ends_do_no_harm(csv) -> None:
    assert pairs_of(csv("user,item\r\n1,2\r\n\r\n3,4\r\n")) == [(1, 2), (3, 4)]


def test_empty_cells_are_missing(csv) -> None:
    text = "user,item,r\n1,2,NA\n,3,4\n5,6,1\n"
    with pytest.warns(UserWarning, match="2 rows with a missing value"):
        found = csv(text, rating="r", missing="drop")
    assert rows_of(found) == [(5, 6, 1.0)]
    assert found.users.dtype == np.int64


@pytest.mark.parametrize(
    ("content", "arguments", "parts"),
    [
        ("", {}, ["shop.csv", "empty", "header"]),
        ("user,item\n", {}, ["no rows"]),
        ("user,film\n1,2\n", {}, ["'item'", "'user', 'film'"]),
        ("user;item\n1;2\n", {}, ["'user'", "separator=';'"]),
        ("user\titem\n1\t2\n", {}, ["separator='\\t'"]),
        ("user|item\n1|2\n", {}, ["separator='|'"]),
        ("user,item\n1,2\n", {"separator": ";"}, ["separator=','"]),
        ("user,item\n1,2\n3,4,5\n", {}, ["shop.csv", "separator=','", "first '3,4,5'"]),
        (
            "user,item\n0,1,2\n1,3,4\n",
            {},
            ["shop.csv", "more or fewer", "2 of its header", "separator=','"],
        ),
        (
            "user,item\n7,1,2\n1,3\n",
            {},
            ["shop.csv", "rows with more or fewer", "header", "'7,1,2'"],
        ),
        ("user,item\n1,2\n3\n", {}, ["shop.csv", "1 rows", "'3'", "missing='drop'"]),
        ("user,item\n,2\n3,4\n", {}, ["'user'", "1 rows", "row 0"]),
        ('user,item\n"1,2\n', {}, ["shop.csv", "1 rows with more or fewer"]),
        ("user,item\nZoë,x\n".encode("latin-1"), {}, ["shop.csv", "utf-8", "0xeb"]),
        ("user,item\nZoë,x\n", {"encoding": "ascii"}, ["shop.csv", "encoding='ascii'"]),
        ("user,item\n1,22\n", {"encoding": "utf-16"}, ["shop.csv", "encoding='utf-16'"]),
        ("user,item\n1,2\n", {"encoding": "utf-x"}, ["encoding='utf-x'", "unknown encoding"]),
        ("user,item,r\n1,2,inf\n", {"rating": "r"}, ["'r'", "finite", "inf"]),
        ("user,item,r\n1,2,4\n1,3,oops\n", {"rating": "r"}, ["'r'", "'oops'", "row 1"]),
        ("user,item,t\n1,2,3\n1,3,oops\n", {"timestamp": "t"}, ["'t'", "ISO"]),
    ],
)
def test_a_bad_csv_file_is_named_in_one_sentence(csv, content, arguments, parts) -> None:
    message = complaint(lambda: csv(content, **arguments))
    assert [part for part in parts if part not in message] == []


def test_a_hint_at_another_separator_only_where_it_helps(csv) -> None:
    assert "separator" not in complaint(lambda: csv("user,a;b\n1,2\n"))
    assert "separator" not in complaint(lambda: csv("user\n1\n"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        message = complaint(lambda path=path: Interactions.from_csv(path), FileNotFoundError)
        assert repr(str(path)) in message


# ---------------------------------------------------------------------- labels
def test_positions_of_labels(toy: Interactions) -> None:
    assert position(toy.items, "Dune", "item") == 3
    assert positions(toy.users, "Cem", "user").tolist() == [2]
    assert positions(toy.users, ["Eli", "Ana", "Eli"], "user").tolist() == [4, 0, 4]
    assert positions(pd.Index([10, 20]), np.array([20]), "item").tolist() == [1]
    assert positions(toy.users, [], "user").tolist() == []
    assert positions(pd.Index([10, 20]), pd.Series([20.0, 10.0]), "item").tolist() == [1, 0]
    assert positions(pd.Index([10, "a"]), ["a", 10], "item").tolist() == [1, 0]


@pytest.mark.parametrize("unknown", ["Zed", 3, None, ["Ana"], slice(0, 2)])
def test_an_unknown_label_is_named(toy: Interactions, unknown: object) -> None:
    message = complaint(lambda: toy.items_of(unknown), KeyError)
    assert f"Unknown user {unknown!r}" in message
    assert "5 known" in message
    assert "'Ana'" in message


def test_the_unknown_one_of_several_labels_is_named(toy: Interactions) -> None:
    message = complaint(lambda: positions(toy.items, ["Emma", "Solaris"], "item"), KeyError)
    assert "Unknown item 'Solaris'" in message


KNOWN = {
    "integers": (pd.Index([1, 2, 3]), 2),
    "a range": (pd.RangeIndex(4), 2),
    "text": (pd.Index(["a", "b"]), "b"),
    "both": (pd.Index([1, "a"]), "a"),
    "fractions": (pd.Index([0.5, 1.0]), 0.5),
}


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_label_is_nobody_s(kind: str, missing: object) -> None:
    known, label = KNOWN[kind]
    for wanted, place in (([missing], 0), (missing, 0), ([label, missing], 1)):
        message = complaint(lambda wanted=wanted: positions(known, wanted, "user"), KeyError)
        assert message.startswith(f"Unknown user {missing!r}: the {len(known)} known ones")
        assert message.endswith(f"; the user at place {place} is missing.")
    holes = pd.Index([label, missing], dtype=object)  # even where one of the labels is missing
    message = complaint(lambda: positions(holes, [label, missing], "item"), KeyError)
    assert "the item at place 1 is missing" in message


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("truth", [True, np.True_, False])
def test_true_is_not_the_label_1(kind: str, truth: object) -> None:
    known, label = KNOWN[kind]
    for wanted in (truth, [truth], [truth, label], [label, truth], np.array([truth, truth])):
        message = complaint(lambda wanted=wanted: positions(known, wanted, "user"), KeyError)
        assert f"Unknown user {bool(truth)}:" in message
    message = complaint(lambda: position(known, truth, "user"), KeyError)
    assert f"Unknown user {bool(truth)}:" in message


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ([[1, 2]], "[1, 2]"),
        ([[1, 2], [3, 4]], "[1, 2]"),
        (np.array([[7, 8], [9, 9]]), "[7, 8]"),
        ([{}, {}], "{}"),
        ([(7, 8), (9, 9)], "(7, 8)"),
        ([np.int64(99999)], "99999"),
        ([np.int64(99999), 99], "99999"),
        (np.str_("zed"), "'zed'"),
        ([np.float64(7.5)], "7.5"),
        (["\ud800", "zed"], "'\\ud800'"),
        (slice(0, 2), "slice(0, 2, None)"),
    ],
)
def test_what_is_no_label_is_shown_as_python_has_it(kind: str, wanted: object, shown: str) -> None:
    message = complaint(lambda: positions(KNOWN[kind][0], wanted, "user"), KeyError)
    assert message.startswith(f"Unknown user {shown}: the ")


# ---------------------------------------------------------------------- selections
@few
@given(tables(), st.data())
def test_select_keeps_the_index_space(rows: list[tuple], data: st.DataObject) -> None:
    everything = built(rows)
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    found = everything.select(np.array(mask, bool))
    assert rows_of(found) == [row for row, kept in zip(sorted(rows), mask, strict=True) if kept]
    assert found.users is everything.users
    assert found.items is everything.items


@few
@given(tables(), st.data())
def test_positions_are_a_set(rows: list[tuple], data: st.DataObject) -> None:
    everything = built(rows)
    positions = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=60))
    found = everything.select(np.array(positions))
    assert rows_of(found) == [sorted(rows)[place] for place in sorted(set(positions))]
    mask = np.isin(np.arange(len(rows)), positions)
    assert_same(found, everything.select(mask))
    assert_same(found, everything.select(positions))


@pytest.mark.parametrize(
    ("keep", "error", "parts"),
    [
        (np.ones(9, bool), ValueError, ["9 entries", "10 pairs"]),
        (np.zeros(0, bool), ValueError, ["0 entries", "10 pairs"]),
        ([3, 10], ValueError, ["Position 10", "10 pairs"]),
        ([-1, 3], ValueError, ["Position -1", "start at 0"]),
        ([0.0, 1.0], TypeError, ["mask or positions", "float64"]),
        (np.zeros((2, 2), int), TypeError, ["shape (2, 2)"]),
        (3, TypeError, ["shape ()"]),
        (["a"], TypeError, ["mask or positions"]),
    ],
)
def test_what_select_refuses(toy: Interactions, keep, error: type[Exception], parts: list) -> None:
    message = complaint(lambda: toy.select(keep), error)
    assert [part for part in parts if part not in message] == []


@few
@given(tables(), st.data())
def test_compact_takes_unused_labels_off_the_lists(rows: list[tuple], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True))
    kept = [sorted(rows)[place] for place in sorted(chosen)]
    assert_same(built(rows).select(np.array(chosen)).compact(), built(kept))


@few
@given(tables(), st.sampled_from([0.5, 2.0, 2.25, 4.0, 5.0, 6.0]))
def test_binarize_keeps_what_reaches_the_threshold(rows: list[tuple], bar: float) -> None:
    likes = sorted(row for row in rows if row[2] >= bar)
    everything = built(rows)
    if not likes:
        assert f"reaches {bar:g}" in complaint(lambda: everything.binarize(bar))
        return
    found = everything.binarize(bar)
    assert found.rating is None
    assert rows_of(found) == [(user, item, when) for user, item, _, when in likes]
    assert found.users.tolist() == sorted({row[0] for row in likes})
    counts = {
        f"ratings under {bar:g}": len(rows) - len(likes),
        "users": len({row[0] for row in rows} - {row[0] for row in likes}),
        "items": len({row[1] for row in rows} - {row[1] for row in likes}),
    }
    assert dict(found.dropped) == {what: count for what, count in counts.items() if count}


def test_binarize_needs_ratings(toy: Interactions) -> None:
    assert "binarize needs ratings" in complaint(lambda: toy.binarize(4.0))


def test_binarize_says_how_far_ratings_go() -> None:
    rated = read(table([(1, 1, 0.5), (1, 2, 3.0)]), rating="rating")
    assert "from 0.5 to 3" in complaint(lambda: rated.binarize(4))


@pytest.mark.parametrize("threshold", ["4", None, True, [4], np.nan, np.array([4.0])])
def test_a_threshold_is_a_number(threshold: object) -> None:
    rated = read(table([(1, 1, 0.5), (1, 2, 3.0)]), rating="rating")
    error = ValueError if isinstance(threshold, float) else TypeError
    message = complaint(lambda: rated.binarize(threshold), error)  # type: ignore[arg-type]
    assert message == f"threshold={threshold!r}: a finite number is needed."


@pytest.mark.parametrize("threshold", [3, 3.0, np.int64(3), np.float32(3)])
def test_numbers_of_every_type_are_thresholds(threshold: float) -> None:
    rated = read(table([(1, 1, 0.5), (1, 2, 3.0)]), rating="rating")
    assert pairs_of(rated.binarize(threshold)) == [(1, 2)]


def test_no_ratings_binarize_to_none() -> None:
    nothing = read(table([(1, 1, 0.5), (1, 2, 3.0)]), rating="rating").select([])
    found = nothing.binarize(4)
    assert (len(found), found.num_users, found.num_items, found.rating) == (0, 0, 0, None)
    assert dict(found.dropped) == {"users": 1, "items": 2}


@pytest.mark.parametrize("size", ["2", None, True, 2.5])
@pytest.mark.parametrize("name", ["users", "items"])
def test_a_core_has_whole_numbers(toy: Interactions, name: str, size: object) -> None:
    message = complaint(lambda: toy.k_core(**{name: size}), TypeError)  # type: ignore[arg-type]
    assert message == f"{name}={size!r}: a whole number is needed."
    assert "at least 0" in complaint(lambda: toy.k_core(**{name: -1}))


def peeled(pairs: set[tuple], users: int, items: int) -> set[tuple]:
    """The core, taking off one user or item at a time."""
    while True:
        of_user, of_item = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
        weak = [p for p in pairs if of_user[p[0]] < users or of_item[p[1]] < items]
        if not weak:
            return pairs
        pairs = pairs - {weak[0]}


pair_sets = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1)


@few
@given(pair_sets, st.integers(0, 4), st.integers(0, 4))
def test_k_core_is_what_peeling_leaves(pairs: set[tuple], users: int, items: int) -> None:
    everything = read(table(sorted(pairs)))
    expected = peeled(pairs, users, items)
    if not expected:
        assert "Nothing is left" in complaint(lambda: everything.k_core(users, items))
        return
    core = everything.k_core(users, items)
    assert set(pairs_of(core)) == expected
    assert min(core.user_degrees()) >= max(users, 1)
    assert min(core.item_degrees()) >= max(items, 1)
    assert core.dropped.get("pairs outside the core", 0) == len(pairs) - len(expected)
    assert_same(core.k_core(users, items), core)


@few
@given(pair_sets, st.integers(1, 4))
def test_k_core_is_networkx_s(pairs: set[tuple], k: int) -> None:
    graph = nx.Graph((("user", user), ("item", item)) for user, item in pairs)
    core = nx.k_core(graph, k)
    everything = read(table(sorted(pairs)))
    if not core:
        complaint(lambda: everything.k_core(k, k))
        return
    found = everything.k_core(k, k)
    assert {("user", user) for user in found.users} | {("item", i) for i in found.items} == set(
        core
    )
    assert len(found) == core.number_of_edges()


# ---------------------------------------------------------------------- columns of odd types
@pytest.mark.filterwarnings("ignore:Left out of")
@few
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), *[st.integers(1, 3)] * 3),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_of_equally_early_rows_the_higher_is_kept(rows: list[tuple], random) -> None:
    names = ["user", "item", "rating", "timestamp", "weight"]
    roles = {name: name for name in names[2:]}
    random.shuffle(rows)
    for keep, sign in (("first", -1), ("latest", 1)):
        best: dict[tuple, tuple] = {}
        for row in rows:
            best[row[:2]] = max(
                (best.get(row[:2], row), row), key=lambda r: (sign * r[3], r[2], r[4])
            )
        found = read(pd.DataFrame(rows, columns=names), **roles, keep=keep)  # type: ignore[arg-type]
        assert rows_of(found) == sorted(best.values()), keep


@pytest.mark.parametrize("as_table", [pd.DataFrame, dict], ids=["frame", "dict"])
def test_sparse_columns_are_read_like_others(as_table: Callable[[dict], Any]) -> None:
    dense = {
        "user": [0, 2, 0],
        "item": ["a", "a", "b"],
        "r": [0.0, 0.0, 4.5],
        "t": [0, 7, 0],
        "w": [1.0, 1.0, 2.0],
    }
    thin = {name: pd.arrays.SparseArray(column) for name, column in dense.items() if name != "item"}
    names = {"rating": "r", "timestamp": "t", "weight": "w"}
    assert_same(read(as_table(dense | thin), **names), read(dense, **names))


def test_gaps_in_sparse_columns_are_gaps() -> None:
    rows = {"user": pd.arrays.SparseArray([1.0, np.nan, 3.0]), "item": [1, 2, 3]}
    assert "'user' lacks a value in 1 rows" in complaint(lambda: read(rows))
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        found = read(rows, missing="drop", na_values=[-1])
    assert found.users.tolist() == [1, 3]


@pytest.mark.parametrize(
    "column",
    [
        [20240101, None, 20240229],
        [20240101.0, None, 20240229],
        pd.array([20240101.0, None, 20240229.0], dtype="Float64"),
        pd.array([20240101, None, 20240229], dtype="Int64"),
        pd.Series([20240101, None, 20240229.0], dtype=object),
        pd.Series(["20240101", None, "20240229"]),
    ],
    ids=["gap", "floats", "Float64", "Int64", "objects", "text"],
)
def test_days_that_a_gap_made_floats(column: Any) -> None:
    rows = {"user": [1, 2, 3], "item": [4, 5, 6], "t": column}
    with pytest.warns(UserWarning, match="1 rows with a missing value"):
        found = read(rows, timestamp="t", date_format="%Y%m%d", missing="drop")
    days = found.to_frame()["timestamp"].dt.strftime("%Y-%m-%d").tolist()
    assert days == ["2024-01-01", "2024-02-29"]


def test_floats_that_are_no_days_are_refused() -> None:
    rows = {"user": [1, 2], "item": [4, 5], "t": [20240101.0, 20240101.5]}
    message = complaint(lambda: read(rows, timestamp="t", date_format="%Y%m%d"))
    assert "values that are no date or time like the others" in message
