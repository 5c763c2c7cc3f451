"""Somebody new with 1, 2, 5 or 10 films: fold-in against training again, for every model.

    python benchmarks/new_users.py                 # half an hour on one core

MovieLens-small, ratings of four stars and more. Users with at least 12 likes are drawn into test
(20 %) and validation (10 %); all others, and those with fewer likes, train. Of each test user ten
likes are put aside as what may become known, in random order; the others are to be found, among all
films but these ten. The first 1, 2, 5 and 10 of the ten are given to ``recommend(histories=...)``,
so what is to be found and the candidates are the same whatever is known. Settings are chosen by 8
trials on the validation users, by the mean over 1, 2, 5 and 10 of Recall@20; a trained model stops
when a tenth of the training users' likes is found no better, and is trained again on all of them
for so many epochs. Then each model is judged on three seeds of everything.

"trained again": the same model built from train and the ten likes of each test user, so that they
are users like others; its lists beside those of fold-in from the same ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import (
    Between,
    Interactions,
    SampledSoftmax,
    Split,
    datasets,
    fit,
    models,
    recommend,
)
from gnnrec_helpers.course import records
from gnnrec_helpers.evaluation import compare_users

K, KNOWN, ASIDE, LEAST, TRIALS = 20, (1, 2, 5, 10), 10, 12, 8
SEEDS = (0, 1, 2)
MANY = 6000  # nearly all films: 1,000 neighbours were an edge
Build = Callable[..., models.Model]


# ---------------------------------------------------------------------- who is new
class Parts:
    """Train, and of the new users what may become known and what is to be found."""

    def __init__(self, seed: int) -> None:
        whole = datasets.load("movielens-small").interactions.binarize(4.0)
        generator = np.random.default_rng(seed)
        enough = np.flatnonzero(whole.user_degrees() >= LEAST)
        drawn = generator.permutation(enough)
        test, validation = np.split(drawn, [len(enough) // 5, len(enough) * 3 // 10])[:2]
        self.new = {"test": test, "validation": validation}
        self.train = whole.select(~np.isin(whole.user_index, np.concatenate([test, validation])))
        order = generator.permutation(len(whole))
        rank = pd.Series(whole.user_index[order]).groupby(whole.user_index[order]).cumcount()
        place = np.empty(len(whole), np.int64)
        place[order] = rank
        self.whole, self.place = whole, place

    def likes(self, part: str, first: int, last: int | None = None) -> dict[Any, list[Any]]:
        """By user, her likes from the `first` to before the `last`, in their random order."""
        chosen = np.isin(self.whole.user_index, self.new[part]) & (self.place >= first)
        if last is not None:
            chosen &= self.place < last
        where = np.flatnonzero(chosen)
        where = where[np.lexsort((self.place[where], self.whole.user_index[where]))]
        table = pd.DataFrame({"user": self.whole.users[self.whole.user_index[where]],
                              "item": self.whole.items[self.whole.item_index[where]]})  # fmt: skip
        return table.groupby("user")["item"].apply(list).to_dict()

    def with_the_new(self) -> Interactions:
        """Train, and the ten likes of each test user."""
        new = np.isin(self.whole.user_index, self.new["test"]) & (self.place < ASIDE)
        old = ~np.isin(self.whole.user_index, np.concatenate([*self.new.values()]))
        return self.whole.select(old | new)


def recall(lists: pd.DataFrame, wanted: dict[Any, list[Any]]) -> pd.Series:
    """Recall@20 of every user; of what is in no training user's hands nothing can be found."""
    listed = lists.groupby("user")["item"].apply(set)
    return pd.Series(
        {user: len(listed.get(user, set()) & set(items)) / len(items)
         for user, items in wanted.items()}
    )  # fmt: skip


def folded(model: models.Model, parts: Parts, part: str, known: int) -> pd.DataFrame:
    aside = parts.likes(part, 0, ASIDE)
    given = {user: items[:known] for user, items in aside.items()}
    # an item that no training user has says nothing; a user with nothing else gets what is popular
    return recommend(model, histories=given, k=K, never=aside, unknown="popular")


# ---------------------------------------------------------------------- the models
def closed(kind: Any) -> Build:
    def build(train: Interactions, seed: int, **settings: Any) -> models.Model:
        model: models.Model = kind(train, **settings)
        return model

    return build


def ials(train: Interactions, seed: int, **settings: Any) -> models.Model:
    return models.IALS(train, seed=seed, **settings)


def graph_filter(train: Interactions, seed: int, **settings: Any) -> models.Model:
    return models.GraphFilter(train, seed=seed, **settings)


def lightgcn(
    train: Interactions, seed: int, layers: int, lr: float, weight_decay: float
) -> models.Model:
    objective = SampledSoftmax(weight_decay=weight_decay)
    split = train.split(test=0.1, validation=0, seed=seed)
    split = Split(split.train, split.test, split.test.select([]))
    settings: Any = {"batch_size": 1024, "lr": lr, "objective": objective, "progress": False}
    trial = models.LightGCN(split.train, layers=layers, seed=seed)
    history = fit(trial, split, epochs=300, schedule="constant", patience=8, seed=seed, **settings)
    model = models.LightGCN(train, layers=layers, seed=seed)
    everything = Split.from_parts(train)
    fit(model, everything, epochs=history.best_epoch, seed=seed, **settings)
    return model


