"""Benchmarks keep runs, and make them again when the code behind them or their data changed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gnnrec_helpers import SocialGraph, datasets

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPT = '''
"""A benchmark whose result is new with every run."""
import time

FACTOR = 2
CAPTION = "runs"


def doubled(number):
    """Twice the number."""
    return FACTOR * number


def run(job):
    return {"doubled": doubled(job["number"]), "moment": time.time_ns()}


def report(record):
    return f"{CAPTION}: {len(record['runs'])}\\n"


JOBS = [FACTOR for FACTOR in range(2)]
if __name__ == "__main__":
    FACTOR = run(JOBS[0])
'''


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Any, Any]:
    """The modules `recorded` and `provenance`, with results in a folder of the test."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    recorded = importlib.import_module("recorded")
    machine = importlib.import_module("machine")
    for module in (recorded, machine):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(recorded, "CACHE", tmp_path / "cache")
    return recorded, importlib.import_module("provenance")


@pytest.fixture
def package(modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A small package in the place of this one."""
    folder = tmp_path / "package"
    for name in ("__init__", "objectives", "models/lightgcn", "course/plots", ".cache/copy"):
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""What is in {name}."""\nNUMBER = 1\n', encoding="utf-8")
    monkeypatch.setattr(modules[1], "PACKAGE", folder)
    return folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "scripts" / "doubling.py"
    path.parent.mkdir()
    path.write_text(SCRIPT, encoding="utf-8")
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.delitem(sys.modules, "doubling", raising=False)
    return path


@pytest.fixture
def record(modules: tuple[Any, Any], package: Path, script: Path) -> Callable[..., Any]:
    doubling = importlib.import_module("doubling")

    def opened(**options: Any) -> Any:
        return modules[0].Recorded(
            "doubling", doubling.run, doubling.report, lambda job: ["toy"], **options
        )

    return opened


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def job(number: int) -> dict[str, Any]:
    return {"number": number, "seed": 0}


def test_runs_are_kept_until_their_code_changes(
    record: Callable[..., Any], script: Path, package: Path, tmp_path: Path
) -> None:
    first = record().run([job(3), job(4)])
    assert [result["doubled"] for result in first] == [6, 8]
    assert record().run([job(4), job(3)]) == first[::-1]
    # neither words nor tables are what is measured
    edit(script, '"""Twice the number."""', '"""The number, doubled."""  # and a comment')
    edit(script, '"runs"', '"jobs"')
    edit(script, "range(2)", "range(3)")
    edit(package / "models/lightgcn.py", "What is in", "All about")
    edit(package / "course/plots.py", "NUMBER = 1", "NUMBER = 2")
    edit(package / "__init__.py", "NUMBER = 1", "NUMBER = 2")
    edit(package / ".cache/copy.py", "NUMBER = 1", "NUMBER = 2")
    assert record().outdated() == ""
    assert record().run([job(3), job(4)]) == first

    edit(package / "models/lightgcn.py", "NUMBER = 1", "NUMBER = 2")
    changed = record()
    assert changed.outdated().startswith("2 of 2 runs were made by an earlier version of the code")
    assert record(reuse_outdated=True).run([job(3)]) == first[:1]
    (again,) = changed.run([job(3)])
    assert again["doubled"] == 6
    assert again["moment"] > first[0]["moment"]
    # what was not asked for again is kept, and said to be of another version, until it is dropped
    assert len(record().stored) == 2
    tables = (tmp_path / "results/doubling.md").read_text(encoding="utf-8")
    assert tables.startswith("runs: 2\n")
    assert "1 of 2 runs were made by an earlier version" in tables
    changed.drop_outdated()
    assert [run["result"] for run in record().stored.values()] == [again]


@pytest.mark.parametrize(
    ("old", "new"), [("FACTOR = 2", "FACTOR = 3"), ("FACTOR * number", "number + number")]
)
def test_what_a_run_uses_of_its_script_is_code_too(
    record: Callable[..., Any], script: Path, old: str, new: str
) -> None:
    before = record().origin["code"]
    edit(script, old, new)
    assert record().origin["code"] != before


def test_what_a_run_uses_of_another_script_is_code_too(
    record: Callable[..., Any], script: Path
) -> None:
    edit(script, "FACTOR = 2", "from shared import FACTOR, UNUSED")
    shared = script.with_name("shared.py")
    shared.write_text("FACTOR = BASE = 2\nUNUSED = 1\n", encoding="utf-8")
    before = record().origin["code"]
    edit(shared, "UNUSED = 1", "UNUSED = 2")
    assert record().origin["code"] == before
    edit(shared, "BASE = 2", "BASE = 3")
    assert record().origin["code"] != before


def test_a_run_on_other_data_is_made_again(
    record: Callable[..., Any], modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = record()
    first = before.run([job(3)])
    assert set(before.stored) == {'{"number": 3, "seed": 0}'}
    monkeypatch.setattr(modules[1], "digest_of_data", lambda name: "other")
    assert record().run([job(3)]) != first


def test_data_that_is_absent_now_has_not_changed(
    record: Callable[..., Any], modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record().run([job(3)])
    monkeypatch.setattr(modules[1], "digest_of_data", lambda name: None)
    assert record().run([job(3)]) == first


def test_two_processes_keep_each_others_runs(record: Callable[..., Any]) -> None:
    one, other = record(), record()
    one.run([job(1)])
    other.run([job(2)])
    assert {run["job"]["number"] for run in record().stored.values()} == {1, 2}


def test_code_that_changes_meanwhile_is_noticed(record: Callable[..., Any], package: Path) -> None:
    started = record()
    edit(package / "objectives.py", "NUMBER = 1", "NUMBER = 2")
    with pytest.raises(RuntimeError, match="The code was changed while the benchmark ran"):
        started.run([job(1)])
    assert record().stored == {}


def test_a_run_says_where_it_comes_from(
    record: Callable[..., Any], modules: tuple[Any, Any]
) -> None:
    done = record()
    done.run([job(1)])
    (run,) = done.stored.values()
    assert run["provenance"] == modules[1].provenance([done.work], ["toy"])
    assert set(run["provenance"]) == {"commit", "code", "data", "processor", "torch"}
    assert run["provenance"]["data"] == {"toy": modules[1].digest_of_data("toy")}
    assert done.machine["runs at once"] == 1


@pytest.mark.parametrize("error", [FileNotFoundError, ConnectionError])
def test_data_that_cannot_be_loaded_has_no_digest(
    modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def load(name: str) -> None:
        raise error(name)

    monkeypatch.setattr(modules[1].datasets, "load", load)
    assert modules[1].digest_of_data("a data set of nobody") is None


def test_the_digest_of_data_follows_interactions_and_graphs(
    modules: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = datasets.load("toy")
    friends = pd.DataFrame(
        {"user": toy.interactions.users[:2], "friend": toy.interactions.users[2:4]}
    )
    social = SocialGraph.from_frame(friends, toy.interactions.users)
    fewer = toy.interactions.select(pd.Series(range(len(toy.interactions))).to_numpy() > 0)
    variants = [
        toy,
        replace(toy, interactions=fewer),
        replace(toy, social=social),
        replace(toy, split=toy.interactions.split(0.2, 0.2, seed=0)),
        replace(toy, split=toy.interactions.split(0.2, 0.2, seed=1)),
    ]
    digest = modules[1].digest_of_data.__wrapped__  # nothing is remembered
    digests = []
    for variant in variants:
        monkeypatch.setattr(datasets, "load", lambda name, variant=variant: variant)
        digests.append(digest("toy"))
        assert digest("toy") == digests[-1]
    assert len(set(digests)) == len(variants)
