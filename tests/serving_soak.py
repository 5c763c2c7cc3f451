"""The service under load while its file is replaced, and saves that are killed.

    python -m tests.serving_soak          # about two minutes

Clients ask without a pause. Meanwhile good files take the place of the model's file, in turn with
bad ones: torn, of another program, of a later version, gone, written in place. Every answer has to
be that of the model whose digest it names. Then processes that save a model without end are killed:
the file has to be one model or the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from safetensors.torch import save_file

from gnnrec_helpers import Interactions, load, models, recommend, similar_items
from gnnrec_helpers.models.files import FORMAT, KEY

ROOT = Path(__file__).resolve().parents[1]
USERS, ITEMS, PAIRS, DIM, K = 1_000, 3_000, 20_000, 64, 10
Answer = tuple[int, Any]


# ---------------------------------------------------------------------- asking
class Client:
    """One connection to the service."""

    def __init__(self, port: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=30)

    def __call__(self, path: str, body: object = None) -> Answer:
        """Status and content of the answer; without a body it is a GET."""
        text = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        method, headers = ("GET" if text is None else "POST"), {"Content-Type": "application/json"}
        self.connection.request(method, path, text, headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


@contextmanager
def started(
    path: Path, log: Path, poll: float = 0.5, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The service in a process of its own, and its port."""
    command = [sys.executable, "-m", "gnnrec_helpers.serving", str(path), "--port", "0"]
    command += ["--poll", str(poll)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with log.open("wb") as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=lines, env=environment)
    try:
        yield process, _port(process, log)
    finally:
        process.terminate()
        process.wait(30)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    for _ in range(600):
        if found := re.search(r"running on http://[\d.]+:(\d+)", log.read_text("utf-8")):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"The service did not start: {log.read_text('utf-8')}")


