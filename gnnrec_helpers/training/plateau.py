"""What training tries when validation has stopped improving."""

from __future__ import annotations

import math
from dataclasses import is_dataclass, replace
from typing import Any

from .history import History

DECAY_STEP, RATE_STEP, FALLS = 1.5, 3.0, 2
Settings = dict[str, float | None]


def settings_of(lr: float, objective: Any) -> Settings:
    """What training starts with; a loss without a weight decay of its own has None."""
    decay = getattr(objective, "weight_decay", None)
    return {"lr": lr, "weight_decay": decay if is_dataclass(objective) else None}


def with_decay(objective: Any, settings: Settings) -> Any:
    """The same loss with this weight decay."""
    decay = settings["weight_decay"]
    if decay in (None, getattr(objective, "weight_decay", decay)):
        return objective
    return replace(objective, weight_decay=decay)


def next_settings(history: History, adapts_decay: bool) -> Settings | None:
    """What has not been tried yet beside the settings of the best epoch; None if all has been.

    First more weight decay, then less, and then, up to twice, a smaller learning rate, with which
    the weight decay stays.
    """
    first, best = history.stages[0], history.stage_of(history.best_epoch or 1)
    lr, decay = best["lr"], best["weight_decay"]
    beside: list[Settings] = []
    if adapts_decay and decay and lr == first["lr"]:
        beside += [{"lr": lr, "weight_decay": decay * f} for f in (DECAY_STEP, 1 / DECAY_STEP)]
    if len({stage["lr"] for stage in history.stages}) <= FALLS:
        beside.append({"lr": lr / RATE_STEP, "weight_decay": decay})
    for settings in beside:
        if not any(_same(settings, tried) for tried in history.stages):
            return settings
    return None


def _same(one: Settings, other: Settings) -> bool:
    return all(
        one[name] == other[name] or math.isclose(one[name] or 0.0, other[name] or 0.0)
        for name in ("lr", "weight_decay")
    )
