"""Recommenders: one file a model, each built from data in one line."""

from __future__ import annotations

from .bias_only import BiasOnly
from .ease import EASE
from .graph_filter import GraphFilter, LinearFilter
from .item_knn import ItemKNN
from .lightgcn import LightGCN
from .matrix_factorization import MatrixFactorization
from .popularity import Popularity
from .probabilistic_mf import ProbabilisticMF
from .recommender import EmbeddingRecommender, RatingModel, Recommender, frozen_score

__all__ = [
    "EASE",
    "BiasOnly",
    "EmbeddingRecommender",
    "GraphFilter",
    "ItemKNN",
    "LightGCN",
    "LinearFilter",
    "MatrixFactorization",
    "Popularity",
    "ProbabilisticMF",
    "RatingModel",
    "Recommender",
    "frozen_score",
]
