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
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import spread
from recorded import Found, Job, Recorded

from gnnrec_helpers import Interactions, SocialGraph, Split, datasets, fit, models
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.objectives import Objective, SampledSoftmax, SelfSupervised

DECAYS, SEEDS, K = (0.025, 0.05), range(5), 10
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


def run(job: Job) -> Found:
    torch.set_num_threads(1)
    split, social = splits(job["fold"], job["seed"])
    if job["rewired"]:
        social = social.rewired(job["seed"])
    model, objective = build(
        job["model"], split.train, social, job["weight_decay"], job["own"], job["seed"]
    )
    history = fit(
        model,
        split,
        epochs=50,
        lr=5e-3,
        objective=objective,
        seed=job["seed"],
        patience=6,
        validate_every=2,
        progress=False,
    )
    found: Found = {
        "epochs": len(history.epochs),
        "seconds": sum(epoch["seconds"] for epoch in history.epochs),
        "validation": means(evaluate_users(model, split, K, part="validation", metrics=METRICS)),
    }
    if job["part"] == "test":
        users = evaluate_users(model, split, K, metrics=METRICS)
        found["test"] = means(users)
        if job["fold"] is None:  # in the order of the users with test items
            found["recall of users"] = users[f"recall@{K}"].round(3).tolist()
    return found


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


def measure() -> None:
    record = Recorded("social", run, report)
    record.wanted([trial for name in OWN for trial in trials(name)], at_once=2)
    best = {}
    for name in OWN:
        trial = record.best(trials(name), lambda found: found["validation"]["recall"])
        best[name] = (trial["weight_decay"], trial["own"])
    final = [
        job(name, *best[name], seed=seed, part="test", rewired=rewired)
        for seed, (name, rewired) in itertools.product(
            SEEDS, [(name, False) for name in OWN] + [(name, True) for name in CONTROLS]
        )
    ]
    record.wanted(final, at_once=2)
    folds = [job(n, *best[n], part="test", fold=fold) for fold in range(5) for n in OWN]
    record.wanted(folds, at_once=2)


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    runs = [(entry["job"], entry["found"]) for entry in record["runs"]]
    lines = ["Random 8:1:1, five seeds, mean ± standard deviation, @10:", ""]
    lines += ["| model | Recall | NDCG | Precision | Recall against LightGCN | training, s | "
              "published (Recall / NDCG / Precision) |"]  # fmt: skip
    lines += ["|---|---|---|---|---|---|---|"]
    for name, rewired in itertools.product(OWN, (False, True)):
        found = final(runs, name, rewired)
        if found:
            label = f"{name}, friendships rewired" if rewired else name
            cells = " | ".join(spread([f["test"][m] for f in found.values()]) for m in METRICS)
            gain = "–" if name == "LightGCN" else interval(found, final(runs, "LightGCN", False))
            seconds = statistics.mean(f["seconds"] for f in found.values())
            published = "–" if rewired else PUBLISHED.get(name, "–")
            lines.append(f"| {label} | {cells} | {gain} | {seconds:.0f} | {published} |")
    lines += ["", "Against LightGCN: the mean difference of the same users' Recall@10, and its "
              "95 % interval over users, each with her mean over seeds.", ""]  # fmt: skip
    folds = [(j, f) for j, f in runs if j["fold"] is not None]
    if folds:
        lines += ["Five folds, mean ± standard deviation over folds, @10:", ""]
        lines += ["| model | Precision | Recall | NDCG |", "|---|---|---|---|"]
        for name in OWN:
            found_here = [f["test"] for j, f in folds if j["model"] == name]
            if found_here:
                cells = " | ".join(
                    spread([f[m] for f in found_here]) for m in ("precision", "recall", "ndcg")
                )
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


def final(runs: list[tuple[Job, Found]], name: str, rewired: bool) -> dict[int, Found]:
    """The runs with five seeds, by seed."""
    return {
        j["seed"]: f
        for j, f in runs
        if j["part"] == "test"
        and j["fold"] is None
        and (j["model"], j["rewired"]) == (name, rewired)
    }


def of_users(found: dict[int, Found], seeds: list[int]) -> np.ndarray:
    return np.array([found[seed]["recall of users"] for seed in seeds])


def interval(found: dict[int, Found], other: dict[int, Found]) -> str:
    seeds = sorted(set(found) & set(other))
    if not seeds:
        return "–"
    gains = (of_users(found, seeds) - of_users(other, seeds)).mean(0)
    return f"{gains.mean():+.4f} ± {1.96 * gains.std(ddof=1) / np.sqrt(len(gains)):.4f}"


if __name__ == "__main__":
    measure()
