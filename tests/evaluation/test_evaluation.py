"""Metrics against three independent oracles: plain loops, scikit-learn, ranx."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score, recall_score
from torch import Tensor

from gnnrec_helpers import Interactions, Split, datasets, evaluate, models
from gnnrec_helpers.evaluation.ranking import METRICS, evaluate_items, evaluate_users

ALL = tuple(METRICS)
NOTHING, TRAIN, VALIDATION, TEST = range(4)
several = settings(deadline=None, max_examples=80)


class Table:
    """A recommender that reads its scores from a table."""

    def __init__(self, scores: object) -> None:
        self.scores = torch.tensor(scores, dtype=torch.float32)

    def score(self, users: Tensor) -> Tensor:
        return self.scores[users]


def pairs(cells: np.ndarray) -> Interactions:
    """The true cells of a matrix, as interactions of users "u0", ... and items 100, 101, ..."""
    users, items = np.nonzero(cells)
    return Interactions(
        users.astype(np.int64),
        items.astype(np.int64),
        pd.Index([f"u{i}" for i in range(cells.shape[0])]),
        pd.RangeIndex(100, 100 + cells.shape[1]),
    )


def split_of(cells: np.ndarray, validation: bool = True) -> Split:
    """A split from a matrix that says for every pair which part it is in."""
    cells = np.asarray(cells)
    return Split(
        pairs(cells == TRAIN),
        pairs(cells == VALIDATION) if validation else None,
        pairs(cells == TEST),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Who is in which part, scores (often tied), k, and whether there is a validation part."""
    users, items = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    validation = draw(st.booleans())
    parts = [NOTHING, TRAIN, TEST] + [VALIDATION] * validation
    levels = draw(st.sampled_from([1, 2, 3, 1000]))  # so few levels that most scores are equal
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    cells = generator.choice(parts, size=(users, items))
    cells[generator.integers(users), generator.integers(items)] = TEST
    scores = generator.integers(levels, size=(users, items)) / 8 - 1
    return cells, scores, draw(st.integers(1, items + 3)), validation


# ---------------------------------------------------------------------- plain loops
def ranking(scores: Iterable[float], known: set[int]) -> list[int]:
    """All candidates, best first; equal scores by item, lower first."""
    candidates = [(-score, item) for item, score in enumerate(scores) if item not in known]
    return [item for _, item in sorted(candidates)]


def by_loops(found: list[int], wanted: set[int], k: int) -> dict[str, float]:
    hits, discounted, precisions, first = 0, 0.0, 0.0, 0.0
    for place, item in enumerate(found[:k], start=1):
        if item in wanted:
            hits += 1
            discounted += 1 / math.log2(place + 1)
            precisions += hits / place
            first = first or 1 / place
    possible = min(len(wanted), k)
    return {
        "recall": hits / len(wanted),
        "ndcg": discounted / sum(1 / math.log2(place + 1) for place in range(1, possible + 1)),
        "precision": hits / k,
        "hit_rate": 1.0 if hits else 0.0,
        "mrr": first,
        "map": precisions / possible,
    }


def users_to_judge(
    cells: np.ndarray, scores: np.ndarray, part: str
) -> Iterable[tuple[int, list[int], set[int]]]:
    """User, candidates in order, items to find; independent of the package."""
    target, known_parts = {
        "test": (TEST, (TRAIN, VALIDATION)),
        "validation": (VALIDATION, (TRAIN,)),
    }[part]
    for user, row in enumerate(cells):
        wanted = {item for item, where in enumerate(row) if where == target}
        known = {item for item, where in enumerate(row) if where in known_parts}
        if wanted:
            yield user, ranking(scores[user], known), wanted


@given(cases())
@several
def test_every_metric_agrees_with_plain_loops(case: tuple) -> None:
    cells, scores, k, validation = case
    split = split_of(cells, validation)
    for part in ("test", "validation"):
        judged = list(users_to_judge(cells, scores, part))
        if not judged:
            continue
        table = evaluate_users(Table(scores), split, k, part=part, metrics=ALL)
        assert list(table.index) == [f"u{user}" for user, _, _ in judged]
        expected = [by_loops(found, wanted, k) for _, found, wanted in judged]
        for name in ALL:
            column = [row[name] for row in expected]
            np.testing.assert_allclose(table[f"{name}@{k}"], column, rtol=0, atol=1e-9)
        means = evaluate(Table(scores), split, k, part=part, metrics=ALL)
        for name in ALL:
            mean = sum(row[name] for row in expected) / len(expected)
            assert means[f"{name}@{k}"] == pytest.approx(mean, abs=1e-9)


