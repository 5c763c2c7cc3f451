"""Answers to the exercises of notebook 02: right ones in two forms, wrong ones and hints."""

from itertools import combinations

import numpy as np
import torch

from gnnrec_helpers import datasets
from gnnrec_helpers.course.graph_statistics import gini, hops, reach


def double_loop(values):
    return sum(abs(a - b) for a in values for b in values) / (2 * len(values) * sum(values))


def by_powers(interactions, user, most):
    likes = interactions.to_csr().toarray()
    items, found = likes[user] > 0, np.zeros(likes.shape[1], bool)
    for _ in range(1, most + 1, 2):
        found |= items
        items = (likes.T @ (likes @ items)) > 0
    return found.mean()


def joined_pairs(likes):
    """Pairs of films with a fan in common, each once, without a matrix product."""
    pairs = set()
    for _, films in likes.to_frame().groupby("user")["item"]:
        pairs |= set(combinations(sorted(films), 2))
    return len(pairs)


LIKED = datasets.load("movielens-small").interactions.binarize(4.0)
ALL, TRAIN = joined_pairs(LIKED), joined_pairs(LIKED.split(seed=0).train)

RIGHT = [
    ("2.1", [0, 0, 0, 1, 2]),
    ("2.1", torch.tensor([[0, 0, 0, 1, 2]])),
    ("2.2", ("Cem", "Dune")),
    ("2.2", ["Dune", "Dia"]),
    ("2.3", double_loop),
    ("2.3", lambda values: torch.tensor(gini(values))),
    ("2.4", by_powers),
    ("2.4", lambda likes, user, most: reach(likes, [user], most)[:, -1]),
    ("2.5", ALL - TRAIN),
    ("2.5", torch.tensor([ALL - TRAIN])),
]
WRONG = [
    ("2.1", [0, 0, 0, 0, 1], "with one edge"),
    ("2.1", [0, 0, 0, 1, 1], "turn round"),
    ("2.1", [1, 2], "Five numbers"),
    ("2.1", [0, 0, 1, 1, 2], "1 of 5"),
    ("2.2", "Cem", "Two names"),
    ("2.2", ("Ana", "Dune"), "no such edge"),
    ("2.2", ("Ana", "Alien"), "still a path"),
    ("2.2", ("Eli", "Emma"), "4 of the five"),
    ("2.3", 0.5, "function"),
    ("2.3", lambda values: 2 * gini(values), "half the mean difference"),
    ("2.3", lambda values: gini(values) * len(values) / (len(values) - 1), "n squared"),
    ("2.3", lambda values: gini(values) * np.mean(values), "Divide by the mean"),
    ("2.3", lambda values: 0.0, "too small"),
    ("2.4", 0.4, "function"),
    ("2.4", lambda likes, user, most: by_powers(likes, user, most) * 5, "no number of films"),
    ("2.4", lambda likes, user, most: (hops(likes, [user], most)[0, 5:] == most).mean(), "exactly"),
    ("2.4", lambda likes, user, most: by_powers(likes, user, 1), "too small"),
    ("2.5", 2 * (ALL - TRAIN), "counted twice"),
    ("2.5", ALL, "one of the two graphs"),
    ("2.5", 10_319, "too small"),
]
