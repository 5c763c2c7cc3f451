"""One style for every figure: colours, background, and the canvas they are drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from . import alt_text

# Colours of Okabe & Ito, darkened: lines have a contrast of 3 to the paper, text and white on what
# is filled 4.5, and any two differ for people who do not see red or green (tests/course/test_style)
USER, ITEM, ACCENT, GOOD, VIOLET = "#0072B2", "#B34400", "#C08400", "#12814C", "#C96FA1"
GREY, INK, PAPER = "#6B6B6B", "#222222", "#FCFCFA"
CYCLE = [USER, ITEM, GOOD, ACCENT, VIOLET, GREY]
MARKERS = "osD^vP"
DASHES: list[Any] = [
    "-",
    (0, (6, 2)),
    (0, (1, 1)),
    (0, (6, 2, 1, 2)),
    (0, (3, 1)),
    (0, (9, 2, 3, 2)),
]
# A model looks the same wherever several are drawn as curves; relatives share a colour
MODELS: dict[str, dict[str, Any]] = {
    name: {"color": colour, "linestyle": dashes, "marker": marker}
    for colour, dashes, relatives in (
        (USER, DASHES[0], {"EASE": None}),
        (ITEM, DASHES[1], {"LightGCN": None}),
        (GOOD, DASHES[2], {"iALS": None}),
        (ACCENT, DASHES[3], {"ItemKNN": None, "UserKNN": "s"}),
        (VIOLET, DASHES[4], {"NGCF": None, "graph filter": "o", "ideal filter": "D"}),
        (GREY, DASHES[5], {"MF": None, "popularity": "o"}),
        (INK, (0, (4, 1, 1, 1, 1, 1)), {"SGL": None, "RP3beta": "o", "linear filter": "s"}),
    )
    for name, marker in relatives.items()
}
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
def canvas(
    width: float, height: float, columns: int = 1, width_ratios: Sequence[float] | None = None
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in the style of the course, closed so that only its return value is shown."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            columns,
            figsize=(width, height),
            squeeze=False,
            width_ratios=width_ratios,
            layout="constrained",
            FigureClass=alt_text.Figure,
        )
        yield figure, list(axes[0])
        plt.close(figure)


def looks(names: Sequence[str]) -> list[dict[str, Any]]:
    """Colour, dashes and marker of every line: a model's own, or the next that are free."""
    own = [MODELS[name] for name in names if name in MODELS]
    lines = list(zip(CYCLE, DASHES, strict=True))
    free = (
        look
        for marker, (colour, dashes) in cycle(product((None, *MARKERS), lines))
        if (look := {"color": colour, "linestyle": dashes, "marker": marker}) not in own
    )
    return [MODELS[name] if name in MODELS else next(free) for name in names]


def bare(axes: Axes) -> None:
    axes.set_axis_off()


def as_numbers(values: ArrayLike | Tensor) -> np.ndarray:
    """Numbers of any kind; a tensor may still require gradients."""
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, float)
