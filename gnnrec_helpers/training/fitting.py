"""Training: batches, validation, early stopping, checkpoints."""

from __future__ import annotations

import inspect
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from numbers import Real
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..data.arguments import check_loss, check_whole, shows_progress
from ..data.interactions import Interactions
from ..data.splits import Split
from ..engine.memory import freed_memory_kept
from ..engine.sampling import Batch, PairSampler, RatingBatch, RatingSampler
from ..evaluation.judging import check_known
from ..evaluation.ranking import METRICS, evaluate
from ..evaluation.ratings import evaluate_ratings
from ..models import EmbeddingModel, Model
from ..models.files import check_folder, fingerprint
from ..objectives import Objective, RatingRegression, SampledSoftmax
from ..serving.retrieval import check_labels
from .checkpoints import (
    identity_of,
    left_by_fit,
    load_checkpoint,
    mark_as_left,
    save_checkpoint,
    weights_of,
)
from .history import History
from .made_with import told
from .plateau import Settings, next_settings, settings_of, with_decay
from .stepping import Stepper

Loss = Objective[Any, Any] | Callable[[Any, Any], Tensor]
Schedule = Literal["plateau", "constant", "cosine"]
ERRORS = ("rmse", "mae")  # of ratings: less is better


def fit(
    model: nn.Module,
    split: Split,
    *,
    epochs: int = 200,
    batch_size: int | None = None,
    lr: float = 5e-3,
    schedule: Schedule = "plateau",
    objective: Loss | None = None,
    negatives: int | None = None,
    seed: int = 0,
    patience: int | None = 10,
    validate_every: int = 1,
    metric: str | None = None,
    k: int = 20,
    checkpoint: str | os.PathLike[str] | None = None,
    after_epoch: Callable[[Any, History], None] | None = None,
    progress: bool | None = None,
) -> History:
    """Train a model in place with Adam, and leave it with its best weights.

    A model that was trained, loaded or extended before is measured on validation first. If no epoch
    is better, it is left with the weights that it had.

    Parameters
    ----------
    model : torch.nn.Module
        Built from ``split.train``, and trained on the device it is on. A module of your own needs
        the methods that the objective asks for, such as ``training_embeddings(users, items)``.
    split : Split
        Batches come from ``split.train``. When there is a validation part, it decides which
        epoch's weights are kept and when to stop. The test part is never looked at.
    epochs : int
        At most this many passes over the training interactions.
    batch_size : int, optional
        Interactions in a batch. By default about a sixty-fourth of all: a power of two from 256 to
        2,048. So an epoch, by which `patience` counts, has steps enough to get on in.
    lr : float
        Adam's learning rate.
    schedule : {"plateau", "constant", "cosine"}
        The learning rate stays until validation stops improving. Training ends there with
        "constant". With "plateau" it goes on from the best weights with a third of the learning
        rate, and with a ninth if that helped. With "cosine" the learning rate falls to zero over
        `epochs` like half a wave of a cosine, step by step (Loshchilov & Hutter 2017).

        How much weight decay a model needs depends on the data. So with "plateau", and without an
        `objective` of yours, more and less of it are tried first, each from the best weights: three
        times as much as long as that helps, or a third, and then one and a half times or two
        thirds. ``history.stages`` says what was tried.
    objective : Objective, optional
        By default the model's own, with every term of its paper's loss. Items are ranked by
        :class:`~gnnrec_helpers.objectives.SampledSoftmax` there, with more weight decay where users
        or items have few likes; papers on LightGCN use
        :class:`~gnnrec_helpers.objectives.BPR`. One that would leave part of the model untrained
        is refused.
    negatives : int, optional
        Sampled for each positive, 1 by default. Refused where it has no effect: an objective such
        as :class:`~gnnrec_helpers.objectives.SampledSoftmax` shares its own negatives among the
        whole batch, and ratings need none.
    seed : int
        Of batches and negatives.
    patience : int or None
        Stop, or try what `schedule` says, when validation has not improved for this many epochs;
        what is tried then gets half as many. None trains to the end.
    validate_every : int
        Epochs from one validation to the next.
    metric : str, optional
        What validation measures: by default "recall", or "rmse" where ratings are learnt. Others
        are those of :func:`~gnnrec_helpers.evaluate`, and "mae".
    k : int, default 20
        Length of the lists that validation looks at.
    checkpoint : path, optional
        A file written after every epoch. When it exists already, training goes on where it
        stopped, with the same numbers as if it had not; if it was made with other arguments, data,
        first weights or another `objective`, an error says which. Code counts: that of your own
        loss and of your own model's class. More epochs may be asked for than it has, and no fewer.
    after_epoch : function, optional
        Called after every epoch with the model as it is then and the history so far, to draw or to
        log. What it writes into ``history.epochs[-1]`` is kept; its time does not count.
    progress : bool, optional
        Show a bar. By default yes, unless the environment has ``GNNREC_PROGRESS=0``.

    Returns
    -------
    History

    Notes
    -----
    During an epoch glibc's ``malloc`` is asked to keep freed memory, in the whole process; see
    :func:`gnnrec_helpers.engine.memory.freed_memory_kept`, which also says how to switch it off.

    Raises
    ------
    TypeError, ValueError
        Before the first epoch: if the model is ready when constructed, was built from other
        interactions than ``split.train`` or does not fit the objective, if an argument is out of
        range, or if the checkpoint is one of another model or other data. At the first batch: if
        the objective answers anything but one number that is computed from the model's weights.
    """
    own = _checked_model(model, split)
    adapts_decay = objective is None
    objective = _checked_objective(model, own, objective)
    learns_ratings = "training_predictions" in getattr(objective, "asks", ())
    shared_negatives = getattr(objective, "shared_negatives", 0)
    metric = _checked_metric(metric, learns_ratings)
    if batch_size is None:
        batch_size = usual_batch_size(len(split.train))
    check_whole(epochs=epochs, validate_every=validate_every, batch_size=batch_size, k=k)
    check_whole(0, seed=seed)
    if negatives is not None:
        check_whole(negatives=negatives)
    _check_range(lr, schedule, patience)
    lr = float(lr)
    _check_validation(model, split, metric)
    if after_epoch is not None and not callable(after_epoch):
        raise TypeError(f"after_epoch={after_epoch!r}: a function is needed.")
    device = next(model.parameters()).device
    sampler: PairSampler | RatingSampler
    if learns_ratings:
        sampler = RatingSampler(split.train, batch_size, seed=seed)
    else:
        sampler = PairSampler(
            split.train,
            batch_size,
            shared_negatives or (1 if negatives is None else negatives),
            seed=seed,
            shared=bool(shared_negatives),
            unseen=getattr(objective, "unseen_negatives", True),
        )
    if negatives is not None and (learns_ratings or shared_negatives):
        raise ValueError(
            f"negatives={negatives} has no effect with {objective!r}, which "
            + ("needs none." if learns_ratings else "shares its own: set `shared_negatives` there.")
        )
    stepper = Stepper(model, objective, lr)
    history = History(watched=metric if learns_ratings else f"{metric}@{k}")
    history.stages.append({"first_epoch": 1, **settings_of(lr, objective)})
    best = weights_of(model)
    path = None if checkpoint is None else Path(checkpoint)
    made_with: dict[str, Any] = {}
    if path is not None:
        check_folder(path.parent)
        story = {
            **identity_of(model),
            "model.digest": told("model", type(model))["model.digest"],
            **told("objective", objective),
            "batch_size": batch_size,
            "lr": lr,
            "schedule": f"cosine over {epochs} epochs" if schedule == "cosine" else schedule,
            "negatives": negatives,
            "seed": seed,
            "patience": patience,
            "validate_every": validate_every,
            "watched": history.watched,
            "train": split.train,
            "validation": split.validation,
            "start": best,
        }
        made_with = {name: fingerprint(value) for name, value in story.items()}
        if path.exists():
            history, best = load_checkpoint(path, made_with, epochs, model, stepper.optimizer)
            stepper.objective = with_decay(objective, history.stages[-1])
    validates = split.validation is not None and validate_every <= epochs
    if validates and not history.epochs and has_been_trained(model):
        history.start, history.best_epoch = _validate(model, split, metric, k), 0

    bar = tqdm(
        total=epochs,
        initial=len(history.epochs),
        unit="epoch",
        disable=not shows_progress(progress),
        leave=False,
    )
    try:
        while len(history.epochs) < epochs and not history.stopped_early:
            number = len(history.epochs)
            started = time.perf_counter()
            rates = _rates(history.stages[-1]["lr"], schedule, number, epochs, len(sampler))
            batches = sampler.epoch(number, device)
            with freed_memory_kept():
                loss = _epoch(model, batches, number, stepper, rates)
            row = {"epoch": number + 1, "loss": loss, "seconds": time.perf_counter() - started}
            following = None
            history.epochs.append(row)
            if split.validation is not None and (number + 1) % validate_every == 0:
                row[history.watched] = _validate(model, split, metric, k)
                if history.improves(row[history.watched]):
                    history.best_epoch, best = number + 1, weights_of(model)
                following = _after_waiting(history, schedule, patience, adapts_decay)
            if after_epoch is not None:
                after_epoch(model, history)
            if following is not None:
                history.stages.append({"first_epoch": number + 2, **following})
                model.load_state_dict(best)
                stepper.start_over(with_decay(objective, following))
            if path is not None:
                save_checkpoint(path, made_with, history, model, stepper.optimizer, best)
            bar.update()
            shown = {name: f"{v:.4f}" for name, v in row.items() if isinstance(v, Real)}
            bar.set_postfix({name: text for name, text in shown.items() if name != "epoch"})
    finally:
        # also when interrupted: the reader keeps the best model so far
        bar.close()
        model.eval()
        if history.best_epoch is not None:
            model.load_state_dict(best)
        mark_as_left(model, made_with.get("start"))
    return history


