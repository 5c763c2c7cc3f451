"""From scores to lists: recommendations and why, similar items, an index of millions, a service."""

from __future__ import annotations

from .explanation import Explanation, explain
from .export import export_embeddings
from .index import Index
from .reranking import rerank
from .retrieval import Ranked, rank, recommend, similar_items, similar_users

__all__ = [
    "Explanation",
    "Index",
    "Ranked",
    "explain",
    "export_embeddings",
    "rank",
    "recommend",
    "rerank",
    "similar_items",
    "similar_users",
]
