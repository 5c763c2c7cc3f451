"""Training that can be interrupted: weights, best weights and Adam's memory in one file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models import Model
from ..models.files import read, write
from .history import History

Weights = dict[str, Tensor]


def identity_of(model: nn.Module) -> dict[str, Any]:
    """What makes this model start from the numbers it starts from, one entry per argument."""
    if not isinstance(model, Model):  # somebody else's: what it prints is all there is
        return {"model": f"{type(model).__name__}: {model}"}
    identity = model.identity()
    return {"model": identity.pop("class")} | {f"model.{k}": v for k, v in identity.items()}


def weights_of(model: nn.Module) -> Weights:
    """A copy of the weights."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def save_checkpoint(
    path: Path,
    made_with: dict[str, Any],
    history: History,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: Weights,
) -> None:
    """Write the state of training after an epoch; the file is written aside, then put in place."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items()}
    write(path, {"checkpoint": {"made_with": made_with, "history": vars(history)}}, tensors)


def load_checkpoint(
    path: Path, made_with: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[History, Weights]:
    """Put model and optimizer into the state that was saved; the history and the best weights.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another model, other data or other arguments.
    """
    story, tensors = read(path, "a checkpoint written by fit", lambda s: "checkpoint" in s)
    before = story["checkpoint"]["made_with"]
    now = json.loads(json.dumps(made_with))  # as it is stored: tuples are lists there
    for name in sorted({*now, *before}, key=[*now, *before].index):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"The checkpoint {os.fspath(path)!r} was made with {name}={before.get(name)}, not "
                f"{now.get(name)}: use the same, or another path."
            )

    def part(prefix: str) -> Weights:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part("model/"))
    states: dict[int, Weights] = {}
    for name, value in part("optimizer/").items():
        index, key = name.split("/")
        states.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    device = next(model.parameters()).device
    best = {name: value.to(device) for name, value in part("best/").items()}
    return History(**story["checkpoint"]["history"]), best