def usual_batch_size(pairs: int) -> int:
    """About a sixty-fourth of the interactions, a power of two from 256 to 2,048.

    Examples
    --------
    >>> [usual_batch_size(pairs) for pairs in (10, 36_000, 810_128)]
    [256, 512, 2048]
    """
    return int(min(2048, max(256, 2 ** math.floor(math.log2(max(pairs, 1) / 64)))))


def _epoch(
    model: nn.Module,
    batches: Iterator[Batch | RatingBatch],
    number: int,
    step: Stepper,
    rates: list[float],
) -> float:
    """One pass over the training interactions; the mean loss of its batches."""
    if isinstance(model, Model):
        model.start_epoch()
    model.train()
    # they stay on the device, which is not waited for
    losses = [step(batch, rate) for batch, rate in zip(batches, rates, strict=True)]
    model.eval()
    mean = sum(torch.stack(losses).cpu().tolist()) / len(losses)
    if mean != mean:
        raise FloatingPointError(
            f"The loss became NaN in epoch {number + 1}; a smaller learning rate usually helps."
        )
    return mean


def _rates(lr: float, schedule: str, number: int, epochs: int, batches: int) -> list[float]:
    """The learning rate of every batch of epoch `number`."""
    if schedule != "cosine":
        return [lr] * batches
    done = [(number + place / batches) / epochs for place in range(batches)]
    return [lr / 2 * (1 + math.cos(math.pi * share)) for share in done]


