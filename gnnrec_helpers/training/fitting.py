"""Training: batches, validation, early stopping, checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..data.interactions import Interactions, Split
from ..engine.memory import reuse_freed_memory
from ..engine.sampling import PairSampler, RatingSampler
from ..evaluation.ranking import evaluate
from ..evaluation.ratings import evaluate_ratings
from ..models import RatingModel, Recommender
from ..objectives import Objective, RatingRegression, SampledSoftmax
from ..serving.retrieval import check_labels

WATCHED_K = 20  # early stopping looks at Recall@20 on validation, with ratings at RMSE


@dataclass
class History:
    """What happened during :func:`fit`.

    Attributes
    ----------
    epochs : list of dict
        For every epoch: ``epoch`` (from 1), ``loss`` (mean over its batches), ``seconds``, and
        what `watched` names on validation where it was measured.
    best_epoch : int or None
        The epoch whose weights the model has now; None without validation, when it is the last.
    stopped_early : bool
    watched : str
        What validation measures: "recall@20", of which more is better, or "rmse", of which less is.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False
    watched: str = f"recall@{WATCHED_K}"

    @property
    def losses(self) -> list[float]:
        return [row["loss"] for row in self.epochs]

    @property
    def best(self) -> float | None:
        """What validation measured at the best epoch."""
        if self.best_epoch is None:
            return None
        return self.epochs[self.best_epoch - 1][self.watched]

    def improves(self, value: float) -> bool:
        """Is this better than the best so far?"""
        if self.best is None:
            return True
        return value < self.best if self.watched == "rmse" else value > self.best

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


