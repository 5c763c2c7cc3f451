"""Ranking, recommending and neighbours, against sorting everything and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from torch import Tensor

from gnnrec_helpers import (
    Interactions,
    Split,
    datasets,
    evaluate,
    models,
    recommend,
    similar_items,
    similar_users,
)
from gnnrec_helpers.engine import normalize
from gnnrec_helpers.engine.dot_products import DotProducts
from gnnrec_helpers.models import scoring
from gnnrec_helpers.serving import Index, retrieval
from gnnrec_helpers.serving.retrieval import Ranked, rank

several = settings(deadline=None, max_examples=120)


def pairs(cells: np.ndarray) -> Interactions:
    """The true cells of a matrix, as interactions of users 0, 1, ... and items 0, 1, ..."""
    cells = np.asarray(cells, dtype=bool)
    users, items = np.nonzero(cells)
    labels = [pd.RangeIndex(size) for size in cells.shape]
    return Interactions(users.astype(np.int64), items.astype(np.int64), *labels)


def rows_of(scores: object) -> tuple[Tensor, object]:
    table = torch.tensor(np.asarray(scores), dtype=torch.float32)
    return table, lambda users: table[users]


class Foreign:
    """Somebody else's recommender: a `score` method and nothing more."""

    def __init__(self, scores: object) -> None:
        self.table = torch.tensor(np.asarray(scores), dtype=torch.float32)

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]


@pytest.fixture(scope="module")
def likes() -> Interactions:
    return datasets.load("toy").interactions


@pytest.fixture(scope="module")
def trained(likes: Interactions) -> models.LightGCN:
    return models.LightGCN(likes, dim=6, layers=2, seed=4)


# ---------------------------------------------------------------------- rank
@st.composite
def cases(draw: st.DrawFn) -> dict[str, object]:
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([1, 2, 3, 10**6]))  # so few levels that most scores are equal
    return {
        "scores": generator.integers(-levels // 2, levels, size=(users, items)) / 4,
        "excluded": [
            generator.random((users, items)) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
            for _ in range(draw(st.integers(0, 3)))
        ],
        "users": generator.integers(users, size=draw(st.integers(0, 8))),  # some twice, no order
        "k": draw(st.integers(1, items + 3)),
        "block": draw(st.integers(1, 50)),
    }


def sorted_by_hand(scores: np.ndarray, excluded: list[np.ndarray], user: int) -> list[int]:
    """A stable sort of all items, the best first, and then what may not be there taken out."""
    order = np.argsort(-scores[user], kind="stable")
    return [int(item) for item in order if not any(cells[user, item] for cells in excluded)]


@given(cases())
@several
def test_rank_agrees_with_a_stable_sort(case: dict) -> None:
    scores, excluded, k = case["scores"], case["excluded"], case["k"]
    table, score = rows_of(scores)
    parts = [pairs(cells) for cells in excluded]
    ranked = rank(score, case["users"], k, iter(parts), block=case["block"])
    assert ranked.items.shape == ranked.scores.shape == (len(case["users"]), k)
    for row, user in enumerate(case["users"]):
        expected = sorted_by_hand(scores, excluded, user)[:k]
        missing = k - len(expected)
        assert ranked.items[row].tolist() == expected + [-1] * missing
        assert ranked.scores[row].tolist() == [*scores[user, expected], *[-np.inf] * missing]
    assert torch.equal(table, rows_of(scores)[0])


def in_two_ways(scores: np.ndarray) -> list[object]:
    """The same scores looked up, and as dot products, whose rows do not touch each other."""
    table, looked_up = rows_of(scores)
    return [looked_up, DotProducts(torch.eye(len(table)), table.T)]


def test_rank_on_many_ties_in_a_long_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "TIED", 7)  # in parts
    generator = np.random.default_rng(0)
    scores = generator.integers(4, size=(30, 3001)).astype(float)
    excluded = [generator.random(scores.shape) < 0.5]
    expected = [sorted_by_hand(scores, excluded, user)[:40] for user in range(30)]
    for score in in_two_ways(scores):
        ranked = rank(score, np.arange(30), 40, [pairs(excluded[0])])
        assert ranked.items.tolist() == expected


