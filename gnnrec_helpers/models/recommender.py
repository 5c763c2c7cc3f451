"""The one question every recommender answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

LINE = 64  # bytes in a line of the processor's cache


@runtime_checkable
class Recommender(Protocol):
    """Anything that scores all items for some users.

    Models of this package also keep ``users`` and ``items``, the labels they were built with, so
    that :func:`gnnrec_helpers.recommend` can speak of them by name.
    """

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items, shape (len(users), num_items); higher is better."""
        ...


@runtime_checkable
class EmbeddingRecommender(Recommender, Protocol):
    """A recommender whose score is the dot product of a user's and an item's embedding."""

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        ...


@runtime_checkable
class RatingModel(Protocol):
    """Whatever says how a user would rate an item."""

    def predict(self, users: Tensor, items: Tensor) -> Tensor:
        """The rating of each of these pairs, shape (len(users),); `items` is as long."""
        ...


class DotProducts:
    """Scores of all items for some users: rows of one table times all rows of another.

    Rows of scores start where lines of the cache do; if not, the product takes up to twice as long
    on some processors. So they are a view of a table that is a little wider.

    Parameters
    ----------
    users, items : Tensor, shapes (n, dim) and (m, dim)
    """

    def __init__(self, users: Tensor, items: Tensor) -> None:
        self.users, self.num_items = users, len(items)
        line = LINE // items.element_size()
        self.width = max(1, -(-len(items) // line)) * line
        self._columns = items.new_zeros(items.shape[1], self.width)  # (dim, m and a few more)
        self._columns[:, : len(items)] = items.T

    def room(self, most: int) -> Tensor:
        """Memory that the scores of so many users at most can be written to, call after call."""
        return self._columns.new_empty(most, self.width)

    def __call__(self, users: Tensor, room: Tensor | None = None) -> Tensor:
        """Shape (len(users), m); in `room` where that is given, until it is used again."""
        rows = self.users.index_select(0, users.to(self.users.device))
        out = None if room is None else room[: len(users)]
        return torch.mm(rows, self._columns, out=out)[:, : self.num_items]


def frozen_score(model: Recommender) -> Callable[[Tensor], Tensor]:
    """``model.score`` for a model that does not change meanwhile.

    Where scores are dot products the embeddings are computed once, not at every call: for a GNN
    that is a propagation through the whole graph.
    """
    if not isinstance(model, EmbeddingRecommender):

        @torch.no_grad()
        def score(users: Tensor) -> Tensor:
            # a copy: `rank` writes into it, and the model may have handed out a table it keeps
            return model.score(users).clone(memory_format=torch.contiguous_format)

        return score
    with torch.no_grad():
        return DotProducts(*(part.detach() for part in model.embeddings()))
