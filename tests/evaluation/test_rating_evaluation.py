"""Errors of predicted ratings beside scikit-learn's, and side by side."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from torch import Tensor

from gnnrec_helpers import Interactions, Split, compare_ratings, evaluate_ratings, models
from gnnrec_helpers.evaluation import ratings as module
from gnnrec_helpers.evaluation.ratings import rating_errors

several = settings(max_examples=80, deadline=None, derandomize=True)
TRAIN, VALIDATION, TEST = 0, 1, 2


class Table:
    """Predicts what stands in a table, shape (users, items)."""

    def __init__(self, predictions: object) -> None:
        self.predictions = torch.tensor(np.asarray(predictions, float))

    def predict(self, users: Tensor, items: Tensor) -> Tensor:
        return self.predictions[users, items]


def split_of(ratings: np.ndarray, where: np.ndarray, validation: bool = True) -> Split:
    """Every pair is rated, and goes into the part that `where` says."""
    user, item = np.divmod(np.arange(ratings.size), ratings.shape[1])
    labels = pd.RangeIndex(ratings.shape[0]), pd.RangeIndex(ratings.shape[1])
    everything = Interactions(user, item, *labels, ratings.ravel())
    parts = [everything.select(where.ravel() == part) for part in (TRAIN, VALIDATION, TEST)]
    return Split(parts[0], parts[1] if validation else None, parts[2])


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratings, predictions that go beyond them, and the part of every pair; no part is empty."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    where = generator.integers(3, size=shape)
    where.flat[:3] = (TRAIN, VALIDATION, TEST)
    return generator.integers(1, 6, shape) / 1.0, generator.normal(3, 3, shape), where


@pytest.fixture
def three() -> Split:
    """One rating of train and validation each, of 1 and 5 stars, and three of test."""
    return split_of(np.array([[1.0, 5, 2, 3, 4]]), np.array([[0, 1, 2, 2, 2]]))


# ---------------------------------------------------------------------- the two errors
@given(cases(), st.sampled_from(["test", "validation"]))
@several
def test_errors_are_scikit_learn_s(case: tuple, part: str) -> None:
    ratings, predictions, where = case
    split = split_of(ratings, where)
    judged = where == (TEST if part == "test" else VALIDATION)
    truth, found = ratings[judged], predictions[judged]
    for clip in (None, (1, 5), (2.5, 3.0)):
        shown = found if clip is None else np.maximum(np.minimum(found, clip[1]), clip[0])
        errors = evaluate_ratings(Table(predictions), split, part=part, clip=clip)
        assert list(errors) == ["mae", "rmse"]
        assert errors["mae"] == pytest.approx(mean_absolute_error(truth, shown), abs=1e-12)
        assert errors["rmse"] == pytest.approx(root_mean_squared_error(truth, shown), abs=1e-12)


def test_errors_by_hand(three: Split) -> None:
    model = Table([[9, 9, 2.5, 2, 4]])  # half a star too many, one too few, right
    found = evaluate_ratings(model, three, clip=None)
    assert found == pytest.approx({"mae": 1.5 / 3, "rmse": math.sqrt(1.25 / 3)}, abs=1e-12)
    assert rating_errors(model, three, clip=None).tolist() == [0.5, -1.0, 0.0]
    assert evaluate_ratings(model, three, part="validation", clip=None) == {"mae": 4.0, "rmse": 4.0}


# ---------------------------------------------------------------------- the scale
def test_predictions_are_clipped_to_the_scale_of_train_by_default() -> None:
    ratings = np.array([[2.0, 4.0, 1.0, 5.0, 3.0]])
    split = split_of(ratings, np.array([[TRAIN, TRAIN, TEST, TEST, VALIDATION]]))
    model = Table([[0, 0, -7, 8, 9]])
    # test has a 1 and a 5, but whoever predicts has seen 2 to 4 only
    assert rating_errors(model, split).tolist() == [1.0, -1.0]
    assert rating_errors(model, split, part="validation").tolist() == [1.0]
    assert rating_errors(model, split, clip=(1, 5)).tolist() == [0.0, 0.0]
    assert rating_errors(model, split, clip=None).tolist() == [-8.0, 3.0]


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ((5, 1), r"clip=\(5, 1\): the lowest and then the highest rating are needed\."),
        ((1, 2, 3), r"clip=\(1, 2, 3\): the lowest and then"),
        ((math.nan, 5), r"the lowest and then"),
        ("test", r"clip='test': a pair of numbers, 'train' or None is needed\."),
        (5, r"clip=5: a pair of numbers, 'train' or None is needed\."),
        (("1", "5"), r"clip=\('1', '5'\): a pair of numbers"),
        ((None, 5), r"clip=\(None, 5\): a pair of numbers"),
        ({1, 5}, r"clip=\{1, 5\}: a pair of numbers"),
        (((1, 5), 5), r"clip=\(\(1, 5\), 5\): a pair of numbers"),
    ],
)
def test_what_is_no_scale(three: Split, clip: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        evaluate_ratings(Table(np.ones((1, 5))), three, clip=clip)


# ---------------------------------------------------------------------- blocks
def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    split = split_of(generator.uniform(1, 5, (6, 7)), generator.integers(3, size=(6, 7)))
    model = Table(generator.uniform(0, 6, (6, 7)))
    whole = rating_errors(model, split)
    asked: list[int] = []
    inner = model.predict

    def watched(users: Tensor, items: Tensor) -> Tensor:
        asked.append(len(users))
        return inner(users, items)

    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(model, "predict", watched)
    np.testing.assert_array_equal(rating_errors(model, split), whole)
    assert max(asked) == 4
    assert sum(asked) == len(split.test)


# ---------------------------------------------------------------------- refusals
def test_predictions_that_are_none(three: Split) -> None:
    with pytest.raises(ValueError, match=r"2 of 3 predicted ratings are NaN"):
        evaluate_ratings(Table([[1, 1, np.nan, 1, np.nan]]), three)
    for infinite in (np.inf, -np.inf):
        with pytest.raises(ValueError, match=r"1 of 3 predicted ratings are NaN or infinite: fin"):
            evaluate_ratings(Table([[1, 1, infinite, 1, 2]]), three)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (torch.ones(3, 1), ValueError, r"shape \(3, 1\): \(3,\) is needed, a rating for each p"),
        (torch.ones(2), ValueError, r"shape \(2,\): \(3,\) is needed"),
        (torch.ones(()), ValueError, r"shape \(\): \(3,\) is needed"),
        (np.ones((1, 3)), ValueError, r"shape \(1, 3\): \(3,\) is needed"),
        ([1.0, 2.0, 3.0], TypeError, r"list: a dense Tensor or array of numbers is needed"),
        (None, TypeError, r"NoneType: a dense Tensor"),
        (np.ma.masked_array(np.ones(3)), TypeError, "a masked array, whose mask would be lost: fi"),
        (torch.ones(3).to_sparse(), TypeError, r"Tensor torch\.sparse_coo torch\.float32: a dense"),
    ],
)
def test_what_is_no_rating_for_each_pair(
    three: Split, given: object, error: type[Exception], said: str
) -> None:
    model = Table(np.ones((1, 5)))
    model.predict = lambda users, items: given  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(error, match=rf"^Table\.predict gave {said}"):
        evaluate_ratings(model, three)


def test_an_array_is_not_indexed_by_a_single_pair() -> None:
    """NumPy takes a Tensor of one number for the number, and says nothing."""
    one = split_of(np.array([[1.0, 5, 2]]), np.array([[0, 1, 2]]))
    model = Table(np.ones((1, 3)))
    model.predict = lambda users, items: np.ones((1, 3))[users, items]  # type: ignore[call-overload,method-assign,assignment]
    said = r"users\.numpy\(\), Table\.predict gave shape \(\): \(1,\) is needed, a rating for each"
    with pytest.raises(ValueError, match=said):
        evaluate_ratings(model, one)


def test_a_predict_that_takes_no_pairs(three: Split) -> None:
    class Regression:
        def predict(self, X: object) -> object:
            return X

    class Torn:
        def predict(self, users: Tensor, items: Tensor) -> Tensor:
            raise TypeError("torn")

    said = r"^Regression\.predict cannot be called with users and items \(too many .*: predict\(us"
    with pytest.raises(TypeError, match=said):
        evaluate_ratings(Regression(), three)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^torn$"):  # an error of its own stays as it is
        evaluate_ratings(Torn(), three)


def test_ratings_in_an_array(three: Split) -> None:
    model = Table([[9, 9, 2.5, 2, 4]])
    expected = evaluate_ratings(model, three)
    inner = model.predict
    model.predict = lambda users, items: inner(users, items).numpy()  # type: ignore[assignment,method-assign,return-value]
    assert evaluate_ratings(model, three) == expected


def test_a_model_that_ranks_is_refused(movielens_split: Split) -> None:
    with pytest.raises(TypeError, match=r"Popularity has no predict"):
        evaluate_ratings(models.Popularity(movielens_split.train), movielens_split)


def test_parts_that_cannot_be_judged(three: Split, movielens_split: Split) -> None:
    model = Table(np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"part='train': choose 'test' or 'validation'"):
        evaluate_ratings(model, three, part="train")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no validation part"):
        evaluate_ratings(model, Split(three.train, None, three.test), part="validation")
    nothing = three.test.select([])
    with pytest.raises(ValueError, match="The test part of the split is empty"):
        evaluate_ratings(model, Split(three.train, None, nothing))
    with pytest.raises(ValueError, match="Ratings are needed, and none of these interactions has"):
        evaluate_ratings(model, movielens_split, clip=None)


def test_a_model_of_other_data_is_refused(three: Split, movielens: Interactions) -> None:
    with pytest.raises(ValueError, match="different users"):
        evaluate_ratings(models.BiasOnly(movielens), three)


# ---------------------------------------------------------------------- side by side
@pytest.fixture(scope="module")
def rated(movielens: Interactions) -> Split:
    return movielens.split(test=0.1, validation=0.1, seed=1, within="all")


@pytest.fixture(scope="module")
def both(rated: Split) -> dict[str, models.BiasOnly]:
    return {
        "mean": models.BiasOnly(rated.train, math.inf, math.inf),
        "biases": models.BiasOnly(rated.train),
    }


def test_compare_is_recomputed(rated: Split, both: dict[str, models.BiasOnly]) -> None:
    table = compare_ratings(both, rated)
    assert table.index.tolist() == ["mean", "biases"]
    assert table.index.name == "model"
    assert list(table) == ["mae", "± mae", "rmse", "± rmse"]
    for name, model in both.items():
        found = table.loc[name]
        assert evaluate_ratings(model, rated) == pytest.approx(found[["mae", "rmse"]].to_dict())


def drawn_again(values: np.ndarray, users: np.ndarray, times: int = 2000) -> np.ndarray:
    """Means over the ratings of as many users, drawn with replacement."""
    _, codes = np.unique(users, return_inverse=True)
    sums, counts = np.bincount(codes, values), np.bincount(codes)
    drawn = np.random.default_rng(0).integers(len(sums), size=(times, len(sums)))
    return sums[drawn].sum(1) / counts[drawn].sum(1)


def test_intervals_are_those_of_other_users(rated: Split, both: dict[str, models.BiasOnly]) -> None:
    table = compare_ratings(both, rated, baseline="mean")
    users = rated.test.user_index
    errors = {name: rating_errors(model, rated) for name, model in both.items()}
    for name, found in errors.items():
        mae = drawn_again(np.abs(found), users)
        rmse = np.sqrt(drawn_again(found**2, users))
        assert table.loc[name, "± mae"] == pytest.approx(1.96 * mae.std(), rel=0.1)
        assert table.loc[name, "± rmse"] == pytest.approx(1.96 * rmse.std(), rel=0.1)
    absolute = np.abs(errors["biases"]) - np.abs(errors["mean"])
    squared = errors["biases"] ** 2 - errors["mean"] ** 2
    for column, values in (("Δ mae", absolute), ("Δ mse", squared)):
        assert table.loc["biases", column] == pytest.approx(values.mean())
        spread = drawn_again(values, users).std()
        assert table.loc["biases", f"± {column}"] == pytest.approx(1.96 * spread, rel=0.1)
        # as if ratings were independent: clearly narrower
        assert spread > 1.3 * values.std() / math.sqrt(len(values))
        assert table.loc["mean", column] == table.loc["mean", f"± {column}"] == 0


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("clip", ["train", None, (2, 4)])
def test_with_one_rating_a_user_it_is_the_paired_t_test(part: str, clip: object) -> None:
    generator = np.random.default_rng(1)
    ratings = generator.integers(1, 6, (400, 3)) / 1.0
    where = generator.permuted(np.tile([TRAIN, VALIDATION, TEST], (400, 1)), axis=1)
    split = split_of(ratings, where)
    both = {
        "rough": Table(ratings + generator.normal(0, 1.5, ratings.shape)),
        "fine": Table(ratings + generator.normal(0, 0.5, ratings.shape)),
    }
    table = compare_ratings(both, split, part=part, baseline="rough", clip=clip)
    errors = {n: rating_errors(model, split, part=part, clip=clip) for n, model in both.items()}
    for column, power in (("Δ mae", 1), ("Δ mse", 2)):
        sizes = {name: np.abs(found) ** power for name, found in errors.items()}
        low, high = ttest_rel(sizes["fine"], sizes["rough"]).confidence_interval(0.95)
        assert table.loc["fine", column] == pytest.approx((low + high) / 2)
        assert table.loc["fine", f"± {column}"] == pytest.approx((high - low) / 2, rel=1e-9)
        assert high < 0


def test_an_unknown_baseline(rated: Split, both: dict[str, models.BiasOnly]) -> None:
    with pytest.raises(ValueError, match=r"baseline='nobody': choose one of 'mean', 'biases'"):
        compare_ratings(both, rated, baseline="nobody")


def test_a_model_without_errors_and_a_single_user() -> None:
    ratings = np.array([[1.0, 5, 2], [1, 5, 3]])
    split = split_of(ratings, np.array([[TRAIN, TRAIN, TEST], [TRAIN, TRAIN, TEST]]))
    assert compare_ratings({"it": Table(ratings)}, split).to_numpy().tolist() == [[0, 0, 0, 0]]
    alone = Split(split.train, None, split.test.select([0]))
    found = compare_ratings({"it": Table(ratings + 1)}, alone).loc["it"]
    assert (found["mae"], found["rmse"]) == (1, 1)
    assert found[["± mae", "± rmse"]].isna().all()  # one user says nothing of others
