"""A reader commits to a guess, and later sees it beside the answer."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from torch import Tensor

from .exercises import NOT_ANSWERED


def predict(number: str, guess: Any, answer: Any = NOT_ANSWERED) -> None:
    """Print a guess, and set it beside the answer when that is known.

    Parameters
    ----------
    number : str
        Of the prediction, ``"1.a"``.
    guess
        In any form. The starter ``...`` means that there is none; then only the answer is printed.
    answer
        What was computed. Leave it out to commit to the guess first.

    Examples
    --------
    >>> predict("1.a", ...)
    Prediction 1.a: none yet. Replace the dots with your guess, then run this cell again.
    >>> predict("1.a", 1000)
    Prediction 1.a: you say 1,000. Now run the next cell.
    >>> predict("1.a", 1000, answer=433)
    Prediction 1.a: you said 1,000, and it is 433.
    """
    if answer is not NOT_ANSWERED:
        said = "" if guess is NOT_ANSWERED else f"you said {_shown(guess)}, and "
        print(f"Prediction {number}: {said}it is {_shown(answer)}.")
    elif guess is NOT_ANSWERED:
        print(
            f"Prediction {number}: none yet. Replace the dots with your guess, then run this cell "
            "again."
        )
    else:
        print(f"Prediction {number}: you say {_shown(guess)}. Now run the next cell.")


def _shown(value: Any) -> str:
    """Whole numbers with commas, others to four digits, anything else on one line."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, Integral) and not isinstance(value, bool):
        return f"{int(value):,}"
    if isinstance(value, Real) and not isinstance(value, bool):
        return f"{float(value):.4g}"
    return " ".join(str(value).split())
