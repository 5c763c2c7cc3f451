"""Every figure of the course, one function each, in one style.

Each function returns a `matplotlib.figure.Figure`; at the end of a notebook cell it is shown.
Figures have a light background of their own, so they read the same on light and dark pages, and
colours that people with colour-vision deficiencies can tell apart (Okabe & Ito 2008).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from .interactions import Interactions, Split, position
from .training import History

USER, ITEM, ACCENT, GOOD, VIOLET = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
GREY, INK, PAPER = "#8A8A8A", "#222222", "#FCFCFA"
CYCLE = [USER, ITEM, GOOD, ACCENT, VIOLET, GREY]
STYLE: Any = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=CYCLE),
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 11,
    "legend.frameon": False,
    "figure.dpi": 100,
    "svg.hashsalt": "gnnrec",
}


@contextmanager
def _figure(width: float, height: float, columns: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in the style of the course, closed so that only its return value is shown."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, columns, figsize=(width, height), squeeze=False, layout="constrained"
        )
        yield figure, list(axes[0])
        plt.close(figure)


def _array(values: ArrayLike | Tensor) -> np.ndarray:
    """Numbers of any kind; a tensor may still require gradients."""
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, float)


def _bare(axes: Axes) -> None:
    axes.set_axis_off()


# ---------------------------------------------------------------------- recommenders (01)
def funnel(stages: Sequence[tuple[str, str]]) -> Figure:
    """Boxes narrowing from the whole catalogue to the few items shown.

    Parameters
    ----------
    stages : sequence of (name, description)
    """
    with _figure(9, 3.0) as (figure, (axes,)):
        _bare(axes)
        axes.set_xlim(0, len(stages))
        axes.set_ylim(0, 1)
        for place, (name, description) in enumerate(stages):
            height = 0.9 - 0.5 * place / max(len(stages) - 1, 1)
            colour = CYCLE[place % len(CYCLE)]
            box = FancyBboxPatch(
                (place + 0.06, 0.5 - height / 2),
                0.74,
                height,
                boxstyle="round,pad=0.02",
                facecolor=colour + "22",
                edgecolor=colour,
                linewidth=2,
            )
            axes.add_patch(box)
            axes.text(place + 0.43, 0.56, name, ha="center", va="bottom", weight="bold")
            axes.text(place + 0.43, 0.5, description, ha="center", va="top", fontsize=9.5)
            if place < len(stages) - 1:
                arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.8}
                axes.annotate("", (place + 1.03, 0.5), (place + 0.83, 0.5), arrowprops=arrow)
        axes.set_title("From the whole catalogue to the few items shown")
    return figure


def interaction_matrix(
    interactions: Interactions, marked: Sequence[tuple[str, str]] = (), title: str = ""
) -> Figure:
    """A small user-item matrix as a grid: 1 where the pair is known, ? where it is not.

    Parameters
    ----------
    interactions : Interactions
        A small one: every label is written out.
    marked : sequence of (user, item)
        Cells to frame.
    """
    table = interactions.to_csr().toarray()
    with _figure(1.6 + 1.15 * interactions.num_items, 1.1 + 0.5 * interactions.num_users) as (
        figure,
        (axes,),
    ):
        for row, column in np.ndindex(*table.shape):
            known = table[row, column] > 0
            axes.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5),
                    1,
                    1,
                    facecolor=USER if known else PAPER,
                    edgecolor=GREY,
                    linewidth=1,
                )
            )
            axes.text(
                column,
                row,
                "1" if known else "?",
                ha="center",
                va="center",
                color="white" if known else GREY,
                weight="bold" if known else "normal",
            )
        for user, item in marked:
            corner = (
                position(interactions.items, item, "item") - 0.5,
                position(interactions.users, user, "user") - 0.5,
            )
            axes.add_patch(
                Rectangle(corner, 1, 1, fill=False, edgecolor=ITEM, linewidth=3, zorder=3)
            )
        axes.set_xlim(-0.55, interactions.num_items - 0.45)
        axes.set_ylim(interactions.num_users - 0.45, -0.55)
        axes.set_xticks(range(interactions.num_items), interactions.items)
        axes.set_yticks(range(interactions.num_users), interactions.users)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_title(title or "Who likes which film", pad=12)
    return figure


def long_tail(interactions: Interactions, item: str = "item") -> Figure:
    """Interactions of each item, most popular first, and how fast they add up.

    Parameters
    ----------
    interactions : Interactions
    item : str
        What an item is called on the axes.
    """
    degrees = np.sort(interactions.item_degrees())[::-1]
    share = np.cumsum(degrees) / degrees.sum()
    with _figure(9.5, 3.6, columns=2) as (figure, (left, right)):
        left.loglog(np.arange(1, len(degrees) + 1), degrees, color=ITEM, linewidth=2)
        left.set(
            xlabel=f"rank of the {item}", ylabel="interactions", title="A few hits, a long tail"
        )
        percent = 100 * np.arange(1, len(degrees) + 1) / len(degrees)
        right.plot(percent, 100 * share, color=USER, linewidth=2)
        half = int(np.searchsorted(share, 0.5)) + 1
        right.plot([100 * half / len(degrees)] * 2, [0, 50], color=GREY, linestyle=":")
        right.plot([0, 100 * half / len(degrees)], [50, 50], color=GREY, linestyle=":")
        right.annotate(
            f"{half:,} of {len(degrees):,}: half of all",
            (100 * half / len(degrees), 50),
            (100 * half / len(degrees) + 8, 38),
            fontsize=10,
        )
        right.set(
            xlabel=f"share of the {item}s, most popular first (%)",
            ylabel="share of interactions (%)",
            title="How fast they add up",
        )
    return figure


def split_rows(split: Split, users: Sequence[object]) -> Figure:
    """Train, validation and test items of a few users, one square an interaction."""
    parts = [("train", split.train, GREY), ("validation", split.validation, ACCENT)]
    parts.append(("test", split.test, ITEM))
    with _figure(9.5, 0.9 + 0.45 * len(users)) as (figure, (axes,)):
        for row, user in enumerate(users):
            column = 0
            for _, part, colour in parts:
                count = 0 if part is None else len(part.items_of(user))
                for _ in range(count):
                    axes.add_patch(
                        Rectangle((column + 0.1, row - 0.35), 0.8, 0.7, facecolor=colour)
                    )
                    column += 1
        widest = max(
            sum(0 if part is None else len(part.items_of(user)) for _, part, _ in parts)
            for user in users
        )
        axes.set_xlim(0, widest + 1)
        axes.set_ylim(len(users) - 0.4, -0.6)
        axes.set_yticks(range(len(users)), [f"user {user}" for user in users])
        axes.set_xlabel("interactions of the user")
        axes.set_title("Every user's interactions are split in the same proportions")
        for name, _, colour in parts:
            axes.scatter([], [], marker="s", s=70, color=colour, label=name)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=10)
    return figure


def ranked_lists(lists: Mapping[str, Sequence[bool]], title: str = "") -> Figure:
    """Top-k lists as rows of squares, hits filled, with their ranks below."""
    length = max(len(hits) for hits in lists.values())
    with _figure(1.9 + 0.8 * length, 0.9 + 0.62 * len(lists)) as (figure, (axes,)):
        for row, hits in enumerate(lists.values()):
            for column, hit in enumerate(hits):
                axes.add_patch(
                    Rectangle(
                        (column + 0.6, row - 0.38),
                        0.8,
                        0.76,
                        linewidth=1.5,
                        facecolor=GOOD if hit else PAPER,
                        edgecolor=GOOD if hit else GREY,
                    )
                )
                axes.text(
                    column + 1,
                    row,
                    "hit" if hit else "–",
                    ha="center",
                    va="center",
                    color="white" if hit else GREY,
                )
        axes.set_xlim(0.5, length + 0.6)
        axes.set_ylim(len(lists) - 0.5, -0.5)
        axes.set_yticks(range(len(lists)), list(lists))
        axes.set_xticks(range(1, length + 1))
        axes.set_xlabel("rank")
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.set_title(title or "Which ranks are hits")
    return figure


def comparison(table: pd.DataFrame, metric: str = "recall@20", title: str = "") -> Figure:
    """Bars of one metric with 95 % intervals, from :func:`gnnrec_helpers.compare`."""
    with _figure(7.5, 0.9 + 0.55 * len(table)) as (figure, (axes,)):
        values = table[metric].to_numpy()
        error = table[f"± {metric}"].to_numpy() if f"± {metric}" in table else None
        rows = np.arange(len(table))
        axes.barh(
            rows,
            values,
            xerr=error,
            color=USER,
            height=0.62,
            error_kw={"ecolor": INK, "capsize": 4},
        )
        for row, value in enumerate(values):
            axes.text(0.004, row, f"{value:.3f}", va="center", color="white", weight="bold")
        axes.set_yticks(rows, list(table.index))
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{metric} (mean over users, bar: 95 % interval)")
        axes.set_title(title or f"{metric} on the held-out items")
    return figure


# ---------------------------------------------------------------------- training (05, 06)
def training(histories: Mapping[str, History] | History, watched: str = "recall@20") -> Figure:
    """Loss and validation metric by epoch; a dot marks the epoch whose weights were kept."""
    if isinstance(histories, History):
        histories = {"": histories}
    with _figure(9.5, 3.6, columns=2) as (figure, (left, right)):
        for colour, (name, history) in zip(CYCLE, histories.items(), strict=False):
            frame = history.to_frame()
            left.plot(frame.index, frame["loss"], color=colour, linewidth=2, label=name)
            if watched in frame:
                measured = frame[watched].dropna()
                right.plot(measured.index, measured, color=colour, linewidth=2, label=name)
            if history.best_epoch is not None and history.best is not None:
                right.plot(history.best_epoch, history.best, "o", color=colour, markersize=8)
        left.set(xlabel="epoch", ylabel="mean loss of a batch", title="Training loss")
        right.set(xlabel="epoch", ylabel=watched, title="Validation (dot: weights kept)")
        if len(histories) > 1:
            right.legend(loc="lower right")
    return figure


def bpr_loss() -> Figure:
    """The BPR loss of a triple, and its slope, against the lead of the positive."""
    lead = np.linspace(-5, 5, 201)
    with _figure(9, 3.3, columns=2) as (figure, (left, right)):
        left.plot(lead, np.logaddexp(0, -lead), color=USER, linewidth=2.5)
        left.plot(0, np.log(2), "o", color=ITEM, markersize=8)
        left.annotate("nothing learnt: 0.693", (0, np.log(2)), (0.4, 1.1), color=INK)
        left.set(xlabel="lead of the positive", ylabel="loss", title="BPR loss of a triple")
        right.plot(lead, 1 / (1 + np.exp(lead)), color=GOOD, linewidth=2.5)
        right.set(xlabel="lead of the positive", ylabel="σ(−lead)", title="How hard it pushes")
    return figure


def factorization(matrix: ArrayLike, users: ArrayLike, items: ArrayLike) -> Figure:
    """A small score matrix as the product of user vectors and item vectors, all with numbers."""
    parts = [
        (np.asarray(users, float), "user embeddings", "×"),
        (np.asarray(items, float).T, "item embeddings", "="),
        (np.asarray(matrix, float), "scores", ""),
    ]
    widths = [part.shape[1] + 0.6 for part, _, _ in parts]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, 3, figsize=(0.62 * sum(widths) + 2.2, 3.4), width_ratios=widths, layout="constrained"
        )
        largest = max(np.abs(part).max() for part, _, _ in parts)
        for place, (part, name, sign) in zip(axes, parts, strict=True):
            place.imshow(part, cmap="PuOr", vmin=-1.3 * largest, vmax=1.3 * largest)
            for row, column in np.ndindex(*part.shape):
                ink = "white" if abs(part[row, column]) > 0.75 * largest else INK
                place.text(
                    column, row, f"{part[row, column]:g}", ha="center", va="center", color=ink
                )
            place.set_title(f"{name}\n{part.shape[0]} × {part.shape[1]}", fontsize=11)
            place.set_xticks([])
            place.set_yticks([])
            for spine in place.spines.values():
                spine.set_visible(False)
            place.text(1.12, 0.5, sign, transform=place.transAxes, ha="center", fontsize=20)
        plt.close(figure)
    return figure


# ---------------------------------------------------------------------- graphs (05, 06)
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
    with _figure(7.2, 0.9 + 0.62 * max(len(users), len(items))) as (figure, (axes,)):
        _bare(axes)
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
    return figure


def layers(scores: Mapping[int, Sequence[float]], metric: str = "Recall@20") -> Figure:
    """A metric by number of layers: a dot for every seed, a line through the means."""
    with _figure(7, 3.8) as (figure, (axes,)):
        numbers = sorted(scores)
        for number in numbers:
            axes.plot([number] * len(scores[number]), scores[number], "o", color=GREY, alpha=0.8)
        means = [float(np.mean(scores[number])) for number in numbers]
        axes.plot(numbers, means, color=USER, linewidth=2.5, marker="D", markersize=7)
        for number, mean in zip(numbers, means, strict=True):
            side = -20 if number == numbers[0] else 12  # below where the curve sets out
            axes.annotate(
                f"{mean:.3f}", (number, mean), (0, side), textcoords="offset points", ha="center"
            )
        low, high = min(min(v) for v in scores.values()), max(max(v) for v in scores.values())
        axes.set_ylim(low - 0.25 * (high - low), high + 0.22 * (high - low))
        axes.set_xticks(numbers)
        axes.set(
            xlabel="layers (0 is matrix factorization)",
            ylabel=metric,
            title=f"{metric} by number of layers",
        )
    return figure


def by_layer(table: pd.DataFrame, ylabel: str, title: str = "") -> Figure:
    """A line for every column of a table that has one row a layer."""
    with _figure(7.5, 3.6) as (figure, (axes,)):
        for colour, marker, (name, values) in zip(CYCLE, "osD^vP", table.items(), strict=False):
            axes.plot(values, color=colour, marker=marker, linewidth=2, markersize=7, label=name)
        axes.set_xticks(list(table.index))
        axes.set(xlabel="layer", ylabel=ylabel, title=title or f"{ylabel}, layer by layer")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def distributions(
    panels: Mapping[str, Mapping[str, ArrayLike]], xlabel: str, title: str = ""
) -> Figure:
    """Histograms drawn over each other, one panel for each entry, all on the same scale.

    Parameters
    ----------
    panels : mapping of title to (mapping of name to values)
    """
    arrays = {
        name: {group: np.asarray(values, float) for group, values in groups.items()}
        for name, groups in panels.items()
    }
    everything = np.concatenate([v for groups in arrays.values() for v in groups.values()])
    edges = np.linspace(everything.min(), everything.max(), 41).tolist()
    with _figure(4.9 * len(panels), 3.6, columns=len(panels)) as (figure, axes):
        for place, (name, groups) in zip(axes, arrays.items(), strict=True):
            for colour, (group, values) in zip(CYCLE, groups.items(), strict=False):
                place.hist(values, edges, density=True, alpha=0.2, color=colour)
                place.hist(
                    values,
                    edges,
                    density=True,
                    histtype="step",
                    linewidth=2,
                    color=colour,
                    label=group,
                )
                place.axvline(values.mean(), color=colour, linestyle="--", linewidth=1.5)
            place.set(xlabel=xlabel, ylabel="density", title=name)
        top = max(place.get_ylim()[1] for place in axes)
        for place in axes:
            place.set_ylim(0, top)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        if title:
            figure.suptitle(title, weight="bold")
    return figure


def embedding_map(
    panels: Mapping[str, ArrayLike | Tensor],
    highlighted: Mapping[str, Sequence[int]],
    title: str = "",
) -> Figure:
    """Embeddings in two dimensions (principal components), some of them coloured.

    Parameters
    ----------
    panels : mapping of name to array, shape (n, dim)
        One panel each. Vectors are brought to length 1 first, as the cosine does.
    highlighted : mapping of name to positions
        Groups of rows drawn in colour over the grey rest.
    """
    with _figure(4.9 * len(panels), 4.4, columns=len(panels)) as (figure, axes):
        for place, (name, table) in zip(axes, panels.items(), strict=True):
            points = principal_components(_array(table))
            place.scatter(points[:, 0], points[:, 1], s=9, color=GREY, alpha=0.35, linewidths=0)
            for colour, marker, (label, rows) in zip(
                CYCLE, "os^Dv", highlighted.items(), strict=False
            ):
                place.scatter(
                    points[list(rows), 0],
                    points[list(rows), 1],
                    s=42,
                    color=colour,
                    marker=marker,
                    label=label,
                    edgecolors="white",
                    linewidths=0.6,
                )
            place.set(title=name, xlabel="first component", ylabel="second component")
        axes[-1].legend(loc="best", fontsize=9, frameon=True, facecolor=PAPER)
        if title:
            figure.suptitle(title, weight="bold")
    return figure


def principal_components(table: np.ndarray, count: int = 2) -> np.ndarray:
    """Coordinates of unit-length rows along their directions of largest variance, signs fixed."""
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    unit = table / np.where(norms > 0, norms, 1)
    centred = unit - unit.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:count]
    largest = np.abs(directions).argmax(1)
    directions = directions * np.sign(directions[np.arange(count), largest])[:, None]
    return np.asarray(centred @ directions.T)
