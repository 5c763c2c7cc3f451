"""Models that use facts, each beside a literal computation of what it promises."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score
from tables import Guarded, interactions
from test_social_models import normalized

from gnnrec_helpers import Interactions, KnowledgeGraph, SocialGraph, Split, fit
from gnnrec_helpers.data.splits import merge
from gnnrec_helpers.engine.sampling import Batch, Negatives, generator_for
from gnnrec_helpers.evaluation.yes_or_no import best_threshold, evaluate_ctr
from gnnrec_helpers.models import (
    KGAT,
    KGCN,
    KGIN,
    KnowledgeLightGCN,
    LightGCN,
    RippleNet,
    SocialLightGCN,
)
from gnnrec_helpers.models.kgcn import sampled_facts
from gnnrec_helpers.models.kgin import distance_correlation
from gnnrec_helpers.models.ripplenet import sampled_rings
from gnnrec_helpers.objectives import CrossEntropy, SelfSupervised

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
            for table in (model.user_table, model.entities, model.relations)
        )

    def entity(self, user: int, entity: int, depth: int) -> np.ndarray:
        """An entity after `depth` steps."""
        if depth == 0:
            return self.e[entity]
        near, by = (
            table[entity].tolist()
            for table in (self.model.neighbour_entities, self.model.neighbour_relations)
        )
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
            "neighbour": lambda: brought,
        }[self.model.aggregator]()
        mixed = weight @ both + bias
        return np.tanh(mixed) if depth == self.model.layers else np.maximum(mixed, 0)

    def score(self, user: int, item: int) -> float:
        return float(self.u[user] @ self.entity(user, item, self.model.layers))


@pytest.mark.parametrize("aggregator", ["sum", "concat", "neighbour"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_kgcn_is_the_papers_equations(aggregator: str, layers: int) -> None:
    train, knowledge, _ = data()
    model = KGCN(train, knowledge, 4, layers, 3, aggregator=aggregator).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for table in (model.user_table, model.entities, model.relations):
            table.weight.mul_(8)  # so that attention is not even
    literal = Literal(model)
    expected = [[literal.score(user, item) for item in range(ITEMS)] for user in (7, 0)]
    found = model.score(torch.tensor([7, 0])).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    pairs = torch.tensor([7, 0, 7]), torch.tensor([5, 0, 2])
    scores, start = model.training_scores(*pairs)
    np.testing.assert_allclose(scores.detach(), [expected[0][5], expected[1][0], expected[0][2]])
    torch.testing.assert_close(start[:3], model.user_table.weight[pairs[0]])
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
    rows = [*model.user_table.weight[users], *model.entities.weight[items]]
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


def test_with_friends_it_sends_along_all_three() -> None:
    train, knowledge, _ = data()
    social = SocialGraph.from_frame(
        pd.DataFrame({"user": [0, 3, 3], "friend": [1, 4, 1]}), train.users, mutual=True
    )
    all_three = KnowledgeLightGCN(train, knowledge, 5, 2, 0.0, social=social, friend_weight=0.7)
    # without facts it is the social model, whose own test is a dense computation
    friends_only = SocialLightGCN(train, social, 5, 2, 0.7)
    for one, other in zip(all_three.embeddings(), friends_only.embeddings(), strict=True):
        torch.testing.assert_close(one, other)
    # and the step is the sum of the three
    nodes = all_three.nodes.weight.detach()
    both = KnowledgeLightGCN(train, knowledge, 5, 2, 0.4, social=social, friend_weight=0.7)
    facts = KnowledgeLightGCN(train, knowledge, 5, 2, 0.4)
    none = KnowledgeLightGCN(train, knowledge, 5, 2, 0.0)
    torch.testing.assert_close(
        both.adjacency(nodes) - all_three.adjacency(nodes),
        facts.adjacency(nodes) - none.adjacency(nodes),
    )
    assert "fact_weight=0.4, friend_weight=0.7" in repr(both)


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
    found = evaluate_ctr(Fixed(scores), split, part=part)  # type: ignore[arg-type]
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


def test_models_that_score_pairs_are_asked_for_these_only() -> None:
    train, knowledge, _ = data()
    split = train.split(0.3, 0.2, seed=0)
    for model in (KGCN(split.train, knowledge), RippleNet(split.train, knowledge)):
        with torch.no_grad():
            table = Fixed(model.score(torch.arange(USERS)).numpy())
        assert evaluate_ctr(model, split) == evaluate_ctr(table, split)  # type: ignore[arg-type]


def test_the_threshold_is_the_best_on_validation(movielens_split: Split) -> None:
    split = movielens_split
    scores = np.random.default_rng(0).normal(size=(split.train.num_users, split.train.num_items))
    liked = split.validation.to_csr().toarray() > 0
    scores = (scores + 2 * liked).round(1)  # with ties
    model = Fixed(scores)
    chosen = best_threshold(model, split)  # type: ignore[arg-type]

    def f1(threshold: float) -> float:
        return evaluate_ctr(model, split, part="validation", threshold=threshold)["f1"]  # type: ignore[arg-type]

    assert f1(chosen) == max(f1(value) for value in np.arange(-6, 8, 0.1) + 0.05)
    same = Fixed(np.ones_like(scores))  # nothing to tell apart: yes to all
    chosen = best_threshold(same, split)  # type: ignore[arg-type]
    assert evaluate_ctr(same, split, threshold=chosen)["f1"] == pytest.approx(2 / 3)  # type: ignore[arg-type]


def test_an_empty_part_is_refused(movielens_split: Split) -> None:
    train = movielens_split.train
    model = Fixed(np.zeros((train.num_users, train.num_items)))
    nothing = Split(train, train.select([]), movielens_split.test)
    with pytest.raises(ValueError, match="validation part of the split is empty"):
        evaluate_ctr(model, nothing, part="validation")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no validation part"):
        evaluate_ctr(model, Split(train, None, movielens_split.test), part="validation")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="part='valid': choose 'test' or 'validation'"):
        evaluate_ctr(model, movielens_split, part="valid")  # type: ignore[arg-type]


# ---------------------------------------------------------------------- bad input
def test_a_knowledge_graph_about_other_items_is_refused() -> None:
    train, *_ = data()
    facts = pd.DataFrame({"head": [1], "relation": ["by"], "tail": ["x"]})
    other = KnowledgeGraph.from_frame(facts, pd.RangeIndex(3))
    for kind in (KGAT, KGCN, KGIN, KnowledgeLightGCN, RippleNet):
        with pytest.raises(ValueError, match=r"different items \(3 and 6 labels\)"):
            kind(train, other)


def test_arguments_out_of_range_are_refused() -> None:
    train, knowledge, _ = data()
    for build, message in (
        (lambda: KGCN(train, knowledge, dim=0), "dim=0"),
        (lambda: KGCN(train, knowledge, layers=0), "layers=0"),
        (lambda: KGCN(train, knowledge, neighbours=0), "neighbours=0"),
        (lambda: KGCN(train, knowledge, aggregator="max"), "aggregator='max'"),  # type: ignore[arg-type]
        (lambda: KGAT(train, knowledge, layers=(8, 0)), r"layers\[1\]=0: at least 1"),
        (lambda: KGIN(train, knowledge, layers=-1), "layers=-1"),
        (lambda: KGIN(train, knowledge, intents=0), "intents=0"),
        (lambda: KnowledgeLightGCN(train, knowledge, layers=-1), "layers=-1"),
        (lambda: KnowledgeLightGCN(train, knowledge, fact_weight=-1), "fact_weight=-1"),
        (lambda: KnowledgeLightGCN(train, knowledge, friend_weight=-1), "friend_weight=-1"),
    ):
        with pytest.raises(ValueError, match=message):
            build()


@pytest.mark.parametrize("kind", [KGAT, KGCN, KGIN, KnowledgeLightGCN, RippleNet])
def test_without_facts_a_model_works_or_says_that_it_needs_them(kind: type) -> None:
    train, knowledge, _ = data()
    nothing = KnowledgeGraph.from_frame(knowledge.to_frame()[:0], train.items)
    if kind is RippleNet:  # all scores would be 0
        with pytest.raises(ValueError, match="RippleNet is made of facts, and there are none"):
            kind(train, nothing)
    else:
        assert kind(train, nothing, 4).score(torch.arange(USERS)).unique().numel() > 2


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
            rings = (model.ring_heads, model.ring_relations, model.ring_tails)
            ring = [part[user, hop].tolist() for part in rings]
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


# ---------------------------------------------------------------------- KGAT
def edges_of(train: Interactions, knowledge: KnowledgeGraph) -> list[tuple[int, int, int]]:
    """Head, relation and tail of everything KGAT sees; users come before items."""
    users, kinds = train.num_users, knowledge.num_relations
    found = []
    for head, relation, tail in zip(
        knowledge.head.tolist(), knowledge.relation.tolist(), knowledge.tail.tolist(), strict=True
    ):
        found.append((users + head, relation, users + tail))
        found.append((users + tail, kinds + relation, users + head))
    for user, item in zip(train.user_index.tolist(), train.item_index.tolist(), strict=True):
        found.append((user, 2 * kinds, users + item))
        found.append((users + item, 2 * kinds + 1, user))
    return found


def spread_out(model: torch.nn.Module) -> None:
    """Larger first weights, so that a softmax of theirs is far from uniform."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in model.parameters():
            values.copy_(torch.randn(values.shape, generator=generator, dtype=values.dtype))


