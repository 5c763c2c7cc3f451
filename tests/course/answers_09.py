"""Answers to the exercises of notebook 09: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch
from answers_08 import a_history
from sklearn.metrics import roc_auc_score

from gnnrec_helpers.training.fitting import History


def turned_apart(head, relation, tail, matrix):
    return (head @ matrix.T + relation - tail @ matrix.T).square().sum(1)


def one_by_one(head, relation, tail, matrix):
    return [float(((matrix @ (h - t) + relation) ** 2).sum()) for h, t in zip(head, tail)]  # noqa: B905


def wrong_side(head, relation, tail, matrix):
    return ((head - tail) @ matrix + relation).square().sum(1)


def all_pairs(positive, negative):
    difference = positive[:, None] - negative[None]
    return ((difference > 0) + 0.5 * (difference == 0)).mean()


def from_sklearn(positive, negative):
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return roc_auc_score(labels, np.concatenate([positive, negative]))


RIGHT = [
    ("9.1", 6),
    ("9.1", np.int64(6)),
    ("9.2", 2 * np.tanh(1.8808)),
    ("9.2", torch.tensor(1.909)),
    ("9.3", turned_apart),
    ("9.3", one_by_one),
    ("9.4", all_pairs),
    ("9.4", from_sklearn),
    ("9.5", a_history(0.35)),
    ("9.5", a_history(0.345)),
]
WRONG = [
    ("9.1", 3, "both directions"),
    ("9.1", 8, "the same two"),
    ("9.1", 7, "too large"),
    ("9.2", 0.9545, "product with"),
    ("9.2", 3.7616, "tanh"),
    ("9.2", 2 * np.tanh(1.1192), "Ana's"),
    ("9.2", 1.0, "too small"),
    ("9.3", 3, "function"),
    ("9.3", lambda h, r, t, m: turned_apart(h, r, t, m).sum(), "one number a fact"),
    ("9.3", lambda h, r, t, m: turned_apart(h, r, t, m).sqrt(), "its square"),
    ("9.3", lambda h, r, t, m: turned_apart(h, -r, t, m), "added to the head"),
    ("9.3", wrong_side, "wrong side"),
    ("9.3", lambda h, r, t, m: (h - t + r).square().sum(1), "is off"),
    ("9.3", lambda h, r, t, m: turned_apart(h, r, t, m) + 1, "is off"),
    ("9.4", 0.5, "function"),
    ("9.4", lambda p, n: (p[:, None] > n[None]).mean(), "one half"),
    ("9.4", lambda p, n: p, "one number"),
    ("9.4", lambda p, n: 1 - all_pairs(p, n), "not 0.750"),
    ("9.5", a_history(0.1), "reach .345"),
    ("9.5", History(), "with validation"),
    ("9.5", None, "History"),
]
