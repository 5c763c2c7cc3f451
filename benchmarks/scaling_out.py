"""Training on several processes, and on truncated rows: what each costs, and what is lost.

    GNNREC_DATA=... python benchmarks/scaling_out.py
    GNNREC_DATA=... python benchmarks/scaling_out.py steps edges     # these parts only

- *steps*: a step of LightGCN on Gowalla (dimension 64, three layers, batches of 2,048) on one and
  on two processes of one thread each, that share the columns of the table. One after the other,
  three times in turn; the median of 40 steps without the first five. Peak memory is of each
  process.
- *quality*: the same model trained by `fit`, and on two processes, for the same number of epochs.
- *edges*: a step on truncated rows (TruncatedLightGCN, k = 64, dimension 64, BPR, batches of 2,048,
  one thread) against the number of edges, in the graphs with towns of `growth.py`: once with nodes
  that grow with the edges, once with the same nodes throughout. Median of 15 steps. The bags are
  drawn by 40 walks a node, since only the step's cost is looked at.
- *walks*: rows estimated by random walks. How long they take, and how much memory the process has
  had, for a million nodes and ten million edges, on one thread. On Gowalla, how far they are from
  exact rows: the share of the exact bag's weight on nodes that the estimated bag has, too, and
  distances of embeddings in parts of their length, mean over nodes, for a table of matrix
  factorization after five epochs. The same distances once more with all nodes that walks visit.
- *truncation*: LightGCN on Gowalla, trained on the whole graph and on bags of k nodes, dimension
  64, three layers, sampled softmax with 1,024 negatives, batches of 4,096. A fifth of train is held
  out and says when to stop: after eight epochs without a better Recall@20, measured every second
  epoch. Weight decay is chosen there, from the same three for everybody, with seed 0; other seeds
  take it over. Truncated models are scored on test by an exact propagation, and by their bags. With
  the decay of bags of 64 also bags that are drawn by walks, and row-wise Adagrad, which has one
  number of memory for each row, in the place of Adam. Exact bags are computed once. Where there is
  a GPU, all are trained on it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from growth import KINDS, graph
from machine import DEVICE, at_once, peak, spread, trained_on
from provenance import digest_of_code
from recorded import CACHE, Job, Recorded, Result, key, main

from gnnrec_helpers import Interactions, Split, datasets, distributed, evaluate, fit, models
from gnnrec_helpers.course.records import Run
from gnnrec_helpers.distributed.dimensions import DimensionParallel
from gnnrec_helpers.distributed.engines import building_own_part
from gnnrec_helpers.distributed.joining import joined
from gnnrec_helpers.distributed.sampling import sampler_for
from gnnrec_helpers.distributed.settings import Settings
from gnnrec_helpers.engine import propagate
from gnnrec_helpers.engine.memory import freed_memory_kept
from gnnrec_helpers.engine.sampling import PairSampler
from gnnrec_helpers.engine.truncation import Bags, bag_rows, truncated_rows, walked_rows
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.objectives import BPR, SampledSoftmax
from gnnrec_helpers.training import fitting
from gnnrec_helpers.training.stepping import Stepper

LOSSES = {"BPR": BPR(), "sampled softmax": SampledSoftmax()}
STEPS, WARM_UP, TURNS, EPOCHS = 40, 5, 3, 20
EDGES, FIXED, FEW_WALKS = (1_000_000, 3_000_000, 10_000_000, 30_000_000), 368_558, 40  # users
MILLION, WALKS = {"edges": 10_000_000, "users": 416_667}, (50, 100, 200, 400, 800)
SIZES, DECAYS, RATES, SEEDS = (64, 32, 128), (0.05, 0.025, 0.1), (0.3, 0.1), (0, 1, 2)
TRAINED_BY_WALKS = (50, 200)
LEAST = 1e-8  # added to the root in Adagrad


# ---------------------------------------------------------------------- steps
def worker(loss: str) -> None:
    """What each process of a measurement runs; the first prints the result."""
    import torch.distributed as dist

    with joined(), freed_memory_kept():
        split = datasets.load("gowalla").split
        assert split is not None
        with building_own_part("dimensions"):
            model = models.LightGCN(split.train)
        settings = Settings(objective=LOSSES[loss])
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


# ---------------------------------------------------------------------- edges
def edges(count: int, users: int | None) -> Result:
    """Seconds of the three parts of a step: to draw a batch, its gradient, Adam."""
    train = graph(count, KINDS["towns"], users=users)
    model = models.TruncatedLightGCN(train, walks=FEW_WALKS).train()
    model.bags()
    objective, batches = BPR(), PairSampler(train).epoch(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    seconds = []
    with freed_memory_kept():
        for _ in range(WARM_UP + 15):
            moments = [time.perf_counter()]
            batch = next(batches)
            moments.append(time.perf_counter())
            optimizer.zero_grad()
            objective(model, batch).backward()
            moments.append(time.perf_counter())
            optimizer.step()
            moments.append(time.perf_counter())
            seconds.append([*np.diff(moments), moments[-1] - moments[0]])
    parts = np.median(seconds[WARM_UP:], axis=0)
    nodes = train.num_users + train.num_items
    named = dict(zip(("batch", "gradient", "Adam", "step"), parts.tolist(), strict=True))
    return {"nodes": nodes, **named, "peak, MB": peak()}


# ---------------------------------------------------------------------- walks
def walks_of_a_million(walks: int) -> Result:
    train = graph(MILLION["edges"], KINDS["towns"], users=MILLION["users"])
    model = models.TruncatedLightGCN(train, walks=walks)
    before, started = peak(), time.perf_counter()
    bags = model.bags()
    return {
        "nodes": len(bags.nodes),
        "edges": len(train),
        "seconds": time.perf_counter() - started,
        "peak before, MB": before,
        "peak, MB": peak(),
    }


def errors_of_walks() -> Result:
    """How far walked bags are from exact ones, and either from the whole propagation."""
    train = without_validation().train
    model, table = models.LightGCN(train), trained_table(train)
    everybody = torch.arange(len(table))
    exact = exact_bags(model.adjacency, model.layers, 64)
    whole = propagate(model.adjacency, table, model.layers)
    by_bags, _ = bag_rows(exact, table, everybody)
    found: Result = {"exact": {"from all": distance(by_bags, whole)}}
    for walks in WALKS:
        started = time.perf_counter()
        bags = walked_rows(model.adjacency, model.layers, 64, walks)
        seconds = time.perf_counter() - started
        rows, _ = bag_rows(bags, table, everybody)
        found[str(walks)] = {
            "held": held(exact, bags),
            "from exact": distance(rows, by_bags),
            "from all": distance(rows, whole),
            "seconds": seconds,
        }
    return found


def errors_without_cut() -> Result:
    """The same walks, of which every node that they visit is kept."""
    train = without_validation().train
    model, table = models.LightGCN(train), trained_table(train)
    whole = propagate(model.adjacency, table, model.layers)
    found: Result = {}
    for walks in WALKS[:3]:
        bags = walked_rows(model.adjacency, model.layers, walks * model.layers + 1, walks)
        rows = [bag_rows(bags, table, nodes)[0] for nodes in torch.arange(len(table)).split(4096)]
        found[str(walks)] = {
            "nodes": float((bags.weights > 0).sum(1).float().mean()),
            "from all": distance(torch.cat(rows), whole),
        }
    return found


def trained_table(train: Interactions) -> torch.Tensor:
    """Of matrix factorization after five epochs."""
    factors = models.MatrixFactorization(train)
    fit(factors, Split.from_parts(train), epochs=5, batch_size=4096, lr=0.01, progress=False)
    return factors.nodes.weight.detach()


def distance(rows: torch.Tensor, others: torch.Tensor) -> float:
    return float(((rows - others).norm(dim=1) / others.norm(dim=1).clamp(min=1e-9)).mean())


def held(exact: Bags, bags: Bags) -> float:
    """The share of an exact bag's weight on nodes that the other bag has; mean over bags."""
    shares = []
    for nodes, weights, others, given in zip(*exact, *bags, strict=True):
        there = torch.isin(nodes, others[given > 0])
        shares.append(float(weights[there].sum() / weights.sum()))
    return float(np.mean(shares))


