"""One call to a fair start: strong simple models and GNNs, tuned alike, judged once."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor
from tqdm.auto import tqdm

from .. import models as zoo
from ..data import Split
from ..evaluation.comparison import compare_users
from ..evaluation.ranking import evaluate_users
from ..models import Model, Recommender
from ..objectives import SampledSoftmax
from .fitting import fit
from .history import History
from .tuning import Between, Build, Space, Tuning, tune

EPOCHS, PATIENCE = 150, 10
EDGE = 0.02  # of the width of a search space


@dataclass(frozen=True)
class Trained:
    """Builds a model of this class and trains it until validation stops improving.

    By the sampled softmax, with Adam in batches of 2,048, for at most 150 epochs; when validation
    has not improved for ten, the best weights are taken. Without a validation part it trains for
    `epochs`.
    """

    kind: Callable[..., Model]

    def __call__(self, split: Split, **settings: Any) -> Model:
        return self.fitted(split, **settings)[0]

    def fitted(
        self,
        split: Split,
        *,
        lr: float,
        weight_decay: float,
        epochs: int = EPOCHS,
        seed: int = 0,
        **settings: Any,
    ) -> tuple[Model, History]:
        """The model, and how its training went."""
        model = self.kind(split.train, seed=seed, **settings)
        history = fit(
            model,
            split,
            epochs=epochs,
            lr=lr,
            objective=SampledSoftmax(weight_decay=weight_decay),
            seed=seed,
            patience=None if split.validation is None else PATIENCE,
            validate_every=2,
            progress=False,
        )
        return model, history


def _computed(kind: Callable[..., Model]) -> Build:
    """A model that is ready when constructed."""

    def build(split: Split, **settings: Any) -> Model:
        return kind(split.train, **settings)

    build.__qualname__ = kind.__name__
    return build


def _graph_filter(split: Split, components: int, alpha: float) -> Model:
    most = min(split.train.num_users, split.train.num_items) - 1
    return zoo.GraphFilter(split.train, min(components, most), alpha)


LR = Between(5e-4, 5e-2, log=True)
DECAY = Between(1e-3, 1.0, log=True)
MODELS: Mapping[str, tuple[Build, Space]] = {
    "popularity": (_computed(zoo.Popularity), {}),
    "ItemKNN": (
        _computed(zoo.ItemKNN),
        {"neighbours": Between(5, 2000, log=True), "shrink": Between(0.0, 200.0)},
    ),
    "EASE": (_computed(zoo.EASE), {"regularization": Between(1.0, 10_000.0, log=True)}),
    "RP3beta": (
        _computed(zoo.RP3Beta),
        {"neighbours": Between(5, 2000, log=True), "alpha": Between(0.1, 2.0),
         "beta": Between(0.0, 1.2)},
    ),
    "iALS": (
        _computed(zoo.IALS),
        {"unobserved": Between(1e-3, 3.0, log=True),
         "regularization": Between(1e-4, 1.0, log=True)},
    ),
    "graph filter": (
        _graph_filter,
        {"components": Between(4, 512, log=True), "alpha": Between(1e-3, 10.0, log=True)},
    ),
    "MF": (Trained(zoo.MatrixFactorization), {"lr": LR, "weight_decay": DECAY}),
    "LightGCN": (
        Trained(zoo.LightGCN), {"lr": LR, "weight_decay": DECAY, "layers": Between(1, 6)},
    ),
}  # fmt: skip
# ends of a space beyond which there is nothing: no fewer layers than one (none is MF), no negative
# shrinkage or punishment
NATURAL = {("shrink", "low"), ("beta", "low"), ("layers", "low")}


@dataclass(frozen=True)
class Standing:
    """One model of a league."""

    build: Build
    space: Space
    tuning: Tuning | None  # None where there is nothing to tune
    settings: dict[str, Any]
    validation: float
    epochs: int | None  # of the best weights, where it was trained
    capped: bool  # whether it was still improving when it reached the most epochs
    seconds: float  # to build it once, with these settings
    megabytes: float  # of the tables that it answers from
    users: pd.DataFrame  # each user's metrics on test


@dataclass(frozen=True, repr=False)
class League:
    """What :func:`league` found.

    Attributes
    ----------
    standings : dict of str to Standing
        By the names of the models.
    baseline : str
        The model that the others are compared with.
    metric : str
        What validation measured, ``"recall@20"``.
    """

    standings: dict[str, Standing]
    baseline: str
    metric: str
    split: Split

    @property
    def best(self) -> str:
        """The model that validation preferred."""
        return max(self.standings, key=lambda name: self.standings[name].validation)

    @property
    def edges(self) -> dict[str, list[str]]:
        """The parameters whose chosen value lies at the end of its search space, by model.

        Beyond such an end there may be something better: widen the space and run again. Ends that
        nothing lies beyond, such as a shrinkage of 0, do not count.
        """
        found = {
            name: [
                f"{parameter}={_short(standing.settings[parameter])} ({end})"
                for parameter, values in standing.space.items()
                if (end := _end(standing.settings[parameter], values))
                and (parameter, end) not in NATURAL
            ]
            for name, standing in self.standings.items()
        }
        return {name: parameters for name, parameters in found.items() if parameters}

    def to_frame(self) -> pd.DataFrame:
        """One row per model, best on test first.

        Columns: the means over users on test with half of their 95 % intervals; differences to the
        baseline, user by user, with interval and p (see :func:`~gnnrec_helpers.compare`); what
        validation measured; ``tuning, s`` for all trials and ``fit, s`` for building it once;
        ``MB`` of the tables that it answers from; ``epochs``, where it was trained; settings.
        """
        tables = {name: [standing.users] for name, standing in self.standings.items()}
        frame = compare_users(tables, baseline=self.baseline)
        rows = self.standings.values()
        frame[f"validation {self.metric}"] = [row.validation for row in rows]
        frame["tuning, s"] = [sum(row.tuning.seconds) if row.tuning else 0.0 for row in rows]
        frame["fit, s"] = [row.seconds for row in rows]
        frame["MB"] = [row.megabytes for row in rows]
        frame["epochs"] = pd.array([row.epochs for row in rows], "Int64")
        frame["settings"] = [
            ", ".join(f"{name}={_short(value)}" for name, value in row.settings.items())
            for row in rows
        ]
        return frame.sort_values(self.metric, ascending=False)

    def choose(self) -> Recommender:
        """The model that validation preferred, built once more from all that is known.

        It is built from train, validation and test together, with the settings that were chosen. A
        model that is trained takes as many epochs as were best on validation. No figure is known
        for it: those of the table are of models that knew less.
        """
        standing = self.standings[self.best]
        everything = self.split.everything()
        if isinstance(standing.build, Trained):
            return standing.build.fitted(
                everything, epochs=standing.epochs or EPOCHS, **standing.settings
            )[0]
        return standing.build(everything, **standing.settings)

    def __repr__(self) -> str:
        frame = self.to_frame()
        shown = frame[[self.metric, f"± {self.metric}", f"Δ {self.metric}", f"± Δ {self.metric}",
                       f"validation {self.metric}", "fit, s", "MB"]]  # fmt: skip
        lines = [
            shown.round(4).to_string(),
            f"Δ is against {self.baseline}, ± half of a 95 % interval over users. Validation "
            f"prefers {self.best}: .choose() builds it from all that is known.",
        ]
        for name, parameters in self.edges.items():
            lines.append(f"On the edge of its search space: {name}, {' and '.join(parameters)}.")
        capped = [name for name, standing in self.standings.items() if standing.capped]
        if capped:
            lines.append(f"Still improving after {EPOCHS} epochs: {', '.join(capped)}.")
        return "\n".join(lines)


def league(
    split: Split,
    models: Sequence[str] | Mapping[str, tuple[Build, Space]] | None = None,
    *,
    trials: int = 8,
    seed: int = 0,
    metric: str = "recall",
    k: int = 20,
    baseline: str | None = None,
    storage: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> League:
    """Tune several models with equal budgets on validation, and judge each once on test.

    By default: popularity, ItemKNN, EASE, RP3beta, iALS, a graph filter, matrix factorization and
    LightGCN; the last two are trained until validation stops improving.

    Parameters
    ----------
    split : Split
        With validation and test parts. Test is looked at when all models are chosen.
    models : names, or mapping, optional
        Some of the default ones; or from names to ``(build, space)`` as :func:`tune` takes them,
        of which :data:`MODELS` has the default ones. ``build(split, **settings)`` should cope with
        a split without validation, which :meth:`League.choose` gives it.
    trials : int, default 8
        For each model that has something to tune.
    seed : int, default 0
        Of what is tried.
    metric, k
        What validation measures, as for :func:`tune`.
    baseline : str, optional
        The model that differences are taken to; by default ItemKNN, or the first.
    storage : path, optional
        A folder for the journals of tuning, one a model. A league that was interrupted goes on
        from there and gives the same figures, seconds apart.
    progress : bool, default True
        Show bars.

    Returns
    -------
    League

    Raises
    ------
    ValueError
        Before any work: if a part of the split is missing or empty, or a name is unknown.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> found = league(split, ["popularity", "EASE"], trials=2, progress=False)
    >>> found.best
    'EASE'
    """
    entries = _entries(models)
    if baseline is None:
        baseline = "ItemKNN" if "ItemKNN" in entries else next(iter(entries))
    if baseline not in entries:
        raise ValueError(f"baseline={baseline!r}: choose one of {', '.join(entries)}.")
    if not isinstance(split, Split):
        raise TypeError(f"league needs a Split, not {type(split).__name__}.")
    for part in ("validation", "test"):
        split.held_out(part)  # type: ignore[arg-type]
    split = _without_ratings(split)
    folder = None if storage is None else Path(storage)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    name_of_metric = f"{metric}@{k}"
    with _weights_told_once(split):
        tunings: dict[str, Tuning | None] = {}
        bar = tqdm(entries.items(), unit="model", disable=not progress, leave=False)
        for name, (build, space) in bar:
            bar.set_description(f"tuning {name}")
            tunings[name] = tune(
                build, split, space, trials, seed=seed, metric=metric, k=k,
                storage=None if folder is None else folder / f"{name}.journal", progress=progress,
            ) if space else None  # fmt: skip
        chosen = {name: _build(*entries[name], tuning, split, metric, k)
                  for name, tuning in tunings.items()}  # fmt: skip
        metrics = list(dict.fromkeys([metric, "recall", "ndcg"]))
        standings = {
            name: replace(standing, users=evaluate_users(model, split, k, metrics=metrics))
            for name, (model, standing) in chosen.items()
        }
    return League(standings, baseline, name_of_metric, split)


def _entries(
    models: Sequence[str] | Mapping[str, tuple[Build, Space]] | None,
) -> dict[str, tuple[Build, Space]]:
    if models is None:
        return dict(MODELS)
    if isinstance(models, str):
        raise TypeError(f"models={models!r}: a list of names is needed, such as [{models!r}].")
    if isinstance(models, Mapping):
        entries = dict(models)
    else:
        unknown = [name for name in models if name not in MODELS]
        if unknown:
            raise ValueError(f"No model {unknown[0]!r} is there; there are {', '.join(MODELS)}.")
        entries = {name: MODELS[name] for name in models}
    if not entries:
        raise ValueError("`models` is empty: name at least one.")
    for name, entry in entries.items():
        if not (isinstance(entry, tuple) and len(entry) == 2 and callable(entry[0])):
            raise TypeError(f"models[{name!r}]: a pair (build, space) is needed.")
        if os.sep in name or "/" in name:
            raise ValueError(f"The name {name!r} holds a slash, and a file is called after it.")
    return entries


def _build(
    build: Build, space: Space, tuning: Tuning | None, split: Split, metric: str, k: int
) -> tuple[Recommender, Standing]:
    """The model with the chosen settings, and all that is known of it before test is looked at."""
    settings = {} if tuning is None else tuning.best
    untested = Split(split.train, split.validation, split.train.select([]))
    history: History | None = None
    model: Recommender
    started = time.perf_counter()
    if isinstance(build, Trained):
        model, history = build.fitted(untested, **settings)
    else:
        model = build(untested, **settings)
    seconds = time.perf_counter() - started
    on_validation = evaluate_users(model, split, k, part="validation", metrics=(metric,))
    return model, Standing(
        build=build,
        space=space,
        tuning=tuning,
        settings=settings,
        validation=float(on_validation[f"{metric}@{k}"].mean()),
        epochs=None if history is None else history.best_epoch,
        capped=history is not None and not history.stopped_early,
        seconds=seconds,
        megabytes=_megabytes(model),
        users=pd.DataFrame(),
    )


def _megabytes(model: Recommender) -> float:
    """The size of the tables that the frozen model answers from."""
    if not isinstance(model, Model):
        return math.nan
    size = 0
    for product in model.frozen().products:
        for table in product:
            arrays = [table] if isinstance(table, Tensor) else [table.data, table.indices]
            size += sum(int(array.nbytes) for array in arrays)
    return size / 1e6


def _without_ratings(split: Split) -> Split:
    if split.train.rating is None:
        return split
    warnings.warn(
        "These models do not use ratings: each pair counts as a choice. "
        "Interactions.binarize(threshold) before split keeps those that are likes.",
        stacklevel=3,
    )
    parts = (split.train, split.validation, split.test)
    return Split(*(None if part is None else replace(part, rating=None) for part in parts))  # type: ignore[arg-type]


@contextmanager
def _weights_told_once(split: Split) -> Iterator[None]:
    if split.train.weight is not None:
        warnings.warn("Of these models only iALS and LightGCN use the weights.", stacklevel=4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not use the weights")
        yield


def _end(value: Any, values: Between | Sequence[Any]) -> str:
    """Which end of its search space a value lies at: "low", "high" or neither, ""."""
    if isinstance(values, Between):
        scale = math.log if values.log else float
        low, high = scale(values.low), scale(values.high)
        place = (scale(value) - low) / (high - low)
    elif len(values) > 1 and all(isinstance(v, (int, float)) for v in values):
        ranked = sorted(values)
        place = ranked.index(value) / (len(ranked) - 1)
    else:
        return ""
    return "low" if place < EDGE else "high" if place > 1 - EDGE else ""


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
