"""UltraGCN: no propagation, but a loss that says what infinitely many layers would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import softplus

from ..data.interactions import FloatArray, IntArray, Interactions
from ..engine.sampling import Batch
from ..objectives import squared_length
from .matrix_factorization import MatrixFactorization
from .parts.nearest import nearest


class UltraGCN(MatrixFactorization):
    """Mao et al. (2021), "UltraGCN: Ultra Simplification of Graph Convolutional Networks".

    Leaves out all of :class:`LightGCN`'s layers. Where they would converge to, a user's embedding
    is a weighted sum of her items'; that enters the loss (:class:`UltraGCNLoss`) as a weight of
    every pair, beside a term for items that are chosen together. Scores as
    :class:`MatrixFactorization` does.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
    neighbours : int, default 10
        How many items chosen with an item count as its neighbours.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> UltraGCN(datasets.load("toy").interactions, dim=8).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    of_users: Tensor  # (num_users,) and
    of_items: Tensor  # (num_items,): the weight of a pair is the product of its two (eq. 8)
    near: Tensor  # (num_items, neighbours) items, and
    near_weights: Tensor  # (num_items, neighbours) their weights (eq. 13); 0 where there are fewer

    def __init__(
        self, train: Interactions, dim: int = 64, neighbours: int = 10, seed: int = 0
    ) -> None:
        super().__init__(train, dim, seed)
        self.neighbours = neighbours
        of_users, of_items = train.user_degrees(), train.item_degrees()
        users = np.sqrt(of_users + 1) / np.maximum(of_users, 1)
        near, weights = _chosen_together(train, neighbours)
        for name, values in (
            ("of_users", users),
            ("of_items", 1 / np.sqrt(of_items + 1)),
            ("near", near),
            ("near_weights", weights),
        ):
            found = torch.from_numpy(values)
            self.register_buffer(
                name, found.float() if found.is_floating_point() else found, persistent=False
            )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, neighbours={self.neighbours}"


@dataclass(frozen=True)
class UltraGCNLoss:
    """Binary cross-entropy of pairs, weighted by degrees, and of items chosen together (eq. 14).

    With s the dot product of a user and an item, the mean over the batch of

        (1 + constraint * weight) * softplus(-s)                     of the positive
        + negative_weight * mean of (1 + constraint * weight) * softplus(s)   over negatives
        + together * sum of weights * softplus(-s)                   over the positive's neighbours

    Parameters
    ----------
    constraint : float, default 1.0
    together : float, default 0.5
    negative_weight : float, default 100.0
    shared_negatives : int, default 1024
        Drawn uniformly for each batch; a user's own positives are left out.
    weight_decay : float, default 1e-4
    """

    constraint: float = 1.0
    together: float = 0.5
    negative_weight: float = 100.0
    shared_negatives: int = 1024
    weight_decay: float = 1e-4

    def __call__(self, model: UltraGCN, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size = len(batch.users)
        drawn, near = batch.negatives, model.near[batch.positives]  # (batch, neighbours)
        items = torch.cat([batch.positives, drawn, near.flatten()])
        users, found, start = model.training_embeddings(batch.users, items)
        positive, negative, together = found.split([size, len(drawn), near.numel()])
        of_user = model.of_users[batch.users]  # (batch,)

        weight = 1 + self.constraint * of_user * model.of_items[batch.positives]
        of_positives = (weight * softplus(-(users * positive).sum(1))).mean()

        weight = 1 + self.constraint * of_user[:, None] * model.of_items[drawn]
        if batch.known is not None:
            weight = weight.index_put(tuple(batch.known.T), weight.new_zeros(()))
        of_negatives = (weight * softplus(users @ negative.T)).mean()

        scores = (users.unsqueeze(1) * together.view(*near.shape, -1)).sum(2)
        of_together = (model.near_weights[batch.positives] * softplus(-scores)).sum(1).mean()

        loss = of_positives + self.negative_weight * of_negatives + self.together * of_together
        return loss + self.weight_decay / 2 * squared_length(start[: 2 * size]) / size


def _chosen_together(train: Interactions, neighbours: int) -> tuple[IntArray, FloatArray]:
    """For every item its neighbours with the largest weights, and these (eq. 13)."""
    likes = train.to_csr()
    by_item = sparse.csr_array(likes.T)
    own = train.item_degrees().astype(float)  # how often an item is chosen with itself
    total = np.asarray(by_item @ (likes @ np.ones(train.num_items)))  # with anything
    left = 1 / np.maximum(total - own, 1)

    def weigh(common: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
        return common * left[rows] * np.sqrt(total[rows] / total[columns])

    weights = nearest(by_item, likes, neighbours, weigh)
    found = np.zeros((train.num_items, neighbours), np.int64)
    values = np.zeros((train.num_items, neighbours))
    rows = np.repeat(np.arange(train.num_items), np.diff(weights.indptr))
    places = np.arange(len(rows)) - weights.indptr[rows]
    found[rows, places], values[rows, places] = weights.indices, weights.data
    return found, values