# ---------------------------------------------------------------------- truncation
class RowWiseAdagrad(torch.optim.Optimizer):
    """One sum for each row: the mean of its squared gradients, step after step.

    As `EXACT_ROWWISE_ADAGRAD` of fbgemm.
    """

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for table in group["params"]:
                sums = self.state[table].setdefault("sum", table.new_zeros(len(table)))
                sums += table.grad.square().mean(1)
                scaled = table.grad / (sums.sqrt() + LEAST)[:, None]
                table.sub_(scaled, alpha=group["lr"])


class AdagradStepper(Stepper):
    """Trains with row-wise Adagrad."""

    def __init__(self, model: torch.nn.Module, objective: Any, lr: float) -> None:
        super().__init__(model, objective, lr)
        self._may_record = False
        self.optimizer = RowWiseAdagrad(model.parameters(), lr)  # type: ignore[assignment]


@contextmanager
def optimized_by(name: str) -> Iterator[None]:
    """`fit` uses this optimizer meanwhile."""
    with patch.object(fitting, "Stepper", Stepper if name == "Adam" else AdagradStepper):
        yield


def truncation(job: Job) -> Result:
    split, k = without_validation(), job["k"]
    model = models.LightGCN(split.train, seed=job["seed"])
    if k is not None:
        walks = job.get("walks")
        model = models.TruncatedLightGCN(split.train, k=k, walks=walks, seed=job["seed"])
        if walks is None:
            model.use_bags(exact_bags(model.adjacency, model.layers, k))
    checkpoint = own_cache() / f"{sha256(key(job).encode()).hexdigest()[:12]}.safetensors"
    with optimized_by(job["optimizer"]):
        history = fit(
            model.to(DEVICE),
            split,
            epochs=100,
            batch_size=4096,
            lr=job["lr"],
            objective=SampledSoftmax(1024, job["decay"]),
            seed=job["seed"],
            schedule="constant",
            patience=8,
            validate_every=2,
            checkpoint=checkpoint,
            progress=False,
        )
    checkpoint.unlink()
    result: Result = {
        "validation": history.best,
        "best epoch": history.best_epoch,
        "epochs": len(history.epochs),
        "seconds of epochs": sum(row["seconds"] for row in history.epochs),
        "trained on": trained_on(),
        "users": {},
    }
    for scored in ("exactly", "by bags")[: 1 if k is None else 2]:
        model.exact_scores = scored == "exactly"  # type: ignore[attr-defined]
        users = evaluate_users(model, split, metrics=("recall", "ndcg"))
        result[scored] = users.mean().to_dict()
        users.index = split.train.users.get_indexer(users.index)
        result["users"][scored] = users[["recall@20"]].round(4)
    return result


