"""Exercises of notebook 01."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ... import datasets
from ...data.splits import Split
from ...evaluation.ranking import METRICS, evaluate
from ...models import ItemKNN, Popularity, Recommender
from ...serving.retrieval import rank
from .claims import as_array
from .exercises import TWO_DIGITS, checker, cut_to_two_digits, number_in, off_by


@checker("1.1")
def _eli_scores(answer: Any) -> str | None:
    likes = datasets.load("toy").interactions
    matrix = likes.to_csr().toarray()
    common, degree = matrix.T @ matrix, matrix.sum(0)
    similarity = common / np.sqrt(np.outer(degree, degree))
    given = as_array(answer).ravel()
    own = likes.items.get_loc("Emma")
    if given.shape == (5,) and given[own] != 0:
        return "Emma is no neighbour of itself: its own similarity does not count."
    np.fill_diagonal(similarity, 0.0)
    right = matrix[likes.users.get_loc("Eli")] @ similarity
    if given.shape == (5,) and (given > 0).sum() > (right > 0).sum():
        return "Too many films have a score: who, apart from Eli, likes Emma, and what else?"
    return off_by(given, right)


@checker("1.2")
def _three_metrics(answer: Any) -> str | None:
    hits = np.array([[False, True, False, False, True]])
    names = ("recall", "mrr", "ndcg")
    right = np.array([float(METRICS[name](hits, np.array([3]))[0]) for name in names])
    given = as_array(answer).ravel()
    if given.shape != (3,):
        return f"Three numbers are asked for, and this has {given.size}."
    within = 1e-3
    if cut_to_two_digits(given, right, within):
        return TWO_DIGITS
    for name, mine, wanted in zip(names, given, right, strict=True):
        if abs(mine - wanted) > within:
            return {
                "recall": "Recall divides the hits by the hidden items, not by the list's length.",
                "mrr": "MRR is one divided by the rank of the first hit.",
                "ndcg": "Recall and MRR are right. For NDCG, three hidden items make an ideal list "
                "with hits at ranks 1, 2 and 3.",
            }[name]
    return None


@cache
def _liked(seed: int) -> Split:
    return datasets.load("movielens-small").interactions.binarize(4.0).split(seed=seed)


@cache
def _covered() -> tuple[Split, list[tuple[Recommender, int, int, int]]]:
    """Models, a k, and how many items the lists have, without train items and with them."""
    split = _liked(3)
    everyone = np.arange(split.train.num_users)
    cases: list[tuple[Recommender, int, int, int]] = []
    for model, k in ((Popularity(split.train), 5), (ItemKNN(split.train), 20)):
        listed, unmasked = (
            len(np.unique(rank(model.scorer(), everyone, k, known).items))
            for known in ([split.train], [])
        )
        cases.append((model, k, listed, unmasked))
    return split, cases


@checker("1.3")
def _coverage(answer: Callable[[Recommender, Split, int], float]) -> str | None:
    if not callable(answer):
        return "A function of (model, split, k) is asked for; give its name without brackets."
    split, cases = _covered()
    for model, k, listed, unmasked in cases:
        given = number_in(answer(model, split, k))
        if abs(given - listed / split.train.num_items) < 1e-6:
            continue
        if abs(given - listed) < 1e-9:
            return "That is a number of items; a share of all items is asked for."
        if abs(given - unmasked / split.train.num_items) < 1e-9:
            return "Train items must not be in the lists: do not use exclude=()."
        known = int((split.train.item_degrees() > 0).sum())
        if min(abs(given - listed / total) for total in (known, split.train.num_users * k)) < 1e-9:
            return "The number of different items is right; divide it by the number of all items."
        if given > 1:
            return "A share cannot exceed 1: count each item once, whoever it is recommended to."
        return f"For {model!r} and k={k} the share is off."
    return None


@cache
def _validated(neighbours: float, shrink: float) -> float:
    split = _liked(0)
    model = ItemKNN(split.train, int(neighbours), shrink)
    return evaluate(model, split, part="validation", metrics=("recall",))["recall@20"]


@checker("1.4")
def _tuned_knn(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (2,):
        return "A pair (neighbours, shrink) is asked for."
    if given[0] < 1 or given[0] % 1 or given[1] < 0:
        return "Neighbours is a whole number from 1 on, and shrink is not negative."
    if given.tolist() == [100, 10]:
        return "Those are the defaults, which you know already. Find another good pair."
    reached, start = _validated(*given.tolist()), _validated(20, 100)
    if reached >= start + 0.025:
        return None
    return (
        f"Validation Recall@20 is {reached:.4f}; from {start:.4f} for (20, 100), reach at least "
        f"{start + 0.025:.4f}."
    )


@checker("1.5")
def _ndcg(answer: Callable[[Any, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (hits, hidden) is asked for; give its name without brackets."
    cases = ([1, 0, 0, 0, 0], 4), ([0, 1, 1], 9), ([0, 0, 0], 2), ([1, 1], 2), ([0, 1] * 10, 12)
    for hits, hidden in cases:
        found = np.array(hits, bool)
        right = float(METRICS["ndcg"](found[None], np.array([hidden]))[0])
        given = number_in(answer(found, hidden))
        if abs(given - right) < 1e-6:
            continue
        discount = 1 / np.log2(np.arange(max(len(hits), hidden)) + 2)
        if abs(given - (found * discount[: len(hits)]).sum() / discount[:hidden].sum()) < 1e-6:
            return (
                "A list shorter than the number of hidden items cannot hold them all: how many "
                "hits can the ideal list have at most?"
            )
        if found.any() and abs(given - _of_the_hits(found)) < 1e-6:
            return "The ideal list is still made of the hits that were found; who was missed?"
        return f"For hits {hits} and {hidden} hidden items it gives {given:.3f}."
    return None


def _of_the_hits(found: np.ndarray) -> float:
    """The flawed one: the ideal is the best order of what was found."""
    discount = 1 / np.log2(np.arange(len(found)) + 2)
    return float((found * discount).sum() / discount[: found.sum()].sum())
