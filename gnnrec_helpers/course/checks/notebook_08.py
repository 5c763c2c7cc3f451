"""Exercises of notebook 08."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .claims import as_array
from .exercises import checker, off_by


@checker("8.1")
def _two_ndcgs(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (2,):
        return "Two numbers are asked for: NDCG as in this course, and as in the code of NGCF."
    gains = 1 / np.log2(np.arange(5) + 2)
    dcg = gains[0] + gains[2]
    right = np.array([dcg / gains[:4].sum(), dcg / gains[:2].sum()])
    if np.allclose(given, right[::-1], atol=1e-3):
        return "The right two numbers, in the wrong order."
    if abs(given[0] - dcg / gains.sum()) < 1e-3:
        return "The best list of five has four hits: there are no more."
    if abs(given[0] - dcg) < 1e-3:
        return "That is the gain; it is to be divided by the best possible."
    wrong = np.abs(given - right) > 1e-3
    if not wrong.any():
        return None
    which = "first" if wrong[0] else "second"
    return f"The {which} is off. " + str(off_by(given[wrong][0], right[wrong][0]))


@checker("8.2")
def _ridge(answer: Callable[[np.ndarray, float], Any]) -> str | None:
    if not callable(answer):
        return "A function of (R, c) is asked for."
    likes = (np.random.default_rng(0).random((12, 5)) < 0.4).astype(float)
    together = likes.T @ likes
    for penalty in (1.0, 10.0):
        right = np.linalg.solve(together + penalty * np.eye(5), together)
        given = as_array(answer(likes.copy(), penalty))
        if given.shape != (5, 5):
            return f"Its shape is {given.shape}; a weight for every two films is asked for, (5, 5)."
        if np.allclose(given, right, atol=1e-8):
            continue
        inverse = np.linalg.inv(together + penalty * np.eye(5))
        ease = -inverse / np.diag(inverse)
        np.fill_diagonal(ease, 0.0)
        if np.allclose(given, ease, atol=1e-8):
            return "That is EASE: here a film may predict itself."
        off_diagonal = right.copy()
        np.fill_diagonal(off_diagonal, 0.0)
        if np.allclose(given, off_diagonal, atol=1e-8):
            return "Leave the diagonal as it comes out."
        if np.allclose(given, inverse, atol=1e-8):
            return "The right-hand side is missing: it is R.T R on both sides."
        return "It is off: solve (R.T R + c I) B = R.T R."
    return None


@checker("8.3")
def _tuned(answer: Any) -> str | None:
    settings, values = getattr(answer, "settings", None), getattr(answer, "values", None)
    if settings is None or values is None:
        return "What `tune` returns is asked for."
    if answer.metric != "recall@20":
        return f"It measured {answer.metric}; recall@20 is asked for."
    if not all("alpha" in setting for setting in settings):
        return "A GraphFilter is asked for; `alpha` is one of its parameters."
    if len(values) > 30:
        return f"It tried {len(values)} settings; 30 are allowed."
    if answer.value < WANTED:
        return f"Validation Recall@20 is {answer.value:.4f}; reach {WANTED:.3f}."
    return None


@checker("8.4")
def _on_the_edge(answer: Any) -> str | None:
    if isinstance(answer, str):
        answer = [answer]
    try:
        given = {str(name).strip().lower() for name in answer}
    except TypeError:
        return "Names of models are asked for, such as ['EASE']."
    right = {"itemknn", "mf"}
    if given == right:
        return None
    if inside := given & {"ease", "the new model"}:
        return f"The best value of {sorted(inside)[0]!r} lies between two that are worse."
    if unknown := given - right:
        return f"There is no model {sorted(unknown)[0]!r} in the table."
    return "There is another one: look at every setting of every model."


WANTED = 0.235
