"""Answers to the exercises of notebook 05: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch
from torch.nn.functional import logsigmoid, softplus

from gnnrec_helpers.training.fitting import History


def loop_negatives(train, users, generator):
    liked = {(u, i) for u, i in zip(train.user_index, train.item_index, strict=True)}
    found = []
    for user in users:
        item = int(generator.integers(train.num_items))
        while (user, item) in liked:
            item = int(generator.integers(train.num_items))
        found.append(item)
    return found


def one_table_loss(table, num_users, users, positives, negatives):
    positive, negative = table[num_users + positives], table[num_users + negatives]
    return -logsigmoid((table[users] * positive).sum(1) - (table[users] * negative).sum(1)).mean()


def a_history(recall):
    return History([{"epoch": 1, "loss": 0.5, "seconds": 1.0, "recall@20": recall}], best_epoch=1)


RIGHT = [
    ("5.1", [2, 2, 2, 3, 2]),
    ("5.1", np.array([[2.0, 2, 2, 3, 2]])),
    ("5.2", lambda positive, negative: -logsigmoid(positive - negative).mean()),
    ("5.2", lambda positive, negative: float(softplus(negative - positive).mean())),
    ("5.3", loop_negatives),
    ("5.3", lambda t, u, g: torch.tensor(loop_negatives(t, u, g))[:, None]),
    ("5.4", 1 / 25),
    ("5.4", np.array([0.04])),
    ("5.5", one_table_loss),
    ("5.5", lambda t, n, u, p, m: float(one_table_loss(t, n, u, p, m))),
    ("5.6", a_history(0.24)),
    ("5.6", a_history(0.235)),
]
WRONG = [
    ("5.1", [2, 2, 4, 4, 4], "Dia"),
    ("5.1", [2, 2, 2, 2, 2], "1 of 5"),
    ("5.2", 3, "function"),
    ("5.2", lambda p, n: -logsigmoid(p - n), "One number"),
    ("5.2", lambda p, n: -logsigmoid(p - n).sum(), "the sum"),
    ("5.2", lambda p, n: logsigmoid(p - n).mean(), "sign"),
    ("5.2", lambda p, n: -logsigmoid(n - p).mean(), "other way round"),
    ("5.2", lambda p, n: (p - n).mean(), "is not -ln"),
    ("5.2", lambda p, n: -torch.log(torch.sigmoid(p - n)).mean(), "underflows"),
    ("5.3", 3, "function"),
    ("5.3", lambda t, u, g: g.integers(t.num_items, size=len(u)), "are liked"),
    ("5.3", lambda t, u, g: loop_negatives(t, u[:3], g), "came back"),
    ("5.3", lambda t, u, g: np.full(len(u), 99), "between 0"),
    ("5.3", lambda t, u, g: np.array([4, 4, 0, 0, 0])[u], "never drawn"),
    ("5.3", lambda t, u, g: loop_negatives(t, u, np.random.default_rng()), "same generator"),
    ("5.3", lambda t, u, g: loop_negatives(t, u, np.random.default_rng(0)), "Another generator"),
    ("5.4", 25, "is the variance"),
    ("5.4", 0.2, "standard deviation"),
    ("5.4", 5, "1/λ"),
    ("5.5", 3, "function"),
    ("5.5", lambda t, n, u, p, m: one_table_loss(t, 0, u, p, m), "as it was"),
    ("5.5", lambda t, n, u, p, m: one_table_loss(t, n, u, m, p), "not yet the mean"),
    ("5.5", lambda t, n, u, p, m: one_table_loss(t, n, u, p, m - n), "the other is not yet"),
    ("5.5", lambda t, n, u, p, m: one_table_loss(t, n, u, p - n, m), "the other is not yet"),
    ("5.5", lambda t, n, u, p, m: t, "One number"),
    ("5.6", a_history(0.19), "reach .235"),
    ("5.6", a_history(0.227), "defaults first"),
    ("5.6", History(), "no validation"),
    ("5.6", 0.21, "History"),
]  # fmt: skip
