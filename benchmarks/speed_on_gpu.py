"""Milliseconds of a training step, of an evaluation, and seconds to quality on a GPU, on Gowalla.

    GNNREC_DATA=... python benchmarks/speed.py --device cuda      # about two minutes

A step is LightGCN's, dim 64, 3 layers, BPR with one negative, batches of 2,048, Adam, sampling
included. PyG and the package take turns of a hundred steps in one process, and the median of
seven turns counts. An evaluation ranks all items for all users. Time to quality is that of the
recipe of time_to_quality.py, training alone; it was chosen on validation there, and the test part
is looked at every two epochs to draw the curve.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import Adam

from gnnrec_helpers import BPR, SampledSoftmax, Split, datasets, evaluate, fit, models
from gnnrec_helpers.engine.sampling import PairSampler
from gnnrec_helpers.training import History
from gnnrec_helpers.training.stepping import Stepper

DIM, LAYERS, BATCH, ROUNDS, STEPS = 64, 3, 2048, 7, 100
MARKS = (0.16, 0.17, 0.18, 0.183, 0.186)
RECIPE: dict[str, Any] = {"lr": 0.02, "batch_size": 8192, "schedule": "cosine", "epochs": 50}


def batches(split: Split, device: torch.device) -> Iterator[Any]:
    sampler = PairSampler(split.train, BATCH)
    number = 0
    while True:
        yield from sampler.epoch(number, device)
        number += 1


def ours(split: Split, device: torch.device) -> Callable[[], None]:
    model = models.LightGCN(split.train, DIM, LAYERS).to(device)
    model.train()
    drawn, stepper = batches(split, device), Stepper(model, BPR(), 1e-3)

    def step() -> None:
        stepper(next(drawn), 1e-3)

    return step


def pyg(split: Split, device: torch.device, csr: bool) -> Callable[[], None]:
    from torch_geometric.nn import LightGCN
    from torch_geometric.utils import to_torch_csr_tensor

    train = split.train
    users = torch.from_numpy(train.user_index)
    items = torch.from_numpy(train.item_index) + train.num_users
    edges = torch.stack([torch.cat([users, items]), torch.cat([items, users])])
    nodes = train.num_users + train.num_items
    graph = (to_torch_csr_tensor(edges, size=(nodes, nodes)) if csr else edges).to(device)
    users, items = users.to(device), items.to(device)
    model = LightGCN(nodes, DIM, LAYERS).to(device)
    optimizer = Adam(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        chosen = torch.randint(len(users), (BATCH,), device=device)
        negative = torch.randint(train.num_users, nodes, (BATCH,), device=device)
        pairs = torch.stack([users[chosen].repeat(2), torch.cat([items[chosen], negative])])
        optimizer.zero_grad()
        positive_rank, negative_rank = model(graph, pairs).chunk(2)
        model.recommendation_loss(
            positive_rank, negative_rank, node_id=pairs.unique(), lambda_reg=1e-4
        ).backward()
        optimizer.step()

    return step


def timed(step: Callable[[], None], count: int) -> float:
    """Seconds of one step."""
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / count


def steps(split: Split, device: torch.device) -> dict[str, float]:
    workers = {
        "gnnrec_helpers": ours(split, device),
        "PyG, CSR": pyg(split, device, csr=True),
        "PyG, edge_index": pyg(split, device, csr=False),
    }
    for step in workers.values():
        timed(step, 20)
    turns: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(ROUNDS):
        for name, step in workers.items():
            turns[name].append(timed(step, STEPS))
    return {name: statistics.median(found) for name, found in turns.items()}


def evaluations(split: Split, device: torch.device) -> list[float]:
    model = models.LightGCN(split.train, DIM, LAYERS).to(device)
    found = []
    for _ in range(8):
        torch.cuda.synchronize()
        started = time.perf_counter()
        evaluate(model, split, metrics=("recall", "ndcg"))
        found.append(time.perf_counter() - started)
    return found[1:]


def to_quality(split: Split, device: torch.device, seed: int) -> dict[str, Any]:
    model = models.LightGCN(split.train, DIM, LAYERS, seed=seed).to(device)
    curve = []

    def judge(model: Any, history: History) -> None:
        if len(history.epochs) % 2 == 0:
            found = evaluate(model, split, metrics=("recall", "ndcg"))
            seconds = sum(row["seconds"] for row in history.epochs)
            curve.append((seconds, found["recall@20"], found["ndcg@20"]))

    fit(
        model,
        split,
        objective=SampledSoftmax(2048, 0.05),
        seed=seed,
        after_epoch=judge,
        progress=False,
        **RECIPE,
    )
    return {"seed": seed, "curve": curve}


def measure(seeds: int = 3) -> dict[str, Any]:
    device = torch.device("cuda")
    split = datasets.load("gowalla").split
    torch.cuda.reset_peak_memory_stats()
    return {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "step": steps(split, device),
        "evaluation": evaluations(split, device),
        "quality": [to_quality(split, device, seed) for seed in range(seeds)],
        "peak": torch.cuda.max_memory_allocated(),
    }


def report(record: dict[str, Any]) -> str:
    mine = record["step"]["gnnrec_helpers"]
    lines = [
        f"{record['card']}, torch {record['torch']}.",
        "",
        "| library | ms a step | ratio |",
        "|---|---|---|",
        *(f"| {n} | {1e3 * s:.2f} | {s / mine:.1f} |" for n, s in record["step"].items()),
        "",
        f"Evaluation of all users: {statistics.median(record['evaluation']):.3f} s. "
        f"Most memory on the card: {record['peak'] / 1e9:.1f} GB.",
        "",
        "Seconds of training until test Recall@20 passes a mark, and where it ends:",
        "",
        "| seed | " + " | ".join(map(str, MARKS)) + " | seconds | Recall@20 | NDCG@20 |",
        "|---" * (len(MARKS) + 4) + "|",
    ]
    for run in record["quality"]:
        passed = [next((s for s, r, _ in run["curve"] if r >= mark), None) for mark in MARKS]
        cells = ["–" if s is None else f"{s:.1f}" for s in passed]
        seconds, recall, ndcg = run["curve"][-1]
        lines.append(
            f"| {run['seed']} | {' | '.join(cells)} | {seconds:.1f} | {recall:.4f} | {ndcg:.4f} |"
        )
    return "\n".join(lines) + "\n"