@pytest.mark.parametrize("on", [slice(None), slice(6, 6), slice(4)])
def test_blocks_written_to_one_place_do_not_mix(on: slice) -> None:
    """Eleven users in blocks of three, each with other films that may not be there."""
    generator = np.random.default_rng(0)
    tables = [torch.from_numpy(generator.integers(-3, 4, (n, 2))).float() for n in (11, 7)]
    excluded = generator.random((11, 7)) < 0.4
    users = generator.permutation(11)[on]
    found = rank(DotProducts(*tables), users, 4, [pairs(excluded)], block=3 * 16)
    scores = (tables[0] @ tables[1].T).numpy()
    for row, user in zip(found.items.tolist(), users, strict=True):
        expected = sorted_by_hand(scores, [excluded], user)[:4]
        assert row == expected + [-1] * (4 - len(expected))


@pytest.mark.parametrize("levels", [10**6, 30, 2])
@pytest.mark.parametrize(
    ("items", "k"), [(16 * 8, 1), (1000, 10), (1003, 3), (1015, 20), (2100, 1)]
)
def test_the_best_of_a_long_catalogue_by_groups(items: int, k: int, levels: int) -> None:
    """With and without columns left over from the groups, with and without many equal scores.

    2,100 items make 131 groups, which make 8 groups of groups; something is left over of both.
    """
    generator = np.random.default_rng(items)
    scores = generator.integers(levels, size=(40, items)).astype(float)
    scores[0, -1] = scores[1, 0] = levels + 1.0  # the best one at either end
    scores[2, items // 16 - 1] = levels + 1.0  # or in the last of the groups
    expected = [sorted_by_hand(scores, [], user)[:k] for user in range(40)]
    for score in in_two_ways(scores):
        assert rank(score, np.arange(40), k).items.tolist() == expected


def test_equal_scores_lower_item_first() -> None:
    _, score = rows_of([[1, 2, 2, 1, 2, 1]])
    assert rank(score, np.array([0]), 5).items.tolist() == [[1, 2, 4, 0, 3]]
    assert rank(score, np.array([0]), 2).items.tolist() == [[1, 2]]


def test_scores_of_minus_infinity_are_no_candidates() -> None:
    _, score = rows_of([[-np.inf, 1, -np.inf, np.inf]])
    assert rank(score, np.array([0]), 3).items.tolist() == [[3, 1, -1]]


def test_rank_for_nobody() -> None:
    _, score = rows_of([[1.0, 2.0]])
    empty = rank(score, np.array([], np.int64), 3)
    assert isinstance(empty, Ranked)
    assert empty.items.shape == empty.scores.shape == (0, 3)


@pytest.mark.parametrize("k", [0, -3])
def test_rank_refuses_an_empty_list(k: int) -> None:
    with pytest.raises(ValueError, match=f"k={k}: at least 1"):
        rank(rows_of([[1.0]])[1], np.array([0]), k)


def test_rank_refuses_nan() -> None:
    with pytest.raises(ValueError, match="contain NaN"):
        rank(rows_of([[1, np.nan, 2]])[1], np.array([0]), 1)


@pytest.mark.parametrize(
    "scores",
    [
        [[1e-50, 3e-50, 2e-50, -1.0]],
        [[1e40, 3e40, 2e40, -1e40]],
        [[1e9 + 1, 1e9 + 3, 1e9 + 2, -1e9]],
    ],
)
def test_double_precision_is_kept(scores: object) -> None:
    table = torch.tensor(scores, dtype=torch.float64)
    found = [rank(lambda users: table[users], np.array([0]), k) for k in (2, 6)]
    assert found[0].items.tolist() == [[1, 2]]
    assert found[1].items.tolist() == [[1, 2, 0, 3, -1, -1]]
    best = sorted(table[0].tolist(), reverse=True)
    assert found[1].scores.tolist() == [[*best, -np.inf, -np.inf]]
    products = rank(DotProducts(torch.ones(1, 1).double(), table.T), np.array([0]), 6)
    assert products.items.tolist() == found[1].items.tolist()
    assert products.scores.tolist() == found[1].scores.tolist()


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_whole_numbers_are_ranked_exactly(dtype: torch.dtype) -> None:
    top = {torch.int64: 2**40, torch.int32: 2**31 - 4, torch.uint8: 252, torch.bool: 0}[dtype]
    table = torch.tensor([[0, 1, 3, 2]]).add(top).to(dtype)
    expected = [[1, 2, 3, 0]] if dtype is torch.bool else [[2, 3, 1, 0]]
    assert rank(lambda users: table[users], np.array([0]), 4).items.tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_single_precision_stays_single(dtype: torch.dtype) -> None:
    table = torch.tensor([[0.5, 2.0, 1.0]], dtype=dtype)
    for score in (lambda users: table[users], DotProducts(torch.ones(1, 1, dtype=dtype), table.T)):
        found = rank(score, np.array([0]), 3)
        assert found.items.tolist() == [[1, 2, 0]]
        assert found.scores.dtype == np.float32


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda table: table[:1], r"gave shape \(1, 3\): \(2, 3\) is needed"),
        (lambda table: table[:, : 4 - len(table)], r"gave shape \(2, 2\): \(2, 3\) is needed"),
        (lambda table: table[0], r"gave shape \(3,\): \(1, num_items\) is needed"),
        (lambda table: table.tolist(), "gave list: a dense Tensor or array of numbers is needed"),
        (lambda table: np.ma.masked_array(table, table > 0), "gave a masked array, whose mask"),
    ],
)
def test_rank_refuses_what_is_no_table(wrong: object, said: str) -> None:
    _, score = rows_of(np.eye(3))
    with pytest.raises((TypeError, ValueError), match=said):
        rank(lambda users: wrong(score(users)), np.arange(3), 2)  # type: ignore[operator]


