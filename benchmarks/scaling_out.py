"""Training on several processes, and on truncated rows: what each costs, and what is lost.

    GNNREC_DATA=... python benchmarks/scaling_out.py
    GNNREC_DATA=... python benchmarks/scaling_out.py steps       # this part only

- *steps*: a step of LightGCN on Gowalla (dimension 64, three layers, batches of 2,048) on one and
  on two processes of one thread each, that share the columns of the table. One after the other,
  three times in turn; the median of 40 steps without the first five. Peak memory is of each
  process. With BPR two scores of each pair are added up, with sampled softmax 1,025.
- *quality*: the same model trained by `fit`, and on two processes, for the same number of epochs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import Any

import torch
from machine import peak
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import datasets, distributed, evaluate, fit, models
from gnnrec_helpers.distributed.dimensions import DimensionParallel, keep_columns
from gnnrec_helpers.distributed.joining import joined
from gnnrec_helpers.distributed.sampling import sampler_for
from gnnrec_helpers.distributed.settings import Settings
from gnnrec_helpers.engine.memory import freed_memory_kept
from gnnrec_helpers.objectives import BPR, SampledSoftmax

LOSSES = {"BPR": BPR(), "sampled softmax": SampledSoftmax()}
STEPS, WARM_UP, TURNS, EPOCHS = 40, 5, 3, 20


# ---------------------------------------------------------------------- steps
def worker(loss: str) -> None:
    """What each process of a measurement runs; the first prints the result."""
    import torch.distributed as dist

    with joined(), freed_memory_kept():
        split = datasets.load("gowalla").split
        assert split is not None
        model = models.LightGCN(split.train)
        settings = Settings(objective=LOSSES[loss])
        keep_columns(model)
        engine = DimensionParallel(model, settings.objective, settings.lr)
        batches = sampler_for(settings, split.train).epoch(0)
        seconds = []
        for _ in range(WARM_UP + STEPS):
            started = time.perf_counter()
            engine.step(next(batches))
            seconds.append(time.perf_counter() - started)
        peaks: list[float | None] = [None] * dist.get_world_size()
        dist.all_gather_object(peaks, peak())
        if dist.get_rank() == 0:
            print(json.dumps({"step": statistics.median(seconds[WARM_UP:]), "peaks": peaks}))


def on_processes(processes: int, loss: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), __file__, "--worker", loss]
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=settings)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def steps(loss: str) -> Result:
    turns = [{str(n): on_processes(n, loss) for n in (1, 2)} for _ in range(TURNS)]
    return {
        "steps": {n: [turn[n]["step"] for turn in turns] for n in turns[0]},
        "peaks, MB": {n: told["peaks"] for n, told in turns[0].items()},
    }


# ---------------------------------------------------------------------- quality
def quality(processes: int) -> Result:
    split = datasets.load("gowalla").split
    assert split is not None
    model = models.LightGCN(split.train)
    started = time.perf_counter()
    if processes == 1:
        history = fit(model, split, epochs=EPOCHS, schedule="constant", progress=False)
    else:
        history = distributed.fit(model, split, processes=processes, epochs=EPOCHS, progress=False)
    return {
        "seconds": time.perf_counter() - started,
        "seconds of epochs": sum(row["seconds"] for row in history.epochs),
        "losses": history.losses,
        **evaluate(model, split),
    }


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    return steps(job["loss"]) if job["part"] == "steps" else quality(job["processes"])


# ---------------------------------------------------------------------- what is run
JOBS: dict[str, list[Job]] = {
    "steps": [{"part": "steps", "loss": loss} for loss in LOSSES],
    "quality": [{"part": "quality", "processes": processes} for processes in (1, 2)],
}


def measure(record: Recorded, *parts: str) -> None:
    for part in parts:
        record.run(JOBS[part])


def data_of(job: Job) -> list[str]:
    return ["gowalla"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines: list[str] = []
    by_part: dict[str, list[Any]] = {part: [] for part in JOBS}
    for stored in record["runs"]:
        by_part[stored["job"]["part"]].append(stored)
    if by_part["steps"]:
        lines += [
            "| loss | processes of one thread | a step, ms | of one process's | peak memory of "
            "each, GB |",
            "|---|---|---|---|---|",
        ]
    for stored in by_part["steps"]:
        result, loss = stored["result"], stored["job"]["loss"]
        alone = result["steps"]["1"]
        for processes, seconds in result["steps"].items():
            peaks = " · ".join(f"{peak / 1e3:.2f}" for peak in result["peaks, MB"][processes])
            ratios = [several / one for one, several in zip(alone, seconds, strict=True)]
            lines.append(
                f"| {loss} | {processes} | {1e3 * statistics.median(seconds):.1f} | "
                f"{statistics.median(ratios):.2f} | {peaks} |"
            )
    lines.append("")
    trained = {stored["job"]["processes"]: stored["result"] for stored in by_part["quality"]}
    if len(trained) == 2:
        lines += [
            "| processes | epochs | seconds of training | last loss | Recall@20 | NDCG@20 |",
            "|---|---|---|---|---|---|",
        ]
        for processes, result in trained.items():
            lines.append(
                f"| {processes} | {len(result['losses'])} | {result['seconds of epochs']:.0f} | "
                f"{result['losses'][-1]:.5f} | {result['recall@20']:.5f} | "
                f"{result['ndcg@20']:.5f} |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
    else:
        main(__doc__, partial(Recorded, "scaling_out", run, report, data_of), measure, [*JOBS])
