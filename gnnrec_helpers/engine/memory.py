"""Keeps freed memory at hand, so that training does not ask the system for it at every step.

A step makes and drops several tables as large as the embeddings. glibc's `malloc` hands such
blocks back to the system at once, and each new one has to be mapped and zeroed page by page,
which takes a good part of a step on large graphs. Nothing else about the computation changes.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
KEPT = 2**30  # bytes: blocks up to this size, and this much free memory at the end of the heap


@cache
def reuse_freed_memory() -> bool:
    """Ask `malloc` to keep what is freed; True where that is possible (glibc) and was done.

    It holds for the whole process. The user's own settings (``MALLOC_*``, ``GLIBC_TUNABLES``) are
    left alone.
    """
    theirs = any(name.startswith("MALLOC_") for name in os.environ)
    theirs |= "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if theirs or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    done = [mallopt(what, KEPT) for what in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD)]
    return all(done)
