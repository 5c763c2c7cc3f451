"""Freed memory is kept where the platform can, and the user's own settings are left alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = "from gnnrec_helpers.engine.memory import reuse_freed_memory; print(reuse_freed_memory())"
FAULTS = """
import resource, torch
from gnnrec_helpers.engine.memory import reuse_freed_memory
if {reuse}: reuse_freed_memory()
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
