"""Statistics of graphs beside NetworkX and double loops."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers import Interactions
from gnnrec_helpers.course.graph_statistics import components, gini, hops, reach
from gnnrec_helpers.data.conversions import to_networkx

few = settings(max_examples=40, deadline=None, derandomize=True)


def random_graph(seed: int) -> Interactions:
    likes = np.random.default_rng(seed).random((7, 9)) < 0.15
    user, item = np.nonzero(likes)
    return Interactions(user, item, pd.RangeIndex(7), pd.RangeIndex(9))


@few
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_gini_is_half_the_relative_mean_difference(values: list[int]) -> None:
    mean = sum(values) / len(values)
    differences = [abs(a - b) for a in values for b in values]
    expected = sum(differences) / len(differences) / 2 / mean
    assert gini(values) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("values", [[], [0, 0], [1, -1]])
def test_gini_of_nothing(values: list[int]) -> None:
    with pytest.raises(ValueError, match="not all of them zero"):
        gini(values)


@few
@given(st.integers(0, 10**6))
def test_components_and_hops_are_networkx_s(seed: int) -> None:
    table = random_graph(seed)
    graph = to_networkx(table)
    nodes = list(graph.nodes)
    found = components(table)
    sets = {frozenset(nodes[n] for n in np.flatnonzero(found == c)) for c in set(found.tolist())}
    assert sets == {frozenset(part) for part in nx.connected_components(graph)}
    assert (found == 0).sum() == max(map(len, nx.connected_components(graph)))

    distances = hops(table, range(7), most=4)
    for user in range(7):
        near = nx.single_source_shortest_path_length(graph, nodes[user], cutoff=4)
        assert distances[user].tolist() == [near.get(node, -1) for node in nodes]


def test_reach_on_the_toy_by_hand(toy: Interactions) -> None:
    # Ana: two films at 1 hop, Casablanca at 3, Dune at 5, Emma at 7
    assert reach(toy, [0], 7)[0].tolist() == [0, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8, 1]
    assert reach(toy, [0, 4], 1).shape == (2, 2)
    with pytest.raises(ValueError, match="most=-1"):
        hops(toy, [0], -1)