@given(cases())
@several
def test_ndcg_recall_and_map_agree_with_scikit_learn(case: tuple) -> None:
    cells, scores, k, validation = case
    split = split_of(cells, validation)
    judged = list(users_to_judge(cells, scores, "test"))
    at_k = evaluate_users(Table(scores), split, k, metrics=("ndcg", "recall"))
    everything = cells.shape[1]
    in_full = evaluate_users(Table(scores), split, everything, metrics=("map",))
    for row, (_, found, wanted) in enumerate(judged):
        relevant = np.array([item in wanted for item in found])
        distinct = -np.arange(len(found), dtype=float)  # the same order without its ties
        if len(found) > 1:  # scikit-learn refuses a single document
            expected = ndcg_score(relevant[None], distinct[None], k=k)
            assert at_k[f"ndcg@{k}"].iloc[row] == pytest.approx(expected, abs=1e-9)
        listed = np.arange(len(found)) < k
        assert at_k[f"recall@{k}"].iloc[row] == pytest.approx(
            recall_score(relevant, listed), abs=1e-9
        )
        # scikit-learn's average precision has no cut, so compare where ours has none either
        assert in_full[f"map@{everything}"].iloc[row] == pytest.approx(
            average_precision_score(relevant, distinct), abs=1e-9
        )


@pytest.mark.filterwarnings("ignore")
def test_all_metrics_agree_with_ranx() -> None:
    ranx = pytest.importorskip("ranx", exc_type=ImportError)
    generator = np.random.default_rng(5)
    users, items, k = 60, 40, 7
    cells = generator.choice(
        [NOTHING, TRAIN, VALIDATION, TEST], p=[0.6, 0.2, 0.1, 0.1], size=(users, items)
    )
    cells[0] = TRAIN  # fewer than k candidates ...
    cells[0, :3] = NOTHING
    cells[0, 3] = TEST
    cells[1][cells[1] == TEST] = NOTHING  # ... nothing to find ...
    cells[2] = TEST  # ... and more to find than k
    scores = generator.integers(6, size=(users, items)).astype(float)
    judged = list(users_to_judge(cells, scores, "test"))
    assert len(judged) < users
    truth = {str(user): {str(item): 1 for item in wanted} for user, _, wanted in judged}
    lists = {
        str(user): {str(item): float(-place) for place, item in enumerate(found)}
        for user, found, _ in judged
    }
    ours = evaluate_users(Table(scores), split_of(cells), k, metrics=ALL)
    few = np.array([len(wanted) <= k for _, _, wanted in judged])  # ranx divides map by all of them
    qrels, run = ranx.Qrels(truth), ranx.Run(lists)
    order = [list(qrels.keys()).index(str(user)) for user, _, _ in judged]
    for name in ALL:
        theirs = ranx.evaluate(qrels, run, f"{name}@{k}", return_mean=False)[order]
        compared = few if name == "map" else slice(None)
        np.testing.assert_allclose(
            ours[f"{name}@{k}"][compared], theirs[compared], rtol=0, atol=1e-9, err_msg=name
        )


# ---------------------------------------------------------------------- by hand
def test_the_six_metrics_by_hand() -> None:
    cells = [
        [TEST, NOTHING, TEST, NOTHING, NOTHING, NOTHING],  # found at ranks 1 and 3
        [TEST, TEST, NOTHING, TEST, TEST, NOTHING],  # 4 to find, 1 of them found, at rank 3
        [NOTHING, NOTHING, NOTHING, TEST, NOTHING, NOTHING],  # not found
    ]
    scores = [[9, 8, 7, 3, 2, 1], [5, 4, 9, 3, 2, 8], [9, 8, 7, 3, 2, 1]]
    table = evaluate_users(Table(scores), split_of(cells), 3, metrics=ALL)
    second = 1 / math.log2(3)  # the discount at rank 2; at rank 1 it is 1, at rank 3 it is 1/2
    expected = pd.DataFrame(
        {
            "recall@3": [2 / 2, 1 / 4, 0],
            "ndcg@3": [1.5 / (1 + second), 0.5 / (1 + second + 0.5), 0],
            "precision@3": [2 / 3, 1 / 3, 0],
            "hit_rate@3": [1, 1, 0],
            "mrr@3": [1, 1 / 3, 0],
            "map@3": [(1 / 1 + 2 / 3) / 2, (1 / 3) / 3, 0],
        },
        index=pd.Index(["u0", "u1", "u2"]),
    )
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=0, atol=1e-12)
    means = evaluate(Table(scores), split_of(cells), 3, metrics=ALL)
    assert means == pytest.approx({name: sum(expected[name]) / 3 for name in expected}, abs=1e-12)


