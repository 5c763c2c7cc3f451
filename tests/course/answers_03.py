"""Answers to the exercises of notebook 03: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch


def gcn(matrix, features, weight):
    looped = matrix + torch.eye(len(matrix))
    root = looped.sum(1, keepdim=True).rsqrt()
    return (root * looped * root.T) @ (features @ weight)


def edge_by_edge(matrix, features, weight):
    degree = [1 + sum(row) for row in matrix.tolist()]
    rows = []
    for v in range(len(matrix)):
        near = [w for w in range(len(matrix)) if w == v or matrix[v, w]]
        rows.append(sum(features[w] / (degree[v] * degree[w]) ** 0.5 for w in near))
    return (torch.stack(rows) @ weight).numpy()


def plain(matrix, features, weight):
    return (matrix + torch.eye(len(matrix))) @ features @ weight


def without_loops(matrix, features, weight):
    degree = matrix.sum(1)
    return matrix / torch.sqrt(torch.outer(degree, degree)) @ features @ weight


def degrees_without_loops(matrix, features, weight):
    degree = matrix.sum(1)
    looped = matrix + torch.eye(len(matrix))
    return looped / torch.sqrt(torch.outer(degree, degree)) @ features @ weight


def mean_layer(matrix, features, weight):
    return plain(matrix, features, weight) / (1 + matrix.sum(1, keepdim=True))


def nothing_alone(matrix, features, weight):
    return gcn(matrix, features, weight) * (matrix.sum(1, keepdim=True) > 0)


def spread(values):
    return values.std(0, correction=0) if len(values) else torch.zeros(values.shape[1])


def squares(values):
    return (values**2).sum(0).numpy()


RIGHT = [
    ("3.1", [23, 6]),
    ("3.1", torch.tensor([23.0, 6.0])),
    ("3.2", [-3, -1.5, -1, -2, -1.25]),
    ("3.2", torch.tensor([[-3, -1.5, -1, -2, -1.25]])),
    ("3.3", gcn),
    ("3.3", edge_by_edge),
    ("3.4", ([2, 4], [2, 2, 4, 4])),
    ("3.4", [torch.tensor([5.0]), np.array([5, 5])]),
    ("3.5", spread),
    ("3.5", squares),
]
WRONG = [
    ("3.1", 23, "Two numbers"),
    ("3.1", [23, 9], "sticks out"),
    ("3.1", [-23, 6], "Below minus above"),
    ("3.1", [-7, 6], "turn it on its side"),
    ("3.1", [16, 6], "The edges are right"),
    ("3.1", [23, 5], "column 5 is"),
    ("3.2", [-3, -1.5], "Five numbers"),
    ("3.2", [-3, -1, 0, -2, -1], "what the colleague gets"),
    ("3.2", [-3, -1, -1, -2, -1.25], "The mean still"),
    ("3.2", [-3, -1.5, 0, -2, -1.25], "The maximum still"),
    ("3.2", [-3, -1.5, -1, -2, -1], "The attention still"),
    ("3.2", [-3, -1.5, -1, -2, -1.75], "1 of 5"),
    ("3.3", 3, "function"),
    ("3.3", lambda m, h, w: gcn(m, h, w)[:5], "shape"),
    ("3.3", without_loops, "self-loops are missing"),
    ("3.3", plain, "plain sum"),
    ("3.3", degrees_without_loops, "count the self-loop"),
    ("3.3", mean_layer, "square roots of both"),
    ("3.3", lambda m, h, w: gcn(m, h, w).relu(), "No activation"),
    ("3.3", lambda m, h, w: h @ w, "is off"),
    ("3.3", nothing_alone, "without neighbours"),
    ("3.4", ([1], [2], [3]), "Two lists"),
    ("3.4", ([], [2]), "at least one"),
    ("3.4", ([1, 2], [3, 4, 5]), "The mean tells"),
    ("3.4", ([1, 3], [2, 2]), "The max tells"),
    ("3.4", ([0, 3, 3], [1, 2, 3]), "The min tells"),
    ("3.4", ([1, 2], [2, 1]), "sum cannot"),
    ("3.5", 3, "function"),
    ("3.5", lambda v: v.sum(), "not (3,)"),
    ("3.5", lambda v: v.std(0, correction=0) / (len(v) - 1), "nan or infinity"),
    ("3.5", lambda v: v[0] if len(v) else torch.zeros(3), "another order"),
    ("3.5", lambda v: v.sum(0), "That is the sum"),
    ("3.5", lambda v: v.amax(0), "That is the max"),
    ("3.5", lambda v: v.mean(0), "That is the mean"),
    ("3.5", lambda v: -2 * v.sum(0), "the sum times a number"),
    ("3.5", lambda v: torch.full((3,), 7.0), "if there are as many"),
    ("3.5", lambda v: torch.full((3,), float(len(v))), "if there are as many"),
    ("3.5", lambda v: v.square().mean(0), "Without any neighbour"),
    ("3.5", lambda v: v.amax(0) - v.amin(0), "Without any neighbour"),
]
