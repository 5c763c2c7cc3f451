"""Sending embeddings along the edges of a graph, and drawing batches to train on.

These names are the public face of the engine, and notebooks 02 to 06 teach them. What else lies in
its modules may change from one version to the next.
"""

from __future__ import annotations

from .neighbour_lists import attention_weights
from .propagation import (
    Adjacency,
    bipartite_matrix,
    normalize,
    propagate,
    propagate_batch,
    propagate_layers,
    user_item_adjacency,
)
from .sampling import Batch, Negatives, PairSampler, RatingBatch, RatingSampler

__all__ = [
    "Adjacency",
    "Batch",
    "Negatives",
    "PairSampler",
    "RatingBatch",
    "RatingSampler",
    "attention_weights",
    "bipartite_matrix",
    "normalize",
    "propagate",
    "propagate_batch",
    "propagate_layers",
    "user_item_adjacency",
]
