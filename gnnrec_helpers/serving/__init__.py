"""From scores to lists: recommendations, similar items, similar users."""

from __future__ import annotations

from .retrieval import Ranked, rank, recommend, similar_items, similar_users

__all__ = ["Ranked", "rank", "recommend", "similar_items", "similar_users"]