@pytest.mark.parametrize("form", [lambda row: row.numpy(), lambda row: row])
def test_an_array_that_is_indexed_by_one_user(form: object) -> None:
    """NumPy takes a Tensor of one number for the number; a row that is a Tensor has no excuse."""
    _, score = rows_of(np.eye(3))
    said = r"score gave shape \(3,\): \(1, num_items\) is needed, a row for each user and a column"
    with pytest.raises(ValueError, match=said) as caught:
        rank(lambda users: form(score(users)[0]), np.arange(3), 2)  # type: ignore[operator]
    hint = "For one user, whom NumPy takes for a number unless in users.numpy(), score gave"
    is_array = isinstance(form(torch.ones(1)), np.ndarray)  # type: ignore[operator]
    assert str(caught.value).startswith(hint if is_array else "score gave")


def test_rank_keeps_its_users_to_itself() -> None:
    _, score = rows_of(np.eye(4))

    def writes(users: Tensor) -> Tensor:
        scores = score(users)  # type: ignore[operator]
        users += 1
        return scores

    users = np.arange(4)
    assert rank(writes, users, 1, [pairs(np.eye(4, k=1))]).items.tolist() == [[0], [1], [2], [3]]
    assert users.tolist() == [0, 1, 2, 3]


def test_nan_of_an_excluded_pair_does_no_harm() -> None:
    _, score = rows_of([[1, np.nan, 2]])
    assert rank(score, np.array([0]), 3, [pairs([[0, 1, 0]])]).items.tolist() == [[2, 0, -1]]


def test_no_gradients_are_recorded(trained: models.LightGCN, likes: Interactions) -> None:
    for model in (trained, Gradient(trained)):
        with scoring(model) as score:
            assert not score(torch.tensor([0])).requires_grad


class Gradient:
    """Scores that carry a gradient, without embeddings."""

    def __init__(self, model: models.LightGCN) -> None:
        self.model = model

    def score(self, users: Tensor) -> Tensor:
        return self.model.score(users)


# ---------------------------------------------------------------------- recommend
def test_recommend_speaks_in_labels(likes: Interactions) -> None:
    # the similarity of two films: their common likers over the square root of both degrees
    matrix = likes.to_csr().toarray()
    degrees = matrix.sum(0)
    similarity = matrix.T @ matrix / np.sqrt(np.outer(degrees, degrees))
    np.fill_diagonal(similarity, 0)
    ana = likes.users.get_loc("Ana")
    scores = matrix[ana] @ similarity
    table = recommend(models.ItemKNN(likes, shrink=0), ["Ana"], k=3, exclude=likes)
    expected = [i for i in np.argsort(-scores, kind="stable") if not matrix[ana, i]]
    assert list(table) == ["user", "rank", "item", "score"]
    assert table["user"].tolist() == ["Ana"] * 3
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["item"].tolist() == likes.items[expected].tolist()
    np.testing.assert_allclose(table["score"], scores[expected], atol=1e-6)


