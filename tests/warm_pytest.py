"""pytest in a process of its own that does not wait for slow imports.

On Linux such a process is forked from one that has imported the slow libraries once; a few seconds
are saved each time. Elsewhere it is an ordinary subprocess. Either way nothing of this project is
imported before, so the tests see the package in the folder they run in.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SLOW = [
    "matplotlib.pyplot", "networkx", "pandas", "pytest", "safetensors.torch",
    "scipy.sparse.linalg", "scipy.stats", "sklearn.linear_model", "sklearn.metrics", "torch",
    "torch_geometric.nn", "tqdm.auto",
]  # fmt: skip
PLAIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins for notebooks and such take a second
UNWANTED = ("PYTEST_", "COV_", "COVERAGE_")  # settings of the run this one is part of


def run(folder: Path, arguments: Sequence[str], timeout: float) -> tuple[int, str]:
    """Exit code and output of pytest in `folder`, whose package is the one imported."""
    with tempfile.TemporaryDirectory() as elsewhere:
        output = Path(elsewhere) / "output"
        if sys.platform == "linux":
            code = _forked(folder, arguments, output, timeout)
        else:
            code = _started(folder, arguments, output, timeout)
        return code, output.read_text(encoding="utf-8", errors="replace")


def _forked(folder: Path, arguments: Sequence[str], output: Path, timeout: float) -> int:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW)
    process = context.Process(target=_child, args=(str(folder), list(arguments), str(output)))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"pytest took more than {timeout} s: {' '.join(arguments)}")
    return process.exitcode


def _child(folder: str, arguments: list[str], output: str) -> None:
    with open(output, "wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    for name in [name for name in os.environ if name.startswith(UNWANTED)]:
        del os.environ[name]
    os.environ |= {"PYTHONPATH": folder, **PLAIN}
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True

    import pytest

    code = int(pytest.main(arguments))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # nothing of the process is needed any more


def _started(folder: Path, arguments: Sequence[str], output: Path, timeout: float) -> int:
    settings = {k: v for k, v in os.environ.items() if not k.startswith(UNWANTED)}
    settings |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **PLAIN}
    with output.open("wb") as file:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=folder,
            env=settings,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        ).returncode
