"""Social models that rank, each beside a dense computation of what it promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from tables import Guarded, interactions
from torch import Tensor

from gnnrec_helpers import Interactions, SocialGraph, Split, fit
from gnnrec_helpers.engine.sampling import Batch
from gnnrec_helpers.models import SEPT, DiffNet, LightGCN, MatrixFactorization, SocialLightGCN
from gnnrec_helpers.objectives import BPR, SampledSoftmax, SelfSupervised

USERS, ITEMS = 12, 15
KINDS = {
    "SocialLightGCN": lambda train, social: SocialLightGCN(train, social, dim=6, layers=2),
    "with a learnt weight": lambda train, social: SocialLightGCN(
        train, social, dim=6, layers=2, learn_weight=True
    ),
    "DiffNet": lambda train, social: DiffNet(train, social, dim=6),
    "SEPT": lambda train, social: SEPT(train, social, dim=6, layers=2, alike=2),
}


def data(seed: int = 0) -> tuple[Interactions, SocialGraph, np.ndarray, np.ndarray]:
    """Random likes and links; user 0 has no friends, user 1 likes nothing, item 0 is not liked."""
    generator = np.random.default_rng(seed)
    likes = (generator.random((USERS, ITEMS)) < 0.3).astype(float)
    likes[1], likes[:, 0] = 0, 0
    links = generator.random((USERS, USERS)) < 0.25
    np.fill_diagonal(links, False)
    links[0], links[:, 0] = False, False
    train = interactions(likes)
    social = SocialGraph(*np.nonzero(links), train.users)
    return train, social, likes, np.maximum(links, links.T).astype(float)


def normalized(matrix: np.ndarray) -> np.ndarray:
    """Each entry divided by the square roots of both degrees."""
    degrees = matrix.sum(1)
    inverse = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1)), 0)
    return inverse[:, None] * matrix * inverse


def averaging(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1)


def graph(likes: np.ndarray) -> np.ndarray:
    return np.block([[np.zeros((USERS, USERS)), likes], [likes.T, np.zeros((ITEMS, ITEMS))]])


def table_of(model: MatrixFactorization) -> np.ndarray:
    return model.nodes.weight.detach().double().numpy()


def together(model: MatrixFactorization) -> np.ndarray:
    return torch.cat(model.embeddings()).detach().numpy()


# ---------------------------------------------------------------------- what they compute
@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_social_lightgcn_sends_along_both_graphs(layers: int, learnt: bool) -> None:
    train, social, likes, friends = data()
    model = SocialLightGCN(train, social, 6, layers, friend_weight=0.7, learn_weight=learnt)
    step = normalized(graph(likes))
    step[:USERS, :USERS] += 0.7 * normalized(friends)
    layer = total = table_of(model)
    for _ in range(layers):
        layer = step @ layer
        total = total + layer
    np.testing.assert_allclose(together(model), total / (layers + 1), atol=1e-6)


def test_with_friends_of_no_weight_it_is_lightgcn() -> None:
    train, social, *_ = data()
    model = SocialLightGCN(train, social, 6, 3, friend_weight=0, seed=4)
    np.testing.assert_allclose(together(model), together(LightGCN(train, 6, 3, seed=4)), atol=1e-7)


def test_the_learnt_weight_is_trained() -> None:
    train, social, *_ = data()
    model = SocialLightGCN(train, social, 6, 2, learn_weight=True)
    fit(model, Split(train, None, train.select([])), epochs=3, batch_size=8, progress=False)
    assert abs(model.friend_weight.item() - 0.3) > 1e-3


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_diffnet_takes_up_what_friends_like(layers: int) -> None:
    train, social, likes, friends = data()
    model = DiffNet(train, social, 6, layers)
    users, items = np.split(table_of(model), [USERS])
    for _ in range(layers):
        users = users + averaging(friends) @ users
    users = users + averaging(likes) @ items
    np.testing.assert_allclose(together(model), np.concatenate([users, items]), atol=1e-6)


def test_sept_recommends_as_lightgcn() -> None:
    train, social, *_ = data()
    np.testing.assert_array_equal(
        together(SEPT(train, social, 6, 2, seed=5)), together(LightGCN(train, 6, 2, seed=5))
    )


def test_the_ties_of_sept() -> None:
    train, social, likes, friends = data()
    model = SEPT(train, social, 6, 2)
    eye = np.eye(USERS)
    by_friends = averaging((friends @ friends) * friends + eye)
    by_sharing = averaging((likes @ likes.T) * friends + eye)
    rows = torch.eye(USERS)
    np.testing.assert_allclose(model.by_friends(rows), by_friends, atol=1e-6)
    np.testing.assert_allclose(model.by_sharing(rows), by_sharing, atol=1e-6)
    assert by_sharing[0].tolist() == eye[0].tolist()  # without friends: herself


def literal_loss(views: list[np.ndarray], others: np.ndarray, alike: int, t: float) -> float:
    """SEPT's eq. 5-9 with a loop over views and users."""

    def unit(x: np.ndarray) -> np.ndarray:
        return x / np.linalg.norm(x)

    count, total = len(others), 0.0
    powers = [
        np.array([[np.exp(unit(v) @ unit(o) / t) for o in others] for v in view]) for view in views
    ]
    for one in range(3):
        second, third = (powers[k] for k in range(3) if k != one)
        for user in range(count):
            sure = (second[user] / second[user].sum() + third[user] / third[user].sum()) / 2
            named = np.argsort(-sure)[:alike]
            mine = powers[one][user]
            total += -np.log(mine[named].sum() / mine.sum()) / count
    return total


