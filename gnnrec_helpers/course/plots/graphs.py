"""Graphs of users and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.figure import Figure

from ...data.interactions import Interactions
from .alt_text import tell
from .style import GREY, ITEM, PAPER, USER, bare, canvas


def look(interactions: Interactions, node: int) -> dict[str, str]:
    """The label, colour and marker of a node, users first, then items."""
    item = node - interactions.num_users
    if item < 0:
        return {"label": str(interactions.users[node]), "color": USER, "marker": "o"}
    return {"label": str(interactions.items[item]), "color": ITEM, "marker": "s"}


def bipartite(
    interactions: Interactions,
    path: Sequence[str] = (),
    levels: Mapping[str, int] | None = None,
    title: str = "",
) -> Figure:
    """A small user-item graph: users left, items right, an edge for every interaction.

    Parameters
    ----------
    path : sequence of labels
        Nodes to join by thick edges, in order.
    levels : mapping of label to number, optional
        A number to write beside nodes, for example how many hops they are away.
    """
    users = {str(label): (0.0, -float(place)) for place, label in enumerate(interactions.users)}
    items = {str(label): (1.0, -float(place)) for place, label in enumerate(interactions.items)}
    on_path = {frozenset(step) for step in pairwise(path)}
    with canvas(7.2, 0.9 + 0.62 * max(len(users), len(items))) as (figure, (axes,)):
        bare(axes)
        axes.set_xlim(-0.42, 1.52)
        axes.set_ylim(-max(len(users), len(items)) + 0.5, 0.5)
        frame = interactions.to_frame().astype(str)
        for user, item in zip(frame["user"], frame["item"], strict=True):
            marked = frozenset((user, item)) in on_path
            axes.plot(
                *zip(users[user], items[item], strict=True),
                zorder=1,
                color=ITEM if marked else GREY,
                linewidth=4 if marked else 1.4,
            )
        for nodes, colour, marker, side, align in (
            (users, USER, "o", -0.06, "right"),
            (items, ITEM, "s", 0.06, "left"),
        ):
            for label, (x, y) in nodes.items():
                reached = levels is None or label in levels
                axes.scatter(
                    x,
                    y,
                    s=330,
                    marker=marker,
                    zorder=2,
                    linewidths=2,
                    edgecolors=colour,
                    color=colour if reached else PAPER,
                )
                if levels is not None and label in levels:
                    axes.text(
                        x,
                        y,
                        str(levels[label]),
                        ha="center",
                        va="center",
                        color="white",
                        weight="bold",
                        fontsize=10,
                        zorder=3,
                    )
                axes.text(x + side, y, label, ha=align, va="center")
        axes.set_title(title or "Users (circles) and films (squares)")
        edges = [
            f"{user} to {item}" for user, item in zip(frame["user"], frame["item"], strict=True)
        ]
        told = [f"edges {', '.join(edges)}"]
        if path:
            told.append(f"a thick path {', '.join(path)}")
        if levels is not None:
            told.append(f"numbers {', '.join(f'{label} {n}' for label, n in levels.items())}")
        tell(axes, "; ".join(told))
    return figure