def test_recommend_keeps_the_order_of_users(likes: Interactions) -> None:
    model = models.Popularity(likes)
    table = recommend(model, ["Eli", "Ana", "Eli"], k=2)
    assert table["user"].tolist() == ["Eli"] * 2 + ["Ana"] * 2 + ["Eli"] * 2
    first, _, last = (table["item"][start : start + 2].tolist() for start in (0, 2, 4))
    assert first == last


def test_recommend_one_user_without_a_list(likes: Interactions) -> None:
    model = models.Popularity(likes)
    pd.testing.assert_frame_equal(recommend(model, "Ana", 2), recommend(model, ["Ana"], 2))


def test_recommend_for_nobody(likes: Interactions) -> None:
    assert len(recommend(models.Popularity(likes), [])) == 0


def test_an_unknown_user_is_named(likes: Interactions) -> None:
    with pytest.raises(KeyError, match="Unknown user 'Zoe': the 5 known ones look like 'Ana'"):
        recommend(models.Popularity(likes), ["Ana", "Zoe"])


@pytest.mark.parametrize("user", [99, "7", "seven", 7.5, None])
def test_an_unknown_user_is_named_when_users_are_numbers(user: object) -> None:
    model = Foreign(np.eye(3))
    model.users, model.items = pd.Index([5, 6, 7]), pd.Index(["a", "b", "c"])
    assert recommend(model, [7], 1, ())["item"].tolist() == ["c"]
    with pytest.raises(KeyError, match=f"Unknown user {user!r}: the 3 known ones look like 5"):
        recommend(model, [user], exclude=())
    with pytest.raises(KeyError, match="Unknown user"):
        recommend(model, [7, user], exclude=())


def test_k_beyond_the_catalogue(likes: Interactions) -> None:
    model = models.Popularity(likes)
    assert len(recommend(model, ["Ana"], k=100, exclude=())) == likes.num_items
    liked = set(likes.items_of("Ana"))
    table = recommend(model, ["Ana"], k=100)  # what she has is left out unless told otherwise
    assert set(table["item"]) == set(likes.items) - liked
    pd.testing.assert_frame_equal(table, recommend(model, ["Ana"], k=100, exclude=likes))
    assert table["rank"].tolist() == list(range(1, len(table) + 1))


def test_all_items_excluded_leaves_no_rows() -> None:
    everything = pairs(np.array([[1, 1], [1, 0]]))
    model = Foreign([[1, 2], [1, 2]])
    assert len(recommend(model, [0], exclude=everything)) == 0
    table = recommend(model, [0, 1], exclude=everything)
    assert table[["user", "item"]].to_numpy().tolist() == [[1, 1]]


def test_several_parts_excluded() -> None:
    model = Foreign([[4, 3, 2, 1]])
    first, second = pairs([[1, 0, 0, 0]]), pairs([[0, 0, 1, 0]])
    assert recommend(model, [0], exclude=[first, second])["item"].tolist() == [1, 3]
    assert recommend(model, [0], exclude=(first,))["item"].tolist() == [1, 2, 3]


def test_a_foreign_recommender_needs_labels(likes: Interactions) -> None:
    model = Foreign(np.arange(25).reshape(5, 5))
    with pytest.raises(TypeError, match="Foreign has no `users` and `items` labels"):
        recommend(model, ["Ana"])
    nothing = likes.select(np.zeros(len(likes), bool))
    assert recommend(model, ["Ana"], 2, exclude=nothing)["item"].tolist() == [
        likes.items[4],
        likes.items[3],
    ]


def test_labels_must_be_an_index() -> None:
    model = Foreign([[1.0]])
    model.users, model.items = ["ana"], ["tea"]
    with pytest.raises(TypeError, match=r"give it both as pandas\.Index"):
        recommend(model, ["ana"])


