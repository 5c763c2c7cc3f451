"""The sparse engine beside dense float64 algebra and PyTorch Geometric."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tables import interactions, likes_of
from torch import Tensor
from torch_geometric.nn import LGConv

from gnnrec_helpers import Interactions, Split, load, models
from gnnrec_helpers.engine import propagation
from gnnrec_helpers.engine.propagation import (
    Adjacency,
    bipartite_matrix,
    normalize,
    propagate,
    propagate_batch,
    propagate_layers,
    user_item_adjacency,
)
from gnnrec_helpers.engine.sampling import PairSampler
from gnnrec_helpers.engine.sparse_product import (
    multiply,
    some_rows,
    transposed,
)
from gnnrec_helpers.models import LightGCN
from gnnrec_helpers.objectives import SampledSoftmax

many = settings(max_examples=150, deadline=None, derandomize=True)


# ---------------------------------------------------------------------- strategies
@st.composite
def square_matrices(draw: st.DrawFn) -> np.ndarray:
    """A bipartite graph however normalized, or any weights, symmetric or not."""
    if draw(st.booleans()):
        matrix = bipartite_matrix(interactions(draw(likes_of())))
        return normalize(matrix, draw(st.sampled_from(["symmetric", "mean", "none"]))).toarray()
    nodes = draw(st.integers(1, 8))
    weights = st.sampled_from([0.0, 0.0, 0.0, 0.25, 0.5, 1.0, -1.5])
    values = draw(st.lists(weights, min_size=nodes**2, max_size=nodes**2))
    return np.array(values).reshape(nodes, nodes)


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """A matrix, embeddings, layers, rows wanted (maybe twice), weights of the layers, an order."""
    matrix = draw(square_matrices())
    layers = draw(st.integers(0, 4))
    node = st.integers(0, len(matrix) - 1)
    weight = st.sampled_from([0.0, 0.1, 0.5, 1.0, -2.0])
    weights = st.lists(weight, min_size=layers + 1, max_size=layers + 1)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    return {
        "matrix": matrix,
        "embeddings": torch.randn(len(matrix), draw(st.integers(1, 3)), generator=generator),
        "layers": layers,
        "rows": draw(st.none() | st.lists(node, max_size=12)),
        "combine": draw(st.none() | weights),
        "order": draw(st.none() | st.permutations(range(len(matrix))).map(np.array)),
    }


def dense_polynomial(
    matrix: Tensor, x: Tensor, layers: int, rows: list[int] | None, combine: list[float] | None
) -> Tensor:
    """The definition, in float64."""
    weights = [1 / (layers + 1)] * (layers + 1) if combine is None else combine
    total = sum(w * (torch.linalg.matrix_power(matrix, k) @ x) for k, w in enumerate(weights))
    return total if rows is None else total[rows]


def assert_near(found: Tensor, expected: Tensor, size: Tensor, relative: float) -> None:
    """Within `relative` of the size that the sums reach before anything cancels."""
    assert found.shape == expected.shape
    bound = relative * (size.max().item() if size.numel() else 0.0) + 1e-12
    assert found.numel() == 0 or (found.double() - expected).abs().max().item() <= bound


# ---------------------------------------------------------------------- forward and backward
@many
@given(problems())
def test_propagation_and_its_gradient_are_those_of_the_dense_product(problem: dict) -> None:
    matrix, start = torch.from_numpy(problem["matrix"]), problem["embeddings"]
    layers, rows, combine = problem["layers"], problem["rows"], problem["combine"]
    adjacency = Adjacency(sparse.csr_array(problem["matrix"]), problem["order"])

    given_ = start.clone().requires_grad_()
    wanted = None if rows is None else torch.tensor(rows, dtype=torch.int64)
    found = propagate(adjacency, given_, layers, wanted, combine)
    target = torch.linspace(-1.0, 2.0, found.numel()).view(found.shape)
    found.backward(target)

    other = start.double().requires_grad_()
    expected = dense_polynomial(matrix, other, layers, rows, combine)
    expected.backward(target.double())

    sizes = start.double().abs().requires_grad_()
    positive = None if combine is None else [abs(weight) for weight in combine]
    size = dense_polynomial(matrix.abs(), sizes, layers, rows, positive)
    size.backward(target.double().abs())

    assert found.dtype == torch.float32
    assert_near(found.detach(), expected.detach(), size.detach(), 1e-6)
    assert_near(given_.grad, other.grad, sizes.grad, 1e-5)
    assert torch.equal(given_.detach(), start)  # nothing was written into what was given


@many
@given(problems(), st.booleans(), st.booleans())
def test_a_batch_and_where_it_started_share_one_backward_pass(
    problem: dict, use_found: bool, use_start: bool
) -> None:
    matrix, layers, combine = (
        torch.from_numpy(problem["matrix"]),
        problem["layers"],
        problem["combine"],
    )
    rows = problem["rows"] or [0]
    adjacency = Adjacency(sparse.csr_array(problem["matrix"]), problem["order"])
    one = problem["embeddings"].clone().requires_grad_()
    other = problem["embeddings"].double().requires_grad_()
    found, start = propagate_batch(adjacency, one, layers, torch.tensor(rows), combine)
    assert torch.equal(start, one[rows])
    target = torch.linspace(-1.0, 2.0, found.numel()).view(found.shape)
    loss = use_found * (found * target).sum() + use_start * (start * (target + 1)).square().sum()
    loss.backward()
    dense = dense_polynomial(matrix, other, layers, rows, combine)
    expected = use_found * (dense * target.double()).sum()
    expected = expected + use_start * (other[rows] * (target.double() + 1)).square().sum()
    expected.backward()
    scale = max(other.grad.abs().max().item(), (target.abs() * found.abs()).sum().item(), 1.0)
    assert (one.grad.double() - other.grad).abs().max().item() <= 1e-5 * scale


def test_only_one_of_both_results_may_be_used() -> None:
    adjacency = Adjacency(sparse.csr_array([[0.0, 1], [1, 0]]))
    for which, expected in ((0, [0.5, 0.5]), (1, [1.0, 0.0])):
        x = torch.ones(2, 1, requires_grad=True)
        propagate_batch(adjacency, x, 1, torch.tensor([0]))[which].sum().backward()
        assert x.grad.flatten().tolist() == expected


@many
@given(square_matrices(), st.integers(0, 4))
def test_every_layer_by_itself(matrix: np.ndarray, layers: int) -> None:
    start = torch.linspace(-1, 1, 2 * len(matrix), dtype=torch.float64).view(-1, 2)
    found = propagate_layers(Adjacency(sparse.csr_array(matrix)), start, layers)
    assert len(found) == layers + 1
    for power, layer in enumerate(found):
        expected = np.linalg.matrix_power(matrix, power) @ start.numpy()
        np.testing.assert_allclose(layer, expected, rtol=1e-6, atol=1e-5)


@many
@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.integers(-2, 2), min_size=25, max_size=25))
def test_one_product_with_any_matrix_and_back(rows: int, columns: int, values: list[int]) -> None:
    matrix = np.array(values[: rows * columns], np.float64).reshape(rows, columns)
    start = torch.arange(2.0 * columns, dtype=torch.float64).view(columns, 2).requires_grad_()
    found = Adjacency(sparse.csr_array(matrix))(start)
    target = torch.arange(1.0, 2 * rows + 1, dtype=torch.float64).view(rows, 2)
    found.backward(target)
    np.testing.assert_array_equal(found.detach(), matrix @ start.detach().numpy())
    np.testing.assert_array_equal(start.grad, matrix.T @ target.numpy())


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_of_no_columns(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = Adjacency(sparse.csr_array(np.ones((3, 5))))(torch.ones(5, 0))
    finally:
        torch.set_num_threads(before)
    assert found.shape == (3, 0)


def lgconv(train: Interactions, x: Tensor, layers: int) -> Tensor:
    """The mean of the layers, by PyTorch Geometric."""
    user = torch.from_numpy(train.user_index)
    item = torch.from_numpy(train.item_index) + train.num_users
    edges = torch.stack([torch.cat([user, item]), torch.cat([item, user])])
    convolve, outputs = LGConv(), [x]
    for _ in range(layers):
        outputs.append(convolve(outputs[-1], edges))
    return torch.stack(outputs).mean(0)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_lightgcn_s_propagation_is_pyg_s(movielens_split: Split, layers: int) -> None:
    train = movielens_split.train
    assert (train.item_degrees() == 0).any()  # isolated nodes are among them
    nodes = train.num_users + train.num_items
    x = torch.randn(nodes, 16, generator=torch.Generator().manual_seed(0))
    found = propagate(user_item_adjacency(train), x, layers)
    torch.testing.assert_close(found, lgconv(train, x, layers), rtol=0, atol=1e-6)


def test_the_gradient_of_a_batch_is_pyg_s(movielens_split: Split) -> None:
    train = movielens_split.train
    generator = torch.Generator().manual_seed(1)
    nodes = train.num_users + train.num_items
    x = torch.randn(nodes, 8, generator=generator)
    rows = torch.randint(nodes, (500,), generator=generator)
    target = torch.randn(500, 8, generator=generator)
    ours, theirs = x.clone().requires_grad_(), x.double().requires_grad_()
    propagate(user_item_adjacency(train), ours, 3, rows).backward(target)
    lgconv(train, theirs, 3)[rows].backward(target.double())
    assert_near(ours.grad, theirs.grad, theirs.grad.abs(), 1e-5)


def test_some_rows_are_those_of_the_whole(movielens_split: Split) -> None:
    adjacency = user_item_adjacency(movielens_split.train)
    x = torch.randn(adjacency.shape[0], 4, generator=torch.Generator().manual_seed(2))
    rows = torch.tensor([5, 0, 5, adjacency.shape[0] - 1, 700])
    found = propagate(adjacency, x, 2, rows, combine=[0.0, 0.0, 1.0])
    torch.testing.assert_close(found, propagate(adjacency, x, 2, combine=[0, 0, 1])[rows])


@many
@given(likes_of(), st.data())
def test_rows_and_transpose(likes: np.ndarray, data: st.DataObject) -> None:
    adjacency = user_item_adjacency(interactions(likes), "mean")
    dense = adjacency(torch.eye(adjacency.shape[0]))
    wanted = data.draw(st.lists(st.integers(0, len(dense) - 1), unique=True, min_size=1))
    rows = torch.tensor(wanted)
    eye = torch.eye(len(dense))
    some = some_rows(adjacency.csr(), rows)
    torch.testing.assert_close(multiply(some, eye), dense[rows])
    back = transposed(some, len(dense))
    assert [part.dtype for part in back] == [part.dtype for part in adjacency.csr()]
    torch.testing.assert_close(multiply(back, eye[: len(rows), : len(rows)]), dense[rows].T)


# ---------------------------------------------------------------------- order of the nodes
def test_a_large_graph_is_reordered_and_nothing_changes(
    movielens_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = movielens_split.train
    plain = user_item_adjacency(train)
    monkeypatch.setattr(propagation, "LARGE", 1000)
    ordered = user_item_adjacency(train)
    assert plain.node_at_slot is None
    assert sorted(ordered.node_at_slot.tolist()) == list(range(plain.shape[0]))
    assert ordered.node_at_slot.tolist() != list(range(plain.shape[0]))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(plain.shape[0], 8, generator=generator)
    rows = torch.randint(len(x), (300,), generator=generator)
    found = []
    for adjacency in (plain, ordered):
        given_ = x.clone().requires_grad_()
        outputs = [propagate(adjacency, given_, 3, rows), propagate(adjacency, given_, 2)]
        outputs += [adjacency(given_), *propagate_batch(adjacency, given_, 1, rows)]
        sum(out.square().sum() for out in outputs).backward()
        found.append([*(out.detach() for out in outputs), given_.grad])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_one_and_two_threads_and_repeats_agree_to_the_bit(
    movielens_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propagation, "LARGE", 1000)
    train = movielens_split.train
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 2):
            torch.set_num_threads(count)
            model = LightGCN(train, dim=16, seed=0)
            batches = PairSampler(train, 512, 64, seed=0, shared=True).epoch(0)
            for batch, _ in zip(batches, range(3), strict=False):
                SampledSoftmax(64, 0.01)(model, batch).backward()
            found.append(model.nodes.weight.grad)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])


def test_layers_by_hand_on_the_toy(toy: Interactions) -> None:
    x = torch.arange(1.0, 11).unsqueeze(1)  # Ana 1 ... Eli 5, Alien 6 ... Emma 10
    layer = propagate_layers(user_item_adjacency(toy), x, 1)[1].flatten()
    assert layer[0].item() == pytest.approx(6 / 2 + 7 / 2)  # Ana: Alien, Blade Runner
    assert layer[4].item() == pytest.approx(10 / math.sqrt(2))  # Eli: Emma
    assert layer[7].item() == pytest.approx(2 / math.sqrt(6) + 3 / 2)  # Casablanca: Ben, Cem
    mean = propagate(user_item_adjacency(toy, "mean"), x, 1, torch.tensor([1]))
    assert mean.item() == pytest.approx((2 + (6 + 7 + 8) / 3) / 2)  # Ben


# ---------------------------------------------------------------------- matrices
@many
@given(likes_of())
def test_the_bipartite_matrix_has_users_first(likes: np.ndarray) -> None:
    users, items = likes.shape
    found = bipartite_matrix(interactions(likes)).toarray()
    expected = np.block([[np.zeros((users, users)), likes], [likes.T, np.zeros((items, items))]])
    np.testing.assert_array_equal(found, expected)


@many
@given(likes_of())
def test_normalisations_entry_by_entry(likes: np.ndarray) -> None:
    matrix = bipartite_matrix(interactions(likes))
    plain = matrix.toarray()
    of_row, of_column = plain.sum(axis=1), plain.sum(axis=0)
    expected = {how: np.zeros_like(plain) for how in ("symmetric", "mean")}
    for row, column in np.argwhere(plain):
        expected["symmetric"][row, column] = 1 / math.sqrt(of_row[row] * of_column[column])
        expected["mean"][row, column] = 1 / of_row[row]
    for how, wanted in (*expected.items(), ("none", plain)):
        found = normalize(matrix, how)
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-14)
        adjacency = user_item_adjacency(interactions(likes), how)
        np.testing.assert_allclose(adjacency(torch.eye(len(plain))), wanted, rtol=1e-6)
    np.testing.assert_array_equal(matrix.toarray(), plain)


def test_weighted_and_directed_matrices_are_divided_by_their_sums() -> None:
    matrix = sparse.csr_array([[0, 2, 2], [0, 0, 1], [0, 0, 0]])
    root = math.sqrt
    symmetric = [[0, 2 / root(4 * 2), 2 / root(4 * 3)], [0, 0, 1 / root(3)], [0, 0, 0]]
    np.testing.assert_allclose(normalize(matrix).toarray(), symmetric)
    np.testing.assert_allclose(
        normalize(matrix, "mean").toarray(), [[0, 0.5, 0.5], [0, 0, 1], [0, 0, 0]]
    )


def test_symmetry_is_noticed() -> None:
    symmetric = Adjacency(sparse.csr_array([[0.0, 2], [2, 1]]))
    other_values = Adjacency(sparse.csr_array([[0.0, 2], [3, 1]]))
    other_places = Adjacency(sparse.csr_array([[0.0, 2], [0, 1]]))
    wide = Adjacency(sparse.csr_array([[0.0, 2, 0]]))
    kinds = [a.symmetric for a in (symmetric, other_values, other_places, wide)]
    assert kinds == [True, False, False, False]
    assert repr(symmetric) == "Adjacency(2 x 2, symmetric, 3 entries)"
    assert repr(wide) == "Adjacency(1 x 3, 1 entries)"


def test_an_adjacency_moves_with_the_model_and_is_no_weight() -> None:
    adjacency = Adjacency(sparse.csr_array([[0.0, 2], [3, 1]]))
    assert adjacency.state_dict() == {}
    assert list(adjacency.parameters()) == []
    elsewhere = adjacency.to("meta")
    for part in (*elsewhere.csr(), *elsewhere.csr(transposed=True)):
        assert part.device.type == "meta"


def test_rows_in_any_order_make_the_same_adjacency() -> None:
    shuffled = sparse.csr_array((np.array([3.0, 2.0]), np.array([1, 0]), np.array([0, 2, 2])))
    found = Adjacency(sparse.csr_array(shuffled, shape=(2, 2)))
    assert found(torch.tensor([[1.0], [10.0]])).flatten().tolist() == [32.0, 0.0]


# ---------------------------------------------------------------------- bad input
SQUARE = sparse.csr_array([[0.0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("matrix", "arguments", "said"),
    [
        (SQUARE, {"layers": -1}, r"layers=-1: zero or more"),
        (SQUARE, {"layers": 2, "combine": [0.5, 0.5]}, r"combine has 2 weights; 2 layers need 3\."),
        (sparse.csr_array((3, 3)), {"layers": 1}, r"shape \(3, 3\) cannot propagate 2 rows"),
        (sparse.csr_array((1, 2)), {"layers": 1}, r"shape \(1, 2\).*must be square"),
    ],
)
def test_what_cannot_be_propagated(matrix, arguments: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        propagate(Adjacency(matrix), torch.ones(2, 1), **arguments)


def test_an_unknown_normalisation() -> None:
    with pytest.raises(ValueError, match=r"how='row': choose 'symmetric', 'mean' or 'none'\."):
        normalize(SQUARE, "row")


# ---------------------------------------------------------------------- a thinned graph
@pytest.mark.parametrize("ordered", [False, True])
def test_thinning_drops_entries_with_their_mirror_images(ordered: bool) -> None:
    generator = np.random.default_rng(0)
    dense = np.triu(generator.random((40, 40)) < 0.5, 1) * generator.random((40, 40))
    matrix = sparse.csr_array(dense + dense.T)
    adjacency = Adjacency(matrix, generator.permutation(40) if ordered else None)
    thin = adjacency.thinned(0.3, np.random.default_rng(1))(torch.eye(40)).numpy()
    np.testing.assert_array_equal(thin, thin.T)
    kept = thin != 0
    np.testing.assert_allclose(thin[kept], matrix.toarray()[kept], rtol=1e-6)
    assert kept.sum() / matrix.nnz == pytest.approx(0.7, abs=0.06)
    # the one it was made from is as before
    np.testing.assert_allclose(adjacency(torch.eye(40)).numpy(), matrix.toarray(), rtol=1e-6)
    with pytest.raises(ValueError, match="symmetric"):
        Adjacency(sparse.csr_array(dense)).thinned(0.3, generator)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_the_fast_ways_are_what_their_slow_versions_say(
    layers: int, order: list[int] | None
) -> None:
    generator = np.random.default_rng(0)
    matrix = sparse.csr_array(generator.random((4, 4)) * (generator.random((4, 4)) < 0.7))
    adjacency = Adjacency(matrix, None if order is None else np.array(order))
    np.testing.assert_allclose(adjacency.to_scipy().toarray(), matrix.toarray(), rtol=1e-6)
    weights = generator.random(layers + 1).tolist()
    nodes = torch.tensor([3, 0, 3])
    signal = torch.from_numpy(generator.random((4, 2))).float()
    results = []
    for fast in (True, False):
        x = signal.clone().requires_grad_()
        if fast:
            rows, start = propagation.propagate_batch(adjacency, x, layers, nodes, weights)
            everything = propagate(adjacency, x, layers, combine=weights)
        else:
            outputs = propagate_layers(adjacency, x, layers)
            everything = sum(w * layer for w, layer in zip(weights, outputs, strict=True))
            rows, start = everything[nodes], x[nodes]
        (rows.square().sum() + 3 * start.pow(3).sum() + everything.exp().sum()).backward()
        results.append((everything, rows, start, x.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_a_graph_of_ones_own_is_saved_with_the_model(toy: Interactions, tmp_path: Path) -> None:
    matrix = normalize(bipartite_matrix(toy), "mean")
    for order in (None, np.arange(10)[::-1].copy()):
        model = models.LightGCN(toy, dim=4, adjacency=Adjacency(matrix, order))
        model.save(tmp_path / "it")
        again = load(tmp_path / "it")
        assert torch.equal(again.score(torch.arange(5)), model.score(torch.arange(5)))
        assert again.identity() == model.identity()
    plain = models.LightGCN(toy, dim=4)
    assert plain.identity() != model.identity()
