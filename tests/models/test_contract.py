"""Every model keeps the one contract; a new model is one line in `BUILD`."""

from __future__ import annotations

import copy
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import (
    Interactions,
    KnowledgeGraph,
    SocialGraph,
    Split,
    evaluate,
    evaluate_ratings,
    fit,
    load,
    models,
    recommend,
)
from gnnrec_helpers.models import EmbeddingModel, Frozen, Model, RatingsModel
from gnnrec_helpers.objectives import BPR, SelfSupervised

USERS, ITEMS = 24, 18
ALL = torch.arange(USERS)


# ---------------------------------------------------------------------- data
@cache
def split(rated: bool, seed: int = 0) -> Split:
    """Two tastes: people like the even or the odd items, and a few others."""
    generator = np.random.default_rng(0)
    odd = np.arange(USERS)[:, None] % 2 == np.arange(ITEMS) % 2
    user, item = np.nonzero(generator.random((USERS, ITEMS)) < np.where(odd, 0.7, 0.15))
    rating = np.where(odd[user, item], 4, 2) + generator.integers(-1, 2, len(user)).astype(float)
    pairs = Interactions(
        user,
        item,
        pd.Index([f"u{n:02}" for n in range(USERS)]),
        pd.Index(range(100, 100 + ITEMS)),
        rating if rated else None,
    )
    return pairs.split(test=0.2, validation=0.2, seed=seed)


@cache
def social(seed: int = 0) -> SocialGraph:
    ends = np.random.default_rng(seed).integers(0, USERS, (2, 60))
    labels = split(False).train.users
    links = pd.DataFrame({"user": labels[ends[0]], "friend": labels[ends[1]]})
    return SocialGraph.from_frame(links, labels, mutual=True)


@cache
def knowledge(seed: int = 0) -> KnowledgeGraph:
    generator = np.random.default_rng(seed)
    items = split(False).train.items
    facts = pd.DataFrame(
        {
            "head": generator.choice(items, 70),
            "relation": generator.choice(["by", "of"], 70),
            "tail": generator.choice(["x", "y", "z", "w"], 70),
        }
    )
    return KnowledgeGraph.from_frame(facts, items)


def without(train: Interactions, values: str) -> Interactions:
    return replace(train, **{values: None}) if isinstance(train, Interactions) else train


# from train, side graphs' seed, and settings to a model: one line a model
BUILD: dict[str, Callable[..., Model]] = {
    "BiasOnly": lambda train, g, **s: models.BiasOnly(train, **s),
    "Blend": lambda train, g, **s: models.Blend(
        train,
        models.LightGCN(without(train, "rating"), 8, 2),
        models.LinearFilter(without(without(train, "rating"), "weight")),
        **s,
    ),
    "DiffNet": lambda train, g, **s: models.DiffNet(train, social(g), 8, **s),
    "EASE": lambda train, g, **s: models.EASE(train, 5.0, **s),
    "FactRidge": lambda train, g, **s: models.FactRidge(
        train, knowledge(g), models.IALS(without(train, "rating"), 4), **s
    ),
    "GraphFilter": lambda train, g, **s: models.GraphFilter(train, 4, **s),
    "GraphRec": lambda train, g, **s: models.GraphRec(
        train, social(g), 8, 3, baseline=models.BiasOnly(without(train, "weight")), **s
    ),
    "GraphSAGE": lambda train, g, **s: models.GraphSAGE(train, knowledge(g), 8, **s),
    "IALS": lambda train, g, **s: models.IALS(train, 4, **s),
    "ItemKNN": lambda train, g, **s: models.ItemKNN(train, 5, **s),
    "KGAT": lambda train, g, **s: models.KGAT(train, knowledge(g), 8, (4, 4), **s),
    "KGCN": lambda train, g, **s: models.KGCN(train, knowledge(g), 8, neighbours=3, **s),
    "KGIN": lambda train, g, **s: models.KGIN(train, knowledge(g), 8, 2, **s),
    "KnowledgeLightGCN": lambda train, g, **s: models.KnowledgeLightGCN(
        train, knowledge(g), 8, social=social(g), **s
    ),
    "LightGCN": lambda train, g, **s: models.LightGCN(train, 8, 2, **s),
    "LinearFilter": lambda train, g, **s: models.LinearFilter(train, **s),
    "MatrixFactorization": lambda train, g, **s: models.MatrixFactorization(train, 8, **s),
    "NGCF": lambda train, g, **s: models.NGCF(train, 8, 2, **s),
    "Popularity": lambda train, g, **s: models.Popularity(train, **s),
    "ProbabilisticMF": lambda train, g, **s: models.ProbabilisticMF(
        train, 4, **{"biases": True, **s}
    ),
    "RP3Beta": lambda train, g, **s: models.RP3Beta(train, 5, **s),
    "RippleNet": lambda train, g, **s: models.RippleNet(train, knowledge(g), 4, 2, 6, **s),
    "SEPT": lambda train, g, **s: models.SEPT(train, social(g), 8, 2, **s),
    "SGL": lambda train, g, **s: models.SGL(train, 8, 2, **s),
    "SimGCL": lambda train, g, **s: models.SimGCL(train, 8, 2, **s),
    "SocialLightGCN": lambda train, g, **s: models.SocialLightGCN(train, social(g), 8, 2, **s),
    "TruncatedLightGCN": lambda train, g, **s: models.TruncatedLightGCN(train, 8, 2, 6, **s),
    "UltraGCN": lambda train, g, **s: models.UltraGCN(train, 8, 4, **s),
    "UserKNN": lambda train, g, **s: models.UserKNN(train, 5, **s),
    "XSimGCL": lambda train, g, **s: models.XSimGCL(train, 8, 2, **s),
}
CONTRACT = {"EmbeddingModel", "Frozen", "Model", "RatingModel", "RatingsModel", "Recommender"}
TRAINED = [n for n in BUILD if getattr(models, n).default_objective is not Model.default_objective]
TRAINED.remove("BiasOnly")


