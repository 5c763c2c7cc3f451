"""Exercises of notebook 12."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ... import datasets
from ...data import Interactions
from ...models import EASE, Model
from ...serving import recommend
from .claims import as_array
from .exercises import checker, off_by

KNOWN, K, GOAL = 5, 20, 0.165


@checker("12.1")
def _scores_of_gil(answer: Any) -> str | None:
    likes = datasets.load("toy").interactions.to_csr().toarray()
    given = as_array(answer).ravel()
    if given.shape != (5,):
        return f"Five scores are asked for, one for each film; there are {given.size}."
    together = likes.T @ likes
    sizes = np.sqrt(np.diag(together))
    cosines = together / np.outer(sizes, sizes)
    gil = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    if np.allclose(given, gil @ cosines, atol=5e-3):
        return "A film is not its own neighbour: set the diagonal to zero."
    np.fill_diagonal(together, 0.0)
    if np.allclose(given, gil @ together, atol=5e-3):
        return "Those are counts of people in common: divide by the lengths of both columns."
    np.fill_diagonal(cosines, 0.0)
    right = gil @ cosines
    if np.allclose(given, right, atol=5e-3):
        return None
    return str(off_by(given[np.abs(given - right).argmax()], right[np.abs(given - right).argmax()]))


@checker("12.2")
def _solves_for_her(answer: Callable[..., Any]) -> str | None:
    if not callable(answer):
        return "A function half_step(Y, films, w, damping) is asked for."
    generator = np.random.default_rng(7)
    table, films, weight, damping = generator.standard_normal((9, 3)), [1, 4, 6], 0.3, 0.7
    given = as_array(answer(table, np.array(films), weight, damping)).ravel()
    if given.shape != (3,):
        return f"An embedding of 3 numbers is asked for; there are {given.size}."

    def solved(everywhere: float, ridge: float) -> np.ndarray:
        left = table[films].T @ table[films] + everywhere * table.T @ table + ridge * np.eye(3)
        return np.asarray(np.linalg.solve(left, table[films].sum(0)))

    if np.allclose(given, solved(weight, damping), atol=1e-4):
        return None
    if np.allclose(given, solved(0.0, damping), atol=1e-4):
        return "All films count a little, also those she does not know: w times Y.T @ Y is missing."
    if np.allclose(given, solved(weight, 0.0), atol=1e-4):
        return "The damping is missing on the diagonal."
    return "It does not solve the equation: which films are summed on the left, which on the right?"


@cache
def _likes() -> Interactions:
    return datasets.load("movielens-small").interactions.binarize(4.0)


def new_users(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The test and the validation users of section 3."""
    enough = np.flatnonzero(_likes().user_degrees() >= 12)
    drawn = np.random.default_rng(seed).permutation(enough)
    return drawn[: len(enough) // 5], drawn[len(enough) // 5 : len(enough) * 3 // 10]


def recall_of(model: Any, users: np.ndarray, known: int, seed: int | None = None) -> float:
    """Mean Recall@20 of users whose first films are known, on all their others.

    The films are in the order of their labels or, with a seed, in a random one.
    """
    likes = _likes()
    films = {user: likes.items_of(user).tolist() for user in likes.users[users].tolist()}
    if seed is not None:
        generator = np.random.default_rng(seed)
        films = {user: generator.permutation(all_of).tolist() for user, all_of in films.items()}
    histories = {user: all_of[:known] for user, all_of in films.items()}
    lists = recommend(model, histories=histories, k=K, unknown="popular")
    listed = lists.groupby("user")["item"].apply(set)
    return float(np.mean([len(listed[user] & set(all_of[known:])) / len(all_of[known:])
                          for user, all_of in films.items()]))  # fmt: skip


@cache
def leaking_and_honest() -> tuple[float, float]:
    """The figures of exercise 12.3."""
    likes, (test, _) = _likes(), new_users()
    unseen = likes.select(~np.isin(likes.user_index, test))
    leaking, honest = (recall_of(EASE(train, 500.0), test, 10) for train in (likes, unseen))
    return leaking, honest


@checker("12.3")
def _without_the_leak(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (2,):
        return "Two figures are asked for: the colleague's, and that of an unseeing model."
    right = np.array(leaking_and_honest())
    # (validation users may be left out of train, too)
    if abs(given[0] - right[0]) <= 5e-3 and abs(given[1] - right[1]) <= 0.015:
        return None
    if np.allclose(given, right[::-1], atol=1e-2):
        return "The right two numbers, in the wrong order."
    if abs(given[0] - given[1]) <= 5e-3:
        return "Both are figures of the same model: did the second one see the test users?"
    which = 0 if abs(given[0] - right[0]) > 5e-3 else 1
    return f"The {('first', 'second')[which]} is off. {off_by(given[which], right[which])}"


@checker("12.4")
def _for_two_films(answer: Any) -> str | None:
    if not isinstance(answer, Model):
        return "A model is asked for: one of gnnrec_helpers.models."
    test, validation = new_users()
    seen = answer.interactions
    if not seen.users.equals(_likes().users):
        return "Build it from `train` of section 3, which has all users in its labels."
    if seen.user_degrees()[np.concatenate([test, validation])].any():
        return "It has seen likes of new users: build it from `train` of section 3."
    try:
        found = recall_of(answer, validation, KNOWN, seed=0)
    except TypeError as error:
        return str(error)
    if found >= GOAL:
        return None
    return f"It reaches {found:.3f} on the validation users, and {GOAL} is asked for."
