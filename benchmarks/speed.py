"""Seconds for a training step and an evaluation of LightGCN on Gowalla, beside other libraries.

    GNNREC_DATA=... python benchmarks/speed.py                            # ours and PyG
    GNNREC_DATA=... python benchmarks/speed.py --peers venv/bin/python    # and RecBole, implicit
    ... --authors LightGCN-PyTorch                        # and a checkout of the authors' code
    ... --device cuda                                     # on a GPU; see speed_on_gpu.py

All take the same work: dim 64, 3 layers, BPR with one negative, batches of 2,048, Adam. Each
library is a process of its own; they take turns, a few steps each after one that is not counted,
so that whatever else the machine does falls on all of them, and the median of seven turns counts.
Evaluations take three turns, after one that is not counted. The optimizer is the one that a
library's own training uses. Peak memory is that of all turns, evaluations included where there are.
`--peers` names the Python of an environment with `torch`, `recbole==1.2.1`, `implicit` and `scipy`;
two of RecBole's lines that current NumPy and SciPy refuse are mended while it runs. `implicit`
trains other models, matrix factorization by ALS and BPR; it says what an epoch costs elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PROCESS = ExitStack()  # what holds for as long as a worker runs
DIM, LAYERS, BATCH, ROUNDS, STEPS = 64, 3, 2048, 7, 4
STEPS_OF_EPOCH = 396  # 810,128 interactions in batches of 2,048
# the least that has to be done, from bytes and flops: six products that read their operands from
# the cache, of which two are restricted to the batch, and one pass of Adam over all parameters;
# on a core that reads 70 GB a second from a cache of 32 MiB and 24 GB a second from memory
FLOOR_MS = 31.0


def gowalla() -> Path:
    root = os.environ.get("GNNREC_DATA")
    if not root or not (Path(root) / "gowalla").is_dir():
        sys.exit("Set GNNREC_DATA to a folder with gowalla/train.txt and gowalla/test.txt.")
    return Path(root) / "gowalla"


# ---------------------------------------------------------------------- workers: one library each
Step = Callable[[], None]
Evaluate = Callable[[], float]
PARTS: dict[str, float] = {}  # seconds of CPU of the parts of our steps, summed


class Part:
    """``with Part("forward"): ...`` adds to `PARTS`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.started = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        cpu, wall = time.process_time() - self.started[0], time.perf_counter() - self.started[1]
        PARTS[f"{self.name} cpu"] = PARTS.get(f"{self.name} cpu", 0.0) + cpu
        PARTS[f"{self.name} wall"] = PARTS.get(f"{self.name} wall", 0.0) + wall


