"""What may be judged, and how: no leak, the right part, evaluation mode, pairs in any order."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from gnnrec_helpers import Interactions, Split, evaluate, models, recommend
from gnnrec_helpers.data import merge
from gnnrec_helpers.engine import Adjacency, user_item_adjacency
from gnnrec_helpers.evaluation import (
    audit,
    best_threshold,
    compare,
    compare_ratings,
    evaluate_ctr,
    evaluate_groups,
    evaluate_items,
    evaluate_ratings,
    evaluate_users,
    rating_errors,
)
from gnnrec_helpers.evaluation.judging import held_out_pairs


class Answers:
    """Scores and ratings from a table; built from some interactions, as far as anybody knows."""

    def __init__(self, table: np.ndarray, interactions: object = None) -> None:
        self.table = torch.tensor(table, dtype=torch.float32)
        self.interactions = interactions

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]

    def predict(self, users: Tensor, items: Tensor) -> Tensor:
        return self.table[users, items]


# each judges a model on a part of a split
JUDGES: dict[str, Callable] = {
    "evaluate": evaluate,
    "evaluate_users": evaluate_users,
    "evaluate_items": evaluate_items,
    "compare": lambda model, split, **part: compare({"it": model}, split, **part),
    "audit": lambda model, split, **part: audit({"it": model}, split, negatives=3, **part),
    "evaluate_ratings": evaluate_ratings,
    "rating_errors": rating_errors,
    "compare_ratings": lambda model, split, **part: compare_ratings({"it": model}, split, **part),
    "evaluate_ctr": evaluate_ctr,
}
every_judge = pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
RANKED = [name for name in JUDGES if "rating" not in name]
every_judge_of_scores = pytest.mark.parametrize("judge", [JUDGES[n] for n in RANKED], ids=RANKED)


@pytest.fixture(scope="module")
def split() -> Split:
    """Twelve users with about half of fifteen items, rated with one to five stars."""
    generator = np.random.default_rng(0)
    user, item = np.nonzero(generator.random((12, 15)) < 0.5)
    rating = generator.integers(1, 6, len(user)).astype(float)
    labels = pd.Index([f"u{number}" for number in range(12)]), pd.RangeIndex(15)
    return Interactions(user, item, *labels, rating).split(test=0.3, validation=0.2, seed=1)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return np.random.default_rng(1).uniform(1, 5, (12, 15))


# ---------------------------------------------------------------------- leaks
@every_judge
@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_model_is_not_asked_for_what_it_was_built_from(
    judge: Callable, part: str, split: Split, table: np.ndarray
) -> None:
    held_out = split.held_out(part)
    some = held_out.select(np.arange(3))
    sizes = {len(held_out): held_out, 3: some}
    for count, known in sizes.items():
        with pytest.raises(ValueError, match=f"Answers was built from {count} of the") as caught:
            judge(Answers(table, known), split, part=part)
        assert str(caught.value) == (
            f"Answers was built from {count} of the {len(held_out)} pairs that it is asked to find "
            f"in {part}: build it from split.train."
        )
    judge(Answers(table, split.train), split, part=part)
    judge(Answers(table), split, part=part)
    judge(Answers(table, "what it was built from"), split, part=part)


@every_judge
def test_validation_may_be_known_when_test_is_judged(
    judge: Callable, split: Split, table: np.ndarray
) -> None:
    refitted = Answers(table, split.without_validation().train)
    judge(refitted, split)
    judge(refitted, split.without_validation())
    with pytest.raises(ValueError, match=f"built from {len(split.validation)} of the"):
        judge(refitted, split, part="validation")


@every_judge
def test_interactions_of_other_labels_are_refused(
    judge: Callable, split: Split, table: np.ndarray
) -> None:
    others = Interactions(
        split.train.user_index, split.train.item_index, split.train.users + "x", split.train.items
    )
    with pytest.raises(ValueError, match="different users"):
        judge(Answers(table, others), split)


def test_a_threshold_is_not_chosen_on_what_was_learnt(split: Split, table: np.ndarray) -> None:
    best_threshold(Answers(table, split.train), split)
    with pytest.raises(ValueError, match="asked to find in validation"):
        best_threshold(Answers(table, split.validation), split)


@pytest.mark.parametrize("kind", [models.ItemKNN, models.UserKNN])
def test_neighbours_that_have_seen_test_are_refused(kind, movielens: Interactions) -> None:
    likes = movielens.binarize(4.0).k_core(5, 5)
    split = likes.split()
    honest = evaluate(kind(split.train), split)["recall@20"]
    assert honest == pytest.approx({"ItemKNN": 0.241, "UserKNN": 0.237}[kind.__name__], abs=5e-4)
    total = len(split.test)
    with pytest.raises(ValueError, match=f"built from {total:,} of the {total:,} pairs"):
        evaluate(kind(likes), split)
    refitted = evaluate(kind(split.without_validation().train), split)["recall@20"]
    assert honest < refitted < honest + 0.03


@pytest.fixture(scope="module")
def likes(split: Split) -> Split:
    """The same without stars, which the models of embeddings do not use."""
    parts = (split.train, split.validation, split.test)
    return Split(*(Interactions(p.user_index, p.item_index, p.users, p.items) for p in parts))


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("more", [0, 4], ids=["users and items", "and others"])
def test_a_graph_of_ones_own_has_no_held_out_edges(part: str, more: int, likes: Split) -> None:
    """Though the model says that it was built from train."""
    held_out = likes.held_out(part)
    total = len(held_out)

    def graph(known: Interactions) -> Adjacency:
        matrix = user_item_adjacency(known).to_scipy()
        matrix.resize(matrix.shape[0] + more, matrix.shape[1] + more)
        return Adjacency(matrix)

    for some in (np.arange(total), np.array([1, 4, 5])):
        leaking = graph(merge(likes.train, held_out.select(some)))
        model = models.LightGCN(likes.train, 4, adjacency=leaking)
        for it in (model, models.Blend(likes.train, models.Popularity(likes.train), model)):
            for judge in (evaluate, evaluate_ctr):
                with pytest.raises(ValueError, match=f"built from {len(some)} of the {total}"):
                    judge(it, likes, part=part)
    honest = models.LightGCN(likes.train, 4, adjacency=graph(likes.train))
    assert held_out_pairs(honest, likes, part) is held_out


def test_edges_of_no_weight_are_none(likes: Split) -> None:
    everything = merge(likes.train, likes.test)
    thinned = user_item_adjacency(everything).thinned(1.0, np.random.default_rng(0))
    assert len(evaluate(models.LightGCN(likes.train, 4, adjacency=thinned), likes)) == 5


def test_a_graph_of_users_alone_says_nothing_of_items(likes: Split) -> None:
    class Social(models.LightGCN):
        def __init__(self, train: Interactions, friends: Adjacency) -> None:
            super().__init__(train, 4)

    everybody = Adjacency(np.ones((12, 12)))
    assert len(evaluate(Social(likes.train, everybody), likes)) == 5


# ---------------------------------------------------------------------- what is no table of scores
class Theirs:
    """Somebody else's scores, in whatever form."""

    def __init__(self, table: np.ndarray, form: Callable[[Tensor], object]) -> None:
        self.table, self.form = torch.tensor(table), form
        self.users = pd.Index([f"u{number}" for number in range(12)])
        self.items = pd.RangeIndex(15)

    def score(self, users: Tensor) -> object:
        return self.form(self.table[users])


