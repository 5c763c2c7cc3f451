"""GraphSAGE: users and items are made of facts and neighbours, not of a table of their own."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize as unit_length

from ..data.arguments import BELOW_1, check_number, check_whole
from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph
from ..engine.propagation import Adjacency, normalize, user_item_adjacency
from ..engine.sampling import generator_for
from ..objectives import Objective, SampledSoftmax
from .base import EmbeddingModel
from .parts.fact_features import fact_features
from .parts.fold_in import ByProducts
from .parts.seeded_layers import linear, table


class GraphSAGE(EmbeddingModel):
    """Hamilton et al. (2017), "Inductive Representation Learning on Large Graphs", for items.

    No user and no item has an embedding of its own. A fact has: a pair of a relation and what is
    at its other end. An item begins as the mean of its facts, a user as nothing. With N(v) the
    neighbours of a node v in the user-item graph, a layer is::

        item  h <- unit(f(W h + V mean(N) + b))
        user  h <- unit(f(V mean(N) + b))

    where f is ReLU and unit(x) is ``x / |x|`` (algorithm 1, with the mean aggregator). In the last
    layer f is the identity and a user keeps her length. So an item that nobody has chosen yet has
    an embedding all the same, made of its facts alone.

    What is learnt from items with neighbours has to hold for those without. In each training batch
    a share of the items, `hidden`, is therefore taken out of the graph: they hear nobody, and
    nobody hears them (the idea of DropoutNet, Volkovs et al. 2017). For the same reason items
    without interactions are no negatives in :meth:`default_objective`: they are never positives,
    so their facts would be learnt to be bad.

    Where this departs from the paper, and from PinSage (Ying et al. 2018), which recommends so:

    - The mean is over all neighbours, not over a sample of them, or over visits of a random walk.
    - PinSage's graph has items and the boards that they are on, and describes items by their
      pictures and texts. Here the boards are the users, and the description is the facts.
    - The loss is sampled softmax, not a margin with hard negatives.
    - A user has no part W h, since she begins as nothing. So her embedding is linear in her items.

    Facts that fewer than two items with interactions have are left out. In training they would be
    a name for the one item that has them.

    Parameters
    ----------
    train : Interactions
        With weights, the means are weighted.
    knowledge : KnowledgeGraph
        About the same items.
    dim : int, default 64
    layers : int, default 2
    hidden : float, default 0.3
        Share of the items that a training batch does without.
    seed : int, default 0
        Of the first weights and of what is hidden.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> GraphSAGE(toy.interactions, toy.knowledge, dim=8).embeddings()[0].shape
    torch.Size([5, 8])
    """

    uses_weights = True

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 64,
        layers: int = 2,
        hidden: float = 0.3,
        *,
        seed: int = 0,
    ) -> None:
        check_whole(dim=dim, layers=layers)
        check_number(0, BELOW_1, hidden=hidden)
        super().__init__(train)
        self.hidden, self.seed = hidden, seed
        has = fact_features(train, knowledge, least=2)
        self._described = has.sum(axis=1) > 0
        generator = np.random.default_rng(seed)
        self.facts = table(has.shape[1], dim, generator, spread=1.0)
        self.facts_of_items = Adjacency(normalize(has, "mean"))  # (num_items, facts)
        self.adjacency = user_item_adjacency(train, "mean")
        self.own = nn.ModuleList(linear(dim, dim, generator, bias=False) for _ in range(layers))
        self.heard = nn.ModuleList(linear(dim, dim, generator) for _ in range(layers))

    @cached_property
    def informed_items(self) -> NDArray[np.bool_]:
        """Those with interactions, and those with a fact that is not left out."""
        known: NDArray[np.bool_] = self.interactions.item_degrees() > 0
        return known | self._described

    def node_layers(self, shown: Tensor | None = None) -> list[Tensor]:
        """All nodes, users first, in every layer from layer 0 on.

        Parameters
        ----------
        shown : Tensor, shape (num_users + num_items, 1), optional
            1 for the nodes that are in the graph, 0 for those that are hidden.
        """
        items = unit_length(self.facts_of_items(self.facts.weight))
        nodes = torch.cat([items.new_zeros(self.num_users, items.shape[1]), items])
        # the mean over shown neighbours is the mean of all, less the hidden ones, by their share
        scale = 1.0 if shown is None else shown / self.adjacency(shown).clamp(min=1e-9)
        outputs = [nodes]
        for depth, (own, heard) in enumerate(zip(self.own, self.heard, strict=True), 1):
            mean = scale * self.adjacency(nodes if shown is None else shown * nodes)
            users, items = heard(mean).split([self.num_users, self.num_items])
            items = items + own(nodes[self.num_users :])
            if depth < len(self.own):
                users, items = unit_length(users.relu()), items.relu()
            nodes = torch.cat([users, unit_length(items)])
            outputs.append(nodes)
        return outputs

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        return self.rows_of(self.node_layers()[-1], users, items)

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What an objective needs of a batch: users, items, and the means of the items' facts.

        In training mode a share of the items is hidden, the same for the same batch.
        """
        shown = None
        if self.training and self.hidden:
            drawn = generator_for(self.seed, users, items).random(self.num_items) >= self.hidden
            kept = torch.from_numpy(drawn).to(self.facts.weight)
            shown = torch.cat([kept.new_ones(self.num_users), kept]).unsqueeze(1)
        nodes = self.node_layers(shown)[-1]
        start = self.facts_of_items(self.facts.weight).index_select(0, items)
        return (
            nodes.index_select(0, users),
            nodes.index_select(0, items + self.num_users),
            start,
        )

    def fold_in(self) -> ByProducts:
        """The mean of her items, through the last layer; they stay as they are."""
        before, last = (layer.detach() for layer in self.node_layers()[-2:])
        rows = self.heard[-1](before[self.num_users :]).detach().cpu()
        return ByProducts([(rows, last[self.num_users :].cpu().T)], power=1.0)

    def default_objective(self) -> Objective[Any, Any]:
        """Sampled softmax for items of length 1, among the items that somebody has chosen."""
        return SampledSoftmax(weight_decay=0.0, temperature=0.1, unseen_negatives=False)