def takes(name: str, *arguments: str) -> bool:
    """Does its constructor take one of these?"""
    return not set(arguments).isdisjoint(inspect.signature(getattr(models, name)).parameters)


GRAPHS = [name for name in BUILD if takes(name, "social", "knowledge")]
RATINGS = [name for name in BUILD if issubclass(getattr(models, name), RatingsModel)]
EMBEDDED = [name for name in BUILD if issubclass(getattr(models, name), EmbeddingModel)]
every_model = pytest.mark.parametrize("name", BUILD)
trained_models = pytest.mark.parametrize("name", TRAINED)


def data_of(name: str) -> Split:
    return split(name in RATINGS)


def new(name: str, train: Interactions | None = None, graph: int = 0, **settings: Any) -> Model:
    return BUILD[name](data_of(name).train if train is None else train, graph, **settings)


def trained(name: str, epochs: int = 2, **arguments: Any) -> Model:
    """Fitted where it needs to be, by its own loss."""
    model = new(name)
    if name in TRAINED:
        fit(model, data_of(name), epochs=epochs, batch_size=64, progress=False, **arguments)
    return model


def test_no_model_is_forgotten() -> None:
    classes = {name for name in models.__all__ if inspect.isclass(getattr(models, name))}
    assert classes - CONTRACT == set(BUILD)


# ---------------------------------------------------------------------- what it was made from
@every_model
def test_it_remembers_what_it_was_built_from(name: str) -> None:
    train = data_of(name).train
    model = new(name)
    assert model.interactions is train
    assert model.users is train.users
    assert model.items is train.items
    assert (model.num_users, model.num_items) == (USERS, ITEMS)
    identity = model.identity()
    assert identity["class"] == name
    assert list(identity)[1:] == list(inspect.signature(type(model)).parameters)
    assert json.loads(json.dumps(identity))  # a checkpoint stores it
    assert identity == new(name).identity()
    for setting, value in identity.items():  # what it prints tells every setting
        if isinstance(value, (bool, int, float)):
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            assert f"{setting}={shown}" in repr(model)
    assert repr(model).startswith(f"{name}({USERS} users, {ITEMS} items")


