"""Lists chosen anew: each item is the best that could be taken, by the papers' formulas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import interactions
from torch import Tensor

from gnnrec_helpers import Interactions, Split, datasets, evaluate, models, recommend
from gnnrec_helpers.evaluation.beyond_accuracy import Lists, calibration, diversity
from gnnrec_helpers.serving import rerank

several = settings(deadline=None, max_examples=80, derandomize=True)
THIRD = 1 / 3


def table_of(scores: dict[object, dict[object, float]]) -> pd.DataFrame:
    """Lists as `recommend` gives them, from the scores of each user's candidates."""
    rows = []
    for user, of_items in scores.items():
        ranked = sorted(of_items.items(), key=lambda pair: -pair[1])
        rows += [(user, rank, item, score) for rank, (item, score) in enumerate(ranked, start=1)]
    return pd.DataFrame(rows, columns=["user", "rank", "item", "score"])


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, pd.DataFrame, int, float]:
    """Who has what, lists (some short, some tied), k, and a trade-off."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, items = draw(st.integers(1, 4)), draw(st.integers(1, 14))
    likes = (generator.random((users, items)) < draw(st.sampled_from([0.2, 0.6]))).astype(int)
    levels = draw(st.sampled_from([1, 3, 1000]))
    scores: dict = {}
    for user in generator.permutation(users).tolist():
        candidates = generator.permutation(items)[: generator.integers(1, items + 1)]
        scores[user] = {i: generator.integers(-levels, levels) / 4 for i in candidates.tolist()}
    trade_off = draw(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]))
    return likes, table_of(scores), draw(st.integers(1, items + 2)), trade_off


def check_greedy(before: pd.DataFrame, after: pd.DataFrame, k: int, value) -> None:
    """Each item taken has the largest value of those that were left, up to rounding."""
    assert list(after) == list(before)
    assert after.index.tolist() == list(range(len(after)))
    assert after["user"].drop_duplicates().tolist() == before["user"].drop_duplicates().tolist()
    for user, own in before.groupby("user"):
        taken = after[after["user"] == user]
        score = dict(zip(own["item"], own["score"], strict=True))
        low, high = min(score.values()), max(score.values())
        relevance = {i: (s - low) / (high - low) if high > low else 0 for i, s in score.items()}
        assert taken["rank"].tolist() == list(range(1, min(k, len(own)) + 1))
        assert taken["score"].tolist() == [score[item] for item in taken["item"]]
        chosen: list = []
        for item in taken["item"]:
            left = [other for other in score if other not in chosen]
            values = {other: value(user, other, chosen, relevance[other]) for other in left}
            assert values[item] == pytest.approx(max(values.values()), abs=1e-9)
            chosen.append(item)


# ---------------------------------------------------------------------- maximal marginal relevance
@given(cases())
@several
def test_mmr_takes_the_largest_marginal_relevance(case: tuple) -> None:
    likes, lists, k, trade_off = case

    def cosine(one: int, other: int) -> float:
        length = math.sqrt(likes[:, one].sum() * likes[:, other].sum())
        return likes[:, one] @ likes[:, other] / length if length else 0

    def value(user: int, item: int, chosen: list[int], relevance: float) -> float:
        closest = max((cosine(item, other) for other in chosen), default=0)
        return (1 - trade_off) * relevance - trade_off * closest

    after = rerank(lists, k, trade_off=trade_off, interactions=interactions(likes))
    check_greedy(lists, after, k, value)


@given(cases())
@several
def test_mmr_by_vectors(case: tuple) -> None:
    likes, lists, k, trade_off = case
    vectors = np.random.default_rng(likes.size).normal(size=(likes.shape[1], 3))
    vectors[0] = 0

    def value(user: int, item: int, chosen: list[int], relevance: float) -> float:
        cosines = [
            vectors[item] @ vectors[other]
            / (np.linalg.norm(vectors[item]) * np.linalg.norm(vectors[other]))
            if item and other else 0
            for other in chosen
        ]  # fmt: skip
        return (1 - trade_off) * relevance - trade_off * max(cosines, default=0)

    shuffled = pd.DataFrame(vectors).iloc[::-1]
    after = rerank(lists, k, trade_off=trade_off, item_vectors=shuffled)
    check_greedy(lists, after, k, value)


def test_mmr_by_hand() -> None:
    lists = table_of({"ana": {"a": 9.0, "b": 7.0, "c": 5.0}})
    vectors = pd.DataFrame({0: [1, 3, 0], 1: [0, 0, 2]}, index=["a", "b", "c"])
    # b says the same as a: 0.5 (1 - t) - t against 0 of c; they are even at a third
    for trade_off, expected in ((0.3, "abc"), (THIRD + 0.01, "acb"), (1, "acb")):
        after = rerank(lists, 3, trade_off=trade_off, item_vectors=vectors)
        assert after["item"].tolist() == list(expected)
        assert after["rank"].tolist() == [1, 2, 3]
        assert after["score"].tolist() == [{"a": 9, "b": 7, "c": 5}[item] for item in expected]


def test_of_equal_values_the_higher_rank_is_taken() -> None:
    lists = table_of({1: dict.fromkeys([7, 3, 5], 2.0)})
    for trade_off in (0, 0.5, 1):
        after = rerank(lists, 2, trade_off=trade_off, item_vectors=pd.DataFrame(np.eye(8)))
        assert after["item"].tolist() == [7, 3]


# ---------------------------------------------------------------------- calibrated
def check_calibrated(
    likes: np.ndarray,
    lists: pd.DataFrame,
    k: int,
    trade_off: float,
    groups: dict[int, set[str]],
    given: bool,
) -> None:
    """Greedy by Steck's formula, with the groups as they are given, or the popularity thirds."""
    series = pd.Series({item: sorted(group) for item, group in groups.items()}).explode()

    def distribution(items: list[int]) -> dict[str, float]:
        share = dict.fromkeys(set.union(*groups.values()), 0.0)
        for item in items:
            for group in groups[item]:
                share[group] += 1 / len(groups[item]) / len(items)
        return share

    def value(user: int, item: int, chosen: list[int], relevance: float) -> float:
        p, q = distribution(np.flatnonzero(likes[user]).tolist()), distribution([*chosen, item])
        divergence = sum(
            p[group] * math.log(p[group] / (0.99 * q[group] + 0.01 * p[group]))
            for group in p if p[group] > 0
        )  # fmt: skip
        return (1 - trade_off) * relevance - trade_off * divergence

    after = rerank(
        lists, k, "calibrated", trade_off=trade_off, interactions=interactions(likes),
        item_groups=series if given else None,
    )  # fmt: skip
    check_greedy(lists, after, k, value)


