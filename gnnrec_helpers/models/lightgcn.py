"""LightGCN: matrix factorization whose embeddings are averaged over the neighbourhood."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.interactions import Interactions
from ..engine.propagation import Adjacency, propagate, propagate_batch, user_item_adjacency
from .matrix_factorization import MatrixFactorization


class LightGCN(MatrixFactorization):
    """He et al. (2020), "LightGCN: Simplifying and Powering Graph Convolution Network".

    Starts as :class:`MatrixFactorization` does and has the same parameters. Before scoring, every
    node's embedding becomes the mean of `layers` + 1 layers, each of which sums over a node's
    neighbours the layer before, divided by the square roots of both degrees.

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

    _combine: list[float] | None = None  # weight of each layer; all alike

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        seed: int = 0,
        *,
        adjacency: Adjacency | None = None,
    ) -> None:
        if layers < 0:
            raise ValueError(f"layers={layers}: zero or more are possible.")
        super().__init__(train, dim, seed)
        self.layers = layers
        self.adjacency = user_item_adjacency(train) if adjacency is None else adjacency

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings after propagation of these users and items (all by default)."""
        if users is None and items is None:
            everything = self._everything()
            return everything[: self.num_users], everything[self.num_users :][: self.num_items]
        user_rows, item_rows, _ = self._propagated(*self._all_where_none(users, items))
        return user_rows, item_rows

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Users and items after propagation, and the rows of the table they started from."""
        if type(self).embeddings is not LightGCN.embeddings:
            return super().training_embeddings(users, items)
        return self._propagated(users, items)

    def _everything(self) -> Tensor:
        """All nodes after propagation."""
        return propagate(self.adjacency, self.nodes.weight, self.layers, combine=self._combine)

    def _propagated(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wanted = torch.cat([users, items + self.num_users])
        found, start = propagate_batch(
            self.adjacency, self.nodes.weight, self.layers, wanted, self._combine
        )
        user_rows, item_rows = found.split([len(users), len(items)])
        return user_rows, item_rows, start

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, layers={self.layers}"
