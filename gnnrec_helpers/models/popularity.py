"""Recommend to everybody what most people chose: the baseline no model may lose to."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.interactions import Interactions


class Popularity:
    """The score of an item is its number of interactions, whoever asks.

    Parameters
    ----------
    train : Interactions
    """

    def __init__(self, train: Interactions) -> None:
        self.users, self.items = train.users, train.items
        self.counts = torch.from_numpy(train.item_degrees()).float()  # (num_items,)

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items)."""
        return self.counts.expand(len(users), -1).clone()

    def __repr__(self) -> str:
        return f"Popularity({len(self.items):,} items)"
