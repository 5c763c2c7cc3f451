"""Keeps freed memory at hand, so that training does not ask the system for it at every step.

A step makes and drops several tables as large as the embeddings. glibc's `malloc` hands such
blocks back to the system at once, and each new one has to be mapped and zeroed page by page,
which takes a good part of a step on large graphs. Nothing else about the computation changes.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
KEPT = 2**30  # bytes: blocks up to this size, and this much free memory at the end of the heap
OLDER = 2**25  # the largest threshold that an older glibc accepts, 32 MiB
DEFAULT = 128 * 1024  # both thresholds, where nobody has set them


@contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """Ask `malloc` to keep what is freed, for as long as this lasts.

    It holds for the whole process, also for what other threads allocate meanwhile. The user's own
    settings (``MALLOC_*``, ``GLIBC_TUNABLES``) are left alone; ``MALLOC_TRIM_THRESHOLD_=131072``
    in the environment switches it off, therefore. Afterwards both thresholds are at glibc's
    defaults again and what is free is given back. One difference remains: from then on glibc does
    not raise the thresholds by itself any more, as it does in a process that never set them.

    Yields
    ------
    bool
        Whether it was done: False without glibc, as on macOS and Windows.
    """
    mallopt = _mallopt()
    # blocks first: the limit of an older glibc is lower, and the second setting alone would make
    # every large block be mapped anew, which is slower than doing nothing
    done = mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, size) for size in (KEPT, OLDER))
    if mallopt is not None and done:
        mallopt(M_TRIM_THRESHOLD, KEPT)
    try:
        yield done
    finally:
        if mallopt is not None and done:
            mallopt(M_MMAP_THRESHOLD, DEFAULT)
            mallopt(M_TRIM_THRESHOLD, DEFAULT)
            _give_back()


def _give_back() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _mallopt() -> Callable[[int, int], int] | None:
    """glibc's function, where there is one and the user has not set it up."""
    theirs = any(name.startswith("MALLOC_") for name in os.environ)
    theirs |= "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if theirs or not sys.platform.startswith("linux"):
        return None
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return None
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return mallopt
