"""Freed memory is kept where the platform can, and the user's own settings are left alone."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_"])
def test_settings_of_the_user_are_left_alone(name: str) -> None:
    assert output(CODE, **{name: "131072"}) == "False"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc only")
def test_page_faults_disappear() -> None:
    if output(CODE) == "False":
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
