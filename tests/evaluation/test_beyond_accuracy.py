"""Metrics beyond accuracy against their formulas, item by item, and in evaluate and compare."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sem, t, ttest_rel
from tables import interactions
from test_evaluation import NOTHING, TEST, TRAIN, Table, cases, split_of, users_to_judge
from torch import Tensor

from gnnrec_helpers import Split, compare, datasets, evaluate, models
from gnnrec_helpers.evaluation import beyond_accuracy, evaluate_groups, evaluate_users
from gnnrec_helpers.evaluation.beyond_accuracy import OF_ALL_LISTS, OF_USERS, Lists

several = settings(deadline=None, max_examples=80, derandomize=True)
USERS, TOGETHER = tuple(OF_USERS), tuple(OF_ALL_LISTS)
ALL = ("recall", *USERS, *TOGETHER)


# ---------------------------------------------------------------------- plain loops
def thirds_by_loops(train: np.ndarray) -> list[set[str]]:
    owners = [sum(column) for column in train.T]
    order = sorted(range(len(owners)), key=lambda item: (-owners[item], item))
    groups: list[set[str]] = [{"tail"} for _ in owners]
    before = 0
    for item in order:
        if owners[item] and 3 * before < 2 * sum(owners):
            groups[item] = {"head" if 3 * before < sum(owners) else "mid"}
        before += owners[item]
    return groups


def of_a_user(
    train: np.ndarray, user: int, found: list[int], groups: list[set[str]]
) -> dict[str, float]:
    """The four metrics of one list; NaN where the user has nothing in train."""
    owners = [{u for u in range(len(train)) if train[u, i]} for i in range(train.shape[1])]
    active = {u for u in range(len(train)) if any(train[u])}
    own = [i for i in range(train.shape[1]) if train[user, i]]
    bits = [-math.log2(max(len(owners[i]), 1) / max(len(active), 1)) for i in found]
    distances = []
    for one, other in itertools.combinations(found, 2):
        size = math.sqrt(len(owners[one]) * len(owners[other]))
        distances.append(1 - (len(owners[one] & owners[other]) / size if size else 0))
    result = {
        "novelty": sum(bits) / len(bits) if bits else 0,
        "diversity": sum(distances) / len(distances) if distances else 0,
        "popularity_lift": math.nan,
        "calibration": math.nan,
    }
    if own:
        of_own = sum(len(owners[i]) for i in own) / len(own)
        of_list = sum(len(owners[i]) for i in found) / len(found) if found else 0
        result["popularity_lift"] = (of_list - of_own) / of_own
        result["calibration"] = 0
        for group in set.union(*groups):
            p, q = (
                sum((group in groups[i]) / len(groups[i]) for i in items) / max(len(items), 1)
                for items in (own, found)
            )
            if p > 0:
                result["calibration"] += p * math.log(p / (0.99 * q + 0.01 * p))
    return result


def of_all(num_items: int, found: list[list[int]]) -> dict[str, float]:
    """Coverage, and Gini's coefficient as RecBole's documentation has it."""
    counts = Counter(item for items in found for item in items)
    ascending = sorted(counts[item] for item in range(num_items))
    above = sum((2 * i - num_items - 1) * count for i, count in enumerate(ascending, start=1))
    below = num_items * sum(ascending)
    return {"coverage": len(counts) / num_items, "gini": above / below if below else 0}


@st.composite
def tables_and_lists(
    draw: st.DrawFn,
) -> tuple[np.ndarray, list[list[int]], list[set[str]] | None]:
    """Who has what, a list for each user (some short, some empty), and groups of items."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, items, k = (draw(st.integers(1, most)) for most in (6, 8, 5))
    train = (generator.random((users, items)) < draw(st.sampled_from([0.1, 0.4, 0.8]))).astype(int)
    found = [
        generator.permutation(items)[: generator.integers(min(k, items) + 1)].tolist()
        for _ in range(users)
    ]
    if draw(st.booleans()):
        return train, found, None
    names = np.array(["crime", "drama", "love"])
    groups = [
        set(generator.choice(names, generator.integers(1, 4), replace=False).tolist())
        for _ in range(items)
    ]
    return train, found, groups


