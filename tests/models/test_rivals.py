"""Rivals and relatives of LightGCN, each beside a dense computation of what it promises."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from tables import Guarded, interactions, likes_of
from test_models import dense_similarity
from torch import Tensor
from torch.nn.functional import leaky_relu

from gnnrec_helpers import Interactions, Split, datasets, evaluate, fit
from gnnrec_helpers.engine.propagation import bipartite_matrix, normalize
from gnnrec_helpers.engine.sampling import Batch, generator_for
from gnnrec_helpers.models import (
    IALS,
    NGCF,
    SGL,
    ItemKNN,
    LightGCN,
    RP3Beta,
    SimGCL,
    UltraGCN,
    UserKNN,
    XSimGCL,
)
from gnnrec_helpers.models.parts import nearest
from gnnrec_helpers.models.parts.contrastive import info_nce
from gnnrec_helpers.models.ultragcn import UltraGCNLoss
from gnnrec_helpers.objectives import BPR, SelfSupervised

few = settings(max_examples=60, deadline=None, derandomize=True)


# ---------------------------------------------------------------------- nearest users
@few
@given(likes_of(), st.integers(1, 4), st.sampled_from([0, 3.5]))
def test_user_knn_is_the_dense_computation(
    likes: np.ndarray, neighbours: int, shrink: float
) -> None:
    model = UserKNN(interactions(likes), neighbours, shrink)
    similarity = dense_similarity(likes.T, neighbours, shrink)
    np.testing.assert_allclose(model.similarity.toarray(), similarity, atol=1e-12)
    users = torch.tensor([len(likes) - 1, 0])
    np.testing.assert_allclose(model.score(users), (similarity @ likes)[users], rtol=1e-6)
    reverse = UserKNN(interactions(likes), neighbours, shrink, reverse=True)
    np.testing.assert_allclose(reverse.score(users), (similarity.T @ likes)[users], rtol=1e-6)


def test_user_knn_is_sklearn_s_cosine(movielens_split: Split) -> None:
    train = movielens_split.train
    model = UserKNN(train, neighbours=train.num_users, shrink=0.0)
    expected = cosine_similarity(train.to_csr())
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(model.similarity.toarray(), expected, rtol=0, atol=1e-12)


# ---------------------------------------------------------------------- random walks
def literal_walk(likes: np.ndarray, neighbours: int, alpha: float, beta: float) -> np.ndarray:
    """Item by item, over the users in between."""
    items = likes.shape[1]
    found = np.zeros((items, items))
    for i in range(items):
        row = {}
        for j in range(items):
            if i == j:
                continue
            arriving = sum(
                (1 / likes[:, i].sum()) ** alpha * (1 / likes[u].sum()) ** alpha
                for u in range(len(likes))
                if likes[u, i] and likes[u, j]
            )
            if arriving:
                row[j] = arriving / likes[:, j].sum() ** beta
        for j in sorted(row, key=lambda j: (-round(row[j], 12), j))[:neighbours]:
            found[i, j] = row[j]
    return found


@few
@given(
    likes_of(), st.integers(1, 4), st.sampled_from([0.5, 1.0, 1.7]), st.sampled_from([0, 0.4, 1.0])
)
def test_rp3beta_is_a_walk(likes: np.ndarray, neighbours: int, alpha: float, beta: float) -> None:
    model = RP3Beta(interactions(likes), neighbours, alpha, beta)
    everything = literal_walk(likes, likes.shape[1], alpha, beta)
    expected = literal_walk(likes, neighbours, alpha, beta)
    walk = model.walk.toarray()
    assert walk.sum(1) == pytest.approx(expected.any(1).astype(float))
    whole = walk * expected.sum(1, keepdims=True)  # before the kept ones were made to add up to 1
    # of equal ones any may be kept: rounding decides
    np.testing.assert_allclose(np.sort(whole, axis=1), np.sort(expected, axis=1), atol=1e-10)
    np.testing.assert_allclose(whole[walk > 0], everything[walk > 0], atol=1e-10)
    users = torch.tensor([len(likes) - 1, 0])
    np.testing.assert_allclose(model.score(users), (likes @ walk)[users], rtol=1e-6, atol=1e-9)


def test_the_strongest_sources_of_each_item() -> None:
    likes = (np.random.default_rng(0).random((40, 12)) < 0.3).astype(float)
    rows = literal_walk(likes, 6, 0.7, 0.3)
    rows /= rows.sum(1, keepdims=True)
    for column in rows.T:  # that none are equal
        assert len(np.unique(column.round(12))) == np.count_nonzero(column) + 1
    expected = np.zeros_like(rows)
    for j in range(12):
        for i in sorted(range(12), key=lambda i: -rows[i, j])[:3]:
            expected[i, j] = rows[i, j]
    walk = RP3Beta(interactions(likes), 6, 0.7, 0.3, sources=3).walk.toarray()
    np.testing.assert_allclose(walk, expected, atol=1e-12)
    assert (np.count_nonzero(rows, axis=0) > 3).any()  # so that something was left out


def test_the_plain_walk_is_one_of_probabilities(toy: Interactions) -> None:
    """With alpha 1 and beta 0, where the walk goes if it does not return."""
    walk = RP3Beta(toy, beta=0).walk.toarray()
    likes = toy.to_csr().toarray()
    steps = (likes / likes.sum(0)).T @ (likes / likes.sum(1, keepdims=True))
    np.fill_diagonal(steps, 0)
    np.testing.assert_allclose(walk, steps / steps.sum(1, keepdims=True))


def test_published_figures_on_gowalla() -> None:
    """Anelli et al. (2023), "Challenging the Myth of Graph Collaborative Filtering", table 4."""
    try:
        split = datasets.load("gowalla").split
    except OSError:
        pytest.skip("Gowalla is optional: set GNNREC_DATA.")
    for model, recall, ndcg in (
        (RP3Beta(split.train, 777, 0.5664, 0.001085, sources=777), 0.1829, 0.1520),
        (UserKNN(split.train, 146, 0.0, reverse=True), 0.1685, 0.1370),
    ):
        found = evaluate(model, split, metrics=("recall", "ndcg"))
        assert found == pytest.approx({"recall@20": recall, "ndcg@20": ndcg}, abs=1.1e-4)


# ---------------------------------------------------------------------- memory
def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    likes = (np.random.default_rng(0).random((40, 25)) < 0.3).astype(float)
    likes[:, 3] = 0
    train = interactions(likes)

    def all_four() -> list[np.ndarray]:
        found = [ItemKNN(train, 5).similarity, UserKNN(train, 5).similarity]
        found += [RP3Beta(train, 5).walk, RP3Beta(train, 5, sources=4).walk]
        return [matrix.toarray() for matrix in found]

    whole = all_four()
    for size in (1, 60):
        monkeypatch.setattr(nearest, "BLOCK", size)
        for one, other in zip(whole, all_four(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_forty_thousand_items_stay_sparse() -> None:
    """Four users make 4 million pairs of items each; the dense matrix would take 6.4 GB."""
    generator = np.random.default_rng(0)
    users = np.repeat(np.arange(4), 2000)
    items = [np.sort(generator.choice(40_000, 2000, replace=False)) for _ in range(4)]
    train = Interactions(users, np.concatenate(items), pd.RangeIndex(4), pd.RangeIndex(40_000))
    tracemalloc.start()
    model = ItemKNN(train, neighbours=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5e9
    assert model.score(torch.tensor([0])).shape == (1, 40_000)


# ---------------------------------------------------------------------- contrastive
def test_info_nce_one_pair_at_a_time() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(2))

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    total = 0.0
    for i in range(5):
        powers = [math.exp(cosine(one[i].numpy(), other[j].numpy()) / 0.3) for j in range(5)]
        total -= math.log(powers[i] / sum(powers)) / 5
    assert info_nce(one, other, 0.3).item() == pytest.approx(total, rel=1e-12)


def a_batch() -> Batch:
    users, items = torch.tensor([0, 3, 0, 1]), torch.tensor([1, 2, 0, 1])
    return Batch(users, items, items)


def test_two_whole_graphs_agree_as_far_as_they_can(toy: Interactions) -> None:
    model = SGL(toy, dim=6, layers=2, dropped=0.0)
    users, items = LightGCN(toy, dim=6, layers=2).embeddings()
    users, items = users[[0, 1, 3]], items[[0, 1, 2]]
    expected = info_nce(users, users, 0.2) + info_nce(items, items, 0.2)
    torch.testing.assert_close(model.self_supervised_loss(a_batch()), expected)
    thin = SGL(toy, dim=6, layers=2, dropped=0.5).self_supervised_loss(a_batch())
    assert thin.item() > expected.item() + 1e-3
    other = SGL(toy, dim=6, layers=2, dropped=0.5, seed=1).self_supervised_loss(a_batch())
    assert other.item() != thin.item()


def test_simgcl_leaves_layer_0_out(toy: Interactions) -> None:
    model = SimGCL(toy, dim=6, layers=2)
    step = normalize(bipartite_matrix(toy)).toarray()
    table = model.nodes.weight.detach().double().numpy()
    expected = (step @ table + step @ step @ table) / 2
    np.testing.assert_allclose(torch.cat(model.embeddings()).detach(), expected, atol=1e-6)
    users, items = torch.tensor([4, 0]), torch.tensor([2])
    some_users, some_items, start = model.training_embeddings(users, items)
    np.testing.assert_allclose(some_users.detach(), expected[[4, 0]], atol=1e-6)
    np.testing.assert_allclose(some_items.detach(), expected[[7]], atol=1e-6)
    torch.testing.assert_close(start, model.nodes.weight[[4, 0, 7]])


def test_the_noise_of_simgcl(toy: Interactions) -> None:
    model = SimGCL(toy, dim=6, layers=1, noise=0.3)
    plain = torch.cat(model.embeddings())
    noisy = model._noisy_layers(torch.arange(10), torch.Generator().manual_seed(0))[0]
    torch.testing.assert_close((noisy - plain).norm(dim=1), torch.full((10,), 0.3))
    assert bool(((noisy - plain) * plain >= 0).all())  # the same quadrant
    silent = SimGCL(toy, dim=6, layers=2, noise=0.0)
    users, items = silent.embeddings()
    expected = info_nce(users[[0, 1, 3]], users[[0, 1, 3]], 0.2)
    expected = expected + info_nce(items[[0, 1, 2]], items[[0, 1, 2]], 0.2)
    torch.testing.assert_close(silent.self_supervised_loss(a_batch()), expected)


def literal_loss(table: Tensor, likes: np.ndarray, batch: Batch, layer_0: bool) -> Tensor:
    """XSimGCL's whole loss pair by pair: three layers, the second contrasted, noise 0.3."""
    users, items = likes.shape
    links = np.zeros((users + items,) * 2)
    links[:users, users:], links[users:, :users] = likes, likes.T
    scale = np.sqrt(np.maximum(links.sum(1), 1))
    step = torch.from_numpy(links / scale / scale[:, None])
    own = [
        b.tolist() for b in (batch.users, batch.positives + users, batch.negatives[:, 0] + users)
    ]
    nodes = sorted({node for column in own for node in column})
    drawn = generator_for(7, batch.users, batch.positives).integers(2**63)
    generator = torch.Generator().manual_seed(int(drawn))

    layer, layers = table, []
    for depth in (1, 2, 3):
        layer = step @ layer
        noisy = range(users + items) if depth < 3 else nodes  # nobody asks for others of the last
        noise = torch.zeros_like(layer)
        for node, random in zip(noisy, torch.rand(len(noisy), 4, generator=generator), strict=True):
            noise[node] = 0.3 * layer[node].detach().sign() * random / random.norm()
        layer = layer + noise
        layers.append(layer)
    kept = [table, *layers] if layer_0 else layers
    final, middle = sum(kept) / len(kept), layers[1]

    loss = table.new_zeros(())
    for u, i, j in zip(*own, strict=True):
        loss = loss + (1 + (final[u] @ final[j] - final[u] @ final[i]).exp()).log() / len(own[0])
        for node in (u, i, j):
            loss = loss + 0.05 * table[node] @ table[node] / len(own[0])
    for kind in (sorted(set(own[0])), sorted(set(own[1]))):
        for one in kind:
            cosines = [
                final[one] @ middle[other] / final[one].norm() / middle[other].norm()
                for other in kind
            ]
            powers = [(cosine / 0.25).exp() for cosine in cosines]
            loss = loss - 0.6 * (powers[kind.index(one)] / sum(powers)).log() / len(kind)
    return loss


