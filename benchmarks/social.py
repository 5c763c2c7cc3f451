"""What friendships add on Last.fm: four models with equal tuning, and the control experiment.

    python benchmarks/social.py        # two hours on two cores

Protocol of RecBole-GNN's published log: of each user's artists 80 % are train, 10 % validation,
10 % test, at random; all other artists are ranked; lists of 10. LightGCN, SocialLightGCN, DiffNet
and SEPT, dimension 64, sampled softmax, learning rate .005.

1. Tuning: six trials a model (two weight decays times three values of a setting of its own),
   judged on validation of seed 0 (Recall@10).
2. The best of each with five seeds, of split and training alike; the epoch is chosen on validation,
   test looked at once. The two models that use friendships best are trained again on rewired ones:
   as many friends for everybody, but with anybody.
3. The same settings on five folds, for comparison with figures that were published so.
"""

from __future__ import annotations

import itertools
import statistics
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import spread
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Interactions, SocialGraph, Split, datasets, fit, models
from gnnrec_helpers.course.records import Run, select
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.objectives import Objective, SampledSoftmax, SelfSupervised

DECAYS, SEEDS = (0.025, 0.05), range(5)
K = 10
OWN: dict[str, tuple[str, tuple[float, ...]]] = {  # each model's own setting
    "LightGCN": ("layers", (1, 2, 3)),
    "SocialLightGCN": ("friend_weight", (0.1, 0.3, 1.0)),
    "DiffNet": ("layers", (0, 1, 2)),
    "SEPT": ("weight", (0.01, 0.03, 0.1)),
}
CONTROLS = ("SocialLightGCN", "SEPT")
METRICS = ("recall", "ndcg", "precision")
PUBLISHED = {  # Recall, NDCG, Precision @10; RecBole-GNN
    "LightGCN": "0.2064 / 0.1972 / 0.1009",
    "DiffNet": "0.1757 / 0.1694 / 0.0857",
    "SEPT": "0.2127 / 0.2057 / 0.1044",
}


# ---------------------------------------------------------------------- one run
def splits(fold: int | None, seed: int) -> tuple[Split, SocialGraph]:
    """A random 8:1:1 split of each user's artists, or a fold of five with validation from train."""
    lastfm = datasets.load("lastfm-2k")
    likes, social = lastfm.interactions, lastfm.social
    assert social is not None
    if fold is None:
        return likes.split(0.1, 0.1, seed=seed), social
    part = np.random.default_rng(seed).permutation(len(likes)) % 5
    held = part == fold
    split = Split(likes.select(~held), None, likes.select(held))
    return split.with_validation(0.1, seed=seed), social


def build(
    name: str, train: Interactions, social: SocialGraph, decay: float, own: float, seed: int
) -> tuple[torch.nn.Module, Objective]:
    loss: Objective = SampledSoftmax(weight_decay=decay)
    if name == "LightGCN":
        return models.LightGCN(train, layers=int(own), seed=seed), loss
    if name == "SocialLightGCN":
        return models.SocialLightGCN(train, social, friend_weight=own, seed=seed), loss
    if name == "DiffNet":
        return models.DiffNet(train, social, layers=int(own), seed=seed), loss
    assert isinstance(loss, SampledSoftmax)
    return models.SEPT(train, social, seed=seed), SelfSupervised(loss, own)


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, social = splits(job["fold"], job["seed"])
    if job["rewired"]:
        social = social.rewired(seed=job["seed"])
    model, objective = build(
        job["model"], split.train, social, job["weight_decay"], job["own"], job["seed"]
    )
    history = fit(
        model,
        split,
        epochs=50,
        batch_size=2048,
        lr=5e-3,
        objective=objective,
        seed=job["seed"],
        schedule="constant",
        patience=6,
        validate_every=2,
        progress=False,
    )
    result: Result = {
        "epochs": len(history.epochs),
        "seconds": sum(epoch["seconds"] for epoch in history.epochs),
        "validation": means(evaluate_users(model, split, K, part="validation", metrics=METRICS)),
    }
    if job["part"] == "test":
        users = evaluate_users(model, split, K, metrics=METRICS)
        result["test"] = means(users)
        if job["fold"] is None:
            users.index = split.train.users.get_indexer(users.index)
            result["users"] = {"test": users[[f"recall@{K}"]].round(3)}
    return result


def means(table: pd.DataFrame) -> dict[str, float]:
    return {name.partition("@")[0]: float(values.mean()) for name, values in table.items()}


