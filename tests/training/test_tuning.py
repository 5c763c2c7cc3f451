"""Tuning: on validation only, the same in one go or in two, and towards what is better."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from tables import Guarded, interactions
from torch import Tensor

from gnnrec_helpers import Between, Interactions, Split, Tuning, evaluate, fit, models, tune

KNN = {"neighbours": Between(1, 15), "shrink": Between(0.0, 20.0)}


class Alarm:
    """Raises KeyboardInterrupt at the step of the given number; 0: never."""

    left = 0

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


ALARM = Alarm()


def knn(split: Split, neighbours: int, shrink: float) -> models.ItemKNN:
    ALARM.step()
    return models.ItemKNN(split.train, neighbours, shrink)


def small_split(seed: int = 0) -> Split:
    generator = np.random.default_rng(seed)
    taste = generator.random((40, 4)) @ generator.random((4, 25))
    likes = (taste > np.quantile(taste, 0.7)).astype(float)
    return interactions(likes).split(test=0.2, validation=0.2, seed=0)


def tried(found: Tuning) -> pd.DataFrame:
    """All that should be equal in two runs: seconds are not."""
    return found.to_frame().drop(columns="seconds")


# ---------------------------------------------------------------------- what it measures
def test_it_measures_validation_and_the_best_is_the_largest() -> None:
    split = small_split()
    space = {"neighbours": [1, 3, 15], "shrink": [0.0, 20.0]}
    found = tune(knn, split, space, trials=30, metric="ndcg", k=5, progress=False)
    by_hand = {
        (n, s): evaluate(knn(split, n, s), split, 5, part="validation")["ndcg@5"]
        for n in space["neighbours"]
        for s in space["shrink"]
    }
    assert len(set(by_hand.values())) > 3
    table = found.to_frame()
    assert table.index.name == "trial"
    assert list(table.columns) == ["neighbours", "shrink", "ndcg@5", "seconds"]
    assert table.index.tolist() == list(range(1, 31))
    for row in table.itertuples():
        assert row[3] == by_hand[row.neighbours, row.shrink]
    assert set(zip(table["neighbours"], table["shrink"], strict=True)) == set(by_hand)
    assert found.value == max(by_hand.values())
    assert by_hand[found.best["neighbours"], found.best["shrink"]] == found.value
    assert table.loc[found.best_trial, "ndcg@5"] == found.value
    assert (table["ndcg@5"][: found.best_trial - 1] < found.value).all()


def test_the_test_part_is_never_looked_at() -> None:
    split = small_split()
    empty_tests = []

    def build(split: Split, **settings: float) -> models.ItemKNN:
        empty_tests.append(len(split.test) == 0)
        assert split.test.num_items == split.train.num_items
        return knn(split, **settings)

    def found(split: Split) -> pd.DataFrame:
        return tried(tune(build, split, KNN, trials=12, k=3, progress=False))

    honest = found(split)
    pd.testing.assert_frame_equal(found(Guarded(split)), honest)  # type: ignore[arg-type]
    garbage = interactions(np.random.default_rng(1).random((40, 25)).round())
    pairs = garbage.user_index, garbage.item_index
    garbage = garbage.select(~(split.train.contains(*pairs) | split.validation.contains(*pairs)))
    assert (garbage.users.equals(split.train.users), len(garbage) > 0) == (True, True)
    pd.testing.assert_frame_equal(found(Split(split.train, split.validation, garbage)), honest)
    assert all(empty_tests)
    assert len(empty_tests) == 36


class Knob:
    """A model that is better the higher a number is: it swaps good and bad items less often."""

    def __init__(self, split: Split, quality: float) -> None:
        assert split.validation is not None
        self.right = split.validation.to_csr().toarray()
        self.wrong = np.random.default_rng(0).random(self.right.shape)
        self.quality = quality

    def score(self, users: Tensor) -> Tensor:
        mixed = self.quality * self.right + (1 - self.quality) * self.wrong
        return torch.from_numpy(mixed)[users]


def test_later_trials_are_made_where_earlier_ones_did_well() -> None:
    found = tune(Knob, small_split(), {"quality": Between(0.0, 0.6)}, 25, k=3, progress=False)
    quality = found.to_frame()["quality"]
    assert quality[:10].between(0, 0.6).all()
    assert quality[10:].mean() > quality[:10].mean() + 0.1


def test_a_trained_model_and_how_it_is_built_once_more(movielens_split: Split) -> None:
    def lightgcn(split: Split, layers: int, lr: float, weight_decay: float) -> models.LightGCN:
        from gnnrec_helpers.objectives import BPR

        model = models.LightGCN(split.train, dim=8, layers=layers)
        fit(model, split, lr=lr, objective=BPR(weight_decay), epochs=1, progress=False)
        return model

    space = {
        "layers": [1, 2],
        "lr": Between(1e-3, 1e-1, log=True),
        "weight_decay": Between(1e-6, 1e-2, log=True),
    }
    found = tune(lightgcn, movielens_split, space, trials=2, progress=False)
    again = found.refit(movielens_split)
    value = evaluate(again, movielens_split, part="validation")["recall@20"]
    assert value == found.value
    with_validation = found.refit(movielens_split.without_validation())
    assert evaluate(with_validation, movielens_split)["recall@20"] > 0.02


# ---------------------------------------------------------------------- what it tries
def test_numbers_of_every_kind() -> None:
    def build(split: Split, **settings: object) -> models.Popularity:
        return models.Popularity(split.train)

    space = {
        "whole": Between(3, 7),
        "number": Between(3, 7.0),
        "factor": Between(1e-6, 1.0, log=True),
        "word": ["a", None, True],
    }
    table = tune(build, small_split(), space, trials=10, progress=False).to_frame()
    assert table["whole"].dtype == np.int64
    assert table["whole"].between(3, 7).all()
    assert table["number"].between(3, 7).all()
    assert (table["number"] % 1 > 0).all()
    assert (table["factor"] < 1e-3).sum() >= 3  # half is expected, and a hundredth without log
    assert {*table["word"]} <= {"a", None, True}


def test_interrupted_or_not(tmp_path: Path) -> None:
    split, journal = small_split(), tmp_path / "new folder" / "knn.journal"
    whole = tune(knn, split, KNN, trials=16, seed=3, k=3, progress=False)
    for survived in (4, 8):  # among the trials that are drawn at random, and after
        ALARM.left = survived + 1
        with pytest.raises(KeyboardInterrupt):
            tune(knn, split, KNN, trials=16, seed=3, k=3, storage=journal, progress=False)
    resumed = tune(knn, split, KNN, trials=16, seed=3, k=3, storage=journal, progress=False)
    pd.testing.assert_frame_equal(tried(resumed), tried(whole))
    assert resumed.best == whole.best
    other = tune(knn, split, KNN, trials=16, seed=4, k=3, progress=False)
    assert not tried(other).equals(tried(whole))
    # nothing is built again, and fewer trials are the first of them
    ALARM.left = 1
    fewer = tune(knn, split, KNN, trials=5, seed=3, k=3, storage=journal, progress=False)
    ALARM.left = 0
    pd.testing.assert_frame_equal(tried(fewer), tried(whole)[:5])


def test_a_process_that_was_ended(tmp_path: Path) -> None:
    journal = tmp_path / "knn.journal"
    code = f"""
        import os
        import test_tuning as t

        left = iter(range(12))
        t.ALARM.step = lambda: next(left, None) is None and os._exit(9)
        t.tune(t.knn, t.small_split(), t.KNN, 16, k=3, storage={str(journal)!r}, progress=False)
    """
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode == 9
    arguments = {"trials": 16, "k": 3, "progress": False}
    resumed = tune(knn, small_split(), KNN, storage=journal, **arguments)
    pd.testing.assert_frame_equal(tried(resumed), tried(tune(knn, small_split(), KNN, **arguments)))


def test_a_loss_that_became_nan_is_a_bad_trial() -> None:
    def build(split: Split, quality: float) -> Knob:
        if quality > 0.3:
            raise FloatingPointError("The loss became NaN")
        return Knob(split, quality)

    found = tune(build, small_split(), {"quality": Between(0.0, 0.6)}, 20, k=3, progress=False)
    table = found.to_frame()
    assert table["recall@3"].isna().tolist() == (table["quality"] > 0.3).tolist()
    assert table["recall@3"].isna().any()
    assert found.best["quality"] <= 0.3
    bad = table["quality"] > 0.3
    assert bad[10:].mean() < bad[:10].mean()
    with pytest.raises(FloatingPointError, match="NaN in each of 3 trials"):
        tune(build, small_split(), {"quality": Between(0.5, 0.6)}, trials=3, progress=False)


# ---------------------------------------------------------------------- bad input
def test_what_cannot_be_is_refused(toy: Interactions, tmp_path: Path) -> None:
    split = small_split()

    def refused(error: type[Exception], message: str, **changed: object) -> None:
        arguments = {"build": knn, "split": split, "space": KNN, "trials": 1, "progress": False}
        with pytest.raises(error, match=message):
            tune(**{**arguments, **changed})  # type: ignore[arg-type]

    refused(ValueError, "no validation part", split=toy.split(0.4, validation=0))
    refused(ValueError, "trials=0: at least 1", trials=0)
    refused(ValueError, "No metric 'auc'; there are recall, ndcg", metric="auc")
    refused(ValueError, "seed=-1: at least 0", seed=-1)
    refused(TypeError, "seed='a': a whole number", seed="a")
    refused(ValueError, "`space` is empty", space={})
    refused(TypeError, r"build\(split, layers=…\): .*'neighbours'", space={"layers": [1]})
    more = {**KNN, "lr": [1]}
    refused(TypeError, "unexpected keyword argument 'lr'", space=more)
    for values in ("cosine", 3, [], [np.zeros(2)], (Between(0, 1),)):
        refused(ValueError, r"space\['shrink'\] is .*: a Between, or a list", space={
            "neighbours": [1], "shrink": values
        })  # fmt: skip
    refused(TypeError, "answered NoneType: a model with `score`", build=lambda split, **_: None)
    with pytest.raises(ValueError, match=r"low=3, high=3.*`low` must be below"):
        Between(3, 3)
    with pytest.raises(ValueError, match=r"low=0, .*above zero"):
        Between(0, 1, log=True)


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    split = small_split()
    tune(knn, split, KNN, trials=1, storage=journal, progress=False)
    for changed, message in (
        ({"seed": 1}, "made with seed=0, not 1"),
        ({"k": 5}, "made with metric=recall@20, not recall@5"),
        ({"split": small_split(1)}, "made with train="),
        ({"space": {**KNN, "neighbours": [2]}}, "made with space="),
        ({"build": Knob, "space": {"quality": [0.1]}}, "made with build=knn, not Knob"),
    ):
        arguments = {"build": knn, "split": split, "space": KNN, "trials": 1, "progress": False}
        with pytest.raises(ValueError, match=message):
            tune(**{**arguments, "storage": journal, **changed})  # type: ignore[arg-type]
    for content in ("neither\nJSON\n", "[1]\n[2]\n"):
        (tmp_path / "other").write_text(content)
        with pytest.raises(ValueError, match=r"'.*other' is not a journal written by tune"):
            tune(knn, split, KNN, trials=1, storage=tmp_path / "other", progress=False)


def builds(depth: int) -> dict[str, Any]:
    """Ways to write down a build, of which none has another name for another depth."""

    class Builder:
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def __call__(self, split: Split, neighbours: int) -> models.ItemKNN:
            return models.ItemKNN(split.train, neighbours + self.depth)

    def build(split: Split, neighbours: int) -> models.ItemKNN:
        return models.ItemKNN(split.train, neighbours + depth)

    def given(split: Split, neighbours: int, depth: int = depth) -> models.ItemKNN:
        return models.ItemKNN(split.train, neighbours + depth)

    known = {"models": models}
    exec(f"def redefined(split, neighbours): return models.ItemKNN(split.train, {depth})", known)
    return {
        "redefined": known["redefined"],
        "closure": build,
        "lambda": lambda split, neighbours: models.ItemKNN(split.train, neighbours + depth),
        "partial": functools.partial(given, depth=depth),
        "default": given,
        "instance": Builder(depth),
        "method": Builder(depth).__call__,
    }


@pytest.mark.parametrize("kind", builds(1))
def test_a_journal_of_another_build_is_refused(tmp_path: Path, kind: str) -> None:
    split, space = small_split(), {"neighbours": Between(1, 9)}
    arguments: dict[str, Any] = {"storage": tmp_path / "it", "k": 3, "progress": False}
    first = tune(builds(1)[kind], split, space, trials=2, **arguments)
    with pytest.raises(ValueError, match=r"was made with build\.digest=\w+, not \w+: use the same"):
        tune(builds(2)[kind], split, space, trials=3, **arguments)
    resumed = tune(builds(1)[kind], split, space, trials=3, **arguments)  # a cell that is run again
    pd.testing.assert_frame_equal(tried(resumed)[:2], tried(first))


def test_a_journal_that_notes_no_code_is_refused(tmp_path: Path) -> None:
    """As those were that were written before there were digests."""
    split, journal = small_split(), tmp_path / "journal"
    tune(knn, split, KNN, trials=1, storage=journal, progress=False)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        line.get("user_attr", {}).get("made_with", {}).pop("build.digest", None)
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    message = r"was made by an earlier version, which noted no build\.digest .*: use another path\."
    with pytest.raises(ValueError, match=message):
        tune(knn, split, KNN, trials=1, storage=journal, progress=False)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    split, journal = small_split(), tmp_path / "journal"
    space = {"neighbours": Between(np.int64(1), np.int64(15)), "shrink": [np.float32(0.5), 2.0]}
    seed, k = np.int64(3), np.int64(3)
    found = tune(knn, split, space, np.int64(4), seed=seed, k=k, storage=journal, progress=False)
    assert {type(one["neighbours"]) for one in found.settings} == {int}
    assert {type(one["shrink"]) for one in found.settings} == {float}
    plain = {"neighbours": Between(1, 15), "shrink": [0.5, 2.0]}
    same = tune(knn, split, plain, 4, seed=3, k=3, storage=journal, progress=False)
    pd.testing.assert_frame_equal(same.to_frame(), found.to_frame())
    chosen = tune(knn, split, {"neighbours": [np.int64(5)], "shrink": (0.0,)}, 1, progress=False)
    assert chosen.best == {"neighbours": 5, "shrink": 0.0}


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (("1", 3), "`low` must be a number"),
        ((1, "3"), "`high` must be a number"),
        ((1, None), "`high` must be a number"),
        ((False, True), "`low` must be a number"),
        ((0.0, np.inf), "`high` must be a number"),
        ((np.nan, 1), "`low` must be a number"),
        ((np.int64(3), np.int64(3)), "`low` must be below `high`"),
    ],
)
def test_ends_are_numbers(ends: tuple[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Between(*ends)


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"gnnrec-helpers\[tuning\]"):
        tune(knn, small_split(), KNN)


# ---------------------------------------------------------------------- what the reader sees
def test_it_says_what_it_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GNNREC_PROGRESS", raising=False)
    before = optuna.logging.get_verbosity()
    found = Tuning("recall@20", [{"a": 1}, {"a": 0.12345}], [0.1, 0.25], [1.0, 2.2], Knob)
    assert repr(found) == (
        "Tuning(2 trials in 3 s; best validation recall@20 0.2500 in trial 2: a=0.1235; "
        ".to_frame() lists all, .refit(split) builds the best once more)"
    )
    tune(knn, small_split(), KNN, trials=2, k=3)
    shown = capsys.readouterr()
    assert "2/2" in shown.err
    assert "best recall@3=0." in shown.err
    assert "study" not in shown.err
    assert optuna.logging.get_verbosity() == before
