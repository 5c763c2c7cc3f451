"""Figures say what the data say; how they look is judged by eye."""

import base64

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from gnnrec_helpers import datasets, explain, models
from gnnrec_helpers.course import plots
from gnnrec_helpers.course.computation_graphs import computation_tree
from gnnrec_helpers.course.plots.alt_text import described
from gnnrec_helpers.training.fitting import History

mpl.use("Agg")


@pytest.fixture(scope="module")
def toy():
    return datasets.load("toy")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_matrix_shows_a_one_for_every_like(toy):
    (axes,) = plots.interaction_matrix(toy.interactions, marked=[("Ana", "Dune")]).axes
    assert texts(axes).count("1") == 10
    assert texts(axes).count("?") == 15
    frame = axes.patches[-1]
    assert (frame.get_x(), frame.get_y()) == (2.5, -0.5)


def test_long_tail_marks_where_half_of_the_likes_are_reached(toy):
    left, right = plots.long_tail(toy.interactions, item="film").axes
    assert left.lines[0].get_ydata().tolist() == [2, 2, 2, 2, 2]
    assert "3 of 5" in right.texts[0].get_text()


def test_split_rows_draw_one_square_an_interaction(toy):
    split = toy.interactions.split(test=0.3, validation=0.3, seed=0)
    (axes,) = plots.split_rows(split, ["Ben", "Eli"]).axes
    assert len(axes.patches) == 4
    without = toy.interactions.split(test=0.3, validation=0.0, seed=0)
    assert len(plots.split_rows(without, ["Ben"]).axes[0].patches) == 3


def test_time_spans_are_sorted_and_a_minute_at_least():
    left, right = plots.time_spans([48.0, 0.0, 0.5, 2.0], pd.Series([9, 4], ["early", "late"])).axes
    np.testing.assert_allclose(left.lines[0].get_xdata(), [1 / 60, 0.5, 2, 48])
    assert left.lines[0].get_ydata().tolist() == [25, 50, 75, 100]
    assert right.lines[0].get_ydata().tolist() == [9, 4]


def test_ranked_lists_name_the_hits():
    (axes,) = plots.ranked_lists({"A": [True, False], "B": [True, True]}).axes
    assert texts(axes).count("hit") == 3


def test_comparison_writes_the_values():
    table = pd.DataFrame({"recall@20": [0.1, 0.25], "± recall@20": [0.01, 0.02]}, ["a", "b"])
    (axes,) = plots.comparison(table).axes
    assert texts(axes) == ["0.100", "0.250"]
    assert len(plots.comparison(table[["recall@20"]]).axes[0].patches) == 2


def test_training_marks_the_best_epoch():
    rows = [{"epoch": e, "loss": 1 / e, "seconds": 1.0, "recall@20": 0.1 * e} for e in (1, 2, 3)]
    history = History(rows, best_epoch=3)
    left, right = plots.training({"one": history, "two": history}).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [1, 1 / 2, 1 / 3])
    assert right.lines[1].get_xdata() == [3]
    unwatched = History([{"epoch": 1, "loss": 1.0, "seconds": 1.0}])
    assert len(plots.training(unwatched).axes[1].lines) == 0


def test_bipartite_draws_edges_path_and_levels(toy):
    figure = plots.bipartite(toy.interactions, path=["Ana", "Alien", "Ben"], levels={"Ana": 0})
    (axes,) = figure.axes
    widths = [line.get_linewidth() for line in axes.lines]
    assert len(widths) == 10
    assert widths.count(4) == 2
    assert "0" in texts(axes)


def test_layers_draw_means_over_seeds():
    (axes,) = plots.layers({0: [0.1, 0.3], 1: [0.4]}).axes
    assert texts(axes) == ["0.200", "0.400"]


def test_runs_draw_every_run_and_write_the_mean():
    (axes,) = plots.runs({"one": [0.1, 0.3], "two": [0.4]}, "accuracy").axes
    assert texts(axes) == ["0.200", "0.400"]
    dots = [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[0.1, 0.3], [0.4]]
    assert axes.yaxis_inverted()


def test_by_layer_has_a_line_for_every_column():
    (axes,) = plots.by_layer(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), ylabel="cosine").axes
    assert [line.get_label() for line in axes.lines] == ["a", "b"]


