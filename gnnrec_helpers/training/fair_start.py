"""One call to a fair start: many models, tuned alike on validation, judged once on test."""

from __future__ import annotations

import html
import inspect
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeGuard
from urllib.parse import quote

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from ..data.arguments import check_whole, shows_progress
from ..data.splits import Part, Split
from ..evaluation.comparison import compare_users
from ..evaluation.judging import check_named
from ..evaluation.ranking import evaluate, evaluate_users
from ..models import (
    EASE,
    IALS,
    GraphFilter,
    ItemKNN,
    LightGCN,
    MatrixFactorization,
    Model,
    Popularity,
    Recommender,
    RP3Beta,
)
from ..models.files import Tensors, fingerprint, read, write
from ..models.recommender import is_recommender
from ..objectives import SampledSoftmax
from .fitting import fit
from .history import History
from .made_with import check_made_with, told
from .tuning import Between, Space, Tuning, check_search, checked_space, search, short, without_test

Answer = Recommender | tuple[Recommender, History]
Contender = tuple[Callable[..., Answer], Space]

EDGE = 0.05  # of a range: what lies within it of an end lies at the edge
EPOCHS, PATIENCE, BATCH = 300, 8, 1024  # of the trained contenders


# ---------------------------------------------------------------------- the contenders
def _popularity(split: Split) -> Recommender:
    return Popularity(split.train)


def _item_knn(split: Split, neighbours: int, shrink: float) -> Recommender:
    return ItemKNN(split.train, neighbours, shrink)


def _ease(split: Split, regularization: float) -> Recommender:
    return EASE(split.train, regularization)


def _rp3beta(split: Split, neighbours: int, alpha: float, beta: float) -> Recommender:
    return RP3Beta(split.train, neighbours, alpha, beta)


def _ials(split: Split, unobserved: float, regularization: float, seed: int = 0) -> Recommender:
    return IALS(split.train, unobserved=unobserved, regularization=regularization, seed=seed)


def _graph_filter(split: Split, components: int, alpha: float, seed: int = 0) -> Recommender:
    # a small graph has fewer of them than the space goes up to
    most = min(split.train.num_users, split.train.num_items) - 1
    return GraphFilter(split.train, min(components, most), alpha, seed=seed)


def _matrix_factorization(
    split: Split, lr: float, weight_decay: float, seed: int = 0, epochs: int = EPOCHS
) -> Answer:
    model = MatrixFactorization(split.train, seed=seed)
    return model, _fitted(model, split, lr, weight_decay, seed, epochs)


def _lightgcn(
    split: Split, layers: int, lr: float, weight_decay: float, seed: int = 0, epochs: int = EPOCHS
) -> Answer:
    model = LightGCN(split.train, layers=layers, seed=seed)
    return model, _fitted(model, split, lr, weight_decay, seed, epochs)


def _fitted(
    model: Model, split: Split, lr: float, weight_decay: float, seed: int, epochs: int
) -> History:
    return fit(
        model,
        split,
        epochs=epochs,
        batch_size=BATCH,
        lr=lr,
        schedule="constant",
        objective=SampledSoftmax(weight_decay=weight_decay),
        seed=seed,
        patience=PATIENCE,
        progress=False,
    )


