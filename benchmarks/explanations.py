"""Does every score equal the sum of its reasons, and how long does an explanation take?

    GNNREC_DATA=... python benchmarks/explanations.py        # some minutes
    python benchmarks/explanations.py movielens-small        # needs no other data

`explain` for 1,000 pairs of a user and an item, drawn at random, of models whose scores are sums.
LightGCN is trained for some epochs, since at the start all scores are small. One thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Split, datasets, explain, fit, models
from gnnrec_helpers.course.records import select

DATA = ("movielens-small", "gowalla")
PAIRS, SEED = 1000, 0


def split_of(data: str) -> Split:
    if data == "movielens-small":
        return datasets.load(data).interactions.binarize(4.0).split(0.2, 0.1, seed=0)
    split = datasets.load(data).split
    assert split is not None
    return split


def lightgcn(split: Split) -> models.Model:
    model = models.LightGCN(split.train, seed=SEED)
    epochs = 20 if split.train.num_users < 1000 else 2
    fit(model, Split.from_parts(split.train), epochs=epochs, batch_size=2048, progress=False)
    return model


MODELS: dict[str, Callable[[Split], models.Model]] = {
    "LightGCN": lightgcn,
    "ItemKNN": lambda split: models.ItemKNN(split.train),
    "UserKNN": lambda split: models.UserKNN(split.train),
    "EASE": lambda split: models.EASE(split.train),
    "RP3beta": lambda split: models.RP3Beta(split.train),
    "GF-CF": lambda split: models.GraphFilter(split.train),
}


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    model = MODELS[job["model"]](split_of(job["data"]))
    generator = np.random.default_rng(SEED)
    off, size, milliseconds = [], [], []
    for user, item in zip(generator.choice(model.users, PAIRS),
                          generator.choice(model.items, PAIRS), strict=True):  # fmt: skip
        started = time.perf_counter()
        found = explain(model, user, item)
        milliseconds.append(1e3 * (time.perf_counter() - started))
        sums = found.terms["contribution"].sum(), found.paths["contribution"].sum()
        off.append(max(abs(sums[0] - found.score), abs(sums[1] + found.other_paths - found.score)))
        size.append(abs(found.score))
    return {"off": max(off), "largest": max(size), "median, ms": float(np.median(milliseconds))}


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded, *data: str) -> None:
    jobs = [{"data": name, "model": model, "seed": SEED} for name in data for model in MODELS]
    # its matrix takes an hour on one thread
    record.run([job for job in jobs if (job["data"], job["model"]) != ("gowalla", "EASE")])


def data_of(job: Job) -> Sequence[str]:
    return [job["data"]]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines = [
        "| data | model | largest deviation | largest score | median, ms |",
        "|---|---|---|---|---|",
    ]
    for data in DATA:
        for found in select(record, data=data):
            result = found["result"]
            lines.append(
                f"| {data} | {found['job']['model']} | {result['off']:.1e} | "
                f"{result['largest']:.3g} | {result['median, ms']:.1f} |"
            )
    return "\n".join([*lines, "", f"{PAIRS:,} pairs each, drawn at random; one thread."]) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "explanations", run, report, data_of), measure, DATA)
