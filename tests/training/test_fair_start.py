"""One call to a fair start: equal budgets, test looked at last, resumable, honest about edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import Between, Interactions, Split, evaluate, league, models, recommend, tune
from gnnrec_helpers.training.fair_start import MODELS, NATURAL, Trained

pytest.importorskip("optuna")


def shop(seed: int = 0, **columns: Any) -> Split:
    """Two tastes: people buy the even or the odd things, and a few others."""
    generator = np.random.default_rng(seed)
    odd = np.arange(30)[:, None] % 2 == np.arange(24) % 2
    user, item = np.nonzero(generator.random((30, 24)) < np.where(odd, 0.6, 0.1))
    table = pd.DataFrame({"user": user, "item": item}).assign(**columns)
    return Interactions.from_frame(table, **{name: name for name in columns}).split(0.2, 0.2)


@pytest.fixture(scope="module")
def split() -> Split:
    return shop()


class Counted:
    """Builds ItemKNN and remembers what it was asked for."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.tests: list[int] = []
        self.fails_at = fails_at

    def __call__(self, split: Split, **settings: Any) -> models.ItemKNN:
        if len(self.asked) == self.fails_at:
            self.fails_at = None
            raise KeyboardInterrupt
        self.asked.append(settings)
        self.tests.append(len(split.test))
        return models.ItemKNN(split.train, **settings)


SPACE = {"neighbours": Between(1, 20), "shrink": [0.0, 5.0, 50.0]}
QUICK: dict[str, Any] = {"trials": 4, "progress": False}


def figures(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=["tuning, s", "fit, s"])


def test_equal_budgets_and_no_look_at_test(split: Split) -> None:
    one, other = Counted(), Counted()
    found = league(split, {"one": (one, SPACE), "other": (other, {"shrink": [0.0, 9.0]})}, **QUICK)
    assert len(one.asked) == len(other.asked) == 4 + 1  # the trials, and the one that is judged
    assert set(one.tests + other.tests) == {0}
    assert one.asked[-1] == found.standings["one"].settings
    alone = tune(Counted(), split, SPACE, 4, progress=False)
    assert found.standings["one"].settings == alone.best
    assert found.standings["one"].validation == pytest.approx(alone.value)


def test_the_table_says_what_evaluate_says(split: Split) -> None:
    found = league(split, ["popularity", "ItemKNN", "EASE"], baseline="popularity", **QUICK)
    frame = found.to_frame()
    assert list(frame.index) == sorted(frame.index, key=lambda n: -frame.loc[n, "recall@20"])
    settings = found.standings["EASE"].settings
    again = models.EASE(split.train, **settings)
    assert frame.loc["EASE", "recall@20"] == pytest.approx(evaluate(again, split)["recall@20"])
    assert frame.loc["EASE", "ndcg@20"] == pytest.approx(evaluate(again, split)["ndcg@20"])
    on_validation = evaluate(again, split, part="validation")["recall@20"]
    assert frame.loc["EASE", "validation recall@20"] == pytest.approx(on_validation)
    assert frame.loc["popularity", "Δ recall@20"] == 0
    assert frame.loc["popularity", "tuning, s"] == 0
    assert frame.loc["EASE", "tuning, s"] == sum(found.standings["EASE"].tuning.seconds)  # type: ignore[union-attr]
    # EASE answers from the matrix of its items, in float64, and the pairs
    assert frame.loc["EASE", "MB"] >= 24 * 24 * 8 / 1e6
    assert "regularization=" in frame.loc["EASE", "settings"]
    best = frame["validation recall@20"].idxmax()
    assert found.best == best
    assert f"Validation prefers {best}" in repr(found)


def test_an_interrupted_league_goes_on_to_the_same_figures(split: Split, tmp_path: Path) -> None:
    def run(folder: Path | None, fails_at: int | None = None) -> pd.DataFrame:
        entries: dict[str, Any] = {
            "knn": (Counted(fails_at), SPACE),
            "MF": (Trained(models.MatrixFactorization), MODELS["MF"][1]),
        }
        return figures(league(split, entries, storage=folder, **QUICK).to_frame())

    whole = run(None)
    for fails_at in (0, 2, 4):
        folder = tmp_path / str(fails_at)
        with pytest.raises(KeyboardInterrupt):
            run(folder, fails_at)
        pd.testing.assert_frame_equal(run(folder), whole, check_exact=True)
        pd.testing.assert_frame_equal(run(folder), whole, check_exact=True)
    with pytest.raises(ValueError, match="was made with train="):
        league(shop(1), ["EASE", "ItemKNN"], storage=folder_of(split, tmp_path), **QUICK)


