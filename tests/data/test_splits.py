"""Cutting interactions into parts: how many go where, and what a split promises."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
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

from gnnrec_helpers import Interactions, Split
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
        ({"test": 0}, ["test=0", "between 0 and 1"]),
        ({"test": 1.0}, ["test=1.0", "between 0 and 1"]),
        ({"test": -0.1}, ["test=-0.1"]),
        ({"test": float("nan")}, ["test=nan"]),
        ({"validation": -0.1}, ["validation=-0.1", "from 0 up to 1"]),
        ({"validation": 1}, ["validation=1"]),
        ({"test": 0.5, "validation": 0.5}, ["test=0.5", "validation=0.5", "under 1"]),
        ({"by": "date"}, ["by='date'", "'random' or 'time'"]),
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
    for share in (0, 1, -0.5, "half"):
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


def test_merge_forgets_ratings_that_one_side_lacks() -> None:
    everything = built([(1, 1, 2.0, 7), (1, 2, 3.0, 8)])
    first, second = everything.select([0]), everything.select([1])
    bare = Interactions(second.user_index, second.item_index, second.users, second.items)
    assert rows_of(merge(bare, first)) == [(1, 1), (1, 2)]


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
        "(the most are 4): pass a larger share or within='all' (a share of all pairs together) or "
        "validation=0."
    )
    assert len(shop.split(validation=0).test) == 23  # one each of those with three or four
    together = shop.split(within="all")
    assert [len(part) for part in parts_of(together)] == [135, 19, 38]