@pytest.mark.parametrize("layer_0", [False, True])
def test_xsimgcl_is_one_noisy_propagation(layer_0: bool) -> None:
    likes = (np.random.default_rng(0).random((6, 5)) < 0.5).astype(float)
    likes[4] = 0  # somebody without interactions
    likes[[0, 3, 0, 1], [1, 2, 0, 1]] = 1  # the batch's
    options = {"contrast_layer": 2, "noise": 0.3, "temperature": 0.25, "layer_0": layer_0}
    model = XSimGCL(interactions(likes), 4, 3, **options, seed=7).double()
    users, positives = torch.tensor([0, 3, 0, 1]), torch.tensor([1, 2, 0, 1])
    batch = Batch(users, positives, torch.tensor([[4], [4], [3], [0]]))
    loss = SelfSupervised(BPR(weight_decay=0.1), weight=0.6)(model, batch)
    table = model.nodes.weight.detach().clone().requires_grad_()
    expected = literal_loss(table, likes, batch, layer_0)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(model.nodes.weight.grad, table.grad, rtol=1e-5, atol=1e-8)


def test_xsimgcl_recommends_without_noise(toy: Interactions) -> None:
    model, quiet = XSimGCL(toy, dim=6, layers=2), SimGCL(toy, dim=6, layers=2)
    torch.testing.assert_close(model.score(torch.arange(5)), quiet.score(torch.arange(5)))
    whole, lightgcn = XSimGCL(toy, dim=6, layers=2, layer_0=True), LightGCN(toy, dim=6, layers=2)
    torch.testing.assert_close(whole.score(torch.arange(5)), lightgcn.score(torch.arange(5)))
    alone = model.self_supervised_loss(a_batch())
    other = XSimGCL(toy, dim=6, layers=2, seed=1)
    other.load_state_dict(model.state_dict())
    assert alone.item() == model.self_supervised_loss(a_batch()).item()
    assert alone.item() != other.self_supervised_loss(a_batch()).item()


