"""Embeddings: as factors, by layer, as distributions and as a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from .style import CYCLE, GREY, INK, MARKERS, PAPER, USER, as_numbers, canvas


def factorization(
    scores: pd.DataFrame,
    users: ArrayLike,
    items: ArrayLike,
    dimensions: Sequence[str] = (),
) -> Figure:
    """A small table of scores as the product of user vectors and item vectors, all with numbers.

    Parameters
    ----------
    scores : pandas.DataFrame, shape (num_users, num_items)
        Its index and columns name the users and items.
    users, items : arrays, shape (num_users, dim) and (num_items, dim)
    dimensions : sequence of str, optional
        What each number of an embedding stands for.
    """
    user_names, item_names = [str(u) for u in scores.index], [str(i) for i in scores.columns]
    of_vectors = list(dimensions)
    parts = [
        (np.asarray(users, float), "user embeddings", "×", user_names, of_vectors),
        (np.asarray(items, float).T, "item embeddings", "=", of_vectors, item_names),
        (scores.to_numpy(float), "scores", "", user_names, item_names),
    ]
    widths = [part.shape[1] + 0.6 for part, *_ in parts]
    with canvas(0.62 * sum(widths) + 3.2, 4.4, 3, widths) as (figure, axes):
        largest = max(np.abs(part).max() for part, *_ in parts)
        for place, (part, name, sign, rows, columns) in zip(axes, parts, strict=True):
            place.imshow(part, cmap="PuOr", vmin=-1.3 * largest, vmax=1.3 * largest)
            for row, column in np.ndindex(*part.shape):
                ink = "white" if abs(part[row, column]) > 0.75 * largest else INK
                place.text(
                    column, row, f"{part[row, column]:g}", ha="center", va="center", color=ink
                )
            place.set_title(f"{name}\n{part.shape[0]} × {part.shape[1]}", fontsize=11)
            place.set_xticks(range(len(columns)), columns, rotation=90)
            place.set_yticks(range(len(rows)), rows)
            place.tick_params(length=0)
            for spine in place.spines.values():
                spine.set_visible(False)
            place.annotate(
                sign, (1, 0.5), xytext=(22, 0), xycoords="axes fraction",
                textcoords="offset points", ha="center", va="center", fontsize=20,
            )  # fmt: skip
    return figure


def by_layer(table: pd.DataFrame, ylabel: str, title: str = "") -> Figure:
    """A line for every column of a table that has one row a layer."""
    with canvas(7.5, 3.6) as (figure, (axes,)):
        for colour, marker, (name, values) in zip(CYCLE, MARKERS, table.items(), strict=False):
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
    with canvas(4.9 * len(panels), 3.6, columns=len(panels)) as (figure, axes):
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


def agreement(
    x: ArrayLike, panels: Mapping[str, ArrayLike | Tensor], xlabel: str, ylabel: str
) -> Figure:
    """Two measures of the same things as dots, one panel for each second measure.

    Parameters
    ----------
    x : array, shape (n,)
    panels : mapping of title to array, shape (n,)
        All on the same scale, each with its correlation with `x`.
    """
    horizontal = as_numbers(x)
    with canvas(4.4 * len(panels), 3.8, columns=len(panels)) as (figure, axes):
        for place, (name, values) in zip(axes, panels.items(), strict=True):
            vertical = as_numbers(values)
            place.scatter(horizontal, vertical, s=26, color=USER, alpha=0.75, linewidths=0)
            correlation = np.corrcoef(horizontal, vertical)[0, 1]
            place.set(xlabel=xlabel, ylabel=ylabel, title=f"{name}: correlation {correlation:.2f}")
            place.sharey(axes[0])
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
    with canvas(4.9 * len(panels), 4.4, columns=len(panels)) as (figure, axes):
        for place, (name, table) in zip(axes, panels.items(), strict=True):
            points = principal_components(as_numbers(table))
            place.scatter(points[:, 0], points[:, 1], s=9, color=GREY, alpha=0.45, linewidths=0)
            for colour, marker, (label, rows) in zip(
                CYCLE, MARKERS, highlighted.items(), strict=False
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