def without_validation() -> Split:
    """Gowalla, of which a fifth of train is held out."""
    split = datasets.load("gowalla").split
    assert split is not None
    return split.with_validation(0.2, seed=0)


def exact_bags(adjacency: Any, layers: int, k: int) -> Bags:
    """Those of Gowalla's graph without validation; one computation serves every k."""
    folder = own_cache()
    if not (folder / "weights.npy").exists():  # which is written last
        truncated_rows(adjacency, layers, max(SIZES)).save(folder)
    nodes, weights = Bags.open(folder)
    kept = weights[:, :k]  # the largest come first
    kept = kept * (weights.sum(1) / kept.sum(1))[:, None]
    return Bags(nodes[:, :k].contiguous(), kept.nan_to_num())


def own_cache() -> Any:
    """A folder of this version of the code."""
    folder = CACHE / "scaling_out" / digest_of_code(run)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    match job["part"]:
        case "steps":
            return steps(job["loss"])
        case "quality":
            return quality(job["processes"])
        case "edges":
            return edges(job["edges"], None if job["nodes"] == "growing" else FIXED)
        case "walks" if job["on"] == "a million nodes":
            return walks_of_a_million(job["walks"])
        case "walks":
            return errors_of_walks() if job.get("cut", True) else errors_without_cut()
        case _:
            return truncation(job)


# ---------------------------------------------------------------------- what is run
def trained(k: int | None, decay: float, seed: int = 0) -> Job:
    """On bags of k, or on the whole graph."""
    return {"part": "truncation", "k": k, "decay": decay, "lr": 0.01, "optimizer": "Adam",
            "seed": seed}  # fmt: skip


