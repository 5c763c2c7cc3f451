"""The index against sorting all inner products."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import Interactions, datasets, models, recommend
from gnnrec_helpers.models import Frozen
from gnnrec_helpers.serving import Index

USERS, ITEMS = 30, 5_000


def frozen(users: np.ndarray, items: np.ndarray, seed: int = 0) -> Frozen:
    """Users of up to 200 items each, with these embeddings; labels are not positions."""
    generator = np.random.default_rng(seed)
    has = generator.random((len(users), len(items))) < generator.random((len(users), 1)) * 0.04
    user, item = np.nonzero(has)
    labels = [pd.Index([f"{role}{n}" for n in range(size)])
              for role, size in zip("ui", has.shape, strict=True)]  # fmt: skip
    tables = torch.from_numpy(users), torch.from_numpy(items).T
    everything = np.ones(len(items), bool)  # items that nobody has, too
    return Frozen(Interactions(user, item, *labels), [tables], informed_items=everything)


def embeddings(kind: str, dim: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    users, items = (generator.standard_normal((n, dim)) for n in (USERS, ITEMS))
    if kind == "skewed":  # clusters, and a few items with very long vectors
        centers = generator.standard_normal((20, dim))
        users = centers[generator.integers(20, size=USERS)] + 0.3 * users
        items = centers[generator.integers(20, size=ITEMS)] + 0.3 * items
        items *= generator.lognormal(0, 1.2, (ITEMS, 1))
    return users.astype(np.float32), items.astype(np.float32)


def sorted_lists(model: Frozen, k: int) -> list[list[int]]:
    """Positions by brute force, in double precision."""
    users, items = (np.asarray(table, np.float64) for table in model.products[0])
    scores = users @ items
    scores[model.interactions.user_index, model.interactions.item_index] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()


def positions_of(table: pd.DataFrame) -> list[list[int]]:
    return [
        [int(item[1:]) for item in some["item"]] for _, some in table.groupby("user", sort=False)
    ]


def approximate(model: Any, **settings: Any) -> Index:
    pytest.importorskip("faiss")
    return Index(model, exact=False, **settings)


# ---------------------------------------------------------------------- lists
@pytest.mark.parametrize("kind", ["random", "skewed"])
def test_the_exact_index_sorts_everything(kind: str) -> None:
    model = frozen(*embeddings(kind, 16))
    table = Index(model).recommend(model.users, k=10)
    assert positions_of(table) == sorted_lists(model, 10)
    pd.testing.assert_frame_equal(table, recommend(model, model.users, k=10))


@pytest.mark.parametrize("exact", [True, False])
def test_what_the_model_knows_nothing_about_is_in_no_list(exact: bool) -> None:
    whole = frozen(*embeddings("random", 16))
    informed = np.random.default_rng(4).random(ITEMS) < 0.5
    known_users = np.arange(USERS) != 3
    model = Frozen(whole.interactions, whole.products, informed_users=known_users,
                   informed_items=informed)  # fmt: skip
    index = Index(model) if exact else approximate(model)
    table = index.recommend(model.users[known_users], k=10)
    wanted = recommend(model, model.users[known_users], k=10)
    assert informed[table["item"].str[1:].astype(int)].all()
    same = (table["item"] == wanted["item"]).mean()
    assert same == 1 if exact else same > 0.95
    with pytest.raises(KeyError, match="User 'u3' has no interactions in train"):
        index.recommend(["u3"])


@pytest.mark.parametrize("dim", [1, 7, 16])
@pytest.mark.parametrize("kind", ["random", "skewed"])
def test_the_approximate_index_finds_nearly_all(kind: str, dim: int) -> None:
    model = frozen(*embeddings(kind, dim))
    index = approximate(model, candidates=300)
    table = index.recommend(model.users, k=10)
    lists, true = positions_of(table), sorted_lists(model, 10)
    recall = np.mean([len({*one} & {*other}) / 10 for one, other in zip(lists, true, strict=True)])
    assert recall >= (0.97 if kind == "random" else 0.999)  # long vectors are rounded finely
    assert table.groupby("user")["rank"].apply(list).tolist() == [[*range(1, 11)]] * USERS
    user, item = (table[role].str[1:].astype(int) for role in ("user", "item"))
    assert not model.interactions.contains(user.to_numpy(), item.to_numpy()).any()
    users, items = (np.asarray(part) for part in model.products[0])
    exact = (users[user] * items.T[item]).sum(1)
    np.testing.assert_allclose(table["score"], exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["random", "skewed"])
def test_what_is_too_short_for_a_list_is_not_scanned(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that is scanned is ranked, the lists are the exact ones."""
    from gnnrec_helpers.serving import index as module

    monkeypatch.setattr(module, "FIRST", 8)
    model = frozen(*embeddings(kind, 16))
    index = approximate(model, candidates=ITEMS)
    scanned = []

    def scan(part: Any, query: np.ndarray, count: int) -> np.ndarray:
        scanned.append(part.ntotal)
        return np.arange(part.ntotal)

    monkeypatch.setattr(module, "_candidates", scan)
    assert positions_of(index.recommend(model.users, k=10)) == sorted_lists(model, 10)
    share = sum(scanned) / (USERS * ITEMS)
    assert share > 0.9 if kind == "random" else share < 0.5


