"""Rows of the table spread over processes by TorchRec: training on truncated rows, without a graph.

A node's embedding is a weighted bag of k nodes (:mod:`gnnrec_helpers.engine.truncation`). TorchRec
looks such bags up in a table whose rows are spread over processes: each process asks for the nodes
of its share of the pairs, each process adds up what it has of every bag, and the sums go back to
those who asked. So no process trains more than its rows of the table, and no step reads the graph;
validation does, by columns. What a step sends depends on batch, negatives, k and dimension, and not
on the edges. Its gradient, and Adam, visit all rows that a process has.

TorchRec (Ivchenko et al., 2022, "TorchRec: a PyTorch Domain Library for Recommendation Systems")
is not among the dependencies of the package: its own metadata ask for a CUDA build of fbgemm. Its
versions that fit are in requirements-torchrec.lock.
"""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..engine.sampling import Batch
from ..engine.truncation import Bags
from ..models import TruncatedLightGCN
from ..objectives import squared_length
from .dimensions import AddedUp
from .losses import Ranking, known_of, pair_losses, scores_of_rows
from .shares import columns_of_rows, share
from .tables import TrainedTable

NEEDED = ("torchrec", "fbgemm_gpu", "tensordict")
BAGS, START = "bags", "start"  # TorchRec's "features": the bags, and the nodes themselves


class NodeParallel(TrainedTable):
    """What one process does: some rows of the table, and their optimizer.

    Parameters
    ----------
    model : TruncatedLightGCN
        With its bags. Its table has this process's rows only.
    objective : BPR or SampledSoftmax
    lr : float
        Adam's learning rate.
    """

    def __init__(self, model: TruncatedLightGCN, objective: Ranking, lr: float) -> None:
        self.model, self.objective, self.bags = model, objective, model.bags()
        total = model.num_users + model.num_items
        self.lookup, table = _spread_table(total, model.dim)
        with torch.no_grad():
            table.copy_(model.nodes.weight)
        super().__init__(table, lr, spread=0, total=total)
        model.nodes = nn.Embedding(0, 0)

    def step(self, batch: Batch) -> Tensor:
        """One step of training; the loss of the batch, which all processes know."""
        self.optimizer.zero_grad()
        processes, size = dist.get_world_size(), len(batch.users)
        own = share(size, processes, dist.get_rank())
        is_shared = batch.negatives.dim() == 1
        negatives = batch.negatives if is_shared else batch.negatives[own]
        per_pair = 2 if is_shared else 2 + negatives.shape[1]
        most = per_pair * share(size, processes, 0).stop + (len(negatives) if is_shared else 0)
        items = torch.cat([batch.positives[own], negatives.flatten()])
        nodes = torch.cat([batch.users[own], items + self.model.num_users])
        rows, start = self._looked_up(nodes, most)
        pairs = own.stop - own.start
        users, positives, others = rows.split([pairs, pairs, len(nodes) - 2 * pairs])
        if not is_shared:
            others = others.view(*negatives.shape, others.shape[1])
        scores = scores_of_rows(users, positives, others)
        losses = pair_losses(self.objective, *scores, known_of(batch, own))
        # every process has the shared negatives; their squared length counts once
        squares = squared_length(start[: 2 * pairs])
        squares = squares + squared_length(start[2 * pairs :]) / (processes if is_shared else 1)
        loss = (losses.sum() + self.objective.weight_decay / 2 * squares) / size
        (processes * loss).backward()  # type: ignore[no-untyped-call]  # TorchRec takes the mean
        self.optimizer.step()
        total = loss.detach().clone()
        dist.all_reduce(total)
        return total

    def _looked_up(self, nodes: Tensor, most: int) -> tuple[Tensor, Tensor]:
        """The sums of the nodes' bags, and their own rows of the table.

        All processes have to ask for equally many, so what is missing is asked for as empty bags.
        """
        from torchrec.sparse.jagged_tensor import KeyedJaggedTensor

        bags = Bags(*(part.index_select(0, nodes) for part in self.bags))
        count, k = bags.nodes.shape
        missing = most - count
        lengths = torch.tensor([k, 0, 1, 0], dtype=torch.int32)
        found = self.lookup(
            KeyedJaggedTensor(
                keys=[BAGS, START],
                values=torch.cat([bags.nodes.flatten().long(), nodes]),
                weights=torch.cat([bags.weights.flatten(), torch.ones(count)]),
                lengths=lengths.repeat_interleave(torch.tensor([count, missing] * 2)),
            )
        )
        return found[BAGS][:count], found[START][:count]

    def recommender(self) -> AddedUp:
        """The model as it is now, for validation; every process has to ask it the same.

        Rows are exchanged for columns, and each process propagates its columns: along the graph, or
        by bags if the model says so.
        """
        columns = columns_of_rows(self.table.detach(), self.total)
        self.model.nodes = nn.Embedding.from_pretrained(columns)
        self.model.eval()
        try:
            return AddedUp(self.model)
        finally:
            self.model.nodes = nn.Embedding(0, 0)