@every_model
def test_another_origin_is_another_identity(name: str) -> None:
    identity = new(name).identity()
    fewer = data_of(name).train.select(np.arange(len(data_of(name).train) - 1))
    assert new(name, fewer).identity() != identity
    if takes(name, "seed"):
        assert new(name, seed=1).identity() != identity
    if name in GRAPHS:
        assert new(name, graph=1).identity() != identity


@every_model
def test_a_table_is_no_interactions(name: str) -> None:
    with pytest.raises(TypeError, match=r"\w+ is built from Interactions, .*not from Data"):
        new(name, data_of(name).train.to_frame())  # type: ignore[arg-type]


@every_model
def test_ratings_that_are_not_used_are_told(name: str) -> None:
    rated = split(True).train
    if name in RATINGS:
        assert new(name, rated).interactions.rating is not None  # without a warning
        return
    with pytest.warns(
        UserWarning, match=rf"{name} does not use the ratings: each of the \d+ pairs"
    ):
        new(name, rated)


@every_model
def test_weights_are_used_or_their_neglect_is_told(name: str) -> None:
    train = data_of(name).train
    weights = np.random.default_rng(0).integers(1, 9, len(train)).astype(float)
    weighted = replace(train, weight=weights)
    plain = new(name).score(ALL)
    if not getattr(models, name).uses_weights:
        with pytest.warns(UserWarning, match=rf"{name} does not use the weights: each of the \d+"):
            model = new(name, weighted)
        assert torch.equal(model.score(ALL), plain)
        return
    model = new(name, weighted)  # without a warning
    assert not model.is_built_from(train)
    assert not torch.allclose(model.score(ALL), plain)
    equal = new(name, replace(train, weight=np.ones(len(train))))
    assert torch.equal(equal.score(ALL), plain)


def test_propagation_along_weighted_edges_by_hand() -> None:
    pairs = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 1], "weight": [4.0, 1.0, 3.0]})
    train = Interactions.from_frame(pairs, weight="weight")
    model = models.LightGCN(train, 3, 1)
    edges = torch.tensor([[4.0, 1.0], [0.0, 3.0]])
    by_hand = edges / edges.sum(1).sqrt()[:, None] / edges.sum(0).sqrt()
    users, items = model.nodes.weight.detach().split(2)
    want = (users + by_hand @ items) / 2, (items + by_hand.T @ users) / 2
    for found, expected in zip(model.embeddings(), want, strict=True):
        torch.testing.assert_close(found.detach(), expected)


def test_ials_with_a_weight_of_three_is_ials_with_three_pairs() -> None:
    train = data_of("IALS").train
    weights = np.where(np.arange(len(train)) % 4 == 0, 3.0, 1.0)
    model = models.IALS(replace(train, weight=weights), 4, sweeps=1)
    likes = train.to_csr(weights).toarray()
    users, items = (table.double() for table in model.embeddings())
    # the last half sweep solved the items, each against all users
    for item in range(train.num_items):
        left = 0.1 * users.T @ users
        right = torch.zeros(4, dtype=torch.float64)
        for user, weight in enumerate(likes[:, item].astype(int)):
            for _ in range(weight):
                left += torch.outer(users[user], users[user])
                right += users[user]
        left += 0.01 * (likes[:, item].sum() + 0.1 * USERS) * torch.eye(4)
        torch.testing.assert_close(
            items[item], torch.linalg.solve(left, right), rtol=1e-3, atol=1e-5
        )


# ---------------------------------------------------------------------- settings
@every_model
def test_a_seed_is_a_whole_number(name: str) -> None:
    if not takes(name, "seed"):
        return
    for odd, error in ((None, TypeError), (True, TypeError), (1.5, TypeError), ("8", TypeError),
                       (-1, ValueError)):  # fmt: skip
        with pytest.raises(error, match=rf"^seed={odd!r}: .* is needed\.$"):
            new(name, seed=odd)
    model = new(name, seed=np.int64(7))
    assert model.identity() == new(name, seed=7).identity()
    assert json.loads(json.dumps(model.identity()))["seed"] == 7
    assert "seed=7" in repr(model)


