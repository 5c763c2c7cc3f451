"""The core steps, each beside a few lines of arithmetic: what the mutation test leans on."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from gnnrec_helpers import Interactions, datasets, models
from gnnrec_helpers.engine.propagation import Adjacency, normalize, propagate, user_item_adjacency
from gnnrec_helpers.engine.sampling import Batch, Negatives, PairSampler
from gnnrec_helpers.objectives import BPR


@pytest.fixture(scope="module")
def likes() -> Interactions:
    return datasets.load("toy").interactions


def dense(likes: Interactions) -> torch.Tensor:
    """The normalized adjacency entry by entry, in float64."""
    people, films = likes.num_users, likes.num_items
    matrix = torch.zeros(people + films, people + films, dtype=torch.float64)
    liked = list(zip(likes.user_index.tolist(), likes.item_index.tolist(), strict=True))
    for user, item in liked:
        of_user = sum(u == user for u, _ in liked)
        of_item = sum(i == item for _, i in liked)
        matrix[user, people + item] = 1 / math.sqrt(of_user * of_item)
        matrix[people + item, user] = 1 / math.sqrt(of_user * of_item)
    return matrix


def test_symmetric_normalisation() -> None:
    path = sparse.csr_array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])  # degrees 1, 2, 1
    half = 1 / math.sqrt(2)
    expected = [[0, half, 0], [half, 0, half], [0, half, 0]]
    np.testing.assert_allclose(normalize(path).toarray(), expected, rtol=1e-15)


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_layers_are_averaged_from_layer_0_on(likes: Interactions, layers: int) -> None:
    model = models.LightGCN(likes, dim=4, layers=layers, seed=2)
    layer = model.nodes.weight.detach().double()
    total = layer.clone()
    for _ in range(layers):
        layer = dense(likes) @ layer
        total += layer
    expected = total / (layers + 1)
    with torch.no_grad():
        found = torch.cat(model.embeddings()).double()
        some = torch.cat(model.embeddings(torch.tensor([3, 0, 3]), torch.tensor([4]))).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(some, expected[[3, 0, 3, 9]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [None, [0], [7, 2, 7, 9], list(range(10))])
def test_gradients_of_a_weighted_sum_of_layers(likes: Interactions, rows: list[int] | None) -> None:
    combine = [0.1, 0.2, 0.3, 0.5]
    start = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    given = start.clone().requires_grad_()
    wanted = None if rows is None else torch.tensor(rows)
    found = propagate(user_item_adjacency(likes), given, 3, wanted, combine)
    target = torch.arange(1.0, found.numel() + 1).view(found.shape)
    (found * target).sum().backward()

    matrix, other = dense(likes), start.double().requires_grad_()
    expected = sum(w * torch.linalg.matrix_power(matrix, k) @ other for k, w in enumerate(combine))
    expected = expected if rows is None else expected[rows]
    (expected * target).sum().backward()
    torch.testing.assert_close(found.detach().double(), expected.detach(), rtol=0, atol=1e-5)
    torch.testing.assert_close(given.grad.double(), other.grad, rtol=1e-5, atol=1e-4)


def test_gradients_through_a_matrix_that_is_not_symmetric() -> None:
    matrix = sparse.csr_array([[0.0, 2, 0], [0, 0, 3], [5, 0, 7]])
    start = torch.tensor([[1.0], [10.0], [100.0]], requires_grad=True)
    found = propagate(Adjacency(matrix), start, 1, combine=[0.0, 1.0])
    assert found.flatten().tolist() == [20, 300, 705]
    found.backward(torch.tensor([[1.0], [0.0], [1.0]]))
    assert start.grad.flatten().tolist() == [5, 2, 7]  # the sums of rows 0 and 2


def test_negatives_are_never_positives(likes: Interactions) -> None:
    liked = set(zip(likes.user_index.tolist(), likes.item_index.tolist(), strict=True))
    users = np.repeat(np.arange(5), 100)
    drawn = Negatives(likes).draw(users, 3, np.random.default_rng(0))
    found = {(user, item) for user, row in zip(users, drawn, strict=True) for item in row.tolist()}
    everything = {(user, item) for user in range(5) for item in range(5)}
    assert found == everything - liked  # 300 draws each: all that may come, does


def test_every_epoch_is_shuffled_anew(likes: Interactions) -> None:
    sampler = PairSampler(likes, batch_size=10, seed=1)
    orders = []
    for number in (0, 1, 1):
        (batch,) = sampler.epoch(number)
        pairs = list(zip(batch.users.tolist(), batch.positives.tolist(), strict=True))
        assert sorted(pairs) == sorted(zip(likes.user_index, likes.item_index, strict=True))
        orders.append(pairs)
    assert orders[0] != orders[1] == orders[2]


def test_the_parts_of_a_split_share_no_pair() -> None:
    generator = np.random.default_rng(0)
    user, item = np.nonzero(generator.random((20, 30)) < 0.4)
    everything = Interactions(user, item, pd.RangeIndex(20), pd.RangeIndex(30))
    split = everything.split(test=0.2, validation=0.1, seed=0)
    parts = [
        list(zip(part.user_index.tolist(), part.item_index.tolist(), strict=True))
        for part in (split.train, split.validation, split.test)
    ]
    assert min(len(part) for part in parts) > 0
    assert sorted(pair for part in parts for pair in part) == sorted(
        zip(user.tolist(), item.tolist(), strict=True)
    )


@pytest.mark.filterwarnings("ignore:Left out of")
def test_the_latest_of_a_repeated_pair_is_kept() -> None:
    frame = pd.DataFrame(
        {
            "user": ["ana", "ana", "ana", "ben"],
            "item": ["tea", "tea", "tea", "tea"],
            "when": [20, 30, 10, 5],
            "stars": [2.0, 3.0, 1.0, 5.0],
        }
    )
    by_time = Interactions.from_frame(frame, rating="stars", timestamp="when")
    assert by_time.rating.tolist() == [3.0, 5.0]
    assert by_time.timestamp.tolist() == [30, 5]
    assert dict(by_time.dropped) == {"repeated pairs": 2}
    by_row = Interactions.from_frame(frame, rating="stars")
    assert by_row.rating.tolist() == [1.0, 5.0]


def test_bpr_by_hand(likes: Interactions) -> None:
    model = models.MatrixFactorization(likes, dim=1, seed=0)
    with torch.no_grad():
        model.nodes.weight[:] = torch.tensor([2.0, 0, 0, 0, 0, 3, 1, 0, 0, 0]).unsqueeze(1)
    # the first user scores the first film 2 * 3 and the second 2 * 1, so they differ by 4
    batch = Batch(torch.tensor([0]), torch.tensor([0]), torch.tensor([[1]]))
    assert BPR(0.0)(model, batch).item() == pytest.approx(-math.log(1 / (1 + math.exp(-4))))
    squares = 2**2 + 3**2 + 1**2
    added = BPR(0.1)(model, batch).item() - BPR(0.0)(model, batch).item()
    assert added == pytest.approx(0.1 * squares / 2, abs=1e-6)
