"""Graph neural networks for recommender systems: the package behind the gnnrec course.

>>> from gnnrec_helpers import Interactions, datasets, evaluate, fit, load, models, recommend
"""

from __future__ import annotations

from . import datasets, models
from .data import Interactions, KnowledgeGraph, SocialGraph, Split
from .evaluation import compare, compare_ratings, evaluate, evaluate_ratings
from .models import extend, load
from .objectives import BPR, SampledSoftmax
from .serving import explain, recommend, similar_items, similar_users
from .training import CONTENDERS, Between, History, League, Tuning, fit, league, tune

__version__ = "0.1.0.dev0"

__all__ = [
    "BPR",
    "CONTENDERS",
    "Between",
    "History",
    "Interactions",
    "KnowledgeGraph",
    "League",
    "SampledSoftmax",
    "SocialGraph",
    "Split",
    "Tuning",
    "compare",
    "compare_ratings",
    "datasets",
    "evaluate",
    "evaluate_ratings",
    "explain",
    "extend",
    "fit",
    "league",
    "load",
    "models",
    "recommend",
    "similar_items",
    "similar_users",
    "tune",
]
