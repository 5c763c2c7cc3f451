"""Recommendation graphs: degrees, hops, components, friends and facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...data.interactions import Interactions
from ...data.side_graphs import KnowledgeGraph, SocialGraph
from ..graph_statistics import hops
from .graphs import look
from .style import CYCLE, GOOD, GREY, ITEM, PAPER, USER, VIOLET, bare, canvas

MOST_DRAWN = 60  # nodes of one ring: more would be one blot


def degrees(tables: Mapping[str, Interactions], item: str = "items") -> Figure:
    """How many users and items have how many interactions, both axes logarithmic."""
    with canvas(9.2, 3.6, columns=2) as (figure, panels):
        for axes, side in zip(panels, ("users", item), strict=True):
            for colour, (name, table) in zip(CYCLE, tables.items(), strict=False):
                found = table.user_degrees() if side == "users" else table.item_degrees()
                values, counts = np.unique(found[found > 0], return_counts=True)
                axes.plot(values, counts, "o", color=colour, markersize=4, alpha=0.6, label=name)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("degree (interactions)")
            axes.set_ylabel(f"{side} with this degree")
            axes.set_title(f"Degrees of {side}")
            axes.legend()
    return figure


def reach(shares: Mapping[str, ArrayLike]) -> Figure:
    """The share of the catalogue within so many hops: median over users, and their middle half.

    Parameters
    ----------
    shares : mapping of name to array, shape (users, hops + 1)
        As :func:`gnnrec_helpers.course.graph_statistics.reach` gives.
    """
    with canvas(7.2, 3.8) as (figure, (axes,)):
        for colour, (name, values) in zip(CYCLE, shares.items(), strict=False):
            table = 100 * np.asarray(values)[:, 1::2]  # items are an odd number of hops away
            places = 2 * np.arange(table.shape[1]) + 1
            low, middle, high = np.percentile(table, [25, 50, 75], axis=0)
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(places, middle, "o-", color=colour, label=name)
            axes.set_xticks(places)
        axes.set_ylim(0, 102)
        axes.set_xlabel("hops from a user")
        axes.set_ylabel("share of all items (%)")
        axes.set_title("How much of the catalogue a user can reach")
        axes.legend(loc="lower right")
    return figure


def neighbourhood(interactions: Interactions, user: int, most: int) -> Figure:
    """Everything within `most` hops of a user (a position), in rings; large rings are thinned."""
    distance = hops(interactions, [user], most)[0]
    with canvas(6.4, 6.4) as (figure, (axes,)):
        bare(axes)
        axes.set_aspect("equal")
        places = _rings(distance, most)
        pairs = zip(
            interactions.user_index, interactions.item_index + interactions.num_users, strict=True
        )
        few = len(places) <= 30
        line: dict[str, Any] = {"linewidth": 1.5} if few else {"linewidth": 0.5, "alpha": 0.35}
        for one, other in pairs:
            if one in places and other in places:
                ends = np.array([places[one], places[other]])
                axes.plot(*ends.T, color=GREY, zorder=1, **line)
        for node, (x, y) in places.items():
            drawn = look(interactions, node)
            axes.scatter(x, y, s=60, color=drawn["color"], marker=drawn["marker"], zorder=2)
            if few:
                axes.text(x, y + 0.05 * max(most, 1), drawn["label"], ha="center", zorder=3)
        texts = []
        for hop in range(1, most + 1):
            count = int((distance == hop).sum())
            kind = ("item" if hop % 2 else "user") + "s" * (count != 1)
            texts.append(f"{hop} hop{'s' * (hop > 1)}: {count:,} {kind}")
        axes.set_title(f"User {interactions.users[user]}\n" + "   ".join(texts), fontsize=11)
    return figure


def families(interactions: Interactions, social: SocialGraph, knowledge: KnowledgeGraph) -> Figure:
    """The three graphs that GNN recommenders use, on a set small enough to draw."""
    with canvas(9.4, 4.4, columns=3) as (figure, panels):
        titles = ("user-item", "+ social network", "+ knowledge graph")
        for axes, title in zip(panels, titles, strict=True):
            bare(axes)
            axes.set_title(title)
            _likes(axes, interactions)
        for start, end in zip(social.source, social.target, strict=True):
            if start < end:
                _arc(axes=panels[1], start=-float(start), end=-float(end))
        panels[1].set_xlim(-1.1, 1.15)
        _facts(panels[2], knowledge)
    return figure


def _rings(distance: NDArray[np.int64], most: int) -> dict[int, tuple[float, float]]:
    places = {}
    for hop in range(most + 1):
        nodes = np.flatnonzero(distance == hop)
        if len(nodes) > MOST_DRAWN:
            nodes = nodes[np.linspace(0, len(nodes) - 1, MOST_DRAWN).astype(int)]
        angles = 2 * np.pi * (np.arange(len(nodes)) + 0.25 * hop) / max(len(nodes), 1)
        for node, angle in zip(nodes.tolist(), angles, strict=True):
            places[node] = (hop * float(np.cos(angle)), hop * float(np.sin(angle)))
    return places


def _likes(axes: Axes, interactions: Interactions) -> None:
    for user, item in zip(interactions.user_index, interactions.item_index, strict=True):
        axes.plot([0, 1], [-user, -item], color=GREY, linewidth=1.3, zorder=1)
    for labels, x, colour, marker in (
        (interactions.users, 0, USER, "o"),
        (interactions.items, 1, ITEM, "s"),
    ):
        axes.scatter([x] * len(labels), -np.arange(len(labels)), s=190, color=colour,
                     marker=marker, zorder=3)  # fmt: skip
        for place, label in enumerate(labels):
            axes.text(x, -place + 0.2, str(label), ha="center", fontsize=8.5, zorder=4,
                      bbox={"color": PAPER, "alpha": 0.7, "pad": 0.5})  # fmt: skip
    axes.set_xlim(-0.45, 1.45)
    axes.set_ylim(-max(interactions.num_users, interactions.num_items) + 0.6, 0.55)


def _arc(axes: Axes, start: float, end: float) -> None:
    """A bow to the left of the users."""
    turn = np.linspace(0, np.pi, 40)
    height = abs(end - start) / 2
    x, y = -0.22 * height * np.sin(turn) - 0.06, (start + end) / 2 + height * np.cos(turn)
    axes.plot(x, y, color=GOOD, linewidth=2, zorder=0)


def _facts(axes: Axes, knowledge: KnowledgeGraph) -> None:
    """Entities that are no items, to the right; each relation has a line style."""
    others = np.arange(knowledge.num_items, knowledge.num_entities)
    # from top to bottom in the order of the items they belong to, so that few lines cross
    middle = [knowledge.head[knowledge.tail == node].mean() for node in others]
    others = others[np.argsort(middle, kind="stable")]
    height = {
        node: -(knowledge.num_items - 1) * place / max(len(others) - 1, 1)
        for place, node in enumerate(others.tolist())
    }
    styles = ("-", "--", ":", "-.")
    for relation, name in enumerate(knowledge.relations):
        chosen = knowledge.relation == relation
        line = styles[relation % len(styles)]
        axes.plot([], [], color=VIOLET, linestyle=line, label=str(name))
        for head, tail in zip(knowledge.head[chosen], knowledge.tail[chosen], strict=True):
            if tail in height:
                ends = [-float(head), height[tail]]
                axes.plot([1, 2], ends, color=VIOLET, linestyle=line, linewidth=1.3, zorder=1)
    for node, y in height.items():
        axes.scatter(2, y, s=150, color=VIOLET, marker="D", zorder=3)
        label = str(knowledge.entities[node]).replace(" ", "\n", 1)
        axes.text(2.14, y, label, va="center", fontsize=8)
    axes.set_xlim(-0.45, 3.0)
    axes.legend(loc="lower center", fontsize=8, ncols=2, bbox_to_anchor=(0.6, -0.1))
