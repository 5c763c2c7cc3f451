"""Stored runs of the benchmarks: equal budgets, settings chosen on validation, several seeds."""

from __future__ import annotations

import importlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from gnnrec_helpers.course import records
from gnnrec_helpers.course.records import Run

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
RESULTS = BENCHMARKS / "results"
RECORDED = (
    "artists_known", "at_a_date", "attention_seeds", "cold_items", "cold_users",
    "decay_control", "explanations", "knowledge", "league", "new_users", "own_data", "ratings",
    "rivals", "serving_index", "serving_latency", "social", "three_graphs", "time_to_quality",
)  # fmt: skip


def runs_of(name: str) -> list[Run]:
    runs: list[Run] = records.read(RESULTS / f"{name}.json")["runs"]
    return runs


def comparisons() -> dict[str, list[Run]]:
    """The runs of every fair comparison: some data, and models with a setting of their own."""
    by_comparison = defaultdict(list)
    for run in runs_of("three_graphs"):
        by_comparison[f"three graphs, {run['job']['listens'] or 'all'} artists known"].append(run)
    for run in runs_of("knowledge"):
        job = run["job"]
        if job["part"] == "shuffled":  # a control, beside what it is the control of
            control = {**job, "part": "yes or no", "model": f"{job['model']}, shuffled"}
            by_comparison["knowledge, yes or no"].append({**run, "job": control})
        else:
            by_comparison[f"knowledge, {job['part']}"].append(run)
    for run in runs_of("social"):
        if run["job"]["fold"] is None:
            by_comparison["social"].append(run)
    return dict(by_comparison)


def is_trial(run: Run) -> bool:
    return "test" not in (run["job"]["part"], run["job"].get("stage"))


def quality(run: Run) -> float:
    validation = run["result"]["validation"]
    return float(validation["recall"] if isinstance(validation, dict) else validation)


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
        run["job"]["model"]: run["result"] for run in runs if run["job"]["stage"] == "search"
    }
    assert {len(search["values"]) for search in searches.values()} == {10}
    seeds = defaultdict(set)
    for run in runs:
        name, settings = run["job"]["model"], run["job"]["settings"]
        if run["job"]["stage"] == "test":
            seeds[name].add(run["job"]["seed"])
            search = searches.get(name, {"values": [0.0], "settings": [{}]})
            assert settings == search["settings"][search["values"].index(max(search["values"]))]
    assert len(seeds) == len(searches) + 2  # two have nothing to choose
    assert all(of_model == {0, 1, 2} for of_model in seeds.values())


def test_rivals_on_lastfm_had_nine_trials_each_and_were_judged_with_the_best() -> None:
    runs = [run for run in runs_of("artists_known") if run["job"]["part"] == "rivals"]
    searches = {
        run["job"]["model"]: run["result"] for run in runs if run["job"]["stage"] == "search"
    }
    seeds = defaultdict(set)
    for name, search in searches.items():
        counts = {len(values) for values in search["values"].values()}
        assert counts == {1 if name == "popularity" else 9}  # popularity has nothing to choose
    for run in runs:
        if run["job"]["stage"] == "test":
            seeds[run["job"]["model"]].add(run["job"]["seed"])
            search = searches[run["job"]["model"]]
            for known, _, settings in run["job"]["settings"]:
                values = search["values"]["all" if known is None else str(known)]
                assert settings == search["settings"][values.index(max(values))]
    assert set(seeds) == set(searches)
    assert all(of_model == {0, 1, 2, 3, 4} for of_model in seeds.values())


def test_controls_on_lastfm_had_nine_trials_each_and_were_judged_with_the_best() -> None:
    runs = [run for run in runs_of("artists_known") if run["job"]["part"] == "controls"]
    for name in ("+ friends", "+ tags"):
        mine = [run for run in runs if run["job"]["model"] == name]
        trials = [run for run in mine if run["job"]["stage"] == "trial"]
        assert len({str(run["job"]["settings"]) for run in trials}) == 9
        best = max(trials, key=lambda run: run["result"]["validation"]["5 shuffled"])
        judged = [run["job"] for run in mine if run["job"]["stage"] == "test"]
        assert [job["seed"] for job in judged] == [0, 1, 2, 3, 4]
        assert all(job["settings"] == best["job"]["settings"] for job in judged)


def test_ablations_had_as_many_trials_each_and_were_judged_with_the_best() -> None:
    runs = [run for run in runs_of("rivals") if run["job"]["part"] == "ablation"]
    trials, judged = defaultdict(list), defaultdict(list)
    for run in runs:
        runs_by_model = trials if run["job"]["stage"] == "trial" else judged
        runs_by_model[run["job"]["model"]].append(run)
    assert {len(tried) for tried in trials.values()} == {2}
    assert set(judged) == set(trials)
    for name, tried in trials.items():
        best = max(tried, key=lambda run: run["result"]["validation"])
        assert all(run["job"]["settings"] == best["job"]["settings"] for run in judged[name])
        assert sorted(run["job"]["seed"] for run in judged[name]) == [0, 1, 2]


# ---------------------------------------------------------------------- where runs come from
@pytest.mark.parametrize("name", RECORDED)
def test_every_run_says_where_it_comes_from(name: str) -> None:
    for run in runs_of(name):
        origin = run["provenance"]
        assert origin["commit"]
        assert origin["processor"]
        # both, or neither in a run that was made before they were noted
        assert (origin["code"] is None) == (origin["data"] is None)
        if origin["code"] is None:
            assert origin["commit"].startswith("stored by ")


@pytest.mark.parametrize("name", RECORDED)
def test_a_job_was_stored_once(name: str) -> None:
    jobs = [sorted(run["job"].items(), key=str) for run in runs_of(name)]
    assert all(jobs.count(job) == 1 for job in jobs)


@pytest.mark.parametrize("name", RECORDED)
def test_tables_are_those_of_the_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    report = importlib.import_module(name).report(records.read(RESULTS / f"{name}.json"))
    stored = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    assert stored.startswith(report)
    about_versions = stored.removeprefix(report).strip()
    assert "\n" not in about_versions


def test_users_belong_to_their_runs() -> None:
    """Recall is stored of each user (rounded) and, independently, as a mean."""
    judged = [run for run in runs_of("social") if "users" in run]
    assert len(judged) == 30
    for run in judged:
        recall = run["users"]["test"]["recall@10"]
        np.testing.assert_allclose(recall.mean(), run["result"]["test"]["recall"], atol=5e-4)
    # the same splits, so the same users
    users = {
        run["job"]["seed"]: run["users"]["test"].index
        for run in runs_of("three_graphs")
        if "users" in run
    }
    assert all(run["users"]["test"].index.equals(users[run["job"]["seed"]]) for run in judged)
