"""LightGCN on a graph with facts in it."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import sparse
from torch import nn

from ..interactions import Interactions
from ..propagation import bipartite_matrix, normalize, reordered
from ..side_graphs import KnowledgeGraph
from .lightgcn import LightGCN
from .seeded_layers import table
from .side_links import check_items, linked


class KnowledgeLightGCN(LightGCN):
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
        if not 0 <= fact_weight < math.inf:
            raise ValueError(f"fact_weight={fact_weight}: zero or more is needed.")
        check_items(knowledge, train)
        others = knowledge.num_entities - knowledge.num_items
        kinds = (train.num_users, train.num_items, others)
        choices = normalize(bipartite_matrix(train))
        choices.resize((sum(kinds), sum(kinds)))
        users = sparse.csr_array((train.num_users, train.num_users))
        facts = sparse.block_diag([users, normalize(linked(knowledge))], format="csr")
        both = sparse.csr_array(choices + fact_weight * facts)
        super().__init__(train, dim, layers, seed, adjacency=reordered(both, kinds))
        self.fact_weight = fact_weight
        start = table(others, dim, np.random.default_rng([seed, 1]))
        everything = torch.cat([self.nodes.weight.detach(), start.weight.detach()])
        self.nodes = nn.Embedding.from_pretrained(everything, freeze=False)  # things come last

    def extra_repr(self) -> str:
        others = len(self.nodes.weight) - self.num_users - self.num_items
        return (
            f"{super(LightGCN, self).extra_repr()}, {others:,} other things, "
            f"layers={self.layers}, fact_weight={self.fact_weight:g}"
        )
