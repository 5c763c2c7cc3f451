"""What training tries when validation has stopped improving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_training import (
    assert_same_history,
    interrupted_in,
    same_weights,
    small,
    tastes,
    weights,
)

from gnnrec_helpers import History, Interactions, Split, evaluate, fit, models
from gnnrec_helpers.engine.sampling import PairSampler
from gnnrec_helpers.objectives import BPR, RatingRegression, SampledSoftmax
from gnnrec_helpers.training.plateau import next_settings

SETTINGS: dict[str, Any] = {"batch_size": 64, "lr": 0.02, "patience": 4, "progress": False}


@pytest.fixture(scope="module")
def split() -> Split:
    return tastes().split(test=0.2, validation=0.2, seed=0)


class Own(models.LightGCN):
    """LightGCN whose own loss is good for sixty users."""

    def default_objective(self) -> SampledSoftmax:
        return SampledSoftmax(16, weight_decay=0.02)


def by_hand(model: Own, split: Split, patience: int, lr: float) -> tuple[list[float], list[Any]]:
    """The search as it is described, written out: what validation measured, and the settings."""
    measured: list[float] = []
    best_value, best_weights = -1.0, weights(model)

    def stage(lr: float, decay: float, patience: int) -> bool:
        """Train until it has not improved for so long; did it help?"""
        nonlocal best_value, best_weights
        model.load_state_dict(best_weights)
        objective = replace(model.default_objective(), weight_decay=decay)
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        sampler = PairSampler(split.train, 64, 16, seed=0, shared=True)
        own, waited, helped = -1.0, 0, False
        while waited < patience:
            for batch in sampler.epoch(len(measured)):
                optimizer.zero_grad()
                objective(model, batch).backward()
                optimizer.step()
            value = evaluate(model, split, part="validation", metrics=("recall",))["recall@20"]
            measured.append(value)
            waited = 0 if value > own else waited + 1
            own = max(own, value)
            if value > best_value:
                best_value, best_weights, helped = value, weights(model), True
        stages.append((lr, decay))
        return helped

    decay = 0.02
    stages: list[tuple[float, float]] = []
    stage(lr, decay, patience)
    half = (patience + 1) // 2
    for factors, most in (((3, 1 / 3), 9), ((1.5, 1 / 1.5), 2)):  # coarse, then fine in between
        for factor in factors:
            moves = 0
            while moves < most and stage(lr, decay * factor, half):
                decay, moves = decay * factor, moves + 1
            if moves:
                break
    if stage(lr / 3, decay, half):
        stage(lr / 9, decay, half)
    model.load_state_dict(best_weights)
    return measured, stages


@pytest.mark.parametrize("seed", range(4))
def test_the_search_is_the_one_that_is_described(split: Split, seed: int) -> None:
    one, other = (Own(split.train, dim=8, layers=2, seed=seed) for _ in range(2))
    history = fit(one, split, epochs=400, **SETTINGS)
    measured, stages = by_hand(other, split, patience=4, lr=0.02)
    assert history.stopped_early
    np.testing.assert_allclose([row["recall@20"] for row in history.epochs], measured, rtol=1e-6)
    found = [(stage["lr"], stage["weight_decay"]) for stage in history.stages]
    np.testing.assert_allclose(found, stages)
    assert len(found) >= 4  # more, less, and a smaller learning rate at least
    assert history.best == max(measured)
    for one_s, other_s in zip(weights(one).values(), weights(other).values(), strict=True):
        torch.testing.assert_close(one_s, other_s)


def test_validation_is_at_least_as_good_as_without_it(split: Split) -> None:
    histories = [
        fit(Own(split.train, dim=8), split, epochs=200, schedule=schedule, **SETTINGS)
        for schedule in ("constant", "plateau")
    ]
    constant, plateau = histories
    assert constant.stages == plateau.stages[:1]
    length = len(constant.epochs)
    assert [row["loss"] for row in plateau.epochs[:length]] == constant.losses
    assert len(plateau.epochs) > length
    assert (plateau.best or 0.0) >= (constant.best or 1.0)


def test_a_given_loss_keeps_its_weight_decay(split: Split) -> None:
    for objective in (BPR(0.01), SampledSoftmax(16, 0.02), _own_function):
        history = fit(small(split), split, epochs=200, objective=objective, **SETTINGS)
        assert len({stage["weight_decay"] for stage in history.stages}) == 1
        rates = [stage["lr"] for stage in history.stages]
        np.testing.assert_allclose(rates, [0.02, 0.02 / 3, 0.02 / 9][: len(rates)])
        assert len(rates) > 1


def _own_function(model: Any, batch: Any) -> torch.Tensor:
    return BPR(0.01)(model, batch)


def test_a_model_without_weight_decay_has_none_to_change(split: Split) -> None:
    model = models.MatrixFactorization(split.train, dim=8, cosine=True)
    history = fit(model, split, epochs=200, **SETTINGS)
    assert {stage["weight_decay"] for stage in history.stages} == {0.0}


@pytest.mark.parametrize("without", ["patience", "validation"])
def test_nothing_is_tried_where_nothing_is_waited_for(split: Split, without: str) -> None:
    parts = split if without == "patience" else split.without_validation()
    settings = {**SETTINGS, "epochs": 30, "patience": None if without == "patience" else 2}
    one, other = Own(parts.train, dim=8), Own(parts.train, dim=8)
    history = fit(one, parts, **settings)
    assert_same_history(history, fit(other, parts, schedule="constant", **settings))
    assert len(history.stages) == 1
    assert same_weights(one, other)


def test_resumed_in_any_stage_equals_uninterrupted(split: Split, tmp_path: Path) -> None:
    batches = -(-len(split.train) // 64)
    expected = fit(whole := Own(split.train, dim=8), split, epochs=400, **SETTINGS)
    starts = [stage["first_epoch"] for stage in expected.stages]
    # between two epochs: the last of a stage, its first, and one in the middle
    for number, epochs in enumerate((starts[1] - 1, starts[1], starts[-1] - 1, starts[-1] + 1)):
        path = tmp_path / f"{number}"
        fit(Own(split.train, dim=8), split, epochs=epochs, checkpoint=path, **SETTINGS)
        resumed = Own(split.train, dim=8)
        history = fit(resumed, split, epochs=400, checkpoint=path, **SETTINGS)
        assert_same_history(history, expected)
        assert history.stages == expected.stages
        assert same_weights(resumed, whole)
    # within an epoch, with a loss of one's own
    fixed = {**SETTINGS, "epochs": 400}
    expected = fit(given := small(split), split, objective=BPR(), **fixed)
    second = expected.stages[1]["first_epoch"]
    path = tmp_path / "within"
    with interrupted_in(second * batches + 2):
        fit(small(split), split, objective=BPR(), checkpoint=path, **fixed)
    again = small(split)
    assert_same_history(fit(again, split, objective=BPR(), checkpoint=path, **fixed), expected)
    assert same_weights(again, given)


def test_errors_of_ratings_fall(split: Split) -> None:
    rng = np.random.default_rng(0)
    pairs = split.train.to_frame()
    pairs["rating"] = rng.integers(1, 6, len(pairs)) * 0.5 + (pairs["item"] % 4)
    rated = Interactions.from_frame(pairs, rating="rating").split(0.2, 0.2, seed=0)
    model = models.ProbabilisticMF(rated.train, dim=4)
    history = fit(model, rated, epochs=300, lr=0.05, patience=4, progress=False)
    measured = [row["rmse"] for row in history.epochs]
    assert history.best == min(measured)
    assert history.stages[-1]["lr"] < 0.05
    assert isinstance(model.default_objective(), RatingRegression)


# ---------------------------------------------------------------------- what comes next
@given(
    values=st.lists(st.floats(0, 1), min_size=60, max_size=60),
    decay=st.sampled_from([None, 0.0, 0.025, 0.2]),
    adapts=st.booleans(),
)
def test_the_search_ends_and_tries_nothing_twice(
    values: list[float], decay: float | None, adapts: bool
) -> None:
    """Every stage is one epoch here, which is better or not at random."""
    history = History(stages=[{"first_epoch": 1, "lr": 1.0, "weight_decay": decay}])
    for epoch, value in enumerate(values, start=1):
        history.epochs.append({"epoch": epoch, "loss": 0.0, "recall@20": value})
        if history.improves(value):
            history.best_epoch = epoch
        following = next_settings(history, adapts)
        if following is None:
            break
        history.stages.append({"first_epoch": epoch + 1, **following})
    tried = [(stage["lr"], stage["weight_decay"]) for stage in history.stages]
    assert len(tried) == len({(f"{lr:.6g}", decay and f"{decay:.6g}") for lr, decay in tried})
    if not (adapts and decay):
        assert {decay for _, decay in tried} == {tried[0][1]}
    best = history.stage_of(history.best_epoch or 1)
    if epoch < len(values):  # it ended: nothing beside the best is left
        assert best["lr"] < 0.2 or any(np.isclose(lr, best["lr"] / 3) for lr, _ in tried)
        assert min(lr for lr, _ in tried) > 0.1
