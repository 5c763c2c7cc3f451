"""SimGCL: LightGCN that should see the same through a little noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..data.arguments import POSITIVE, check_number, check_whole
from ..data.interactions import Interactions
from ..engine.propagation import propagate
from ..engine.sampling import Batch, generator_for
from ..objectives import SelfSupervised
from .lightgcn import LightGCN
from .parts.contrastive import disagreement


class SimGCL(LightGCN):
    """Yu et al. (2022), "Are Graph Augmentations Necessary?"

    Adds to :class:`LightGCN` a second loss, for
    :class:`~gnnrec_helpers.objectives.SelfSupervised`, and leaves layer 0 out of the mean (unless
    `layer_0`). Noise is added to every layer, twice; a node's embeddings with the one noise and
    with the other should agree (eq. 7-8). Unlike :class:`SGL` the graph stays whole.

    Noise is a random vector of length `noise` that points into the same quadrant as the embedding
    it is added to. A node is compared with the nodes of its batch.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
    layers : int, default 3
        At least 1.
    noise : float, default 0.1
    temperature : float, default 0.2
    layer_0 : bool, default False
        Keep layer 0, without noise, in the mean. The authors leave it out, since with BPR they gain
        a little by that; with
        :class:`~gnnrec_helpers.objectives.SampledSoftmax` it helps (benchmarks/rivals.py).
    seed : int, default 0
        Of the first embeddings and of the noise.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> SimGCL(datasets.load("toy").interactions, dim=8).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    trained_by = ("self_supervised_loss",)

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        *,
        noise: float = 0.1,
        temperature: float = 0.2,
        layer_0: bool = False,
        seed: int = 0,
    ) -> None:
        check_whole(layers=layers)
        check_number(0, noise=noise)
        check_number(POSITIVE, temperature=temperature)
        super().__init__(train, dim, layers, seed=seed)
        self.noise, self.temperature, self.layer_0, self.seed = noise, temperature, layer_0, seed

    def layer_weights(self) -> Sequence[float] | None:
        """Layer 0 counts as much as the others, or not at all."""
        return None if self.layer_0 else [0.0] + [1 / self.layers] * self.layers

    def default_objective(self) -> SelfSupervised:
        return SelfSupervised()

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """The disagreement under two noises about the batch's users and about its items."""
        generator = self._generator(batch)

        def views(nodes: Tensor) -> tuple[Tensor, Tensor]:
            one, other = (self._noisy_layers(nodes, generator).mean(0) for _ in range(2))
            return one, other

        return disagreement(views, batch, self.num_users, self.temperature)

    def _generator(self, batch: Batch) -> torch.Generator:
        """The one that draws a batch's noise."""
        drawn = generator_for(self.seed, batch.users, batch.positives).integers(2**63)
        return torch.Generator(self.device).manual_seed(int(drawn))

    def _noisy_layers(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Layers 1, 2, ... of some nodes, each once, with noise; shape (layers, rows, dim).

        A layer's noise goes on to the next, so all but the last are computed for all nodes. With
        `layer_0` there is one more, which comes last.
        """
        layer, outputs = self.nodes.weight, []
        for _ in range(self.layers - 1):
            layer = self._with_noise(self.adjacency(layer), generator)
            outputs.append(layer.index_select(0, rows))
        last = propagate(self.adjacency, layer, 1, rows, combine=(0.0, 1.0))
        outputs.append(self._with_noise(last, generator))
        if self.layer_0:
            outputs.append(self.nodes.weight.index_select(0, rows))
        return torch.stack(outputs)

    def _with_noise(self, layer: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(
            layer.shape, generator=generator, device=layer.device, dtype=torch.float32
        )
        drawn *= self.noise / drawn.norm(dim=1, keepdim=True)
        return layer + drawn.mul_(layer.detach().sign())
