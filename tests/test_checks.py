"""Claims raise when they do not hold; exercises accept right answers in any form and hint."""

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid, softplus

from gnnrec_helpers import checks, datasets, models, recommend
from gnnrec_helpers.checks.exercises import number_in, off_by
from gnnrec_helpers.models import LightGCN
from gnnrec_helpers.propagation import propagate
from gnnrec_helpers.training import History


def verdict(capsys, number, answer):
    checks.exercise(number, answer)
    return capsys.readouterr().out


# ------------------------------------------------------------------ claims
def test_near_prints_the_same_line_for_every_value_inside(capsys):
    checks.near(0.21, 0.2, 0.02, "Recall")
    checks.near(0.19, 0.2, 0.02, "Recall")
    first, second = capsys.readouterr().out.splitlines()
    assert first == second == "Recall: 0.2 (within 0.02)"


@pytest.mark.parametrize("value", [0.23, 0.17, float("nan")])
def test_near_raises_outside(value):
    with pytest.raises(AssertionError, match=r"expected 0\.2 within 0\.02"):
        checks.near(value, 0.2, 0.02)


def test_equal_accepts_lists_tensors_and_arrays(capsys):
    checks.equal([[1.0, 2.0]], torch.tensor([[1.0, 2.0]], requires_grad=True))
    checks.equal([torch.tensor(1.0), torch.tensor(2.0)], np.array([1, 2]))
    assert capsys.readouterr().out.count("equal") == 2


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1.0], [1.1], "differ by up to 0.1"),
        ([1.0], [1.0, 2.0], "shapes"),
        ([1.0], [np.nan], "differ"),
    ],
)
def test_equal_raises(first, second, message):
    with pytest.raises(AssertionError, match=message):
        checks.equal(first, second)


def test_holds(capsys):
    checks.holds({3} & {3, 4}, "they meet")
    assert capsys.readouterr().out == "they meet: yes\n"
    with pytest.raises(AssertionError, match="they meet: no"):
        checks.holds(set(), "they meet")


# ------------------------------------------------------------------ the frame of exercises
def test_dots_are_not_an_answer(capsys):
    for number in checks.exercises():
        assert "not answered yet" in verdict(capsys, number, ...)


def test_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match=r"No exercise '99\.1'"):
        checks.exercise("99.1", 3)


def test_an_answer_that_cannot_be_checked_does_not_raise(capsys):
    for number in checks.exercises():
        assert "not yet" in verdict(capsys, number, object())
    assert "ZeroDivisionError" in verdict(capsys, "5.2", lambda positive, negative: 1 / 0)


def test_off_by_names_the_direction():
    assert off_by(2.0, 1.0) == "It is too large."
    assert off_by([0.0], 1.0) == "It is too small."
    assert off_by([1, 2], [1, 3]) == "1 of 2 numbers are off."
    assert "shape" in off_by([1, 2], [1, 2, 3])
    assert off_by(torch.tensor([[1.0]]), 1) is None
    with pytest.raises(ValueError, match="one number"):
        number_in([1, 2])


# ------------------------------------------------------------------ every exercise
NDCG = (1 / np.log2(3) + 1 / np.log2(6)) / (1 + 1 / np.log2(3) + 0.5)


def coverage(model, split, k):
    lists = recommend(model, split.train.users, k, exclude=split.train)
    return lists["item"].nunique() / split.train.num_items


def loop_negatives(train, users, generator):
    liked = {(u, i) for u, i in zip(train.user_index, train.item_index, strict=True)}
    found = []
    for user in users:
        item = int(generator.integers(train.num_items))
        while (user, item) in liked:
            item = int(generator.integers(train.num_items))
        found.append(item)
    return found


def propagated(matrix, embeddings, layers):
    degrees = matrix.sum(1).clamp(min=1)
    normal = matrix / torch.sqrt(torch.outer(degrees, degrees))
    outputs = [embeddings]
    for _ in range(layers):
        outputs.append(normal @ outputs[-1])
    return torch.stack(outputs).mean(0)


