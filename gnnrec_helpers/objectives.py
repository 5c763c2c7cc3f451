"""What training minimises, for a batch of positives and sampled negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .sampling import Batch


class TrainableModel(Protocol):
    """What an objective asks of a model."""

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]: ...

    def initial(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]: ...


class Objective(Protocol):
    """A loss: a number to be made small."""

    def __call__(self, model: TrainableModel, batch: Batch) -> Tensor: ...


@dataclass(frozen=True)
class BPR:
    """Bayesian personalised ranking: a positive should score above a negative.

    The mean over the batch of ``softplus(negative - positive)``, which is
    ``-log sigmoid(positive - negative)``, plus `weight_decay` times half the squared length of
    the initial embeddings of each triple (Rendle et al. 2009; LightGCN, eq. 15).

    Parameters
    ----------
    weight_decay : float, default 1e-4
    """

    weight_decay: float = 1e-4

    def __call__(self, model: TrainableModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size, count = batch.negatives.shape
        items = torch.cat([batch.positives, batch.negatives.flatten()])
        users_found, items_found = model.embeddings(batch.users, items)
        positive, negative = items_found.split([size, size * count])
        positive_score = (users_found * positive).sum(1, keepdim=True)  # (batch, 1)
        negative_score = (users_found.unsqueeze(1) * negative.view(size, count, -1)).sum(2)
        loss = softplus(negative_score - positive_score).mean(1).mean()  # over (batch, negatives)
        # summed row by row first: a long sum would depend on the number of threads
        lengths = [part.square().sum(1).sum() for part in model.initial(batch.users, items)]
        return loss + self.weight_decay / 2 * (lengths[0] + lengths[1]) / size


@dataclass(frozen=True)
class SampledSoftmax:
    """The positive should stand out from many negatives at once, shared by the whole batch.

    The mean over the batch of ``-log(exp(positive) / (exp(positive) + sum of exp(negatives)))``,
    the cross-entropy of picking the positive, plus `weight_decay` times half the squared length
    of the initial embeddings, as for :class:`BPR` (Wu et al. 2024, "On the Effectiveness of
    Sampled Softmax Loss for Item Recommendation"). A user's own positives are left out of the sum.

    Parameters
    ----------
    shared_negatives : int, default 1024
        Drawn uniformly for each batch.
    weight_decay : float, default 1e-3
        Needs choosing on validation.
    temperature : float, default 1.0
        Scores are divided by it.
    """

    shared_negatives: int = 1024
    weight_decay: float = 1e-3
    temperature: float = 1.0

    def __call__(self, model: TrainableModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size, count = len(batch.users), len(batch.negatives)
        items = torch.cat([batch.positives, batch.negatives])
        users_found, items_found = model.embeddings(batch.users, items)
        positive, negative = items_found.split([size, count])
        positive_score = (users_found * positive).sum(1, keepdim=True)  # (batch, 1)
        negative_score = users_found @ negative.T  # (batch, negatives)
        if batch.known is not None:
            negative_score = negative_score.index_put(
                tuple(batch.known.T), negative_score.new_tensor(-torch.inf)
            )
        scores = torch.cat([positive_score, negative_score], dim=1) / self.temperature
        loss = (scores.logsumexp(1) - scores[:, 0]).mean()
        lengths = [part.square().sum(1).sum() for part in model.initial(batch.users, items)]
        return loss + self.weight_decay / 2 * (lengths[0] + lengths[1]) / size
