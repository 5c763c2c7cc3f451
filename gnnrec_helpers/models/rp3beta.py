"""RP3beta: a random walk of three steps, slowed down towards popular items."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..interactions import FloatArray, IntArray, Interactions
from ..propagation import normalize
from .nearest import nearest


class RP3Beta:
    """Scores an item by how likely a walk user - item - user - item is to end there.

    The first step goes to each of the user's items alike. From item i the walk goes to a user who
    chose it and on to one of her items j, with probabilities raised to the power `alpha`; what
    arrives at j is divided by its number of users to the power `beta`; of each item the strongest
    `neighbours` are kept (Paudel et al. 2017, "Updatable, Accurate, Diverse, and Scalable
    Recommendations for Interactive Applications"). LightGCN walks as well, but learns embeddings
    and divides by the square roots of both degrees.

    Parameters
    ----------
    train : Interactions
    neighbours : int, default 100
        How many items each item leads to; ties go to the lower index.
    alpha : float, default 1.0
        1 is the random walk; below, likely steps count less.
    beta : float, default 0.5
        0 is the random walk; above, popular items are held back.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = RP3Beta(datasets.load("toy").interactions, beta=0)
    >>> model.score(torch.tensor([0])).numpy().round(2)
    array([[0.42, 0.42, 0.33, 0.  , 0.  ]], dtype=float32)
    """

    def __init__(
        self, train: Interactions, neighbours: int = 100, alpha: float = 1.0, beta: float = 0.5
    ) -> None:
        if not alpha > 0:
            raise ValueError(f"alpha={alpha}: a positive number is needed.")
        if not beta >= 0:
            raise ValueError(f"beta={beta}: zero or more is needed.")
        self.users, self.items = train.users, train.items
        self.neighbours, self.alpha, self.beta = neighbours, alpha, beta
        self._likes = train.to_csr()
        to_items = normalize(self._likes, "mean").power(alpha)  # (num_users, num_items)
        to_users = normalize(sparse.csr_array(self._likes.T), "mean").power(alpha)
        held_back = np.maximum(train.item_degrees(), 1).astype(np.float64) ** -beta

        def weigh(arriving: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
            return arriving * held_back[columns]

        self.walk = nearest(to_users, to_items, neighbours, weigh)  # (num_items, num_items)

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items)."""
        wanted = users.cpu().numpy()
        return torch.from_numpy((self._likes[wanted] @ self.walk).toarray()).float()

    def __repr__(self) -> str:
        return (
            f"RP3Beta({len(self.items):,} items, neighbours={self.neighbours}, "
            f"alpha={self.alpha:g}, beta={self.beta:g})"
        )
