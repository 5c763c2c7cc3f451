"""Training that can be interrupted: weights, best weights and Adam's memory in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models import Model
from ..models.files import fingerprint, read, write
from .history import History
from .made_with import check_made_with

Weights = dict[str, Tensor]


def identity_of(model: nn.Module) -> dict[str, Any]:
    """What makes this model start from the numbers it starts from, one entry per argument."""
    if not isinstance(model, Model):  # somebody else's: what it prints is all there is
        return {"model": " ".join(f"{type(model).__name__}: {model}".split())}
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
    rows = [{name: fingerprint(noted) for name, noted in row.items()} for row in history.epochs]
    told = {"made_with": made_with, "history": {**vars(history), "epochs": rows}}
    write(path, {"checkpoint": told}, tensors)


def load_checkpoint(
    path: Path,
    made_with: dict[str, Any],
    epochs: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> tuple[History, Weights]:
    """Put model and optimizer into the state that was saved; the history and the best weights.

    The model has the weights that the training began with, or those that it has come to. What
    `made_with` says of the start is what the file says from now on.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another model, other data, other arguments or other
        first weights, or of more epochs.
    """
    story, tensors = read(path, "a checkpoint written by fit", lambda s: "checkpoint" in s)
    record, story = f"The checkpoint {os.fspath(path)!r}", story["checkpoint"]
    before = story["made_with"]
    start = before.get("start")
    check_made_with(record, {**before, "start": None}, {**made_with, "start": None}, "another path")

    def part(prefix: str) -> Weights:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    now = made_with["start"]
    if (
        now != start
        and [start, now] != left_by_fit(model)
        and now not in (fingerprint(part("model/")), fingerprint(part("best/")))
    ):
        raise ValueError(
            f"{record} is of a training that began with other weights than the "
            f"{type(model).__name__} has now: build it as it was then, or use another path."
        )
    if len(story["history"]["epochs"]) > epochs:
        raise ValueError(
            f"{record} has {len(story['history']['epochs'])} epochs, and epochs={epochs} are asked "
            "for: ask for no fewer, or use another path."
        )
    made_with["start"] = start
    model.load_state_dict(part("model/"))
    states: dict[int, Weights] = {}
    for name, value in part("optimizer/").items():
        index, key = name.split("/")
        states.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    device = next(model.parameters()).device
    best = {name: value.to(device) for name, value in part("best/").items()}
    return History(**story["history"]), best


def mark_as_left(model: nn.Module, start: str | None) -> None:
    """Note on a model that `fit` has had it: what it began with, and what it has now.

    Both are digests, and None without a checkpoint. An interrupted model need not have weights that
    the checkpoint knows, and yet it may go on.
    """
    now = None if start is None else fingerprint(weights_of(model))
    model.__dict__["_left_by_fit"] = [start, now]


def left_by_fit(model: nn.Module) -> list[str | None] | None:
    """What :func:`mark_as_left` noted; None of a model that `fit` has not had."""
    return vars(model).get("_left_by_fit")
