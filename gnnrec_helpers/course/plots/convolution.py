"""From windows of pixels to neighbourhoods of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from ...data.interactions import Interactions, position
from ..grids import grid_graph, positional_convolution
from .style import ACCENT, CYCLE, GREY, INK, ITEM, PAPER, USER, as_numbers, bare, canvas

SIGNED = LinearSegmentedColormap.from_list("signed", [ITEM, PAPER, USER])  # 0 is the paper


def pixels(images: Mapping[str, ArrayLike | Tensor], title: str = "") -> Figure:
    """Small images side by side, a number in every pixel; blue above 0, orange below."""
    with canvas(2.9 * len(images) + 0.3, 3.3, columns=len(images)) as (figure, panels):
        for axes, (name, image) in zip(panels, images.items(), strict=True):
            _numbers(axes, as_numbers(image))
            axes.set_title(name, fontsize=11)
            axes.set_xlabel("column")
        panels[0].set_ylabel("row")
        if title:
            figure.suptitle(title, weight="bold")
    return figure


def sliding_window(
    image: ArrayLike | Tensor, kernel: ArrayLike | Tensor, row: int, column: int
) -> Figure:
    """An image with the window around one pixel, the kernel, and the result with that pixel.

    Parameters
    ----------
    image : array, shape (height, width)
    kernel : array, shape (size, size)
    row, column : int
        The pixel in the middle of the window.
    """
    values, weights = as_numbers(image), as_numbers(kernel)
    size, (height, width) = len(weights), values.shape
    grid = grid_graph(height, width, size)
    nodes, both = torch.tensor(values).reshape(-1, 1), torch.tensor(weights)[None, None]
    result = positional_convolution(nodes, grid, both).reshape(height, width).numpy()
    with canvas(10.2, 3.7, columns=3) as (figure, (left, middle, right)):
        for axes, numbers, title in (
            (left, values, "image"),
            (middle, weights, "kernel"),
            (right, result, "result"),
        ):
            _numbers(axes, numbers)
            axes.set_title(title)
        corner = (column - size / 2, row - size / 2)
        left.add_patch(_frame(corner, size))
        middle.add_patch(_frame((-0.5, -0.5), size))
        right.add_patch(_frame((column - 0.5, row - 0.5), 1))
        across = min(-0.5, corner[0]) - 0.1, max(width - 0.5, corner[0] + size) + 0.1
        down = min(-0.5, corner[1]) - 0.1, max(height - 0.5, corner[1] + size) + 0.1
        for axes in (left, right):  # the same room, so that cells are equally large
            axes.set(xlim=across, ylim=down[::-1], xlabel="column", ylabel="row")
        half = (across[1] - across[0]) / 2, (down[1] - down[0]) / 2
        centre = (size - 1) / 2
        middle.set(xlim=(centre - half[0], centre + half[0]), xticks=[], yticks=[])
        middle.set(ylim=(centre + half[1], centre - half[1]))
    return figure


def pixel_graph(
    image: ArrayLike | Tensor, marked: Sequence[tuple[int, int]], size: int = 3
) -> Figure:
    """An image as a graph, and the position labels of the edges that end in one pixel.

    Parameters
    ----------
    image : array, shape (height, width)
    marked : sequence of (row, column)
        Pixels whose edges are drawn thick.
    """
    values = as_numbers(image)
    height, width = values.shape
    chosen = [row * width + column for row, column in marked]
    ends = grid_graph(height, width, size).edge_index.numpy()
    with canvas(9.6, 4.7, columns=2) as (figure, (left, right)):
        for axes in (left, right):
            bare(axes)
            axes.set_aspect("equal")
        for strong in (False, True):
            for source, target in ends[:, np.isin(ends[1], chosen) == strong].T:
                start, end = divmod(source, width), divmod(target, width)
                left.plot(
                    [start[1], end[1]],
                    [-start[0], -end[0]],
                    color=ITEM if strong else GREY,
                    linewidth=3.5 if strong else 0.8,
                    zorder=2 if strong else 1,
                )
        rows, columns = np.divmod(np.arange(height * width), width)
        left.scatter(columns, -rows, s=330, c=values.ravel(), cmap=SIGNED, zorder=3, linewidths=1.4,
                     vmin=-_largest(values), vmax=_largest(values), edgecolors=INK)  # fmt: skip
        for node, number in enumerate(values.ravel()):
            _number(left, columns[node], -rows[node], number, _largest(values))
        left.set_xlim(-0.5, width - 0.5)
        left.set_ylim(0.5 - height, 0.5)
        counts = [f"({r}, {c}): {int((ends[1] == r * width + c).sum())}" for r, c in marked]
        left.set_title("pixels as nodes; edges into " + ", ".join(counts), fontsize=11)
        _labelled_window(right, [str(place) for place in range(size * size)], size)
        right.set_title("position label of each edge", fontsize=11)
    return figure


def window_and_neighbours(interactions: Interactions, users: Sequence[str]) -> Figure:
    """The nine positions around a pixel beside the neighbours of users, who have none."""
    with canvas(3.5 * (1 + len(users)), 3.9, columns=1 + len(users)) as (figure, panels):
        for axes in panels:
            bare(axes)
            axes.set_aspect("equal", anchor="N")
        _labelled_window(panels[0], [f"$K_{place}$" for place in range(9)], 3)
        panels[0].set_title("a pixel: nine positions, nine weights", fontsize=11)
        for axes, user in zip(panels[1:], users, strict=True):
            mine = interactions.items[
                interactions.item_index[
                    interactions.user_index == position(interactions.users, user, "user")
                ]
            ]
            _star(axes, user, {str(film): "?" for film in mine})
            many = f"{len(mine)} neighbour{'s' * (len(mine) != 1)}"
            axes.set_title(f"{user}: {many}, in no order", fontsize=11)
    return figure


def pooling_and_aggregation(
    window: ArrayLike | Tensor, neighbours: Mapping[str, float], centre: str
) -> Figure:
    """The same four summaries of a window of pixels and of the neighbours of a node."""
    values = as_numbers(window)
    with canvas(9.0, 4.4, columns=2) as (figure, (left, right)):
        _numbers(left, values)
        left.set(xticks=[], yticks=[])
        left.set_title("CNN: pooling over a window")
        bare(right)
        right.set_aspect("equal")
        _star(right, centre, {name: f"{number:g}" for name, number in neighbours.items()})
        right.set_title("GNN: aggregation over neighbours")
        for axes, numbers in ((left, values.ravel()), (right, np.array([*neighbours.values()]))):
            summary = {
                "sum": numbers.sum(),
                "mean": numbers.mean(),
                "max": numbers.max(),
                "min": numbers.min(),
            }
            words = "     ".join(f"{name} {number:.3g}" for name, number in summary.items())
            axes.text(0.5, -0.08, words, ha="center", va="top", transform=axes.transAxes)
    return figure


def receptive_fields(size: int, layers: int) -> Figure:
    """The pixels that reach the middle of a size x size image, after 0, 1, ..., `layers` layers."""
    with canvas(2.5 * (layers + 1), 3.1, columns=layers + 1) as (figure, panels):
        middle = size // 2
        rows, columns = np.divmod(np.arange(size * size), size)
        away = np.maximum(abs(rows - middle), abs(columns - middle)).reshape(size, size)
        for layer, axes in enumerate(panels):
            axes.imshow(away <= layer, cmap=LinearSegmentedColormap.from_list("", [PAPER, USER]),
                        vmin=0, vmax=1)  # fmt: skip
            axes.add_patch(_frame((middle - 0.5, middle - 0.5), 1))
            _lattice(axes, size, size)
            axes.set(xticks=[], yticks=[])
            count = int((away <= layer).sum())
            axes.set_title(
                f"{layer} layer{'s' * (layer != 1)}: {count} pixel{'s' * (count != 1)}", fontsize=11
            )
    return figure


def field_growth(counts: Mapping[str, ArrayLike]) -> Figure:
    """How many nodes can reach one node after 0, 1, 2, ... layers; the axis is logarithmic.

    Parameters
    ----------
    counts : mapping of name to array, shape (layers + 1,)
    """
    with canvas(7.4, 4.0) as (figure, (axes,)):
        for colour, marker, (name, values) in zip(CYCLE, "osD^vP", counts.items(), strict=False):
            numbers = as_numbers(np.asarray(values))
            axes.plot(numbers, marker=marker, markersize=7, color=colour, linewidth=2, label=name)
        axes.set_yscale("log")
        axes.set_xticks(range(max(len(np.asarray(values)) for values in counts.values())))
        axes.set_xlabel("layers (hops)")
        axes.set_ylabel("nodes within reach of one node")
        axes.set_title("How fast a receptive field grows")
        axes.legend(loc="upper left")
        axes.grid(axis="y", color=GREY, alpha=0.25)
    return figure


# ---------------------------------------------------------------------- pieces
def _largest(values: np.ndarray) -> float:
    return float(max(np.abs(values).max(initial=0.0), 1e-12))


def _number(axes: Axes, x: float, y: float, value: float, largest: float) -> None:
    colour = "white" if abs(value) > 0.7 * largest else INK
    text = f"{value + 0.0:.3g}"
    axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=10, zorder=4)


def _numbers(axes: Axes, values: np.ndarray) -> None:
    largest = _largest(values)
    axes.imshow(values, cmap=SIGNED, vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(values):
        _number(axes, column, row, value, largest)
    _lattice(axes, *values.shape)
    axes.set_xticks(range(values.shape[1]))
    axes.set_yticks(range(values.shape[0]))
    axes.tick_params(length=0)


def _lattice(axes: Axes, height: int, width: int) -> None:
    axes.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, color=GREY, linewidth=0.6)
    axes.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, color=GREY, linewidth=0.6)
    axes.spines[:].set_visible(False)
    axes.set(xlim=(-0.56, width - 0.44), ylim=(height - 0.44, -0.56))


def _frame(corner: tuple[float, float], size: float) -> Rectangle:
    return Rectangle(
        corner, size, size, fill=False, edgecolor=ACCENT, linewidth=4, zorder=5, clip_on=False
    )


def _labelled_window(axes: Axes, labels: Sequence[str], size: int) -> None:
    """The neighbours of a pixel at their positions, each edge ending in the middle."""
    middle = size // 2
    for place, label in enumerate(labels):
        row, column = divmod(place, size)
        axes.plot([column, middle], [-row, -middle], color=ITEM, linewidth=2.5, zorder=1)
        centre = (row, column) == (middle, middle)
        axes.scatter(
            column, -row, s=620, color=USER if centre else PAPER, edgecolors=USER, linewidths=2,
            marker="s", zorder=2,
        )  # fmt: skip
        axes.text(
            column,
            -row,
            label,
            ha="center",
            va="center",
            color="white" if centre else INK,
            zorder=3,
        )
    axes.set_xlim(-0.6, size - 0.4)
    axes.set_ylim(0.4 - size, 0.6)


def _star(axes: Axes, centre: str, neighbours: Mapping[str, str]) -> None:
    """A node with its neighbours around it, something written in each."""
    angles = np.pi / 2 + 2 * np.pi * np.arange(len(neighbours)) / max(len(neighbours), 1)
    for angle, (name, text) in zip(angles, neighbours.items(), strict=True):
        x, y = float(np.cos(angle)), float(np.sin(angle))
        axes.plot([0, x], [0, y], color=ITEM, linewidth=2.5, zorder=1)
        axes.scatter(x, y, s=620, color=ITEM, marker="s", zorder=2)
        axes.text(x, y, text, ha="center", va="center", color="white", weight="bold", zorder=3)
        above = y > 0.5
        axes.text(x, y + (0.22 if above else -0.22), name, ha="center",
                  va="bottom" if above else "top")  # fmt: skip
    axes.scatter(0, 0, s=820, color=USER, zorder=2)
    axes.text(0, 0, centre, ha="center", va="center", color="white", weight="bold", zorder=3)
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-1.1, 1.45)
