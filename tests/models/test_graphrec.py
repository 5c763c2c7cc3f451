"""GraphRec beside a slow implementation of the paper's equations, one user at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
import torch
from tables import Guarded
from test_rating_models import every_pair, rated

from gnnrec_helpers import Interactions, SocialGraph, Split, evaluate_ratings, fit
from gnnrec_helpers.models import BiasOnly, GraphRec
from gnnrec_helpers.models.graphrec import Aggregation, OpinionAggregation
from gnnrec_helpers.objectives import RatingRegression

# user 3 has rated nothing, item 3 has no rating; user 2 trusts nobody
RATED = [(0, 0, 5.0), (0, 1, 3.0), (0, 2, 1.0), (1, 0, 4.0), (1, 2, 5.0), (2, 1, 1.0)]
TRUSTED = {0: [1, 2, 3], 1: [0], 2: [], 3: [0]}
OPINIONS = [1.0, 3.0, 4.0, 5.0]
DIM = 8


def small(**arguments: object) -> GraphRec:
    train = rated(RATED, 4, 4)
    links = [(user, friend) for user, friends in TRUSTED.items() for friend in friends]
    source, target = np.array(links).T
    social = SocialGraph(source, target, train.users)
    model = GraphRec(train, social, dim=DIM, seed=1, **arguments)  # type: ignore[arg-type]
    return model.double()


class Literal:
    """Equations 1-23 with loops and concatenations, in NumPy."""

    def __init__(self, model: GraphRec, rows: Iterable[tuple[int, int, float]]) -> None:
        self.model, self.rows = model, list(rows)
        table = model.nodes.weight.detach().numpy()
        self.p, self.q = table[:4, :DIM], table[4:, :DIM]
        self.e = dict(zip(OPINIONS, model.opinions.weight.detach().numpy(), strict=True))

    @staticmethod
    def layer(linear: torch.nn.Module, x: np.ndarray) -> np.ndarray:
        bias = 0 if linear.bias is None else linear.bias.detach().numpy()
        return linear.weight.detach().numpy() @ x + bias

    def opinion_aware(self, of: OpinionAggregation, q: np.ndarray, e: np.ndarray) -> np.ndarray:
        weight = torch.cat([of.of_neighbour.weight, of.of_opinion.weight], 1).detach().numpy()
        bias = of.of_neighbour.bias.detach().numpy()
        hidden = np.maximum(weight @ np.concatenate([q, e]) + bias, 0)  # eq. 2, first layer
        return np.maximum(self.layer(of.second, hidden), 0)

    def aggregate(
        self, of: Aggregation, brought: list[np.ndarray], owner: np.ndarray
    ) -> np.ndarray:
        weight = torch.cat([of.attend_neighbour.weight, of.attend_owner.weight], 1).detach().numpy()
        bias = of.attend_owner.bias.detach().numpy()
        scores = []
        for x in brought:
            hidden = np.maximum(weight @ np.concatenate([x, owner]) + bias, 0)
            scores.append(self.layer(of.attention, hidden)[0])  # eq. 5
        powers = [math.exp(score) for score in scores]
        total = np.zeros(DIM)
        for x, power in zip(brought, powers, strict=True):
            total += power / sum(powers) * x  # eq. 6, 4
        return np.maximum(self.layer(of.output, total), 0)

    def by_items(self, user: int) -> np.ndarray:
        of = self.model.rated_aggregation
        brought = [
            self.opinion_aware(of, self.q[i], self.e[r]) for u, i, r in self.rows if u == user
        ]
        return self.aggregate(of, brought, self.p[user])

    def user(self, user: int) -> np.ndarray:
        friends = [] if self.model.trusted is None else TRUSTED[user]
        by_friends = np.zeros(DIM)
        if self.model.trusted is not None:
            brought = [self.by_items(friend) for friend in friends]
            by_friends = self.aggregate(self.model.trusted_aggregation, brought, self.p[user])
        found = np.concatenate([self.by_items(user), by_friends])  # eq. 13
        for linear in (self.model.user[0], self.model.user[2]):
            found = np.maximum(self.layer(linear, found), 0)
        return found

    def item(self, item: int) -> np.ndarray:
        of = self.model.rater_aggregation
        brought = [
            self.opinion_aware(of, self.p[u], self.e[r]) for u, i, r in self.rows if i == item
        ]
        return self.aggregate(of, brought, self.q[item])

    def rating(self, user: int, item: int) -> float:
        found = np.concatenate([self.user(user), self.item(item)])  # eq. 20
        for linear in (self.model.rating[0], self.model.rating[2]):
            found = np.maximum(self.layer(linear, found), 0)
        [value] = self.layer(self.model.rating[4], found)
        return float(np.mean([r for *_, r in RATED]) + value)


def test_predictions_are_the_papers_equations() -> None:
    model = small()
    users, items = every_pair(model_data())
    literal = Literal(model, RATED)
    expected = [literal.rating(u, i) for u, i in zip(users.tolist(), items.tolist(), strict=True)]
    np.testing.assert_allclose(model.predict(users, items), expected, rtol=1e-6)
    assert len(set(np.round(expected, 9))) == 16  # nothing collapsed


def model_data() -> Interactions:
    return rated(RATED, 4, 4)


def test_a_baseline_is_added() -> None:
    baseline = BiasOnly(model_data(), 2, 1)
    users, items = torch.tensor([0, 1]), torch.tensor([0, 2])
    model, plain = small(baseline=baseline, neighbours=10), small(neighbours=10)
    surplus = plain.predict(users, items) - plain.mean
    torch.testing.assert_close(
        model.predict(users, items), baseline.predict(users, items) + surplus
    )
    surplus = plain.training_predictions(users, items)[0] - plain.mean
    torch.testing.assert_close(
        model.training_predictions(users, items)[0], baseline.left_out(users, items) + surplus
    )


def test_without_friends() -> None:
    train = model_data()
    model = GraphRec(train, None, dim=DIM, seed=1).double()
    literal = Literal(model, RATED)
    expected = [literal.rating(u, 2) for u in range(4)]
    found = model.predict(torch.arange(4), torch.full((4,), 2))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_training_hides_what_is_asked_for() -> None:
    model = small(neighbours=10)
    users, items = torch.tensor([0, 1]), torch.tensor([0, 2])
    shown = [row for row in RATED if row[:2] not in ((0, 0), (1, 2))]
    literal = Literal(model, shown)
    found, start = model.training_predictions(users, items)
    expected = [literal.rating(0, 0), literal.rating(1, 2)]
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-6)
    torch.testing.assert_close(start, model.nodes.weight[[0, 1, 4, 6]])
    open_book = small(neighbours=10, hide_targets=False)
    found, _ = open_book.training_predictions(users, items)
    torch.testing.assert_close(found, open_book.predict(users, items))


def test_attention_sums_to_one() -> None:
    model = small()
    neighbours = model.rated.of(torch.tensor([0, 1]))
    rows, weights = model.rated_aggregation(
        model.nodes.weight[:2], model.nodes.weight[4:], model.opinions.weight, neighbours
    )
    assert rows.shape == (2, DIM)
    sums = torch.zeros(2, dtype=torch.float64).index_add(0, neighbours.owner, weights)
    torch.testing.assert_close(sums, torch.ones(2, dtype=torch.float64))
    assert weights.detach().unique().numel() > 2  # not simply equal shares


def test_a_batch_draws_its_neighbours() -> None:
    model = small(neighbours=1)
    users, items = torch.tensor([0, 2]), torch.tensor([3, 3])  # no train pairs: nothing is hidden
    found = model.training_predictions(users, items)[0][0].item()
    assert model.training_predictions(users, items)[0][0].item() == found
    asked = [torch.tensor([0, *others]) for others in ([2, 2], [2, 1], [1, 1], [3, 1], [3, 3])]
    different = {
        round(model.training_predictions(some, torch.full((3,), 3))[0][0].item(), 9)
        for some in asked
    }
    assert len(different) > 1  # user 0 has rated three items, of which another one is drawn


def test_unknown_users_and_items_start_from_nothing() -> None:
    model = small()
    assert not model.nodes.weight[3].any()  # user 3
    assert not model.nodes.weight[7].any()  # item 3
    found = model.predict(torch.tensor([3, 2, 3]), torch.tensor([3, 3, 0]))
    assert found.isfinite().all()


def test_gradients_reach_every_weight() -> None:
    model = small(neighbours=10, hide_targets=False)  # where a node has a single neighbour,
    # attention has nothing to choose from
    found, start = model.training_predictions(torch.tensor([0, 1, 2]), torch.tensor([0, 2, 1]))
    (found.square().sum() + start.square().sum()).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


# ---------------------------------------------------------------------- training
def planted(seed: int = 0) -> tuple[Split, SocialGraph]:
    """Circles of friends who are generous or strict together; each of them rates little."""
    generator = np.random.default_rng(seed)
    mood = generator.choice([-1.5, 1.5], 12)  # of each circle
    rows = [
        (user, item, float(np.clip(3 + mood[user // 15] + noise, 1, 5)))
        for user in range(180)
        for item, noise in zip(
            generator.choice(30, 3, replace=False), generator.normal(0, 1, 3), strict=True
        )
    ]
    everything = rated([(u, i, float(round(r))) for u, i, r in rows], 180, 30)
    links = [(u, v) for u in range(180) for v in range(180) if u != v and u // 15 == v // 15]
    source, target = np.array(links).T
    split = everything.split(0.3, 0.2, seed=seed, within="all")
    return split, SocialGraph(source, target, everything.users)


def trained(split: Split, social: SocialGraph | None, **arguments: int) -> tuple[GraphRec, list]:
    model = GraphRec(split.train, social, dim=8, neighbours=8)
    history = fit(
        model,
        Guarded(split),  # type: ignore[arg-type]
        objective=RatingRegression(0.01),
        **{"epochs": 8, "batch_size": 64, "lr": 1e-2, "progress": False, **arguments},
    )
    return model, history.losses


def test_friends_tell_what_a_few_ratings_do_not() -> None:
    split, social = planted()
    rmse = {
        name: evaluate_ratings(trained(split, graph, epochs=30)[0], split)["rmse"]
        for name, graph in {"with": social, "without": None}.items()
    }
    by_bias = evaluate_ratings(BiasOnly(split.train, 1.0), split)["rmse"]
    assert rmse["with"] < 0.85 * rmse["without"]
    assert rmse["with"] < 0.85 * by_bias


def test_training_repeats_and_resumes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    split, social = planted()
    model, losses = trained(split, social)
    again, same = trained(split, social)
    assert losses == same
    path = tmp_path / "graphrec.safetensors"
    for epochs in (3, 8):
        resumed, parts = trained(split, social, epochs=epochs, checkpoint=path, patience=None)
    assert parts == losses
    users, items = every_pair(split.train)
    expected = model.predict(users, items)
    torch.testing.assert_close(again.predict(users, items), expected, rtol=0, atol=0)
    torch.testing.assert_close(resumed.predict(users, items), expected, rtol=0, atol=0)


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize("argument", ["dim", "neighbours"])
def test_sizes_below_one_are_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument}=0: at least 1"):
        GraphRec(model_data(), **{argument: 0})


def test_a_social_graph_of_other_users_is_refused() -> None:
    links = pd.DataFrame({"user": [7], "friend": [8]})
    social = SocialGraph.from_frame(links, pd.Index([7, 8]))
    with pytest.raises(ValueError, match="different users"):
        GraphRec(model_data(), social)


def test_ratings_are_needed() -> None:
    train = model_data()
    with pytest.raises(ValueError, match="Ratings are needed"):
        GraphRec(Interactions(train.user_index, train.item_index, train.users, train.items))