def leaky(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, 0.2 * values)


def test_kgat_is_the_papers_equations() -> None:
    train, knowledge, _ = data()
    model = KGAT(train, knowledge, 3, (4, 2)).double()
    spread_out(model)
    model.eval()
    x, r = (part.weight.detach().numpy() for part in (model.nodes, model.relations))
    turns = model.turns.weight.detach().numpy().reshape(-1, 3, 3)
    edges = edges_of(train, knowledge)
    outputs = [x]
    for added, multiplied in zip(model.sum_layers, model.product_layers, strict=True):
        layer = outputs[-1]
        rows = []
        for node in range(len(x)):
            near = [(kind, tail) for head, kind, tail in edges if head == node]
            powers = [math.exp((turns[k] @ x[t]) @ np.tanh(turns[k] @ x[node] + r[k]))
                      for k, t in near]  # fmt: skip
            heard = np.zeros_like(layer[0])
            for power, (_, tail) in zip(powers, near, strict=True):
                heard = heard + power / sum(powers) * layer[tail]
            one, two = (
                part.weight.detach().numpy() @ value + part.bias.detach().numpy()
                for part, value in ((added, layer[node] + heard), (multiplied, layer[node] * heard))
            )
            rows.append(leaky(one) + leaky(two))
        outputs.append(np.array(rows))
    units = [layer / np.linalg.norm(layer, axis=1, keepdims=True) for layer in outputs[1:]]
    expected = np.concatenate([x, *units], axis=1)
    users, items = model.embeddings()
    np.testing.assert_allclose(users.detach(), expected[:USERS], rtol=1e-5)
    np.testing.assert_allclose(items.detach(), expected[USERS : USERS + ITEMS], rtol=1e-5)
    some = model.embeddings(torch.tensor([3, 1]), torch.tensor([5]))
    np.testing.assert_allclose(some[0].detach(), expected[[3, 1]], rtol=1e-5)
    np.testing.assert_allclose(some[1].detach(), expected[[USERS + 5]], rtol=1e-5)


