"""Models of ratings: a ridge regression beside a dense one, and factors learnt by least squares."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from tables import Guarded

from gnnrec_helpers import History, Interactions, Split, evaluate_ratings, fit
from gnnrec_helpers.engine.sampling import RatingBatch, RatingSampler
from gnnrec_helpers.models import BiasOnly, MatrixFactorization, ProbabilisticMF
from gnnrec_helpers.models.recommender import is_rating_model
from gnnrec_helpers.objectives import RatingRegression

several = settings(max_examples=80, deadline=None, derandomize=True)


def rated(rows: list[tuple[int, int, float]], users: int, items: int) -> Interactions:
    """From (user, item, rating); users and items without a rating are kept."""
    user, item, rating = (np.array(column) for column in zip(*sorted(rows), strict=True))
    return Interactions(
        user, item, pd.RangeIndex(users), pd.RangeIndex(items), rating.astype(float)
    )


def aligned(*columns: Any) -> list[tuple]:
    return list(zip(*(column.tolist() for column in columns), strict=True))


def rows_of(train: Interactions) -> list[tuple[int, int, float]]:
    return aligned(train.user_index, train.item_index, train.rating)


@st.composite
def tables_of_ratings(draw: st.DrawFn) -> Interactions:
    """Up to 6 users and items, some of whom have no rating."""
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    pairs = st.tuples(st.integers(0, users - 1), st.integers(0, items - 1))
    chosen = draw(st.lists(pairs, min_size=1, unique=True))
    return rated([(*pair, draw(st.integers(1, 5))) for pair in chosen], users, items)


def one_hot(train: Interactions) -> np.ndarray:
    """A row a rating: ones at its user and at its item."""
    found = np.zeros((len(train), train.num_users + train.num_items))
    found[np.arange(len(train)), train.user_index] = 1
    found[np.arange(len(train)), train.num_users + train.item_index] = 1
    return found


def every_pair(train: Interactions) -> tuple[torch.Tensor, torch.Tensor]:
    users, items = torch.arange(train.num_users), torch.arange(train.num_items)
    return users.repeat_interleave(train.num_items), items.repeat(train.num_users)


# ---------------------------------------------------------------------- biases
@several
@given(tables_of_ratings(), st.sampled_from([0.01, 1, 7]), st.sampled_from([0.01, 1, 7]))
def test_biases_solve_the_normal_equations(
    train: Interactions, of_users: float, of_items: float
) -> None:
    model = BiasOnly(train, of_users, of_items)
    design = one_hot(train)
    damping = np.repeat([of_users, of_items], [train.num_users, train.num_items])
    surplus = train.rating - train.rating.mean()
    expected = np.linalg.solve(design.T @ design + np.diag(damping), design.T @ surplus)
    assert model.mean == pytest.approx(train.rating.mean())
    np.testing.assert_allclose(model.user_bias, expected[: train.num_users], atol=1e-8)
    np.testing.assert_allclose(model.item_bias, expected[train.num_users :], atol=1e-8)
    users, items = every_pair(train)
    np.testing.assert_allclose(
        model.predict(users, items),
        train.rating.mean() + expected[users] + expected[train.num_users + items],
        atol=1e-8,
    )


def test_biases_are_sklearn_s_ridge_on_real_ratings(movielens: Interactions) -> None:
    train = movielens.k_core(30, 30)
    model = BiasOnly(train, 3.0, 3.0)
    ridge = Ridge(alpha=3.0, fit_intercept=False, solver="cholesky")
    ridge.fit(one_hot(train), train.rating - train.rating.mean())
    found = torch.cat([model.user_bias, model.item_bias])
    np.testing.assert_allclose(found, ridge.coef_, atol=1e-8)


def test_biases_by_hand() -> None:
    """Of one user: mean 4, and each item's surplus of 1 is halved by one rating more."""
    train = rated([(0, 0, 5), (0, 1, 3)], users=2, items=3)
    model = BiasOnly(train, math.inf, 1.0)
    users, items = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 0, 2])
    assert model.predict(users, items).tolist() == pytest.approx([4.5, 3.5, 4, 4.5, 4])
    assert repr(model) == (
        "BiasOnly(2 users, 3 items, user_regularization=inf, item_regularization=1)"
    )


