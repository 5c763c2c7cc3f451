"""Every figure of the course, one function each, in one style.

Each function returns a `matplotlib.figure.Figure`; at the end of a notebook cell it is shown.
Figures have a light background of their own, so they read the same on light and dark pages. Their
colours, after Okabe & Ito (2008), can be told apart by people who do not see red or green, and
lines differ by dashes or markers besides.
"""

from __future__ import annotations

from .computation import (
    colour_refinement,
    lightgcn,
    message_passing,
    neighbour_sets,
    nodes_read,
    over_smoothing,
    unrolled,
)
from .convolution import (
    field_growth,
    pixel_graph,
    pixels,
    pooling_and_aggregation,
    receptive_fields,
    sliding_window,
    window_and_neighbours,
)
from .curves import bpr_loss, layers, runs, seconds, training
from .embeddings import (
    agreement,
    by_layer,
    distributions,
    embedding_map,
    factorization,
    principal_components,
)
from .facts import by_relation, seen_by, shared_facts
from .friends import aggregations, attention, gains, in_common
from .graphs import bipartite
from .neighbourhoods import degrees, families, neighbourhood, overlaps, reach
from .ranking import (
    comparison,
    funnel,
    interaction_matrix,
    long_tail,
    ranked_lists,
    split_rows,
    time_spans,
)
from .reasons import reasons
from .rivals import lines, named_points, responses
from .scaling import row_of_propagation, two_splits
from .serving import codebook, one_request
from .style import PAPER

__all__ = [
    "PAPER",
    "aggregations",
    "agreement",
    "attention",
    "bipartite",
    "bpr_loss",
    "by_layer",
    "by_relation",
    "codebook",
    "colour_refinement",
    "comparison",
    "degrees",
    "distributions",
    "embedding_map",
    "factorization",
    "families",
    "field_growth",
    "funnel",
    "gains",
    "in_common",
    "interaction_matrix",
    "layers",
    "lightgcn",
    "lines",
    "long_tail",
    "message_passing",
    "named_points",
    "neighbour_sets",
    "neighbourhood",
    "nodes_read",
    "one_request",
    "over_smoothing",
    "overlaps",
    "pixel_graph",
    "pixels",
    "pooling_and_aggregation",
    "principal_components",
    "ranked_lists",
    "reach",
    "reasons",
    "receptive_fields",
    "responses",
    "row_of_propagation",
    "runs",
    "seconds",
    "seen_by",
    "shared_facts",
    "sliding_window",
    "split_rows",
    "time_spans",
    "training",
    "two_splits",
    "unrolled",
    "window_and_neighbours",
]
