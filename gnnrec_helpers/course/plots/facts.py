"""Facts: what links two items, how much each relation says, and an item as a user sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import CYCLE, GREY, INK, ITEM, VIOLET, bare, canvas

PILL = {"boxstyle": "round,pad=0.35", "linewidth": 1.5}


def shared_facts(table: pd.DataFrame, one: str, other: str, title: str = "") -> Figure:
    """Two items and the things that both are linked to.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a shared thing: columns `thing`, and `one` and `other`, the relation by which each
        of the two items is linked to it.
    one, other : str
        Names of the items, and of the columns.
    """
    rows = np.linspace(0, 1, len(table) + 2)[1:-1][::-1]
    with canvas(9, round(1.4 + 0.42 * len(table), 1)) as (figure, (axes,)):
        bare(axes)
        axes.set(xlim=(0, 1), ylim=(0, 1), title=title)
        for (_, row), y in zip(table.iterrows(), rows, strict=True):
            for x, end, name in ((0.3, 0.1, one), (0.7, 0.9, other)):
                axes.plot([end, x, 0.5], [0.5, y, y], color=GREY, linewidth=1.2, zorder=1)
                side = "left" if x < 0.5 else "right"
                axes.text(x, y, f" {row[name]} ", ha=side, va="bottom", fontsize=9, color=INK)
            _pill(axes, 0.5, y, str(row["thing"]), VIOLET)
        _pill(axes, 0.1, 0.5, one, ITEM)
        _pill(axes, 0.9, 0.5, other, ITEM)
    return figure


def by_relation(
    table: pd.DataFrame, xlabel: str, title: str = "", reference: tuple[float, str] | None = None
) -> Figure:
    """A bar for every relation, and for every column.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a relation, in the order from top to bottom; one column a colour.
    reference : number and what it means, optional
        A line to compare with.
    """
    height = 0.8 / table.shape[1]
    with canvas(8, round(1.4 + (0.16 + 0.1 * table.shape[1]) * len(table), 1)) as (figure, (axes,)):
        places = np.arange(len(table))
        for number, (name, values) in enumerate(table.items()):
            shift = (number - (table.shape[1] - 1) / 2) * height
            colour = CYCLE[number % len(CYCLE)]
            axes.barh(places + shift, values, height, color=colour, label=str(name))
        if reference is not None:
            axes.axvline(reference[0], color=INK, linestyle="--", label=reference[1])
        axes.set_yticks(places, [str(name) for name in table.index])
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set(xlabel=xlabel, title=title)
        if table.shape[1] > 1 or reference is not None:
            axes.legend(loc="lower left", bbox_to_anchor=(1.0, 0.0), frameon=False)
    return figure


def seen_by(
    panels: Mapping[str, Sequence[tuple[str, str, float]]], item: str, title: str = ""
) -> Figure:
    """One item as several users see it: its facts, each as thick as the user's attention.

    Parameters
    ----------
    panels : mapping of a user's name to relation, thing and attention of each fact
    item : str
    """
    most = max(len(facts) for facts in panels.values())
    flat = most < 3  # all in a row
    with canvas(4.8 * len(panels), 1.8 if flat else 3.8, len(panels)) as (figure, columns):
        for axes, (user, facts) in zip(columns, panels.items(), strict=True):
            bare(axes)
            reach = (-0.4, 0.8) if flat else (-1.15, 1.15)
            axes.set(xlim=(-1.5, 1.5), ylim=reach, title=f"as {user} sees it")
            angles = np.linspace(0, 2 * np.pi, len(facts), endpoint=False)
            for angle, (relation, thing, weight) in zip(angles, facts, strict=True):
                x, y = 0.98 * np.cos(angle), 0.88 * np.sin(angle)
                axes.plot([0, x], [0, y], color=GREY, linewidth=1 + 9 * weight, zorder=1)
                axes.text(
                    x / 2, y / 2 + 0.1, f"{relation}\n{weight:.2f}", ha="center", va="bottom",
                    fontsize=9, color=INK,
                )  # fmt: skip
                _pill(axes, x, y, thing, VIOLET)
            _pill(axes, 0, 0, item, ITEM)
        if title:
            figure.suptitle(title, fontweight="bold", color=INK)
    return figure


def _pill(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """A name in a box with round ends, over whatever is below."""
    box = {**PILL, "facecolor": "white", "edgecolor": colour}
    axes.text(x, y, text, ha="center", va="center", fontsize=10, color=INK, bbox=box, zorder=2)
