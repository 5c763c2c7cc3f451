"""From a notebook, or by one command: started, followed, killed, started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from killed import Trainings
from processes import split

import gnnrec_helpers
from gnnrec_helpers import (
    BPR,
    History,
    Interactions,
    SampledSoftmax,
    Split,
    datasets,
    distributed,
    fit,
    models,
)
from gnnrec_helpers.distributed import __main__ as command
from gnnrec_helpers.distributed import starting
from gnnrec_helpers.distributed.__main__ import (
    _check_effect,
    _split,
    _without_effect,
    main,
    parser,
)
from gnnrec_helpers.distributed.checkpoints import Checkpoints
from gnnrec_helpers.distributed.settings import Settings
from gnnrec_helpers.distributed.starting import made_with_of

SETTINGS: dict[str, Any] = {
    "epochs": 30, "batch_size": 40, "lr": 0.02, "objective": SampledSoftmax(12), "progress": False,
}  # fmt: skip


def built(seed: int = 0) -> models.LightGCN:
    return models.LightGCN(split().train, 6, 2, seed=seed)


def table(model: models.MatrixFactorization) -> torch.Tensor:
    return model.nodes.weight.detach()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[models.LightGCN, History, Path]:
    """What two processes end with if nobody disturbs them, and their checkpoints."""
    model = built()
    folder = tmp_path_factory.mktemp("whole") / "checkpoints"
    history = distributed.fit(model, split(), checkpoint=folder, patience=None, **SETTINGS)
    return model, history, folder


def test_it_trains_as_on_one_process(whole: tuple[models.LightGCN, History, Path]) -> None:
    model, history, _ = whole
    alone = built()
    expected = fit(alone, split(), patience=None, **SETTINGS)
    np.testing.assert_allclose(history.losses, expected.losses, rtol=1e-5)
    assert history.best_epoch == expected.best_epoch
    assert history.best == expected.best
    torch.testing.assert_close(table(model), table(alone), atol=1e-4, rtol=1e-4)
    assert not model.training


@pytest.mark.parametrize(("progress", "shown"), [(None, False), (True, True)])
def test_the_bar_can_be_switched_off_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, progress: bool | None, shown: bool
) -> None:
    def bar(*, disable: bool, **_: Any) -> None:
        raise InterruptedError("hidden" if disable else "shown")

    monkeypatch.setattr(starting, "tqdm", bar)
    monkeypatch.setenv("GNNREC_PROGRESS", "0")
    with pytest.raises(InterruptedError, match="shown" if shown else "hidden"):
        distributed.fit(built(), split(), **{**SETTINGS, "progress": progress})


def test_a_training_that_is_done_is_only_read(
    whole: tuple[models.LightGCN, History, Path],
) -> None:
    """By another number of processes, also."""
    model, history, folder = whole
    again = built()
    read = distributed.fit(
        again, split(), checkpoint=folder, patience=None, **SETTINGS, processes=3
    )
    assert read == history
    assert torch.equal(table(again), table(model))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into processes and kills them")
def test_killed_processes_cost_nothing(
    whole: tuple[models.LightGCN, History, Path], tmp_path: Path
) -> None:
    """All start again from the last checkpoint and end with the same table, to the last bit.

    ``python -m tests.distributed.killed`` kills more often, by rows as well.
    """
    trainings = Trainings(built, split(), SETTINGS)
    trainings.table, trainings.history = table(whole[0]), whole[1]
    generator = np.random.default_rng()
    steps = np.sort(generator.integers(1, 60, 2)).tolist()
    killer = trainings.kill(tmp_path / "c", steps, generator)
    assert len(killer.killed) == 2, f"{killer.killed} of {steps}"
    assert trainings.wrong == []


def test_it_begins_with_the_table_that_is_there() -> None:
    """Not with the one that the seed would draw."""
    alone, shared = built(), built()
    for model in (alone, shared):
        table(model).mul_(3).add_(0.01)
    settings = {**SETTINGS, "epochs": 2, "patience": None}
    expected = fit(alone, split(), **settings)
    found = distributed.fit(shared, split(), **settings)
    assert found.start == expected.start
    assert found.best_epoch == expected.best_epoch
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-5)
    torch.testing.assert_close(table(shared), table(alone), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "parallel"),
    [
        (built, "dimensions"),
        pytest.param(
            lambda: models.TruncatedLightGCN(split().train, 6, 2, 8),
            "nodes",
            marks=pytest.mark.skipif(find_spec("torchrec") is None, reason="needs TorchRec"),
        ),
    ],
)
def test_a_trained_table_stays_if_no_epoch_is_better(
    build: Callable[[], models.LightGCN], parallel: str
) -> None:
    model = build()
    fit(model, split(), **{**SETTINGS, "epochs": 8})
    before = table(model).clone()
    settings = {**SETTINGS, "epochs": 2, "lr": 1e-9}  # too little for any list to change
    history = distributed.fit(model, split(), parallel=parallel, **settings)  # type: ignore[arg-type]
    assert (history.best_epoch, history.best) == (0, history.start)
    assert torch.equal(table(model), before)


def test_without_restarts_one_may_go_on_later(
    whole: tuple[models.LightGCN, History, Path], tmp_path: Path
) -> None:
    model, history, _ = whole
    again = built()
    before = table(again).clone()
    half = {**SETTINGS, "epochs": 7, "patience": None}
    distributed.fit(again, split(), checkpoint=tmp_path / "c", **half)
    resumed = built()
    found = distributed.fit(resumed, split(), checkpoint=tmp_path / "c", patience=None, **SETTINGS)
    assert not torch.equal(table(again), before)
    assert found.losses == history.losses
    assert torch.equal(table(resumed), table(model))


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (lambda train: models.LightGCN(train, 5, 2), []),
        pytest.param(
            lambda train: models.TruncatedLightGCN(train, 5, 2, 8),
            ["--model", "TruncatedLightGCN", "--parallel", "nodes", "--bag", "8"],
            marks=pytest.mark.skipif(find_spec("torchrec") is None, reason="without TorchRec"),
        ),
    ],
    ids=["dimensions", "nodes"],
)
def test_one_command_trains_and_saves(
    build: Callable[[Interactions], models.LightGCN], options: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "gnnrec_helpers.distributed"]
    command += ["--data", "movielens-small", "--likes", "4.5", "--dim", "5", "--layers", "2"]
    command += ["--epochs", "2", "--loss", "BPR", "--weight-decay", "0.01"]
    command += ["--save", str(tmp_path / "it.safetensors"), *options]
    root = str(Path(gnnrec_helpers.__file__).parents[1])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 2: loss 0." in done.stdout
    likes = datasets.load("movielens-small").interactions.binarize(4.5)
    alone = build(likes)
    fit(alone, Split.from_parts(likes), epochs=2, objective=BPR(0.01), progress=False)
    saved = type(alone).load(tmp_path / "it.safetensors")
    assert saved.identity() == alone.identity()
    torch.testing.assert_close(table(saved), table(alone), atol=1e-4, rtol=1e-4)
    assert list(tmp_path.iterdir()) == [tmp_path / "it.safetensors"]


@pytest.mark.parametrize("place", ["", "part-*.parquet"])
def test_the_command_reads_partitioned_files(tmp_path: Path, place: str) -> None:
    frame = split().train.to_frame()
    for number in range(3):
        frame[number::3].to_parquet(tmp_path / f"part-{number}.parquet")
    found = _split(parser().parse_args(["--data", str(tmp_path / place)])).train
    assert found.to_frame().equals(Interactions.from_frame(frame).to_frame())


@pytest.mark.parametrize("header", [True, False])
def test_the_command_reads_ratings_by_the_place_of_their_column(
    tmp_path: Path, header: bool
) -> None:
    frame = pd.DataFrame(
        {"user": [1, 1, 2, 2, 3], "item": [7, 8, 7, 9, 9], "stars": [5, 2, 4, 4, 5]}
    )
    frame.to_csv(tmp_path / "it.csv", index=False, header=header)
    columns = "--user user --item item --rating stars"
    if not header:
        columns = "--user 0 --item 1 --rating 2 --no-header"
    given = ["--data", str(tmp_path / "it.csv"), *columns.split(), "--likes", "4"]
    found = _split(parser().parse_args(given)).train
    pairs = {(u, i) for u, i, stars in frame.itertuples(index=False) if stars >= 4}
    assert (
        set(zip(found.users[found.user_index], found.items[found.item_index], strict=True)) == pairs
    )
    with pytest.raises(ValueError, match="--likes 4 needs --rating, the column of ratings"):
        _split(parser().parse_args(["--data", str(tmp_path / "it.csv"), "--likes", "4"]))
    told = parser().parse_args([*given[:2], "--save", "it", "--rating", "stars"])
    with pytest.raises(ValueError, match="--rating stars has no effect without --likes"):
        _check_effect(told, _without_effect(told))


# ---------------------------------------------------------------------- what is refused
def test_a_place_that_cannot_be_written_to_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    monkeypatch.setattr(command, "train", lambda *_: pytest.fail("it was trained"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    for option, place, words in (
        ("--save", "mine", "was not written by this package"),
        ("--save", "mine/it", "is a file: a folder is needed"),
        ("--save", "", "is there already and was not written by this package"),
        ("--checkpoint", "mine", "is a file: a folder is needed"),
    ):
        with pytest.raises(SystemExit):
            main(["--data", "toy", option, str(tmp_path / place)])
        assert words in capsys.readouterr().out
    with pytest.raises(NotADirectoryError, match="is a file: a folder is needed"):
        distributed.fit(built(), split(), checkpoint=tmp_path / "mine", **SETTINGS)
    assert (tmp_path / "mine").read_text() == "mine"


def test_bad_input_gets_a_sentence_before_a_process_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    model, likes = built(), split()
    nothing = Split(likes.train, likes.train.select([]), likes.test)
    for wrong, kind, match in (
        ({"split": likes.train}, TypeError, "fit needs a Split, not Interactions"),
        ({"split": nothing}, ValueError, "validation part of the split is empty"),
        ({"model": models.LightGCN(likes.test)}, ValueError, r"not the \d+ of split.train"),
        ({"model": models.Popularity(likes.train)}, TypeError, "Popularity cannot be trained"),
        ({"model": "LightGCN"}, TypeError, "'LightGCN' cannot be trained"),
        ({"parallel": "node"}, ValueError, "parallel='node': 'dimensions' or 'nodes' is possible"),
        ({"parallel": "rows"}, ValueError, "parallel='rows': 'dimensions' or 'nodes' is possible"),
        ({"parallel": "nodes"}, TypeError, "LightGCN cannot be trained with parallel='nodes'"),
        ({"model": models.LightGCN(likes.train, 6, cosine=True)}, ValueError, "cosine=True cannot"),
        ({"objective": SampledSoftmax(cosine=True)}, ValueError, "softmax of dot products"),
        ({"processes": 0}, ValueError, "processes=0: at least 1"),
        ({"processes": 7}, ValueError, "dim=6 columns cannot be spread over processes=7"),
        ({"max_restarts": -1}, ValueError, "max_restarts=-1"),
        ({"save_every": 0}, ValueError, "save_every=0"),
        ({"lr": "auto"}, ValueError, "lr='auto': a positive number"),
        ({"lr": np.inf}, ValueError, "lr=inf: a positive number"),
        ({"metric": "rmse"}, ValueError, "metric='rmse': choose one of 'recall'"),
        ({"objective": "BPR"}, TypeError, "objective='BPR': training on several processes knows"),
        ({"negatives": 4}, ValueError, "negatives=4 has no effect with SampledSoftmax"),
        ({"epochs": 1.5}, TypeError, "epochs=1.5: a whole number"),
    ):
        arguments: dict[str, Any] = {"model": model, "split": likes, **wrong}
        with pytest.raises(kind, match=match) as caught:
            distributed.fit(**arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("--bag 8", "--bag 8 has no effect with --model LightGCN: TruncatedLightGCN has bags"),
        ("--walks 9", "--walks 9 has no effect with --model LightGCN"),
        ("--model MatrixFactorization --layers 0", "--layers 0 has no effect with --model Matrix"),
        ("--save-every 5", "--save-every 5 has no effect without --checkpoint"),
        ("--user who", "--user who has no effect with --data toy, which is no file"),
        ("--item what", "--item what has no effect with --data toy"),
        ("--rating stars", "--rating stars has no effect with --data toy"),
        ("--no-header", "--no-header has no effect with --data toy"),
        ("--patience 3", "--patience 3 has no effect without a validation part"),
        ("--k 5", "--k 5 has no effect without a validation or a test part"),
    ],
)
def test_an_option_without_effect_is_refused(
    options: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # each group adds to it
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(SystemExit):
        main(["--data", "toy", "--save", str(tmp_path / "it"), *options.split()])
    told = capsys.readouterr().out
    assert told.startswith(f"error: {what}")
    assert told.count("\n") == 1


def test_a_checkpoint_of_another_training_is_refused_at_once(
    whole: tuple[models.LightGCN, History, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    *_, folder = whole
    with pytest.raises(ValueError, match=r"was made with model\.seed=0, not 1"):
        distributed.fit(built(1), split(), checkpoint=folder, patience=None, **SETTINGS)
    with pytest.raises(ValueError, match=r"was made with batch_size=40, not 41"):
        distributed.fit(
            built(), split(), checkpoint=folder, patience=None, **{**SETTINGS, "batch_size": 41}
        )


def test_a_checkpoint_of_another_first_table_is_refused_at_once(
    whole: tuple[models.LightGCN, History, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    *_, folder = whole
    model = built()
    table(model).mul_(2)
    with pytest.raises(ValueError, match="began with another table than the model has now: build"):
        distributed.fit(model, split(), checkpoint=folder, patience=None, **SETTINGS)
    # on a machine where every worker draws its part, the table is the one that the seed draws
    settings = Settings(patience=None, **{k: v for k, v in SETTINGS.items() if k != "progress"})
    made_with = made_with_of(model, settings, split())
    Checkpoints(folder, made_with).check(30)
    with pytest.raises(ValueError, match=r"was made with start=None, not Tensor \w+"):
        Checkpoints(folder, {**made_with, "start": starting._start_of(model)}).check(30)


def test_it_begins_with_another_table_and_goes_on_from_it(tmp_path: Path) -> None:
    """In another process the model is built as it was, and in the same it has what it came to."""
    settings = {**SETTINGS, "processes": 1, "patience": None, "checkpoint": tmp_path / "c"}

    def other() -> models.LightGCN:
        model = built()
        table(model).mul_(2)
        return model

    model = other()
    first = distributed.fit(model, split(), **{**settings, "epochs": 2})
    with pytest.raises(ValueError, match="began with another table"):
        distributed.fit(built(), split(), **settings)
    second = distributed.fit(model, split(), **{**settings, "epochs": 3})
    third = distributed.fit(other(), split(), **{**settings, "epochs": 4})
    assert third.losses[:3] == second.losses
    assert second.losses[:2] == first.losses


def test_a_checkpoint_of_more_epochs_is_refused_at_once(
    whole: tuple[models.LightGCN, History, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    *_, folder = whole
    fewer = {**SETTINGS, "epochs": 29}
    with pytest.raises(ValueError, match="has 30 epochs, and epochs=29 are asked for"):
        distributed.fit(built(), split(), checkpoint=folder, patience=None, **fewer)


def test_numbers_of_numpy_are_numbers() -> None:
    objective = SampledSoftmax(np.int64(8), np.float32(0.5))
    numpys = Settings("nodes", np.int64(3), np.int64(40), np.float32(0.5), objective, 1,
                      np.int64(1), patience=np.int64(2), k=np.int64(5),
                      save_every=np.int64(7))  # fmt: skip
    plain = Settings("nodes", 3, 40, 0.5, SampledSoftmax(8, 0.5), seed=1, patience=2, k=5,
                     save_every=7)  # fmt: skip
    assert json.dumps(numpys.made_with()) == json.dumps(plain.made_with())
    assert Settings.from_json(json.loads(json.dumps(numpys.to_json()))) == plain


def test_what_goes_wrong_in_a_worker_is_told() -> None:
    with pytest.raises(RuntimeError, match="on 2 processes failed: The loss became NaN in epoch"):
        distributed.fit(built(), split(), **{**SETTINGS, "lr": 1e30})
