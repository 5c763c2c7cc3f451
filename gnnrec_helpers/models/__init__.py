"""Recommenders: one file a model, each built from data in one line."""

from __future__ import annotations

from .ease import EASE
from .graph_filter import GraphFilter, LinearFilter
from .item_knn import ItemKNN
from .lightgcn import LightGCN
from .matrix_factorization import MatrixFactorization
from .popularity import Popularity
from .recommender import EmbeddingRecommender, Recommender, frozen_score

__all__ = [
    "EASE",
    "EmbeddingRecommender",
    "GraphFilter",
    "ItemKNN",
    "LightGCN",
    "LinearFilter",
    "MatrixFactorization",
    "Popularity",
    "Recommender",
    "frozen_score",
]