RATE = Between(3e-4, 5e-2, log=True)
# without a graph that smooths them, embeddings need more of it
DECAY, DECAY_OF_MF = Between(5e-3, 0.5, log=True), Between(0.02, 1.0, log=True)
CONTENDERS: Mapping[str, Contender] = {
    "popularity": (_popularity, {}),
    "ItemKNN": (
        _item_knn,
        {"neighbours": Between(5, 1000, log=True), "shrink": Between(0.0, 100.0)},
    ),
    "EASE": (_ease, {"regularization": Between(1.0, 10000.0, log=True)}),
    "RP3beta": (
        _rp3beta,
        {
            "neighbours": Between(5, 1000, log=True),
            "alpha": Between(0.1, 2.0),
            "beta": Between(0.0, 1.0),
        },
    ),
    "iALS": (
        _ials,
        {
            "unobserved": Between(0.003, 3.0, log=True),
            "regularization": Between(3e-4, 0.3, log=True),
        },
    ),
    "graph filter": (
        _graph_filter,
        {"components": Between(1, 512, log=True), "alpha": Between(0.0, 1.0)},
    ),
    "MF": (_matrix_factorization, {"lr": RATE, "weight_decay": DECAY_OF_MF}),
    "LightGCN": (_lightgcn, {"layers": Between(1, 6), "lr": RATE, "weight_decay": DECAY}),
}
USE_WEIGHTS = ("iALS", "LightGCN")  # of the contenders


