"""What the figures of a benchmark were measured on, and where they are kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import gnnrec_helpers

RESULTS = Path(__file__).parent / "results"


def describe(threads: int) -> dict[str, str | int | None]:
    """Processor, cores, and versions, with the number of threads a run used."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads per run": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gnnrec_helpers": gnnrec_helpers.__version__,
    }


def processor() -> str:
    """Its name and model, as far as the system tells."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    pairs = (line.partition(":") for line in lines)
    found = {key.strip(): value.strip() for key, _, value in pairs}
    asked = ("model name", "cpu family", "model")
    named = ", ".join(f"{key} {found[key]}" for key in asked if key in found)
    return named or platform.processor() or platform.machine()


def store(name: str, record: dict[str, Any], tables: str) -> None:
    """Keep what was measured as JSON, its tables as Markdown, and print them."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(tables, encoding="utf-8")
    print(tables)


def record_of(benchmark: str, data: str) -> str:
    """The name under which a benchmark of several data sets keeps what it measured on this one."""
    return benchmark if data == "gowalla" else f"{benchmark}_{data}"


def peak() -> float:
    """The most memory this process has had so far, in MB; not on Windows."""
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024 if sys.platform != "darwin" else 1024**2)


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation of several runs; what there is where there are fewer than two."""
    if len(values) < 2:
        return f"{values[0]:.4f}" if values else "–"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
