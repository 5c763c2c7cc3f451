"""How time and memory of a training step grow with the number of edges.

    python benchmarks/growth.py

Synthetic graphs of 0.3, 1, 3 and 10 million interactions: as many users as Gowalla has for its
number of interactions, 1.4 items a user, and popularity that falls like the rank to the power of
-2/3. Two kinds: with *towns* of 300 users, who choose four times out of five among the 420 items of
their town and else among all; and *random* ones, where everybody chooses among all, the worst case.
Users and items are numbered at random in both. Each size runs in a process of its own, on one
thread, LightGCN with three layers of dimension 64, BPR. A step is measured with batches of 2,048,
and with batches that grow with the edges. The exponents are slopes on logarithmic axes.

How large a batch may grow is measured on movielens-small: the best validation Recall@20 of up to
150 epochs of `fit` with its default loss, three seeds, for batches from 512 to all of train, the
learning rate chosen for each.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import PROCESS, describe, load, parser, spread, store

from gnnrec_helpers import Interactions, datasets, fit, models
from gnnrec_helpers.engine.memory import freed_memory_kept
from gnnrec_helpers.engine.sampling import PairSampler
from gnnrec_helpers.objectives import BPR

SIZES, STEPS = (300_000, 1_000_000, 3_000_000, 10_000_000), 9
KINDS = {"towns": 0.8, "random": 0.0}  # the share of choices made in one's own town
TOWN = 300
BATCHES, RATES, SEEDS = (512, 2048, 8192, 36_056), (2e-3, 5e-3, 1e-2, 2e-2, 4e-2), (0, 1, 2)


def graph(edges: int, at_home: float, seed: int = 0, users: int | None = None) -> Interactions:
    """So many distinct pairs; before shuffling, an item's number is its rank of popularity."""
    generator = np.random.default_rng(seed)
    users = edges * 29_858 // 810_128 if users is None else users
    towns = users // TOWN
    here = int(
        1.4 * TOWN
    )  # items of a town: those whose rank modulo the number of towns is its own
    items = here * towns
    pairs = np.empty(0, np.int64)
    while len(pairs) < edges:
        missing = int(1.2 * (edges - len(pairs))) + 1000
        user = generator.integers(users, size=missing)
        low = generator.random(missing) ** 3  # density ~ rank^-2/3
        local = (here * low).astype(np.int64) * towns + user % towns
        item = np.where(generator.random(missing) < at_home, local, (items * low).astype(np.int64))
        pairs = np.unique(np.concatenate([pairs, user * items + item]))
    user, item = np.divmod(generator.permutation(pairs)[:edges], items)
    user, item = generator.permutation(users)[user], generator.permutation(items)[item]
    order = np.lexsort((item, user))
    return Interactions(user[order], item[order], pd.RangeIndex(users), pd.RangeIndex(items))


