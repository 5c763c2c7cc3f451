"""What `fit` does by default, beside BPR, on the embedded data sets.

    python benchmarks/defaults.py        # about five minutes on two cores

The loss and its weight decay were chosen on Gowalla (time_to_quality.py); here they are only
looked at. LightGCN with three layers and matrix factorization, everything else as `fit` has it:
dimension 64, learning rate .005, up to 100 epochs, stopped on validation; BPR with weight decay
1e-4. Three seeds. movielens-small counts ratings of four stars or more, "films" those of films
that Freebase has facts about, lastfm-2k every artist that was listened to; per user 20 % test and
10 % validation, seed 0.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any

import torch
from machine import describe, load, parser, spread, store
from movielens_small import data

from gnnrec_helpers import Split, datasets, evaluate, fit, models
from gnnrec_helpers.objectives import BPR

DATA, SEEDS = ("movielens-small", "films", "lastfm-2k"), (0, 1, 2)
LOSSES = {"BPR": BPR(), "default": None}
MODELS = {"MF": models.MatrixFactorization, "LightGCN, 3 layers": models.LightGCN}


def split_of(name: str) -> Split:
    if name == "movielens-small":
        return data()
    if name == "films":
        movies = datasets.load("movielens-small")
        likes, facts = movies.interactions.binarize(4.0), movies.knowledge.to_frame()
        described = likes.items.isin(facts["head"])
        return likes.select(described[likes.item_index]).split(test=0.2, validation=0.1, seed=0)
    return datasets.load(name).interactions.split(test=0.2, validation=0.1, seed=0)


def run(job: tuple[str, str, str, int]) -> dict[str, Any]:
    name, model_name, loss, seed = job
    torch.set_num_threads(1)
    split = split_of(name)
    model = MODELS[model_name](split.train, dim=64, seed=seed)
    history = fit(model, split, objective=LOSSES[loss], seed=seed, progress=False)
    metrics = evaluate(model, split, k=20)
    return {
        "data": name,
        "model": model_name,
        "loss": loss,
        "seed": seed,
        "validation": history.best,
        "recall": metrics["recall@20"],
        "ndcg": metrics["ndcg@20"],
        "epochs": len(history.epochs),
        "seconds": sum(epoch["seconds"] for epoch in history.epochs),
    }


def report(record: dict[str, Any]) -> str:
    lines = [
        "| data | model | loss | validation Recall@20 | Recall@20 | NDCG@20 | training, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, model, loss in product(DATA, MODELS, LOSSES):
        runs = [
            run
            for run in record["runs"]
            if (run["data"], run["model"], run["loss"]) == (name, model, loss)
        ]
        cells = []
        for what in ("validation", "recall", "ndcg"):
            values = [run[what] for run in runs]
            cells.append(spread(values))
        seconds = statistics.mean(run["seconds"] for run in runs)
        lines.append(f"| {name} | {model} | {loss} | {' | '.join(cells)} | {seconds:.0f} |")
    lines += ["", "Three seeds, mean ± standard deviation. default: the model's own loss."]
    return "\n".join(lines) + "\n"


def measure() -> dict[str, Any]:
    with ProcessPoolExecutor(2) as pool:
        runs = list(pool.map(run, product(DATA, MODELS, LOSSES, SEEDS)))
    return {"machine": describe(1, [run], ("movielens-small", "lastfm-2k")), "runs": runs}


def main() -> None:
    report_only = parser(__doc__).parse_args().report
    record = load("defaults") if report_only else measure()
    store("defaults", record, report(record))


if __name__ == "__main__":
    main()