def own_rows(nodes: int) -> slice:
    """The rows that are this process's."""
    return share(nodes, dist.get_world_size(), dist.get_rank())


def _spread_table(rows: int, dim: int) -> tuple[nn.Module, Tensor]:
    """A table of TorchRec's, spread by rows, and this process's part of it."""
    _quiet()
    with warnings.catch_warnings():  # fbgemm tells of GPU operators that its CPU build lacks
        warnings.simplefilter("ignore")
        from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
        from torchrec.distributed.model_parallel import DistributedModelParallel
        from torchrec.distributed.sharding_plan import construct_module_sharding_plan, row_wise
        from torchrec.distributed.types import ShardingEnv, ShardingPlan
        from torchrec.modules.embedding_configs import EmbeddingBagConfig, PoolingType
        from torchrec.modules.embedding_modules import EmbeddingBagCollection

        table = EmbeddingBagConfig(
            name="nodes",
            num_embeddings=rows,
            embedding_dim=dim,
            feature_names=[BAGS, START],
            pooling=PoolingType.SUM,
        )
        bags = EmbeddingBagCollection([table], is_weighted=True, device=torch.device("meta"))
        sharder: Any = EmbeddingBagCollectionSharder()
        processes = dist.get_world_size()
        # TorchRec's planner knows row-wise tables on GPUs only, so the plan is written by hand
        plan = construct_module_sharding_plan(
            bags,
            {"nodes": row_wise(compute_kernel="dense")},
            sharder=sharder,
            local_size=processes,
            world_size=processes,
            device_type="cpu",
        )
        lookup = DistributedModelParallel(
            nn.ModuleDict({"of": bags})["of"],
            env=ShardingEnv.from_process_group(dist.group.WORLD),
            device=torch.device("cpu"),
            plan=ShardingPlan({"": plan}),
            sharders=[sharder],
            init_data_parallel=False,
        )
    ((_, part),) = lookup.named_parameters()
    return lookup, part


def _quiet() -> None:
    """Silence what TorchRec and fbgemm say on every CPU, for the rest of this process.

    That the backward of fbgemm's dense lookup is not registered as PyTorch would have it changes
    nothing: tests compare gradients with those of one process.
    """
    for message in (".* is deprecated. Please use `torch.distributed", "fbgemm::dense_embedding"):
        warnings.filterwarnings("ignore", message)
    for name in ("torchrec.distributed.utils", "torch.fx._symbolic_trace"):
        logging.getLogger(name).setLevel(logging.ERROR)


def check_truncated(model: object) -> None:
    """Refuse a model without bags, or an environment without TorchRec.

    Raises
    ------
    TypeError, ImportError
    """
    if type(model) is not TruncatedLightGCN:
        raise TypeError(
            f"{type(model).__name__} cannot be trained with parallel='nodes', which takes "
            "TruncatedLightGCN."
        )
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"parallel='nodes' needs TorchRec ({', '.join(missing)} cannot be found): pip install "
            "--no-deps -r requirements-torchrec.lock, on Linux. fit trains the same model on one "
            "process."
        )
