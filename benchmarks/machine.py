"""What the figures of a benchmark were measured on."""

from __future__ import annotations

import os
import platform

import torch

import gnnrec_helpers


def describe(threads: int) -> dict[str, str | int | None]:
    """Processor, cores, and versions, with the number of threads a run used."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads per run": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gnnrec_helpers": gnnrec_helpers.__version__,
    }
