"""Bags against rows of dense powers of the matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from gnnrec_helpers.engine.propagation import Adjacency, normalize
from gnnrec_helpers.engine.truncation import Bags, bag_rows, truncated_rows, walked_rows

N, DIM = 40, 5
COMBINE = [0.1, 0.2, 0.3, 0.4]


def graph(seed: int = 0, symmetric: bool = True) -> np.ndarray:
    """Random weights; the last node has no edges."""
    generator = np.random.default_rng(seed)
    matrix = np.where(generator.random((N, N)) < 0.12, generator.random((N, N)) + 0.1, 0.0)
    matrix = matrix + matrix.T if symmetric else matrix
    matrix[-1] = matrix[:, -1] = 0
    how = "symmetric" if symmetric else "mean"
    return normalize(sparse.csr_array(matrix), how).toarray()


def adjacency(matrix: np.ndarray, ordered: bool = False) -> Adjacency:
    order = np.random.default_rng(1).permutation(N) if ordered else None
    return Adjacency(sparse.csr_array(matrix), order)


def polynomial(matrix: np.ndarray, combine: list[float]) -> np.ndarray:
    return sum(a * np.linalg.matrix_power(matrix, power) for power, a in enumerate(combine))


def dense(bags: Bags) -> np.ndarray:
    offsets, columns, weights = (part.numpy() for part in bags.csr(torch.arange(len(bags.nodes))))
    return sparse.csr_array((weights, columns, offsets), shape=(N, N)).toarray()


# ---------------------------------------------------------------------- exact rows
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("k", [1, 7, N, N + 3])
def test_bags_are_the_largest_of_each_row(
    k: int, ordered: bool, symmetric: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gnnrec_helpers.engine import truncation

    monkeypatch.setattr(truncation, "NODES_AT_ONCE", 7)  # several blocks, the last one smaller
    matrix = graph(symmetric=symmetric)
    for combine in (None, COMBINE):
        bags = truncated_rows(adjacency(matrix, ordered), 3, k, combine)
        assert bags.nodes.shape == bags.weights.shape == (N, k)
        rows = polynomial(matrix, combine or [0.25] * 4)
        largest = np.sort(rows, axis=1)[:, ::-1][:, :k]
        scale = rows.sum(1, keepdims=True) / largest.sum(1, keepdims=True)
        np.testing.assert_allclose(bags.weights[:, :N], largest * scale, atol=1e-6)
        held = dense(bags)
        assert ((held > 0).sum(1) == (largest > 0).sum(1)).all()  # no node twice
        np.testing.assert_allclose(held, np.where(held > 0, rows * scale, 0.0), atol=1e-6)


def test_without_layers_a_bag_is_the_node_itself() -> None:
    bags = truncated_rows(adjacency(graph()), 0, 3)
    np.testing.assert_allclose(dense(bags), np.eye(N))


def test_negative_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="Rows with negative weights have no largest part"):
        truncated_rows(adjacency(-graph()), 2, 3)
    with pytest.raises(ValueError, match="k=0"):
        truncated_rows(adjacency(graph()), 2, 0)
    with pytest.raises(ValueError, match="walks=0"):
        walked_rows(adjacency(graph()), 2, 3, 0)


# ---------------------------------------------------------------------- random walks
@pytest.mark.parametrize("symmetric", [True, False])
def test_walks_estimate_rows_without_bias(symmetric: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of many is the row, and the error falls with the root of their number."""
    from gnnrec_helpers.engine import truncation

    monkeypatch.setattr(truncation, "STEPS_AT_ONCE", 300_000)  # several blocks
    matrix = graph(symmetric=symmetric)
    rows = polynomial(matrix, COMBINE)
    errors = []
    for walks in (250, 16_000):
        bags = walked_rows(adjacency(matrix, True), 3, N, walks, combine=COMBINE)
        np.testing.assert_allclose(bags.weights.sum(1), rows.sum(1), rtol=1e-5)
        errors.append(np.abs(dense(bags) - rows).max())
    assert errors[1] < 0.02
    assert 3 < errors[0] / errors[1] < 20  # 8 is expected
    again = walked_rows(adjacency(matrix, True), 3, N, walks, combine=COMBINE)
    assert torch.equal(again.weights, bags.weights)
    other = walked_rows(adjacency(matrix, True), 3, N, walks, combine=COMBINE, seed=1)
    assert not torch.equal(other.weights, bags.weights)


def test_walks_find_the_largest() -> None:
    matrix = graph()
    exact, found = (dense(bags) for bags in (
        truncated_rows(adjacency(matrix), 3, 5), walked_rows(adjacency(matrix), 3, 5, 20_000),
    ))  # fmt: skip
    assert (found > 0).sum(1).max() <= 5
    assert np.abs(found - exact).mean() < 1e-3


# ---------------------------------------------------------------------- sums and gradients
def test_sums_and_gradients_are_those_of_the_dense_matrix() -> None:
    bags = truncated_rows(adjacency(graph(), True), 3, 6)
    draw = torch.Generator().manual_seed(0)
    table = torch.randn(N, DIM, generator=draw, requires_grad=True)
    nodes = torch.tensor([3, 0, 3, N - 1, 8])
    sums, start = bag_rows(bags, table, nodes)
    weights = torch.from_numpy(dense(bags)).float()
    torch.testing.assert_close(sums, (weights @ table)[nodes])
    torch.testing.assert_close(start, table[nodes])
    arriving = torch.randn(2, 5, DIM, generator=draw)
    (gradient,) = torch.autograd.grad((sums * arriving[0] + start * arriving[1]).sum(), table)
    expected = ((weights @ table)[nodes] * arriving[0] + table[nodes] * arriving[1]).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, table)[0])
