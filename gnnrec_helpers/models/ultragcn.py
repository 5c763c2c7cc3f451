"""UltraGCN: no propagation, but a loss that says what infinitely many layers would."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..data.interactions import FloatArray, IntArray, Interactions
from ..objectives import UltraGCNLoss
from .matrix_factorization import MatrixFactorization
from .parts.nearest import nearest


class UltraGCN(MatrixFactorization):
    """Mao et al. (2021), "UltraGCN: Ultra Simplification of Graph Convolutional Networks".

    Leaves out all of :class:`LightGCN`'s layers. Where they would converge to, a user's embedding
    is a weighted sum of her items'; that enters the loss
    (:class:`~gnnrec_helpers.objectives.UltraGCNLoss`) as a weight of every pair, beside a term for
    items that are chosen together. Scores as :class:`MatrixFactorization` does.

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

    trained_by = ("pair_weights", "neighbours_of")
    # the weight of a pair is the product of its two (eq. 8)
    user_weights: Tensor  # (num_users,)
    item_weights: Tensor  # (num_items,)
    # items chosen together with each item, and their weights (eq. 13), 0 where there are fewer
    item_neighbours: Tensor  # (num_items, neighbours)
    neighbour_weights: Tensor  # (num_items, neighbours)

    def __init__(
        self, train: Interactions, dim: int = 64, neighbours: int = 10, *, seed: int = 0
    ) -> None:
        super().__init__(train, dim, seed=seed)
        user_degrees, item_degrees = train.user_degrees(), train.item_degrees()
        item_neighbours, neighbour_weights = _chosen_together(train, neighbours)
        for name, values in (
            ("user_weights", np.sqrt(user_degrees + 1) / np.maximum(user_degrees, 1)),
            ("item_weights", 1 / np.sqrt(item_degrees + 1)),
            ("neighbour_weights", neighbour_weights),
        ):
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)
        self.register_buffer("item_neighbours", torch.from_numpy(item_neighbours), persistent=False)

    def pair_weights(self, users: Tensor, items: Tensor) -> Tensor:
        """The weight of a pair in the constraint (eq. 8); `users` and `items` broadcast."""
        return self.user_weights[users] * self.item_weights[items]

    def neighbours_of(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """The items chosen together with each of these, and their weights (eq. 13)."""
        return self.item_neighbours[items], self.neighbour_weights[items]

    def default_objective(self) -> UltraGCNLoss:
        return UltraGCNLoss()


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
