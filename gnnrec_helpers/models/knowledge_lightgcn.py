"""LightGCN on a graph with facts in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch import nn

from ..data.arguments import check_number
from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph, SocialGraph
from ..engine.propagation import Adjacency, bipartite_matrix, normalize
from .lightgcn import LightGCN
from .parts.seeded_layers import table
from .parts.side_links import check_items, friendships, linked


class KnowledgeLightGCN(LightGCN):
    """:class:`LightGCN` in which items also hear from the things that facts link them to.

    A layer is ``x <- (A + w F) x``: A is LightGCN's normalized user-item adjacency, F that of the
    facts, normalized in the same way by numbers of facts, and w says how much a fact counts beside
    an interaction. Things that are no items have embeddings, too. What a fact says, its relation,
    is not looked at: the model is blind to relations, and the simplest that uses facts.

    With `social` users also hear from their friends, as in :class:`SocialLightGCN`: all three kinds
    of graph in one matrix.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items.
    dim : int, default 64
    layers : int, default 3
    fact_weight : float, default 0.3
        The w above, to be chosen on validation. With 0 this is LightGCN.
    social : SocialGraph, optional
        On the same users.
    friend_weight : float, default 0.3
        How much a friend counts beside an item, where there is `social`.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> KnowledgeLightGCN(toy.interactions, toy.knowledge, dim=4).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    static_step = True

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 64,
        layers: int = 3,
        fact_weight: float = 0.3,
        *,
        social: SocialGraph | None = None,
        friend_weight: float = 0.3,
        seed: int = 0,
    ) -> None:
        check_number(0, fact_weight=fact_weight, friend_weight=friend_weight)
        check_items(knowledge, train)
        others = knowledge.num_entities - knowledge.num_items
        kinds = (train.num_users, train.num_items, others)
        choices = normalize(bipartite_matrix(train, train.weight))
        choices.resize((sum(kinds), sum(kinds)))
        friends = sparse.csr_array((train.num_users, train.num_users))
        if social is not None:
            friends = friend_weight * normalize(friendships(social, train))
        facts = fact_weight * normalize(linked(knowledge))
        beside = sparse.block_diag([friends, facts], format="csr")
        everything = sparse.csr_array(choices + beside)
        adjacency = Adjacency.in_cache_order(everything, kinds)
        super().__init__(train, dim, layers, seed=seed, adjacency=adjacency)
        self.knowledge = knowledge
        self.fact_weight, self.friend_weight = fact_weight, friend_weight
        start = table(others, dim, np.random.default_rng([seed, 1]))
        nodes = torch.cat([self.nodes.weight.detach(), start.weight.detach()])
        self.nodes = nn.Embedding.from_pretrained(nodes, freeze=False)  # things come last

    def node_labels(self) -> list[pd.Index]:
        """Users, items, and other things."""
        return [*super().node_labels(), self.knowledge.entities[self.num_items :]]
