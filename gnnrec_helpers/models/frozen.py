"""A trained model reduced to what it answers from: tables and labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Interactions
from ..engine.dot_products import DotProducts
from .files import Tensors, decode, encode, read, understood, write
from .parts.fold_in import FoldIn, from_words, in_words
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
    fold_in : FoldIn, optional
        What :meth:`Model.fold_in` answers, for somebody who was not in train.
    informed_users, informed_items : bool arrays, optional
        See :attr:`Model.informed_users`. By default those with interactions.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> frozen = models.MatrixFactorization(datasets.load("toy").interactions, dim=8).frozen()
    >>> frozen
    Frozen(5 users, 5 items; tables of 5 x 8 and 8 x 5)
    >>> frozen.score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        interactions: Interactions,
        products: Sequence[Product],
        fold_in: FoldIn | None = None,
        *,
        informed_users: NDArray[np.bool_] | None = None,
        informed_items: NDArray[np.bool_] | None = None,
    ) -> None:
        self.interactions = interactions
        self._fold_in = fold_in
        self.informed_users, self.informed_items = (
            degrees > 0 if informed is None else informed
            for informed, degrees in (
                (informed_users, interactions.user_degrees()),
                (informed_items, interactions.item_degrees()),
            )
        )
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

    def fold_in(self) -> FoldIn:
        """A function from the items that somebody new has to her scores, as :meth:`Model.fold_in`.

        Raises
        ------
        TypeError
            If the model had none.
        """
        if self._fold_in is None:
            raise TypeError(
                "The model that was frozen cannot answer for somebody who was not in train: "
                "ItemKNN, UserKNN, RP3Beta, EASE, the filters, IALS, GraphSAGE, and LightGCN with "
                "its kin can."
            )
        return self._fold_in

    def item_similarity(self) -> Callable[[Tensor], Tensor]:
        """Cosines between items, as :meth:`Model.item_similarity`.

        Raises
        ------
        TypeError
            If the model had no embeddings.
        """
        return self._cosines(1)

    def user_similarity(self) -> Callable[[Tensor], Tensor]:
        """Cosines between users."""
        return self._cosines(0)

    def _cosines(self, side: int) -> Callable[[Tensor], Tensor]:
        if self._dot_products is None or len(self.products[0][1]) == 1:  # popularity: one number
            raise TypeError(
                "The model that was frozen has no embeddings to compare by: ask the model itself."
            )
        users, items = self.products[0]
        assert isinstance(users, Tensor)
        assert isinstance(items, Tensor)
        return DotProducts.cosines(_plain((users, items.T)[side]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write tables and labels to one file, from which :func:`gnnrec_helpers.load` reads them.

        Raises
        ------
        ValueError
            If another program's file is there already, or one of another kind, as of a model.
        PermissionError
            If the folder may not be written to.
        """
        tensors: dict[str, Tensor] = {}
        content = {
            "interactions": self.interactions,
            "products": self.products,
            "fold_in": None if self._fold_in is None else in_words(self._fold_in),
            "informed_users": self.informed_users,
            "informed_items": self.informed_items,
        }
        write(path, {"frozen": encode(content, "frozen", tensors)}, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Frozen:
        """What :meth:`save` wrote."""
        story, tensors = read(
            path, "a frozen recommender written by save", lambda story: "frozen" in story
        )
        with understood(path, story):
            return thawed(story, tensors)

    def __repr__(self) -> str:
        shapes = [f"{t.shape[0]:,} x {t.shape[1]:,}" for product in self.products for t in product]
        tables = " and ".join([", ".join(shapes[:-1]), shapes[-1]] if shapes[1:] else shapes)
        return f"Frozen({len(self.users):,} users, {len(self.items):,} items; tables of {tables})"


def thawed(story: Mapping[str, Any], tensors: Tensors) -> Frozen:
    """What a file that :meth:`Frozen.save` wrote holds."""
    content = decode(story["frozen"], tensors)
    fold_in = content.pop("fold_in", None)  # older files have none
    return Frozen(**content, fold_in=None if fold_in is None else from_words(fold_in))


def _plain(table: Tensor) -> Tensor:
    return table.detach().cpu().float()
