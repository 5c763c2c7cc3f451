"""Seconds to judge a ranking, beside ranx and scikit-learn; seconds to import the package.

    python benchmarks/evaluation_and_import.py

Everybody starts from the same matrix of scores: 6,000 users, 4,000 items, about five items to
find for each user. ranx is given the top 20 of each user as a dictionary, which is timed with and
without; scikit-learn judges one user a row of the whole matrix.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import describe, load, parser, store
from sklearn.metrics import ndcg_score

from gnnrec_helpers import Interactions, Split, evaluate
from gnnrec_helpers.evaluation.ranking import METRICS
from gnnrec_helpers.serving.retrieval import rank

USERS, ITEMS, FOUND, K, REPEATS = 6000, 4000, 5, 20, 3


class Table:
    """A recommender whose scores are given."""

    def __init__(self, scores: torch.Tensor) -> None:
        self.num_users, self.num_items = scores.shape
        self.scores = scores

    def score(self, users: torch.Tensor) -> torch.Tensor:
        return self.scores[users]


def seconds(work: Callable[[], object]) -> float:
    """The fastest of a few runs, after one that is not counted."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def import_seconds(name: str) -> float:
    """The median of five fresh interpreters."""
    code = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return statistics.median(times)


def interactions(users: np.ndarray, items: np.ndarray) -> Interactions:
    everyone, everything = pd.RangeIndex(USERS), pd.RangeIndex(ITEMS)
    return Interactions(users, items, everyone, everything)


def beside_ranx(
    scores: np.ndarray,
    held_out: np.ndarray,
    judged: np.ndarray,
    metrics: Sequence[str],
    ours: dict[str, float],
) -> list[tuple[str, str, float]]:
    """The same numbers from ranx, and its seconds; nothing where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import ranx
        except ImportError:
            print("ranx is not installed and left out: pip install ranx")
            return []
    truth = {str(u): {str(i): 1 for i in np.flatnonzero(held_out[u])} for u in judged}
    qrels = ranx.Qrels(truth)

    def ranx_run() -> ranx.Run:
        top = torch.topk(torch.from_numpy(scores[judged]), K, dim=1)
        return ranx.Run(
            {
                str(u): {str(i): float(s) for i, s in zip(found, values, strict=True)}
                for u, found, values in zip(
                    judged, top.indices.tolist(), top.values.tolist(), strict=True
                )
            }
        )

    run = ranx_run()
    names = [f"{name}@{K}" for name in metrics]
    theirs = ranx.evaluate(qrels, run, names)
    assert all(abs(theirs[name] - ours[name]) < 1e-9 for name in names)
    only = seconds(lambda: ranx.evaluate(qrels, run, names))
    whole = seconds(lambda: ranx.evaluate(qrels, ranx_run(), names))
    return [
        ("ranx", "scores to six metrics", whole),
        ("ranx", "ready lists to six metrics", only),
    ]


def measure() -> dict[str, Any]:
    generator = np.random.default_rng(0)
    scores = generator.standard_normal((USERS, ITEMS)).astype(np.float32)
    held_out = generator.random((USERS, ITEMS)) < FOUND / ITEMS
    users, items = np.nonzero(held_out)
    nothing = interactions(np.empty(0, np.int64), np.empty(0, np.int64))
    split = Split(nothing, None, interactions(users, items))
    model = Table(torch.from_numpy(scores))
    judged = np.unique(users)
    rows = []

    metrics = ("recall", "ndcg", "precision", "hit_rate", "mrr", "map")
    ours = evaluate(model, split, K, metrics=metrics)
    rows.append(("gnnrec_helpers", "scores to six metrics",
                 seconds(lambda: evaluate(model, split, K, metrics=metrics))))  # fmt: skip
    rows.append(("gnnrec_helpers", "scores to NDCG@20",
                 seconds(lambda: evaluate(model, split, K, metrics=("ndcg",)))))  # fmt: skip

    ranked = rank(model.score, judged, K, []).items
    relevant = split.test.user_degrees()[judged]

    def from_lists() -> list[float]:
        hits = held_out[judged[:, None], ranked]
        return [float(METRICS[name](hits, relevant).mean()) for name in metrics]

    np.testing.assert_allclose(from_lists(), list(ours.values()), atol=1e-12)
    rows.append(("gnnrec_helpers", "ready lists to six metrics", seconds(from_lists)))

    def sklearn_ndcg() -> float:
        return float(ndcg_score(held_out[judged], scores[judged], k=K, ignore_ties=True))

    rows.append(("scikit-learn", "scores to NDCG@20", seconds(sklearn_ndcg)))
    assert abs(sklearn_ndcg() - ours[f"ndcg@{K}"]) < 1e-9

    rows += beside_ranx(scores, held_out, judged, metrics, ours)
    rows.append(("torch", "import", import_seconds("torch")))
    rows.append(("gnnrec_helpers", "import", import_seconds("gnnrec_helpers")))
    return {"machine": describe(torch.get_num_threads(), [measure]), "rows": rows}


def report(record: dict[str, Any]) -> str:
    lines = [f"{record['machine']['threads per run']} thread(s)", ""]
    lines += ["| package | work | seconds |", "|---|---|---|"]
    lines += [f"| {package} | {work} | {spent:.3f} |" for package, work, spent in record["rows"]]
    return "\n".join(lines) + "\n"


def main() -> None:
    report_only = parser(__doc__).parse_args().report
    record = load("evaluation_and_import") if report_only else measure()
    store("evaluation_and_import", record, report(record))


if __name__ == "__main__":
    main()
