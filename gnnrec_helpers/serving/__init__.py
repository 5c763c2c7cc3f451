"""From scores to lists: recommendations, re-ranking, similar items, similar users."""

from __future__ import annotations

from .reranking import rerank
from .retrieval import Ranked, rank, recommend, similar_items, similar_users

__all__ = ["Ranked", "rank", "recommend", "rerank", "similar_items", "similar_users"]