def test_numpy_s_numbers_are_python_s(tmp_path: Path) -> None:
    train = data_of("LightGCN").train
    model = models.KGAT(train, knowledge(), np.int32(8), (np.int64(4),))
    assert model.identity() == models.KGAT(train, knowledge(), 8, (4,)).identity()
    assert json.dumps(model.identity())
    model.save(tmp_path / "it")
    assert repr(load(tmp_path / "it")) == repr(model)
    assert models.EASE(train, np.float64(5)).identity() == models.EASE(train, 5.0).identity()


FLAGS = [
    (name, flag)
    for name in BUILD
    for flag, parameter in inspect.signature(getattr(models, name)).parameters.items()
    if isinstance(parameter.default, bool)
]


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_a_flag_is_true_or_false(name: str, flag: str) -> None:
    for odd in ("no", 1, None):
        with pytest.raises(TypeError, match=f"^{flag}={odd!r}: True or False is needed"):
            new(name, **{flag: odd})


@every_model
def test_every_float_is_a_finite_number(name: str) -> None:
    """Whatever else it may be; inf where the documentation has it."""
    parameters = inspect.signature(getattr(models, name)).parameters.values()
    floats = [p.name for p in parameters if isinstance(p.default, float)]
    for setting in set(floats) - {"regularization", "alpha", "shrink", "beta"}:
        for odd, error in (("1", TypeError), (None, TypeError), (True, TypeError),
                           (float("nan"), ValueError)):  # fmt: skip
            with pytest.raises(error, match=f"^{setting}={odd!r}: a .* is needed"):
                new(name, **{setting: odd})


def test_a_graph_or_a_baseline_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="adjacency is of type int: an Adjacency is needed"):
        models.LightGCN(split(False).train, adjacency=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="baseline is of type int: a BiasOnly is needed"):
        models.GraphRec(split(True).train, baseline=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="layers=3: several whole numbers are needed"):
        models.KGAT(split(False).train, knowledge(), layers=3)  # type: ignore[arg-type]
    for build in (
        lambda: models.GraphFilter(split(False).train, components=1.5),  # type: ignore[arg-type]
        lambda: models.XSimGCL(split(False).train, contrast_layer=1.5),  # type: ignore[arg-type]
        lambda: models.KGIN(split(False).train, knowledge(), layers="8"),  # type: ignore[arg-type]
        lambda: models.RP3Beta(split(False).train, sources=1.5),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=r"^\w+='?[\d.]+'?: a whole number is needed\.$"):
            build()


@every_model
def test_another_default_of_torch_changes_nothing(name: str) -> None:
    expected = trained(name, epochs=1)
    torch.set_default_dtype(torch.float64)
    try:
        model = trained(name, epochs=1)
        scores, frozen = model.score(ALL), model.frozen().score(ALL)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(scores, expected.score(ALL))
    assert torch.equal(frozen, expected.frozen().score(ALL))
    weights = expected.state_dict()
    for key, value in model.state_dict().items():
        assert value.dtype == weights[key].dtype
        assert torch.equal(value, weights[key])


# ---------------------------------------------------------------------- scores
@every_model
def test_scores_are_plain_numbers(name: str) -> None:
    model = trained(name)
    scores = model.score(ALL)
    assert scores.shape == (USERS, ITEMS)
    assert scores.dtype == torch.float32
    assert not scores.requires_grad
    assert scores.device == model.device
    assert scores.isfinite().all()
    assert torch.unique(scores).numel() > 2
    torch.testing.assert_close(model.score(torch.tensor([5, 0, 5])), scores[[5, 0, 5]])
    torch.testing.assert_close(torch.cat([model.score(user) for user in ALL.split(1)]), scores)
    assert model.score(ALL[:0]).shape == (0, ITEMS)
    assert not model.training
    kept = scores.clone()
    scores.zero_()  # whoever gets scores may write into them
    torch.testing.assert_close(model.score(ALL), kept)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@every_model
def test_scores_on_a_gpu_are_those_of_the_cpu(name: str) -> None:
    model = trained(name)
    expected = model.score(ALL)
    model.to("cuda")
    scores = model.score(ALL)  # positions on the CPU
    assert scores.device == model.device
    torch.testing.assert_close(scores.cpu(), expected, rtol=1e-4, atol=1e-5)


