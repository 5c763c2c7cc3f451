"""From scores to lists: recommendations and why, similar items and users."""

from __future__ import annotations

from .explanation import Explanation, explain
from .retrieval import Ranked, rank, recommend, similar_items, similar_users

__all__ = [
    "Explanation",
    "Ranked",
    "explain",
    "rank",
    "recommend",
    "similar_items",
    "similar_users",
]