def recommended(model: object, split: Split, **_: object) -> pd.DataFrame:
    return recommend(model, split.train.users, k=5, exclude=split.train)


ASKED = {**{name: JUDGES[name] for name in RANKED}, "recommend": recommended}
whoever_asks = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)

SHAPES: dict[str, Callable[[Tensor], Tensor]] = {
    "padding in front": lambda scores: torch.cat([scores[:, :1], scores], dim=1),
    "more behind": lambda scores: torch.cat([scores, scores[:, :3]], dim=1),
    "too few columns": lambda scores: scores[:, 1:],
    "one row for all": lambda scores: scores[:1],
    "no row": lambda scores: scores[:0],
    "a row too many": lambda scores: torch.cat([scores, scores[:1]]),
    "transposed": lambda scores: scores.T,
    "a row without a table": lambda scores: scores[0],
    "one table more": lambda scores: scores[None],
    "a number": lambda scores: scores.sum(),
}


@whoever_asks
@pytest.mark.parametrize("form", SHAPES.values(), ids=SHAPES)
def test_scores_of_another_shape_are_refused(
    ask: Callable, form: Callable, split: Split, table: np.ndarray
) -> None:
    said = (
        r"Theirs\.score gave shape \([\d, ]*\): \(\d+, 15\) is needed, a row for each user and a "
        r"column for each item\.$"
    )
    for give in (form, lambda scores: form(scores).numpy()):
        with pytest.raises(ValueError, match=said):
            ask(Theirs(table, give), split)


