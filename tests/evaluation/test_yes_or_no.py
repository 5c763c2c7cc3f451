"""Yes or no, for held-out pairs and as many that were drawn: against scikit-learn's figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from torch import Tensor, nn

from gnnrec_helpers import Interactions, Split
from gnnrec_helpers.evaluation import best_threshold, evaluate_ctr
from gnnrec_helpers.evaluation.yes_or_no import _asked

few = settings(max_examples=40, deadline=None, derandomize=True)


def shop(seed: int = 0) -> Split:
    generator = np.random.default_rng(seed)
    user, item = np.nonzero(generator.random((25, 14)) < 0.4)
    return Interactions.from_frame({"user": user, "item": item}).split(0.3, 0.2, seed=seed)


class Scores:
    """Scores from a table, rounded so that many are equal."""

    def __init__(self, split: Split, seed: int, levels: int = 4) -> None:
        shape = (split.train.num_users, split.train.num_items)
        self.table = torch.from_numpy(
            np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)
        )

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]


class ByPairs(nn.Module):
    """The same scores, of the pairs that are asked for and of nothing else."""

    def __init__(self, scores: Scores) -> None:
        super().__init__()
        self.table = nn.Parameter(scores.table)

    def score(self, users: Tensor) -> Tensor:
        raise AssertionError("all items were scored")

    def training_scores(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        return self.table[users, items].detach(), torch.zeros(())


@few
@given(st.integers(0, 50), st.sampled_from(["test", "validation"]))
def test_figures_are_those_of_scikit_learn(seed: int, part: Any) -> None:
    split = shop(seed)
    model = Scores(split, seed)
    positive, negative = _asked(model, split, part, 0)
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    scores = np.concatenate([positive, negative])
    for threshold in (0.5, 1.5):
        found = evaluate_ctr(model, split, part=part, threshold=threshold)
        assert found["auc"] == pytest.approx(roc_auc_score(truth, scores))
        assert found["f1"] == pytest.approx(f1_score(truth, scores > threshold))
        assert found["accuracy"] == pytest.approx(accuracy_score(truth, scores > threshold))
        assert evaluate_ctr(ByPairs(model), split, part=part, threshold=threshold) == found


@few
@given(st.integers(0, 50))
def test_no_threshold_is_better_than_the_best_on_validation(seed: int) -> None:
    split = shop(seed)
    model = Scores(split, seed, levels=7)
    positive, negative = _asked(model, split, "validation", 0)
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    scores = np.concatenate([positive, negative])
    best = max(f1_score(truth, scores > cut) for cut in np.arange(-0.5, 7))
    assert f1_score(truth, scores > best_threshold(model, split)) == pytest.approx(best)


@few
@given(st.integers(0, 50), st.sampled_from([1e20, 1e300, 1e-300, 2.0**-52]))
def test_the_best_threshold_of_scores_of_any_size(seed: int, unit: float) -> None:
    """Also where the next number below is far away, or none lies between two scores."""
    split = shop(seed)
    model = Scores(split, seed, levels=3)
    best = evaluate_ctr(model, split, part="validation", threshold=best_threshold(model, split))
    model.table = model.table.double() * unit + (1.0 if unit == 2.0**-52 else unit)
    cut = best_threshold(model, split)
    assert evaluate_ctr(model, split, part="validation", threshold=cut) == best


@pytest.mark.parametrize("form", [lambda scores: scores, ByPairs])
def test_scores_that_are_no_numbers(form: Any) -> None:
    split = shop()
    model = Scores(split, 0)
    model.table[split.test.user_index[0], split.test.item_index[0]] = np.nan
    with pytest.raises(ValueError, match="The model's scores contain NaN; finite numbers are"):
        evaluate_ctr(form(model), split)
    assert evaluate_ctr(form(model), split, part="validation")["auc"] > 0  # not asked for there
    model.table[split.validation.user_index[0], split.validation.item_index[0]] = np.nan
    with pytest.raises(ValueError, match="contain NaN"):
        best_threshold(form(model), split)


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_no_threshold_lies_beside_infinity(infinite: float) -> None:
    split = shop()
    model = Scores(split, 0)
    model.table[split.validation.user_index[0], split.validation.item_index[0]] = infinite
    with pytest.raises(ValueError, match="contain infinity; a threshold needs finite numbers"):
        best_threshold(model, split)


def test_scores_of_pairs_are_one_each() -> None:
    split = shop()
    model = ByPairs(Scores(split, 0))
    model.training_scores = lambda users, items: (  # type: ignore[method-assign]
        model.table[users, items][:, None],
        torch.zeros(()),
    )
    count = 2 * len(split.test)
    said = rf"training_scores gave shape \({count}, 1\): \({count},\) is needed, a score for each"
    with pytest.raises(ValueError, match=said):
        evaluate_ctr(model, split)


def test_nobody_says_yes() -> None:
    split = shop()
    assert evaluate_ctr(Scores(split, 0), split, threshold=100.0)["f1"] == 0