MODELS: dict[str, tuple[Build, dict[str, Between]]] = {
    "popularity": (closed(models.Popularity), {}),
    "ItemKNN": (
        closed(models.ItemKNN),
        {"neighbours": Between(5, MANY, log=True), "shrink": Between(0.0, 100.0)},
    ),
    "UserKNN": (
        closed(models.UserKNN),
        {"neighbours": Between(5, 500, log=True), "shrink": Between(0.0, 100.0)},
    ),
    "EASE": (closed(models.EASE), {"regularization": Between(1.0, 10000.0, log=True)}),
    "RP3beta": (
        closed(models.RP3Beta),
        {"neighbours": Between(5, MANY, log=True), "alpha": Between(0.1, 2.0),
         "beta": Between(0.0, 1.0)},
    ),
    "graph filter": (
        graph_filter, {"components": Between(1, 256, log=True), "alpha": Between(0.0, 1.0)}
    ),
    "iALS": (
        ials,
        {"unobserved": Between(0.003, 3.0, log=True),
         "regularization": Between(3e-4, 0.3, log=True)},
    ),
    "LightGCN": (
        lightgcn,
        {"layers": Between(1, 6), "lr": Between(3e-4, 5e-2, log=True),
         "weight_decay": Between(5e-3, 0.5, log=True)},
    ),
}  # fmt: skip


def drawn(space: dict[str, Between], trial: int) -> dict[str, Any]:
    """Settings at random; trial n of a model is the same whenever it is run."""
    generator = np.random.default_rng([trial, 7])
    found: dict[str, Any] = {}
    for name, between in space.items():
        low, high = (math.log(x) if between.log else x for x in (between.low, between.high))
        value = generator.uniform(low, high)
        value = math.exp(value) if between.log else value
        found[name] = round(value) if isinstance(between.low, int) else value
    return found


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(1)
    parts = Parts(job["seed"])
    build, _ = MODELS[job["model"]]
    model = build(parts.train, job["seed"], **job["settings"])
    if job["stage"] == "search":
        wanted = parts.likes("validation", ASIDE)
        found = [recall(folded(model, parts, "validation", n), wanted).mean() for n in KNOWN]
        return {"validation": float(np.mean(found))}
    wanted = parts.likes("test", ASIDE)
    lists = {n: folded(model, parts, "test", n) for n in KNOWN}
    users = {f"recall@20, {n} known": recall(lists[n], wanted) for n in KNOWN}
    again = build(parts.with_the_new(), job["seed"], **job["settings"])
    aside = parts.likes("test", 0, ASIDE)
    retrained = recommend(again, users=list(aside), k=K, never=aside)
    users["recall@20, trained again"] = recall(retrained, wanted)
    both = lists[10].merge(retrained, on=["user", "item"])
    return {
        "overlap": len(both) / len(retrained),
        "users": {"test": pd.DataFrame(users)},
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    for name, (_, space) in MODELS.items():
        trials = [
            {"model": name, "stage": "search", "seed": 0, "settings": drawn(space, trial)}
            for trial in range(TRIALS if space else 1)
        ]
        results = record.run(trials, at_once=1)
        best = max(range(len(trials)), key=lambda n: results[n]["validation"])
        chosen = trials[best]["settings"]
        record.run([{"model": name, "stage": "test", "seed": seed, "settings": chosen}
                    for seed in SEEDS], at_once=1)  # fmt: skip


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
def edges(record: dict[str, Any]) -> list[str]:
    """Settings that were chosen within 5 % of an end of their space."""
    found = []
    for name, (_, space) in MODELS.items():
        for run in records.select(record, model=name, stage="test", seed=0):
            for parameter, value in run["job"]["settings"].items():
                between = space[parameter]
                low, high, x = (
                    math.log(v) if between.log else v for v in (between.low, between.high, value)
                )
                place = (x - low) / (high - low)
                nothing_below, nothing_above = between.low in (0, 1), between.high == MANY
                if (place > 0.95 and not nothing_above) or (place < 0.05 and not nothing_below):
                    found.append(f"{name} ({parameter}={value:.4g})")
    return found


def report(record: dict[str, Any]) -> str:
    tested = [run for run in record["runs"] if run["job"]["stage"] == "test"]
    names = [name for name in MODELS if any(run["job"]["model"] == name for run in tested)]
    lines = [
        "| model | " + " | ".join(f"{n} known" for n in KNOWN)
        + " | trained again, 10 known | same films in both lists | settings |",
        "|---|" + "---|" * (len(KNOWN) + 3),
    ]  # fmt: skip
    tables = {name: [r["users"]["test"] for r in tested if r["job"]["model"] == name]
              for name in names}  # fmt: skip
    means = compare_users(tables, baseline="popularity") if "popularity" in tables else None
    for name in names:
        runs = [run for run in tested if run["job"]["model"] == name]
        if means is None:
            continue
        row = means.loc[name]
        cells = [
            f"{row[column]:.3f} ± {row['± ' + column]:.3f}"
            for column in [f"recall@20, {n} known" for n in KNOWN] + ["recall@20, trained again"]
        ]
        overlap = np.mean([run["result"]["overlap"] for run in runs])
        settings = ", ".join(f"{k}={v:.4g}" for k, v in runs[0]["job"]["settings"].items())
        lines.append(f"| {name} | {' | '.join(cells)} | {overlap:.2f} | {settings or '–'} |")
    lines += [
        "",
        f"At an end of its space: {', '.join(edges(record)) or 'none'}.",
        "",
        "Recall@20, means over users and three seeds; ± is half of a 95 % interval over users.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "new_users", run, report, data_of), measure)