def test_few_candidates_find_less() -> None:
    """Rounding loses something: the test above could fail."""
    model = frozen(*embeddings("random", 16))
    index = approximate(model, candidates=1)
    lists = positions_of(index.recommend(model.users, k=10, exclude=()))
    users, items = (np.asarray(part, np.float64) for part in model.products[0])
    true = np.argsort(-(users @ items), axis=1)[:, :10].tolist()
    recall = np.mean([len({*one} & {*other}) / 10 for one, other in zip(lists, true, strict=True)])
    assert 0.5 < recall < 0.97


def test_a_user_who_has_all_the_best_gets_the_next() -> None:
    """More is left out than there are candidates."""
    users, items = embeddings("random", 8)
    best = np.argsort(-(users[:1] @ items.T)[0])
    has = Interactions(np.zeros(1_000, np.int64), np.sort(best[:1_000]),
                       pd.RangeIndex(USERS), pd.RangeIndex(ITEMS))  # fmt: skip
    model = Frozen(
        has, [(torch.from_numpy(users), torch.from_numpy(items).T)],
        informed_items=np.ones(ITEMS, bool),
    )  # fmt: skip
    found = approximate(model, candidates=100).recommend([0], k=20)["item"].tolist()
    assert len(found) == 20
    assert len({*found} & {*best[1_000:1_020].tolist()}) >= 18


@pytest.mark.parametrize("exact", [True, False])
def test_lists_end_where_items_do(exact: bool) -> None:
    users, items = embeddings("random", 4)
    model = frozen(users, items[:6])
    index = Index(model) if exact else approximate(model)
    ranked = index.search(users[:2], k=8, exclude=[np.array([5, 0, 5]), []])
    assert (ranked.items >= 0).sum(1).tolist() == [4, 6]
    assert set(ranked.items[0].tolist()) == {1, 2, 3, 4, -1}
    assert np.isneginf(ranked.scores[ranked.items < 0]).all()
    assert ranked.items[1, :6].tolist() == np.argsort(-(items[:6] @ users[1])).tolist()


@pytest.mark.parametrize("exact", [True, False])
def test_equal_scores_are_ordered_by_position(exact: bool) -> None:
    model = frozen(np.ones((2, 4), np.float32), np.ones((50, 4), np.float32))
    index = Index(model) if exact else approximate(model)
    assert index.search(np.ones((1, 4)), k=5).items.tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("exact", [True, False])
def test_ties_and_what_is_left_out_in_any_order(exact: bool) -> None:
    """Small whole numbers, so that most scores are equal to others."""
    generator = np.random.default_rng(5)
    users, items = (generator.integers(-1, 2, (n, 4)).astype(np.float32) for n in (20, 300))
    whole, informed = frozen(users, items), generator.random(300) < 0.7
    model = Frozen(whole.interactions, whole.products, informed_items=informed)
    index = Index(model) if exact else approximate(model)
    left_out = [generator.integers(-2, 302, n) for n in range(20)]  # some twice, some are no items
    ranked = index.search(users, 25, left_out)
    for query, known, found, scores in zip(users, left_out, *ranked, strict=True):
        candidates = np.setdiff1d(np.flatnonzero(informed), known)
        wanted = candidates[np.argsort(-(items[candidates] @ query), kind="stable")[:25]]
        assert found.tolist() == wanted.tolist()
        assert scores.tolist() == (items[wanted] @ query).tolist()


