"""EASE: a linear item-item model in closed form."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..data.interactions import Interactions
from .base import Model, Scorer
from .parts.fold_in import ByProducts
from .parts.products import Product, scores_of

DOUBLE = 8192  # rows of a matrix that is inverted in float64, 0.5 GB; larger ones in float32
ROWS = 512  # of the smaller matrix, multiplied at once


class EASE(Model):
    """Predicts each item of a user from her other items, by ridge regression.

    With R the user-item matrix and ``P = inverse(R.T R + regularization I)``, the weights between
    items are ``B[i, j] = -P[i, j] / P[j, j]``, with a diagonal of zeros, and the scores of a user
    with interactions r are ``r B`` (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse
    Data", eq. 8). As ``B = I - P / diagonal(P)``, they are also ``r - (R P)[user] / diagonal(P)``.

    Parameters
    ----------
    train : Interactions
    regularization : float, default 100
        Larger numbers trust few interactions less; to be chosen on validation.
    limit : float, default 16
        Gigabytes that may be used; a train set that needs more is refused.

    Notes
    -----
    A dense matrix is inverted, and the smaller of two will do: of items, or, because
    ``R P = inverse(R R.T + regularization I) R``, of users. It is there twice meanwhile: for
    Gowalla's 29,858 users (40,981 items) 7.1 GB of float32. Work grows with the cube of its rows.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = EASE(datasets.load("toy").interactions, regularization=1.0)
    >>> model.score(torch.tensor([0])).numpy().round(2)
    array([[ 0.62,  0.62,  0.4 , -0.15,  0.06]], dtype=float32)
    """

    def __init__(
        self, train: Interactions, regularization: float = 100.0, *, limit: float = 16.0
    ) -> None:
        if not regularization > 0:
            raise ValueError(f"regularization={regularization}: a positive number is needed.")
        super().__init__(train)
        self.regularization = regularization
        size = min(train.num_users, train.num_items)
        dtype = np.float64 if size <= DOUBLE else np.float32
        needed = 2 * size**2 * np.dtype(dtype).itemsize / 1e9
        if needed > limit:
            raise ValueError(
                f"EASE inverts a matrix of {size:,} x {size:,} numbers, which needs {needed:.1f} "
                f"GB: more than limit={limit:g}. Fewer users or items would do (k_core), or "
                "another model: ItemKNN and RP3Beta stay sparse."
            )
        self._likes = sparse.csr_array(train.to_csr(), dtype=dtype)
        self._by_items = train.num_items <= train.num_users
        self._inverse = self.computed("inverse", self._invert)
        self._diagonal = self.computed("diagonal", self._diagonal_of_p)  # of P, (num_items,)

    def _invert(self) -> Tensor:
        """The inverse of the smaller of the two matrices."""
        likes = self._likes
        gram = (likes.T @ likes if self._by_items else likes @ likes.T).toarray()
        gram[np.diag_indices_from(gram)] += self.regularization
        return _inverted(torch.from_numpy(gram))

    def _diagonal_of_p(self) -> Tensor:
        if self._by_items:
            return self._inverse.diagonal().clone()
        # P = (I - R.T inverse(R R.T + regularization I) R) / regularization
        explained = np.zeros(self.num_items)
        for start in range(0, len(self._inverse), ROWS):
            users = torch.arange(start, min(start + ROWS, len(self._inverse)))
            predicted = scores_of([(self._inverse, self._likes)], users).numpy()
            explained += self._likes[users.numpy()].multiply(predicted).sum(axis=0)
        return torch.from_numpy((1 - explained) / self.regularization).to(self._inverse.dtype)

    def products(self) -> list[Product]:
        """``R - R P / diagonal(P)``."""
        if self._by_items:
            return [(self._likes, *factors) for factors in self.fold_in().products]
        return [(self._likes,), (self._inverse, sparse.csr_array(self._likes @ self._scaled()))]

    def _scaled(self) -> sparse.csr_array:
        return sparse.csr_array(sparse.diags_array(-1 / self._diagonal.numpy()))

    def fold_in(self) -> ByProducts:
        """``r B`` for her items r, with the B of train."""
        scaled = self._scaled()
        itself = sparse.eye_array(self.num_items, format="csr")
        if self._by_items:
            return ByProducts([(sparse.csr_array(itself),), (self._inverse, scaled)])
        # P = (I - R.T inverse(R R.T + regularization I) R) / regularization
        damped = scaled / self.regularization
        to_users, back = sparse.csr_array(self._likes.T), sparse.csr_array(self._likes @ -damped)
        return ByProducts([(sparse.csr_array(itself + damped),), (to_users, self._inverse, back)])

    def item_similarity(self) -> Scorer:
        """The weights B between items; an item has none to itself."""

        def weights(items: Tensor) -> Tensor:
            rows = items.cpu().numpy()
            if self._by_items:
                of_p = self._inverse.numpy()[rows]
            else:
                columns = self._likes.T.tocsr()[rows]  # who has them, (n, num_users)
                explained = (columns @ self._inverse.numpy()) @ self._likes
                of_p = -explained / self.regularization
            similarity = -of_p / self._diagonal.numpy()
            similarity[np.arange(len(rows)), rows] = 0.0
            return torch.from_numpy(similarity).float()

        return weights


def _inverted(matrix: Tensor) -> Tensor:
    """The inverse of a symmetric, positive definite matrix, written over it."""
    try:
        torch.linalg.cholesky(matrix, out=matrix)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise ValueError(
            "The regularization is too small for these interactions: try a larger one."
        ) from error
    return torch.cholesky_inverse(matrix, out=matrix)
