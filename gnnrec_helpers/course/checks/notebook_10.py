"""Exercises of notebook 10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...training import History
from .claims import as_array, as_tensor, tensors_close
from .exercises import checker, number_in, off_by


@checker("10.1")
def _entries(answer: Any) -> str | None:
    given = number_in(answer)
    if given == 3:
        return "Those are the pairs; each is heard in both directions."
    if given in (4, 8):
        return "Two of the facts link the same two entities, which the model cannot tell apart."
    return off_by(given, 6)


@checker("10.2")
def _as_eli_sees_it(answer: Any) -> str | None:
    given = number_in(answer)
    weights = np.exp([0.0, 2.0]) / np.exp([0.0, 2.0]).sum()
    if abs(given - np.tanh(1 + weights[1])) < 1e-3:
        return "That is the second number of the film; the score is its product with (0, 2)."
    if abs(given - 2 * (1 + weights[1])) < 1e-3:
        return "The tanh is missing."
    if abs(given - 2 * np.tanh(1 + weights[0])) < 1e-3:
        return "That is Ana's attention: Eli cares for the genre."
    return off_by(given, 2 * np.tanh(1 + weights[1]), within=1e-3)


@checker("10.3")
def _transr(answer: Callable[[Tensor, Tensor, Tensor, Tensor], Any]) -> str | None:
    if not callable(answer):
        return "A function of (head, relation, tail, matrix) is asked for."
    draw = torch.Generator().manual_seed(0)
    for n, dim, k in ((4, 3, 3), (5, 3, 2)):
        head, tail = torch.randn(2, n, dim, generator=draw)
        relation, matrix = torch.randn(k, generator=draw), torch.randn(k, dim, generator=draw)
        ends = torch.stack([matrix @ (h - t) for h, t in zip(head, tail, strict=True)])
        right = (ends + relation).square().sum(1)
        try:
            given = as_tensor(answer(head, relation, tail, matrix))
        except RuntimeError as error:
            return f"With head of shape {(n, dim)} and matrix of {(k, dim)}: {error}"
        if given.shape != right.shape:
            return f"Its shape is {tuple(given.shape)}; one number per fact is asked for, ({n},)."
        if tensors_close(given, right.sqrt(), 1e-4):
            return "That is the length; d is its square."
        if tensors_close(given, (ends - relation).square().sum(1), 1e-4):
            return "The relation is added to the head, not to the tail."
        if k == dim and tensors_close(
            given, ((head - tail) @ matrix + relation).square().sum(1), 1e-4
        ):
            return "The matrix is applied from the wrong side: W e is `e @ W.T` for rows."
        if not tensors_close(given, right, 1e-4):
            return "It is off: turn head and tail, add the relation, square and add up."
    return None


@checker("10.4")
def _auc(answer: Callable[[np.ndarray, np.ndarray], Any]) -> str | None:
    if not callable(answer):
        return "A function of (positive, negative) is asked for."
    for positive, negative, what in (
        ([3.0, 1.0], [2.0, 0.0], "[3, 1] against [2, 0]"),
        ([1.0, 1.0, 2.0], [1.0], "[1, 1, 2] against [1]"),
        ([0.0], [1.0, 2.0, 3.0], "[0] against [1, 2, 3]"),
    ):
        pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positive for n in negative]
        given = as_array(answer(np.array(positive), np.array(negative)))
        if given.size != 1:
            return f"Its shape is {given.shape}; one number is asked for."
        strict = np.mean([value == 1.0 for value in pairs])
        area = number_in(given)
        if abs(area - np.mean(pairs)) > 1e-6:
            if abs(area - strict) < 1e-6:
                return "Equal numbers count one half."
            return f"For {what} it gives {area:.3f}, not {np.mean(pairs):.3f}."
    return None


@checker("10.5")
def _better_with_facts(answer: Any) -> str | None:
    if not isinstance(answer, History):
        return "The History that fit returns is asked for."
    if answer.watched != "recall@20" or answer.best is None:
        return "A History with validation Recall@20 is asked for."
    if answer.best < 0.345:
        return f"Validation Recall@20 is {answer.best:.4f}; reach .345."
    return None


@checker("10.6")
def _edges_of_facts(answer: Callable[..., Any]) -> str | None:
    if not callable(answer):
        return "A function of (heads, relations, tails, num_relations) is asked for."
    heads, relations, tails = (np.array(x) for x in ([0, 1, 1, 2], [0, 0, 2, 1], [3, 3, 4, 4]))
    given = answer(heads.copy(), relations.copy(), tails.copy(), 3)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return "Three arrays are asked for: sources, relations, targets."
    found = [as_array(part).ravel() for part in given]
    if len({len(part) for part in found}) != 1:
        return "The three arrays have different lengths."
    edges = sorted(zip(*(part.astype(int).tolist() for part in found), strict=True))
    facts = list(zip(heads.tolist(), relations.tolist(), tails.tolist(), strict=True))
    back = [(tail, relation, head) for head, relation, tail in facts]
    if edges == sorted(facts):
        return "Those are the edges of the colleague: films hear from nobody."
    if edges == sorted(facts + back):
        return "An edge back has the relation of the fact; it needs one of its own."
    right = facts + [(source, relation + 3, target) for source, relation, target in back]
    if edges != sorted(right):
        return f"{len(facts)} facts should give {len(right)} edges, there and back."
    return None
