"""Answers to the exercises of notebook 07: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch

from gnnrec_helpers.training.tuning import Tuning


def response(eigenvalues, layers):
    return np.mean([eigenvalues**k for k in range(1, layers + 1)], axis=0)


def one_by_one(eigenvalues, layers):
    return [sum(value**k for k in range(1, layers + 1)) / layers for value in eigenvalues]


def of_lightgcn(eigenvalues, layers):
    return np.mean([eigenvalues**k for k in range(layers + 1)], axis=0)


def inverse(R, c):
    return np.linalg.inv(R.T @ R + c * np.eye(R.shape[1]))


def ridge(R, c):
    return np.linalg.solve(R.T @ R + c * np.eye(R.shape[1]), R.T @ R)


def with_torch(R, c):
    rows = np.vstack([R, np.sqrt(c) * np.eye(R.shape[1])])  # the penalty as more users
    wanted = np.vstack([R, np.zeros((R.shape[1], R.shape[1]))])
    return torch.linalg.lstsq(torch.tensor(rows), torch.tensor(wanted)).solution


def ease(R, c):
    P = inverse(R, c)
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0.0)
    return B


def without_diagonal(R, c):
    B = ridge(R, c)
    np.fill_diagonal(B, 0.0)
    return B


def tuning(value, trials=10, metric="recall@20", **settings):
    settings = settings or {"components": 100, "alpha": 0.1}
    return Tuning(metric, [settings] * trials, [value] * trials, [1.0] * trials, lambda split: None)


GAINS = 1 / np.log2(np.arange(5) + 2)
DCG = GAINS[0] + GAINS[2]
BOTH = DCG / GAINS[:4].sum(), DCG / GAINS[:2].sum()

RIGHT = [
    ("7.1", response),
    ("7.1", one_by_one),
    ("7.2", 2.079),
    ("7.2", torch.tensor(8.0).log()),
    ("7.3", BOTH),
    ("7.3", [0.5855, 0.9197]),
    ("7.4", ridge),
    ("7.4", with_torch),
    ("7.5", tuning(0.234)),
    ("7.5", tuning(0.24, trials=30)),
]
WRONG = [
    ("7.1", 3, "function"),
    ("7.1", of_lightgcn, "LightGCN's"),
    ("7.1", lambda e, k: response(e, k) * k / (k + 1), "one layer less"),
    ("7.1", lambda e, k: response(e, k) if k == 1 else e**k, "last layer alone"),
    ("7.1", lambda e, k: k * response(e, k), "sum of the layers"),
    ("7.1", lambda e, k: response(e, k)[0], "shape"),
    ("7.1", lambda e, k: e * 0 + 0.3, "off"),
    ("7.2", np.log(7), "denominator"),
    ("7.2", np.log(8) / 0.2, "temperature"),
    ("7.2", 3.0, "base 2"),
    ("7.2", 1.0, "too small"),
    ("7.3", 0.5, "Two numbers"),
    ("7.3", BOTH[::-1], "wrong order"),
    ("7.3", (DCG / GAINS.sum(), BOTH[1]), "four hits"),
    ("7.3", (DCG, BOTH[1]), "divided by"),
    ("7.3", (0.3, BOTH[1]), "first is off. It is too small"),
    ("7.3", (BOTH[0], 1.0), "second is off. It is too large"),
    ("7.4", 3, "function"),
    ("7.4", lambda R, c: ridge(R, c)[0], "shape"),
    ("7.4", ease, "EASE"),
    ("7.4", without_diagonal, "as it comes out"),
    ("7.4", inverse, "right-hand side"),
    ("7.4", lambda R, c: ridge(R, 2 * c), "It is off"),
    ("7.5", 0.24, "`tune` returns"),
    ("7.5", tuning(0.2), "reach 0.232"),
    ("7.5", tuning(0.24, trials=31), "30 are allowed"),
    ("7.5", tuning(0.24, metric="ndcg@20"), "ndcg@20"),
    ("7.5", tuning(0.24, regularization=3.0), "GraphFilter"),
]
