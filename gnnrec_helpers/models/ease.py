"""EASE: a linear item-item model in closed form."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..interactions import Interactions


class EASE:
    """Predicts each item of a user from her other items, by ridge regression.

    With R the user-item matrix and ``P = inverse(R.T R + regularization I)``, the weights are
    ``B[i, j] = -P[i, j] / P[j, j]``, with a diagonal of zeros, and the scores of a user with
    interactions r are ``r B`` (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data",
    eq. 8).

    Parameters
    ----------
    train : Interactions
    regularization : float, default 100
        Larger numbers trust few interactions less; to be chosen on validation.
    max_gb : float, default 16
        Memory it may take, in GB of 10^9 bytes. What needs more is refused before it is computed.

    Raises
    ------
    ValueError
        Where there are too many items for `max_gb`, or the regularization is too small.

    Notes
    -----
    The weights are a dense matrix of num_items x num_items float32, 7 GB for Gowalla's 40,981
    items, written over the one they are computed from; up to twice as much is in memory meanwhile.
    That is the memory `max_gb` speaks of. The work grows with the cube of the number of items.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = EASE(datasets.load("toy").interactions, regularization=1.0)
    >>> model.score(torch.tensor([0])).argsort(descending=True)[0, :3].tolist()
    [0, 1, 2]
    """

    def __init__(
        self, train: Interactions, regularization: float = 100.0, *, max_gb: float = 16.0
    ) -> None:
        if not regularization > 0:
            raise ValueError(f"regularization={regularization}: a positive number is needed.")
        needed = 2 * train.num_items**2 * 4 / 1e9
        if needed > max_gb:
            raise ValueError(
                f"EASE needs {needed:.1f} GB for two dense matrices of {train.num_items:,} x "
                f"{train.num_items:,} numbers, more than max_gb={max_gb:g}: keep fewer items, with "
                "Interactions.k_core for one, or allow more."
            )
        self.users, self.items = train.users, train.items
        self.regularization = regularization
        self._likes = sparse.csr_array(train.to_csr(), dtype=np.float32)
        gram = (self._likes.T @ self._likes).toarray()
        gram[np.diag_indices_from(gram)] += regularization
        inverse = _inverted(torch.from_numpy(gram))
        self.weights = inverse.div_(-inverse.diagonal().clone())  # (num_items, num_items)
        self.weights.fill_diagonal_(0.0)

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items)."""
        return torch.from_numpy(self._likes[users.cpu().numpy()] @ self.weights.numpy())

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
