"""KGCN: an item is what the facts about it are, weighed by what the user cares for."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from ..data.arguments import check_whole
from ..data.interactions import IntArray, Interactions
from ..data.side_graphs import KnowledgeGraph
from ..objectives import CrossEntropy
from .base import Model
from .parts.pair_scores import score_all_items
from .parts.seeded_layers import linear, table
from .parts.side_links import both_ways, check_items

Aggregator = Literal["sum", "concat", "neighbour"]


class KGCN(Model):
    """Wang et al. (2019), "Knowledge Graph Convolutional Networks for Recommender Systems".

    An item takes in `neighbours` of the entities that facts link it to, these have taken in theirs,
    and so on for `layers` steps. How much a neighbour counts depends on its relation and on the
    user: a softmax over ``user . relation`` (eq. 1-3). The item as this user sees it, times the
    user, is the score (eq. 8). Facts are followed in both directions.
    (The authors' program divides ``user . relation`` by `dim`, and takes a mean over neighbours.)

    Trained by :class:`~gnnrec_helpers.objectives.CrossEntropy`.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items.
    dim : int, default 16
    layers : int, default 1
    neighbours : int, default 8
        Of each entity, drawn once; one with fewer has some of them several times, and one without
        any is its own neighbour, by a relation kept for that.
    aggregator : {"sum", "concat", "neighbour"}
        Whether an entity is added to what its neighbours bring, put beside it, or replaced by it
        (eq. 4-6).
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> KGCN(toy.interactions, toy.knowledge, dim=4).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    trained_by = ("training_scores",)
    neighbour_entities: Tensor  # (num_entities, neighbours)
    neighbour_relations: Tensor  # (num_entities, neighbours) the relation to each

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 16,
        layers: int = 1,
        neighbours: int = 8,
        *,
        aggregator: Aggregator = "sum",
        seed: int = 0,
    ) -> None:
        super().__init__(train)
        check_whole(dim=dim, layers=layers, neighbours=neighbours)
        if aggregator not in get_args(Aggregator):
            raise ValueError(f"aggregator={aggregator!r}: choose 'sum', 'concat' or 'neighbour'.")
        check_items(knowledge, train)
        self.dim, self.layers, self.neighbours = dim, layers, neighbours
        self.aggregator = aggregator
        generator = np.random.default_rng(seed)
        entities, relations = sampled_facts(knowledge, neighbours, generator)
        self.register_buffer("neighbour_entities", torch.from_numpy(entities))
        self.register_buffer("neighbour_relations", torch.from_numpy(relations))
        self.user_table = table(train.num_users, dim, generator)
        self.entities = table(knowledge.num_entities, dim, generator)  # items first
        self.relations = table(knowledge.num_relations + 1, dim, generator)  # the last: itself
        width = 2 * dim if aggregator == "concat" else dim
        self.mix = nn.ModuleList([linear(width, dim, generator) for _ in range(layers)])

    def training_scores(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of aligned pairs, shape (n,), and the rows of the tables weight decay acts on."""
        user_rows = self.user_table.weight.index_select(0, users)  # (n, dim)
        item_rows = self._seen_by(user_rows, items)
        start = torch.cat([user_rows, self.entities.weight.index_select(0, items)])
        return (user_rows * item_rows).sum(1), start

    def default_objective(self) -> CrossEntropy:
        return CrossEntropy()

    def compute_scores(self, users: Tensor) -> Tensor:
        return score_all_items(
            lambda *pairs: self.training_scores(*pairs)[0], users, self.num_items
        )

    def _seen_by(self, user_rows: Tensor, items: Tensor) -> Tensor:
        """The items, each as its user sees it, shape (n, dim)."""
        relation_scores = user_rows @ self.relations.weight.T  # (n, relations)
        around, attention = [items.unsqueeze(1)], []  # of hop h: (n, neighbours ** h)
        for _ in range(self.layers):
            entities = around[-1]
            relations = self.neighbour_relations[entities].flatten(1)  # (n, neighbours ** (h + 1))
            scores = relation_scores.gather(1, relations).view(*entities.shape, self.neighbours)
            attention.append(scores.softmax(2).unsqueeze(3))
            around.append(self.neighbour_entities[entities].flatten(1))
        rows = [self.entities(entities) for entities in around]  # (n, neighbours ** h, dim)
        for step, mix in enumerate(self.mix):
            last = step == self.layers - 1
            for hop in range(self.layers - step):
                neighbours = rows[hop + 1].view(*rows[hop].shape[:2], self.neighbours, self.dim)
                neighbourhood = (attention[hop] * neighbours).sum(2)  # (n, neighbours ** hop, dim)
                mixed = mix(self._aggregated(rows[hop], neighbourhood))
                rows[hop] = mixed.tanh() if last else mixed.relu()
        return rows[0].squeeze(1)

    def _aggregated(self, own: Tensor, neighbourhood: Tensor) -> Tensor:
        if self.aggregator == "sum":
            return own + neighbourhood
        if self.aggregator == "concat":
            return torch.cat([own, neighbourhood], dim=2)
        return neighbourhood


def sampled_facts(
    knowledge: KnowledgeGraph, count: int, generator: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """For every entity, `count` neighbours and the relations to them, shapes (entities, count).

    Without repetition where there are enough.
    """
    source, relation, target = both_ways(knowledge)
    relation %= knowledge.num_relations  # a relation and its inverse are one
    order = generator.permutation(len(source))
    order = order[np.argsort(source[order], kind="stable")]
    degrees = np.bincount(source, minlength=knowledge.num_entities)
    starts = np.cumsum(degrees) - degrees
    place = np.arange(count) % np.maximum(degrees, 1)[:, None]  # (entities, count)
    entities = np.repeat(np.arange(knowledge.num_entities)[:, None], count, axis=1)
    relations = np.full(entities.shape, knowledge.num_relations)
    linked = degrees > 0
    edges = order[starts[linked, None] + place[linked]]
    entities[linked], relations[linked] = target[edges], relation[edges]
    return entities, relations
