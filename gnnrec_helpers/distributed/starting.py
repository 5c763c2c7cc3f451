"""Training on several processes, started from a notebook or a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tqdm.auto import tqdm

from ..data import Split
from ..data.arguments import check_whole, shows_progress
from ..data.interactions import Interactions
from ..models import MatrixFactorization, TruncatedLightGCN
from ..models.files import encode, fingerprint, write
from ..models.parts import seeded_layers
from ..serving.retrieval import check_labels
from ..training.checkpoints import identity_of
from ..training.fitting import has_been_trained, usual_batch_size
from ..training.history import History
from .checkpoints import Checkpoints, read_whole
from .engines import check_model
from .joining import ERROR
from .losses import Ranking, checked_objective
from .settings import Parallel, Settings

WORKER = "gnnrec_helpers.distributed.worker"
TABLE = "table.safetensors"  # in the folder of a job: as training begins
TOLD = '{"told": '  # how a line of a worker's output begins that is meant for us
END = 60  # lines of other output that are kept, to be shown if it fails


def fit(
    model: MatrixFactorization,
    split: Split,
    *,
    parallel: Parallel = "dimensions",
    processes: int = 2,
    epochs: int = 100,
    batch_size: int | None = None,
    lr: float = 5e-3,
    objective: Ranking | None = None,
    negatives: int = 1,
    seed: int = 0,
    patience: int | None = 10,
    validate_every: int = 1,
    metric: str = "recall",
    k: int = 20,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    max_restarts: int = 0,
    progress: bool | None = None,
) -> History:
    """Train a model in place, as :func:`gnnrec_helpers.fit` does, on several processes.

    The processes are started by ``torchrun`` on this machine, one thread each, unless
    ``OMP_NUM_THREADS`` says otherwise. To use several machines, start
    ``torchrun -m gnnrec_helpers.distributed`` on each.

    Parameters
    ----------
    model : MatrixFactorization, LightGCN, SocialLightGCN, KnowledgeLightGCN or TruncatedLightGCN
        Built from ``split.train``. Its class must be one of the package.
    split : Split
    parallel : {"dimensions", "nodes"}
        With ``"dimensions"`` each process has some columns of the table, and the whole graph. With
        ``"nodes"``, which is for :class:`~gnnrec_helpers.models.TruncatedLightGCN`, it has some
        rows, spread by TorchRec, and steps need no graph; validation still does, unless the model
        has ``exact_scores=False``. Either is the same training as on one process, to rounding.
    processes : int, default 2
    epochs, batch_size, lr, seed, patience, validate_every, metric, k, progress
        As for :func:`gnnrec_helpers.fit`, with a learning rate that stays.
    objective : SampledSoftmax or BPR, optional
        By default the model's own.
    negatives : int, default 1
        Sampled for each positive by BPR.
    checkpoint : path, optional
        A folder. When it has a checkpoint already, also one of another number of processes,
        training goes on where it stopped. With the same number it ends with the same table, to the
        last bit, as if it had not stopped. One that was made with other arguments, data or another
        first table, or has more epochs than are asked for, is refused.
    save_every : int, optional
        Steps from one checkpoint to the next, besides the one after every epoch.
    max_restarts : int, default 0
        How often all processes are started again if one dies. They go on from the last checkpoint,
        or from the beginning if there is none.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        Before a process starts, for bad input.
    ImportError
        If ``"nodes"`` is asked for, and TorchRec is not there.
    RuntimeError
        If the processes end without a result.
    """
    check_whole(processes=processes)
    check_whole(0, max_restarts=max_restarts)
    _check_data(model, split)
    check_model(model, parallel, processes)
    settings = Settings(
        parallel,
        epochs,
        usual_batch_size(len(split.train)) if batch_size is None else batch_size,
        lr,
        checked_objective(model.default_objective() if objective is None else objective),
        negatives, seed, patience, validate_every, metric, k, save_every,
    )  # fmt: skip
    made_with = made_with_of(model, settings, split)
    folder = None if checkpoint is None else Path(checkpoint).resolve()
    if folder is not None:
        checkpoints = Checkpoints(folder, {**made_with, "start": _start_of(model)})
        checkpoints.check(epochs, model.nodes.weight.detach())
        made_with = checkpoints.made_with
    with tempfile.TemporaryDirectory(prefix="gnnrec-") as place:
        job = Path(place)
        table = model.nodes.weight.detach()
        save_file({"nodes": table.cpu().contiguous()}, job / TABLE)
        if isinstance(model, TruncatedLightGCN):
            model.bags().save(job)
        tensors: dict[str, torch.Tensor] = {}
        story = {
            "settings": settings.to_json(),
            "made_with": made_with,
            "checkpoint": None if folder is None else os.fspath(folder),
            "class": type(model).__name__,
            "arguments": encode(model._arguments, "arguments", tensors),
            "has been trained": has_been_trained(model),
            "validation": encode(split.validation, "validation", tensors),
        }
        write(job / "job.safetensors", {"job": story}, tensors)
        bar = tqdm(total=epochs, unit="epoch", disable=not shows_progress(progress), leave=False)
        with bar:
            for _ in range(max_restarts + 1):
                heard = _run(job, processes, bar)
                if heard.history is not None or heard.sentence is not None:
                    break  # it is done, or would go wrong in the same way again
        told = heard.history
        if told is None:
            raise RuntimeError(f"Training on {processes} processes failed: {heard.why()}")
        read_whole(job / "result", {"nodes": table})
    return History(**told)


def made_with_of(model: MatrixFactorization, settings: Settings, split: Split) -> dict[str, Any]:
    """What has to be the same when a training goes on."""
    return {
        **identity_of(model),
        **settings.made_with(),
        "train": fingerprint(split.train),
        "validation": fingerprint(split.validation),
    }


def _start_of(model: MatrixFactorization) -> str | None:
    """A digest of the table that training begins with; None if it is the one that the seed draws.

    A model that a worker draws by itself, piece by piece, always begins with the latter.
    """
    table = model.nodes.weight.detach()
    generator = np.random.default_rng(model._arguments["seed"])
    drawn = seeded_layers.table(len(table), model.dim, generator).weight
    return None if torch.equal(drawn, table.cpu()) else fingerprint(table)


def _check_data(model: object, split: object) -> None:
    train = getattr(split, "train", None)
    if not isinstance(split, Split) or not isinstance(train, Interactions):
        raise TypeError(
            f"fit needs a Split, not {type(split).__name__}: Interactions.split() makes one, and "
            "Split.from_parts(interactions) one of all pairs, for the final fit."
        )
    if isinstance(model, MatrixFactorization):
        check_labels(model, train)
        if not model.is_built_from(train):
            raise ValueError(
                f"{type(model).__name__} was built from {len(model.interactions):,} pairs that are "
                f"not the {len(train):,} of split.train: build it from split.train."
            )
    if split.validation is not None and len(split.validation) == 0:
        raise ValueError(
            "The validation part of the split is empty, so nothing says when to stop: split with a "
            "larger share, or train to the last epoch with split.without_validation()."
        )


def _run(job: Path, processes: int, bar: Any) -> _Heard:
    """Start the processes, show how far they are, and return what they said.

    torchrun is not asked to start them again itself: its new processes were seen to look for the
    old ones, whose addresses it keeps.
    """
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(processes), "-m", WORKER, os.fspath(job)),
    ]
    # the workers import this package, wherever it was imported from here
    root = os.fspath(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    heard = _Heard()
    with subprocess.Popen(command, env=environment, **output) as workers:  # type: ignore[call-overload]
        try:
            for line in workers.stdout:
                heard.take(line, bar)
        except BaseException:  # we are interrupted; torchrun ends its workers with itself
            workers.terminate()
            raise
    if workers.returncode:
        heard.history = None
    return heard


class _Heard:
    """What the workers have printed so far."""

    def __init__(self) -> None:
        self.history: dict[str, Any] | None = None
        self.sentence: str | None = None
        self._other: deque[str] = deque(maxlen=END)

    def take(self, line: str, bar: Any) -> None:
        """A line: how far they are, what they end with, what is wrong, or anything else."""
        if line.startswith(ERROR):
            self.sentence = line.removeprefix(ERROR).strip()
        elif not line.startswith(TOLD):
            self._other.append(line.rstrip())
        else:
            told = json.loads(line)["told"]
            if "history" in told:
                self.history = told["history"]
                return
            bar.update(told["epoch"] - bar.n)  # fewer than before, if they had to start again
            bar.set_postfix({name: f"{v:.4f}" for name, v in told.items() if name != "epoch"})

    def why(self) -> str:
        """Why they failed."""
        return self.sentence or "their last words were:\n" + "\n".join(self._other)
