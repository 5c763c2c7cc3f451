"""Stored runs of the benchmarks: equal budgets, settings chosen on validation, several seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
Run = dict[str, Any]


def runs_of(name: str) -> list[Run]:
    runs: list[Run] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["runs"]
    return runs


def comparisons() -> dict[str, list[Run]]:
    """The runs of every fair comparison: some data, and models with a setting of their own."""
    found = defaultdict(list)
    for run in runs_of("three_graphs"):
        found[f"three graphs, {run['job']['listens'] or 'all'} artists known"].append(run)
    for run in runs_of("knowledge"):
        found[f"knowledge, {run['job']['part']}"].append(run)
    for run in runs_of("social"):
        if run["job"]["fold"] is None:
            found["social"].append(run)
    return dict(found)


def is_trial(run: Run) -> bool:
    return "test" not in (run["job"]["part"], run["job"].get("stage"))


def quality(run: Run) -> float:
    found = run["found"]["validation"]
    return float(found["recall"] if isinstance(found, dict) else found)


COMPARISONS = comparisons()


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_model_had_as_many_trials_on_one_seed(name: str) -> None:
    trials = defaultdict(list)
    for run in filter(is_trial, COMPARISONS[name]):
        trials[run["job"]["model"]].append(run["job"])
    assert len(trials) >= 4
    assert len({len(jobs) for jobs in trials.values()}) == 1
    for jobs in trials.values():
        assert {job["seed"] for job in jobs} == {0}
        settings = {(job["weight_decay"], job["own"]) for job in jobs}
        assert len(settings) == len(jobs)  # none was tried twice


@pytest.mark.parametrize("name", COMPARISONS)
def test_what_was_judged_is_what_validation_chose(name: str) -> None:
    best: dict[str, Run] = {}
    final = defaultdict(list)
    for run in COMPARISONS[name]:
        job = run["job"]
        if is_trial(run):
            if job["model"] not in best or quality(run) > quality(best[job["model"]]):
                best[job["model"]] = run
        else:
            key = (job["model"], bool(job.get("shuffled") or job.get("rewired")))
            final[key].append(job)
    assert set(best) <= {model for model, _ in final}
    for (model, _), jobs in final.items():
        assert sorted(job["seed"] for job in jobs) == [0, 1, 2, 3, 4]
        if model in best:  # what has nothing to choose has no trials
            chosen = best[model]["job"]
            for job in jobs:
                assert (job["weight_decay"], job["own"]) == (chosen["weight_decay"], chosen["own"])


def test_rivals_had_as_many_trials_each_and_were_judged_with_the_best() -> None:
    runs = [run for run in runs_of("rivals") if run["job"]["part"] == "league"]
    searches = {
        run["job"]["model"]: run["found"] for run in runs if run["job"]["stage"] == "search"
    }
    assert {len(found["values"]) for found in searches.values()} == {10}
    seeds = defaultdict(set)
    for run in runs:
        name, settings = run["job"]["model"], run["job"]["settings"]
        if run["job"]["stage"] == "test":
            seeds[name].add(run["job"]["seed"])
            found = searches.get(name, {"values": [0.0], "settings": [{}]})
            assert settings == found["settings"][found["values"].index(max(found["values"]))]
    assert len(seeds) == len(searches) + 2  # two have nothing to choose
    assert all(found == {0, 1, 2} for found in seeds.values())


def test_ablations_had_as_many_trials_each_and_were_judged_with_the_best() -> None:
    runs = [run for run in runs_of("rivals") if run["job"]["part"] == "ablation"]
    trials, judged = defaultdict(list), defaultdict(list)
    for run in runs:
        found = trials if run["job"]["stage"] == "trial" else judged
        found[run["job"]["model"]].append(run)
    assert {len(found) for found in trials.values()} == {2}
    assert set(judged) == set(trials)
    for name, found in trials.items():
        best = max(found, key=lambda run: run["found"]["validation"])
        assert all(run["job"]["settings"] == best["job"]["settings"] for run in judged[name])
        assert sorted(run["job"]["seed"] for run in judged[name]) == [0, 1, 2]
