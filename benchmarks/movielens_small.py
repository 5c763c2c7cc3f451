"""Matrix factorization beside LightGCN on movielens-small: the README's figures.

    python benchmarks/movielens_small.py            # about half an hour on two cores
    python benchmarks/movielens_small.py --report   # the tables again, from the stored runs

Split: ratings of at least 4 stars, per user 20 % test and 10 % validation, seed 0. Every model
gets BPR, dimension 64, batches of 2,048 and up to 200 epochs, stopped on validation. Each row is
the mean of three seeds. Four levels of tuning, the same for both:

- none: one negative, the learning rate and weight decay of the README's snippet;
- learning rate: the best of four on validation (seed 0), weight decay 1e-4 as in the paper;
- and weight decay: the best of four learning rates times four weight decays, likewise;
- and eight negatives: the same sixteen, with eight negatives for every like.

Test is evaluated after everything is chosen.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from machine import RESULTS, describe, load, parser, store

from gnnrec_helpers import datasets, evaluate, fit, models
from gnnrec_helpers.course import plots
from gnnrec_helpers.objectives import BPR

RATES, DECAYS, SEEDS = (2e-3, 5e-3, 1e-2, 2e-2), (1e-4, 1e-3, 1e-2, 3e-2), (0, 1, 2)
SNIPPET = (5e-3, 1e-4, 1)
LEVELS = ("none", "learning rate", "and weight decay", "and eight negatives")
Run = dict[str, Any]


def data():
    movies = datasets.load("movielens-small")
    return movies.interactions.binarize(4.0).split(test=0.2, validation=0.1, seed=0)


def run(setting: tuple[int, float, float, int, int]) -> Run:
    layers, lr, decay, negatives, seed = setting
    torch.set_num_threads(1)
    split = data()
    model = models.LightGCN(split.train, dim=64, layers=layers, seed=seed)
    history = fit(
        model,
        split,
        epochs=200,
        batch_size=2048,
        lr=lr,
        objective=BPR(decay),
        negatives=negatives,
        schedule="constant",
        seed=seed,
        progress=False,
    )
    metrics = evaluate(model, split, k=20)
    return {
        "layers": layers,
        "lr": lr,
        "weight_decay": decay,
        "negatives": negatives,
        "seed": seed,
        "validation": history.best,
        "recall": metrics["recall@20"],
        "ndcg": metrics["ndcg@20"],
        "epochs": len(history.epochs),
        "seconds": sum(e["seconds"] for e in history.epochs),
    }


def closed_form() -> dict[str, dict[str, float]]:
    """Models that need no training, with their defaults."""
    split = data()
    fitted = {
        "most popular": models.Popularity(split.train),
        "ItemKNN": models.ItemKNN(split.train),
        "linear filter": models.LinearFilter(split.train),
        "GF-CF": models.GraphFilter(split.train),
    }
    return {name: evaluate(model, split, k=20) for name, model in fitted.items()}


def measure() -> dict[str, Any]:
    """Tune on validation, run the chosen settings with three seeds, and the closed forms."""
    grid = [
        (layers, lr, decay, negatives, 0)
        for negatives in (1, 8)
        for layers in (3, 0)
        for lr in RATES
        for decay in DECAYS
    ]
    with ProcessPoolExecutor(2) as pool:
        tuned = list(pool.map(run, grid))
        chosen = {("none", layers): SNIPPET for layers in range(5)}
        for layers in (0, 3):
            single = [r for r in tuned if r["layers"] == layers and r["negatives"] == 1]
            eight = [r for r in tuned if r["layers"] == layers and r["negatives"] == 8]
            rates = [r for r in single if r["weight_decay"] == SNIPPET[1]]
            for level, candidates in zip(LEVELS[1:], (rates, single, eight), strict=True):
                best = max(candidates, key=lambda r: r["validation"])
                chosen[level, layers] = (best["lr"], best["weight_decay"], best["negatives"])
        final = sorted({(key[1], *value, s) for key, value in chosen.items() for s in SEEDS})
        runs = list(pool.map(run, final))
    return {
        "machine": describe(1, [run, closed_form], ["movielens-small"]),
        "chosen": [
            {
                "tuning": level,
                "layers": layers,
                "lr": lr,
                "weight_decay": decay,
                "negatives": negatives,
            }
            for (level, layers), (lr, decay, negatives) in chosen.items()
        ],
        "grid": tuned,
        "runs": runs,
        "closed form": closed_form(),
    }


def report(record: dict[str, Any]) -> str:
    """The tables, in Markdown."""

    def values(tuning: str, layers: int, what: str) -> list[float]:
        (c,) = [c for c in record["chosen"] if (c["tuning"], c["layers"]) == (tuning, layers)]
        keys = ("layers", "lr", "weight_decay", "negatives")
        return [r[what] for r in record["runs"] if all(r[k] == c[k] for k in keys)]

    def mean(tuning: str, layers: int, what: str) -> float:
        return statistics.mean(values(tuning, layers, what))

    lines = ["| tuning | MF | LightGCN, 3 layers | gain |", "|---|---|---|---|"]
    for tuning in LEVELS:
        mf, gcn = mean(tuning, 0, "recall"), mean(tuning, 3, "recall")
        lines.append(f"| {tuning} | {mf:.4f} | {gcn:.4f} | {gcn / mf - 1:+.1%} |")
    lines += ["", "| model (no tuning) | Recall@20 | NDCG@20 | training, s |", "|---|---|---|---|"]
    for name, metrics in record["closed form"].items():
        lines.append(f"| {name} | {metrics['recall@20']:.4f} | {metrics['ndcg@20']:.4f} | – |")
    for layers in range(5):
        name = "MF" if layers == 0 else f"LightGCN, {layers} layer{'s' * (layers > 1)}"
        recall, ndcg, seconds = (mean("none", layers, w) for w in ("recall", "ndcg", "seconds"))
        lines.append(f"| {name} | {recall:.4f} | {ndcg:.4f} | {seconds:.0f} |")
    scores = {layers: values("none", layers, "recall") for layers in range(5)}
    figure = plots.layers(scores, "Recall@20 on movielens-small")
    figure.savefig(RESULTS / "movielens_small.png", dpi=200, metadata={"Software": None})
    return "\n".join(lines) + "\n"


def main() -> None:
    report_only = parser(__doc__).parse_args().report
    record = load("movielens_small") if report_only else measure()
    store("movielens_small", record, report(record))


if __name__ == "__main__":
    main()
