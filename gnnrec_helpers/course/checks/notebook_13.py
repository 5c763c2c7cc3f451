"""Exercises of notebook 13."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from ... import datasets
from ...data import FloatArray, Split
from ...evaluation import evaluate
from ...models import EASE
from ...serving import recommend
from ..catalogue import catalogue
from ..listed import Listed
from .claims import as_array
from .exercises import checker, off_by

EXACT, CODES = 10_000_000 * 64 * 4, 10_000_000 * 32 // 2


@checker("13.1")
def _bytes_of_ten_million(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (2,):
        return "Two numbers are asked for: the bytes of the embeddings, and of the codes."
    right = np.array([EXACT, CODES])
    if np.array_equal(given, right):
        return None
    if np.array_equal(given, right[::-1]):
        return "The right two numbers, in the wrong order."
    if np.allclose(given * 10**6, right) or np.allclose(given * 2**20, right, rtol=1e-2):
        return "That is in megabytes; give bytes."
    if given[0] == EXACT and given[1] == 8 * CODES:
        return "The codes are right in bits; a byte has eight."
    if given[0] == EXACT and given[1] == 2 * CODES:
        return "The second is twice too large: one code stands for two numbers."
    if given[1] == CODES:
        return "The first is off: float32 is 32 bits."
    return f"The {'second' if given[0] == EXACT else 'first'} is off."


def contributions(A: FloatArray, X: FloatArray, layers: int, user: int, item: int) -> FloatArray:
    """What each node adds to a score of LightGCN, her own row at her own place."""
    powers = [X]
    for _ in range(layers):
        powers.append(A @ powers[-1])
    target = sum(powers)[item] / (layers + 1)  # type: ignore[index]
    onward = sum(powers[:-1], np.zeros_like(X)) / (layers + 1)
    terms = A[user] * (onward @ target)
    terms[user] = X[user] @ target / (layers + 1)
    return np.asarray(terms)


def small_graph() -> tuple[FloatArray, FloatArray]:
    """The toy graph, normalised, and a table of whole numbers."""
    likes = datasets.load("toy").interactions.to_csr().toarray()
    A = np.block([[np.zeros((5, 5)), likes], [likes.T, np.zeros((5, 5))]])
    degree = A.sum(1)
    X = np.random.default_rng(5).integers(-3, 4, (10, 3)).astype(float)
    return A / np.sqrt(np.outer(degree, degree)), X


@checker("13.2")
def _contributions(answer: Callable[..., Any]) -> str | None:
    if not callable(answer):
        return "A function of A, X, layers, user and item is asked for."
    A, X = small_graph()
    for layers, user, item in ((0, 0, 5), (1, 0, 7), (2, 1, 9), (3, 2, 5)):
        given = as_array(answer(A.copy(), X.copy(), layers, user, item))
        right = contributions(A, X, layers, user, item)
        if given.shape != right.shape:
            return f"Its shape is {given.shape}; a number for each of the 10 nodes is asked for."
        if np.allclose(given, right):
            continue
        if np.allclose(given * (layers + 1), right) or np.allclose(given, right * (layers + 1)):
            return "They are off by the number of layers: each mean divides by layers + 1, once."
        if abs(given.sum() - right.sum()) > 1e-6:
            return (
                f"With {layers} layers they add up to {given.sum():.3f}, "
                f"and the score is {right.sum():.3f}."
            )
        if given[user] != right[user]:
            return "They add up to the score, but the user's own term is w0 times X[user] only."
        return f"They add up to the score, but not node by node, with {layers} layers."
    return None


@cache
def served_and_mended() -> tuple[float, float]:
    """Recall@10 of lists cleaned after the search, and of lists cleaned before it."""
    users, items, rounded, known = catalogue()
    k = 10

    def best(scores: Any, without: Any = None) -> Any:
        scores = scores.astype(float)
        if without is not None:
            np.put_along_axis(scores, without, -np.inf, axis=1)
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]

    exact = best(users @ items.T, known)
    after, before = best(users @ rounded.T), best(users @ rounded.T, known)
    served = [np.isin(e, np.setdiff1d(a, h)).mean() for e, a, h in zip(exact, after, known,
                                                                       strict=True)]  # fmt: skip
    mended = [np.isin(e, b).mean() for e, b in zip(exact, before, strict=True)]
    return float(np.mean(served)), float(np.mean(mended))


@checker("13.3")
def _recall_of_what_is_served(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (2,):
        return "Two numbers are asked for: the recall of what is served now, and of mended lists."
    right = np.array(served_and_mended())
    if np.allclose(given, right, atol=5e-3):
        return None
    if np.allclose(given, right[::-1], atol=5e-3):
        return "The right two numbers, in the wrong order."
    wrong = np.abs(given - right) > 5e-3
    if wrong[0] and given[0] > right[0]:
        return (
            "The first is too large. Of the ten that the index finds, how many does the user "
            "not have? And the exact lists, too, are lists without what she has."
        )
    which = "first" if wrong[0] else "second"
    return f"The {which} is off. " + str(off_by(given[wrong][0], right[wrong][0]))


REGULARIZATION = 95.84  # what validation chose for EASE in notebook 08
LEAST_RECALL, MOST_CALIBRATION, LEAST_DIVERSITY = 0.157, 0.3, 0.766


@cache
def candidates() -> tuple[Split, pd.DataFrame, pd.Series]:
    """MovieLens, a hundred films for everybody, and the genres of films."""
    movies = datasets.load("movielens-small")
    split = movies.interactions.binarize(4.0).split(test=0.2, validation=0.1, seed=0)
    people = split.train.users[split.train.user_degrees() > 0]
    lists = recommend(EASE(split.train, REGULARIZATION), people, k=100)
    assert movies.items is not None
    return split, lists, movies.items["genres"].str.split("|").explode()


@checker("13.4")
def _short_lists(answer: Callable[[pd.DataFrame], pd.DataFrame]) -> str | None:
    if not callable(answer):
        return "A function from lists of a hundred to lists of ten is asked for."
    split, lists, genres = candidates()
    short = answer(lists.copy())
    if not isinstance(short, pd.DataFrame) or not {"user", "rank", "item"} <= set(short.columns):
        return "It should return a table with columns user, rank and item, as rerank does."
    if (short.groupby("user").size() != 10).any() or short["user"].nunique() != len(
        lists["user"].unique()
    ):
        return "Everybody should have ten films."
    if len(short.merge(lists, on=["user", "item"])) < len(short):
        return "Some films are not among the candidates of their user."
    found = evaluate(
        Listed(short, split.train), split, k=10, part="validation",
        metrics=["recall", "calibration", "diversity"], item_groups=genres,
    )  # fmt: skip
    recall, calibration, diversity = found.values()
    if recall < LEAST_RECALL:
        return f"Recall@10 on validation is {recall:.3f}; {LEAST_RECALL} is asked for."
    if calibration > MOST_CALIBRATION:
        return f"Calibration is {calibration:.3f}; at most {MOST_CALIBRATION} is asked for."
    if diversity < LEAST_DIVERSITY:
        return f"Diversity is {diversity:.3f}; {LEAST_DIVERSITY} is asked for."
    return None
