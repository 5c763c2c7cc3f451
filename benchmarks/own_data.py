"""What somebody's own table costs: reading, looking, splitting, training, by the number of rows.

    python benchmarks/own_data.py               # some minutes
    python benchmarks/own_data.py 10000         # one size

Rows are drawn at random: users uniformly, items by a power law, times over three years; a CSV file
with user, item, rating and time in whole numbers. Beside the package's reader stand the libraries
alone, pandas and pyarrow: with ids read as numbers, and with ids read as text (as it takes to tell
007 from 7, which the package does). Each step runs in a process of its own on two threads, and
memory is what that process' peak grew by.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from machine import peak
from pyarrow import csv
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Interactions, fit, models

SIZES = (10_000, 1_000_000, 10_000_000)
COLUMNS = ["user", "item", "rating", "timestamp"]


def table(rows: int) -> pa.Table:
    generator = np.random.default_rng(0)
    return pa.table(
        {
            "user": generator.integers(0, rows // 50, rows),
            "item": (generator.pareto(1.1, rows) * 300).astype(int) % (rows // 200 + 100),
            "rating": generator.integers(1, 6, rows),
            "timestamp": 1_600_000_000 + generator.integers(0, 10**8, rows),
        }
    )


def read(path: Path) -> Interactions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of repeated pairs
        return Interactions.read(path, rating="rating", timestamp="timestamp")


def by_pandas(path: Path, dtype: Any = None) -> Any:
    return pd.read_csv(path, usecols=COLUMNS, dtype=dtype)


def by_pyarrow(path: Path) -> pa.Table:
    types = {"user": pa.string(), "item": pa.string()}
    return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types))


READERS: dict[str, Callable[[Path], Any]] = {
    "pandas alone": by_pandas,
    "pandas alone, ids as text": partial(by_pandas, dtype={"user": str, "item": str}),
    "pyarrow alone": csv.read_csv,
    "pyarrow alone, ids as text": by_pyarrow,
    "Interactions.read": read,
}


def describe(whole: Interactions) -> None:
    whole.describe()


def split(whole: Interactions) -> None:
    whole.binarize(4.0).split(seed=0)


def epoch(whole: Interactions) -> None:
    parts = whole.binarize(4.0).split(seed=0).without_validation()
    fit(models.LightGCN(parts.train), parts, epochs=1, batch_size=8192, progress=False)


STEPS: dict[str, Callable[[Interactions], None]] = {
    "describe": describe,
    "split": split,
    "one epoch of LightGCN": epoch,
}


def run(job: Job) -> Result:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        csv.write_csv(table(job["rows"]), path)
        if job["step"] in READERS:
            before, started = peak(), time.perf_counter()
            READERS[job["step"]](path)
        else:
            whole = read(path)
            before, started = peak(), time.perf_counter()
            STEPS[job["step"]](whole)
        return {"seconds": time.perf_counter() - started, "megabytes": peak() - before}


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded, *sizes: str) -> None:
    steps = [*READERS, *STEPS]
    record.run([{"rows": int(rows), "step": step} for rows in sizes for step in steps])


def data_of(job: Job) -> Sequence[str]:
    return []


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    runs = {(run["job"]["rows"], run["job"]["step"]): run["result"] for run in record["runs"]}
    sizes = sorted({rows for rows, _ in runs})
    lines = [
        "| step | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " |",
        "|---|" + "---|" * len(sizes),
    ]
    for step in [*READERS, *STEPS]:
        cells = [
            f"{runs[rows, step]['seconds']:.2f} s, {runs[rows, step]['megabytes']:,.0f} MB"
            if (rows, step) in runs
            else "–"
            for rows in sizes
        ]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    processors = ", ".join(dict.fromkeys(r["provenance"]["processor"] for r in record["runs"]))
    return "\n".join([*lines, "", f"Two threads of: {processors}."]) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "own_data", run, report, data_of), measure,
         tuple(map(str, SIZES)))  # fmt: skip
