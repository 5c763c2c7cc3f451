"""What several processes do in tests/distributed/test_checkpoints.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from gnnrec_helpers.distributed.checkpoints import Checkpoints
from gnnrec_helpers.distributed.shares import sharded, share

SHAPE = (7, 10)


def whole(step: int) -> torch.Tensor:
    return step + torch.arange(70.0).view(SHAPE)


def own(table: torch.Tensor, dimension: int) -> torch.Tensor:
    part = share(SHAPE[dimension], dist.get_world_size(), dist.get_rank())
    return table[part].clone() if dimension == 0 else table[:, part].clone()


def save(folder: Path, place: Path, *steps: int) -> None:
    """Checkpoints of these steps, of a table by rows and one by columns."""
    for step in steps:
        parts = {name: sharded(own(whole(step), d), SHAPE[d], d) for name, d in TABLES.items()}
        story = {"told": step, "progress": {"batch": 0, "history": {"epochs": [{}, {}]}}}
        Checkpoints(place, {"lr": 0.1, "dims": (1, 2)}).save(step, parts, story)


TABLES = {"rows": 0, "columns": 1}


def load(folder: Path, place: Path, answer: str) -> None:
    """Read the newest; whether each process has its part of the step that is told."""
    parts = {name: own(torch.zeros(SHAPE), d) for name, d in TABLES.items()}
    tables = {
        name: sharded(part, SHAPE[TABLES[name]], TABLES[name]) for name, part in parts.items()
    }
    story = Checkpoints(place, {"lr": 0.1, "dims": (1, 2)}).load(tables)
    assert story is not None
    right = [torch.equal(p, own(whole(story["told"]), TABLES[n])) for n, p in parts.items()]
    np.save(folder / f"{answer}-{dist.get_rank()}.npy", [story["told"], *right])
