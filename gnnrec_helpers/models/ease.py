"""EASE: a linear item-item model in closed form."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..data.interactions import FloatArray, Interactions

DOUBLE = 8192  # rows of a matrix that is inverted in float64, 0.5 GB; larger ones in float32
ROWS = 512  # of the smaller matrix, multiplied at once


class EASE:
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
    array([[ 0.62,  0.62,  0.4 , -0.15,  0.06]])
    """

    def __init__(
        self, train: Interactions, regularization: float = 100.0, *, limit: float = 16.0
    ) -> None:
        if not regularization > 0:
            raise ValueError(f"regularization={regularization}: a positive number is needed.")
        self.users, self.items = train.users, train.items
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
        self._of_items = train.num_items <= train.num_users
        likes = self._likes
        gram = (likes.T @ likes if self._of_items else likes @ likes.T).toarray()
        gram[np.diag_indices_from(gram)] += regularization
        self._inverse = _inverted(torch.from_numpy(gram)).numpy()
        self._diagonal = self._diagonal_of_p()  # (num_items,)

    def _diagonal_of_p(self) -> FloatArray:
        if self._of_items:
            return self._inverse.diagonal().copy()
        # P = (I - R.T inverse(R R.T + regularization I) R) / regularization
        explained = np.zeros(self._likes.shape[1])
        for start in range(0, len(self._inverse), ROWS):
            rows = np.arange(start, min(start + ROWS, len(self._inverse)))
            explained += self._likes[rows].multiply(self._times_p(rows)).sum(axis=0)
        return np.asarray((1 - explained) / self.regularization, self._inverse.dtype)

    def _times_p(self, users: np.ndarray) -> np.ndarray:
        """Their rows of ``R P``, shape (len(users), num_items)."""
        if self._of_items:
            return np.asarray(self._likes[users] @ self._inverse)
        return np.asarray((self._likes.T @ self._inverse[users].T).T)

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items)."""
        rows = users.cpu().numpy()
        scores = self._likes[rows].toarray() - self._times_p(rows) / self._diagonal
        return torch.from_numpy(scores)

    def __repr__(self) -> str:
        return f"EASE({len(self.items):,} items, regularization={self.regularization:g})"


def _inverted(matrix: Tensor) -> Tensor:
    """The inverse of a symmetric, positive definite matrix, written over it."""
    try:
        torch.linalg.cholesky(matrix, out=matrix)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise ValueError(
            "The regularization is too small for these interactions: try a larger one."
        ) from error
    return torch.cholesky_inverse(matrix, out=matrix)
