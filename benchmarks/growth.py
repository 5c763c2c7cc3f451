"""How time and memory of a training step grow with the number of edges.

    python benchmarks/growth.py

Synthetic graphs of 0.3, 1, 3 and 10 million interactions: as many users as Gowalla has for its
number of interactions, 1.4 items a user, and popularity that falls like a power of the rank. Each
size runs in a process of its own, on one thread, LightGCN with three layers of dimension 64, BPR.
A step is measured with batches of 2,048, and with batches that grow with the edges. The exponents
are slopes on logarithmic axes.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import describe, store

from gnnrec_helpers import Interactions, models
from gnnrec_helpers.memory import reuse_freed_memory
from gnnrec_helpers.objectives import BPR
from gnnrec_helpers.sampling import PairSampler

SIZES, STEPS = (300_000, 1_000_000, 3_000_000, 10_000_000), 9


def graph(edges: int, seed: int = 0) -> Interactions:
    """So many distinct random pairs, popular items first drawn most."""
    generator = np.random.default_rng(seed)
    users = edges * 29_858 // 810_128
    items = int(1.4 * users)
    pairs = np.empty(0, np.int64)
    while len(pairs) < edges:
        missing = int(1.2 * (edges - len(pairs))) + 1000
        user = generator.integers(users, size=missing)
        item = (items * generator.random(missing) ** 2).astype(np.int64)  # density ~ rank^-1/2
        pairs = np.unique(np.concatenate([pairs, user * items + item]))
    user, item = np.divmod(np.sort(generator.permutation(pairs)[:edges]), items)
    shuffled = generator.permutation(items)[item]
    order = np.lexsort((shuffled, user))
    return Interactions(user[order], shuffled[order], pd.RangeIndex(users), pd.RangeIndex(items))


def one_size(edges: int) -> dict[str, float]:
    torch.set_num_threads(1)
    reuse_freed_memory()
    train = graph(edges)
    model = models.LightGCN(train, dim=64, layers=3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    objective = BPR()
    found: dict[str, float] = {"edges": edges, "nodes": train.num_users + train.num_items}
    for name, batch_size in (("fixed", 2048), ("growing", edges * 2048 // 810_128)):
        seconds = []
        for batch, _ in zip(PairSampler(train, batch_size).epoch(0), range(STEPS), strict=False):
            started = time.process_time()
            optimizer.zero_grad()
            objective(model, batch).backward()
            optimizer.step()
            seconds.append(time.process_time() - started)
        found[name] = statistics.median(seconds[2:])
        found[f"{name} epoch"] = found[name] * edges / batch_size
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found


def exponent(rows: list[dict[str, float]], what: str) -> float:
    edges, values = ([np.log(row[name]) for row in rows] for name in ("edges", what))
    return float(np.polyfit(edges, values, 1)[0])


def report(record: dict[str, Any]) -> str:
    rows = record["rows"]
    lines = [
        "| interactions | nodes | step, s | epoch, s | growing batch: step | epoch | peak, GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['edges']:,} | {row['nodes']:,} | {row['fixed']:.3f} | "
            f"{row['fixed epoch']:.0f} | {row['growing']:.3f} | {row['growing epoch']:.0f} | "
            f"{row['peak'] / 1e9:.2f} |"
        )
    names = ("fixed", "fixed epoch", "growing", "growing epoch", "peak")
    found = " | ".join(f"{exponent(rows, name):.2f}" for name in names)
    lines += [f"| **exponent** | | {found} |", ""]
    lines += [
        "At a fixed batch the steps of an epoch grow with the edges, so the exponent of an epoch "
        "is that of a step plus one; with a batch that grows with the edges it is that of a step. "
        "Once the embeddings outgrow the processor's cache a step grows faster than the edges: on "
        "these random graphs, where neighbours lie anywhere, most reads then come from main "
        "memory."
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    if sys.argv[1:2] == ["--size"]:
        print(json.dumps(one_size(int(sys.argv[2]))))
        return
    rows = [
        json.loads(
            subprocess.run(
                [sys.executable, __file__, "--size", str(size)],
                capture_output=True,
                check=True,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            ).stdout
        )
        for size in SIZES
    ]
    record = {
        "machine": describe(threads=1),
        "rows": rows,
    }
    store("growth", record, report(record))


if __name__ == "__main__":
    main()
