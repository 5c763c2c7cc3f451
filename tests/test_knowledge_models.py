"""Models that use facts, each beside a literal computation of what it promises."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score
from tables import Guarded, interactions
from test_social_models import normalized

from gnnrec_helpers import Interactions, KnowledgeGraph, Split, fit
from gnnrec_helpers.ctr_evaluation import evaluate_ctr
from gnnrec_helpers.interactions import merge
from gnnrec_helpers.models import KGCN, KnowledgeLightGCN, LightGCN, RippleNet
from gnnrec_helpers.models.kgcn import sampled_facts
from gnnrec_helpers.models.ripplenet import sampled_rings
from gnnrec_helpers.objectives import CrossEntropy, SelfSupervised
from gnnrec_helpers.sampling import Batch, Negatives

USERS, ITEMS = 8, 6


def data() -> tuple[Interactions, KnowledgeGraph, np.ndarray]:
    """Item 5 has no facts, entities "x" to "z" are no items; one fact is about itself."""
    likes = (np.random.default_rng(0).random((USERS, ITEMS)) < 0.5).astype(float)
    train = interactions(likes)
    facts = pd.DataFrame(
        [
            (0, "by", "x"), (1, "by", "x"), (2, "by", "y"), (0, "of", "z"), (3, "of", "z"),
            (4, "of", "z"), (3, "after", 0), (1, "by", "x"), (2, "of", "y"), (4, "like", 4),
        ],
        columns=["head", "relation", "tail"],
    )  # fmt: skip
    return train, KnowledgeGraph.from_frame(facts, train.items), likes


# ---------------------------------------------------------------------- KGCN
def test_facts_are_sampled_in_both_directions() -> None:
    _, knowledge, _ = data()
    near, by = sampled_facts(knowledge, 4, np.random.default_rng(0))
    known: dict[int, set] = {}
    for head, relation, tail in zip(
        knowledge.head.tolist(), knowledge.relation.tolist(), knowledge.tail.tolist(), strict=True
    ):
        known.setdefault(head, set()).add((tail, relation))
        known.setdefault(tail, set()).add((head, relation))
    for entity in range(knowledge.num_entities):
        drawn = set(zip(near[entity].tolist(), by[entity].tolist(), strict=True))
        if entity in known:
            assert drawn <= known[entity]
            assert len(drawn) == min(4, len(known[entity]))
        else:
            assert drawn == {(entity, knowledge.num_relations)}
    assert 5 not in known


class Literal:
    """Equations 1-8 of the paper, one pair and one entity at a time."""

    def __init__(self, model: KGCN) -> None:
        self.model = model
        self.u, self.e, self.r = (
            table.weight.detach().numpy()
            for table in (model.of_users, model.entities, model.relations)
        )

    def entity(self, user: int, entity: int, depth: int) -> np.ndarray:
        """An entity after `depth` steps."""
        if depth == 0:
            return self.e[entity]
        near, by = self.model.near[entity].tolist(), self.model.by[entity].tolist()
        powers = [math.exp(self.u[user] @ self.r[relation]) for relation in by]
        brought = sum(
            power / sum(powers) * self.entity(user, other, depth - 1)
            for power, other in zip(powers, near, strict=True)
        )
        oneself = self.entity(user, entity, depth - 1)
        mix = self.model.mix[depth - 1]
        weight, bias = mix.weight.detach().numpy(), mix.bias.detach().numpy()
        both = {
            "sum": lambda: oneself + brought,
            "concat": lambda: np.concatenate([oneself, brought]),
            "neighbor": lambda: brought,
        }[self.model.aggregator]()
        mixed = weight @ both + bias
        return np.tanh(mixed) if depth == self.model.layers else np.maximum(mixed, 0)

    def score(self, user: int, item: int) -> float:
        return float(self.u[user] @ self.entity(user, item, self.model.layers))


@pytest.mark.parametrize("aggregator", ["sum", "concat", "neighbor"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_kgcn_is_the_papers_equations(aggregator: str, layers: int) -> None:
    train, knowledge, _ = data()
    model = KGCN(train, knowledge, 4, layers, 3, aggregator=aggregator).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for table in (model.of_users, model.entities, model.relations):
            table.weight.mul_(8)  # so that attention is not even
    literal = Literal(model)
    expected = [[literal.score(user, item) for item in range(ITEMS)] for user in (7, 0)]
    found = model.score(torch.tensor([7, 0])).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    pairs = torch.tensor([7, 0, 7]), torch.tensor([5, 0, 2])
    scores, start = model.training_scores(*pairs)
    np.testing.assert_allclose(scores.detach(), [expected[0][5], expected[1][0], expected[0][2]])
    torch.testing.assert_close(start[:3], model.of_users.weight[pairs[0]])
    torch.testing.assert_close(start[3:], model.entities.weight[pairs[1]])


def test_cross_entropy_one_pair_at_a_time() -> None:
    train, knowledge, _ = data()
    model = KGCN(train, knowledge, 4)
    batch = Batch(torch.tensor([3, 1]), torch.tensor([0, 4]), torch.tensor([[1, 2], [5, 0]]))
    scores = model.score(torch.tensor([3, 1])).detach().double().numpy()

    def soft(x: float) -> float:
        return math.log1p(math.exp(x))

    expected = (soft(-scores[0, 0]) + soft(-scores[1, 4])) / 2
    expected += (
        soft(scores[0, 1]) + soft(scores[0, 2]) + soft(scores[1, 5]) + soft(scores[1, 0])
    ) / 4
    assert CrossEntropy(0.0)(model, batch).item() == pytest.approx(expected, rel=1e-5)
    users, items = [3, 1, 3, 3, 1, 1], [0, 4, 1, 2, 5, 0]
    rows = [*model.of_users.weight[users], *model.entities.weight[items]]
    decay = 0.3 / 2 * sum(row.square().sum().item() for row in rows) / 2
    assert CrossEntropy(0.3)(model, batch).item() == pytest.approx(expected + decay, rel=1e-5)


def test_kgcn_learns_and_repeats_itself() -> None:
    train, knowledge, _ = data()
    split = train.split(0.2, 0.2, seed=0)

    def losses() -> list[float]:
        model = KGCN(split.train, knowledge, 4)
        guarded: Split = Guarded(split)  # type: ignore[assignment]
        return fit(
            model,
            guarded,
            objective=CrossEntropy(),
            epochs=8,
            batch_size=4,
            lr=0.02,
            progress=False,
        ).losses

    found = losses()
    assert found == losses()
    assert found[-1] < found[0]


# ---------------------------------------------------------------------- facts as edges
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_knowledge_lightgcn_sends_along_both_graphs(layers: int) -> None:
    train, knowledge, likes = data()
    model = KnowledgeLightGCN(train, knowledge, 5, layers, fact_weight=0.6)
    entities = knowledge.num_entities
    step = np.zeros((USERS + entities, USERS + entities))
    graph = np.block([[np.zeros((USERS, USERS)), likes], [likes.T, np.zeros((ITEMS, ITEMS))]])
    step[: USERS + ITEMS, : USERS + ITEMS] = normalized(graph)
    facts = np.zeros((entities, entities))
    for head, tail in zip(knowledge.head, knowledge.tail, strict=True):
        if head != tail:
            facts[head, tail] = facts[tail, head] = 1
    step[USERS:, USERS:] += 0.6 * normalized(facts)
    layer = total = model.nodes.weight.detach().double().numpy()
    for _ in range(layers):
        layer = step @ layer
        total = total + layer
    expected = total / (layers + 1)
    users, items = model.embeddings()
    np.testing.assert_allclose(users.detach(), expected[:USERS], atol=1e-6)
    np.testing.assert_allclose(items.detach(), expected[USERS : USERS + ITEMS], atol=1e-6)
    some_users, some_items, start = model.training_embeddings(
        torch.tensor([6]), torch.tensor([5, 0])
    )
    torch.testing.assert_close(some_users, users[[6]])
    torch.testing.assert_close(some_items, items[[5, 0]])
    torch.testing.assert_close(start, model.nodes.weight[[6, USERS + 5, USERS]])


def test_with_facts_of_no_weight_it_is_lightgcn() -> None:
    train, knowledge, _ = data()
    model = KnowledgeLightGCN(train, knowledge, 5, 2, fact_weight=0.0, seed=3)
    for one, other in zip(
        model.embeddings(), LightGCN(train, 5, 2, seed=3).embeddings(), strict=True
    ):
        torch.testing.assert_close(one, other)


# ---------------------------------------------------------------------- yes or no
class Fixed:
    """Scores that are there already."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = torch.from_numpy(scores)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        return self.scores[users]


