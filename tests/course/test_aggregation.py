"""Aggregators against loops, PyTorch Geometric, pooling layers and a GCN by dense algebra."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers import datasets
from gnnrec_helpers.course.aggregation import aggregate, attend, softmax_by_target
from gnnrec_helpers.course.grids import grid_graph
from gnnrec_helpers.engine.propagation import bipartite_matrix, normalize

FOUR = ("sum", "mean", "max", "min")


def a_graph(nodes, num_edges, seed, dim=2):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(nodes, dim, generator=generator, dtype=torch.float64)
    edge_index = torch.randint(nodes, (2, num_edges), generator=generator)
    scores = 3 * torch.randn(num_edges, generator=generator, dtype=torch.float64)
    return features, edge_index, scores


def in_a_loop(features, edge_index, summary):
    rows = []
    for node in range(len(features)):
        mine = features[edge_index[0, edge_index[1] == node]]
        rows.append(summary(mine) if len(mine) else torch.zeros(features.shape[1]).double())
    return torch.stack(rows)


SUMMARIES = {
    "sum": lambda rows: rows.sum(0),
    "mean": lambda rows: rows.mean(0),
    "max": lambda rows: rows.max(0).values,
    "min": lambda rows: rows.min(0).values,
}
graphs = st.builds(a_graph, st.integers(1, 8), st.integers(0, 20), st.integers(0, 10**6))


def test_ben_by_hand():
    """Films with 8, 4 and 6; scores ln 2, 0, 0 make the weights 1/2, 1/4 and 1/4."""
    features = torch.tensor([[0.0], [8.0], [4.0], [6.0]])
    edge_index = torch.tensor([[1, 2, 3], [0, 0, 0]])
    found = {how: aggregate(features, edge_index, how)[0].item() for how in FOUR}
    assert found == {"sum": 18, "mean": 6, "max": 8, "min": 4}
    scores = torch.tensor([2.0, 1.0, 1.0]).log()
    assert attend(features, edge_index, scores)[0].item() == pytest.approx(6.5)


@pytest.mark.parametrize("how", FOUR)
@settings(max_examples=30, deadline=None)
@given(graph=graphs)
def test_each_node_by_itself(how, graph):
    features, edge_index, _ = graph
    expected = in_a_loop(features, edge_index, SUMMARIES[how])
    torch.testing.assert_close(aggregate(features, edge_index, how), expected)


@settings(max_examples=30, deadline=None)
@given(graph=graphs)
def test_attention_node_by_node(graph):
    features, edge_index, scores = graph
    weights = softmax_by_target(scores, edge_index[1], len(features))
    expected = torch.zeros_like(features)
    for node in range(len(features)):
        mine = edge_index[1] == node
        torch.testing.assert_close(weights[mine], scores[mine].softmax(0))
        expected[node] = scores[mine].softmax(0) @ features[edge_index[0, mine]]
    torch.testing.assert_close(attend(features, edge_index, scores), expected)


@settings(max_examples=30, deadline=None)
@given(graph=graphs, seed=st.integers(0, 1000))
def test_the_order_of_neighbours_does_not_matter(graph, seed):
    features, edge_index, scores = graph
    order = torch.randperm(len(scores), generator=torch.Generator().manual_seed(seed))
    for how in FOUR:
        torch.testing.assert_close(
            aggregate(features, edge_index[:, order], how), aggregate(features, edge_index, how)
        )
    shuffled = attend(features, edge_index[:, order], scores[order])
    torch.testing.assert_close(shuffled, attend(features, edge_index, scores))


@settings(max_examples=30, deadline=None)
@given(graph=graphs, seed=st.integers(0, 1000))
def test_renumbered_nodes_get_renumbered_results(graph, seed):
    features, edge_index, scores = graph
    new = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    moved = torch.empty_like(features)
    moved[new] = features
    for how in FOUR:
        found = aggregate(moved, new[edge_index], how)
        torch.testing.assert_close(found[new], aggregate(features, edge_index, how))
    found = attend(moved, new[edge_index], scores)
    torch.testing.assert_close(found[new], attend(features, edge_index, scores))


def test_pytorch_geometric_agrees():
    from torch_geometric.nn import SimpleConv
    from torch_geometric.utils import softmax

    features, edge_index, scores = a_graph(7, 15, seed=3)
    for how in FOUR:
        expected = SimpleConv(aggr=how)(features, edge_index)
        torch.testing.assert_close(aggregate(features, edge_index, how), expected)
    expected = softmax(scores, edge_index[1], num_nodes=7)
    torch.testing.assert_close(softmax_by_target(scores, edge_index[1], 7), expected)


def test_pooling_layers_agree_on_the_grid():
    image = torch.randn(1, 5, 7, generator=torch.Generator().manual_seed(0))
    pixels, edge_index = image.reshape(-1, 1), grid_graph(5, 7).edge_index
    pooled = {
        "max": F.max_pool2d(image, 3, 1, 1),
        "min": -F.max_pool2d(-image, 3, 1, 1),
        "mean": F.avg_pool2d(image, 3, 1, 1, count_include_pad=False),
        "sum": 9 * F.avg_pool2d(image, 3, 1, 1),
    }
    for how, expected in pooled.items():
        found = aggregate(pixels, edge_index, how).reshape(1, 5, 7)
        torch.testing.assert_close(found, expected)


def test_a_kernel_that_is_blind_to_places_is_a_neighbour_sum():
    image = torch.randn(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    kernel = torch.full((1, 1, 3, 3), 2.0)
    kernel[0, 0, 1, 1] = 5.0
    edge_index = grid_graph(6, 6).edge_index
    pixels, others = image.reshape(-1, 1), edge_index[:, edge_index[0] != edge_index[1]]
    found = 5 * pixels + 2 * aggregate(pixels, others)
    expected = F.conv2d(image, kernel, padding=1).reshape(-1, 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_gcn_layer_by_hand_and_by_pytorch_geometric():
    """Kipf & Welling 2017: Ana, Alien and Blade Runner have degree 3 with their self-loops."""
    from torch_geometric.nn import GCNConv

    likes = datasets.load("toy").interactions
    matrix = bipartite_matrix(likes)
    edge_index = torch.tensor(np.array(matrix.nonzero()))
    numbers = torch.tensor([3.0, 4, 1, 3, 2, 8, 4, 6, 2, 10])[:, None]
    layer = GCNConv(1, 1, bias=False)
    layer.lin.weight.data = torch.tensor([[2.0]])
    found = layer(numbers, edge_index)
    assert found[0].item() == pytest.approx(2 * (3 + 8 + 4) / 3)
    assert found[1].item() == pytest.approx(2 * (4 / 4 + 18 / 12**0.5), rel=1e-6)
    dense = normalize(matrix + np.eye(10)).toarray()
    np.testing.assert_allclose(found.detach(), 2 * dense @ numbers.numpy(), rtol=1e-6)


@pytest.mark.parametrize("how", FOUR)
def test_a_node_without_neighbours_gets_zero(how):
    features = torch.tensor([[-3.0, 2.0], [1.0, 1.0]])
    nobody = torch.zeros(2, 0, dtype=torch.int64)
    assert aggregate(features, nobody, how).tolist() == [[0, 0], [0, 0]]
    assert attend(features, nobody, torch.zeros(0)).tolist() == [[0, 0], [0, 0]]
    to_the_second = torch.tensor([[0], [1]])
    assert aggregate(features, to_the_second, how).tolist() == [[0, 0], [-3, 2]]


def test_large_scores_do_not_overflow():
    features, edge_index = torch.tensor([[1.0], [5.0]]), torch.tensor([[0, 1], [0, 0]])
    scores = torch.tensor([1000.0, 1000.0])
    assert attend(features, edge_index, scores)[0].item() == 3.0
    assert attend(features, edge_index, -scores)[0].item() == 3.0


def test_attention_has_gradients_of_the_softmax():
    features, edge_index, scores = a_graph(4, 9, seed=1)
    features.requires_grad_()
    scores.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, s: attend(x, edge_index, s), (features, scores), atol=1e-6
    )
    assert torch.autograd.gradcheck(lambda x: aggregate(x, edge_index, "mean"), (features,))


@pytest.mark.parametrize(
    ("features", "edge_index", "message"),
    [
        (torch.ones(3), torch.zeros(2, 1, dtype=torch.int64), r"shape \(nodes, dim\)"),
        (torch.ones(3, 1, dtype=torch.int64), torch.zeros(2, 1).long(), "torch.int64"),
        (torch.ones(3, 1), torch.zeros(3, 2, dtype=torch.int64), r"\(2, edges\) is needed"),
        (torch.ones(3, 1), torch.zeros(2, dtype=torch.int64), r"\(2, edges\) is needed"),
        (torch.ones(3, 1), torch.tensor([[0], [3]]), "nodes 0 to 3; there are nodes 0 to 2"),
        (torch.ones(3, 1), torch.tensor([[-1], [0]]), "nodes -1 to 0"),
    ],
)
def test_bad_input_is_refused(features, edge_index, message):
    with pytest.raises(ValueError, match=message):
        aggregate(features, edge_index)
    with pytest.raises(ValueError, match=message):
        attend(features, edge_index, torch.zeros(1))


def test_other_aggregators_and_scores_are_refused():
    features, edge_index = torch.ones(2, 1), torch.tensor([[0], [1]])
    with pytest.raises(ValueError, match="how='median': choose one of sum, mean, max, min"):
        aggregate(features, edge_index, "median")
    with pytest.raises(ValueError, match="one score an edge"):
        attend(features, edge_index, torch.zeros(2))
    with pytest.raises(ValueError, match="one score an edge"):
        attend(features, edge_index, torch.zeros(1, 1))
