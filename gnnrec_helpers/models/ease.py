"""EASE: a linear item-item model in closed form."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..data.arguments import BELOW_1, POSITIVE, check_number
from ..data.interactions import FloatArray, IntArray, Interactions
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

    Four further settings, all 0 in EASE, adapt it to degrees. With n the degrees of the items::

        P = inverse(R.T D_U^-user_exponent R + diagonal(regularization + p / (1 - p) n))

    where p is `dropout`, and the weight from item i to item j is multiplied by
    ``n_i ^ history_exponent / n_j ^ item_exponent`` (Park et al. 2025, "Why is Normalization
    Necessary for Linear Recommenders?", whose code has these two equal).

    Parameters
    ----------
    train : Interactions
    regularization : float, default 100
        Larger numbers trust few interactions less; to be chosen on validation.
    dropout : float, default 0
        What training with so large a share of the interactions hidden at random would give, in
        expectation (Steck 2020, "Autoencoders that don't overfit towards the Identity"): weights
        from popular items shrink more. Below 1.
    user_exponent : float, default 0
        Above 0, users with many interactions count less.
    item_exponent : float, default 0
        Above 0, popular items are held back; below, they are pushed.
    history_exponent : float, default 0
        Above 0, popular items say more about who has them. Where there are fewer users than items
        it makes scoring slow: every user asks for the whole matrix then, not for her row of it.
    limit : float, default 16
        Gigabytes that may be used; a train set that needs more is refused.

    Notes
    -----
    A dense matrix is inverted, and the smaller of two will do: of items, or of users. With
    ``W = D_U^-user_exponent``, and ``S = I / (1 + p / (1 - p) n / regularization)``, Woodbury's
    identity gives ``R P = K R S`` and ``P = S (I - R.T W K R S) / regularization`` for
    ``K = inverse(regularization I + R S R.T W)``. The matrix is there twice meanwhile: for
    Gowalla's 29,858 users (40,981 items) 7.1 GB of float32. Work grows with the cube of its rows.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = EASE(datasets.load("toy").interactions, regularization=1.0)
    >>> model.score(torch.tensor([0])).numpy().round(2)
    array([[ 0.62,  0.62,  0.4 , -0.15,  0.06]], dtype=float32)
    """

    def __init__(
        self,
        train: Interactions,
        regularization: float = 100.0,
        *,
        dropout: float = 0.0,
        user_exponent: float = 0.0,
        item_exponent: float = 0.0,
        history_exponent: float = 0.0,
        limit: float = 16.0,
    ) -> None:
        check_number(POSITIVE, regularization=regularization)
        check_number(0, BELOW_1, dropout=dropout)
        check_number(
            user_exponent=user_exponent,
            item_exponent=item_exponent,
            history_exponent=history_exponent,
        )
        if limit != math.inf:
            check_number(0, limit=limit)
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
        user_degrees, item_degrees = train.user_degrees(), train.item_degrees()
        hidden = dropout / (1 - dropout) * item_degrees / regularization
        # the W of users and the S of items
        self._weights: FloatArray = _power(user_degrees, -user_exponent).astype(dtype)
        self._shrunk: FloatArray = (1 / (1 + hidden)).astype(dtype)
        self._held_back: FloatArray = _power(item_degrees, -item_exponent).astype(dtype)
        self._heard: FloatArray | None = None
        if history_exponent:
            self._heard = _power(item_degrees, history_exponent).astype(dtype)
        self._inverse = self.computed("inverse", self._invert)  # P, or K of users
        self._diagonal = self.computed("diagonal", self._diagonal_of_p)  # of P, (num_items,)

    def _invert(self) -> Tensor:
        """The inverse of the smaller of the two matrices."""
        roots = np.sqrt(self._weights)
        likes = _diagonal(roots) @ self._likes
        if self._by_items:
            gram = (likes.T @ likes).toarray()
            gram[np.diag_indices_from(gram)] += self.regularization / self._shrunk
            return _inverted(torch.from_numpy(gram))
        # K = W^-1/2 inverse(regularization I + W^1/2 R S R.T W^1/2) W^1/2
        gram = (_columns(likes, self._shrunk) @ likes.T).toarray()
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = _inverted(torch.from_numpy(gram))
        scale = torch.from_numpy(roots)
        return inverse.mul_(scale).div_(scale[:, None])

    def _diagonal_of_p(self) -> Tensor:
        if self._by_items:
            return self._inverse.diagonal().clone()
        weighted = _diagonal(self._weights) @ self._likes  # W R
        explained = np.zeros(self.num_items)  # the diagonal of R.T W K R
        for start in range(0, len(self._inverse), ROWS):
            users = torch.arange(start, min(start + ROWS, len(self._inverse)))
            predicted = scores_of([(self._inverse, self._likes)], users).numpy()
            explained += weighted[users.numpy()].multiply(predicted).sum(axis=0)
        diagonal = self._shrunk * (1 - self._shrunk * explained) / self.regularization
        return torch.from_numpy(diagonal).to(self._inverse.dtype)

    def products(self) -> list[Product]:
        """``R - R P / diagonal(P)``, with what holds popular items back."""
        if self._by_items or self._heard is not None:
            return self.fold_in().of(self._likes)
        unseen = _columns(self._likes, self._shrunk * self._scale())
        return [(_columns(self._likes, self._held_back),), (self._inverse, unseen)]

    def _scale(self) -> FloatArray:
        """What a column of P is multiplied by."""
        return -self._held_back / self._diagonal.numpy()

    def fold_in(self) -> ByProducts:
        """``r B`` for her items r, with the B of train."""
        scale = self._scale()
        if self._by_items:
            itself = _diagonal(self._held_back)
            return self._of_heard((itself,), (self._inverse, _diagonal(scale)))
        # P = S (I - R.T W K R S) / regularization
        damped = scale / self.regularization
        itself = _diagonal(self._held_back + self._shrunk * damped)
        to_users = _columns(_diagonal(self._weights) @ self._likes, self._shrunk)
        back = _columns(self._likes, -damped * self._shrunk)
        return self._of_heard((itself,), (sparse.csr_array(to_users.T), self._inverse, back))

    def _of_heard(self, *products: Product) -> ByProducts:
        """Of a history whose items are multiplied by what they say."""
        if self._heard is None:
            return ByProducts(products)
        heard = _diagonal(self._heard)
        return ByProducts([(heard, *factors) for factors in products])

    def item_similarity(self) -> Scorer:
        """The weights B between items; an item has none to itself."""
        score = self.fold_in()
        everything = sparse.eye_array(self.num_items, format="csr")

        def weights(items: Tensor) -> Tensor:
            rows = items.cpu().numpy()
            similarity = score(everything[rows])
            similarity[torch.arange(len(rows)), items.cpu()] = 0.0
            return similarity

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


def _power(degrees: IntArray, exponent: float) -> FloatArray:
    """Of nobody's degree, 0, it does not matter: nothing is multiplied by it."""
    return np.maximum(degrees, 1).astype(np.float64) ** exponent


def _diagonal(values: FloatArray) -> sparse.csr_array:
    return sparse.csr_array(sparse.diags_array(values))


def _columns(matrix: sparse.csr_array, scale: FloatArray) -> sparse.csr_array:
    """Each column times its number."""
    return sparse.csr_array(matrix @ sparse.diags_array(scale))
