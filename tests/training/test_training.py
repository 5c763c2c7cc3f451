"""Training: the same numbers every time, early stopping, checkpoints that lose nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from tables import Guarded
from torch import Tensor, nn

from gnnrec_helpers import (
    History,
    Interactions,
    SocialGraph,
    Split,
    datasets,
    evaluate,
    fit,
    league,
    load,
    models,
    tune,
)
from gnnrec_helpers.engine.sampling import Batch, PairSampler
from gnnrec_helpers.models import files
from gnnrec_helpers.objectives import BPR, SampledSoftmax
from gnnrec_helpers.training import fitting as training
from gnnrec_helpers.training.stepping import Stepper


def tastes(users: int = 60, items: int = 40) -> Interactions:
    """Four tastes: people choose three in five of the items of their own, and few others."""
    own = (np.arange(users) % 4)[:, None] == np.arange(items) % 4
    chosen = np.random.default_rng(0).random((users, items)) < np.where(own, 0.6, 0.06)
    user, item = np.nonzero(chosen)
    return Interactions(user, item, pd.RangeIndex(users), pd.RangeIndex(items))


@pytest.fixture(scope="module")
def split() -> Split:
    return tastes().split(test=0.2, validation=0.2, seed=0)


@pytest.fixture(scope="module")
def without_validation(split: Split) -> Split:
    return Split(split.train, None, split.test)


def small(split: Split, seed: int = 0) -> models.LightGCN:
    return models.LightGCN(split.train, dim=8, layers=2, seed=seed)


def run(model: nn.Module, split: Any, **arguments: Any) -> History:
    """`fit` as most tests want it: small batches, BPR, no bar."""
    usual = {"epochs": 8, "batch_size": 64, "lr": 0.02, "patience": None, "progress": False}
    usual |= {"objective": BPR(), "schedule": "constant"}
    return fit(model, split, **(usual | arguments))


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same_weights(one: nn.Module | dict[str, Tensor], other: nn.Module | dict[str, Tensor]) -> bool:
    first, second = (w.state_dict() if isinstance(w, nn.Module) else w for w in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def numbers(history: History) -> list[dict[str, float]]:
    """All of a history that does not depend on the clock."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.epochs]


def assert_same_history(one: History, other: History) -> None:
    assert numbers(one) == numbers(other)  # not nearly: exactly
    assert one.best_epoch == other.best_epoch
    assert one.stopped_early == other.stopped_early


@contextmanager
def interrupted_in(batch: int) -> Iterator[None]:
    """Somebody presses Ctrl+C during the n-th batch."""
    step, left = Stepper._step, iter(range(batch - 1))

    def interrupted(self: Stepper, drawn: Any) -> Tensor:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return step(self, drawn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


# ---------------------------------------------------------------------- the same every time
def test_the_same_seed_gives_the_same_numbers(split: Split) -> None:
    one, other, third = small(split), small(split), small(split)
    first = run(one, split, seed=3)
    assert_same_history(first, run(other, split, seed=3))
    assert same_weights(one, other)
    assert run(third, split, seed=4).losses != first.losses


def test_the_number_of_threads_changes_no_bit(threads: Callable[[int], None]) -> None:
    likes = datasets.load("movielens-small").interactions.binarize(4.0)
    split = likes.split(test=0.2, validation=0.1, seed=0)
    found = []
    for count in (1, 2):
        threads(count)
        assert torch.get_num_threads() == count
        model = models.LightGCN(split.train, dim=64, layers=3, seed=0)
        history = fit(model, split, epochs=2, batch_size=2048, seed=0, progress=False)
        found.append((history, weights(model)))
    assert_same_history(found[0][0], found[1][0])
    assert same_weights(found[0][1], found[1][1])


def test_every_epoch_has_batches_of_its_own(split: Split) -> None:
    seen: list[list[int]] = []

    def remember(model: Any, batch: Batch) -> Tensor:
        seen.append(batch.negatives.flatten().tolist())
        return BPR()(model, batch)

    run(small(split), split, epochs=2, batch_size=len(split.train), objective=remember)
    assert len(seen) == 2
    assert seen[0] != seen[1]


def test_the_toy_data_set_is_learnt() -> None:
    likes = datasets.load("toy").interactions
    everything = Split(likes, None, likes.select([]))
    model = models.MatrixFactorization(likes, dim=4, seed=0)
    history = run(model, everything, epochs=200, batch_size=10, lr=0.05)
    assert history.losses[0] == pytest.approx(np.log(2), abs=0.05)  # knows nothing yet
    assert history.losses[-1] < 0.05
    with torch.no_grad():
        scores = model.score(torch.arange(5)).numpy()
    for user, liked in enumerate(likes.to_csr().toarray() > 0):
        assert scores[user][liked].min() > scores[user][~liked].max()


def test_the_loss_of_an_epoch_is_the_mean_over_its_batches(split: Split) -> None:
    found: list[float] = []

    def remember(model: Any, batch: Batch) -> Tensor:
        loss = BPR()(model, batch)
        found.append(loss.item())
        return loss

    history = run(small(split), split, epochs=2, batch_size=100, objective=remember)
    batches = -(-len(split.train) // 100)
    assert len(found) == 2 * batches
    expected = [np.mean(found[:batches]), np.mean(found[batches:])]
    np.testing.assert_allclose(history.losses, expected, rtol=1e-12)


def usual_decay(train: Interactions, decay: float) -> float:
    """More of it where users or items have few likes."""
    pairs = train.to_frame()
    likes = [pairs.groupby(side)[side].transform("size").median() for side in ("user", "item")]
    return round(decay * max(1.0, (16 / min(likes)) ** 0.5), 4)


def test_sampled_softmax_is_the_default(split: Split) -> None:
    one, other = small(split), small(split)
    objective = SampledSoftmax(1024, usual_decay(split.train, 0.025))
    asked = fit(one, split, epochs=2, objective=objective, progress=False)
    assert numbers(fit(other, split, epochs=2, progress=False)) == numbers(asked)
    assert same_weights(one, other)


@pytest.mark.parametrize(
    ("kind", "decay"), [(models.LightGCN, 0.025), (models.MatrixFactorization, 0.2)]
)
@pytest.mark.parametrize("side", ["user", "item"])
def test_fewer_likes_need_more_weight_decay(kind: Any, decay: float, side: str) -> None:

    pairs = pd.DataFrame({"user": np.repeat(range(30), 40), "item": np.tile(range(40), 30)})
    assert kind(Interactions.from_frame(pairs), 4).default_objective().weight_decay == decay
    scarce = Interactions.from_frame(pairs[pairs.groupby(side).cumcount() < 4])
    found = kind(scarce, 4).default_objective().weight_decay
    assert found == usual_decay(scarce, decay) == 2 * decay
    nothing = scarce.select([])
    assert kind(nothing, 4).default_objective().weight_decay == decay


def test_after_every_epoch_somebody_may_look(split: Split, tmp_path: Path) -> None:
    seen = []

    def look(model: nn.Module, history: History) -> None:
        seen.append((len(history.epochs), weights(model)))
        history.epochs[-1]["noted"] = float(len(seen))

    model = small(split)
    history = run(model, split, epochs=3, after_epoch=look, checkpoint=tmp_path / "it")
    assert [number for number, _ in seen] == [1, 2, 3]
    assert not same_weights(seen[0][1], seen[1][1])
    assert [row["noted"] for row in history.epochs] == [1.0, 2.0, 3.0]
    again = run(small(split), split, epochs=3, checkpoint=tmp_path / "it")
    assert [row["noted"] for row in again.epochs] == [1.0, 2.0, 3.0]  # kept in the checkpoint


def test_adam_by_hand(without_validation: Split) -> None:
    """Two steps of fit are two steps of Adam as its paper writes them (Kingma & Ba 2015)."""
    split, seen = without_validation, []

    def remember(model: Any, batch: Batch) -> Tensor:
        seen.append(batch)
        return BPR()(model, batch)

    model, copy = small(split), small(split)
    run(model, split, epochs=2, batch_size=len(split.train), lr=0.01, objective=remember)
    table = copy.nodes.weight
    first, second = torch.zeros_like(table), torch.zeros_like(table)
    for step, batch in enumerate(seen, start=1):
        copy.zero_grad()
        BPR()(copy, batch).backward()
        first = 0.9 * first + 0.1 * table.grad
        second = 0.999 * second + 0.001 * table.grad**2
        change = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        table.data -= 0.01 * change
    assert step == 2
    torch.testing.assert_close(model.nodes.weight, table, rtol=0, atol=1e-5)


def test_a_cosine_schedule_is_torch_s(without_validation: Split) -> None:
    """The learning rate of every step is that of PyTorch's CosineAnnealingLR."""
    model, theirs = small(without_validation), small(without_validation)
    run(model, without_validation, epochs=3, schedule="cosine")
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.02, fused=True)
    sampler = PairSampler(without_validation.train, 64, 1, seed=0)
    steps = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3 * len(sampler))
    for epoch in range(3):
        for batch in sampler.epoch(epoch):
            optimizer.zero_grad()
            BPR()(theirs, batch).backward()
            optimizer.step()
            steps.step()
    torch.testing.assert_close(model.nodes.weight, theirs.nodes.weight)


