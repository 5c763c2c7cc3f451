"""A score taken apart: which of its terms carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...serving import Explanation
from ...serving.explanation import HERSELF
from .style import GREY, INK, ITEM, USER, canvas


def reasons(
    explanation: Explanation, names: Mapping[Any, str] | None = None, most: int = 8
) -> Figure:
    """The largest terms of a score as bars that start where the one before ends.

    Parameters
    ----------
    explanation : Explanation
        What :func:`gnnrec_helpers.explain` answers.
    names : mapping or Series, optional
        What an item is called, by its label.
    most : int, default 8
        How many terms are shown by themselves, the largest in size; the others are one bar.
    """
    terms = explanation.terms
    size = terms["contribution"].abs()
    shown = terms.loc[size.sort_values(ascending=False, kind="stable").index[:most]]
    shown = shown.sort_values("contribution", ascending=False, kind="stable")
    rest = terms.drop(shown.index)["contribution"]

    def called(label: Any) -> str:
        return str(label) if names is None else str(names.get(label, label))

    rows = [
        (called(via) if kind != HERSELF else "her own row", value, kind)
        for kind, via, value in shown.to_numpy().tolist()
    ]
    if len(rest):
        rows.append((f"{len(rest)} others together", float(rest.sum()), "others"))
    colours = {"item": ITEM, "user": USER, HERSELF: USER}
    with canvas(7.5, 1.1 + 0.42 * (len(rows) + 1)) as (figure, (axes,)):
        ends = np.cumsum([value for _, value, _ in rows])
        for row, (_, value, kind) in enumerate(rows):
            axes.barh(row, value, left=ends[row] - value, height=0.62,
                      color=colours.get(kind, GREY))  # fmt: skip
            axes.text(max(ends[row], ends[row] - value), row, f" {value:+.3f}", va="center")
        axes.barh(len(rows), explanation.score, height=0.62, color=INK)
        axes.text(max(explanation.score, 0.0), len(rows), f" {explanation.score:.3f}", va="center")
        axes.set_yticks(range(len(rows) + 1), [*(name for name, _, _ in rows), "the score"])
        axes.invert_yaxis()
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.margins(x=0.15)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("adds to the score")
        axes.set_title(f"Why {called(explanation.item)}?")
    return figure