def ours() -> tuple[Step, Evaluate]:
    import torch

    from gnnrec_helpers import datasets, evaluate, models
    from gnnrec_helpers.engine.memory import freed_memory_kept
    from gnnrec_helpers.engine.sampling import PairSampler
    from gnnrec_helpers.objectives import BPR

    PROCESS.enter_context(freed_memory_kept())
    split = datasets.load("gowalla").split
    model = models.LightGCN(split.train, dim=DIM, layers=LAYERS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batches = endless(lambda number: PairSampler(split.train, BATCH).epoch(number))
    objective = BPR()

    def step() -> None:
        with Part("sampling"):
            batch = next(batches)
        optimizer.zero_grad()
        with Part("forward"):
            loss = objective(model, batch)
        with Part("backward"):
            loss.backward()
        with Part("optimizer"):
            optimizer.step()

    return step, lambda: evaluate(model, split, metrics=("recall", "ndcg"))["recall@20"]


def pyg(csr: bool) -> tuple[Step, None]:
    import numpy as np
    import torch
    from torch_geometric.nn import LightGCN
    from torch_geometric.utils import to_torch_csr_tensor

    from gnnrec_helpers import datasets

    train = datasets.load("gowalla").split.train
    users = torch.from_numpy(train.user_index)
    items = torch.from_numpy(train.item_index) + train.num_users
    edges = torch.stack([torch.cat([users, items]), torch.cat([items, users])])
    nodes = train.num_users + train.num_items
    graph = to_torch_csr_tensor(edges, size=(nodes, nodes)) if csr else edges
    model = LightGCN(nodes, DIM, LAYERS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = np.random.default_rng(0)

    def step() -> None:
        chosen = torch.from_numpy(generator.integers(len(users), size=BATCH))
        negative = torch.from_numpy(generator.integers(train.num_users, nodes, size=BATCH))
        pairs = torch.stack(
            [users[chosen].repeat(2), torch.cat([items[chosen], negative])]
        )  # as in the library's own example
        optimizer.zero_grad()
        positive_rank, negative_rank = model(graph, pairs).chunk(2)
        loss = model.recommendation_loss(
            positive_rank, negative_rank, node_id=pairs.unique(), lambda_reg=1e-4
        )
        loss.backward()
        optimizer.step()

    return step, None


def recbole() -> tuple[Step, Evaluate]:
    import numpy as np
    import scipy.sparse as sparse
    import torch

    for name, kind in (("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
        setattr(np, name, kind)
    sparse.dok_matrix._update = lambda self, entries: self._dict.update(entries)
    real_load = torch.load
    torch.load = lambda *a, **k: real_load(*a, **{"weights_only": False, **k})
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.model.general_recommender import LightGCN
    from recbole.trainer import Trainer
    from recbole.utils import init_seed

    sys.argv = sys.argv[:1]
    source = gowalla().resolve()
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)  # RecBole leaves logs where it runs
    (folder / "gowalla").mkdir()
    for part in ("train", "test"):
        with (folder / "gowalla" / f"gowalla.{part}.inter").open("w") as out:
            out.write("user_id:token\titem_id:token\n")
            for line in (source / f"{part}.txt").read_text().splitlines():
                user, *items = line.split()
                out.writelines(f"{user}\t{item}\n" for item in items)
    settings = {
        "data_path": str(folder), "benchmark_filename": ["train", "test", "test"],
        "load_col": {"inter": ["user_id", "item_id"]}, "use_gpu": False, "embedding_size": DIM,
        "n_layers": LAYERS, "reg_weight": 1e-4, "train_batch_size": BATCH, "learning_rate": 1e-3,
        "metrics": ["Recall", "NDCG"], "topk": [20], "valid_metric": "Recall@20",
        "eval_batch_size": 40981 * 400, "show_progress": False, "state": "ERROR",
        "checkpoint_dir": str(folder), "eval_args": {"mode": {"valid": "full", "test": "full"}},
    }  # fmt: skip
    config = Config(model="LightGCN", dataset="gowalla", config_dict=settings)
    init_seed(0, True)
    train, _, test = data_preparation(config, create_dataset(config))
    model = LightGCN(config, train.dataset)
    trainer = Trainer(config, model)
    optimizer = trainer.optimizer
    batches = endless(lambda number: iter(train))

    def step() -> None:
        optimizer.zero_grad()
        model.calculate_loss(next(batches)).backward()
        optimizer.step()

    def evaluate() -> float:
        model.eval()
        found = trainer.evaluate(test, load_best_model=False)["recall@20"]
        model.train()
        return float(found)

    return step, evaluate


def authors(checkout: Path) -> tuple[Step, None]:
    """LightGCN-PyTorch, driven by its own model, sampler and loss."""
    import numpy as np
    import torch

    code = (checkout / "code").resolve()
    data_folder = tempfile.mkdtemp()  # its loader stores a matrix beside the data
    for part in ("train.txt", "test.txt"):
        shutil.copy(gowalla() / part, data_folder)
    sys.argv = ["main.py", "--dataset=gowalla", "--layer=3", "--recdim=64", "--lr=0.001",
                "--decay=1e-4", "--bpr_batch=2048"]  # fmt: skip
    sys.path.insert(0, str(code))
    os.chdir(code)
    import dataloader
    import model as models
    import utils
    import world

    data = dataloader.Loader(path=data_folder)
    model = models.LightGCN(world.config, data)
    loss = utils.BPRLoss(model, world.config)

    def batches(_: int) -> Iterator[Any]:
        sampled = torch.as_tensor(np.asarray(utils.UniformSample_original(data))).long()
        return iter(sampled[torch.randperm(len(sampled))].split(BATCH))

    drawn = endless(batches)

    def step() -> None:
        loss.stageOne(*next(drawn).T)

    return step, None


def implicit_epochs(threads: int) -> dict[str, float]:
    """Seconds of an epoch of `implicit`'s ALS and BPR with 64 factors, the median of three."""
    import implicit
    import scipy.sparse as sparse

    pairs = [
        (user, item)
        for line in (gowalla() / "train.txt").read_text().splitlines()
        for user, *items in [line.split()]
        for item in items
    ]
    users, items = ([int(pair[side]) for pair in pairs] for side in (0, 1))
    train = sparse.csr_matrix(([1.0] * len(users), (users, items)), dtype="float32")
    found = {}
    for name, kind in (
        ("implicit, ALS", implicit.als.AlternatingLeastSquares),
        ("implicit, BPR", implicit.bpr.BayesianPersonalizedRanking),
    ):
        seconds = []
        for _ in range(3):
            model = kind(factors=DIM, iterations=5, num_threads=threads, random_state=0)
            started = time.perf_counter()
            model.fit(train, show_progress=False)
            seconds.append((time.perf_counter() - started) / 5)
        found[name] = statistics.median(seconds)
    return found


WORKERS: dict[str, Callable[[], tuple[Step, Evaluate | None]]] = {
    "gnnrec_helpers": ours,
    "PyG, CSR": lambda: pyg(csr=True),
    "PyG, edge_index": lambda: pyg(csr=False),
    "RecBole": recbole,
    "LightGCN-PyTorch": lambda: authors(Path(os.environ["AUTHORS"])),
}


def endless(epoch: Callable[[int], Iterator[Any]]) -> Iterator[Any]:
    number = 0
    while True:
        yield from epoch(number)
        number += 1


def work(name: str, threads: int) -> None:
    """Answer each line on stdin ("step" or "evaluate") with seconds of CPU and of the wall."""
    import torch

    torch.set_num_threads(threads)
    step, evaluate = WORKERS[name]()
    step()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not mix with the answers
    print("ready", file=answer, flush=True)
    for line in sys.stdin:
        stepping = line.strip() == "step"
        if stepping:
            step()  # the others have emptied the cache
        PARTS.clear()
        started, cpu = time.perf_counter(), time.process_time()
        if stepping:
            for _ in range(STEPS):
                step()
        elif evaluate is not None:
            evaluate()
        wall, busy = time.perf_counter() - started, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        found = {"wall": wall, "cpu": busy, "peak": peak, **PARTS}
        print(json.dumps(found), file=answer, flush=True)


# ---------------------------------------------------------------------- the comparison
class Worker:
    def __init__(self, name: str, python: str, threads: int) -> None:
        self.name = name
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [python, __file__, "--work", name, "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"{name} did not start; try: {python} {__file__} --work '{name}'")

    def ask(self, what: str) -> dict[str, float]:
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def products(threads: int) -> dict[str, dict[str, float]]:
    """Seconds for the bare matrix products of an evaluation: all users against all items.

    "plain" and, with eleven columns more, "aligned": rows of scores then start where lines of the
    cache do, which halves the time on some processors.
    """
    import torch

    from gnnrec_helpers.engine.memory import freed_memory_kept
    from gnnrec_helpers.serving.retrieval import BLOCK

    PROCESS.enter_context(freed_memory_kept())
    torch.set_num_threads(threads)
    found = {}
    for name, width in (("plain", 40_981), ("aligned", 40_992)):
        users, columns = torch.randn(29_858, DIM), torch.randn(DIM, width)
        blocks = users.split(BLOCK // width)
        out = torch.empty(len(blocks[0]), width)
        torch.mm(blocks[0], columns, out=out)  # not counted
        started, cpu = time.perf_counter(), time.process_time()
        for block in blocks:
            torch.mm(block, columns, out=out[: len(block)])
        wall = time.perf_counter() - started
        found[name] = {"cpu": time.process_time() - cpu, "wall": wall}
    return found


def measure(threads: int, peers: str | None) -> dict[str, Any]:
    load = os.getloadavg()[0]
    asked = {"RecBole": peers, "LightGCN-PyTorch": os.environ.get("AUTHORS")}
    names = [name for name in WORKERS if asked.get(name, True)]
    workers = [
        Worker(name, peers if name == "RecBole" and peers else sys.executable, threads)
        for name in names
    ]
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for worker in workers:
            turns[worker.name].append(worker.ask("step"))
    evaluations: dict[str, list[float]] = {n: [] for n in names if not n.startswith("PyG")}
    key = "cpu" if threads == 1 else "wall"
    bare = []
    for _ in range(4):  # the first is not counted
        bare.append(products(threads))
        for worker in workers:
            if worker.name in evaluations:
                evaluations[worker.name].append(worker.ask("evaluate")[key])
    peaks = {worker.name: worker.ask("step")["peak"] for worker in workers}
    for worker in workers:
        worker.process.kill()
    names_of_parts = [name for name in turns["gnnrec_helpers"][0] if name.endswith(f" {key}")]
    return {
        "threads": threads,
        "parts": {
            name.removesuffix(f" {key}"): statistics.median(
                turn[name] for turn in turns["gnnrec_helpers"]
            )
            / STEPS
            for name in names_of_parts
        },
        "implicit": elsewhere(peers, threads),
        "load": load,
        "step": {
            name: {
                key: statistics.median(turn[key] for turn in found) / STEPS
                for key in ("cpu", "wall")
            }
            for name, found in turns.items()
        },
        "evaluation": {name: statistics.median(found[1:]) for name, found in evaluations.items()},
        "products": {
            kind: statistics.median(run[kind][key] for run in bare[1:]) for kind in bare[0]
        },
        "peak": peaks,
    }


def elsewhere(peers: str | None, threads: int) -> dict[str, float]:
    """:func:`implicit_epochs` in the peers' environment; nothing without one."""
    if not peers:
        return {}
    command = [peers, __file__, "--implicit", "--threads", str(threads)]
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    found = subprocess.run(command, capture_output=True, text=True, env=settings)
    if found.returncode:
        print(f"implicit is left out: {found.stderr.strip().splitlines()[-1]}")
        return {}
    return json.loads(found.stdout.splitlines()[-1])


def report(record: dict[str, Any]) -> str:
    lines = []
    for run in record["runs"]:
        key = "cpu" if run["threads"] == 1 else "wall"
        mine = run["step"]["gnnrec_helpers"][key]
        lines += [
            f"{run['threads']} thread(s), {key} seconds; load before {run['load']:.1f}; "
            f"bare products of an evaluation {run['products']['plain']:.2f} s, with rows that "
            f"start at a line of the cache {run['products']['aligned']:.2f} s",
            "",
            "| library | s/step | s/epoch | ratio | evaluation, s | ratio | peak, GB |",
            "|---|---|---|---|---|---|---|",
        ]
        judged = run["evaluation"]["gnnrec_helpers"]
        for name, found in run["step"].items():
            seconds = run["evaluation"].get(name)
            evaluation = "– | –" if seconds is None else f"{seconds:.2f} | {seconds / judged:.2f}"
            lines.append(
                f"| {name} | {found[key]:.4f} | {found[key] * STEPS_OF_EPOCH:.0f} | "
                f"{found[key] / mine:.1f} | {evaluation} | {run['peak'][name] / 1e9:.2f} |"
            )
        for name, seconds in run["implicit"].items():
            lines.append(f"| {name} (no graph), wall | – | {seconds:.1f} | – | – | – | – |")
        parts = ", ".join(f"{name} {1e3 * spent:.1f} ms" for name, spent in run["parts"].items())
        plain, aligned = (judged / run["products"][kind] for kind in ("plain", "aligned"))
        lines += [
            "",
            f"Our step: {parts}. Our evaluation takes {plain:.2f} times as long as its plain "
            f"products, and {aligned:.2f} times as long as its aligned ones.",
            "",
        ]
    single = record["runs"][0]["step"]["gnnrec_helpers"]["cpu"]
    lines.append(record["machine"]["processor"] + ".")
    lines.append("")
    lines.append(f"One thread: {1e3 * single:.0f} ms a step, {1e3 * single / FLOOR_MS:.1f} times")
    lines[-1] += f" the floor of {FLOOR_MS:.0f} ms."
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--peers", help="the Python of an environment with RecBole and implicit")
    arguments.add_argument("--authors", help="a checkout of LightGCN-PyTorch")
    arguments.add_argument("--report", action="store_true", help="write the stored tables again")
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments.add_argument("--implicit", action="store_true", help="implicit's epochs, as JSON")
    arguments.add_argument("--work", choices=WORKERS, help="one library, asked through stdin")
    arguments.add_argument("--threads", type=int, default=1, help="of --implicit and --work")
    given = arguments.parse_args()
    if given.authors:
        os.environ["AUTHORS"] = given.authors
    if given.work:
        work(given.work, given.threads)
        return
    if given.implicit:
        print(json.dumps(implicit_epochs(given.threads)))
        return
    # not at the top: the peers' environment runs this file, and has no gnnrec_helpers
    from machine import describe, load, store

    if given.device == "cuda":
        import speed_on_gpu

        gowalla()
        code = [speed_on_gpu.ours, speed_on_gpu.to_quality]
        record = {"machine": describe(1, code, ["gowalla"]), **speed_on_gpu.measure()}
        store("speed_on_gpu", record, speed_on_gpu.report(record))
        return
    if given.report:
        record = load("speed")
    else:
        gowalla()
        record = {
            "machine": describe(2, [ours, products], ["gowalla"]),  # threads of the second run
            "runs": [measure(threads, given.peers) for threads in (1, 2)],
        }
    store("speed", record, report(record))


if __name__ == "__main__":
    main()