@pytest.mark.parametrize("part", ["test", "validation"])
def test_yes_or_no_is_sklearn_s(part: str, movielens_split: Split) -> None:
    split = movielens_split
    scores = np.random.default_rng(0).normal(size=(split.train.num_users, split.train.num_items))
    scores = scores.round(1)  # with ties
    found = evaluate_ctr(Fixed(scores), split, part)  # type: ignore[arg-type]
    held_out = getattr(split, part)
    known = {
        (u, i)
        for p in (split.train, split.validation, split.test)
        for u, i in zip(p.user_index.tolist(), p.item_index.tolist(), strict=True)
    }
    everything = merge(merge(split.train, split.test), split.validation)
    drawn = Negatives(everything).draw(held_out.user_index, 1, np.random.default_rng(0))[:, 0]
    asked = list(zip(held_out.user_index.tolist(), drawn.tolist(), strict=True))
    assert not set(asked) & known
    values = np.concatenate(
        [scores[held_out.user_index, held_out.item_index], scores[held_out.user_index, drawn]]
    )
    labels = np.repeat([1, 0], len(held_out))
    assert found["auc"] == pytest.approx(roc_auc_score(labels, values))
    assert found["f1"] == pytest.approx(f1_score(labels, values > 0))
    assert found["accuracy"] == pytest.approx(((values > 0) == labels).mean())


