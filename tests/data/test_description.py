"""The report on somebody's interactions: exact numbers, and a sentence only where one is due."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_interactions import built, few, read, tables

from gnnrec_helpers import Interactions, datasets
from gnnrec_helpers.data import description
from gnnrec_helpers.data.description import Description, gini

PEOPLE, EACH = 600, 12
SIZE = PEOPLE * EACH


def shop(**columns: Any) -> pd.DataFrame:
    """A clean one: 600 people with 12 of 60 things each, from January 2024 to December 2025."""
    generator = np.random.default_rng(0)
    user = np.repeat(np.arange(PEOPLE), EACH)
    item = np.concatenate([generator.permutation(60)[:EACH] for _ in range(PEOPLE)])
    start = pd.Timestamp("2024-01-01", tz="UTC")
    seconds = generator.integers(0, 731 * 86400 - 60, SIZE)
    table = pd.DataFrame(
        {"user": user, "item": item, "when": start + pd.to_timedelta(seconds, "s")}
    )
    return table.assign(
        stars=generator.choice([1, 2, 3, 4, 5], SIZE, p=[0.02, 0.05, 0.33, 0.3, 0.3]),
        plays=generator.integers(1, 30, SIZE),
    ).assign(**columns)


def sold(table: pd.DataFrame, **columns: Any) -> Interactions:
    """The shop with all it has, unless told otherwise."""
    named = {"timestamp": "when", "rating": "stars", "weight": "plays"}
    return read(table, **{**named, **columns})


def about(interactions: Interactions) -> list[str]:
    return [finding.about for finding in interactions.describe().findings]


def sentence(interactions: Interactions, what: str) -> str:
    """The one about this."""
    (found,) = (f.sentence for f in interactions.describe().findings if f.about == what)
    return found


# ---------------------------------------------------------------------- numbers, by pandas
def by_pandas(whole: Interactions) -> dict[str, Any]:
    """All numbers that do not depend on units of time, with another library and by definition."""
    frame = pd.DataFrame({"user": whole.user_index, "item": whole.item_index, **whole.values()})
    users, items = frame.groupby("user").size(), frame.groupby("item").size()
    numbers: dict[str, Any] = {
        "pairs": len(frame),
        "users": len(whole.users),
        "items": len(whole.items),
        "density": len(frame) / (len(whole.users) * len(whole.items)),
    }
    numbers |= {f"left out: {name}": count for name, count in whole.dropped.items()}
    numbers |= spread("pairs per user", users) | spread("pairs per item", items)
    for role, counts, labels in (("user", users, whole.users), ("item", items, whole.items)):
        if len(counts) < len(labels):
            numbers[f"{role}s without pairs"] = len(labels) - len(counts)
    numbers["share of pairs of the top 1 % of items"] = items.nlargest(
        max(1, len(items) // 100)
    ).sum() / len(frame)
    values, counts = np.unique(items, return_counts=True)
    differences = np.abs(values[:, None] - values) * counts[:, None] * counts
    pairwise = differences.sum() / len(items) ** 2
    numbers["Gini of items"] = pairwise / 2 / items.mean()
    numbers["share of items with a single pair"] = (items == 1).mean()
    # halves are rounded up, and one pair stays in train: .2 of 3 are 1, .1 of 5 are 1
    for name, needed in (
        ("test pair: by split()", 3),
        ("test pair: by split(test=1)", 2),
        ("validation pair: by split()", 5),
        ("validation pair: by split(test=1, validation=1)", 3),
    ):
        numbers[f"share of users without a {name}"] = (users < needed).mean()
    numbers["users with every item"] = (users == len(items)).sum()
    histories = frame.groupby("user")["item"].agg(frozenset)
    times = Counter(histories)
    numbers["users identical to another, in 5 or more items"] = sum(
        len(history) >= 5 and times[history] > 1 for history in histories
    )
    graph = nx.Graph((f"u{u}", f"i{i}") for u, i in zip(frame["user"], frame["item"], strict=True))
    core = nx.k_core(graph, 5)
    numbers["left by k_core(5, 5): pairs"] = core.number_of_edges()
    numbers["left by k_core(5, 5): users"] = sum(node[0] == "u" for node in core)
    numbers["left by k_core(5, 5): items"] = sum(node[0] == "i" for node in core)
    if "rating" in frame:
        rating = frame["rating"]
        numbers |= spread("ratings", rating) | {"different ratings": rating.nunique()}
        if rating.nunique() <= 12:
            numbers |= {
                f"pairs rated: {value:.15g}": count
                for value, count in rating.value_counts().items()
            }
        numbers["share of ratings of 0"] = (rating == 0).mean()
        numbers["share of ratings under 0"] = (rating < 0).mean()
    if "weight" in frame:
        weight = frame["weight"]
        numbers |= spread("weights", weight)
        heaviest = weight.nlargest(max(1, len(weight) // 100)).sum()
        numbers["share of all weight on the heaviest 1 % of pairs"] = heaviest / weight.sum()
    if "timestamp" in frame:
        tied = frame.duplicated(["user", "timestamp"], keep=False)
        numbers["share of pairs tied in time"] = tied.mean()
    return numbers


def spread(group: str, values: pd.Series) -> dict[str, float]:
    return {
        f"{group}: least": values.min(),
        f"{group}: lower quartile": values.quantile(0.25),
        f"{group}: median": values.median(),
        f"{group}: upper quartile": values.quantile(0.75),
        f"{group}: most": values.max(),
        f"{group}: mean": values.mean(),
    }


def dated(whole: Interactions, factor: int) -> dict[str, Any]:
    """The numbers of time, of dates counted in a unit that has `factor` in a second."""
    frame = pd.DataFrame({"user": whole.user_index, "time": whole.timestamp})
    moments = pd.to_datetime(frame["time"] // factor, unit="s")
    span = frame.groupby("user")["time"].agg(lambda times: times.max() - times.min())
    several = frame.groupby("user").size() > 1
    months = moments.dt.to_period("M").value_counts()
    months = months.reindex(pd.period_range(months.index.min(), months.index.max()), fill_value=0)
    numbers = {
        "days": (frame["time"].max() - frame["time"].min()) / factor / 86400,
        "months": len(months),
        **spread("pairs per month", months),
    }
    if several.any():
        numbers["share of histories within an hour"] = (span[several] <= 3600 * factor).mean()
    return numbers


def assert_numbers(found: dict[str, Any], expected: dict[str, Any]) -> None:
    texts = {name for name, value in found.items() if isinstance(value, str)}
    assert texts <= {"first", "last", "time unit"}
    assert found.keys() - texts == expected.keys()
    for name, value in expected.items():
        if isinstance(found[name], int):
            assert found[name] == value, name
        else:
            assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-15), name


@pytest.mark.parametrize("name", ["movielens-small", "lastfm-2k", "toy"])
def test_every_number_of_the_data_sets(name: str) -> None:
    whole = datasets.load(name).interactions
    expected = by_pandas(whole)
    if whole.timestamp is not None:
        expected |= dated(whole, 1)
    assert_numbers(whole.describe().numbers, expected)


@few
@given(tables(), st.sampled_from([None, "weights", "select", "replace"]))
def test_every_number_of_small_tables(rows: list[tuple], change: str | None) -> None:
    whole = built(rows)  # the times are 0, 1, 2, ...: no dates
    if change == "weights":
        whole = replace(whole, weight=whole.rating, timestamp=whole.timestamp // 3)  # type: ignore[operator]
    elif change == "select":
        whole = whole.select(np.arange(len(whole)) % 2 == 0)
    elif change == "replace":
        whole = replace(whole, dropped={"repeated pairs": 7}, timestamp=whole.timestamp / 8)  # type: ignore[operator]
    numbers = whole.describe().numbers
    assert (numbers.pop("first"), numbers.pop("last")) == (
        whole.timestamp.min(),  # type: ignore[union-attr]
        whole.timestamp.max(),  # type: ignore[union-attr]
    )
    assert numbers["time unit"] == "none: plain numbers"
    assert_numbers(numbers, by_pandas(whole))


UNIT_FACTORS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@few
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 10**9)),
        min_size=1, max_size=30, unique_by=lambda row: row[:2],
    ),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.booleans(),
)  # fmt: skip
def test_times_in_every_unit(rows: list[tuple], unit: str, guessed: bool) -> None:
    user, item, second = np.array(rows, np.int64).T
    # near each other, within an hour and not, and some at the same time
    stamps = (1_000_000_000 + second // 4 * 4 % 50_000) * UNIT_FACTORS[unit]
    whole = Interactions(
        user, item, pd.RangeIndex(4), pd.RangeIndex(10), timestamp=stamps,
        time_unit=None if guessed else unit,  # type: ignore[arg-type]
    )  # fmt: skip
    numbers = whole.describe().numbers
    assert numbers["time unit"] == unit + (", guessed from the magnitude" if guessed else "")
    for name, stamp in (("first", stamps.min()), ("last", stamps.max())):
        assert pd.Timestamp(numbers[name]) == pd.Timestamp(stamp, unit=unit)
    assert_numbers(numbers, by_pandas(whole) | dated(whole, UNIT_FACTORS[unit]))


def test_months_are_counted() -> None:
    months = sold(shop()).describe().months
    assert months is not None
    expected = shop()["when"].dt.tz_localize(None).dt.to_period("M").value_counts().sort_index()
    assert months.to_dict() == expected.to_dict()
    assert len(months) == 24
    assert read(shop()).describe().months is None


def test_float_times_are_as_exact() -> None:
    stamps = np.array([1e9, 1e9 + 0.25, 1e9 + 0.25, 1e9 + 3600, 1e9, 1e9 + 3600.125])
    whole = Interactions(
        np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 0, 1]), pd.Index(["a", "b"]),
        pd.RangeIndex(4), timestamp=stamps,
    )  # fmt: skip
    numbers = whole.describe().numbers
    assert numbers["share of pairs tied in time"] == 2 / 6
    assert numbers["share of histories within an hour"] == 0.5
    assert numbers["first"] == "2001-09-09 01:46:40"
    assert numbers["days"] == pytest.approx(3600.125 / 86400)


def test_times_too_wide_to_be_sorted_with_their_user_are_as_exact() -> None:
    stamps = np.array([-(2**63), -(2**63) + 1, 2**63 - 1, 2**63 - 1, 2**63 - 1, 2**63 - 2])
    whole = Interactions(
        np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 0, 1]), pd.Index(["a", "b"]),
        pd.RangeIndex(4), timestamp=stamps,
    )  # fmt: skip
    assert whole.describe().numbers["share of pairs tied in time"] == 2 / 6


@few
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_gini_by_all_differences(counts: list[int]) -> None:
    values = np.array(counts)
    by_hand = np.abs(values[:, None] - values).sum() / (2 * len(counts) * values.sum())
    assert gini(values) == pytest.approx(by_hand)


def test_who_is_too_short_is_what_the_split_leaves_out() -> None:
    degrees = np.repeat(np.arange(1, 9), 5)
    user = np.repeat(np.arange(len(degrees)), degrees)
    item = np.concatenate([np.arange(n) for n in degrees])
    whole = read({"user": user, "item": item})
    numbers = whole.describe().numbers
    for name, amounts in (
        ("split()", {}),
        ("split(test=1, validation=1)", {"test": 1, "validation": 1}),
    ):
        split = whole.split(**amounts)  # type: ignore[arg-type]
        for part in ("test", "validation"):
            held_out = getattr(split, part).user_degrees()
            key = f"share of users without a {part} pair: by {name}".replace(
                "test pair: by split(test=1, validation=1)", "test pair: by split(test=1)"
            )
            assert numbers[key] == (held_out == 0).mean()


def test_the_order_of_rows_does_not_matter() -> None:
    table = shop()
    mixed = table.sample(frac=1, random_state=1)
    assert repr(sold(mixed).describe()) == repr(sold(table).describe())
    assert sold(mixed).describe()._repr_html_() == sold(table).describe()._repr_html_()


# ---------------------------------------------------------------------- findings
def test_nothing_is_said_about_clean_interactions() -> None:
    for whole in (sold(shop()), read(shop()), read(shop(), timestamp="when")):
        found = whole.describe()
        assert found.findings == []
        assert repr(found).endswith("\n\nNothing stands out.")
        assert "<p>Nothing stands out.</p>" in found._repr_html_()


def text(start: str = "u", **names: str) -> pd.Series:
    """The shop's users as text, some called otherwise."""
    return (start + shop()["user"].astype(str)).replace({f"u{k[1:]}": v for k, v in names.items()})


