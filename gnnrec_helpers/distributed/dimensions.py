"""Columns of the table spread over processes: exact training of linear graph models.

The columns of an embedding never meet before the dot product. So each process holds some columns of
the table and of Adam's memory, propagates them along the whole graph without a word to the others,
and one all-reduce a step adds up the scores. Backward needs no communication: every process knows
the sum, and so the gradient of every score, and goes on to its own columns with it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributed.tensor import DTensor

from ..engine.sampling import Batch
from ..models import (
    KnowledgeLightGCN,
    LightGCN,
    MatrixFactorization,
    Model,
    SocialLightGCN,
)
from ..objectives import squared_length
from .losses import Ranking, batch_loss, scores_of_rows
from .shares import sharded, share

# exactly these: a subclass may do something to the embeddings that columns alone cannot
LINEAR = (MatrixFactorization, LightGCN, SocialLightGCN, KnowledgeLightGCN)


class DimensionParallel:
    """What one process does: a model with some columns of the table, and their optimizer.

    Parameters
    ----------
    model : MatrixFactorization, LightGCN, SocialLightGCN or KnowledgeLightGCN
        Its table has this process's columns only.
    objective : BPR or SampledSoftmax
    lr : float
        Adam's learning rate.
    """

    columns = 1  # the dimension along which tables are spread

    def __init__(self, model: MatrixFactorization, objective: Ranking, lr: float) -> None:
        self.model, self.objective = model, objective
        self.table = model.nodes.weight
        self.optimizer = torch.optim.Adam([self.table], lr=lr, fused=True)
        # as Adam itself would begin, but there from the start, so that a checkpoint can fill it
        self._memory: dict[str, Tensor] = {
            "exp_avg": torch.zeros_like(self.table),
            "exp_avg_sq": torch.zeros_like(self.table),
        }
        self._steps = torch.zeros(())
        self.optimizer.state[self.table] = {"step": self._steps, **self._memory}
        self.best = self.table.detach().clone()

    def step(self, batch: Batch) -> Tensor:
        """One step of training; the loss of the batch, which all processes know."""
        self.optimizer.zero_grad()
        size = len(batch.users)
        items = torch.cat([batch.positives, batch.negatives.flatten()])
        users, rows, start = self.model.training_embeddings(batch.users, items)
        positives, negatives = rows.split([size, len(rows) - size])
        if batch.negatives.dim() == 2:
            negatives = negatives.view(*batch.negatives.shape, -1)
        *scores, squared = _Summed.apply(users, positives, negatives, start)
        loss = batch_loss(self.objective, (scores[0], scores[1]), squared, batch.known)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach()

    def mean_loss(self, total: float, batches: int) -> float:
        """The mean over the batches of an epoch of what :meth:`step` returned."""
        return total / batches

    def keep_as_best(self) -> None:
        """Remember the table as it is."""
        self.best.copy_(self.table.detach())

    def use_best(self) -> None:
        """Put the table back to what it was then."""
        self.table.detach().copy_(self.best)

    def tensors(self) -> dict[str, DTensor]:
        """What a checkpoint holds: views, to be written or to be filled."""
        held = {"nodes": self.table.detach(), "best": self.best, **self._memory}
        columns = self.model.dim
        return {name: sharded(value, columns, self.columns) for name, value in held.items()}

    def started_at(self, steps: int) -> None:
        """Tell the optimizer how many steps lie behind a checkpoint that was loaded."""
        self._steps.fill_(steps)

    def recommender(self) -> AddedUp:
        """The model as it is now, for validation; every process has to ask it the same."""
        return AddedUp(self.model)


class _Summed(torch.autograd.Function):
    """Scores, and the squared length of `start`, added up over all processes' columns.

    Forward is one all-reduce. Backward is this process's part of the gradient and needs none:
    what comes in is known to, and the same on, all processes.
    """

    @staticmethod
    def forward(
        ctx: Any, users: Tensor, positives: Tensor, negatives: Tensor, start: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(users, positives, negatives, start)
        positive, negative = scores_of_rows(users, positives, negatives)
        parts = (positive, negative, squared_length(start).reshape(1))
        message = torch.cat([part.flatten() for part in parts])
        dist.all_reduce(message)
        positive, flat, squared = message.split([part.numel() for part in parts])
        return positive, flat.view_as(negative), squared.squeeze(0)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, positive: Tensor, negative: Tensor, squared: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        users, positives, negatives, start = ctx.saved_tensors
        of_positives = positive.unsqueeze(1) * users
        of_users = positive.unsqueeze(1) * positives
        if negatives.dim() == 2:  # shared by the batch
            of_negatives = negative.T @ users
            of_users += negative @ negatives
        else:
            of_negatives = negative.unsqueeze(2) * users.unsqueeze(1)
            of_users += torch.bmm(negative.unsqueeze(1), negatives).squeeze(1)
        return of_users, of_positives, of_negatives, 2 * squared * start


class AddedUp:
    """Scores of all columns: each process computes its own part, and an all-reduce adds them up."""

    def __init__(self, model: MatrixFactorization) -> None:
        self.users, self.items, self.interactions = model.users, model.items, model.interactions
        self._users, self._items = (rows.detach() for rows in model.embeddings())

    def score(self, users: Tensor) -> Tensor:
        scores = self._users.index_select(0, users) @ self._items.T
        dist.all_reduce(scores)
        return scores


def own_columns(dim: int) -> slice:
    """The columns that are this process's."""
    return share(dim, dist.get_world_size(), dist.get_rank())


def keep_columns(model: MatrixFactorization) -> None:
    """Leave a model the columns of its table that are this process's."""
    columns = model.nodes.weight.detach()[:, own_columns(model.dim)].clone()
    model.nodes = nn.Embedding.from_pretrained(columns, freeze=False)


def check_linear(model: object, processes: int) -> None:
    """Refuse a model whose columns cannot be trained apart, or one of too few columns.

    Raises
    ------
    TypeError, ValueError
    """
    if type(model) not in LINEAR:
        names = ", ".join(kind.__name__ for kind in LINEAR)
        kind = type(model).__name__ if isinstance(model, Model) else repr(model)
        raise TypeError(
            f"{kind} cannot be trained with parallel='dimensions', which takes models whose "
            f"columns do not meet before the score: {names}."
        )
    assert isinstance(model, MatrixFactorization)
    if model.cosine:
        raise ValueError(
            "cosine=True cannot be trained with parallel='dimensions': the length of an embedding "
            "needs all its columns."
        )
    if getattr(model, "learn_weight", False):
        raise ValueError(
            "learn_weight=True cannot be trained with parallel='dimensions': every process would "
            "learn a weight of its own. Choose friend_weight on validation."
        )
    last = share(model.dim, processes, processes - 1)
    if last.start >= last.stop:
        raise ValueError(
            f"dim={model.dim} columns cannot be spread over processes={processes}: the last would "
            "have none."
        )