def test_interactions_of_other_users_or_items_are_refused(likes: Interactions) -> None:
    half = likes.select(likes.user_index < 3)
    model = models.Popularity(likes)
    assert len(recommend(model, ["Ana"], exclude=half))
    with pytest.raises(ValueError, match=r"different users \(5 and 3 labels\)"):
        recommend(model, ["Ana"], exclude=half.compact())
    films = Interactions(likes.user_index, likes.item_index, likes.users, likes.items[::-1])
    with pytest.raises(ValueError, match=r"different items \(5 and 5 labels\)"):
        recommend(model, ["Ana"], exclude=[likes, films])
    with pytest.raises(ValueError, match=r"different users \(3 and 5 labels\)"):
        evaluate(models.Popularity(half.compact()), likes.split(0.4, 0, seed=0))


class Shared:
    """Hands out the same table at every call: what it keeps must not be written into."""

    def __init__(self, likes: Interactions) -> None:
        self.users, self.items = likes.users, likes.items
        self.counts = torch.arange(5.0)

    def score(self, users: Tensor) -> Tensor:
        return self.counts.expand(len(users), -1)


def test_excluding_leaves_the_scores_of_the_model_alone(likes: Interactions) -> None:
    model = Shared(likes)
    table = recommend(model, list(likes.users), k=5, exclude=likes)
    assert len(table) == 25 - len(likes)
    assert model.counts.tolist() == [0, 1, 2, 3, 4]


# ---------------------------------------------------------------------- similar
@pytest.mark.parametrize("role", ["item", "user"])
def test_similar_agrees_with_scikit_learn(
    trained: models.LightGCN, likes: Interactions, role: str
) -> None:
    labels = likes.items if role == "item" else likes.users
    with torch.no_grad():
        table = trained.embeddings()[role == "item"].double().numpy()
    cosine = cosine_similarity(table)
    function = similar_items if role == "item" else similar_users
    for k in (1, 3, 10):
        found = function(trained, labels.tolist(), k)
        assert list(found) == [role, "rank", "similar", "similarity"]
        for place, label in enumerate(labels):
            rows = found[found[role] == label]
            expected = [i for i in np.argsort(-cosine[place], kind="stable") if i != place][:k]
            assert rows["similar"].tolist() == labels[expected].tolist()
            assert rows["rank"].tolist() == list(range(1, len(expected) + 1))
            np.testing.assert_allclose(rows["similarity"], cosine[place, expected], atol=1e-6)


def test_oneself_is_not_in_the_list(trained: models.LightGCN, likes: Interactions) -> None:
    for function, labels in ((similar_users, likes.users), (similar_items, likes.items)):
        found = function(trained, labels.tolist()[::-1], k=len(labels))
        assert len(found) == len(labels) * (len(labels) - 1)
        assert (found.iloc[:, 0] != found["similar"]).all()


def test_a_user_asked_for_twice(trained: models.LightGCN) -> None:
    once = similar_users(trained, ["Cem"], 3)
    found = similar_users(trained, ["Eli", "Cem", "Ana", "Cem"], 3)
    assert found["user"].tolist() == [name for name in ("Eli", "Cem", "Ana", "Cem") for _ in "123"]
    for start in (3, 9):
        part = found[start : start + 3].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, once)


def test_length_does_not_matter_for_similarity(likes: Interactions) -> None:
    model = models.MatrixFactorization(likes, dim=2)
    with torch.no_grad():
        model.nodes.weight[5:] = torch.tensor([[1, 0], [100, 1], [0, 5], [-2, 0], [0, 0.0]])
    found = similar_items(model, [likes.items[0]], 4)
    assert found["similar"].tolist() == likes.items[[1, 2, 4, 3]].tolist()
    np.testing.assert_allclose(found["similarity"], [100 / np.sqrt(10001), 0, 0, -1], atol=1e-6)


def test_similar_needs_something_to_compare_by(likes: Interactions) -> None:
    with pytest.raises(TypeError, match="UserKNN has nothing to compare items by"):
        similar_items(models.UserKNN(likes), ["Alien"])
    with pytest.raises(TypeError, match="Popularity has nothing to compare users by"):
        similar_users(models.Popularity(likes), ["Ana"])


