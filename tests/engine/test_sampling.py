"""Batches: every positive once an epoch, and negatives that are none."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import interactions, likes_with_negatives

from gnnrec_helpers import Interactions, Split
from gnnrec_helpers.engine.sampling import Batch, Negatives, PairSampler, RatingSampler

few = settings(max_examples=60, deadline=None, derandomize=True)


def pairs_of(batches: list[Batch]) -> list[tuple[int, int]]:
    return [
        pair for b in batches for pair in zip(b.users.tolist(), b.positives.tolist(), strict=True)
    ]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left[:3], right[:3], strict=True)
    )


# ---------------------------------------------------------------------- negatives
@few
@given(likes_with_negatives(), st.integers(1, 4), st.integers(0, 9))
def test_no_negative_is_a_positive(likes: np.ndarray, count: int, seed: int) -> None:
    users = np.repeat(np.arange(len(likes)), 20)
    drawn = Negatives(interactions(likes)).draw(users, count, np.random.default_rng(seed))
    assert drawn.shape == (len(users), count)
    assert drawn.dtype == np.int64
    for user, row in zip(users, drawn, strict=True):
        for item in row:
            assert not likes[user, item]


@few
@given(likes_with_negatives())
def test_known_pairs_are_recognised(likes: np.ndarray) -> None:
    negatives = Negatives(interactions(likes))
    users, items = np.arange(likes.shape[0])[:, None], np.arange(likes.shape[1])
    np.testing.assert_array_equal(negatives.is_known(users, items), likes)
    backwards = negatives.is_known(users[::-1], items[::-1])
    np.testing.assert_array_equal(backwards, likes[::-1, ::-1])
    assert negatives.is_known(users[:0], items).shape == (0, likes.shape[1])


def test_negatives_are_uniform_over_all_that_is_left(toy: Interactions) -> None:
    draws = 6000
    likes = toy.to_csr().toarray()
    users = np.repeat(np.arange(5), draws)
    drawn = Negatives(toy).draw(users, 1, np.random.default_rng(0))[:, 0]
    counts = np.zeros((5, 5))
    np.add.at(counts, (users, drawn), 1)
    for user in range(5):
        left = np.flatnonzero(likes[user] == 0)
        share = 1 / len(left)
        spread = math.sqrt(draws * share * (1 - share))
        assert counts[user].sum() == draws
        assert np.abs(counts[user, left] - draws * share).max() < 5 * spread
        assert counts[user, likes[user] == 1].sum() == 0


def test_the_only_negative_is_found() -> None:
    likes = np.ones((2, 50))
    likes[0, 17] = likes[1, 49] = 0
    drawn = Negatives(interactions(likes)).draw(np.array([0, 1]), 4, np.random.default_rng(0))
    assert drawn.tolist() == [[17] * 4, [49] * 4]


def test_a_user_with_everything_has_no_negative() -> None:
    likes = pd.DataFrame({"user": ["ana", "ben", "ben"], "item": [1, 1, 2]})
    with pytest.raises(ValueError, match=r"User 'ben' interacted with all 2 items.*no negative"):
        Negatives(Interactions.from_frame(likes))


# ---------------------------------------------------------------------- batches
@few
@given(
    likes_with_negatives(),
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_an_epoch_has_every_positive_once(
    likes: np.ndarray, size: int, count: int, seed: int, number: int
) -> None:
    if not likes.any():
        likes = np.hstack([likes, np.zeros((len(likes), 1), dtype=bool)])
        likes[0, 0] = True
    train = interactions(likes)
    sampler = PairSampler(train, size, count, seed=seed)
    batches = list(sampler.epoch(number))
    assert len(batches) == len(sampler) == math.ceil(len(train) / size)
    assert [len(batch.users) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert sorted(pairs_of(batches)) == list(zip(*np.nonzero(likes), strict=True))
    for batch in batches:
        assert batch.negatives.shape == (len(batch.users), count)
        assert {part.dtype for part in batch[:3]} == {torch.int64}
        assert not likes[batch.users[:, None], batch.negatives].any()


def test_epochs_do_not_depend_on_each_other(movielens_split: Split) -> None:
    train = movielens_split.train
    sampler = PairSampler(train, seed=3)
    epochs = [list(sampler.epoch(number)) for number in (0, 1)]
    assert same(epochs[1], list(PairSampler(train, seed=3).epoch(1)))
    assert same(epochs[1], list(sampler.epoch(1)))
    assert not same(epochs[0], epochs[1])
    assert not same(epochs[0], list(PairSampler(train, seed=4).epoch(0)))
    assert sorted(pairs_of(epochs[0])) == sorted(pairs_of(epochs[1]))


def test_negatives_are_fresh_in_every_epoch(movielens_split: Split) -> None:
    sampler = PairSampler(movielens_split.train)
    drawn = []
    for number in (0, 1):
        batches = list(sampler.epoch(number))
        negatives = torch.cat([batch.negatives for batch in batches]).flatten().tolist()
        drawn.append(dict(zip(pairs_of(batches), negatives, strict=True)))
    again = [pair for pair in drawn[0] if drawn[0][pair] == drawn[1][pair]]
    assert len(again) < len(drawn[0]) / 100


def test_batches_go_to_the_device_asked_for(toy: Interactions) -> None:
    (batch,) = PairSampler(toy).epoch(0, "meta")
    assert {part.device.type for part in batch[:3]} == {"meta"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_size": 0}, r"batch_size=0: at least 1"),
        ({"negatives": 0}, r"negatives=0: at least 1"),
    ],
)
def test_bad_arguments(toy: Interactions, arguments: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PairSampler(toy, **arguments)


def test_nothing_to_train_on(toy: Interactions) -> None:
    with pytest.raises(ValueError, match="no interactions to train on"):
        PairSampler(toy.select(np.zeros(len(toy), bool)))


# ---------------------------------------------------------------------- shared negatives
@few
@given(likes_with_negatives(), st.integers(1, 8), st.integers(1, 9), st.integers(0, 3))
def test_shared_negatives_say_which_are_positives(
    likes: np.ndarray, size: int, count: int, seed: int
) -> None:
    likes = np.hstack([likes, np.ones((len(likes), 1), dtype=bool)])
    sampler = PairSampler(interactions(likes), size, count, seed=seed, shared=True)
    for batch in sampler.epoch(0):
        assert batch.negatives.shape == (count,)
        expected = likes[batch.users.numpy()[:, None], batch.negatives.numpy()]
        rows, places = batch.known.T.tolist()
        assert sorted(zip(rows, places, strict=True)) == list(
            zip(*np.nonzero(expected), strict=True)
        )


def test_shared_negatives_among_the_items_that_somebody_has() -> None:
    likes = np.eye(4, 6) + np.eye(4, 6, 1)  # nobody has item 5
    for unseen, expected in ((True, set(range(6))), (False, set(range(5)))):
        sampler = PairSampler(interactions(likes), 4, 50, shared=True, unseen=unseen)
        assert {n for batch in sampler.epoch(0) for n in batch.negatives.tolist()} == expected


# ---------------------------------------------------------------------- ratings
def rated(count: int) -> Interactions:
    pairs = {"user": np.arange(count) % 5, "item": np.arange(count), "r": np.arange(count) / 2}
    return Interactions.from_frame(pairs, rating="r")


@pytest.mark.parametrize("batch_size", [1, 4, 7, 100])
def test_an_epoch_has_every_rating_once(batch_size: int) -> None:
    train = rated(23)
    sampler = RatingSampler(train, batch_size, seed=3)
    batches = list(sampler.epoch(2))
    assert len(batches) == len(sampler) == -(-23 // batch_size)
    assert {len(batch.users) for batch in batches[:-1]} <= {batch_size}
    rows = [row for batch in batches for row in zip(*(p.tolist() for p in batch), strict=True)]
    index = train.user_index.tolist(), train.item_index.tolist(), train.rating.tolist()
    assert sorted(rows) == sorted(zip(*index, strict=True))
    assert rows != sorted(rows)


def test_ratings_have_an_order_for_each_seed_and_epoch() -> None:
    def order(seed: int | None, epoch: int) -> list[int]:
        chosen = {} if seed is None else {"seed": seed}
        return [
            n
            for batch in RatingSampler(rated(30), **chosen).epoch(epoch)
            for n in batch.items.tolist()
        ]

    assert order(None, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_without_any_pair_none_is_known(toy: Interactions) -> None:
    none = Negatives(toy.select([]))
    known = none.is_known(np.zeros((3, 1), int), np.zeros((3, 4), int))
    assert known.shape == (3, 4)
    assert not known.any()
