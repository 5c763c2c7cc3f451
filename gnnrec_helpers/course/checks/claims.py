"""Claims a notebook makes about numbers, checked as it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def near(value: float, expected: float, within: float, what: str = "") -> None:
    """Print that a trained number is as expected, or raise.

    Parameters
    ----------
    value : float
        What was computed; it is not printed, since its last digits differ between machines.
    expected, within : float
        The tolerance comes from the spread over seeds.
    what : str
        Name of the number, for the printed line.

    Examples
    --------
    >>> near(0.2312, expected=0.23, within=0.01, what="Recall@20")
    Recall@20: as expected, 0.23 ± 0.01
    """
    label = what or "value"
    if not abs(float(value) - expected) <= within:  # also catches NaN
        raise AssertionError(
            f"{label} is {float(value):.6g}, expected {expected:g} within {within:g}."
        )
    print(f"{label}: as expected, {expected:g} ± {within:g}")


def equal(first: Any, second: Any, within: float = 1e-6, what: str = "") -> None:
    """Print that two arrays, tensors or numbers are equal up to `within`, or raise.

    Examples
    --------
    >>> equal([1, 2], torch.tensor([1.0, 2.0]), what="by hand and by package")
    by hand and by package: equal (largest difference under 1e-06)
    """
    left, right = as_array(first), as_array(second)
    label = what or "values"
    if left.shape != right.shape:
        raise AssertionError(f"{label}: shapes {left.shape} and {right.shape} differ.")
    difference = float(np.abs(left - right).max(initial=0.0))
    if not difference <= within:
        raise AssertionError(f"{label}: they differ by up to {difference:.3g}, over {within:g}.")
    print(f"{label}: equal (largest difference under {within:g})")


def holds(claim: object, what: str) -> None:
    """Print a claim that is true, or raise.

    Examples
    --------
    >>> holds(2 + 2 == 4, "two and two make four")
    two and two make four: yes
    """
    if not bool(claim):
        raise AssertionError(f"{what}: no.")
    print(f"{what}: yes")


class NotNumbersError(ValueError):
    """What was given holds something else than numbers; the message is a sentence for a learner."""


def as_array(values: Any) -> np.ndarray:
    """Numbers in whatever form, as float64.

    Raises
    ------
    NotNumbersError
        If there is something else than numbers.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    elif isinstance(values, (list, tuple)):
        values = [v.detach().cpu().numpy() if isinstance(v, Tensor) else v for v in values]
    elif isinstance(values, (set, frozenset)):
        values = sorted(values)
    try:
        if values is None:  # NumPy takes it for nan
            raise TypeError
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NotNumbersError(f"Numbers are asked for, and this is {_described(values)}") from error
    return array


def _described(values: object) -> str:
    if values is None:
        return "None: does the function return its result?"
    if callable(values):
        return "a function: call it, or give what it returns."
    kind = type(values).__name__
    return f"a{'n' if kind[0] in 'aeiou' else ''} {kind}, {str(values)[:40]!r}."


def tensors_close(first: Tensor, second: Tensor, within: float) -> bool:
    return first.shape == second.shape and bool(torch.allclose(first, second, rtol=0, atol=within))