@every_model
def test_a_frozen_model_answers_alike(name: str, tmp_path: Path) -> None:
    model = trained(name)
    frozen = model.frozen()
    torch.testing.assert_close(frozen.score(ALL), model.score(ALL), rtol=1e-5, atol=1e-6)
    lists = recommend(model, model.users, k=5)
    pd.testing.assert_frame_equal(recommend(frozen, model.users, k=5), lists, rtol=1e-4, atol=1e-6)
    known = set(map(tuple, model.interactions.to_frame()[["user", "item"]].to_numpy()))
    assert not known & set(map(tuple, lists[["user", "item"]].to_numpy()))
    frozen.save(tmp_path / "frozen.safetensors")
    again = load(tmp_path / "frozen.safetensors")
    assert isinstance(again, Frozen)
    assert torch.equal(again.score(ALL), frozen.score(ALL))
    assert again.users.equals(frozen.users)
    assert repr(again) == repr(frozen)
    assert np.array_equal(again.informed_users, model.informed_users)
    assert np.array_equal(again.informed_items, model.informed_items)


# who answers for somebody new, by the items she has
FOLDED = {
    "Blend", "EASE", "GraphFilter", "GraphSAGE", "IALS", "ItemKNN", "KnowledgeLightGCN", "LightGCN",
    "LinearFilter", "Popularity", "RP3Beta", "SEPT", "SGL", "SimGCL", "SocialLightGCN",
    "TruncatedLightGCN", "UserKNN", "XSimGCL",
}  # fmt: skip


def test_a_table_that_scores_and_fold_in_share_is_written_once(
    tmp_path: Path, movielens_split: Split
) -> None:
    frozen = models.ItemKNN(movielens_split.train).frozen()
    frozen.save(tmp_path / "both.safetensors")
    Frozen(frozen.interactions, frozen.products).save(tmp_path / "scores.safetensors")
    both, scores = ((tmp_path / f"{n}.safetensors").stat().st_size for n in ("both", "scores"))
    assert both < 1.02 * scores


@every_model
def test_somebody_new_is_answered_alike_or_not_at_all(name: str, tmp_path: Path) -> None:
    model = new(name)
    baskets = {"new": [103, 105, 111], "other": [104]}
    if name not in FOLDED:
        for one in (model, model.frozen()):
            with pytest.raises(TypeError, match="cannot answer for somebody who was not in train"):
                recommend(one, histories=baskets)
        return
    found = recommend(model, histories=baskets, k=5)
    assert set(found["user"]) == set(baskets)
    assert not set(found.loc[found["user"] == "new", "item"]) & set(baskets["new"])
    model.frozen().save(tmp_path / "frozen.safetensors")
    again = load(tmp_path / "frozen.safetensors")
    pd.testing.assert_frame_equal(recommend(again, histories=baskets, k=5), found, rtol=1e-6)
    tables = [table for product in again.products for table in product]
    assert not any(isinstance(table, torch.nn.Module) for table in tables)


# ---------------------------------------------------------------------- files
SCORES_OF_FILES = """
import sys, numpy as np, torch
from pathlib import Path
from gnnrec_helpers import load, recommend
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.safetensors")):
    model = load(path)
    lists = recommend(model, model.users, k=5)
    np.savez(path.with_suffix(".npz"), scores=model.score(torch.arange(model.num_users)).numpy(),
             items=lists["item"].to_numpy(), users=lists["user"].to_numpy(str))
"""


@pytest.fixture(scope="module")
def other_process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Model, Path]]:
    """Every model, fitted and saved, and what another process says after loading it."""
    folder = tmp_path_factory.mktemp("models")
    saved = {}
    for name in BUILD:
        model = trained(name)
        path = folder / f"{name}.safetensors"
        model.save(path)
        saved[name] = (model, path)
    subprocess.run([sys.executable, "-c", SCORES_OF_FILES, str(folder)], check=True)
    return saved


