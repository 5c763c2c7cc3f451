"""Published figures on Gowalla, and ours: models without training.

    GNNREC_DATA=... python benchmarks/paper.py

Protocol: train.txt and test.txt as published with LightGCN, all items that are not in a user's
train ranked, Recall@20 and NDCG@20. Settings are those of the papers; nothing is chosen on test.
ItemKNN's settings are the best of a grid on a tenth of train (seed 0), with which it is then fitted
on all of train.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from machine import describe, store

from gnnrec_helpers import Split, datasets, evaluate, models

PUBLISHED = {  # Recall@20, NDCG@20, source
    "most popular": (0.0416, 0.0316, "Anelli et al. 2023"),
    "ItemKNN": (0.1570, 0.1214, "BARS"),
    "linear filter": (None, None, ""),
    "GF-CF": (0.1849, 0.1518, "Shen et al. 2021"),
}
GRID = [(neighbours, shrink) for neighbours in (50, 100, 200, 500) for shrink in (0, 10, 50)]


def judged(build: Callable[[], models.Recommender], split: Split) -> dict[str, Any]:
    started = time.perf_counter()
    model = build()
    built = time.perf_counter()
    found = evaluate(model, split, metrics=("recall", "ndcg"))
    return {
        "model": repr(model),
        "recall": found["recall@20"],
        "ndcg": found["ndcg@20"],
        "fit": built - started,
        "evaluation": time.perf_counter() - built,
    }


def best_knn(split: Split) -> tuple[int, float]:
    """The settings with the best Recall@20 on validation."""
    parts = split.with_validation(0.1, seed=0)
    found = {
        setting: evaluate(models.ItemKNN(parts.train, *setting), parts, part="validation")
        for setting in GRID
    }
    return max(found, key=lambda setting: found[setting]["recall@20"])


def measure() -> dict[str, Any]:
    split = datasets.load("gowalla").split
    train = split.train
    setting = best_knn(split)
    rows = {
        "most popular": judged(lambda: models.Popularity(train), split),
        "ItemKNN": judged(lambda: models.ItemKNN(train, *setting), split),
        "linear filter": judged(lambda: models.LinearFilter(train), split),
        "GF-CF": judged(lambda: models.GraphFilter(train, components=256, alpha=0.3), split),
    }
    return {
        "machine": describe(threads=torch.get_num_threads()),
        "rows": rows,
    }


def report(record: dict[str, Any]) -> str:
    lines = [
        "| model | Recall@20 | NDCG@20 | published | fit, s | evaluation, s |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in record["rows"].items():
        recall, ndcg, source = PUBLISHED[name]
        published = "–" if recall is None else f"{recall:.4f} / {ndcg:.4f} ({source})"
        lines.append(
            f"| {name} | {row['recall']:.4f} | {row['ndcg']:.4f} | {published} | "
            f"{row['fit']:.1f} | {row['evaluation']:.1f} |"
        )
    lines += ["", f"ItemKNN as chosen on validation: {record['rows']['ItemKNN']['model']}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    record = measure()
    store("paper", record, report(record))


if __name__ == "__main__":
    main()