def test_an_empty_part_is_refused(movielens_split: Split) -> None:
    train = movielens_split.train
    model = Fixed(np.zeros((train.num_users, train.num_items)))
    with pytest.raises(ValueError, match="validation part of the split is empty"):
        evaluate_ctr(model, Split(train, None, movielens_split.test), "validation")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="part='valid': choose 'test' or 'validation'"):
        evaluate_ctr(model, movielens_split, "valid")  # type: ignore[arg-type]


# ---------------------------------------------------------------------- bad input
def test_a_knowledge_graph_about_other_items_is_refused() -> None:
    train, *_ = data()
    facts = pd.DataFrame({"head": [1], "relation": ["by"], "tail": ["x"]})
    other = KnowledgeGraph.from_frame(facts, pd.RangeIndex(3))
    for kind in (KGCN, KnowledgeLightGCN):
        with pytest.raises(ValueError, match=r"different items \(3 and 6 labels\)"):
            kind(train, other)


def test_arguments_out_of_range_are_refused() -> None:
    train, knowledge, _ = data()
    for build, message in (
        (lambda: KGCN(train, knowledge, dim=0), "dim=0"),
        (lambda: KGCN(train, knowledge, layers=0), "layers=0"),
        (lambda: KGCN(train, knowledge, neighbours=0), "neighbours=0"),
        (lambda: KGCN(train, knowledge, aggregator="max"), "aggregator='max'"),  # type: ignore[arg-type]
        (lambda: KnowledgeLightGCN(train, knowledge, layers=-1), "layers=-1"),
        (lambda: KnowledgeLightGCN(train, knowledge, fact_weight=-1), "fact_weight=-1"),
    ):
        with pytest.raises(ValueError, match=message):
            build()


