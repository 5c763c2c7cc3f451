"""The report on somebody's interactions: exact numbers, and a sentence only where one is due."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from test_interactions import built, few, read, tables

from gnnrec_helpers import Interactions, datasets
from gnnrec_helpers.data.description import gini


def shop(**columns: Any) -> pd.DataFrame:
    """A clean one: 40 people with 10 things each, over two years."""
    generator = np.random.default_rng(0)
    user = np.repeat(np.arange(40), 10)
    item = np.concatenate([generator.permutation(30)[:10] for _ in range(40)])
    when = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(
        np.arange(400) * 731 // 400 + generator.random(400) / 2, unit="D"
    )
    table = pd.DataFrame({"user": user, "item": item, "when": generator.permutation(when)})
    return table.assign(**columns)


def sentences(interactions: Interactions) -> str:
    return "\n".join(finding.sentence for finding in interactions.describe().findings)


def test_nothing_is_said_about_clean_interactions() -> None:
    whole = read(shop(), timestamp="when")
    description = whole.describe()
    assert description.findings == []
    assert repr(description).endswith("Nothing stands out.")
    assert "<p>Nothing stands out.</p>" in description._repr_html_()
    numbers = description.numbers
    assert numbers["pairs"] == 400
    assert numbers["density"] == 400 / (40 * 30)
    assert numbers["pairs per user"] == "10 to 10, median 10, mean 10"
    assert numbers["k_core(5, 5) would leave"] == "400 pairs of 40 users and 30 items"
    assert numbers["first"].startswith("2024-01-01")
    assert numbers["months"] == 24
    assert numbers["users whose pairs lie within an hour"] == 0.0
    assert description.to_frame().loc["pairs", "value"] == 400


def test_numbers_of_movielens() -> None:
    whole = datasets.load("movielens-small").interactions
    frame, numbers = whole.to_frame(), whole.describe().numbers
    counts = frame["item"].value_counts()
    top = counts.head(len(counts) // 100).sum() / len(frame)
    assert numbers["share of the most popular 1 % of items"] == pytest.approx(top)
    core = whole.k_core(5, 5)
    assert numbers["k_core(5, 5) would leave"] == (
        f"{len(core):,} pairs of {core.num_users:,} users and {core.num_items:,} items"
    )
    by_user = frame.groupby("user")["timestamp"]
    at_once = ((by_user.max() - by_user.min()) < 3600).mean()
    assert numbers["users whose pairs lie within an hour"] == pytest.approx(at_once)
    tied = frame.duplicated(["user", "timestamp"], keep=False).mean()
    assert numbers["pairs at the same time as another of their user"] == pytest.approx(tied)
    assert numbers["last"] == "2016-10-16 17:57 (if they are in s)"
    assert "48% of users with several pairs have them all within an hour" in sentences(whole)
    assert "4: 28,750" in numbers["ratings"]


def test_gini_by_all_differences() -> None:
    counts = np.array([3, 0, 7, 1, 1, 12])
    by_hand = np.abs(counts[:, None] - counts).sum() / (2 * len(counts) * counts.sum())
    assert gini(counts) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("table", "columns", "said"),
    [
        (shop()[::7], {}, "of users have one or two pairs"),
        (shop()[::3], {}, "fewer than five pairs"),
        (shop()[::10], {}, "100% of users have a single pair"),
        (shop(item=np.arange(400)), {}, "100% of items have a single pair"),
        (shop()[::10], {}, "would leave nothing"),
        (shop(stars=4), {"rating": "stars"}, "Every rating is 4"),
        (shop(stars=np.arange(400) % 5 + 1), {"rating": "stars"}, "binarize(3)"),
        (shop(stars=np.arange(400) % 5), {"rating": "stars"}, "20% of ratings are 0 or less"),
        (shop(plays=1 + 999 * (np.arange(400) == 7)), {"rating": "plays"}, "look like counts"),
        (shop(plays=1 + 999 * (np.arange(400) == 7)), {"weight": "plays"}, "1,000 times"),
        (shop(when="2024-05-01"), {"timestamp": "when"}, "100% of users with several pairs"),
        (shop(user=shop()["user"].map("u{}".format).replace("u7", "NULL")), {},
         "'NULL' looks like a missing user and has 10 pairs"),
        (shop(item=shop()["item"].map("i{}".format).replace("i7", "")), {}, "'' looks like"),
        (shop(user=shop()["user"].map("{}.0".format)), {}, "they were integers once"),
        (shop(user=shop()["user"].map("u{}".format).replace("u7", "U8")), {}, "or capitals"),
        (shop(user=shop()["user"].map("u{}".format).replace("u7", "u8 ")), {}, "or capitals"),
    ],
)  # fmt: skip
def test_what_gets_in_the_way_is_said(table: pd.DataFrame, columns: dict, said: str) -> None:
    whole = read(table, **columns)
    assert said in sentences(whole)
    assert said in repr(whole.describe())
    assert said not in sentences(read(shop(), timestamp="when"))
    for finding in whole.describe().findings:
        assert finding.sentence.endswith((".", "?"))


def test_a_guest_account_is_noticed() -> None:
    guest = pd.DataFrame({"user": -1, "item": np.arange(300)})
    table = pd.concat([shop()[["user", "item"]], guest])
    assert "The user -1 has 300 pairs" in sentences(read(table))
    assert "User -1 has 43% of all pairs" in sentences(read(table))


def test_short_months_and_mixed_units() -> None:
    table = shop()
    cut = table[(table["when"].dt.strftime("%Y-%m") != "2024-06") | (table.index % 9 == 0)]
    assert "2024-06 (" in sentences(read(cut, timestamp="when"))
    seconds = table["when"].astype("datetime64[s, UTC]").astype(np.int64)
    mixed = shop(when=np.where(table.index % 2 == 0, seconds, seconds * 1000))
    with pytest.warns(UserWarning, match="another number of digits"):
        whole = read(mixed, timestamp="when")
    assert "200 timestamps seem to be in another unit" in sentences(whole)
    plain = read(shop(when=np.arange(400)), timestamp="when").describe()
    assert plain.numbers["timestamps"] == "0 to 399, no dates"


def test_labels_are_escaped_in_a_notebook() -> None:
    odd = {"user": ["<b>", "<B>"], "item": ["x", "x"]}
    page = read(odd).describe()._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_no_pairs_and_one_pair(toy: Interactions) -> None:
    assert "no pairs" in sentences(toy.select([]))
    assert toy.select([3]).describe().numbers["pairs"] == 1


def test_what_was_left_out_is_told() -> None:
    with pytest.warns(UserWarning, match="1 repeated pairs"):
        whole = read({"user": [1, 1, 2], "item": [5, 5, 6]})
    assert whole.describe().numbers["left out: repeated pairs"] == 1


@few
@given(tables())
def test_it_describes_anything(rows: list[tuple]) -> None:
    whole = built(rows)
    for part in (whole, replace(whole, timestamp=whole.timestamp / 7), whole.select([0])):  # type: ignore[operator]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            description = part.describe()
        assert repr(description)
        assert description._repr_html_()
    degrees = Counter(user for user, *_ in rows).values()
    want = f"{min(degrees)} to {max(degrees)}, median {np.median(list(degrees)):.4g}"
    assert whole.describe().numbers["pairs per user"].startswith(want)
