"""LightGCN on a graph with facts in it."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from ..interactions import Interactions
from ..propagation import bipartite_matrix, normalize, propagate, propagate_batch, reordered
from ..side_graphs import KnowledgeGraph
from .kgcn import check_items
from .matrix_factorization import MatrixFactorization


class KnowledgeLightGCN(MatrixFactorization):
    """:class:`LightGCN` in which items also hear from the things that facts link them to.

    A layer is ``x <- (A + w F) x``: A is LightGCN's normalised user-item adjacency, F that of the
    facts, normalised in the same way by numbers of facts, and w says how much a fact counts beside
    an interaction. Things that are no items have embeddings, too. What a fact says, its relation,
    is not looked at: the model is blind to relations, and the simplest that uses facts.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items.
    dim : int, default 64
    layers : int, default 3
    fact_weight : float, default 0.3
        The w above, to be chosen on validation. With 0 this is LightGCN.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> KnowledgeLightGCN(toy.interactions, toy.knowledge, dim=4).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 64,
        layers: int = 3,
        fact_weight: float = 0.3,
        *,
        seed: int = 0,
    ) -> None:
        if layers < 0:
            raise ValueError(f"layers={layers}: zero or more are possible.")
        if not 0 <= fact_weight < math.inf:
            raise ValueError(f"fact_weight={fact_weight}: zero or more is needed.")
        check_items(knowledge, train)
        super().__init__(train, dim, seed)
        self.layers, self.fact_weight = layers, fact_weight
        others = knowledge.num_entities - knowledge.num_items
        start = np.random.default_rng([seed, 1]).standard_normal((others, dim), np.float32)
        everything = torch.cat([self.nodes.weight.detach(), 0.1 * torch.from_numpy(start)])
        # users, items, other things
        self.nodes = nn.Embedding.from_pretrained(everything, freeze=False)
        choices = normalize(bipartite_matrix(train))
        facts = normalize(linked(knowledge))
        choices.resize((len(everything), len(everything)))
        users = sparse.csr_array((train.num_users, train.num_users))
        both = choices + fact_weight * sparse.block_diag([users, facts], format="csr")
        kinds = (train.num_users, train.num_items, others)
        self.adjacency = reordered(sparse.csr_array(both), kinds)

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings after propagation of these users and items (all by default)."""
        if users is None and items is None:
            everything = propagate(self.adjacency, self.nodes.weight, self.layers)
            others = len(everything) - self.num_users - self.num_items
            user_rows, item_rows, _ = everything.split([self.num_users, self.num_items, others])
            return user_rows, item_rows
        user_rows, item_rows, _ = self._propagated(*self._all_where_none(users, items))
        return user_rows, item_rows

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Users and items after propagation, and the rows of the table they started from."""
        return self._propagated(users, items)

    def _propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wanted = torch.cat([users, items + self.num_users])
        found, start = propagate_batch(self.adjacency, self.nodes.weight, self.layers, wanted)
        user_rows, item_rows = found.split([len(users), len(items)])
        return user_rows, item_rows, start

    def extra_repr(self) -> str:
        others = len(self.nodes.weight) - self.num_users - self.num_items
        return (
            f"{super().extra_repr()}, {others:,} other things, layers={self.layers}, "
            f"fact_weight={self.fact_weight:g}"
        )


def linked(knowledge: KnowledgeGraph) -> sparse.csr_array:
    """The entity-entity matrix of ones where some fact links two; facts about oneself are none."""
    ends = (knowledge.head, knowledge.tail)
    shape = (knowledge.num_entities, knowledge.num_entities)
    links = sparse.csr_array((np.ones(len(knowledge)), ends), shape=shape)
    links = links + links.T
    links.setdiag(0)
    links.eliminate_zeros()
    links.data[:] = 1.0
    return sparse.csr_array(links)
