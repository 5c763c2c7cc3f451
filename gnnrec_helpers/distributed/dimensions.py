"""Columns of the table spread over processes: exact training of linear graph models.

The columns of an embedding never meet before the dot product. So each process holds some columns of
the table and of Adam's memory, and propagates them along the whole graph without a word to the
others. For the loss the processes change from columns to pairs: the embeddings of the batch are
gathered, and each process computes scores, loss and gradients of its share of the pairs. The
gradients are added up, and each process goes backward with its own columns of them.

To add up scores instead would be one message a step, but a large one: with 1,024 shared negatives a
batch of 2,048 pairs has two million scores, and its embeddings, of 64 columns, are 330,000 numbers.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from ..engine.sampling import Batch
from ..models import (
    KnowledgeLightGCN,
    LightGCN,
    MatrixFactorization,
    Model,
    SocialLightGCN,
)
from ..objectives import squared_length
from .losses import Ranking, known_of, pair_losses, scores_of_rows
from .shares import share
from .tables import TrainedTable

# exactly these: a subclass may do something to the embeddings that columns alone cannot
LINEAR = (MatrixFactorization, LightGCN, SocialLightGCN, KnowledgeLightGCN)


class DimensionParallel(TrainedTable):
    """What one process does: a model with some columns of the table, and their optimizer.

    Parameters
    ----------
    model : MatrixFactorization, LightGCN, SocialLightGCN or KnowledgeLightGCN
        Its table has this process's columns only.
    objective : BPR or SampledSoftmax
    lr : float
        Adam's learning rate.
    """

    def __init__(self, model: MatrixFactorization, objective: Ranking, lr: float) -> None:
        self.model, self.objective = model, objective
        super().__init__(model.nodes.weight, lr, spread=1, total=model.dim)

    def step(self, batch: Batch) -> Tensor:
        """One step of training; the loss of the batch, which all processes know."""
        self.optimizer.zero_grad()
        items = torch.cat([batch.positives, batch.negatives.flatten()])
        users, rows, start = self.model.training_embeddings(batch.users, items)
        mine = torch.cat([users, rows])
        decay = self.objective.weight_decay / len(batch.users)
        loss, gradient = self._of_pairs(_gathered(mine.detach(), self.model.dim), batch)
        loss = loss + decay / 2 * squared_length(start.detach())
        message = torch.cat([gradient.flatten(), loss[None]])
        dist.all_reduce(message)
        gradient = message[:-1].view_as(gradient)[:, own_columns(self.model.dim)]
        torch.autograd.backward([mine, start], [gradient, decay * start.detach()])
        self.optimizer.step()
        return message[-1]

    def _of_pairs(self, rows: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """What this process's pairs add to the loss of a batch, and its gradient.

        `rows` are the embeddings of users, positives and negatives, one below the other.
        """
        size = len(batch.users)
        own = share(size, dist.get_world_size(), dist.get_rank())
        leaf = rows.requires_grad_()
        users, positives, negatives = leaf.split([size, size, len(rows) - 2 * size])
        if batch.negatives.dim() == 2:  # each pair has its own
            negatives = negatives.view(*batch.negatives.shape, -1)[own]
        scores = scores_of_rows(users[own], positives[own], negatives)
        loss = pair_losses(self.objective, *scores, known_of(batch, own)).sum() / size
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), gradient

    def recommender(self) -> AddedUp:
        """The model as it is now, for validation; every process has to ask it the same."""
        return AddedUp(self.model)


def _gathered(columns: Tensor, dim: int) -> Tensor:
    """All columns of some rows, of which every process has its own."""
    processes = dist.get_world_size()
    widest = share(dim, processes, 0).stop
    part = columns.new_zeros(widest, len(columns))
    part[: columns.shape[1]] = columns.T
    parts = [torch.empty_like(part) for _ in range(processes)]
    dist.all_gather(parts, part)
    return torch.cat(parts)[:dim].T.contiguous()


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
