"""Every figure of the course, one function each, in one style.

Each function returns a `matplotlib.figure.Figure`; at the end of a notebook cell it is shown.
Figures have a light background of their own, so they read the same on light and dark pages, and
colours that people with colour-vision deficiencies can tell apart (Okabe & Ito 2008).
"""

from __future__ import annotations

from .curves import bpr_loss, layers, training
from .embeddings import by_layer, distributions, embedding_map, factorization, principal_components
from .graphs import bipartite
from .neighbourhoods import degrees, families, neighbourhood, reach
from .ranking import comparison, funnel, interaction_matrix, long_tail, ranked_lists, split_rows
from .style import PAPER

__all__ = [
    "PAPER",
    "bipartite",
    "bpr_loss",
    "by_layer",
    "comparison",
    "degrees",
    "distributions",
    "embedding_map",
    "factorization",
    "families",
    "funnel",
    "interaction_matrix",
    "layers",
    "long_tail",
    "neighbourhood",
    "principal_components",
    "ranked_lists",
    "reach",
    "split_rows",
    "training",
]