def test_the_self_supervised_loss_of_sept() -> None:
    train, social, likes, friends = data()
    model = SEPT(train, social, 6, 2, dropped=0.0, alike=3, temperature=0.5)
    users = torch.tensor([3, 7, 3, 1, 0, 9])
    batch = Batch(users, users, users)
    some = [0, 1, 3, 7, 9]
    table = table_of(model)
    eye = np.eye(USERS)

    def mean_of_layers(step: np.ndarray, x: np.ndarray) -> np.ndarray:
        return (x + step @ x + step @ step @ x) / 3

    preference = mean_of_layers(normalized(graph(likes)), table)[some]
    views = [
        preference,
        mean_of_layers(averaging((friends @ friends) * friends + eye), table[:USERS])[some],
        mean_of_layers(averaging((likes @ likes.T) * friends + eye), table[:USERS])[some],
    ]
    expected = literal_loss(views, preference, 3, 0.5)
    assert model.self_supervised_loss(batch).item() == pytest.approx(expected, rel=1e-4)
    thin = SEPT(train, social, 6, 2, dropped=0.5, alike=3, temperature=0.5)
    assert abs(thin.self_supervised_loss(batch).item() - expected) > 1e-3
    repeated = thin.self_supervised_loss(batch).item()
    assert repeated == thin.self_supervised_loss(batch).item()


def test_the_second_loss_is_weighed() -> None:
    train, social, *_ = data()
    model = SEPT(train, social, 6, 2, alike=2)
    batch = Batch(torch.tensor([3, 7]), torch.tensor([1, 2]), torch.tensor([[4], [5]]))
    objective = SelfSupervised(BPR(), weight=0.25)
    expected = BPR()(model, batch) + 0.25 * model.self_supervised_loss(batch)
    torch.testing.assert_close(objective(model, batch), expected)
    assert objective.shared_negatives == 0
    assert SelfSupervised(SampledSoftmax(77)).shared_negatives == 77


# ---------------------------------------------------------------------- how they train
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_what_all_embeddings_say(kind: str) -> None:
    train, social, *_ = data()
    model = KINDS[kind](train, social)
    users, items = torch.tensor([3, 1, 3, 0]), torch.tensor([0, 14, 2])
    all_users, all_items = model.embeddings()
    some_users, some_items, start = model.training_embeddings(users, items)
    torch.testing.assert_close(some_users, all_users[users])
    torch.testing.assert_close(some_items, all_items[items])
    nodes = torch.cat([users, items + USERS])
    torch.testing.assert_close(start, model.nodes.weight[nodes])
    again = model.embeddings(users, items)
    torch.testing.assert_close(again[0], some_users)
    torch.testing.assert_close(again[1], some_items)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_gradient_by_either_way(kind: str) -> None:
    train, social, *_ = data()
    users, items = torch.tensor([3, 1, 3, 0]), torch.tensor([0, 14, 2])

    def gradient(by_batch: bool) -> Tensor:
        model = KINDS[kind](train, social)
        if by_batch:
            of_users, of_items, _ = model.training_embeddings(users, items)
        else:
            of_users, of_items = (
                rows[some] for rows, some in zip(model.embeddings(), (users, items), strict=True)
            )
        (of_users @ of_items.T).square().sum().backward()
        return model.nodes.weight.grad

    torch.testing.assert_close(gradient(True), gradient(False))


@pytest.mark.parametrize("kind", KINDS)
def test_training_repeats_itself_and_needs_no_test(kind: str) -> None:
    train, social, *_ = data()
    split = train.split(0.2, 0.1, seed=0)

    def losses() -> list[float]:
        model = KINDS[kind](split.train, social)
        objective = SelfSupervised(weight=0.1) if kind == "SEPT" else None
        history = fit(
            model,
            Guarded(split),  # type: ignore[arg-type]
            epochs=4,
            batch_size=16,
            lr=0.05,
            objective=objective,
            progress=False,
        )
        return history.losses

    found = losses()
    assert found == losses()
    assert found[-1] < found[0]


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize("kind", KINDS)
def test_a_social_graph_of_other_users_is_refused(kind: str) -> None:
    train, *_ = data()
    links = pd.DataFrame({"user": [0], "friend": [1]})
    social = SocialGraph.from_frame(links, pd.RangeIndex(3))
    with pytest.raises(ValueError, match="different users \\(3 and 12 labels\\)"):
        KINDS[kind](train, social)


def test_arguments_out_of_range_are_refused() -> None:
    train, social, *_ = data()
    for build, message in (
        (lambda: SocialLightGCN(train, social, layers=-1), "layers=-1"),
        (lambda: SocialLightGCN(train, social, friend_weight=-0.1), "friend_weight=-0.1"),
        (lambda: DiffNet(train, social, layers=-1), "layers=-1"),
        (lambda: SEPT(train, social, dropped=1.0), "dropped=1.0"),
        (lambda: SEPT(train, social, alike=0), "alike=0"),
        (lambda: SEPT(train, social, temperature=0.0), "temperature=0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            build()