def lists_of(
    train: np.ndarray, found: list[list[int]], groups: list[set[str]] | None = None
) -> Lists:
    items = np.full((len(found), max(1, *map(len, found), 1)), -1)
    for row, of_user in enumerate(found):
        items[row, : len(of_user)] = of_user
    series = None
    if groups is not None:
        series = pd.Series([sorted(group) for group in groups]).explode()
    return Lists(np.arange(len(found)), items, interactions(train), series)


@given(tables_and_lists())
@several
def test_every_metric_agrees_with_plain_loops(case: tuple) -> None:
    train, found, groups = case
    lists = lists_of(train, found, groups)
    expected = [
        of_a_user(train, user, of_user, groups or thirds_by_loops(train))
        for user, of_user in enumerate(found)
    ]
    for name, metric in OF_USERS.items():
        values = metric(lists)
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, [row[name] for row in expected], atol=1e-9, err_msg=name)
    together = of_all(train.shape[1], found)
    for name, of_lists in OF_ALL_LISTS.items():
        assert of_lists(lists) == pytest.approx(together[name], abs=1e-12), name


@given(tables_and_lists())
@several
def test_who_is_judged_together_changes_nothing(case: tuple) -> None:
    lists = lists_of(*case)
    usual = {name: metric(lists) for name, metric in OF_USERS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beyond_accuracy, "CELLS", 2)
        for name, metric in OF_USERS.items():
            np.testing.assert_allclose(metric(lists), usual[name], atol=1e-12, err_msg=name)
    odd = np.arange(len(lists.users)) % 2 == 1
    for name, metric in OF_USERS.items():
        np.testing.assert_allclose(metric(lists.of(odd)), usual[name][odd], atol=1e-12)


@given(cases(), st.sampled_from(["test", "validation"]))
@several
@pytest.mark.filterwarnings("ignore:.*have no train items")
def test_evaluate_judges_the_lists_that_it_ranks(case: tuple, part: str) -> None:
    cells, scores, k, validation = case
    if part == "validation" and not (validation and (cells == 2).any()):
        part = "test"
    split, train = split_of(cells, validation), cells == TRAIN
    judged = list(users_to_judge(cells, scores, part))
    found = [ranked[:k] for _, ranked, _ in judged]
    groups = thirds_by_loops(train.astype(int))
    rows = [
        of_a_user(train, user, of_user, groups)
        for (user, _, _), of_user in zip(judged, found, strict=True)
    ]
    everyone_is_new = not any(train[user].any() for user, _, _ in judged)
    names = [*USERS[:2], *TOGETHER] if everyone_is_new else [*USERS, *TOGETHER]
    result = evaluate(Table(scores), split, k, part=part, metrics=names)
    assert list(result) == [f"{name}@{k}" for name in names]
    for name, value in of_all(cells.shape[1], found).items():
        assert result[f"{name}@{k}"] == pytest.approx(value, abs=1e-9)
    for name in names[:-2]:
        known = [row[name] for row in rows if not math.isnan(row[name])]
        assert result[f"{name}@{k}"] == pytest.approx(sum(known) / len(known), abs=1e-9)


# ---------------------------------------------------------------------- by hand
HAND = np.array(  # items: everybody's, the same two people's twice, one person's, nobody's
    [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 0]]
)


def test_the_metrics_by_hand() -> None:
    lists = lists_of(HAND, [[1, 2], [3, 4], [0, 1], []])
    two = 1 - 2 / math.sqrt(4 * 2)  # everybody's item and one that half of them have
    np.testing.assert_allclose(beyond_accuracy.novelty(lists), [1, 2, 0.5, 0])
    np.testing.assert_allclose(beyond_accuracy.diversity(lists), [0, 1, two, 0], atol=1e-12)
    own = [8 / 3, 8 / 3, 5 / 2, 4]
    lifts = [2 / own[0] - 1, 0.5 / own[1] - 1, 3 / own[2] - 1, -1]
    np.testing.assert_allclose(beyond_accuracy.popularity_lift(lists), lifts)
    assert beyond_accuracy.coverage(lists) == 1
    assert beyond_accuracy.gini(lists) == pytest.approx(4 / 30)  # of 1, 1, 1, 1, 2
    groups = [{"a"}, {"a", "b"}, {"b"}, {"b"}, {"c"}]
    nats = beyond_accuracy.calibration(lists_of(HAND, [[1], [0, 2], [4], []], groups))
    assert nats[0] == pytest.approx(0, abs=1e-12)  # half and half, as hers
    assert nats[1] == pytest.approx(0, abs=1e-12)
    assert nats[2] == pytest.approx(math.log(100))
    assert nats[3] == pytest.approx(math.log(100))


