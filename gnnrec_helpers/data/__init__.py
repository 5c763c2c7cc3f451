"""Interactions and their splits, graphs beside them, and conversions from and to other formats."""

from __future__ import annotations

from .interactions import FloatArray, IntArray, Interactions
from .side_graphs import KnowledgeGraph, SocialGraph
from .splits import Part, Split, merge

__all__ = [
    "FloatArray",
    "IntArray",
    "Interactions",
    "KnowledgeGraph",
    "Part",
    "SocialGraph",
    "Split",
    "merge",
]
