"""Graph neural networks for recommender systems: the package behind the gnnrec course.

>>> from gnnrec_helpers import Interactions, datasets, evaluate, fit, models, recommend
"""

from __future__ import annotations

from . import datasets, models
from .evaluation import compare, evaluate
from .interactions import Interactions, Split
from .rating_evaluation import compare_ratings, evaluate_ratings
from .retrieval import recommend, similar_items, similar_users
from .side_graphs import KnowledgeGraph, SocialGraph
from .training import History, fit
from .tuning import Between, Tuning, tune

__version__ = "0.1.0"

__all__ = [
    "Between",
    "History",
    "Interactions",
    "KnowledgeGraph",
    "SocialGraph",
    "Split",
    "Tuning",
    "compare",
    "compare_ratings",
    "datasets",
    "evaluate",
    "evaluate_ratings",
    "fit",
    "models",
    "recommend",
    "similar_items",
    "similar_users",
    "tune",
]
