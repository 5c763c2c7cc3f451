"""BPR beside -log sigmoid in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnnrec_helpers import Interactions
from gnnrec_helpers.engine.sampling import Batch, PairSampler
from gnnrec_helpers.models import LightGCN
from gnnrec_helpers.objectives import (
    BPR,
    CrossEntropy,
    RatingRegression,
    SampledSoftmax,
    SelfSupervised,
    UltraGCNLoss,
)


class Fixed:
    """A model with given embeddings, and others that weight decay acts on."""

    def __init__(self, users: Tensor, items: Tensor, scale: float = 1.0) -> None:
        self.users, self.items, self.scale = users, items, scale

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        user_rows, item_rows = self.users[users], self.items[items]
        return user_rows, item_rows, self.scale * torch.cat([user_rows, item_rows])


def batch_of(users: list[int], positives: list[int], negatives: list[list[int]]) -> Batch:
    return Batch(torch.tensor(users), torch.tensor(positives), torch.tensor(negatives))


def double_bpr(users: np.ndarray, items: np.ndarray, batch: Batch) -> float:
    """The definition, one triple at a time."""
    losses = []
    for user, positive, negatives in zip(*(part.tolist() for part in batch[:3]), strict=True):
        for negative in negatives:
            difference = users[user] @ items[positive] - users[user] @ items[negative]
            losses.append(-math.log(1 / (1 + math.exp(-difference))))
    return sum(losses) / len(losses)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 1000))
def test_bpr_is_the_mean_of_minus_log_sigmoid(size: int, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    users, items = generator.standard_normal((4, 3)), generator.standard_normal((5, 3))
    batch = Batch(
        torch.from_numpy(generator.integers(4, size=size)),
        torch.from_numpy(generator.integers(5, size=size)),
        torch.from_numpy(generator.integers(5, size=(size, count))),
    )
    model = Fixed(torch.from_numpy(users), torch.from_numpy(items), scale=2.0)
    expected = double_bpr(users, items, batch)
    assert BPR(0.0)(model, batch).item() == pytest.approx(expected, rel=1e-12)
    squares = sum((users[user] ** 2).sum() for user in batch.users.tolist())
    chosen = batch.positives.tolist() + batch.negatives.flatten().tolist()
    squares += sum((items[item] ** 2).sum() for item in chosen)
    decay = 0.3 / 2 * 2.0**2 * squares / size  # of the initial embeddings, twice as long
    assert BPR(0.3)(model, batch).item() == pytest.approx(expected + decay, rel=1e-12)


def test_bpr_by_hand() -> None:
    model = Fixed(torch.tensor([[2.0], [1.0]]), torch.tensor([[1.0], [0.5], [0.0]]))
    batch = batch_of([0, 1], [0, 2], [[1], [1]])  # differences 2 - 1 = 1 and 0 - 0.5
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(0.5))) / 2
    assert BPR(0.0)(model, batch).item() == pytest.approx(expected, rel=1e-6)
    squares = (4 + 1 + 0.25) + (1 + 0 + 0.25)
    decayed = BPR(0.1)(model, batch).item()
    assert decayed - expected == pytest.approx(0.1 / 2 * squares / 2, rel=1e-5)


def test_equal_scores_cost_log_2_and_the_default_decay_is_small() -> None:
    model = Fixed(torch.zeros(1, 2), torch.zeros(2, 2))
    assert BPR()(model, batch_of([0], [0], [[1]])).item() == pytest.approx(math.log(2))
    assert BPR() == BPR(weight_decay=1e-4)


@pytest.mark.parametrize(("sign", "loss"), [(1.0, 0.0), (-1.0, 1000.0)])
def test_extreme_scores_overflow_nowhere(sign: float, loss: float) -> None:
    users = torch.tensor([[1.0]], requires_grad=True)
    model = Fixed(users, torch.tensor([[sign * 1000.0], [0.0]]))
    found = BPR(0.0)(model, batch_of([0], [0], [[1]]))
    found.backward()
    assert found.item() == pytest.approx(loss)
    assert users.grad.item() == pytest.approx(loss)


def test_the_gradient_of_a_lightgcn_step_is_that_of_dense_algebra(toy: Interactions) -> None:
    model = LightGCN(toy, dim=4, layers=2, seed=1)
    (batch,) = PairSampler(toy, batch_size=10, negatives=2, seed=0).epoch(0)
    loss = BPR(0.01)(model, batch)
    loss.backward()

    likes = torch.from_numpy(toy.to_csr().toarray())
    plain = torch.zeros(10, 10, dtype=torch.float64)
    plain[:5, 5:], plain[5:, :5] = likes, likes.T
    degrees = plain.sum(1)
    matrix = plain / (degrees[:, None] * degrees[None, :]).sqrt()
    start = model.nodes.weight.detach().double().requires_grad_()
    mean = (start + matrix @ start + matrix @ matrix @ start) / 3
    users, positives = mean[batch.users], mean[5 + batch.positives]
    negatives = mean[5 + batch.negatives]
    difference = (users * positives).sum(1, keepdim=True) - (users[:, None] * negatives).sum(2)
    expected = -torch.log(torch.sigmoid(difference)).mean()
    for rows in (batch.users, 5 + batch.positives, 5 + batch.negatives.flatten()):
        expected = expected + 0.01 / 2 * start[rows].square().sum() / 10
    expected.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    error = (model.nodes.weight.grad.double() - start.grad).abs().max()
    assert error.item() <= 1e-5 * start.grad.abs().max().item()


# ---------------------------------------------------------------------- sampled softmax
def test_sampled_softmax_one_user_at_a_time(toy: Interactions) -> None:
    """-log of the positive's share of exp(score), the user's own positives left out."""
    generator = np.random.default_rng(3)
    users, items = generator.standard_normal((5, 3)), generator.standard_normal((5, 3))
    model = Fixed(torch.from_numpy(users), torch.from_numpy(items))
    (batch,) = PairSampler(toy, batch_size=10, negatives=7, seed=1, shared=True).epoch(0)
    liked = toy.to_csr().toarray() > 0
    losses = []
    for user, positive in zip(batch.users.tolist(), batch.positives.tolist(), strict=True):
        scores = items @ users[user] / 0.5
        others = [np.exp(scores[i]) for i in batch.negatives.tolist() if not liked[user, i]]
        losses.append(-np.log(np.exp(scores[positive]) / (np.exp(scores[positive]) + sum(others))))
    found = SampledSoftmax(7, weight_decay=0.0, temperature=0.5)(model, batch)
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-12)
    squares = (users[batch.users] ** 2).sum() + (items[batch.positives] ** 2).sum()
    squares += (items[batch.negatives] ** 2).sum()
    decayed = SampledSoftmax(7, weight_decay=0.3, temperature=0.5)(model, batch)
    assert (decayed - found).item() == pytest.approx(0.15 * squares / 10, rel=1e-12)


def test_sampled_softmax_where_a_user_knows_every_negative() -> None:
    """Nothing is left to compare with: no loss, no gradient, no NaN."""
    users, items = torch.ones(2, 2, requires_grad=True), torch.ones(3, 2, requires_grad=True)
    known = torch.tensor([[0, 0], [0, 1]])  # both negatives of the first row
    batch = Batch(torch.tensor([0, 1]), torch.tensor([2, 2]), torch.tensor([0, 1]), known)
    loss = SampledSoftmax(2, weight_decay=0.0)(Fixed(users, items), batch)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(3) / 2)  # of the second row alone
    assert users.grad[0].tolist() == [0.0, 0.0]
    assert users.grad[1].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)  # equal items: no pull
    assert bool(torch.isfinite(items.grad).all())


def test_large_scores_overflow_nowhere_in_sampled_softmax() -> None:
    users = torch.tensor([[1.0]], requires_grad=True)
    for sign, expected in ((1.0, 0.0), (-1.0, 1000.0)):
        model = Fixed(users, torch.tensor([[sign * 1000.0], [0.0]]))
        batch = Batch(torch.tensor([0]), torch.tensor([0]), torch.tensor([1]))
        assert SampledSoftmax(1, 0.0)(model, batch).item() == pytest.approx(expected)


def test_sampled_softmax_has_the_gradient_of_autograd_in_float64(toy: Interactions) -> None:
    model = LightGCN(toy, dim=3, layers=2).double()
    (batch,) = PairSampler(toy, batch_size=10, negatives=6, seed=2, shared=True).epoch(0)
    loss = SampledSoftmax(6, weight_decay=0.1)
    loss(model, batch).backward()
    weight, step = model.nodes.weight, 1e-6
    for row, column in [(0, 0), (4, 2), (7, 1)]:
        with torch.no_grad():
            weight[row, column] += step
            above = loss(model, batch)
            weight[row, column] -= 2 * step
            below = loss(model, batch)
            weight[row, column] += step
        assert weight.grad[row, column].item() == pytest.approx(
            ((above - below) / (2 * step)).item(), rel=1e-5, abs=1e-9
        )


# ---------------------------------------------------------------------- on cosines
def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from([0.08, 0.5, 1.0]),
    st.sampled_from([None, 0.84, 1.0, 1.22]),
)
def test_a_softmax_of_cosines_one_user_at_a_time(
    seed: int, cosine: bool, temperature: float, exponent: float | None
) -> None:
    generator = np.random.default_rng(seed)
    users, items = generator.standard_normal((4, 3)), generator.standard_normal((6, 3))
    size, negatives = 5, generator.integers(6, size=4)
    rows, positives = generator.integers(4, size=size), generator.integers(6, size=size)
    hidden = generator.random((size, 4)) < 0.4
    compared = (unit(users), unit(items)) if cosine else (users, items)
    losses = []
    for place, (user, positive) in enumerate(zip(rows, positives, strict=True)):
        powers = np.exp(compared[1] @ compared[0][user] / temperature)
        others = sum(powers[item] for item in negatives[~hidden[place]])
        if exponent is None:
            losses.append(-math.log(powers[positive] / (powers[positive] + others)))
        elif hidden[place].all():  # nothing to compare with
            losses.append(0.0)
        else:
            losses.append(-math.log(powers[positive] / others**exponent))
    batch = Batch(
        torch.from_numpy(rows),
        torch.from_numpy(positives),
        torch.from_numpy(negatives),
        torch.from_numpy(np.argwhere(hidden)),
    )
    model = Fixed(torch.from_numpy(users), torch.from_numpy(items))
    objective = SampledSoftmax(4, 0.0, temperature=temperature, cosine=cosine, exponent=exponent)
    assert objective(model, batch).item() == pytest.approx(np.mean(losses), rel=1e-8)
    decayed = SampledSoftmax(4, 0.3, temperature=temperature, cosine=cosine, exponent=exponent)(
        model, batch
    )
    squares = sum((users[user] ** 2).sum() for user in rows)  # of embeddings as long as they are
    squares += sum((items[item] ** 2).sum() for item in [*positives, *negatives])
    expected = np.mean(losses) + 0.15 * squares / size
    assert decayed.item() == pytest.approx(expected, rel=1e-8)


def test_the_bilateral_softmax_where_a_user_knows_every_negative() -> None:
    users, items = torch.ones(2, 2, requires_grad=True), torch.ones(3, 2, requires_grad=True)
    known = torch.tensor([[0, 0], [0, 1]])  # both negatives of the first row
    batch = Batch(torch.tensor([0, 1]), torch.tensor([2, 2]), torch.tensor([0, 1]), known)
    objective = SampledSoftmax(2, 0.0, temperature=0.5, cosine=True, exponent=1.5)
    loss = objective(Fixed(users, items), batch)
    loss.backward()
    # of the second row alone: two negatives, all cosines 1
    assert loss.item() == pytest.approx((1.5 * (math.log(2) + 2) - 2) / 2)
    assert users.grad[0].tolist() == [0.0, 0.0]
    assert bool(torch.isfinite(items.grad).all())
    assert bool(torch.isfinite(users.grad).all())


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize("exponent", [None, 1.2])
def test_the_gradient_on_cosines(toy: Interactions, cosine: bool, exponent: float | None) -> None:
    """A model that ranks by cosines, or the objective alone that trains on them."""
    model = LightGCN(toy, dim=3, layers=2, cosine=cosine).double()
    (batch,) = PairSampler(toy, batch_size=10, negatives=6, seed=2, shared=True).epoch(0)
    loss = SampledSoftmax(6, 0.1, temperature=0.2, cosine=not cosine, exponent=exponent)
    value = loss(model, batch)
    value.backward()
    other = LightGCN(toy, dim=3, layers=2, cosine=not cosine).double()
    plain = SampledSoftmax(6, 0.1, temperature=0.2, cosine=cosine, exponent=exponent)
    assert plain(other, batch).item() == pytest.approx(value.item(), rel=1e-12)
    weight, step = model.nodes.weight, 1e-6
    for row, column in [(0, 0), (4, 2), (7, 1)]:
        with torch.no_grad():
            weight[row, column] += step
            above = loss(model, batch)
            weight[row, column] -= 2 * step
            below = loss(model, batch)
            weight[row, column] += step
        assert weight.grad[row, column].item() == pytest.approx(
            ((above - below) / (2 * step)).item(), rel=1e-5, abs=1e-8
        )


def test_temperatures_that_are_none() -> None:
    with pytest.raises(ValueError, match=r"temperature=0: a positive number is needed\."):
        SampledSoftmax(temperature=0)
    for exponent in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"exponent={exponent}: a (positive|finite) number"):
            SampledSoftmax(exponent=exponent)


AMOUNTS = [
    (kind, "weight_decay")
    for kind in (BPR, SampledSoftmax, CrossEntropy, RatingRegression, UltraGCNLoss)
]
AMOUNTS += [(UltraGCNLoss, name) for name in ("constraint", "together", "negative_weight")]
AMOUNTS += [(SelfSupervised, "weight")]


@pytest.mark.parametrize(("kind", "name"), AMOUNTS)
def test_amounts_are_numbers_from_zero_up(kind: Any, name: str) -> None:
    for wrong in (-1.0, -1e-9, math.inf, math.nan, np.float32(-1)):
        with pytest.raises(
            ValueError, match=rf"{name}=.*: a (finite number|number of at least 0) is"
        ):
            kind(**{name: wrong})
    for wrong in ("0.1", None, True, [0.1], torch.tensor(0.1)):
        with pytest.raises(TypeError, match=rf"{name}=.*: a number of at least 0 is needed\."):
            kind(**{name: wrong})
    for right in (0, 0.5, np.float64(0.5), np.float32(0.5), np.int64(2)):
        loss = kind(**{name: right})
        assert type(getattr(loss, name)) in (int, float)  # as a file can hold it
        assert loss == kind(**{name: float(right)})


@pytest.mark.parametrize("kind", [SampledSoftmax, UltraGCNLoss])
def test_shared_negatives_are_a_whole_number(kind: Any) -> None:
    for wrong, error, message in (
        (0, ValueError, "shared_negatives=0: at least 1 is needed"),
        (-3, ValueError, "shared_negatives=-3: at least 1"),
        (10.5, TypeError, r"shared_negatives=10\.5: a whole number"),
        ("3", TypeError, "shared_negatives='3': a whole number"),
    ):
        with pytest.raises(error, match=message):
            kind(shared_negatives=wrong)
    assert type(kind(shared_negatives=np.int32(8)).shared_negatives) is int


@pytest.mark.parametrize("name", ["temperature", "exponent"])
def test_what_is_divided_by_is_a_number(name: str) -> None:
    for wrong in ("0.1", [1], True):
        with pytest.raises(TypeError, match=rf"{name}=.*: a positive number is needed"):
            SampledSoftmax(**{name: wrong})
    for wrong in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match=rf"{name}=.*: a (positive|finite) number is needed"):
            SampledSoftmax(**{name: wrong})


def test_what_is_no_loss_is_no_part_of_one() -> None:
    with pytest.raises(TypeError, match=r"objective=BPR: BPR is a class, and BPR\(\) is needed"):
        SelfSupervised(BPR)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="objective='bpr': a loss such as those of"):
        SelfSupervised("bpr")  # type: ignore[arg-type]
