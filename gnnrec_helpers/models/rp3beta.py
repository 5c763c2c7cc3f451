"""RP3beta: a random walk of three steps, slowed down towards popular items."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..data.interactions import FloatArray, IntArray, Interactions
from ..engine.propagation import normalize
from .parts.nearest import nearest, strongest


class RP3Beta:
    """Scores an item by how likely a walk user - item - user - item is to end there.

    The first step goes to each of the user's items alike. From item i the walk goes to a user who
    chose it and on to one of her items j, with probabilities raised to the power `alpha`; what
    arrives at j is divided by its number of users to the power `beta`; of each item the strongest
    `neighbours` are kept, and add up to 1 again (Paudel et al. 2017, "Updatable, Accurate, Diverse,
    and Scalable Recommendations for Interactive Applications"). LightGCN walks as well, but learns
    embeddings and divides by the square roots of both degrees.

    That the kept ones add up to 1, and the limit `sources`, are not in the paper but in the code of
    Ferrari Dacrema et al. (2019), "Are We Really Making Much Progress?", from which most published
    figures come; there `sources` is always equal to `neighbours`.

    Parameters
    ----------
    train : Interactions
    neighbours : int, default 100
        How many items each item leads to; ties go to the lower index.
    alpha : float, default 1.0
        1 is the random walk; below, likely steps count less.
    beta : float, default 0.5
        0 is the random walk; above, popular items are held back.
    sources : int, optional
        How many items lead to each item, the strongest of them; all by default. A small number
        keeps popular items from being reached from everywhere.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = RP3Beta(datasets.load("toy").interactions, beta=0)
    >>> model.score(torch.tensor([0])).numpy().round(2)
    array([[0.71, 0.71, 0.57, 0.  , 0.  ]], dtype=float32)
    """

    def __init__(
        self,
        train: Interactions,
        neighbours: int = 100,
        alpha: float = 1.0,
        beta: float = 0.5,
        *,
        sources: int | None = None,
    ) -> None:
        if not alpha > 0:
            raise ValueError(f"alpha={alpha}: a positive number is needed.")
        if not beta >= 0:
            raise ValueError(f"beta={beta}: zero or more is needed.")
        if sources is not None and sources < 1:
            raise ValueError(f"sources={sources}: at least 1 is needed, or None for all.")
        self.users, self.items = train.users, train.items
        self.neighbours, self.alpha, self.beta, self.sources = neighbours, alpha, beta, sources
        self._likes = train.to_csr()
        to_items = normalize(self._likes, "mean").power(alpha)  # (num_users, num_items)
        to_users = sparse.csr_array(self._likes.T)  # to each alike: by how much drops out below
        held_back = np.maximum(train.item_degrees(), 1).astype(np.float64) ** -beta

        def weigh(arriving: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
            return arriving * held_back[columns]

        walk = normalize(nearest(to_users, to_items, neighbours, weigh), "mean")
        if sources is not None:
            walk = sparse.csr_array(strongest(sparse.csr_array(walk.T), sources).T)
        self.walk = walk  # (num_items, num_items)

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items)."""
        wanted = users.cpu().numpy()
        return torch.from_numpy((self._likes[wanted] @ self.walk).toarray()).float()

    def __repr__(self) -> str:
        return (
            f"RP3Beta({len(self.items):,} items, neighbours={self.neighbours}, "
            f"alpha={self.alpha:g}, beta={self.beta:g}, sources={self.sources})"
        )
