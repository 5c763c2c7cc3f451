"""Yesterday's model with today's interactions: by label, and exactly where nothing is trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import (
    Interactions,
    KnowledgeGraph,
    SocialGraph,
    Split,
    extend,
    fit,
    models,
    recommend,
)


def shop(seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    rows = {"user": generator.integers(0, 60, 600), "item": generator.integers(0, 40, 600)}
    return pd.DataFrame(rows).drop_duplicates().assign(item=lambda t: "p" + t["item"].astype(str))


# somebody new, something new, a label that sorts before all others, and a pair that was there
TODAY = pd.DataFrame({"user": [12345, 12345, 7, -1], "item": ["p1", "novel", "novel", "p2"]})


def of(table: pd.DataFrame) -> Interactions:
    return Interactions.from_frame(table)


@pytest.mark.parametrize("kind", [models.ItemKNN, models.EASE, models.IALS, models.RP3Beta])
def test_closed_forms_are_those_of_all_interactions(kind: type[models.Model]) -> None:
    repeated = shop().head(3)
    found = extend(kind(of(shop())), of(pd.concat([TODAY, repeated])))
    anew = kind(of(pd.concat([shop(), TODAY])))
    assert found.is_built_from(anew.interactions)
    users = [12345, 7, 3]
    pd.testing.assert_frame_equal(recommend(found, users), recommend(anew, users))


def trained(kind: type[models.Model], *side: object) -> models.Model:
    whole = of(shop())
    model = kind(whole, *side, dim=8)  # type: ignore[call-arg]
    fit(model, Split.from_parts(whole), epochs=3, progress=False)
    return model


@pytest.mark.parametrize("kind", [models.MatrixFactorization, models.LightGCN, models.NGCF])
def test_what_was_learnt_stays_with_its_label(kind: type[models.MatrixFactorization]) -> None:
    before = trained(kind)
    table = before.nodes.weight.clone()
    newer = extend(before, of(TODAY))
    assert type(newer) is kind
    assert torch.equal(before.nodes.weight, table)
    assert (newer.num_users, newer.num_items) == (62, 41)
    assert newer.users[0] == -1  # all positions are others than before
    fresh = kind(newer.interactions, dim=8)
    for role, start, start_before in (("users", 0, 0), ("items", 62, 60)):
        labels = getattr(before, role)
        for place, label in enumerate(getattr(newer, role)):
            row = newer.nodes.weight[start + place]
            if label in labels:
                assert torch.equal(row, table[start_before + labels.get_loc(label)])
            else:
                assert torch.equal(row, fresh.nodes.weight[start + place])
    for name, values in newer.state_dict().items():
        if name != "nodes.weight":  # NGCF's matrices
            assert torch.equal(values, before.state_dict()[name])
    history = fit(newer, Split.from_parts(newer.interactions), epochs=2, progress=False)
    # it goes on where training was, not from the start
    anew = fit(fresh, Split.from_parts(newer.interactions), epochs=2, progress=False)
    assert history.epochs[0]["loss"] < anew.epochs[0]["loss"]
    assert "p1" not in recommend(newer, [12345])["item"].tolist()


def test_graphs_beside_the_interactions_go_on_with_the_new_labels() -> None:
    whole = of(shop())
    links = pd.DataFrame({"user": [1, 2, 3], "friend": [4, 5, 6]})
    social = SocialGraph.from_frame(links, whole.users, mutual=True)
    facts = pd.DataFrame(
        {"head": ["p1", "p2", "p3"], "relation": "by", "tail": ["ann", "bob", "ann"]}
    )
    knowledge = KnowledgeGraph.from_frame(facts, whole.items)
    before = models.KnowledgeLightGCN(whole, knowledge, 8, social=social)
    newer = extend(before, of(TODAY))
    for label in ("ann", "bob"):
        rows = [
            model.nodes.weight[model.num_users + model.knowledge.entities.get_loc(label)]
            for model in (before, newer)
        ]
        assert torch.equal(*rows)
    assert newer.knowledge.to_frame().equals(knowledge.to_frame())
    more = pd.concat([links, pd.DataFrame({"user": [12345], "friend": [1]})])
    changed = extend(
        before, of(TODAY), social=SocialGraph.from_frame(more, newer.users, mutual=True)
    )
    friends = changed._arguments["social"].to_frame()
    assert ((friends["user"] == 12345) & (friends["friend"] == 1)).any()


def test_settings_may_change() -> None:
    before = trained(models.LightGCN)
    assert extend(before, of(TODAY), layers=1).layers == 1
    with pytest.raises(TypeError, match="LightGCN has no argument 'depth' to change; there"):
        extend(before, of(TODAY), depth=1)


def test_values_that_the_model_does_not_have_are_left_out() -> None:
    when = TODAY.assign(rating=5.0, t=range(4))
    newer = Interactions.from_frame(when, rating="rating", timestamp="t")
    found = extend(models.ItemKNN(of(shop())), newer)
    assert found.interactions.rating is None
    assert found.interactions.timestamp is None
    timed = Interactions.from_frame(shop().assign(t=1), timestamp="t")
    assert extend(models.ItemKNN(timed), newer).interactions.timestamp is not None
    assert extend(models.ItemKNN(timed), of(TODAY)).interactions.timestamp is None


def test_what_cannot_be_extended_says_so(toy: Interactions) -> None:
    whole = of(shop())
    with pytest.raises(TypeError, match="Frozen cannot be extended: a model"):
        extend(models.ItemKNN(whole).frozen(), of(TODAY))  # type: ignore[type-var]
    with pytest.raises(TypeError, match="extend needs Interactions, not DataFrame"):
        extend(models.ItemKNN(whole), TODAY)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="LightGCN cannot be extended: its adjacency does not"):
        extend(models.LightGCN(whole, adjacency=models.LightGCN(whole).adjacency), of(TODAY))
    rated = Interactions.from_frame(shop().assign(r=4.0), rating="r")
    newer = Interactions.from_frame(TODAY.assign(r=5.0), rating="r")
    with pytest.raises(TypeError, match="ProbabilisticMF cannot be extended: what it has learnt"):
        extend(models.ProbabilisticMF(rated), newer)
    with pytest.raises(ValueError, match="The items are text in the earlier interactions, int"):
        extend(models.ItemKNN(whole), of(pd.DataFrame({"user": [1], "item": [1]})))
    facts = pd.DataFrame({"head": ["p1", "p2"], "relation": "by", "tail": ["ann", "bob"]})
    knowledge = KnowledgeGraph.from_frame(facts, whole.items)
    with pytest.raises(TypeError, match="KGAT cannot be extended: it has embeddings of more than"):
        extend(models.KGAT(whole, knowledge, 8, (4,)), of(TODAY))
