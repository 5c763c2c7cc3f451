"""Matrix factorization: a vector for every user and every item, learnt from first-order edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize as unit_length

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..objectives import Objective, SampledSoftmax
from .base import EmbeddingModel
from .parts.seeded_layers import table

MANY = 16  # likes that a like's user and item have, in the median: more weight decay below it


class MatrixFactorization(EmbeddingModel):
    """Scores a pair by the dot product of the user's and the item's embedding.

    Koren, Bell & Volinsky (2009); trained with BPR as in Rendle et al. (2009).

    Parameters
    ----------
    train : Interactions
        Says how many users and items there are, and their labels.
    dim : int, default 64
        Numbers in an embedding.
    cosine : bool, default False
        Scores are cosines: every embedding has length 1, in training and when it recommends.
    seed : int, default 0
        Of the normal distribution (standard deviation 0.1) that fills the embeddings.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = MatrixFactorization(datasets.load("toy").interactions, dim=8)
    >>> model.score(torch.tensor([0, 1])).shape
    torch.Size([2, 5])
    """

    static_step = True

    def __init__(
        self, train: Interactions, dim: int = 64, *, cosine: bool = False, seed: int = 0
    ) -> None:
        check_whole(dim=dim)
        super().__init__(train)
        self.dim, self.cosine = dim, cosine
        # one table, users first: the nodes of the user-item graph
        self.nodes = table(self.num_users + self.num_items, dim, np.random.default_rng(seed))

    def node_labels(self) -> list[pd.Index]:
        """The labels of the rows of the table, kind after kind."""
        return [self.users, self.items]

    def node_embeddings(self) -> Tensor:
        """The embeddings of all nodes, users first, then items.

        They are compared as they are or, for cosines, with their lengths made 1.

        A subclass that changes this changes :meth:`rows` likewise where that takes a short cut.
        """
        return self.nodes.weight

    def rows(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of :meth:`node_embeddings` of these nodes, and the same rows of the table.

        The second, shape (len(nodes), dim), is what weight decay acts on.
        """
        start = self.nodes.weight.index_select(0, nodes)
        embeddings = self.node_embeddings()
        if embeddings is self.nodes.weight:  # one gradient of the table's size instead of two
            return start, start
        return embeddings.index_select(0, nodes), start

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What an objective needs of a batch: users, items, and the table's own rows of both."""
        rows, start = self.rows(torch.cat([users, items + self.num_users]))
        rows = unit_length(rows) if self.cosine else rows
        user_rows, item_rows = rows.split([len(users), len(items)])
        return user_rows, item_rows, start

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        if users is None or items is None:
            nodes = self.node_embeddings()
            return self.rows_of(unit_length(nodes) if self.cosine else nodes, users, items)
        user_rows, item_rows, _ = self.training_embeddings(users, items)
        return user_rows, item_rows

    def has_layers(self) -> bool:
        """Are embeddings averages over neighbours? They need a tenth of the weight decay then."""
        return False

    def default_objective(self) -> Objective[Any, Any]:
        if self.cosine:  # from -1 to 1: without a low temperature all are alike to a softmax
            return SampledSoftmax(weight_decay=0.0, temperature=0.1)
        decay = 0.025 if self.has_layers() else 0.2
        return SampledSoftmax(weight_decay=round(decay * self._scarcity(), 4))

    def _scarcity(self) -> float:
        """How much more weight decay than usual: 1, and more where users or items have few likes.

        Near zero, this loss makes embeddings grow along a singular vector of the normalized
        user-item matrix only if its singular value is above the weight decay (without layers; the
        penalty of a row, too, counts once for every like). Singular values of noise reach up to
        about one divided by the root of the number of likes of a user or an item. So the weight
        decay that suppresses noise grows like that.
        """
        train = self.interactions
        if len(train) == 0:
            return 1.0
        sides = (train.user_degrees()[train.user_index], train.item_degrees()[train.item_index])
        return max(1.0, float(np.sqrt(MANY / min(np.median(side) for side in sides))))