# ---------------------------------------------------------------------- files
def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def saved_models(folder: Path, count: int) -> list[Path]:
    """Models of the same shop that answer differently."""
    generator = np.random.default_rng(0)
    pairs = np.unique(generator.integers(0, USERS * ITEMS, PAIRS))
    labels = pd.Index([f"user {n}" for n in range(USERS)]), pd.RangeIndex(1_000, 1_000 + ITEMS)
    likes = Interactions(pairs // ITEMS, pairs % ITEMS, *labels)
    paths = [folder / f"{seed}.safetensors" for seed in range(count)]
    for seed, path in enumerate(paths):
        models.LightGCN(likes, dim=DIM, layers=2, seed=seed).save(path)
    return paths


def bad_files(good: Path, folder: Path) -> list[Path | None]:
    """What the service has to refuse; None is no file at all."""
    content, bad = good.read_bytes(), folder / "bad"
    bad.mkdir()
    (bad / "torn").write_bytes(content[: len(content) // 2])
    (bad / "noise").write_bytes(random.Random(0).randbytes(10_000))
    (bad / "empty").write_bytes(b"")
    save_file({"weight": torch.zeros(3)}, bad / "another_program")
    story = json.dumps({"format": FORMAT + 1, "version": "9.9", "model": {}})
    save_file({"weight": torch.zeros(3)}, bad / "later_version", {KEY: story})
    return [*sorted(bad.iterdir()), None]


def replace(path: Path, new: Path | None, in_place: bool) -> None:
    """Put a copy of a file to where the service looks."""
    if new is None:
        path.unlink()
    elif in_place:
        path.write_bytes(new.read_bytes())
    else:
        aside = path.with_name("aside")
        aside.write_bytes(new.read_bytes())
        os.replace(aside, path)


# ---------------------------------------------------------------------- under load
@dataclass
class Report:
    """What happened; `wrong` holds a line for everything that should not have."""

    requests: int = 0
    answered_by: Counter[str] = field(default_factory=Counter)  # by digest
    refused: int = 0
    megabytes: list[float] = field(default_factory=list)  # of the service, as time goes on
    wrong: list[str] = field(default_factory=list)


def answers_of(path: Path, users: Sequence[str], items: Sequence[int]) -> dict[object, Any]:
    """What the service should answer for each user and for each item, if this is its file."""
    model = load(path)
    assert isinstance(model, models.Model)
    lists = recommend(model.frozen(), users, K)
    near = similar_items(model, items, K)
    answers: dict[object, Any] = {
        user: table["item"].tolist() for user, table in lists.groupby("user")
    }
    return answers | {item: table["similar"].tolist() for item, table in near.groupby("item")}


def soak(
    folder: Path, seconds: float, clients: int, replacements: int, poll: float = 0.5
) -> Report:
    """Ask from many threads while the file is replaced, every second time by a bad one.

    It takes longer than so many seconds where the service needs more to notice a file.
    """
    torch.set_num_threads(1)
    good = saved_models(folder, 4)
    bad = bad_files(good[0], folder)
    users = [f"user {n}" for n in range(0, USERS, 7)]
    chosen = [set(model.items[model.informed_items]) for model in map(load, good)]
    items = sorted(set.intersection(*chosen))[::60]
    right = {digest_of(path): answers_of(path, users, items) for path in good}
    path, report, done = folder / "served.safetensors", Report(), threading.Event()
    lock = threading.Lock()
    replace(path, good[0], False)

    def ask(seed: int, port: int) -> None:
        drawn, client = random.Random(seed), Client(port)
        while not done.is_set():
            try:
                if drawn.random() < 0.05:
                    asked: list[Any] = drawn.sample(items, 1)
                    status, answer = client("/similar-items", {"items": asked, "k": K})
                    owner, listed = "item", "similar"
                else:
                    asked = drawn.sample(users, drawn.randint(1, 3))
                    status, answer = client("/recommend", {"users": asked, "k": K})
                    owner, listed = "user", "items"
                lists = {
                    one[owner]: [entry[listed.removesuffix("s") if owner == "user" else "item"]
                                 for entry in one[listed]]
                    for one in answer["lists"]
                }  # fmt: skip
                expected = {label: right[answer["digest"]][label] for label in asked}
                wrong = "" if lists == expected else f"a wrong list for {asked}"
            except Exception as error:  # a failed request is what is looked for
                status, answer, wrong = 0, {"digest": ""}, f"{type(error).__name__}: {error}"
                client.connection.close()
                client = Client(port)
            with lock:
                report.requests += 1
                report.answered_by[answer["digest"]] += 1
                if status != 200 or wrong:
                    report.wrong.append(f"{status} {wrong}")
        client.connection.close()

    with started(path, folder / "log", poll) as (process, port):
        threads = [threading.Thread(target=ask, args=(n, port)) for n in range(clients)]
        for thread in threads:
            thread.start()
        health, memory = Client(port), psutil.Process(process.pid)
        for turn in range(replacements):
            new = bad[turn // 2 % len(bad)] if turn % 2 else good[(turn // 2 + 1) % len(good)]
            replace(path, new, in_place=turn % 3 == 0)
            end, digest = time.monotonic() + seconds / replacements, new and digest_of(new)
            while True:  # at least until the service has noticed
                time.sleep(0.1)
                state = health("/health")[1]
                noticed = state["refused"] if turn % 2 else state["digest"] == digest
                if time.monotonic() > end and (noticed or time.monotonic() > end + 20):
                    break
            report.megabytes.append(memory.memory_info().rss / 2**20)
            report.refused += state["refused"] is not None
            if not noticed or (state["refused"] and not turn % 2):
                report.wrong.append(f"replacement {turn}, {new}: {state}")
        done.set()
        for thread in threads:
            thread.join()
        health.connection.close()
    if process.returncode != 0 and sys.platform != "win32":  # which ends it without asking
        report.wrong.append(f"the service ended with {process.returncode}")
    return report


# ---------------------------------------------------------------------- killed saves
def save_forever(sources: Sequence[Path], path: Path, saving: Any) -> None:
    torch.set_num_threads(1)
    both = [load(source) for source in sources]
    saving.set()
    while True:
        for model in both:
            model.save(path)


def kill_saves(folder: Path, kills: int) -> tuple[Counter[str], int]:
    """Which file was there after each kill, by digest, and how many kills were amid a save.

    A mixture would be a digest of its own.
    """
    sources, path = saved_models(folder, 2), folder / "killed" / "model.safetensors"
    path.parent.mkdir()
    replace(path, sources[0], False)
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["gnnrec_helpers"])
    drawn, found, amid = random.Random(0), Counter[str](), 0
    for _ in range(kills):
        saving = context.Event()
        process = context.Process(target=save_forever, args=(sources, path, saving))
        process.start()
        saving.wait(60)
        time.sleep(drawn.uniform(0, 0.05))
        process.kill()
        process.join()
        found[digest_of(path)] += 1
        load(path)
        begun = {*path.parent.iterdir()} - {path}
        amid += bool(begun)
        for part in begun:
            part.unlink()
    assert {*found} <= {digest_of(source) for source in sources}, found
    return found, amid


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--replacements", type=int, default=20)
    parser.add_argument("--kills", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = soak(folder, given.seconds, given.clients, given.replacements)
        print(f"{report.requests:,} requests, answered by {len(report.answered_by)} models")
        print(f"{given.replacements} replacements, {report.refused} refused")
        print("memory, MB:", *(f"{size:.0f}" for size in report.megabytes))
        print("\n".join(report.wrong[:20]) or "nothing wrong")
        (folder / "saves").mkdir()
        found, amid = kill_saves(folder / "saves", given.kills)
        print(f"{given.kills} kills, {amid} amid a save: always one of {len(found)} whole files")
        quarter = report.megabytes[len(report.megabytes) // 4]
        if report.wrong or report.megabytes[-1] > 1.1 * quarter:
            sys.exit(1)


if __name__ == "__main__":
    main()