def test_popularity_thirds_by_hand() -> None:
    likes = np.zeros((6, 6), int)
    for item, owners in enumerate([1, 6, 1, 2, 2, 0]):  # 6 of 12, then 2, 2, 1, 1
        likes[:owners, item] = 1
    thirds = beyond_accuracy.popularity_thirds(interactions(likes))
    assert thirds.tolist() == ["tail", "head", "tail", "mid", "tail", "tail"]
    likes[:] = np.eye(6)  # of equals the lower position is first
    thirds = beyond_accuracy.popularity_thirds(interactions(likes))
    assert thirds.tolist() == ["head"] * 2 + ["mid"] * 2 + ["tail"] * 2
    assert thirds.index.equals(interactions(likes).items)
    likes = np.random.default_rng(0).integers(0, 2, (4, 300))  # many equals
    expected = [third for (third,) in thirds_by_loops(likes)]
    assert beyond_accuracy.popularity_thirds(interactions(likes)).tolist() == expected


def test_popularity_has_little_and_chance_has_much() -> None:
    split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    shape = (split.train.num_users, split.train.num_items)
    popular = evaluate(models.Popularity(split.train), split, metrics=ALL)
    chance = evaluate(Table(np.random.default_rng(0).random(shape)), split, metrics=ALL)
    for name, order in (("recall", 1), ("novelty", -1), ("diversity", -1), ("coverage", -1),
                        ("popularity_lift", 1), ("gini", 1)):  # fmt: skip
        assert order * popular[f"{name}@20"] > order * chance[f"{name}@20"], name
    assert chance["calibration@20"] > 1  # nearly all in the tail


# ---------------------------------------------------------------------- seams
@pytest.fixture(scope="module")
def split() -> Split:
    """Sixty users with about a quarter of forty items; everybody has train items."""
    generator = np.random.default_rng(0)
    return interactions(generator.random((60, 40)) < 0.25 + 0.2 * (np.arange(40) < 8)).split(
        test=0.3, validation=0.1, seed=1
    )


class Foreign:
    """Somebody else's recommender: a `score` method and nothing more."""

    def __init__(self, model: models.Model) -> None:
        with torch.no_grad():
            self.table = model.score(torch.arange(model.num_users)).clone()

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]


@pytest.mark.parametrize("kind", [models.ItemKNN, models.LightGCN])
def test_a_frozen_and_a_foreign_model_have_the_same_metrics(kind, split: Split) -> None:
    model = kind(split.train)
    expected = evaluate(model, split, 5, metrics=ALL)
    assert all(math.isfinite(value) for value in expected.values())
    groups = evaluate_groups(model, split, 3, k=5, metrics=ALL)
    side_by_side = compare({"it": model}, split, k=5, metrics=ALL)
    for other in (model.frozen(), Foreign(model)):
        assert evaluate(other, split, 5, metrics=ALL) == expected
        pd.testing.assert_frame_equal(evaluate_groups(other, split, 3, k=5, metrics=ALL), groups)
        pd.testing.assert_frame_equal(compare({"it": other}, split, k=5, metrics=ALL), side_by_side)


def test_they_stand_beside_the_others_in_the_order_asked_for(split: Split) -> None:
    model = models.Popularity(split.train)
    names = ["gini", "novelty", "recall", "coverage", "calibration"]
    both = evaluate(model, split, 5, metrics=names)
    assert list(both) == [f"{name}@5" for name in names]
    assert both["recall@5"] == evaluate(model, split, 5)["recall@5"]
    table = evaluate_users(model, split, 5, metrics=["novelty", "recall"])
    assert list(table) == ["novelty@5", "recall@5"]
    assert table["novelty@5"].mean() == both["novelty@5"]


def test_lists_are_compared_with_train_whatever_part_is_judged(split: Split) -> None:
    model = models.Popularity(split.train)
    on_validation = evaluate(model, split, 4, part="validation", metrics=ALL)
    same = Split(split.train, None, split.validation)
    assert evaluate(model, same, 4, metrics=ALL) == on_validation


