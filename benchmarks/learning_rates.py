"""NGCF, NGCF without its parts, and LightGCN at equal learning rates, trained until they stop.

    python benchmarks/learning_rates.py        # a quarter of an hour on one core

The ablation of `rivals.py` offered two learning rates and 24 epochs. Its variants of NGCF chose the
lower rate and LightGCN the higher one, so each was best at an end of what was tried. Here three
models have four rates, with the same loss (BPR), two layers and data, and train until validation
has not improved for 12 epochs, or after 120. Three seeds, of split and training alike. The rate of
each model is chosen by the mean over seeds on validation, and only that one is to be read on test.
"""

from __future__ import annotations

import itertools
import statistics
from functools import partial
from typing import Any

import torch
from machine import spread
from recorded import Job, Recorded, Result, main
from rivals import data

from gnnrec_helpers import fit, models
from gnnrec_helpers.course.records import Run, select
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.objectives import BPR

SEEDS, RATES, EPOCHS, K = range(3), (0.0025, 0.005, 0.01, 0.02), 120, 20
MODELS = ("NGCF", "NGCF without its parts", "LightGCN")


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, seed = data(job["seed"]), job["seed"]
    model: models.LightGCN | models.NGCF
    if job["model"] == "LightGCN":
        model = models.LightGCN(split.train, layers=2, seed=seed)
    else:
        kept = job["model"] == "NGCF"
        model = models.NGCF(
            split.train, layers=2, weights=kept, products=kept, nonlinear=kept, seed=seed
        )
    history = fit(
        model,
        split,
        epochs=EPOCHS,
        batch_size=1024,
        lr=job["lr"],
        objective=BPR(1e-4),
        validate_every=3,
        schedule="constant",
        patience=12,
        seed=seed,
        progress=False,
    )
    users = evaluate_users(model, split, K, metrics=("recall", "ndcg"))
    users.index = split.train.users.get_indexer(users.index)
    return {
        "validation": history.best,
        "best epoch": history.best_epoch,
        "epochs": len(history.epochs),
        "users": {"test": users.round(4)},
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    record.run([
        {"model": name, "lr": lr, "seed": seed}
        for seed, lr, name in itertools.product(SEEDS, RATES, MODELS)
    ])  # fmt: skip


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
def chosen(record: dict[str, Any]) -> dict[str, list[Run]]:
    """Model → its runs at the rate that validation prefers, in the order of seeds."""
    best = {}
    for name in MODELS:
        by_rate = [select(record, model=name, lr=lr) for lr in RATES]
        best[name] = max(by_rate, key=lambda runs: sum(run["result"]["validation"] for run in runs))
    return best


def report(record: dict[str, Any]) -> str:
    if len(record["runs"]) < len(SEEDS) * len(RATES) * len(MODELS):
        return "Not all runs are there yet.\n"
    lines = ["Validation Recall@20, mean ± standard deviation of three seeds (mean of epochs):", "",
             "| model | " + " | ".join(f"lr {lr:g}" for lr in RATES) + " |",
             "|---|" + "---|" * len(RATES)]  # fmt: skip
    for name in MODELS:
        cells = []
        for lr in RATES:
            results = [run["result"] for run in select(record, model=name, lr=lr)]
            epochs = statistics.mean(result["epochs"] for result in results)
            recall = spread([result["validation"] for result in results])
            cells.append(f"{recall} ({epochs:.0f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    runs = chosen(record)
    tables = {name: [run["users"]["test"] for run in of_model] for name, of_model in runs.items()}
    against = compare_users(tables, baseline="LightGCN")
    lines += ["", "On test, each at the rate that validation prefers:", "",
              "| model | learning rate | Recall@20 | against LightGCN | p |",
              "|---|---|---|---|---|"]  # fmt: skip
    for name, of_model in runs.items():
        row = against.loc[name]
        recall = spread([float(table["recall@20"].mean()) for table in tables[name]])
        gain, chance = "–", "–"
        if name != "LightGCN":
            gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
            chance = f"{row['p recall@20']:.2g}"
        rate = of_model[0]["job"]["lr"]
        lines.append(f"| {name} | {rate:g} | {recall} | {gain} | {chance} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "learning_rates", run, report, data_of), measure)