def test_similar_items_of_models_that_weigh_items(movielens_split: Split) -> None:
    """What a dense computation of each model's weights between items says."""
    train = movielens_split.train
    likes = train.to_csr().toarray()
    normal = normalize(train.to_csr()).toarray()
    asked = train.items[[0, 17, 300]]
    rows = train.items.get_indexer(asked)
    knn, walk = models.ItemKNN(train), models.RP3Beta(train)
    gram = likes.T @ likes + 100 * np.eye(train.num_items)
    inverse = np.linalg.inv(gram)
    cases = {
        knn: knn.similarity.toarray(),
        walk: walk.walk.toarray(),
        models.LinearFilter(train): normal.T @ normal,
        models.EASE(train): -inverse / np.diag(inverse),
    }
    for model, weights in cases.items():
        table = similar_items(model, asked, k=5)
        assert table["item"].tolist() == np.repeat(asked, 5).tolist()
        for place, row in enumerate(rows):
            own = weights[row].copy()
            own[row] = -np.inf
            part = table.iloc[5 * place : 5 * place + 5]
            np.testing.assert_allclose(part["similarity"], np.sort(own)[::-1][:5], rtol=2e-3)
            listed = own[train.items.get_indexer(part["similar"])]
            np.testing.assert_allclose(listed, part["similarity"], rtol=2e-3)
    knn = models.UserKNN(train)
    table = similar_users(knn, [train.users[3]], k=1)
    assert table["similar"][0] == train.users[knn.similarity.toarray()[3].argmax()]