def test_item_groups_by_label(split: Split) -> None:
    model = models.ItemKNN(split.train)
    items = split.train.items
    thirds = beyond_accuracy.popularity_thirds(split.train)
    default = evaluate(model, split, 5, metrics=["calibration"])
    rows = np.random.default_rng(0).permutation(len(thirds))
    more = pd.concat([thirds.iloc[rows], pd.Series(["?"], [1000]), thirds.iloc[:3]])
    given = evaluate(model, split, 5, metrics=["calibration"], item_groups=more)
    assert given == pytest.approx(default)
    alike = pd.Series("film", items)
    assert evaluate(model, split, 5, metrics=["calibration"], item_groups=alike) == pytest.approx(
        {"calibration@5": 0}, abs=1e-12
    )


def test_a_group_that_is_named_twice_counts_once() -> None:
    train = interactions(np.array([[1, 0]]))
    genres = pd.Series(["a", "b", "b", "a"], [0, 0, 0, 1])
    nats = beyond_accuracy.calibration(Lists(np.array([0]), np.array([[1]]), train, genres))
    half = 0.5 * math.log(0.5 / (0.99 + 0.005)) + 0.5 * math.log(0.5 / 0.005)
    assert nats == pytest.approx(half)


# ---------------------------------------------------------------------- models side by side
def test_compare_has_intervals_for_users_and_none_for_all_lists(split: Split) -> None:
    both = {"popular": models.Popularity(split.train), "knn": models.ItemKNN(split.train)}
    names = ["recall", "novelty", "coverage", "popularity_lift", "gini"]
    table = compare(both, split, k=5, metrics=names, baseline="popular")
    of_users = ["recall@5", "novelty@5", "popularity_lift@5"]
    assert list(table) == [
        *itertools.chain(*([name, f"± {name}"] for name in of_users)),
        *itertools.chain(*([f"Δ {name}", f"± Δ {name}", f"p {name}"] for name in of_users)),
        "coverage@5", "gini@5",
    ]  # fmt: skip
    users = {
        name: evaluate_users(model, split, 5, metrics=["novelty"])["novelty@5"]
        for name, model in both.items()
    }
    paired = ttest_rel(users["knn"], users["popular"])
    low, high = paired.confidence_interval(0.95)
    assert table.loc["knn", "Δ novelty@5"] == pytest.approx((low + high) / 2)
    assert table.loc["knn", "± Δ novelty@5"] == pytest.approx((high - low) / 2)
    assert table.loc["knn", "p novelty@5"] == pytest.approx(paired.pvalue)
    for name, model in both.items():
        alone = evaluate(model, split, 5, metrics=names)
        assert table.loc[name, list(alone)].to_dict() == pytest.approx(alone)


def test_compare_takes_the_mean_over_seeds(split: Split) -> None:
    seeds = [models.MatrixFactorization(split.train, 4, seed=seed) for seed in range(3)]
    both = {"mf": seeds, "popular": models.Popularity(split.train)}
    table = compare(both, split, k=5, metrics=["gini"])
    found = [evaluate(model, split, 5, metrics=["gini"])["gini@5"] for model in seeds]
    assert list(table) == ["gini@5", "sd gini@5"]
    assert table.index.tolist() == ["mf", "popular"]
    assert table.loc["mf", "gini@5"] == pytest.approx(np.mean(found))
    assert table.loc["mf", "sd gini@5"] == pytest.approx(np.std(found, ddof=1))
    assert np.isnan(table.loc["popular", "sd gini@5"])
    assert list(compare(both, split, k=5, metrics=["gini"], baseline="mf")) == list(table)


