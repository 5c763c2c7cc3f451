"""Claims raise when they do not hold; exercises accept right answers in any form and hint."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
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


def test_off_by_names_the_direction():
    assert off_by(2.0, 1.0) == "It is too large."
    assert off_by([0.0], 1.0) == "It is too small."
    assert off_by([1, 2], [1, 3]) == "1 of 2 numbers is off, the first at position 1 (from 0)."
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
    assert verdict(capsys, number, answer) == f"✔ Exercise {number}: right!\n"


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_wrong_answers_get_a_hint(capsys, number, answer, hint):
    said = verdict(capsys, number, answer)
    assert said.startswith(f"✘ Exercise {number}: not yet. ")
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
GRAD = torch.tensor([1.0, 2.0], requires_grad=True)
WRONG_KIND = [
    float("nan"), float("inf"), None, {}, {"Dune": 0.5}, "x", b"x", [], {1, "a"}, [None, 1],
    [[1, 2], [3]], [[GRAD, GRAD], [GRAD]], GRAD, GRAD.bfloat16(), torch.eye(3).to_sparse(), [1j],
    np.full(5, np.nan), np.zeros((3, 1000)), 10**400, pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    pd.Series(["x"]), scipy.sparse.eye(3, format="csr"), (n for n in range(3)), np, object(),
]  # fmt: skip
ALSO_RIGHT = {"3.4": [11], "4.4": [10]}  # two groups that the sum, and nothing else, tells apart


def clear(number, said):
    assert said.startswith(f"✘ Exercise {number}: not yet. "), said
    assert said.count("\n") == 1, said
    assert "raised" not in said, said
    assert " at 0x" not in said, said


@pytest.mark.parametrize("number", checks.exercises())
def test_an_answer_of_the_wrong_kind_is_never_right_and_never_a_developer_s_sentence(
    capsys, number
):
    for place, answer in enumerate(WRONG_KIND):
        if place not in ALSO_RIGHT.get(number, []):
            clear(number, verdict(capsys, number, answer))


@pytest.mark.parametrize("number", checks.exercises())
def test_a_function_that_returns_the_wrong_kind_is_told_so(capsys, number):
    for answer in WRONG_KIND:
        clear(number, verdict(capsys, number, lambda *_, answer=answer: answer))


def test_a_function_s_own_error_is_passed_on(capsys):
    said = verdict(capsys, "5.2", lambda positive, negative: 1 / 0)
    assert said.endswith(
        "not yet. When it was called it raised ZeroDivisionError: division by zero\n"
    )
    assert "takes 1 positional argument" in verdict(capsys, "5.2", lambda positive: 0)


def test_a_function_where_a_list_is_asked_for_is_not_said_to_raise(capsys):
    assert "It is a function, which is not what" in verdict(capsys, "2.2", lambda: 1)


@pytest.mark.parametrize(
    "answer",
    [[0.67, 0.5, 0.48], [0.66, 0.5, 0.47], [0.67, 0.5, 0.478], torch.tensor([0.67, 0.5, 0.48])],
)
def test_a_rounded_answer_is_told_so(capsys, answer):
    said = verdict(capsys, "1.2", answer)
    assert said == ("✘ Exercise 1.2: not yet. It is right to two digits; give three or more.\n")


@pytest.mark.parametrize("answer", [[0.667, 0.5, 0.478], [0.666, 0.5, 0.477]])
def test_three_digits_are_enough(capsys, answer):
    assert "right!" in verdict(capsys, "1.2", answer)


def test_a_wrong_answer_of_two_digits_is_not_called_rounded(capsys):
    assert off_by(0.3, 1 / 3) == "It is too small."
    assert off_by(0.34, 1 / 3) == "It is too large."
    assert "2 of 2 numbers are off" in off_by([0.67, 0.9], [2 / 3, 0.5])
    assert "by the hidden items" in verdict(capsys, "1.2", [0.4, 0.5, 0.48])
    assert "It holds nan" in off_by([0.5, float("nan")], [0.5, 0.5])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "this is None: does the function return its result?"),
        ({"Dune": 1}, "this is a dict, \"{'Dune': 1}\"."),
        ("x", "this is a string, 'x'."),
        ([[1, 2], [3]], "this is a list whose parts differ in length, '[[1, 2], [3]]'."),
        (["a", "b"], "this is a list, \"['a', 'b']\"."),
        (WRONG_KIND[19], "this is a DataFrame of shape (2, 2) with something else in it."),
        (object(), "this is an object."),
        (len, "this is a function: call it"),
    ],
)
def test_what_holds_no_numbers_is_described(answer, words):
    with pytest.raises(NotNumbersError, match=re.escape(words)):
        as_array(answer)


def test_numbers_are_read_from_tensors_of_every_kind():
    for answer in (GRAD, [GRAD[0], GRAD[1]], GRAD.bfloat16(), GRAD.detach().to_sparse()):
        assert as_array(answer).tolist() == [1, 2]
    assert as_array([[GRAD], (GRAD.detach(),)]).tolist() == [[[1, 2]], [[1, 2]]]


# ------------------------------------------------------------------ predictions
@pytest.mark.parametrize(
    ("guess", "answer", "said"),
    [
        (1000, 433, "you said 1,000, and it is 433."),
        (..., np.int64(6170), "it is 6,170."),
        (0.25, torch.tensor(0.2293847), "you said 0.25, and it is 0.2294."),
        ("Dune", "Casablanca", "you said Dune, and it is Casablanca."),
        (np.array([3]), (5, 5), "you said 3, and it is (5, 5)."),
        (True, False, "you said True, and it is False."),
        (None, torch.eye(2), "you said None, and it is [[1. 0.] [0. 1.]]."),
    ],
)
def test_a_guess_is_set_beside_the_answer(capsys, guess, answer, said):
    checks.predict("1.a", guess, answer)
    assert capsys.readouterr().out == f"Prediction 1.a: {said}\n"
