"""LightGCN: matrix factorization whose embeddings are averaged over the neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..engine.propagation import Adjacency, propagate, propagate_batch, user_item_adjacency
from .matrix_factorization import MatrixFactorization
from .parts.fold_in import ByProducts


class LightGCN(MatrixFactorization):
    """He et al. (2020), "LightGCN: Simplifying and Powering Graph Convolution Network".

    Starts as :class:`MatrixFactorization` does and has the same parameters. Before scoring, every
    node's embedding becomes the mean of `layers` + 1 layers, each of which sums over a node's
    neighbours the layer before, divided by the square roots of both degrees. Where interactions
    have weights, edges have them, and degrees are sums of weights.

    Parameters
    ----------
    train : Interactions
        The graph. Interactions of validation and test must not be in it.
    dim : int, default 64
    layers : int, default 3
        How many hops a node sees; with 0 this is matrix factorization.
    cosine : bool, default False
        Scores are cosines of the embeddings after propagation.
    seed : int, default 0
    adjacency : Adjacency, optional
        Another graph to propagate along, on the same nodes: users, then items, then whatever a
        subclass adds to the table.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> LightGCN(datasets.load("toy").interactions, dim=8, layers=2).embeddings()[0].shape
    torch.Size([5, 8])
    """

    uses_weights = True
    static_step = True

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        *,
        cosine: bool = False,
        seed: int = 0,
        adjacency: Adjacency | None = None,
    ) -> None:
        check_whole(0, layers=layers)
        if adjacency is not None and not isinstance(adjacency, Adjacency):
            raise TypeError(
                f"adjacency is of type {type(adjacency).__name__}: an Adjacency is needed, or None."
            )
        super().__init__(train, dim, cosine=cosine, seed=seed)
        self.layers = layers
        self.adjacency = user_item_adjacency(train) if adjacency is None else adjacency

    def has_layers(self) -> bool:
        """Not with 0 layers: that is matrix factorization."""
        return self.layers > 0

    def layer_weights(self) -> Sequence[float] | None:
        """How much each layer counts, from layer 0 on; None is all alike.

        Override it to combine the layers in another way.
        """
        return None

    def node_embeddings(self) -> Tensor:
        """All nodes after propagation."""
        return self.combined(self.layers, self.layer_weights())

    def graphs(self) -> list[tuple[float, Adjacency]]:
        """What is propagated along: a weighted sum of these."""
        return [(1.0, self.adjacency)]

    def combined(self, layers: int, combine: Sequence[float] | None) -> Tensor:
        """A weighted sum of so many layers of all nodes, from layer 0 on; see `propagate`."""
        return propagate(self.adjacency, self.nodes.weight, layers, combine=combine)

    def fold_in(self) -> ByProducts:
        """One propagation from her items, whose embeddings stay as they are.

        She has no row in the table, so her layer 0 is zero. Layer l is the sum of layer l - 1 of
        her n items, each divided by ``sqrt(n * degree of the item)`` as on every other edge. Of
        cosines she gets a multiple, since her own length is not made 1: the ranking is the same.
        """
        if self._arguments.get("adjacency") is not None:
            raise TypeError(
                f"{type(self).__name__} with a graph of your own cannot answer for somebody new: "
                "how she would be linked to it is not known."
            )
        if self.layers == 0:
            raise TypeError(
                f"{type(self).__name__} with layers=0 cannot answer for somebody new: nothing goes "
                "from her items to her. One layer or more is needed."
            )
        weights = self.layer_weights() or [1 / (self.layers + 1)] * (self.layers + 1)
        nodes = self.combined(self.layers - 1, weights[1:]).detach().cpu()
        heard = nodes[self.num_users :][: self.num_items]
        degrees = self.interactions.to_csr(self.interactions.weight).sum(axis=0)  # (num_items,)
        degrees = np.where(degrees > 0, degrees, 1.0)  # hers would be an item's first edge
        scale = np.where(self.informed_items, degrees**-0.5, 0.0)
        _, items = self.embeddings()
        rows = heard * torch.from_numpy(scale).float()[:, None]
        return ByProducts([(rows, items.detach().cpu().T)], power=0.5)

    def rows(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """These nodes after propagation, and the rows of the table they started from."""
        return propagate_batch(
            self.adjacency, self.nodes.weight, self.layers, nodes, self.layer_weights()
        )
