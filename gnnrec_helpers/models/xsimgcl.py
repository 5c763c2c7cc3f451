"""XSimGCL: one noisy propagation, which ranks and is contrasted with one of its own layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..engine.sampling import Batch
from .parts.contrastive import disagreement
from .simgcl import SimGCL


class XSimGCL(SimGCL):
    """Yu et al. (2023), "XSimGCL: Towards Extremely Simple Graph Contrastive Learning ...".

    Adds to :class:`LightGCN` noise on every layer and a second loss, for
    :class:`~gnnrec_helpers.objectives.SelfSupervised`, and leaves layer 0 out of the mean (unless
    `layer_0`). Where :class:`SimGCL` propagates three times, once to rank and twice with noise to
    compare, here one noisy propagation does both: a node's mean over layers, by which it is ranked,
    should agree with its layer `contrast_layer` (eq. 10). Recommends without noise.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
    layers : int, default 3
        At least 1.
    contrast_layer : int, default 1
        From 1 to `layers`.
    noise : float, default 0.2
        Length of the noise; see :class:`SimGCL`.
    temperature : float, default 0.2
    layer_0 : bool, default False
        Keep layer 0 in the mean; see :class:`SimGCL`.
    seed : int, default 0
        Of the first embeddings and of the noise.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> XSimGCL(datasets.load("toy").interactions, dim=8).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        *,
        contrast_layer: int = 1,
        noise: float = 0.2,
        temperature: float = 0.2,
        layer_0: bool = False,
        seed: int = 0,
    ) -> None:
        check_whole(layers=layers, contrast_layer=contrast_layer)
        if contrast_layer > layers:
            raise ValueError(f"contrast_layer={contrast_layer}: one from 1 to {layers} is needed.")
        super().__init__(
            train, dim, layers, noise=noise, temperature=temperature, layer_0=layer_0, seed=seed
        )
        self.contrast_layer = contrast_layer

    def perturbed(self, batch: Batch) -> Perturbed:
        """The batch's nodes after a noisy propagation, for both losses to look at."""
        items = torch.cat([batch.positives, batch.negatives.flatten()])
        nodes = torch.cat([batch.users, items + self.num_users]).unique()
        return Perturbed(self, nodes, self._noisy_layers(nodes, self._generator(batch)))

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """The disagreement of all layers and one, about the batch's users and about its items."""
        return self.perturbed(batch).self_supervised_loss(batch)


@dataclass(frozen=True)
class Perturbed:
    """What a model looks like to one batch, after one noisy propagation."""

    model: XSimGCL
    nodes: Tensor  # (n,), sorted, each once
    layers: Tensor  # (layers, n, dim), from layer 1 on; see `SimGCL._noisy_layers`

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Users and items after propagation, and the rows of the table they started from."""
        wanted = torch.cat([users, items + self.model.num_users])
        found = self._of(self.layers.mean(0), wanted)
        user_rows, item_rows = found.split([len(users), len(items)])
        return user_rows, item_rows, self.model.nodes.weight.index_select(0, wanted)

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """The disagreement of all layers and one, about the batch's users and about its items."""
        model = self.model

        def views(nodes: Tensor) -> tuple[Tensor, Tensor]:
            one = self.layers[model.contrast_layer - 1]
            return self._of(self.layers.mean(0), nodes), self._of(one, nodes)

        return disagreement(views, batch, model.num_users, model.temperature)

    def _of(self, found: Tensor, nodes: Tensor) -> Tensor:
        return found.index_select(0, torch.searchsorted(self.nodes, nodes))