@pytest.mark.parametrize("kind", [SGL, SimGCL, XSimGCL])
def test_contrastive_training_repeats_itself(
    kind: type, movielens_split: Split, tmp_path: Path
) -> None:
    def losses(epochs: int = 2, checkpoint: Path | None = None) -> list[float]:
        model = kind(movielens_split.train, dim=8, layers=2)
        return fit(
            model,
            Guarded(movielens_split),  # type: ignore[arg-type]
            objective=SelfSupervised(weight=0.1),
            epochs=epochs,
            checkpoint=checkpoint,
            progress=False,
        ).losses

    first = losses()
    assert losses(1, tmp_path / "half") == first[:1]
    assert losses(2, tmp_path / "half") == first
    assert first[1] < first[0]


# ---------------------------------------------------------------------- NGCF
@pytest.mark.parametrize("products", [True, False])
@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("nonlinear", [True, False])
def test_ngcf_layer_by_layer(
    toy: Interactions, weights: bool, products: bool, nonlinear: bool
) -> None:
    model = NGCF(toy, 6, 2, weights=weights, products=products, nonlinear=nonlinear)
    step = torch.from_numpy(normalize(bipartite_matrix(toy)).toarray()).float()
    layer = model.nodes.weight
    outputs = [layer]
    for depth in range(2):
        found = model.sums[depth](step @ layer + layer)
        if products:
            found = found + model.multiplied[depth]((step @ layer) * layer)
        layer = leaky_relu(found, 0.2) if nonlinear else found
        outputs.append(layer / layer.norm(dim=1, keepdim=True))
    users, items = model.embeddings()
    torch.testing.assert_close(torch.cat([users, items]), torch.cat(outputs, dim=1))
    some_users, some_items, start = model.training_embeddings(
        torch.tensor([4, 0]), torch.tensor([2])
    )
    torch.testing.assert_close(some_users, users[[4, 0]])
    torch.testing.assert_close(some_items, items[[2]])
    torch.testing.assert_close(start, model.nodes.weight[[4, 0, 7]])
    assert len(list(model.parameters())) == 1 + 4 * weights + 4 * (weights and products)


