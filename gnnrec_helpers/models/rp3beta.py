"""RP3beta: a random walk of three steps, slowed down towards popular items."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import sparse

from ..data.arguments import POSITIVE, check_number, check_whole
from ..data.interactions import FloatArray, IntArray, Interactions
from ..engine.propagation import normalize
from .base import Model, Scorer
from .parts.fold_in import ByProducts
from .parts.nearest import nearest, strongest
from .parts.products import Product, scores_of


class RP3Beta(Model):
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
    >>> import torch
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
        check_number(POSITIVE, alpha=alpha)
        check_number(0, beta=beta)
        if sources is not None:
            check_whole(sources=sources)
        super().__init__(train)
        self._likes = train.to_csr()
        held_back = np.maximum(train.item_degrees(), 1).astype(np.float64) ** -beta

        def weigh(arriving: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
            return arriving * held_back[columns]

        def walk() -> sparse.csr_array:
            to_items = normalize(self._likes, "mean").power(alpha)  # (num_users, num_items)
            to_users = sparse.csr_array(self._likes.T)  # to each alike: the degree drops out below
            steps = normalize(nearest(to_users, to_items, neighbours, weigh), "mean")
            if sources is None:
                return steps
            return sparse.csr_array(strongest(sparse.csr_array(steps.T), sources).T)

        self.walk = self.computed("walk", walk)  # (num_items, num_items)

    def products(self) -> list[Product]:
        """How likely the walk is to end at an item, summed over the user's items."""
        return [(self._likes, self.walk)]

    def fold_in(self) -> ByProducts:
        """The walk from her items."""
        return ByProducts([(self.walk,)])

    def item_similarity(self) -> Scorer:
        """How likely the walk from one item is to end at another."""
        return partial(scores_of, [(self.walk,)])
