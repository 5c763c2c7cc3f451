"""Models that rank by cosines: trained, kept, folded in and explained as they rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from gnnrec_helpers import Interactions, SampledSoftmax, Split, evaluate, fit, load, recommend
from gnnrec_helpers.models import LightGCN, MatrixFactorization
from gnnrec_helpers.serving import explain

KINDS = [MatrixFactorization, LightGCN]
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_a_score_is_a_cosine(kind: type, toy: Interactions) -> None:
    model, plain = kind(toy, 6, cosine=True), kind(toy, 6)
    assert torch.equal(model.nodes.weight, plain.nodes.weight)
    users, items = (rows.detach().double() for rows in plain.embeddings())
    expected = cosine_similarity(users, items)
    everybody = torch.arange(5)
    np.testing.assert_allclose(model.score(everybody), expected, atol=1e-6)
    np.testing.assert_allclose(model.frozen().score(everybody), expected, atol=1e-6)
    for rows in model.embeddings():
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(5))
    some, one = torch.tensor([3, 0, 3]), torch.tensor([2])
    *trained, start = model.training_embeddings(some, one)
    for rows, table in zip(trained, model.embeddings(), strict=True):
        torch.testing.assert_close(rows, table[some if len(rows) == 3 else one])
    assert torch.equal(start, plain.nodes.weight[[3, 0, 3, 7]])


def test_cosines_of_lightgcn_without_layers_are_those_of_matrix_factorization(
    toy: Interactions,
) -> None:
    one, other = (kind(toy, 6, cosine=True, **more) for kind, more in zip(KINDS, ({}, {"layers": 0})))  # fmt: skip  # noqa: B905, E501
    assert torch.equal(one.score(torch.arange(5)), other.score(torch.arange(5)))


@kinds
@pytest.mark.parametrize("exponent", [None, 1.2])
def test_it_learns_by_cosines(
    kind: type, exponent: float | None, movielens_split: Split, tmp_path: Path
) -> None:
    model = kind(movielens_split.train, 16, cosine=True)
    objective = SampledSoftmax(256, 0.0, temperature=0.15, exponent=exponent)
    before = evaluate(model, movielens_split)["recall@20"]
    history = fit(model, movielens_split, epochs=6, lr=0.02, objective=objective, progress=False)
    assert history.losses[-1] < history.losses[0]
    assert evaluate(model, movielens_split)["recall@20"] > before + 0.08
    model.save(tmp_path / "it")
    again = load(tmp_path / "it")
    everybody = torch.arange(model.num_users)
    assert torch.equal(again.score(everybody), model.score(everybody))
    assert "cosine=True" in repr(again)


@kinds
def test_its_own_loss_tells_cosines_apart(kind: type, movielens_split: Split) -> None:
    train = movielens_split.train
    assert kind(train, 4, cosine=True).default_objective() == SampledSoftmax(
        weight_decay=0.0, temperature=0.1
    )
    usual = SampledSoftmax() if kind is LightGCN else SampledSoftmax(weight_decay=0.2)
    assert kind(train, 4).default_objective() == usual
    assert LightGCN(train, 4, layers=0).default_objective() == SampledSoftmax(weight_decay=0.2)


def test_somebody_new_is_ranked_by_cosines(movielens_split: Split) -> None:
    """As the dot product of her propagated embedding with items of length 1."""
    train = movielens_split.train
    model = LightGCN(train, 8, 2, cosine=True)
    found = model.fold_in()(train.to_csr()[[4]])[0]
    plain = LightGCN(train, 8, 2)
    hers = plain.fold_in()(train.to_csr()[[4]])[0]
    lengths = plain.embeddings()[1].norm(dim=1).detach()
    torch.testing.assert_close(found, hers / lengths)
    lists = recommend(model, histories={"new": list(train.items[[3, 8, 20]])}, k=5)
    assert len(lists) == 5


def test_a_cosine_is_explained(movielens_split: Split) -> None:
    train = movielens_split.train
    model = LightGCN(train, 8, 3, cosine=True)
    for user, item in zip(train.users[[0, 40, 100]], train.items[[5, 2, 77]], strict=True):
        found = explain(model, user, item)
        assert -1 <= found.score <= 1
        assert found.terms["contribution"].sum() == pytest.approx(found.score, abs=1e-6)
        assert found.paths["contribution"].sum() + found.other_paths == pytest.approx(
            found.score, abs=1e-6
        )
