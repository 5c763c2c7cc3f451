"""Recommending without training: low-pass filters on the item-item graph, in closed form.

Both see a user's interactions as a signal on the items, and smooth it (Shen et al. 2021, "How
Powerful is Graph Convolution for Recommendation?").
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor

from ..data.interactions import FloatArray, Interactions
from ..engine.dot_products import DotProducts
from ..engine.propagation import Adjacency, normalize
from ..engine.sparse_product import Csr, multiply
from .base import Model, Scorer
from .parts.fold_in import ByProducts
from .parts.products import Product

CELLS = 2**24  # (a user who is asked for, any user) at once: 64 MiB


class LinearFilter(Model):
    """A user's interactions, sent to the users who share them, and back to their items.

    With R the user-item matrix and ``N = D_U^-1/2 R D_I^-1/2`` its normalized form, the scores of
    a user with interactions r are ``r N.T N``: the two-hop step of LightGCN without embeddings.

    Parameters
    ----------
    train : Interactions

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> LinearFilter(datasets.load("toy").interactions).score(torch.tensor([0])).numpy().round(2)
    array([[0.83, 0.83, 0.33, 0.  , 0.  ]], dtype=float32)
    """

    def __init__(self, train: Interactions) -> None:
        super().__init__(train)
        self._likes = sparse.csr_array(train.to_csr(), dtype=np.float32)
        self._degrees = np.asarray(self._likes.sum(axis=0)).ravel()  # (num_items,)
        self._normal = normalize(self._likes).astype(np.float32)  # (num_users, num_items)
        self._transposed = sparse.csr_array(self._normal.T)  # (num_items, num_users)
        self._to_items = Adjacency(self._transposed)

    def compute_scores(self, users: Tensor) -> Tensor:
        # as `products` has it, but the second product is the engine's, which is faster
        histories = self._likes[users.cpu().numpy()]
        size = max(1, CELLS // self.num_users)
        blocks = range(0, max(1, len(users)), size)
        return torch.cat([self._filtered(histories[b : b + size]) for b in blocks])

    def _filtered(self, histories: sparse.csr_array) -> Tensor:
        """Scores of users with these interactions, shapes (n, num_items)."""
        shared = (self._normal @ histories.T).toarray(order="C")  # (num_users, n)
        return self._to_items(torch.from_numpy(shared).to(self.device)).T

    def products(self) -> list[Product]:
        return [(self._likes, *factors) for factors in LinearFilter.fold_in(self).products]

    def fold_in(self) -> ByProducts:
        """Her items through the same filter."""
        return ByProducts([(self._transposed, self._normal)])

    def item_similarity(self) -> Scorer:
        """The scores of a user who has one item only."""
        everything = sparse.eye_array(self.num_items, format="csr", dtype=np.float32)
        return lambda items: self._filtered(sparse.csr_array(everything[items.cpu().numpy()]))


class GraphFilter(LinearFilter):
    """GF-CF: the linear filter plus an ideal low-pass filter, which keeps the smoothest signals.

    It keeps `components` numbers for every user and every item.

    The scores of a user with interactions r are
    ``r (N.T N + alpha D_I^-1/2 V V.T D_I^1/2)``, with V the `components` leading right singular
    vectors of N (Shen et al. 2021, eq. 19 and the remark on degrees in the authors' code).

    Parameters
    ----------
    train : Interactions
    components : int, default 256
        At most one less than the number of users and of items.
    alpha : float, default 0.3
        Weight of the ideal filter; the attribute may be set to another weight afterwards.
    seed : int, default 0
        Of the vector the iteration starts from; it changes the scores in the last digits only.
    """

    def __init__(
        self, train: Interactions, components: int = 256, alpha: float = 0.3, *, seed: int = 0
    ) -> None:
        most = min(train.num_users, train.num_items) - 1
        if not 1 <= components <= most:
            raise ValueError(
                f"components={components}: from 1 to {most} are possible with "
                f"{train.num_users} users and {train.num_items} items."
            )
        super().__init__(train)
        # (num_items, components)
        vectors = self.computed("vectors", lambda: self._leading(components, seed))
        roots = torch.from_numpy(np.sqrt(self._degrees))[:, None]
        self._onto = torch.where(roots > 0, vectors / roots, 0.0)  # D_I^-1/2 V
        smooth = torch.from_numpy(self._likes @ self._onto.numpy())  # (num_users, components)
        self._back = vectors * roots  # D_I^1/2 V
        self._low_pass = DotProducts(smooth, self._back)

    @property
    def alpha(self) -> float:
        return float(self._arguments["alpha"])

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        self._arguments["alpha"] = alpha

    def _leading(self, components: int, seed: int) -> Tensor:
        """Right singular vectors of the normalized matrix, by the same sparse product."""
        rows, columns = self._normal.shape
        to_items, to_users = self._to_items.csr(), self._to_items.csr(transposed=True)

        def product(csr: Csr, x: FloatArray) -> FloatArray:
            matrix = torch.from_numpy(x.reshape(len(x), -1).astype(np.float32))
            return np.asarray(multiply(csr, matrix).numpy())

        operator = LinearOperator(
            (rows, columns),
            matvec=lambda x: product(to_users, x),
            rmatvec=lambda x: product(to_items, x),
            matmat=lambda x: product(to_users, x),
            rmatmat=lambda x: product(to_items, x),
            dtype=np.float32,
        )
        start = np.random.default_rng(seed).standard_normal(min(rows, columns))
        with torch.no_grad():
            _, _, vectors = svds(operator, components, v0=start, return_singular_vectors="vh")
        # a copy: of a single vector the transpose is contiguous with a negative stride, which torch
        # does not take
        return torch.from_numpy(vectors.T.copy())

    def compute_scores(self, users: Tensor) -> Tensor:
        smoothed = self._low_pass(users.cpu()).to(self.device)
        return super().compute_scores(users).add_(smoothed, alpha=self.alpha)

    def products(self) -> list[Product]:
        low_pass = (self._low_pass.users, self.alpha * self._back.T)
        return [*super().products(), low_pass]

    def fold_in(self) -> ByProducts:
        return ByProducts([*super().fold_in().products, (self._onto, self.alpha * self._back.T)])

    def item_similarity(self) -> Scorer:
        """The scores of a user who has one item only."""
        linear = super().item_similarity()
        low_pass = DotProducts(self._onto, self._back)
        return lambda items: linear(items).add_(low_pass(items), alpha=self.alpha)