def test_kgat_s_attention_adds_up_to_one_and_rests_while_training() -> None:
    train, knowledge, _ = data()
    model = KGAT(train, knowledge, 4)
    x = torch.ones(model.num_nodes, 1)
    linked = torch.zeros(model.num_nodes, 1)
    linked[[head for head, *_ in edges_of(train, knowledge)]] = 1.0
    torch.testing.assert_close(model.attention()(x), linked)
    model.train()
    model.start_epoch()
    (before,) = model._epoch_attention
    with torch.no_grad():
        model.turns.weight.mul_(5)  # which nothing but the attention depends on
        resting = model.embeddings()[0]
        of_now = model.eval().embeddings()[0]  # always that of the weights as they are
        assert not torch.allclose(resting, of_now)
        model.train()
        torch.testing.assert_close(model.embeddings()[0], resting)
        model.start_epoch()
        torch.testing.assert_close(model.embeddings()[0], of_now)
    (after,) = model._epoch_attention
    assert not torch.equal(after.weights, before.weights)


def test_kgat_learns_facts_as_transr_does() -> None:
    train, knowledge, _ = data()
    model = KGAT(train, knowledge, 3, (2,)).double()
    spread_out(model)
    batch = Batch(torch.arange(6), torch.tensor([0, 1, 2, 3, 4, 5]), torch.zeros(6, 1).long())
    x, r = (part.weight.detach().numpy() for part in (model.nodes, model.relations))
    turns = model.turns.weight.detach().numpy().reshape(-1, 3, 3)
    generator = generator_for(0, batch.users, batch.positives)
    edges = sorted(edges_of(train, knowledge), key=lambda edge: edge[1])
    drawn = np.sort(generator.integers(len(edges), size=6)).tolist()
    others = generator.integers(len(x), size=6).tolist()
    assert {edges[place][1] for place in drawn} != {0}  # several relations
    # within a relation the model may keep the facts in another order
    mine = zip(model.head.tolist(), model.tail.tolist(), strict=True)
    kept = [(head, edge[1], tail) for (head, tail), edge in zip(mine, edges, strict=True)]
    assert sorted(kept) == sorted(edges)

    def distance(head: int, kind: int, tail: int) -> float:
        return float(np.square(turns[kind] @ x[head] + r[kind] - turns[kind] @ x[tail]).sum())

    losses = []
    for place, other in zip(drawn, others, strict=True):
        head, kind, tail = kept[place]
        losses.append(np.logaddexp(0, distance(head, kind, tail) - distance(head, kind, other)))
    found = model.self_supervised_loss(batch)
    assert found.item() == pytest.approx(np.mean(losses))


