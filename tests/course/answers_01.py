"""Answers to the exercises of notebook 01: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch

from gnnrec_helpers import recommend

NDCG = (1 / np.log2(3) + 1 / np.log2(6)) / (1 + 1 / np.log2(3) + 0.5)


def coverage(model, split, k):
    lists = recommend(model, split.train.users, k, exclude=split.train)
    return lists["item"].nunique() / split.train.num_items


def ndcg(hits, hidden):
    discount = 1 / np.log2(np.arange(len(hits)) + 2)
    return (hits * discount).sum() / discount[:hidden].sum()


def by_loop(hits, hidden):
    dcg = sum(1 / np.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)
    return dcg / sum(1 / np.log2(rank + 1) for rank in range(1, min(hidden, len(hits)) + 1))


def of_what_was_found(hits, hidden):
    return ndcg(hits, int(np.sum(hits))) if np.any(hits) else 0.0


def of_all_hidden(hits, hidden):
    return ndcg(np.pad(hits, (0, max(0, hidden - len(hits)))), hidden)


RIGHT = [
    ("1.1", [0, 0, 0, 0.5, 0]),
    ("1.1", torch.tensor([[0, 0, 0, 0.5, 0]])),
    ("1.2", [2 / 3, 0.5, NDCG]),
    ("1.2", np.array([0.6667, 0.5, round(NDCG, 4)])),
    ("1.3", coverage),
    ("1.3", lambda m, s, k: torch.tensor(coverage(m, s, k))),
    ("1.4", (50, 10)),
    ("1.4", [50, 30.0]),
    ("1.5", ndcg),
    ("1.5", lambda hits, hidden: torch.tensor(by_loop(hits, hidden))),
]
WRONG = [
    ("1.1", [0, 0, 0, 0.5, 1], "no neighbour of itself"),
    ("1.1", [0.5, 0, 0, 0.5, 0], "Too many films"),
    ("1.1", [0, 0, 0, 1.0, 0], "1 of 5"),
    ("1.2", [2 / 5, 0.5, NDCG], "not by the list"),
    ("1.2", [2 / 3, 0.2, NDCG], "rank of the first hit"),
    ("1.2", [2 / 3, 0.5, 1.0], "ideal list"),
    ("1.2", [1, 2], "Three numbers"),
    ("1.3", 0.3, "function"),
    ("1.3", lambda m, s, k: coverage(m, s, k) * s.train.num_items, "a share"),
    ("1.3", lambda m, s, k: recommend(m, s.train.users, k, ())["item"].nunique() / m.num_items,
     "exclude=()"),
    ("1.3", lambda m, s, k: len(set(recommend(m, s.train.users, k, s.train)["item"])) / 671 / k,
     "number of all items"),
    ("1.3", lambda m, s, k: coverage(m, s, k) / (s.train.item_degrees() > 0).mean(),
     "number of all items"),
    ("1.3", lambda m, s, k: 17.5, "cannot exceed 1"),
    ("1.3", lambda m, s, k: 0.0, "is off"),
    ("1.4", (20, 100), "reach at least"),
    ("1.4", (100.0, 10), "another good pair"),
    ("1.4", 5, "A pair"),
    ("1.4", (0, 10), "whole number from 1"),
    ("1.4", (99.5, 10), "whole number from 1"),
    ("1.4", (100, -1), "not negative"),
    ("1.5", 0.5, "function"),
    ("1.5", of_what_was_found, "hits that were found"),
    ("1.5", of_all_hidden, "cannot hold them all"),
    ("1.5", lambda hits, hidden: 0.2, "it gives 0.200"),
    ("1.5", lambda hits, hidden: ndcg(hits, min(hidden, 5)), "and 12 hidden items"),
]  # fmt: skip
