"""Image convolution on the grid graph, against `conv2d`, NetworkX and PyTorch Geometric."""

import networkx as nx
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers.course.grids import GridGraph, grid_graph, positional_convolution


def seeded(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def on_graph(image, kernel, grid=None):
    """`conv2d` of one image (channels, height, width), by way of the graph."""
    height, width = image.shape[1:]
    grid = grid_graph(height, width, kernel.shape[2]) if grid is None else grid
    return positional_convolution(image.flatten(1).T, grid, kernel).T.reshape(-1, height, width)


def test_edges_and_labels_of_two_by_two_pixels():
    grid = grid_graph(2, 2)
    found = {
        (source, target): label
        for (source, target), label in zip(
            grid.edge_index.T.tolist(), grid.position.tolist(), strict=True
        )
    }
    assert found == {
        (0, 0): 4, (1, 0): 5, (2, 0): 7, (3, 0): 8,
        (0, 1): 3, (1, 1): 4, (2, 1): 6, (3, 1): 7,
        (0, 2): 1, (1, 2): 2, (2, 2): 4, (3, 2): 5,
        (0, 3): 0, (1, 3): 1, (2, 3): 3, (3, 3): 4,
    }  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (3, 5), (6, 6)])
def test_edges_are_the_moves_of_a_king(height, width):
    board = nx.strong_product(nx.path_graph(height), nx.path_graph(width))
    moves = {(r * width + c, s * width + d) for (r, c), (s, d) in board.edges}
    moves |= {(b, a) for a, b in moves} | {(node, node) for node in range(height * width)}
    edges = grid_graph(height, width).edge_index.T.tolist()
    assert {tuple(edge) for edge in edges} == moves
    assert len(edges) == len(moves) == (3 * height - 2) * (3 * width - 2)


def test_opposite_edges_have_opposite_labels():
    grid = grid_graph(4, 5, size=5)
    label = dict(zip(map(tuple, grid.edge_index.T.tolist()), grid.position.tolist(), strict=True))
    assert all(label[source, target] + label[target, source] == 24 for source, target in label)


def test_edges_are_sorted_by_centre():
    centre = grid_graph(3, 4).edge_index[1]
    assert torch.equal(centre, centre.sort().values)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    size=st.sampled_from([1, 3, 5]),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_convolution_is_conv2d(height, width, size, channels):
    image = seeded(channels[0], height, width)
    kernel = seeded(channels[1], channels[0], size, size, seed=1)
    expected = F.conv2d(image[None], kernel, padding=size // 2)[0]
    torch.testing.assert_close(on_graph(image, kernel), expected, rtol=0, atol=1e-10)


def test_one_pixel_by_hand():
    image = torch.zeros(1, 4, 4, dtype=torch.float64)
    image[0, 1, 2], image[0, 2, 1], image[0, 2, 3] = 8.0, 2.0, 7.0
    kernel = torch.tensor([[0.0, 10, 0], [-1, 0, 3], [0, 0, 0]], dtype=torch.float64)
    assert on_graph(image, kernel[None, None])[0, 2, 2] == 10 * 8 - 1 * 2 + 3 * 7


def test_gradients_are_those_of_conv2d():
    image, kernel = seeded(2, 4, 3), seeded(3, 2, 3, 3, seed=1)
    image.requires_grad_()
    kernel.requires_grad_()
    ours = torch.autograd.grad(on_graph(image, kernel).square().sum(), (image, kernel))
    theirs = torch.autograd.grad(
        F.conv2d(image[None], kernel, padding=1).square().sum(), (image, kernel)
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_relational_gcn_with_a_relation_for_each_position():
    from torch_geometric.nn import RGCNConv

    nodes, kernel, grid = seeded(20, 2), seeded(3, 2, 3, 3, seed=1), grid_graph(4, 5)
    layer = RGCNConv(2, 3, num_relations=9, aggr="sum", root_weight=False, bias=False).double()
    layer.weight.data = kernel.flatten(2).permute(2, 1, 0).contiguous()
    expected = layer(nodes, grid.edge_index, grid.position)
    torch.testing.assert_close(positional_convolution(nodes, grid, kernel), expected)


def test_labels_that_move_along_make_it_equivariant_and_conv2d_is_not():
    image, kernel, grid = seeded(1, 6, 6), seeded(1, 1, 3, 3, seed=1), grid_graph(6, 6)
    move = torch.randperm(36, generator=torch.Generator().manual_seed(2))

    def moved(picture):
        return torch.empty_like(picture).flatten().index_copy(0, move, picture.flatten()).view(
            1, 6, 6
        )  # fmt: skip

    edges_moved = GridGraph(move[grid.edge_index], grid.position)
    convolved = F.conv2d(image[None], kernel, padding=1)[0]
    torch.testing.assert_close(on_graph(moved(image), kernel, edges_moved), moved(convolved))
    assert not torch.allclose(F.conv2d(moved(image)[None], kernel, padding=1)[0], moved(convolved))


def test_a_pixel_without_edges_gets_zero():
    grid = GridGraph(torch.tensor([[0], [1]]), torch.tensor([3]))
    found = positional_convolution(torch.tensor([[2.0], [5.0]]), grid, torch.ones(1, 1, 3, 3))
    assert found.tolist() == [[0.0], [2.0]]


@pytest.mark.parametrize("sides", [(0, 3), (3, 0)])
def test_an_image_without_pixels_is_refused(sides):
    with pytest.raises(ValueError, match="1 x 1 or more"):
        grid_graph(*sides)


@pytest.mark.parametrize("size", [0, 2, -1])
def test_a_window_without_a_middle_is_refused(size):
    with pytest.raises(ValueError, match=f"size={size}: an odd number"):
        grid_graph(3, 3, size)


@pytest.mark.parametrize(
    ("features", "kernel", "message"),
    [
        ((9, 2), (1, 1, 3, 3), r"\(out, in, size, size\) and \(nodes, in\) are needed"),
        ((9, 1), (3, 3), r"shape \(3, 3\) does not fit"),
        ((9,), (1, 9, 3, 3), "does not fit"),
        ((9, 1), (1, 1, 1, 1), r"positions up to 8, and this kernel has 1 weights"),
        ((8, 1), (1, 1, 3, 3), "9 nodes, and there are 8 rows"),
    ],
)
def test_what_does_not_fit_together_is_refused(features, kernel, message):
    with pytest.raises(ValueError, match=message):
        positional_convolution(torch.ones(features), grid_graph(3, 3), torch.ones(kernel))
