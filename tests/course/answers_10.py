"""Answers to the exercises of notebook 10: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch
from answers_09 import a_history
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
    ("10.6", lambda h, r, t, n: (np.r_[h, t], np.r_[r, r + n], np.r_[t, h])),
    ("10.6", lambda h, r, t, n: [np.r_[t, h], np.r_[r + n, r], torch.tensor(np.r_[h, t])]),
    ("10.1", 6),
    ("10.1", np.int64(6)),
    ("10.2", 2 * np.tanh(1.8808)),
    ("10.2", torch.tensor(1.909)),
    ("10.3", turned_apart),
    ("10.3", one_by_one),
    ("10.4", all_pairs),
    ("10.4", from_sklearn),
    ("10.5", a_history(0.35)),
    ("10.5", a_history(0.345)),
]
WRONG = [
    ("10.6", 3, "function"),
    ("10.6", lambda h, r, t, n: (h, r, t), "of the colleague"),
    ("10.6", lambda h, r, t, n: (np.r_[h, t], np.r_[r, r], np.r_[t, h]), "one of its own"),
    ("10.6", lambda h, r, t, n: (np.r_[h, h], np.r_[r, r + n], np.r_[t, t]), "there and back"),
    ("10.6", lambda h, r, t, n: (np.r_[h, t], r, np.r_[t, h]), "different lengths"),
    ("10.6", lambda h, r, t, n: h, "Three arrays"),
    ("10.1", 3, "both directions"),
    ("10.1", 8, "the same two"),
    ("10.1", 7, "too large"),
    ("10.2", 0.9545, "product with"),
    ("10.2", 3.7616, "tanh"),
    ("10.2", 2 * np.tanh(1.1192), "Ana's"),
    ("10.2", 1.0, "too small"),
    ("10.3", 3, "function"),
    ("10.3", lambda h, r, t, m: turned_apart(h, r, t, m).sum(), "one number per fact"),
    ("10.3", lambda h, r, t, m: turned_apart(h, r, t, m).sqrt(), "its square"),
    ("10.3", lambda h, r, t, m: turned_apart(h, -r, t, m), "added to the head"),
    ("10.3", wrong_side, "wrong side"),
    ("10.3", lambda h, r, t, m: (h - t + r).square().sum(1), "is off"),
    ("10.3", lambda h, r, t, m: turned_apart(h, r, t, m) + 1, "is off"),
    ("10.4", 0.5, "function"),
    ("10.4", lambda p, n: (p[:, None] > n[None]).mean(), "one half"),
    ("10.4", lambda p, n: p, "one number"),
    ("10.4", lambda p, n: 1 - all_pairs(p, n), "not 0.750"),
    ("10.5", a_history(0.1), "reach .345"),
    ("10.5", History(), "with validation"),
    ("10.5", None, "History"),
]
