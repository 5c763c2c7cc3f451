"""KGIN: users choose for reasons, and a reason is a mix of the relations in the facts."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import normalize as unit_length

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph
from ..engine.propagation import Adjacency, normalize
from ..engine.sampling import Batch
from ..objectives import SelfSupervised
from .matrix_factorization import MatrixFactorization
from .parts.seeded_layers import table
from .parts.side_links import both_ways, check_items


class KGIN(MatrixFactorization):
    """Wang et al. (2021), "Learning Intents behind Interactions with Knowledge Graph".

    An intent p is a mix of relations, ``p = sum over r of softmax(w_p)[r] * r`` (eq. 1-2). In a
    layer, with all products number by number::

        a thing, or an item, becomes the mean over its facts (r, t) of  r * t        (eq. 9-10)
        a user becomes the mean m of her items, times how she sees them:
        m + m * (sum over p of softmax(user . p) * p)                                (eq. 7-8)

    so that after l layers an item knows the paths of l facts that lead to it. Every layer is
    brought to length 1 and all are added up (eq. 13). The first term, m, and the lengths are of the
    authors' program. Items hear from facts only, never from users.

    The intents should differ: :meth:`self_supervised_loss`, for
    :class:`~gnnrec_helpers.objectives.SelfSupervised`, is the sum of their distance correlations
    (eq. 4-5). No dropout.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items. Facts are followed in both directions, each with a relation of its
        own.
    dim : int, default 64
    layers : int, default 3
    intents : int, default 4
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> KGIN(toy.interactions, toy.knowledge, dim=8).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    trained_by = ("self_supervised_loss",)
    # a message is a pair of a relation and a tail, each pair once
    message_relations: Tensor  # (messages,)
    message_tails: Tensor  # (messages,)

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 64,
        layers: int = 3,
        intents: int = 4,
        *,
        seed: int = 0,
    ) -> None:
        check_whole(0, layers=layers)
        check_whole(intents=intents)
        check_items(knowledge, train)
        super().__init__(train, dim, seed=seed)
        self.layers, self.num_entities = layers, knowledge.num_entities
        kinds = 2 * knowledge.num_relations
        self.nodes = table(train.num_users + self.num_entities, dim, np.random.default_rng(seed))
        generator = np.random.default_rng([seed, 1])
        self.relations = table(kinds, dim, generator)
        self.mixes = table(intents, kinds, generator)  # w_p of every intent
        source, relation, target = both_ways(knowledge)
        # many heads hear the same relation from the same tail: that product is made once
        messages, which = np.unique(relation * self.num_entities + target, return_inverse=True)
        relations, tails = np.divmod(messages, max(self.num_entities, 1))
        self.register_buffer("message_relations", torch.from_numpy(relations), persistent=False)
        self.register_buffer("message_tails", torch.from_numpy(tails), persistent=False)
        ones = np.ones(len(source))
        heard = sparse.csr_array((ones, (source, which)), (self.num_entities, len(messages)))
        self.facts = Adjacency(normalize(heard, "mean"))  # (entities, messages)
        chosen = sparse.csr_array(train.to_csr(), dtype=np.float64)
        self.choices = Adjacency(normalize(chosen, "mean"))  # (users, items)

    def intents(self) -> Tensor:
        """Their embeddings, shape (intents, dim)."""
        return self.mixes.weight.softmax(1) @ self.relations.weight

    def node_embeddings(self) -> Tensor:
        """The sum of all layers, of users and items."""
        people, things = self.nodes.weight.split([self.num_users, self.num_entities])
        user_rows, item_rows = people, things[: self.num_items]
        intents = self.intents()
        relations = self.relations.weight.index_select(0, self.message_relations)  # (messages, dim)
        for _ in range(self.layers):
            mean = self.choices(things[: self.num_items])  # (users, dim)
            reasons = (people @ intents.T).softmax(1) @ intents  # (users, dim)
            people = unit_length(mean + mean * reasons)
            tails = things.index_select(0, self.message_tails)  # (messages, dim)
            things = unit_length(self.facts(relations * tails))
            user_rows = user_rows + people
            item_rows = item_rows + things[: self.num_items]
        return torch.cat([user_rows, item_rows])

    def default_objective(self) -> SelfSupervised:
        """The dependence of intents counts as much as in the authors' program."""
        return SelfSupervised(weight=1e-4)

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """How much the intents depend on each other, whatever the batch is."""
        pairs = itertools.combinations(self.intents(), 2)
        return sum((distance_correlation(*pair) for pair in pairs), self.mixes.weight.new_zeros(()))


def distance_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Of two variables seen n times, shapes (n,): 0 where independent, 1 where one is the other.

    Székely, Rizzo & Bakirov (2007).

    Examples
    --------
    >>> distance_correlation(torch.tensor([0.0, 1.0, 3.0]), torch.tensor([1.0, -1.0, -5.0]))
    tensor(1.)
    """
    one, other = (_centred(values) for values in (first, second))
    covariance, variance, other_variance = (
        (a * b).mean() for a, b in ((one, other), (one, one), (other, other))
    )
    tiny = 1e-12  # the root of 0 has no gradient
    variances = (variance * other_variance).clamp(min=tiny**2)
    return (covariance.clamp(min=tiny) / variances.sqrt()).sqrt()


def _centred(values: Tensor) -> Tensor:
    """All distances, less the mean of their row and of their column, plus the mean of all."""
    distances = (values.unsqueeze(0) - values.unsqueeze(1)).abs()
    means = distances.mean(0)
    return distances - means.unsqueeze(0) - means.unsqueeze(1) + means.mean()
