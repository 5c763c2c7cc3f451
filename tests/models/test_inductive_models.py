"""Items of which only facts are known, beside literal computations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from tables import interactions

from gnnrec_helpers import Interactions, KnowledgeGraph, Split, fit, recommend
from gnnrec_helpers.engine.sampling import generator_for
from gnnrec_helpers.models import IALS, FactRidge, GraphSAGE, LightGCN, Popularity
from gnnrec_helpers.models.parts.fact_features import fact_features

USERS, ITEMS = 7, 6
COLD, BARE = 4, 5  # nobody likes item 4; nothing is known of item 5


def data() -> tuple[Interactions, KnowledgeGraph, np.ndarray]:
    likes = (np.random.default_rng(3).random((USERS, ITEMS)) < 0.5).astype(float)
    likes[:, COLD] = 0
    likes[0] = 0  # a user without interactions
    train = interactions(likes)
    facts = pd.DataFrame(
        [
            (0, "by", "x"), (1, "by", "x"), (2, "by", "y"), (3, "by", "y"), (4, "by", "x"),
            (0, "of", "x"), (2, "of", "x"), (4, "of", "x"), (3, "of", "z"), (4, "in", "here"),
            (2, "after", 0), (3, "after", 0), (1, "by", "y"),
        ],
        columns=["head", "relation", "tail"],
    )  # fmt: skip
    return train, KnowledgeGraph.from_frame(facts, train.items), likes


# facts that two items with interactions have: "by x" (0, 1), "by y" (1, 2, 3), "of x" (0, 2),
# "after 0" (2, 3); as relations and entities are sorted: after 0, by x, by y, of x
SHARED = np.array(
    [[0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], float
)


def test_facts_that_an_item_shares_by_hand() -> None:
    train, knowledge, _ = data()
    np.testing.assert_array_equal(fact_features(train, knowledge, 2).toarray(), SHARED)
    # of z (3), and the other direction of "after": 0 is what 2 and 3 come after
    assert fact_features(train, knowledge).toarray().sum(axis=1).tolist() == [4, 2, 3, 3, 2, 0]
    other = interactions(np.ones((2, 3)))
    with pytest.raises(ValueError, match="different items"):
        fact_features(other, knowledge)


def unit(row: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(row)
    return row / length if length else row


def mean(rows: list[np.ndarray], weights: list[float], dim: int) -> np.ndarray:
    return np.average(rows, axis=0, weights=weights) if rows else np.zeros(dim)


def literal(model: GraphSAGE, likes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The layers, one node at a time."""
    table = model.facts.weight.detach().numpy()
    dim = table.shape[1]
    items = [unit(mean(list(table[row > 0]), [1.0] * int(row.sum()), dim)) for row in SHARED]
    users = [np.zeros(dim)] * USERS
    for depth, (own, heard) in enumerate(zip(model.own, model.heard, strict=True), 1):
        last = depth == len(model.own)
        w, v, b = (p.detach().numpy() for p in (own.weight, heard.weight, heard.bias))
        new_users, new_items = [], []
        for user in range(USERS):
            near = np.flatnonzero(likes[user])
            row = v @ mean([items[i] for i in near], list(likes[user, near]), dim) + b
            new_users.append(row if last else unit(np.maximum(row, 0)))
        for item in range(ITEMS):
            near = np.flatnonzero(likes[:, item])
            row = v @ mean([users[u] for u in near], list(likes[near, item]), dim) + b
            row = row + w @ items[item]
            new_items.append(unit(row if last else np.maximum(row, 0)))
        users, items = new_users, new_items
    return np.array(users), np.array(items)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_graphsage_is_its_equations(layers: int, weighted: bool) -> None:
    train, knowledge, likes = data()
    if weighted:
        weight = np.random.default_rng(1).uniform(0.5, 3.0, len(train))
        train = replace(train, weight=weight)
        likes = train.to_csr(weight).toarray()
    model = GraphSAGE(train, knowledge, 5, layers).double()
    for found, expected in zip(model.embeddings(), literal(model, likes), strict=True):
        np.testing.assert_allclose(found.detach(), expected, rtol=1e-5, atol=1e-7)


def test_an_item_that_nobody_chose_is_made_of_its_facts_alone() -> None:
    train, knowledge, likes = data()
    model = GraphSAGE(train, knowledge, 5)
    facts = model.facts.weight[[1, 3]].mean(0)  # by x, of x
    row = torch.nn.functional.normalize(facts, dim=0)
    for depth, (own, heard) in enumerate(zip(model.own, model.heard, strict=True), 1):
        row = own.weight @ row + heard.bias
        row = torch.nn.functional.normalize(row if depth == 2 else row.relu(), dim=0)
    torch.testing.assert_close(model.embeddings()[1][COLD], row)
    # whoever likes the others
    likes[1:3, :COLD] = 1 - likes[1:3, :COLD]
    other = GraphSAGE(interactions(likes), knowledge, 5)
    other.load_state_dict(model.state_dict())
    assert not torch.allclose(other.embeddings()[1][:COLD], model.embeddings()[1][:COLD])
    torch.testing.assert_close(other.embeddings()[1][COLD], row)
    assert sum(p.numel() for p in model.parameters()) == 4 * 5 + 2 * (5 * 5 + 5 * 5 + 5)


