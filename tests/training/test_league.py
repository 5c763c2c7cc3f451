"""The league: equal budgets, test looked at last, the same in one go or in many."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tables import interactions
from torch import Tensor

from gnnrec_helpers import (
    BPR,
    CONTENDERS,
    Between,
    History,
    Interactions,
    League,
    Split,
    compare,
    evaluate,
    fit,
    league,
    models,
    recommend,
    tune,
)
from gnnrec_helpers.models import files
from gnnrec_helpers.training.fair_start import USE_WEIGHTS

QUIET = {"k": 3, "progress": False}
KNN = {"neighbours": Between(1, 15), "shrink": Between(0.0, 20.0)}
TIMED = ["fit, s", "tuning, s"]


class Alarm:
    """Raises KeyboardInterrupt at the step of the given number; 0: never."""

    def __init__(self, left: int = 0) -> None:
        self.left = left

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


ALARM = Alarm()


def knn(split: Split, neighbours: int, shrink: float) -> models.ItemKNN:
    ALARM.step()
    return models.ItemKNN(split.train, neighbours, shrink)


def ease(split: Split, regularization: float) -> models.EASE:
    return models.EASE(split.train, regularization)


def popular(split: Split) -> models.Popularity:
    ALARM.step()
    return models.Popularity(split.train)


def factors(
    split: Split, lr: float, seed: int = 0, epochs: int = 12
) -> tuple[models.MatrixFactorization, History]:
    ALARM.step()
    model = models.MatrixFactorization(split.train, dim=4, seed=seed)
    history = fit(
        model, split, lr=lr, epochs=epochs, objective=BPR(), k=3, patience=3, seed=seed,
        schedule="constant", progress=False,
    )  # fmt: skip
    return model, history


THREE: dict[str, Any] = {
    "knn": (knn, KNN),
    "popular": (popular, {}),
    "factors": (factors, {"lr": Between(0.01, 0.3, log=True)}),
}


def small_split(seed: int = 0) -> Split:
    generator = np.random.default_rng(seed)
    taste = generator.random((40, 4)) @ generator.random((4, 25))
    likes = (taste > np.quantile(taste, 0.7)).astype(float)
    return interactions(likes).split(test=0.2, validation=0.2, seed=0)


def lasting(found: League) -> pd.DataFrame:
    """All that should be equal in two runs: seconds are not."""
    return found.to_frame().drop(columns=TIMED)


def counted(build: Callable[..., Any], calls: list[str], name: str) -> Callable[..., Any]:
    """`build`, which notes in `calls` that it was called."""

    @functools.wraps(build)
    def noting(split: Split, **settings: Any) -> Any:
        calls.append(name)
        return build(split, **settings)

    return noting


# ---------------------------------------------------------------------- budgets
def test_every_model_has_as_many_trials() -> None:
    calls: list[str] = []
    both = {
        name: (counted(build, calls, name), space)
        for name, build, space in (
            ("knn", knn, KNN),
            ("popular", popular, {}),
            ("ease", ease, {"regularization": Between(0.1, 100.0, log=True)}),
        )
    }
    found = league(small_split(), both, trials=7, **QUIET)
    # once more to be judged; what has nothing to tune is tried once
    assert Counter(calls) == {"knn": 8, "ease": 8, "popular": 2}
    assert calls[-3:] == ["knn", "popular", "ease"]
    assert {name: len(t.values) for name, t in found.tunings.items()} == {
        "knn": 7, "popular": 1, "ease": 7,
    }  # fmt: skip


def test_it_tries_what_tune_tries() -> None:
    split = small_split()
    found = league(split, THREE, trials=5, seed=2, metric="ndcg", **QUIET)
    alone = tune(knn, split, KNN, 5, seed=2, metric="ndcg", **QUIET)
    pd.testing.assert_frame_equal(
        found.tunings["knn"].to_frame().drop(columns="seconds"),
        alone.to_frame().drop(columns="seconds"),
    )
    assert found.settings["knn"] == alone.best
    assert found.settings["popular"] == {}
    assert found.validation["knn"] == alone.value
    on_validation = evaluate(popular(split), split, 3, part="validation")["ndcg@3"]
    assert found.validation["popular"] == on_validation
    assert evaluate(alone.refit(split), split, 3)["recall@3"] == found.to_frame().loc[
        "knn", "recall@3"
    ]  # fmt: skip


# ---------------------------------------------------------------------- test
class OnlyLength:
    """Says how many pairs there are, and nothing of them."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length


