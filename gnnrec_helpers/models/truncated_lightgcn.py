"""LightGCN trained on a few nodes of every row of its propagation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..data.arguments import check_whole
from ..data.interactions import Interactions
from ..engine.truncation import Bags, bag_rows, truncated_rows, walked_rows
from .files import fingerprint
from .lightgcn import LightGCN

NODES_AT_ONCE = 2**16  # of which embeddings are computed by bags


class TruncatedLightGCN(LightGCN):
    """LightGCN whose training steps read a bag of k nodes instead of the graph.

    A propagated embedding is a weighted sum over nearly all nodes, of which a few have most of the
    weight. In training, each row keeps its k largest weights, rescaled to the sum of the whole row.
    So what a step reads depends on batch and k, and no longer on the number of edges; gradient and
    Adam still visit the whole table. The bags are computed at the first step. In evaluation mode
    embeddings are those of one exact propagation of the trained table, unless that is switched off.

    The idea is that of PPRGo (Bojchevski et al., 2020, "Scaling Graph Neural Networks with
    Approximate PageRank"). That bags are rescaled is our addition.

    Parameters
    ----------
    train : Interactions
    dim : int, default 64
    layers : int, default 3
    k : int, default 64
        Nodes in a bag.
    walks : int, optional
        Random walks from each node by which bags are estimated, where there are too many nodes to
        compute all rows exactly; some hundreds.
    exact_scores : bool, default True
        False recommends by the bags as well, where even one propagation would be too much. Only
        for somebody new (``recommend(histories=...)``) is the table propagated exactly all the
        same: bags have layer 0 in them, which she has not.
    seed : int, default 0
        Of the table and of the walks.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> TruncatedLightGCN(datasets.load("toy").interactions, dim=8, k=4).embeddings()[0].shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        train: Interactions,
        dim: int = 64,
        layers: int = 3,
        k: int = 64,
        *,
        walks: int | None = None,
        exact_scores: bool = True,
        seed: int = 0,
    ) -> None:
        check_whole(k=k)
        if walks is not None:
            check_whole(walks=walks)
        super().__init__(train, dim, layers, seed=seed)
        self.k, self.walks, self.exact_scores, self.seed = k, walks, exact_scores, seed
        self._bags: Bags | None = None
        self._are_given = False

    def identity(self) -> dict[str, Any]:
        """Of bags that were not computed here, a digest, too."""
        given = {"bags": fingerprint(tuple(self.bags()))} if self._are_given else {}
        return {**super().identity(), **given}

    def bags(self) -> Bags:
        """Every node's bag, where the model is; computed when first asked for."""
        if self._bags is None:
            rows, combine = (self.adjacency, self.layers, self.k), self.layer_weights()
            if self.walks is None:
                self._bags = truncated_rows(*rows, combine)
            else:
                self._bags = walked_rows(*rows, self.walks, combine=combine, seed=self.seed)
        if self._bags.nodes.device != self.nodes.weight.device:
            self._bags = self._bags.to(self.nodes.weight.device)
        return self._bags

    def use_bags(self, bags: Bags) -> None:
        """Take these bags of the same graph, such as those of a file, instead of computing them.

        They are not saved with the model, which computes its own again.
        """
        expected = (self.num_users + self.num_items, self.k)
        if tuple(bags.nodes.shape) != expected:
            raise ValueError(
                f"Bags of shape {tuple(bags.nodes.shape)}: {expected} is asked for, nodes and k."
            )
        if int(bags.nodes.min()) < 0 or int(bags.nodes.max()) >= expected[0]:
            raise ValueError(
                f"Bags of other nodes: numbers from 0 to {expected[0] - 1} are asked for."
            )
        self._bags, self._are_given = bags, True

    def node_embeddings(self) -> Tensor:
        if self.exact_scores:
            return super().node_embeddings()
        everybody = torch.arange(len(self.nodes.weight), device=self.nodes.weight.device)
        blocks = everybody.split(NODES_AT_ONCE)  # so that bags of a file are not copied as a whole
        return torch.cat([bag_rows(self.bags(), self.nodes.weight, one)[0] for one in blocks])

    def rows(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """In training mode the sums of these nodes' bags; the rows of the table beside them."""
        if self.training or not self.exact_scores:
            return bag_rows(self.bags(), self.nodes.weight, nodes)
        return super().rows(nodes)