# ---------------------------------------------------------------------- the league
def league(
    split: Split,
    models: Sequence[str] | Mapping[str, Contender] | None = None,
    *,
    trials: int = 8,
    seed: int = 0,
    metric: str = "recall",
    k: int = 20,
    baseline: str | None = None,
    storage: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> League:
    """Tune many models with the same number of trials, and judge each once on test.

    First the settings of all models are chosen on validation, by :func:`tune`. Only then is each
    model built once more with its best settings, timed, and judged on the test part. For
    movielens-small it takes some minutes.

    Parameters
    ----------
    split : Split
        With a validation part. Its test part is looked at when all settings are chosen. Ranking
        models do not use ratings: ``Interactions.binarize(threshold)`` before splitting keeps those
        that are likes.
    models : sequence of names or mapping, optional
        Names of :data:`CONTENDERS`, all eight by default: ``"popularity"``, ``"ItemKNN"``,
        ``"EASE"``, ``"RP3beta"``, ``"iALS"``, ``"graph filter"``, ``"MF"`` (matrix factorization),
        ``"LightGCN"``. Or a mapping from name to ``(build, space)`` as :func:`tune` takes them;
        an empty space has one trial. ``{**CONTENDERS, "mine": (build, space)}`` adds one.
    trials : int, default 8
        For each model that has something to tune.
    seed : int, default 0
        Of what is tried, and of every `build` that has an argument ``seed``.
    metric : str, default "recall"
        What validation measures, as for :func:`tune`.
    k : int, default 20
        Length of the lists, on validation and on test.
    baseline : str, optional
        The model that the others are compared with. By default the one that validation prefers
        among those that need no training by :func:`fit`.
    storage : path, optional
        A folder, made if it is not there: a journal of trials for each model, and what it reached
        on test. The same call again goes on where it was interrupted, with the same numbers as if
        it had not been; other data, another seed or number of trials are refused, and a `build` of
        other code, as by :func:`tune`. Further models may be added.
    progress : bool, optional
        Show a bar. By default yes, unless the environment has ``GNNREC_PROGRESS=0``.

    Returns
    -------
    League

    Raises
    ------
    ValueError
        Without a validation or a test part, where an argument is out of range or a model unknown,
        or if `storage` holds a league of other data or arguments.
    TypeError
        If a `build` does not take the names in its space, or answers no recommender.
    ImportError
        Without Optuna.

    Notes
    -----
    The trained contenders, matrix factorization and LightGCN, learn by
    :class:`~gnnrec_helpers.objectives.SampledSoftmax` in batches of 1,024 and stop when validation
    has not improved for 8 epochs, or after 300; the table says when that was too few. All
    embeddings have 64 dimensions.

    A `build` of your own that trains should have an argument ``epochs`` and answer the model *and*
    the History of :func:`fit`. So :meth:`League.choose`, which has nothing left to validate on, can
    train for as many epochs as validation chose:

    >>> from gnnrec_helpers import Between, datasets, fit, models
    >>> def sgl(split, lr, seed=0, epochs=200):
    ...     model = models.SGL(split.train, seed=seed)
    ...     how = {"lr": lr, "epochs": epochs, "schedule": "constant", "seed": seed}
    ...     return model, fit(model, split, progress=False, **how)
    >>> more = {**CONTENDERS, "SGL": (sgl, {"lr": Between(1e-3, 5e-2, log=True)})}

    Examples
    --------
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> found = league(split, ["popularity", "EASE"], trials=3, progress=False)
    >>> found.to_frame()["recall@20"].round(2).to_dict()
    {'EASE': 0.25, 'popularity': 0.15}
    >>> found.choose()  # doctest: +ELLIPSIS
    EASE(671 users, 6,170 items, regularization=179..., limit=16)
    """
    if not isinstance(split, Split):
        raise TypeError(
            f"league needs a Split, not {type(split).__name__}: Interactions.split() makes one."
        )
    check_whole(0, seed=seed)
    check_search(split, trials, metric, k)
    split.held_out("test")  # an empty one is refused
    entries = _entries(models, seed)
    check_named(entries, baseline)
    folder = _folder(storage, split, trials, seed, f"{metric}@{k}")
    judged = {
        name: found
        for name, entry in entries.items()
        if (found := _stored(folder, name, entry, split))
    }
    _warn_of_what_is_unused(split, entries)
    _warn_of_strangers(split, "validation")
    untested = without_test(split)
    rounds = sum(1 + (trials if entry.space else 1) for entry in entries.values())
    bar = tqdm(total=rounds, unit="model", disable=not shows_progress(progress), leave=False)
    with bar, _without_the_models_warnings():
        tunings = {}
        for name, entry in entries.items():
            bar.set_description(f"tuning {name}")
            with _naming(name):
                tunings[name] = _tuned(entry, untested, trials, metric, k, folder, name, bar)
            bar.set_postfix_str("")
        for name, entry in entries.items():
            bar.set_description(f"judging {name}")
            settings = tunings[name].best
            with _naming(name):
                if name not in judged:
                    judged[name] = _judge(entry, settings, untested, split, metric, k)
                    _store(folder, name, entry, judged[name], split)
                elif judged[name].settings != settings:
                    raise ValueError(
                        f"What {os.fspath(folder)!r} holds of {name!r} was reached with "  # type: ignore[arg-type]
                        f"{_in_words(judged[name].settings)}, and now {_in_words(settings)} was "
                        "chosen: use another folder."
                    )
            bar.update()
    _warn_of_strangers(split, "test")
    if baseline is None:
        ready = [name for name in entries if judged[name].epochs is None]
        baseline = max(ready or entries, key=lambda name: tunings[name].value)
    return League(split, trials, f"{metric}@{k}", baseline, entries, tunings, judged)


@dataclass(frozen=True, repr=False, eq=False)
class League:
    """What :func:`league` found.

    Attributes
    ----------
    split : Split
    trials : int
        For each model that has something to tune.
    metric : str
        What was measured on validation, ``"recall@20"``.
    baseline : str
        The model that the others are compared with.
    tunings : dict of str to Tuning
        All trials of each model.
    standings : dict of str to Standing
        What each model reached with its best settings.
    """

    split: Split
    trials: int
    metric: str
    baseline: str
    _entries: Mapping[str, _Entry]
    tunings: Mapping[str, Tuning]
    standings: Mapping[str, Standing]

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What validation chose for each model."""
        return {name: tuning.best for name, tuning in self.tunings.items()}

    @property
    def validation(self) -> dict[str, float]:
        """What validation measured with these settings."""
        return {name: tuning.value for name, tuning in self.tunings.items()}

    @property
    def best(self) -> str:
        """The model that validation prefers; of equals the first."""
        return max(self.validation, key=self.validation.__getitem__)

    @property
    def edges(self) -> dict[str, list[str]]:
        """The parameters whose chosen value lies at the edge of its space, by model; none: empty.

        That is within 5 % of an end of a :class:`Between`, on the scale that was searched, or the
        least or largest of listed numbers. Beyond it there might be something better, so the space
        should be wider. Two ends are none, since there is nothing beyond: 0, and 1 where numbers
        are whole.
        """
        found = {
            name: [
                parameter
                for parameter, value in tuning.best.items()
                if _at_edge(value, self._entries[name].space[parameter])
            ]
            for name, tuning in self.tunings.items()
        }
        return {name: parameters for name, parameters in found.items() if parameters}

    def to_frame(self) -> pd.DataFrame:
        """The table: one row a model, in the order in which validation prefers them.

        Returns
        -------
        pandas.DataFrame
            For each metric on test the columns of :func:`~gnnrec_helpers.compare`, with paired
            differences from `baseline`. Then

            - ``validation recall@20``: what was measured there with the chosen settings;
            - ``epochs``: how many of them validation chose, missing for a model that is not trained
              by :func:`fit`;
            - ``cap hit``: training ended because there were no epochs left, not because validation
              had stopped improving;
            - ``fit, s``: seconds to build, or train, the model once with these settings;
            - ``tuning, s``: seconds of all its trials;
            - ``size, MB``: of the file that ``model.save`` writes, the interactions included;
              missing where a model cannot be saved. It is not the memory that building takes;
            - ``settings``, and ``at the edge``, those of them that lie at an edge of the space (see
              :attr:`edges`).
        """
        users = {name: [judged.users] for name, judged in self.standings.items()}
        table = compare_users(users, baseline=self.baseline)
        rows = [self.standings[name] for name in table.index]
        table[f"validation {self.metric}"] = pd.Series(self.validation)
        table["epochs"] = pd.array([row.epochs for row in rows], dtype="Int64")
        table["cap hit"] = pd.array([row.capped for row in rows], dtype="boolean")
        table["fit, s"] = [row.seconds for row in rows]
        table["tuning, s"] = [sum(self.tunings[name].seconds) for name in table.index]
        table["size, MB"] = [row.megabytes for row in rows]
        table["settings"] = [_in_words(row.settings) for row in rows]
        edges = self.edges
        table["at the edge"] = [", ".join(edges.get(name, ())) for name in table.index]
        return table.sort_values(f"validation {self.metric}", ascending=False, kind="stable")

    def choose(self) -> Recommender:
        """The model that validation prefers, built with its settings from all that is known.

        Train, validation and test are joined. A model that stopped early on validation is trained
        for as many epochs as validation chose. Test has no say in which model it is, and nothing is
        left to judge the new one on: what the table says of the old one is the estimate.
        """
        judged = self.standings[self.best]
        with _without_the_models_warnings():
            model, _ = self._entries[self.best].built(
                self.split.everything(), judged.settings, judged.epochs
            )
        if judged.epochs is None and isinstance(model, Model) and model.default_objective():
            warnings.warn(
                f"{self.best} was trained on everything for as many epochs as its `build` has "
                "without validation: let `build` take `epochs` and answer (model, history), so "
                "that they are those that validation chose.",
                stacklevel=2,
            )
        return model

    def __repr__(self) -> str:
        table = self.to_frame()
        row, at_test = table.loc[self.best], self.metric
        chosen = f"validation prefers {self.best} ({at_test} {row[f'validation {at_test}']:.4f}"
        chosen += f"; on test {row[at_test]:.4f} ± {row[f'± {at_test}']:.4f}"
        if self.best != self.baseline:
            gain = f"{row[f'Δ {at_test}']:+.4f} ± {row[f'± Δ {at_test}']:.4f}"
            chosen += f", {gain} against {self.baseline}"
        parts = [f"{len(table)} models, {self.trials} trials each", f"{chosen})"]
        edges = [f"{name}: {names}" for name, names in table["at the edge"].items() if names]
        if edges:
            parts.append(f"at the edge of the space, so widen it: {', '.join(edges)}")
        capped = table.index[table["cap hit"].fillna(False)].tolist()
        if capped:
            parts.append(f"had no epochs left: {', '.join(capped)}")
        parts.append(f".to_frame() is the table, .choose() builds {self.best} from everything")
        return f"League({'; '.join(parts)})"

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(float_format="{:.4g}".format)
        return f"<p>{html.escape(repr(self))}</p>{table}"


@dataclass(frozen=True)
class _Entry:
    """A model of the league: how it is built, and what is tuned."""

    build: Callable[..., Answer]
    space: Space
    seed: int

    def built(
        self, split: Split, settings: Mapping[str, Any], epochs: int | None = None
    ) -> tuple[Recommender, History | None]:
        """The model and, if it was trained and says so, how."""
        given = dict(settings)
        takes = inspect.signature(self.build).parameters
        for name, value in (("seed", self.seed), ("epochs", epochs)):
            if name in takes and value is not None:
                given.setdefault(name, value)
        answer = self.build(split, **given)
        if is_recommender(answer):
            return answer, None
        if isinstance(answer, tuple) and [*map(is_recommender, answer)] == [True, False]:
            model, history = answer
            if isinstance(history, History):
                if "epochs" not in takes:
                    raise TypeError(
                        "`build` answers a History, so it must have an argument `epochs`: the "
                        "model may be trained again for as many as validation chose."
                    )
                return model, history
        what = type(answer).__name__
        raise TypeError(
            f"`build` answered {what}: a model with `score`, or (model, history), is needed."
        )

    def model(self, split: Split, **settings: Any) -> Recommender:
        return self.built(split, settings)[0]

    @property
    def made_with(self) -> dict[str, str]:
        """What a record says of `build`."""
        return told("build", self.build)


@dataclass(frozen=True)
class Standing:
    """What a model reached with its best settings.

    Attributes
    ----------
    settings : dict
    seconds : float
        To build or train it.
    epochs : int or None
        That validation chose; None for a model that is not trained by :func:`fit`.
    capped : bool or None
        Whether training ended because there were no epochs left.
    megabytes : float
        Of the file that it saves itself to; NaN where it cannot.
    users : pandas.DataFrame
        The metrics of every user on test, as
        :func:`~gnnrec_helpers.evaluation.evaluate_users` has them.
    """

    settings: dict[str, Any]
    seconds: float
    epochs: int | None
    capped: bool | None
    megabytes: float
    users: pd.DataFrame


# ---------------------------------------------------------------------- one model
def _tuned(
    entry: _Entry,
    split: Split,
    trials: int,
    metric: str,
    k: int,
    folder: Path | None,
    name: str,
    bar: Any,
) -> Tuning:
    """What validation says of all its trials; the bar goes on by a step for each."""
    if not entry.space:
        tried = _tried_once(entry, split, metric, k, folder, name)
        bar.update()
        return tried
    return search(
        entry.model, split, entry.space, trials, seed=entry.seed, metric=metric, k=k,
        storage=None if folder is None else folder / f"{_file(name)}.journal",
        made_with=entry.made_with, bar=bar,
    )  # fmt: skip


def _tried_once(
    entry: _Entry, split: Split, metric: str, k: int, folder: Path | None, name: str
) -> Tuning:
    """The same of a model with nothing to tune."""
    path = None if folder is None else folder / f"{_file(name)}.trial.safetensors"
    if path is not None and path.exists():
        trial, _ = read(path, "a trial written by league", lambda story: "trial" in story)
        _check_same(path, trial.get("made_with", {}), entry.made_with)
        value, seconds = trial["trial"]
    else:
        started = time.perf_counter()
        model = entry.model(split)
        value = evaluate(model, split, k, part="validation", metrics=(metric,))[f"{metric}@{k}"]
        seconds = time.perf_counter() - started
        if path is not None:
            write(path, {"trial": [value, seconds], "made_with": entry.made_with}, {})
    return Tuning(f"{metric}@{k}", [{}], [value], [seconds], entry.model)


def _judge(
    entry: _Entry, settings: dict[str, Any], untested: Split, split: Split, metric: str, k: int
) -> Standing:
    """Build it with what validation chose, from a split without test, and ask test."""
    started = time.perf_counter()
    model, history = entry.built(untested, settings)
    seconds = time.perf_counter() - started
    if history is not None and len(history.stages) > 1:
        warnings.warn(
            "On validation `fit` tried more settings than its first ones, which League.choose() "
            'cannot repeat without one: let `build` call fit with schedule="constant".',
            stacklevel=2,
        )
    metrics = tuple(dict.fromkeys(("recall", "ndcg", metric)))
    return Standing(
        settings,
        seconds,
        None if history is None else _epochs_of(history),
        None if history is None else not history.stopped_early,
        _megabytes(model),
        evaluate_users(model, split, k, metrics=metrics),
    )


def _epochs_of(history: History) -> int:
    return len(history.epochs) if history.best_epoch is None else max(1, history.best_epoch)


def _megabytes(model: Recommender) -> float:
    """Of the file that the model saves itself to; NaN if it cannot."""
    if not isinstance(model, Model):
        return math.nan
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        try:
            model.save(path)
        except TypeError:  # labels or arguments that no file holds
            return math.nan
        return path.stat().st_size / 1e6


# ---------------------------------------------------------------------- storage
def _folder(
    storage: str | os.PathLike[str] | None, split: Split, trials: int, seed: int, metric: str
) -> Path | None:
    """The folder, made where needed; refused if it is that of another league."""
    if storage is None:
        return None
    folder = Path(storage)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"storage={os.fspath(storage)!r} is a file: a folder is needed.")
    story = {
        "seed": seed,
        "trials": trials,
        "metric": metric,
        "train": split.train,
        "validation": split.validation,
    }
    made_with = {name: fingerprint(value) for name, value in story.items()}
    path = folder / "league.safetensors"
    if path.exists():
        before, _ = read(path, "the record of a league", lambda story: "league" in story)
        _check_same(path, before["league"], made_with)
    else:
        write(path, {"league": made_with}, {})
    return folder


def _check_same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    check_made_with(f"The league in {os.fspath(path)!r}", before, now, "another folder")


def _store(folder: Path | None, name: str, entry: _Entry, judged: Standing, split: Split) -> None:
    if folder is None:
        return
    story = {
        "made_with": {**entry.made_with, "test": fingerprint(split.test)},
        "settings": judged.settings,
        "seconds": judged.seconds,
        "epochs": judged.epochs,
        "capped": judged.capped,
        "megabytes": judged.megabytes,
        "metrics": [*judged.users.columns],
    }
    tensors: Tensors = {
        "users": torch.from_numpy(
            split.train.users.get_indexer(judged.users.index).astype(np.int64)
        ),
        "values": torch.from_numpy(judged.users.to_numpy(np.float64, copy=True)),
    }
    write(folder / f"{_file(name)}.test.safetensors", {"judged": story}, tensors)


def _stored(folder: Path | None, name: str, entry: _Entry, split: Split) -> Standing | None:
    """What test said of a model before; it had been chosen by then."""
    if folder is None or not (path := folder / f"{_file(name)}.test.safetensors").exists():
        return None
    found, tensors = read(path, "a result written by league", lambda story: "judged" in story)
    story = found["judged"]
    now = {**entry.made_with, "test": fingerprint(split.test)}
    _check_same(path, story.get("made_with", {}), now)
    users = split.train.users[tensors["users"].numpy()]
    return Standing(
        **{key: story[key] for key in ("settings", "seconds", "epochs", "capped", "megabytes")},
        users=pd.DataFrame(tensors["values"].numpy(), index=users, columns=story["metrics"]),
    )


def _file(name: str) -> str:
    """A name that every system takes for a file's."""
    return quote(name, safe=" ,")


# ---------------------------------------------------------------------- what is refused
def _entries(
    models: Sequence[str] | Mapping[str, Contender] | None, seed: int
) -> dict[str, _Entry]:
    """The models by name, if all of them can be built and tuned."""
    if models is None:
        models = CONTENDERS
    if not isinstance(models, Mapping):
        if isinstance(models, str) or not isinstance(models, Sequence):
            raise TypeError(
                f"models={models!r}: a list of names, or a mapping from name to (build, space), is "
                "needed."
            )
        for name in models:
            if name not in CONTENDERS:
                raise ValueError(f"No model {name!r}; there are {', '.join(CONTENDERS)}.")
        models = {name: CONTENDERS[name] for name in models}
    check_named(models)
    entries = {}
    for name, contender in models.items():
        if not isinstance(name, str):
            raise TypeError(f"models has the name {name!r}: text is needed.")
        is_pair = isinstance(contender, tuple) and len(contender) == 2
        if not is_pair or not callable(contender[0]) or not isinstance(contender[1], Mapping):
            raise TypeError(
                f"models[{name!r}] must be (build, space): a function, and a mapping from the "
                "names of its parameters to what is tried."
            )
        with _naming(name):
            space = checked_space(*contender) if contender[1] else {}
        entries[name] = _Entry(contender[0], space, seed)
    return entries


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Errors say which of the models they come from."""
    try:
        yield
    except Exception as error:
        error.add_note(f"This came from {name!r} in the league; models= can leave it out.")
        raise


def _warn_of_what_is_unused(split: Split, entries: Mapping[str, _Entry]) -> None:
    """Once, where every model would otherwise warn at every trial."""
    builds = {entry.build for entry in entries.values()}
    own = {name: build for name, (build, _) in CONTENDERS.items() if build in builds}
    if own and split.train.rating is not None:
        warnings.warn(
            "The league's models do not use the ratings: each pair counts as a choice. "
            "Interactions.binarize(threshold), before the split, keeps those that are likes.",
            stacklevel=3,
        )
    if own.keys() - USE_WEIGHTS and split.train.weight is not None:
        warnings.warn(
            f"Of the league's models only {' and '.join(USE_WEIGHTS)} use the weights: to the "
            "others each pair counts once.",
            stacklevel=3,
        )


@contextmanager
def _without_the_models_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\w+ does not use the (ratings|weights): ")
        warnings.filterwarnings("ignore", r"\w+ knows nothing about ")
        yield


def _warn_of_strangers(split: Split, part: Part) -> None:
    """Once, where every model would otherwise warn at every trial."""
    users = np.unique(split.held_out(part).user_index)
    strangers = int((split.train.user_degrees()[users] == 0).sum())
    if strangers:
        warnings.warn(
            f"{strangers:,} of the {len(users):,} users who are judged in {part} have no "
            "interactions in train: what models without side information recommend to them is "
            "arbitrary.",
            stacklevel=3,
        )


# ---------------------------------------------------------------------- settings
def _at_edge(value: object, tried: Between | Sequence[Any]) -> bool:
    """Does a chosen value lie at an end of what was tried, with something beyond that end?"""
    if not _is_number(value):
        return False
    if isinstance(tried, Between):
        low, high, near = tried.low, tried.high, EDGE
        scale: Callable[[float], float] = math.log if tried.log else float
    else:
        if not all(map(_is_number, tried)) or len(set(tried)) == 1:
            return False
        low, high, near, scale = min(tried), max(tried), 0.0, float
    place = (scale(value) - scale(low)) / (scale(high) - scale(low))
    nothing_below = low == 0 or (low == 1 and isinstance(low, int))
    return place >= 1 - near or (place <= near and not nothing_below)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={short(value)}" for name, value in settings.items())