@every_model
def test_another_process_loads_the_same_model(
    name: str, other_process: dict[str, tuple[Model, Path]]
) -> None:
    model, path = other_process[name]
    with np.load(path.with_suffix(".npz")) as found:
        np.testing.assert_array_equal(found["scores"], model.score(ALL).numpy())  # to the last bit
        lists = recommend(model, model.users, k=5)
        np.testing.assert_array_equal(found["items"], lists["item"])
        np.testing.assert_array_equal(found["users"], lists["user"])
    again = type(model).load(path)
    assert type(again) is type(model)
    assert again.identity() == model.identity()
    assert repr(again) == repr(model)
    assert again.users.equals(model.users)
    assert not again.training
    weights = model.state_dict()
    assert again.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[key]) for key, value in again.state_dict().items())


@trained_models
def test_a_file_keeps_the_precision(name: str, tmp_path: Path) -> None:
    model = trained(name, epochs=1).double()
    model.save(tmp_path / "it")
    again = load(tmp_path / "it")
    assert isinstance(again, Model)
    assert again.score(ALL).dtype == model.score(ALL).dtype
    for one in (model, again):
        fit(one, data_of(name), epochs=1, batch_size=64, progress=False)
    assert torch.equal(again.score(ALL), model.score(ALL))
    values = zip(model.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(one.dtype == other.dtype and torch.equal(one, other) for one, other in values)


def test_what_a_file_says_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed form may take minutes, and other threads add up in another order."""
    model = new("EASE")
    model.save(tmp_path / "it")
    monkeypatch.setattr(models.EASE, "_invert", lambda self: pytest.fail("it was computed again"))
    again = load(tmp_path / "it")
    assert torch.equal(again.score(ALL), model.score(ALL))


@trained_models
def test_a_loaded_model_trains_on(name: str, tmp_path: Path) -> None:
    model = trained(name)
    model.save(tmp_path / "it")
    again = load(tmp_path / "it")
    assert isinstance(again, Model)
    arguments = {"epochs": 1, "batch_size": 64, "seed": 3, "progress": False}
    for one in (model, again):
        fit(one, data_of(name), **arguments)
    assert torch.equal(model.score(ALL), again.score(ALL))


@every_model
def test_a_copy_is_the_same_model(name: str) -> None:
    model = new(name)
    again = copy.deepcopy(model)
    assert again.identity() == model.identity()
    assert torch.equal(again.score(ALL), model.score(ALL))


# ---------------------------------------------------------------------- training
@pytest.mark.parametrize("name", sorted(set(BUILD) - set(TRAINED)))
def test_what_is_ready_when_constructed_is_not_fitted(name: str) -> None:
    assert new(name).default_objective() is None
    with pytest.raises(TypeError, match=f"{name} needs no fit: it is ready when constructed"):
        fit(new(name), data_of(name))


@trained_models
def test_every_term_of_its_own_loss_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing said about the loss, each part of it is called, and moves every weight."""
    model = new(name)
    objective = model.default_objective()
    assert objective is not None
    asked = set(objective.asks)
    assert asked >= set(model.trained_by)
    called = set()
    # a model that is perturbed for a batch answers through that
    owners = [type(model)] + ([models.xsimgcl.Perturbed] if name == "XSimGCL" else [])
    for owner in owners:
        for method in asked:
            original = getattr(owner, method)

            def spy(*arguments: Any, method: str = method, original: Any = original) -> Any:
                called.add(method)
                return original(*arguments)

            monkeypatch.setattr(owner, method, spy)
    before = {key: value.clone() for key, value in model.named_parameters()}
    with monkeypatch.context() as patched:
        patched.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)  # keep the last
        fit(model, data_of(name), epochs=2, batch_size=64, lr=0.01, progress=False)
    assert called == asked
    still = [key for key, value in model.named_parameters() if torch.equal(value, before[key])]
    assert still == []


SECOND = [n for n in TRAINED if "self_supervised_loss" in getattr(models, n).trained_by]


@pytest.mark.parametrize("name", SECOND)
def test_the_second_loss_counts(name: str) -> None:
    own = new(name).default_objective()
    assert isinstance(own, SelfSupervised)
    without = trained(name, objective=SelfSupervised(own.objective, weight=0.0))
    assert not torch.equal(trained(name).score(ALL), without.score(ALL))
    with pytest.raises(ValueError, match=f"leaves out self_supervised_loss, .* part of {name} is"):
        fit(new(name), data_of(name), objective=own.objective, epochs=1)


