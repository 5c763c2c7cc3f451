"""RippleNet: a user is what the facts about her items lead to, ring by ring."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..data.arguments import check_whole
from ..data.interactions import IntArray, Interactions
from ..data.side_graphs import KnowledgeGraph
from ..engine.sampling import Batch
from ..objectives import CrossEntropy, SelfSupervised
from .base import Model
from .parts.seeded_layers import table
from .parts.side_links import both_ways, check_items

USERS = 32  # asked about all items at once


class RippleNet(Model):
    """Wang et al. (2018), "RippleNet: Propagating User Preferences on the Knowledge Graph".

    The facts whose heads are a user's items are her first ring; those whose heads are the tails of
    the first ring are the second, and so on. Each ring answers an item: its tails, weighed by how
    well their heads fit the item through the relation, ``softmax(item . R head)`` (eq. 4-5). The
    sum of the answers is the user, and her dot product with the item the score (eq. 6-7). After
    every ring the answer is added to the item too, through a matrix (as the authors' program does).

    Trained by :class:`~gnnrec_helpers.objectives.CrossEntropy` with
    :class:`~gnnrec_helpers.objectives.SelfSupervised` around it, by which facts are learnt too:
    ``head R tail`` should be large where there is a fact (eq. 12).

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items. Facts are followed in both directions, each with a relation of its
        own.
    dim : int, default 16
    layers : int, default 2
        Number of rings.
    facts : int, default 32
        In a ring, drawn once; where there are fewer some occur several times, and where there is
        none the ring is silent.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> RippleNet(toy.interactions, toy.knowledge, dim=4).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    trained_by = ("training_scores", "self_supervised_loss")
    # the facts in every user's rings, and which rings have none
    ring_heads: Tensor  # (num_users, layers, facts)
    ring_relations: Tensor  # (num_users, layers, facts)
    ring_tails: Tensor  # (num_users, layers, facts)
    silent: Tensor  # (num_users, layers), bool

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 16,
        layers: int = 2,
        facts: int = 32,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(train)
        check_whole(dim=dim, layers=layers, facts=facts)
        check_items(knowledge, train)
        if len(knowledge) == 0:
            raise ValueError("A user of RippleNet is made of facts, and there are none.")
        self.dim, self.layers, self.facts = dim, layers, facts
        generator = np.random.default_rng(seed)
        rings = sampled_rings(train, knowledge, layers, facts, generator)
        names = ("ring_heads", "ring_relations", "ring_tails", "silent")
        for name, values in zip(names, rings, strict=True):
            self.register_buffer(name, torch.from_numpy(values))
        self.entities = table(knowledge.num_entities, dim, generator)  # items first
        # a matrix for every relation, in either direction, as a row
        self.relations = table(2 * knowledge.num_relations, dim * dim, generator)
        start = torch.from_numpy(0.1 * generator.standard_normal((dim, dim))).float()
        self.transform = nn.Parameter(start + torch.eye(dim, dtype=torch.float32))

    def training_scores(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of aligned pairs, shape (n,), and the rows of the tables weight decay acts on."""
        distinct, place = users.unique(return_inverse=True)
        turned, tails = (rows.index_select(0, place) for rows in self._rings(distinct))
        start = self.entities(items)  # (n, dim)
        scores = self._answered(turned, tails, self.silent[users], start.unsqueeze(1))
        return scores.squeeze(1), start

    def _answered(self, turned: Tensor, tails: Tensor, silent: Tensor, item: Tensor) -> Tensor:
        """Scores of the items, shape (n, items, dim), that each of n users is asked about."""
        answers = torch.zeros_like(item)
        for hop in range(self.layers):
            attention = (item @ turned[:, hop].mT).softmax(2)  # (n, items, facts)
            answer = (attention @ tails[:, hop]).masked_fill(silent[:, hop, None, None], 0.0)
            item = (item + answer) @ self.transform
            answers = answers + answer
        return (answers * item).sum(2)

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """How unlikely the batch's own facts are: the mean of ``-log sigmoid(head R tail)``."""
        users = batch.users.unique()
        turned, tails = self._rings(users)
        scores = (turned * tails).sum(-1)  # (users, layers, facts)
        present = (~self.silent[users]).unsqueeze(2).expand_as(scores).float()
        losses = torch.nn.functional.softplus(-scores) * present
        return losses.sum() / present.sum().clamp(min=1)

    def _rings(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Heads through their relations, and tails, each of shape (users, layers, facts, dim)."""
        heads = self.entities(self.ring_heads[users]).unsqueeze(-1)
        matrices = self.relations(self.ring_relations[users]).unflatten(-1, (self.dim, self.dim))
        return (matrices @ heads).squeeze(-1), self.entities(self.ring_tails[users])

    def default_objective(self) -> SelfSupervised:
        """The facts' loss counts as much as in the authors' program."""
        return SelfSupervised(CrossEntropy(), weight=0.01)

    def compute_scores(self, users: Tensor) -> Tensor:
        items = self.entities.weight[: self.num_items].unsqueeze(0)  # (1, num_items, dim)
        rows = []
        for block in users.split(USERS):
            turned, tails = self._rings(block)
            rows.append(
                self._answered(turned, tails, self.silent[block], items.expand(len(block), -1, -1))
            )
        return torch.cat(rows)


def sampled_rings(
    train: Interactions,
    knowledge: KnowledgeGraph,
    layers: int,
    count: int,
    generator: np.random.Generator,
) -> tuple[IntArray, IntArray, IntArray, np.ndarray]:
    """Heads, relations and tails of every user's rings, and which rings have no fact."""
    source, relation, target = both_ways(knowledge)
    order = np.argsort(source, kind="stable")
    ends = np.searchsorted(source[order], np.arange(knowledge.num_entities + 1))
    shape = (train.num_users, layers, count)
    edges = np.zeros(shape, np.int64)
    silent = np.zeros(shape[:2], bool)
    starts = np.searchsorted(train.user_index, np.arange(train.num_users + 1))
    for user in range(train.num_users):
        near = train.item_index[starts[user] : starts[user + 1]]
        for hop in range(layers):
            facts = [order[ends[entity] : ends[entity + 1]] for entity in np.unique(near)]
            ring = np.concatenate(facts) if facts else order[:0]
            if len(ring) == 0:
                silent[user, hop:] = True
                break
            edges[user, hop] = generator.choice(ring, count, replace=len(ring) < count)
            near = target[edges[user, hop]]
    return source[edges], relation[edges], target[edges], silent
