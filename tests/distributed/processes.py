"""Functions on several processes, and data for them: what the tests of `distributed` share."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist

from gnnrec_helpers import Interactions, KnowledgeGraph, SocialGraph, Split

USERS, ITEMS = 30, 20
# the server has imported everything, and processes forked from it start in no time
START = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
TORCHREC = ["torchrec.distributed.model_parallel"] if find_spec("torchrec") else []
START.set_forkserver_preload(["gnnrec_helpers.distributed.worker", *TORCHREC])


def on(processes: int, function: Callable[..., None], folder: Path, *arguments: object) -> None:
    """Call ``function(folder, *arguments)`` in so many processes that know of each other."""
    store = folder / f"store-{function.__name__}-{processes}"
    workers = [
        START.Process(target=_join, args=(rank, processes, store, function, folder, *arguments))
        for rank in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store.unlink(missing_ok=True)
    assert [worker.exitcode for worker in workers] == [0] * processes


def _join(
    rank: int, processes: int, store: Path, function: Callable[..., None], *arguments: object
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(str(store), processes),
                            rank=rank, world_size=processes)  # fmt: skip
    function(*arguments)
    dist.barrier()
    dist.destroy_process_group()


@cache
def split() -> Split:
    """Two tastes, as in the tests of the models."""
    generator = np.random.default_rng(0)
    odd = np.arange(USERS)[:, None] % 2 == np.arange(ITEMS) % 2
    user, item = np.nonzero(generator.random((USERS, ITEMS)) < np.where(odd, 0.7, 0.15))
    users = pd.Index([f"u{n:02}" for n in range(USERS)])
    pairs = Interactions(user, item, users, pd.RangeIndex(ITEMS))
    return pairs.split(test=0.1, validation=0.2, seed=0)


@cache
def social() -> SocialGraph:
    ends = np.random.default_rng(0).integers(0, USERS, (2, 60))
    labels = split().train.users
    links = pd.DataFrame({"user": labels[ends[0]], "friend": labels[ends[1]]})
    return SocialGraph.from_frame(links, labels, mutual=True)


@cache
def knowledge() -> KnowledgeGraph:
    generator = np.random.default_rng(0)
    items = split().train.items
    facts = {
        "head": generator.choice(items, 70),
        "relation": generator.choice(["by", "of"], 70),
        "tail": generator.choice(["x", "y", "z", "w"], 70),
    }
    return KnowledgeGraph.from_frame(pd.DataFrame(facts), items)
