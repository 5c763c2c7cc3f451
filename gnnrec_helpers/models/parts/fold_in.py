"""Scores for somebody who was not in train, from the items she has, without training again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from .nearest import strongest
from .products import Product, scores_of

BLOCK = 2**22  # numbers gathered at once: 16 MiB


class FoldIn(Protocol):
    """From histories, a matrix of ones of shape (n, num_items), to scores of the same shape."""

    def __call__(self, histories: sparse.csr_array) -> Tensor: ...


@dataclass(frozen=True)
class ByProducts:
    """A history times matrices: what a linear model does with a user's items.

    Parameters
    ----------
    products : sequence of products
        Their first factor has a row per item. The scores are the sum of
        ``histories @ first @ second @ ...``.
    power : float, default 0
        A history of n items is divided by ``n ** power`` before.
    """

    products: Sequence[Product]
    power: float = 0.0

    def __call__(self, histories: sparse.csr_array) -> Tensor:
        everybody = torch.arange(histories.shape[0])
        return scores_of(self.of(histories), everybody).float()

    def of(self, histories: sparse.csr_array) -> list[Product]:
        """The scores of these histories as products, whose first factor has a row per history."""
        scaled = histories
        if self.power:
            sizes = np.maximum(np.diff(histories.indptr), 1).astype(np.float64)
            scaled = sparse.csr_array(sparse.diags_array(sizes**-self.power) @ histories)
        return [(scaled, *factors) for factors in self.products]


@dataclass(frozen=True)
class ByNeighbours:
    """The most similar users speak for her: see :class:`~gnnrec_helpers.models.UserKNN`."""

    likes: sparse.csr_array  # (num_users, num_items)
    neighbours: int
    shrink: float

    def __call__(self, histories: sparse.csr_array) -> Tensor:
        shared = sparse.csr_array(histories @ self.likes.T)  # (n, num_users)
        shared.sort_indices()
        sizes, degrees = np.diff(histories.indptr), np.diff(self.likes.indptr)
        rows = np.repeat(np.arange(len(sizes)), np.diff(shared.indptr))
        shared.data = shared.data / (np.sqrt(sizes[rows] * degrees[shared.indices]) + self.shrink)
        heard = strongest(shared, self.neighbours)
        return torch.from_numpy((heard @ self.likes).toarray()).float()


@dataclass(frozen=True)
class ByLeastSquares:
    """Half a sweep of :class:`~gnnrec_helpers.models.IALS`: her embedding, with the items fixed."""

    items: Tensor  # (num_items, dim)
    unobserved: float
    regularization: float
    exponent: float

    def __call__(self, histories: sparse.csr_array) -> Tensor:
        rows = least_squares(
            histories, self.items, self.unobserved, self.regularization, self.exponent
        )
        return rows @ self.items.T


@dataclass(frozen=True)
class ByBlend:
    """What two say, made comparable: see :class:`~gnnrec_helpers.models.Blend`."""

    first: FoldIn
    second: FoldIn
    weight: float

    def __call__(self, histories: sparse.csr_array) -> Tensor:
        return blended(self.first(histories), self.second(histories), self.weight)


KINDS = {kind.__name__: kind for kind in (ByProducts, ByNeighbours, ByLeastSquares, ByBlend)}


def in_words(fold_in: Any) -> dict[str, Any]:
    """Kind and fields, from which :func:`from_words` makes the same again."""
    values = {field.name: getattr(fold_in, field.name) for field in fields(fold_in)}
    inner = {
        name: in_words(value)
        for name, value in values.items()
        if isinstance(value, tuple(KINDS.values()))
    }
    return {"kind": type(fold_in).__name__, **values, **inner}


def from_words(story: dict[str, Any]) -> FoldIn:
    """What :func:`in_words` described."""
    values: dict[str, Any] = {
        name: from_words(value) if isinstance(value, dict) else value
        for name, value in story.items()
    }
    made: FoldIn = KINDS[values.pop("kind")](**values)
    return made


def blended(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """``(1 - weight) z(first) + weight z(second)``, with z the standardized scores of a row."""
    total = torch.zeros_like(first)
    for scores, share in ((first, 1 - weight), (second, weight)):
        mean, deviation = moments_of(scores)
        total += (scores - mean) * (share / deviation)
    return total


def moments_of(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each row, shapes (n, 1); 1 where all scores are alike."""
    mean = scores.mean(1, keepdim=True)
    deviation = (scores - mean).square().mean(1, keepdim=True).sqrt()
    rounding = 1e-6 * scores.abs().amax(1, keepdim=True)
    return mean, torch.where(deviation > rounding, deviation, 1.0)


def least_squares(
    likes: sparse.csr_array,
    others: Tensor,
    unobserved: float,
    regularization: float,
    exponent: float,
) -> Tensor:
    """The embeddings of all rows that are best for fixed embeddings of the columns.

    Rendle et al. (2022), eq. 1-5; see :class:`~gnnrec_helpers.models.IALS`.

    Parameters
    ----------
    likes : scipy.sparse.csr_array, shape (n, m)
        Weights of the interactions.
    others : Tensor, shape (m, dim)

    Returns
    -------
    Tensor, shape (n, dim)
        Zeros for a row without interactions.
    """
    dim = others.shape[1]
    degrees = np.diff(likes.indptr)
    counts = np.asarray(likes.sum(axis=1)).ravel()  # the degrees, where all weights are 1
    gram = unobserved * others.T @ others  # (dim, dim)
    damping = (counts + unobserved * likes.shape[1]) ** exponent
    diagonal = torch.from_numpy(regularization * damping).to(others)
    solution = others.new_zeros(len(degrees), dim)
    unit = torch.eye(dim, dtype=others.dtype)
    for degree in np.unique(degrees[degrees > 0]).tolist():  # rows as long as each other
        rows = np.flatnonzero(degrees == degree)
        size = max(1, BLOCK // (degree * dim))
        for block in np.split(rows, range(size, len(rows), size)):
            entries = likes.indptr[block][:, None] + np.arange(degree)
            chosen = torch.from_numpy(likes.indices[entries]).long()
            known = others[chosen]  # (block, degree, dim)
            weighted = torch.from_numpy(likes.data[entries]).to(others)[..., None] * known
            left = weighted.mT @ known + gram + diagonal[block, None, None] * unit
            solution[block] = torch.linalg.solve(left, weighted.sum(1))
    return solution
