"""Exercises of notebook 15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .claims import as_array
from .exercises import checker, number_in, off_by

TABLE = 4 * 70_839_000 * 128 / 1e9  # gigabytes


@checker("15.1")
def _gigabytes_each(answer: Any) -> str | None:
    given = number_in(answer)
    right = 3 * TABLE / 4
    if abs(given - right) <= 0.05:
        return None
    if abs(given - 3 * TABLE) <= 0.2:
        return "That is all of it together; a quarter of the columns is on each machine."
    if abs(given - TABLE / 4) <= 0.05:
        return "That is the table alone. Adam remembers two more numbers for each of its numbers."
    if abs(given - right * 1e3) <= 50:
        return "That is in megabytes; give gigabytes."
    return "It is too large." if given > right else "It is too small."


@checker("15.2")
def _bag(answer: Callable[[np.ndarray, int], Any]) -> str | None:
    if not callable(answer):
        return "A function is asked for, from a row and k to node numbers and weights."
    generator = np.random.default_rng(0)
    for count, k in ((9, 3), (40, 12), (5, 5)):
        row = generator.permutation(np.arange(1, count + 1) / count) ** 2
        nodes, weights = answer(row.copy(), k)
        nodes, weights = np.asarray(nodes), as_array(weights)
        right = np.argsort(-row)[:k]
        if nodes.shape != (k,) or weights.shape != (k,):
            return f"For k={k}, {k} node numbers and {k} weights are asked for."
        if not np.array_equal(nodes, right):
            same = np.array_equal(np.sort(nodes), np.sort(right))
            return "The largest comes first." if same else "These are not the nodes of the largest."
        if np.allclose(weights, row[right]) and k < count:
            return "The weights are not rescaled: their sum is to be that of the whole row."
        if hint := off_by(weights, row[right] * row.sum() / row[right].sum()):
            return hint
    return None


@checker("15.3")
def _loss_of_parts(answer: Callable[[np.ndarray, np.ndarray], Any]) -> str | None:
    if not callable(answer):
        return "A function is asked for, from two arrays of scores to one number."
    generator = np.random.default_rng(1)
    for processes, batch in ((2, 6), (3, 4), (1, 5)):
        positive, negative = generator.standard_normal((2, processes, batch))
        given = number_in(answer(positive.copy(), negative.copy()))
        each = np.log1p(np.exp(negative - positive)).mean(1).sum()
        difference = negative.sum(0) - positive.sum(0)
        right = np.log1p(np.exp(difference)).mean()
        if abs(given - right) <= 1e-6:
            continue
        if abs(given - each) <= 1e-6:
            return "That still takes the logarithm on each process by itself."
        if abs(given - right * batch) <= 1e-6:
            return "That is the sum over the batch; the mean is asked for."
        return off_by(given, right)
    return None