def _after_waiting(
    history: History, schedule: Schedule, patience: int | None, adapts_decay: bool
) -> Settings | None:
    """What to go on with from the best weights when patience is at an end, or note the end."""
    if patience is None:
        return None
    if history.waited() < (patience if len(history.stages) == 1 else math.ceil(patience / 2)):
        return None
    following = next_settings(history, adapts_decay) if schedule == "plateau" else None
    history.stopped_early = following is None
    return following


def _validate(model: Any, split: Split, metric: str, k: int) -> float:
    if metric in ERRORS:
        return evaluate_ratings(model, split, part="validation")[metric]
    with warnings.catch_warnings():  # which `_check_validation` has told already
        warnings.filterwarnings("ignore", r"\w+ knows nothing about ")
        return evaluate(model, split, k, part="validation", metrics=(metric,))[f"{metric}@{k}"]


def has_been_trained(model: nn.Module) -> bool:
    """By `fit`, or elsewhere: it was loaded or extended, and all its weights were written to.

    That tells nothing of other people's modules. A model of this package has tables that are as
    they were drawn, and never written to, when it is new.
    """
    is_written = isinstance(model, Model) and all(w._version for w in model.parameters())
    return is_written or left_by_fit(model) is not None


# ---------------------------------------------------------------------- what is refused
def _checked_model(model: nn.Module, split: Split) -> Loss:
    """The model's own objective, if it can be trained, on these data."""
    if not isinstance(getattr(split, "train", None), Interactions):
        raise TypeError(
            f"fit needs a Split, not {type(split).__name__}: Interactions.split() makes one, and "
            "Split.from_parts(interactions) one of all pairs, for the final fit."
        )
    name, own = type(model).__name__, _own_objective(model)
    if not isinstance(model, nn.Module) or own is None:
        raise TypeError(f"{name} needs no fit: it is ready when constructed.")
    check_labels(model, split.train)
    if isinstance(model, Model) and not model.is_built_from(split.train):
        raise ValueError(
            f"{name} was built from {len(model.interactions):,} pairs that are not the "
            f"{len(split.train):,} of split.train: build it from split.train."
        )
    if next(model.parameters(), None) is None:
        raise TypeError(f"{name} has no parameters to train.")
    half = {w.dtype for w in model.parameters()} & {torch.float16, torch.bfloat16}
    if isinstance(model, Model) and half:
        raise TypeError(
            f"The weights of {name} are {half.pop()}, in which sparse products are not computed: "
            "call model.float() first."
        )
    if not any(weights.requires_grad for weights in model.parameters()):
        raise ValueError(
            f"All weights of {name} are frozen: model.requires_grad_(True) lets them be trained."
        )
    if not torch.is_grad_enabled():
        raise ValueError(
            "Gradients are switched off here, by torch.no_grad() or torch.inference_mode(): call "
            "fit outside of it."
        )
    return own


