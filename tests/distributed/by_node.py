"""What several processes compute in tests/distributed/test_nodes.py."""

from __future__ import annotations

from pathlib import Path

import by_dimension
import numpy as np
import torch.distributed as dist
from processes import split

from gnnrec_helpers import models
from gnnrec_helpers.distributed.checkpoints import Checkpoints
from gnnrec_helpers.distributed.engines import building_own_part, engine_for
from gnnrec_helpers.distributed.nodes import NodeParallel
from gnnrec_helpers.distributed.sampling import sampler_for
from gnnrec_helpers.distributed.settings import Settings
from gnnrec_helpers.distributed.starting import made_with_of
from gnnrec_helpers.distributed.training import train as train_on

DIM, K = 6, 5
MODELS = {
    "scored exactly": lambda: models.TruncatedLightGCN(split().train, DIM, 2, K),
    "scored by bags": lambda: models.TruncatedLightGCN(
        split().train, DIM, 2, K, exact_scores=False
    ),
}


def started() -> models.TruncatedLightGCN:
    """The model that is trained from start to end."""
    return models.TruncatedLightGCN(split().train, DIM, 2, K)


def go_on(folder: Path, settings: Settings) -> None:
    """Train on from a checkpoint, as a worker would, and tell what comes out."""
    with building_own_part("nodes"):
        model = started()
    checkpoints = Checkpoints(folder / "checkpoints", made_with_of(model, settings, split()))
    engine = engine_for(model, settings)
    batches = sampler_for(settings, split().train)
    history = train_on(engine, batches, settings, split(), checkpoints)
    table = engine.tensors()["nodes"].full_tensor().numpy()
    if dist.get_rank() == 0:
        np.savez(folder / "gone-on.npz", losses=history.losses, best=history.best, table=table)


def train(folder: Path) -> None:
    """Every loss, 20 steps each."""
    found: by_dimension.Found = {}
    for name, build in MODELS.items():
        for loss, (objective, _) in by_dimension.LOSSES.items():
            with building_own_part("nodes"):
                model = build()
            engine = NodeParallel(model, objective, lr=0.02)
            found |= by_dimension.measured(engine, f"{name} {loss}", loss)
    if dist.get_rank() == 0:
        np.savez(folder / f"{dist.get_world_size()}.npz", **found)