# ---------------------------------------------------------------------- KGIN
def test_kgin_is_the_papers_equations() -> None:
    train, knowledge, likes = data()
    model = KGIN(train, knowledge, 3, 2, 2).double()
    spread_out(model)
    x, r, w = (p.weight.detach().numpy() for p in (model.nodes, model.relations, model.mixes))
    powers = np.exp(w)
    intents = powers / powers.sum(1, keepdims=True) @ r
    np.testing.assert_allclose(model.intents().detach(), intents)
    people, things = x[:USERS], x[USERS:]
    total_people, total_things = people, things
    for _ in range(2):
        new_people, new_things = [], []
        for user in range(USERS):
            items = np.flatnonzero(likes[user])
            mean = np.mean([things[item] for item in items], axis=0) if len(items) else np.zeros(3)
            weights = [math.exp(people[user] @ intent) for intent in intents]
            reasons = sum(v / sum(weights) * p for v, p in zip(weights, intents, strict=True))
            new_people.append(unit(mean + mean * reasons))
        for thing in range(knowledge.num_entities):
            told = [
                r[relation] * things[tail - USERS]
                for head, relation, tail in edges_of(train, knowledge)
                if head - USERS == thing and relation < 2 * knowledge.num_relations
            ]
            new_things.append(unit(np.mean(told, axis=0)) if told else np.zeros(3))
        people, things = np.array(new_people), np.array(new_things)
        total_people, total_things = total_people + people, total_things + things
    users, items = model.embeddings()
    np.testing.assert_allclose(users.detach(), total_people, rtol=1e-5)
    np.testing.assert_allclose(items.detach(), total_things[:ITEMS], rtol=1e-5)


def unit(values: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(values)
    return values / length if length else values


def test_intents_should_not_depend_on_each_other() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 7))

    def covariance(one: np.ndarray, other: np.ndarray) -> float:
        """Székely et al. (2007), definition 4, in loops."""
        n, total = len(one), 0.0
        d, e = (np.abs(values[:, None] - values[None]) for values in (one, other))
        for j in range(n):
            for k in range(n):
                centred = [m[j, k] - m[j].mean() - m[:, k].mean() + m.mean() for m in (d, e)]
                total += centred[0] * centred[1]
        return math.sqrt(total / n**2)

    expected = covariance(a, b) / math.sqrt(covariance(a, a) * covariance(b, b))
    found = distance_correlation(torch.from_numpy(a), torch.from_numpy(b))
    assert found.item() == pytest.approx(expected)
    train, knowledge, _ = data()
    model = KGIN(train, knowledge, 7, 1, 3).double()
    spread_out(model)
    batch = Batch(torch.tensor([0]), torch.tensor([0]), torch.tensor([[1]]))
    p = model.intents()
    three = [distance_correlation(p[i], p[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    torch.testing.assert_close(model.self_supervised_loss(batch), torch.stack(three).sum())
    alike = torch.ones(4, requires_grad=True)  # the gradient is a number there, too
    distance_correlation(alike, alike).backward()
    assert torch.isfinite(alike.grad).all()


@pytest.mark.parametrize("kind", [KGAT, KGIN])
def test_they_train_resume_and_repeat_to_the_bit(kind: type[KGAT | KGIN], tmp_path: Path) -> None:
    train, knowledge, _ = data()
    split = train.split(0.2, 0.2, seed=0)
    objective = SelfSupervised(weight=0.1)

    def trained(*epochs: int, threads: int = 1) -> tuple[torch.nn.Module, list[float]]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        path = tmp_path / f"{epochs} {threads}"
        for count in epochs:
            model = kind(split.train, knowledge, 4, seed=1)
            history = fit(model, split, objective=objective, epochs=count, batch_size=8, lr=0.02,
                          patience=None, progress=False, checkpoint=path)  # fmt: skip
        torch.set_num_threads(before)
        return model, history.losses

    model, losses = trained(6)
    assert losses[-1] < losses[0]
    for again, same in (trained(6), trained(2, 6), trained(6, threads=2)):
        assert same == losses
        users = torch.arange(USERS)
        assert torch.equal(again.score(users), model.score(users))


@pytest.mark.parametrize("kind", [KGAT, KGIN])
def test_no_facts_and_no_likes_are_possible(kind: type[KGAT | KGIN]) -> None:
    train, knowledge, _ = data()
    nothing = KnowledgeGraph.from_frame(knowledge.to_frame()[:0], train.items)
    for model in (kind(train, nothing, 4), kind(train.select(train.user_index < 0), knowledge, 4)):
        assert torch.isfinite(model.score(torch.arange(USERS))).all()
