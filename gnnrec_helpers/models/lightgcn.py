"""LightGCN: matrix factorization whose embeddings are averaged over the neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..engine.propagation import Adjacency, propagate, propagate_batch, user_item_adjacency
from .matrix_factorization import MatrixFactorization


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

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        *,
        seed: int = 0,
        adjacency: Adjacency | None = None,
    ) -> None:
        check_whole(0, layers=layers)
        super().__init__(train, dim, seed=seed)
        self.layers = layers
        self.adjacency = user_item_adjacency(train) if adjacency is None else adjacency

    def layer_weights(self) -> Sequence[float] | None:
        """How much each layer counts, from layer 0 on; None is all alike.

        Override it to combine the layers in another way.
        """
        return None

    def node_embeddings(self) -> Tensor:
        """All nodes after propagation."""
        return propagate(
            self.adjacency, self.nodes.weight, self.layers, combine=self.layer_weights()
        )

    def rows(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """These nodes after propagation, and the rows of the table they started from."""
        return propagate_batch(
            self.adjacency, self.nodes.weight, self.layers, nodes, self.layer_weights()
        )
