"""Rivals compared: what a filter lets through, curves, and points with names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .style import CYCLE, DASHES, GREY, INK, ITEM, USER, canvas, looks


def responses(
    panels: Mapping[str, Mapping[str, ArrayLike]], values: ArrayLike, at: Mapping[str, ArrayLike]
) -> Figure:
    """By what number a filter multiplies each frequency, above how many of each there are.

    Parameters
    ----------
    panels : mapping of a panel's title to the curves in it, by name
        A curve has one number for each number of ``at[title]``.
    values : array_like
        The eigenvalues (frequencies) that a graph has; grey bars count them in every panel.
    at : mapping of a panel's title to array_like
        Where its curves are given.
    """
    width = 7.5 if len(panels) == 1 else 5.0 * len(panels)
    with canvas(width, 3.8, len(panels)) as (figure, columns):
        for axes, (title, curves) in zip(columns, panels.items(), strict=True):
            low, high = float(np.min(at[title])), float(np.max(at[title]))
            beyond = 1e-4 * (high - low)  # an eigenvalue at an end may be rounded to just outside
            counts = axes.twinx()
            bars, *_ = counts.hist(
                np.asarray(values, float), bins=40, range=(low - beyond, high + beyond),
                color="#DDDDDD", edgecolor=GREY,
            )  # fmt: skip
            counts.set_ylim(top=1.6 * np.max(bars))  # room for the legend
            counts.set_ylabel("how many eigenvalues (grey)", color=GREY)
            counts.tick_params(axis="y", colors=GREY)
            counts.set_zorder(0)
            axes.set_zorder(1)
            axes.patch.set_visible(False)
            for colour, dash, (name, curve) in zip(CYCLE, DASHES, curves.items(), strict=False):
                axes.plot(at[title], curve, color=colour, linestyle=dash, linewidth=2, label=name)
            axes.set(xlabel="eigenvalue", ylabel="multiplied by", title=title)
            most = max(float(np.max(curve)) for curve in curves.values())
            axes.set_ylim(top=1.4 * most)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.legend(loc="upper left", ncols=2)
    return figure


def lines(
    table: pd.DataFrame,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: bool | Literal["both"] = False,
) -> Figure:
    """A line for every column, over the index; ``log`` spaces it by factors, "both" both axes."""
    names = [str(name) for name in table]
    with canvas(7.5, 3.8) as (figure, (axes,)):
        for name, look, (_, values) in zip(names, looks(names), table.items(), strict=True):
            axes.plot(table.index, values, linewidth=2, label=name, **look)
        if log:
            axes.set_xscale("log")
            axes.set_xticks(list(table.index), [f"{x:g}" for x in table.index])
            axes.minorticks_off()
        if log == "both":
            axes.set_yscale("log")
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if table.shape[1] > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def named_points(
    table: pd.DataFrame,
    xlabel: str,
    ylabel: str,
    title: str = "",
    marked: tuple[str, ...] = (),
) -> Figure:
    """A point with its name for every row: the first column across, the second up.

    Parameters
    ----------
    table : pandas.DataFrame
        Two columns of numbers; the index holds the names.
    marked : tuple of str, optional
        Names with another colour and marker.
    """
    across, up = (table[column].to_numpy(float) for column in table)
    with canvas(8.5, 4.6) as (figure, (axes,)):
        for name, x, y in zip(table.index, across, up, strict=True):
            colour, marker = (ITEM, "D") if name in marked else (USER, "o")
            axes.plot([x], [y], marker, color=colour, markersize=8)
            near = (np.abs(across - x) < 0.2 * np.ptp(across)) & (up > y)
            crowded = (near & (up - y < 0.05 * np.ptp(up))).any()  # by a name just above
            axes.annotate(
                str(name), (x, y), (6, -12 if crowded else 4), textcoords="offset points",
                fontsize=10, color=INK,
            )  # fmt: skip
        axes.margins(x=0.12, y=0.1)
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    return figure
