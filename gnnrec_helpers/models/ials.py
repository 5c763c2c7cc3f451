"""iALS: matrix factorization by least squares over all pairs, alternating in closed form."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from tqdm.auto import tqdm

from ..data.arguments import POSITIVE, check_number, check_whole
from ..data.interactions import Interactions
from .base import EmbeddingModel
from .parts.fold_in import ByLeastSquares, least_squares


class IALS(EmbeddingModel):
    """Hu, Koren & Volinsky (2008), with the regularization of Rendle et al. (2022).

    The dot products of embeddings should be 1 where there is an interaction and, with a weight of
    `unobserved`, 0 everywhere. It minimizes::

        sum over interactions (u . i - 1)² + unobserved * sum over all pairs (u . i)²
        + regularization * (sum over users c(u) |u|² + sum over items c(i) |i|²)

    where c(u) is ``(interactions of u + unobserved * num_items) ** exponent``, and likewise for
    items ("Revisiting the Performance of iALS on Item Recommendation Benchmarks", eq. 1-5). With
    the items fixed, every user's embedding is a small ridge regression, and the other way round;
    a sweep solves all users, then all items. Where interactions have weights, the first sum and
    c(u) count each as often as its weight says (the confidence of Hu et al. 2008). Like
    :class:`LightGCN` with 0 layers it learns from first-order edges only; unlike it, it needs no
    negatives and no learning rate.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
    unobserved : float, default 0.1
    regularization : float, default 0.01
    exponent : float, default 1.0
        1 damps everybody in proportion to what is known of her, 0 all alike.
    sweeps : int, default 16
    seed : int, default 0
        Of the first item embeddings.
    progress : bool, default False
        Show a bar.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = IALS(datasets.load("toy").interactions, dim=4, sweeps=3)
    >>> model.score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    uses_weights = True

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        *,
        unobserved: float = 0.1,
        regularization: float = 0.01,
        exponent: float = 1.0,
        sweeps: int = 16,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        check_whole(dim=dim, sweeps=sweeps)
        check_number(POSITIVE, unobserved=unobserved, regularization=regularization)
        check_number(exponent=exponent)
        super().__init__(train)
        self.dim = dim
        self.unobserved, self.regularization, self.exponent = unobserved, regularization, exponent

        def alternate() -> Tensor:
            likes = train.to_csr(train.weight)
            by_item = sparse.csr_array(likes.T)
            start = np.random.default_rng(seed).standard_normal((train.num_items, dim))
            items = torch.from_numpy((0.1 / np.sqrt(dim) * start).astype(np.float32))
            for _ in tqdm(range(sweeps), unit="sweep", disable=not progress, leave=False):
                users = least_squares(likes, items, unobserved, regularization, exponent)
                items = least_squares(by_item, users, unobserved, regularization, exponent)
            return torch.cat([users, items])

        self.nodes = self.computed("nodes", alternate)  # (num_users + num_items, dim)

    def fold_in(self) -> ByLeastSquares:
        """Her embedding that is best for the items as they are: half a sweep."""
        _, items = self.embeddings()
        return ByLeastSquares(items, self.unobserved, self.regularization, self.exponent)

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        return self.rows_of(self.nodes, users, items)
