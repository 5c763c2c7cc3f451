"""Recommenders: one file a model, each built from data in one line."""

from __future__ import annotations

from .bias_only import BiasOnly
from .diffnet import DiffNet
from .ease import EASE
from .graph_filter import GraphFilter, LinearFilter
from .graphrec import GraphRec
from .item_knn import ItemKNN
from .lightgcn import LightGCN
from .matrix_factorization import MatrixFactorization
from .popularity import Popularity
from .probabilistic_mf import ProbabilisticMF
from .recommender import EmbeddingRecommender, RatingModel, Recommender, frozen_score
from .sept import SEPT
from .social_lightgcn import SocialLightGCN

__all__ = [
    "EASE",
    "SEPT",
    "BiasOnly",
    "DiffNet",
    "EmbeddingRecommender",
    "GraphFilter",
    "GraphRec",
    "ItemKNN",
    "LightGCN",
    "LinearFilter",
    "MatrixFactorization",
    "Popularity",
    "ProbabilisticMF",
    "RatingModel",
    "Recommender",
    "SocialLightGCN",
    "frozen_score",
]
