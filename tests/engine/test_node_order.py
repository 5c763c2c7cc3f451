"""An order of the nodes: all of them, neighbours together, kinds apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tables import interactions, likes_of

from gnnrec_helpers.engine import node_order
from gnnrec_helpers.engine.node_order import neighbourhood_order
from gnnrec_helpers.engine.propagation import bipartite_matrix


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_order, "TOGETHER", 2)


def communities(count: int, size: int, seed: int = 0) -> tuple[sparse.csr_array, np.ndarray]:
    """Groups with many edges inside and few between, numbered at random; the group of each."""
    generator = np.random.default_rng(seed)
    group = generator.permutation(np.repeat(np.arange(count), size))
    chance = np.where(group[:, None] == group, 0.2, 0.2 / size)
    upper = np.triu(generator.random(chance.shape) < chance, 1)
    return sparse.csr_array((upper | upper.T).astype(float)), group


@settings(max_examples=100, deadline=None, derandomize=True)
@given(likes_of(), st.integers(0, 3))
def test_every_node_once_and_kinds_apart(likes: np.ndarray, seed: int) -> None:
    """Also with isolated nodes, and with no edge at all."""
    matrix = bipartite_matrix(interactions(likes))
    before, node_order.TOGETHER = node_order.TOGETHER, 2
    try:
        order = neighbourhood_order(matrix, likes.shape, seed)
        again = neighbourhood_order(matrix, likes.shape, seed)
    finally:
        node_order.TOGETHER = before
    users, items = likes.shape
    assert sorted(order[:users].tolist()) == list(range(users))
    assert sorted(order[users:].tolist()) == list(range(users, users + items))
    assert order.tolist() == again.tolist()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_neighbours_come_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_order, "TOGETHER", 100)
    matrix, group = communities(8, 100, seed)
    order = neighbourhood_order(matrix)
    changes = (np.diff(group[order]) != 0).sum()
    assert changes <= 20  # 7 at best, about 700 at random
    tails, heads = matrix.nonzero()
    place = np.argsort(order)
    assert np.abs(place[tails] - place[heads]).mean() < np.abs(tails - heads).mean() / 3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_parts_face_the_part_they_were_cut_from(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes on a line, linked to those near by, come out in the order of the line."""
    monkeypatch.setattr(node_order, "TOGETHER", 50)
    where = np.random.default_rng(seed).random(400)
    near = np.abs(where[:, None] - where) < 0.15
    order = neighbourhood_order(sparse.csr_array(near.astype(float)), seed=seed)
    assert abs(np.corrcoef(where[order], np.arange(400))[0, 1]) > 0.95


def test_weights_do_not_matter_only_where_they_are() -> None:
    matrix, _ = communities(4, 50)
    other = matrix.copy()
    other.data = np.linspace(-3.0, 5.0, other.nnz)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(node_order, "TOGETHER", 50)
    with monkey.context():
        assert neighbourhood_order(matrix).tolist() == neighbourhood_order(other).tolist()
    monkey.undo()


def test_the_cut_has_the_least_conductance(small_parts: None) -> None:
    """Two triangles joined by one edge come apart at that edge."""
    edges = np.array([[0, 2], [2, 4], [4, 0], [1, 3], [3, 5], [5, 1], [4, 1]])
    matrix = sparse.coo_array((np.ones(7), edges.T), shape=(6, 6)).tocsr()
    order = neighbourhood_order(sparse.csr_array(matrix + matrix.T))
    assert {frozenset((order[:3] % 2).tolist()), frozenset((order[3:] % 2).tolist())} == {
        frozenset({0}),
        frozenset({1}),
    }
