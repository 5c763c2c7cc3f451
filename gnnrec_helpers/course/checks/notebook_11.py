"""Exercises of notebook 11."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from ... import datasets
from ...data import Interactions, Split
from ...evaluation import evaluate
from .claims import as_array
from .exercises import checker, number_in, off_by

GOAL = 0.136  # of exercise 11.6; the tag profile reaches .133


@checker("11.1")
def _paired(answer: Callable[[np.ndarray, np.ndarray], Any]) -> str | None:
    if not callable(answer):
        return "A function of (one, other) is asked for."
    one, other = np.random.default_rng(1).random((2, 40))
    difference = one - other
    mean, spread = difference.mean(), difference.std(ddof=1)
    given = as_array(answer(one.copy(), other.copy())).ravel()
    if given.shape != (2,):
        return "Two numbers are asked for: the mean difference and half of the interval's width."
    if abs(given[0] + mean) < 1e-9 and abs(mean) > 1e-9:
        return "The difference is one - other, not the reverse."
    half = 1.96 * spread / np.sqrt(len(one))
    if np.allclose(given, [mean - half, mean + half]):
        return "Those are the ends of the interval; its middle and half of its width are asked for."
    if abs(given[0] - mean) > 1e-9:
        return off_by(given[0], mean)
    separate = 1.96 * np.sqrt(one.var(ddof=1) + other.var(ddof=1)) / np.sqrt(len(one))
    for wrong, hint in (
        (separate, "That is for two groups of different users; these are the same users twice."),
        (1.96 * spread, "That is how users spread; the mean spreads less, by the root of n."),
        (2 * half, "That is the whole width; half of it is asked for."),
        (half / 1.96, "That is the standard error; the interval is 1.96 of them to each side."),
        (1.96 * difference.std() / np.sqrt(len(one)), "Use ddof=1 for the standard deviation."),
    ):
        if abs(given[1] - wrong) < 1e-9:
            return hint
    return off_by(given[1], half)


@checker("11.2")
def _luck(answer: Any) -> str | None:
    given = number_in(answer)
    if abs(given - 1.63) < 1e-6:
        return "That is in standard deviations; one is 0.003."
    return off_by(given, 1.63 * 0.003, within=1e-4)


@checker("11.3")
def _holm(answer: Callable[[Any], Any]) -> str | None:
    if not callable(answer):
        return "A function of p is asked for."
    for p, right in (
        ([0.01, 0.02, 0.04], [0.03, 0.04, 0.04]),
        ([0.04, 0.01, 0.03], [0.06, 0.03, 0.06]),
        ([0.6, 0.5], [1.0, 1.0]),
        ([0.7, 0.6], [1.0, 1.0]),
    ):
        given = as_array(answer(np.array(p))).ravel()
        if given.shape != (len(p),):
            return f"For {p} it gives {len(given)} numbers, not {len(p)}."
        if np.allclose(given, right):
            continue
        if np.allclose(given, np.minimum(np.array(p) * len(p), 1)):
            return "That multiplies every p by the number of tests (Bonferroni)."
        if np.allclose(np.sort(given), right) or np.allclose(np.sort(given), np.sort(right)):
            return f"For {p} the numbers are right, but not in the order of p."
        if (given > 1).any():
            return "None may exceed 1."
        order = np.argsort(p)
        if np.allclose(given[order], np.array(p)[order] * np.arange(len(p), 0, -1)):
            return f"For {p}, one falls below the one before it: {given[order].round(3).tolist()}."
        return f"For {p} it gives {given.round(3).tolist()}, not {right}."
    return None


@checker("11.4")
def _shuffled(answer: Callable[[pd.DataFrame, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (facts, seed) is asked for."
    heads = np.repeat(np.arange(30), np.arange(30) % 4 + 1)
    tails = np.array(["jazz", "rock", "live"])[
        np.random.default_rng(0).integers(3, size=len(heads))
    ]
    facts = pd.DataFrame({"head": heads, "relation": "tagged", "tail": tails})
    before = facts.copy()
    given = answer(facts, 0)
    if not facts.equals(before):
        return "It changed the facts that it was given."
    if not isinstance(given, pd.DataFrame) or list(given) != list(facts):
        return "A frame with the columns head, relation, tail is asked for."
    for column in ("head", "tail"):
        now, then = (frame[column].value_counts().sort_index() for frame in (given, facts))
        if not now.equals(then):
            return f"A {column} does not occur as often as before."
    if given.reset_index(drop=True).equals(facts):
        return "Nothing was shuffled."
    if not answer(facts, 0).reset_index(drop=True).equals(given.reset_index(drop=True)):
        return "The same seed gives something else the second time."
    pairs = (set(map(tuple, frame[["head", "tail"]].to_numpy())) for frame in (given, facts))
    if len(set.symmetric_difference(*pairs)) == 0:
        return "Whole rows were shuffled: who has which tag is as before."
    if answer(facts, 1).reset_index(drop=True).equals(given.reset_index(drop=True)):
        return "The seed makes no difference."
    return None


@checker("11.5")
def _without_leak(answer: Callable[[pd.DataFrame, pd.DataFrame], Any]) -> str | None:
    if not callable(answer):
        return "A function of (tags, train) is asked for."
    tags = pd.DataFrame(
        [("Ana", 1, "rock"), ("Ana", 2, "jazz"), ("Ben", 2, "live"), ("Ben", 1, "rock"),
         ("Cem", 3, "folk"), ("Cem", 2, "live")],
        columns=["user", "artist", "tag"],
    )  # fmt: skip
    train = pd.DataFrame(
        [("Ana", 1), ("Ben", 2), ("Ben", 2), ("Ben", 3), ("Cem", 2)], columns=["user", "artist"]
    )
    given = answer(tags.copy(), train.copy())
    if not isinstance(given, pd.DataFrame) or not {"head", "relation", "tail"} <= set(given):
        return "A frame with the columns head, relation, tail is asked for."
    found = sorted(map(tuple, given[["head", "tail"]].to_numpy().tolist()))
    if found == [(1, "rock"), (2, "jazz"), (2, "live"), (3, "folk")]:
        return "All tags are still there."
    if found == [(1, "rock"), (2, "jazz"), (2, "live")]:
        return "It is not enough that somebody has the artist in train."
    if (3, "folk") in found:
        return "Cem gave a tag to artist 3, which is not among his in train."
    if len(found) > len(set(found)):
        return "A fact is there more than once."
    return None if found == [(1, "rock"), (2, "live")] else "A tag of a pair in train is missing."


@cache
def _listens() -> Split:
    """The split of the notebook."""
    listens = datasets.load("lastfm-2k").interactions.binarize(1)
    return listens.split(test=0.1, validation=0.1, seed=0)


@checker("11.6")
def _better_with_five(answer: Any) -> str | None:
    if not callable(getattr(answer, "score", None)):
        return "An object with score(users) is asked for."
    seen = getattr(answer, "interactions", None)
    if not isinstance(seen, Interactions):
        return "Its attribute `interactions` has to be `shown.train`."
    if seen.user_degrees().max() > 5:
        return "It was built from more than five artists of a user: use `shown.train`."
    found = evaluate(answer, _listens(), 10, part="validation", metrics=("recall",))["recall@10"]
    if found >= GOAL:
        return None
    return f"It reaches {found:.4f} on validation, and {GOAL} is asked for."
