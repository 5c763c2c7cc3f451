"""Lists that are there already, judged like a model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..data import Interactions


class Listed:
    """Lists as something that :func:`gnnrec_helpers.evaluate` can ask.

    Parameters
    ----------
    lists : pandas.DataFrame
        As :func:`gnnrec_helpers.recommend` gives it.
    known : Interactions
        Whose users and items they are.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models, recommend
    >>> likes = datasets.load("toy").interactions
    >>> lists = recommend(models.ItemKNN(likes, shrink=0), ["Ana"], k=2)
    >>> lists["item"].tolist()
    ['Casablanca', 'Dune']
    >>> Listed(lists, likes).score(torch.tensor([0]))
    tensor([[-inf, -inf, -1., -2., -inf]])
    """

    def __init__(self, lists: pd.DataFrame, known: Interactions) -> None:
        self.users, self.items = known.users, known.items
        self.table = torch.full((len(self.users), len(self.items)), -torch.inf)
        row = torch.from_numpy(self.users.get_indexer(pd.Index(lists["user"])))
        column = torch.from_numpy(self.items.get_indexer(pd.Index(lists["item"])))
        self.table[row, column] = -torch.from_numpy(lists["rank"].to_numpy(np.float32))

    def score(self, users: Tensor) -> Tensor:
        """The first item has the largest score, and one that is not listed none."""
        return self.table[users]