class Late(Split):
    """A split that notes how many models had been built when its test part was asked for."""

    def __init__(self, split: Split, calls: list[str]) -> None:
        object.__setattr__(self, "train", split.train)
        object.__setattr__(self, "validation", split.validation)
        object.__setattr__(self, "hidden", split.test)
        object.__setattr__(self, "calls", calls)
        object.__setattr__(self, "asked", [])

    @property
    def test(self) -> Interactions | OnlyLength:  # type: ignore[override]
        if not self.calls:  # before any work it is asked whether there is one, and nothing else
            return OnlyLength(len(self.hidden))
        self.asked.append(len(self.calls))
        return self.hidden


def test_the_test_part_is_looked_at_when_all_is_chosen(tmp_path: Path) -> None:
    split, calls = small_split(), []
    empty: list[bool] = []

    def noting(build: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(build)
        def built(split: Split, **settings: Any) -> Any:
            calls.append("built")
            empty.append(len(split.test) == 0)
            return build(split, **settings)

        return built

    three = {name: (noting(build), space) for name, (build, space) in THREE.items()}
    late = Late(split, calls)
    found = league(late, three, trials=4, storage=tmp_path / "league", **QUIET)
    assert min(late.asked) > 4 + 1 + 4  # the first of those that are judged has been built
    assert empty == [True] * (9 + 3)
    pd.testing.assert_frame_equal(lasting(found), lasting(league(split, THREE, trials=4, **QUIET)))
    # another test part changes what is measured, and nothing that is chosen
    known = split.without_validation().train
    garbage = interactions(np.random.default_rng(1).random((40, 25)).round())
    has_train = split.train.user_degrees()[garbage.user_index] > 0
    garbage = garbage.select(has_train & ~known.contains(garbage.user_index, garbage.item_index))
    other = league(Split(split.train, split.validation, garbage), THREE, trials=4, **QUIET)
    assert (other.settings, other.validation) == (found.settings, found.validation)
    assert (other.best, other.baseline) == (found.best, found.baseline)
    assert not lasting(other).equals(lasting(found))


def test_the_numbers_are_those_of_evaluate_and_compare() -> None:
    split = small_split()
    found = league(split, THREE, trials=4, metric="mrr", baseline="knn", **QUIET)
    table = found.to_frame()
    built = {
        "knn": knn(split, **found.settings["knn"]),
        "popular": popular(split),
        "factors": factors(split, **found.settings["factors"])[0],
    }
    for name, model in built.items():
        metrics = evaluate(model, split, 3, metrics=("recall", "ndcg", "mrr"))
        assert {m: table.loc[name, m] for m in metrics} == metrics
    compared = compare(built, split, k=3, baseline="knn")
    pd.testing.assert_frame_equal(table.loc[list(built), compared.columns], compared)
    order = sorted(found.validation, key=found.validation.__getitem__, reverse=True)
    assert table.index.tolist() == order
    assert table["validation mrr@3"].to_dict() == found.validation
    assert found.best == order[0]
    assert (table[TIMED] > 0).all(axis=None)


def test_the_size_is_that_of_the_saved_model(tmp_path: Path) -> None:
    split = small_split()
    found = league(split, {"popular": (popular, {}), "own": (Best, {})}, **QUIET)
    popular(split).save(tmp_path / "model")
    sizes = found.to_frame()["size, MB"]
    assert sizes["popular"] == (tmp_path / "model").stat().st_size / 1e6
    assert np.isnan(sizes["own"])


class Best:
    """A model that knows what validation asks for, and cannot be saved."""

    def __init__(self, split: Split, blur: float = 0.0) -> None:
        asked = split.validation if split.validation is not None else split.train
        noise = np.random.default_rng(0).random((asked.num_users, asked.num_items))
        self.scores = torch.from_numpy((1 - blur) * asked.to_csr().toarray() + blur * noise)

    def score(self, users: Tensor) -> Tensor:
        return self.scores[users]


def test_the_baseline_is_the_best_that_is_not_trained() -> None:
    split = small_split()
    found = league(split, THREE, trials=4, **QUIET)
    assert found.baseline == max(("knn", "popular"), key=found.validation.__getitem__)
    assert found.to_frame()["Δ recall@3"][found.baseline] == 0
    noise = {"noise": (noisy, {}), "factors": THREE["factors"]}
    found = league(split, noise, trials=4, **QUIET)
    assert (found.baseline, found.best) == ("noise", "factors")
    only = league(split, {"factors": THREE["factors"]}, trials=2, **QUIET)
    assert only.baseline == "factors"


def noisy(split: Split) -> Best:
    return Best(split, 1.0)


# ---------------------------------------------------------------------- interruptions
def test_interrupted_at_any_model_and_resumed(tmp_path: Path) -> None:
    split = small_split()
    arguments: dict[str, Any] = {"trials": 12, "seed": 3, **QUIET}
    whole = league(split, THREE, **arguments)
    scores = whole.choose().score(torch.arange(40))
    builds, interruptions = 2 * 12 + 1 + 3, 0
    # each call survives three models more and is interrupted at the fourth
    while True:
        ALARM.left = 4
        try:
            resumed = league(split, THREE, storage=tmp_path, **arguments)
        except KeyboardInterrupt:
            interruptions += 1
        else:
            break
    assert interruptions == (builds - 1) // 3
    pd.testing.assert_frame_equal(lasting(resumed), lasting(whole))
    assert resumed.settings == whole.settings
    assert torch.equal(resumed.choose().score(torch.arange(40)), scores)
    # nothing is built again
    ALARM.left = 1
    again = league(split, THREE, storage=tmp_path, **arguments)
    ALARM.left = 0
    pd.testing.assert_frame_equal(again.to_frame(), resumed.to_frame())
    assert not lasting(league(split, THREE, **{**arguments, "seed": 4})).equals(lasting(whole))


def test_interrupted_while_a_file_is_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = small_split()
    arguments: dict[str, Any] = {"trials": 2, **QUIET}
    whole = lasting(league(split, THREE, **arguments))
    files = 5  # the league, a trial, three results
    for number, after in ((n, a) for n in range(1, files + 1) for a in (False, True)):
        folder = tmp_path / f"{number}{after}"
        interrupting = Alarm(number)
        moved = os.replace

        def torn(source: Any, target: Any, after: bool = after, moved: Any = moved,
                 interrupting: Alarm = interrupting) -> None:  # fmt: skip
            if after:
                moved(source, target)
            interrupting.step()
            if not after:
                moved(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", torn)
            with pytest.raises(KeyboardInterrupt):
                league(split, THREE, storage=folder, **arguments)
        assert not list(folder.glob("*.part"))
        resumed = league(split, THREE, storage=folder, **arguments)
        pd.testing.assert_frame_equal(lasting(resumed), whole)


def test_models_may_be_added_to_a_folder(tmp_path: Path) -> None:
    split = small_split()
    arguments: dict[str, Any] = {"trials": 3, "storage": tmp_path, **QUIET}
    league(split, {name: THREE[name] for name in ("popular", "knn")}, **arguments)
    odd = {**THREE, "a/b: 1.5 %": (ease, {"regularization": [1.0, 10.0]})}
    more = league(split, odd, **arguments)
    pd.testing.assert_frame_equal(lasting(more), lasting(league(split, odd, trials=3, **QUIET)))


def contents(folder: Path) -> dict[Path, bytes]:
    """What is in its files, except that Optuna notes every opening in the journals."""
    paths = {path: path.read_bytes() for path in folder.iterdir()}
    return {path: b"" if path.suffix == ".journal" else found for path, found in paths.items()}


@pytest.mark.parametrize("judged", [False, True])
def test_a_folder_of_another_league_is_refused(tmp_path: Path, judged: bool) -> None:
    split = small_split()
    arguments: dict[str, Any] = {"trials": 2, **QUIET}
    if judged:
        league(split, THREE, storage=tmp_path, **arguments)
    else:
        ALARM.left = 2
        with pytest.raises(KeyboardInterrupt):
            league(split, THREE, storage=tmp_path, **arguments)
    kept = contents(tmp_path)
    for changed, message in (
        ({"seed": 1}, "made with seed=0, not 1: use the same, or another folder"),
        ({"trials": 3}, "made with trials=2, not 3"),
        ({"k": 4}, "made with metric=recall@3, not recall@4"),
        ({"metric": "ndcg"}, "made with metric=recall@3, not ndcg@3"),
        ({"split": small_split(1)}, "made with train="),
    ):
        with pytest.raises(ValueError, match=message):
            league(**{"split": split, "models": THREE, "storage": tmp_path, **arguments, **changed})
    other = Split(split.train, split.test, split.validation)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="made with validation="):
        league(other, THREE, storage=tmp_path, **arguments)
    if judged:
        fewer = split.test.select(np.arange(len(split.test)) > 0)
        with pytest.raises(ValueError, match="made with test="):
            league(Split(split.train, split.validation, fewer), THREE, storage=tmp_path,
                   **arguments)  # fmt: skip
    narrower = {**THREE, "knn": (knn, {**KNN, "shrink": [0.0]})}
    with pytest.raises(ValueError, match="made with space="):
        league(split, narrower, storage=tmp_path, **arguments)
    assert contents(tmp_path) == kept


def one_of(kind: str, depth: int) -> dict[str, Any]:
    """A model whose build has the same name for every depth."""

    def tuned(split: Split, neighbours: int) -> models.ItemKNN:
        return models.ItemKNN(split.train, neighbours + depth)

    def untuned(split: Split) -> models.ItemKNN:
        return models.ItemKNN(split.train, depth)

    return {"one": (tuned, {"neighbours": [1, 2]}) if kind == "tuned" else (untuned, {})}


@pytest.mark.parametrize("kind", ["tuned", "untuned"])
@pytest.mark.parametrize("judged", [False, True])
def test_a_folder_of_another_build_is_refused(tmp_path: Path, kind: str, judged: bool) -> None:
    split = small_split()
    arguments: dict[str, Any] = {"trials": 2, "storage": tmp_path, **QUIET}
    found = league(split, one_of(kind, 1), **arguments)
    if not judged:
        (tmp_path / "one.test.safetensors").unlink()
    with pytest.raises(ValueError, match=r"was made with build\.digest=\w+, not \w+: use the same"):
        league(split, one_of(kind, 2), **arguments)
    again = league(split, one_of(kind, 1), **arguments)  # a cell that is run again
    pd.testing.assert_frame_equal(lasting(again), lasting(found))


@pytest.mark.parametrize("name", ["one.test.safetensors", "one.trial.safetensors"])
def test_a_folder_that_notes_no_code_is_refused(tmp_path: Path, name: str) -> None:
    """As those were that were written before there were digests."""
    split = small_split()
    arguments: dict[str, Any] = {"storage": tmp_path, **QUIET}
    league(split, one_of("untuned", 1), **arguments)
    story, tensors = files.read(tmp_path / name, "a result", lambda _: True)
    story.get("judged", story).pop("made_with")
    files.write(tmp_path / name, story, tensors)
    if "trial" in name:
        (tmp_path / "one.test.safetensors").unlink()
    with pytest.raises(ValueError, match=r"by an earlier version, .*: use another folder\."):
        league(split, one_of("untuned", 1), **arguments)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    split = small_split()
    space = {"neighbours": Between(np.int64(1), np.int64(15)), "shrink": [np.float64(1.0)]}
    arguments: dict[str, Any] = {"storage": tmp_path, "k": np.int64(3), "progress": False}
    found = league(split, {"knn": (knn, space)}, trials=np.int64(2), seed=np.int64(1), **arguments)
    plain = {"knn": (knn, {"neighbours": Between(1, 15), "shrink": [1.0]})}
    again = league(split, plain, trials=2, seed=1, **arguments)
    pd.testing.assert_frame_equal(again.to_frame(), found.to_frame())
    assert all(type(value) is not np.int64 for value in found.settings["knn"].values())
    larger = {"own": (lambda split, x: Best(split, 1 / x), {"x": [np.int64(1), np.int64(3)]})}
    assert league(split, larger, trials=6, **QUIET).edges == {"own": ["x"]}


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(ValueError, match=r"notes.txt' is a file: a folder is needed"):
        league(small_split(), THREE, storage=path, **QUIET)
    (tmp_path / "league.safetensors").write_text("mine")
    with pytest.raises(ValueError, match=r"league.safetensors' is not the record of a league"):
        league(small_split(), THREE, storage=tmp_path, **QUIET)
    assert (tmp_path / "league.safetensors").read_text() == "mine"


def test_settings_that_test_did_not_see_are_refused(tmp_path: Path) -> None:
    split = small_split()
    arguments: dict[str, Any] = {"trials": 2, "storage": tmp_path, **QUIET}
    league(split, {"knn": THREE["knn"]}, **arguments)
    (tmp_path / "knn.journal").unlink()
    other = {"knn": (knn, {"neighbours": [4], "shrink": [1.5]})}
    with pytest.raises(ValueError, match=r"'knn' was reached with neighbours=.*, and now "
                                         r"neighbours=4, shrink=1\.5 was chosen"):  # fmt: skip
        league(split, other, **arguments)


# ---------------------------------------------------------------------- the one that is chosen
def test_the_chosen_model_learns_from_everything() -> None:
    split, everything = small_split(), []

    def built(split: Split, **settings: float) -> Any:
        everything.append((split, settings))
        return factors(split, **settings)

    def own(split: Split, lr: float, seed: int = 0, epochs: int = 12) -> Any:
        return built(split, lr=lr, seed=seed, epochs=epochs)

    found = league(
        split,
        {"noise": (noisy, {}), "own": (own, THREE["factors"][1])},
        trials=3,
        seed=5,
        **QUIET,
    )
    assert found.best == "own"
    model = found.choose()
    last, settings = everything[-1]
    _, history = factors(split, **found.settings["own"], seed=5)
    assert settings == {**found.settings["own"], "seed": 5, "epochs": history.best_epoch}
    assert 0 < history.best_epoch < len(history.epochs)
    assert found.to_frame().loc["own", "epochs"] == history.best_epoch
    pairs = {
        (user, item)
        for part in (split.train, split.validation, split.test)
        for user, item in zip(part.user_index.tolist(), part.item_index.tolist(), strict=True)
    }
    train = last.train
    assert set(zip(train.user_index.tolist(), train.item_index.tolist(), strict=True)) == pairs
    assert (last.validation, len(last.test), len(train)) == (None, 0, len(pairs))
    again, refitted = factors(last, **settings)
    assert len(refitted.epochs) == history.best_epoch
    assert torch.equal(model.score(torch.arange(40)), again.score(torch.arange(40)))
    lists = recommend(model, users=[7], k=5)
    assert len(lists) == 5
    assert not set(lists["item"]) & {item for user, item in pairs if user == 7}


def test_validation_chooses_although_test_would_not() -> None:
    split = small_split()
    found = league(split, {"popular": (popular, {}), "leaky": (Best, {})}, **QUIET)
    table = found.to_frame()
    assert table["recall@3"].idxmax() == "popular"
    assert found.best == "leaky"
    assert isinstance(found.choose(), Best)
    equal = league(split, {"first": (noisy, {}), "second": (noisy, {})}, **QUIET)
    assert equal.best == equal.to_frame().index[0] == "first"


def test_a_trained_model_that_does_not_say_how_long_is_warned_of() -> None:
    def silent(split: Split, lr: float) -> models.MatrixFactorization:
        return factors(split, lr)[0]

    found = league(small_split(), {"silent": (silent, {"lr": [0.1]})}, trials=1, **QUIET)
    assert found.to_frame()["epochs"].isna().all()
    with pytest.warns(UserWarning, match=r"silent was trained .* answer \(model, history\)"):
        found.choose()


def test_an_end_of_the_epochs_is_told() -> None:
    def short(split: Split, lr: float, epochs: int = 2) -> Any:
        return factors(split, lr, epochs=epochs)

    def long(split: Split, lr: float, epochs: int = 500) -> Any:
        return factors(split, lr, epochs=epochs)

    both = {
        "long": (long, {"lr": [0.03]}),
        "short": (short, {"lr": [0.03]}),
        "popular": (popular, {}),
    }
    found = league(small_split(), both, trials=2, **QUIET)
    table = found.to_frame()
    capped = table["cap hit"]
    assert (capped["long"], capped["short"], capped["popular"]) == (False, True, pd.NA)
    assert table.loc["short", "epochs"] <= 2
    assert "had no epochs left: short;" in repr(found)


# ---------------------------------------------------------------------- edges
def chosen(space: Any, **settings: object) -> list[str]:
    """`edges` where validation preferred these settings."""

    def build(split: Split, **tried: object) -> Best:
        return Best(split, 0.0 if tried == settings else 1.0)

    found = league(
        small_split(), {"one": (build, {name: [value] for name, value in settings.items()})},
        trials=1, **QUIET,
    )  # fmt: skip
    assert found.settings == {"one": settings}
    entry = found._entries["one"]
    object.__setattr__(entry, "space", space)  # as if this had been searched
    return found.edges.get("one", [])


@pytest.mark.parametrize(
    ("tried", "value", "is_edge"),
    [
        (Between(10.0, 110.0), 15.0, True),
        (Between(10.0, 110.0), 15.1, False),
        (Between(10.0, 110.0), 104.9, False),
        (Between(10.0, 110.0), 105.0, True),
        (Between(1e-4, 1.0, log=True), 1.4e-4, True),  # 1e-4 ** 0.95 is 1.58e-4
        (Between(1e-4, 1.0, log=True), 1.6e-4, False),
        (Between(1e-4, 1.0, log=True), 0.6, False),
        (Between(1e-4, 1.0, log=True), 0.64, True),
        (Between(0.0, 100.0), 0.0, False),  # there is nothing below
        (Between(0.0, 100.0), 96.0, True),
        (Between(-1.0, 0.0), -0.01, True),
        (Between(1, 500, log=True), 1, False),
        (Between(1.0, 500.0, log=True), 1.0, True),
        (Between(2, 500, log=True), 2, True),
        ([1, 2, 3], 1, False),
        ([1, 2, 3], 2, False),
        ([1, 2, 3], 3, True),
        ([32, 16, 64], 16, True),
        ([32, 16, 64], 32, False),
        ([0.0, 0.5], 0.5, True),
        ([5], 5, False),  # nothing was tried beside it
        ([None, 1, 2], 2, False),
        (["a", "b"], "b", False),
        ([False, True], True, False),
    ],
)
def test_the_edge_of_a_space(tried: Any, value: object, is_edge: bool) -> None:
    assert chosen({"x": tried}, x=value) == (["x"] if is_edge else [])


def test_a_setting_at_the_edge_is_told() -> None:
    # the less blur the better, and less than was allowed would be better still
    space = {"blur": Between(0.3, 0.9), "other": [1, 2, 3]}

    def build(split: Split, blur: float, other: int) -> Best:
        return Best(split, blur)

    found = league(
        small_split(), {"own": (build, space), "popular": (popular, {})}, trials=25, **QUIET
    )
    assert found.settings["own"]["blur"] < 0.5
    settings = found.settings["own"]
    names = ["blur"] * (settings["blur"] <= 0.33) + ["other"] * (settings["other"] == 3)
    assert found.edges == ({"own": names} if names else {})
    assert found.to_frame()["at the edge"].to_dict() == {"own": ", ".join(names), "popular": ""}
    told = f"at the edge of the space, so widen it: own: {', '.join(names)};"
    assert (told in repr(found)) == bool(names)


# ---------------------------------------------------------------------- what comes with it
def test_all_contenders_run_and_can_be_chosen() -> None:
    split = small_split()
    found = league(split, trials=1, **QUIET)
    table = found.to_frame()
    assert set(table.index) == set(CONTENDERS)
    trained = {"MF", "LightGCN"}
    assert set(table.index[table["epochs"].notna()]) == trained
    assert table[["recall@3", "validation recall@3", "size, MB"]].notna().all(axis=None)
    for name, (build, space) in CONTENDERS.items():
        alone = league(split, [name], trials=1, **QUIET)
        pd.testing.assert_series_equal(
            alone.to_frame().loc[name, ["recall@3", "ndcg@3", "settings"]],
            table.loc[name, ["recall@3", "ndcg@3", "settings"]],
        )
        assert len(recommend(alone.choose(), users=[2], k=2)) == 2
        assert callable(build)
        assert set(found.settings[name]) == set(space)


def test_ones_own_beside_the_contenders() -> None:
    both = {"EASE": CONTENDERS["EASE"], "mine": (knn, KNN)}
    found = league(small_split(), both, trials=2, **QUIET)
    assert set(found.to_frame().index) == {"EASE", "mine"}


def with_column(split: Split, name: str) -> Split:
    """The split with a rating or a weight of 4.5 for each pair."""
    parts = (split.train, split.validation, split.test)
    return Split(*(replace(p, **{name: np.full(len(p), 4.5)}) for p in parts if p is not None))


def test_ratings_are_warned_of_once() -> None:
    split, names = small_split(), ["popularity", "EASE", "ItemKNN"]
    rated = with_column(split, "rating")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = league(rated, names, trials=2, **QUIET)
        assert len(caught) == 1
        found.choose()
    (warning,) = caught
    assert "do not use the ratings" in str(warning.message)
    assert "Interactions.binarize(threshold)" in str(warning.message)
    assert warning.filename == __file__
    same = league(split, names, trials=2, **QUIET)
    columns = ["recall@3", "validation recall@3", "settings"]
    pd.testing.assert_frame_equal(found.to_frame()[columns], same.to_frame()[columns])
    league(rated, {"own": (Best, {})}, **QUIET)  # no warning, which would be an error


def test_weights_that_some_models_do_not_use_are_warned_of_once() -> None:
    weighted = with_column(small_split(), "weight")
    with pytest.warns(UserWarning, match="only iALS and LightGCN use the weights") as caught:
        league(weighted, trials=1, **QUIET)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    league(weighted, USE_WEIGHTS, trials=1, **QUIET)
    for name, (build, space) in CONTENDERS.items():
        settings = {key: values.high for key, values in space.items()}  # type: ignore[union-attr]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            build(weighted, **settings)
        assert (len(caught) == 0) == (name in USE_WEIGHTS), name


def test_what_it_says(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GNNREC_PROGRESS", raising=False)
    found = league(small_split(), {"popular": (popular, {}), "own": (Best, {})}, trials=12, k=3)
    shown = capsys.readouterr().err
    assert "tuning popular" in shown
    assert "judging own" in shown
    table = found.to_frame()
    row = table.loc["own"]
    assert repr(found) == (
        "League(2 models, 12 trials each; validation prefers own "
        f"(recall@3 {row['validation recall@3']:.4f}; "
        f"on test {row['recall@3']:.4f} ± {row['± recall@3']:.4f}); "
        ".to_frame() is the table, .choose() builds own from everything)"
    )
    page = found._repr_html_()
    assert page.startswith("<p>League(2 models")
    assert "<th>popular</th>" in page
    against = repr(league(small_split(), {"popular": (popular, {}), "own": (Best, {})},
                          baseline="popular", **QUIET))  # fmt: skip
    assert f", {table.loc['own', 'recall@3'] - table.loc['popular', 'recall@3']:+.4f} ±" in against
    assert " against popular)" in against


# ---------------------------------------------------------------------- bad input
def test_what_cannot_be_is_refused_before_any_work(toy: Interactions) -> None:
    split, calls = small_split(), []
    first = (counted(popular, calls, "first"), {})

    def refused(error: type[Exception], message: str, **changed: Any) -> None:
        arguments = {"split": split, "models": {"first": first}, **QUIET}
        with pytest.raises(error, match=message):
            league(**{**arguments, **changed})

    refused(TypeError, "needs a Split, not Interactions", split=split.train)
    refused(ValueError, "no validation part", split=split.without_validation())
    none = split.train.select(np.zeros(0, np.int64))
    refused(ValueError, "validation part of the split is empty",
            split=Split(split.train, none, split.test))  # fmt: skip
    refused(ValueError, "test part of the split is empty",
            split=Split(split.train, split.validation, none))  # fmt: skip
    refused(ValueError, "trials=0: at least 1", trials=0)
    refused(ValueError, "seed=-1: at least 0", seed=-1)
    refused(TypeError, "k='3': a whole number", k="3")
    refused(ValueError, "No metric 'auc'; there are recall, ndcg", metric="auc")
    refused(ValueError, "baseline='EASE': choose one of 'first'", baseline="EASE")
    refused(ValueError, "No model 'SVD'; there are popularity, ItemKNN", models=["EASE", "SVD"])
    refused(TypeError, "models='EASE': a list of names, or a mapping", models="EASE")
    refused(TypeError, "models=3: a list of names, or a mapping", models=3)
    refused(ValueError, "`models` is empty", models={})
    refused(ValueError, "`models` is empty", models=[])
    for wrong in (popular, (popular,), (3, {}), (popular, None), [popular, {}]):
        refused(TypeError, r"models\['second'\] must be \(build, space\)",
                models={"first": first, "second": wrong})  # fmt: skip
    refused(TypeError, "unexpected keyword argument 'lr'",
            models={"first": first, "second": (knn, {**KNN, "lr": [1]})})  # fmt: skip
    refused(ValueError, r"space\['shrink'\] is 3: a Between, or a list",
            models={"first": first, "second": (knn, {"neighbours": [1], "shrink": 3})})  # fmt: skip
    assert calls == []


def test_an_error_says_which_model_it_came_from() -> None:
    def nothing(split: Split) -> None:
        return None

    def no_epochs(split: Split) -> Any:
        return factors(split, 0.1)

    def not_a_number(split: Split) -> None:
        raise FloatingPointError("The loss became NaN")

    for build, error, message in (
        (nothing, TypeError, r"answered NoneType: a model with `score`, or \(model, history\)"),
        (no_epochs, TypeError, "must have an argument `epochs`"),
        (not_a_number, FloatingPointError, "NaN"),
    ):
        with pytest.raises(error, match=message) as raised:
            league(small_split(), {"own": (build, {})}, **QUIET)
        assert raised.value.__notes__ == [
            "This came from 'own' in the league; models= can leave it out."
        ]


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"gnnrec-helpers\[tuning\]"):
        league(small_split(), THREE, **QUIET)


def test_a_name_is_text(tmp_path: Path) -> None:
    knn = (lambda split: models.ItemKNN(split.train), {})
    with pytest.raises(TypeError, match="models has the name 1: text is needed"):
        league(small_split(), {1: knn}, storage=tmp_path, **QUIET)  # type: ignore[dict-item]


def test_what_choose_cannot_repeat_is_told() -> None:
    """The settings that `fit` finds on validation by itself."""

    def build(split: Split, schedule: str, seed: int = 0, epochs: int = 30) -> Any:
        model = models.LightGCN(split.train, 4, seed=seed)
        return model, fit(
            model, split, epochs=epochs, patience=1, schedule=schedule, progress=False
        )  # type: ignore[arg-type]

    with pytest.warns(UserWarning, match=r"tried more settings than its first ones.*\"constant\""):
        league(small_split(), {"mine": (build, {"schedule": ["plateau"]})}, trials=1, **QUIET)
    league(small_split(), {"mine": (build, {"schedule": ["constant"]})}, trials=1, **QUIET)