def test_who_is_left_out_does_not_count_in_intervals() -> None:
    cells = np.array(
        [[TEST, TRAIN, 0, 0], [0, TEST, TRAIN, 0], [0, TRAIN, TEST, 0], [TEST, 0, 0, 0]]
    )
    model = Table(np.arange(16).reshape(4, 4) % 5)
    with pytest.warns(UserWarning, match="popularity_lift@2: 1 of 4 users have no train items"):
        table = compare({"it": model}, split_of(cells), k=2, metrics=["popularity_lift"])
    with pytest.warns(UserWarning, match="1 of 4 users"):
        lifts = evaluate_users(model, split_of(cells), 2, metrics=["popularity_lift"])
    assert lifts["popularity_lift@2"].isna().tolist() == [False, False, False, True]
    known = lifts["popularity_lift@2"].to_numpy()[:3]
    low, high = t.interval(0.95, 2, known.mean(), sem(known))
    assert table.loc["it", "popularity_lift@2"] == pytest.approx(known.mean())
    assert table.loc["it", "± popularity_lift@2"] == pytest.approx((high - low) / 2)


# ---------------------------------------------------------------------- groups of users
def test_groups_of_users_are_judged_as_if_they_were_alone(split: Split) -> None:
    model = models.ItemKNN(split.train)
    country = pd.Series(np.array(["no", "de", "no", "ch"])[np.arange(60) % 4], name="country")
    table = evaluate_groups(model, split, country[::-1], k=5, metrics=ALL)
    assert table.index.tolist() == ["ch", "de", "no"]
    assert table.index.name == "country"
    for name in table.index:
        members = country.index[country == name]
        mine = split.test.select(np.isin(split.test.users[split.test.user_index], members))
        alone = Split(split.train, split.validation, mine)
        expected = evaluate(model, alone, 5, metrics=ALL)
        assert table.loc[name, list(expected)].to_dict() == pytest.approx(expected)
        users = evaluate_users(model, alone, 5, metrics=["recall", *USERS])
        assert table.loc[name, "users"] == len(users) > 1
        for metric, values in users.items():
            low, high = t.interval(0.95, len(values) - 1, values.mean(), sem(values))
            assert table.loc[name, f"± {metric}"] == pytest.approx((high - low) / 2)
    assert [column for column in table if column.startswith("±")] == [
        f"± {name}@5" for name in ("recall", *USERS)
    ]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 5))
@several
def test_groups_by_activity_are_cut_at_quantiles(degrees: list[int], count: int) -> None:
    cells = np.full((len(degrees), 11), NOTHING)
    cells[:, 10] = TEST
    for user, degree in enumerate(degrees):
        cells[user, :degree] = TRAIN
    table = evaluate_groups(Table(np.zeros(cells.shape)), split_of(cells), count, k=1)
    edges = [np.quantile(degrees, cut / count) for cut in range(1, count)]
    expected: dict[int, list[int]] = {}
    for degree in sorted(degrees):
        expected.setdefault(sum(degree > edge for edge in edges), []).append(degree)
    assert table["users"].tolist() == [len(group) for group in expected.values()]
    assert table.index.tolist() == [f"{group[0]} to {group[-1]}" for group in expected.values()]
    assert table.index.name == "train items"
    assert len(table) <= count


def test_four_groups_and_lists_of_twenty_unless_asked_otherwise(split: Split) -> None:
    table = evaluate_groups(models.Popularity(split.train), split)
    assert len(table) == 4
    assert list(table)[:3] == ["users", "recall@20", "± recall@20"]
    assert table["users"].sum() == 60


def test_a_group_of_one_and_one_of_whom_nothing_is_known() -> None:
    cells = np.array([[TEST, TRAIN, 0], [TRAIN, TEST, 0], [TEST, 0, 0]])
    warm = pd.Series(["warm", "warm", "new"], ["u0", "u1", "u2"])
    with pytest.warns(UserWarning, match="calibration@2: 1 of 3 users"):
        table = evaluate_groups(
            Table(np.eye(3)), split_of(cells), warm, k=2, metrics=["recall", "calibration"]
        )
    assert table.loc["new", "recall@2"] == 1
    assert table.loc["new", ["± recall@2", "calibration@2"]].isna().all()
    assert table.loc["warm"].notna().all()


def test_a_categorical_keeps_its_order() -> None:
    cells = np.array([[TEST, TRAIN, 0], [TRAIN, TEST, 0], [TEST, 0, TRAIN]])
    size = pd.Categorical(["small", "large", "small"], ["small", "large", "none"], ordered=True)
    groups = pd.Series(size, ["u0", "u1", "u2"])
    table = evaluate_groups(Table(np.eye(3)), split_of(cells), groups, k=1)
    assert table["users"].to_dict() == {"small": 2, "large": 1}