def test_distributions_share_one_scale():
    panels = {"one": {"a": [0, 1, 2], "b": [1, 1, 1]}, "two": {"a": [5, 6, 7], "b": [5, 5, 5]}}
    left, right = plots.distributions(panels, xlabel="x", title="both").axes
    assert left.get_ylim() == right.get_ylim()


def test_factorization_writes_all_numbers():
    users, items = np.array([[1, 0], [2, 1]]), np.array([[3, 1], [0, 2], [1, 1]])
    scores = pd.DataFrame(users @ items.T, ["Ana", "Ben"], ["x", "y", "z"])
    left, middle, right = plots.factorization(scores, users, items).axes
    assert len(texts(right)) == 6 + 1
    assert [label.get_text() for label in left.get_yticklabels()] == ["Ana", "Ben"]
    assert [label.get_text() for label in middle.get_xticklabels()] == ["x", "y", "z"]


def test_principal_components_agree_with_sklearn():
    table = np.random.default_rng(0).normal(size=(30, 6))
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    ours, theirs = plots.principal_components(table), PCA(2).fit_transform(unit)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-9)


def test_agreement_writes_the_correlation():
    figure = plots.agreement(
        [1, 2, 3], {"a": [2, 4, 6], "b": torch.tensor([3.0, 2.0, 1.0])}, "x", "y"
    )
    assert [axes.get_title() for axes in figure.axes] == [
        "a: correlation 1.00",
        "b: correlation -1.00",
    ]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_embedding_map_accepts_tensors_with_gradients():
    table = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    figure = plots.embedding_map({"now": table}, {"some": [0, 1]}, title="a map")
    assert len(figure.axes[0].collections) == 2


@pytest.mark.parametrize(
    "figure",
    [plots.bpr_loss(), plots.funnel([("a", "all"), ("b", "few")], ["chosen"])],
    ids=["bpr_loss", "funnel"],
)
def test_figures_bring_their_own_light_background(figure):
    assert isinstance(figure, Figure)
    assert mpl.colors.to_hex(figure.get_facecolor()) == plots.PAPER.lower()


def test_pairs_by_what_they_have_in_common():
    (axes,) = plots.in_common({"friends": [0, 1, 5, 9], "others": [0, 0, 0, 1]}, most=5).axes
    friends, others = ([bar.get_height() for bar in container] for container in axes.containers)
    assert friends == [25, 25, 0, 0, 0, 50]  # five or more together
    assert others == [75, 25, 0, 0, 0, 0]
    assert [label.get_text() for label in axes.get_xticklabels()][-1] == "5+"


def test_attention_is_sorted_and_beside_an_equal_share():
    weights = torch.tensor([0.2, 0.5, 0.3], requires_grad=True)
    (axes,) = plots.attention(weights, ["a", "b", "c"], [1, 2, 1], kind="opinion").axes
    legend = {text.get_text() for text in axes.get_legend().get_texts()}
    assert legend == {"opinion 1", "opinion 2", "equal shares"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "c", "a"]
    assert axes.lines[0].get_xdata()[0] == pytest.approx(1 / 3)
    ones, twos = axes.containers
    assert [bar.get_width() for bar in ones] == pytest.approx([0.3, 0.2])
    assert [bar.get_width() for bar in twos] == pytest.approx([0.5])


def test_gains_have_their_interval():
    table = pd.DataFrame({"Δ": [0.1, -0.2], "± Δ": [0.05, 0.1]}, ["few", "many"])
    (axes,) = plots.gains(table, "Δ").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["few", "many"]
    bars = axes.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[0.05, 0.15], [-0.3, -0.1]])


def test_graphrec_is_drawn_with_three_aggregations():
    (axes,) = plots.aggregations().axes
    assert [text for text in texts(axes) if text.startswith("attention")] == [
        "attention 1",
        "attention 2",
        "attention 3",
    ]


# ---------------------------------------------------------------------- facts
def test_shared_facts_name_both_relations_of_every_thing():
    table = pd.DataFrame({"thing": ["x", "y"], "A": ["by", "of"], "B": ["by", "from"]})
    (axes,) = plots.shared_facts(table, "A", "B").axes
    said = [text.strip() for text in texts(axes)]
    assert sorted(said) == ["A", "B", "by", "by", "from", "of", "x", "y"]


