"""Recommendation graphs: degrees, hops, components, friends and facts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from ...data.interactions import Interactions, position
from ...data.side_graphs import KnowledgeGraph, SocialGraph
from ...engine.propagation import bipartite_matrix
from ..graph_statistics import hops
from .graphs import look
from .style import CYCLE, GOOD, GREY, ITEM, MARKERS, PAPER, USER, VIOLET, bare, canvas

MOST_DRAWN = 60  # nodes of one ring: more would be one blot
HEIGHT = 2.7  # of one row of a figure with several


def degrees(tables: Mapping[str, Interactions], item: str = "items") -> Figure:
    """How many users and items have how many interactions, both axes logarithmic."""
    with canvas(9.2, 3.6, columns=2) as (figure, panels):
        for axes, side in zip(panels, ("users", item), strict=True):
            for colour, marker, (name, table) in zip(CYCLE, MARKERS, tables.items(), strict=False):
                found = table.user_degrees() if side == "users" else table.item_degrees()
                values, counts = np.unique(found[found > 0], return_counts=True)
                axes.plot(values, counts, marker, color=colour, markersize=4, alpha=0.7, label=name)
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
        for colour, marker, (name, values) in zip(CYCLE, MARKERS, shares.items(), strict=False):
            table = 100 * np.asarray(values)[:, 1::2]  # items are an odd number of hops away
            places = 2 * np.arange(table.shape[1]) + 1
            low, middle, high = np.percentile(table, [25, 50, 75], axis=0)
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(places, middle, f"{marker}-", color=colour, label=name)
            axes.set_xticks(places)
        axes.set_ylim(0, 102)
        axes.set_xlabel("hops from a user")
        axes.set_ylabel("share of all items (%)")
        axes.set_title("How much of the catalogue a user can reach")
        axes.legend(loc="lower right")
    return figure


def neighbourhood(interactions: Interactions, user: int, most: int) -> Figure:
    """Everything within `most` hops of a user (a position), in rings; large rings are thinned.

    Every node but the user is joined to one node of the ring inside, though it may have more edges.
    """
    distance = hops(interactions, [user], most)[0]
    with canvas(6.4, 6.4) as (figure, (axes,)):
        bare(axes)
        axes.set_aspect("equal")
        places, parents = _rings(interactions, distance, most)
        few = len(places) <= 30
        for node, parent in parents.items():
            ends = np.array([places[node], places[parent]])
            axes.plot(*ends.T, color=GREY, linewidth=1.5 if few else 0.7, zorder=1)
        for node, (x, y) in places.items():
            drawn = look(interactions, node)
            axes.scatter(x, y, s=60, color=drawn["color"], marker=drawn["marker"], zorder=2)
            if few:
                axes.text(x, y + 0.05 * max(most, 1), drawn["label"], ha="center", zorder=3)
        texts = []
        for hop in range(1, most + 1):
            count = int((distance == hop).sum())
            kind = ("item" if hop % 2 else "user") + "s" * (count != 1)
            ring = f"{hop} hop{'s' * (hop > 1)}"
            texts.append(f"{ring}: {count:,} {kind}")
            if not few:
                label = axes.text(0, -hop - 0.13, ring, ha="center", va="top", zorder=3)
                label.set_path_effects([withStroke(linewidth=4, foreground=PAPER)])
        axes.set_title(f"User {interactions.users[user]}\n" + "   ".join(texts), fontsize=11)
    return figure


def overlaps(interactions: Interactions, user: str, item: str, most: int) -> Figure:
    """What lies within 1, 2, ..., `most` hops of a user and of an item, and what within both.

    Parameters
    ----------
    interactions : Interactions
        A small set: every label is written out. Nodes stand at their distance from the user.
    user, item : labels
    most : int
    """
    count = interactions.num_users + interactions.num_items
    centre = position(interactions.users, user, "user")
    other = interactions.num_users + position(interactions.items, item, "item")
    distance = hops(interactions, [centre], count)[0]
    # from an item: the same graph, seen from the other side
    swapped = Interactions(
        interactions.item_index, interactions.user_index, interactions.items, interactions.users
    )
    from_item = np.roll(
        hops(swapped, [other - interactions.num_users], count)[0], interactions.num_users
    )
    places = _columns(distance)
    with canvas(9.4, 1.75 * most + 0.6) as (figure, (axes,)):
        bare(axes)
        reached = []
        for radius in range(1, most + 1):
            near = (distance >= 0) & (distance <= radius)
            far = (from_item >= 0) & (from_item <= radius)
            reached.append((near, far))
            both = [
                look(interactions, node)["label"] for node in np.flatnonzero(near & far).tolist()
            ]
            said = f"K = {radius}, in both: {', '.join(both) or 'no node'}"
            axes.text(-0.6, -HEIGHT * radius + 1.0, said, weight="bold" if both else "normal")
        for down, (near, far) in zip(-HEIGHT * np.arange(1, most + 1), reached, strict=True):
            for one, two in zip(interactions.user_index, interactions.item_index, strict=True):
                ends = np.array([places[one], places[interactions.num_users + two]])
                axes.plot(ends[:, 0], ends[:, 1] + down, color=GREY, linewidth=1.3, zorder=1)
            for node, (x, y) in places.items():
                drawn = look(interactions, node)
                colour = _halo(bool(near[node]), bool(far[node]))
                axes.scatter(x, y + down, s=620, color=colour, zorder=0)
                axes.scatter(x, y + down, s=110 if node in (centre, other) else 60, zorder=2,
                             color=drawn["color"], marker=drawn["marker"])  # fmt: skip
                axes.text(x, y + down - 0.62, drawn["label"], ha="center", fontsize=9, zorder=3)
        for label, sides in ((f"within K hops of {user}", (True, False)),
                             (f"of {item}", (False, True)), ("of both", (True, True))):  # fmt: skip
            axes.scatter([], [], s=200, color=_halo(*sides), label=label)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, fontsize=10)
        axes.set_xlim(-0.75, distance.max() + 0.6)
        axes.set_ylim(-HEIGHT * most - 1.3, -HEIGHT + 1.5)
        axes.set_title(f"Two neighbourhoods grow: {user}'s and {item}'s")
    return figure


def families(interactions: Interactions, social: SocialGraph, knowledge: KnowledgeGraph) -> Figure:
    """The three graphs that GNN recommenders use, on a set small enough to draw."""
    with canvas(9.4, 4.4, columns=3, width_ratios=(1.6, 2.25, 3.45)) as (figure, panels):
        titles = ("user-item", "+ social network", "+ knowledge graph")
        for axes, title in zip(panels, titles, strict=True):
            bare(axes)
            axes.set_title(title)
            _likes(axes, interactions)
        for start, end in zip(social.source, social.target, strict=True):
            if start < end:
                _arc(axes=panels[1], start=-float(start), end=-float(end))
        panels[1].set_xlim(-1.1, 1.75)
        _facts(panels[2], knowledge)
    return figure


def _rings(
    interactions: Interactions, distance: NDArray[np.int64], most: int
) -> tuple[dict[int, tuple[float, float]], dict[int, int]]:
    """Where nodes are drawn, and for each the node of the ring inside that it is joined to."""
    matrix = bipartite_matrix(interactions)
    inside = np.flatnonzero(distance == 0)
    places, parents = {int(inside[0]): (0.0, 0.0)}, {}
    for hop in range(1, most + 1):
        joined = matrix[inside].toarray() > 0  # (nodes of the ring inside, all nodes)
        nodes = np.flatnonzero((distance == hop) & joined.any(axis=0))
        if len(nodes) > MOST_DRAWN:
            nodes = nodes[np.linspace(0, len(nodes) - 1, MOST_DRAWN).astype(int)]
        # of several, the one with the fewest edges, so that not all hang from one hit
        turns = (joined[:, nodes] / joined.sum(axis=1, keepdims=True)).argmax(axis=0)
        order = np.argsort(turns, kind="stable")  # beside those with the same parent
        nodes, turns = nodes[order], turns[order]
        angles = 2 * np.pi * (np.arange(len(nodes)) + 0.25 * hop) / max(len(nodes), 1)
        for node, turn, angle in zip(nodes.tolist(), turns, angles, strict=True):
            places[node] = (hop * float(np.cos(angle)), hop * float(np.sin(angle)))
            parents[node] = int(inside[turn])
        inside = nodes
    return places, parents


def _columns(distance: NDArray[np.int64]) -> dict[int, tuple[float, float]]:
    """A column of nodes for every distance that is reached."""
    places = {}
    for hop in range(int(distance.max()) + 1):
        nodes = np.flatnonzero(distance == hop)
        for turn, node in enumerate(nodes.tolist()):
            places[node] = (float(hop), 0.9 * ((len(nodes) - 1) / 2 - turn))
    return places


def _halo(near: bool, far: bool) -> str:
    """A light colour for what lies in one of two neighbourhoods, in the other, or in both."""
    return {(False, False): PAPER, (True, False): "#BFE3D8", (False, True): "#EBD3E2"}.get(
        (near, far), "#F0BC5E"
    )


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
            side = "left" if x else "center"  # likes come to items from the left
            text = axes.text(0.93 * x, -place + 0.2, str(label), ha=side, fontsize=8.5, zorder=4)
            text.set_path_effects([withStroke(linewidth=3, foreground=PAPER)])
    axes.set_xlim(-0.45, 1.75)
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
