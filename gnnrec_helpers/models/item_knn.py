"""People who chose this also chose that: item-based nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.interactions import Interactions
from .parts.nearest import damped_cosine


class ItemKNN:
    """Scores an item by its similarity to what the user chose already.

    The similarity of two items is the cosine of their columns in the user-item matrix, damped by
    `shrink` when few users have both: ``common / (sqrt(degree i * degree j) + shrink)``
    (Sarwar et al. 2001; shrinkage as in Bell & Koren 2007).

    Parameters
    ----------
    train : Interactions
    neighbours : int, default 100
        How many most similar items each item keeps; ties go to the lower index.
    shrink : float, default 10
    """

    def __init__(self, train: Interactions, neighbours: int = 100, shrink: float = 10.0) -> None:
        self.users, self.items = train.users, train.items
        self.neighbours, self.shrink = neighbours, shrink
        self._likes = train.to_csr()
        self.similarity = damped_cosine(self._likes, neighbours, shrink)  # (num_items, num_items)

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items): the sum of similarities to the user's items."""
        wanted = users.cpu().numpy()
        return torch.from_numpy((self._likes[wanted] @ self.similarity.T).toarray()).float()

    def __repr__(self) -> str:
        return (
            f"ItemKNN({len(self.items):,} items, neighbours={self.neighbours}, "
            f"shrink={self.shrink:g})"
        )
