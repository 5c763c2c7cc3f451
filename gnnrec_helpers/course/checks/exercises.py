"""The answers to exercises: right, not answered yet, or off in a way a hint can name.

A checker is a function that takes the answer and returns None when it is right, or one sentence
that says what is off without giving the answer away. It is registered under the number of its
exercise:

    @checker("1.1")
    def _(answer): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .claims import NotNumbersError, as_array

Checker = Callable[[Any], str | None]
NOT_ANSWERED = ...
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
    try:
        hint = _CHECKERS[number](answer)
    except NotNumbersError as error:
        hint = str(error)
    except Exception as error:  # an answer may be anything at all
        if callable(answer):  # so it is the learner's own code that went wrong, most likely
            hint = f"When it was called it raised {type(error).__name__}: {error}"
        else:
            hint = (
                f"It is a {type(answer).__name__}, which is not what is asked for: read the last "
                "sentence of the exercise once more."
            )
    print(f"Exercise {number}: {'right!' if hint is None else 'not yet. ' + hint}")


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
    if np.array_equal(given, np.round(wanted, 2)):
        return "It is right to two digits; give three or more."
    wrong = np.flatnonzero(np.abs(given - wanted) > within)
    if wanted.size == 1:
        return "It is too large." if given > wanted else "It is too small."
    are = "is" if len(wrong) == 1 else "are"
    return f"{len(wrong)} of {wanted.size} numbers {are} off, the first at position {wrong[0]}."
