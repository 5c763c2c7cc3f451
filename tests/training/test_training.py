"""Training: the same numbers every time, early stopping, checkpoints that lose nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
    Split,
    datasets,
    evaluate,
    fit,
    league,
    models,
    tune,
)
from gnnrec_helpers.engine.sampling import Batch, PairSampler
from gnnrec_helpers.models import files
from gnnrec_helpers.objectives import BPR, SampledSoftmax
from gnnrec_helpers.training import fitting as training


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


class Interrupting:
    """An objective during whose n-th batch somebody presses Ctrl+C."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def __call__(self, model: Any, batch: Batch) -> Tensor:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return BPR()(model, batch)

    def __repr__(self) -> str:
        return repr(BPR())


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
    with pytest.raises(KeyboardInterrupt):
        run(model, split, epochs=60, objective=Interrupting(4 * batches + 2))
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
        with pytest.raises(KeyboardInterrupt):
            run(model, split, objective=Interrupting(batch), **arguments)
        model = model if same_model else small(split)
    history = run(model, split, **arguments)
    assert_same_history(history, expected)
    assert same_weights(model, whole)
    assert history.stopped_early


def test_interrupted_in_the_first_epoch(split: Split, tmp_path: Path) -> None:
    whole, model = small(split), small(split)
    expected = run(whole, split, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        run(model, split, objective=Interrupting(2), checkpoint=tmp_path / "it", epochs=3)
    assert not (tmp_path / "it").exists()
    assert not same_weights(model, small(split))  # nothing to go back to: a new model is needed
    model = small(split)
    assert_same_history(run(model, split, epochs=3, checkpoint=tmp_path / "it"), expected)
    assert same_weights(model, whole)


def test_a_finished_checkpoint_trains_no_more(split: Split, tmp_path: Path) -> None:
    model = small(split)
    expected = run(model, split, epochs=60, patience=5, checkpoint=tmp_path / "it")
    assert expected.stopped_early
    before = (tmp_path / "it").read_bytes()
    again = small(split)
    objective = Interrupting(1)  # at the first batch, if there is one
    history = run(
        again, split, epochs=200, patience=5, checkpoint=tmp_path / "it", objective=objective
    )
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
    batches, calls = -(-len(split.train) // 64), []

    class Bad(Interrupting):
        def __call__(self, model: Any, batch: Batch) -> Tensor:
            calls.append(1)
            return BPR()(model, batch) * (float("nan") if len(calls) > 2 * batches else 1.0)

    model = small(split)
    with pytest.raises(FloatingPointError, match=r"NaN in epoch 3; a smaller learning rate"):
        run(model, split, objective=Bad(0), checkpoint=tmp_path / "it")
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
    with pytest.raises(KeyboardInterrupt):
        run(model, split, objective=Interrupting(2), epochs=2)
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
