"""Choosing a model's settings on validation, and on nothing else."""

from __future__ import annotations

import inspect
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..data.arguments import check_whole, plain, shows_progress
from ..data.splits import Split
from ..evaluation.ranking import METRICS, evaluate
from ..models import Recommender
from ..models.files import fingerprint
from ..models.recommender import is_recommender
from .made_with import check_made_with, told

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

Build = Callable[..., Recommender]


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`, both included: a whole one where both ends are.

    Parameters
    ----------
    low, high : int or float
    log : bool, default False
        Every factor is as likely as every other: as many trials from 0.001 to 0.01 as from 0.01
        to 0.1. For learning rates, weight decay and the like.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            end = plain(getattr(self, name))
            if isinstance(end, bool) or not isinstance(end, (int, float)) or not math.isfinite(end):
                raise ValueError(f"{self}: `{name}` must be a number.")
            object.__setattr__(self, name, end)
        if not self.low < self.high:
            raise ValueError(f"{self}: `low` must be below `high`.")
        if self.log and not self.low > 0:
            raise ValueError(f"{self}: with log=True `low` must be above zero.")


Space = Mapping[str, Between | Sequence[Any]]


@dataclass(frozen=True)
class Tuning:
    """What :func:`tune` found.

    Attributes
    ----------
    metric : str
        What was measured on validation, ``"recall@20"``.
    settings : list of dict
        The parameters of every trial.
    values : list of float
        What they gave; NaN where the loss became NaN.
    seconds : list of float
        How long each took to build and to judge.
    """

    metric: str
    settings: list[dict[str, Any]]
    values: list[float]
    seconds: list[float]
    build: Build

    @property
    def best_trial(self) -> int:
        """Its number, from 1; of equal ones the first."""
        return int(np.nanargmax(self.values)) + 1

    @property
    def best(self) -> dict[str, Any]:
        """The parameters of the best trial."""
        return self.settings[self.best_trial - 1]

    @property
    def value(self) -> float:
        """What validation measured there."""
        return self.values[self.best_trial - 1]

    def refit(self, split: Split) -> Recommender:
        """Build the model once more, with the best parameters.

        With the split that was tuned on it is the model that validation judged. With
        ``split.without_validation()`` it learns from validation as well; a model that stops early
        on validation needs it, though, and is better left as it is.
        """
        return self.build(split, **self.best)

    def to_frame(self) -> pd.DataFrame:
        """One row a trial: its parameters, what validation measured, seconds."""
        table = pd.DataFrame(self.settings)
        table[self.metric], table["seconds"] = self.values, self.seconds
        return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="trial"))

    def __repr__(self) -> str:
        best = ", ".join(f"{name}={short(value)}" for name, value in self.best.items())
        return (
            f"Tuning({len(self.values)} trials in {sum(self.seconds):.0f} s; best validation "
            f"{self.metric} {self.value:.4f} in trial {self.best_trial}: {best}; .to_frame() lists "
            "all, .refit(split) builds the best once more)"
        )


def tune(
    build: Build,
    split: Split,
    space: Space,
    trials: int = 20,
    *,
    seed: int = 0,
    metric: str = "recall",
    k: int = 20,
    storage: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Tuning:
    """Try settings of a model, the next where earlier ones did well, and judge them on validation.

    The first ten are drawn at random, the others by Optuna's tree-structured Parzen estimator
    (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization").

    Parameters
    ----------
    build : function
        Called as ``build(split, **parameters)``; it answers a model that is ready to recommend.
        What a parameter is for, the model, `fit` or the objective, is written there. The split it
        gets has the same train and validation and an empty test part.
    split : Split
        With a validation part. Its test part is never looked at.
    space : mapping
        From the name of a parameter of `build` to a list of choices (numbers, text, True, False,
        None) or to a :class:`Between`.
    trials : int, default 20
    seed : int, default 0
        Of what is tried. Two runs with the same seed try the same, if `build` repeats itself.
    metric : str, default "recall"
        As for :func:`~gnnrec_helpers.evaluate`; more is better.
    k : int, default 20
    storage : path, optional
        A file of Optuna's (a journal, in JSON), to which every trial is added. When it exists
        already, tuning goes on after its trials and finds what it would have found without an
        interruption; if it was made with other arguments or data, an error says which. `build` is
        one of them, and of a function the code counts: its own, what is in its closure, and the
        functions, numbers and text of yours that it reads. One process writes to it at a time.
    progress : bool, optional
        Show a bar. By default yes, unless the environment has ``GNNREC_PROGRESS=0``.

    Returns
    -------
    Tuning

    Raises
    ------
    ValueError
        Without a validation part, or where an argument is out of range.
    TypeError
        If `build` does not take the names in `space`, or does not answer a recommender.
    ImportError
        Without Optuna.

    Notes
    -----
    A trial whose loss becomes NaN (``FloatingPointError``, as :func:`~gnnrec_helpers.fit` raises
    it) counts as a bad one. Any other error ends the tuning.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, fit, models
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> def neighbours(split, neighbours, shrink):
    ...     return models.ItemKNN(split.train, neighbours, shrink)
    >>> space = {"neighbours": Between(5, 200, log=True), "shrink": [0.0, 10.0, 50.0]}
    >>> tune(neighbours, split, space, trials=3, progress=False).to_frame().shape
    (3, 4)

    A model that is trained:

    >>> def lightgcn(split, layers, lr):
    ...     model = models.LightGCN(split.train, layers=layers)
    ...     fit(model, split, lr=lr, epochs=60, progress=False)
    ...     return model
    >>> space = {"layers": [1, 2, 3], "lr": Between(1e-3, 1e-1, log=True)}
    >>> tune(lightgcn, split, space, storage="lightgcn.journal")  # doctest: +SKIP
    """
    _optuna()
    check_search(split, trials, metric, k)
    check_whole(0, seed=seed)
    space = checked_space(build, space)
    bar = tqdm(total=trials, unit="trial", disable=not shows_progress(progress), leave=False)
    with bar:
        return search(
            build, without_test(split), space, trials, seed=seed, metric=metric, k=k,
            storage=storage, made_with=told("build", build), bar=bar,
        )  # fmt: skip


def search(
    build: Build,
    untested: Split,
    space: Space,
    trials: int,
    *,
    seed: int,
    metric: str,
    k: int,
    storage: str | os.PathLike[str] | None,
    made_with: Mapping[str, str],
    bar: Any,
) -> Tuning:
    """What :func:`tune` does when its arguments are checked.

    Parameters
    ----------
    untested : Split
        With an empty test part.
    made_with : mapping
        What a journal says of `build`.
    bar : tqdm
        Goes on by a step for every trial.
    """
    optuna = _optuna()
    distributions = {name: _distribution(name, values) for name, values in space.items()}
    name = f"{metric}@{k}"
    story = {
        **made_with,
        "space": str(dict(space)),
        "seed": seed,
        "metric": name,
        "train": untested.train,
        "validation": untested.validation,
    }
    with _quiet():
        study = _study(storage, {entry: fingerprint(value) for entry, value in story.items()})
        done = _done(study)
        bar.update(min(len(done), trials))
        for number in range(len(done), trials):
            # a sampler of its own: what is tried depends on the trials before, not on whether they
            # were made in this process
            own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            study.sampler = optuna.samplers.TPESampler(seed=own)
            _try_once(study, distributions, build, untested, metric, k)
            bar.update()
            best = np.nanmax([-math.inf, *map(_value, _done(study))])
            bar.set_postfix({f"best {name}": f"{best:.4f}"})
        done = _done(study)[:trials]
    if all(math.isnan(_value(trial)) for trial in done):
        raise FloatingPointError(
            f"The loss became NaN in each of {len(done)} trials: try smaller learning rates."
        )
    return Tuning(
        name,
        [{name: trial.params[name] for name in space} for trial in done],
        [_value(trial) for trial in done],
        [trial.user_attrs["seconds"] for trial in done],
        build,
    )


def check_search(split: Split, trials: int, metric: str, k: int) -> None:
    """Refuse a split without validation, and arguments of :func:`tune` that are out of range."""
    if not isinstance(split, Split):
        raise TypeError(
            f"A Split is needed, not {type(split).__name__}: Interactions.split() makes one."
        )
    if split.validation is None:
        raise ValueError("This split has no validation part to tune on: see Split.with_validation.")
    split.held_out("validation")  # an empty one is refused
    check_whole(trials=trials, k=k)
    if metric not in METRICS:
        raise ValueError(f"No metric {metric!r}; there are {', '.join(METRICS)}.")


def checked_space(build: Callable[..., Any], space: Space) -> dict[str, Between | Sequence[Any]]:
    """Python's numbers in the place of NumPy's, which no journal holds.

    Refuses a space that is none, or whose names `build` does not take.

    Parameters
    ----------
    build, space
        As for :func:`tune`.
    """
    if not space:
        raise ValueError("`space` is empty: name at least one parameter of `build`.")
    _check_parameters(build, space)
    found = {
        name: [*map(plain, values)] if isinstance(values, (list, tuple)) else values
        for name, values in space.items()
    }
    for name, values in found.items():
        _distribution(name, values)
    return found


def without_test(split: Split) -> Split:
    """The same train and validation, and an empty test part; the one that is there stays unseen."""
    return Split(split.train, split.validation, split.train.select(np.zeros(0, np.int64)))


def _try_once(
    study: Study,
    distributions: dict[str, BaseDistribution],
    build: Build,
    split: Split,
    metric: str,
    k: int,
) -> None:
    from optuna.trial import TrialState

    trial = study.ask(distributions)
    started = time.perf_counter()
    try:
        model = build(split, **trial.params)
        if not is_recommender(model):
            raise TypeError(
                f"`build` answered {type(model).__name__}: a model with `score` is needed."
            )
        found = evaluate(model, split, k, part="validation", metrics=(metric,))
    except FloatingPointError:
        trial.set_user_attr("seconds", time.perf_counter() - started)
        study.tell(trial, state=TrialState.PRUNED)  # which the sampler takes for worse than all
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)  # which counts as not tried
        raise
    else:
        trial.set_user_attr("seconds", time.perf_counter() - started)
        study.tell(trial, found[f"{metric}@{k}"])


def _done(study: Study) -> list[FrozenTrial]:
    """The trials that came to an end, in the order in which they were made."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _value(trial: FrozenTrial) -> float:
    return math.nan if trial.value is None else trial.value


def _study(storage: str | os.PathLike[str] | None, made_with: dict[str, Any]) -> Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
    from optuna.trial import TrialState

    path, journal = None, None
    try:
        if storage is not None:
            path = os.fspath(storage)
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            # the lock that needs no symbolic links, which not every user of Windows may make
            journal = JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path)))
        study = optuna.create_study(
            storage=journal, study_name="gnnrec", direction="maximize", load_if_exists=True
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path!r} is not a journal written by tune: choose another path."
        ) from error
    before = study.user_attrs.get("made_with", made_with)
    check_made_with(f"The journal {path!r}", before, made_with, "another path")
    study.set_user_attr("made_with", made_with)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # its process was ended
    return study


def _distribution(name: str, values: Between | Sequence[Any]) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(values, Between):
        if isinstance(values.low, int) and isinstance(values.high, int):
            return IntDistribution(values.low, values.high, log=values.log)
        return FloatDistribution(values.low, values.high, log=values.log)
    allowed = (bool, int, float, str, type(None))
    if (
        isinstance(values, str)
        or not isinstance(values, Sequence)
        or not values
        or not all(isinstance(value, allowed) for value in values)
    ):
        raise ValueError(
            f"space[{name!r}] is {values!r}: a Between, or a list of numbers, text, True, False or "
            "None, is needed."
        )
    return CategoricalDistribution(values)


def _check_parameters(build: Callable[..., Any], space: Space) -> None:
    try:
        inspect.signature(build).bind(None, **dict.fromkeys(space))
    except TypeError as error:
        raise TypeError(
            f"`build` cannot be called as build(split, {', '.join(f'{n}=…' for n in space)}): "
            f"{error}."
        ) from error


def short(value: object) -> str:
    """A setting as it is shown."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            "tune needs Optuna: install it with pip install 'gnnrec-helpers[tuning]'."
        ) from error
    return optuna


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's own lines about studies, which the bar would be torn by."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)
