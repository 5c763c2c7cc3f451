"""Recommend to everybody what most people chose: the baseline no model may lose to."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.interactions import Interactions
from .base import Model
from .parts.fold_in import ByProducts
from .parts.products import Product


class Popularity(Model):
    """The score of an item is its number of interactions, whoever asks.

    Parameters
    ----------
    train : Interactions
    """

    def __init__(self, train: Interactions) -> None:
        super().__init__(train)
        self.counts = torch.from_numpy(train.item_degrees()).float()  # (num_items,)

    def products(self) -> list[Product]:
        """One for everybody, times the counts."""
        return [(self.counts.new_ones(self.num_users, 1), self.counts.unsqueeze(0))]

    @cached_property
    def informed_users(self) -> NDArray[np.bool_]:
        """Everybody: who asks makes no difference."""
        return np.ones(self.num_users, bool)

    def fold_in(self) -> ByProducts:
        """The same for somebody new: her items count for 1 together."""
        ones = self.counts.new_ones(self.num_items, 1)
        return ByProducts([(ones, self.counts.unsqueeze(0))], power=1.0)
