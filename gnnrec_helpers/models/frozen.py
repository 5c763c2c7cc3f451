"""A trained model reduced to what it answers from: tables and labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor

from ..data import Interactions
from ..engine.dot_products import DotProducts
from .files import decode, encode, read, write
from .parts.products import Product, scores_of


class Frozen:
    """Scores all items for some users, from tables alone: no graph, no gradients, no training.

    :meth:`Model.frozen` makes one. It can be given to :func:`gnnrec_helpers.recommend` and
    :func:`gnnrec_helpers.evaluate` as any model can.

    Parameters
    ----------
    interactions : Interactions
        What every user has already, and the labels.
    products : sequence of products
        Their sum is the matrix of all scores. For LightGCN that is one product, of the users' and
        the items' embeddings after propagation; for ItemKNN one of the interactions and the
        similarities.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> frozen = models.MatrixFactorization(datasets.load("toy").interactions, dim=8).frozen()
    >>> frozen
    Frozen(5 users, 5 items; tables of 5 x 8 and 8 x 5)
    >>> frozen.score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    def __init__(self, interactions: Interactions, products: Sequence[Product]) -> None:
        self.interactions = interactions
        self.products = [tuple(table for table in product) for product in products]
        self._dot_products: DotProducts | None = None
        if len(self.products) == 1 and len(self.products[0]) == 2:
            users, items = self.products[0]
            if isinstance(users, Tensor) and isinstance(items, Tensor):
                self._dot_products = DotProducts(_plain(users), _plain(items).T)

    @property
    def users(self) -> pd.Index:
        """Labels; the position of a label is the user's index."""
        return self.interactions.users

    @property
    def items(self) -> pd.Index:
        """Labels; the position of a label is the item's index."""
        return self.interactions.items

    def frozen(self) -> Frozen:
        """Itself: ``load(path).frozen()`` holds for every file."""
        return self

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items for some users, shape (len(users), num_items)."""
        with torch.no_grad():
            return self.scorer()(users)

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """A function that does what :meth:`score` does."""
        return self._dot_products or (lambda users: scores_of(self.products, users).float())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write tables and labels to one file, from which :func:`gnnrec_helpers.load` reads them.

        Raises
        ------
        ValueError
            If another program's file is there already.
        """
        tensors: dict[str, Tensor] = {}
        content = {"interactions": self.interactions, "products": self.products}
        write(path, {"frozen": encode(content, "frozen", tensors)}, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Frozen:
        """What :meth:`save` wrote."""
        story, tensors = read(
            path, "a frozen recommender written by save", lambda story: "frozen" in story
        )
        return cls(**decode(story["frozen"], tensors))

    def __repr__(self) -> str:
        shapes = [f"{t.shape[0]:,} x {t.shape[1]:,}" for product in self.products for t in product]
        tables = " and ".join([", ".join(shapes[:-1]), shapes[-1]] if shapes[1:] else shapes)
        return f"Frozen({len(self.users):,} users, {len(self.items):,} items; tables of {tables})"


def _plain(table: Tensor) -> Tensor:
    return table.detach().cpu().float()