# ---------------------------------------------------------------------- what is run
def job(
    name: str,
    decay: float,
    own: float,
    *,
    seed: int = 0,
    part: str = "validation",
    fold: int | None = None,
    rewired: bool = False,
) -> Job:
    return {"model": name, "weight_decay": decay, "own": own, "seed": seed, "part": part,
            "fold": fold, "rewired": rewired}  # fmt: skip


def trials(name: str) -> list[Job]:
    return [job(name, decay, own) for decay, own in itertools.product(DECAYS, OWN[name][1])]


def measure(record: Recorded) -> None:
    record.run([trial for name in OWN for trial in trials(name)], at_once=2)
    best = {}
    for name in OWN:
        trial = record.best(trials(name), lambda result: result["validation"]["recall"])
        best[name] = (trial["weight_decay"], trial["own"])
    final = [
        job(name, *best[name], seed=seed, part="test", rewired=rewired)
        for seed, (name, rewired) in itertools.product(
            SEEDS, [(name, False) for name in OWN] + [(name, True) for name in CONTROLS]
        )
    ]
    record.run(final, at_once=2)
    folds = [job(n, *best[n], part="test", fold=fold) for fold in range(5) for n in OWN]
    record.run(folds, at_once=2)


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    runs = [(entry["job"], entry["result"]) for entry in record["runs"]]
    lines = ["Random 8:1:1, five seeds, mean ± standard deviation, @10:", ""]
    lines += ["| model | Recall | NDCG | Precision | Recall against LightGCN | training, s | "
              "published (Recall / NDCG / Precision) |"]  # fmt: skip
    lines += ["|---|---|---|---|---|---|---|"]
    for name, rewired in itertools.product(OWN, (False, True)):
        judged = final(record, name, rewired)
        if judged:
            label = f"{name}, friendships rewired" if rewired else name
            results = [run["result"] for run in judged.values()]
            cells = " | ".join(spread([result["test"][m] for result in results]) for m in METRICS)
            other = final(record, "LightGCN", False)
            gain = "–" if name == "LightGCN" else interval(judged, other)
            seconds = statistics.mean(result["seconds"] for result in results)
            published = "–" if rewired else PUBLISHED.get(name, "–")
            lines.append(f"| {label} | {cells} | {gain} | {seconds:.0f} | {published} |")
    lines += ["", "Against LightGCN: the mean difference of the same users' Recall@10, and its "
              "95 % interval over users, each with her mean over seeds.", ""]  # fmt: skip
    folds = [(j, f) for j, f in runs if j["fold"] is not None]
    if folds:
        lines += ["Five folds, mean ± standard deviation over folds, @10:", ""]
        lines += ["| model | Precision | Recall | NDCG |", "|---|---|---|---|"]
        for name in OWN:
            tests = [f["test"] for j, f in folds if j["model"] == name]
            if tests:
                metrics = ("precision", "recall", "ndcg")
                cells = " | ".join(spread([test[m] for test in tests]) for m in metrics)
                lines.append(f"| {name} | {cells} |")
        lines.append("")
    lines += ["Tuning, six trials a model, judged on validation, seed 0:", ""]
    lines += ["| model | weight decay | own setting | Recall@10 | epochs | training, s |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for j, f in runs:
        if j["part"] == "validation":
            lines.append(
                f"| {j['model']} | {j['weight_decay']:g} | {OWN[j['model']][0]} {j['own']:g} | "
                f"{f['validation']['recall']:.4f} | {f['epochs']} | {f['seconds']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def final(record: dict[str, Any], name: str, rewired: bool) -> dict[int, Run]:
    """The runs with five seeds, by seed."""
    runs = select(record, part="test", fold=None, model=name, rewired=rewired)
    return {run["job"]["seed"]: run for run in runs}


def of_users(runs: dict[int, Run], seeds: list[int]) -> np.ndarray:
    return np.array([runs[seed]["users"]["test"][f"recall@{K}"] for seed in seeds])


def interval(runs: dict[int, Run], others: dict[int, Run]) -> str:
    seeds = sorted(set(runs) & set(others))
    if not seeds:
        return "–"
    gains = (of_users(runs, seeds) - of_users(others, seeds)).mean(0)
    return f"{gains.mean():+.4f} ± {1.96 * gains.std(ddof=1) / np.sqrt(len(gains)):.4f}"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "social", run, report, data_of), measure)