def test_relations_have_a_bar_for_every_column():
    table = pd.DataFrame({"one": [0.7, 0.3], "two": [0.1, 0.9]}, index=["by", "of"])
    (axes,) = plots.by_relation(table, "attention", reference=(0.5, "equal")).axes
    one, two = ([bar.get_width() for bar in container] for container in axes.containers)
    assert (one, two) == ([0.7, 0.3], [0.1, 0.9])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["by", "of"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first is on top
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["equal", "one", "two"]


def test_attention_is_the_thickness_of_a_fact():
    figure = plots.seen_by(
        {"Ana": [("by", "x", 0.9), ("of", "y", 0.1)], "Eli": [("by", "x", 0.2), ("of", "y", 0.8)]},
        "A film",
    )
    widths = [[line.get_linewidth() for line in axes.lines] for axes in figure.axes]
    assert widths[0][0] > widths[0][1]
    assert widths[1][0] < widths[1][1]
    assert "by\n0.90" in texts(figure.axes[0])


# ---------------------------------------------------------------------- rivals
def test_responses_lie_over_how_many_eigenvalues_there_are():
    at = np.array([0.0, 0.5, 1.0])
    figure = plots.responses({"square": {"h": at**2}}, [-0.5, 0.1, 0.1, 0.9], {"square": at})
    curves, counts = figure.axes
    np.testing.assert_allclose(curves.lines[0].get_ydata(), [0, 0.25, 1])
    assert sum(bar.get_height() for bar in counts.patches) == 3  # those the panel shows
    assert curves.get_zorder() > counts.get_zorder()


def test_lines_are_one_a_column():
    table = pd.DataFrame({"one": [1.0, 2.0], "two": [3.0, 4.0]}, index=[1, 8])
    (axes,) = plots.lines(table, "number", "recall", log=True).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 2], [3, 4]]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]


def test_named_points_have_their_names():
    table = pd.DataFrame({"x": [1.0, 2.0], "y": [0.3, 0.4]}, index=["a", "b"])
    (axes,) = plots.named_points(table, "seconds", "recall", marked=("b",)).axes
    assert texts(axes)[:2] == ["a", "b"]
    assert [tuple(line.get_xydata()[0]) for line in axes.lines] == [(1.0, 0.3), (2.0, 0.4)]
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


def test_reasons_add_up_to_the_score(toy):
    found = explain(models.LightGCN(toy.interactions, 8), "Ben", "Emma")
    (axes,) = plots.reasons(found, {"Emma": "EMMA"}, most=2).axes
    assert axes.get_title() == "Why EMMA?"
    *bars, total = axes.patches
    assert len(bars) == 3  # two, and the others together
    assert sum(bar.get_width() for bar in bars) == pytest.approx(total.get_width(), abs=1e-6)
    assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(found.score, abs=1e-6)
    assert axes.get_yticklabels()[-2].get_text() == "2 others together"


# ---------------------------------------------------------------------- serving
def test_parts_of_a_request_follow_each_other():
    (axes,) = plots.one_request({"scores": 20.0, "labels": 70.0, "sorting": 10.0}).axes
    assert [bar.get_x() for bar in axes.patches] == [0, 20, 90]
    assert [bar.get_width() for bar in axes.patches] == [20, 70, 10]
    assert [text.strip() for text in texts(axes)] == ["20 µs", "70 µs", "10 µs"]
    first, longest, last = (bar.get_facecolor() for bar in axes.patches)
    assert first == last != longest


def test_a_table_is_cut_by_columns_and_by_rows():
    for panel, along in zip(plots.two_splits().axes, (0, 1), strict=True):
        owners = {}
        for cell in panel.patches:
            owners.setdefault(cell.get_facecolor(), set()).add(cell.get_xy()[along])
        first, second = owners.values()  # of two colours
        assert not first & second
        assert len(panel.patches) == 54
    assert "process 2" in texts(plots.two_splits(3).axes[0])