# ---------------------------------------------------------------------- odd lists
def test_a_model_that_recommends_nothing() -> None:
    cells = np.array([[TEST, TRAIN, 0], [TRAIN, TEST, 0]])
    nothing = Table(np.full((2, 3), -np.inf))
    assert evaluate(nothing, split_of(cells), 2, metrics=ALL) == pytest.approx(
        {
            "recall@2": 0,
            "novelty@2": 0,
            "diversity@2": 0,
            "popularity_lift@2": -1,
            "calibration@2": math.log(100),
            "coverage@2": 0,
            "gini@2": 0,
        }
    )


def test_no_train_at_all() -> None:
    cells = np.array([[TEST, 0], [0, TEST]])
    found = evaluate(Table(np.eye(2)), split_of(cells), 2, metrics=[*USERS[:2], *TOGETHER])
    assert found == {"novelty@2": 0, "diversity@2": 1, "coverage@2": 1, "gini@2": 0}
    for name in ("popularity_lift", "calibration"):
        with pytest.raises(ValueError, match=f"{name}@2 cannot be told: none of the 2 users"):
            evaluate(Table(np.eye(2)), split_of(cells), 2, metrics=[name])


# ---------------------------------------------------------------------- refusals
class Unasked(Table):
    def score(self, users: Tensor) -> Tensor:
        raise AssertionError("asked before its arguments were checked")


def test_wrong_arguments_are_refused_before_any_work() -> None:
    split, model = split_of(np.array([[TEST, TRAIN], [TRAIN, TEST]])), Unasked(np.eye(2))
    wanted: dict = {"metrics": ["calibration"]}
    judges = (
        lambda **more: evaluate(model, split, **more),
        lambda **more: evaluate_groups(model, split, 2, **more),
        lambda **more: compare({"it": model}, split, **more),
    )
    for judge in judges:
        with pytest.raises(
            ValueError, match=r"No metric 'auc'; there are recall, .*map, novelty, "
        ):
            judge(metrics=["novelty", "auc"])
        with pytest.raises(TypeError, match=r"metrics='gini': .* such as \['gini'\]"):
            judge(metrics="gini")
        with pytest.raises(ValueError, match="item_groups are for the metric 'calibration'"):
            judge(metrics=["recall"], item_groups=pd.Series(["a", "b"], [100, 101]))
        with pytest.raises(TypeError, match=r"item_groups must be a pandas\.Series .* not dict"):
            judge(item_groups={100: "a", 101: "b"}, **wanted)
        with pytest.raises(ValueError, match="item_groups lacks 1 of 2 items, such as 101"):
            judge(item_groups=pd.Series(["a"], [100]), **wanted)
        with pytest.raises(ValueError, match="item_groups holds a missing value for item 100"):
            judge(item_groups=pd.Series([None, "b"], [100, 101]), **wanted)
    for name in TOGETHER:
        with pytest.raises(ValueError, match=f"{name} is one number for all lists together"):
            evaluate_users(model, split, metrics=["recall", name])
    with pytest.raises(TypeError, match="A Split is needed, not Interactions"):
        evaluate(model, split.train, item_groups=pd.Series(["a"], [100]), **wanted)  # type: ignore[arg-type]


def test_wrong_groups_of_users_are_refused_before_any_work() -> None:
    split, model = split_of(np.array([[TEST, TRAIN], [TRAIN, TEST]])), Unasked(np.eye(2))
    for groups, message in (
        (pd.Series(["a"], ["u0"]), "groups lacks 1 of the 2 users who are judged, such as 'u1'"),
        (pd.Series(["a", None], ["u0", "u1"]), "groups lacks 1 of the 2 users"),
        (pd.Series(["a", "b"]), "groups lacks 2 of the 2 users who are judged, such as 'u0'"),
        (pd.Series(["a", "b", "c"], ["u0", "u1", "u0"]), "groups holds user 'u0' more than once"),
        (0, "groups=0: at least 1 is needed"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate_groups(model, split, groups)
    for wrong in ({"u0": "a"}, "activity", 2.0, True):
        with pytest.raises(TypeError, match="groups must be a number of groups, or a"):
            evaluate_groups(model, split, wrong)  # type: ignore[arg-type]
