"""Training on two processes, of which one is killed again and again.

    python -m tests.distributed.killed          # some minutes

For each way of splitting, LightGCN is trained on small data. Meanwhile SIGKILL ends one of the two
processes, at random steps, at times in the middle of a checkpoint. All start again, and the table
has to be that of a training that nobody disturbed, to the last bit. Then a checkpoint of two
processes is read by one and by three, and one that was torn has to be passed over.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from gnnrec_helpers import History, Split, datasets, distributed, models
from gnnrec_helpers.models import MatrixFactorization

AT_ONCE = 5  # kills of one training


class Killer(threading.Thread):
    """Kills one of this process's workers, each time a checkpoint of so many steps is there.

    The second kill waits for a checkpoint of those who were started after the first.
    """

    def __init__(self, folder: Path, steps: list[int], generator: np.random.Generator) -> None:
        super().__init__(daemon=True)
        self.folder, self.steps, self.generator = folder, steps, generator
        self.killed: list[tuple[int, int]] = []  # rank, and step of the newest checkpoint
        self.amid = 0  # kills while a checkpoint was being written
        self.done = threading.Event()

    def run(self) -> None:
        gone: set[int] = set()
        after = -1
        for steps in self.steps:
            rank, delay = int(self.generator.integers(2)), self.generator.uniform(0, 0.1)
            newest, found = self._newest(), workers(gone)
            while newest < max(steps, after + 1) or rank not in found:
                if self.done.wait(0.005):
                    return
                newest, found = self._newest(), workers(gone)
            time.sleep(delay)
            try:
                os.kill(found[rank], signal.SIGKILL)
            except ProcessLookupError:  # too late: the training has ended
                return
            self.amid += any(self.folder.glob(".part-*"))
            self.killed.append((rank, newest))
            gone |= {*found.values()}
            after = self._newest()

    def _newest(self) -> int:
        return max((int(path.name[5:]) for path in self.folder.glob("step-*")), default=0)


def workers(gone: set[int]) -> dict[int, int]:
    """Rank → process, of those that torchrun started for this process and that are not gone."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        try:
            rank = process.environ().get("LOCAL_RANK")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if rank is not None and process.pid not in gone:
            found[int(rank)] = process.pid
    return found


@dataclass
class Trainings:
    """Trainings of one model with one kind of settings, whose results have to be the same."""

    build: Callable[[], MatrixFactorization]
    split: Split
    settings: dict[str, Any]
    wrong: list[str] = field(default_factory=list)  # a line for everything that should not be

    def train(self, **settings: Any) -> tuple[torch.Tensor, History]:
        """On two processes, unless another number is given."""
        model = self.build()
        quiet = {"patience": None, "progress": False}
        history = distributed.fit(model, self.split, **{**quiet, **self.settings, **settings})
        return model.nodes.weight.detach(), history

    def check(self, what: str, found: tuple[torch.Tensor, History], exact: bool = True) -> None:
        """Is it the table, and are these the losses, of the training that nobody disturbed?"""
        table, history = found
        same = torch.equal(table, self.table) and history.losses == self.history.losses
        close = torch.allclose(table, self.table, atol=1e-4, rtol=1e-4)
        if not (same if exact else close):
            self.wrong.append(f"{what}: the table is another")

    def undisturbed(self) -> None:
        """Train the table to compare with."""
        self.table, self.history = self.train()

    def kill(self, folder: Path, steps: list[int], generator: np.random.Generator) -> Killer:
        """Train once, and kill one process after each of these steps."""
        killer = Killer(folder, steps, generator)
        killer.start()
        found = self.train(checkpoint=folder, save_every=3, max_restarts=len(steps))
        killer.done.set()
        killer.join()
        self.check(f"killed (rank, steps): {killer.killed}", found)
        return killer

    def with_others(self, folder: Path, processes: int) -> None:
        """Half of a training by two processes, and the rest by another number of them."""
        half = self.settings["epochs"] // 2
        before, history = self.train(checkpoint=folder, epochs=half)
        read, _ = self.train(checkpoint=folder, epochs=half, processes=processes)
        if not torch.equal(read, before):
            self.wrong.append(f"{processes} processes read another table than 2 have written")
        found = self.train(checkpoint=folder, processes=processes)
        self.check(f"{processes} processes went on", found, exact=False)
        if found[1].epochs[:half] != history.epochs:  # with their seconds
            self.wrong.append(f"{processes} processes did not go on, but began again")

    def tear(self, folder: Path, generator: np.random.Generator) -> None:
        """Damage the newest of the checkpoints of two epochs, and train on."""
        _, history = self.train(checkpoint=folder)
        newest = max(folder.glob("step-*"))
        path = generator.choice(sorted(newest.iterdir()))
        content = bytearray(path.read_bytes())
        if generator.random() < 0.5:
            content[generator.integers(len(content))] ^= 4
        else:
            del content[generator.integers(len(content)) :]
        path.write_bytes(content)
        found = self.train(checkpoint=folder)
        self.check(f"{path.name} was torn", found)
        trained_again = [
            one != other for one, other in zip(found[1].epochs, history.epochs, strict=True)
        ]  # for then their seconds differ
        if trained_again != [False] * (len(trained_again) - 1) + [True]:
            self.wrong.append(f"{path.name} was torn, and trained again: {trained_again}")


