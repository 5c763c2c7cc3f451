"""Exercises of notebook 05."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from ... import datasets
from ...data.interactions import IntArray, Interactions
from ...engine.sampling import Negatives
from ...training import History
from .claims import as_array
from .exercises import checker, number_in, off_by


@checker("5.1")
def _cem_scores(answer: Any) -> str | None:
    films = np.array([[2, 0], [2, 0], [0, 2], [2, 1], [0, 2]])
    given = as_array(answer).ravel()
    if given.shape == (5,) and np.array_equal(given, films @ [1, 2]):
        return "Those are the scores of Dia, whose vector is (1, 2)."
    return off_by(given, films @ [1, 1])


@checker("5.2")
def _bpr(answer: Callable[[Tensor, Tensor], Any]) -> str | None:
    if not callable(answer):
        return "A function of (positive, negative) is asked for; give its name without brackets."
    positive = torch.tensor([[1.0, -0.5], [2.0, 0.3]], dtype=torch.float64)
    negative = torch.tensor([[0.2, 0.4], [-1.0, 0.3]], dtype=torch.float64)
    right = float(softplus(negative - positive).mean())
    given = as_array(answer(positive, negative))
    if given.size != 1:
        return f"One number, the mean, is asked for; this returns shape {given.shape}."
    value = number_in(given)
    if abs(value - right * positive.numel()) < 1e-9:
        return "That is the sum over triples; the mean is asked for."
    if abs(value + right) < 1e-9:
        return "The sign is wrong: a loss gets smaller as the margin grows."
    if abs(value - float(softplus(positive - negative).mean())) < 1e-9:
        return "The margin is positive minus negative, not the other way round."
    if abs(value - right) > 1e-6:
        return "It is not -ln(sigmoid(positive - negative)), averaged."
    far = number_in(answer(torch.tensor([0.0]), torch.tensor([200.0])))
    if not abs(far - 200) < 1e-3:
        return f"For a margin of -200 it gives {far:g}: sigmoid underflows; there is logsigmoid."
    return None


@checker("5.3")
def _negatives(
    answer: Callable[[Interactions, IntArray, np.random.Generator], Any],
) -> str | None:
    if not callable(answer):
        return "A function of (train, users, generator) is asked for."
    train = datasets.load("toy").interactions
    users = np.repeat(np.arange(train.num_users), 200)
    first, second, other = (
        as_array(answer(train, users, np.random.default_rng(seed))) for seed in (5, 5, 6)
    )
    if first.size != users.size:
        return f"{users.size} users were given and {first.size} films came back."
    drawn = first.reshape(users.shape).astype(np.int64)
    if drawn.min() < 0 or drawn.max() >= train.num_items:
        return "A film position must lie between 0 and train.num_items - 1."
    liked = Negatives(train).is_known(users, drawn)
    if liked.any():
        return f"{int(liked.sum())} of {users.size} drawn films are liked by their user."
    pairs = train.num_users * train.num_items - len(train)
    if len(np.unique(users * train.num_items + drawn)) < pairs:
        return "Some films that a user does not know are never drawn for her."
    if not np.array_equal(first, second):
        return "The same generator gave other films the second time: use it for all randomness."
    if np.array_equal(first, other):
        return "Another generator gave the same films: use the one that is given."
    return None


@checker("5.4")
def _prior(answer: Any) -> str | None:
    given = number_in(as_array(answer))
    if abs(given - 25) < 1e-6:
        return "25 is the variance, and the variance is one divided by λ."
    if abs(given - 0.2) < 1e-6:
        return "0.2 belongs to a variance of 5; 5 is the standard deviation."
    return None if abs(given - 0.04) < 1e-6 else "The variance is 1/λ, and the square of 5."


@checker("5.5")
def _one_table(answer: Callable[..., Any]) -> str | None:
    if not callable(answer):
        return "A function is asked for; give its name without brackets."
    table = (
        torch.linspace(-1, 1, 18, dtype=torch.float64).square().reshape(9, 2)
    )  # 4 users, 5 items
    users, positives, negatives = (torch.tensor(x) for x in ([0, 3, 2], [0, 4, 2], [1, 0, 4]))
    items = table[4:]
    margin = (table[users] * (items[positives] - items[negatives])).sum(1)
    given = as_array(answer(table, 4, users, positives, negatives))
    if given.size != 1:
        return f"One number, the mean, is asked for; this returns shape {given.shape}."
    as_written = (table[users] * (table[positives] - table[negatives])).sum(1)
    if abs(number_in(given) - float(softplus(-as_written).mean())) < 1e-9:
        return "That is the loss as it was. Which rows of the table does it read for the items?"
    for one in (items[positives] - table[negatives], table[positives] - items[negatives]):
        if abs(number_in(given) - float(softplus(-(table[users] * one).sum(1)).mean())) < 1e-9:
            return "One of the two films is read from its own row; the other is not yet."
    if abs(number_in(given) - float(softplus(-margin).mean())) > 1e-6:
        return "It is not yet the mean BPR loss of these triples."
    return None


@checker("5.6")
def _better_mf(answer: Any) -> str | None:
    if not isinstance(answer, History):
        return "The History that fit returns is asked for."
    if answer.best is None:
        return "The split had no validation part, so nothing was chosen."
    if answer.best < 0.235:
        return (
            f"Validation Recall@20 is {answer.best:.4f}; reach .235. Leave all of fit's settings "
            "at their defaults first, the loss among them."
        )
    return None