def test_the_usual_metrics_and_their_order() -> None:
    cells = [[TEST, NOTHING]]
    assert list(evaluate(Table([[1, 2]]), split_of(cells))) == [
        "recall@20", "ndcg@20", "precision@20", "hit_rate@20", "mrr@20",
    ]  # fmt: skip
    assert list(evaluate(Table([[1, 2]]), split_of(cells), 1, metrics=["map", "mrr"])) == [
        "map@1",
        "mrr@1",
    ]


def test_equal_scores_are_ordered_by_item() -> None:
    cells = np.zeros((5, 5), int)
    np.fill_diagonal(cells, TEST)  # user i looks for item i, and all items score the same
    table = evaluate_users(Table(np.zeros((5, 5))), split_of(cells), 3, metrics=("mrr",))
    assert table["mrr@3"].tolist() == [1, 1 / 2, 1 / 3, 0, 0]


def test_users_without_test_items_are_left_out() -> None:
    cells = [[TEST, NOTHING], [NOTHING, TRAIN], [NOTHING, NOTHING]]
    scores = [[1, 0], [1, 0], [1, 0]]
    assert evaluate(Table(scores), split_of(cells), 1, metrics=("recall",)) == {"recall@1": 1.0}
    assert evaluate_users(Table(scores), split_of(cells), 1).index.tolist() == ["u0"]


def test_fewer_candidates_than_k() -> None:
    cells = [[TRAIN, TRAIN, NOTHING, TEST]]  # two candidates, the item to find is the second
    found = evaluate(Table([[9, 8, 7, 6]]), split_of(cells), 10, metrics=ALL)
    assert found == pytest.approx(
        {
            "recall@10": 1.0,
            "ndcg@10": 1 / math.log2(3),
            "precision@10": 1 / 10,
            "hit_rate@10": 1.0,
            "mrr@10": 1 / 2,
            "map@10": 1 / 2,
        },
        abs=1e-12,
    )


# ---------------------------------------------------------------------- what is masked
ONE_OF_EACH = [[TRAIN, VALIDATION, TEST, NOTHING]]
DESCENDING = [[9, 8, 7, 6]]


def test_judging_test_masks_train() -> None:
    split = split_of([[TRAIN, NOTHING, TEST, NOTHING]])
    found = evaluate(Table(DESCENDING), split, 2, metrics=("mrr",))
    assert found["mrr@2"] == 1 / 2  # behind the item nobody chose, not behind train


def test_judging_test_masks_validation_too() -> None:
    found = evaluate(Table(DESCENDING), split_of(ONE_OF_EACH), 1, metrics=("mrr",))
    assert found["mrr@1"] == 1.0


def test_judging_validation_masks_train() -> None:
    split = split_of(ONE_OF_EACH)
    found = evaluate(Table(DESCENDING), split, 1, part="validation", metrics=("mrr",))
    assert found["mrr@1"] == 1.0


def test_judging_validation_does_not_mask_test() -> None:
    # what is to be found later is a candidate like any other: here it stands in the way
    split = split_of([[TRAIN, TEST, VALIDATION, NOTHING]])
    found = evaluate(Table(DESCENDING), split, 2, part="validation", metrics=("mrr",))
    assert found["mrr@2"] == 1 / 2


def test_a_split_without_validation() -> None:
    split = split_of([[TRAIN, NOTHING, TEST, NOTHING]], validation=False)
    assert split.validation is None
    assert evaluate(Table(DESCENDING), split, 2, metrics=("mrr",)) == {"mrr@2": 1 / 2}
    with pytest.raises(ValueError, match=r"no validation part: see Split\.with_validation"):
        evaluate(Table(DESCENDING), split, part="validation")