def small(parallel: str) -> Trainings:
    """LightGCN on MovieLens."""
    split = datasets.load("movielens-small").interactions.binarize(4.0).split(test=0.2, seed=0)
    settings = {"parallel": parallel, "epochs": 6, "batch_size": 1024}
    if parallel == "dimensions":
        return Trainings(lambda: models.LightGCN(split.train, 16), split, settings)
    bags = models.TruncatedLightGCN(split.train, 16, k=16).bags()

    def truncated() -> models.TruncatedLightGCN:
        model = models.TruncatedLightGCN(split.train, 16, k=16)
        model.use_bags(bags)
        return model

    return Trainings(truncated, split, settings)


def checked(parallel: str, kills: int, torn: int, seed: int) -> list[str]:
    """Kill, tear and tell; what is wrong."""
    started, generator = time.monotonic(), np.random.default_rng(seed)
    trainings = small(parallel)
    trainings.undisturbed()
    last = trainings.settings["epochs"] * -(-len(trainings.split.train) // 1024)
    killed, amid, count = 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        while killed < kills:
            wanted = min(AT_ONCE, kills - killed)
            steps = np.sort(generator.integers(0, int(0.8 * last), wanted)).tolist()
            killer = trainings.kill(Path(name) / "killed", steps, generator)
            shutil.rmtree(Path(name) / "killed")
            killed, amid, count = killed + len(killer.killed), amid + killer.amid, count + 1
            print(f"{parallel}: killed (rank, steps) {killer.killed} of {last}", flush=True)
        for processes in (1, 3):
            trainings.with_others(Path(name) / str(processes), processes)
        for turn in range(torn):
            trainings.tear(Path(name) / f"torn {turn}", generator)
    print(
        f"{parallel}: {killed} kills in {count} trainings, {amid} amid a checkpoint; read by 1 "
        f"and by 3 processes; {torn} torn; {time.monotonic() - started:.0f} s"
    )
    print("\n".join(trainings.wrong) or f"{parallel}: nothing wrong", flush=True)
    return trainings.wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="for each way of splitting")
    parser.add_argument("--torn", type=int, default=4, help="checkpoints, likewise")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    ways = ["dimensions"]
    if find_spec("torchrec") is None:
        print("nodes: left out, TorchRec is not installed")
    else:
        ways += ["nodes"]
    wrong = [checked(way, given.kills, given.torn, given.seed) for way in ways]
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
