"""People like you chose this: user-based nearest neighbours."""

from __future__ import annotations

from functools import partial

from scipy import sparse

from ..data.arguments import check_number
from ..data.interactions import Interactions
from .base import Model, Scorer
from .parts.fold_in import ByNeighbours
from .parts.nearest import damped_cosine
from .parts.products import Product, scores_of


class UserKNN(Model):
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
    >>> import torch
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
        check_number(0, shrink=shrink)
        super().__init__(train)
        self.neighbours, self.shrink, self.reverse = neighbours, shrink, reverse
        self._likes = train.to_csr()

        def similarity() -> sparse.csr_array:
            of_users = damped_cosine(sparse.csr_array(self._likes.T), neighbours, shrink)
            return sparse.csr_array(of_users.T) if reverse else of_users

        # (num_users, num_users): whom each user hears, and how much
        self.similarity = self.computed("similarity", similarity)

    def products(self) -> list[Product]:
        """For each item, the sum of similarities to those who chose it."""
        return [(self.similarity, self._likes)]

    def fold_in(self) -> ByNeighbours:
        """Her most similar users speak for her, as they would had she been in train."""
        if self.reverse:
            raise TypeError(
                "UserKNN(reverse=True) cannot answer for somebody new: nobody has her among the "
                "most similar users. With reverse=False it can."
            )
        return ByNeighbours(self._likes, self.neighbours, self.shrink)

    def user_similarity(self) -> Scorer:
        """Whom each user hears, and how much."""
        return partial(scores_of, [(self.similarity,)])
