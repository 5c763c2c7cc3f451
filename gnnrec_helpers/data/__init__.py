"""Interactions and their splits, graphs beside them, and conversions from and to other formats."""

from __future__ import annotations

from .interactions import FloatArray, IntArray, Interactions, Split, merge
from .side_graphs import KnowledgeGraph, SocialGraph

__all__ = [
    "FloatArray",
    "IntArray",
    "Interactions",
    "KnowledgeGraph",
    "SocialGraph",
    "Split",
    "merge",
]
