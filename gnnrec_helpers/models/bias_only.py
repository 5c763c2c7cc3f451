"""Ratings from the mean, a bias of each user and a bias of each item."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import lsmr
from torch import Tensor

from ..data.arguments import POSITIVE, check_number
from ..data.interactions import FloatArray, Interactions, ratings_of
from .base import RatingsModel
from .parts.products import Product


class BiasOnly(RatingsModel):
    """A rating is the mean rating plus a number for the user plus a number for the item.

    With m the mean of the train ratings, the biases a (of users) and b (of items) minimize::

        sum over train ratings (r - m - a[user] - b[item])² + user_regularization sum a²
        + item_regularization sum b²

    exactly: a ridge regression (the baseline of Koren 2010, "Factor in the Neighbors"). A user or
    an item without train ratings has the bias 0: it counts as an average one.

    Parameters
    ----------
    train : Interactions
        With ratings.
    user_regularization, item_regularization : float, default 5
        Equivalent to this many extra ratings at the predicted value. To be chosen on validation.
        With ``math.inf`` those biases are all 0.

    Attributes
    ----------
    mean : float
    user_bias, item_bias : float64 Tensor, shapes (num_users,) and (num_items,)

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = BiasOnly(datasets.load("movielens-small").interactions)
    >>> model.predict(torch.tensor([0, 1]), torch.tensor([0, 0])).numpy().round(2)
    array([2.99, 3.81])
    """

    def __init__(
        self,
        train: Interactions,
        user_regularization: float = 5.0,
        item_regularization: float = 5.0,
    ) -> None:
        super().__init__(train)
        ratings = ratings_of(train)
        for name, value in (
            ("user_regularization", user_regularization),
            ("item_regularization", item_regularization),
        ):
            if value != math.inf:
                check_number(POSITIVE, **{name: value})
        self.user_regularization = user_regularization
        self.item_regularization = item_regularization
        self.mean = float(ratings.mean())
        biases = self.computed(
            "biases",
            lambda: torch.from_numpy(
                _ridge(train, ratings - self.mean, user_regularization, item_regularization)
            ),
        )
        self.user_bias, self.item_bias = biases.split([train.num_users, train.num_items])
        self._known = torch.from_numpy(train.user_index * train.num_items + train.item_index)
        self._left_out = self._without_itself(train, ratings)

    def compute_ratings(self, users: Tensor, items: Tensor) -> Tensor:
        return self.mean + self.user_bias[users.cpu()] + self.item_bias[items.cpu()]

    def products(self) -> list[Product]:
        """``(mean + user bias) * 1 + 1 * item bias``."""
        columns = (self.user_bias + self.mean, self.item_bias)
        user_rows, item_rows = (torch.stack([c, torch.ones_like(c)], dim=1) for c in columns)
        return [(user_rows, item_rows.flip(1).T)]

    def default_objective(self) -> None:
        """Ready when constructed."""

    def left_out(self, users: Tensor, items: Tensor) -> Tensor:
        """As :meth:`predict`, but a train rating is predicted as if it were not in train.

        What is left of it then is what another model may learn from: the ratings a model was
        fitted to lie nearer to its predictions than those it has not seen.

        This is the usual formula for ridge regression, ``p - (r - p) h / (1 - h)`` for a rating r
        that was predicted as p, with the leverage h taken from the two numbers of ratings alone:
        ``1 - h = (1 - 1 / (ratings of the user + user_regularization)) * (1 - 1 / (ratings of the
        item + item_regularization))``. To leave each rating out exactly takes as many fits.
        """
        users, items = users.cpu(), items.cpu()
        pairs = users * len(self.items) + items
        place = torch.searchsorted(self._known, pairs).clamp(max=len(self._known) - 1)
        known = self._known[place] == pairs
        return torch.where(known, self._left_out[place], self.predict(users, items))

    def _without_itself(self, train: Interactions, ratings: FloatArray) -> Tensor:
        users, items = torch.from_numpy(train.user_index), torch.from_numpy(train.item_index)
        predicted = self.predict(users, items).numpy()
        of_user = 1 / (train.user_degrees()[train.user_index] + self.user_regularization)
        of_item = 1 / (train.item_degrees()[train.item_index] + self.item_regularization)
        rest = (1 - of_user) * (1 - of_item)  # 1 - h
        return torch.from_numpy(predicted - (ratings - predicted) * (1 - rest) / rest)


def _ridge(train: Interactions, surplus: FloatArray, users: float, items: float) -> FloatArray:
    """The biases of users, then of items, that leave least of `surplus` and are small."""
    # a unit of bias costs 1 / scale² of the penalty, so that one number damps them all
    counts = [train.num_users, train.num_items]
    scale = np.repeat([1 / math.sqrt(users), 1 / math.sqrt(items)], counts)
    rows = np.arange(len(train))
    columns = np.concatenate([train.user_index, train.num_users + train.item_index])
    shape = (len(train), sum(counts))
    design = sparse.csr_array((scale[columns], (np.tile(rows, 2), columns)), shape=shape)
    found = lsmr(design, surplus, damp=1.0, atol=1e-12, btol=1e-12, maxiter=10_000)
    return np.asarray(scale * found[0])
