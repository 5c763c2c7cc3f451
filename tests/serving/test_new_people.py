"""People who were not in train, and what may be in a list, against literal computations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tables import interactions, likes_of

from gnnrec_helpers import (
    Interactions,
    KnowledgeGraph,
    SocialGraph,
    models,
    recommend,
    similar_items,
    similar_users,
)
from gnnrec_helpers.models import Model

some = settings(deadline=None, max_examples=60, derandomize=True)


def shop(users: int = 60, items: int = 40, seed: int = 0) -> Interactions:
    """Customers 1000, 1001, ... and products p0, p1, ..., where everybody has something."""
    generator = np.random.default_rng(seed)
    taste = generator.random((users, 3)) @ generator.random((3, items))
    taste += 0.2 * generator.random((users, items))
    likes = (taste > np.quantile(taste, 0.8)).astype(float)
    likes[np.arange(users), generator.integers(0, items, users)] = 1
    likes[generator.integers(0, users, items), np.arange(items)] = 1
    user, item = np.nonzero(likes)
    return Interactions(
        user, item, pd.RangeIndex(1000, 1000 + users), pd.Index([f"p{n}" for n in range(items)])
    )


def history_of(known: Interactions, user: Any) -> list[Any]:
    return known.items_of(user).tolist()


def lists(table: pd.DataFrame) -> dict[Any, list[Any]]:
    return {user: part["item"].tolist() for user, part in table.groupby("user", sort=False)}


LINEAR: dict[str, Callable[[Interactions], Model]] = {
    "ItemKNN": lambda x: models.ItemKNN(x, 10, 1.0),
    "EASE, items": lambda x: models.EASE(x, 3.0),
    "RP3Beta": lambda x: models.RP3Beta(x, 10),
    "LinearFilter": models.LinearFilter,
    "GraphFilter": lambda x: models.GraphFilter(x, 5),
    "Popularity": models.Popularity,
}
every_linear = pytest.mark.parametrize("name", LINEAR)


# ---------------------------------------------------------------------- somebody new
@every_linear
def test_the_history_of_a_known_user_gives_her_own_scores(name: str) -> None:
    """A linear model does with a history what it did with the row of train."""
    known = shop()
    model = LINEAR[name](known)
    hers = known.users[:20].tolist()
    given = {user: history_of(known, user) for user in hers}
    wanted = recommend(model, hers, k=7)
    for one in (model, model.frozen()):
        found = recommend(one, histories=given, k=7)
        assert found["score"].to_numpy() == pytest.approx(wanted["score"].to_numpy(), abs=2e-6)
        assert found["user"].tolist() == wanted["user"].tolist()


def test_ease_by_users_folds_in_as_ease_by_items() -> None:
    """More items than users: the smaller matrix is that of users, and the answer the same."""
    known = shop(users=25, items=60)
    model = models.EASE(known, 3.0)
    R = known.to_csr().toarray()
    P = np.linalg.inv(R.T @ R + 3.0 * np.eye(60))
    B = np.eye(60) - P / np.diag(P)
    new = np.zeros(60)
    new[[3, 17, 44]] = 1
    found = model.fold_in()(sparse.csr_array(new[None]))
    assert found.numpy()[0] == pytest.approx(new @ B, abs=1e-5)


@pytest.mark.parametrize("name", ["UserKNN", "Popularity"])
def test_the_same_list_as_had_she_been_in_train(name: str) -> None:
    """Exactly: her presence changes nothing that her list is made of."""
    known = shop()
    build = {"UserKNN": lambda x: models.UserKNN(x, 8, 2.0), "Popularity": models.Popularity}[name]
    for user in known.users[::7]:
        without = known.select(known.users[known.user_index] != user)
        hers = history_of(known, user)
        with_her = recommend(build(known), [user], k=6)
        folded = recommend(build(without), histories={user: hers}, k=6)
        if name == "UserKNN":
            pd.testing.assert_frame_equal(folded, with_her, rtol=1e-6)
        else:
            assert folded["item"].tolist() == with_her["item"].tolist()


def test_ials_solves_her_least_squares() -> None:
    known = shop()
    model = models.IALS(known, 6, unobserved=0.2, regularization=0.05)
    _, items = model.embeddings()
    Y = items.double().numpy()
    hers = [2, 5, 11, 30]
    p = np.zeros(known.num_items)
    p[hers] = 1
    # the loss of Hu et al. as one ordinary least squares problem, solved by QR
    damping = 0.05 * (len(hers) + 0.2 * known.num_items)
    rows = np.concatenate([Y[hers], np.sqrt(0.2) * Y, np.sqrt(damping) * np.eye(6)])
    wanted = np.concatenate([np.ones(len(hers)), np.zeros(known.num_items + 6)])
    x = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    found = model.fold_in()(sparse.csr_array(p[None]))
    assert found.numpy()[0] == pytest.approx(Y @ x, abs=1e-5)


def friends(known: Interactions) -> SocialGraph:
    ends = np.random.default_rng(1).integers(0, known.num_users, (2, 50))
    links = pd.DataFrame({"user": known.users[ends[0]], "friend": known.users[ends[1]]})
    return SocialGraph.from_frame(links, known.users, mutual=True)


def facts(known: Interactions) -> KnowledgeGraph:
    generator = np.random.default_rng(2)
    table = pd.DataFrame(
        {"head": generator.choice(known.items, 80), "relation": "by",
         "tail": generator.choice(["x", "y", "z"], 80)}
    )  # fmt: skip
    return KnowledgeGraph.from_frame(table, known.items)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["LightGCN", "SimGCL", "SocialLightGCN", "learnt weight",
                                  "KnowledgeLightGCN"])  # fmt: skip
def test_lightgcn_passes_on_what_her_items_are(name: str, weighted: bool) -> None:
    """Layer by layer in dense matrices, with a node for her whom nobody hears."""
    known = shop()
    if weighted:
        weight = np.random.default_rng(3).uniform(0.5, 3.0, len(known))
        known = Interactions(known.user_index, known.item_index, known.users, known.items,
                             weight=weight)  # fmt: skip
    layers = 3
    build: dict[str, Callable[[], models.LightGCN]] = {
        "LightGCN": lambda: models.LightGCN(known, 5, layers),
        "SimGCL": lambda: models.SimGCL(known, 5, layers),
        "SocialLightGCN": lambda: models.SocialLightGCN(known, friends(known), 5, layers),
        "learnt weight": lambda: models.SocialLightGCN(
            known, friends(known), 5, layers, learn_weight=True
        ),
        "KnowledgeLightGCN": lambda: models.KnowledgeLightGCN(known, facts(known), 5, layers),
    }
    model = build[name]()
    A = model.adjacency.to_scipy().toarray()
    if name == "learnt weight":
        A = A + 0.3 * model.friends.to_scipy().toarray()
    hers = [1, 4, 9]
    X = model.nodes.weight.detach().double().numpy()
    of_items = known.to_csr(known.weight).toarray().sum(0)
    edges = np.zeros(len(X))
    for item in hers:
        edges[known.num_users + item] = 1 / np.sqrt(len(hers) * of_items[item])
    weights = model.layer_weights() or [1 / (layers + 1)] * (layers + 1)
    her, everybody = np.zeros(5), weights[0] * X
    for weight in weights[1:]:
        her = her + weight * (edges @ X)
        X = A @ X
        everybody = everybody + weight * X
    items = everybody[known.num_users :][: known.num_items]
    given = np.zeros((1, known.num_items))
    given[0, hers] = 1
    for one in (model, model.frozen()):
        assert one.fold_in()(sparse.csr_array(given)).numpy()[0] == pytest.approx(
            items @ her, abs=1e-6
        )


def test_who_cannot_answer_says_so() -> None:
    known = shop()
    for model, words in (
        (models.MatrixFactorization(known, 4), "MatrixFactorization cannot answer for somebody"),
        (models.LightGCN(known, 4, 0), "with layers=0 cannot answer"),
        (models.UserKNN(known, reverse=True), "nobody has her among"),
        (
            models.LightGCN(known, 4, adjacency=models.LightGCN(known).adjacency),
            "graph of your own",
        ),
    ):
        with pytest.raises(TypeError, match=words):
            recommend(model, histories={"new": ["p1"]})
        with pytest.raises(TypeError, match="cannot answer for somebody"):
            recommend(model.frozen(), histories={"new": ["p1"]})

    class Foreign:
        users, items = known.users, known.items

        def score(self, users: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(users), len(self.items))

    with pytest.raises(TypeError, match="Foreign has no fold_in"):
        recommend(Foreign(), histories={"new": ["p1"]})
    with pytest.raises(TypeError, match="histories is list: a mapping from a name"):
        recommend(models.ItemKNN(known), histories=["p1"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"histories\['new'\] is 'p1': a list of item labels"):
        recommend(models.ItemKNN(known), histories={"new": "p1"})


def test_an_own_fold_in_gives_a_column_for_each_item() -> None:
    class Padded(models.ItemKNN):
        def fold_in(self) -> Any:
            usual = super().fold_in()
            return lambda likes: torch.nn.functional.pad(usual(likes), (1, 0))

    with pytest.raises(ValueError, match=r"fold_in of Padded .*\(1, 41\)"):
        recommend(Padded(shop()), histories={"new": ["p1"]})


def test_users_and_histories_in_one_call_and_in_their_order() -> None:
    known = shop()
    model = models.ItemKNN(known)
    both = recommend(model, [1003, 1001], k=3, histories={"a": ["p1"], "b": ["p2", "p1", "p2"]})
    assert list(lists(both)) == [1003, 1001, "a", "b"]
    alone = recommend(model, histories={"b": ["p1", "p2"]}, k=3)
    assert lists(both)["b"] == lists(alone)["b"]  # neither order nor repetition matters
    assert "p1" not in lists(both)["a"]
    everything = recommend(model, histories={"b": ["p1", "p2"]}, k=40, exclude=())
    assert {"p1", "p2"} <= set(everything["item"])
    assert len(everything) == 40


def test_thousands_at_once_are_those_one_by_one() -> None:
    known = shop()
    model = models.LightGCN(known, 8)
    generator = np.random.default_rng(0)
    baskets = {n: generator.choice(known.items, 1 + n % 5).tolist() for n in range(3000)}
    found = recommend(model, histories=baskets, k=4)
    assert len(found) == 4 * 3000
    for name in (0, 1234, 2999):
        one = recommend(model, histories={name: baskets[name]}, k=4)
        part = found[found["user"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(one, part, rtol=1e-5)


# ---------------------------------------------------------------------- of whom nothing is known
def late_joiners() -> Interactions:
    """Users 900 and 901 and items 70 and 71 are in the labels, not in the pairs."""
    known = shop()
    return Interactions(
        known.user_index,
        known.item_index,
        known.users.append(pd.Index([900, 901])),
        known.items.append(pd.Index(["late", "later"])),
    )


@pytest.mark.parametrize("kind", [models.LightGCN, models.ItemKNN, models.EASE, models.IALS])
def test_nobody_is_ranked_for_by_a_random_start(kind: type[Model]) -> None:
    model = kind(late_joiners())
    for one in (model, model.frozen()):
        with pytest.raises(KeyError, match="User 900 has no interactions in train, so"):
            recommend(one, [1001, 900], k=4)
        found = recommend(one, [900, 1001, 901], k=4, unknown="popular")
        popular = recommend(models.Popularity(shop()), [1001], k=4, exclude=())["item"].tolist()
        assert lists(found)[900] == lists(found)[901] == popular
        assert found["score"].isna().tolist() == [True] * 4 + [False] * 4 + [True] * 4
        assert list(lists(recommend(one, [900, 1001], unknown="skip"))) == [1001]
        assert {"late", "later"}.isdisjoint(recommend(one, [1001], k=99, exclude=())["item"])


def test_one_unknown_user_does_not_stop_a_batch() -> None:
    model = models.ItemKNN(shop())
    with pytest.raises(KeyError, match="Unknown user 'Zoe'") as caught:
        recommend(model, ["Zoe"])
    assert caught.value.__notes__ == ["unknown='popular' or unknown='skip' goes on without her."]
    found = recommend(model, [1001, "Zoe", 1002], k=2, unknown="popular")
    assert found["user"].tolist() == [1001, 1001, "Zoe", "Zoe", 1002, 1002]
    assert recommend(model, ["Zoe"], unknown="skip").empty
    assert list(recommend(model, ["Zoe"], unknown="skip").columns) == [
        "user", "rank", "item", "score",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="unknown='ignore': choose 'error', 'popular' or 'skip'"):
        recommend(model, [1001], unknown="ignore")  # type: ignore[arg-type]


def test_histories_of_unknown_items() -> None:
    model = models.ItemKNN(late_joiners())
    baskets = {"a": ["p1", "new thing"], "b": ["new thing"], "c": ["late"], "d": []}
    with pytest.raises(KeyError, match="Unknown item 'new thing'"):
        recommend(model, histories=baskets)
    for basket in (["late"], []):
        with pytest.raises(KeyError, match="The history of 'x' has no item with interactions"):
            recommend(model, histories={"x": basket})
    found = recommend(model, histories=baskets, k=3, unknown="popular")
    assert found["score"].isna().groupby(found["user"]).all().to_dict() == {
        "a": False, "b": True, "c": True, "d": True,
    }  # fmt: skip
    assert lists(found)["a"] == lists(recommend(model, histories={"a": ["p1"]}, k=3))["a"]
    assert list(lists(recommend(model, histories=baskets, unknown="skip"))) == ["a"]


def test_friends_and_facts_inform() -> None:
    late = late_joiners()
    links = pd.DataFrame({"user": [900], "friend": [1001]})
    social = SocialGraph.from_frame(links, late.users, mutual=True)
    about = pd.DataFrame(
        {"head": ["late", "p3", "later"], "relation": "by", "tail": ["x", "x", "nobody else's"]}
    )
    knowledge = KnowledgeGraph.from_frame(about, late.items)
    model = models.KnowledgeLightGCN(late, knowledge, 4, social=social)
    assert late.users[~model.informed_users].tolist() == [901]
    assert late.items[~model.informed_items].tolist() == ["later"]
    assert "late" in recommend(model, [900], k=99)["item"].tolist()
    assert late.items[~model.frozen().informed_items].tolist() == ["later"]
    assert models.Popularity(late).informed_users.all()


# ---------------------------------------------------------------------- what is left out
def test_pairs_that_are_left_out_are_left_out_by_name() -> None:
    """Also for users of whom the model knows nothing, and for a known user with a history."""
    known = shop()
    of_the_last = known.user_index >= 58
    train, later = (known.select(part) for part in (~of_the_last, of_the_last))
    for model in (models.ItemKNN(train), models.ItemKNN(train).frozen()):
        asked = [1058, 1001, "Zoe", 1059, 1058]
        for exclude in ([train, later], (later,), later):
            found = recommend(model, asked, 40, exclude, unknown="popular").groupby("user")["item"]
            assert found.count()["Zoe"] == 40
            for user in (1058, 1059):
                count = asked.count(user)
                without = set(known.items) - set(history_of(known, user))
                assert set(found.get_group(user)) == without
                assert len(found.get_group(user)) == count * len(without)
        assert len(recommend(model, [1058], 40, (), unknown="popular")) == 40
        baskets = {"new": ["p3"], 1058: ["p1"], 1001: ["p2"], 1059: ["unheard of"]}
        for exclude in (known, [train, later]):
            found = lists(recommend(model, None, 40, exclude, histories=baskets, unknown="popular"))
            assert set(found["new"]) == set(known.items) - {"p3"}
            for user in (1001, 1058, 1059):
                has = {*history_of(known, user), *baskets[user]}
                assert set(found[user]) == set(known.items) - has
        for exclude, out in ((None, {"p2"}), ((), set())):  # judged by the history alone
            found = lists(recommend(model, None, 40, exclude, histories={1001: ["p2"]}))
            assert set(found[1001]) == set(known.items) - out


# ---------------------------------------------------------------------- weights in histories
def weighed(known: Interactions) -> Interactions:
    weight = np.random.default_rng(3).uniform(0.5, 9.0, len(known))
    return Interactions(known.user_index, known.item_index, known.users, known.items, weight=weight)


def test_ials_solves_her_weighted_least_squares() -> None:
    known = weighed(shop())
    model = models.IALS(known, 6, unobserved=0.2, regularization=0.05)
    _, items = model.embeddings()
    Y = items.double().numpy()
    baskets = {"plays": {"p30": 7.5, "p2": 1, "p11": 0.25, "unheard of": 3.0},
               "a list": ["p2", "p5", "p2"]}  # fmt: skip
    expected = []
    for hers, weights in (([30, 2, 11], [7.5, 1.0, 0.25]), ([2, 5], [1.0, 1.0])):
        damping = 0.05 * (sum(weights) + 0.2 * known.num_items)
        root = np.sqrt(weights)
        rows = [root[:, None] * Y[hers], np.sqrt(0.2) * Y, np.sqrt(damping) * np.eye(6)]
        wanted = np.concatenate([root, np.zeros(known.num_items + 6)])
        expected.append(Y @ np.linalg.lstsq(np.concatenate(rows), wanted, rcond=None)[0])
    for one in (model, model.frozen()):
        found = recommend(one, None, 40, (), histories=baskets, unknown="skip")
        for name, scores in zip(baskets, expected, strict=True):
            part = found[found["user"] == name]
            places = known.items.get_indexer(part["item"])
            np.testing.assert_allclose(part["score"], scores[places], atol=1e-5)
    left_out = recommend(model, None, 40, histories=baskets, unknown="skip")
    assert {"p30", "p2", "p11"}.isdisjoint(lists(left_out)["plays"])


def test_lightgcn_hears_an_item_as_much_as_its_weight_says() -> None:
    known = weighed(shop())
    model = models.LightGCN(known, 5, 1)
    X = model.nodes.weight.detach().double().numpy()
    degrees = known.to_csr(known.weight).sum(0)
    hers = np.zeros(known.num_items)
    hers[[3, 8]] = 4.0, 0.5
    items = model.embeddings()[1].detach().double().numpy()
    scores = items @ ((hers / np.sqrt(degrees)) @ X[known.num_users :])  # up to her own degree
    found = recommend(model, None, 40, (), histories={"new": {"p8": 0.5, "p3": 4}})
    assert lists(found)["new"] == known.items[np.argsort(-scores, kind="stable")].tolist()


def test_weights_are_for_models_that_learnt_from_some() -> None:
    plain, known = shop(), weighed(shop())
    both = models.IALS(known, 4), models.LightGCN(known, 4)
    basket = {"new": {"p1": 2.0}}
    for model in (*both, models.Blend(known, *both)):
        assert len(recommend(model, None, 3, histories=basket)) == 3
    mixed = models.Blend(known, both[0], models.LinearFilter(plain))
    for other in (models.IALS(plain, 4), models.ItemKNN(plain), mixed):
        said = rf"histories\['new'\] has weights, and this {type(other).__name__} did not learn"
        with pytest.raises(TypeError, match=said):
            recommend(other, histories=basket)
    for model in (both[1], models.IALS(plain, 4)):  # its tables do not say so
        with pytest.raises(TypeError, match="a frozen model makes use only if it was an IALS"):
            recommend(model.frozen(), histories=basket)
    for wrong in (0, -1.0, np.nan, np.inf, 1e300, 1e-300, "2", True, None):
        said = f"histories['new'] gives 'p1' the weight {wrong!r}: a positive, finite number"
        with pytest.raises(ValueError, match=re.escape(said)):
            recommend(both[0], histories={"new": {"p2": 1.0, "p1": wrong}})


# ---------------------------------------------------------------------- candidates
@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    likes = draw(likes_of())
    users = [f"u{n}" for n in range(likes.shape[0])]
    items = [f"i{n}" for n in range(likes.shape[1])]
    some_items = st.lists(st.sampled_from([*items, "unheard of"]), max_size=6)
    by_user = st.dictionaries(st.sampled_from([*users, "stranger"]), some_items, max_size=3)
    either = st.one_of(st.none(), some_items, by_user)
    known = interactions(likes)
    return {
        "known": Interactions(known.user_index, known.item_index, pd.Index(users), pd.Index(items)),
        "users": draw(st.lists(st.sampled_from([*users, "stranger"]), max_size=4)),
        "k": draw(st.integers(1, 7)),
        "only": draw(either),
        "never": draw(either),
        "since": draw(st.one_of(st.none(), by_user)),
        "unknown": draw(st.sampled_from(["popular", "skip"])),
    }


@some
@given(requests())
def test_lists_are_those_of_a_literal_filter(request: dict[str, Any]) -> None:
    known = request.pop("known")
    model = models.LinearFilter(known)
    scores = model.score(torch.arange(known.num_users)).numpy()
    degrees = known.item_degrees()
    only, never, since = request["only"], request["never"], request["since"]

    def may(user: str, item: str) -> bool:
        def named(given: Any) -> Any:
            return given.get(user) if isinstance(given, dict) else given

        has = user in known.users and item in known.items_of(user)
        return (
            degrees[known.items.get_loc(item)] > 0
            and not has
            and (named(only) is None or item in named(only))
            and item not in (named(never) or [])
            and item not in ((since or {}).get(user) or [])
        )

    def wanted(user: str) -> list[str]:
        knows = user in known.users and len(known.items_of(user)) > 0
        if not knows and request["unknown"] == "skip":
            return []
        row = scores[known.users.get_loc(user)] if knows else degrees
        allowed = [n for n, item in enumerate(known.items) if may(user, item)]
        best = sorted(allowed, key=lambda n: (-row[n], n))[: request["k"]]
        return [known.items[n] for n in best]

    if isinstance(only, list) and not set(only) & set(known.items):
        with pytest.raises(KeyError, match="only= names none of"):
            recommend(model, **request)
        return
    found = recommend(model, **request)
    assert found["item"].tolist() == [item for user in request["users"] for item in wanted(user)]
    assert found["user"].tolist() == [user for user in request["users"] for _ in wanted(user)]


def test_what_was_bought_since_is_compared_by_label() -> None:
    model = models.Popularity(shop())
    best = recommend(model, [1001], k=1)["item"][0]
    newer = Interactions.from_frame(
        pd.DataFrame({"user": [1001, 12345], "item": [best, "not yet known"]})
    )
    for since in (newer, newer.to_frame(), {1001: [best], 12345: ["not yet known"]}):
        found = recommend(model, [1001, 1002], k=40, since=since)
        assert best not in lists(found)[1001]
        assert (best in lists(found)[1002]) == (best not in history_of(shop(), 1002))
    # to somebody new, too, by her name
    basket = {"new": ["p1"]}
    first = recommend(model, histories=basket, k=1)["item"][0]
    assert first not in recommend(model, histories=basket, k=40, since={"new": [first]})["item"]


def test_labels_of_another_kind_are_refused() -> None:
    """They would filter nothing, in silence."""
    model = models.Popularity(shop())
    with pytest.raises(TypeError, match="never= names items such as 5, and the model's look like"):
        recommend(model, [1001], never=[5, 8])
    with pytest.raises(TypeError, match="since= names users such as '1001'"):
        recommend(model, [1001], since={"1001": ["p1"]})
    with pytest.raises(TypeError, match="only is 'p1': a list of item labels"):
        recommend(model, [1001], only="p1")
    with pytest.raises(ValueError, match="since= is a table without a column 'item'"):
        recommend(model, [1001], since=pd.DataFrame({"user": [1001]}))
    with pytest.raises(TypeError, match="since= is int: Interactions, a table"):
        recommend(model, [1001], since=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"exclude holds 5: .* named in never="):
        recommend(model, [1001], exclude=[5, 8])  # type: ignore[list-item]


# ---------------------------------------------------------------------- neighbours
def test_neighbours_are_things_the_model_knows() -> None:
    model = models.LightGCN(late_joiners(), 8)
    for one in (model, model.frozen()):
        found = similar_items(one, ["p1", "p2"], k=99)
        assert {"late", "later"}.isdisjoint(found["similar"])
        assert len(found) == 2 * 39
        with pytest.raises(KeyError, match="The item 'late' has no interactions in train"):
            similar_items(one, ["late"])
        with pytest.raises(KeyError, match="The user 901 has no interactions in train"):
            similar_users(one, [901])
    for ask, asked in ((similar_items, ["p3"]), (similar_users, [1004])):
        pd.testing.assert_frame_equal(ask(model, asked), ask(model.frozen(), asked), rtol=1e-5)
    for other in (models.ItemKNN(shop()), models.Popularity(shop())):
        with pytest.raises(TypeError, match="that was frozen has no embeddings to compare by"):
            similar_items(other.frozen(), ["p1"])