def test_tables_do_not_share_the_names_of_columns() -> None:
    index = Index(models.LightGCN(datasets.load("toy").interactions, dim=8, seed=3))
    index.recommend(["Ana"]).columns.name = "mine"
    assert index.recommend(["Ana"]).columns.name is None


def test_zeros_are_found_and_find() -> None:
    users, items = embeddings("random", 4)
    index = approximate(frozen(users, items))
    assert index.search(np.zeros((1, 4)), k=3).items.tolist() == [[0, 1, 2]]
    index = approximate(frozen(users, np.zeros_like(items)))
    assert index.search(np.ones((1, 4)), k=3).scores.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_left_out_can_be_chosen(exact: bool) -> None:
    model = frozen(*embeddings("random", 8))
    index = Index(model) if exact else approximate(model)
    first = index.recommend(["u3"], k=1, exclude=())
    again = index.recommend(["u3"], k=1, exclude=[])["item"].tolist()
    assert first["item"].tolist() == again
    only = Interactions(np.array([3]), model.items.get_indexer(first["item"]), model.users,
                        model.items)  # fmt: skip
    second = index.recommend(["u3"], k=2, exclude=())["item"].tolist()[1]
    assert index.recommend(["u3"], k=1, exclude=only)["item"].tolist() == [second]


def test_a_model_and_its_frozen_are_indexed_alike() -> None:
    model = models.LightGCN(datasets.load("toy").interactions, dim=8, seed=3)
    everybody = model.users
    pd.testing.assert_frame_equal(
        Index(model).recommend(everybody), Index(model.frozen()).recommend(everybody)
    )


# ---------------------------------------------------------------------- what is refused
def refused() -> dict[str, Any]:
    likes = datasets.load("toy").interactions
    knn, mf = models.ItemKNN(likes), models.MatrixFactorization(likes, dim=4)
    index = Index(mf)
    odd = Frozen(likes, [(torch.full((5, 2), torch.nan), torch.ones(2, 5))])
    return {
        "ItemKNN scores without embeddings": lambda: Index(knn),
        "Frozen scores without embeddings": lambda: Index(knn.frozen()),
        "str scores without embeddings": lambda: Index("model.safetensors"),  # type: ignore[arg-type]
        "not all finite": lambda: Index(odd),
        "candidates='9'": lambda: Index(mf, candidates="9"),  # type: ignore[arg-type]
        "Unknown user 'Zoe'": lambda: index.recommend(["Zoe"]),
        "k=0": lambda: index.recommend(["Ana"], k=0),
        r"\(5,\): \(n, 4\) is needed": lambda: index.search(np.zeros(5)),
        r"\(1, 5\): \(n, 4\) is needed": lambda: index.search(np.zeros((1, 5))),
        "NaN or infinity": lambda: index.search(np.full((1, 4), np.inf)),
        "vectors is a masked array, whose mask would be lost": lambda: index.search(
            np.ma.masked_array(np.zeros((1, 4)))
        ),
        "exclude is for 2 of 1": lambda: index.search(np.zeros((1, 4)), exclude=[[], []]),  # type: ignore[list-item]
    }


@pytest.mark.parametrize("sentence", refused())
def test_one_sentence_says_what_is_wrong(sentence: str) -> None:
    with pytest.raises((TypeError, ValueError, KeyError), match=sentence):
        refused()[sentence]()


def test_without_faiss_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name == "faiss":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    model = models.MatrixFactorization(datasets.load("toy").interactions, dim=4)
    assert len(Index(model).recommend(["Ana"], k=2)) == 2
    with pytest.raises(ImportError, match=r"gnnrec-helpers\[serving\]"):
        Index(model, exact=False)
