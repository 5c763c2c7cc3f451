"""SGL: LightGCN that should see the same when edges are missing."""

from __future__ import annotations

from torch import Tensor

from ..data.arguments import BELOW_1, POSITIVE, check_number
from ..data.interactions import Interactions
from ..engine.propagation import propagate
from ..engine.sampling import Batch, generator_for
from ..objectives import SelfSupervised
from .lightgcn import LightGCN
from .parts.contrastive import disagreement


class SGL(LightGCN):
    """Wu et al. (2021), "Self-supervised Graph Learning for Recommendation", with edge dropout.

    Adds to :class:`LightGCN` a second loss, for
    :class:`~gnnrec_helpers.objectives.SelfSupervised`: two graphs are drawn that lack a share of
    the edges, and a node's embeddings in both should agree (eq. 10). Recommends as LightGCN does.

    Here the graphs are drawn for every batch, not every epoch, their edges keep the weights of the
    whole graph, and a node is compared with the nodes of its batch, not with all.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
    layers : int, default 3
    dropped : float, default 0.1
        Share of the interactions that each of the two graphs lacks.
    temperature : float, default 0.2
    seed : int, default 0
        Of the first embeddings and of what is dropped.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> SGL(datasets.load("toy").interactions, dim=8).embeddings()[0].shape
    torch.Size([5, 8])
    """

    trained_by = ("self_supervised_loss",)

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        *,
        dropped: float = 0.1,
        temperature: float = 0.2,
        seed: int = 0,
    ) -> None:
        check_number(0, BELOW_1, dropped=dropped)
        check_number(POSITIVE, temperature=temperature)
        super().__init__(train, dim, layers, seed=seed)
        self.dropped, self.temperature, self.seed = dropped, temperature, seed

    def default_objective(self) -> SelfSupervised:
        return SelfSupervised()

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """The disagreement of two thinned graphs about the batch's users and about its items."""
        generator = generator_for(self.seed, batch.users, batch.positives)

        def view(nodes: Tensor) -> Tensor:
            thinned = self.adjacency.thinned(self.dropped, generator)
            return propagate(thinned, self.nodes.weight, self.layers, nodes)

        def views(nodes: Tensor) -> tuple[Tensor, Tensor]:
            return view(nodes), view(nodes)

        return disagreement(views, batch, self.num_users, self.temperature)