def test_hidden_items_hear_nobody_and_nobody_hears_them() -> None:
    train, knowledge, likes = data()
    model = GraphSAGE(train, knowledge, 5, hidden=0.5, seed=2).double()
    users, items = torch.arange(USERS), torch.arange(ITEMS)
    drawn = generator_for(2, users, items).random(ITEMS) < 0.5
    assert 0 < drawn[:COLD].sum() < COLD
    model.train()
    found = model.training_embeddings(users, items)
    for rows, expected in zip(found, literal(model, likes * ~drawn), strict=False):
        np.testing.assert_allclose(rows.detach(), expected, rtol=1e-5, atol=1e-7)
    again = model.training_embeddings(users, items)
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))
    model.eval()
    for rows, expected in zip(model.training_embeddings(users, items), model.embeddings(),
                              strict=False):  # fmt: skip
        assert torch.equal(rows, expected)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_history_of_a_known_user_gives_her_own_scores(layers: int) -> None:
    train, knowledge, likes = data()
    model = GraphSAGE(train, knowledge, 5, layers)
    known = np.flatnonzero(likes.sum(axis=1))
    found = model.fold_in()(sparse.csr_array(likes[known]))
    torch.testing.assert_close(found, model.score(torch.from_numpy(known)))


def test_what_a_model_knows_of_an_item() -> None:
    train, knowledge, _ = data()
    only = train.select(train.item_index == 3)
    # item 2 shares "by y" and "after 0" with item 3, but no two known items have either
    assert (
        GraphSAGE(only, knowledge, 4).informed_items.tolist() == [False] * 3 + [True] + [False] * 2
    )
    ridge = FactRidge(only, knowledge, IALS(only, 4))
    assert ridge.informed_items.tolist() == [False, True, True, True, False, False]
    bare = train.select(train.item_index < COLD)
    model = GraphSAGE(bare, knowledge, 4)
    assert model.informed_items.tolist() == [True] * 5 + [False]
    assert COLD in recommend(model, [1], k=ITEMS)["item"].tolist()
    assert BARE not in recommend(model, [1], k=ITEMS)["item"].tolist()


def test_ridge_from_facts_to_embeddings() -> None:
    train, knowledge, likes = data()
    factors = IALS(train, 3)
    users, items = factors.embeddings()
    F = fact_features(train, knowledge).toarray()
    warm = likes.sum(axis=0) > 0
    gram = F[warm].T @ F[warm] + 0.7 * np.eye(F.shape[1])
    W = np.linalg.inv(gram) @ F[warm].T @ items.double().numpy()[warm]
    model = FactRidge(train, knowledge, factors, 0.7)
    found = model.embeddings()
    assert torch.equal(found[0], users)
    assert torch.equal(found[1][warm], items[warm])
    np.testing.assert_allclose(found[1][COLD], F[COLD] @ W, rtol=1e-5)
    trained = LightGCN(train, 3, 1)
    before = FactRidge(train, knowledge, trained).score(torch.arange(USERS))
    fit(trained, Split.from_parts(train), epochs=2, lr=0.1, progress=False)
    after = FactRidge(train, knowledge, trained).score(torch.arange(USERS))
    assert not torch.allclose(before[:, COLD], after[:, COLD])


def test_training_does_not_take_cold_items_for_bad_ones() -> None:
    """The loss never sees one, neither as a positive nor as a negative."""
    train, knowledge, _ = data()
    model = GraphSAGE(train, knowledge, 4)
    seen: set[int] = set()
    ask = model.training_embeddings

    def spy(users: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen.update(items.tolist())
        return ask(users, items)

    model.training_embeddings = spy  # type: ignore[method-assign,assignment]
    fit(model, Split.from_parts(train), epochs=2, progress=False)
    assert seen == set(range(ITEMS)) - {COLD}


def test_arguments_out_of_range_are_refused() -> None:
    train, knowledge, _ = data()
    fewer = train.select(train.item_index > 0)
    for build, error, message in (
        (lambda: GraphSAGE(train, knowledge, layers=0), ValueError, "layers"),
        (lambda: GraphSAGE(train, knowledge, hidden=1.0), ValueError, "hidden=1.0"),
        (lambda: FactRidge(train, knowledge, IALS(train, 2), 0.0), ValueError, "regularization=0"),
        (lambda: FactRidge(train, knowledge, IALS(fewer, 2)), ValueError, "other interactions"),
        (lambda: FactRidge(train, knowledge, Popularity(train)), TypeError, "not Popularity"),  # type: ignore[arg-type]
    ):
        with pytest.raises(error, match=message):
            build()


def test_no_facts_and_no_likes_are_possible() -> None:
    train, knowledge, _ = data()
    nothing = KnowledgeGraph.from_frame(knowledge.to_frame()[:0], train.items)
    empty = train.select(train.user_index < 0)
    for model in (
        GraphSAGE(train, nothing, 4),
        GraphSAGE(empty, knowledge, 4),
        FactRidge(train, nothing, IALS(train, 2)),
        FactRidge(empty, knowledge, LightGCN(empty, 2)),
    ):
        assert torch.isfinite(model.score(torch.arange(USERS))).all()