def test_a_row_says_what_its_largest_weights_hold():
    weights = np.r_[np.zeros(5), 1.0, 6.0, 2.0, 1.0]
    left, right = plots.row_of_propagation(weights, 2).axes
    kept, others = (line.get_ydata().tolist() for line in left.lines)
    assert (kept, others) == ([6, 2], [1, 1])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.6, 0.8, 0.9, 1.0])
    assert texts(right)[0] == "80% with 2"


def test_a_codebook_has_every_point_and_its_centre():
    points, centres = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), np.array([[1.5, 0], [0, 3]])
    (axes,) = plots.codebook(points, centres, [0, 0, 1]).axes
    one, other, crosses = axes.lines[:3]
    np.testing.assert_array_equal(one.get_xydata(), points[:2])
    np.testing.assert_array_equal(other.get_xydata(), points[2:])
    np.testing.assert_array_equal(crosses.get_xydata(), centres)
    assert one.get_color() != other.get_color()


def test_close_centres_of_a_codebook_differ_in_colour():
    centres = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    (axes,) = plots.codebook(centres, centres, range(16)).axes
    dots = [(line.get_xydata()[0], line.get_color()) for line in axes.lines[:16]]
    for place, colour in dots:
        for other, another in dots:
            if np.abs(place - other).sum() == 1:
                assert colour != another


# ---------------------------------------------------------------------- in words
def test_a_figure_is_stored_with_what_it_shows(toy):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.pylabtools import select_figure_formats

    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})
    formatter = shell.display_formatter
    figure = plots.lines(
        pd.DataFrame({"MF": [1.0, 2.0]}, [3, 4]), "films known", "recall", "A curve"
    )
    data, metadata = formatter.format(figure)
    assert data["image/png"].startswith("iVBORw0KGgo")  # PNG, in base64
    assert data["text/plain"].startswith("<Figure size")
    alt = metadata["image/png"]["alt"]
    assert alt.startswith("A curve: lines")
    assert "recall against films known" in alt
    pixels = int.from_bytes(base64.b64decode(data["image/png"])[16:20], "big")
    assert metadata["image/png"]["width"] == pixels // 2  # sharp where a pixel is two
    assert 700 < metadata["image/png"]["width"] < 800
    _, metadata = formatter.format(plots.bipartite(toy.interactions, title="Likes"))
    assert metadata["image/png"]["alt"].startswith("Likes: a drawing, edges Ana to Alien, ")
    _, metadata = formatter.format(plots.long_tail(toy.interactions))
    assert metadata["image/png"]["alt"].startswith("2 panels. ")
    shell.clear_instance()


def test_a_drawing_is_read_out_by_its_edges(toy):
    likes = described(
        plots.bipartite(
            toy.interactions, path=["Ana", "Alien", "Ben"], levels={"Ana": 0, "Alien": 1}
        )
    )
    for user, item in toy.interactions.to_frame()[["user", "item"]].itertuples(index=False):
        assert f"{user} to {item}" in likes
    assert "a thick path Ana, Alien, Ben; numbers Ana 0, Alien 1." in likes
    tree = described(
        plots.unrolled({"Two": computation_tree(toy.interactions, 0, 2)}, toy.interactions)
    )
    assert tree == (
        "Two: a drawing, layer 2 of Ana from Alien, Blade Runner; layer 1 of Alien from Ana, Ben; "
        "layer 1 of Blade Runner from Ana, Ben."
    )
    formula = described(plots.message_passing("Ana", ["Dune"], r"$\mathbf{h}_u W$", "sum", "relu"))
    assert "h_u W" in formula
    assert not set("$\\{}") & set(formula)


def test_a_table_is_read_out_row_by_row(toy):
    likes = described(plots.interaction_matrix(toy.interactions))
    assert "columns Alien, Blade Runner, Casablanca, Dune, Emma" in likes
    assert "row by row: Ana 1 1 ? ? ?; Ben 1 1 1 ? ?; Cem ? ? 1 1 ?" in likes
    two = described(plots.ranked_lists({"A": [True, False, True], "B": [False, True, True]}))
    assert "A hit – hit; B – hit hit" in two
    grey = described(plots.pixels({"grey": np.arange(6).reshape(2, 3)}))
    assert grey == "grey: a table, row by row: 0 1 2; 3 4 5."
    large = described(plots.pixels({"large": np.ones((4, 20))}))
    assert large.startswith("large: a table of colours, 4 rows of 20")
