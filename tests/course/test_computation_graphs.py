"""Computation trees and graphs beside NetworkX, dense powers, autograd and PyG's sampler."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers import Interactions
from gnnrec_helpers.course.computation_graphs import (
    ComputationGraph,
    computation_graph,
    computation_tree,
    nodes_touched,
    tree_sizes,
)
from gnnrec_helpers.data.conversions import to_networkx
from gnnrec_helpers.engine.propagation import (
    bipartite_matrix,
    propagate_layers,
    user_item_adjacency,
)

few = settings(max_examples=40, deadline=None, derandomize=True)


def random_graph(seed: int) -> Interactions:
    likes = np.random.default_rng(seed).random((5, 6)) < 0.35
    user, item = np.nonzero(likes)
    return Interactions(user, item, pd.RangeIndex(5), pd.RangeIndex(6))


def paths(graph: ComputationGraph) -> list[list[int]]:
    """Every way from a place of the last level up to the target, as nodes."""
    found = [[int(graph.nodes[0][0])]]
    places = [0]
    for depth, (senders, receivers) in enumerate(graph.edges):
        steps = [
            ([*path, int(graph.nodes[depth + 1][sender])], int(sender))
            for path, place in zip(found, places, strict=True)
            for sender, receiver in zip(senders, receivers, strict=True)
            if receiver == place
        ]
        found, places = [path for path, _ in steps], [place for _, place in steps]
    return found


def walks(interactions: Interactions, node: int, layers: int) -> list[list[int]]:
    """All walks from a node, found one step at a time in NetworkX."""
    graph = nx.convert_node_labels_to_integers(to_networkx(interactions))
    found = [[node]]
    for _ in range(layers):
        found = [[*walk, other] for walk in found for other in graph.neighbors(walk[-1])]
    return found


def test_the_toy_by_hand(toy: Interactions) -> None:
    tree = computation_tree(toy, 0, 3)
    assert [level.tolist() for level in tree.nodes] == [
        [0],
        [5, 6],
        [0, 1, 0, 1],
        [5, 6, 5, 6, 7, 5, 6, 5, 6, 7],
    ]
    assert tree.edges[1].tolist() == [[0, 1, 2, 3], [0, 0, 1, 1]]
    assert (tree.layers, tree.sizes, tree.messages) == (3, [1, 2, 4, 10], 16)
    merged = computation_graph(toy, 0, 3)
    assert [level.tolist() for level in merged.nodes] == [[0], [5, 6], [0, 1], [5, 6, 7]]
    assert merged.edges[2].tolist() == [[0, 1, 0, 1, 2], [0, 0, 1, 1, 1]]
    assert (merged.layers, merged.sizes, merged.messages) == (3, [1, 2, 2, 3], 11)


@few
@given(st.integers(0, 10**6), st.integers(0, 10), st.integers(0, 3))
def test_both_hold_the_walks_of_networkx(seed: int, node: int, layers: int) -> None:
    table = random_graph(seed)
    expected = sorted(walks(table, node, layers))
    for unroll in (computation_tree, computation_graph):
        assert sorted(paths(unroll(table, node, layers))) == expected


@few
@given(st.integers(0, 10**6), st.integers(0, 10))
def test_trees_repeat_and_graphs_do_not(seed: int, node: int) -> None:
    table = random_graph(seed)
    tree, merged = computation_tree(table, node, 3), computation_graph(table, node, 3)
    for level, other in zip(tree.nodes, merged.nodes, strict=True):
        assert other.tolist() == sorted(set(level.tolist()))
    for (senders, _), below in zip(tree.edges, tree.nodes[1:], strict=True):
        assert senders.tolist() == list(range(len(below)))
    assert tree_sizes(table, [node], 3)[0].tolist() == tree.sizes


@few
@given(st.integers(0, 10**6))
def test_sizes_are_rows_of_dense_powers(seed: int) -> None:
    table = random_graph(seed)
    matrix = bipartite_matrix(table).toarray()
    powers = [np.linalg.matrix_power(matrix, k).sum(1) for k in range(5)]
    np.testing.assert_array_equal(tree_sizes(table, range(11), 4), np.stack(powers, axis=1))


@few
@given(st.integers(0, 10**6))
def test_nodes_touched_are_those_that_get_a_gradient(seed: int) -> None:
    table = random_graph(seed)
    counts = nodes_touched(table, range(5), 3)
    adjacency = user_item_adjacency(table, "none")
    for user in range(5):
        for layers in range(4):
            start = torch.ones(11, 1, requires_grad=True)
            sum(propagate_layers(adjacency, start, layers))[user].sum().backward()
            assert counts[user, layers] == int((start.grad > 0).sum())
            touched = np.unique(np.concatenate(computation_graph(table, user, layers).nodes))
            assert counts[user, layers] == len(touched)


def test_a_merged_graph_computes_what_propagation_does(toy: Interactions) -> None:
    start = torch.arange(10.0)[:, None] + 1
    for node in range(10):
        graph = computation_graph(toy, node, 3)
        values = start[graph.nodes[3]]
        for (above, _), edges in zip(
            reversed(list(pairwise(graph.nodes))), reversed(graph.edges), strict=True
        ):
            senders, receivers = torch.from_numpy(edges)
            values = torch.zeros(len(above), 1).index_add(0, receivers, values[senders])
        layer = propagate_layers(user_item_adjacency(toy, "none"), start, 3)[3]
        assert values.item() == layer[node].item()


def test_pyg_finds_the_same_subgraph(toy: Interactions) -> None:
    from torch_geometric.utils import k_hop_subgraph

    edge_index = torch.from_numpy(np.stack(bipartite_matrix(toy).nonzero()).astype(np.int64))
    for user in range(5):
        for layers in range(4):
            subset, *_ = k_hop_subgraph(user, layers, edge_index, num_nodes=10)
            assert nodes_touched(toy, [user], layers)[0, layers] == len(subset)


def test_a_node_without_neighbours() -> None:
    table = Interactions(np.array([0]), np.array([0]), pd.Index(["a", "b"]), pd.Index(["x"]))
    for unroll in (computation_tree, computation_graph):
        graph = unroll(table, 1, 2)
        assert (graph.sizes, graph.messages) == ([1, 0, 0], 0)
    assert nodes_touched(table, [1], 2).tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("unroll", [computation_tree, computation_graph])
def test_bad_input_is_named(toy: Interactions, unroll: object) -> None:
    for node in (-1, 10):
        with pytest.raises(ValueError, match=f"node={node}: nodes are numbered from 0 to 9"):
            unroll(toy, node, 1)  # type: ignore[operator]
    with pytest.raises(ValueError, match="layers=-1: zero or more"):
        unroll(toy, 0, -1)  # type: ignore[operator]
    with pytest.raises(ValueError, match="layers=-2: zero or more"):
        tree_sizes(toy, [0], -2)


def test_a_tree_too_large_to_build_is_refused(toy: Interactions) -> None:
    with pytest.raises(ValueError, match=r"over 1,000,000: use fewer layers, or computation_graph"):
        computation_tree(toy, 0, 20)
    assert computation_graph(toy, 0, 20).sizes[-1] == 5
