"""How long one user waits for a list: median and 95th percentile of `recommend` on one thread.

    GNNREC_DATA=... python benchmarks/serving_latency.py           # some minutes
    python benchmarks/serving_latency.py movielens-small           # needs no other data

A model is built from train, and lists of ten are asked of ``model.frozen()``, for one user after
the other: ``recommend(frozen, users=[label], k=10)``, which leaves out what the user has.
Embeddings are not trained, since the time does not depend on their values. Films of four stars and
more are likes; 20 % of each user's are test and 10 % validation, seed 0. Each model runs in a
process of its own. EASE is left out on Gowalla, where one thread takes long to invert its matrix.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Interactions, datasets, models, recommend
from gnnrec_helpers.course.records import select

DATA = ("movielens-small", "gowalla")
MODELS: dict[str, Callable[[Interactions], Any]] = {
    "MatrixFactorization": models.MatrixFactorization,
    "LightGCN": models.LightGCN,
    "ItemKNN": models.ItemKNN,
    "EASE": models.EASE,
    "RP3Beta": models.RP3Beta,
    "GraphFilter": models.GraphFilter,
}
K, REQUESTS, WARM_UP, SEED = 10, 1000, 20, 0


def train_of(data: str) -> Interactions:
    if data == "movielens-small":
        return datasets.load(data).interactions.binarize(4.0).split(0.2, 0.1, seed=0).train
    split = datasets.load(data).split
    assert split is not None
    return split.train


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    train = train_of(job["data"])
    frozen = MODELS[job["model"]](train).frozen()
    drawn = np.random.default_rng(SEED).integers(train.num_users, size=WARM_UP + REQUESTS)
    milliseconds = []
    for label in train.users[drawn]:
        started = time.perf_counter()
        recommend(frozen, users=[label], k=K)
        milliseconds.append(1e3 * (time.perf_counter() - started))
    median, late = np.quantile(milliseconds[WARM_UP:], [0.5, 0.95])
    return {"median": float(median), "95th percentile": float(late)}


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded, *data: str) -> None:
    jobs = [{"data": name, "model": model, "seed": SEED} for name in data for model in MODELS]
    record.run([job for job in jobs if (job["data"], job["model"]) != ("gowalla", "EASE")])


def data_of(job: Job) -> Sequence[str]:
    return [job["data"]]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines = ["| data | model | median, ms | 95th percentile, ms |", "|---|---|---|---|"]
    for data in DATA:
        for run in select(record, data=data):
            cells = " | ".join(
                f"{run['result'][name]:.2f}" for name in ("median", "95th percentile")
            )
            lines.append(f"| {data} | {run['job']['model']} | {cells} |")
    about = f"{REQUESTS:,} lists of {K}, one user each, after {WARM_UP} that are not counted."
    processors = ", ".join(dict.fromkeys(r["provenance"]["processor"] for r in record["runs"]))
    return "\n".join([*lines, "", f"{about} One thread of: {processors}."]) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "serving_latency", run, report, data_of), measure, DATA)
