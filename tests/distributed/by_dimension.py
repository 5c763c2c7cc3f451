"""What several processes compute in tests/distributed/test_dimensions.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from processes import knowledge, social, split

from gnnrec_helpers import BPR, SampledSoftmax, models
from gnnrec_helpers.distributed.dimensions import DimensionParallel
from gnnrec_helpers.distributed.engines import building_own_part
from gnnrec_helpers.distributed.nodes import NodeParallel
from gnnrec_helpers.distributed.sampling import sampler_for
from gnnrec_helpers.distributed.settings import Parallel, Settings
from gnnrec_helpers.distributed.shares import sharded
from gnnrec_helpers.distributed.worker import own_model
from gnnrec_helpers.objectives import Objective

Found = dict[str, np.ndarray]
DIM, STEPS = 7, 20  # 7 columns: neither two nor three processes get equal shares
SOFTMAX = SampledSoftmax(shared_negatives=12, weight_decay=0.05, temperature=0.7)
MODELS: dict[str, Callable[[], models.MatrixFactorization]] = {
    "MatrixFactorization": lambda: models.MatrixFactorization(split().train, DIM),
    "LightGCN": lambda: models.LightGCN(split().train, DIM, 3),
    "SocialLightGCN": lambda: models.SocialLightGCN(split().train, social(), DIM, 2),
    "KnowledgeLightGCN": lambda: models.KnowledgeLightGCN(
        split().train, knowledge(), DIM, 2, social=social()
    ),
}
LOSSES: dict[str, tuple[Objective[Any, Any], int]] = {  # and negatives
    "BPR": (BPR(weight_decay=0.01), 1),
    "BPR with 3 negatives": (BPR(), 3),
    "SampledSoftmax": (SOFTMAX, 1),
}


def batches(loss: str) -> list[Any]:
    """The batches of 20 steps, the last of each epoch smaller than the others."""
    objective, negatives = LOSSES[loss]
    # of the second, the last batch of an epoch is one pair: some processes have none
    size = len(split().train) - 1 if negatives == 3 else 50
    settings = Settings(batch_size=size, objective=objective, negatives=negatives)
    sampler = sampler_for(settings, split().train)
    drawn = [batch for epoch in range(STEPS) for batch in sampler.epoch(epoch)]
    return drawn[:STEPS]


def measured(engine: DimensionParallel | NodeParallel, name: str, loss: str) -> Found:
    """What 20 steps lead to."""
    losses = []
    for batch in batches(loss):
        losses.append(engine.step(batch).item())
        if len(losses) == 1:
            gradient = sharded(engine.table.grad, engine.total, engine.spread).full_tensor()
    return {
        f"{name} gradient": gradient.numpy(),
        f"{name} losses": np.array(losses),
        f"{name} table": engine.tensors()["nodes"].full_tensor().numpy(),
        f"{name} scores": engine.recommender().score(torch.tensor([3, 0])).numpy(),
    }


def assert_as_alone(found: Found, name: str, model: models.MatrixFactorization, loss: str) -> None:
    """Does one process come to the same, without any of this?"""
    objective, _ = LOSSES[loss]
    optimizer = torch.optim.Adam(model.train().parameters(), lr=0.02)
    losses, gradient = [], None
    for batch in batches(loss):
        optimizer.zero_grad()
        value = objective(model, batch)
        value.backward()
        if gradient is None:
            gradient = model.nodes.weight.grad.numpy().copy()
        optimizer.step()
        losses.append(value.item())
    np.testing.assert_allclose(found[f"{name} gradient"], gradient, atol=1e-5, rtol=1e-5)
    assert losses[-1] < 0.95 * losses[0]  # something was learnt
    np.testing.assert_allclose(found[f"{name} losses"], losses, rtol=1e-5)
    table = model.nodes.weight.detach().numpy()
    np.testing.assert_allclose(found[f"{name} table"], table, atol=1e-4)
    scores = model.eval().score(torch.tensor([3, 0])).numpy()
    np.testing.assert_allclose(found[f"{name} scores"], scores, atol=1e-4)


def train(folder: Path) -> None:
    """Every model with every loss, 20 steps each."""
    found: Found = {}
    for name, build in MODELS.items():
        for loss, (objective, _) in LOSSES.items():
            with building_own_part("dimensions"):
                model = build()
            engine = DimensionParallel(model, objective, lr=0.02)
            found |= measured(engine, f"{name} {loss}", loss)
    if dist.get_rank() == 0:
        np.savez(folder / f"{dist.get_world_size()}.npz", **found)


def own(folder: Path, parallel: Parallel) -> None:
    """Build what a worker builds from a job's table, and tell what each process has of it."""
    model = own_model(folder, parallel, "LightGCN", {"train": split().train, "dim": DIM})
    np.save(folder / f"{parallel}-{dist.get_rank()}.npy", model.nodes.weight.detach().numpy())
