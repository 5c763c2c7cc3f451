"""The explorer without a browser."""

from __future__ import annotations

import sys

import networkx as nx
import numpy as np
import pytest

from gnnrec_helpers import Interactions, datasets
from gnnrec_helpers.course import plots
from gnnrec_helpers.course.explorer import explore_hops
from gnnrec_helpers.course.graph_statistics import reach


def test_choosing_redraws(toy: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = plots.neighbourhood

    def spy(*arguments):
        calls.append(arguments[1:])
        return real(*arguments)

    monkeypatch.setattr(plots, "neighbourhood", spy)
    box = explore_hops(toy, most=5)
    who, far = box.children[0].children
    assert [name for name, _ in who.options] == ["Ana", "Ben", "Cem", "Dia", "Eli"]
    far.value = 3
    who.value = 4
    assert calls == [(0, 1), (0, 3), (4, 3)]
    assert len(box.children[1].outputs) == 1  # the picture is replaced
    assert far.max == 5


def test_pages_without_widgets_show_what_was_drawn(toy: Interactions) -> None:
    box = explore_hops(toy)
    box.children[0].children[1].value = 2
    data, metadata = box._repr_mimebundle_()
    assert data["text/plain"].startswith("VBox(children=(HBox(")
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    assert data["image/png"].startswith("iVBORw0KGgo")
    assert "2 hops: 1 user" in metadata["image/png"]["alt"]


def test_without_widgets_a_sentence(toy: Interactions, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert explore_hops(toy) is None
    assert "plots.neighbourhood" in capsys.readouterr().out


def test_figures_show_the_counts(toy: Interactions) -> None:
    data = datasets.load("toy")
    figure = plots.neighbourhood(toy, 0, 3)
    assert "Ana" in figure.axes[0].get_title()
    assert "3 hops: 1 item" in figure.axes[0].get_title()
    assert len(figure.axes[0].collections) == 5  # Ana, two films, Ben, Casablanca
    figure = plots.families(toy, data.social, data.knowledge)
    assert [axes.get_title() for axes in figure.axes] == [
        "user-item", "+ social network", "+ knowledge graph",
    ]  # fmt: skip
    assert len(figure.axes[0].lines) == 10
    assert len(figure.axes[1].lines) == 10 + 4
    assert len(figure.axes[2].lines) == 10 + 2 + 10
    figure = plots.degrees({"toy": toy})
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[1, 1], [2, 3], [3, 1]]
    figure = plots.reach({"toy": reach(toy, range(5), 5)})
    assert figure.axes[0].lines[0].get_ydata().tolist() == [40, 60, 100]


def test_large_rings_are_thinned_and_every_node_hangs_from_the_ring_inside(
    movielens: Interactions,
) -> None:
    (axes,) = plots.neighbourhood(movielens, 0, 3).axes
    drawn = {tuple(part.get_offsets()[0].round(6)) for part in axes.collections}
    assert len(drawn) <= 1 + 3 * 60
    edges = [[tuple(end.round(6)) for end in line.get_xydata()] for line in axes.lines]
    assert {outer for outer, _ in edges} == drawn - {(0.0, 0.0)}
    for outer, inner in edges:
        assert inner in drawn
        assert np.hypot(*outer) - np.hypot(*inner) == pytest.approx(1, abs=1e-5)


def test_overlaps_are_what_networkx_has_within_reach_of_both(toy: Interactions) -> None:
    graph = nx.Graph([(user, item) for user, item in toy.to_frame().values])
    (axes,) = plots.overlaps(toy, "Ben", "Emma", 4).axes
    said = [text.get_text() for text in axes.texts if text.get_text().startswith("K = ")]
    assert len(said) == 4
    for radius, text in enumerate(said, 1):
        near, far = (set(nx.ego_graph(graph, node, radius)) for node in ("Ben", "Emma"))
        names = text.split(": ")[1].split(", ")
        assert set(names) == (near & far or {"no node"})