@whoever_asks
@pytest.mark.parametrize(
    ("form", "what"),
    [
        (lambda scores: None, "NoneType"),
        (lambda scores: scores.tolist(), "list"),
        (lambda scores: pd.DataFrame(scores.numpy()), "DataFrame"),
        (lambda scores: scores.to_sparse(), r"Tensor torch\.sparse_coo torch\.float64"),
        (lambda scores: scores + 0j, r"Tensor torch\.strided torch\.complex128"),
        (lambda scores: scores.numpy().astype(object), "ndarray object"),
        (lambda scores: scores.numpy().astype(str), "ndarray <U"),
    ],
)
def test_scores_that_are_no_numbers_are_refused(
    ask: Callable, form: Callable, what: str, split: Split, table: np.ndarray
) -> None:
    with pytest.raises(TypeError, match=rf"Theirs\.score gave {what}.*: a dense Tensor or array"):
        ask(Theirs(table, form), split)


@whoever_asks
def test_a_score_that_wants_more_than_users(ask: Callable, split: Split) -> None:
    class Regression(Theirs):
        def score(self, X: object, y: object) -> float:  # type: ignore[override]
            return 0.0

    class Torn(Theirs):
        def score(self, users: Tensor) -> object:
            raise TypeError("torn")

    said = r"Regression\.score cannot be called with users alone \(.*'y'\): score\(users\) is"
    with pytest.raises(TypeError, match=said):
        ask(Regression(np.zeros((12, 15)), abs), split)
    with pytest.raises(TypeError, match=r"^torn$"):  # an error of its own stays as it is
        ask(Torn(np.zeros((12, 15)), abs), split)


def without_scores(result: object) -> object:
    """What does not change with the scale of scores."""
    if isinstance(result, dict):
        return {name: value for name, value in result.items() if name not in ("f1", "accuracy")}
    assert isinstance(result, pd.DataFrame)
    return result.drop(columns="score", errors="ignore").to_dict("list")


@whoever_asks
@pytest.mark.parametrize(
    "form",
    [
        lambda scores: scores.numpy(),
        lambda scores: scores.numpy()[:, ::-1][:, ::-1],
        lambda scores: np.broadcast_to(scores.numpy(), scores.shape),  # not to be written to
        lambda scores: scores.numpy().astype(np.uint8),
        lambda scores: scores.numpy().astype(np.longdouble),
        lambda scores: scores.half(),
        lambda scores: scores.bfloat16(),
        lambda scores: scores.byte(),
        lambda scores: scores * 1e-50,
        lambda scores: scores * 1e40,
        lambda scores: scores * 1e-6 - 1e9,
        lambda scores: scores.long() + 2**40,
        lambda scores: (scores.long() + 2**40).numpy().astype(np.uint64),
    ],
)
def test_scores_are_not_rounded_before_they_are_ranked(
    ask: Callable, form: Callable, split: Split
) -> None:
    table = np.random.default_rng(2).permutation(180).reshape(12, 15).astype(float)
    expected = ask(Theirs(table, lambda scores: scores.float()), split)
    assert without_scores(ask(Theirs(table, form), split)) == without_scores(expected)