def fit(
    model: nn.Module,
    split: Split,
    *,
    epochs: int = 100,
    batch_size: int = 2048,
    lr: float = 5e-3,
    schedule: Literal["constant", "cosine"] = "constant",
    objective: Objective | None = None,
    negatives: int = 1,
    seed: int = 0,
    patience: int | None = 10,
    validate_every: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    after_epoch: Callable[[nn.Module, History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place with Adam, and leave it with its best weights.

    Parameters
    ----------
    model : torch.nn.Module
        With ``training_embeddings`` (see :class:`~gnnrec_helpers.models.LightGCN`); it is trained
        on the device it is on. One with ``predict`` learns ratings instead (see
        :class:`~gnnrec_helpers.models.ProbabilisticMF`).
    split : Split
        Batches come from ``split.train``. When there is a validation part, Recall@20 on it (RMSE
        where ratings are learnt) decides which epoch's weights are kept, and when to stop. The test
        part is never looked at.
    epochs : int
        At most this many passes over the training interactions.
    batch_size : int
    lr : float
        Adam's learning rate.
    schedule : {"constant", "cosine"}
        Whether the learning rate stays, or falls to zero over `epochs` like half a wave of a
        cosine, step by step (Loshchilov & Hutter 2017).
    objective : Objective, optional
        :class:`~gnnrec_helpers.objectives.SampledSoftmax` by default, and least squares where
        ratings are learnt; papers on LightGCN use :class:`~gnnrec_helpers.objectives.BPR`.
    negatives : int
        Sampled for each positive, unless the objective shares its own among the whole batch, as
        :class:`~gnnrec_helpers.objectives.SampledSoftmax` does. Ratings need none.
    seed : int
        Of batches and negatives.
    patience : int or None
        Stop when validation has not improved for this many epochs; None trains to the end.
    validate_every : int
        Epochs from one validation to the next.
    checkpoint : path, optional
        A file written after every epoch. When it exists already, training goes on where it
        stopped, with the same numbers as if it had not; if it was made with other arguments or
        data, an error says which.
    after_epoch : function, optional
        Called after every epoch with the model as it is then and the history so far, to draw or to
        log. What it writes into ``history.epochs[-1]`` is kept; its time does not count.
    progress : bool
        Show a bar.

    Returns
    -------
    History
    """
    learns_ratings = isinstance(model, RatingModel)
    if objective is None:
        objective = cast(Objective, RatingRegression()) if learns_ratings else SampledSoftmax()
    _check(model, epochs, lr, schedule, patience, validate_every)
    check_labels(model, split.train)
    device = next(model.parameters()).device
    shared = getattr(objective, "shared_negatives", 0)
    sampler: PairSampler | RatingSampler
    if learns_ratings:
        sampler = RatingSampler(split.train, batch_size, seed)
    else:
        drawn = shared or negatives
        sampler = PairSampler(split.train, batch_size, drawn, seed, shared=bool(shared))
    reuse_freed_memory()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=device.type != "mps")
    history = History(watched="rmse") if learns_ratings else History()
    best = _weights(model)
    made_with = {
        "model": str(model),
        "objective": str(objective),
        "batch_size": batch_size,
        "lr": lr,
        "schedule": schedule if schedule == "constant" else f"{schedule} over {epochs} epochs",
        "negatives": negatives,
        "seed": seed,
        "patience": patience,
        "validate_every": validate_every,
        "train": digest(split.train),
        "validation": None if split.validation is None else digest(split.validation),
    }
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        history, best = _load(path, made_with, model, optimizer)

    bar = tqdm(
        total=epochs, initial=len(history.epochs), unit="epoch", disable=not progress, leave=False
    )
    try:
        while len(history.epochs) < epochs and not history.stopped_early:
            number = len(history.epochs)
            started = time.perf_counter()
            rates = _rates(lr, schedule, number, epochs, len(sampler))
            loss = _epoch(model, sampler, number, objective, optimizer, rates, device)
            row = {"epoch": number + 1, "loss": loss, "seconds": time.perf_counter() - started}
            history.epochs.append(row)
            if split.validation is not None and (number + 1) % validate_every == 0:
                found = _validate(model, split)
                row.update(found)
                if history.improves(found[history.watched]):
                    history.best_epoch, best = number + 1, _weights(model)
                waited = number + 1 - (history.best_epoch or 0)
                history.stopped_early = patience is not None and waited >= patience
            if after_epoch is not None:
                after_epoch(model, history)
            if path is not None:
                _save(path, made_with, history, model, optimizer, best)
            bar.update()
            bar.set_postfix({name: f"{v:.4f}" for name, v in row.items() if name != "epoch"})
    finally:
        # also when interrupted: the reader keeps the best model so far
        bar.close()
        if history.best_epoch is not None:
            model.load_state_dict(best)
    return history


def _epoch(
    model: nn.Module,
    sampler: PairSampler | RatingSampler,
    number: int,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    rates: list[float],
    device: torch.device,
) -> float:
    """One pass over the training interactions; the mean loss of its batches."""
    model.train()
    total = torch.zeros((), dtype=torch.float64)
    for rate, batch in zip(rates, sampler.epoch(number, device), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = objective(model, batch)  # type: ignore[arg-type]
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach().cpu().double()
    model.eval()
    mean = float(total) / len(sampler)
    if mean != mean:
        raise FloatingPointError(
            f"The loss became NaN in epoch {number + 1}; a smaller learning rate usually helps."
        )
    return mean


def _rates(lr: float, schedule: str, number: int, epochs: int, batches: int) -> list[float]:
    """The learning rate of every batch of epoch `number`."""
    if schedule == "constant":
        return [lr] * batches
    done = [(number + place / batches) / epochs for place in range(batches)]
    return [lr / 2 * (1 + math.cos(math.pi * share)) for share in done]


def _validate(model: nn.Module, split: Split) -> dict[str, float]:
    if isinstance(model, RatingModel):
        return {"rmse": evaluate_ratings(model, split, part="validation")["rmse"]}
    recommender = cast(Recommender, model)
    return evaluate(recommender, split, WATCHED_K, part="validation", metrics=("recall",))


def _check(
    model: object, epochs: int, lr: float, schedule: str, patience: int | None, validate_every: int
) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"{type(model).__name__} needs no fit: it is ready when constructed.")
    for name, value in (("epochs", epochs), ("validate_every", validate_every)):
        if value < 1:
            raise ValueError(f"{name}={value}: at least 1 is needed.")
    if not lr > 0:
        raise ValueError(f"lr={lr}: a positive number is needed.")
    if schedule not in ("constant", "cosine"):
        raise ValueError(f"schedule={schedule!r}: choose 'constant' or 'cosine'.")
    if patience is not None and patience < 1:
        raise ValueError(f"patience={patience}: at least 1 is needed, or None to never stop early.")


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


# ---------------------------------------------------------------------- checkpoints
def _save(
    path: Path,
    made_with: dict[str, Any],
    history: History,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
) -> None:
    """Weights, best weights and Adam's memory as safetensors; written aside, then renamed."""
    tensors = {f"model/{name}": value for name, value in _weights(model).items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items()}
    story = {"made_with": made_with, "history": vars(history)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    save_file(
        {name: value.contiguous() for name, value in tensors.items()},
        temporary,
        {"gnnrec": json.dumps(story)},
    )
    os.replace(temporary, path)


def _load(
    path: Path, made_with: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[History, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            story = json.loads((file.metadata() or {})["gnnrec"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is not a checkpoint written by fit: choose another path."
        ) from error
    for name, value in made_with.items():
        if story["made_with"].get(name) != value:
            raise ValueError(
                f"The checkpoint {os.fspath(path)!r} was made with {name}="
                f"{story['made_with'].get(name)}, not {value}: use the same, or another path."
            )

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part("model/"))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in part("optimizer/").items():
        index, what = name.split("/")
        state.setdefault(int(index), {})[what] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    device = next(model.parameters()).device
    best = {name: value.to(device) for name, value in part("best/").items()}
    return History(**story["history"]), best


def digest(interactions: Interactions) -> str:
    """Which interactions these are, in a few letters that differ where they do."""
    found = hashlib.sha256(interactions.user_index.tobytes())
    found.update(interactions.item_index.tobytes())
    if interactions.rating is not None:
        found.update(interactions.rating.tobytes())
    return f"{len(interactions)} pairs {found.hexdigest()[:12]}"
