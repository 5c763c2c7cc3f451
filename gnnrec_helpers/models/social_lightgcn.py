"""LightGCN on a graph with friendships in it."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from ..interactions import Interactions
from ..propagation import (
    Adjacency,
    bipartite_matrix,
    normalize,
    propagate,
    propagate_batch,
    reordered,
)
from ..side_graphs import SocialGraph
from .matrix_factorization import MatrixFactorization


class SocialLightGCN(MatrixFactorization):
    """:class:`LightGCN` in which users also hear from their friends.

    A layer is ``x <- (A + w S) x``: A is LightGCN's normalised user-item adjacency, S that of the
    friendships, normalised in the same way by numbers of friends, and w says how much a friend
    counts beside an item. With w = 0 this is LightGCN. Links are taken as mutual.

    The simplest of the models that add friends to LightGCN's propagation, as SocialLGN does (Liao
    et al. 2022), without that one's layer that fuses the two.

    Parameters
    ----------
    train : Interactions
    social : SocialGraph
        On the same users.
    dim : int, default 64
    layers : int, default 3
    friend_weight : float, default 0.3
        The w above, to be chosen on validation, or where it starts when it is learnt.
    learn_weight : bool, default False
        Train w together with the embeddings.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> lastfm = datasets.load("lastfm-2k")
    >>> SocialLightGCN(lastfm.interactions, lastfm.social, dim=8)
    SocialLightGCN(
      1,892 users, 17,632 items, dim=8, layers=3, friend_weight=0.3
      (nodes): Embedding(19524, 8)
      (adjacency): Adjacency(19,524 x 19,524, symmetric, 211,102 entries)
    )
    """

    def __init__(
        self,
        train: Interactions,
        social: SocialGraph,
        dim: int = 64,
        layers: int = 3,
        friend_weight: float = 0.3,
        *,
        learn_weight: bool = False,
        seed: int = 0,
    ) -> None:
        if layers < 0:
            raise ValueError(f"layers={layers}: zero or more are possible.")
        if not 0 <= friend_weight < math.inf:
            raise ValueError(f"friend_weight={friend_weight}: zero or more is needed.")
        super().__init__(train, dim, seed)
        self.layers, self.learn_weight = layers, learn_weight
        listens = normalize(bipartite_matrix(train))
        friends = among_all_nodes(normalize(friendships(social, train)), train.num_items)
        if learn_weight:
            self.friend_weight: float | nn.Parameter = nn.Parameter(torch.tensor(friend_weight))
            self.adjacency = Adjacency(listens)
            self.friends = Adjacency(friends)
        else:
            self.friend_weight = friend_weight
            both = sparse.csr_array(listens + friend_weight * friends)
            self.adjacency = reordered(both, kinds=(train.num_users, train.num_items))

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings after propagation of these users and items (all by default)."""
        if users is None and items is None:
            user_rows, item_rows = self._everything().split([self.num_users, self.num_items])
            return user_rows, item_rows
        user_rows, item_rows, _ = self._some(*self._all_where_none(users, items))
        return user_rows, item_rows

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Users and items after propagation, and the rows of the table they started from."""
        return self._some(users, items)

    def _everything(self) -> Tensor:
        if not self.learn_weight:
            return propagate(self.adjacency, self.nodes.weight, self.layers)
        layer = total = self.nodes.weight
        for _ in range(self.layers):
            layer = self.adjacency(layer) + self.friend_weight * self.friends(layer)
            total = total + layer
        return total / (self.layers + 1)

    def _some(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wanted = torch.cat([users, items + self.num_users])
        if self.learn_weight:
            found = self._everything().index_select(0, wanted)
            start = self.nodes.weight.index_select(0, wanted)
        else:
            found, start = propagate_batch(self.adjacency, self.nodes.weight, self.layers, wanted)
        user_rows, item_rows = found.split([len(users), len(items)])
        return user_rows, item_rows, start

    def extra_repr(self) -> str:
        weight = "learnt" if self.learn_weight else f"{self.friend_weight:g}"
        return f"{super().extra_repr()}, layers={self.layers}, friend_weight={weight}"


def friendships(social: SocialGraph, train: Interactions) -> sparse.csr_array:
    """The user-user matrix of ones where either of two users is linked to the other."""
    check_users(social, train)
    links = social.to_csr()
    return sparse.csr_array(links.maximum(links.T))


def check_users(social: SocialGraph, train: Interactions) -> None:
    """Refuse a social graph on other users than the interactions."""
    if not social.users.equals(train.users):
        raise ValueError(
            f"The social graph and the interactions have different users ({social.num_users:,} "
            f"and {train.num_users:,} labels): build both on the same index, as "
            "SocialGraph.from_frame(links, train.users) does."
        )


def among_all_nodes(of_users: sparse.csr_array, num_items: int) -> sparse.csr_array:
    """A user-user matrix with empty rows and columns for the items."""
    nothing = sparse.csr_array((num_items, num_items), dtype=np.float64)
    return sparse.csr_array(sparse.block_diag([of_users, nothing], format="csr"))
