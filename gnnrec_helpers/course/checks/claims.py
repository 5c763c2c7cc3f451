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
    try:
        if values is None:  # NumPy takes it for nan
            raise TypeError
        array = np.asarray(_without_tensors(values), dtype=np.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise NotNumbersError(f"Numbers are asked for, and this is {_described(values)}") from error
    return array


def as_tensor(values: Any) -> Tensor:
    """Numbers in whatever form, as float32."""
    return torch.tensor(as_array(values), dtype=torch.float32)


def _without_tensors(values: Any) -> Any:
    if isinstance(values, Tensor):
        if values.is_complex():
            raise TypeError
        dense = values.detach().to_dense() if values.layout != torch.strided else values.detach()
        return dense.cpu().double().numpy()  # double: NumPy has no bfloat16
    if isinstance(values, (set, frozenset)):
        return sorted(values)
    if isinstance(values, (list, tuple)):
        return [_without_tensors(value) for value in values]
    return values


def _described(values: object) -> str:
    if values is None:
        return "None: does the function return its result?"
    if callable(values):
        return "a function: call it, or give what it returns."
    if isinstance(values, (list, tuple)) and _ragged(values):
        return f"{named(values)} whose parts differ in length, {_shown(values)}."
    if isinstance(values, (str, bytes, dict, list, tuple, set, frozenset)):
        return f"{named(values)}, {_shown(values)}."
    if hasattr(values, "shape"):
        return f"{named(values)} of shape {tuple(values.shape)} with something else in it."
    return f"{named(values)}."


def named(value: object) -> str:
    """What kind of thing it is, with an article: "a list"."""
    if value is None:
        return "None"
    known = {str: "string", type(named): "function", np.ndarray: "array"}
    kind = known.get(type(value), type(value).__name__)
    return f"a{'n' if kind[0] in 'aeiouAEIO' else ''} {kind}"


def _ragged(values: list[Any] | tuple[Any, ...]) -> bool:
    lengths = {len(v) if isinstance(v, (list, tuple)) else np.shape(v)[:1] for v in values}
    return len(lengths) > 1


def _shown(values: object) -> str:
    return repr(str(values)[:40])


def tensors_close(first: Tensor, second: Tensor, within: float) -> bool:
    return first.shape == second.shape and bool(torch.allclose(first, second, rtol=0, atol=within))
