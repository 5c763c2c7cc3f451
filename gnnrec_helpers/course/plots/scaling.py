"""What a table is cut into when several processes share it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from .style import GOOD, GREY, INK, ITEM, USER, VIOLET, as_numbers, bare, canvas

ROWS, COLUMNS = 9, 6
COLOURS = [USER, ITEM, GOOD]


def two_splits(processes: int = 2) -> Figure:
    """The table of embeddings cut by columns and by rows, what else each process holds, and says.

    Parameters
    ----------
    processes : int, default 2
        Two or three.
    """
    told = {
        "By columns": ("the whole graph", "the embeddings of the batch,\nand their gradients"),
        "By rows": ("the bags of its own batch", "node numbers, and\nthe sums of their rows"),
    }
    with canvas(9.6, 4.2, 2) as (figure, panels):
        for axes, (name, (held, said)) in zip(panels, told.items(), strict=True):
            _table(axes, processes, by_columns=name == "By columns")
            for process in range(processes):
                middle = 9.6 * (process + 0.5) / processes
                axes.text(middle, -1.1, f"process {process}", ha="center", va="top",
                          color=COLOURS[process], weight="bold")  # fmt: skip
                axes.text(middle, -1.9, held.replace(" ", "\n", 1) if processes > 2 else held,
                          ha="center", va="top", fontsize=9.5)  # fmt: skip
            axes.annotate("", (8.2, -3.6), (1.4, -3.6), arrowprops={"arrowstyle": "<->"})
            axes.text(4.8, -3.9, said, ha="center", va="top")
            axes.set(xlim=(-0.2, 9.8), ylim=(-5.6, ROWS + 0.4), title=name)
            bare(axes)
    return figure


def _table(axes: Axes, processes: int, *, by_columns: bool) -> None:
    width, left = 0.7, 2.7
    for row in range(ROWS):
        for column in range(COLUMNS):
            place, size = (column, COLUMNS) if by_columns else (row, ROWS)
            owner = place // -(-size // processes)
            axes.add_patch(Rectangle((left + width * column, ROWS - 1 - row), width, 1,
                                     facecolor=COLOURS[owner], edgecolor="white"))  # fmt: skip
    axes.text(left - 0.2, ROWS / 2, "nodes", rotation=90, ha="right", va="center", color=INK)
    axes.text(left + width * COLUMNS / 2, ROWS + 0.1, "columns of the embeddings", ha="center",
              color=INK)  # fmt: skip


def row_of_propagation(weights: ArrayLike, kept: int, title: str = "") -> Figure:
    """The weights of one row, the largest first, and how much of their sum the first ones hold.

    Parameters
    ----------
    weights : array_like
        Of all nodes, in any order.
    kept : int
        How many are kept; they are marked.
    title : str, optional
    """
    ordered = np.sort(as_numbers(weights))[::-1]
    ordered = ordered[ordered > 0]
    held = np.cumsum(ordered) / ordered.sum()
    places = np.arange(1, len(ordered) + 1)
    with canvas(9.2, 3.8, 2) as (figure, (left, right)):
        left.loglog(places[:kept], ordered[:kept], ".", color=USER, label=f"the {kept} largest")
        left.loglog(places[kept:], ordered[kept:], ".", color=GREY, label="all others")
        left.set(xlabel="nodes, the largest weight first", ylabel="weight", title=title)
        left.legend()
        right.semilogx(places, held, color=VIOLET)
        right.plot([kept], [held[kept - 1]], "o", color=USER)
        right.annotate(f"{held[kept - 1]:.0%} with {kept}", (kept, held[kept - 1]),
                       xytext=(8, -14), textcoords="offset points")  # fmt: skip
        right.set(xlabel="nodes kept", ylabel="share of the row's sum", ylim=(0, 1.03))
    return figure
