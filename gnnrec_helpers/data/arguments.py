"""What functions are given: checks of numbers, and whether a bar is shown."""

from __future__ import annotations

import math
import os
import sys
from typing import Any

import numpy as np

POSITIVE = math.ulp(0.0)  # the least number above 0
BELOW_1 = math.nextafter(1.0, 0.0)


def check_whole(least: int = 1, **arguments: object) -> None:
    """Refuse an argument that is no whole number, or one below `least`.

    Examples
    --------
    >>> check_whole(k=10, block=2**20)
    >>> check_whole(k="10")
    Traceback (most recent call last):
    TypeError: k='10': a whole number is needed.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name}={value!r}: a whole number is needed.")
        if value < least:
            raise ValueError(f"{name}={value}: at least {least} is needed.")


def check_number(low: float = -math.inf, high: float = math.inf, /, **arguments: object) -> None:
    """Refuse an argument that is no finite number, or one that is not from `low` to `high`.

    Examples
    --------
    >>> check_number(POSITIVE, temperature=0.2)
    >>> check_number(0, 1, weight=math.nan)
    Traceback (most recent call last):
    ValueError: weight=nan: a number from 0 to 1 is needed.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise TypeError(f"{name}={value!r}: {_numbers(low, high)} is needed.")
        number = value if isinstance(value, int) else float(value)  # 1.0 of 16 bits is not below 1
        if abs(number) > sys.float_info.max:
            raise ValueError(f"{name}={value}: a finite number is needed.")
        if not low <= number <= high:
            raise ValueError(f"{name}={value}: {_numbers(low, high)} is needed.")


def check_loss(objective: object) -> None:
    """Refuse what cannot be called with a model and a batch.

    Raises
    ------
    TypeError
    """
    if isinstance(objective, type):
        name = objective.__name__
        raise TypeError(f"objective={name}: {name} is a class, and {name}() is needed.")
    if not callable(objective):
        raise TypeError(
            f"objective={objective!r}: a loss such as those of gnnrec_helpers.objectives is needed."
        )


def is_finite(value: object) -> bool:
    """Whether :func:`check_number` lets it pass.

    Examples
    --------
    >>> [is_finite(value) for value in (1, math.inf, "1", True)]
    [True, False, False, False]
    """
    try:
        check_number(value=value)
    except (TypeError, ValueError):
        return False
    return True


def _numbers(low: float, high: float) -> str:
    if high == BELOW_1:
        return f"a share from {low:g} to below 1"
    if high < math.inf:
        return f"a number from {low:g} to {high:g}"
    if low == -math.inf:
        return "a finite number"
    return "a positive number" if low == POSITIVE else f"a number of at least {low:g}"


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which files hold, also those in lists and tuples."""
    if isinstance(value, np.generic):
        return value.item()
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def shows_progress(progress: bool | None) -> bool:
    """Whether to show a bar: by default yes, unless the environment has GNNREC_PROGRESS=0."""
    return os.environ.get("GNNREC_PROGRESS") != "0" if progress is None else progress