def thirds(likes: np.ndarray) -> dict[int, set[str]]:
    order = sorted(range(likes.shape[1]), key=lambda item: (-likes[:, item].sum(), item))
    groups = {}
    for place, item in enumerate(order):
        before = likes[:, order[:place]].sum()
        third = 3 * before // max(likes.sum(), 1) if likes[:, item].any() else 2
        groups[item] = {("head", "mid", "tail")[third]}
    return groups


def genres(items: int) -> dict[int, set[str]]:
    return {item: {"abcd"[item % 4], "cdefgh"[item // 4 % 6]} for item in range(items)}


@given(cases(), st.booleans())
@several
def test_calibrated_takes_the_item_that_steck_s_formula_prefers(case: tuple, given: bool) -> None:
    groups = genres(case[0].shape[1]) if given else thirds(case[0])
    check_calibrated(*case, groups, given)


def test_calibrated_to_many_genres() -> None:
    generator = np.random.default_rng(0)
    likes = (generator.random((8, 60)) < 0.2).astype(int)
    lists = table_of({user: dict(enumerate(generator.normal(size=60))) for user in range(8)})
    for trade_off in (0.1, 0.5):
        check_calibrated(likes, lists, 12, trade_off, genres(60), True)


def test_calibrated_gives_each_genre_its_part() -> None:
    """Steck's example: 70 % romance and 30 % action in what she saw, and so in the list."""
    genre = pd.Series(["romance", "action"] * 20, name="genre")
    saw = np.zeros((1, 40))
    saw[0, [*range(0, 14, 2), *range(1, 7, 2)]] = 1
    lists = table_of({0: {item: float(40 - item + 40 * (item % 2 == 0)) for item in range(14, 40)}})
    assert (genre[lists["item"][:10]] == "romance").all()
    known = interactions(saw)
    after = rerank(lists, 10, "calibrated", trade_off=0.99, interactions=known, item_groups=genre)
    assert (genre[after["item"]] == "romance").sum() == 7
    assert after["item"].tolist() != sorted(after["item"])


def test_who_has_nothing_keeps_her_first_ones() -> None:
    lists = table_of({0: {2: 3.0, 0: 2.0, 1: 1.0}})
    known = interactions(np.array([[0, 0, 0], [1, 0, 0]]))
    for trade_off in (0, 0.5, 1):
        after = rerank(lists, 2, "calibrated", trade_off=trade_off, interactions=known)
        assert after["item"].tolist() == [2, 0]


# ---------------------------------------------------------------------- beside recommend
@pytest.fixture(scope="module")
def split(movielens_split: Split) -> Split:
    return movielens_split


@pytest.fixture(scope="module")
def lists(split: Split) -> pd.DataFrame:
    return recommend(models.ItemKNN(split.train), split.train.users[:60], k=60)


def judged(lists: pd.DataFrame, train: Interactions, k: int) -> Lists:
    places = [np.arange(60), train.items.get_indexer(lists["item"]).reshape(60, k)]
    return Lists(*places, train)


@pytest.mark.parametrize("by", ["mmr", "calibrated"])
def test_no_trade_off_gives_the_first_k(by, lists: pd.DataFrame, split: Split) -> None:
    first = lists[lists["rank"] <= 10].reset_index(drop=True)
    after = rerank(lists, 10, by, trade_off=0, interactions=split.train)
    pd.testing.assert_frame_equal(after, first, check_exact=True)


def test_lists_become_more_varied_and_better_calibrated(lists: pd.DataFrame, split: Split) -> None:
    train = split.train
    for by, metric, better in (("mmr", diversity, 1), ("calibrated", calibration, -1)):
        means = [
            metric(judged(rerank(lists, 10, by, trade_off=t, interactions=train), train, 10)).mean()
            for t in (0, 0.3, 0.9)
        ]
        assert better * means[0] < better * means[1] < better * means[2]


def test_users_rows_and_columns_in_any_order(lists: pd.DataFrame, split: Split) -> None:
    expected = rerank(lists, 5, interactions=split.train)
    mixed = lists.sample(frac=1, random_state=0)
    mixed["user"] = mixed["user"].astype("category")
    mixed["title"] = "film " + mixed["item"].astype(str)
    copy = mixed.copy()
    after = rerank(mixed, 5, interactions=split.train)
    pd.testing.assert_frame_equal(mixed, copy)
    assert list(after) == ["user", "rank", "item", "score", "title"]
    assert after["title"].tolist() == ("film " + after["item"].astype(str)).tolist()
    assert after["user"].drop_duplicates().tolist() == mixed["user"].drop_duplicates().tolist()
    after = after.astype({"user": lists["user"].dtype}).sort_values(["user", "rank"])
    pd.testing.assert_frame_equal(
        after[list(lists)].reset_index(drop=True), expected.sort_values(["user", "rank"])
    )


def test_text_labels_and_a_single_user() -> None:
    toy = datasets.load("toy").interactions
    lists = recommend(models.ItemKNN(toy), ["Ana"], k=3)
    assert rerank(lists, 2, interactions=toy)["user"].tolist() == ["Ana", "Ana"]
    assert len(rerank(lists, 9, "calibrated", interactions=toy)) == 3


def test_nobody_s_lists() -> None:
    toy = datasets.load("toy").interactions
    nobody = recommend(models.ItemKNN(toy), ["Ana"], k=3)[:0]
    for by in ("mmr", "calibrated"):
        after = rerank(nobody, 2, by, interactions=toy)
        assert list(after) == list(nobody)
        assert len(after) == 0


def test_chosen_anew_lists_can_be_judged_as_a_recommender(split: Split) -> None:
    known = split.without_validation().train
    model = models.ItemKNN(split.train)
    lists = recommend(model, split.train.users, k=60, exclude=known)

    class Listed:
        def __init__(self, lists: pd.DataFrame) -> None:
            row = split.train.users.get_indexer(lists["user"])
            column = split.train.items.get_indexer(lists["item"])
            self.table = torch.full((split.train.num_users, split.train.num_items), -torch.inf)
            self.table[row, column] = -torch.tensor(lists["rank"].to_numpy(), dtype=torch.float32)

        def score(self, users: Tensor) -> Tensor:
            return self.table[users]

    metrics = ["recall", "diversity", "calibration"]
    first = evaluate(model, split, metrics=metrics)
    assert evaluate(Listed(lists), split, metrics=metrics) == first
    varied = rerank(lists, 20, trade_off=0.9, interactions=split.train)
    calibrated = rerank(lists, 20, "calibrated", trade_off=0.5, interactions=split.train)
    found = {
        name: evaluate(Listed(after), split, metrics=metrics)
        for name, after in (("varied", varied), ("calibrated", calibrated))
    }
    assert found["varied"]["diversity@20"] > first["diversity@20"] + 0.05
    assert found["varied"]["recall@20"] < first["recall@20"] - 0.05  # nothing is free
    assert found["calibrated"]["calibration@20"] < first["calibration@20"] / 1.5
    assert found["calibrated"]["recall@20"] > first["recall@20"] - 0.02


# ---------------------------------------------------------------------- refusals
def test_wrong_arguments_are_refused() -> None:
    toy = datasets.load("toy").interactions
    lists = recommend(models.ItemKNN(toy), ["Ana"], k=3)
    vectors = pd.DataFrame(np.eye(5), toy.items)
    genres = pd.Series("film", toy.items)
    known = {"interactions": toy}
    calibrated = {"by": "calibrated", **known}
    for arguments, kind, message in (
        ({"k": 0, **known}, ValueError, "k=0: at least 1"),
        ({"k": "2", **known}, TypeError, "k='2': a whole number"),
        ({"by": "dpp", **known}, ValueError, "by='dpp': choose 'mmr' or 'calibrated'"),
        ({"trade_off": 1.5, **known}, ValueError, r"trade_off=1\.5: a number from 0 to 1"),
        ({"trade_off": math.nan, **known}, ValueError, "trade_off=nan: a number from 0 to 1"),
        ({"trade_off": "much", **known}, TypeError, "trade_off='much': a number from 0 to 1"),
        ({"trade_off": True, **known}, TypeError, "trade_off=True: a number from 0 to 1"),
        ({}, ValueError, "compares items by `interactions`, .* one of the two is needed"),
        ({"item_vectors": vectors, **known}, ValueError, "one of the two is needed"),
        ({"item_groups": genres, **known}, ValueError, "item_groups are for by='calibrated'"),
        ({"by": "calibrated"}, ValueError, "by='calibrated' needs `interactions`"),
        ({"item_vectors": vectors, **calibrated}, ValueError, "item_vectors are for by='mmr'"),
        ({"interactions": toy.to_frame()}, TypeError, "interactions must be Interactions, not Da"),
        ({"item_vectors": np.eye(5)}, TypeError, "item_vectors must be DataFrame, not ndarray"),
        ({"item_vectors": vectors.iloc[[0, 0]]}, ValueError, "holds item 'Alien' more than once"),
        ({"item_vectors": vectors.iloc[:2]}, KeyError, "Unknown item 'Casablanca'"),
        ({"item_vectors": vectors / 0.0}, ValueError, "no finite number in column 0"),
        ({"item_vectors": vectors.astype(str)}, TypeError, "in column 0: numbers are needed"),
        ({"item_groups": genres[:2], **calibrated}, ValueError, "item_groups lacks 3 of 5 items"),
        ({"item_groups": "genre", **calibrated}, TypeError, r"must be a pandas\.Series"),
    ):  # fmt: skip
        with pytest.raises(kind, match=message) as caught:
            rerank(lists, **{"k": 2, **arguments})
        assert str(caught.value).rstrip("'\"").endswith(".")


def test_wrong_lists_are_refused() -> None:
    toy = datasets.load("toy").interactions
    lists = recommend(models.ItemKNN(toy), ["Ana"], k=3)
    other = lists.assign(user="Zoe")
    for wrong, kind, message in (
        (toy, TypeError, "lists must be a table as recommend gives it, not Interactions"),
        (lists.drop(columns="rank"), ValueError, "lists has no column 'rank'"),
        (lists.assign(score=[1.0, math.nan, 0]), ValueError, "missing value in column 'score'"),
        (lists.assign(score=[math.inf, 1, 0]), ValueError, "a score that is no finite number"),
        (lists.assign(score=list("cba")), TypeError, "in 'score': numbers are needed"),
        (lists.assign(rank=list("abc")), TypeError, "in 'rank': numbers are needed"),
        (lists.assign(item="Dune"), ValueError, "holds item 'Dune' of user 'Ana' more than once"),
        (lists.assign(rank=1), ValueError, "holds rank 1 of user 'Ana' more than once"),
        (lists.assign(score=[0.5, 0.2, 0.3]), ValueError,
         "user 'Ana' has a higher score at rank 3 than at rank 2"),
        (lists.assign(item=["Dune", "Heat", "Alien"]), KeyError, "Unknown item 'Heat'"),
    ):  # fmt: skip
        with pytest.raises(kind, match=message):
            rerank(wrong, 2, interactions=toy)
    with pytest.raises(KeyError, match="Unknown user 'Zoe'"):
        rerank(other, 2, "calibrated", interactions=toy)
    assert len(rerank(other, 2, interactions=toy)) == 2  # similarity asks nothing of users