def month(name: str, keep: int) -> pd.DataFrame:
    """The shop with every `keep`-th row of a month."""
    table = shop()
    return table[(table["when"].dt.strftime("%Y-%m") != name) | (table.index % keep == 0)]


def with_guest(user: Any, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """The shop and somebody with 500 things."""
    table = shop() if table is None else table
    rows = table.head(500).assign(user=user, item=np.arange(1000, 1500))
    # somebody else has each of these too, so that no item is rare
    others = rows.assign(user=np.resize(table["user"].unique()[::7], 500))
    return pd.concat([table, rows, others])


EARLY = shop()["when"].min()
FIRST = np.arange(SIZE) % EACH  # of their user
KINDS: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "short histories": (
        shop()[FIRST < 2], {},
        "100 % of users have too few pairs for `split()` to hold out a test pair: "
        "`interactions.split(test=1, validation=0)` leaves one out for test of each who has two.",
    ),
    "single pairs": (
        shop()[(FIRST == 0) | (np.arange(SIZE) >= SIZE / 2)], {},
        "50 % of users have a single pair, so nothing can be held out of them and no measure is "
        "about them: `interactions.k_core(2, 1)` leaves them out.",
    ),
    "rare items": (
        shop(item=np.where(FIRST < 2, 1000 + np.arange(SIZE), shop()["item"])), {},
        "95 % of items have a single pair, so little can be learnt about them: "
        "`interactions.k_core(1, 2)` leaves them out.",
    ),
    "every item": (
        pd.concat([shop(), shop().head(60).assign(user=999, item=np.arange(60))]), {},
        "1 user has all 60 items, such as 999, so nothing is left to recommend",
    ),
    "one user": (
        with_guest(777), {"timestamp": None},
        "User 777 has 500 pairs, 6 % of all: if this is a guest account or a robot, "
        "`interactions.select(interactions.user_index != 600).compact()` leaves it out.",
    ),
    "identical users": (
        shop(item=np.where(shop()["user"] < 10, FIRST, shop()["item"])), {},
        "10 users have exactly the same 5 or more items as another",
    ),
    "core": (
        shop(item=np.where(FIRST < 7, 1000 + shop()["user"] // 3 * 7 + FIRST, shop()["item"])), {},
        "`interactions.k_core(5, 5)`, which many papers use, would leave only 42 % of the pairs "
        "(3,000 of 600 users and 60 items): do not compare with their numbers.",
    ),
    "one rating": (
        shop(stars=4), {},
        "Every rating is 4, so ratings say nothing: read without `rating=`.",
    ),
    "no rating": (
        shop(stars=np.where(FIRST == 0, 0, shop()["stars"])), {},
        "8 % of ratings are 0 (600), which often stands for no rating: "
        "`interactions.select(interactions.rating > 0)` leaves these pairs out.",
    ),
    "counts": (
        shop(stars=np.where(np.arange(SIZE) == 7, 5000, shop()["stars"])), {},
        "Ratings reach 5000 with a median of 4, so they look like counts",
    ),
    "low ratings": (
        shop(stars=1 + FIRST % 5), {},
        "50 % of ratings lie in the lower half of the scale, under 3, and ranking models take them "
        "for likes: `interactions.binarize(3)` keeps 3,600 pairs.",
    ),
    "one weight": (
        shop(plays=2), {},
        "Every weight is 2, so weights say nothing: read without `weight=`.",
    ),
    "heavy weights": (
        shop(plays=np.where(np.arange(SIZE) == 7, 10**6, 1)), {},
        "The largest weight is 1000000, the median 1, and 99 % of all weight lies on 1 % of the",
    ),
    "ties": (
        shop(when=shop()["when"].dt.floor("365D")), {},
        "of pairs have the same time as another of their user, so which came first is unknown",
    ),
    "no sequence": (
        shop(when=EARLY + pd.to_timedelta(shop()["user"] + FIRST * 300 / 86400, "D")), {},
        "100 % of users with several pairs have them all within an hour, so their order is no "
        "sequence",
    ),
    "implausible dates": (
        shop(when=shop()["when"].where(FIRST > 0, pd.Timestamp("1970-01-01", tz="UTC"))), {},
        "600 timestamps lie before 1980 or after 2100, such as 0 (1970-01-01 00:00:00), and may "
        "stand for a missing time",
    ),
    "a gap": (
        month("2024-06", 97), {},
        "Hardly any pairs are from 2024-06 (",
    ),
    "a month cut short": (
        shop()[shop()["when"] < "2025-12-10"], {},
        "Pairs end on 2025-12-09, and 2025-12 has",
    ),
    "missing ids": (
        shop(user=text(u7="NULL", u8="nan")), {},
        "'NULL', 'nan' look like a missing user and have 24 pairs: if so, read with "
        "`na_values=['NULL', 'nan'], missing='drop'`.",
    ),
    "spaces": (
        shop(user=text(u7="u7 ", u8=" u8")), {},
        "2 user ids have a space at an end, such as ' u8': `frame[column].str.strip()`",
    ),
    "spellings": (
        shop(user=text(u7="U8", u9="u10 ")), {},
        "2 user ids differ from another only in capitals, spaces or the code of an accent, such as",
    ),
    "float ids": (
        shop(user=shop()["user"].astype(str) + ".0"), {},
        "All 600 user ids end in '.0', such as '0.0': they were integers once",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", KINDS)
def test_what_gets_in_the_way_is_said_with_its_number(what: str) -> None:
    table, columns, said = KINDS[what]
    whole = sold(table, **columns)
    full = sentence(whole, what)
    assert said in full
    assert full.endswith(".")
    assert "\n" not in full
    assert f"- {full}" in repr(whole.describe())


@pytest.mark.parametrize("what", KINDS)
def test_the_calls_in_a_sentence_help(what: str) -> None:
    table, columns, _ = KINDS[what]
    interactions = sold(table, **columns)
    calls = re.findall(r"`((?:interactions|dataclasses)\..+?)`", sentence(interactions, what))
    for call in calls:
        if call == "interactions.k_core(5, 5)":
            continue  # told for what it leaves
        result = eval(call, {"np": np, "dataclasses": dataclasses, "interactions": interactions})
        if isinstance(result, Interactions):  # a split cures by itself
            assert what not in about(result)
    assert calls or "read" in sentence(interactions, what) or "look" in sentence(interactions, what)


@few
@given(tables(), st.booleans())
def test_the_calls_run_on_small_tables_too(rows: list[tuple], dates: bool) -> None:
    interactions = built(rows)
    if dates:
        interactions = replace(interactions, timestamp=10**9 + interactions.timestamp // 2)  # type: ignore[operator]
    for finding in interactions.describe().findings:
        for call in re.findall(r"`((?:interactions|dataclasses)\..+?)`", finding.sentence):
            if call != "interactions.k_core(5, 5)":
                eval(call, {"np": np, "dataclasses": dataclasses, "interactions": interactions})


def test_calls_before_reading_help() -> None:
    padded = shop(user=text(u7="u7 ", u8=" u8"))
    cured = padded.assign(user=padded["user"].str.strip())
    assert about(sold(cured)) == []
    people = {
        "u7": "Ana",
        "u8": "ana",
        "u9": "José",
        "u10": "Jose\u0301",
        "u11": "a  b",
        "u12": "A\u00a0B",
    }
    odd = shop(user=text(**people), item=np.arange(SIZE) % 50 + shop()["user"] % 17)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of repeated pairs
        assert sentence(sold(odd), "spellings").startswith("3 user ids differ")
        call = re.findall(r"`(frame.+?)`", sentence(sold(odd), "spellings"))[0]
        user = eval(call, {"frame": odd, "column": "user"})
        assert "spellings" not in about(sold(odd.assign(user=user)))
    floats = KINDS["float ids"][0]
    call = re.findall(r"`(frame.+?)`", sentence(sold(floats), "float ids"))[0]
    user = eval(call, {"frame": floats, "column": "user"})
    assert sold(floats.assign(user=user)).users.tolist() == list(range(PEOPLE))
    table, _, _ = KINDS["missing ids"]
    with pytest.warns(UserWarning, match="24 rows with a missing value"):
        whole = sold(table, na_values=["NULL", "nan"], missing="drop")
    assert about(whole) == []


def test_a_mild_case_is_no_finding() -> None:
    below = {
        "short histories": shop()[(FIRST < 2) | (np.arange(SIZE) >= SIZE * 0.15)],
        "single pairs": shop()[(FIRST == 0) | (np.arange(SIZE) >= SIZE * 0.15)],
        "rare items": shop(
            item=np.where(np.arange(SIZE) < 40, 1000 + np.arange(SIZE), shop()["item"])
        ),
        "one user": with_guest(777).query("user != 777 or item < 1090"),
        "identical users": shop(item=np.where(shop()["user"] < 5, FIRST, shop()["item"])),
        "no rating": shop(stars=np.where(np.arange(SIZE) < 50, 0, shop()["stars"])),
        "counts": shop(stars=shop()["stars"] * 80),
        "low ratings": shop(stars=np.where(FIRST == 0, 1, shop()["stars"].clip(lower=3))),
        "heavy weights": shop(plays=np.where(np.arange(SIZE) == 7, 100, 1)),
        "ties": shop(when=shop()["when"].where(FIRST > 1, EARLY)),
        "no sequence": shop(when=shop()["when"].where(shop()["user"] > 90, EARLY)),
        "a gap": month("2024-06", 4),
        "a month cut short": shop()[shop()["when"] < "2025-12-30"],
        "missing ids": shop(user=text(u7="Nullmann", u8="nana")),
        "spellings": shop(user=text(u7="straße", u8="strasse")),
        "float ids": shop(user=text(start="", u7="u7.0")),
    }
    for what, table in below.items():
        assert what not in about(sold(table, timestamp="when" if what != "one user" else None)), (
            what
        )


def test_leaving_out_of_rows_is_told() -> None:
    with pytest.warns(UserWarning, match="repeated pairs"):
        whole = sold(pd.concat([shop(), shop().head(500)]))
    assert whole.describe().numbers["left out: repeated pairs"] == 500
    assert sentence(whole, "repeated pairs").startswith("6 % of the rows (500) repeated a pair")
    with pytest.warns(UserWarning, match="missing value"):
        whole = sold(shop(stars=shop()["stars"].where(FIRST > 0)), missing="drop")
    assert sentence(whole, "missing values").startswith("8 % of the rows (600) lacked a value")
    with pytest.warns(UserWarning, match="repeated pairs"):
        assert about(sold(pd.concat([shop(), shop().head(300)]))) == []


def test_a_guest_account_is_said_once() -> None:
    guest = sold(with_guest(-1), timestamp=None)
    assert about(guest) == ["missing ids"]
    assert sentence(guest, "missing ids") == (
        "The user -1 has 500 pairs: if it stands for a missing one, "
        "`interactions.select(interactions.user_index != 0).compact()` leaves it out."
    )
    # 0 is where many lists begin: only with implausibly many pairs it is more
    assert 0 in sold(shop()).users
    table = shop(user=shop()["user"] + 1)
    assert about(sold(with_guest(0, table), timestamp=None)) == ["missing ids"]
    named = with_guest("NULL", shop(user=text()))
    assert about(sold(named, timestamp=None)) == ["missing ids"]
    assert about(sold(with_guest("0", shop(user=text())), timestamp=None)) == ["missing ids"]


def test_missing_ids_of_all_kinds() -> None:
    for odd in ("NULL", "\\N", "nan", "None", "N/A", "", "undefined", " null "):
        found = sentence(sold(shop(user=text(u7=odd))), "missing ids")
        assert found.startswith(f"{odd!r} looks like a missing user and has 12 pairs")
    items = shop(item=shop()["item"].map("i{}".format).replace("i7", "NULL"))
    assert "looks like a missing item" in sentence(sold(items), "missing ids")
    one_below = shop(item=shop()["item"].replace(0, -1))
    assert "The item -1 has" in sentence(sold(one_below), "missing ids")
    assert about(sold(shop(item=shop()["item"] - 30))) == []  # several below zero are a list
    labels = pd.Index([None, "b"], dtype=object)
    whole = Interactions(np.array([0, 1]), np.array([0, 0]), labels, pd.RangeIndex(1))
    assert "One user is called None, with 1 pair:" in sentence(whole, "missing ids")


def test_ratings_that_stand_for_none() -> None:
    found = sentence(sold(shop(stars=np.where(FIRST == 0, -1, shop()["stars"]))), "no rating")
    assert "8 % of ratings are -1 (600)" in found
    assert "interactions.rating > -1" in found
    from_0_on = shop(stars=np.where(FIRST == 0, -1, np.where(FIRST == 1, 0, shop()["stars"])))
    assert "8 % of ratings are -1 (600)" in sentence(sold(from_0_on), "no rating")
    jokes = sold(shop(stars=np.random.default_rng(0).uniform(-10, 10, SIZE)))
    assert about(jokes) == ["low ratings"]
    assert jokes.describe().numbers["share of ratings under 0"] == (jokes.rating < 0).mean()  # type: ignore[operator]
    assert "different ratings" in jokes.describe().numbers


def test_seconds_among_milliseconds_are_noticed() -> None:
    seconds = shop()["when"].astype("datetime64[s, UTC]").astype(np.int64)
    mixed = shop(when=np.where(FIRST < 4, seconds, seconds * 1000))
    with pytest.warns(UserWarning, match="another number of digits"):
        whole = sold(mixed)
    assert sentence(whole, "mixed units").startswith(
        "2,400 timestamps seem to be in another unit than ms, in which most are"
    )
    assert about(sold(shop(when=seconds))) == []
    lost = sold(shop(when=seconds.where(FIRST > 0, 0)))
    assert "600 timestamps lie before 1980" in sentence(lost, "implausible dates")
    plain = sold(shop(when=np.arange(SIZE)))
    assert plain.describe().numbers["first"] == 0
    assert about(plain) == []


def test_a_unit_that_cannot_be_right() -> None:
    milliseconds = shop()["when"].astype("datetime64[ms, UTC]").astype(np.int64)
    wrong = replace(sold(shop(when=milliseconds)), time_unit="s")
    assert "if 's' is not their unit" in sentence(wrong, "implausible dates")
    assert about(replace(wrong, time_unit="ms")) == []


def test_months_cut_short_at_both_ends_and_long_gaps() -> None:
    table = shop()
    begun = sold(table[table["when"] >= "2024-01-25"])
    assert sentence(begun, "a month cut short").startswith("Pairs begin on 2024-01-25, and 2024-01")
    gap = sold(table[(table["when"] < "2024-09-01") | (table["when"] >= "2024-12-01")])
    assert "2024-09 (0), 2024-10 (0), 2024-11 (0), against" in sentence(gap, "a gap")
    growing = table[np.random.default_rng(0).random(SIZE) < 0.85 ** (24 - 12 * (
        table["when"].dt.year - 2024) - table["when"].dt.month)]  # fmt: skip
    assert not {"a gap", "a month cut short"} & set(about(sold(growing)))


def test_what_it_says_about_movielens(movielens: Interactions) -> None:
    found = movielens.describe()
    assert [finding.about for finding in found.findings] == ["low ratings", "no sequence", "ties"]
    low, hour, ties = (finding.sentence for finding in found.findings)
    assert "18 % of ratings lie in the lower half of the scale, under 2.75" in low
    assert "`interactions.binarize(4)` keeps 51,568 pairs" in low
    assert len(movielens.binarize(4)) == 51_568
    assert hour.startswith("48 % of users with several pairs have them all within an hour")
    assert ties.startswith("32 % of pairs have the same time as another of their user")
    assert found.numbers["last"] == "2016-10-16 17:57:24"


# ---------------------------------------------------------------------- looks
def test_the_block_is_compact_and_rounded() -> None:
    lines = repr(datasets.load("toy").interactions.describe()).split("\n")
    assert lines[0].split() == ["pairs", "10"]
    assert re.split("  +", lines[4]) == [
        "pairs per user",
        "least: 1; lower quartile: 2; median: 2; upper quartile: 2; most: 3; mean: 2",
    ]
    assert lines[-4] == ""
    assert all(line.startswith("- ") for line in lines[-3:])
    assert description._shown("share of x", 0.001) == "under 1 %"
    assert description._shown("share of x", 0.999) == "over 99 %"
    assert description._shown("share of x", 0.125) == "12 %"
    assert description._shown("x", 12345.6) == "12,346"


def test_numbers_are_rows_of_a_table(movielens: Interactions) -> None:
    found = movielens.describe()
    frame = found.to_frame()
    assert frame["value"].to_dict() == found.numbers
    assert frame.index.name == "name"
    assert frame.loc["pairs per user: most", "value"] == 2391
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.numbers = {}  # type: ignore[misc]


def test_findings_come_by_severity() -> None:
    table = with_guest(-1, shop(stars=1 + FIRST % 5, item=shop()["item"] + 5))
    few_left = table[(FIRST.tolist() + [0] * (len(table) - SIZE)) < np.full(len(table), 2)]
    findings = sold(few_left, timestamp=None).describe().findings
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities)
    assert set(severities) == {1, 2, 3}


def test_labels_are_escaped_in_a_notebook() -> None:
    odd = {"user": ["<b onclick='x'>", "<B onclick='x'>"], "item": ["x&y", "x&y"]}
    page = (
        read(
            odd,
        )
        .describe()
        ._repr_html_()
    )
    assert "<b" not in page
    assert "<B" not in page
    assert "&lt;b onclick=" in page
    assert "<code>interactions.k_core(5, 5)</code>" in page
    assert not re.search("background|script|http|color", page)
    named = replace(read(odd), dropped={"<i>": 3})
    assert "<i>" not in named.describe()._repr_html_()
    assert "&lt;i&gt;: 3" in named.describe()._repr_html_()


def test_a_long_label_is_cut() -> None:
    found = sentence(sold(shop(user=text(u7="x" * 500 + " "))), "spaces")
    assert len(found) < 200


# ---------------------------------------------------------------------- anything
def test_no_pairs_and_one_pair(toy: Interactions) -> None:
    none = toy.select([]).describe()
    assert none.numbers == {"pairs": 0, "users": 5, "items": 5}
    assert [finding.about for finding in none.findings] == ["pairs"]
    assert "There are no pairs" in repr(none)
    assert "There are no pairs" in none._repr_html_()
    nobody = Interactions(np.zeros(0, int), np.zeros(0, int), pd.Index([]), pd.Index([]))
    assert len(nobody.describe().to_frame()) == 3
    one = toy.select([3])
    assert_numbers(one.describe().numbers, by_pandas(one))
    assert about(sold(shop(user=text(u7="u7 ")))) == ["spaces"]
    assert sentence(sold(shop(user=text(u7="u7 "))), "spaces").startswith("1 user id has a space")
    assert sentence(one, "users without pairs").startswith("4 users have no pair here, of 5,")
    assert "users without pairs" not in about(one.compact())


labels = st.sampled_from(
    [
        pd.RangeIndex(4),
        pd.Index(["a", " A", "", "\ud800"], dtype=object),
        pd.Index(["0", "-1", "1.0", "nan"]),
        pd.Index(["1.0", "2.0", "-3.0", "0.0"]),
        pd.Index([0, -1, 2**62, -5]),
        pd.Index([0.0, -1.0, np.nan, np.inf]),
        pd.Index(["x", 1, None, (2, 3)], dtype=object),
        pd.Index([True, False, "0", -1], dtype=object),
        pd.CategoricalIndex(["q", "NULL", "Q", "-1"]),
        pd.CategoricalIndex([3, 0, -1, 2]),
        pd.MultiIndex.from_tuples([(1, 2), (1, 3), (0, 0), (-1, 0)]),
        pd.date_range("2020", periods=4),
        pd.Index([0, -1, 5, None], dtype="Int64"),
        pd.Index(np.array([0, 2**64 - 1, 5, 6], np.uint64)),
        pd.Index(["a", "NULL", None, "b "], dtype="string[pyarrow]"),
        pd.IntervalIndex.from_breaks(range(5)),
    ]
)
finite = st.floats(allow_nan=False, allow_infinity=False)
moments = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(10**9, 10**9 + 10**8),
    st.integers(10**18, 10**18 + 10**17),
    st.sampled_from([0, -1, 10**12, 10**15, 253402300800]),
)


@st.composite
def anything(draw: st.DrawFn) -> Interactions:
    index = st.integers(0, 3)
    pairs = draw(st.lists(st.tuples(index, index), max_size=16, unique=True))
    user, item = np.array(pairs, np.int64).reshape(-1, 2).T

    def column(values: st.SearchStrategy, dtype: type) -> Any:
        given = draw(st.none() | st.lists(values, min_size=len(pairs), max_size=len(pairs)))
        return None if given is None else np.array(given, dtype)

    large = st.sampled_from([1.1e9, 1.2e18, 2.0**63, 2e20, -(2.0**63), -1e19])
    stamps = (
        column(moments, np.int64) if draw(st.booleans()) else column(finite | large, np.float64)
    )
    return Interactions(
        user, item, draw(labels), draw(labels),
        rating=column(finite, np.float64),
        timestamp=stamps,
        dropped=draw(st.dictionaries(st.sampled_from(["repeated pairs", "users"]), st.integers(1))),
        weight=column(st.floats(0, exclude_min=True, allow_infinity=False), np.float64),
        time_unit=None if stamps is None else draw(st.sampled_from([None, "s", "ms", "us", "ns"])),
    )  # fmt: skip


@few
@given(anything())
def test_it_describes_anything(whole: Interactions) -> None:
    found = whole.describe()  # warnings are errors
    assert isinstance(found, Description)
    assert repr(found) == repr(whole.describe())
    assert found._repr_html_().startswith("<table>")
    assert len(found.to_frame()) == len(found.numbers)
    for finding in found.findings:
        assert finding.sentence.endswith(".")
        assert "\n" not in finding.sentence
        assert finding.severity in (1, 2, 3)
