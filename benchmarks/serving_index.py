"""Exact lists, the index and implicit side by side: what is found, and how long one user waits.

    python benchmarks/serving_index.py            # some minutes, 2 GB of memory
    python benchmarks/serving_index.py 10000      # one size

Ten thousand to a million items with 64 numbers each, a thousand users who have fifty items each,
lists of ten without what the user has, for one user after the other, on one thread. Embeddings are
either **random** (normal, no structure: the hardest case for an index) or **trained-like**: a
thousand clusters, and lengths that grow with the logarithm of an item's popularity, which follows
Zipf's law.

*Exact* is ``recommend(frozen, [user])``, *index* is ``Index(frozen, exact=False)``, asked for
the same table with labels, or for positions alone. *implicit* is its own exact answer on the same
embeddings, by position; it is left out where it is not installed. Recall is the share of the
exact lists that is found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from recorded import Job, Recorded, Result, main
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from gnnrec_helpers import Interactions, recommend
from gnnrec_helpers.course.records import select
from gnnrec_helpers.models import Frozen
from gnnrec_helpers.serving import Index

SIZES = ("10000", "100000", "1000000")
KINDS = ("random", "trained-like")
DIM, USERS, HAS, CLUSTERS = 64, 1_000, 50, 1_000
K, REQUESTS, WARM_UP, SEED = 10, 300, 20, 0


def embeddings(kind: str, items: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    users, rows = (generator.standard_normal((n, DIM), np.float32) for n in (USERS, items))
    if kind == "random":
        return users, rows
    centers = generator.standard_normal((CLUSTERS, DIM), np.float32)
    users = centers[generator.integers(CLUSTERS, size=USERS)] + users / 2
    rows = centers[generator.integers(CLUSTERS, size=items)] + rows / 2
    popularity = items / (1 + generator.permutation(items))
    length = np.log1p(popularity).astype(np.float32)
    return users, rows * (length / np.linalg.norm(rows, axis=1))[:, None]


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    items = job["items"]
    user_rows, item_rows = embeddings(job["embeddings"], items)
    pairs = np.unique(np.random.default_rng(SEED).integers(USERS * items, size=USERS * HAS))
    labels = pd.RangeIndex(USERS), pd.RangeIndex(items)
    has = Interactions(pairs // items, pairs % items, *labels)
    tables = torch.from_numpy(user_rows), torch.from_numpy(item_rows).T
    # few of a million items have been chosen by these users, and all are to be searched
    frozen = Frozen(has, [tables], informed_items=np.ones(items, bool))
    with threadpool_limits(1):
        started = time.perf_counter()
        index = Index(frozen, exact=False)
        built = time.perf_counter() - started
        known = [has.item_index[has.user_index == user] for user in range(USERS)]
        answers: dict[str, Callable[[int], Any]] = {
            "exact": lambda user: recommend(frozen, [user], K)["item"].to_numpy(),
            "index": lambda user: index.recommend([user], K)["item"].to_numpy(),
            "index, positions": lambda user: index.search(
                user_rows[user : user + 1], K, [known[user]]
            ).items[0],
        }
        if implicit := implicit_answers(has, user_rows, item_rows):
            answers["implicit"] = implicit
        milliseconds, lists = {}, {}
        for name, answer in answers.items():
            milliseconds[name], lists[name] = timed(answer)
    result: Result = {"seconds to build": built}
    for name, times in milliseconds.items():
        result[name] = {
            "median": float(np.median(times)),
            "95th percentile": float(np.quantile(times, 0.95)),
            "recall": float(np.mean([
                len(np.intersect1d(one, true)) / K
                for one, true in zip(lists[name], lists["exact"], strict=True)
            ])),
        }  # fmt: skip
    return result


def timed(answer: Callable[[int], Any]) -> tuple[list[float], list[Any]]:
    drawn = np.random.default_rng(SEED).integers(USERS, size=WARM_UP + REQUESTS).tolist()
    milliseconds, lists = [], []
    for user in drawn:
        started = time.perf_counter()
        lists.append(answer(user))
        milliseconds.append(1e3 * (time.perf_counter() - started))
    return milliseconds[WARM_UP:], lists[WARM_UP:]


def implicit_answers(
    has: Interactions, user_rows: np.ndarray, item_rows: np.ndarray
) -> Callable[[int], Any] | None:
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError:
        return None
    model = AlternatingLeastSquares(factors=DIM, num_threads=1)
    model.user_factors, model.item_factors = user_rows, item_rows
    ones = np.ones(len(has), np.float32)
    rows = csr_matrix((ones, (has.user_index, has.item_index)), (has.num_users, has.num_items))
    return lambda user: model.recommend(user, rows[user], N=K)[0]


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded, *sizes: str) -> None:
    record.run([
        {"items": int(size), "embeddings": kind, "seed": SEED} for size in sizes for kind in KINDS
    ])  # fmt: skip


def data_of(job: Job) -> Sequence[str]:
    return []


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    names = ("exact", "index", "index, positions", "implicit")
    heads = " | ".join(f"{name}, ms" for name in names)
    lines = [f"| items | embeddings | {heads} | recall@{K} of the index | seconds to build it |"]
    lines.append("|---" * 8 + "|")
    for size in SIZES:
        for run in select(record, items=int(size)):
            result = run["result"]
            cells = [
                f"{result[name]['median']:.2f} ({result[name]['95th percentile']:.2f})"
                if name in result
                else "–"
                for name in names
            ]
            cells += [f"{result['index']['recall']:.3f}", f"{result['seconds to build']:.1f}"]
            lines.append(f"| {int(size):,} | {run['job']['embeddings']} | {' | '.join(cells)} |")
    about = (
        f"Median (95th percentile) of {REQUESTS} lists of {K}, one user each, after {WARM_UP} that "
        "are not counted."
    )
    processors = ", ".join(dict.fromkeys(r["provenance"]["processor"] for r in record["runs"]))
    return "\n".join([*lines, "", f"{about} One thread of: {processors}."]) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "serving_index", run, report, data_of), measure, SIZES)