@every_judge
def test_users_may_be_written_to(judge: Callable, split: Split, table: np.ndarray) -> None:
    class Writes(Answers):
        """As RecBole's models shift users by one, for a padding in front."""

        def score(self, users: Tensor) -> Tensor:
            users += 1
            return self.table[users - 1]

        def predict(self, users: Tensor, items: Tensor) -> Tensor:
            users += 1
            items += 1
            return self.table[users - 1, items - 1]

    before = split.test.user_index.copy(), split.test.item_index.copy()
    assert without_index(judge(Writes(table), split)) == without_index(judge(Answers(table), split))
    assert (split.test.user_index == before[0]).all()
    assert (split.test.item_index == before[1]).all()


def without_index(result: object) -> object:
    if isinstance(result, pd.DataFrame):
        return result.to_dict("list")
    return result.tolist() if isinstance(result, np.ndarray) else result


def test_models_of_ones_own_give_a_table_too(likes: Split) -> None:
    class Padded(models.EmbeddingModel):
        """A row of padding in front of users, or of items."""

        def __init__(self, train: Interactions, users: int, items: int) -> None:
            super().__init__(train)
            self.sizes = self.num_users + users, self.num_items + items

        def embeddings(self, users=None, items=None):
            return tuple(torch.arange(3.0 * size).view(size, 3) for size in self.sizes)

    class ByPairs(models.Model):
        def compute_scores(self, users: Tensor) -> Tensor:
            return torch.zeros(len(users), self.num_items + 1)

    assert len(evaluate(Padded(likes.train, 0, 0), likes)) == 5
    for extra, shape in (((1, 0), r"\(13, 15\)"), ((0, 1), r"\(12, 16\)")):
        said = rf"Padded\.score gave shape {shape}: \(12, 15\) is needed"
        model = Padded(likes.train, *extra)
        for ask in (lambda m: evaluate(m, likes), lambda m: recommend(m, ["u3"])):
            with pytest.raises(ValueError, match=said):
                ask(model)
    with pytest.raises(ValueError, match=r"ByPairs\.score gave shape \(1, 16\): \(1, 15\)"):
        evaluate(ByPairs(likes.train), likes)


# ---------------------------------------------------------------------- the right numbers
def test_pairs_in_any_order_give_the_same_numbers(movielens_split: Split) -> None:
    """As scikit-learn's train_test_split returns positions, and as other libraries have edges."""
    generator = np.random.default_rng(0)
    train, validation, test = (
        part.select(generator.permutation(len(part)))
        for part in (movielens_split.train, movielens_split.validation, movielens_split.test)
    )
    order = generator.permutation(len(test))
    columns = ("user_index", "item_index", "timestamp")
    by_hand = replace(test, **{name: getattr(test, name)[order] for name in columns})
    for parts in (
        movielens_split,
        Split(train, validation, test),
        Split(train, validation, by_hand),
    ):
        recall = evaluate(models.ItemKNN(parts.train), parts)["recall@20"]
        assert recall == pytest.approx(0.2294, abs=5e-5)
    lists = recommend(models.ItemKNN(train), train.users, k=5, exclude=train)
    both = lists.merge(movielens_split.train.to_frame(), on=["user", "item"])
    assert len(lists) == 5 * train.num_users
    assert len(both) == 0


