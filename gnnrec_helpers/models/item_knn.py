"""People who chose this also chose that: item-based nearest neighbours."""

from __future__ import annotations

from functools import partial

from scipy import sparse

from ..data.arguments import check_number
from ..data.interactions import Interactions
from .base import Model, Scorer
from .parts.fold_in import ByProducts
from .parts.nearest import damped_cosine
from .parts.products import Product, scores_of


class ItemKNN(Model):
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
        check_number(0, shrink=shrink)
        super().__init__(train)
        self._likes = train.to_csr()
        # (num_items, num_items)
        self.similarity = self.computed(
            "similarity", lambda: damped_cosine(self._likes, neighbours, shrink)
        )
        self._to_neighbours = sparse.csr_array(self.similarity.T)

    def products(self) -> list[Product]:
        """The sum of similarities to the user's items."""
        return [(self._likes, *factors) for factors in self.fold_in().products]

    def fold_in(self) -> ByProducts:
        """The sum of similarities to her items."""
        return ByProducts([(self._to_neighbours,)])

    def item_similarity(self) -> Scorer:
        """Each item's similarity to its neighbours."""
        return partial(scores_of, [(self.similarity,)])
