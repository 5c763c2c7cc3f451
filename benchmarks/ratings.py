"""Published errors of predicted ratings on Ciao, and those of the simplest models and of GraphRec.

    GNNREC_DATA=... python benchmarks/ratings.py    # three quarters of an hour on two cores

Protocol of the GraphRec paper (Fan et al. 2019): users in the trust network; 60 or 80 % of all
ratings are train, drawn at random, and the rest is halved into validation and test. Five seeds,
each with its own split. Ratings of zero and repeats are left out, predictions are clipped to the
scale of 1 to 5. Everything is chosen on validation (RMSE); test is looked at once, after that.

- Biases and factors: regularization and, for factors, the epoch are chosen anew for every seed.
  Factors have 60 epochs at most: without biases they use all of them at 60 %, so a longer training
  may still help there a little.
- GraphRec: learning rate and weight decay are chosen once, among four pairs, for the variant around
  biases with seed 0 and 80 % train; the epoch for every seed and variant, with a patience of two.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from machine import spread
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Split, compare_ratings, datasets, evaluate_ratings, fit, models
from gnnrec_helpers.datasets import Dataset
from gnnrec_helpers.objectives import RatingRegression

SHARES, SEEDS = (0.6, 0.8), range(5)
USER_DAMPING, ITEM_DAMPING = (2, 5, 10, 20), (1, 2, 3, 5)
DECAYS, DIM, RATE, BATCH = (0.2, 0.5, 1.0, 2.0), 16, 1e-2, 4096
GRAPHREC_RATES, GRAPHREC_DECAYS = (1e-3, 2e-3), (0.1, 1.0)
PUBLISHED = {  # MAE and RMSE at 60 %, at 80 %; table 3 of the GraphRec paper
    "PMF": (0.9520, 1.1967, 0.9021, 1.1238),
    "SocialMF": (0.8353, 1.0592, 0.8270, 1.0501),
    "GCMC+SN": (0.7697, 1.0221, 0.7526, 0.9931),
    "GraphRec": (0.7540, 1.0093, 0.7387, 0.9794),
}
# around biases, friends, targets hidden
VARIANTS = {
    "GraphRec, targets in the graph": (False, True, False),
    "GraphRec, targets hidden": (False, True, True),
    "GraphRec around biases": (True, True, True),
    "GraphRec around biases, no friends": (True, False, True),
}
AT_60 = ("GraphRec around biases",)
Candidate = tuple[dict[str, float], models.RatingModel]


def biases(split: Split) -> Iterator[Candidate]:
    for of_users, of_items in itertools.product(USER_DAMPING, ITEM_DAMPING):
        model = models.BiasOnly(split.train, of_users, of_items)
        yield {"user_regularization": of_users, "item_regularization": of_items}, model


def factors(split: Split, seed: int, with_biases: bool) -> Iterator[Candidate]:
    for decay in DECAYS:
        model = models.ProbabilisticMF(split.train, DIM, seed, biases=with_biases)
        history = fit(
            model,
            split,
            epochs=60,
            batch_size=BATCH,
            lr=RATE,
            objective=RatingRegression(decay),
            schedule="constant",
            patience=5,
            seed=seed,
            progress=False,
        )
        yield {"weight_decay": decay, "epoch": history.best_epoch or 0}, model


def graphrec(
    name: str, data: Dataset, split: Split, around: models.BiasOnly, seed: int, job: Job
) -> Candidate:
    with_biases, with_friends, hidden = VARIANTS[name]
    social = data.social if with_friends else None
    model = models.GraphRec(
        split.train,
        social,
        baseline=around if with_biases else None,
        hide_targets=hidden,
        seed=seed,
    )
    history = fit(
        model,
        split,
        epochs=12,
        batch_size=1024,
        lr=job["lr"],
        objective=RatingRegression(job["weight_decay"]),
        schedule="constant",
        patience=2,
        seed=seed,
        progress=False,
    )
    seconds = statistics.mean(epoch["seconds"] for epoch in history.epochs)
    setting = {"lr": job["lr"], "weight_decay": job["weight_decay"]}
    return {**setting, "epoch": history.best_epoch or 0, "seconds an epoch": seconds}, model


def best(candidates: Iterator[Candidate], split: Split) -> Candidate:
    """The one with the smallest RMSE on validation."""
    return min(candidates, key=lambda candidate: validation(candidate[1], split))


def validation(model: models.RatingModel, split: Split) -> float:
    return evaluate_ratings(model, split, part="validation")["rmse"]


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    share, seed = job["share"], job["seed"]
    held = (1 - share) / 2
    data = datasets.load("ciao")
    split = data.interactions.split(held, held, seed, within="all")
    chosen: dict[str, Candidate] = {"biases": best(biases(split), split)}
    around = chosen["biases"][1]
    assert isinstance(around, models.BiasOnly)
    if job["part"] == "search":
        setting, model = graphrec("GraphRec around biases", data, split, around, seed, job)
        return {"setting": setting, "validation": validation(model, split)}
    if job["part"] == "simple":
        chosen |= {
            "global mean": ({}, models.BiasOnly(split.train, math.inf, math.inf)),
            "factors": best(factors(split, seed, False), split),
            "biases and factors": best(factors(split, seed, True), split),
        }
    else:
        chosen[job["part"]] = graphrec(job["part"], data, split, around, seed, job)
    fitted = {name: model for name, (_, model) in chosen.items()}
    return {
        "ratings": [len(part) for part in (split.train, split.validation, split.test)],
        "of unseen items": 1 - float(np.isin(split.test.item_index, split.train.item_index).mean()),
        "settings": {name: setting for name, (setting, _) in chosen.items()},
        "validation": {name: validation(model, split) for name, model in fitted.items()},
        "errors": {name: evaluate_ratings(model, split) for name, model in fitted.items()},
        "beside biases": compare_ratings(fitted, split, baseline="biases").to_dict("index"),
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    start: Job = {"share": 0.8, "seed": 0, "part": "search"}
    search = [
        {**start, "lr": lr, "weight_decay": decay}
        for lr, decay in itertools.product(GRAPHREC_RATES, GRAPHREC_DECAYS)
    ]
    setting = record.best(search, lambda result: -result["validation"], at_once=2)
    jobs: list[Job] = []
    for share, seed in itertools.product(SHARES[::-1], SEEDS):
        split = {"share": share, "seed": seed}
        jobs.append({**split, "part": "simple"})
        names = VARIANTS if share == 0.8 else AT_60
        jobs += [{**setting, **split, "part": name} for name in names]
    record.run(jobs, at_once=2)


def data_of(job: Job) -> list[str]:
    return ["ciao"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    entries = [(entry["job"], entry["result"]) for entry in record["runs"]]
    runs = [(job, result) for job, result in entries if job["part"] != "search"]

    def values(share: float, model: str, error: str) -> list[float]:
        simple = model in ("global mean", "biases", "factors", "biases and factors")
        return [
            result["errors"][model][error]
            for job, result in runs
            if job["share"] == share and job["part"] == ("simple" if simple else model)
        ]

    lines = [
        "| model | MAE, 60 % train | RMSE, 60 % | MAE, 80 % | RMSE, 80 % |",
        "|---|---|---|---|---|",
    ]
    for name, errors in PUBLISHED.items():
        cells = " | ".join(f"{error:.4f}" for error in errors)
        lines.append(f"| {name}, as published | {cells} |")
    for name in ("global mean", "biases", "factors", "biases and factors", *VARIANTS):
        cells = [
            spread(values(share, name, error))
            for share, error in itertools.product(SHARES, ("mae", "rmse"))
        ]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"Mean ± standard deviation of {len(SEEDS)} seeds.", ""]
    for share in SHARES:
        of_unseen = [result["of unseen items"] for job, result in runs if job["share"] == share]
        if of_unseen:
            lines.append(
                f"- {share:.0%} train: {statistics.mean(of_unseen):.1%} of the test ratings are of "
                "items without a train rating."
            )
    lines += ["", "Against biases, 80 % train, seed 0: change of the absolute and of the squared "
              "error, with 95 % intervals over users:", ""]  # fmt: skip
    for job, result in runs:
        if (job["share"], job["seed"]) == (0.8, 0):
            for name, row in result["beside biases"].items():
                if name not in ("biases", "global mean"):
                    lines.append(
                        f"- {name}: {row['Δ mae']:+.4f} ± {row['± Δ mae']:.4f}, "
                        f"{row['Δ mse']:+.4f} ± {row['± Δ mse']:.4f}"
                    )
    lines += ["", "GraphRec around biases, settings tried with seed 0 and 80 % train:", ""]
    lines += ["| lr | weight decay | RMSE on validation | epoch | s an epoch, one thread |",
              "|---|---|---|---|---|"]  # fmt: skip
    for job, result in entries:
        if job["part"] == "search":
            setting = result["setting"]
            lines.append(
                f"| {job['lr']:g} | {job['weight_decay']:g} | {result['validation']:.4f} | "
                f"{setting['epoch']} | {setting['seconds an epoch']:.0f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "ratings", run, report, data_of), measure)
