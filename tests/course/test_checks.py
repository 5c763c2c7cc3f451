"""Claims raise when they do not hold; exercises accept right answers in any form and hint."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from gnnrec_helpers import datasets
from gnnrec_helpers.course import checks
from gnnrec_helpers.course.checks.claims import NotNumbersError, as_array
from gnnrec_helpers.course.checks.exercises import number_in, off_by


def verdict(capsys, number, answer):
    checks.exercise(number, answer)
    return capsys.readouterr().out


# ------------------------------------------------------------------ claims
def test_near_prints_the_same_line_for_every_value_inside(capsys):
    checks.near(0.21, 0.2, 0.02, "Recall")
    checks.near(0.19, 0.2, 0.02, "Recall")
    first, second = capsys.readouterr().out.splitlines()
    assert first == second == "Recall: as expected, 0.2 ± 0.02"


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
    assert off_by([1, 2], [1, 3]) == "1 of 2 numbers is off, the first at position 1."
    assert "shape" in off_by([1, 2], [1, 2, 3])
    assert off_by(torch.tensor([[1.0]]), 1) is None
    with pytest.raises(ValueError, match="one number"):
        number_in([1, 2])


# ------------------------------------------------------------------ every exercise
HERE = Path(__file__).parent
ANSWERS = [import_module(path.stem) for path in sorted(HERE.glob("answers_*.py"))]
RIGHT = [case for module in ANSWERS for case in module.RIGHT]
WRONG = [case for module in ANSWERS for case in module.WRONG]


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


# ------------------------------------------------------------------ answers of the wrong kind
NONSENSE = [
    float("nan"), float("inf"), None, {}, {"Dune": 0.5}, "x", [], np.full(5, np.nan),
    np.zeros((3, 1000)), object(), lambda *_: float("nan"), lambda *_: None, lambda *_: "x",
]  # fmt: skip


@pytest.mark.parametrize("number", checks.exercises())
def test_nonsense_is_never_right_and_never_a_developer_s_sentence(capsys, number):
    for answer in NONSENSE:
        said = verdict(capsys, number, answer)
        assert said.startswith(f"Exercise {number}: not yet. "), answer
        if not callable(answer):  # a function's own error helps who wrote it
            assert "raised" not in said, answer


def test_a_rounded_answer_is_told_so():
    assert off_by([0.67, 0.5, 0.48], [2 / 3, 0.5, 0.4815]) == (
        "It is right to two digits; give three or more."
    )
    assert off_by(0.3, 1 / 3) == "It is too small."
    assert "It holds nan" in off_by([0.5, float("nan")], [0.5, 0.5])


def test_what_holds_no_numbers_is_described():
    for answer, words in (
        (None, "this is None: does the function return its result?"),
        ({"Dune": 1}, "this is a dict, \"{'Dune': 1}\"."),
        (len, "this is a function: call it"),
    ):
        with pytest.raises(NotNumbersError, match=re.escape(words)):
            as_array(answer)
