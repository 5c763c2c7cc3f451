"""Colours by the figures of WCAG 2 and of Machado, Oliveira & Fernandes (2009)."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from gnnrec_helpers.course import plots
from gnnrec_helpers.course.plots import style
from gnnrec_helpers.training.fitting import History

mpl.use("Agg")

# what is left of linear red, green and blue for somebody without one kind of cone
SIGHT = {
    "all cones": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # of sRGB, D65


def linear(colour: str) -> np.ndarray:
    values = np.array(mpl.colors.to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def distance(one: str, other: str, sight: str) -> float:
    """ΔE of 1976, between what two colours look like."""

    def lab(colour: str) -> np.ndarray:
        seen = np.clip(np.asarray(SIGHT[sight]) @ linear(colour), 0, 1)
        share = TO_XYZ @ seen / TO_XYZ.sum(1)
        x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * 841 / 108 + 4 / 29)
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    return float(np.linalg.norm(lab(one) - lab(other)))


def test_contrast_and_distance_are_those_that_are_known() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert distance("#000000", "#FFFFFF", "all cones") == pytest.approx(100, abs=0.1)
    red, green = "#B00000", "#00A000"  # far apart for most, not for those without green cones
    assert distance(red, green, "all cones") > 3 * distance(red, green, "deuteranopia")


@pytest.mark.parametrize("colour", [*style.CYCLE, style.INK])
def test_lines_and_marks_stand_out_from_the_paper(colour: str) -> None:
    assert contrast(colour, style.PAPER) >= 3


@pytest.mark.parametrize("colour", [style.INK, style.GREY, *plots.scaling.COLOURS])
def test_text_can_be_read_on_the_paper(colour: str) -> None:
    assert contrast(colour, style.PAPER) >= 4.5


@pytest.mark.parametrize("colour", [style.USER, style.ITEM, style.GOOD])
def test_white_can_be_read_on_what_is_filled(colour: str) -> None:
    assert contrast("white", colour) >= 4.5


@pytest.mark.parametrize("shade", plots.computation.SHADES)
def test_numbers_can_be_read_on_every_shade(shade: str) -> None:
    assert contrast(style.INK, shade) >= 4.5


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_for_everybody(sight: str) -> None:
    colours = [*style.CYCLE, style.INK]
    found = {pair: distance(*pair, sight) for pair in combinations(colours, 2)}
    assert min(found.values()) >= 16, min(found, key=lambda pair: found[pair])


def six_curves() -> dict[str, Figure]:
    table = pd.DataFrame(np.arange(18.0).reshape(3, 6), columns=list("abcdef"))
    curves = {str(name): values for name, values in table.items()}
    shares = {name: np.full((2, 4), 0.1) for name in curves}
    rows = [{"epoch": e, "loss": 1.0, "seconds": 1.0, "recall@20": 0.1} for e in (1, 2)]
    return {
        "by_layer": plots.by_layer(table, "y"),
        "lines": plots.lines(table, "x", "y"),
        "reach": plots.reach(shares),
        "responses": plots.responses({"": curves}, [0.5, 1.0], {"": table.index}),
        "over_smoothing": plots.over_smoothing({"": {n: v + 1 for n, v in curves.items()}}, "y"),
        "training": plots.training({name: History(list(rows)) for name in curves}),
        "nodes_read": plots.nodes_read(shares, 10),
    }


@pytest.mark.parametrize("name", six_curves())
def test_curves_differ_without_their_colours(name: str) -> None:
    (axes, *_) = six_curves()[name].axes
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    assert len(named) == 6
    assert len({(str(line._unscaled_dash_pattern), line.get_marker()) for line in named}) == 6


def test_twelve_lines_have_twelve_looks() -> None:
    (axes,) = plots.lines(pd.DataFrame(np.eye(12)), "x", "y").axes
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines}
    assert len(looks) == 12


def test_models_have_looks_of_their_own() -> None:
    assert {look["color"] for look in style.MODELS.values()} == {*style.CYCLE, style.INK}
    without = {(str(look["linestyle"]), look["marker"]) for look in style.MODELS.values()}
    assert len(without) == len(style.MODELS)  # of colours


def test_a_model_looks_the_same_beside_whatever_else() -> None:
    names = ["a", "LightGCN", "b", "EASE"]
    looks = style.looks(names)
    assert looks[1] == style.looks(["LightGCN"])[0] == style.MODELS["LightGCN"]
    assert looks[3] == style.MODELS["EASE"]
    assert len({str(look) for look in looks}) == 4  # nor does anything else look like it
    assert len(style.looks([str(number) for number in range(100)])) == 100
    (axes,) = plots.lines(pd.DataFrame(np.eye(4), columns=names), "x", "y").axes
    assert [line.get_color() for line in axes.lines] == [look["color"] for look in looks]


def test_seven_models_in_one_figure_have_seven_colours() -> None:
    names = ["EASE", "ItemKNN", "iALS", "MF", "NGCF", "LightGCN", "SGL"]  # of notebook 08
    assert len({look["color"] for look in style.looks(names)}) == 7
