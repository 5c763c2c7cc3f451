"""Exercises of notebook 07."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .claims import as_array
from .exercises import checker, number_in, off_by


@checker("7.1")
def _response(answer: Callable[[np.ndarray, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (eigenvalues, layers) is asked for."
    values = np.array([1.0, 0.5, 0.0, -0.25, -1.0])
    for layers in (1, 3):
        powers = np.stack([values**k for k in range(layers + 1)])
        right = powers[1:].mean(0)
        given = as_array(answer(values.copy(), layers))
        if given.shape != values.shape:
            return f"Its shape is {given.shape}; one number an eigenvalue is asked for, (5,)."
        if np.allclose(given, right):
            continue
        if np.allclose(given, powers.mean(0)):
            return "That is LightGCN's: layer 0, the power 0, is still in it."
        if np.allclose(given, powers[1:].sum(0) / (layers + 1)):
            return "Without layer 0 there is one layer less to divide by."
        if np.allclose(given, powers[-1]):
            return "That is the last layer alone; the mean of layers 1, 2, ... is asked for."
        if np.allclose(given, powers[1:].sum(0)):
            return "That is the sum of the layers; the mean is asked for."
        return f"With {layers} layers it gives {given.round(3).tolist()}: that is off."
    return None


@checker("7.2")
def _collapsed(answer: Any) -> str | None:
    given = number_in(answer)
    if abs(given - np.log(7)) < 1e-2:
        return "The view itself is in the denominator, too: all eight."
    if abs(given - np.log(8) / 0.2) < 1e-2 or abs(given - 1 / 0.2) < 1e-2:
        return "The temperature divides all cosines alike; does it matter when they are equal?"
    if abs(given - np.log2(8)) < 1e-6:
        return "That is the logarithm to base 2; the natural one is in the formula."
    return off_by(given, np.log(8), within=1e-2)


@checker("7.3")
def _smooth(answer: Callable[[np.ndarray, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (eigenvalues, k) is asked for."
    values = np.array([0.3, -1.0, 1.0, -0.3, 0.8, 0.0, -0.8])
    for count in (1, 2, 4):
        given = as_array(answer(values.copy(), count)).ravel()
        if given.shape != (count,):
            return f"With k={count} it gives {given.size} positions."
        kept = {int(place) for place in given if np.isfinite(place)}
        if kept == set(np.argsort(-values)[:count].tolist()):
            continue
        if kept == set(np.argsort(-np.abs(values))[:count].tolist()):
            return "That is what she kept: how large is the eigenvalue of the roughest pattern?"
        if kept == set(np.argsort(values)[:count].tolist()):
            return "These are the roughest patterns: their eigenvalues are near -1."
        return f"With k={count} these are not the positions of the {count} largest eigenvalues."
    return None
