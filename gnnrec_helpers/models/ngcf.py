"""NGCF: what LightGCN was made from by leaving things out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.functional import normalize as unit_length

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..engine.propagation import user_item_adjacency
from .matrix_factorization import MatrixFactorization
from .parts.seeded_layers import linear


class NGCF(MatrixFactorization):
    """Wang et al. (2019), "Neural Graph Collaborative Filtering".

    To :class:`LightGCN` it adds, in every layer, two matrices of weights, a term in which a node
    and its neighbours are multiplied, and a nonlinearity (eq. 3-8)::

        x <- LeakyReLU((A x + x) W1 + (A x * x) W2),

    and it concatenates the layers instead of averaging them (eq. 9), each layer but the first
    scaled to length 1, as in the authors' program (which also applies LeakyReLU to the two terms
    separately). `weights`, `products` and `nonlinear` leave these out one by one. No dropout.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
        Of every layer; the embeddings that are compared have ``dim * (layers + 1)`` numbers.
    layers : int, default 3
    weights, products, nonlinear : bool, default True
        With ``weights=False`` W1 and W2 are the identity.
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> NGCF(datasets.load("toy").interactions, dim=8).embeddings()[0].shape
    torch.Size([5, 32])
    """

    uses_weights = True

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        *,
        weights: bool = True,
        products: bool = True,
        nonlinear: bool = True,
        seed: int = 0,
    ) -> None:
        check_whole(0, layers=layers)
        super().__init__(train, dim, seed=seed)
        self.layers, self.nonlinear = layers, nonlinear
        self.adjacency = user_item_adjacency(train)
        generator = np.random.default_rng([seed, 1])

        def layer() -> nn.Module:
            return linear(dim, dim, generator) if weights else nn.Identity()

        self.sums = nn.ModuleList([layer() for _ in range(layers)])  # W1 of every layer
        self.multiplied = nn.ModuleList([layer() for _ in range(layers if products else 0)])  # W2

    def has_layers(self) -> bool:
        return True

    def node_embeddings(self) -> Tensor:
        """All layers beside each other, shape (nodes, dim * (layers + 1))."""
        layer = self.nodes.weight
        outputs = [layer]
        for depth in range(self.layers):
            neighbours = self.adjacency(layer)  # (nodes, dim)
            message = self.sums[depth](neighbours + layer)
            if len(self.multiplied):
                message = message + self.multiplied[depth](neighbours * layer)
            layer = leaky_relu(message, 0.2) if self.nonlinear else message
            outputs.append(unit_length(layer))
        return torch.cat(outputs, dim=1)
