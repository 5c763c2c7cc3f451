"""Probabilistic matrix factorization: ratings as dot products, learnt by least squares."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..data.arguments import check_whole
from ..data.interactions import Interactions, ratings_of
from .base import RatingsModel
from .parts.products import Product


class ProbabilisticMF(RatingsModel):
    """A rating is the mean rating plus the dot product of the user's and the item's embedding.

    Salakhutdinov & Mnih (2007), "Probabilistic Matrix Factorization", trained by
    :class:`~gnnrec_helpers.objectives.RatingRegression`. Two departures: ratings are not squeezed
    through a logistic function, the mean of the train ratings is added instead; and weight decay
    acts on a user or item as often as it is rated, not once. Without train ratings an embedding is
    0, the likeliest under the paper's prior, and adds nothing to the mean.

    Parameters
    ----------
    train : Interactions
        With ratings.
    dim : int, default 16
        Numbers in an embedding.
    biases : bool, default False
        Add a learnt number for each user and one for each item, as Koren, Bell & Volinsky (2009)
        do. They start at 0.
    seed : int, default 0
        Of the normal distribution (standard deviation 0.1) that fills the embeddings.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = ProbabilisticMF(datasets.load("movielens-small").interactions, dim=8, biases=True)
    >>> model.predict(torch.tensor([0, 1]), torch.tensor([0, 0])).shape
    torch.Size([2])
    """

    trained_by = ("training_predictions",)

    def __init__(
        self, train: Interactions, dim: int = 16, *, biases: bool = False, seed: int = 0
    ) -> None:
        super().__init__(train)
        check_whole(dim=dim)
        ratings = ratings_of(train)
        self.dim, self.biases = dim, biases
        self.mean: Tensor
        # saved with the weights: another split's mean would shift every prediction
        self.register_buffer("mean", torch.tensor(ratings.mean(), dtype=torch.float32))
        generator = np.random.default_rng(seed)
        start = generator.standard_normal((self.num_users + self.num_items, dim), np.float32)
        start[np.concatenate([train.user_degrees(), train.item_degrees()]) == 0] = 0.0
        table = 0.1 * torch.from_numpy(start)
        if biases:  # the last column
            table = torch.cat([table, table.new_zeros(len(table), 1)], dim=1)
        # one table, users first
        self.nodes = nn.Embedding.from_pretrained(table, freeze=False)

    def training_predictions(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """What an objective needs of a batch: the ratings, and the table's own rows of both.

        The last, shape (2 * len(users), columns), is what weight decay acts on.
        """
        nodes = torch.cat([users, items + self.num_users])
        # as self.nodes(nodes), with a backward pass that is several times faster
        start = self.nodes.weight.index_select(0, nodes)
        user_rows, item_rows = start.split([len(users), len(items)])
        dots = (user_rows[:, : self.dim] * item_rows[:, : self.dim]).sum(1)
        if self.biases:
            dots = dots + user_rows[:, self.dim] + item_rows[:, self.dim]
        return self.mean + dots, start

    def compute_ratings(self, users: Tensor, items: Tensor) -> Tensor:
        return self.training_predictions(users, items)[0]

    def products(self) -> list[Product]:
        """Embeddings, beside them the biases and, once, the mean."""
        rows = self.nodes.weight.detach().cpu()
        ones = rows.new_ones(len(rows), 1)
        bias = rows[:, self.dim :] if self.biases else rows.new_zeros(len(rows), 1)
        user_rows = torch.cat([rows[:, : self.dim], bias + self.mean.cpu(), ones], dim=1)
        item_rows = torch.cat([rows[:, : self.dim], ones, bias], dim=1)
        return [(user_rows[: self.num_users], item_rows[self.num_users :].T)]
