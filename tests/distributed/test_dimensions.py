"""Columns of the table on several processes: the same training as on one."""

from __future__ import annotations

from pathlib import Path

import by_dimension
import numpy as np
import pytest
import torch
from processes import on, split
from safetensors.torch import save_file
from torch import Tensor

from gnnrec_helpers import BPR, SampledSoftmax, models
from gnnrec_helpers.distributed.dimensions import check_linear
from gnnrec_helpers.distributed.losses import checked_objective, pair_losses, scores_of_rows
from gnnrec_helpers.distributed.starting import TABLE
from gnnrec_helpers.engine.sampling import Batch
from gnnrec_helpers.objectives import squared_length


@pytest.fixture(scope="module", params=[1, 2, 3])
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> by_dimension.Found:
    """What so many processes computed."""
    folder = tmp_path_factory.mktemp("dimensions")
    on(request.param, by_dimension.train, folder)
    with np.load(folder / f"{request.param}.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("loss", by_dimension.LOSSES)
@pytest.mark.parametrize("name", by_dimension.MODELS)
def test_it_is_the_training_of_one_process(found: by_dimension.Found, name: str, loss: str) -> None:
    model = by_dimension.MODELS[name]()
    by_dimension.assert_as_alone(found, f"{name} {loss}", model, loss)


@pytest.mark.parametrize(("parallel", "axis"), [("dimensions", 1), ("nodes", 0)])
def test_a_worker_has_its_part_of_the_table(tmp_path: Path, parallel: str, axis: int) -> None:
    nodes = split().train.num_users + split().train.num_items
    whole = torch.arange(nodes * float(by_dimension.DIM)).view(nodes, -1)
    save_file({"nodes": whole}, tmp_path / TABLE)
    on(2, by_dimension.own, tmp_path, parallel)
    parts = [np.load(tmp_path / f"{parallel}-{rank}.npy") for rank in range(2)]
    assert abs(parts[0].shape[axis] - parts[1].shape[axis]) <= 1
    np.testing.assert_array_equal(np.concatenate(parts, axis), whole.numpy())


# ---------------------------------------------------------------------- losses and gradients
class Given:
    """Rows of a batch, given as they are."""

    def __init__(self, users: Tensor, positives: Tensor, negatives: Tensor) -> None:
        self.rows = users, torch.cat([positives, negatives.flatten(0, -2)])

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (*self.rows, torch.cat(self.rows))


@pytest.mark.parametrize("shared", [True, False])
def test_losses_of_scores_are_those_of_embeddings(shared: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    users, positives = (torch.randn(5, 4, generator=draw) for _ in range(2))
    negatives = torch.randn((9, 4) if shared else (5, 2, 4), generator=draw)
    objective = SampledSoftmax(9, 0.1, 0.3) if shared else BPR(0.1)
    known = torch.tensor([[0, 3], [4, 8]]) if shared else None
    batch = Batch(torch.arange(5), torch.arange(5), torch.zeros(negatives.shape[:-1]), known)
    expected = objective(Given(users, positives, negatives), batch)
    squares = sum(squared_length(rows.flatten(0, -2)) for rows in (users, positives, negatives))
    scores = scores_of_rows(users, positives, negatives)
    decay = objective.weight_decay / 2 * squares / 5
    torch.testing.assert_close(pair_losses(objective, *scores, known).mean() + decay, expected)


# ---------------------------------------------------------------------- what is refused
def test_what_columns_alone_cannot_train_is_refused() -> None:
    train = split().train
    with pytest.raises(TypeError, match="SimGCL cannot be trained with parallel='dimensions'"):
        check_linear(models.SimGCL(train), 2)
    with pytest.raises(TypeError, match="'it' cannot be trained"):
        check_linear("it", 2)
    learnt = models.SocialLightGCN(train, by_dimension.social(), 4, learn_weight=True)
    with pytest.raises(ValueError, match="every process would learn a weight of its own"):
        check_linear(learnt, 2)
    few = models.LightGCN(train, 4)
    check_linear(few, 2)
    with pytest.raises(ValueError, match="dim=4 columns cannot be spread over processes=3"):
        check_linear(few, 3)
    with pytest.raises(TypeError, match="knows BPR and SampledSoftmax"):
        checked_objective(lambda model, batch: 0)