# ---------------------------------------------------------------------- bad input
def test_arguments_out_of_range_are_refused(toy: Interactions) -> None:
    for build, message in (
        (lambda: UserKNN(toy, neighbours=0), "neighbours=0"),
        (lambda: RP3Beta(toy, neighbours=0), "neighbours=0"),
        (lambda: RP3Beta(toy, alpha=0), "alpha=0"),
        (lambda: RP3Beta(toy, beta=-1), "beta=-1"),
        (lambda: RP3Beta(toy, sources=0), "sources=0"),
        (lambda: SGL(toy, dropped=1.0), "dropped=1.0"),
        (lambda: SGL(toy, temperature=0), "temperature=0"),
        (lambda: SimGCL(toy, layers=0), "layers=0"),
        (lambda: SimGCL(toy, noise=-1), "noise=-1"),
        (lambda: SimGCL(toy, temperature=0), "temperature=0"),
        (lambda: XSimGCL(toy, contrast_layer=0), "contrast_layer=0: at least 1"),
        (lambda: XSimGCL(toy, layers=2, contrast_layer=3), "contrast_layer=3: one from 1 to 2"),
        (lambda: NGCF(toy, layers=-1), "layers=-1"),
    ):
        with pytest.raises(ValueError, match=message):
            build()


# ---------------------------------------------------------------------- iALS
def test_each_half_of_a_sweep_is_a_ridge_regression() -> None:
    likes = (np.random.default_rng(0).random((9, 7)) < 0.4).astype(float)
    likes[2] = 0
    model = IALS(
        interactions(likes), 3, unobserved=0.2, regularization=0.05, exponent=0.7, sweeps=2
    )
    users, items = (part.double().numpy() for part in model.embeddings())
    for i in range(7):  # the items were solved last
        liked = likes[:, i] > 0
        left = users[liked].T @ users[liked] + 0.2 * users.T @ users
        left += 0.05 * (liked.sum() + 0.2 * 9) ** 0.7 * np.eye(3)
        expected = np.linalg.solve(left, users[liked].sum(0))
        np.testing.assert_allclose(items[i], expected, rtol=1e-4, atol=1e-6)
    assert not users[2].any()
    np.testing.assert_allclose(
        model.score(torch.tensor([4, 2])), users[[4, 2]] @ items.T, rtol=1e-5
    )