@several
@given(tables_of_ratings())
def test_endless_regularization_leaves_the_mean(train: Interactions) -> None:
    model = BiasOnly(train, math.inf, math.inf)
    found = model.predict(*every_pair(train)).numpy()
    np.testing.assert_allclose(found, train.rating.mean(), atol=1e-12)


@several
@given(tables_of_ratings())
def test_whoever_has_no_rating_has_no_bias(train: Interactions) -> None:
    model = BiasOnly(train, 0.5, 0.5)
    assert (model.user_bias[torch.from_numpy(train.user_degrees() == 0)] == 0).all()
    assert (model.item_bias[torch.from_numpy(train.item_degrees() == 0)] == 0).all()


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
@pytest.mark.parametrize("name", ["user_regularization", "item_regularization"])
def test_regularization_is_positive(movielens: Interactions, name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={wrong}: a positive number is needed"):
        BiasOnly(movielens, **{name: wrong})


@pytest.mark.parametrize("build", [BiasOnly, ProbabilisticMF, RatingSampler])
def test_ratings_are_needed(toy: Interactions, movielens: Interactions, build: Any) -> None:
    with pytest.raises(ValueError, match="Ratings are needed, and none of these interactions has"):
        build(toy)
    with pytest.raises(ValueError, match="Ratings are needed, and there are none"):
        build(movielens.select([]))


# ---------------------------------------------------------------------- factors
def tastes(noise: float = 0.1) -> Interactions:
    """Two kinds of people and of items: liked by one's own kind, so no bias explains anything."""
    generator = np.random.default_rng(0)
    person, thing = np.where(np.arange(50) % 2, 1, -1), np.where(np.arange(40) % 2, 1, -1)
    ratings = 3 + 1.5 * np.outer(person, thing) + noise * generator.standard_normal((50, 40))
    known = np.argwhere(generator.random((50, 40)) < 0.5)
    return rated([(u, i, ratings[u, i]) for u, i in known.tolist()], 50, 40)


@pytest.fixture(scope="module")
def split() -> Split:
    return tastes().split(test=0.2, validation=0.2, seed=0, within="all")


def small(split: Split, seed: int = 0, **arguments: Any) -> ProbabilisticMF:
    return ProbabilisticMF(split.train, dim=4, seed=seed, **arguments)


def run(model: torch.nn.Module, split: Any, **arguments: Any) -> History:
    usual = {"epochs": 8, "batch_size": 64, "lr": 0.02, "patience": None, "progress": False}
    return fit(model, split, **(usual | arguments))


def test_a_rating_is_the_mean_and_a_dot_product() -> None:
    train = rated([(0, 0, 5), (1, 1, 2), (2, 0, 1)], users=3, items=2)
    users, items = torch.tensor([2, 0, 0]), torch.tensor([1, 0, 1])
    for biases in (False, True):
        model = ProbabilisticMF(train, dim=3, seed=1, biases=biases)
        table = model.nodes.weight
        assert table.shape == (5, 4 if biases else 3)
        if biases:
            assert (table[:, 3] == 0).all()
            with torch.no_grad():
                table[:, 3] = torch.tensor([0.1, 0.2, 0.3, 10, 20])
        rows = table.detach().double().numpy()
        expected = []
        for user, item in aligned(users, items):
            value = 8 / 3 + rows[user, :3] @ rows[3 + item, :3]
            expected.append(value + biases * (rows[user, -1] + rows[3 + item, -1]))
        assert model.predict(users, items).tolist() == pytest.approx(expected, rel=1e-6)
        assert is_rating_model(model)


def test_the_start_is_normal_seeded_and_zero_for_the_unknown(movielens: Interactions) -> None:
    train = movielens.split(test=0.3, within="all").train
    model = ProbabilisticMF(train, seed=3)
    table = model.nodes.weight.detach()
    known = torch.from_numpy(np.concatenate([train.user_degrees(), train.item_degrees()]) > 0)
    assert 0 < (~known).sum() < train.num_items / 2
    assert (table[~known] == 0).all()
    assert table[known].std().item() == pytest.approx(0.1, rel=0.02)
    assert torch.equal(ProbabilisticMF(train, seed=3).nodes.weight, table)
    assert not torch.equal(ProbabilisticMF(train, seed=4).nodes.weight, table)


def test_the_unknown_are_predicted_as_the_mean_after_training_too() -> None:
    train = rated(rows_of(tastes()), users=51, items=41)
    everything = Split(train, None, train.select([]))
    model = small(everything, biases=True)
    run(model, everything)
    users, items = torch.tensor([50, 50, 0]), torch.tensor([40, 0, 40])
    with torch.no_grad():
        found = model.predict(users, items).tolist()
        bias = [model.nodes.weight[51, 4].item(), model.nodes.weight[0, 4].item()]
    mean = train.rating.mean()
    assert found == pytest.approx([mean, mean + bias[0], mean + bias[1]], abs=1e-6)


def test_factors_learn_what_biases_cannot(split: Split) -> None:
    model = small(split)
    history = run(model, split, epochs=80, objective=RatingRegression(0.01))
    biases = evaluate_ratings(BiasOnly(split.train), split)
    assert biases["rmse"] > 1.4  # the two kinds are 1.5 from the mean
    assert evaluate_ratings(model, split)["rmse"] < 0.25
    assert history.losses[0] > 1.5 > 0.1 > history.losses[-1]


def test_dim_is_at_least_one(split: Split) -> None:
    with pytest.raises(ValueError, match=r"dim=0: at least 1 is needed\."):
        ProbabilisticMF(split.train, dim=0)


def test_the_mean_is_saved_with_the_weights(split: Split) -> None:
    model = small(split)
    other = ProbabilisticMF(split.test, dim=4, seed=9)
    assert other.mean != model.mean
    other.load_state_dict(model.state_dict())
    pairs = every_pair(split.train)
    assert torch.equal(other.predict(*pairs), model.predict(*pairs))
    assert str(model) != str(small(split, biases=True))


# ---------------------------------------------------------------------- batches and loss
@several
@given(tables_of_ratings(), st.integers(1, 5), st.integers(0, 3))
def test_an_epoch_has_every_rating_once(train: Interactions, size: int, epoch: int) -> None:
    sampler = RatingSampler(train, size, seed=1)
    batches = list(sampler.epoch(epoch))
    assert len(batches) == len(sampler)
    assert all(len(batch.users) == size for batch in batches[:-1])
    rows = [row for batch in batches for row in aligned(*batch)]
    assert sorted(rows) == rows_of(train)
    assert rows == [row for batch in sampler.epoch(epoch) for row in aligned(*batch)]


def test_epochs_differ_in_order_and_seeds_too(split: Split) -> None:
    def first(seed: int, epoch: int) -> list[int]:
        return next(RatingSampler(split.train, 200, seed=seed).epoch(epoch)).users.tolist()

    assert first(0, 0) == first(0, 0)
    assert first(0, 0) != first(0, 1)
    assert first(0, 0) != first(1, 0)
    with pytest.raises(ValueError, match=r"batch_size=0: at least 1 is needed\."):
        RatingSampler(split.train, 0)


def test_the_loss_is_the_mean_squared_error_and_a_decay(split: Split) -> None:
    model = small(split, biases=True).double()
    batch = RatingBatch(
        torch.tensor([3, 3, 0]), torch.tensor([1, 2, 1]), torch.tensor([5.0, 1.0, 2.0])
    )
    rows = model.nodes.weight.detach().numpy()
    squares, lengths = [], 0.0
    for user, item, rating in aligned(*batch):
        one, other = rows[user], rows[split.train.num_users + item]
        predicted = model.mean.item() + one[:4] @ other[:4] + one[4] + other[4]
        squares.append((predicted - rating) ** 2)
        lengths += (one**2).sum() + (other**2).sum()
    assert RatingRegression(0.0)(model, batch).item() == pytest.approx(np.mean(squares))
    found = RatingRegression(0.3)(model, batch).item()
    assert found == pytest.approx(np.mean(squares) + 0.15 * lengths / 3)
    assert RatingRegression() == RatingRegression(weight_decay=0.1)


# ---------------------------------------------------------------------- training
def numbers(history: History) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.epochs]


