"""LightGCN on bags: what it is trained by, and what it recommends by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_contract import split

from gnnrec_helpers import Split, fit, models, recommend
from gnnrec_helpers.engine.truncation import Bags, truncated_rows
from gnnrec_helpers.models import truncated_lightgcn


def likes() -> Split:
    return split(rated=False)


@pytest.mark.parametrize("exact", [True, False])
def test_it_is_trained_by_bags(exact: bool) -> None:
    train = likes().train
    model = models.TruncatedLightGCN(train, 8, 2, k=5, exact_scores=exact)
    whole = models.LightGCN(train, 8, 2)
    assert torch.equal(model.nodes.weight, whole.nodes.weight)
    bags = truncated_rows(whole.adjacency, 2, 5)
    table = whole.nodes.weight.detach()
    sums = (bags.weights[:, :, None] * table[bags.nodes.long()]).sum(1)
    users, items = torch.tensor([3, 0, 3]), torch.tensor([7, 2])
    in_training = model.train().training_embeddings(users, items)
    torch.testing.assert_close(in_training[0], sums[users])
    torch.testing.assert_close(in_training[1], sums[items + train.num_users])
    torch.testing.assert_close(
        in_training[2], torch.cat([table[users], table[items + train.num_users]])
    )
    model.eval()
    expected = whole.embeddings() if exact else sums.split([train.num_users, train.num_items])
    for rows, wanted in zip(model.embeddings(), expected, strict=True):
        torch.testing.assert_close(rows, wanted)


def test_with_bags_as_long_as_rows_it_is_lightgcn() -> None:
    parts = likes()
    nodes = parts.train.num_users + parts.train.num_items
    histories = []
    for model in (
        models.LightGCN(parts.train, 8, 2),
        models.TruncatedLightGCN(parts.train, 8, 2, k=nodes),
    ):
        histories.append(fit(model, parts, epochs=4, batch_size=64, progress=False))
    np.testing.assert_allclose(histories[1].losses, histories[0].losses, rtol=1e-4)


def test_it_learns_by_walks() -> None:
    parts = likes()
    found = []
    for seed in (0, 0, 1):
        model = models.TruncatedLightGCN(parts.train, 8, 2, k=6, walks=50, seed=seed)
        settings = {"epochs": 40, "batch_size": 64, "lr": 0.05, "patience": None}
        losses = fit(model, parts, **settings, progress=False).losses  # type: ignore[arg-type]
        assert losses[-1] < 0.95 * losses[0], losses
        found.append(model.bags().weights)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("walks", [None, 50])
def test_a_model_of_doubles_has_the_same_bags(walks: int | None) -> None:
    parts = likes()
    plain, double = (models.TruncatedLightGCN(parts.train, 8, 2, 6, walks=walks) for _ in range(2))
    double.double()
    for one, other in zip(double.bags(), plain.bags(), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other)
    losses = [
        fit(model, parts, epochs=1, batch_size=64, progress=False).losses
        for model in (plain, double)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_bags_of_a_file_are_used(tmp_path: Path) -> None:
    parts = likes()
    model, other = (models.TruncatedLightGCN(parts.train, 8, 2, k=5) for _ in range(2))
    model.bags().save(tmp_path)
    opened = Bags.open(tmp_path)
    for here, there in zip(opened, model.bags(), strict=True):
        assert torch.equal(here, there)
    changed = Bags(opened.nodes, opened.weights.mul_(0.5))
    other.use_bags(changed)
    assert torch.equal(other.bags().weights, 0.5 * model.bags().weights)
    assert torch.equal(Bags.open(tmp_path).weights, model.bags().weights)  # the file is as it was
    with pytest.raises(ValueError, match=r"Bags of shape \(\d+, 5\): \(\d+, 4\) is asked for"):
        models.TruncatedLightGCN(parts.train, 8, 2, k=4).use_bags(opened)
    with pytest.raises(ValueError, match="Bags of other nodes"):
        other.use_bags(Bags(opened.nodes + 1000, opened.weights))


def test_training_does_not_go_on_with_other_bags(tmp_path: Path) -> None:
    parts = likes()
    computed, given, other = (models.TruncatedLightGCN(parts.train, 8, 2, k=5) for _ in range(3))
    given.use_bags(Bags(computed.bags().nodes, 0.5 * computed.bags().weights))
    other.use_bags(Bags(computed.bags().nodes, 0.4 * computed.bags().weights))
    assert given.identity() != other.identity()
    settings = {"batch_size": 64, "progress": False}
    fit(given, parts, epochs=1, checkpoint=tmp_path / "given", **settings)  # type: ignore[arg-type]
    for model in (computed, other):
        with pytest.raises(ValueError, match=r"was made with model\.bags=") as caught:
            fit(model, parts, epochs=2, checkpoint=tmp_path / "given", **settings)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    fit(given, parts, epochs=2, checkpoint=tmp_path / "given", **settings)  # type: ignore[arg-type]


def test_somebody_new_is_propagated_exactly() -> None:
    """Though items are scored by their bags, as the docstring says."""
    train = likes().train
    model = models.TruncatedLightGCN(train, 8, 2, k=5, exact_scores=False)
    whole = models.LightGCN(train, 8, 2)
    has = [train.items[n] for n in (2, 5, 11)]
    ((hers, _),) = whole.fold_in().products
    rows = torch.tensor([2, 5, 11])
    scores = 3**-0.5 * hers[rows].sum(0) @ model.embeddings()[1].T
    scores[rows] = -torch.inf
    expected = train.items[scores.topk(5).indices.numpy()]
    found = recommend(model, histories={"new": has}, k=5)
    assert found["item"].tolist() == expected.tolist()


def test_bags_weigh_layers_as_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Last(models.TruncatedLightGCN):
        def layer_weights(self) -> list[float]:
            return [0.0] * self.layers + [1.0]

    train = likes().train
    nodes = train.num_users + train.num_items
    model = Last(train, 8, 2, k=nodes, exact_scores=False)
    exact = Last(train, 8, 2, k=nodes)
    monkeypatch.setattr(truncated_lightgcn, "NODES_AT_ONCE", 7)
    for rows, wanted in zip(model.eval().embeddings(), exact.eval().embeddings(), strict=True):
        torch.testing.assert_close(rows, wanted)
