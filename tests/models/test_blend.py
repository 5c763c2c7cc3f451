"""A blend is the weighted sum of standardized scores, in float32: equal to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import interactions, likes_of

from gnnrec_helpers import Interactions, Split, fit, load, recommend
from gnnrec_helpers.models import (
    EASE,
    Blend,
    Frozen,
    GraphFilter,
    ItemKNN,
    LightGCN,
    LinearFilter,
    MatrixFactorization,
    Model,
    Popularity,
    UserKNN,
    sharpening,
)
from gnnrec_helpers.models.parts.fold_in import moments_of
from gnnrec_helpers.serving import explain

few = settings(max_examples=60, deadline=None, derandomize=True)


def standardized(scores: np.ndarray) -> np.ndarray:
    """Row by row; a row of equal scores is zero."""
    rows = []
    for row in scores.astype(float):
        alike = np.ptp(row) == 0
        rows.append(np.zeros_like(row) if alike else (row - row.mean()) / row.std())
    return np.array(rows)


def of(*models: Model) -> list[np.ndarray]:
    return [model.score(torch.arange(model.num_users)).numpy() for model in models]


@few
@given(likes_of(), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_blend_is_the_dense_computation(likes: np.ndarray, weight: float) -> None:
    train = interactions(likes)
    first, second = LinearFilter(train), Popularity(train)
    blend = Blend(train, first, second, weight)
    one, other = of(first, second)
    expected = (1 - weight) * standardized(one) + weight * standardized(other)
    everybody = torch.arange(len(likes))
    np.testing.assert_allclose(blend.score(everybody), expected, atol=1e-5)
    np.testing.assert_allclose(blend.frozen().score(everybody), expected, atol=1e-5)
    # somebody new who has nothing is told nothing, not even what is popular
    other = np.sign(likes.sum(1))[:, None] * other
    expected = (1 - weight) * standardized(one) + weight * standardized(other)
    np.testing.assert_allclose(blend.fold_in()(train.to_csr()), expected, atol=1e-5)


def test_scores_that_differ_by_rounding_are_alike() -> None:
    mean, deviation = moments_of(torch.tensor([[0.1, 0.1 + 1e-8, 0.1], [0.0, 0.0, 3.0]]))
    assert deviation.flatten().tolist() == pytest.approx([1.0, 2**0.5])
    assert mean.flatten().tolist() == pytest.approx([0.1, 1.0])


def test_the_ends_rank_as_the_models_do(movielens_split: Split) -> None:
    train = movielens_split.train
    first, second = LightGCN(train, 8, 2), ItemKNN(train, 20)
    blend = Blend(train, first, second, 0.0)
    assert blend.weight == 0.0
    some = train.users[:30]
    assert recommend(blend, some, k=10)["item"].equals(recommend(first, some, k=10)["item"])
    blend.weight = 1.0  # nothing is computed anew
    ranked = recommend(blend, some, k=3)["item"]
    assert (ranked == recommend(second, some, k=3)["item"]).mean() > 0.95  # ties by rounding
    assert "weight=1" in repr(blend)
    assert "LightGCN(" in repr(blend)
    assert "ItemKNN(" in repr(blend)


def test_a_blend_of_any_kinds_goes_anywhere(tmp_path: Path) -> None:
    """Tables that are dense, sparse and chains; neighbours; a blend in a blend."""
    likes = (np.random.default_rng(4).random((15, 25)) < 0.3).astype(float)
    likes[3] = 0
    train, everybody = interactions(likes), torch.arange(15)
    inner = Blend(train, EASE(train, 5.0), GraphFilter(train, 4, 0.2, sharpening(2.0)), 0.4)
    blend = Blend(train, UserKNN(train, 4), inner, 0.6)
    ease, filtered, neighbours = of(inner.first, inner.second, blend.first)
    both = 0.6 * standardized(ease) + 0.4 * standardized(filtered)
    expected = 0.4 * standardized(neighbours) + 0.6 * standardized(both)
    np.testing.assert_allclose(blend.score(everybody), expected, atol=1e-4)
    blend.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, Blend)
    assert again.identity() == blend.identity()
    assert repr(again) == repr(blend)
    assert torch.equal(again.score(everybody), blend.score(everybody))
    frozen = blend.frozen()
    np.testing.assert_allclose(frozen.score(everybody), expected, atol=1e-4)
    frozen.save(tmp_path / "frozen")
    thawed = load(tmp_path / "frozen")
    assert isinstance(thawed, Frozen)
    assert torch.equal(thawed.score(everybody), frozen.score(everybody))
    histories = interactions(np.random.default_rng(5).random((4, 25)) < 0.3).to_csr()
    torch.testing.assert_close(thawed.fold_in()(histories), blend.fold_in()(histories))


def test_it_follows_a_model_that_is_trained(movielens_split: Split) -> None:
    train = movielens_split.train
    trained, filtered = MatrixFactorization(train, 8), LinearFilter(train)
    blend, users = Blend(train, trained, filtered), torch.arange(40)
    before = blend.score(users)
    fit(trained, movielens_split, epochs=1, progress=False)
    after = blend.score(users)
    assert not torch.allclose(before, after)
    one, other = (model.score(users).detach().numpy() for model in (trained, filtered))
    expected = (standardized(one) + standardized(other)) / 2
    np.testing.assert_allclose(after, expected, atol=1e-4)
    with pytest.raises(TypeError, match="Blend needs no fit: it is ready when constructed"):
        fit(blend, movielens_split)


def test_what_one_of_them_knows_nothing_of_is_not_ranked(toy: Interactions) -> None:
    fewer = toy.select(np.arange(9))  # Emma is nobody's now
    blend = Blend(fewer, LinearFilter(fewer), Popularity(fewer))
    assert blend.informed_users.tolist() == (fewer.user_degrees() > 0).tolist()
    assert blend.informed_items.tolist() == (fewer.item_degrees() > 0).tolist()


def test_what_is_no_blend(toy: Interactions) -> None:
    model, fewer = LinearFilter(toy), toy.select(np.arange(9))
    with pytest.raises(TypeError, match=r"second is a Frozen: a model of gnnrec_helpers.models is"):
        Blend(toy, model, model.frozen())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="first is of other interactions: build it from `train`"):
        Blend(toy, LinearFilter(fewer), model)
    for weight in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=f"weight={weight}: a number from 0 to 1 is needed"):
            Blend(toy, model, model, weight)
    blend = Blend(toy, model, Popularity(toy))
    with pytest.raises(TypeError, match="A score of Blend is no sum over what a user has"):
        explain(blend, "Ana", "Emma")
    with pytest.raises(TypeError, match="cannot answer for somebody who was not in train"):
        Blend(toy, model, MatrixFactorization(toy, 2)).fold_in()
