"""How good is a model? Rankings, ratings, yes or no, and models side by side."""

from __future__ import annotations

from .comparison import compare, compare_users, evaluate_groups
from .metric_audit import audit
from .ranking import METRICS, evaluate, evaluate_items, evaluate_users
from .ratings import compare_ratings, evaluate_ratings, rating_errors
from .yes_or_no import best_threshold, evaluate_ctr

__all__ = [
    "METRICS",
    "audit",
    "best_threshold",
    "compare",
    "compare_ratings",
    "compare_users",
    "evaluate",
    "evaluate_ctr",
    "evaluate_groups",
    "evaluate_items",
    "evaluate_ratings",
    "evaluate_users",
    "rating_errors",
]
