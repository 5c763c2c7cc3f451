"""What training tries when validation has stopped improving."""

from __future__ import annotations

import math
from dataclasses import is_dataclass, replace
from typing import Any

from ..models.files import fingerprint
from .history import History

DECAYS = (3.0, 1 / 3, 1.5, 1 / 1.5)  # in parts of the best so far, in this order
RATE_STEP, FALLS = 3.0, 2
CLOSE = 1.001  # nearer decays are the same
Settings = dict[str, float | None]


def settings_of(lr: float, objective: Any) -> Settings:
    """What training starts with; a loss without a weight decay of its own has None."""
    decay = getattr(objective, "weight_decay", None)
    return {"lr": lr, "weight_decay": fingerprint(decay) if is_dataclass(objective) else None}


def with_decay(objective: Any, settings: Settings) -> Any:
    """The same loss with this weight decay."""
    decay = settings["weight_decay"]
    if decay in (None, getattr(objective, "weight_decay", decay)):
        return objective
    return replace(objective, weight_decay=decay)


def next_settings(history: History, adapts_decay: bool) -> Settings | None:
    """What has not been tried yet beside the settings of the best epoch; None if all has been.

    First other weight decays, as long as they lie between those that were tried and are worse.
    Then, up to twice, a smaller learning rate, with which the weight decay stays.
    """
    first, best = history.stages[0], history.stage_of(history.best_epoch or 1)
    lr, decay = best["lr"], best["weight_decay"]
    if adapts_decay and decay and lr == first["lr"]:
        tried = [stage["weight_decay"] for stage in history.stages]
        more = min((t for t in tried if t > decay * CLOSE), default=math.inf)
        less = max((t for t in tried if t < decay / CLOSE), default=0.0)
        for factor in DECAYS:
            if less * CLOSE < decay * factor < more / CLOSE:
                return {"lr": lr, "weight_decay": decay * factor}
    rates, smaller = {stage["lr"] for stage in history.stages}, lr / RATE_STEP
    if len(rates) > FALLS or any(math.isclose(rate, smaller) for rate in rates):
        return None
    return {"lr": smaller, "weight_decay": decay}
