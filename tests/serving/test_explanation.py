"""A score is the sum of its reasons: against every path written down, and against the score."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import Interactions, Split, datasets, fit, models
from gnnrec_helpers.models import Model
from gnnrec_helpers.serving import Explanation, explain


@pytest.fixture(scope="module")
def trained(movielens_split: Split) -> models.LightGCN:
    model = models.LightGCN(movielens_split.train, 16, 4)
    fit(model, movielens_split, epochs=2, progress=False)
    return model


def adds_up(found: Explanation) -> None:
    tolerance = 1e-5 * max(1.0, abs(found.score))
    assert found.terms["contribution"].sum() == pytest.approx(found.score, abs=tolerance)
    both = found.paths["contribution"].sum() + found.other_paths
    assert both == pytest.approx(found.score, abs=tolerance)
    values = found.terms["contribution"].tolist()
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("layers", [0, 1, 2, 3, 5])
def test_every_path_on_the_toy_graph(toy: Interactions, layers: int) -> None:
    """All walks are written down, and each is multiplied out along its edges."""
    model = models.LightGCN(toy, 6, layers, seed=3)
    A = model.adjacency.to_scipy().toarray()
    X = model.nodes.weight.detach().double().numpy()
    user, item = toy.users.get_loc("Cem"), 5 + toy.items.get_loc("Blade Runner")
    names = [*toy.users, *toy.items]
    powers = [np.linalg.matrix_power(A, n) for n in range(layers + 1)]
    e = sum(P @ X for P in powers)[item] / (layers + 1)

    def walks(start: int, steps: int) -> list[tuple[tuple[int, ...], float]]:
        found = [((start,), 1.0)]
        for _ in range(steps):
            found = [
                ((*path, node), value * A[path[-1], node])
                for (path, value), node in itertools.product(found, range(10))
                if A[path[-1], node]
            ]
        return found

    every = {
        path: value * (X[path[-1]] @ e) / (layers + 1)
        for steps in range(layers + 1)
        for path, value in walks(user, steps)
    }
    found = explain(model, "Cem", "Blade Runner", paths=7)
    adds_up(found)
    assert found.score == pytest.approx(sum(every.values()), abs=1e-6)
    by_first: dict[str, float] = {}
    for path, value in every.items():
        first = names[path[1]] if len(path) > 1 else "herself"
        by_first[first] = by_first.get(first, 0.0) + value
    kinds, via = found.terms["kind"], found.terms["via"]
    names_found = np.where(kinds == "herself", "herself", via)
    assert dict(zip(names_found, found.terms["contribution"], strict=True)) == pytest.approx(
        by_first, abs=1e-7
    )
    # a listed path stands for itself and for all that go on from its end
    steps = min(3, layers)
    begun: dict[tuple[int, ...], float] = {}
    for path, value in every.items():
        if steps and len(path) > steps:
            begun[path[: steps + 1]] = begun.get(path[: steps + 1], 0.0) + value
    strongest = sorted(begun.items(), key=lambda one: -abs(one[1]))[:7]
    assert found.paths["contribution"].tolist() == pytest.approx(
        [v for _, v in strongest], abs=1e-7
    )
    for path, value in found.paths.itertuples(index=False):
        assert begun[tuple(names.index(name) for name in path)] == pytest.approx(value, abs=1e-7)


LINEAR: dict[str, Callable[[Interactions], Model]] = {
    "ItemKNN": models.ItemKNN,
    "UserKNN": models.UserKNN,
    "EASE": models.EASE,
    "RP3Beta": models.RP3Beta,
    "LinearFilter": models.LinearFilter,
    "GraphFilter": lambda train: models.GraphFilter(train, 32),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_on_real_data(name: str, movielens_split: Split) -> None:
    model = LINEAR[name](movielens_split.train)
    generator = np.random.default_rng(0)
    for _ in range(20):
        user, item = generator.choice(model.users), generator.choice(model.items)
        found = explain(model, user, item)
        adds_up(found)
        assert found.paths.empty
        hers = set(model.interactions.items_of(user))
        if name == "UserKNN":  # those who speak for it have it
            assert all(item in model.interactions.items_of(one) for one in found.terms["via"])
        else:
            assert set(found.terms["via"]) == hers


def test_lightgcn_on_real_data(trained: models.LightGCN) -> None:
    generator = np.random.default_rng(0)
    for _ in range(40):
        user, item = generator.choice(trained.users), generator.choice(trained.items)
        found = explain(trained, user, item)
        adds_up(found)
        of_items = found.terms[found.terms["kind"] == "item"]
        assert set(of_items["via"]) == set(trained.interactions.items_of(user))
        for path in found.paths["path"]:
            assert path[0] == user
            assert path[1] in trained.interactions.items_of(path[2])
            assert path[3] in trained.interactions.items_of(path[2])


def test_friends_and_facts_are_among_the_reasons(movielens_split: Split) -> None:
    lastfm = datasets.load("lastfm-2k")
    likes = lastfm.interactions.binarize(1)
    assert lastfm.social is not None
    for learnt in (False, True):
        model = models.SocialLightGCN(likes, lastfm.social, 8, 2, learn_weight=learnt)
        found = explain(model, likes.users[0], likes.items[5])
        adds_up(found)
        friends = lastfm.social.to_frame()
        either = friends[(friends == likes.users[0]).any(axis=1)].to_numpy().ravel()
        heard = found.terms.loc[found.terms["kind"] == "user", "via"]
        assert set(heard) == set(either) - {likes.users[0]}
    toy = datasets.load("toy")
    assert toy.knowledge is not None
    adds_up(explain(models.KnowledgeLightGCN(toy.interactions, toy.knowledge, 4), "Ana", "Emma"))
    adds_up(explain(models.SimGCL(toy.interactions, 4), "Ana", "Emma"))
    weighted = Interactions(
        toy.interactions.user_index, toy.interactions.item_index, toy.interactions.users,
        toy.interactions.items, weight=np.linspace(1, 4, 10),
    )  # fmt: skip
    adds_up(explain(models.LightGCN(weighted, 4), "Ana", "Emma"))


def test_how_it_reads(toy: Interactions) -> None:
    found = explain(models.ItemKNN(toy, shrink=0), "Cem", "Alien")
    assert repr(found).startswith("Explanation('Alien' for 'Cem': score 0.500 = 'Casablanca' +0.5")
    assert "Casablanca" in found._repr_html_()
    propagated = explain(models.LightGCN(toy, 4), "Cem", "Alien", paths=2)
    assert "herself" in repr(propagated) or len(propagated.terms) > 3
    assert propagated._repr_html_().count("<table") == 2


def test_what_cannot_be_explained(toy: Interactions) -> None:
    for model in (models.MatrixFactorization(toy, 4), models.NGCF(toy, 4), models.IALS(toy, 4),
                  models.Popularity(toy)):  # fmt: skip
        with pytest.raises(TypeError, match=f"A score of {type(model).__name__} is no sum over"):
            explain(model, "Ana", "Emma")
    with pytest.raises(TypeError, match="Frozen cannot be explained: a model"):
        explain(models.ItemKNN(toy).frozen(), "Ana", "Emma")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="Unknown item 'Heat'"):
        explain(models.ItemKNN(toy), "Ana", "Heat")
    with pytest.raises(ValueError, match="paths=-1: at least 0"):
        explain(models.ItemKNN(toy), "Ana", "Emma", paths=-1)

    class Shifted(models.LightGCN):
        def compute_scores(self, users: torch.Tensor) -> torch.Tensor:
            return super().compute_scores(users) + 1

    with pytest.raises(TypeError, match="Shifted is 1 away from the sum of its terms"):
        explain(Shifted(toy, 4), "Ana", "Emma")


def test_no_paths_wanted(toy: Interactions) -> None:
    found = explain(models.LightGCN(toy, 4), "Ana", "Emma", paths=0)
    adds_up(found)
    pd.testing.assert_index_equal(found.paths.columns, pd.Index(["path", "contribution"]))
