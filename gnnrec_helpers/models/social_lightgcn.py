"""LightGCN on a graph with friendships in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from ..data.arguments import check_number
from ..data.interactions import Interactions
from ..data.side_graphs import SocialGraph
from ..engine.propagation import Adjacency, bipartite_matrix, normalize
from .lightgcn import LightGCN
from .matrix_factorization import MatrixFactorization
from .parts.side_links import friendships


class SocialLightGCN(LightGCN):
    """:class:`LightGCN` in which users also hear from their friends.

    A layer is ``x <- (A + w S) x``: A is LightGCN's normalized user-item adjacency, S that of the
    friendships, normalized in the same way by numbers of friends, and w says how much a friend
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
    >>> SocialLightGCN(lastfm.interactions.binarize(1), lastfm.social, dim=8).adjacency
    Adjacency(19,524 x 19,524, symmetric, 211,102 entries)
    """

    static_step = True

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
        check_number(0, friend_weight=friend_weight)
        listens = normalize(bipartite_matrix(train, train.weight))
        friends = among_all_nodes(normalize(friendships(social, train)), train.num_items)
        if learn_weight:
            adjacency = Adjacency(listens)
        else:
            both = sparse.csr_array(listens + friend_weight * friends)
            adjacency = Adjacency.in_cache_order(both, kinds=(train.num_users, train.num_items))
        super().__init__(train, dim, layers, seed=seed, adjacency=adjacency)
        self.learn_weight = learn_weight
        self.friend_weight: float | nn.Parameter = friend_weight
        if learn_weight:
            self.friend_weight = nn.Parameter(torch.tensor(friend_weight, dtype=torch.float32))
            self.friends = Adjacency(friends)

    def graphs(self) -> list[tuple[float, Adjacency]]:
        """What is propagated along: items and, beside them, friends whose weight is learnt."""
        beside = [(float(self.friend_weight), self.friends)] if self.learn_weight else []
        return [*super().graphs(), *beside]

    def combined(self, layers: int, combine: Sequence[float] | None) -> Tensor:
        """A weighted sum of so many layers of all nodes, from layer 0 on."""
        if not self.learn_weight:
            return super().combined(layers, combine)
        layer = self.nodes.weight
        first, *others = [1.0] * (layers + 1) if combine is None else combine
        total = first * layer
        for weight in others:
            layer = self.adjacency(layer) + self.friend_weight * self.friends(layer)
            total = total + weight * layer
        return total / (layers + 1) if combine is None else total

    def rows(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """These nodes after propagation, and the rows of the table they started from."""
        if not self.learn_weight:
            return super().rows(nodes)
        return MatrixFactorization.rows(self, nodes)


def among_all_nodes(of_users: sparse.csr_array, num_items: int) -> sparse.csr_array:
    """A user-user matrix with empty rows and columns for the items."""
    nothing = sparse.csr_array((num_items, num_items), dtype=np.float64)
    return sparse.csr_array(sparse.block_diag([of_users, nothing], format="csr"))
