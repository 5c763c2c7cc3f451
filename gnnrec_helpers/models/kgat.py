"""KGAT: one graph of users, items and things, whose edges count by what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus
from torch.nn.functional import normalize as unit_length

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph
from ..engine.neighbour_lists import softmax_by_owner
from ..engine.propagation import Adjacency
from ..engine.sampling import Batch, generator_for
from ..objectives import SelfSupervised
from .matrix_factorization import MatrixFactorization
from .parts.seeded_layers import linear, table
from .parts.side_links import both_ways, check_items


class KGAT(MatrixFactorization):
    """Wang et al. (2019), "KGAT: Knowledge Graph Attention Network for Recommendation".

    Interactions are facts like any others, of a kind of their own. With N(h) the edges of a node
    h, each a relation r and a node t, and W_r a matrix for every relation, a layer is::

        attention(h, r, t) = softmax over N(h) of (W_r t) . tanh(W_r h + r)          (eq. 4-5)
        n = sum over N(h) of attention(h, r, t) * t                                  (eq. 3)
        h <- LeakyReLU(W1 (h + n)) + LeakyReLU(W2 (h * n))                           (eq. 8)

    and what is compared are all layers beside each other, layer 0 as it is and the others each of
    length 1. The attention is computed from layer 0. While training it stays as it was at the
    beginning of the epoch and no gradient flows through it, as in the authors' program; it learns
    from the facts, by :meth:`self_supervised_loss`. They alternate an epoch of recommendations and
    one of facts; here every step takes both losses. They start from a trained matrix factorization,
    here the start is random. No dropout.

    Trained by :class:`~gnnrec_helpers.objectives.SelfSupervised`; without it W_r and r stay as
    they were drawn.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items. Facts are followed in both directions, each with a relation of its
        own.
    dim : int, default 64
    layers : sequence of int, default (64, 32, 16)
        The length of the embeddings in each layer.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> KGAT(toy.interactions, toy.knowledge, dim=8, layers=(4,)).embeddings()[0].shape
    torch.Size([5, 12])
    """

    trained_by = ("self_supervised_loss",)
    head: Tensor  # (edges,) nodes: users, items, other things; sorted by relation
    tail: Tensor  # (edges,)

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        dim: int = 64,
        layers: Sequence[int] = (64, 32, 16),
        *,
        seed: int = 0,
    ) -> None:
        if not np.iterable(layers):
            raise TypeError(f"layers={layers!r}: several whole numbers are needed, one a layer.")
        check_whole(**{f"layers[{place}]": width for place, width in enumerate(layers)})
        check_items(knowledge, train)
        super().__init__(train, dim, seed=seed)
        self.seed = seed
        self.num_nodes = train.num_users + knowledge.num_entities
        generator = np.random.default_rng([seed, 1])
        self.nodes = table(self.num_nodes, dim, np.random.default_rng(seed))
        source, kind, target = both_ways(knowledge)
        chose = np.full(len(train), 2 * knowledge.num_relations)
        items = train.item_index + train.num_users
        relation = np.concatenate([kind, chose, chose + 1])
        order = np.argsort(relation, kind="stable")
        head = np.concatenate([source + train.num_users, train.user_index, items])[order]
        tail = np.concatenate([target + train.num_users, items, train.user_index])[order]
        self.register_buffer("head", torch.from_numpy(head), persistent=False)
        self.register_buffer("tail", torch.from_numpy(tail), persistent=False)
        self.num_relations = 2 * knowledge.num_relations + 2
        self.ends = np.bincount(relation, minlength=self.num_relations).cumsum()
        self.relations = table(self.num_relations, dim, generator)
        # W_r of every relation, as a row
        self.turns = table(self.num_relations, dim * dim, generator, spread=dim**-0.5)
        sizes = list(zip([dim, *layers], layers, strict=False))
        self.sum_layers = nn.ModuleList([linear(*size, generator) for size in sizes])  # W1
        self.product_layers = nn.ModuleList([linear(*size, generator) for size in sizes])  # W2
        # the attention of the epoch; in a tuple, so that it is no part of the module
        self._epoch_attention: tuple[Adjacency, ...] = ()

    def start_epoch(self) -> None:
        """Train with the attention that the embeddings have now."""
        self._epoch_attention = (self.attention(),)

    @torch.no_grad()
    def attention(self) -> Adjacency:
        """How much every node hears from every other, rows adding up to 1 (eq. 4-5)."""
        counts = np.diff(self.ends, prepend=0).tolist()
        heads, tails = (self._turned(self.nodes(ends), counts) for ends in (self.head, self.tail))
        times = torch.tensor(counts).to(self.device)
        kinds = self.relations.weight.repeat_interleave(times, dim=0)
        scores = (tails * (heads + kinds).tanh()).sum(1)  # (edges,)
        shares = softmax_by_owner(scores.double(), self.head, self.num_nodes)
        ends = (self.head.cpu().numpy(), self.tail.cpu().numpy())
        # two nodes may be linked in several ways: their entries are added up
        shape = (self.num_nodes, self.num_nodes)
        return Adjacency(sparse.csr_array((shares.cpu().numpy(), ends), shape)).to(scores.device)

    def node_embeddings(self) -> Tensor:
        """All layers beside each other, for all nodes."""
        kept = self._epoch_attention if self.training else ()
        adjacency = kept[0] if kept else self.attention()
        layer = self.nodes.weight
        outputs = [layer]
        for sum_layer, product_layer in zip(self.sum_layers, self.product_layers, strict=True):
            message = adjacency(layer)  # (nodes, width)
            layer = leaky_relu(sum_layer(layer + message), 0.2) + leaky_relu(
                product_layer(layer * message), 0.2
            )
            outputs.append(unit_length(layer))
        return torch.cat(outputs, dim=1)

    def default_objective(self) -> SelfSupervised:
        """A tenth of the facts' loss in every step, in the place of epochs of their own."""
        return SelfSupervised(weight=0.1)

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """TransR: from a head, turned, a relation leads to its tail rather than to any node.

        The mean of ``-log sigmoid(d(h, r, t') - d(h, r, t))`` with
        ``d(h, r, t) = |W_r h + r - W_r t|²`` over as many facts as the batch has pairs, drawn with
        replacement, each with one t' drawn from all nodes (eq. 1-2).
        """
        generator = generator_for(self.seed, batch.users, batch.positives)
        drawn = np.sort(generator.integers(len(self.head), size=len(batch.users)))
        kind = np.searchsorted(self.ends, drawn, side="right")
        counts = np.bincount(kind, minlength=self.num_relations).tolist()
        edges = torch.from_numpy(drawn).to(self.head.device)
        others = torch.from_numpy(generator.integers(self.num_nodes, size=len(drawn)))
        nodes = (self.head[edges], self.tail[edges], others.to(edges.device))
        table = self.nodes.weight
        head, tail, other = (self._turned(table.index_select(0, n), counts) for n in nodes)
        reached = head + self.relations.weight.index_select(
            0, torch.from_numpy(kind).to(edges.device)
        )
        near, far = ((reached - end).square().sum(1) for end in (tail, other))
        return softplus(near - far).mean()

    def _turned(self, rows: Tensor, counts: list[int]) -> Tensor:
        """Each row through the matrix of its relation, of which ``counts[r]`` come r-th."""
        matrices = self.turns.weight.unflatten(1, (self.dim, self.dim))
        parts = zip(rows.split(counts), matrices, strict=True)
        return torch.cat([part @ matrix.T for part, matrix in parts])
