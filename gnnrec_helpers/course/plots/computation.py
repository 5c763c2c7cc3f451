"""What one prediction needs: trees, parts of a layer, what layers tell apart, what depth does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ...data.interactions import Interactions
from ..computation_graphs import ComputationGraph
from .alt_text import tell
from .graphs import look
from .style import ACCENT, CYCLE, GOOD, GREY, INK, ITEM, MARKERS, PAPER, USER, VIOLET, bare, canvas

SHADES = ["#FFFFFF", "#F7C873", "#8EC8EA", "#8FD3B6", "#F3A683", "#E5B5D3", "#CFCFCF", "#F4EE8C",
          "#B9B0E6", "#C9E59A"]  # fmt: skip
COPIES = [GOOD, ACCENT, VIOLET, GREY]  # fields behind copies: none has the colour of a node


def unrolled(panels: Mapping[str, ComputationGraph], interactions: Interactions) -> Figure:
    """Computation graphs or trees, the target on top, arrows from senders to receivers.

    Subtrees that occur several times, that is, copies of one node in one level, stand on a field
    of the same colour.

    Parameters
    ----------
    panels : mapping of title to ComputationGraph
        From `computation_tree` or `computation_graph` of
        :mod:`gnnrec_helpers.course.computation_graphs`.
    interactions : Interactions
        Where the labels come from. A graph of a few dozen places stays legible.
    """
    widest = [max(graph.sizes) for graph in panels.values()]
    tallest = max(graph.layers for graph in panels.values())
    width = min(9.8, 1.6 * len(panels) + 1.05 * sum(widest))
    with canvas(width, 1.3 * tallest + 1.5, columns=len(panels)) as (figure, places):
        for axes, (title, graph) in zip(places, panels.items(), strict=True):
            bare(axes)
            axes.set_title(title)
            across = _positions(graph)
            _copies(axes, graph, across)
            _arrows(axes, graph, across)
            _nodes(axes, graph, across, interactions)
            tell(axes, _told(graph, interactions))
            wide = max(widest)  # every panel in the same scale
            middle = (max(graph.sizes) - 1) / 2
            axes.set_xlim(middle - 0.5 * wide - 0.85, middle + 0.5 * wide + 0.1)
            axes.set_ylim(-tallest - 0.62, 0.3)
            for depth in range(graph.layers + 1):
                at = middle - 0.5 * wide - 0.8
                axes.text(at, -depth, f"layer {graph.layers - depth}", color=GREY, va="center")
    return figure


def neighbour_sets(panels: Mapping[str, Sequence[float]]) -> Figure:
    """Nodes with the numbers of their neighbours, and what three aggregators make of them."""
    with canvas(2.2 * len(panels) + 0.8, 3.6, columns=len(panels)) as (figure, places):
        for axes, (name, values) in zip(places, panels.items(), strict=True):
            bare(axes)
            axes.set_aspect("equal")
            angles = np.pi * (0.5 + np.linspace(0.36, -0.36, len(values)) * (len(values) > 1))
            for angle, value in zip(angles, values, strict=True):
                x, y = float(np.cos(angle)), float(np.sin(angle))
                axes.plot([0, x], [0, y], color=GREY, linewidth=1.5, zorder=1)
                axes.scatter(x, y, s=420, marker="s", color=ITEM, zorder=2)
                axes.text(x, y, f"{value:g}", color="white", weight="bold", ha="center",
                          va="center", zorder=3)  # fmt: skip
            axes.scatter(0, 0, s=480, color=USER, zorder=2)
            axes.text(0, 0, "?", color="white", weight="bold", ha="center", va="center", zorder=3)
            found = {"mean": np.mean(values), "max": np.max(values), "sum": np.sum(values)}
            lines = [f"{how} {float(value):g}" for how, value in found.items()]
            axes.text(0, -0.35, "\n".join(lines), ha="center", va="top", linespacing=1.5)
            axes.set_xlim(-1.15, 1.15)
            axes.set_ylim(-1.25, 1.3)
            axes.set_title(name)
    return figure


def message_passing(
    centre: str, neighbours: Sequence[str], message: str, aggregate: str, update: str
) -> Figure:
    """One layer for one node as boxes: a message per neighbour, the aggregate, and the update.

    Parameters
    ----------
    centre : str
        The user who receives.
    neighbours : sequence of str
        The items that send, at least one.
    message, aggregate, update : str
        What is written in the boxes, for example a formula.
    """
    heights = np.linspace(1, -1, len(neighbours)) if len(neighbours) > 1 else np.zeros(1)
    with canvas(10.2, 3.6) as (figure, (axes,)):
        bare(axes)
        axes.set(xlim=(-0.75, 9.75), ylim=(-2.75, 1.7))
        for y, name in zip(heights, neighbours, strict=True):
            _vector(axes, 0, y, name, ITEM, "s")
            _arrow(axes, (0.2, y), (1.55, y))
            _box(axes, 2.4, y, message, 1.7, GOOD)
            _arrow(axes, (3.25, y), (4.1, 0.3 * y))
        _box(axes, 4.9, 0, aggregate, 1.6, GOOD)
        _arrow(axes, (5.7, 0), (6.25, 0))
        _box(axes, 7.4, 0, update, 2.3, GOOD)
        _arrow(axes, (8.55, 0), (9.05, 0))
        _vector(axes, 9.25, 0, centre, USER, "o")
        _vector(axes, 0, -2.15, centre, USER, "o")
        axes.plot([0.2, 7.4], [-2.15, -2.15], color=INK, linewidth=1.4)
        _arrow(axes, (7.4, -2.15), (7.4, -0.4))
        for x, word in ((0, "layer k"), (2.4, "message"), (4.9, "aggregate"), (7.4, "update"),
                        (9.25, "layer k + 1")):  # fmt: skip
            axes.text(x, 1.6, word, weight="bold", ha="center", va="center")
        axes.set_title(f"One layer, for {centre}", pad=10)
    return figure


def lightgcn(layers: int, loss: str = "BPR loss") -> Figure:
    """What flows through LightGCN: lookup table, layers, mean, dot product, loss, and back.

    Parameters
    ----------
    layers : int
        At least one.
    loss : str, optional
        What is written in the last box.
    """
    middle, low = 1.1 * layers, -1.9
    score, end = middle + 3.9, middle + 6.3
    with canvas(10.2, 4.1) as (figure, (axes,)):
        bare(axes)
        axes.set(xlim=(-1.5, max(end, 2.2 * layers) + 1.1), ylim=(-3.3, 1.1))
        for layer in range(layers + 1):
            x = 2.2 * layer
            _box(axes, x, 0, f"$E^{{({layer})}}$", 1.3, GOOD if layer else VIOLET)
            axes.text(x, 0.65, f"layer {layer}" if layer else "lookup table", weight="bold",
                      ha="center", va="center")  # fmt: skip
            _arrow(axes, (x, -0.36), (middle + 0.16 * (x - middle), low + 0.36))
            if layer:
                _arrow(axes, (x - 1.55, 0), (x - 0.65, 0))
                axes.text(x - 1.12, 0.22, r"$\tilde A$", ha="center", va="center")
        _box(axes, middle, low, "mean of layers", 1.9, GOOD)
        for y, name, colour, marker in ((low + 0.3, r"$\mathbf{e}_u$", USER, "o"),
                                        (low - 0.3, r"$\mathbf{e}_i$", ITEM, "s")):  # fmt: skip
            _arrow(axes, (middle + 0.95, low), (middle + 1.65, y))
            axes.scatter(middle + 1.85, y, s=150, color=colour, marker=marker, zorder=3)
            axes.text(middle + 2.12, y, name, va="center")
            _arrow(axes, (middle + 2.5, y), (score - 0.8, low))
        _box(axes, score, low, "dot product", 1.6, GOOD)
        _arrow(axes, (score + 0.8, low), (end - 0.75, low))
        _box(axes, end, low, loss, 1.5, ACCENT)
        axes.plot([end, end, -1.2, -1.2], [low - 0.36, -2.85, -2.85, 0], color=ACCENT,
                  linewidth=1.4, linestyle="--")  # fmt: skip
        _arrow(axes, (-1.2, 0), (-0.65, 0))
        axes.text(middle, -3.1, "gradient: only the lookup table is learnt", ha="center",
                  va="center")  # fmt: skip
        axes.set_title(f"LightGCN with {layers} layer{'s' * (layers != 1)}", pad=10)
    return figure


def colour_refinement(rounds: Sequence[Sequence[int]], interactions: Interactions) -> Figure:
    """The Weisfeiler-Lehman test round by round: nodes of one colour, and one number, are alike.

    Parameters
    ----------
    rounds : sequence of sequences of int, each of one number per node
        The colours of the nodes, users first, at the start and after each round.
    interactions : Interactions
        The graph, small enough to be drawn.
    """
    tall = max(interactions.num_users, interactions.num_items)
    users, items = interactions.user_index, interactions.item_index
    with canvas(2.5 * len(rounds) + 0.7, 0.9 + 0.45 * tall, columns=len(rounds)) as (
        figure,
        places,
    ):
        for number, (axes, colours) in enumerate(zip(places, rounds, strict=True)):
            bare(axes)
            axes.set(xlim=(-0.75, 1.75), ylim=(-tall + 0.4, 0.5))
            axes.plot([np.zeros(len(users)), np.ones(len(users))], [-users, -items],
                      color=GREY, linewidth=1.3, zorder=1)  # fmt: skip
            for node, colour in enumerate(colours):
                drawn = look(interactions, node)
                user = node < interactions.num_users
                x, y = (0, -node) if user else (1, interactions.num_users - node)
                axes.scatter(x, y, s=290, marker=drawn["marker"], zorder=2, linewidths=1.2,
                             edgecolors=INK, color=SHADES[colour % len(SHADES)])  # fmt: skip
                axes.text(x, y, str(colour), ha="center", va="center", fontsize=10, zorder=3)
                axes.text(x - 0.16 if user else x + 0.16, y, drawn["label"], fontsize=9,
                          ha="right" if user else "left", va="center")  # fmt: skip
            kinds = len(set(colours))
            axes.set_title(f"{f'round {number}' if number else 'start'}: "
                           f"{kinds} colour{'s' * (kinds != 1)}", fontsize=11)  # fmt: skip
    return figure


def over_smoothing(panels: Mapping[str, Mapping[str, ArrayLike]], ylabel: str) -> Figure:
    """How far apart embeddings are, against depth; a line has its colour in every panel.

    Parameters
    ----------
    panels : mapping of title to mapping of name to array, shape (layers + 1,)
        Each array starts with no layer; the first panel has every name. The panels share a
        logarithmic axis.
    """
    styles = dict(zip(next(iter(panels.values())), zip(CYCLE, MARKERS, strict=False), strict=False))
    values = np.concatenate([np.asarray(c, float) for cs in panels.values() for c in cs.values()])
    with canvas(4.6 * len(panels) + 0.6, 3.9, columns=len(panels)) as (figure, places):
        for axes, (title, curves) in zip(places, panels.items(), strict=True):
            for name, curve in curves.items():
                colour, marker = styles[name]
                axes.plot(np.asarray(curve, float), color=colour, marker=marker, markersize=4.5,
                          linewidth=2, label=name)  # fmt: skip
            axes.set_yscale("log")
            axes.set_ylim(values.min() / 1.5, values.max() * 1.5)
            axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10], integer=True))
            axes.set(xlabel="layers", title=title)
        places[0].set_ylabel(ylabel)
        lines, labels = places[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside lower center", ncols=len(labels))
    return figure


def nodes_read(counts: Mapping[str, ArrayLike], total: int) -> Figure:
    """Nodes needed for one vector by depth: median over users, and their middle half.

    Parameters
    ----------
    counts : mapping of name to array, shape (users, layers + 1)
        As :func:`gnnrec_helpers.course.computation_graphs.nodes_touched` gives.
    total : int
        How many nodes the graph has.
    """
    with canvas(7.6, 4.0) as (figure, (axes,)):
        axes.axhline(total, color=INK, linestyle="--", linewidth=1.2)
        axes.text(0, total * 1.25, f"all {total:,} nodes", color=INK)
        for colour, marker, (name, values) in zip(CYCLE, MARKERS, counts.items(), strict=False):
            table: NDArray[np.float64] = np.asarray(values, float)
            depth = np.arange(table.shape[1])
            low, middle, high = np.percentile(table, [25, 50, 75], axis=0)
            axes.fill_between(depth, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(depth, middle, color=colour, marker=marker, linewidth=2, label=name)
        axes.set_xticks(depth)
        axes.set_yscale("log")
        axes.set(xlabel="layers", ylabel="nodes", title="Nodes needed for the vector of one user")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


# ---------------------------------------------------------------------- parts of message_passing()
def _vector(axes: Axes, x: float, y: float, name: str, colour: str, marker: str) -> None:
    axes.scatter(x, y, s=190, color=colour, marker=marker, zorder=3)
    axes.text(x, y - 0.28, name, ha="center", va="top", fontsize=10)


def _box(axes: Axes, x: float, y: float, text: str, width: float, colour: str) -> None:
    axes.add_patch(FancyBboxPatch((x - width / 2, y - 0.36), width, 0.72, facecolor=PAPER,
                                  boxstyle="round,pad=0.0,rounding_size=0.12", edgecolor=colour,
                                  linewidth=2, zorder=2))  # fmt: skip
    axes.text(x, y, text, ha="center", va="center", fontsize=11, zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.4,
                                              "shrinkA": 0, "shrinkB": 0})  # fmt: skip


# ---------------------------------------------------------------------- parts of unrolled()
def _is_tree(graph: ComputationGraph) -> bool:
    """Every place sends exactly once."""
    return all(
        level.shape[1] == size for level, size in zip(graph.edges, graph.sizes[1:], strict=True)
    )


def _positions(graph: ComputationGraph) -> list[NDArray[np.float64]]:
    """Where the places of each level stand from left to right: above the middle of their senders.

    In a merged graph the levels are simply spread evenly.
    """
    widest = max(graph.sizes)
    if not _is_tree(graph):
        return [(np.arange(size) + 0.5) * widest / size - 0.5 for size in graph.sizes]
    across = [np.arange(graph.sizes[-1], dtype=float)]
    for (senders, receivers), size in zip(graph.edges[::-1], graph.sizes[-2::-1], strict=True):
        sums = np.bincount(receivers, across[0][senders], minlength=size)
        across.insert(0, sums / np.bincount(receivers, minlength=size).clip(1))
    return across


class _Span(NamedTuple):
    """A subtree as drawn: from left to right, and its lowest level."""

    left: float
    right: float


def _copies(axes: Axes, graph: ComputationGraph, across: list[NDArray[np.float64]]) -> None:
    """A coloured field behind every subtree that occurs more than once, the largest only."""
    colours: dict[tuple[int, int], str] = {}
    covered = np.zeros(1, bool)
    for depth, nodes in enumerate(graph.nodes):
        if depth:
            senders, receivers = graph.edges[depth - 1]
            inherited = np.zeros(len(nodes), bool)
            inherited[senders] = covered[receivers]
            covered = inherited
        _, place, count = np.unique(nodes, return_inverse=True, return_counts=True)
        for at in np.flatnonzero((count[place] > 1) & ~covered):
            key = (depth, int(nodes[at]))
            colour = colours.setdefault(key, COPIES[len(colours) % len(COPIES)])
            span = _span(graph, across, depth, int(at))
            axes.add_patch(FancyBboxPatch(
                (span.left - 0.34, -graph.layers - 0.4),
                span.right - span.left + 0.68,
                graph.layers - depth + 0.6,
                boxstyle="round,pad=0.09",
                facecolor=colour, alpha=0.28, edgecolor="none", zorder=0,
            ))  # fmt: skip
        covered |= count[place] > 1


def _span(graph: ComputationGraph, across: list[NDArray[np.float64]], depth: int, at: int) -> _Span:
    places = np.array([at])
    left = right = float(across[depth][at])
    for level in range(depth, graph.layers):
        senders, receivers = graph.edges[level]
        places = senders[np.isin(receivers, places)]
        left = min(left, float(across[level + 1][places].min()))
        right = max(right, float(across[level + 1][places].max()))
    return _Span(left, right)


def _arrows(axes: Axes, graph: ComputationGraph, across: list[NDArray[np.float64]]) -> None:
    for depth, (senders, receivers) in enumerate(graph.edges):
        for sender, receiver in zip(senders, receivers, strict=True):
            axes.annotate(
                "",
                (across[depth][receiver], -depth - 0.14),
                (across[depth + 1][sender], -depth - 1 + 0.14),
                arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.1,
                            "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _nodes(
    axes: Axes,
    graph: ComputationGraph,
    across: list[NDArray[np.float64]],
    interactions: Interactions,
) -> None:
    for depth, nodes in enumerate(graph.nodes):
        for node, x in zip(nodes.tolist(), across[depth].tolist(), strict=True):
            drawn = look(interactions, node)
            axes.scatter(x, -depth, s=130, zorder=3, color=drawn["color"], marker=drawn["marker"])
            below = depth == graph.layers  # where no arrow ends
            label = drawn["label"].replace(" ", "\n", 1) if below else drawn["label"]
            place = (x, -depth - 0.13) if below else (x + 0.13, -depth + 0.02)
            axes.text(*place, label, ha="center" if below else "left", fontsize=8.5, zorder=4,
                      va="top" if below else "bottom", linespacing=1.05)  # fmt: skip


def _told(graph: ComputationGraph, interactions: Interactions) -> str:
    """Who is made from whom, level by level."""
    lines = []
    for depth, (senders, receivers) in enumerate(graph.edges):
        for place, node in enumerate(graph.nodes[depth]):
            made_from = graph.nodes[depth + 1][senders[receivers == place]]
            names = [look(interactions, int(sender))["label"] for sender in made_from]
            name = look(interactions, int(node))["label"]
            lines.append(f"layer {graph.layers - depth} of {name} from {', '.join(names)}")
    return "; ".join(lines)
