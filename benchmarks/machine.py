"""What the figures of a benchmark were measured on, and where they are kept."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from provenance import Work, processor, provenance

import gnnrec_helpers
from gnnrec_helpers.course import records

PROCESS = ExitStack()  # what holds for as long as a benchmark runs
RESULTS = Path(__file__).parent / "results"
# where quality is measured, not time, models are trained on a GPU if there is one
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
RUNS_ON_A_GPU = 2  # at once: more of them wait for each other


def describe(threads: int, work: Sequence[Work], data: Sequence[str] = ()) -> dict[str, Any]:
    """Commit, code, data and processor of a run, with cores, threads and versions."""
    return {
        **provenance(work, data),
        "cores": os.cpu_count(),
        "threads per run": threads,
        "python": platform.python_version(),
        "gnnrec_helpers": gnnrec_helpers.__version__,
    }


def load(name: str) -> dict[str, Any]:
    """What a benchmark stored."""
    return records.read(RESULTS / f"{name}.json")


def store(name: str, record: dict[str, Any], tables: str) -> None:
    """Keep what was measured as JSON, its tables as Markdown, and print them."""
    records.write(record, RESULTS / f"{name}.json")
    (RESULTS / f"{name}.md").write_text(tables, encoding="utf-8")
    print(tables)


def parser(about: str | None) -> argparse.ArgumentParser:
    """The arguments of a benchmark: none to run it, ``--report`` for its tables alone."""
    arguments = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    arguments.add_argument(
        "--report",
        action="store_true",
        help="write the tables of what is stored again, run nothing",
    )
    return arguments


def record_of(benchmark: str, data: str) -> str:
    """The name under which a benchmark of several data sets keeps what it measured on this one."""
    return benchmark if data == "gowalla" else f"{benchmark}_{data}"


def peak() -> float:
    """The most memory this process has had so far, in MB; not on Windows."""
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024 if sys.platform != "darwin" else 1024**2)


def trained_on() -> str:
    """The name of `DEVICE`."""
    return torch.cuda.get_device_name() if DEVICE.type == "cuda" else processor()


def at_once(on_processors: int) -> int:
    """How many runs at a time."""
    return RUNS_ON_A_GPU if DEVICE.type == "cuda" else on_processors


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation of several runs; what there is where there are fewer than two."""
    if len(values) < 2:
        return f"{values[0]:.4f}" if values else "–"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
