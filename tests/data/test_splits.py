"""Cutting interactions into parts: how many go where, and what a split promises."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split
from test_interactions import (
    assert_same,
    built,
    complaint,
    few,
    pairs_of,
    read,
    rows_of,
    table,
    tables,
)

from gnnrec_helpers import Interactions, Split, evaluate, fit, models, recommend
from gnnrec_helpers.data import merge

few_users = st.integers(0, 3)

sixteenths = st.integers(1, 15).map(lambda n: n / 16)  # exact in binary, so halves are halves


@st.composite
def shares(draw: st.DrawFn) -> tuple[float, float]:
    test = draw(st.integers(1, 15))
    return test / 16, draw(st.integers(0, 15 - test)) / 16


def half_up(count: int, share: float) -> int:
    return int(count * Fraction(share) + Fraction(1, 2))


def parts_of(split: Split) -> list[Interactions]:
    return [part for part in (split.train, split.validation, split.test) if part is not None]


def numbers_of(count: int, wanted: tuple[float, float]) -> list[int]:
    """How many of `count` rows are for train, validation and test."""
    num_test = min(half_up(count, wanted[0]), count - 1)
    num_validation = min(half_up(count, wanted[1]), count - 1 - num_test)
    return [count - num_test - num_validation, num_validation, num_test]


def lacks_a_part(counts: Iterable[int], wanted: tuple[float, float]) -> bool:
    """Is test empty, or validation although it is asked for?"""
    _, num_validation, num_test = np.sum([numbers_of(n, wanted) for n in counts], axis=0)
    return num_test == 0 or (wanted[1] > 0 and num_validation == 0)


@few
@given(tables(users=few_users), shares(), st.integers(0, 3), st.sampled_from(["random", "time"]))
def test_split_cuts_every_user_s_rows_in_the_documented_shares(
    rows: list[tuple], wanted: tuple[float, float], seed: int, by: str
) -> None:
    everything = built(rows)
    if lacks_a_part(everything.user_degrees().tolist(), wanted):
        message = complaint(lambda: everything.split(*wanted, seed=seed, by=by))
        assert "would hold out nothing, since no user has the" in message
        return
    split = everything.split(*wanted, seed=seed, by=by)
    parts = parts_of(split)
    assert sorted(row for part in parts for row in rows_of(part)) == sorted(rows)
    assert (split.validation is None) == (wanted[1] == 0)
    for part in parts:
        assert part.users.equals(everything.users)
        assert part.items.equals(everything.items)
        assert rows_of(part) == sorted(rows_of(part))
    for user, degree in enumerate(everything.user_degrees().tolist()):
        numbers = numbers_of(degree, wanted)
        numbers = numbers if wanted[1] else [numbers[0], numbers[2]]
        assert [part.user_degrees()[user] for part in parts] == numbers
        assert numbers[0] >= 1


@few
@given(tables(users=few_users), shares())
def test_split_by_time_holds_out_the_latest(rows: list[tuple], wanted: tuple[float, float]) -> None:
    assume(not lacks_a_part(built(rows).user_degrees().tolist(), wanted))
    split = built(rows).split(*wanted, by="time")
    for earlier, later in zip(parts_of(split), parts_of(split)[1:], strict=False):
        for user in range(split.train.num_users):
            last = earlier.timestamp[earlier.user_index == user]
            first = later.timestamp[later.user_index == user]
            assert not len(first) or not len(last) or last.max() < first.min()


@few
@given(tables(), shares(), st.integers(0, 3), st.sampled_from(["random", "time"]))
def test_split_within_all_cuts_the_whole_in_the_documented_shares(
    rows: list[tuple], wanted: tuple[float, float], seed: int, by: str
) -> None:
    everything = built(rows)
    if lacks_a_part([len(rows)], wanted):
        message = complaint(lambda: everything.split(*wanted, seed=seed, by=by, within="all"))
        assert f"interactions and there are {len(rows)}" in message
        return
    parts = parts_of(everything.split(*wanted, seed=seed, by=by, within="all"))
    assert sorted(row for part in parts for row in rows_of(part)) == sorted(rows)
    numbers = numbers_of(len(rows), wanted)
    assert [len(part) for part in parts] == (numbers if wanted[1] else [numbers[0], numbers[2]])
    for part in parts:
        assert part.users.equals(everything.users)
        assert part.items.equals(everything.items)
        assert rows_of(part) == sorted(rows_of(part))
    if by == "time":  # nothing held out is earlier than what is learnt from
        for earlier, later in itertools.pairwise(part for part in parts if len(part)):
            assert earlier.timestamp.max() <= later.timestamp.min()


def test_a_split_within_all_is_fair_to_pairs_not_to_users() -> None:
    """Over seeds, each pair is held out as often as any other: that of a loner, too."""
    pairs = [("loner", 0), *(("ana", item) for item in range(9))]
    everything = read(table(pairs))
    times: Counter[tuple] = Counter()
    for seed in range(400):
        split = everything.split(test=0.3, validation=0.2, seed=seed, within="all")
        times.update(pairs_of(split.test))
    assert sum(times.values()) == 3 * 400
    # 120 expected, with a standard deviation of 9
    assert all(80 < times[pair] < 160 for pair in pairs)


@few
@given(
    tables(users=few_users),
    shares(),
    st.sampled_from(["user", "all"]),
    st.randoms(use_true_random=False),
)
def test_the_same_seed_gives_the_same_split_whatever_the_order_of_rows(
    rows: list[tuple], wanted: tuple[float, float], within: str, random
) -> None:
    counts = built(rows).user_degrees().tolist() if within == "user" else [len(rows)]
    assume(not lacks_a_part(counts, wanted))
    one = built(rows).split(*wanted, seed=5, within=within)
    random.shuffle(rows)
    other = built(rows).split(*wanted, seed=5, within=within)
    for part, same in zip(parts_of(one), parts_of(other), strict=True):
        assert_same(part, same)


def test_another_seed_gives_another_split(movielens: Interactions) -> None:
    tests = [set(pairs_of(movielens.split(seed=seed).test)) for seed in (0, 1)]
    assert len(tests[0]) == len(tests[1])
    assert len(tests[0] & tests[1]) / len(tests[0]) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("degree", "train", "validation", "test"),
    [(1, 1, 0, 0), (2, 2, 0, 0), (3, 2, 0, 1), (5, 3, 1, 1), (8, 5, 1, 2), (20, 14, 2, 4)],
)
def test_a_tenth_and_a_fifth_by_hand(degree: int, train: int, validation: int, test: int) -> None:
    pairs = [("ana", item) for item in range(degree)] + [("ben", item) for item in range(20)]
    split = read(table(pairs)).split(0.2, 0.1)
    assert [part.user_degrees()[0] for part in parts_of(split)] == [train, validation, test]


@pytest.mark.parametrize(
    ("degree", "shares", "needed", "helps"),
    [
        (4, {"test": 0.2, "validation": 0.1}, "validation=0.1 would", ["the 5 ", "validation=0."]),
        (2, {"test": 0.2, "validation": 0.0}, "test=0.2 would", ["the 3 ", "within='all'"]),
        (9, {"test": 0.05, "validation": 0.2}, "test=0.05 would", ["the 10 ", "the most are 9"]),
        (3, {"test": 0.5, "validation": 0.2}, "validation=0.2 would", ["the 4 "]),
        (15, {"test": 0.9, "validation": 0.05}, "validation=0.05 would", ["the 16 "]),
        (1, {"test": 0.9, "validation": 0}, "test=0.9 would", ["the 2 "]),
    ],
)
def test_a_part_that_would_be_empty_is_refused(
    degree: int, shares: dict[str, float], needed: str, helps: list[str]
) -> None:
    """One interaction more of one user, and there is something to hold out."""

    def shop(most: int) -> Interactions:
        return read(table([(user, item) for user in range(3) for item in range(most - user)]))

    message = complaint(lambda: shop(degree).split(**shares))
    assert message.startswith(needed)
    assert [part for part in helps if part not in message] == []
    assert len(shop(degree + 1).split(**shares).test) > 0


def test_shares_that_are_far_too_small_are_refused_at_once(toy: Interactions) -> None:
    assert "the 500,000,000 interactions" in complaint(lambda: toy.split(test=1e-9))
    assert "it takes 5 interactions" in complaint(
        lambda: toy.select([0, 1]).split(validation=0.1, test=0.3, within="all")
    )


def test_a_user_with_one_pair_stays_in_train_and_is_reported() -> None:
    pairs = [("loner", 0), *(("ana", item) for item in range(10))]
    split = read(table(pairs)).split(test=0.5, validation=0.2)
    assert ("loner", 0) in pairs_of(split.train)
    assert repr(split) == (
        "Split(4 train, 2 validation, 5 test pairs of 2 users and 10 items; "
        "1 users without test items)"
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"test": 0}, ["test=0", "between 0 and 1", "Split.from_parts(interactions)"]),
        ({"test": -1}, ["test=-1", "from 1 on"]),
        ({"test": 1.0}, ["test=1.0", "between 0 and 1"]),
        ({"test": -0.1}, ["test=-0.1"]),
        ({"test": float("nan")}, ["test=nan"]),
        ({"validation": -0.1}, ["validation=-0.1", "between 0 and 1"]),
        ({"validation": 1.0}, ["validation=1.0"]),
        ({"test": 0.5, "validation": 0.5}, ["test=0.5", "validation=0.5", "under 1"]),
        ({"by": "date"}, ["by='date'", "'random', 'time' or 'user'"]),
        ({"within": "item"}, ["within='item'", "'user' or 'all'"]),
        ({"by": "time"}, ["by='time'", "timestamps"]),
        ({"test": "2023-06-01"}, ["test='2023-06-01'", "a share"]),
        ({"validation": None}, ["validation=None", "a share"]),
        ({"validation": True}, ["validation=True", "a share"]),
        ({"seed": -1}, ["seed=-1", "at least 0"]),
    ],
)
def test_bad_arguments_of_split(toy: Interactions, arguments: dict, parts: list[str]) -> None:
    message = complaint(lambda: toy.split(**arguments))
    assert [part for part in parts if part not in message] == []


def test_a_seed_is_a_whole_number(toy: Interactions) -> None:
    for seed in (None, "0", 0.5):
        message = complaint(lambda seed=seed: toy.split(0.4, 0, seed=seed), TypeError)
        assert message == f"seed={seed!r}: a whole number is needed."


@few
@given(tables(users=few_users), sixteenths, sixteenths, st.integers(0, 3))
def test_validation_is_taken_from_train_and_given_back(
    rows: list[tuple], test: float, share: float, seed: int
) -> None:
    assume(not lacks_a_part(built(rows).user_degrees().tolist(), (test, 0)))
    published = built(rows).split(test, validation=0.0)
    if lacks_a_part(published.train.user_degrees().tolist(), (share, 0)):
        message = complaint(lambda: published.with_validation(share, seed=seed))
        assert f"share={share:g} would hold out nothing, since no user has the" in message
        return
    split = published.with_validation(share, seed=seed)
    assert split.test is published.test
    assert sorted(rows_of(split.train) + rows_of(split.validation)) == rows_of(published.train)
    for user, degree in enumerate(published.train.user_degrees()):
        held = min(half_up(degree, share), degree - 1)
        assert split.validation.user_degrees()[user] == held
    joined = split.without_validation()
    assert joined.validation is None
    assert joined.test is published.test
    assert_same(joined.train, published.train)
    assert joined.without_validation() is joined
    with pytest.warns(DeprecationWarning, match=r"now called Split\.without_validation"):
        assert joined.refit() is joined


def test_with_validation_complains(toy: Interactions) -> None:
    assert "already" in complaint(lambda: toy.split(within="all").with_validation())
    bare = toy.split(test=0.4, validation=0.0)
    for share in (0, 1.0, -0.5, "half"):
        assert f"share={share!r}" in complaint(lambda share=share: bare.with_validation(share))


def test_the_parts_of_a_split_need_one_index_space(toy: Interactions) -> None:
    part, others = toy.select(np.arange(3)), toy.select(np.arange(3, 10))
    assert "same users and items" in complaint(lambda: Split(others, None, part.compact()))
    assert "same users and items" in complaint(lambda: Split(others, part.compact(), part))
    assert "validation" not in repr(Split(others, None, part))


@few
@given(tables(), st.data())
def test_merge_joins_what_was_parted(rows: list[tuple], data: st.DataObject) -> None:
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    everything, mask = built(rows), np.array(mask, bool)
    assert_same(merge(everything.select(mask), everything.select(~mask)), everything)


def parts_with_everything() -> list[Interactions]:
    columns = {"r": [1.0, 2, 3], "w": [1, 2, 3], "t": ["2024-01-01", "2024-01-02", "2024-01-03"]}
    rows = {"user": [1, 1, 1], "item": [1, 2, 3], **columns}
    whole = read(rows, rating="r", timestamp="t", weight="w")
    return [whole.select([place]) for place in range(3)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rating": None}, "There are no ratings in {1}, but in {0}: give"),
        ({"weight": None}, "There are no weights in {1}, but in {0}: give"),
        (
            {"timestamp": None, "time_unit": None},
            "There are no timestamps in {1}, but in {0}: give",
        ),
        ({"time_unit": None}, "The timestamps of {0} are dates and those of {1} plain numbers: "),
        ({"time_unit": "ms"}, "The timestamps of {0} and {1} are in different units, 's' and 'ms'"),
    ],
)
def test_parts_have_the_same_columns(changed: dict, message: str) -> None:
    train, validation, test = parts_with_everything()
    split = Split(train, validation, test)
    assert split.everything().train.to_frame().shape == (3, 5)
    for parts, names in (
        ((train, None, replace(test, **changed)), ("train", "test")),
        ((train, replace(validation, **changed), test), ("train", "validation")),
        ((train, validation, replace(test.select([]), **changed)), ("train", "test")),
    ):
        found = complaint(lambda parts=parts: Split(*parts))
        assert found.startswith(message.format(*names))
    found = complaint(lambda: merge(train, replace(test, **changed)))
    assert found.startswith(message.format("the first", "the second"))


def test_only_interactions_that_share_labels_and_no_pair_are_merged(toy: Interactions) -> None:
    half = toy.select(np.arange(5))
    assert "same users and items" in complaint(lambda: merge(half, half.compact()))
    assert "1 of 7 pairs are repeated" in complaint(lambda: merge(half, toy.select([4, 5])))


# ---------------------------------------------------------------------- what a split promises
@few
@given(tables(most=12), st.data())
def test_parts_that_share_pairs_are_refused(rows: list[tuple], data: st.DataObject) -> None:
    everything = built(rows)
    places = st.sets(st.integers(0, len(rows) - 1))
    chosen = {name: data.draw(places) for name in ("train", "validation", "test")}
    parts = [everything.select(sorted(places)) for places in chosen.values()]
    clash = next(
        (pair for pair in itertools.combinations(chosen, 2) if chosen[pair[0]] & chosen[pair[1]]),
        None,
    )
    if clash is None:
        assert parts_of(Split(*parts)) == parts
        return
    shared = sorted(chosen[clash[0]] & chosen[clash[1]])
    user, item = sorted(rows)[shared[0]][:2]
    assert complaint(lambda: Split(*parts)) == (
        f"{clash[0]} and {clash[1]} share {len(shared)} pairs, such as user {user!r} with item "
        f"{item!r}: each pair may be in one part only."
    )


def test_parts_are_interactions(toy: Interactions) -> None:
    for parts in ((toy.to_frame(), None, toy), (toy, toy.to_frame(), toy), (toy, None, None)):
        message = complaint(lambda parts=parts: Split(*parts), TypeError)
        assert "must be Interactions, not" in message


def test_one_place_says_what_a_part_is(toy: Interactions) -> None:
    split = toy.split(within="all")
    assert split.held_out("test") is split.test
    assert split.held_out("validation") is split.validation
    assert split.known_before("test") == [split.train, split.validation]
    assert split.known_before("validation") == [split.train]
    joined = split.without_validation()
    assert joined.known_before("test") == [joined.train]


@pytest.mark.parametrize("ask", [Split.held_out, Split.known_before])
def test_parts_that_there_are_not(toy: Interactions, ask) -> None:
    split = toy.split(within="all").without_validation()
    assert complaint(lambda: ask(split, "validation")) == (
        "This split has no validation part: see Split.with_validation."
    )
    for part in ("train", "valid", None, 0):
        message = complaint(lambda part=part: ask(split, part))
        assert message == f"part={part!r}: choose 'test' or 'validation'."


def test_an_empty_part_is_refused_with_what_would_help(toy: Interactions) -> None:
    nothing, rest = toy.select([]), toy.select(np.arange(5))
    message = complaint(lambda: Split(rest, None, nothing).held_out("test"))
    assert message.startswith("The test part of the split is empty, so there is nothing to find")
    assert "within='all'" in message
    assert "validation=0" not in message
    message = complaint(lambda: Split(rest, nothing, nothing).held_out("validation"))
    assert message.startswith("The validation part of the split is empty")
    assert "validation=0" in message


def test_short_histories_are_refused_when_they_are_split() -> None:
    """Most users with one purchase, and none with the five that a tenth takes."""
    rows = [
        (f"{length}-{number}", item)
        for length, users in ((1, 60), (2, 30), (3, 20), (4, 3))
        for number in range(users)
        for item in range(length)
    ]
    shop = read(table(rows))
    message = complaint(lambda: shop.split())
    assert message == (
        "validation=0.1 would hold out nothing, since no user has the 5 interactions that it takes "
        "(the most are 4): pass a larger share or validation=1 (one pair of every user) or "
        "within='all' (a share of all pairs together) or validation=0."
    )
    assert len(shop.split(validation=0).test) == 23  # one each of those with three or four
    together = shop.split(within="all")
    assert [len(part) for part in parts_of(together)] == [135, 19, 38]


# ---------------------------------------------------------------------- numbers of pairs
@few
@given(tables(users=few_users), st.integers(1, 3), st.integers(0, 3))
def test_leaving_some_out(rows: list[tuple], test: int, validation: int) -> None:
    interactions = built(rows)
    counts = Counter(user for user, *_ in rows)
    want = {
        user: (min(test, n - 1), min(validation, n - 1 - min(test, n - 1)))
        for user, n in counts.items()
    }
    lacks = [
        not any(w[0] for w in want.values()),
        validation and not any(w[1] for w in want.values()),
    ]
    for by in ("random", "time"):
        if any(lacks):
            assert "would hold out nothing" in complaint(
                lambda by=by: interactions.split(test, validation, by=by)
            )
            continue
        split = interactions.split(test, validation, by=by)
        found = [Counter(user for user, *_ in rows_of(part)) for part in parts_of(split)]
        assert found[-1] == Counter({user: w[0] for user, w in want.items() if w[0]})
        if validation:
            assert found[1] == Counter({user: w[1] for user, w in want.items() if w[1]})
        assert sorted(row for part in parts_of(split) for row in rows_of(part)) == sorted(
            rows_of(interactions)
        )


def test_leave_one_out_for_a_shop_with_short_histories() -> None:
    rows = [(f"{n}", item) for n in range(60) for item in range(1 + n % 3)]
    shop = read(table(rows))
    split = shop.split(test=1, validation=1)
    assert [len(part) for part in parts_of(split)] == [60, 20, 40]
    assert [len(part) for part in parts_of(shop.split(10, 5, within="all"))] == [105, 5, 10]


def test_numbers_that_one_heap_has_not_are_refused() -> None:
    whole = built([(n % 4, n, 1.0, n) for n in range(20)])
    for arguments, told in [
        ({"test": 20}, "test=20 would leave nothing to train on: there are 20 interactions"),
        ({"test": 15, "validation": 5}, "test=15 and validation=5 would leave"),
        ({"test": 15, "validation": 0.3}, "test=15 and validation=0.3 would leave"),
        ({"test": 10**30}, "there are 20 interactions"),
        ({"test": 4, "by": "user"}, "test=4 would leave nothing to train on: there are 4 users"),
        ({"test": 0.1, "by": "user"}, "since it takes 5 users and there are 4: pass a larger"),
    ]:
        message = complaint(
            lambda arguments=arguments: whole.split(
                **{"validation": 0, "within": "all", **arguments}
            )
        )
        assert told in message
    assert [len(p) for p in parts_of(whole.split(15, 4, within="all"))] == [1, 4, 15]
    assert [len(p) for p in parts_of(whole.split(10**30, 0))] == [4, 16]  # one of each stays


def test_nothing_cannot_be_split(toy: Interactions) -> None:
    for arguments in ({}, {"within": "all"}, {"by": "user"}):
        assert complaint(lambda arguments=arguments: toy.select([]).split(**arguments)) == (
            "There are no interactions to split."
        )


# ---------------------------------------------------------------------- every kind
KINDS = st.sampled_from(
    [
        {"by": by, "within": within, "test": test, "validation": validation}
        for by, within in itertools.product(("random", "time", "user"), ("user", "all"))
        for test, validation in [(0.25, 0.25), (1, 1), (2, 0), (0.5, 1), (1, 0.25)]
    ]
    + [
        {"by": "time", "test": f"2024-01-{day:02}", "validation": validation}
        for day in (4, 8)
        for validation in (0, 1, 0.25, "2024-01-02", "2024-01-03")
    ]
)


@settings(few, max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 8), st.integers(1, 9)),
        min_size=6,
        max_size=30,
        unique_by=lambda row: row[:2],
    ),
    KINDS,
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_a_split_of_any_kind_is_a_partition_and_no_accident(
    rows: list[tuple], kind: dict, seed: int, random
) -> None:
    """Every pair is in one part, whatever the order of rows, and later parts are later."""

    def cut(rows: list[tuple]) -> Split | str:
        user, item, day = zip(*rows, strict=True)
        when = [f"2024-01-{d:02}" for d in day]
        whole = read({"user": user, "item": item, "when": when}, timestamp="when")
        try:
            return whole.split(**kind, seed=seed)
        except ValueError as error:
            return str(error)

    split = cut(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    again = cut(shuffled)
    if isinstance(split, str):
        assert again == split
        assert "nothing" in split
        return
    assert isinstance(again, Split)
    for part, same in zip(parts_of(split), parts_of(again), strict=True):
        assert_same(part, same)
    assert all(len(part) for part in parts_of(split))
    known = {(user, item): day for user, item, day in rows}
    assert sorted(pair for part in parts_of(split) for pair in pairs_of(part)) == sorted(known)
    if kind["by"] != "time":
        return
    for earlier, later in itertools.pairwise(parts_of(split)):
        for user in range(5) if kind.get("within") == "user" else [None]:
            of_user = [
                [known[pair] for pair in pairs_of(part) if user in (None, pair[0])]
                for part in (earlier, later)
            ]
            if all(of_user):
                assert max(of_user[0]) <= min(of_user[1])


# ---------------------------------------------------------------------- time
def test_ties_in_time_are_drawn() -> None:
    generator = np.random.default_rng(0)
    rows = [(user, item, 1.0, 7) for user in range(50) for item in generator.permutation(400)[:10]]
    whole = built(rows)
    lowest = {user: set(sorted(whole.items_of(user))[:2]) for user in whole.users}
    found = []
    for seed in (0, 1):
        test = whole.split(test=0.2, validation=0, seed=seed, by="time").test
        found.append(pairs_of(test))
        taken_lowest = sum(set(test.items_of(user)) == lowest[user] for user in whole.users)
        assert taken_lowest < 10  # by chance one in 45
        assert abs(test.item_index.mean() - whole.item_index.mean()) < 30
    assert found[0] != found[1]


@few
@given(tables(users=few_users), st.randoms(use_true_random=False))
def test_the_latest_are_held_out_and_the_order_of_rows_is_nothing(
    rows: list[tuple], random
) -> None:
    rows = [(user, item, rating, time // 3) for user, item, rating, time in rows]  # with ties
    assume(max(Counter(user for user, *_ in rows).values()) > 1)
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (built(part).split(1, 0, by="time") for part in (rows, shuffled))
    assert_same(one.test, other.test)
    for user, _, _, time in rows_of(one.test):
        assert time == max(t for u, _, _, t in rows if u == user)


def dated(days: list[int]) -> Interactions:
    when = [f"2024-01-{day:02}" for day in days]
    rows = {"user": [n % 3 for n in range(len(days))], "item": list(range(len(days))), "when": when}
    return read(rows, timestamp="when")


def test_a_cut_at_a_date() -> None:
    whole = dated([3, 9, 5, 7, 1, 8])
    split = whole.split(test="2024-01-08", validation="2024-01-05", by="time")
    days = [sorted(part.to_frame()["timestamp"].dt.day) for part in parts_of(split)]
    assert days == [[1, 3], [5, 7], [8, 9]]
    later = whole.split(test=dt.datetime(2024, 1, 7, 0, 0, 1), validation=0.25, by="time")
    days = [sorted(part.to_frame()["timestamp"].dt.day) for part in parts_of(later)]
    assert days == [[1, 3, 5], [7], [8, 9]]
    zoned = whole.split(test="2024-01-08T01:00+02:00", validation=0, by="time")  # still the 7th
    assert sorted(zoned.test.to_frame()["timestamp"].dt.day) == [8, 9]
    assert whole.split(test=dt.date(2024, 1, 9), validation=0, by="time").test.num_items == 6


def test_a_cut_at_a_date_through_plain_seconds_and_milliseconds() -> None:
    generator = np.random.default_rng(0)
    stamps = generator.integers(1.6e9, 1.7e9, 500)
    cut = pd.Timestamp("2023-06-01").value
    for factor in (1, 1000):
        rows = {"user": np.arange(500) % 9, "item": np.arange(500), "t": stamps * factor}
        split = read(rows, timestamp="t").split(test="2023-06-01", validation=0, by="time")
        assert split.test.timestamp.min() * (10**9 // factor) >= cut  # type: ignore[union-attr]
        assert split.train.timestamp.max() * (10**9 // factor) < cut  # type: ignore[union-attr]
        assert len(split.train) + len(split.test) == 500


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            {"test": "2025-01-01"},
            ["test='2025-01-01' would hold out nothing", "2024-01-01 00:00:00 to 2024-01-09"],
        ),
        ({"test": "9999-12-31"}, ["would hold out nothing", "a date between"]),
        ({"test": "1500-01-01"}, ["leaves nothing to train on", "2024-01-01", "a later date"]),
        ({"test": "2024-01-01", "validation": 0.5}, ["test='2024-01-01' leaves nothing"]),
        (
            {"test": "2024-01-05", "validation": "2023-12-01"},
            ["validation='2023-12-01' leaves nothing", "2024-01-01"],
        ),
        (
            {"test": "2024-01-05", "validation": "2024-01-04"},
            ["validation='2024-01-04' would hold out nothing", "test='2024-01-05'", "validation=0"],
        ),
        (
            {"test": "2024-01-05", "validation": "2024-01-06"},
            ["validation='2024-01-06' must begin before test='2024-01-05'"],
        ),
        (
            {"test": "2024-01-05", "validation": dt.date(2024, 1, 5)},
            ["validation='2024-01-05' must begin before test='2024-01-05'"],
        ),
        ({"test": 0.2, "validation": "2024-01-06"}, ["validation='2024-01-06' is a date", "0.2"]),
        ({"test": "2024-01-05", "validation": 2}, ["validation=2 would leave nothing", "are 2 "]),
        ({"test": "2024-01-05", "validation": 0.1}, ["validation=0.1 would hold", "there are 2:"]),
        ({"test": "2024-01-05", "validation": True}, ["validation=True", "a share"]),
        ({"test": "soon"}, ["test='soon'", "'2026-01-31'"]),
        ({"test": "now"}, ["test='now'", "'2026-01-31'"]),
        ({"test": "05/01/2024"}, ["test='05/01/2024'", "'2026-01-31'"]),
        ({"test": "2024-02-30"}, ["test='2024-02-30'", "'2026-01-31'"]),
        ({"test": ""}, ["test=''", "'2026-01-31'"]),
        ({"test": pd.NaT}, ["test='NaT'", "'2026-01-31'"]),
        ({"test": "2024-01-05", "by": "random"}, ["test='2024-01-05'", "by='time'"]),
        ({"test": dt.date(2024, 1, 5), "by": "user"}, ["test='2024-01-05'", "by='time'"]),
    ],
)
def test_dates_that_cannot_cut(arguments: dict, parts: list[str]) -> None:
    whole = dated([3, 9, 5, 7, 1, 8])
    message = complaint(lambda: whole.split(**{"by": "time", "validation": 0, **arguments}))
    assert [part for part in parts if part not in message] == []


def test_a_moment_is_as_exact_as_the_timestamps() -> None:
    """The cut is at the first timestamp that is no earlier, whatever the units."""
    second = 1_700_000_000
    rows = {"user": [1, 1, 1, 1], "item": [1, 2, 3, 4]}
    moment = pd.Timestamp(second, unit="s")
    for stamps, unit, cut, held_out in [
        ([second, second + 1, second + 2, second + 3], "s", "1.000000001s", [3, 4]),
        ([second, second + 1, second + 2, second + 3], "s", "1s", [2, 3, 4]),
        ([second + 0.25, second + 0.5, second + 0.75, second + 3.5], None, "600ms", [3, 4]),
        ([second + 0.25, second + 0.5, second + 0.75, second + 3.5], None, "500ms", [2, 3, 4]),
        ([second * 10**9 + n for n in range(4)], "ns", "3ns", [4]),
        ([second * 10**9 + n for n in range(4)], "ns", "1ns", [2, 3, 4]),
    ]:
        whole = replace(read({**rows, "t": stamps}, timestamp="t"), time_unit=unit)
        when = moment + pd.Timedelta(cut)
        for given_as in (when, when.isoformat(), when.to_datetime64(), when.tz_localize("UTC")):
            test = whole.split(given_as, 0, by="time").test
            assert test.items[test.item_index].tolist() == held_out


@few
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=25),
    st.integers(-2, 45),
    st.one_of(st.none(), st.integers(-2, 45)),
)
def test_a_date_cuts_everybody_alike(days: list[int], cut: int, validation: int | None) -> None:
    start = pd.Timestamp("2024-01-01")
    whole = read(
        {
            "user": [n % 4 for n in range(len(days))],
            "item": list(range(len(days))),
            "when": [start + pd.Timedelta(day, "D") for day in days],
        },
        timestamp="when",
    )
    begins = sorted(day for day in (validation, cut) if day is not None)
    want = [
        sorted(day for day in days if low <= day < high)
        for low, high in itertools.pairwise([-99, *begins, 99])
    ]
    moments = [str((start + pd.Timedelta(day, "D")).date()) for day in begins]
    arguments = {"test": moments[-1], "validation": 0 if validation is None else moments[0]}
    if not all(want) or len(set(begins)) < len(begins):
        complaint(lambda: whole.split(**arguments, by="time"))
        return
    split = whole.split(**arguments, by="time")
    found = [
        sorted((part.to_frame()["timestamp"].dt.tz_localize(None) - start).dt.days.tolist())
        for part in parts_of(split)
    ]
    assert found == want


def test_plain_numbers_are_no_dates() -> None:
    message = complaint(
        lambda: built([(1, 1, 1.0, 5), (1, 2, 1.0, 6)]).split("2024-01-01", by="time")
    )
    assert "plain numbers" in message
    assert "interactions.select(interactions.timestamp < number) and Split.from_parts" in message


# ---------------------------------------------------------------------- whole users
@few
@given(tables(users=st.integers(0, 8)), st.integers(0, 3))
def test_whole_users_are_held_out(rows: list[tuple], seed: int) -> None:
    interactions = built(rows)
    people = {user for user, *_ in rows}
    if len(people) < 3:
        assert "would leave nothing to train on" in complaint(
            lambda: interactions.split(1, 1, by="user", seed=seed)
        )
        return
    split = interactions.split(1, 1, by="user", seed=seed)
    found = [{user for user, *_ in rows_of(part)} for part in parts_of(split)]
    assert [len(part) for part in found] == [len(people) - 2, 1, 1]
    assert set.union(*found) == people
    assert sorted(row for part in parts_of(split) for row in rows_of(part)) == sorted(
        rows_of(interactions)
    )
    shares = interactions.split(0.5, 0, by="user", seed=seed)
    held_out = {user for user, *_ in rows_of(shares.test)}
    assert len(held_out) == half_up(len(people), 0.5)
    assert not held_out & {user for user, *_ in rows_of(shares.train)}


# ---------------------------------------------------------------------- parts and positions
def test_parts_from_files_tables_and_interactions(tmp_path: Path) -> None:
    (tmp_path / "u1.tsv").write_text("user\titem\n1\t10\n1\t11\n2\t10\n2\t12\n3\t11\n")
    test = pd.DataFrame({"user": [1, 2, 4, 3], "item": [12, 11, 10, 99]})
    for part in (test, read(test)):
        split = Split.from_parts(tmp_path / "u1.tsv", test=part)
        assert split.train.users.tolist() == [1, 2, 3, 4]
        assert split.train.items.tolist() == [10, 11, 12, 99]
        assert pairs_of(split.train) == [(1, 10), (1, 11), (2, 10), (2, 12), (3, 11)]
        assert pairs_of(split.test) == [(1, 12), (2, 11), (3, 99), (4, 10)]
    named = Split.from_parts(
        {"who": ["a"], "what": ["x"]}, {"who": ["a"], "what": ["y"]}, {"who": ["b"], "what": ["x"]},
        user="who", item="what",
    )  # fmt: skip
    assert [pairs_of(part) for part in parts_of(named)] == [
        [("a", "x")],
        [("a", "y")],
        [("b", "x")],
    ]


@few
@given(tables(), st.data())
def test_parts_in_any_pieces_are_the_split_they_came_from(
    rows: list[tuple], data: st.DataObject
) -> None:
    pieces: list[list[tuple]] = [[], [], []]
    for row in rows:
        pieces[data.draw(st.integers(0, 2))].append(row)
    assume(all(pieces))
    split = Split.from_parts(*map(built, pieces))
    assert [sorted(rows_of(part)) for part in parts_of(split)] == [sorted(p) for p in pieces]
    assert sorted(rows_of(split.everything().train)) == sorted(rows)
    assert_same(split.everything().train, built(rows))


def test_parts_that_share_pairs() -> None:
    train, test = {"user": [1, 2], "item": [5, 6]}, {"user": [1, 3], "item": [5, 5]}
    assert complaint(lambda: Split.from_parts(train, test=test)) == (
        "train and test share 1 pairs, such as user 1 with item 5: each pair may be in one part "
        "only, and shared='drop' leaves them out of test."
    )
    split = Split.from_parts(train, test=test, shared="drop")
    assert pairs_of(split.test) == [(3, 5)]
    assert dict(split.test.dropped) == {"pairs of train": 1}
    assert "'error' or 'drop'" in complaint(lambda: Split.from_parts(train, shared="keep"))  # type: ignore[arg-type]


def test_parts_without_pairs_are_refused(toy: Interactions) -> None:
    nothing = toy.select([])
    assert "pass test=None" in complaint(lambda: Split.from_parts(toy, test=nothing))
    assert "The train part has no pairs" in complaint(lambda: Split.from_parts(nothing, test=toy))
    some = toy.select([1, 2])
    assert complaint(lambda: Split.from_parts(toy, test=some, shared="drop")) == (
        "All 2 pairs of test are in train too: shared='drop' would leave none of them."
    )


def test_a_misspelt_part_is_not_taken_for_a_column(toy: Interactions) -> None:
    message = complaint(lambda: Split.from_parts(toy, tets=toy), TypeError)
    assert "tets" in message
    assert "train, validation and test" in message


def test_an_error_in_a_part_names_the_part() -> None:
    with pytest.raises(ValueError, match="no column 'user'") as caught:
        Split.from_parts({"user": [1], "item": [2]}, test={"who": [1], "item": [3]})
    assert caught.value.__notes__ == ["This is about the test part."]


def test_times_that_do_not_fit_into_the_finer_unit_are_refused() -> None:
    fine = read({"user": [1], "item": [1], "t": [pd.Timestamp(1, unit="ns")]}, timestamp="t")
    assert fine.time_unit == "ns"
    largest = (2**63 - 1) // 10**9  # whole seconds that nanoseconds can hold
    for seconds in (largest, -largest, largest + 1, -largest - 1):
        far = Interactions(
            np.array([0]), np.array([0]), pd.Index([1]), pd.Index([2]),
            timestamp=np.array([seconds]), time_unit="s",
        )  # fmt: skip
        if abs(seconds) <= largest:
            split = Split.from_parts(fine, test=far)
            assert split.test.timestamp.tolist() == [seconds * 10**9]  # type: ignore[union-attr]
            assert split.test.time_unit == split.everything().train.time_unit == "ns"
        else:
            message = complaint(lambda far=far: Split.from_parts(fine, test=far))
            assert "cannot be written in 'ns'" in message


def test_parts_of_different_kinds_are_refused() -> None:
    plain = {"user": [1, 2], "item": [5, 6]}
    rated = {**plain, "user": [7, 8], "r": [1, 2]}
    assert "There are no ratings in test, but in train" in complaint(
        lambda: Split.from_parts(read(rated, rating="r"), test=plain)
    )
    assert "users are integers in train, text in test" in complaint(
        lambda: Split.from_parts(plain, test={"user": ["1"], "item": [7]})
    )
    assert "A train part is needed" in complaint(lambda: Split.from_parts(None, test=plain))
    days = {"user": [1], "item": [1], "t": ["2024-01-01"]}
    fine = {"user": [2], "item": [1], "t": ["2024-01-01T00:00:00.5"]}
    split = Split.from_parts(days, test=fine, timestamp="t")
    assert split.train.time_unit == split.test.time_unit == "ms"
    assert split.test.timestamp[0] - split.train.timestamp[0] == 500  # type: ignore[index]
    numbers = {"user": [2], "item": [1], "t": [5]}
    assert "dates and those of test plain numbers" in complaint(
        lambda: Split.from_parts(days, test=numbers, timestamp="t")
    )


def test_positions_of_another_library() -> None:
    whole = built([(n % 7, n, 1.0, n) for n in range(50)])
    train, test = train_test_split(np.arange(50), test_size=0.2, random_state=0)
    split = Split.from_positions(whole, test)
    assert_same(split.train, whole.select(np.sort(train)))
    assert_same(split.test, whole.select(np.sort(test)))
    mask = np.zeros(50, bool)
    mask[train[:5]] = True
    three = Split.from_positions(whole, test, mask)
    assert [len(part) for part in parts_of(three)] == [35, 5, 10]
    assert f"share 10 positions, the first {min(test)}:" in complaint(
        lambda: Split.from_positions(whole, test, test)
    )


@few
@given(tables(), st.data())
def test_positions_hold_out_these_pairs(rows: list[tuple], data: st.DataObject) -> None:
    whole, count = built(rows), len(rows)
    listed = rows_of(whole)
    chosen = data.draw(st.permutations(range(count)))
    first = data.draw(st.integers(0, count))
    second = data.draw(st.integers(first, count))
    test, validation = chosen[:first], chosen[first:second]
    masked = np.isin(np.arange(count), validation)
    for places in (validation, masked):
        if not test or not validation or second == count:
            message = complaint(lambda places=places: Split.from_positions(whole, test, places))
            assert "has no positions" in message or "Nothing is left to train on" in message
            continue
        split = Split.from_positions(whole, test, places)
        assert rows_of(split.test) == [listed[place] for place in sorted(test)]
        assert rows_of(split.validation) == [listed[place] for place in sorted(validation)]
        assert rows_of(split.train) == [listed[place] for place in sorted(chosen[second:])]


def test_positions_are_of_interactions(toy: Interactions) -> None:
    message = complaint(lambda: Split.from_positions(toy.to_frame(), [1]), TypeError)
    assert message.startswith("Interactions are needed, not DataFrame")
    assert "Split.from_parts(interactions)" in complaint(lambda: Split.from_positions(toy, []))
    assert "Position 10 is not one" in complaint(lambda: Split.from_positions(toy, [10]))


def test_everything_is_for_the_final_fit(toy: Interactions) -> None:
    split = toy.split(test=1, validation=0)
    final = split.everything()
    assert pairs_of(final.train) == pairs_of(toy)
    assert final.validation is None
    assert len(final.test) == 0
    model = models.LightGCN(final.train, dim=4)
    fit(model, final, epochs=2, progress=False)
    assert len(recommend(model, toy.users, k=1)) == toy.num_users
    alone = Split.from_parts(toy)
    assert (len(alone.train), len(alone.test)) == (len(toy), 0)
    assert "test part of the split is empty" in complaint(lambda: evaluate(model, final))


def test_a_pair_that_came_again_is_not_new(recwarn: pytest.WarningsRecorder) -> None:
    """Bought in March and again in November: a cut in between must not hide it unnoticed."""
    rows = pd.DataFrame(
        {
            "user": [1, 1, 1, 2, 2],
            "item": ["tea", "tea", "cup", "tea", "cup"],
            "when": pd.to_datetime(
                ["2025-03-01", "2025-11-02", "2025-11-03", "2025-03-05", "2025-03-06"]
            ),
        }
    )

    def read(keep: Any) -> Interactions:
        return Interactions.from_frame(rows, timestamp="when", keep=keep)

    with pytest.warns(UserWarning, match="Left out of 5 rows: 1 repeated pairs"):
        latest = read("latest")
    for whole in (latest, read("count")):
        with pytest.warns(UserWarning, match="1 rows repeated a pair, .* its latest time"):
            split = whole.split(test="2025-11-01", validation=0, by="time")
        assert split.test.to_frame()["item"].tolist() == ["cup", "tea"]
    with pytest.warns(UserWarning, match=r"1 repeats of a pair \(the first of a pair is kept\)"):
        first = read("first")
    recwarn.clear()
    split = first.split(test="2025-11-01", validation=0, by="time")
    assert split.test.to_frame()["item"].tolist() == ["cup"]
    latest.split(test=1, validation=0)  # at random there is nothing to warn of
    assert not recwarn.list


# ---------------------------------------------------------------------- times as plain numbers
SECOND = 1_700_000_000  # 2023-11-14 22:13:20


def timed(stamps: Iterable[Any], first_item: int = 0) -> Interactions:
    """One user with an item at each of these times."""
    stamps = list(stamps)
    items = range(first_item, first_item + len(stamps))
    return read({"user": [1] * len(stamps), "item": items, "t": stamps}, timestamp="t")


@pytest.mark.parametrize("amount", ["test", "validation"])
@pytest.mark.parametrize(
    ("stamps", "number", "told"),
    [
        (range(SECOND, SECOND + 9), SECOND + 5, "'2023-11-14 22:13:25', a datetime or a pandas"),
        (range(SECOND, SECOND + 9), float(SECOND), "'2023-11-14 22:13:20'"),
        (range(SECOND, SECOND + 9), np.int64(SECOND * 1000), "'2023-11-14 22:13:20'"),
        (range(SECOND, SECOND + 9), 20231115, "'2023-11-15 00:00:00'"),
        ([0, *range(SECOND, SECOND + 9)], SECOND + 5, "'2023-11-14 22:13:25'"),
        (pd.date_range("2023-11-01", periods=9), SECOND, "'2023-11-14 22:13:20'"),
        (range(2015, 2024), 2020, "Split.from_parts cut at a timestamp that is a plain number"),
        (range(20231101, 20231110), 20231105, "Split.from_parts cut at a timestamp"),
    ],
    ids=["seconds", "float", "another unit", "day", "an unknown time", "dates", "years", "days"],
)
def test_a_time_is_no_number_of_pairs(amount: str, stamps: Any, number: Any, told: str) -> None:
    whole = timed(stamps)
    most = len(whole)
    for within, there in (("user", f"no user has more than {most}"), ("all", f"there are {most}")):
        message = complaint(
            lambda within=within: whole.split(
                **{"test": 1, "validation": 0, amount: number}, by="time", within=within
            )
        )
        assert message.startswith(f"{amount}={number!r} would be a number of pairs, and {there}: ")
        assert told in message


@pytest.mark.parametrize(
    ("stamps", "number"),
    [
        (range(SECOND, SECOND + 9), 50),
        (range(SECOND, SECOND + 9), 5000),
        (range(SECOND, SECOND + 9), 10**30),
        (range(SECOND, SECOND + 9), 20231131),  # no day
        (range(9), SECOND),  # these times are no dates
        (range(0, 900, 100), 200),
    ],
)
def test_large_numbers_of_pairs_stay_numbers(stamps: Any, number: int) -> None:
    split = timed(stamps).split(test=number, validation=0, by="time")
    assert [len(split.train), len(split.test)] == [1, 8]


@pytest.mark.parametrize("factor", [10**3, 10**6, 10**9])
def test_seconds_beside_a_finer_unit_are_refused(factor: int) -> None:
    finer = {10**3: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}[factor]
    one = timed([0, *range(SECOND, SECOND + 5)])  # 0 stands for an unknown time
    other = timed([second * factor for second in range(SECOND, SECOND + 5)], first_item=10)
    assert complaint(lambda: Split.from_parts(one, test=other)) == (
        "The timestamps of train look like seconds and those of test look like "
        f"{finer} since 1970: bring them to one unit."
    )
    assert "the earlier interactions look like seconds" in complaint(
        lambda: models.extend(models.Popularity(one), other)
    )
    # over the same labels, as the constructor and merge want them
    both = [replace(part, items=pd.RangeIndex(15)) for part in (one, other)]
    both[1] = replace(both[1], item_index=both[1].item_index + 6)
    for call in (lambda: Split(both[0], None, both[1]), lambda: merge(*both)):
        assert f"like {finer} since 1970" in complaint(call)


def test_parts_whose_numbers_are_no_times_are_joined_as_they_are() -> None:
    one, other = timed([1, 2, 3]), timed([SECOND, SECOND + 1], first_item=10)
    assert len(Split.from_parts(one, test=other).everything().train) == 5


def test_the_warning_of_late_dates_survives_what_selects_pairs() -> None:
    pairs = itertools.product((1, 2, 3), (4, 5, 6, 7))
    rows = [(*pair, 5.0, when) for when, pair in enumerate(pairs)]
    rows.append((1, 4, 5.0, 99))
    with pytest.warns(UserWarning, match="1 repeated pairs"):
        whole = built(rows)
    parts = whole.split(test=1, validation=1)
    chains = {
        "binarize": whole.binarize(4),
        "k_core": whole.k_core(2, 2),
        "select": whole.select(whole.timestamp >= 0),  # type: ignore[operator]
        "compact": whole.select([0, 1, 2]).compact(),
        "several": whole.binarize(4).k_core(2, 2).select([0, 1, 2]).compact(),
        "part": parts.train,
        "joined": parts.without_validation().train,
        "everything": parts.everything().train,
        "separate parts": Split.from_parts(whole).train,
        "without ratings": replace(whole, rating=None),
    }
    for name, kept in chains.items():
        assert kept.later_repeats == 1, name
        with pytest.warns(UserWarning, match="1 rows repeated a pair, .* its latest time"):
            kept.split(test=1, validation=0, by="time")
    # what was left out is counted where it was, and no more pairs are said to be lost than were
    assert "left out: repeated pairs" not in chains["binarize"].describe().numbers
    assert "left out" not in repr(parts.train)


def test_a_pair_that_newer_interactions_repeat_stands_late_too() -> None:
    before, newer = timed([1, 2, 3]), timed([7, 8])
    extended = models.extend(models.Popularity(before), newer).interactions
    assert extended.timestamp.tolist() == [7, 8, 3]  # type: ignore[union-attr]
    with pytest.warns(UserWarning, match="2 rows repeated a pair"):
        extended.split(test=1, validation=0, by="time")
