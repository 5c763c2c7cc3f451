"""Answers to the exercises of notebook 11: right ones in two forms, wrong ones and hints."""

from functools import cache

import numpy as np
import pandas as pd
import torch

from gnnrec_helpers import datasets


def half(one, other):
    difference = one - other
    return difference.mean(), 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))


def with_pandas(one, other):
    difference = pd.Series(one) - pd.Series(other)
    return [difference.mean(), 1.96 * difference.sem()]


def two_groups(one, other):
    spread = np.sqrt(one.var(ddof=1) + other.var(ddof=1))
    return (one - other).mean(), 1.96 * spread / np.sqrt(len(one))


def changed(pair, first=1.0, second=1.0):
    return pair[0] * first, pair[1] * second


def facts_of(tags):
    facts = tags.rename(columns={"artist": "head", "tag": "tail"}).assign(relation="tagged")
    return facts[["head", "relation", "tail"]].drop_duplicates()


def without_leak(tags, train):
    return facts_of(tags.merge(train.drop_duplicates(), on=["user", "artist"]))


def holm(p):
    p = np.asarray(p, float)
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1)
    return result


def one_by_one(p):
    ranked, result = sorted(p), []
    for value in p:
        below = ranked[: ranked.index(value) + 1]
        steps = [(len(p) - place) * other for place, other in enumerate(below)]
        result.append(min(1.0, max(steps)))
    return result


def without_running_maximum(p):
    order = np.argsort(p)
    result = np.empty(len(p))
    result[order] = p[order] * np.arange(len(p), 0, -1)
    return result


def without_clipping(p):
    order = np.argsort(p)
    result = np.empty(len(p))
    result[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return result


def of_heads(facts, seed):
    heads = np.random.default_rng(seed).permutation(facts["head"].to_numpy())
    return facts.assign(head=heads)


def of_tails(facts, seed):
    tails = facts["tail"].sample(frac=1, random_state=seed).to_numpy()
    return facts.assign(tail=tails)


def in_place(facts, seed):
    facts["head"] = np.random.default_rng(seed).permutation(facts["head"].to_numpy())
    return facts


@cache
def lastfm():
    """The split of the notebook, and five artists of each user; when a test asks for them."""
    split = datasets.load("lastfm-2k").interactions.binarize(1).split(0.1, 0.1, seed=0)
    rank = pd.Series(split.train.item_index).groupby(split.train.user_index).rank()
    return split, split.train.select(rank.to_numpy() <= 5)


class Knowing:
    """Has looked at the validation part."""

    kind = staticmethod(np.asarray)

    @property
    def interactions(self):
        return lastfm()[1]

    def score(self, users):
        return self.kind(lastfm()[0].validation.to_csr()[users.numpy()].toarray())


class WithTensors(Knowing):
    kind = staticmethod(torch.tensor)


class WithAll(Knowing):
    interactions = property(lambda self: lastfm()[0].train)


class WithNone(Knowing):
    interactions = 3


class Popular(Knowing):
    def score(self, users):
        return np.tile(self.interactions.item_degrees(), (len(users), 1))


RIGHT = [
    ("11.6", Knowing()),
    ("11.6", WithTensors()),
    ("11.5", without_leak),
    ("11.5", lambda tags, train: without_leak(tags, train).iloc[::-1]),
    ("11.1", half),
    ("11.1", with_pandas),
    ("11.2", 0.00489),
    ("11.2", 1.63 * 0.003),
    ("11.3", holm),
    ("11.3", one_by_one),
    ("11.4", of_heads),
    ("11.4", of_tails),
]
WRONG = [
    ("11.6", 3, "An object"),
    ("11.6", WithNone(), "has to be"),
    ("11.6", WithAll(), "more than five"),
    ("11.6", Popular(), "0.136 is asked for"),
    ("11.5", 3, "function"),
    ("11.5", lambda tags, train: facts_of(tags), "still there"),
    ("11.5", lambda tags, train: facts_of(tags[tags["user"] == "Cem"]), "Cem"),
    ("11.5", lambda tags, train: facts_of(tags.head(3)), "not enough"),
    ("11.5", lambda tags, train: facts_of(tags.head(1)), "missing"),
    ("11.5", lambda tags, train: pd.concat([without_leak(tags, train)] * 2), "more than once"),
    ("11.5", lambda tags, train: tags, "A frame"),
    ("11.1", 3, "function"),
    ("11.1", lambda a, b: (a - b).mean(), "Two numbers"),
    ("11.1", lambda a, b: half(b, a), "not the reverse"),
    ("11.1", two_groups, "same users twice"),
    ("11.1", lambda a, b: changed(half(a, b), second=np.sqrt(len(a))), "root of n"),
    ("11.1", lambda a, b: changed(half(a, b), second=2), "whole width"),
    ("11.1", lambda a, b: ((a - b).mean(), 1.96 * (a - b).std() / np.sqrt(len(a))), "ddof"),
    ("11.1", lambda a, b: changed(half(a, b), first=0.5), "too"),
    ("11.1", lambda a, b: changed(half(a, b), second=1 / 1.96), "standard error"),
    ("11.1", lambda a, b: (half(a, b)[0] - half(a, b)[1], sum(half(a, b))), "ends of the"),
    ("11.2", 1.63, "standard deviations"),
    ("11.2", 0.036, "too large"),
    ("11.3", 3, "function"),
    ("11.3", lambda p: p.sum(), "gives 1 numbers"),
    ("11.3", lambda p: np.minimum(p * len(p), 1), "Bonferroni"),
    ("11.3", lambda p: np.sort(holm(p)), "order"),
    ("11.3", lambda p: np.sort(p), "not [0.03"),
    ("11.3", without_running_maximum, "falls below"),
    ("11.3", without_clipping, "exceed 1"),
    ("11.4", 3, "function"),
    ("11.4", in_place, "changed the facts"),
    ("11.4", lambda f, s: f["head"], "columns"),
    ("11.4", lambda f, s: f.assign(tail="jazz"), "A tail"),
    ("11.4", lambda f, s: f.sample(frac=1, random_state=s), "Whole rows"),
    ("11.4", lambda f, s: of_heads(f, 0), "no difference"),
    ("11.4", lambda f, s: f.copy(), "Nothing was"),
    ("11.4", lambda f, s: of_heads(f, None), "second time"),
]
