"""What each process runs that :func:`gnnrec_helpers.distributed.fit` starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import safe_open

from .. import models
from ..data import Split
from ..engine.truncation import Bags
from ..models.files import decode, read
from .checkpoints import Checkpoints, write_tensors
from .engines import building_own_part, engine_for, own_part
from .joining import joined, leave
from .sampling import sampler_for
from .settings import Parallel, Settings
from .starting import TABLE
from .training import train


def tell(told: dict[str, Any]) -> None:
    """Print a line for the process that started this one."""
    print(json.dumps({"told": told}), flush=True)


def run(job: Path) -> None:
    """Train as a job says, and leave the best table in its folder."""
    story, tensors = read(job / "job.safetensors", "a job", lambda story: "job" in story)
    story = story["job"]
    settings = Settings.from_json(story["settings"])
    model = own_model(job, settings.parallel, story["class"], decode(story["arguments"], tensors))
    split = Split.from_parts(model.interactions, decode(story["validation"], tensors))
    if isinstance(model, models.TruncatedLightGCN):
        model.use_bags(Bags.open(job))
    engine = engine_for(model, settings)
    folder = story["checkpoint"]
    checkpoints = None if folder is None else Checkpoints(Path(folder), story["made_with"])
    batches = sampler_for(settings, split.train)
    trained = story["has been trained"]
    history = train(engine, batches, settings, split, checkpoints, tell, measures_start=trained)
    result = job / "result"
    result.mkdir(exist_ok=True)
    write_tensors(result, {"nodes": engine.tensors()["nodes"]})
    if dist.get_rank() == 0:
        tell({"history": vars(history)})


def own_model(
    job: Path, parallel: Parallel, kind: str, arguments: dict[str, Any]
) -> models.MatrixFactorization:
    """A model with what is this process's of its table; of the rest nothing is kept or read."""
    with building_own_part(parallel):
        model: models.MatrixFactorization = getattr(models, kind)(**arguments)
    with safe_open(job / TABLE, framework="pt") as file, torch.no_grad():
        table = file.get_slice("nodes")
        model.nodes.weight.copy_(table[own_part(parallel, *table.get_shape())])
    return model.eval()


def main() -> None:
    """Join the other processes, train, and leave."""
    with joined():
        run(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
    leave()
