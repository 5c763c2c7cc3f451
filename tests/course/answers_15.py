"""Answers to the exercises of notebook 15: right ones in two forms, wrong ones and hints."""

import numpy as np

EACH = 3 * 4 * 70_839_000 * 128 / 4 / 1e9


def bag(row, k):
    nodes = np.argsort(-row)[:k]
    return nodes, row[nodes] * row.sum() / row[nodes].sum()


def as_lists(row, k):
    nodes = sorted(range(len(row)), key=lambda node: -row[node])[:k]
    held = sum(row[node] for node in nodes)
    return nodes, [row[node] / held * sum(row) for node in nodes]


def not_rescaled(row, k):
    nodes = np.argsort(-row)[:k]
    return nodes, row[nodes]


def backwards(row, k):
    nodes, weights = bag(row, k)
    return nodes[::-1], weights[::-1]


def loss(positive_parts, negative_parts):
    difference = np.sum(negative_parts, axis=0) - np.sum(positive_parts, axis=0)
    return np.log1p(np.exp(difference)).mean()


def by_sigmoid(positive_parts, negative_parts):
    difference = sum(positive_parts) - sum(negative_parts)
    return float(np.mean(-np.log(1 / (1 + np.exp(-difference)))))


def on_each(positive_parts, negative_parts):
    return sum(
        np.log1p(np.exp(negative - positive)).mean()
        for positive, negative in zip(positive_parts, negative_parts, strict=True)
    )


RIGHT = [
    ("15.1", EACH),
    ("15.1", 27.2),
    ("15.2", bag),
    ("15.2", as_lists),
    ("15.3", loss),
    ("15.3", by_sigmoid),
]
WRONG = [
    ("15.1", 4 * EACH, "all of it together"),
    ("15.1", EACH / 3, "table alone"),
    ("15.1", 1000 * EACH, "megabytes"),
    ("15.1", 1, "too small"),
    ("15.2", 3, "A function"),
    ("15.2", not_rescaled, "not rescaled"),
    ("15.2", backwards, "largest comes first"),
    ("15.2", lambda row, k: bag(-row, k), "not the nodes of the largest"),
    ("15.2", lambda row, k: (np.arange(len(row)), row), "3 node numbers"),
    ("15.3", on_each, "logarithm on each process"),
    ("15.3", lambda p, n: loss(p, n) * p.shape[1], "the mean is asked for"),
    ("15.3", lambda p, n: loss(n, p), "too"),
]