TRIALS = [trained(k, decay) for decay in DECAYS for k in (None, *SIZES)]
JOBS: dict[str, list[Job]] = {
    "steps": [{"part": "steps", "loss": loss} for loss in LOSSES],
    "quality": [{"part": "quality", "processes": processes} for processes in (1, 2)],
    "edges": [
        {"part": "edges", "edges": count, "nodes": nodes}
        for nodes in ("growing", "fixed")
        for count in EDGES
    ],
    "walks": [
        {"part": "walks", "on": "a million nodes", "walks": 200},
        {"part": "walks", "on": "gowalla"},
        {"part": "walks", "on": "gowalla", "cut": False},
    ],
    "truncation": [],  # see `measure`
}


def measure(record: Recorded, *parts: str) -> None:
    for part in parts:
        for job in JOBS[part]:  # in this order
            record.run([job])
    if "truncation" in parts:
        record.run(TRIALS[1:2])  # computes the exact bags
        record.run(TRIALS, at_once(1))
        best = {
            k: record.best([job for job in TRIALS if job["k"] == k], validation)
            for k in (None, *SIZES)
        }
        of_64 = best[SIZES[0]]
        others = [{**of_64, "walks": walks} for walks in TRAINED_BY_WALKS]
        others += [{**of_64, "optimizer": "row-wise Adagrad", "lr": lr} for lr in RATES]
        others += [{**job, "seed": seed} for seed in SEEDS[1:] for job in best.values()]
        record.run(others, at_once(1))


def validation(result: Result) -> float:
    return float(result["validation"])


