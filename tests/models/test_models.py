"""The recommenders, each beside a dense computation of what it promises."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity
from tables import interactions, likes_of
from torch import Tensor

from gnnrec_helpers import Interactions, Split, datasets, evaluate
from gnnrec_helpers.engine.sampling import PairSampler
from gnnrec_helpers.models import (
    EASE,
    EmbeddingModel,
    GraphFilter,
    ItemKNN,
    LightGCN,
    LinearFilter,
    MatrixFactorization,
    Popularity,
    ease,
    graph_filter,
    scoring,
)
from gnnrec_helpers.models.ease import _inverted
from gnnrec_helpers.models.parts.products import scores_of
from gnnrec_helpers.models.recommender import is_recommender
from gnnrec_helpers.objectives import BPR

few = settings(max_examples=60, deadline=None, derandomize=True)
ALL_FIVE = torch.arange(5)


# ---------------------------------------------------------------------- popularity
def test_popularity_counts_who_chose_what(toy: Interactions) -> None:
    model = Popularity(toy.select(np.arange(9)))  # without Eli's Emma
    scores = model.score(torch.tensor([4, 0, 0]))
    assert scores.tolist() == [[2, 2, 2, 2, 1]] * 3
    assert scores.dtype == torch.float32
    assert repr(model) == "Popularity(5 users, 5 items)"


def test_popularity_hands_out_copies(toy: Interactions) -> None:
    model = Popularity(toy)
    model.score(ALL_FIVE)[:] = -1
    assert model.score(ALL_FIVE).tolist() == [[2] * 5] * 5


# ---------------------------------------------------------------------- item KNN
def dense_similarity(likes: np.ndarray, neighbours: int, shrink: float) -> np.ndarray:
    """Pair by pair; each row keeps its largest, the lower index first."""
    items = likes.shape[1]
    found = np.zeros((items, items))
    for i in range(items):
        row = {}
        for j in range(items):
            common = likes[:, i] @ likes[:, j]
            if i != j and common:
                lengths = math.sqrt(likes[:, i].sum() * likes[:, j].sum())
                row[j] = common / (lengths + shrink)
        for j in sorted(row, key=lambda j: (-row[j], j))[:neighbours]:
            found[i, j] = row[j]
    return found


@few
@given(likes_of(), st.integers(1, 6), st.sampled_from([0.0, 0.5, 10.0]))
def test_item_knn_is_the_dense_computation(
    likes: np.ndarray, neighbours: int, shrink: float
) -> None:
    model = ItemKNN(interactions(likes), neighbours, shrink)
    similarity = dense_similarity(likes, neighbours, shrink)
    np.testing.assert_allclose(model.similarity.toarray(), similarity, rtol=1e-12)
    users = torch.tensor([len(likes) - 1, 0])
    np.testing.assert_allclose(model.score(users), (likes @ similarity.T)[users], rtol=1e-6)


def test_item_knn_is_sklearn_s_cosine_on_a_real_catalogue(movielens_split: Split) -> None:
    train = movielens_split.train
    assert train.num_items > 2 * 2048  # more than two blocks of rows
    model = ItemKNN(train, neighbours=train.num_items, shrink=0.0)
    expected = cosine_similarity(train.to_csr().T)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(model.similarity.toarray(), expected, rtol=0, atol=1e-12)
    users = torch.tensor([3, 0, 100])
    scores = train.to_csr().toarray()[users] @ expected
    np.testing.assert_allclose(model.score(users), scores, rtol=1e-5, atol=1e-6)


def test_item_knn_keeps_the_largest_of_each_row(movielens_split: Split) -> None:
    everything = ItemKNN(movielens_split.train, neighbours=10**6).similarity.toarray()
    few = ItemKNN(movielens_split.train, neighbours=20).similarity.toarray()
    order = np.argsort(-everything, axis=1, kind="stable")  # ties: the lower index
    expected = np.zeros_like(everything)
    np.put_along_axis(
        expected, order[:, :20], np.take_along_axis(everything, order[:, :20], 1), axis=1
    )
    np.testing.assert_array_equal(few, expected)


def test_item_knn_by_hand_on_the_toy(toy: Interactions) -> None:
    model = ItemKNN(toy, shrink=0)
    # Alien and Blade Runner share both their viewers, others in a chain one of two
    assert model.score(torch.tensor([0])).tolist() == [[1, 1, 1, 0, 0]]  # Ana
    assert model.score(torch.tensor([2])).tolist() == [[0.5, 0.5, 0.5, 0.5, 0.5]]  # Cem
    damped = ItemKNN(toy, shrink=10).similarity.toarray()
    assert damped[0].tolist() == pytest.approx([0, 2 / 12, 1 / 12, 0, 0])
    nearest = ItemKNN(toy, neighbours=1, shrink=0).similarity.toarray()
    assert nearest.argmax(axis=1).tolist() == [1, 0, 0, 2, 3]
    assert (nearest > 0).sum(axis=1).tolist() == [1] * 5
    assert repr(ItemKNN(toy)) == "ItemKNN(5 users, 5 items, neighbours=100, shrink=10)"


def test_item_knn_needs_a_neighbour(toy: Interactions) -> None:
    with pytest.raises(ValueError, match=r"neighbours=0: at least 1 is needed\."):
        ItemKNN(toy, neighbours=0)


# ---------------------------------------------------------------------- matrix factorization
def test_the_start_is_normal_seeded_and_of_the_size_promised(movielens_split: Split) -> None:
    train = movielens_split.train
    model = MatrixFactorization(train, seed=3)
    start = model.nodes.weight.detach()
    assert start.shape == (train.num_users + train.num_items, 64)
    assert start.dtype == torch.float32
    assert start.std().item() == pytest.approx(0.1, rel=0.01)
    assert start.mean().abs().item() < 0.001
    assert torch.equal(MatrixFactorization(train, seed=3).nodes.weight, start)
    assert not torch.equal(MatrixFactorization(train, seed=4).nodes.weight, start)
    assert model.nodes.weight.requires_grad


def test_a_score_is_a_dot_product(toy: Interactions) -> None:
    model = MatrixFactorization(toy, dim=3)
    rows = model.nodes.weight.detach().double()  # Ana ... Eli, Alien ... Emma
    scores = model.score(torch.tensor([4, 1])).detach()
    for place, user in enumerate((4, 1)):
        for item in range(5):
            expected = (rows[user] * rows[5 + item]).sum().item()
            assert scores[place, item].item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("layers", [None, 0, 2])
def test_embeddings_of_some_are_rows_of_all(toy: Interactions, layers: int | None) -> None:
    model = MatrixFactorization(toy, 4) if layers is None else LightGCN(toy, 4, layers)
    users, items = torch.tensor([3, 3, 0]), torch.tensor([4])
    with torch.no_grad():
        all_users, all_items = model.embeddings()
        wanted = {
            (users, items): (all_users[users], all_items[items]),
            (users, None): (all_users[users], all_items),
            (None, items): (all_users, all_items[items]),
        }
        for arguments, expected in wanted.items():
            for found, rows in zip(model.embeddings(*arguments), expected, strict=True):
                torch.testing.assert_close(found, rows, rtol=0, atol=1e-7)
        torch.testing.assert_close(model.score(users), all_users[users] @ all_items.T)
        start = model.nodes.weight
        *found, first = model.training_embeddings(users, items)
        for rows, expected in zip(found, (all_users[users], all_items[items]), strict=True):
            torch.testing.assert_close(rows, expected, rtol=0, atol=1e-7)
        assert torch.equal(first, start[torch.cat([users, 5 + items])])


def test_a_subclass_is_trained_with_its_own_embeddings(toy: Interactions) -> None:
    class Doubled(LightGCN):
        def layer_weights(self):
            return [2 / (self.layers + 1)] * (self.layers + 1)

    class Shifted(MatrixFactorization):
        def node_embeddings(self):
            return self.nodes.weight + 1

    users, items = torch.tensor([3, 0]), torch.tensor([4, 4])
    for kind, plain in ((Doubled, LightGCN), (Shifted, MatrixFactorization)):
        model, usual = kind(toy, dim=4, seed=1), plain(toy, dim=4, seed=1)
        *rows_of, start = model.training_embeddings(users, items)
        for rows, recommended, others in zip(
            rows_of, model.embeddings(users, items), usual.embeddings(users, items), strict=True
        ):
            assert torch.equal(rows, recommended)
            changed = 2 * others if kind is Doubled else others + 1
            torch.testing.assert_close(rows, changed)
        assert torch.equal(start, model.nodes.weight[torch.cat([users, 5 + items])])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(0, 5))
def test_an_inverse_in_place(size: int, seed: int) -> None:
    root = np.random.default_rng(seed).standard_normal((size, size))
    matrix = torch.from_numpy((root @ root.T + size * np.eye(size)).astype(np.float32))
    expected = np.linalg.inv(matrix.numpy().astype(np.float64))
    found = _inverted(matrix)
    assert found.data_ptr() == matrix.data_ptr()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_an_inverse_that_is_none() -> None:
    with pytest.raises(ValueError, match="regularization is too small"):
        _inverted(-torch.eye(2))


def test_the_weights_of_a_model_are_one_table(toy: Interactions) -> None:
    for model in (MatrixFactorization(toy, dim=2), LightGCN(toy, dim=2)):
        assert [name for name, _ in model.named_parameters()] == ["nodes.weight"]
        assert list(model.state_dict()) == ["nodes.weight"]


def test_models_say_what_they_are(toy: Interactions) -> None:
    assert repr(MatrixFactorization(toy, 8)) == (
        "MatrixFactorization(5 users, 5 items, dim=8, cosine=False, seed=0)"
    )
    assert repr(LightGCN(toy, 8, 2)) == (
        "LightGCN(5 users, 5 items, dim=8, layers=2, cosine=False, seed=0)"
    )
    for model in (MatrixFactorization(toy), LightGCN(toy), Popularity(toy), ItemKNN(toy)):
        assert model.users is toy.users
        assert model.items is toy.items
        assert model.interactions is toy


def test_bad_sizes(toy: Interactions) -> None:
    with pytest.raises(ValueError, match=r"dim=0: at least 1 is needed\."):
        MatrixFactorization(toy, dim=0)
    with pytest.raises(ValueError, match=r"layers=-1: at least 0 is needed\."):
        LightGCN(toy, layers=-1)


# ---------------------------------------------------------------------- LightGCN
def bpr_step(model: MatrixFactorization, train: Interactions) -> tuple[Tensor, Tensor]:
    batch = next(PairSampler(train, batch_size=512, negatives=2, seed=1).epoch(0))
    loss = BPR(1e-3)(model, batch)
    loss.backward()
    return loss.detach(), model.nodes.weight.grad


def test_matrix_factorization_is_lightgcn_without_layers(movielens_split: Split) -> None:
    train = movielens_split.train
    one, other = MatrixFactorization(train, 16, seed=5), LightGCN(train, 16, layers=0, seed=5)
    users = torch.arange(0, train.num_users, 7)
    assert torch.equal(one.nodes.weight, other.nodes.weight)
    for found, same in zip(one.embeddings(), other.embeddings(), strict=True):
        assert torch.equal(found, same)
    assert torch.equal(one.score(users), other.score(users))
    for found, same in zip(bpr_step(one, train), bpr_step(other, train), strict=True):
        assert torch.equal(found, same)


def test_lightgcn_by_hand_on_the_toy(toy: Interactions) -> None:
    model = LightGCN(toy, dim=1, layers=1)
    with torch.no_grad():
        model.nodes.weight[:] = torch.arange(1.0, 11).unsqueeze(1)  # Ana 1 ... Alien 6 ...
        users, items = model.embeddings()
        score = model.score(torch.tensor([0]))[0, 0].item()
    ana = (1 + 6 / 2 + 7 / 2) / 2
    alien = (6 + 1 / 2 + 2 / math.sqrt(6)) / 2
    assert users[0].item() == pytest.approx(ana)
    assert items[0].item() == pytest.approx(alien)
    assert score == pytest.approx(ana * alien)


def test_lightgcn_sees_the_graph_it_was_given_and_no_more(movielens_split: Split) -> None:
    train = movielens_split.train
    model = LightGCN(train, dim=8, layers=2)
    assert model.adjacency.entries == 2 * len(train)
    cold = int(np.flatnonzero(train.item_degrees() == 0)[0])
    alone = model.embeddings()[1][cold]  # nothing but its own layer 0
    torch.testing.assert_close(alone, model.nodes.weight[train.num_users + cold] / 3)


# ---------------------------------------------------------------------- any recommender
def test_the_two_kinds_of_recommender(toy: Interactions) -> None:
    for model in (Popularity(toy), ItemKNN(toy)):
        assert is_recommender(model)
        assert not isinstance(model, EmbeddingModel)
    for model in (MatrixFactorization(toy), LightGCN(toy)):
        assert isinstance(model, EmbeddingModel)
    assert not is_recommender(toy)


@pytest.mark.parametrize(
    "kind",
    [
        Popularity,
        ItemKNN,
        MatrixFactorization,
        LightGCN,
        LinearFilter,
        partial(GraphFilter, components=2),
    ],
)
def test_scoring_for_a_while_gives_the_scores(toy: Interactions, kind: type) -> None:
    model = kind(toy)
    users = torch.tensor([2, 0, 2])
    with scoring(model) as score:
        scores = score(users)
        assert not scores.requires_grad
        torch.testing.assert_close(scores, model.score(users).detach())
        before = scores.clone()
        scores[:] = -1  # whoever gets it may write into it
        assert torch.equal(score(users), before)


def test_scoring_propagates_once(toy: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    propagated = LightGCN.node_embeddings
    monkeypatch.setattr(
        LightGCN, "node_embeddings", lambda self: calls.append(1) or propagated(self)
    )
    with scoring(LightGCN(toy)) as score:
        for _ in range(3):
            score(ALL_FIVE)
    assert calls == [1]


def test_scoring_never_hands_out_the_model_s_own_table(toy: Interactions) -> None:
    class Table:
        def __init__(self) -> None:
            self.scores = torch.arange(25.0).view(5, 5)

        def score(self, users: Tensor) -> Tensor:
            return self.scores

    model = Table()
    with scoring(model) as score:
        score(ALL_FIVE).zero_()
    assert model.scores.sum().item() == 300


# ---------------------------------------------------------------------- graph filters
def dense_filters(likes: np.ndarray, components: int, alpha: float) -> tuple[np.ndarray, ...]:
    """Scores of all users by the linear filter and by GF-CF, in float64 with a full SVD."""
    likes = likes.astype(float)
    users, items = likes.sum(1), likes.sum(0)
    normal = likes / np.sqrt(np.maximum(users, 1))[:, None] / np.sqrt(np.maximum(items, 1))
    linear = likes @ normal.T @ normal
    leading = np.linalg.svd(normal)[2][:components].T
    root = np.sqrt(items)
    inverse = np.divide(1, root, out=np.zeros_like(root), where=root > 0)
    ideal = likes @ (inverse[:, None] * leading) @ (leading.T * root)
    return linear, linear + alpha * ideal


@pytest.mark.parametrize("components", [1, 4])
def test_graph_filters_are_dense_algebra(components: int) -> None:
    generator = np.random.default_rng(8)
    likes = generator.random((30, 20)) < 0.2
    likes[3] = False  # a user without interactions
    likes[:, 5] = False  # an item nobody chose
    train = interactions(likes)
    linear, both = dense_filters(likes, components, 0.7)
    wanted = torch.tensor([7, 3, 29])
    found = LinearFilter(train).score(wanted)
    np.testing.assert_allclose(found, linear[wanted], atol=1e-6)
    model = GraphFilter(train, components=components, alpha=0.2)
    model.alpha = 0.7  # another weight needs no other singular vectors
    np.testing.assert_allclose(model.score(wanted), both[wanted], atol=1e-5)


def test_filters_of_many_users_are_found_in_parts(
    toy: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = torch.tensor([3, 0, 3, 4, 1])
    for model in (LinearFilter(toy), GraphFilter(toy, components=2)):
        at_once = model.score(users)
        assert at_once.dtype == torch.float32
        with monkeypatch.context() as patched:
            patched.setattr(graph_filter, "CELLS", 2 * len(toy.users))
            assert torch.equal(model.score(users), at_once)
        assert model.score(users[:0]).shape == (0, 5)


def test_graph_filter_says_how_many_components_there_can_be(toy: Interactions) -> None:
    with pytest.raises(ValueError, match=r"components=5: from 1 to 4 are possible with 5 users"):
        GraphFilter(toy, components=5)
    model = GraphFilter(toy, components=2)
    model.alpha = 0.5
    assert repr(model) == (
        "GraphFilter(5 users, 5 items, components=2, alpha=0.5, polynomial=(1.0,), seed=0)"
    )
    assert repr(LinearFilter(toy)) == (
        "LinearFilter(5 users, 5 items, exponents=(0.0, 0.5, 1.0, 0.5))"
    )


@pytest.mark.parametrize(("users", "items"), [(40, 7), (7, 12), (9, 9)])
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(users: int, items: int) -> None:
    """Whichever matrix is inverted, that of items or that of users."""
    likes = np.random.default_rng(3).random((users, items)) < 0.4
    likes[:, 2] = False  # an item nobody chose
    likes[5] = False  # a user who chose nothing
    model = EASE(interactions(likes), regularization=2.5)
    expected = np.zeros((items, items))
    for item in range(items):
        others = np.delete(np.arange(items), item)
        regression = Ridge(2.5, fit_intercept=False, solver="cholesky")
        regression.fit(likes[:, others], likes[:, item])
        expected[others, item] = regression.coef_
    exact = scores_of(model.products(), torch.arange(users))  # before rounding to float32
    np.testing.assert_allclose(exact, likes @ expected, atol=1e-8)
    wanted = torch.tensor([6, 1])
    np.testing.assert_allclose(model.score(wanted), (likes @ expected)[wanted], atol=1e-6)
    with pytest.raises(ValueError, match="regularization=0: a positive number"):
        EASE(interactions(likes), regularization=0)


def test_ease_refuses_what_does_not_fit() -> None:
    likes = interactions(np.ones((40, 7)))
    with pytest.raises(ValueError, match=r"7 x 7 numbers, which needs 0\.0 GB: more than limit=0"):
        EASE(likes, limit=0)
    many = pd.RangeIndex(100_000)
    nothing = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match=r"100,000 x 100,000 numbers, which needs 80\.0 GB"):
        EASE(Interactions(nothing, nothing, many, many))


def test_ease_in_single_precision_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    likes = interactions(np.random.default_rng(3).random((30, 50)) < 0.3)
    double = EASE(likes)
    expected = double.score(torch.arange(30))
    monkeypatch.setattr(ease, "DOUBLE", 0)
    monkeypatch.setattr(ease, "ROWS", 7)
    single = EASE(likes)
    found = single.score(torch.arange(30))
    inverses = [model.products()[1][0].dtype for model in (double, single)]
    assert inverses == [torch.float64, torch.float32]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_popularity_on_gowalla_gives_the_published_figures() -> None:
    """Anelli et al. (2023), table 4: loader, masking and metrics in one."""
    try:
        split = datasets.load("gowalla").split
    except (FileNotFoundError, OSError):
        pytest.skip("Gowalla is optional: set GNNREC_DATA.")
    metrics = ("recall", "ndcg")
    found = evaluate(Popularity(split.train), split, 20, metrics=metrics)
    assert found == pytest.approx({"recall@20": 0.0416, "ndcg@20": 0.0316}, abs=2e-4)
