"""Figures of computation graphs, distances and cost say what the data say."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch

from gnnrec_helpers import Interactions
from gnnrec_helpers.course import plots
from gnnrec_helpers.course.computation_graphs import (
    computation_graph,
    computation_tree,
    nodes_touched,
)
from gnnrec_helpers.course.plots.alt_text import described

mpl.use("Agg")


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def fields(axes: Axes) -> list[FancyBboxPatch]:
    return [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]


def arrows(axes: Axes) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """From where to where."""
    return [
        (tuple(text.xyann), tuple(text.xy))
        for text in axes.texts
        if getattr(text, "arrow_patch", None) is not None
    ]


def test_a_tree_has_every_copy_and_arrows_that_point_up(toy: Interactions) -> None:
    (axes,) = plots.unrolled({"three": computation_tree(toy, 0, 3)}, toy).axes
    written = texts(axes)
    assert [written.count(name) for name in ("Ana", "Ben", "Alien", "Casablanca")] == [3, 2, 5, 2]
    assert [written.count(f"layer {number}") for number in range(5)] == [1, 1, 1, 1, 0]
    assert len(arrows(axes)) == 16
    assert all(start[1] < end[1] for start, end in arrows(axes))
    assert axes.get_title() == "three"


def test_an_arrow_starts_at_its_sender(toy: Interactions) -> None:
    (axes,) = plots.unrolled({"two": computation_tree(toy, 0, 2)}, toy).axes
    leaves = {(start[0], end[0]) for start, end in arrows(axes) if start[1] < -1.5}
    assert leaves == {(0, 0.5), (1, 0.5), (2, 2.5), (3, 2.5)}


def test_copies_share_a_colour_and_the_largest_subtree_counts(toy: Interactions) -> None:
    trees = {str(layers): computation_tree(toy, 0, layers) for layers in (1, 2, 3)}
    panels = [fields(axes) for axes in plots.unrolled(trees, toy).axes]
    assert [len(panel) for panel in panels] == [0, 4, 4]
    for panel in panels[1:]:
        colours = [to_hex(field.get_facecolor()) for field in panel]
        assert colours[0] == colours[2] != colours[1] == colours[3]
    widths = [field.get_width() for field in panels[2]]  # two films of Ana, three of Ben
    assert widths[1] - widths[0] == pytest.approx(1)
    assert widths == pytest.approx([widths[0], widths[1]] * 2)


def test_a_merged_graph_has_no_copies(toy: Interactions) -> None:
    (axes,) = plots.unrolled({"merged": computation_graph(toy, 0, 3)}, toy).axes
    assert fields(axes) == []
    assert len(arrows(axes)) == 11
    places = np.concatenate([dots.get_offsets() for dots in axes.collections])
    assert len(np.unique(places, axis=0)) == 8


def test_a_node_without_neighbours_is_drawn_alone() -> None:
    table = Interactions(np.array([0]), np.array([0]), pd.Index(["a", "b"]), pd.Index(["x"]))
    (axes,) = plots.unrolled({"alone": computation_tree(table, 1, 2)}, table).axes
    assert [text for text in texts(axes) if text in "abx"] == ["b"]
    assert axes.collections[0].get_offsets().tolist() == [[0, 0]]


def test_neighbour_sets_write_three_aggregates() -> None:
    left, right = plots.neighbour_sets({"A": [1], "B": [1, 4]}).axes
    assert texts(left) == ["1", "?", "mean 1\nmax 1\nsum 1"]
    assert texts(right) == ["1", "4", "?", "mean 2.5\nmax 4\nsum 5"]


def test_message_passing_has_a_message_for_every_neighbour() -> None:
    figure = plots.message_passing("Ana", ["x", "y", "z"], message="m", aggregate="a", update="u")
    (axes,) = figure.axes
    written = texts(axes)
    assert [written.count(word) for word in ("m", "a", "u", "x", "Ana")] == [3, 1, 1, 1, 2]
    assert len(fields(axes)) == 5
    assert len(arrows(axes)) == 3 + 3 + 3


def test_lightgcn_takes_every_layer_into_the_mean() -> None:
    figure = plots.lightgcn(2, loss="l")
    (axes,) = figure.axes
    written = texts(axes)
    assert [written.count(f"$E^{{({k})}}$") for k in range(4)] == [1, 1, 1, 0]
    found = [written.count(words) for words in ("lookup table", "layer 2", r"$\tilde A$", "l")]
    assert found == [1, 1, 2, 1]
    assert len(fields(axes)) == 3 + 3
    # layer to layer, layer to mean, both rows out and in, product to loss, loss to table
    assert len(arrows(axes)) == 2 + 3 + 4 + 1 + 1


def test_colour_refinement_paints_alike_what_has_one_number(toy: Interactions) -> None:
    rounds = [[0] * 10, [1, 2, 1, 1, 0, 1, 1, 1, 1, 1]]
    start, first = plots.colour_refinement(rounds, toy).axes
    assert start.get_title() == "start: 1 colour"
    assert first.get_title() == "round 1: 3 colours"
    assert texts(first)[:4] == ["1", "Ana", "2", "Ben"]
    painted = [to_hex(dots.get_facecolor()[0]) for dots in first.collections]
    assert len(set(painted)) == 3
    assert painted[0] == painted[2] != painted[1]
    ends = {(line.get_ydata()[0], line.get_ydata()[1]) for line in first.lines}
    assert ends == {(-u, -i) for u, i in zip(toy.user_index, toy.item_index, strict=True)}


def test_over_smoothing_keeps_a_colour_for_a_name() -> None:
    panels = {"one": {"a": [1, 0.5], "b": [1, 0.9]}, "two": {"b": [1, 0.8]}}
    one, two = plots.over_smoothing(panels, "distance").axes
    assert [line.get_label() for line in one.lines] == ["a", "b"]
    assert one.lines[0].get_xdata().tolist() == [0, 1]
    assert two.lines[0].get_color() == one.lines[1].get_color() != one.lines[0].get_color()
    assert one.get_ylim() == two.get_ylim()
    assert "two: lines for b," in described(one.figure)
    assert one.get_yscale() == "log"


def test_nodes_read_draws_the_median_over_users(toy: Interactions) -> None:
    counts = nodes_touched(toy, range(5), 3)
    (axes,) = plots.nodes_read({"different nodes": counts}, total=10).axes
    whole, line = axes.lines
    assert list(whole.get_ydata()) == [10, 10]
    assert line.get_ydata().tolist() == np.median(counts, axis=0).tolist()
    assert "all 10 nodes" in texts(axes)
    assert axes.get_yscale() == "log"