def test_what_used_to_train_another_model_does_not() -> None:
    likes = split(False)
    plain = trained("LightGCN")
    for name in ("SGL", "SimGCL", "XSimGCL", "SEPT"):
        assert not torch.allclose(trained(name).score(ALL), plain.score(ALL), atol=1e-4)
    factors = trained("MatrixFactorization")
    assert not torch.allclose(trained("UltraGCN").score(ALL), factors.score(ALL), atol=1e-3)
    with pytest.raises(ValueError, match="BPR leaves out pair_weights, through which part of Ultr"):
        fit(new("UltraGCN"), likes, objective=BPR())
    with pytest.raises(TypeError, match=r"BPR needs a model with training_embeddings, which KGCN"):
        fit(new("KGCN"), likes, objective=BPR())


@trained_models
def test_an_interrupted_training_is_resumed(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole, resumed = new(name), new(name)
    arguments: dict[str, Any] = {"batch_size": 64, "lr": 0.01, "progress": False}
    expected = fit(whole, data_of(name), epochs=4, **arguments)

    def interrupt(model: Model, history: Any) -> None:
        if len(history.epochs) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data_of(name), epochs=4, checkpoint=path, after_epoch=interrupt, **arguments)
    assert not resumed.training
    for model in (resumed, new(name)):  # in the same process, or in another
        history = fit(model, data_of(name), epochs=4, checkpoint=path, **arguments)
        assert history.losses == expected.losses
        assert history.best == expected.best
        assert torch.equal(model.score(ALL), whole.score(ALL))


@trained_models
def test_a_checkpoint_of_another_origin_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    arguments: dict[str, Any] = {"batch_size": 64, "progress": False, "checkpoint": path}
    fit(new(name), data_of(name), epochs=1, **arguments)
    written = path.read_bytes()
    with pytest.raises(ValueError, match=r"was made with model\.seed=0, not 1"):
        fit(new(name, seed=1), data_of(name), epochs=2, **arguments)
    if name in GRAPHS:
        match = r"was made with model\.(social|knowledge)=\w+ \w+, not \w+ \w+: use the same"
        with pytest.raises(ValueError, match=match):
            fit(new(name, graph=1), data_of(name), epochs=2, **arguments)
    other = split(name in RATINGS, seed=1)
    with pytest.raises(ValueError, match=r"was made with model\.train=\d+ pairs \w+, not \d+ "):
        fit(new(name, other.train), other, epochs=2, **arguments)
    assert path.read_bytes() == written


# ---------------------------------------------------------------------- built on too much
def everything(name: str) -> Interactions:
    parts = data_of(name)
    return parts.without_validation().train


@trained_models
def test_fit_refuses_a_model_of_other_pairs(name: str) -> None:
    match = rf"{name} was built from \d+ pairs that are not the \d+ of split.train"
    with pytest.raises(ValueError, match=match):
        fit(new(name, everything(name)), data_of(name))


@every_model
def test_a_model_is_not_judged_on_what_it_was_built_from(name: str) -> None:
    parts = data_of(name)
    judge = evaluate_ratings if name in RATINGS else evaluate
    model = new(name, everything(name))
    judge(model, parts)  # validation may be known when test is judged
    match = f"{name} was built from {len(parts.validation)} of the {len(parts.validation)} pairs"
    with pytest.raises(ValueError, match=match):
        judge(model, parts, part="validation")
    with pytest.raises(ValueError, match=f"{name} was built from {len(parts.test)} of the"):
        judge(new(name, parts.test), Split(parts.train, None, parts.test))
    assert judge(new(name), parts, part="validation")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embeddings_of_some_are_rows_of_all(name: str) -> None:
    model = trained(name)
    users, items = torch.tensor([3, 0, 3]), torch.tensor([7])
    all_users, all_items = model.embeddings()
    assert len(all_users) == USERS
    assert len(all_items) == ITEMS
    for rows, expected in zip(
        model.embeddings(users, items), (all_users[users], all_items[items]), strict=True
    ):
        torch.testing.assert_close(rows, expected)
    torch.testing.assert_close(model.score(users), (all_users[users] @ all_items.T).detach())