def test_a_cosine_schedule_resumes_exactly(split: Split, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole, parts = small(split), small(split)
    run(whole, split, epochs=4, schedule="cosine")
    stop_at = training.evaluate
    calls = iter(range(10))

    def interrupted(*arguments: Any, **more: Any) -> dict[str, float]:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return stop_at(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(parts, split, epochs=4, schedule="cosine", checkpoint=path)
    parts = small(split)
    run(parts, split, epochs=4, schedule="cosine", checkpoint=path)
    assert same_weights(whole, parts)
    with pytest.raises(ValueError, match="schedule=cosine over 4 epochs, not cosine over 5"):
        run(small(split), split, epochs=5, schedule="cosine", checkpoint=path)


def test_arguments_reach_the_batches(split: Split) -> None:
    sizes: list[tuple[int, ...]] = []

    def remember(model: Any, batch: Batch) -> Tensor:
        sizes.append(tuple(batch.negatives.shape))
        return BPR()(model, batch)

    run(small(split), split, epochs=1, batch_size=100, negatives=3, objective=remember)
    assert sizes == [(100, 3), (100, 3), (len(split.train) - 200, 3)]


# ---------------------------------------------------------------------- early stopping
def test_early_stopping_keeps_the_best_weights(split: Split) -> None:
    model = small(split)
    history = run(model, split, epochs=60, patience=5)
    measured = [row["recall@20"] for row in history.epochs]
    assert history.stopped_early
    assert history.best == max(measured)
    assert history.best_epoch == measured.index(max(measured)) + 1  # the first of equals
    assert len(history.epochs) == history.best_epoch + 5 < 60
    found = evaluate(model, split, 20, part="validation", metrics=("recall",))
    assert found["recall@20"] == history.best
    # the weights are those of a run that knows of no validation and ends there
    other = small(split)
    run(other, Split(split.train, None, split.test), epochs=history.best_epoch)
    assert same_weights(model, other)


def test_without_patience_all_epochs_are_run(split: Split) -> None:
    stopped = run(small(split), split, epochs=60, patience=5)
    model = small(split)
    history = run(model, split, epochs=len(stopped.epochs) + 6, patience=None)
    assert len(history.epochs) == len(stopped.epochs) + 6
    assert not history.stopped_early
    assert numbers(history)[: len(stopped.epochs)] == numbers(stopped)
    found = evaluate(model, split, 20, part="validation", metrics=("recall",))
    assert found["recall@20"] == history.best  # the best weights all the same


def test_training_never_looks_at_test(split: Split, tmp_path: Path) -> None:
    model, other = small(split), small(split)
    history = run(model, Guarded(split), epochs=60, patience=5, checkpoint=tmp_path / "it")
    assert history.stopped_early
    assert_same_history(history, run(other, split, epochs=60, patience=5))
    assert same_weights(model, other)


def test_another_test_part_changes_nothing(split: Split) -> None:
    chosen = (split.train.to_csr() + split.validation.to_csr() + split.test.to_csr()).toarray()
    users, items = np.argwhere(chosen == 0)[:30].T
    by_nobody = Interactions(users, items, split.train.users, split.train.items)
    nonsense = Split(split.train, split.validation, by_nobody)
    one, other = small(split), small(split)
    assert_same_history(run(one, split, patience=3), run(other, nonsense, patience=3))
    assert same_weights(one, other)


def test_no_validation_leaves_the_last_weights(without_validation: Split) -> None:
    short, model = small(without_validation), small(without_validation)
    run(short, without_validation, epochs=7)
    history = run(model, without_validation, epochs=8, patience=1)
    assert len(history.epochs) == 8
    assert history.best_epoch is None
    assert history.best is None
    assert not history.stopped_early
    assert all("recall@20" not in row for row in history.epochs)
    assert not same_weights(short, model)
    again = small(without_validation)
    run(again, without_validation, epochs=8)
    assert same_weights(again, model)


def test_validate_every(split: Split) -> None:
    every = run(small(split), split, epochs=60, patience=None)
    model = small(split)
    history = run(model, split, epochs=60, patience=7, validate_every=3)
    length = len(history.epochs)
    measured = {int(row["epoch"]): row.get("recall@20") for row in history.epochs}
    assert [epoch for epoch, value in measured.items() if value is not None] == list(
        range(3, length + 1, 3)
    )
    for epoch in range(3, length + 1, 3):
        assert measured[epoch] == every.epochs[epoch - 1]["recall@20"]
    assert history.best_epoch % 3 == 0
    # patience counts epochs, and is looked at where there is a validation: 7 is over after 9
    assert history.stopped_early
    assert length == history.best_epoch + 9
    found = evaluate(model, split, 20, part="validation", metrics=("recall",))
    assert found["recall@20"] == history.best


def test_validate_every_longer_than_the_training(split: Split) -> None:
    history = run(small(split), split, epochs=3, validate_every=5, patience=1)
    assert len(history.epochs) == 3
    assert history.best is None


def test_an_interrupted_model_has_the_best_weights_so_far(split: Split) -> None:
    batches = -(-len(split.train) // 64)
    model = small(split)
    with interrupted_in(4 * batches + 2):
        run(model, split, epochs=60)
    history = run(other := small(split), split, epochs=4)
    assert same_weights(model, other)
    found = evaluate(model, split, 20, part="validation", metrics=("recall",))
    assert found["recall@20"] == history.best


# ---------------------------------------------------------------------- checkpoints
@pytest.mark.parametrize("epochs", [1, 5])
def test_resumed_equals_uninterrupted(split: Split, tmp_path: Path, epochs: int) -> None:
    whole, path = small(split), tmp_path / "folder" / "it.safetensors"
    expected = run(whole, split, epochs=9)
    run(small(split), split, epochs=epochs, checkpoint=path)
    resumed = small(split)
    history = run(resumed, split, epochs=9, checkpoint=str(path))
    assert_same_history(history, expected)
    assert same_weights(resumed, whole)


def test_resumed_equals_uninterrupted_without_validation(
    without_validation: Split, tmp_path: Path
) -> None:
    whole, resumed = small(without_validation), small(without_validation)
    expected = run(whole, without_validation, epochs=7)
    run(small(without_validation), without_validation, epochs=3, checkpoint=tmp_path / "it")
    history = run(resumed, without_validation, epochs=7, checkpoint=tmp_path / "it")
    assert_same_history(history, expected)
    assert same_weights(resumed, whole)


@pytest.mark.parametrize("same_model", [True, False])
def test_interrupted_within_an_epoch_and_resumed(
    split: Split, tmp_path: Path, same_model: bool
) -> None:
    batches = -(-len(split.train) // 64)
    whole, model = small(split), small(split)
    expected = run(whole, split, epochs=60, patience=5)
    arguments = {"epochs": 60, "patience": 5, "checkpoint": tmp_path / "it"}
    for batch in (2 * batches + 3, batches + 1):  # in the third epoch, then in the fourth
        with interrupted_in(batch):
            run(model, split, **arguments)
        model = model if same_model else small(split)
    history = run(model, split, **arguments)
    assert_same_history(history, expected)
    assert same_weights(model, whole)
    assert history.stopped_early


def test_interrupted_in_the_first_epoch(split: Split, tmp_path: Path) -> None:
    whole, model = small(split), small(split)
    expected = run(whole, split, epochs=3)
    with interrupted_in(2):
        run(model, split, checkpoint=tmp_path / "it", epochs=3)
    assert not (tmp_path / "it").exists()
    assert not same_weights(model, small(split))  # nothing to go back to: a new model is needed
    model = small(split)
    assert_same_history(run(model, split, epochs=3, checkpoint=tmp_path / "it"), expected)
    assert same_weights(model, whole)


def test_a_finished_checkpoint_trains_no_more(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(split)
    expected = run(model, split, epochs=60, patience=5, checkpoint=tmp_path / "it")
    assert expected.stopped_early
    before = (tmp_path / "it").read_bytes()
    again = small(split)
    monkeypatch.setattr(Stepper, "_step", lambda *_: pytest.fail("it was trained"))
    history = run(again, split, epochs=200, patience=5, checkpoint=tmp_path / "it")
    assert_same_history(history, expected)
    assert [row["seconds"] for row in history.epochs] == [row["seconds"] for row in expected.epochs]
    assert same_weights(again, model)
    assert (tmp_path / "it").read_bytes() == before


OTHER: dict[str, dict[str, Any]] = {
    "objective": {"objective": BPR(weight_decay=0.5)},
    "batch_size": {"batch_size": 65},
    "lr": {"lr": 0.03},
    "negatives": {"negatives": 2},
    "seed": {"seed": 1},
    "patience": {"patience": 4},
    "validate_every": {"validate_every": 2},
}


@pytest.fixture(scope="module")
def written(split: Split, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint after two epochs."""
    path = tmp_path_factory.mktemp("checkpoint") / "it"
    run(small(split), split, epochs=2, checkpoint=path)
    return path.read_bytes()


@pytest.fixture
def checkpoint(written: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "it"
    path.write_bytes(written)
    return path


@pytest.mark.parametrize("name", OTHER)
def test_a_checkpoint_of_other_arguments_is_refused(
    split: Split, checkpoint: Path, written: bytes, name: str
) -> None:
    model = small(split)
    with pytest.raises(ValueError, match=rf"was made with {name}=.*, not .*: use the same"):
        run(model, split, checkpoint=checkpoint, **OTHER[name])
    assert same_weights(model, small(split))
    assert checkpoint.read_bytes() == written


def test_a_checkpoint_of_another_model_is_refused(split: Split, checkpoint: Path) -> None:
    for other, said in (
        (models.LightGCN(split.train, dim=9, layers=2), r"model\.dim=8, not 9"),
        (models.LightGCN(split.train, dim=8, layers=3), r"model\.layers=2, not 3"),
        (models.LightGCN(split.train, dim=8, layers=2, seed=1), r"model\.seed=0, not 1"),
        (models.MatrixFactorization(split.train, dim=8), "model=LightGCN, not MatrixFact"),
    ):
        with pytest.raises(ValueError, match=f"was made with {said}"):
            run(other, split, checkpoint=checkpoint)


def test_a_checkpoint_of_other_data_is_refused(split: Split, checkpoint: Path) -> None:
    # as many pairs of the same users and items, but not the same ones
    other = tastes().split(test=0.2, validation=0.2, seed=1)
    assert len(other.train) == len(split.train)
    assert len(other.validation) == len(split.validation)
    with pytest.raises(ValueError, match=r"made with model\.train=270 pairs \w+, not 270 pairs"):
        run(small(other), other, checkpoint=checkpoint)
    validated = Split(split.train, split.test, split.validation)
    with pytest.raises(ValueError, match=r"was made with validation=\d+ pairs"):
        run(small(split), validated, checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"was made with validation=\d+ pairs \w+, not None"):
        run(small(split), Split(split.train, None, split.test), checkpoint=checkpoint)


def test_another_number_of_epochs_is_no_other_training(split: Split, checkpoint: Path) -> None:
    assert len(run(small(split), split, epochs=3, checkpoint=checkpoint).epochs) == 3


@pytest.mark.parametrize("damage", ["empty", "text", "half", "one byte", "foreign", "folder"])
def test_what_is_no_checkpoint_is_refused(
    split: Split, tmp_path: Path, written: bytes, damage: str
) -> None:
    path = tmp_path / "it"
    if damage == "folder":
        path.mkdir()
    elif damage == "foreign":
        save_file({"weights": torch.ones(3)}, path)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "text": b"epoch,loss\n1,0.5\n",
                "half": written[: len(written) // 2],
                "one byte": written[:-1],
            }[damage]
        )
    model = small(split)
    with pytest.raises(ValueError, match=r"'.*it' is not a checkpoint written by fit"):
        run(model, split, checkpoint=path)
    assert same_weights(model, small(split))


@pytest.mark.parametrize("failing", ["save_file", "replace"])
def test_a_write_that_fails_leaves_the_old_checkpoint(
    split: Split, checkpoint: Path, written: bytes, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        if failing == "save_file":
            Path(arguments[1]).write_bytes(b"half of a file")
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(files if failing == "save_file" else os, failing, full)
        with pytest.raises(OSError, match="the disk is full"):
            run(small(split), split, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == written
    whole, resumed = small(split), small(split)
    expected = run(whole, split)
    assert_same_history(run(resumed, split, checkpoint=checkpoint), expected)
    assert same_weights(resumed, whole)


def test_nothing_is_left_beside_a_checkpoint(split: Split, tmp_path: Path) -> None:
    run(small(split), split, epochs=3, checkpoint=tmp_path / "it")
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize("model", [models.Popularity, models.ItemKNN])
def test_models_without_weights_are_refused(split: Split, model: Any) -> None:
    with pytest.raises(TypeError, match=f"{model.__name__} needs no fit"):
        fit(model(split.train), split)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "epochs=0: at least 1"),
        ("epochs", -2, "epochs=-2: at least 1"),
        ("validate_every", 0, "validate_every=0: at least 1"),
        ("patience", 0, "patience=0: at least 1 is needed, or None"),
        ("patience", -1, "patience=-1"),
        ("lr", 0.0, r"lr=0\.0: a positive"),
        ("lr", -0.1, r"lr=-0\.1: a positive"),
        ("lr", float("nan"), "lr=nan: a positive"),
        ("schedule", "linear", "schedule='linear': choose one of 'plateau', 'constant', 'cosine'"),
        ("batch_size", 0, "batch_size=0: at least 1"),
        ("negatives", 0, "negatives=0: at least 1"),
    ],
)
def test_bad_arguments_are_refused(split: Split, name: str, value: Any, message: str) -> None:
    model = small(split)
    with pytest.raises(ValueError, match=message):
        run(model, split, **{name: value})
    assert same_weights(model, small(split))


def test_a_model_of_other_data_is_refused(split: Split) -> None:
    larger = models.MatrixFactorization(tastes(61, 41), dim=4)
    with pytest.raises(ValueError, match=r"different users \(61 and 60 labels\)"):
        run(larger, split)


def test_a_loss_of_nan_is_reported(split: Split, tmp_path: Path) -> None:
    batches, calls, loss = -(-len(split.train) // 64), [], BPR.__call__

    def bad(self: BPR, model: Any, batch: Batch) -> Tensor:
        calls.append(1)
        return loss(self, model, batch) * (float("nan") if len(calls) > 2 * batches else 1.0)

    model = small(split)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BPR, "__call__", bad)
        with pytest.raises(FloatingPointError, match=r"NaN in epoch 3; a smaller learning rate"):
            run(model, split, checkpoint=tmp_path / "it")
    # the model keeps its best weights, and the checkpoint ends before the epoch that failed
    other = small(split)
    run(other, split, epochs=2)
    assert same_weights(model, other)
    assert len(run(small(split), split, epochs=2, checkpoint=tmp_path / "it").epochs) == 2


# ---------------------------------------------------------------------- history, bar
def test_history_prints_and_becomes_a_table(split: Split) -> None:
    history = run(small(split), split, epochs=60, patience=5)
    last, best = history.epochs[-1]["loss"], history.best
    text = repr(history)
    assert text.startswith(f"History({len(history.epochs)} epochs, ")
    assert f" s, loss {last:.4f}, best validation recall@20 {best:.4f} in epoch " in text
    assert text.endswith(f" {history.best_epoch}, stopped early)")
    frame = history.to_frame()
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == list(range(1, len(history.epochs) + 1))
    assert list(frame) == ["loss", "seconds", "recall@20"]
    assert frame["loss"].tolist() == history.losses
    assert (frame["seconds"] > 0).all()


def test_a_history_without_validation_or_epochs(without_validation: Split) -> None:
    assert repr(History()) == "History(no epochs)"
    assert History().losses == []
    history = run(small(without_validation), without_validation, epochs=2)
    assert "best" not in repr(history)
    assert "stopped" not in repr(history)
    assert list(history.to_frame()) == ["loss", "seconds"]


def test_where_validation_was_not_measured_the_table_is_empty(split: Split) -> None:
    frame = run(small(split), split, epochs=4, validate_every=2).to_frame()
    assert frame["recall@20"].isna().tolist() == [True, False, True, False]


def test_the_bar_goes_to_stderr(split: Split, capsys: pytest.CaptureFixture[str]) -> None:
    silent = run(small(split), split, epochs=2, progress=False)
    assert capsys.readouterr() == ("", "")
    shown = run(small(split), split, epochs=2, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch" in err
    assert f"loss={shown.losses[-1]:.4f}" in err
    assert_same_history(shown, silent)


@pytest.mark.parametrize(
    ("variable", "progress", "shown"),
    [(None, None, True), ("1", None, True), ("0", None, False), ("0", True, True),
     (None, False, False)],
)  # fmt: skip
def test_the_bar_is_shown_unless_somebody_says_no(
    split: Split,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    progress: bool | None,
    shown: bool,
) -> None:
    monkeypatch.delenv("GNNREC_PROGRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("GNNREC_PROGRESS", variable)
    run(small(split), split, epochs=1, progress=progress)
    assert bool(capsys.readouterr().err) == shown

    def popularity(split: Split, setting: int = 0) -> models.Popularity:
        return models.Popularity(split.train)

    tune(popularity, split, {"setting": [1]}, trials=1, progress=progress)
    assert bool(capsys.readouterr().err) == shown
    league(split, {"one": (popularity, {})}, progress=progress)
    assert bool(capsys.readouterr().err) == shown


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_training_on_a_gpu(split: Split, tmp_path: Path) -> None:
    here, there = small(split), small(split).to("cuda")
    expected = run(here, split, epochs=3)
    run(there, split, epochs=2, checkpoint=tmp_path / "it")
    history = run(resumed := small(split).to("cuda"), split, epochs=3, checkpoint=tmp_path / "it")
    np.testing.assert_allclose(history.losses, expected.losses, atol=1e-4)
    assert resumed.nodes.weight.device.type == "cuda"
    found = evaluate(resumed, split, 20, part="validation", metrics=("recall",))
    assert found["recall@20"] == pytest.approx(history.best, abs=1e-6)


def test_negatives_without_effect_are_refused(split: Split) -> None:
    with pytest.raises(ValueError, match=r"negatives=64 has no effect with SampledSoft"):
        fit(small(split), split, negatives=64)
    run(small(split), split, epochs=1, negatives=2)  # BPR draws its own


def test_an_interrupted_model_answers_in_evaluation_mode(split: Split) -> None:
    model = small(split)
    with interrupted_in(2):
        run(model, split, epochs=2)
    assert not model.training


def test_what_is_refused_is_refused_before_the_first_epoch(split: Split) -> None:
    model = small(split)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    empty = Split(split.train, split.validation.select([]), split.test)
    for arguments, message in (
        ({"split": empty}, "validation part of the split is empty, so nothing says when to stop"),
        ({"split": split.train}, "fit needs a Split, not Interactions"),
        ({"objective": "bpr"}, "objective='bpr': a loss such as those of gnnrec_helpers.objectiv"),
        ({"metric": "rmse"}, "metric='rmse': choose one of 'recall', 'ndcg'"),
        ({"k": "20"}, "k='20': a whole number is needed"),
        ({"batch_size": 0}, "batch_size=0: at least 1"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            fit(model, **({"split": split} | arguments), progress=False)  # type: ignore[arg-type]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_validation_by_another_metric(split: Split) -> None:
    model = small(split)
    history = run(model, split, epochs=4, metric="ndcg", k=5)
    assert history.watched == "ndcg@5"
    judged = evaluate(model, split, 5, part="validation", metrics=("ndcg",))
    assert history.best == judged["ndcg@5"]


def test_a_model_that_recommends_by_other_embeddings_is_refused(split: Split) -> None:
    class Doubled(models.LightGCN):
        def embeddings(self, users=None, items=None):
            return tuple(2 * rows for rows in super().embeddings(users, items))

    with pytest.raises(ValueError, match="Doubled is trained by other embeddings than it"):
        run(Doubled(split.train, dim=4), split)


# ---------------------------------------------------------------------- another start
class Theirs(nn.Module):
    """Somebody's own module, which prints nothing of its seed."""

    def __init__(self, split: Split, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.users, self.items = split.train.users, split.train.items
        self.table = nn.Embedding(len(self.users) + len(self.items), 4)

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        users, items = self.table(users), self.table(items + len(self.users))
        return users, items, torch.cat([users, items])

    def score(self, users: Tensor) -> Tensor:
        return self.table(users) @ self.table.weight[len(self.users) :].T


def trained(split: Split) -> models.LightGCN:
    model = small(split)
    run(model, split, epochs=3)
    return model


def pretrained(split: Split) -> models.LightGCN:
    model = small(split)
    model.load_state_dict(small(split, seed=1).state_dict())
    return model


def extended(split: Split) -> models.LightGCN:
    return models.extend(trained(split), split.train)


@pytest.mark.parametrize("validates", [True, False])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (small, pretrained),
        (small, trained),
        (small, extended),
        (extended, small),
        (Theirs, lambda split: Theirs(split, seed=1)),
    ],
)
def test_a_checkpoint_of_another_start_is_refused(
    split: Split, tmp_path: Path, first: Any, second: Any, validates: bool
) -> None:
    parts = split if validates else Split(split.train, None, split.test)
    path = tmp_path / "it"
    run(first(split), parts, epochs=2, checkpoint=path)
    other = second(split)
    before = weights(other)
    with pytest.raises(ValueError, match=r"began with other weights than the \w+ has now: build"):
        run(other, parts, epochs=4, checkpoint=path)
    assert same_weights(other, before)
    resumed, whole = first(split), first(split)
    history = run(resumed, parts, epochs=4, checkpoint=path)
    assert_same_history(history, run(whole, parts, epochs=4))
    assert same_weights(resumed, whole)


@pytest.mark.parametrize("validates", [True, False])
def test_the_same_model_goes_on_when_a_cell_is_run_again(
    split: Split, tmp_path: Path, validates: bool
) -> None:
    parts = split if validates else Split(split.train, None, split.test)
    path, batches = tmp_path / "it", -(-len(split.train) // 64)
    whole, model = small(split), small(split)
    expected = run(whole, parts, epochs=6)
    run(model, parts, epochs=2, checkpoint=path)
    # within an epoch its weights are none that the checkpoint knows
    for batch in (batches + 3, 2):
        with interrupted_in(batch):
            run(model, parts, epochs=6, checkpoint=path)
    with pytest.raises(ZeroDivisionError):
        run(model, parts, epochs=6, checkpoint=path, after_epoch=lambda *_: 1 / 0)
    for _ in range(2):  # and when all is done
        assert_same_history(run(model, parts, epochs=6, checkpoint=path), expected)
        assert same_weights(model, whole)
    run(model, Split(split.train, None, split.test), epochs=1)  # but not when it was changed
    with pytest.raises(ValueError, match="began with other weights"):
        run(model, parts, epochs=6, checkpoint=path)


def test_a_checkpoint_that_notes_no_start_is_refused(split: Split, checkpoint: Path) -> None:
    """As those were that were written before there were digests."""
    story, tensors = files.read(checkpoint, "a checkpoint", lambda _: True)
    for name in ("start", "objective.digest", "model.digest"):
        del story["checkpoint"]["made_with"][name]
    files.write(checkpoint, {"checkpoint": story["checkpoint"]}, tensors)
    message = r"was made by an earlier version, which noted no model\.digest .*: use another path"
    with pytest.raises(ValueError, match=message):
        run(small(split), split, checkpoint=checkpoint)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_checkpoint_of_more_epochs_than_asked_for_is_refused(
    split: Split, tmp_path: Path, epochs: int
) -> None:
    path = tmp_path / "it"
    run(small(split), split, epochs=3, checkpoint=path)
    model = small(split)
    with pytest.raises(ValueError, match=rf"it' has 3 epochs, and epochs={epochs} are asked for"):
        run(model, split, epochs=epochs, checkpoint=path)
    assert same_weights(model, small(split))


# ---------------------------------------------------------------------- losses of one's own
def defined(code: str) -> Any:
    """What `loss` is after these lines, in a module of its own, as in another process."""
    known = {"__name__": "__main__", "BPR": BPR, "nn": nn, "torch": torch, "dataclass": dataclass}
    exec(compile(code, "theirs.py", "exec"), known)
    return known["loss"]


LOSSES = {
    "function": "def loss(model, batch): return {} * BPR()(model, batch)",
    "closure": "loss = (lambda w: lambda model, batch: w * BPR()(model, batch))({})",
    "object": (
        "class Loss:\n  def __init__(self, w): self.w = w\n"
        "  def __call__(self, model, batch): return self.w * BPR()(model, batch)\n"
        "  def __str__(self): return 'a loss'\nloss = Loss({})"
    ),
    "module": (
        "class Loss(nn.Module):\n"
        "  def __init__(self, w):\n    super().__init__(); self.w = w\n"
        "  def forward(self, model, batch): return self.w * BPR()(model, batch)\nloss = Loss({})"
    ),
    "module with a buffer": (
        "class Loss(nn.Module):\n"
        "  def __init__(self, w):\n"
        "    super().__init__(); self.register_buffer('w', torch.tensor(w))\n"
        "  def forward(self, model, batch): return self.w * BPR()(model, batch)\nloss = Loss({})"
    ),
    "dataclass": (
        "@dataclass\nclass Loss:\n  w: float\n"
        "  def __call__(self, model, batch): return self.w * BPR()(model, batch)\nloss = Loss({})"
    ),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_of_ones_own_is_known_by_what_it_does(
    split: Split, tmp_path: Path, kind: str
) -> None:
    path, code = tmp_path / "it", LOSSES[kind]
    run(small(split), split, epochs=2, objective=defined(code.format(2.0)), checkpoint=path)
    with pytest.raises(ValueError, match=r"was made with objective.*=.*, not .*: use the same"):
        run(small(split), split, objective=defined(code.format(3.0)), checkpoint=path)
    # the cell that defines it was run again: it lies somewhere else in memory
    resumed, whole = small(split), small(split)
    history = run(resumed, split, objective=defined(code.format(2.0)), checkpoint=path)
    assert_same_history(history, run(whole, split, objective=defined(code.format(2.0))))
    assert same_weights(resumed, whole)


def test_a_model_of_ones_own_is_known_by_what_it_does(split: Split, tmp_path: Path) -> None:
    def classes(factor: int) -> type[models.LightGCN]:
        class Own(models.LightGCN):
            def start_epoch(self) -> None:
                self.factor = factor

        return Own

    for factor in (1, 1):
        run(classes(factor)(split.train, dim=4), split, epochs=2, checkpoint=tmp_path / "it")
    with pytest.raises(ValueError, match=r"was made with model\.digest=\w+, not \w+"):
        run(classes(2)(split.train, dim=4), split, epochs=2, checkpoint=tmp_path / "it")


class Learning(nn.Module):
    """A loss that would have to be trained itself."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, model: Any, batch: Batch) -> Tensor:
        return BPR()(model, batch) / self.temperature


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (BPR, r"objective=BPR: BPR is a class, and BPR\(\) is needed"),
        (Learning, r"objective=Learning: Learning is a class"),
        (Learning(), r"Learning has weights of its own, which fit does not train \(temperature\)"),
        (nn.BCELoss(), r"BCELoss of PyTorch compares .*: a loss is called as objective\(model, ba"),
        (nn.functional.mse_loss, r"mse_loss of PyTorch compares predictions with answers"),
        (lambda batch: 0.0, r"has other arguments \(too many positional arguments\): a loss is"),
        (lambda users, positives, negatives: 0.0, r"has other arguments \(missing a required arg"),
        (lambda model, batch: 0.5, r"answered a float: a loss is one number"),
        (lambda model, batch: None, r"answered a NoneType: a loss is one number"),
        (lambda model, batch: torch.tensor(0.5), r"answered a Tensor without gradients"),
        (lambda model, batch: BPR()(model, batch).detach(), r"a Tensor without gradients"),
        (
            lambda model, batch: model.training_embeddings(batch.users, batch.positives)[0].sum(1),
            r"answered a Tensor of shape \(64,\): a loss is one number, a Tensor of shape \(\)",
        ),
        (lambda model, batch: BPR()(model, batch)[None], r"answered a Tensor of shape \(1,\)"),
    ],
)
def test_what_is_no_loss_is_refused(split: Split, objective: Any, message: str) -> None:
    model = small(split)
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        run(model, split, objective=objective)
    assert "\n" not in str(caught.value)
    assert same_weights(model, small(split))


def test_a_module_that_learns_nothing_is_a_loss(split: Split) -> None:
    frozen, plain = Learning().requires_grad_(False), small(split)
    run(model := small(split), split, epochs=2, objective=frozen)
    run(plain, split, epochs=2)
    assert same_weights(model, plain)
    holding = Learning().requires_grad_(False)
    holding.model = model  # its weights are trained anyway
    run(model, split, epochs=1, objective=holding)


def test_a_method_that_is_missing_is_named(split: Split) -> None:
    class OnlyScore(Theirs):
        training_embeddings = None  # type: ignore[assignment]

    message = r"SampledSoftmax needs a model with training_embeddings, which OnlyScore lacks: write"
    with pytest.raises(TypeError, match=message):
        fit(OnlyScore(split), split, progress=False)
    with pytest.raises(TypeError, match=r"lacks: use SampledSoftmax\("):
        fit(small(split), split, objective=models.KGCN.default_objective(None), progress=False)


def test_the_model_is_asked_once_for_its_loss(split: Split) -> None:
    asked = []

    class Own(models.LightGCN):
        def default_objective(self) -> Any:
            asked.append(1)
            return super().default_objective()

    fit(Own(split.train, dim=4), split, epochs=2, progress=False)
    assert asked == [1]


def test_what_cannot_be_trained_is_refused(split: Split) -> None:
    frozen = small(split).requires_grad_(False)
    with pytest.raises(ValueError, match="All weights of LightGCN are frozen"):
        run(frozen, split)
    for context in (torch.no_grad(), torch.inference_mode()):
        model = small(split)
        with context, pytest.raises(ValueError, match=r"Gradients are switched off .*: call fit"):
            run(model, split)

    class Empty(nn.Module):
        users, items = split.train.users, split.train.items

    with pytest.raises(TypeError, match="Empty has no parameters to train"):
        run(Empty(), split)


# ---------------------------------------------------------------------- trained before
@pytest.mark.parametrize("how", ["further", "loaded", "copied", "extended", "given weights"])
def test_training_further_never_ends_with_worse_weights(
    split: Split, tmp_path: Path, how: str
) -> None:
    model: Any = trained(split)
    if how == "loaded":
        model.save(tmp_path / "model")
        model = load(tmp_path / "model")
    elif how == "copied":
        model = deepcopy(model)
    elif how == "extended":
        model = models.extend(model, split.train)
    elif how == "given weights":
        known, model = model.state_dict(), small(split)
        model.load_state_dict(known)
    start = weights(model)
    value = evaluate(model, split, 20, part="validation", metrics=("recall",))["recall@20"]
    # steps so large that they destroy what was learnt
    harmful: dict[str, Any] = {"epochs": 2, "lr": 50.0, "checkpoint": tmp_path / "it"}
    history = run(model, split, **harmful)
    assert history.start == value > max(row["recall@20"] for row in history.epochs)
    assert (history.best_epoch, history.best) == (0, value)
    assert f"best validation recall@20 {value:.4f} in epoch 0" in repr(history)
    assert same_weights(model, start)
    assert run(model, split, **{**harmful, "epochs": 3}).start == value  # the file knows it
    assert same_weights(model, start)


def test_a_new_model_is_not_measured(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    judged = training.evaluate
    monkeypatch.setattr(training, "evaluate", lambda *a, **k: calls.append(1) or judged(*a, **k))
    kinds = (models.LightGCN, models.MatrixFactorization, models.NGCF)
    for model in [*(kind(split.train, 8) for kind in kinds), small(split).double(), Theirs(split)]:
        assert run(model, split, epochs=2).start is None
    assert len(calls) == 5 * 2
    # nor one that was trained, where nothing would be compared with it
    run(model, split, epochs=2, validate_every=3)
    run(model, Split(split.train, None, split.test), epochs=2)
    assert len(calls) == 5 * 2


def test_every_kind_of_new_model_is_known_as_new() -> None:
    toy = datasets.load("toy")
    likes = toy.interactions
    frame = likes.to_frame()
    frame["rating"] = 3.0
    rated = Interactions.from_frame(frame, rating="rating")
    for model in (
        models.LightGCN(likes, 4),
        models.SGL(likes, 4),
        models.UltraGCN(likes, 4),
        models.NGCF(likes, 4),
        models.SocialLightGCN(likes, toy.social, 4, learn_weight=True),
        models.DiffNet(likes, toy.social, 4),
        models.SEPT(likes, toy.social, 4),
        models.KnowledgeLightGCN(likes, toy.knowledge, 4),
        models.KGCN(likes, toy.knowledge, 4),
        models.KGAT(likes, toy.knowledge, 4),
        models.KGIN(likes, toy.knowledge, 4),
        models.RippleNet(likes, toy.knowledge, 4),
        models.GraphSAGE(likes, toy.knowledge, 4),
        models.ProbabilisticMF(rated, 4),
        models.GraphRec(rated, toy.social, 4),
    ):
        assert not training.has_been_trained(model)
        model.load_state_dict(weights(model))
        assert training.has_been_trained(model)


def test_a_better_epoch_is_kept_all_the_same(split: Split, without_validation: Split) -> None:
    model, other = small(split), small(split)
    run(model, without_validation, epochs=1)
    run(other, without_validation, epochs=1)
    history = run(model, split, epochs=8)
    assert history.best_epoch > 0
    assert history.best == max(row["recall@20"] for row in history.epochs) > history.start
    run(other, without_validation, epochs=history.best_epoch)
    assert same_weights(model, other)


# ---------------------------------------------------------------------- numbers of NumPy's
def test_numbers_of_numpy_are_numbers(split: Split, tmp_path: Path) -> None:
    numpys: dict[str, Any] = {
        "seed": np.int64(3), "patience": np.int64(4), "batch_size": np.int64(32),
        "validate_every": np.int64(1), "negatives": np.int64(2), "epochs": np.int64(2),
        "lr": np.float64(0.02), "k": np.int64(20), "objective": BPR(np.float64(0.01)),
        "schedule": "plateau",
    }  # fmt: skip
    plain = {name: getattr(value, "item", lambda v=value: v)() for name, value in numpys.items()}
    plain["objective"] = BPR(0.01)
    found = []
    for number, arguments in enumerate((numpys, plain)):
        kind = np.int64 if arguments is numpys else int
        model = models.LightGCN(split.train, dim=kind(8), layers=kind(2), seed=kind(1))
        path = tmp_path / f"{number}"
        note = lambda _, history: history.epochs[-1].update(noted=np.float32(0.5))  # noqa: E731
        run(model, split, **arguments, checkpoint=path, after_epoch=note)
        found.append(model)
    assert same_weights(*found)
    # to each the other's checkpoint is its own
    for number, arguments in enumerate((plain, numpys)):
        model = models.LightGCN(split.train, dim=8, layers=2, seed=1)
        run(model, split, **arguments, checkpoint=tmp_path / f"{number}")
        assert same_weights(model, found[0])


def test_single_precision_is_taken_for_settings(split: Split, tmp_path: Path) -> None:
    objective = SampledSoftmax(np.int32(8), np.float32(0.1), temperature=np.float32(1))
    history = fit(small(split), split, lr=np.float32(0.01), objective=objective, epochs=2,
                  checkpoint=tmp_path / "it", progress=False)  # fmt: skip
    assert history.stages[0]["lr"] == pytest.approx(0.01)
    for lr in (np.float32(0), np.float32("nan"), np.inf, True, "0.1", None):
        with pytest.raises(ValueError, match=r"lr=.*: a positive number is needed"):
            run(small(split), split, lr=lr)


@pytest.mark.parametrize("negatives", ["3", 2.5, True])
def test_negatives_are_a_whole_number(split: Split, negatives: Any) -> None:
    with pytest.raises(TypeError, match=r"negatives=.*: a whole number is needed"):
        run(small(split), split, negatives=negatives)


# ---------------------------------------------------------------------- before long work
def test_a_place_that_cannot_be_written_to_is_refused_at_once(split: Split, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    model = small(split)
    before = weights(model)
    for path in (tmp_path / "file" / "it", tmp_path / "file" / "folder" / "it"):
        with pytest.raises(NotADirectoryError, match=r"file' is a file: a folder is needed"):
            run(model, split, checkpoint=path)
        with pytest.raises(NotADirectoryError, match=r"file' is a file: a folder is needed"):
            model.save(path)
    assert same_weights(before, model)
    assert (tmp_path / "file").read_text() == "mine"


def test_after_epoch_is_a_function_and_may_note_anything(split: Split, tmp_path: Path) -> None:
    model = small(split)
    before = weights(model)
    with pytest.raises(TypeError, match="after_epoch='draw': a function is needed"):
        run(model, split, after_epoch="draw")
    assert same_weights(before, model)

    def note(_: object, history: History) -> None:
        history.epochs[-1].update(words="good", several=[1, 2], none=None)

    history = run(
        model, split, epochs=2, after_epoch=note, progress=True, checkpoint=tmp_path / "c"
    )
    assert history.epochs[0]["words"] == "good"
    again = run(small(split), split, epochs=2, after_epoch=note, checkpoint=tmp_path / "c")
    assert again == history


def test_a_loss_of_another_model_is_refused(split: Split) -> None:
    other, model = small(split, 1), small(split)
    before = weights(model)
    with pytest.raises(TypeError, match="gives no weight of the LightGCN a gradient"):
        run(model, split, objective=lambda _, batch: BPR()(other, batch))
    assert same_weights(before, model)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_in_a_sentence(split: Split, kind: torch.dtype) -> None:
    with pytest.raises(TypeError, match=rf"LightGCN are {kind}, .*: call model\.float\(\) first"):
        run(small(split).to(kind), split)


def test_graphs_without_links_have_a_checkpoint(split: Split, tmp_path: Path) -> None:
    nobody = SocialGraph(np.array([], int), np.array([], int), split.train.users)
    for _ in range(2):
        model = models.SocialLightGCN(split.train, nobody, dim=8, layers=2)
        history = run(model, split, epochs=2, checkpoint=tmp_path / "it")
    assert len(history.epochs) == 2


def test_a_validation_of_strangers_is_refused_before_training() -> None:
    parts = tastes().split(5, 5, by="user")
    model = models.LightGCN(parts.train, dim=8)
    before = weights(model)
    words = r"LightGCN knows nothing about the 5 users who are judged in validation.*histories="
    with pytest.raises(ValueError, match=words):
        run(model, parts)
    assert same_weights(before, model)
