"""Answers to the exercises of notebook 12: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch

from gnnrec_helpers import datasets, models
from gnnrec_helpers.course.checks.notebook_12 import _likes, leaking_and_honest, new_users

TOY = datasets.load("toy").interactions.to_csr().toarray()
TOGETHER = TOY.T @ TOY
SIZES = np.sqrt(np.diag(TOGETHER))
GIL = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
WHOLE = TOGETHER / np.outer(SIZES, SIZES)
COSINES = WHOLE - np.diag(np.diag(WHOLE))


def half_step(Y, films, w, damping):
    hers = Y[films]
    left = hers.T @ hers + w * Y.T @ Y + damping * np.eye(Y.shape[1])
    return np.linalg.solve(left, hers.sum(0))


def in_torch(Y, films, w, damping):
    table = torch.from_numpy(Y)
    weights = torch.full((len(table),), w, dtype=torch.float64)
    weights[films] += 1
    left = table.T @ (weights[:, None] * table) + damping * torch.eye(table.shape[1])
    return torch.linalg.solve(left, table[films].sum(0))


LIKES = _likes()
TEST, VALIDATION = new_users()
TRAIN = LIKES.select(~np.isin(LIKES.user_index, np.concatenate([TEST, VALIDATION])))
LEAK, HONEST = leaking_and_honest()

RIGHT = [
    ("12.1", GIL @ COSINES),
    ("12.1", torch.from_numpy(GIL @ COSINES).round(decimals=3)),
    ("12.2", half_step),
    ("12.2", in_torch),
    ("12.3", (LEAK, HONEST)),
    ("12.3", [round(LEAK, 3), round(HONEST, 3)]),
    ("12.4", models.RP3Beta(TRAIN, neighbours=1000, alpha=0.8, beta=0.2)),
    ("12.4", models.IALS(TRAIN, unobserved=0.1, regularization=0.015)),
]
WRONG = [
    ("12.1", 3.0, "Five scores"),
    ("12.1", GIL @ WHOLE, "own neighbour"),
    ("12.1", GIL @ (TOGETHER - np.diag(np.diag(TOGETHER))), "counts of people"),
    ("12.1", 3 * (GIL @ COSINES), "too large"),
    ("12.2", 3, "A function"),
    ("12.2", lambda Y, films, w, damping: Y[films], "3 numbers"),
    ("12.2", lambda Y, films, w, damping: half_step(Y, films, 0.0, damping), "All films count"),
    ("12.2", lambda Y, films, w, damping: half_step(Y, films, w, 0.0), "damping is missing"),
    ("12.2", lambda Y, films, w, damping: 2 * half_step(Y, films, w, damping), "does not solve"),
    ("12.3", LEAK, "Two figures"),
    ("12.3", (HONEST, LEAK), "wrong order"),
    ("12.3", (LEAK, LEAK), "same model"),
    ("12.3", (0.5, HONEST), "first is off"),
    ("12.3", (LEAK, float("nan")), "no number"),
    ("12.4", "RP3beta", "A model"),
    ("12.4", models.Popularity(datasets.load("toy").interactions), "all users in its labels"),
    ("12.4", models.Popularity(LIKES), "has seen likes"),
    ("12.4", models.Popularity(TRAIN), "0.165 is asked for"),
    ("12.4", models.MatrixFactorization(TRAIN, dim=4), "cannot answer for somebody"),
]
