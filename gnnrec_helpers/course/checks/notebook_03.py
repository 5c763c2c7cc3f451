"""Exercises of notebook 03."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import datasets
from ...engine.propagation import bipartite_matrix
from .claims import as_array, as_tensor, tensors_close
from .exercises import checker, off_by


@checker("3.1")
def _border_pixel(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.size != 2:
        return f"Two numbers are asked for, not {given.size}."
    if given[1] == 9:
        return "The window sticks out of the image: there are no pixels above row 0."
    if given[0] == -23:
        return "Below minus above: the last row of kernel.T has the plus signs."
    if given[0] == -7:
        return "That is the kernel of section 1; turn it on its side first."
    if given[1] != 6:
        return "Count the pixels of the 3 x 3 window that exist: row -1 is not there, column 5 is."
    if given[0] != 23:
        return "The edges are right. Multiply row 1 of the image, columns 3 to 5, by 1, 2, 1."
    return off_by(given, [23, 6])


@checker("3.2")
def _padded_neighbours(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.size != 5:
        return f"Five numbers are asked for, not {given.size}."
    padded = [-3, -1, 0, -2, -1]
    right = [-3, -1.5, -1, -2, -1.25]
    names = ["sum", "mean", "maximum", "minimum", "attention"]
    if np.abs(given - padded).max() < 1e-6:
        return "That is what the colleague gets. Which of them did the zeros change?"
    for name, mine, theirs, true in zip(names, given, padded, right, strict=True):
        if abs(mine - true) > 1e-6 and abs(mine - theirs) < 1e-6:
            return f"The {name} still counts the place that was filled up."
    return off_by(given, right)


@checker("3.3")
def _gcn_layer(answer: Callable[[Tensor, Tensor, Tensor], Any]) -> str | None:
    if not callable(answer):
        return "A function of (matrix, H, W) is asked for; give its name without brackets."
    generator = torch.Generator().manual_seed(0)
    matrix = torch.tensor(bipartite_matrix(datasets.load("toy").interactions).toarray()).float()
    features = torch.randn(10, 2, generator=generator)
    weight = torch.randn(2, 3, generator=generator)
    given = as_tensor(answer(matrix.clone(), features.clone(), weight.clone()))
    looped = matrix + torch.eye(10)
    right = _symmetric(looped) @ features @ weight
    if given.shape != right.shape:
        return f"Its shape is {tuple(given.shape)}; {tuple(right.shape)} is asked for."
    mistakes = {
        "The self-loops are missing: add the identity matrix.": _symmetric(matrix),
        "Divide by the degrees: that is the plain sum over neighbours.": looped,
        "The degrees must count the self-loop too.": _divided(looped, matrix.sum(1)),
        "That divides by the degree of the row; take the square roots of both.": looped
        / looped.sum(1, keepdim=True),
    }
    for hint, wrong in mistakes.items():
        if tensors_close(given, wrong @ features @ weight, 1e-5):
            return hint
    if tensors_close(given, right.relu(), 1e-5):
        return "No activation is asked for here."
    if not tensors_close(given, right, 1e-5):
        return "The result is off."
    alone = as_tensor(answer(torch.zeros(1, 1), torch.ones(1, 2), weight.clone()))
    if not tensors_close(alone, torch.ones(1, 2) @ weight, 1e-5):
        return "A node without neighbours should keep H W: its self-loop has weight 1."
    return None


def _divided(matrix: Tensor, degree: Tensor) -> Tensor:
    """A matrix whose entries are divided by the square roots of both degrees."""
    return matrix / torch.sqrt(torch.outer(degree, degree))


def _symmetric(matrix: Tensor) -> Tensor:
    return _divided(matrix, matrix.sum(1))


@checker("3.4")
def _twins(answer: Sequence[Any]) -> str | None:
    if len(answer) != 2:
        return f"Two lists are asked for, not {len(answer)}."
    first, second = (as_array(part).ravel() for part in answer)
    if not (first.size and second.size):
        return "Both lists need at least one number."
    for name, summary in (("mean", np.mean), ("max", np.max), ("min", np.min)):
        if abs(float(summary(first)) - float(summary(second))) > 1e-9:
            return f"The {name} tells them apart."
    if abs(float(first.sum() - second.sum())) <= 1e-9:
        return "The sum cannot tell them apart either."
    return None


def _multiples(first: Tensor, second: Tensor) -> bool:
    """One is the other times a number."""
    factor = (first @ second) / (second @ second)
    return tensors_close(first, factor * second, 1e-4)


@checker("3.5")
def _own_aggregator(answer: Callable[[Tensor], Any]) -> str | None:
    if not callable(answer):
        return "A function of the neighbours' values is asked for; give its name without brackets."
    generator = torch.Generator().manual_seed(0)
    results: list[Tensor] = []
    known: dict[str, list[Tensor]] = {"sum": [], "mean": [], "max": [], "min": []}
    for count in (1, 2, 5, 40):
        values = torch.randn(count, 3, generator=generator)
        given = as_tensor(answer(values.clone()))
        if given.shape != (3,):
            return f"For values of shape ({count}, 3) its shape is {tuple(given.shape)}, not (3,)."
        if not bool(torch.isfinite(given).all()):
            return f"For {count} neighbour{'s' * (count > 1)} it gives nan or infinity."
        for _ in range(5):
            order = torch.randperm(count, generator=generator)
            if not tensors_close(as_tensor(answer(values[order])), given, 1e-4):
                return "The same neighbours in another order give another result."
        if count == 5 and tensors_close(as_tensor(answer(values * 3 - 1)), given, 1e-6):
            return "Other neighbours give the same, if there are as many: look at their values."
        results.append(given)
        for name, summary in zip(
            known, (values.sum(0), values.mean(0), values.amax(0), values.amin(0)), strict=True
        ):
            known[name].append(summary)
    for name, summaries in known.items():
        if _multiples(torch.cat(results), torch.cat(summaries)):
            return f"That is the {name}, or the {name} times a number; invent another."
    try:
        nothing = as_tensor(answer(torch.zeros(0, 3)))
    except (IndexError, RuntimeError):  # what torch raises for the maximum of nothing
        nothing = torch.zeros(0)
    if nothing.shape != (3,) or not bool(torch.isfinite(nothing).all()):
        return "Without any neighbour it should give three finite numbers, for example zeros."
    return None
