"""Figures of windows and neighbourhoods say what the data say; looks are judged by eye."""

import matplotlib as mpl
import pytest
import torch

from gnnrec_helpers import datasets
from gnnrec_helpers.course import plots
from gnnrec_helpers.course.plots.style import ITEM

mpl.use("Agg")

IMAGE = torch.arange(12.0).reshape(3, 4)
KERNEL = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])  # right minus left


@pytest.fixture(scope="module")
def likes():
    return datasets.load("toy").interactions


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_pixels_write_every_number():
    figure = plots.pixels({"one": IMAGE, "two": -IMAGE.requires_grad_()}, title="both")
    one, two = figure.axes
    assert texts(one) == [str(number) for number in range(12)]
    assert texts(two)[:3] == ["0", "-1", "-2"]
    assert figure.get_suptitle() == "both"
    assert plots.pixels({"one": [[1]]}).get_suptitle() == ""


def test_sliding_window_frames_the_window_and_its_result():
    left, middle, right = plots.sliding_window(IMAGE.detach(), KERNEL, row=1, column=2).axes
    (frame,) = left.patches
    assert (frame.get_xy(), frame.get_width()) == ((0.5, -0.5), 3)
    (pixel,) = right.patches
    assert (pixel.get_xy(), pixel.get_width()) == ((1.5, 0.5), 1)
    assert texts(right) == ["1", "2", "2", "-2", "5", "2", "2", "-6", "9", "2", "2", "-10"]
    assert len(texts(middle)) == 9


def test_a_window_at_the_border_is_shown_whole():
    left, _, right = plots.sliding_window(IMAGE.detach(), KERNEL, row=0, column=3).axes
    assert left.get_xlim()[1] > 4.5
    assert left.get_ylim()[1] < -1.5
    assert left.get_xlim() == right.get_xlim()


def test_pixel_graph_draws_and_counts_the_marked_edges():
    left, right = plots.pixel_graph(IMAGE.detach(), marked=[(1, 1), (0, 0)]).axes
    assert sum(line.get_color() == ITEM for line in left.lines) == 9 + 4
    assert len(left.lines) == (3 * 3 - 2) * (3 * 4 - 2)
    assert "(1, 1): 9, (0, 0): 4" in left.get_title()
    assert texts(right) == [str(place) for place in range(9)]


def test_window_and_neighbours_draw_a_star_for_every_user(likes):
    window, ben, eli = plots.window_and_neighbours(likes, ["Ben", "Eli"]).axes
    assert len(texts(window)) == 9
    assert texts(ben).count("?") == 3
    assert {"Alien", "Blade Runner", "Casablanca"} < set(texts(ben))
    assert "3 neighbours," in ben.get_title()
    assert "1 neighbour," in eli.get_title()
    with pytest.raises(KeyError, match="Zoe"):
        plots.window_and_neighbours(likes, ["Zoe"])


def test_pooling_and_aggregation_write_the_four_summaries():
    figure = plots.pooling_and_aggregation([[1, 2], [3, 6]], {"a": 8, "b": 4}, centre="Ben")
    left, right = figure.axes
    assert texts(left)[-1].split() == ["sum", "12", "mean", "3", "max", "6", "min", "1"]
    assert texts(right)[-1].split() == ["sum", "12", "mean", "6", "max", "8", "min", "4"]


def test_receptive_fields_count_pixels():
    titles = [axes.get_title() for axes in plots.receptive_fields(size=5, layers=3).axes]
    assert titles == ["0 layers: 1 pixel", "1 layer: 9 pixels", "2 layers: 25 pixels",
                      "3 layers: 25 pixels"]  # fmt: skip


def test_field_growth_has_a_line_for_every_graph():
    (axes,) = plots.field_growth({"grid": [1, 9, 25], "toy": [1, 3]}).axes
    assert [line.get_label() for line in axes.lines] == ["grid", "toy"]
    assert axes.lines[0].get_ydata().tolist() == [1, 9, 25]
    assert axes.get_yscale() == "log"