@pytest.mark.parametrize("part", ["test", "validation"])
def test_the_part_that_is_named_is_judged(part: str, split: Split, table: np.ndarray) -> None:
    """Who knows the answers to one part is perfect there, and there only."""
    answers = split.held_out(part)
    oracle = Answers(answers.to_csr().toarray())
    stars = Answers(answers.to_csr(answers.rating).toarray())
    other = "validation" if part == "test" else "test"
    users = len(np.unique(answers.user_index))
    most = int(answers.user_degrees().max())

    assert evaluate(oracle, split, most, part=part)["recall@" + str(most)] == 1
    assert evaluate(oracle, split, most, part=other)["recall@" + str(most)] < 1
    by_user = evaluate_users(oracle, split, 1, part=part, metrics=["precision"])
    assert by_user["precision@1"].tolist() == [1] * users
    by_item = evaluate_items(oracle, split, most, part=part)
    assert by_item["held_out"].tolist() == answers.item_degrees().tolist()
    assert by_item[f"found@{most}"].tolist() == answers.item_degrees().tolist()
    both = compare({"it": oracle}, split, k=most, part=part)
    assert both.loc["it", f"recall@{most}"] == 1
    audited = audit({"it": oracle}, split, k=1, part=part, negatives=2)
    assert audited.loc[("ndcg@1", "best list of k"), "it"] == 1
    assert audited.loc[("hit rate@1, an item alone", "among all"), "it"] == 1
    assert evaluate_ratings(stars, split, part=part) == {"mae": 0, "rmse": 0}
    assert evaluate_ratings(stars, split, part=other)["mae"] > 1
    assert (rating_errors(stars, split, part=part) == 0).all()
    assert compare_ratings({"it": stars}, split, part=part).loc["it", "mae"] == 0
    assert evaluate_ctr(oracle, split, part=part)["auc"] == 1
    assert evaluate_ctr(oracle, split, part=other)["auc"] == 0.5  # nothing tells them apart


# ---------------------------------------------------------------------- somebody else's modules
class Foreign(nn.Module):
    """A module with dropout, and a part of it that is kept in evaluation mode."""

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.cells = nn.Parameter(torch.tensor(table, dtype=torch.float32))
        self.dropout = nn.Dropout(0.5)
        self.fixed = nn.BatchNorm1d(1).eval()
        self.seen: list[tuple[bool, bool, bool]] = []

    def score(self, users: Tensor) -> Tensor:
        scores = self.dropout(self.cells[users])
        self.seen.append((self.training, self.dropout.training, scores.requires_grad))
        return scores

    def predict(self, users: Tensor, items: Tensor) -> Tensor:
        return self.score(users)[torch.arange(len(users)), items]


@every_judge
def test_modules_are_judged_in_evaluation_mode(
    judge: Callable, split: Split, table: np.ndarray
) -> None:
    model = Foreign(table)
    expected = judge(Answers(table), split)
    for _ in range(2):
        result = judge(model, split)
        if isinstance(result, dict):
            assert result == expected
        else:
            np.testing.assert_array_equal(result, expected)
    assert set(model.seen) == {(False, False, False)}
    assert model.training
    assert model.dropout.training
    assert not model.fixed.training
    model.eval()
    judge(model, split)
    assert not model.training


def test_the_mode_is_put_back_after_an_error(split: Split, table: np.ndarray) -> None:
    model = Foreign(np.full_like(table, np.nan))
    with pytest.raises(ValueError, match="NaN"):
        evaluate(model, split)
    assert model.training
    with pytest.raises(ValueError, match="NaN"):
        evaluate_ratings(model, split)
    assert model.training


# ---------------------------------------------------------------------- wrong objects
@every_judge
def test_wrong_objects_are_refused_in_one_sentence(
    judge: Callable, split: Split, table: np.ndarray
) -> None:
    model = Answers(table)
    for no_split in (split.test, split.test.to_frame(), None, model):
        with pytest.raises(TypeError, match=f"A Split is needed, not {type(no_split).__name__}"):
            judge(model, no_split)
    with pytest.raises(
        TypeError, match=r"Answers is a class: a model is needed, such as Answers\("
    ):
        judge(Answers, split)
    for no_model in ("model", split.train, None):
        with pytest.raises(TypeError, match=r"has no|with a method score"):
            judge(no_model, split)
    with pytest.raises(ValueError, match="part='train': choose 'test' or 'validation'"):
        judge(model, split, part="train")
    with pytest.raises(ValueError, match=r"no validation part: see Split\.with_validation"):
        judge(model, split.without_validation(), part="validation")
    with pytest.raises(ValueError, match="The test part of the split is empty"):
        judge(model, Split(split.train, split.validation, split.test.select([])))