def one_size(edges: int, kind: str) -> dict[str, float]:
    torch.set_num_threads(1)
    PROCESS.enter_context(freed_memory_kept())
    train = graph(edges, KINDS[kind])
    started = time.process_time()
    model = models.LightGCN(train, dim=64, layers=3)
    built = time.process_time() - started
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    objective = BPR()
    nodes = train.num_users + train.num_items
    measured: dict[str, float] = {"edges": edges, "nodes": nodes, "build": built}
    for name, batch_size in (("fixed", 2048), ("growing", edges * 2048 // 810_128)):
        seconds = []
        for batch, _ in zip(PairSampler(train, batch_size).epoch(0), range(STEPS), strict=False):
            started = time.process_time()
            optimizer.zero_grad()
            objective(model, batch).backward()
            optimizer.step()
            seconds.append(time.process_time() - started)
        measured[name] = statistics.median(seconds[2:])
        measured[f"{name} epoch"] = measured[name] * edges / batch_size
    measured["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return measured


def quality(job: tuple[int, float, int]) -> dict[str, float]:
    """Validation Recall@20 on movielens-small after training with this batch size."""
    size, lr, seed = job
    torch.set_num_threads(1)
    likes = datasets.load("movielens-small").interactions.binarize(4.0)
    split = likes.split(test=0.2, validation=0.1, seed=0)
    model = models.LightGCN(split.train, dim=64, layers=3, seed=seed)
    history = fit(model, split, epochs=150, batch_size=size, lr=lr, schedule="constant",
                  seed=seed, progress=False)  # fmt: skip
    return {"batch": size, "lr": lr, "seed": seed, "validation": history.best or 0.0}


def largest_batch() -> list[dict[str, float]]:
    """For every batch size the best learning rate (seed 0), then all seeds with it."""
    with ProcessPoolExecutor(2) as pool:
        tried = list(pool.map(quality, [(size, lr, SEEDS[0]) for size in BATCHES for lr in RATES]))
        chosen = [
            max((run for run in tried if run["batch"] == size), key=lambda run: run["validation"])
            for size in BATCHES
        ]
        more = [(run["batch"], run["lr"], seed) for run in chosen for seed in SEEDS[1:]]
        return chosen + list(pool.map(quality, more))


def exponent(rows: list[dict[str, float]], what: str) -> float:
    edges, values = ([np.log(row[name]) for row in rows] for name in ("edges", what))
    return float(np.polyfit(edges, values, 1)[0])


def report(record: dict[str, Any]) -> str:
    lines = []
    for kind, rows in record["graphs"].items():
        lines += [
            f"Graphs with {kind}:" if kind == "towns" else "Random graphs:",
            "",
            "| interactions | nodes | model built, s | step, s | epoch, s | growing batch: step, s "
            "| epoch, s | peak, GB |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in rows:
            lines.append(
                f"| {row['edges']:,} | {row['nodes']:,} | {row['build']:.1f} | {row['fixed']:.3f} "
                f"| {row['fixed epoch']:.0f} | {row['growing']:.3f} | {row['growing epoch']:.0f} | "
                f"{row['peak'] / 1e9:.2f} |"
            )
        names = ("build", "fixed", "fixed epoch", "growing", "growing epoch", "peak")
        exponents = " | ".join(f"{exponent(rows, name):.2f}" for name in names)
        lines += [f"| **exponent** | | {exponents} |", ""]
        edges, peaks = ([row[key] for row in rows] for key in ("edges", "peak"))
        each, base = np.polyfit(edges, peaks, 1)
        lines += [
            f"Peak memory is {base / 1e9:.2f} GB and {each:.0f} bytes an interaction, a straight "
            "line; its exponent is below one because of what the libraries take.",
            "",
        ]
    lines += [
        "At a fixed batch the steps of an epoch grow with the edges, so the exponent of an epoch "
        "is that of a step plus one, in every implementation; with a batch that grows with the "
        "edges it is that of a step. Where the graph has neighbourhoods the engine finds them, and "
        "most reads hit the processor's cache at any size. In a random graph there is nothing to "
        "find: once the embeddings outgrow the cache, most reads come from main memory and a step "
        "grows faster than the edges.",
        "",
        "How large a batch keeps quality (movielens-small, the best learning rate for each size):",
        "",
        "| batch | share of train | learning rate | validation Recall@20, three seeds |",
        "|---|---|---|---|",
    ]
    for size in BATCHES:
        runs = [run for run in record["quality"] if run["batch"] == size]
        values = [run["validation"] for run in runs]
        lines.append(
            f"| {size:,} | {size / BATCHES[-1]:.0%} | {runs[0]['lr']:g} | {spread(values)} |"
        )
    return "\n".join(lines) + "\n"


def in_a_process(edges: int, kind: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--size", str(edges), kind]
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=settings)
    return json.loads(done.stdout)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", nargs=2, metavar=("EDGES", "KIND"), help="one graph, as JSON")
    given = arguments.parse_args()
    if given.size:
        edges, kind = given.size
        print(json.dumps(one_size(int(edges), kind)))
        return
    record = load("growth") if given.report else measure()
    store("growth", record, report(record))


def measure() -> dict[str, Any]:
    return {
        "machine": describe(1, [one_size, quality], ["movielens-small"]),
        "graphs": {kind: [in_a_process(size, kind) for size in SIZES] for kind in KINDS},
        "quality": largest_batch(),
    }


if __name__ == "__main__":
    main()
