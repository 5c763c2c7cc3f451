"""What a node makes of its neighbours when they have no order: sum, mean, max, min, attention.

All of them give the same for the neighbours in any order (they are permutation invariant, Zaheer
et al. 2017), take any number of neighbours, and give 0 for a node that has none.

Edges are written as in PyTorch Geometric: edge e goes from the neighbour ``edge_index[0, e]``,
which sends, to the centre ``edge_index[1, e]``, which receives.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..engine.neighbour_lists import softmax_by_owner

Aggregator = Literal["sum", "mean", "max", "min"]


def aggregate(features: Tensor, edge_index: Tensor, how: Aggregator = "sum") -> Tensor:
    """Sum, mean, maximum or minimum of the neighbours' features, feature by feature.

    Parameters
    ----------
    features : floating Tensor, shape (nodes, dim)
    edge_index : int64 Tensor, shape (2, edges)
    how : {"sum", "mean", "max", "min"}

    Returns
    -------
    Tensor, shape (nodes, dim)
        Rows of nodes without neighbours are 0.

    Raises
    ------
    ValueError
        For another `how`, features that are no floating numbers, and edges of unknown nodes.

    Examples
    --------
    Nodes 1 and 2 send to node 0; nobody sends to them.

    >>> features = torch.tensor([[0.0], [3.0], [5.0]])
    >>> edge_index = torch.tensor([[1, 2], [0, 0]])
    >>> aggregate(features, edge_index, "mean").T
    tensor([[4., 0., 0.]])
    """
    if how not in get_args(Aggregator):
        raise ValueError(f"how={how!r}: choose one of {', '.join(get_args(Aggregator))}.")
    source, target = _ends(features, edge_index)
    messages = features.index_select(0, source)  # (edges, dim)
    name = {"max": "amax", "min": "amin"}.get(how, how)
    return torch.zeros_like(features).scatter_reduce(
        0, target[:, None].expand_as(messages), messages, name, include_self=False
    )


def softmax_by_target(scores: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Softmax of the scores among the edges that share a target: those weights add up to 1.

    Parameters
    ----------
    scores : floating Tensor, shape (edges,)
    target : int64 Tensor, shape (edges,)
        The node that each edge goes to.
    num_nodes : int

    Returns
    -------
    Tensor, shape (edges,)

    Examples
    --------
    >>> softmax_by_target(torch.tensor([0.0, 0.0, 7.0]), torch.tensor([0, 0, 1]), num_nodes=2)
    tensor([0.5000, 0.5000, 1.0000])
    """
    if scores.shape != target.shape or scores.dim() != 1:
        raise ValueError(
            f"Scores of shape {tuple(scores.shape)} for {len(target)} edges: one score an edge "
            "is needed."
        )
    return softmax_by_owner(scores, target, num_nodes)


def attend(features: Tensor, edge_index: Tensor, scores: Tensor) -> Tensor:
    """Weighted sum of the neighbours' features, with :func:`softmax_by_target` of the scores.

    The sum of the graph attention network (Velickovic et al. 2018, eqs. 2 to 4) with the scores
    given. Equal scores make it the mean.

    Parameters
    ----------
    features : floating Tensor, shape (nodes, dim)
    edge_index : int64 Tensor, shape (2, edges)
    scores : floating Tensor, shape (edges,)
        How much each edge matters; any numbers.

    Returns
    -------
    Tensor, shape (nodes, dim)
        Rows of nodes without neighbours are 0.

    Examples
    --------
    >>> features = torch.tensor([[0.0], [3.0], [5.0]])
    >>> edge_index = torch.tensor([[1, 2], [0, 0]])
    >>> attend(features, edge_index, torch.tensor([3.0, 1.0]).log()).T
    tensor([[3.5000, 0.0000, 0.0000]])
    """
    source, target = _ends(features, edge_index)
    weights = softmax_by_target(scores, target, len(features))
    messages = weights[:, None] * features.index_select(0, source)
    return torch.zeros_like(features).index_add(0, target, messages)


def _ends(features: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    if features.dim() != 2 or not features.is_floating_point():
        raise ValueError(
            f"Features of type {features.dtype} and shape {tuple(features.shape)}: floating "
            "numbers of shape (nodes, dim) are needed."
        )
    if edge_index.dim() != 2 or len(edge_index) != 2:
        raise ValueError(
            f"edge_index has shape {tuple(edge_index.shape)}; (2, edges) is needed, neighbours "
            "in the first row and centres in the second."
        )
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < len(
        features
    ):
        raise ValueError(
            f"edge_index names nodes {int(edge_index.min())} to {int(edge_index.max())}; there "
            f"are nodes 0 to {len(features) - 1}."
        )
    return edge_index[0], edge_index[1]
