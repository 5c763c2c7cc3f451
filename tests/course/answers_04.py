"""Answers to the exercises of notebooks 04 and 04b: right ones in two forms, wrong ones, hints."""

import numpy as np
import torch

from gnnrec_helpers.engine.propagation import bipartite_matrix


def backward_mean(edge_index, gradient):
    senders, receivers = edge_index
    received = torch.bincount(receivers, minlength=len(gradient)).clamp(min=1)
    share = (gradient / received[:, None])[receivers]
    return torch.zeros_like(gradient).index_add(0, senders, share)


def dense(edge_index, size):
    matrix = torch.zeros(size, size)
    matrix[edge_index[1], edge_index[0]] = 1.0
    return matrix


def backward_by_matrix(edge_index, gradient):
    matrix = dense(edge_index, len(gradient))
    return ((matrix / matrix.sum(1, keepdim=True).clamp(min=1)).T @ gradient).numpy()


def forward_mean(edge_index, gradient):
    matrix = dense(edge_index, len(gradient))
    return matrix / matrix.sum(1, keepdim=True).clamp(min=1) @ gradient


def by_sent(edge_index, gradient):
    matrix = dense(edge_index, len(gradient))
    return (matrix / matrix.sum(0, keepdim=True).clamp(min=1)).T @ gradient


def by_zero(edge_index, gradient):
    matrix = dense(edge_index, len(gradient))
    return (matrix / matrix.sum(1, keepdim=True)).T @ gradient


def sampled(interactions, user, layers, fanout, generator, draw=None, merge=np.unique):
    matrix = bipartite_matrix(interactions)
    levels = [np.array([user])]
    for _ in range(layers):
        drawn = []
        for node in levels[-1]:
            near = matrix.indices[matrix.indptr[node] : matrix.indptr[node + 1]]
            count = min(fanout, len(near))
            drawn.append(draw(near, count) if draw else generator.choice(near, count, False))
        levels.append(merge(np.concatenate(drawn)))
    return levels


def sampled_lists(interactions, user, layers, fanout, generator):
    levels = [[user]]
    table = bipartite_matrix(interactions).tolil().rows
    for _ in range(layers):
        found = set()
        for node in levels[-1]:
            found.update(generator.permutation(table[node])[:fanout].tolist())
        levels.append(sorted(found))
    return levels


def always_first(*given):
    return sampled(*given, draw=lambda near, count: near[:count])


def own_randomness(*given):
    shuffled = np.random.default_rng().permutation
    return sampled(*given, draw=lambda near, count: shuffled(near)[:count])


def with_repetition(interactions, user, layers, fanout, generator):
    return sampled(
        interactions, user, layers, fanout, generator,
        draw=lambda near, count: generator.choice(near[:1], count),
    )  # fmt: skip


def with_replacement(interactions, user, layers, fanout, generator):
    return sampled(
        interactions, user, layers, fanout, generator,
        draw=lambda near, count: generator.choice(near, count),
    )  # fmt: skip


def merged_at_the_end(*given):
    """Each copy of a node draws afresh."""
    return [np.unique(level) for level in sampled(*given, merge=lambda drawn: drawn)]


def unlinked(interactions, user, layers, fanout, generator):
    return [[user], *[[user]] * layers]


RIGHT = [
    ("4.1", [1, 1, 2, 3]),
    ("4.1", torch.tensor([1, 1, 2, 3])),
    ("4.2", [55, 199, 55, 59]),
    ("4.2", np.array([[55.0, 199.0], [55.0, 59.0]])),
    ("4.3", backward_mean),
    ("4.3", backward_by_matrix),
    ("4.4", ([2], [1, 1])),
    ("4.4", [np.array([1, 2, 3]), (4, 2)]),
    ("4.5", sampled),
    ("4.5", sampled_lists),
    ("4.6", [0.00, 0.00, 1.04]),
    ("4.6", torch.tensor([4e-6, 1.3e-5, 1.0404])),
]
WRONG = [
    ("4.1", [1, 1, 2], "Four numbers"),
    ("4.1", [3, 2, 1, 1], "begin with Eli"),
    ("4.1", [1, 1, 2, 2], "every copy counts"),
    ("4.1", [1, 1, 1, 1], "may turn back"),
    ("4.1", [1, 2, 4, 10], "3 of 4 numbers"),
    ("4.2", 199, "Four numbers"),
    ("4.2", [55, 59, 55, 199], "come first"),
    ("4.2", [60, 199, 55, 59], "before his turn"),
    ("4.2", [55, 59, 55, 59], "Emma receive"),
    ("4.2", [55, 198, 55, 59], "1 of 4"),
    ("4.3", 3, "function"),
    ("4.3", lambda edges, g: backward_mean(edges, g)[:2], "shape"),
    ("4.3", forward_mean, "forward pass"),
    ("4.3", lambda edges, g: dense(edges, len(g)).T @ g, "direction is right"),
    ("4.3", by_sent, "the receiver got"),
    ("4.3", lambda edges, g: backward_mean(edges.flip(0), g), "swapped"),
    ("4.3", by_zero, "nan"),
    ("4.3", lambda edges, g: g, "is off"),
    ("4.4", [1, 2, 3], "pair of lists"),
    ("4.4", ([], [0]), "at least one"),
    ("4.4", ([1, 2], [2, 1]), "same neighbours"),
    ("4.4", ([1], [1, 1]), "sum tells them apart"),
    ("4.4", ([1, 3], [2, 2]), "mean cannot"),
    ("4.4", ([0, 2], [2]), "max cannot"),
    ("4.5", 3, "function"),
    ("4.5", lambda *given: sampled(*given)[:2], "4 levels"),
    ("4.5", lambda *given: sampled(*given)[::-1], "user alone"),
    ("4.5", lambda *given: sampled(*given, merge=lambda drawn: drawn), "merge copies"),
    ("4.5", unlinked, "no neighbour"),
    ("4.5", lambda table, user, layers, fanout, generator:
     sampled(table, user, layers, 99, generator), "at most"),
    ("4.5", merged_at_the_end, "Level 3"),
    ("4.5", lambda *given: sampled(*given, draw=lambda near, count: near[:1]),
     "without repetition"),
    ("4.5", with_repetition, "without repetition"),
    ("4.5", with_replacement, "without repetition"),
    ("4.5", own_randomness, "second time"),
    ("4.5", always_first, "Another generator"),
    ("4.6", 1.04, "Three means"),
    ("4.6", [0.58, 0.58, 0.58], "all 45 pairs"),
    ("4.6", [1.0, 1.0, -0.04], "1 minus the cosine"),
    ("4.6", [1.04, 0.0, 0.0], "2 of 3"),
]  # fmt: skip
