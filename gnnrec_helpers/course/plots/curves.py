"""How training goes, and what depth does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...training import History
from .style import CYCLE, DASHES, GOOD, GREY, INK, ITEM, USER, canvas


def training(histories: Mapping[str, History] | History, watched: str = "recall@20") -> Figure:
    """Loss and validation metric by epoch; a dot marks the epoch whose weights were kept."""
    if isinstance(histories, History):
        histories = {"": histories}
    with canvas(9.5, 3.6, columns=2) as (figure, (left, right)):
        for colour, dash, (name, history) in zip(CYCLE, DASHES, histories.items(), strict=False):
            line: Any = {"color": colour, "linestyle": dash, "linewidth": 2, "label": name}
            frame = history.to_frame()
            left.plot(frame.index, frame["loss"], **line)
            if watched in frame:
                measured = frame[watched].dropna()
                right.plot(measured.index, measured, **line)
            if history.best_epoch is not None and history.best is not None:
                right.plot(history.best_epoch, history.best, "o", color=colour, markersize=8)
        left.set(xlabel="epoch", ylabel="mean loss of a batch", title="Training loss")
        right.set(xlabel="epoch", ylabel=watched, title="Validation (dot: weights kept)")
        if len(histories) > 1:
            right.legend(loc="lower right")
    return figure


def bpr_loss() -> Figure:
    """The BPR loss of a triple, and its slope, against its margin."""
    margin = np.linspace(-5, 5, 201)
    with canvas(9, 3.3, columns=2) as (figure, (left, right)):
        left.plot(margin, np.logaddexp(0, -margin), color=USER, linewidth=2.5)
        left.plot(0, np.log(2), "o", color=ITEM, markersize=8)
        left.annotate("nothing learnt yet", (0, np.log(2)), (0.4, 1.1), color=INK)
        left.set(
            xlabel="margin: positive minus negative", ylabel="loss", title="BPR loss of a triple"
        )
        right.plot(margin, 1 / (1 + np.exp(margin)), color=GOOD, linewidth=2.5)
        right.set(
            xlabel="margin: positive minus negative",
            ylabel="σ(−margin)",
            title="How hard it pushes",
        )
    return figure


def seconds(times: Mapping[str, float], title: str = "") -> Figure:
    """How long several ways of doing the same take: a bar each, and how many times the last."""
    names, values = list(times), np.array(list(times.values()))
    with canvas(8.5, 0.8 + 0.55 * len(names)) as (figure, (axes,)):
        bars = axes.barh(names, values, color=[GREY] * (len(names) - 1) + [GOOD], height=0.6)
        for bar, value in zip(bars, values, strict=True):
            text = f" {1e3 * value:,.0f} ms, {value / values[-1]:.1f} times"
            axes.annotate(text, (value, bar.get_y() + 0.3), va="center", color=INK)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.35 * values.max()), xlabel="seconds", title=title)
    return figure


def layers(scores: Mapping[int, Sequence[float]], metric: str = "Recall@20") -> Figure:
    """A metric by number of layers: a dot for every seed, a line through the means."""
    with canvas(7, 3.8) as (figure, (axes,)):
        numbers = sorted(scores)
        for number in numbers:
            axes.plot([number] * len(scores[number]), scores[number], "o", color=GREY)
        means = [float(np.mean(scores[number])) for number in numbers]
        axes.plot(numbers, means, color=USER, linewidth=2.5, marker="D", markersize=7)
        for number, mean in zip(numbers, means, strict=True):
            first = number == numbers[0]  # below where the curve sets out
            edge, side = (min, -20) if first else (max, 8)
            axes.annotate(
                f"{mean:.3f}", (number, edge(scores[number])), (0, side), ha="center",
                textcoords="offset points",
            )  # fmt: skip
        low, high = min(min(v) for v in scores.values()), max(max(v) for v in scores.values())
        axes.set_ylim(low - 0.25 * (high - low), high + 0.22 * (high - low))
        axes.set_xticks(numbers)
        axes.set(
            xlabel="layers (0 is matrix factorization)",
            ylabel=metric,
            title=f"{metric} by number of layers",
        )
    return figure


def runs(scores: Mapping[str, Sequence[float]], metric: str, title: str = "") -> Figure:
    """A metric of several models: a dot for every run, and the mean as a bar and in words."""
    with canvas(7.5, round(0.9 + 0.42 * len(scores), 1)) as (figure, (axes,)):
        for row, values in enumerate(scores.values()):
            mean = float(np.mean(values))
            axes.plot([mean, mean], [row - 0.3, row + 0.3], color=USER, linewidth=3)
            axes.plot(values, [row] * len(values), "o", color=GREY, alpha=0.8)
            axes.annotate(
                f"{mean:.3f}", (max(values), row), (12, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(range(len(scores)), list(scores))
        axes.set_ylim(len(scores) - 0.4, -0.6)
        axes.margins(x=0.16)
        axes.set(xlabel=f"{metric} (dot: one run, bar: their mean)", title=title)
    return figure
