"""What recommenders start from and how they are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import ArrayLike

from ...data.interactions import Interactions, position
from ...data.splits import Split
from .style import ACCENT, CYCLE, GOOD, GREY, INK, ITEM, PAPER, USER, bare, canvas


def funnel(stages: Sequence[tuple[str, str]], steps: Sequence[str]) -> Figure:
    """Boxes that shrink from the whole catalogue to the few items shown, an arrow between two.

    Parameters
    ----------
    stages : sequence of (name, description)
    steps : sequence of str
        What leads from each stage to the next.
    """
    with canvas(9.4, 2.9) as (figure, (axes,)):
        bare(axes)
        axes.set_xlim(0, len(stages) - 0.42)
        axes.set_ylim(0, 1)
        for place, (name, description) in enumerate(stages):
            height = 0.9 - 0.5 * place / max(len(stages) - 1, 1)
            colour = CYCLE[place % len(CYCLE)]
            box = FancyBboxPatch(
                (place + 0.03, 0.5 - height / 2),
                0.5,
                height,
                boxstyle="round,pad=0.02",
                facecolor=colour + "22",
                edgecolor=colour,
                linewidth=2,
            )
            axes.add_patch(box)
            axes.text(place + 0.28, 0.56, name, ha="center", va="bottom", weight="bold")
            axes.text(place + 0.28, 0.5, description, ha="center", va="top", fontsize=9.5)
        for place, step in enumerate(steps):
            arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.8}
            axes.annotate("", (place + 1.0, 0.5), (place + 0.56, 0.5), arrowprops=arrow)
            axes.text(place + 0.77, 0.55, step, ha="center", va="bottom", fontsize=9)
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
    with canvas(1.6 + 1.15 * interactions.num_items, 1.1 + 0.5 * interactions.num_users) as (
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
    with canvas(9.5, 3.6, columns=2) as (figure, (left, right)):
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


def time_spans(hours: ArrayLike, popularity: pd.Series) -> Figure:
    """How long users stay, and how popular the items are that they choose one after another.

    Parameters
    ----------
    hours : array_like
        For every user, from the first interaction to the last.
    popularity : pandas.Series
        Typical popularity of an item for each part of a history, in its order.
    """
    with canvas(9.5, 3.6, columns=2) as (figure, (left, right)):
        spans = np.sort(np.maximum(np.asarray(hours, float), 1 / 60))  # a minute at least
        left.plot(spans, 100 * np.arange(1, len(spans) + 1) / len(spans), color=USER, linewidth=2)
        left.set_xscale("log")
        marks = {"1 min": 1 / 60, "1 hour": 1, "1 day": 24, "1 year": 8766}
        left.set_xticks(list(marks.values()), list(marks), fontsize=9.5)
        left.minorticks_off()
        for at in (1, 24):
            left.axvline(at, color=GREY, linestyle=":")
        left.set(
            xlabel="from the first rating to the last",
            ylabel="share of users (%)",
            title="How long users stay",
        )
        places = np.arange(len(popularity))
        right.plot(places, popularity, "o-", color=ITEM, linewidth=2)
        right.set_xticks(places, [str(part) for part in popularity.index])
        right.set_ylim(bottom=0)
        right.set(
            xlabel="part of a user's history, in order of time",
            ylabel="likes of the film (median)",
            title="Hits come first",
        )
    return figure


def split_rows(split: Split, users: Sequence[object]) -> Figure:
    """Train, validation and test items of a few users, one square an interaction."""
    parts = [("train", split.train, GREY), ("validation", split.validation, ACCENT)]
    parts.append(("test", split.test, ITEM))
    with canvas(9.5, 0.9 + 0.45 * len(users)) as (figure, (axes,)):
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
    with canvas(1.9 + 0.8 * length, 0.9 + 0.62 * len(lists)) as (figure, (axes,)):
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
    with canvas(7.5, 0.9 + 0.55 * len(table)) as (figure, (axes,)):
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
        axes.set_xlabel(f"{metric} (mean over users; black line: 95 % interval)")
        axes.set_title(title or f"{metric} on the held-out items")
    return figure