def test_they_say_what_they_are() -> None:
    train, knowledge, _ = data()
    assert "neighbours=8, aggregator='sum'" in repr(KGCN(train, knowledge))
    assert "3 other things, layers=3, fact_weight=0.3" in repr(KnowledgeLightGCN(train, knowledge))


# ---------------------------------------------------------------------- RippleNet
def test_rings_follow_facts_from_the_users_items() -> None:
    train, knowledge, likes = data()
    heads, by, tails, silent = sampled_rings(train, knowledge, 2, 5, np.random.default_rng(0))
    both = {
        *zip(knowledge.head.tolist(), knowledge.relation.tolist(), knowledge.tail.tolist(),
             strict=True),
        *zip(knowledge.tail.tolist(), (knowledge.relation + knowledge.num_relations).tolist(),
             knowledge.head.tolist(), strict=True),
    }  # fmt: skip
    for user in range(USERS):
        near = set(np.flatnonzero(likes[user]).tolist())
        for hop in range(2):
            if silent[user, hop]:
                assert not any(head in near for head, *_ in both)
                break
            ring = list(
                zip(*(part[user, hop].tolist() for part in (heads, by, tails)), strict=True)
            )
            assert set(ring) <= both
            assert {head for head, *_ in ring} <= near
            near = {tail for *_, tail in ring}


def test_ripplenet_is_the_papers_equations() -> None:
    train, knowledge, _ = data()
    model = RippleNet(train, knowledge, 3, 2, 4).double()
    with torch.no_grad():
        model.entities.weight.mul_(8)
        model.relations.weight.mul_(5)
    e = model.entities.weight.detach().numpy()
    matrices = model.relations.weight.detach().numpy().reshape(-1, 3, 3)
    transform = model.transform.detach().numpy()

    def literal(user: int, item: int) -> float:
        v, u = e[item], np.zeros(3)
        for hop in range(2):
            ring = [part[user, hop].tolist() for part in (model.heads, model.by, model.tails)]
            powers = [math.exp(v @ matrices[r] @ e[h]) for h, r in zip(*ring[:2], strict=True)]
            answer = sum(p / sum(powers) * e[t] for p, t in zip(powers, ring[2], strict=True))
            answer = answer * (not model.silent[user, hop])
            v = (v + answer) @ transform
            u = u + answer
        return float(u @ v)

    users = torch.tensor([5, 2])
    expected = [[literal(user, item) for item in range(ITEMS)] for user in (5, 2)]
    np.testing.assert_allclose(model.score(users).detach(), expected, rtol=1e-6)
    scores, start = model.training_scores(torch.tensor([5, 2, 5]), torch.tensor([1, 0, 5]))
    np.testing.assert_allclose(scores.detach(), [expected[0][1], expected[1][0], expected[0][5]])
    torch.testing.assert_close(start, model.entities.weight[[1, 0, 5]])


def test_ripplenet_learns_facts_beside_likes() -> None:
    train, knowledge, _ = data()
    split = train.split(0.2, 0.2, seed=0)
    objective = SelfSupervised(CrossEntropy(), weight=0.1)
    model = RippleNet(split.train, knowledge, 4, 2, 8)
    batch = Batch(torch.tensor([3, 1]), torch.tensor([0, 4]), torch.tensor([[1], [5]]))
    before = model.self_supervised_loss(batch).item()
    history = fit(model, split, objective=objective, epochs=20, batch_size=8, lr=0.02,
                  patience=None, validate_every=20, progress=False)  # fmt: skip
    assert history.losses[-1] < history.losses[0]
    assert model.self_supervised_loss(batch).item() < before


def test_a_user_without_facts_scores_all_alike() -> None:
    train, knowledge, _ = data()
    only_5 = train.select(train.item_index == 5)  # of which nothing is known
    model = RippleNet(only_5, knowledge, 4)
    assert bool(model.silent.all())
    assert not model.score(torch.arange(USERS)).any()
