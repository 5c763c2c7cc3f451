"""What happened during training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass
class History:
    """What happened during :func:`fit`.

    Attributes
    ----------
    epochs : list of dict
        For every epoch: ``epoch`` (from 1), ``loss`` (mean over its batches), ``seconds``, and
        what `watched` names on validation where it was measured.
    best_epoch : int or None
        The epoch whose weights the model has now; 0 if they are those it had before, None without
        validation, when it is the last. To train for so many epochs gives such weights again only
        where there is a single one of `stages`.
    stopped_early : bool
    watched : str
        What validation measures: ``"recall@20"`` or another metric of lists, of which more is
        better, or an error of ratings, "rmse" or "mae", of which less is.
    stages : list of dict
        ``first_epoch``, ``lr`` and ``weight_decay`` of each stretch of epochs with the same
        settings. There is one, unless validation stopped improving and something else was tried.
    start : float or None
        What validation measured before the first epoch, of a model that had been trained before.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False
    watched: str = "recall@20"
    stages: list[dict[str, Any]] = field(default_factory=list)
    start: float | None = None

    @property
    def losses(self) -> list[float]:
        return [row["loss"] for row in self.epochs]

    @property
    def best(self) -> float | None:
        """What validation measured at the best epoch."""
        if not self.best_epoch:
            return self.start
        return self.epochs[self.best_epoch - 1][self.watched]

    def improves(self, value: float) -> bool:
        """Is this better than the best so far?"""
        return self.best is None or self._is_better(value, self.best)

    def _is_better(self, value: float, other: float) -> bool:
        return value < other if self.watched in ("rmse", "mae") else value > other

    def stage_of(self, epoch: int) -> dict[str, Any]:
        """The settings that an epoch was trained with."""
        return [stage for stage in self.stages if stage["first_epoch"] <= epoch][-1]

    def waited(self) -> int:
        """How many epochs the last stage has gone on since its own best one."""
        start = self.stages[-1]["first_epoch"]
        best = None
        for row in self.epochs[start - 1 :]:
            value = row.get(self.watched)
            if value is not None and (best is None or self._is_better(value, best)):
                best, start = value, int(row["epoch"]) + 1
        return len(self.epochs) + 1 - start

    def to_frame(self) -> pd.DataFrame:
        """One row an epoch."""
        return pd.DataFrame(self.epochs).set_index("epoch")

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(no epochs)"
        seconds = sum(row["seconds"] for row in self.epochs)
        parts = [f"{len(self.epochs)} epochs", f"{seconds:.1f} s", f"loss {self.losses[-1]:.4f}"]
        if self.best_epoch is not None:
            parts.append(
                f"best validation {self.watched} {self.best:.4f} in epoch {self.best_epoch}"
            )
        if self.stopped_early:
            parts.append("stopped early")
        return f"History({', '.join(parts)})"