def folder_of(split: Split, folder: Path) -> Path:
    league(split, ["EASE"], storage=folder / "ease", **QUICK)
    return folder / "ease"


def test_what_validation_prefers_is_built_from_everything(split: Split) -> None:
    for names in (["EASE"], ["MF"]):
        found = league(split, names, **{**QUICK, "trials": 2})
        model = found.choose()
        everything = split.everything().train
        assert len(model.interactions) == len(everything)  # type: ignore[attr-defined]
        lists = recommend(model, split.train.users, k=3)
        assert len(lists.merge(everything.to_frame(), on=["user", "item"])) == 0
    standing = found.standings["MF"]
    again = Trained(models.MatrixFactorization).fitted(
        split.everything(),
        epochs=standing.epochs,
        **standing.settings,  # type: ignore[arg-type]
    )[0]
    everyone = torch.arange(30)
    assert torch.equal(again.score(everyone), model.score(everyone))


def test_edges_of_search_spaces(split: Split) -> None:
    def only(value: Any, values: Any, parameter: str = "regularization") -> dict[str, list[str]]:
        def build(split: Split, **settings: Any) -> models.EASE:
            return models.EASE(split.train, 5.0)

        found = league(split, {"it": (build, {parameter: values})}, trials=1, progress=False)
        found.standings["it"].settings[parameter] = value
        return found.edges

    assert only(1.0, Between(1.0, 100.0, log=True)) == {"it": ["regularization=1 (low)"]}
    assert only(99.9, Between(1.0, 100.0)) == {"it": ["regularization=99.9 (high)"]}
    assert only(10.0, Between(1.0, 100.0, log=True)) == {}
    assert only(3, [1, 2, 3]) == {"it": ["regularization=3 (high)"]}
    assert only(2, [1, 2, 3]) == {}
    assert only("a", ["a", "b"]) == {}
    assert only(1, [1, 2, 3], "layers") == {}  # fewer layers than one are no LightGCN
    assert only(3, [1, 2, 3], "layers") == {"it": ["layers=3 (high)"]}
    parameters = {parameter for _, space in MODELS.values() for parameter in space}
    assert {parameter for parameter, _ in NATURAL} <= parameters


def test_the_default_models_run(split: Split) -> None:
    found = league(split, trials=1, progress=False)
    assert list(found.standings) == list(MODELS)
    assert found.baseline == "ItemKNN"
    trained = [name for name, standing in found.standings.items() if standing.epochs]
    assert trained == ["MF", "LightGCN"]
    assert found.to_frame()["MB"].gt(0).all()


@pytest.mark.parametrize(
    ("arguments", "error", "parts"),
    [
        ({"models": ["FISM"]}, ValueError, ["'FISM'", "LightGCN"]),
        ({"models": "EASE"}, TypeError, ["['EASE']"]),
        ({"models": []}, ValueError, ["empty"]),
        ({"models": {"a/b": MODELS["EASE"]}}, ValueError, ["slash"]),
        ({"models": {"a": models.EASE}}, TypeError, ["(build, space)"]),
        ({"models": ["EASE"], "baseline": "MF"}, ValueError, ["baseline='MF'", "EASE"]),
        ({"models": ["EASE"], "trials": 0}, ValueError, ["trials=0"]),
        ({"models": ["EASE"], "metric": "auc"}, ValueError, ["'auc'"]),
    ],
)
def test_bad_arguments(split: Split, arguments: dict, error: Any, parts: list[str]) -> None:
    with pytest.raises(error) as caught:
        league(split, progress=False, **arguments)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_splits_that_cannot_be_judged(split: Split) -> None:
    with pytest.raises(ValueError, match="no validation part"):
        league(split.without_validation(), ["EASE"], **QUICK)
    with pytest.raises(ValueError, match="test part of the split is empty"):
        league(Split(split.train, split.validation, split.test.select([])), ["EASE"], **QUICK)
    with pytest.raises(TypeError, match="needs a Split, not Interactions"):
        league(split.train, ["EASE"], **QUICK)  # type: ignore[arg-type]


def test_ratings_and_weights_are_told_once() -> None:
    with pytest.warns(UserWarning, match="do not use ratings") as caught:
        league(shop(rating=3.0), ["popularity", "ItemKNN"], **QUICK)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="only iALS and LightGCN use the weights") as caught:
        league(shop(weight=3.0), ["popularity", "iALS"], **QUICK)
    assert len(caught) == 1
