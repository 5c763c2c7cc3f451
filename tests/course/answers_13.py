"""Answers to the exercises of notebook 13: right ones in two forms, wrong ones and hints."""

import numpy as np

from gnnrec_helpers.course.checks.notebook_13 import candidates, contributions, served_and_mended
from gnnrec_helpers.serving import rerank


def by_paths(A, X, layers, user, item):
    """Every path written down: the edges of each, times the row where it ends."""
    target = sum(np.linalg.matrix_power(A, n) @ X for n in range(layers + 1))[item] / (layers + 1)
    found = np.zeros(len(X))
    found[user] = X[user] @ target / (layers + 1)
    paths = [(node, node, A[user, node]) for node in np.flatnonzero(A[user])]
    for _ in range(layers):
        for first, last, strength in paths:
            found[first] += strength * (X[last] @ target) / (layers + 1)
        paths = [(first, node, strength * A[last, node]) for first, last, strength in paths
                 for node in np.flatnonzero(A[last])]  # fmt: skip
    return found


def with_all_layers(A, X, layers, user, item):
    """The last layer is passed on, too."""
    more = contributions(A, X, layers + 1, user, item) * (layers + 2)
    return more / (layers + 1)


def evenly(A, X, layers, user, item):
    terms = contributions(A, X, layers, user, item)
    there = (A[user] > 0) & (layers > 0)
    there[user] = True
    return np.where(there, terms.sum() / there.sum(), 0)


def own_left_over(A, X, layers, user, item):
    terms = contributions(A, X, layers, user, item)
    first = np.flatnonzero(A[user])[0] if layers > 0 else user
    moved = terms[first] / 2 if layers > 0 else 0.0
    terms[first] -= moved
    terms[user] += moved
    return terms


def swapped(A, X, layers, user, item):
    terms = contributions(A, X, layers, user, item)
    ends = np.flatnonzero(A[user])
    terms[ends] = terms[ends[::-1]] if layers > 1 else terms[ends]
    return terms


def genres():
    return candidates()[2]


def calibrated(trade_off):
    return lambda lists: rerank(
        lists, 10, "calibrated", trade_off=trade_off,
        interactions=candidates()[0].train, item_groups=genres(),
    )  # fmt: skip


def varied(lists):
    return rerank(lists, 10, trade_off=0.7, interactions=candidates()[0].train)


def first_ten(lists):
    return lists[lists["rank"] <= 10]


def last_ten(lists):
    return lists[lists["rank"] > 90].assign(rank=lambda some: some["rank"] - 90)


def of_one(lists):
    return first_ten(lists)[lambda some: some["user"] == some["user"].iloc[0]]


def others(lists):
    return first_ten(lists).assign(item=lambda some: some["item"].to_numpy()[::-1])


BYTES = (2_560_000_000, 160_000_000)
RECALLS = served_and_mended()

RIGHT = [
    ("13.1", BYTES),
    ("13.1", [10_000_000 * 64 * 4.0, 10_000_000 * 16.0]),
    ("13.2", contributions),
    ("13.2", by_paths),
    ("13.3", RECALLS),
    ("13.3", [round(recall, 2) for recall in RECALLS]),
    ("13.4", calibrated(0.7)),
    ("13.4", lambda lists: calibrated(0.7)(lists)[["user", "rank", "item"]]),
]
WRONG = [
    ("13.1", 3, "Two numbers"),
    ("13.1", BYTES[::-1], "wrong order"),
    ("13.1", (2560, 160), "megabytes"),
    ("13.1", (BYTES[0], 8 * BYTES[1]), "a byte has eight"),
    ("13.1", (BYTES[0], 2 * BYTES[1]), "two numbers"),
    ("13.1", (2 * BYTES[0], BYTES[1]), "first is off"),
    ("13.1", (BYTES[0], 5), "second is off"),
    ("13.2", 3, "A function"),
    ("13.2", lambda A, X, layers, user, item: 1.0, "each of the 10 nodes"),
    ("13.2", lambda *given: contributions(*given) * (given[2] + 1), "number of layers"),
    ("13.2", with_all_layers, "the score is"),
    ("13.2", own_left_over, "own term"),
    ("13.2", evenly, "own term"),
    ("13.2", swapped, "not node by node"),
    ("13.3", 0.78, "Two numbers"),
    ("13.3", RECALLS[::-1], "wrong order"),
    ("13.3", (0.78, RECALLS[1]), "first is too large"),
    ("13.3", (0.1, RECALLS[1]), "first is off"),
    ("13.3", (RECALLS[0], 0.9), "second is off"),
    ("13.4", 0.7, "A function"),
    ("13.4", lambda lists: None, "as rerank does"),
    ("13.4", lambda lists: lists, "ten films"),
    ("13.4", of_one, "ten films"),
    ("13.4", others, "not among the candidates"),
    ("13.4", last_ten, "Recall@10"),
    ("13.4", varied, "Recall@10"),
    ("13.4", first_ten, "Calibration is"),
    ("13.4", calibrated(0.65), "Diversity is"),
]