def data_of(job: Job) -> list[str]:
    return [] if job["part"] == "edges" or job.get("on") == "a million nodes" else ["gowalla"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    of_part = {part: [run for run in record["runs"] if run["job"]["part"] == part] for part in JOBS}
    tables = {"steps": of_steps, "quality": of_quality, "edges": of_edges, "walks": of_walks,
              "truncation": of_truncation}  # fmt: skip
    return "\n".join("\n".join([*tables[part](runs), ""]) for part, runs in of_part.items() if runs)


def of_steps(runs: list[Run]) -> list[str]:
    lines = [
        "| loss | processes of one thread | a step, ms | of one process's | peak memory of each, "
        "GB |",
        "|---|---|---|---|---|",
    ]
    for stored in runs:
        result, loss = stored["result"], stored["job"]["loss"]
        alone = result["steps"]["1"]
        for processes, seconds in result["steps"].items():
            peaks = " · ".join(f"{peak / 1e3:.2f}" for peak in result["peaks, MB"][processes])
            ratios = [several / one for one, several in zip(alone, seconds, strict=True)]
            lines.append(
                f"| {loss} | {processes} | {1e3 * statistics.median(seconds):.1f} | "
                f"{statistics.median(ratios):.2f} | {peaks} |"
            )
    return lines


def of_quality(runs: list[Run]) -> list[str]:
    lines = [
        "| processes | epochs | seconds of training | last loss | Recall@20 | NDCG@20 |",
        "|---|---|---|---|---|---|",
    ]
    for stored in runs:
        result = stored["result"]
        lines.append(
            f"| {stored['job']['processes']} | {len(result['losses'])} | "
            f"{result['seconds of epochs']:.0f} | {result['losses'][-1]:.5f} | "
            f"{result['recall@20']:.5f} | {result['ndcg@20']:.5f} |"
        )
    return lines


def of_edges(runs: list[Run]) -> list[str]:
    parts = ("batch", "gradient", "Adam", "step")
    lines = [
        "A step on bags (k = 64):",
        "",
        "| nodes | edges | draw a batch, ms | gradient, ms | Adam, ms | a step, ms | peak of the "
        "process, GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in ("growing", "fixed"):
        of_kind = [run for run in runs if run["job"]["nodes"] == kind]
        for run in of_kind:
            result = run["result"]
            cells = " | ".join(f"{1e3 * result[part]:.1f}" for part in parts)
            lines.append(
                f"| {kind}: {result['nodes']:,} | {run['job']['edges']:,} | {cells} | "
                f"{result['peak, MB'] / 1e3:.1f} |"
            )
        if len(of_kind) > 1:
            counts = np.log([run["job"]["edges"] for run in of_kind])
            slopes = [
                np.polyfit(counts, np.log([run["result"][part] for run in of_kind]), 1)[0]
                for part in parts
            ]
            cells = " | ".join(f"{slope:.2f}" for slope in slopes)
            lines.append(f"| {kind}, **exponent** | | {cells} | |")
    return lines


def of_walks(runs: list[Run]) -> list[str]:
    lines = []
    for run in runs:
        result = run["result"]
        if run["job"]["on"] == "a million nodes":
            lines += [
                f"Bags of {result['nodes']:,} nodes and {result['edges']:,} edges by "
                f"{run['job']['walks']} walks from each node: {result['seconds']:.0f} s on one "
                f"thread; the process has {result['peak, MB'] / 1e3:.1f} GB at most, and had "
                f"{result['peak before, MB'] / 1e3:.1f} GB when graph and model were made.",
                "",
            ]
            continue
        if not run["job"].get("cut", True):
            lines += ["Not cut to 64 nodes, the same walks come nearer the more there are:", ""]
            lines += ["| walks | nodes in a bag | from the whole propagation |", "|---|---|---|"]
            lines += [
                f"| {walks} | {found['nodes']:.0f} | {found['from all']:.3f} |"
                for walks, found in result.items()
            ]
            lines.append("")
            continue
        lines += [
            "Walked rows beside exact ones, Gowalla, k = 64; embeddings of exact bags are "
            f"{result['exact']['from all']:.3f} of their length away from those of the whole "
            "propagation:",
            "",
            "| walks | weight of the exact bag on nodes of the walked one | from exact bags | "
            "from the whole propagation | seconds |",
            "|---|---|---|---|---|",
        ]
        for walks, found in result.items():
            if walks != "exact":
                lines.append(
                    f"| {walks} | {found['held']:.3f} | {found['from exact']:.3f} | "
                    f"{found['from all']:.3f} | {found['seconds']:.0f} |"
                )
        lines.append("")
    return lines[:-1]


def label(job: Job) -> str:
    name = "the whole graph" if job["k"] is None else f"bags of {job['k']}"
    name += f" by {job['walks']} walks" if "walks" in job else ""
    return name if job["optimizer"] == "Adam" else f"{name}, {job['optimizer']}"


def of_truncation(runs: list[Run]) -> list[str]:
    labels = dict.fromkeys(label(run["job"]) for run in runs)
    chosen: dict[str, list[Run]] = {}
    lines = ["Settings tried, seed 0:", "",
             "| trained on | learning rate | weight decay | epochs | seconds | validation "
             "Recall@20 |", "|---|---|---|---|---|---|"]  # fmt: skip
    for name in labels:
        of_name = [run for run in runs if label(run["job"]) == name]
        first = [run for run in of_name if run["job"]["seed"] == 0]
        for run in first:
            job, result = run["job"], run["result"]
            lines.append(
                f"| {name} | {job['lr']:g} | {job['decay']:g} | {result['epochs']} | "
                f"{result['seconds of epochs']:.0f} | {result['validation']:.4f} |"
            )
        if first:
            best = max(first, key=lambda run: run["result"]["validation"])["job"]
            of_best = [run for run in of_name if {**run["job"], "seed": 0} == best]
            chosen[name] = sorted(of_best, key=lambda run: run["job"]["seed"])
    lines += ["", "On test, each with the setting of the best validation; differences from the "
              "whole graph, with 95 % intervals over users, are of the seeds that both have:", "",
              "| trained on | seeds | scored | Recall@20 | NDCG@20 | Δ Recall@20 |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    whole = chosen.get("the whole graph", [])
    for name, of_best in chosen.items():
        for scored in of_best[0]["users"]:
            cells = " | ".join(
                spread([run["result"][scored][metric] for run in of_best])
                for metric in ("recall@20", "ndcg@20")
            )
            lines.append(
                f"| {name} | {len(of_best)} | {scored} | {cells} | "
                f"{difference(of_best, scored, whole)} |"
            )
    return lines


def difference(runs: list[Run], scored: str, whole: list[Run]) -> str:
    """Of Recall@20 from training on the whole graph, user by user."""
    both = {run["job"]["seed"] for run in runs} & {run["job"]["seed"] for run in whole}
    if runs is whole or not both:
        return "–"
    tables = {
        "bags": [run["users"][scored] for run in runs if run["job"]["seed"] in both],
        "whole": [run["users"]["exactly"] for run in whole if run["job"]["seed"] in both],
    }
    row = compare_users(tables, baseline="whole").loc["bags"]
    return f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
    else:
        main(__doc__, partial(Recorded, "scaling_out", run, report, data_of), measure, [*JOBS])
