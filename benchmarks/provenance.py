"""Where a stored run comes from: the commit, the code that it measures, its data, the processor."""

from __future__ import annotations

import ast
import hashlib
import inspect
import platform
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import gnnrec_helpers
from gnnrec_helpers import datasets

FOLDER = Path(__file__).resolve().parent
PACKAGE = Path(gnnrec_helpers.__file__).resolve().parent
Work = Callable[..., Any]


def provenance(work: Sequence[Work], data: Sequence[str]) -> dict[str, Any]:
    """What is stored with a run; a run is current while its code and its data are these.

    Parameters
    ----------
    work : functions of a benchmark
        That make the run.
    data : names of data sets
        That the run uses, of those that `datasets.load` knows.
    """
    return {
        "commit": commit(),
        "code": digest_of_code(*work),
        "data": digests_of_data(data),
        "processor": processor(),
        "torch": torch.__version__,
    }


def is_current(stored: dict[str, Any], code: str, data: Sequence[str]) -> bool:
    """Was it made by this code, on these data sets as they are now?"""
    return stored["code"] == code and all(
        digest in (stored["data"].get(name), None) for name, digest in digests_of_data(data).items()
    )


def outdated(stored: Sequence[dict[str, Any]], current: Sequence[bool]) -> str:
    """How many of these runs are not current, and whose they are; empty if all are current."""
    commits = [run["commit"] for run, now in zip(stored, current, strict=True) if not now]
    if not commits:
        return ""
    counts = ", ".join(f"{name}: {commits.count(name)}" for name in dict.fromkeys(commits))
    return (
        f"{len(commits)} of {len(stored)} runs were made by an earlier version of the code, or on "
        f"other data ({counts})."
    )


def commit() -> str:
    """The commit of the working tree, and whether the code differs from it ("-dirty").

    Stored results may differ: a benchmark writes them while it runs.
    """
    code = ["--", PACKAGE, FOLDER, f":(exclude){FOLDER / 'results'}"]
    try:
        name = _git("describe", "--always")
        return f"{name}-dirty" if _git("status", "--porcelain", *code) else name
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str | Path) -> str:
    command = ["git", "-C", FOLDER, *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def processor() -> str:
    """Its name and model, as far as the system tells."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    pairs = (line.partition(":") for line in lines)
    properties = {key.strip(): value.strip() for key, _, value in pairs}
    asked = ("model name", "cpu family", "model")
    named = ", ".join(f"{key} {properties[key]}" for key in asked if key in properties)
    return named or platform.processor() or platform.machine()


# ---------------------------------------------------------------------- data
def digests_of_data(names: Sequence[str]) -> dict[str, str | None]:
    return {name: digest_of_data(name) for name in names}


@cache
def digest_of_data(name: str) -> str | None:
    """Which interactions, split and graphs a data set has, in a few letters; None if it is absent.

    An absent data set says nothing against a stored run, and a new run fails by itself.
    """
    try:
        data = datasets.load(name)
    except OSError:  # no file, or no network to download it
        return None
    parts = [data.interactions, data.social, data.knowledge]
    if data.split is not None:
        parts += [data.split.train, data.split.validation, data.split.test]
    digest = hashlib.sha256(f"{data.interactions.num_users} {data.interactions.num_items}".encode())
    for part in parts:
        if part is not None:
            rows = pd.util.hash_pandas_object(part.to_frame(), index=False)
            digest.update(np.asarray(rows, np.uint64).tobytes())
    return digest.hexdigest()[:12]


# ---------------------------------------------------------------------- code
def digest_of_code(*work: Work) -> str:
    """A digest of all code that a run depends on; a change of comments or docstrings keeps it.

    That is the package, except for what only notebooks use, and of the benchmark the functions
    that make the run with everything they use. Jobs and tables may change without it. It may
    differ between versions of Python.
    """
    sources = [path.relative_to(PACKAGE).as_posix() + _code(path) for path in _modules()]
    for function in work:
        function = function.func if isinstance(function, partial) else function
        script = Path(inspect.getsourcefile(function) or "")
        sources += sorted(set(_used(script, {function.__name__})))
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()[:12]


def _modules() -> list[Path]:
    """Every module in a folder of the package, and beside these; `course` is for notebooks."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(
        PACKAGE / path
        for path in paths
        if path.parts[0] not in ("course", "__init__.py")
        and not any(part.startswith(".") for part in path.parts)
    )


def _code(path: Path) -> str:
    return ast.unparse(_without_docstrings(ast.parse(path.read_text(encoding="utf-8"))))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _used(script: Path, names: set[str]) -> Iterator[str]:
    """The source of these functions or constants of a benchmark, and of all that they use."""
    tree = _without_docstrings(ast.parse(script.read_text(encoding="utf-8")))
    definitions = {name: node for node in tree.body for name in _defined(node)}
    waiting, done = sorted(names & set(definitions)), set()
    while waiting:
        name = waiting.pop()
        node = definitions[name]
        done.add(name)
        if isinstance(node, ast.ImportFrom):
            other = script.with_name(f"{node.module}.py")
            if other.exists():  # another benchmark
                yield from _used(other, {a.name for a in node.names if name in (a.name, a.asname)})
            continue
        yield ast.unparse(node)
        mentioned = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        waiting += sorted((mentioned & set(definitions)) - done - set(waiting))


def _defined(node: ast.stmt) -> set[str]:
    """The names that a statement at the top of a module gives a meaning to."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return {part.id for to in targets for part in ast.walk(to) if isinstance(part, ast.Name)}