def test_the_epoch_with_the_smallest_error_is_kept(split: Split) -> None:
    model = small(split)
    history = run(model, split, epochs=200, lr=0.05, schedule="constant", patience=4,
                  objective=RatingRegression(0.0))  # fmt: skip
    measured = [row["rmse"] for row in history.epochs]
    assert history.watched == "rmse"
    assert history.stopped_early
    assert history.best == min(measured) < measured[-1]
    assert history.best_epoch == measured.index(min(measured)) + 1
    assert len(history.epochs) == history.best_epoch + 4
    assert evaluate_ratings(model, split, part="validation")["rmse"] == history.best
    assert f"best validation rmse {history.best:.4f} in epoch" in repr(history)


def test_a_model_that_ranks_is_still_judged_by_recall(split: Split) -> None:
    with pytest.warns(UserWarning, match=r"MatrixFactorization does not use the ratings: each of"):
        model = MatrixFactorization(split.train, 4)
    history = run(model, split, epochs=2)
    assert history.watched == "recall@20"
    assert history.best == max(row["recall@20"] for row in history.epochs)
    assert "rmse" not in history.epochs[0]


def test_least_squares_is_what_ratings_are_learnt_by(split: Split) -> None:
    one, other = small(split), small(split)
    first = run(one, split)
    assert numbers(first) == numbers(run(other, split, objective=RatingRegression(0.1)))
    assert torch.equal(one.nodes.weight, other.nodes.weight)
    assert numbers(first) != numbers(run(small(split), split, seed=1))