class Last(LightGCN):
    def embeddings(self, users=None, items=None):
        weights = [0.0] * self.layers + [1.0]
        found = propagate(self.adjacency, self.nodes.weight, self.layers, combine=weights)
        everyone, everything = found[: self.num_users], found[self.num_users :]
        return (
            everyone if users is None else everyone[users],
            everything if items is None else everything[items],
        )


class AllRows(Last):
    def embeddings(self, users=None, items=None):
        return super().embeddings()


class NotShifted(Last):
    def embeddings(self, users=None, items=None):
        everyone, everything = super().embeddings()
        both = torch.cat([everyone, everything])
        return (
            everyone if users is None else both[users],
            everything if items is None else both[items],
        )


def a_history(recall):
    return History([{"epoch": 1, "loss": 0.5, "seconds": 1.0, "recall@20": recall}], best_epoch=1)


RIGHT = [
    ("1.1", [0, 0, 0, 0.5, 0]),
    ("1.1", torch.tensor([[0, 0, 0, 0.5, 0]])),
    ("1.2", [2 / 3, 0.5, NDCG]),
    ("1.2", np.array([0.6667, 0.5, round(NDCG, 4)])),
    ("1.3", coverage),
    ("1.3", lambda m, s, k: torch.tensor(coverage(m, s, k))),
    ("1.4", (100, 10)),
    ("1.4", [50, 30.0]),
    ("5.1", [2, 2, 2, 3, 2]),
    ("5.1", np.array([[2.0, 2, 2, 3, 2]])),
    ("5.2", lambda positive, negative: -logsigmoid(positive - negative).mean()),
    ("5.2", lambda positive, negative: float(softplus(negative - positive).mean())),
    ("5.3", loop_negatives),
    ("5.3", lambda t, u, g: torch.tensor(loop_negatives(t, u, g))[:, None]),
    ("5.4", a_history(0.21)),
    ("5.4", a_history(0.205)),
    ("6.1", [1 / np.sqrt(6), 1 / np.sqrt(2)]),
    ("6.1", (0.408, 0.707)),
    ("6.2", ["Emma", "Dia", "Dune"]),
    ("6.2", {"Dune", "Emma", "Dia"}),
    ("6.3", propagated),
    ("6.3", lambda m, e, k: propagated(m, e, k).numpy()),
    ("6.4", Last),
    ("6.4", type("Other", (Last,), {})),
    ("6.5", a_history(0.22)),
    ("6.5", a_history(0.21)),
]
WRONG = [
    ("1.1", [0, 0, 0, 0.5, 1], "no neighbour of itself"),
    ("1.1", [0.5, 0, 0, 0.5, 0], "Too many films"),
    ("1.1", [0, 0, 0, 1.0, 0], "1 of 5"),
    ("1.2", [2 / 5, 0.5, NDCG], "not by the list"),
    ("1.2", [2 / 3, 0.2, NDCG], "rank of the first hit"),
    ("1.2", [2 / 3, 0.5, 1.0], "ideal list"),
    ("1.2", [1, 2], "Three numbers"),
    ("1.3", 0.3, "function"),
    ("1.3", lambda m, s, k: coverage(m, s, k) * s.train.num_items, "a share"),
    ("1.3", lambda m, s, k: recommend(m, s.train.users, k)["item"].nunique() / s.train.num_items,
     "use exclude"),
    ("1.3", lambda m, s, k: 17.5, "cannot exceed 1"),
    ("1.3", lambda m, s, k: 0.0, "is off"),
    ("1.4", (20, 100), "reach at least"),
    ("1.4", 5, "A pair"),
    ("5.1", [2, 2, 4, 4, 4], "Dia"),
    ("5.1", [2, 2, 2, 2, 2], "1 of 5"),
    ("5.2", 3, "function"),
    ("5.2", lambda p, n: -logsigmoid(p - n), "One number"),
    ("5.2", lambda p, n: -logsigmoid(p - n).sum(), "the sum"),
    ("5.2", lambda p, n: logsigmoid(p - n).mean(), "sign"),
    ("5.2", lambda p, n: -logsigmoid(n - p).mean(), "other way round"),
    ("5.2", lambda p, n: (p - n).mean(), "is not -ln"),
    ("5.2", lambda p, n: -torch.log(torch.sigmoid(p - n)).mean(), "underflows"),
    ("5.3", 3, "function"),
    ("5.3", lambda t, u, g: g.integers(t.num_items, size=len(u)), "are liked"),
    ("5.3", lambda t, u, g: loop_negatives(t, u[:3], g), "came back"),
    ("5.3", lambda t, u, g: np.full(len(u), 99), "between 0"),
    ("5.3", lambda t, u, g: np.array([4, 4, 0, 0, 0])[u], "never drawn"),
    ("5.3", lambda t, u, g: loop_negatives(t, u, np.random.default_rng()), "same generator"),
    ("5.4", a_history(0.19), "reach .205"),
    ("5.4", History(), "no validation"),
    ("5.4", 0.21, "History"),
    ("6.1", [1 / 6, 1 / 2], "square root"),
    ("6.1", [0.707, 0.408], "other order"),
    ("6.1", 3, "Two numbers"),
    ("6.2", ["Emma", "Dia", "Dune", "Cem"], "more than three hops"),
    ("6.2", ["Emma"], "2 of those"),
    ("6.2", ["Eli", "Emma"], "Eli herself"),
    ("6.2", ["Zoe"], "no user or film"),
    ("6.2", "Emma", "list of names"),
    ("6.3", 3, "function"),
    ("6.3", lambda m, e, k: propagated(m, e, k) * (k + 1), "sum of the layers"),
    ("6.3", lambda m, e, k: propagated(m, e, k)[:5], "shape"),
    ("6.3", lambda m, e, k: e, "is off"),
    ("6.3", lambda m, e, k: torch.linalg.matrix_power(
        m / torch.sqrt(torch.outer(m.sum(1), m.sum(1))), k) @ e, "last layer only"),
    ("6.3", lambda m, e, k: (e + m / m.sum(1, keepdim=True) @ e) / 2 if k else e,
     "square roots of both"),
    ("6.3", lambda m, e, k: propagated(m, e, k) / (m.sum(1) > 0)[:, None], "nan"),
    ("6.4", 3, "A class"),
    ("6.4", LightGCN, "mean of all layers"),
    ("6.4", AllRows, "those users and items only"),
    ("6.4", NotShifted, "node 5 + i"),
    ("6.4", models.LightGCN, "still the mean"),
    ("6.4", type("Zero", (LightGCN,), {
        "embeddings": lambda self, users=None, items=None: (torch.zeros(5, 4), torch.zeros(5, 4)),
    }), "not the last layer"),
    ("6.4", type("Short", (LightGCN,), {
        "embeddings": lambda self, users=None, items=None: (torch.zeros(5, 4), torch.zeros(4, 4)),
    }), "in all"),
    ("6.5", a_history(0.1), "reach .21"),
    ("6.5", History(), "no validation"),
    ("6.5", None, "History"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers_are_accepted_in_any_form(capsys, number, answer):
    assert verdict(capsys, number, answer) == f"Exercise {number}: right!\n"


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_wrong_answers_get_a_hint(capsys, number, answer, hint):
    said = verdict(capsys, number, answer)
    assert said.startswith(f"Exercise {number}: not yet. ")
    assert hint in said


def test_every_exercise_has_two_right_and_two_wrong_answers():
    for number in checks.exercises():
        assert sum(n == number for n, _ in RIGHT) >= 2, number
        assert sum(n == number for n, _, _ in WRONG) >= 2, number


def test_the_toy_is_what_the_checkers_assume():
    likes = datasets.load("toy").interactions
    assert list(likes.users) == ["Ana", "Ben", "Cem", "Dia", "Eli"]
    assert likes.num_items == 5
