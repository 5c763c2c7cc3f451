"""The loop of training, run by every process at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch.distributed as dist
from torch import Tensor

from ..data import Split
from ..engine.memory import freed_memory_kept
from ..engine.sampling import Batch
from ..evaluation.ranking import evaluate
from ..models import Recommender
from ..training.history import History
from .checkpoints import Checkpoints
from .settings import Settings

Report = Callable[[dict[str, float]], None]


class Engine(Protocol):
    """What one process does in a step: :class:`~.dimensions.DimensionParallel`, for example."""

    def step(self, batch: Batch) -> Tensor:
        """Train on a batch that all processes know; a number for :meth:`mean_loss`."""
        ...

    def mean_loss(self, total: float, batches: int) -> float:
        """The mean loss of an epoch, from the sum of what :meth:`step` returned in it."""
        ...

    def keep_as_best(self) -> None:
        """Remember the table as it is."""
        ...

    def use_best(self) -> None:
        """Put the table back to what it was then."""
        ...

    def tensors(self) -> dict[str, Any]:
        """What a checkpoint holds: views, to be written or to be filled."""
        ...

    def started_at(self, steps: int) -> None:
        """Called after a checkpoint of so many steps was loaded."""
        ...

    def recommender(self) -> Recommender:
        """The model as it is now."""
        ...


class Batches(Protocol):
    """Where batches come from, the same on all processes: an epoch is drawn from its number."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, /) -> Iterator[Batch]: ...


@dataclass
class Progress:
    """How far a training is, as a checkpoint tells it."""

    steps: int = 0
    batch: int = 0  # steps of the epoch that has begun
    total: float = 0.0  # sum of their losses
    history: dict[str, Any] = field(default_factory=dict)


def train(
    engine: Engine,
    batches: Batches,
    settings: Settings,
    split: Split | None = None,
    checkpoints: Checkpoints | None = None,
    report: Report = lambda row: None,
    *,
    measures_start: bool = False,
) -> History:
    """Train up to ``settings.epochs``, from where the newest checkpoint is.

    Parameters
    ----------
    engine : Engine
    batches : Batches
    settings : Settings
    split : Split, optional
        Its validation part says which epoch is best, and when to stop.
    checkpoints : Checkpoints, optional
    report : function
        Called by the first process after every epoch, with its row of the history.
    measures_start : bool
        Whether the table has been trained before: it stays if no epoch is better on validation.

    Returns
    -------
    History
        The same on all processes. The table is the best.
    """
    at = Progress()
    history = History(watched=settings.watched)
    story = None if checkpoints is None else checkpoints.load(engine.tensors())
    if story is not None:
        at = Progress(**story["progress"])
        history = History(**at.history)
        engine.started_at(at.steps)
    judge = None if split is None or split.validation is None else split
    if story is None and measures_start and judge and settings.validate_every <= settings.epochs:
        history.start, history.best_epoch = _measured(engine, judge, settings), 0
        engine.keep_as_best()

    def save() -> None:
        if checkpoints is not None:
            at.history = vars(history)
            checkpoints.save(at.steps, engine.tensors(), {"progress": vars(at)})

    while len(history.epochs) < settings.epochs and not history.stopped_early:
        number, started = len(history.epochs), time.perf_counter()
        with freed_memory_kept():
            for place, batch in enumerate(batches.epoch(number)):
                if place < at.batch:  # drawn again, and already behind us
                    continue
                at.total += float(engine.step(batch))
                at.steps, at.batch = at.steps + 1, place + 1
                due = settings.save_every and at.steps % settings.save_every == 0
                if due and at.batch < len(batches):  # after the last one it is saved anyway
                    save()
        loss = engine.mean_loss(at.total, at.batch)
        if loss != loss:
            raise FloatingPointError(
                f"The loss became NaN in epoch {number + 1}; a smaller learning rate usually helps."
            )
        row = {"epoch": number + 1, "loss": loss, "seconds": time.perf_counter() - started}
        history.epochs.append(row)
        at.batch, at.total = 0, 0.0
        if judge and (number + 1) % settings.validate_every == 0:
            _validate(engine, judge, settings, history, row)
        save()
        if dist.get_rank() == 0:
            report(row)
    if history.best_epoch is None:
        engine.keep_as_best()
    engine.use_best()
    return history


def _validate(
    engine: Engine, split: Split, settings: Settings, history: History, row: dict[str, float]
) -> None:
    """Measure, remember the best table, and say when to stop; alike on all processes."""
    row[settings.watched] = measured = _measured(engine, split, settings)
    if history.improves(measured):
        history.best_epoch = int(row["epoch"])
        engine.keep_as_best()
    waited = row["epoch"] - (history.best_epoch or 0)
    history.stopped_early = settings.patience is not None and waited >= settings.patience


def _measured(engine: Engine, split: Split, settings: Settings) -> float:
    """What validation measures, as the first process has it, so that all stop together."""
    answer = [
        evaluate(
            engine.recommender(), split, settings.k, part="validation", metrics=(settings.metric,)
        )[settings.watched]
    ]
    dist.broadcast_object_list(answer)
    return answer[0]
