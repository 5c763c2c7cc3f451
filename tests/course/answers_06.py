"""Answers to the exercises of notebook 06: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch

from gnnrec_helpers import datasets, models
from gnnrec_helpers.models import LightGCN, MatrixFactorization
from gnnrec_helpers.training.fitting import History


def propagated(matrix, embeddings, layers):
    degrees = matrix.sum(1).clamp(min=1)
    normal = matrix / torch.sqrt(torch.outer(degrees, degrees))
    outputs = [embeddings]
    for _ in range(layers):
        outputs.append(normal @ outputs[-1])
    return torch.stack(outputs).mean(0)


class OnlyThree(LightGCN):
    def layer_weights(self):
        return [0.0, 0.0, 0.0, 1.0]


class CutToLength(LightGCN):
    def layer_weights(self):
        return [0.0, 0.0, 0.0, 1.0][: self.layers + 1]


class Last(LightGCN):
    def layer_weights(self):
        return [0.0] * self.layers + [1.0]


class AllRows(Last):
    def embeddings(self, users=None, items=None):
        return super().embeddings()


class NotShifted(Last):
    def embeddings(self, users=None, items=None):
        everyone, everything = super().embeddings()
        both = torch.cat([everyone, everything])
        return (
            everyone if users is None else both[users],
            everything if items is None else both[items],
        )


def a_history(recall):
    return History([{"epoch": 1, "loss": 0.5, "seconds": 1.0, "recall@20": recall}], best_epoch=1)


def trained(model=LightGCN, recall=0.26, **settings):
    toy = datasets.load("toy").interactions
    return model(toy, dim=2, **settings), a_history(recall)


RIGHT = [
    ("6.1", [1 / np.sqrt(6), 1 / np.sqrt(2)]),
    ("6.1", (0.408, 0.707)),
    ("6.2", ["Emma", "Dia", "Dune"]),
    ("6.2", {"Dune", "Emma", "Dia"}),
    ("6.3", propagated),
    ("6.3", lambda m, e, k: propagated(m, e, k).numpy()),
    ("6.4", Last),
    ("6.4", type("Other", (Last,), {})),
    ("6.5", trained()),
    ("6.5", list(trained(recall=0.25))),
    ("6.6", lambda u, f, w: (w @ f, w.T @ u)),
    ("6.6", lambda u, f, w: [(w @ f).numpy(), (u.T @ w).T.numpy()]),
]
WRONG = [
    ("6.1", [1 / 6, 1 / 2], "square root"),
    ("6.1", [0.707, 0.408], "other order"),
    ("6.1", 3, "Two numbers"),
    ("6.2", ["Emma", "Dia", "Dune", "Cem"], "more than three hops"),
    ("6.2", ["Emma"], "2 of those"),
    ("6.2", ["Eli", "Emma"], "Eli herself"),
    ("6.2", ["Zoe"], "no user or film"),
    ("6.2", "Emma", "list of names"),
    ("6.3", 3, "function"),
    ("6.3", lambda m, e, k: propagated(m, e, k) * (k + 1), "sum of the layers"),
    ("6.3", lambda m, e, k: propagated(m, e, k)[:5], "shape"),
    ("6.3", lambda m, e, k: e, "is off"),
    ("6.3", lambda m, e, k: torch.linalg.matrix_power(
        m / torch.sqrt(torch.outer(m.sum(1), m.sum(1))), k) @ e, "last layer only"),
    ("6.3", lambda m, e, k: (e + m / m.sum(1, keepdim=True) @ e) / 2 if k else e,
     "square roots of both"),
    ("6.3", lambda m, e, k: propagated(m, e, k) / (m.sum(1) > 0)[:, None], "nan"),
    ("6.3", lambda m, e, k: propagated(m, e, k) * (m.sum(1) > 0)[:, None], "keeps its layer 0"),
    ("6.4", 3, "A class"),
    ("6.4", LightGCN, "mean of all layers"),
    ("6.4", OnlyThree, "1 layers need 2"),
    ("6.4", CutToLength, "With layers=1"),
    ("6.4", AllRows, "those users and items only"),
    ("6.4", NotShifted, "node 5 + i"),
    ("6.4", models.LightGCN, "still the mean"),
    ("6.4", type("Zero", (LightGCN,), {
        "embeddings": lambda self, users=None, items=None: (torch.zeros(5, 4), torch.zeros(5, 4)),
    }), "not the last layer"),
    ("6.4", type("Short", (LightGCN,), {
        "embeddings": lambda self, users=None, items=None: (torch.zeros(5, 4), torch.zeros(4, 4)),
    }), "in all"),
    ("6.5", trained(recall=0.24), "reach .25"),
    ("6.5", trained(MatrixFactorization), "is a MatrixFactorization"),
    ("6.5", trained(layers=2), "has 2 layers"),
    ("6.5", (trained()[0], History()), "no validation"),
    ("6.5", (trained()[0], 0.26), "not the History"),
    ("6.5", a_history(0.26), "Two things"),
    ("6.6", 3, "function"),
    ("6.6", lambda u, f, w: w @ f, "Two tables"),
    ("6.6", lambda u, f, w: (w @ f, w.T @ (w @ f)), "new users"),
    ("6.6", lambda u, f, w: (u, w.T @ u), "users of the next layer"),
    ("6.6", lambda u, f, w: (w @ f, f), "films of the next layer"),
    ("6.6", lambda u, f, w: (w.T @ u, w @ f), "shapes"),
]  # fmt: skip