def test_training_never_looks_at_test(split: Split) -> None:
    model, other = small(split), small(split)
    assert numbers(run(model, Guarded(split))) == numbers(run(other, split))


@pytest.mark.parametrize("epochs", [1, 4])
def test_resumed_equals_uninterrupted(split: Split, tmp_path: Path, epochs: int) -> None:
    whole, resumed, path = small(split), small(split), tmp_path / "it.safetensors"
    expected = run(whole, split)
    run(small(split), split, epochs=epochs, checkpoint=path)
    history = run(resumed, split, checkpoint=path)
    assert numbers(history) == numbers(expected)
    assert history.watched == "rmse"
    assert history.best_epoch == expected.best_epoch
    assert torch.equal(whole.nodes.weight, resumed.nodes.weight)


def test_a_checkpoint_of_other_ratings_is_refused(split: Split, tmp_path: Path) -> None:
    run(small(split), split, epochs=1, checkpoint=tmp_path / "it")
    more = Split(rated_again(split.train), split.validation, split.test)
    with pytest.raises(ValueError, match=r"was made with model\.train="):
        run(small(more), more, checkpoint=tmp_path / "it")


def rated_again(train: Interactions) -> Interactions:
    """The same pairs, with other ratings of the same mean."""
    return Interactions(
        train.user_index, train.item_index, train.users, train.items, train.rating[::-1].copy()
    )


@pytest.mark.parametrize(("of_users", "of_items"), [(5, 2), (1, 1), (10, 3)])
def test_a_rating_left_out(of_users: float, of_items: float) -> None:
    generator = np.random.default_rng(0)
    cells = generator.choice(20 * 25, 120, replace=False)
    train = rated([(c // 25, c % 25, float(generator.integers(1, 6))) for c in cells], 20, 25)
    model = BiasOnly(train, of_users, of_items)
    users, items = torch.from_numpy(train.user_index), torch.from_numpy(train.item_index)
    refitted = np.array(
        [
            BiasOnly(train.select(np.arange(120) != k), of_users, of_items).predict(
                users[[k]], items[[k]]
            )[0]
            for k in range(120)
        ]
    )
    found, fitted = model.left_out(users, items).numpy(), model.predict(users, items).numpy()
    assert np.abs(found - refitted).mean() < 0.06 * np.abs(fitted - refitted).mean()
    known = set(aligned(train.user_index, train.item_index))
    strangers = [(u, i) for u in range(20) for i in range(25) if (u, i) not in known]
    users, items = torch.tensor(strangers).T
    torch.testing.assert_close(model.left_out(users, items), model.predict(users, items))
