"""Models side by side: means, intervals and tests, beside SciPy's."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sem, t, ttest_rel
from test_evaluation import TEST, TRAIN, VALIDATION, Table, by_loops, ranking, split_of

from gnnrec_helpers import compare, datasets, models
from gnnrec_helpers.evaluation import compare_users, evaluate_users


def test_compare_recomputed() -> None:
    split = datasets.load("movielens-small").interactions.k_core(30, 50).binarize(4.0).split(seed=3)
    both = {
        "popular": models.Popularity(split.train),
        "neighbours": models.ItemKNN(split.train, neighbours=20),
    }
    table = compare(both, split, k=10)
    assert table.index.tolist() == ["popular", "neighbours"]
    assert table.index.name == "model"
    assert list(table) == ["recall@10", "± recall@10", "ndcg@10", "± ndcg@10"]
    parts = (split.train, split.validation, split.test)
    train, validation, test = (
        [set(row) for row in np.split(part.item_index, np.cumsum(part.user_degrees())[:-1])]
        for part in parts
    )
    for name, model in both.items():
        scores = model.score(torch.arange(split.train.num_users)).tolist()
        values: dict[str, list[float]] = {"recall": [], "ndcg": []}
        for user, wanted in enumerate(test):
            if wanted:
                row = by_loops(ranking(scores[user], train[user] | validation[user]), wanted, 10)
                for metric in values:
                    values[metric].append(row[metric])
        for metric, column in values.items():
            assert table.loc[name, f"{metric}@10"] == pytest.approx(
                statistics.fmean(column), abs=1e-9
            )
            half = t.ppf(0.975, len(column) - 1) * statistics.stdev(column) / math.sqrt(len(column))
            assert table.loc[name, f"± {metric}@10"] == pytest.approx(half, abs=1e-9)


def test_compare_on_validation() -> None:
    split = split_of([[TRAIN, VALIDATION, TEST], [VALIDATION, TRAIN, TEST]])
    table = compare({"it": Table([[0, 1, 0], [0, 0, 1]])}, split, k=1, part="validation")
    assert table.loc["it", "recall@1"] == 1 / 2  # user 0 found hers, user 1 did not
    assert table.loc["it", "± recall@1"] == pytest.approx(
        t.ppf(0.975, 1) * math.sqrt(1 / 2) / math.sqrt(2)
    )


def test_compare_with_a_baseline_is_paired() -> None:
    split = datasets.load("movielens-small").interactions.binarize(4.0).split(seed=3)
    both = {"popular": models.Popularity(split.train), "knn": models.ItemKNN(split.train)}
    table = compare(both, split, k=10, baseline="popular")
    users = {name: evaluate_users(model, split, 10) for name, model in both.items()}
    test = ttest_rel(users["knn"]["recall@10"], users["popular"]["recall@10"])
    low, high = test.confidence_interval(0.95)
    assert table.loc["knn", "Δ recall@10"] == pytest.approx((low + high) / 2)
    assert table.loc["knn", "± Δ recall@10"] == pytest.approx((high - low) / 2)
    assert table.loc["knn", "p recall@10"] == pytest.approx(test.pvalue)
    assert table.loc["popular", "± Δ ndcg@10"] == 0
    assert np.isnan(table.loc["popular", "p ndcg@10"])
    with pytest.raises(ValueError, match=r"baseline='nobody': choose one of 'popular', 'knn'"):
        compare(both, split, k=10, baseline="nobody")


def test_several_seeds_are_judged_by_the_mean_of_each_user() -> None:
    split = datasets.load("movielens-small").interactions.binarize(4.0).split(seed=3)
    seeds = [models.MatrixFactorization(split.train, 8, seed=seed) for seed in range(3)]
    table = compare({"mf": seeds, "popular": models.Popularity(split.train)}, split, baseline="mf")
    found = [evaluate_users(model, split)["ndcg@20"] for model in seeds]
    popular = evaluate_users(models.Popularity(split.train), split)["ndcg@20"]
    means = np.mean(found, axis=0)
    assert table.loc["mf", "ndcg@20"] == pytest.approx(means.mean())
    low, high = t.interval(0.95, len(means) - 1, means.mean(), sem(means))
    half = (high - low) / 2
    assert table.loc["mf", "± ndcg@20"] == pytest.approx(half)
    over_seeds = statistics.stdev(float(one.mean()) for one in found)
    assert table.loc["mf", "sd ndcg@20"] == pytest.approx(over_seeds)
    assert np.isnan(table.loc["popular", "sd ndcg@20"])
    assert table.loc["popular", "p ndcg@20"] == pytest.approx(ttest_rel(popular, means).pvalue)


values = st.floats(0, 1).map(lambda value: round(value, 3))


@given(st.lists(st.tuples(values, values), min_size=2, max_size=12))
@settings(deadline=None, derandomize=True)
def test_intervals_and_p_are_scipy_s_for_few_users_too(pairs: list[tuple[float, float]]) -> None:
    one, other = np.array(pairs).T
    result = compare_users(table_of(one=one, other=other), baseline="other")
    for name, column in (("one", one), ("other", other)):
        assert result.loc[name, "recall@5"] == pytest.approx(column.mean())
        if len(set(column)) > 1:
            low, high = t.interval(0.95, len(column) - 1, column.mean(), sem(column))
            assert result.loc[name, "± recall@5"] == pytest.approx((high - low) / 2)
    if len(set((one - other).round(6))) == 1:
        return
    paired = ttest_rel(one, other)
    low, high = paired.confidence_interval(0.95)
    assert result.loc["one", "Δ recall@5"] == pytest.approx((low + high) / 2)
    assert result.loc["one", "± Δ recall@5"] == pytest.approx((high - low) / 2)
    assert result.loc["one", "p recall@5"] == pytest.approx(paired.pvalue)


def table_of(**columns: list[float] | np.ndarray) -> dict[str, list[pd.DataFrame]]:
    return {name: [pd.DataFrame({"recall@5": column})] for name, column in columns.items()}


def test_one_user_says_nothing_of_others() -> None:
    result = compare_users(table_of(one=[0.5], other=[0.25]), baseline="other")
    assert result.loc["one", "recall@5"] == 0.5
    assert result.loc["one", "Δ recall@5"] == 0.25
    assert result.loc["one", ["± recall@5", "± Δ recall@5", "p recall@5"]].isna().all()


def test_two_users_have_one_degree_of_freedom() -> None:
    result = compare_users(table_of(one=[0.0, 1.0]))
    # by the tangent, which is the quantile of Student's t then: the standard error is 1/2
    assert result.loc["one", "± recall@5"] == pytest.approx(math.tan(math.pi * 0.475) / 2)


def test_the_same_difference_for_everybody_is_no_chance() -> None:
    result = compare_users(
        table_of(one=[0.75, 0.5, 1.0], other=[0.5, 0.25, 0.75]), baseline="other"
    )
    assert result.loc["one", "± Δ recall@5"] == 0
    assert result.loc["one", "p recall@5"] == 0
    assert np.isnan(result.loc["other", "p recall@5"])


def test_differences_are_those_of_users_with_both_values() -> None:
    one = pd.DataFrame({"recall@5": [0.1, 0.4, 0.5, 0.9]}, index=list("abcd"))
    other = pd.DataFrame({"recall@5": [0.0, 0.2, 0.5, 0.3]}, index=list("bcde"))
    result = compare_users({"one": [one], "other": [other]}, baseline="other")
    columns = (table["recall@5"].reindex(list("abcde")) for table in (one, other))
    paired = ttest_rel(*columns, nan_policy="omit")
    low, high = paired.confidence_interval(0.95)
    assert result.loc["one", "Δ recall@5"] == pytest.approx((low + high) / 2)
    assert result.loc["one", "± Δ recall@5"] == pytest.approx((high - low) / 2)
    assert result.loc["one", "p recall@5"] == pytest.approx(paired.pvalue)


def test_seeds_of_different_splits_have_different_users() -> None:
    one = pd.DataFrame({"recall@5": [0.0, 1.0]}, index=["ana", "ben"])
    other = pd.DataFrame({"recall@5": [0.5, 0.25]}, index=["ben", "cid"])
    table = compare_users({"it": [one, other]})  # ana 0, ben .75, cid .25
    assert table.loc["it", "recall@5"] == pytest.approx(1 / 3)
    assert table.loc["it", "sd recall@5"] == pytest.approx(statistics.stdev([0.5, 0.375]))


# ---------------------------------------------------------------------- refusals
def test_nothing_is_judged_before_everything_is_checked() -> None:
    judged: list[int] = []

    class Watched(Table):
        def score(self, users: torch.Tensor) -> torch.Tensor:
            judged.append(len(users))
            return super().score(users)

    split = split_of([[TRAIN, VALIDATION, TEST], [VALIDATION, TRAIN, TEST]])
    good, leaky = Watched(np.eye(2, 3)), Watched(np.eye(2, 3))
    leaky.interactions = split.test  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"baseline='nobody': choose one of 'good'"):
        compare({"good": good}, split, baseline="nobody")
    with pytest.raises(ValueError, match="built from 2 of the 2 pairs"):
        compare({"good": good, "leaky": [good, leaky]}, split)
    for wrong in ("model", 3, [], None):
        with pytest.raises(TypeError, match=r"models\['wrong'\] must be a model with a method"):
            compare({"good": good, "wrong": wrong}, split)  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="`models` must be a mapping of names, not list"):
        compare([good], split)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`models` is empty"):
        compare({}, split)
    assert judged == []
    assert len(compare({"good": good, "two": [good, good]}, split)) == 2


def test_tables_that_cannot_be_compared() -> None:
    table = pd.DataFrame({"recall@5": [0.0, 1.0]})
    with pytest.raises(TypeError, match=r"tables\['it'\] must be a list of tables"):
        compare_users({"it": table})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"tables\['it'\] must be a list of tables"):
        compare_users({"it": [{"recall@5": 0.5}]})  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"tables\['it'\] is empty"):
        compare_users({"it": []})
    other = table.rename(columns={"recall@5": "recall@10"})
    with pytest.raises(ValueError, match=r"tables\['b'\] holds other metrics than recall@5"):
        compare_users({"a": [table], "b": [other]})
    with pytest.raises(ValueError, match=r"baseline='c': choose one of 'a'"):
        compare_users({"a": [table]}, baseline="c")