def _own_objective(model: nn.Module) -> Loss | None:
    if isinstance(model, Model):
        return model.default_objective()
    return RatingRegression() if hasattr(model, "training_predictions") else SampledSoftmax()


def _checked_objective(model: nn.Module, own: Loss, objective: Loss | None) -> Loss:
    """The model's own objective or the given one, if the two fit each other.

    A function that does not say what it asks of a model is checked for its arguments only.
    """
    objective = own if objective is None else objective
    check_loss(objective)
    _check_call(model, objective)
    asks = getattr(objective, "asks", None)
    if asks is None:
        return objective
    name, loss = type(model).__name__, type(objective).__name__
    for method in asks:
        if not callable(getattr(model, method, None)):
            other = f"use {own!r}"
            if not all(callable(getattr(model, one, None)) for one in getattr(own, "asks", ())):
                other = "write that method, or give an objective that does without"
            raise TypeError(f"{loss} needs a model with {method}, which {name} lacks: {other}.")
    for method in getattr(model, "trained_by", ()):
        if method not in asks:
            raise ValueError(
                f"{loss} leaves out {method}, through which part of {name} is trained: use "
                f"{own!r}, with settings of your own."
            )
    return objective


def _check_call(model: nn.Module, objective: Loss) -> None:
    """Refuse a loss of other arguments than a model and a batch, or with weights of its own."""
    name = getattr(objective, "__qualname__", type(objective).__qualname__)
    needed = "a loss is called as objective(model, batch)"
    if str(getattr(objective, "__module__", "")).startswith("torch.nn."):
        raise TypeError(
            f"{name} of PyTorch compares predictions with answers: {needed}, such as those of "
            "gnnrec_helpers.objectives."
        )
    try:
        called = objective.forward if isinstance(objective, nn.Module) else objective
        inspect.signature(called).bind(model, None)
    except ValueError:  # it is not written in Python, and says nothing
        pass
    except TypeError as error:
        raise TypeError(f"{name} has other arguments ({error}): {needed}.") from None
    if isinstance(objective, nn.Module):
        trained = {id(weights) for weights in model.parameters()}
        others = [
            part
            for part, weights in objective.named_parameters()
            if weights.requires_grad and id(weights) not in trained
        ]
        if others:
            raise ValueError(
                f"{name} has weights of its own, which fit does not train ({', '.join(others)}): "
                "make them the model's, or freeze them by requires_grad_(False)."
            )


def _checked_metric(metric: str | None, learns_ratings: bool) -> str:
    choices = ERRORS if learns_ratings else tuple(METRICS)
    metric = choices[0] if metric is None else metric
    if metric not in choices:
        raise ValueError(f"metric={metric!r}: choose one of {', '.join(map(repr, choices))}.")
    return metric


def _check_range(lr: float, schedule: str, patience: int | None) -> None:
    if isinstance(lr, bool) or not isinstance(lr, Real) or not 0 < lr < math.inf:
        raise ValueError(f"lr={lr!r}: a positive number is needed.")
    if schedule not in get_args(Schedule):
        choices = ", ".join(map(repr, get_args(Schedule)))
        raise ValueError(f"schedule={schedule!r}: choose one of {choices}.")
    if patience is not None:
        check_whole(0, patience=patience)
        if patience < 1:
            raise ValueError(
                f"patience={patience}: at least 1 is needed, or None to never stop early."
            )


def _check_validation(model: nn.Module, split: Split, metric: str) -> None:
    """Refuse what would fail, or mislead, at the first validation."""
    if split.validation is not None and len(split.validation) == 0:
        raise ValueError(
            "The validation part of the split is empty, so nothing says when to stop: split with a "
            "larger share, or train to the last epoch with split.without_validation()."
        )
    if split.validation is not None and metric not in ERRORS:
        check_known(model, np.unique(split.validation.user_index), "validation")
    training_embeddings = getattr(model, "training_embeddings", None)
    if not isinstance(model, EmbeddingModel) or not callable(training_embeddings):
        return
    # a subclass may change what is compared and forget what is trained, or the reverse
    users = torch.from_numpy(split.train.user_index[:8]).to(model.device)
    items = torch.from_numpy(split.train.item_index[:8]).to(model.device)
    mode = model.training
    model.eval()
    with torch.no_grad():
        trained = training_embeddings(users, items)[:2]
        judged = (
            model.embeddings(users, items),
            tuple(
                rows.index_select(0, index)
                for rows, index in zip(model.embeddings(), (users, items), strict=True)
            ),
        )
    model.train(mode)
    for compared in judged:
        for one, other in zip(trained, compared, strict=True):
            if one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-5):
                raise ValueError(
                    f"{type(model).__name__} is trained by other embeddings than it recommends by: "
                    "what training_embeddings() and embeddings() return for the same users and "
                    "items must be equal."
                )
