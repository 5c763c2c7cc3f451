"""Published errors of predicted ratings on Ciao, and those of the simplest models.

    GNNREC_DATA=... python benchmarks/ratings.py    # ten minutes on one core

Protocol of the GraphRec paper (Fan et al. 2019): users in the trust network; 60 or 80 % of all
ratings are train, drawn at random, and the rest is halved into validation and test. Five seeds,
each with its own split. Ratings of zero and repeats are left out, predictions are clipped to the
scale of 1 to 5. Regularisation and, for factors, the epoch are chosen on validation (RMSE) anew
for every seed; test is looked at once, after that. Factors have 60 epochs at most: without biases
they use all of them at 60 %, so a longer training may still help there a little.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from machine import describe, store

from gnnrec_helpers import Split, compare_ratings, datasets, evaluate_ratings, fit, models
from gnnrec_helpers.objectives import RatingRegression

SHARES, SEEDS = (0.6, 0.8), range(5)
USER_DAMPING, ITEM_DAMPING = (2, 5, 10, 20), (1, 2, 3, 5)
DECAYS, DIM, RATE, BATCH = (0.2, 0.5, 1.0, 2.0), 16, 1e-2, 4096
PUBLISHED = {  # MAE and RMSE at 60 %, at 80 %; table 3 of the GraphRec paper
    "PMF": (0.9520, 1.1967, 0.9021, 1.1238),
    "SocialMF": (0.8353, 1.0592, 0.8270, 1.0501),
    "GCMC+SN": (0.7697, 1.0221, 0.7526, 0.9931),
    "GraphRec": (0.7540, 1.0093, 0.7387, 0.9794),
}
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
            patience=5,
            seed=seed,
            progress=False,
        )
        yield {"weight_decay": decay, "epoch": history.best_epoch or 0}, model


def best(candidates: Iterator[Candidate], split: Split) -> Candidate:
    """The one with the smallest RMSE on validation."""

    def error(candidate: Candidate) -> float:
        return evaluate_ratings(candidate[1], split, part="validation")["rmse"]

    return min(candidates, key=error)


def run(share: float, seed: int) -> dict[str, Any]:
    held = (1 - share) / 2
    split = datasets.load("ciao").interactions.split(held, held, seed, within="all")
    chosen = {
        "global mean": ({}, models.BiasOnly(split.train, math.inf, math.inf)),
        "biases": best(biases(split), split),
        "factors": best(factors(split, seed, False), split),
        "biases and factors": best(factors(split, seed, True), split),
    }
    fitted = {name: model for name, (_, model) in chosen.items()}
    return {
        "share": share,
        "seed": seed,
        "ratings": [len(part) for part in (split.train, split.validation, split.test)],
        "of unseen items": 1 - float(np.isin(split.test.item_index, split.train.item_index).mean()),
        "settings": {name: setting for name, (setting, _) in chosen.items()},
        "errors": {name: evaluate_ratings(model, split) for name, model in fitted.items()},
        "beside biases": compare_ratings(fitted, split, baseline="biases").to_dict("index"),
    }


def report(record: dict[str, Any]) -> str:
    def values(share: float, model: str, error: str) -> list[float]:
        return [r["errors"][model][error] for r in record["runs"] if r["share"] == share]

    lines = [
        "| model | MAE, 60 % train | RMSE, 60 % | MAE, 80 % | RMSE, 80 % |",
        "|---|---|---|---|---|",
    ]
    for name, errors in PUBLISHED.items():
        cells = " | ".join(f"{error:.4f}" for error in errors)
        lines.append(f"| {name}, as published | {cells} |")
    for name in record["runs"][0]["errors"]:
        cells = []
        for share, error in itertools.product(SHARES, ("mae", "rmse")):
            found = values(share, name, error)
            cells.append(f"{statistics.mean(found):.4f} ± {statistics.stdev(found):.4f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"Mean ± standard deviation of {len(SEEDS)} seeds.", ""]
    for share in SHARES:
        runs = [r for r in record["runs"] if r["share"] == share]
        unseen = statistics.mean(r["of unseen items"] for r in runs)
        first = runs[0]["beside biases"]["biases and factors"]
        lines.append(
            f"- {share:.0%} train: {unseen:.1%} of the test ratings are of items without a train "
            f"rating. With seed {runs[0]['seed']}, factors added to biases change the absolute "
            f"error by {first['Δ mae']:+.4f} ± {first['± Δ mae']:.4f} and the squared error by "
            f"{first['Δ mse']:+.4f} ± {first['± Δ mse']:.4f} (95 % intervals over users)."
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    torch.set_num_threads(1)
    runs = [run(share, seed) for share in SHARES for seed in SEEDS]
    record = {"machine": describe(threads=1), "runs": runs}
    store("ratings", record, report(record))


if __name__ == "__main__":
    main()
