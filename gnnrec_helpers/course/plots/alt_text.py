"""What a figure shows, in words, for those who cannot see it."""

from __future__ import annotations

import re

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure as AnyFigure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

WORDS = 12  # labels of a drawing that are read out
CELLS = 64  # of a table, likewise


class Figure(AnyFigure):
    """A figure whose description is stored beside it in a notebook, and read out by browsers."""

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Nothing by itself: IPython asks for this first, and for a picture next, by our means."""
        from IPython import get_ipython

        get_ipython().display_formatter.formatters["image/png"].for_type(Figure, stored)
        return {}, {}


def tell(axes: Axes, words: str) -> None:
    """Say what a drawing shows, where its labels alone do not: who is joined to whom, say."""
    axes.set_gid(words)


def stored(figure: AnyFigure) -> tuple[str, dict[str, object]]:
    """PNG in base64, with twice the pixels so that it is sharp on any screen; size and words."""
    from IPython.core.pylabtools import retina_figure

    png, size = retina_figure(figure, base64=True)
    return png, {"alt": described(figure), **size}


def described(figure: AnyFigure) -> str:
    """A sentence or two for each panel: its title, kind, axes and legend, or the words in it.

    Examples
    --------
    >>> from gnnrec_helpers.course import plots
    >>> described(plots.one_request({"scores": 20.0, "sorting": 10.0}))
    'One request: bars for scores, sorting, along microseconds since the request began.'
    """
    panels = [text for axes in figure.axes if (text := _panel(axes))]
    count = f"{len(panels)} panels. " if len(panels) > 1 else ""
    over = figure.get_suptitle()
    return (f"{over}. " if over else "") + count + " ".join(panels)


def _panel(axes: Axes) -> str:
    title = " ".join((axes.get_title() or axes.get_title("left")).split())
    if axes.get_label() == "<colorbar>":
        return ""
    shown = _drawing(axes) if not axes.axison else _chart(axes)
    return f"{title}: {shown}." if title else f"{shown[:1].upper()}{shown[1:]}."


def _chart(axes: Axes) -> str:
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    points = [part for part in axes.collections if isinstance(part, PathCollection)]
    if cells := _cells(axes):
        return f"a table, {cells}"
    if axes.images:
        high, wide = axes.images[0].get_size()
        kind = f"a table of colours, {high} rows of {wide}"
    elif bars:
        kind = "bars"
    elif axes.lines or any(isinstance(part, LineCollection) for part in axes.collections):
        joined = any(line.get_linestyle() != "None" for line in axes.lines)
        kind = "lines" if joined or not axes.lines else "points"
    else:
        kind = "points" if points else "shapes"
    _, labels = axes.get_legend_handles_labels()
    named = (
        list(dict.fromkeys(labels)) if axes.get_legend() or axes.figure.legends else _names(axes)
    )
    x, y = axes.get_xlabel(), axes.get_ylabel()
    between = f"{y} against {x}" if x and y else x or y
    told = f"{kind} for {', '.join(named[:WORDS])}" if named else kind
    along = "along " if kind == "bars" else ""
    return f"{told}, {along}{between}" if between else told


def _names(axes: Axes) -> list[str]:
    """What stands at the ticks, where these are words."""
    return _words(axes.yaxis) or _words(axes.xaxis)


def _words(axis: Axis) -> list[str]:
    words = [label.get_text() for label in axis.get_ticklabels()]
    if any(character.isalpha() for word in words for character in word if "$" not in word):
        return [word for word in words if word]
    return []


def _cells(axes: Axes) -> str:
    """What is written in the cells of a table, row by row; nothing where texts make no table."""
    written = {
        text.get_position(): text.get_text()
        for text in axes.texts
        if text.get_transform() == axes.transData and not isinstance(text, Annotation)
    }
    columns = sorted({x for x, _ in written})
    rows = sorted({y for _, y in written}, reverse=not axes.yaxis_inverted())
    whole = len(written) == len(columns) * len(rows) <= CELLS
    if min(len(columns), len(rows)) < 2 or not whole:
        return ""
    names = _words(axes.yaxis)
    lines = [" ".join(written[x, y] for x in columns) for y in rows]
    if len(names) == len(lines):
        lines = [f"{name} {line}" for name, line in zip(names, lines, strict=True)]
    over = _words(axes.xaxis)
    above = f"columns {', '.join(over)}, " if len(over) == len(columns) else ""
    return f"{above}row by row: {'; '.join(lines)}"


def _drawing(axes: Axes) -> str:
    if told := axes.get_gid():
        return f"a drawing, {told}"
    words = [_plain(" ".join(text.get_text().split())) for text in axes.texts]
    words = list(dict.fromkeys(word for word in words if word))
    more = f" and {len(words) - WORDS} more" if len(words) > WORDS else ""
    return f"a drawing with {', '.join(words[:WORDS])}{more}" if words else "a drawing"


def _plain(formula: str) -> str:
    """A formula without the marks of TeX, as far as a drawing of ours has them."""
    inner = re.sub(r"\\(?:mathbf|mathrm|tilde)\s*\{?(\w+)\}?", r"\1", formula)
    return re.sub(r"[$\\{}]", "", inner)
