"""Friendships: what friends share, what GraphRec aggregates, and who gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import ArrayLike

from .style import CYCLE, GOOD, GREY, INK, ITEM, USER, as_numbers, bare, canvas


def in_common(counts: Mapping[str, ArrayLike], most: int = 8, what: str = "artists") -> Figure:
    """How many items pairs of users share: for each kind of pair, the share of pairs by number.

    Parameters
    ----------
    counts : mapping of kind of pair to numbers in common, one a pair
    most : int
        Numbers from here on are put together.
    """
    with canvas(9, 3.8) as (figure, (axes,)):
        width = 0.8 / len(counts)
        for place, (name, values) in enumerate(counts.items()):
            numbers = np.minimum(as_numbers(values), most).astype(int)
            shares = 100 * np.bincount(numbers, minlength=most + 1) / max(len(numbers), 1)
            at = np.arange(most + 1) + (place - (len(counts) - 1) / 2) * width
            axes.bar(at, shares, width, color=CYCLE[place % len(CYCLE)], label=name)
        axes.set_xticks(range(most + 1), [*map(str, range(most)), f"{most}+"])
        axes.set(
            xlabel=f"{what} in common", ylabel="% of pairs", title=f"What two people share: {what}"
        )
        axes.legend()
    return figure


def aggregations() -> Figure:
    """What GraphRec puts together for the rating of a user and an item."""
    with canvas(10, 4.6) as (figure, (axes,)):
        bare(axes)
        axes.set_xlim(0, 10)
        axes.set_ylim(0, 4.6)
        for x, colour, text in (
            (0.1, ITEM, "items she rated,\neach with an opinion"),
            (2.7, USER, "people she trusts,\neach described by\nthe items they rated"),
            (7.3, USER, "users who rated it,\neach with an opinion"),
        ):
            _box(axes, x, 0.1, 2.3, 1.15, colour, text)
        for x, number in ((0.1, 1), (2.7, 2), (7.3, 3)):
            _box(axes, x + 0.3, 1.8, 1.7, 0.5, GREY, f"attention {number}")
            _arrow(axes, (x + 1.15, 1.27), (x + 1.15, 1.8))
        _box(axes, 1.4, 2.9, 2.3, 0.55, USER, "the user")
        _box(axes, 7.3, 2.9, 2.3, 0.55, ITEM, "the item")
        _box(axes, 4.4, 3.95, 2.2, 0.55, GOOD, "rating")
        for start, end in (
            ((1.25, 2.32), (2.2, 2.9)),
            ((3.85, 2.32), (2.9, 2.9)),
            ((8.45, 2.32), (8.45, 2.9)),
            ((2.55, 3.47), (4.4, 4.1)),
            ((8.45, 3.47), (6.6, 4.1)),
        ):
            _arrow(axes, start, end)
        axes.set_title("GraphRec: three aggregations, each with attention")
    return figure


def gains(table: pd.DataFrame, metric: str, title: str = "") -> Figure:
    """A gain and its interval for every group of users: a dot and a bar, a row a group.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by group; columns `metric` and ``± metric``.
    """
    with canvas(8, 1.0 + 0.5 * len(table)) as (figure, (axes,)):
        rows = np.arange(len(table))[::-1]
        axes.axvline(0, color=GREY, linewidth=1.2)
        axes.errorbar(
            table[metric], rows, xerr=table[f"± {metric}"], fmt="o", color=USER, capsize=4,
            linewidth=2, markersize=8,
        )  # fmt: skip
        axes.set_yticks(rows, [str(name) for name in table.index])
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.set(xlabel=f"{metric}, mean and 95 % interval", title=title)
        axes.locator_params(axis="x", nbins=6)  # long labels leave little room for the numbers
    return figure


def attention(
    weights: ArrayLike,
    labels: Sequence[str],
    groups: ArrayLike,
    title: str = "",
    most: int = 40,
    kind: str = "",
) -> Figure:
    """Attention over the neighbours of one node, largest first; the line is an equal share.

    Parameters
    ----------
    weights : array, shape (neighbours,)
        They add up to 1.
    labels : sequence of str
    groups : array of int, shape (neighbours,)
        What to tell apart by colour, such as opinions.
    most : int
        How many of the largest are shown.
    kind : str
        What a group is, before its number in the legend.
    """
    values, kinds = as_numbers(weights), as_numbers(groups).astype(int)
    order = np.argsort(-values, kind="stable")[:most]
    with canvas(8, 1.2 + 0.22 * len(order)) as (figure, (axes,)):
        for place, group in enumerate(np.unique(kinds)):
            rows = np.flatnonzero(kinds[order] == group)
            colour = CYCLE[place % len(CYCLE)]
            name = f"{kind} {group}".strip()
            axes.barh(rows, values[order[rows]], color=colour, height=0.7, label=name)
        axes.axvline(1 / len(values), color=INK, linestyle="--", label="equal shares")
        axes.set_yticks(np.arange(len(order)), [labels[place] for place in order], fontsize=8)
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set(xlabel="attention (adds up to 1)", title=title)
        axes.legend(loc="lower left", bbox_to_anchor=(1.0, 0.0), frameon=False)
    return figure


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, text: str
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0.02", facecolor=colour + "22",
            edgecolor=colour, linewidth=2,
        )
    )  # fmt: skip
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.6}
    axes.annotate("", end, start, arrowprops=arrow)