def test_sweeps_make_the_loss_smaller(toy: Interactions) -> None:
    likes = toy.to_csr().toarray()

    def loss(sweeps: int) -> float:
        model = IALS(toy, 3, unobserved=0.1, regularization=0.02, sweeps=sweeps)
        users, items = (part.double().numpy() for part in model.embeddings())
        scores = users @ items.T
        of_users = ((likes.sum(1) + 0.1 * 5) * np.square(users).sum(1)).sum()
        of_items = ((likes.sum(0) + 0.1 * 5) * np.square(items).sum(1)).sum()
        fit = (likes * np.square(scores - 1)).sum() + 0.1 * np.square(scores).sum()
        return float(fit + 0.02 * (of_users + of_items))

    losses = [loss(sweeps) for sweeps in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0]


def test_ials_refuses_what_cannot_be(toy: Interactions) -> None:
    for argument in ({"dim": 0}, {"sweeps": 0}, {"unobserved": 0}, {"regularization": -1.0}):
        name, value = next(iter(argument.items()))
        with pytest.raises(ValueError, match=f"{name}={value}"):
            IALS(toy, **argument)  # type: ignore[arg-type]
    assert "dim=64, unobserved=0.1, regularization=0.01" in repr(IALS(toy, sweeps=1))


# ---------------------------------------------------------------------- UltraGCN
def test_ultragcn_s_weights_by_hand() -> None:
    likes = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0]], float)
    model = UltraGCN(interactions(likes), 3, neighbours=2)
    users, items = likes.sum(1), likes.sum(0)
    beta = np.sqrt(users + 1)[:, None] / users[:, None] / np.sqrt(items + 1)
    np.testing.assert_allclose(model.user_weights[:, None] * model.item_weights, beta, rtol=1e-6)
    together = likes.T @ likes
    total = together.sum(1)
    for i in range(4):
        omega = {
            j: together[i, j] / (total[i] - together[i, i]) * math.sqrt(total[i] / total[j])
            for j in range(4)
            if j != i and together[i, j]
        }
        best = sorted(omega, key=lambda j: -omega[j])[:2]
        neighbours, weights = model.neighbours_of(torch.tensor(i))
        given = {int(j): float(w) for j, w in zip(neighbours, weights, strict=True) if w}
        assert given == pytest.approx({j: omega[j] for j in best}, rel=1e-6)


