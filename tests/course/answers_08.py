"""Answers to the exercises of notebook 08: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch

from gnnrec_helpers.training.tuning import Tuning


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
    ("8.1", BOTH),
    ("8.1", [0.5855, 0.9197]),
    ("8.2", ridge),
    ("8.2", with_torch),
    ("8.3", tuning(0.236)),
    ("8.3", tuning(0.24, trials=30)),
    ("8.4", {"ItemKNN", "MF"}),
    ("8.4", ["mf", "itemknn"]),
]
WRONG = [
    ("8.1", 0.5, "Two numbers"),
    ("8.1", BOTH[::-1], "wrong order"),
    ("8.1", (DCG / GAINS.sum(), BOTH[1]), "four hits"),
    ("8.1", (DCG, BOTH[1]), "divided by"),
    ("8.1", (0.3, BOTH[1]), "first is off. It is too small"),
    ("8.1", (BOTH[0], 1.0), "second is off. It is too large"),
    ("8.2", 3, "function"),
    ("8.2", lambda R, c: ridge(R, c)[0], "shape"),
    ("8.2", ease, "EASE"),
    ("8.2", without_diagonal, "as it comes out"),
    ("8.2", inverse, "right-hand side"),
    ("8.2", lambda R, c: ridge(R, 2 * c), "It is off"),
    ("8.3", 0.24, "`tune` returns"),
    ("8.3", tuning(0.2), "reach 0.235"),
    ("8.3", tuning(0.24, trials=31), "30 are allowed"),
    ("8.3", tuning(0.24, metric="ndcg@20"), "ndcg@20"),
    ("8.3", tuning(0.24, regularization=3.0), "GraphFilter"),
    ("8.4", "MF", "another one"),
    ("8.4", ["ItemKNN", "EASE", "MF"], "'ease' lies between two"),
    ("8.4", ["ItemKNN", "KNN", "MF"], "no model 'knn'"),
    ("8.4", 2, "Names of models"),
]
