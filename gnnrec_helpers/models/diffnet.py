"""DiffNet: what a user likes spreads to those who follow her."""

from __future__ import annotations

import torch
from scipy import sparse
from torch import Tensor

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..data.side_graphs import SocialGraph
from ..engine.propagation import Adjacency, normalize, propagate
from .matrix_factorization import MatrixFactorization
from .parts.side_links import friendships


class DiffNet(MatrixFactorization):
    """Wu et al. (2019), "A Neural Influence Diffusion Model for Social Recommendation".

    A user's embedding takes up the mean of her friends' `layers` times, and then the mean of the
    items she chose is added (eq. 6-9)::

        h(0) = p,   h(k+1) = h(k) + mean of the friends' h(k),   user = h(layers) + mean of items

    Items keep their embeddings. The paper's h(k+1) is a linear layer with a nonlinearity on both
    terms, and its h(0) adds features of users; here there are none, and the layer is the plain sum,
    as in later comparisons by the same group (DiffNet++, 2020). (The authors' program adds the
    steps up differently.)

    Parameters
    ----------
    train : Interactions
    social : SocialGraph
        On the same users. Links are taken as mutual.
    dim : int, default 64
    layers : int, default 2
    seed : int, default 0

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> lastfm = datasets.load("lastfm-2k")
    >>> DiffNet(lastfm.interactions.binarize(1), lastfm.social, dim=8).embeddings()[0].shape
    torch.Size([1892, 8])
    """

    def __init__(
        self,
        train: Interactions,
        social: SocialGraph,
        dim: int = 64,
        layers: int = 2,
        *,
        seed: int = 0,
    ) -> None:
        check_whole(0, layers=layers)
        super().__init__(train, dim, seed=seed)
        self.layers = layers
        mean_of_friends = normalize(friendships(social, train), "mean")
        oneself = sparse.eye_array(train.num_users, format="csr")
        self.diffusion = Adjacency(sparse.csr_array(oneself + mean_of_friends))
        self.chosen = Adjacency(normalize(train.to_csr(), "mean"))

    def has_layers(self) -> bool:
        return True

    def node_embeddings(self) -> Tensor:
        """Users after diffusion, then items."""
        own, items = self.nodes.weight.split([self.num_users, self.num_items])
        only_last = [0.0] * self.layers + [1.0]
        diffused = propagate(self.diffusion, own, self.layers, combine=only_last)
        return torch.cat([diffused + self.chosen(items), items])
