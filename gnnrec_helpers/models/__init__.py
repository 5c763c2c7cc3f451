"""Recommenders: one file a model, each built from data in one line."""

from __future__ import annotations

from .base import EmbeddingModel, Model, RatingsModel, load, scoring
from .bias_only import BiasOnly
from .blend import Blend
from .diffnet import DiffNet
from .ease import EASE
from .extending import extend
from .fact_ridge import FactRidge
from .frozen import Frozen
from .graph_filter import GraphFilter, LinearFilter, sharpening
from .graphrec import GraphRec
from .graphsage import GraphSAGE
from .ials import IALS
from .item_knn import ItemKNN
from .kgat import KGAT
from .kgcn import KGCN
from .kgin import KGIN
from .knowledge_lightgcn import KnowledgeLightGCN
from .lightgcn import LightGCN
from .matrix_factorization import MatrixFactorization
from .ngcf import NGCF
from .popularity import Popularity
from .probabilistic_mf import ProbabilisticMF
from .recommender import RatingModel, Recommender
from .ripplenet import RippleNet
from .rp3beta import RP3Beta
from .sept import SEPT
from .sgl import SGL
from .simgcl import SimGCL
from .social_lightgcn import SocialLightGCN
from .truncated_lightgcn import TruncatedLightGCN
from .ultragcn import UltraGCN
from .user_knn import UserKNN
from .xsimgcl import XSimGCL

__all__ = [
    "EASE",
    "IALS",
    "KGAT",
    "KGCN",
    "KGIN",
    "NGCF",
    "SEPT",
    "SGL",
    "BiasOnly",
    "Blend",
    "DiffNet",
    "EmbeddingModel",
    "FactRidge",
    "Frozen",
    "GraphFilter",
    "GraphRec",
    "GraphSAGE",
    "ItemKNN",
    "KnowledgeLightGCN",
    "LightGCN",
    "LinearFilter",
    "MatrixFactorization",
    "Model",
    "Popularity",
    "ProbabilisticMF",
    "RP3Beta",
    "RatingModel",
    "RatingsModel",
    "Recommender",
    "RippleNet",
    "SimGCL",
    "SocialLightGCN",
    "TruncatedLightGCN",
    "UltraGCN",
    "UserKNN",
    "XSimGCL",
    "extend",
    "load",
    "scoring",
    "sharpening",
]
