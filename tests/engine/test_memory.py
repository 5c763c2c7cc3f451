"""Freed memory is kept where the platform can, and the user's own settings are left alone."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from gnnrec_helpers.engine import memory

CODE = """
from gnnrec_helpers.engine.memory import freed_memory_kept
with freed_memory_kept() as kept: print(kept)
"""
FAULTS = """
import resource, torch
from contextlib import nullcontext
from gnnrec_helpers.engine.memory import freed_memory_kept
keep = freed_memory_kept() if {reuse} else nullcontext()
keep.__enter__()
def work():
    return [torch.ones(40_000, 64) for _ in range(6)]
for _ in range(3): work()  # until the heap is as large as it gets
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def output(code: str, **settings: str) -> str:
    mine = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES" and "MALLOC" not in k}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=mine | settings, capture_output=True, text=True, check=True
    ).stdout.strip()


GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallopt")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_ARENA_MAX", "2"),
        ("MALLOC_TRIM_THRESHOLD_", "131072"),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=131072"),
    ],
)
def test_settings_of_the_user_are_left_alone(name: str, value: str) -> None:
    assert output(CODE, **{name: value}) == "False"
    assert output(CODE, GLIBC_TUNABLES="glibc.rtld.nns=4", OTHER="MALLOC_") == str(GLIBC)


def test_glibc_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n == "GLIBC_TUNABLES" or n.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    mallopt = memory._mallopt()
    assert (mallopt is not None) == GLIBC
    if mallopt is not None:
        assert mallopt(memory.M_MMAP_THRESHOLD, memory.DEFAULT) == 1
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.rtld.nns=4")
    assert memory._mallopt() is None
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=131072")
    assert memory._mallopt() is None


class Library:
    """A C library with some functions."""

    def __init__(self, **functions: object) -> None:
        self.__dict__.update(functions)


def test_other_c_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    for name in [n for n in os.environ if n == "GLIBC_TUNABLES" or n.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library(malloc_trim=trimmed.append))
    assert memory._mallopt() is None  # musl has no mallopt
    memory._give_back()
    assert trimmed == [0]
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library())
    memory._give_back()
    assert trimmed == [0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc only")
def test_page_faults_disappear() -> None:
    assert output(CODE) == str(GLIBC)
    if not GLIBC:
        pytest.skip("no glibc here")
    without, reused = (int(output(FAULTS.format(reuse=reuse))) for reuse in (False, True))
    if without == 0:  # malloc may happen to keep the memory by itself; then nothing can disappear
        pytest.skip("no page faults to begin with")
    assert reused < without / 5


class Malloc:
    """`mallopt` that accepts blocks up to a limit, and remembers what is set."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.set: dict[int, int] = {}

    def __call__(self, what: int, value: int) -> int:
        if what == memory.M_MMAP_THRESHOLD and value > self.limit:
            return 0
        self.set[what] = value
        return 1


@pytest.mark.parametrize(("limit", "blocks"), [(2**40, memory.KEPT), (2**25, 2**25), (2**20, None)])
def test_an_older_malloc_may_refuse(
    limit: int, blocks: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    malloc = Malloc(limit)
    monkeypatch.setattr(memory, "_mallopt", lambda: malloc)
    with memory.freed_memory_kept() as kept:
        assert kept is (blocks is not None)
        if kept:
            assert malloc.set == {
                memory.M_MMAP_THRESHOLD: blocks,
                memory.M_TRIM_THRESHOLD: memory.KEPT,
            }
        else:  # one setting without the other would be slower than none
            assert malloc.set == {}
    assert set(malloc.set.values()) <= {memory.DEFAULT}


def test_it_is_undone_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    malloc = Malloc(2**40)
    monkeypatch.setattr(memory, "_mallopt", lambda: malloc)
    with pytest.raises(KeyboardInterrupt), memory.freed_memory_kept():
        raise KeyboardInterrupt
    assert set(malloc.set.values()) == {memory.DEFAULT}


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with memory.freed_memory_kept() as kept:
        assert kept is False
