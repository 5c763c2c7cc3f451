"""What happens between a request and its answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .style import CYCLE, GREY, INK, ITEM, USER, as_numbers, canvas


def one_request(parts: Mapping[str, float], title: str = "One request") -> Figure:
    """What each part of a request takes, as bars that start where the one before ends.

    Parameters
    ----------
    parts : mapping
        Microseconds of each part, in the order in which they follow each other.
    title : str, optional
    """
    times = np.array(list(parts.values()), float)
    ends = np.cumsum(times)
    with canvas(7.5, 0.9 + 0.42 * len(parts)) as (figure, (axes,)):
        for row, (name, time) in enumerate(parts.items()):
            longest = time == times.max()
            axes.barh(row, time, left=ends[row] - time, height=0.62,
                      color=ITEM if longest else USER, label=name)  # fmt: skip
            axes.text(ends[row], row, f" {time:,.0f} µs", va="center")
        axes.set_yticks(range(len(parts)), list(parts))
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.18 * ends[-1])
        axes.set(xlabel="microseconds since the request began", title=title)
    return figure


def codebook(
    points: ArrayLike, centres: ArrayLike, codes: ArrayLike, title: str = "Rounding two numbers"
) -> Figure:
    """Points in a plane, and the few centres that they are rounded to.

    Parameters
    ----------
    points : array_like, shape (n, 2)
    centres : array_like, shape (m, 2)
        Marked by crosses.
    codes : array_like, shape (n,)
        The centre of each point. Points of one centre have one colour, and close centres differ.
    title : str, optional
    """
    dots, crosses, group = as_numbers(points), as_numbers(centres), np.asarray(codes)
    around = np.argsort(np.arctan2(crosses[:, 1], crosses[:, 0]), kind="stable")
    with canvas(5.6, 4.6) as (figure, (axes,)):
        colours = CYCLE[:-1]  # grey is for no group
        coloured: dict[str, list[int]] = {colour: [] for colour in colours}
        for centre in around:
            distances = np.linalg.norm(crosses - crosses[centre], axis=1)
            # the colour whose nearest centre is the farthest away
            colour = max(colours, key=lambda c: min(distances[coloured[c]], default=np.inf))
            coloured[colour].append(centre)
            own = dots[group == centre]
            axes.plot(own[:, 0], own[:, 1], ".", color=colour, markersize=3, alpha=0.6)
        axes.plot(crosses[:, 0], crosses[:, 1], "X", color=INK, markersize=9,
                  markeredgecolor="white")  # fmt: skip
        axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
        axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
        axes.set_aspect("equal")
        axes.set(xlabel="first number", ylabel="second number", title=title)
    return figure
