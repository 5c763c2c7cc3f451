"""People like you chose this: user-based nearest neighbours."""

from __future__ import annotations

import torch
from scipy import sparse
from torch import Tensor

from ..data.interactions import Interactions
from .parts.nearest import damped_cosine


class UserKNN:
    """Scores an item by the similarity of the users who chose it.

    Of what LightGCN does it keeps one step to users who share items and one to their items,
    without embeddings and with the nearest users only. Similarity is as for :class:`ItemKNN`, of
    rows instead of columns (Resnick et al. 1994; shrinkage as in Bell & Koren 2007).

    Parameters
    ----------
    train : Interactions
    neighbours : int, default 100
        How many most similar users each user hears; ties go to the lower index.
    shrink : float, default 10
    reverse : bool, default False
        A user hears those who have her among their most similar `neighbours` instead. Somebody who
        resembles many is then heard by the most similar of them only (Radovanović et al. 2010 call
        such users hubs). The figures of Anelli et al. (2023) are made so.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = UserKNN(datasets.load("toy").interactions, shrink=0)
    >>> model.score(torch.tensor([0])).numpy().round(2)
    array([[0.82, 0.82, 0.82, 0.  , 0.  ]], dtype=float32)
    """

    def __init__(
        self,
        train: Interactions,
        neighbours: int = 100,
        shrink: float = 10.0,
        *,
        reverse: bool = False,
    ) -> None:
        self.users, self.items = train.users, train.items
        self.neighbours, self.shrink, self.reverse = neighbours, shrink, reverse
        self._likes = train.to_csr()
        by_user = sparse.csr_array(self._likes.T)
        similarity = damped_cosine(by_user, neighbours, shrink)
        # (num_users, num_users): whom each user hears, and how much
        self.similarity = sparse.csr_array(similarity.T) if reverse else similarity

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items): for each item, the similarities of those who chose it."""
        wanted = users.cpu().numpy()
        return torch.from_numpy((self.similarity[wanted] @ self._likes).toarray()).float()

    def __repr__(self) -> str:
        return (
            f"UserKNN({len(self.users):,} users, neighbours={self.neighbours}, "
            f"shrink={self.shrink:g}{', reverse=True' * self.reverse})"
        )
