"""Answers to the exercises of notebook 09: right ones in two forms, wrong ones and hints."""

import numpy as np
import pandas as pd
import torch

from gnnrec_helpers.training.fitting import History


def by_owner(scores, owner, count):
    largest = torch.full((count,), -torch.inf).scatter_reduce(0, owner, scores, "amax")
    powers = (scores - largest[owner]).exp()
    return powers / torch.zeros(count).index_add(0, owner, powers)[owner]


def unsafe(scores, owner, count):
    powers = scores.exp()
    return powers / torch.zeros(count).index_add(0, owner, powers)[owner]


def shared_largest(scores, owner, count):
    return unsafe(scores - scores.max(), owner, count)


def rewired(links, seed):
    once = links[links["user"] < links["friend"]]
    drawn = once.assign(friend=np.random.default_rng(seed).permutation(once["friend"].to_numpy()))
    return pd.concat([drawn, drawn.rename(columns={"user": "friend", "friend": "user"})])


def with_a_floor(scores, owner, count):
    powers = (scores - scores.max()).exp()
    total = torch.zeros(count).index_add(0, owner, powers).clamp(min=1e-30)
    return powers / total[owner]


def together_only(scores, owner, count):
    _, sizes = torch.unique_consecutive(owner, return_counts=True)
    return torch.cat([part.softmax(0) for part in scores.split(sizes.tolist())])


def others(ratings, mean, regularization):
    total = (ratings - mean).sum() - (ratings - mean)
    return mean + total / (len(ratings) - 1 + regularization)


def plain_others(ratings, mean, regularization):
    if len(ratings) == 1:
        return ratings
    return (ratings.sum() - ratings) / (len(ratings) - 1)


def only_several(ratings, mean, regularization):
    return others(ratings, mean, regularization) if len(ratings) > 1 else ratings * np.nan


def one_by_one(ratings, mean, regularization):
    said = []
    for place in range(len(ratings)):
        rest = np.delete(ratings, place)
        said.append(mean + np.sum(rest - mean) / (len(rest) + regularization))
    return said


def all_equal_ones_left_out(ratings, mean, regularization):
    rest = [ratings[ratings != rating] for rating in ratings]
    return [mean + (r - mean).sum() / (len(r) + regularization) for r in rest]


def keeps_n(ratings, mean, regularization):
    total = (ratings - mean).sum() - (ratings - mean)
    return mean + total / (len(ratings) + regularization)


def a_history(recall):
    return History([{"epoch": 1, "loss": 0.5, "seconds": 1.0, "recall@20": recall}], best_epoch=1)


RIGHT = [
    ("9.6", rewired),
    ("9.6", lambda links, seed: rewired(links, seed).sample(frac=1, random_state=seed)),
    ("9.1", 0.5 / np.sqrt(3)),
    ("9.1", torch.tensor([0.2887])),
    ("9.2", [13, 10]),
    ("9.2", (13.0, 10.0)),
    ("9.3", by_owner),
    ("9.3", lambda s, o, n: by_owner(s, o, n).numpy()),
    ("9.4", others),
    ("9.4", lambda r, m, g: list(others(r, m, g))),
    ("9.4", one_by_one),
    ("9.5", a_history(0.28)),
    ("9.5", a_history(0.275)),
]
WRONG = [
    ("9.6", 3, "function"),
    (
        "9.6",
        lambda links, seed: links.assign(
            friend=np.random.default_rng(seed).permutation(links["friend"].to_numpy())
        ),
        "one direction",
    ),
    ("9.6", lambda links, seed: links, "those of before"),
    ("9.6", lambda links, seed: links.head(4), "came back"),
    ("9.6", lambda links, seed: rewired(links, 0), "seed"),
    ("9.6", lambda links, seed: links.to_numpy(), "A frame"),
    ("9.1", 0.577, "counts half"),
    ("9.1", 0.25, "one friend more"),
    ("9.1", 0.1667, "square root"),
    ("9.1", 0.9, "too large"),
    ("9.1", [1, 2], "one number"),
    ("9.2", [10, 13], "other order"),
    ("9.2", [3, 4], "comes on top"),
    ("9.2", [16, 14], "not their sum"),
    ("9.2", 13, "Two numbers"),
    ("9.2", {"Eli": 13, "Ana": 10}, "as a list"),
    ("9.2", "13 and 10", "as a list"),
    ("9.2", [13, 8], "has herself"),
    ("9.2", [13, 12], "hears from nobody"),
    ("9.2", [23, 16], "hears from nobody"),
    ("9.2", [1, 1], "are off"),
    ("9.3", 3, "function"),
    ("9.3", lambda s, o, n: s.softmax(0), "each owner should"),
    ("9.3", lambda s, o, n: s[:2], "one weight per edge"),
    ("9.3", lambda s, o, n: s, "divided by the sum"),
    ("9.3", unsafe, "nan"),
    ("9.3", shared_largest, "own owner's largest"),
    ("9.3", with_a_floor, "are off: subtract"),
    ("9.3", together_only, "lie together"),
    ("9.4", 3, "function"),
    ("9.4", lambda r, m, g: r.mean(), "one number per rating"),
    ("9.4", lambda r, m, g: m + 0 * r + (r - m).sum() / (len(r) + g), "must be left out"),
    ("9.4", plain_others, "pull towards"),
    ("9.4", only_several, "single rating"),
    ("9.4", lambda r, m, g: others(r, m, g) - m, "still to be added"),
    ("9.4", keeps_n, "still counts it"),
    ("9.4", all_equal_ones_left_out, "Equal ratings"),
    ("9.4", lambda r, m, g: others(r, m, g) + 1, "is off"),
    ("9.5", a_history(0.1), "reach .275"),
    ("9.5", History(), "with validation"),
    ("9.5", History(watched="rmse"), "with validation"),
    ("9.5", None, "History"),
]