def test_a_table_of_that_name_is_no_method(split: Split, table: np.ndarray) -> None:
    class Other:
        score = predict = table

    with pytest.raises(TypeError, match=r"Other has no method score\(users\)"):
        evaluate(Other(), split)
    with pytest.raises(TypeError, match="Other has no predict"):
        evaluate_ratings(Other(), split)


@pytest.mark.parametrize(
    "judge", [evaluate, evaluate_users, evaluate_items, *(JUDGES[n] for n in ("compare", "audit"))]
)
def test_k_is_a_whole_number(judge: Callable, split: Split, table: np.ndarray) -> None:
    asked: list[int] = []

    class Watched(Answers):
        def score(self, users: Tensor) -> Tensor:
            asked.append(len(users))
            return super().score(users)

    for k in ("10", 10.0, None, True):
        with pytest.raises(TypeError, match=f"k={k!r}: a whole number is needed"):
            judge(Watched(table), split, k=k)
    with pytest.raises(ValueError, match="k=0: at least 1 is needed"):
        judge(Watched(table), split, k=0)
    assert asked == []
    assert judge(Watched(table), split, k=np.int64(3)) is not None


def test_other_arguments_are_refused(split: Split, table: np.ndarray) -> None:
    model = Answers(table)
    with pytest.raises(TypeError, match="k='validation': a whole number"):
        evaluate(model, split, "validation")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"metrics='recall': .* such as \['recall'\]"):
        evaluate(model, split, metrics="recall")
    with pytest.raises(ValueError, match="threshold=inf: a finite number is needed"):
        evaluate_ctr(model, split, threshold=float("inf"))
    with pytest.raises(ValueError, match=r"threshold=.*nan.*: a finite number is needed"):
        evaluate_ctr(model, split, threshold=np.float32("nan"))
    with pytest.raises(TypeError, match="seed=None: a whole number"):
        evaluate_ctr(model, split, seed=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="seed='0': a whole number"):
        best_threshold(model, split, seed="0")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="threshold='high': a number"):
        evaluate_ctr(model, split, threshold="high")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"negatives=1\.5: a whole number"):
        audit({"it": model}, split, negatives=1.5)  # type: ignore[arg-type]


BY_METRICS: dict[str, Callable] = {
    "evaluate": evaluate,
    "evaluate_users": evaluate_users,
    "evaluate_groups": evaluate_groups,
    "compare": JUDGES["compare"],
}


@pytest.mark.parametrize("judge", BY_METRICS.values(), ids=BY_METRICS)
def test_names_of_metrics_may_come_in_anything(
    judge: Callable, split: Split, table: np.ndarray
) -> None:
    names = ["ndcg", "recall"]
    expected = without_index(judge(Answers(table), split, metrics=names))
    for metrics in (iter(names), tuple(names), (name for name in names), np.array(names)):
        assert without_index(judge(Answers(table), split, metrics=metrics)) == expected
    for nothing in ([], (), iter([]), {}):
        with pytest.raises(ValueError, match="metrics is empty: at least one is needed of recall"):
            judge(Answers(table), split, metrics=nothing)
    for wrong in (None, 5):
        with pytest.raises(TypeError, match=rf"metrics={wrong}: a list .* such as \['recall'\]\."):
            judge(Answers(table), split, metrics=wrong)