# ---------------------------------------------------------------------- blocks, bars
@given(cases(), st.integers(1, 40))
@several
def test_the_size_of_blocks_changes_nothing(case: tuple, block: int) -> None:
    cells, scores, k, validation = case
    split = split_of(cells, validation)
    usual = evaluate_users(Table(scores), split, k, metrics=ALL)
    small = evaluate_users(Table(scores), split, k, metrics=ALL, block=block)
    pd.testing.assert_frame_equal(usual, small, check_exact=True)


def test_no_block_is_larger_than_asked_for() -> None:
    asked: list[int] = []

    class Watched(Table):
        def score(self, users: Tensor) -> Tensor:
            asked.append(len(users))
            return super().score(users)

    cells = np.full((50, 4), NOTHING)
    cells[:, 1] = TEST
    evaluate(Watched(np.ones((50, 4))), split_of(cells), block=4 * 7)
    assert max(asked) <= 7
    assert sum(asked) == 50


def test_the_bar_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    split = split_of([[TEST, NOTHING]])
    without = evaluate(Table([[1, 0]]), split)
    assert capsys.readouterr() == ("", "")
    assert evaluate(Table([[1, 0]]), split, progress=True) == without
    out, err = capsys.readouterr()
    assert out == ""
    assert "user" in err


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize("place", [0, 1, 2])
def test_scores_with_nan_are_refused(place: int) -> None:
    scores = np.zeros((2, 3))
    scores[1, place] = np.nan
    with pytest.raises(ValueError, match="contain NaN"):
        evaluate(Table(scores), split_of([[TEST, 0, 0], [0, TEST, 0]]), 1)


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(ValueError, match="The test part of the split is empty"):
        evaluate(Table([[1, 0]]), split_of([[TRAIN, VALIDATION]]))
    with pytest.raises(ValueError, match="The validation part of the split is empty"):
        evaluate(Table([[1, 0]]), split_of([[TRAIN, TEST]]), part="validation")


def test_unknown_names_are_refused() -> None:
    split = split_of([[TEST, NOTHING]])
    with pytest.raises(ValueError, match=r"No metric 'auc'; there are recall, ndcg, .*map"):
        evaluate(Table([[1, 0]]), split, metrics=("recall", "auc"))
    with pytest.raises(ValueError, match=r"part='train': choose 'test' or 'validation'"):
        evaluate(Table([[1, 0]]), split, part="train")  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_has_at_least_one_item(k: int) -> None:
    with pytest.raises(ValueError, match=f"k={k}"):
        evaluate(Table([[1, 0]]), split_of([[TEST, NOTHING]]), k)


# ---------------------------------------------------------------------- item by item
def test_what_is_found_item_by_item() -> None:
    split = datasets.load("movielens-small").interactions.k_core(30, 50).binarize(4.0).split(seed=3)
    model = models.ItemKNN(split.train, neighbours=20)
    table = evaluate_items(model, split, 5)
    scores = model.score(torch.arange(split.train.num_users)).tolist()
    held_out, found, listed = (Counter() for _ in range(3))
    parts = (split.train, split.validation, split.test)
    for user in split.train.users:
        train, validation, test = (set(part.items_of(user)) for part in parts)
        if test:
            number = split.train.users.get_loc(user)
            known = {split.train.items.get_loc(item) for item in train | validation}
            ranked = split.train.items[ranking(scores[number], known)[:5]]
            held_out.update(test)
            found.update(test & set(ranked))
            listed.update(ranked)
    for column, counts in (("held_out", held_out), ("found@5", found), ("listed@5", listed)):
        assert table[column].tolist() == [counts[item] for item in split.train.items]
    assert table["found@5"].sum() > 0


# ---------------------------------------------------------------------- models
def test_an_embedding_model_is_judged_by_its_own_scores() -> None:
    likes = datasets.load("toy").interactions
    split = likes.split(test=0.5, validation=0.0, seed=0)
    model = models.LightGCN(split.train, dim=4, layers=2, seed=1)
    assert isinstance(model, models.EmbeddingModel)
    with torch.no_grad():
        scores = model.score(torch.arange(likes.num_users)).numpy()
    expected = evaluate_users(Table(scores), split, 2, metrics=ALL)
    pd.testing.assert_frame_equal(
        evaluate_users(model, split, 2, metrics=ALL), expected, check_exact=True
    )
