"""How soon, and how far, LightGCN gets on Gowalla: every setting chosen on validation.

    GNNREC_DATA=... python benchmarks/time_to_quality.py

1. Tuning. A tenth of train is held out (seed 0). LightGCN with three layers and matrix
   factorization are trained with sampled softmax on the rest. From a starting point the weight
   decay, then the learning rate is doubled or halved for as long as validation Recall@20 at the end
   of the cosine schedule gets better; then longer schedules are tried, one of them with twice the
   weight decay, which slows learning. One thread a run, two runs at once.
2. Refit. The chosen settings, on all of train, for the chosen number of epochs, with three seeds,
   one run at a time on two threads. Nothing is stopped early. Test is looked at after every second
   epoch for the curve only; this is not counted as training.
3. The recipe of the LightGCN paper beside it (BPR, learning rate .001, weight decay .0001, batches
   of 2,048), for as many epochs as it is given here; the paper trains for up to 1,000.

Every finished run is stored at once and not repeated, and one that was interrupted goes on from its
last epoch.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from machine import RESULTS, describe, store

CACHE = Path(__file__).parent / "cache"
STORED = RESULTS / "time_to_quality.json"
MARKS, SEEDS = (0.15, 0.16, 0.17, 0.18, 0.183, 0.186), (0, 1, 2)
Setting = dict[str, Any]

START: dict[str, Setting] = {
    "LightGCN": {
        "layers": 3, "loss": "softmax", "weight_decay": 0.025, "lr": 0.01, "negatives": 1024,
        "batch_size": 4096, "epochs": 20, "schedule": "cosine",
    },
    "MF": {
        "layers": 0, "loss": "softmax", "weight_decay": 0.05, "lr": 0.01, "negatives": 1024,
        "batch_size": 4096, "epochs": 20, "schedule": "cosine",
    },
}  # fmt: skip
VARIED = ("weight_decay", "lr")  # in this order, with a schedule of 20 epochs
LONGER = ((30, 1), (40, 1), (40, 2))  # then epochs, and how many times the weight decay
PAPER: Setting = {
    "layers": 3, "loss": "bpr", "weight_decay": 1e-4, "lr": 1e-3, "negatives": 1,
    "batch_size": 2048, "epochs": 10, "schedule": "constant",
}  # fmt: skip


# ---------------------------------------------------------------------- one run, in its own process
def train(job: dict[str, Any]) -> dict[str, Any]:
    import torch

    from gnnrec_helpers import datasets, evaluate, fit, models
    from gnnrec_helpers.objectives import BPR, SampledSoftmax

    torch.set_num_threads(job["threads"])
    setting, tuning = job["setting"], job["tuning"]
    split = datasets.load("gowalla").split
    if tuning:
        split = split.with_validation(0.1, seed=0)
    model = models.LightGCN(split.train, dim=64, layers=setting["layers"], seed=job["seed"])
    softmax = setting["loss"] == "softmax"
    decay = setting["weight_decay"]
    objective = SampledSoftmax(setting["negatives"], decay) if softmax else BPR(decay)

    def look_at_test(model: Any, history: Any) -> None:
        done = len(history.epochs)
        if done % 2 == 0 or done == setting["epochs"]:
            history.epochs[-1].update(evaluate(model, split, metrics=("recall", "ndcg")))

    CACHE.mkdir(exist_ok=True)
    checkpoint = CACHE / f"{name_of(job)}.safetensors"
    history = fit(
        model,
        split,
        epochs=setting["epochs"],
        batch_size=setting["batch_size"],
        lr=setting["lr"],
        schedule=setting["schedule"],
        objective=objective,
        seed=job["seed"],
        patience=None,
        validate_every=setting["epochs"],  # where the schedule ends
        checkpoint=checkpoint,
        after_epoch=None if tuning else look_at_test,
        progress=False,
    )
    checkpoint.unlink()
    return {**job, "epochs": history.epochs, "load": os.getloadavg()[0]}


def name_of(job: dict[str, Any]) -> str:
    """A file name that says everything about a run."""
    parts = [f"{key}-{value}" for key, value in job["setting"].items()]
    return "_".join([*parts, f"seed-{job['seed']}", "tuning" if job["tuning"] else "all"])


# ---------------------------------------------------------------------- the record of all runs
class Record:
    """Finished runs; what is asked for again is not run again."""

    def __init__(self) -> None:
        known = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {"runs": []}
        self.runs: dict[str, dict[str, Any]] = {name_of(run): run for run in known["runs"]}

    def wanted(self, jobs: list[dict[str, Any]], at_once: int) -> list[dict[str, Any]]:
        missing = [job for job in jobs if name_of(job) not in self.runs]
        with ThreadPoolExecutor(at_once) as pool:
            for run in pool.map(self._work, missing):
                self.runs[name_of(run)] = run
                self.store()
        return [self.runs[name_of(job)] for job in jobs]

    def store(self) -> None:
        record = {"machine": describe(threads=2), "runs": list(self.runs.values())}
        store("time_to_quality", record, report(record))

    @staticmethod
    def _work(job: dict[str, Any]) -> dict[str, Any]:
        threads = str(job["threads"])
        environment = {**os.environ, "OMP_NUM_THREADS": threads}
        found = subprocess.run(
            [sys.executable, __file__, "--run", json.dumps(job)],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            env=environment,
        )
        return json.loads(found.stdout)


def tune(record: Record, model: str) -> Setting:
    """Double or halve one setting after the other for as long as validation gets better."""

    def best_of(settings: list[Setting]) -> Setting:
        jobs = [{"model": model, "setting": s, "seed": 0, "tuning": True, "threads": 1}
                for s in settings]  # fmt: skip
        return max(record.wanted(jobs, at_once=2), key=validation)["setting"]

    best = START[model]
    for name in VARIED:
        while True:
            now = best[name]
            near = [{**best, name: type(now)(now * factor)} for factor in (0.5, 2)]
            found = best_of([*near, best])
            if found == best:
                break
            best = found
    decay = best["weight_decay"]
    longer = [{**best, "epochs": n, "weight_decay": times * decay} for n, times in LONGER]
    return best_of([best, *longer])


def validation(run: dict[str, Any]) -> float:
    return run["epochs"][-1]["recall@20"]


def measure() -> None:
    record = Record()
    for model in START:
        chosen = tune(record, model)
        record.wanted(
            [{"model": model, "setting": chosen, "seed": seed, "tuning": False, "threads": 2}
             for seed in SEEDS], at_once=1,
        )  # fmt: skip
    paper = {"model": "paper's recipe", "setting": PAPER, "seed": 0, "tuning": False, "threads": 2}
    record.wanted([paper], at_once=1)


# ---------------------------------------------------------------------- tables
def seconds_until(run: dict[str, Any], mark: float) -> float | None:
    """Seconds of training after which test Recall@20 was first seen at the mark."""
    spent = 0.0
    for epoch in run["epochs"]:
        spent += epoch["seconds"]
        if epoch.get("recall@20", 0.0) >= mark:
            return spent
    return None


def report(record: dict[str, Any]) -> str:
    tuning = [run for run in record["runs"] if run["tuning"]]
    final = [run for run in record["runs"] if not run["tuning"]]
    varied = ("weight_decay", "lr", "negatives", "batch_size", "epochs")
    lines = ["Refitted on all of train, two threads:", ""]
    lines += ["| model | seed | epochs | training, s | Recall@20 | NDCG@20 |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for run in final:
        last = run["epochs"][-1]
        spent = sum(epoch["seconds"] for epoch in run["epochs"])
        lines.append(
            f"| {run['model']} | {run['seed']} | {len(run['epochs'])} | {spent:.0f} | "
            f"{last['recall@20']:.4f} | {last['ndcg@20']:.4f} |"
        )
    for model in dict.fromkeys(run["model"] for run in final):
        runs = [run for run in final if run["model"] == model]
        recalls, ndcgs = ([run["epochs"][-1][m] for run in runs] for m in ("recall@20", "ndcg@20"))
        if len(runs) > 1:
            lines.append(
                f"| {model}, mean ± standard deviation | | | | {statistics.mean(recalls):.4f} ± "
                f"{statistics.stdev(recalls):.4f} | {statistics.mean(ndcgs):.4f} ± "
                f"{statistics.stdev(ndcgs):.4f} |"
            )
    lines += ["", "Seconds of training until test Recall@20 passes a mark:", ""]
    lines += ["| model | seed | " + " | ".join(f"{mark:.3f}" for mark in MARKS) + " |",
              "|---|---|" + "---|" * len(MARKS)]  # fmt: skip
    for run in final:
        passed = [seconds_until(run, mark) for mark in MARKS]
        cells = " | ".join("–" if found is None else f"{found:.0f}" for found in passed)
        lines.append(f"| {run['model']} | {run['seed']} | {cells} |")
    lines += [
        "",
        "Settings tried, judged on validation (a tenth of train; seed 0, one thread):",
        "",
    ]
    lines += ["| model | " + " | ".join(varied) + " | training, s | validation Recall@20 |",
              "|---|" + "---|" * (len(varied) + 2)]  # fmt: skip
    for run in tuning:
        cells = " | ".join(f"{run['setting'][name]:g}" for name in varied)
        spent = sum(epoch["seconds"] for epoch in run["epochs"])
        lines.append(f"| {run['model']} | {cells} | {spent:.0f} | {validation(run):.4f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(train(json.loads(sys.argv[2]))))
    elif sys.argv[1:] == ["--report"]:
        record = json.loads(STORED.read_text(encoding="utf-8"))
        store("time_to_quality", record, report(record))
    else:
        measure()


if __name__ == "__main__":
    main()
