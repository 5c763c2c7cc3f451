"""GraphRec: ratings from what a user rated, what her friends rated, and who rated the item."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..data.arguments import check_whole
from ..data.interactions import Interactions, ratings_of
from ..data.side_graphs import SocialGraph
from ..engine.neighbour_lists import NeighbourLists, Neighbours, attention_weights, weighted_sum
from ..engine.sampling import generator_for
from .base import RatingsModel
from .bias_only import BiasOnly
from .parts.seeded_layers import linear, table
from .parts.side_links import check_users


class GraphRec(RatingsModel):
    """Fan et al. (2019), "Graph Neural Networks for Social Recommendation".

    Three aggregations with attention, each of them over the neighbours of a node:

    - of the items a user rated, each with an embedding of the opinion she gave (eq. 1-6),
    - of the users she trusts, each as the items that one rated (eq. 7-12),
    - of the users who rated an item, each with an embedding of their opinion (eq. 15-19).

    The first two, put together, describe the user (eq. 13-14), the third one the item; a network
    of three layers turns both into a rating (eq. 20-23).

    Where this departs from the paper:

    - The edges a training batch asks for are not among those it is answered from
      (`hide_targets`). Otherwise the rating to be predicted is read off the graph in training,
      and cannot be in use.
    - In training at most `neighbours` of each kind are aggregated, drawn anew for every batch. For
      predictions all of them are.
    - The network gives what is to be added to the mean of the train ratings or, with `baseline`, to
      what :class:`BiasOnly` says. A train rating is then learnt from what :class:`BiasOnly` would
      say had it not seen it.
    - Without train ratings a user's or item's own embedding is 0; she is described by her friends.
      With nothing to aggregate, the sum over neighbours is 0.
    - No dropout and no batch normalization, which the authors' program has both. (That program
      describes a trusted user by her own embedding, not by what she rated.)

    Trained by :class:`~gnnrec_helpers.objectives.RatingRegression`, whose weight decay acts on the
    embeddings of the users and items of a batch.

    Parameters
    ----------
    train : Interactions
        With ratings. Every distinct rating is an opinion with an embedding of its own.
    social : SocialGraph, optional
        Who trusts whom; without it a user is described by her items only.
    dim : int, default 32
    neighbours : int, default 20
        In training, at most so many rated items, trusted users, and raters of an item.
    baseline : BiasOnly, optional
        Fitted to the same `train`.
    hide_targets : bool, default True
    seed : int, default 0
        Of the first weights and of the neighbours that are drawn.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> ratings = datasets.load("movielens-small").interactions
    >>> model = GraphRec(ratings, dim=8)
    >>> model.predict(torch.tensor([0, 1]), torch.tensor([0, 0])).shape
    torch.Size([2])
    """

    trained_by = ("training_predictions",)

    def __init__(
        self,
        train: Interactions,
        social: SocialGraph | None = None,
        dim: int = 32,
        neighbours: int = 20,
        *,
        baseline: BiasOnly | None = None,
        hide_targets: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(train)
        check_whole(dim=dim, neighbours=neighbours)
        ratings = ratings_of(train)
        if baseline is not None and not isinstance(baseline, BiasOnly):
            raise TypeError(
                f"baseline is of type {type(baseline).__name__}: a BiasOnly is needed, or None."
            )
        if baseline is not None and not baseline.is_built_from(train):
            raise ValueError("The baseline is of other ratings: build it from `train`, too.")
        self.dim, self.neighbours, self.seed = dim, neighbours, seed
        self.baseline, self.hide_targets = baseline, hide_targets
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(ratings.mean(), dtype=torch.float32))

        opinions, opinion = np.unique(ratings, return_inverse=True)
        ends = (train.user_index, train.item_index)
        counts = (train.num_users, train.num_items)
        self.rated = NeighbourLists(*ends, *counts, opinion, seed)
        self.raters = NeighbourLists(*ends[::-1], *counts[::-1], opinion, seed)
        self.trusted = None if social is None else _trusted(social, train, seed)

        generator = np.random.default_rng(seed)
        self.nodes = table(sum(counts), dim, generator)  # users first
        degrees = np.concatenate([train.user_degrees(), train.item_degrees()])
        with torch.no_grad():
            self.nodes.weight[torch.from_numpy(degrees == 0)] = 0.0
        self.opinions = table(len(opinions), dim, generator)
        self.rated_aggregation = OpinionAggregation(dim, generator)
        self.rater_aggregation = OpinionAggregation(dim, generator)
        self.trusted_aggregation = Aggregation(dim, generator)
        self.user = nn.Sequential(
            linear(2 * dim, dim, generator), nn.ReLU(), linear(dim, dim, generator), nn.ReLU()
        )
        self.rating = nn.Sequential(
            linear(2 * dim, dim, generator), nn.ReLU(),
            linear(dim, dim, generator), nn.ReLU(),
            linear(dim, 1, generator),
        )  # fmt: skip

    def training_predictions(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """What an objective needs of a batch: the ratings, and the table's own rows of both.

        The last, shape (2 * len(users), columns), is what weight decay acts on.
        """
        generator = generator_for(self.seed, users, items)
        hidden = (users, items) if self.hide_targets else None
        return self._predict(users, items, self.neighbours, generator, hidden)

    def compute_ratings(self, users: Tensor, items: Tensor) -> Tensor:
        """From all neighbours of the users and items."""
        return self._predict(users, items)[0]

    def _predict(
        self,
        users: Tensor,
        items: Tensor,
        most: int | None = None,
        generator: np.random.Generator | None = None,
        hidden: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        some_users, user_place = users.unique(return_inverse=True)
        some_items, item_place = items.unique(return_inverse=True)
        user_rows = self._describe_users(some_users, most, generator, hidden)  # (some users, dim)
        raters = self.raters.of(some_items, most, generator, hidden and hidden[::-1])
        item_rows, _ = self.rater_aggregation(
            self.nodes.weight.index_select(0, some_items + self.num_users),
            self.nodes.weight[: self.num_users],
            self.opinions.weight,
            raters,
        )  # (some items, dim)
        pairs = torch.cat(
            [user_rows.index_select(0, user_place), item_rows.index_select(0, item_place)], dim=1
        )  # (pairs, 2 dim)
        found = self._without_network(users, items, hidden is not None)
        found = found + self.rating(pairs).squeeze(1)
        return found, self.nodes.weight.index_select(0, torch.cat([users, items + self.num_users]))

    def _without_network(self, users: Tensor, items: Tensor, left_out: bool) -> Tensor:
        if self.baseline is None:
            return self.mean
        said = self.baseline.left_out if left_out else self.baseline.predict
        return said(users, items).to(self.nodes.weight)

    def _describe_users(
        self,
        users: Tensor,
        most: int | None,
        generator: np.random.Generator | None,
        hidden: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """The user model, shape (len(users), dim); no user occurs twice."""
        trusted = None
        everybody = users
        if self.trusted is not None:
            trusted = self.trusted.of(users, most, generator)
            everybody = torch.cat([users, trusted.node]).unique()
        by_items, _ = self.rated_aggregation(
            self.nodes.weight.index_select(0, everybody),
            self.nodes.weight[self.num_users :],
            self.opinions.weight,
            self.rated.of(everybody, most, generator, hidden),
        )  # (everybody, dim)
        own = by_items.index_select(0, torch.searchsorted(everybody, users))
        if trusted is None:
            by_trusted = torch.zeros_like(own)
        else:
            rows = by_items.index_select(0, torch.searchsorted(everybody, trusted.node))
            owners = self.nodes.weight.index_select(0, users)
            by_trusted, _ = self.trusted_aggregation(owners, rows, trusted)
        return self.user(torch.cat([own, by_trusted], dim=1))


class Aggregation(nn.Module):
    """What the neighbours of a node bring, weighted by attention (GraphRec, eq. 7-12)."""

    def __init__(self, dim: int, generator: np.random.Generator) -> None:
        super().__init__()
        # the attention network's first layer, W [x ; p] + b, is Wx x + (Wp p + b): so its second
        # part is computed once for each node, not once for each edge
        self.attend_neighbour = linear(dim, dim, generator, bias=False)
        self.attend_owner = linear(dim, dim, generator)
        self.attention = linear(dim, 1, generator)
        self.output = linear(dim, dim, generator)

    def forward(
        self, owners: Tensor, rows: Tensor, neighbours: Neighbours
    ) -> tuple[Tensor, Tensor]:
        """One vector a node, and the attention on each edge.

        Parameters
        ----------
        owners : Tensor, shape (nodes, dim)
            Embeddings of the nodes.
        rows : Tensor, shape (edges, dim)
            What each edge brings.
        neighbours : Neighbours
        """
        of_owner = self.attend_owner(owners).index_select(0, neighbours.owner)  # (edges, dim)
        hidden = (self.attend_neighbour(rows) + of_owner).relu()
        weights = attention_weights(self.attention(hidden).squeeze(1), neighbours)  # (edges,)
        return self.output(weighted_sum(weights, rows, neighbours)).relu(), weights


class OpinionAggregation(Aggregation):
    """The same where an edge brings a neighbour and an opinion (GraphRec, eq. 1-6, 15-19)."""

    def __init__(self, dim: int, generator: np.random.Generator) -> None:
        super().__init__(dim, generator)
        # W [q ; e] + b, in two parts again
        self.of_neighbour = linear(dim, dim, generator)
        self.of_opinion = linear(dim, dim, generator, bias=False)
        self.second = linear(dim, dim, generator)

    def forward(  # type: ignore[override]
        self, owners: Tensor, neighbour_table: Tensor, opinions: Tensor, neighbours: Neighbours
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`Aggregation.forward`, from the embeddings of all neighbours and opinions."""
        some, place = neighbours.node.unique(return_inverse=True)
        of_neighbour = self.of_neighbour(neighbour_table.index_select(0, some))
        of_opinion = self.of_opinion(opinions).index_select(0, neighbours.value)
        hidden = (of_neighbour.index_select(0, place) + of_opinion).relu()  # (edges, dim)
        return super().forward(owners, self.second(hidden).relu(), neighbours)


def _trusted(social: SocialGraph, train: Interactions, seed: int) -> NeighbourLists:
    check_users(social, train)
    counts = (train.num_users, train.num_users)
    return NeighbourLists(social.source, social.target, *counts, seed=seed)