def test_similar_names_what_is_unknown(trained: models.LightGCN) -> None:
    with pytest.raises(KeyError, match="Unknown item 'Zardoz'"):
        similar_items(trained, ["Zardoz"])
    with pytest.raises(KeyError, match="Unknown user 'Zoe'"):
        similar_users(trained, ["Zoe"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_on_a_gpu(likes: Interactions) -> None:
    split = likes.split(test=0.4, validation=0.0, seed=0)
    model = models.LightGCN(split.train, dim=6, layers=2, seed=4)
    here = recommend(model, list(likes.users)), similar_items(model, ["Alien"])
    measured = evaluate(model, split, 2)
    model.to("cuda")
    for mine, other in zip(
        here, (recommend(model, list(likes.users)), similar_items(model, ["Alien"])), strict=True
    ):
        pd.testing.assert_frame_equal(mine, other, check_exact=False, atol=1e-5)
    assert evaluate(model, split, 2) == pytest.approx(measured)


def test_wrong_objects_get_a_sentence(likes: Interactions) -> None:
    model = models.Popularity(likes)
    with pytest.raises(TypeError, match="k='10': a whole number is needed"):
        recommend(model, ["Ana"], k="10")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"exclude holds 5: Interactions are needed"):
        recommend(model, ["Ana"], exclude=[5, 8])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"Interactions has no method score\(users\)"):
        recommend(likes, ["Ana"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="recommend needs `users`, a list of labels"):
        recommend(model)


@pytest.mark.parametrize("several", [False, True])
def test_what_is_left_out_is_in_interactions(likes: Interactions, several: bool) -> None:
    split = likes.split(test=0.4, validation=0.0, seed=0)
    model = models.MatrixFactorization(split.train, dim=4)
    for ask in (recommend, lambda *given, **options: Index(model).recommend(*given[1:], **options)):
        for wrong in (split, likes.to_frame(), {"train": likes}, "train"):
            how, named = ("holds", [split.train, wrong]) if several else ("is", wrong)
            shown = repr(wrong) if isinstance(wrong, str) else type(wrong).__name__
            said = f"^exclude {how} {shown}: Interactions are needed, such as split.train, or"
            with pytest.raises(TypeError, match=said):
                ask(model, ["Ana"], exclude=named)
        assert len(ask(model, ["Ana"], k=9, exclude=())) == model.informed_items.sum()


@pytest.mark.parametrize(
    "table",
    [pd.DataFrame({"Alien": ["Ana"]}), np.array([["Ana", "Alien"]]), torch.ones(1, 1)],
    ids=lambda table: type(table).__name__,
)
def test_a_table_is_no_list_of_labels(likes: Interactions, table: object) -> None:
    """Otherwise it would be taken for the names of its columns."""
    model = models.MatrixFactorization(likes, dim=4)
    knn = models.ItemKNN(likes)
    kind = type(table).__name__
    for argument, role, ask in (
        ("users", "user", lambda: recommend(model, table)),
        ("users", "user", lambda: recommend(model, table, unknown="skip")),
        ("users", "user", lambda: Index(model).recommend(table)),
        ("users", "user", lambda: similar_users(model, table)),
        ("items", "item", lambda: similar_items(model, table)),
        ("never", "item", lambda: recommend(model, ["Ana"], never=table)),
        ("only", "item", lambda: recommend(model, ["Ana"], only=table)),
        (r"never\['Ana'\]", "item", lambda: recommend(model, ["Ana"], never={"Ana": table})),
        (r"since\['Ana'\]", "item", lambda: recommend(model, ["Ana"], since={"Ana": table})),
        (r"histories\['x'\]", "item", lambda: recommend(knn, histories={"x": table})),
    ):
        said = rf"^{argument} is {kind} of shape .*: a list of {role} labels is needed, one of its"
        with pytest.raises(TypeError, match=said):
            ask()
    with pytest.raises(TypeError, match="never= holds a list at position 1: the label of one item"):
        recommend(model, ["Ana"], never=["Alien", ["Dune"]])
    with pytest.raises(TypeError, match=r"histories\['x'\] holds a list at position 0"):
        recommend(knn, histories={"w": ["Dune"], "x": [["Dune"]]})


@pytest.mark.parametrize("unknown", ["error", "popular", "skip"])
@pytest.mark.parametrize("form", [str, np.array, np.str_], ids=["text", "array", "scalar"])
def test_one_label_in_any_form(likes: Interactions, form: type, unknown: str) -> None:
    found = recommend(models.Popularity(likes), form("Ana"), 1, unknown=unknown)
    assert found["user"].tolist() == ["Ana"]


def test_a_foreign_recommender_that_leaves_out_nothing_says_so(likes: Interactions) -> None:
    model = Shared(likes)
    said = r"^Shared does not say what it was built from, .*: exclude=split\.train leaves that out"
    with pytest.warns(UserWarning, match=said) as caught:
        found = recommend(model, likes.users, k=5)
    assert len(caught) == 1  # one for all users
    assert len(found) == 25
    for exclude in ((), likes, [likes]):  # without a warning
        recommend(model, likes.users, exclude=exclude)
    model.interactions = likes
    assert len(recommend(model, likes.users, k=5)) == 25 - len(likes)


def test_a_foreign_module_is_judged_as_it_would_answer(likes: Interactions) -> None:
    """With ``embeddings`` that are a table, with dropout, and in the mode it was in afterwards."""

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = likes.users, likes.items
            self.embeddings = torch.nn.Embedding(5, 3)
            self.dropout = torch.nn.Dropout(0.5)
            self.frozen_part = torch.nn.Dropout(0.5).eval()

        def score(self, users: Tensor) -> Tensor:
            return self.frozen_part(self.dropout(self.embeddings(users)) @ self.embeddings.weight.T)

    model = Theirs().train()
    model.frozen_part.eval()
    table = recommend(model, likes.users, k=3, exclude=())
    pd.testing.assert_frame_equal(recommend(model, likes.users, k=3, exclude=()), table)
    rows = model.embeddings.weight
    expected = (rows @ rows.T).max(1).values.tolist()
    assert table.groupby("user", sort=False)["score"].max().tolist() == pytest.approx(expected)
    assert model.training
    assert model.dropout.training
    assert not model.frozen_part.training


def test_ten_similar_users_and_items(likes: Interactions) -> None:
    model = models.MatrixFactorization(likes, dim=4)
    for similar, labels in ((similar_users, likes.users), (similar_items, likes.items)):
        assert len(similar(model, labels[:1])) == min(10, len(labels) - 1)
        assert similar(model, labels[:1], k=1)["rank"].tolist() == [1]
