"""From scores to lists: recommendations, similar items, an index of millions, a service."""

from __future__ import annotations

from .export import export_embeddings
from .index import Index
from .retrieval import Ranked, rank, recommend, similar_items, similar_users

__all__ = [
    "Index",
    "Ranked",
    "export_embeddings",
    "rank",
    "recommend",
    "similar_items",
    "similar_users",
]