def test_what_follows_the_split_is_named() -> None:
    """But for the length of the lists where one model is judged."""
    positional = {}
    for judge in (
        evaluate, evaluate_users, evaluate_items, compare, audit, evaluate_ratings, rating_errors,
        compare_ratings, evaluate_ctr, best_threshold,
    ):  # fmt: skip
        parameters = inspect.signature(judge).parameters.values()
        kinds = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        positional[judge.__name__] = kinds[2:]
    assert {name for name, names in positional.items() if names == ["k"]} == {
        "evaluate", "evaluate_users", "evaluate_items",
    }  # fmt: skip
    assert all(names in ([], ["k"]) for names in positional.values())


def test_a_foreign_model_of_other_people_is_not_judged() -> None:
    """It says its labels, though not what it was built from."""
    split = Interactions.from_frame({"user": [1, 1, 2, 2], "item": [5, 6, 5, 7]}).split(0.5, 0)
    model = Answers(np.zeros((2, 3)))
    model.users, model.items = pd.Index([1, 9]), split.train.items  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="different users"):
        evaluate(model, split)
    model.users = split.train.users  # type: ignore[attr-defined]
    assert evaluate(model, split)["recall@20"] == 1.0


@pytest.mark.parametrize("kind", [pd.Index, pd.Series, np.array, list, tuple])
def test_labels_in_another_order_are_seen_in_whatever_they_come(kind: Callable) -> None:
    split = Interactions.from_frame({"user": [1, 1, 2, 2], "item": ["a", "b", "a", "c"]})
    split = split.split(0.5, 0)
    model = Answers(np.zeros((2, 3)))
    model.users, model.items = kind([1, 2]), kind(["a", "b", "c"])  # type: ignore[attr-defined]
    assert evaluate(model, split)["recall@20"] == 1.0
    model.items = kind(["b", "a", "c"])  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"different items \(3 and 3 labels\)"):
        evaluate(model, split)


def test_what_is_no_list_of_labels_is_let_through() -> None:
    """A table, or a number, of that name."""
    split = Interactions.from_frame({"user": [1, 1, 2, 2], "item": [5, 6, 5, 7]}).split(0.5, 0)
    for users, items in ((np.zeros((2, 4)), np.zeros((3, 4))), (2, 3), (torch.ones(2), [1, 2, 3])):
        model = Answers(np.zeros((2, 3)))
        model.users, model.items = users, items  # type: ignore[attr-defined]
        assert evaluate(model, split)["recall@20"] == 1.0


def test_lists_of_twenty_and_no_bar_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    split = Interactions.from_frame({"user": [1, 1, 2, 2], "item": [5, 6, 5, 7]}).split(0.5, 0)
    model = Answers(np.zeros((2, 3)))
    assert list(evaluate_items(model, split)) == ["held_out", "found@20", "listed@20"]
    assert list(evaluate_users(model, split, metrics=["recall"])) == ["recall@20"]
    assert capsys.readouterr().err == ""
    evaluate_users(model, split, progress=True)
    assert "user" in capsys.readouterr().err


# ---------------------------------------------------------------------- users without train
def test_lists_for_strangers_are_no_result() -> None:
    generator = np.random.default_rng(0)
    pairs = np.unique(generator.integers(0, (30, 20), (200, 2)), axis=0)
    likes = Interactions(pairs[:, 0], pairs[:, 1], pd.RangeIndex(30), pd.RangeIndex(20))
    of_strangers = likes.split(5, 0, by="user")
    for judge in ("evaluate", "evaluate_users", "evaluate_items", "compare"):
        with pytest.raises(ValueError, match=r"ItemKNN knows nothing about the 5 users .* test"):
            JUDGES[judge](models.ItemKNN(of_strangers.train), of_strangers)
        JUDGES[judge](models.Popularity(of_strangers.train), of_strangers)
    held = (likes.user_index < 3) | (np.arange(len(likes)) % 4 == 0)
    mixed = Split(likes.select(~held), None, likes.select(held))
    judged = len(np.unique(likes.user_index[held]))
    with pytest.warns(UserWarning, match=rf"knows nothing about 3 of the {judged} users"):
        table = evaluate_users(models.ItemKNN(mixed.train), mixed)
    assert len(table) == judged