def test_the_loss_of_ultragcn_one_pair_at_a_time() -> None:
    likes = (np.random.default_rng(1).random((6, 5)) < 0.5).astype(float)
    likes[0, :2] = 1
    model = UltraGCN(interactions(likes), 4, neighbours=2).double()
    with torch.no_grad():
        model.nodes.weight.mul_(10)
    objective = UltraGCNLoss(0.7, 0.3, 2.0, 3, 0.1)
    users, positives = torch.tensor([0, 3, 0]), torch.tensor([0, 2, 1])
    drawn = torch.tensor([4, 1, 1])
    known = [(b, n) for b, u in enumerate(users) for n, j in enumerate(drawn) if likes[u, j]]
    batch = Batch(users, positives, drawn, torch.tensor(known).view(-1, 2))
    table = model.nodes.weight.detach().numpy()
    p, q = table[:6], table[6:]

    def soft(x: float) -> float:
        return math.log1p(math.exp(x))

    total = 0.0
    for u, i in zip(users.tolist(), positives.tolist(), strict=True):
        pair = float(model.user_weights[u] * model.item_weights[i])
        total += (1 + 0.7 * pair) * soft(-p[u] @ q[i])
        for j in drawn.tolist():
            if not likes[u, j]:
                pair = float(model.user_weights[u] * model.item_weights[j])
                total += 2.0 * (1 + 0.7 * pair) * soft(p[u] @ q[j]) / 3
        neighbours, weights = (part.tolist() for part in model.neighbours_of(torch.tensor(i)))
        for j, weight in zip(neighbours, weights, strict=True):
            total += 0.3 * weight * soft(-p[u] @ q[j])
        total += 0.05 * (p[u] @ p[u] + q[i] @ q[i])
    assert objective(model, batch).item() == pytest.approx(total / 3, rel=1e-6)


def test_ultragcn_learns(movielens_split: Split) -> None:
    model = UltraGCN(movielens_split.train, dim=16)
    history = fit(
        model, movielens_split, objective=UltraGCNLoss(), epochs=5, lr=0.01, progress=False
    )
    assert history.losses[-1] < history.losses[0]
    assert history.best is not None
    assert history.best > 0.05
