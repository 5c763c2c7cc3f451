"""The table that several processes train, each its own part, and Adam's memory of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from .shares import sharded


class TrainedTable:
    """A process's part of the table and the optimizer of it; what all engines have in common.

    Parameters
    ----------
    table : Tensor
        This process's columns, or rows, as a parameter.
    lr : float
        Adam's learning rate.
    spread : {0, 1}
        The dimension along which the whole table is spread over the processes.
    total : int
        How long the whole table is in this dimension.
    """

    def __init__(self, table: Tensor, lr: float, *, spread: int, total: int) -> None:
        self.table, self.spread, self.total = table, spread, total
        self.optimizer = torch.optim.Adam([table], lr=lr, fused=True)
        # as Adam itself would begin, but there from the start, so that a checkpoint can fill it
        self._memory = {name: torch.zeros(table.shape) for name in ("exp_avg", "exp_avg_sq")}
        self._steps = torch.zeros(())
        self.optimizer.state[table] = {"step": self._steps, **self._memory}
        self.best = table.detach().clone()

    def mean_loss(self, total: float, batches: int) -> float:
        """The mean over the batches of an epoch of what a step returned."""
        return total / batches

    def keep_as_best(self) -> None:
        """Remember the table as it is."""
        self.best.copy_(self.table.detach())

    def use_best(self) -> None:
        """Put the table back to what it was then."""
        self.table.detach().copy_(self.best)

    def tensors(self) -> dict[str, DTensor]:
        """What a checkpoint holds: views, to be written or to be filled."""
        held = {"nodes": self.table.detach(), "best": self.best, **self._memory}
        return {name: sharded(value, self.total, self.spread) for name, value in held.items()}

    def started_at(self, steps: int) -> None:
        """Tell the optimizer how many steps lie behind a checkpoint that was loaded."""
        self._steps.fill_(steps)
