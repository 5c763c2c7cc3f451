"""Matrix factorization: a vector for every user and every item, learnt from first-order edges."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..data.interactions import Interactions
from .parts.seeded_layers import table


class MatrixFactorization(nn.Module):
    """Scores a pair by the dot product of the user's and the item's embedding.

    Koren, Bell & Volinsky (2009); trained with BPR as in Rendle et al. (2009).

    Parameters
    ----------
    train : Interactions
        Says how many users and items there are, and their labels.
    dim : int, default 64
        Numbers in an embedding.
    seed : int, default 0
        Of the normal distribution (standard deviation 0.1) that fills the embeddings.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> model = MatrixFactorization(datasets.load("toy").interactions, dim=8)
    >>> model.score(torch.tensor([0, 1])).shape
    torch.Size([2, 5])
    """

    def __init__(self, train: Interactions, dim: int = 64, seed: int = 0) -> None:
        super().__init__()
        if dim < 1:
            raise ValueError(f"dim={dim}: at least 1 is needed.")
        self.users, self.items = train.users, train.items
        self.num_users, self.num_items, self.dim = train.num_users, train.num_items, dim
        # one table, users first: the nodes of the user-item graph
        self.nodes = table(self.num_users + self.num_items, dim, np.random.default_rng(seed))

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What an objective needs of a batch: users, items, and the table's own rows of both.

        The last, shape (len(users) + len(items), dim), is what weight decay acts on. A subclass
        that overrides `embeddings` is trained with what that returns.
        """
        wanted = torch.cat([users, items + self.num_users])
        # as self.nodes(wanted), with a backward pass that is several times faster
        start = self.nodes.weight.index_select(0, wanted)
        if type(self).embeddings is not MatrixFactorization.embeddings:
            return (*self.embeddings(users, items), start)
        user_rows, item_rows = start.split([len(users), len(items)])
        return user_rows, item_rows, start

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        if users is None and items is None:
            user_rows, item_rows = self.nodes.weight.split([self.num_users, self.num_items])
            return user_rows, item_rows
        users, items = self._all_where_none(users, items)
        table = self.nodes.weight
        return table.index_select(0, users), table.index_select(0, items + self.num_users)

    def score(self, users: Tensor) -> Tensor:
        """Shape (len(users), num_items)."""
        user_embeddings, item_embeddings = self.embeddings(users, None)
        return user_embeddings @ item_embeddings.T

    @staticmethod
    def _wanted(
        user_rows: Tensor, item_rows: Tensor, users: Tensor | None, items: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """These rows of the embeddings of all users and all items (all by default)."""
        return (
            user_rows if users is None else user_rows.index_select(0, users),
            item_rows if items is None else item_rows.index_select(0, items),
        )

    def _all_where_none(self, users: Tensor | None, items: Tensor | None) -> tuple[Tensor, Tensor]:
        device = self.nodes.weight.device
        everyone = torch.arange(self.num_users, device=device) if users is None else users
        everything = torch.arange(self.num_items, device=device) if items is None else items
        return everyone, everything

    def extra_repr(self) -> str:
        return f"{self.num_users:,} users, {self.num_items:,} items, dim={self.dim}"
