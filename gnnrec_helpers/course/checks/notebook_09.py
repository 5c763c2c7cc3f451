"""Exercises of notebook 09."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ...training import History
from .claims import as_array, as_tensor, tensors_close
from .exercises import checker, number_in, off_by


@checker("9.1")
def _friend_weight(answer: Any) -> str | None:
    given, right = number_in(answer), 0.5 / np.sqrt(3)
    if abs(given - 1 / np.sqrt(3)) < 1e-3:
        return "That is the entry of the friendships; a friend counts half of it here."
    if abs(given - 0.25) < 1e-3:
        return "Ben has one friend more than before."
    if abs(given - 0.5 / 3) < 1e-3:
        return "The entry divides by the square root of both numbers of friends."
    return off_by(given, right, within=1e-3)


@checker("9.2")
def _diffused(answer: Any) -> str | None:
    try:
        given = as_array(answer).ravel()
    except (TypeError, ValueError):  # a dict, a string, ...
        return "Two numbers are asked for, as a list: Eli's, then Ana's."
    right = np.array([13.0, 10.0])
    if given.shape != (2,):
        return "Two numbers are asked for, Eli's and Ana's."
    if np.allclose(given, right[::-1]):
        return "Those are the right numbers in the other order."
    if np.allclose(given, [3, 4]):
        return "That is what friends bring; the mean of the films comes on top."
    if np.allclose(given, [16, 14]):
        return "Friends bring their mean, not their sum."
    if np.allclose(given, [13, 8]):
        return "What friends bring is added to the number that a user has herself."
    if np.allclose(given, [13, 12]) or np.allclose(given, [23, 16]):
        return "Here a film keeps its number: it hears from nobody, and comes in once, at the end."
    return off_by(given, right)


@checker("9.3")
def _softmax_by_owner(answer: Callable[[Tensor, Tensor, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (scores, owner, count) is asked for."
    owner = torch.tensor([0, 0, 2, 2, 2, 3])
    scores = torch.randn(6, generator=torch.Generator().manual_seed(2))
    right = torch.cat([scores[owner == one].softmax(0) for one in (0, 2, 3)])
    given = as_tensor(answer(scores.clone(), owner.clone(), 5))
    if given.shape != right.shape:
        return f"Its shape is {tuple(given.shape)}; one weight per edge is {tuple(right.shape)}."
    if tensors_close(given, scores.softmax(0), 1e-5):
        return "The weights of all edges together add up to 1; those of each owner should."
    if not tensors_close(given, right, 1e-5):
        return "The weights are off: each is exp(score), divided by the sum of these of its owner."
    large = as_tensor(answer(1000 * scores, owner.clone(), 5))
    right_large = torch.cat([(1000 * scores[owner == one]).softmax(0) for one in (0, 2, 3)])
    if not tensors_close(large, right_large, 1e-5):
        found = "are off" if bool(large.isfinite().all()) else "give nan"
        return (
            f"Scores of a thousand {found}: subtract from each score its own owner's largest first."
        )
    shuffled = torch.tensor([5, 2, 0, 4, 1, 3])
    again = as_tensor(answer(scores[shuffled], owner[shuffled], 5))
    if not tensors_close(again, right[shuffled], 1e-5):
        return "It is off where the edges of an owner do not lie together."
    return None


@checker("9.4")
def _left_out(answer: Callable[[np.ndarray, float, float], Any]) -> str | None:
    if not callable(answer):
        return "A function of (ratings, mean, regularization) is asked for."
    for ratings, mean, pull in (
        (np.array([5.0, 4.0, 1.0]), 3.0, 2.0),
        (np.array([4.0]), 3.5, 1.0),
        (np.array([4.0, 4.0, 1.0]), 3.0, 2.0),
    ):
        several = len(ratings) > 1
        others = [np.delete(ratings, k) for k in range(len(ratings))]
        right = np.array([mean + (r - mean).sum() / (len(r) + pull) for r in others])
        given = as_array(answer(ratings.copy(), mean, pull))
        if given.shape != ratings.shape:
            return f"Its shape is {given.shape}; one number per rating is {ratings.shape}."
        fitted = mean + (ratings - mean).sum() / (len(ratings) + pull)
        if several and np.allclose(given, fitted):
            return "That uses all ratings each time; the one that is predicted must be left out."
        if several and np.allclose(given, [r.mean() for r in others]):
            return "That is the plain mean of the others; the pull towards the mean is missing."
        if several and np.allclose(given, right - mean):
            return "That is the user's number alone; the mean is still to be added."
        n = len(ratings)
        if several and np.allclose(given - mean, (right - mean) * (n - 1 + pull) / (n + pull)):
            return "The sum lacks the rating, but n still counts it."
        if not np.isfinite(given).all():
            return "With a single rating nothing else is left, and the mean should be said."
        unequal = [ratings[ratings != rating] for rating in ratings]
        by_value = [mean + (r - mean).sum() / (len(r) + pull) for r in unequal]
        if not np.allclose(given, right) and np.allclose(given, by_value):
            return "Equal ratings are left out together; only the one at this place should be."
        if not np.allclose(given, right):
            return f"With {n} rating{'s' if several else ''} it is off."
    return None


@checker("9.5")
def _better_with_friends(answer: Any) -> str | None:
    if not isinstance(answer, History):
        return "The History that fit returns is asked for."
    if answer.watched != "recall@20" or answer.best is None:
        return "A History with validation Recall@20 is asked for."
    if answer.best < 0.275:
        return f"Validation Recall@20 is {answer.best:.4f}; reach .275."
    return None


@checker("9.6")
def _rewired(answer: Callable[[pd.DataFrame, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (links, seed) is asked for."
    ends = np.random.default_rng(0).integers(0, 12, (2, 40))
    once = {(min(pair), max(pair)) for pair in ends.T.tolist() if pair[0] != pair[1]}
    both = sorted({*once, *((friend, user) for user, friend in once)})
    links = pd.DataFrame(both, columns=["user", "friend"])
    before = links.copy()
    given = answer(links, 0)
    if not links.equals(before):
        return "It changed the links that it was given."
    if not isinstance(given, pd.DataFrame) or not {"user", "friend"} <= set(given):
        return "A frame with the columns user and friend is asked for."
    if len(given) != len(links):
        return f"{len(links)} links were given, and {len(given)} came back."
    there = given.value_counts(["user", "friend"])
    back = given.value_counts(["friend", "user"]).rename_axis(["user", "friend"])
    if not there.sort_index().equals(back.sort_index()):
        return "A friendship is there in one direction and not in the other."
    counts = [frame["user"].value_counts().sort_index() for frame in (given, links)]
    if not counts[0].equals(counts[1]):
        return "Somebody has not as many friends as before."
    if set(map(tuple, given[["user", "friend"]].to_numpy())) == set(both):
        return "The friends are those of before."
    if answer(links, 0).equals(answer(links, 1)):
        return "The seed makes no difference."
    return None
