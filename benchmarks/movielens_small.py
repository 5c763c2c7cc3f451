"""Matrix factorization beside LightGCN on movielens-small: the README's figures.

    python benchmarks/movielens_small.py            # about ten minutes on two cores

Split: ratings of at least 4 stars, per user 20 % test and 10 % validation, seed 0. Every model
gets BPR with one negative, dimension 64, batches of 2,048 and up to 200 epochs, stopped on
validation. Each row is the mean of three seeds. Three levels of tuning, the same for both:

- none: the learning rate and weight decay of the README's snippet;
- learning rate: the best of four on validation (seed 0), weight decay 1e-4 as in the paper;
- both: the best of four learning rates times four weight decays on validation (seed 0).

Test is evaluated after everything is chosen.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

import gnnrec_helpers
from gnnrec_helpers import datasets, evaluate, fit, models
from gnnrec_helpers.objectives import BPR

RESULTS = Path(__file__).parent / "results"
RATES, DECAYS, SEEDS = (2e-3, 5e-3, 1e-2, 2e-2), (1e-4, 1e-3, 1e-2, 3e-2), (0, 1, 2)
SNIPPET = (5e-3, 1e-4)
Run = dict[str, float]


def data():
    movies = datasets.load("movielens-small")
    return movies.interactions.binarize(4.0).split(test=0.2, validation=0.1, seed=0)


def run(setting: tuple[int, float, float, int]) -> Run:
    layers, lr, decay, seed = setting
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
        seed=seed,
        progress=False,
    )
    found = evaluate(model, split, k=20)
    return {
        "layers": layers,
        "lr": lr,
        "weight_decay": decay,
        "seed": seed,
        "validation": history.best,
        "recall": found["recall@20"],
        "ndcg": found["ndcg@20"],
        "epochs": len(history.epochs),
        "seconds": sum(e["seconds"] for e in history.epochs),
    }


def main() -> None:
    grid = [(layers, lr, decay, 0) for layers in (0, 3) for lr in RATES for decay in DECAYS]
    with ProcessPoolExecutor(2) as pool:
        tuned = list(pool.map(run, grid))
        chosen = {}
        for layers in (0, 3):
            mine = [r for r in tuned if r["layers"] == layers]
            best = max(mine, key=lambda r: r["validation"])
            best_rate = max(
                (r for r in mine if r["weight_decay"] == SNIPPET[1]), key=lambda r: r["validation"]
            )
            chosen["none", layers] = SNIPPET
            chosen["learning rate", layers] = (best_rate["lr"], best_rate["weight_decay"])
            chosen["both", layers] = (best["lr"], best["weight_decay"])
        for layers in (1, 2, 4):
            chosen["none", layers] = SNIPPET
        wanted = sorted({(key[1], *value, s) for key, value in chosen.items() for s in SEEDS})
        done = dict(zip(wanted, pool.map(run, wanted), strict=True))

    def mean(level: str, layers: int, what: str) -> float:
        return statistics.mean(done[layers, *chosen[level, layers], s][what] for s in SEEDS)

    lines = ["| tuning | MF | LightGCN, 3 layers | gain |", "|---|---|---|---|"]
    for level in ("none", "learning rate", "both"):
        mf, gcn = mean(level, 0, "recall"), mean(level, 3, "recall")
        lines.append(f"| {level} | {mf:.4f} | {gcn:.4f} | {gcn / mf - 1:+.1%} |")
    split = data()
    closed = {
        "most popular": models.Popularity(split.train),
        "ItemKNN": models.ItemKNN(split.train),
    }
    lines += ["", "| model (no tuning) | Recall@20 | NDCG@20 | training, s |", "|---|---|---|---|"]
    baselines = {name: evaluate(model, split, k=20) for name, model in closed.items()}
    for name, found in baselines.items():
        lines.append(f"| {name} | {found['recall@20']:.4f} | {found['ndcg@20']:.4f} | – |")
    for layers in range(5):
        name = "MF" if layers == 0 else f"LightGCN, {layers} layer{'s' * (layers > 1)}"
        recall, ndcg, seconds = (mean("none", layers, w) for w in ("recall", "ndcg", "seconds"))
        lines.append(f"| {name} | {recall:.4f} | {ndcg:.4f} | {seconds:.0f} |")
    machine = {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads per run": 1,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gnnrec_helpers": gnnrec_helpers.__version__,
    }
    settings = {
        f"{level}, {layers} layers": {"lr": lr, "weight_decay": decay}
        for (level, layers), (lr, decay) in chosen.items()
    }
    record = {
        "machine": machine,
        "chosen": settings,
        "grid": tuned,
        "runs": list(done.values()),
        "closed form": baselines,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "movielens_small.json").write_text(json.dumps(record, indent=1) + "\n")
    (RESULTS / "movielens_small.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
