"""The answers to exercises: right, not answered yet, or off in a way a hint can name.

A checker is a function that takes the answer and returns None when it is right, or one sentence
that says what is off without giving the answer away. It is registered under the number of its
exercise:

    @checker("1.1")
    def _(answer): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .claims import NotNumbersError, as_array, named
from .kept import keep, progress_of, row_of

Checker = Callable[[Any], str | None]
NOT_ANSWERED = ...
TWO_DIGITS = "It is right to two digits; give three or more."
NAN = "It holds nan, which is no number: something was divided by 0, say."
_CHECKERS: dict[str, Checker] = {}


def checker(number: str) -> Callable[[Checker], Checker]:
    """Register a checker for an exercise."""

    def register(function: Checker) -> Checker:
        _CHECKERS[number] = function
        return function

    return register


def exercises() -> list[str]:
    """The numbers of all exercises."""
    return list(_CHECKERS)


def exercise(number: str, answer: Any) -> None:
    """Say whether an answer is right.

    In a notebook of the folder ``my``, the source of the cell is kept when it is right.

    Parameters
    ----------
    number : str
        As printed above the exercise, ``"1.2"``.
    answer
        Yours, in any form: a number, list, tensor, array, or the function that was asked for.
        The starter ``...`` means not answered yet.
    """
    if number not in _CHECKERS:
        raise ValueError(f"No exercise {number!r}; there are {', '.join(_CHECKERS)}.")
    if answer is NOT_ANSWERED:
        print(f"Exercise {number}: not answered yet. Replace the dots, then run this cell again.")
        return
    watched = _Watched(answer)
    try:
        hint = _CHECKERS[number](watched.call if inspect.isroutine(answer) else answer)
    except NotNumbersError as error:
        hint = str(error)
    except Exception as error:  # an answer may be anything at all
        hint = watched.why(error)
    if hint is not None:
        print(f"✘ Exercise {number}: not yet. {hint}")
        return
    print(f"✔ Exercise {number}: right!")
    if keep(number):
        print(row_of(number, exercises()))


def progress() -> None:
    """Print a row for each notebook, with a mark for each exercise that you have solved."""
    print(progress_of(exercises()))


class _Watched:
    """A learner's function, to tell what went wrong in it from what went wrong with its result."""

    def __init__(self, answer: Any) -> None:
        self.answer = self.value = answer
        self.what = "It"
        self.error: Exception | None = None

    def call(self, *arguments: Any, **named: Any) -> Any:
        try:
            self.value = self.answer(*arguments, **named)
        except Exception as error:
            self.error = error
            raise
        self.what = "What it returns"
        return self.value

    def why(self, error: Exception) -> str:
        """A sentence about what a checker stumbled over."""
        if error is self.error or isinstance(self.answer, type):
            return f"When it was called it raised {type(error).__name__}: {error}"
        return (
            f"{self.what} is {named(self.value)}, which is not what is asked for: read the last "
            "sentence of the exercise once more."
        )


def number_in(answer: Any) -> float:
    """One number, in whatever form it came."""
    array = as_array(answer)
    if array.size != 1:
        raise NotNumbersError(f"Exactly one number is asked for, and this has {array.size}.")
    if np.isnan(array).any():
        raise NotNumbersError(NAN)
    return float(array.reshape(()))


def off_by(answer: Any, right: Any, within: float = 1e-6) -> str | None:
    """Compare numbers of any form; a generic hint when they differ."""
    given, wanted = as_array(answer), as_array(right)
    if np.isnan(given).any():
        return NAN
    if given.size == 1 and wanted.size == 1:
        given, wanted = given.reshape(()), wanted.reshape(())
    if given.shape != wanted.shape:
        return f"Its shape is {given.shape}; {wanted.shape} is asked for."
    if np.abs(given - wanted).max(initial=0.0) <= within:
        return None
    if cut_to_two_digits(given, wanted, within):
        return TWO_DIGITS
    wrong = np.flatnonzero(np.abs(given - wanted) > within)
    if wanted.size == 1:
        return "It is too large." if given > wanted else "It is too small."
    are = "is" if len(wrong) == 1 else "are"
    return (
        f"{len(wrong)} of {wanted.size} numbers {are} off, the first at position {wrong[0]} "
        "(from 0)."
    )


def cut_to_two_digits(given: np.ndarray, wanted: np.ndarray, within: float) -> bool:
    """Whether what is off is right but for its third digit, rounded or cut."""
    wrong = np.abs(given - wanted) > within
    rounded, cut = np.round(wanted, 2), np.trunc(wanted * 100) / 100
    nearest = np.minimum(np.abs(given - rounded), np.abs(given - cut))
    return bool(wrong.any() and (nearest[wrong] < 1e-6).all())
