"""Recommend to everybody what most people chose: the baseline no model may lose to."""

from __future__ import annotations

import torch

from ..data.interactions import Interactions
from .base import Model
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
        return [(torch.ones(self.num_users, 1), self.counts.unsqueeze(0))]
