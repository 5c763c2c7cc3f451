"""One name, several metrics: the same lists judged by the definitions that are in use.

"NDCG" of one paper need not be "NDCG" of another, and what is best by the one need not be best by
the other. The definitions of :mod:`gnnrec_helpers.evaluation.ranking` stand beside those they are
mistaken for, and the ranking among all items beside one among a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..data.interactions import FloatArray, IntArray, Interactions, Split, merge
from ..engine.sampling import Negatives
from ..models import Recommender, frozen_score
from ..serving.retrieval import mask_pairs
from .ranking import Hits, Part, average_precision, contains, judged, ndcg, parts_of, recall

SCORES = 4 * 2**20  # in memory at once; also says where draws of negatives begin anew


def _ideal(hits: IntArray) -> FloatArray:
    """The discounted gain of a list that starts with so many hits, at least one."""
    gains = np.cumsum(1 / np.log2(np.arange(hits.max()) + 2))
    return np.asarray(gains[hits - 1])


def _in_list(relevant: IntArray, hits: Hits) -> IntArray:
    return np.minimum(relevant, hits.shape[1])


def _hits(hits: Hits) -> IntArray:
    """How many there are in a list, 1 where there are none: what is divided by it is 0 then."""
    return np.asarray(np.maximum(hits.sum(1), 1))


# (metric, what is divided by) -> its value for every user
DEFINITIONS: Mapping[tuple[str, str], Callable[[Hits, IntArray], FloatArray]] = {
    ("recall", "relevant"): recall,
    # Liang et al. (2018), Mult-VAE
    ("recall", "min(relevant, k)"): lambda h, r: recall(h, _in_list(r, h)),
    ("ndcg", "best list of k"): ndcg,
    ("ndcg", "best list of any length"): lambda h, r: (
        ndcg(h, r) * _ideal(_in_list(r, h)) / _ideal(r)
    ),
    # the code of NGCF and KGAT: one hit at rank 1 is perfect, however many were missed
    ("ndcg", "best order of the hits"): lambda h, r: ndcg(h, _hits(h)),
    ("ndcg", "nothing (DCG)"): lambda h, r: ndcg(h, r) * _ideal(_in_list(r, h)),
    ("map", "min(relevant, k)"): average_precision,
    ("map", "relevant"): lambda h, r: average_precision(h, r) * _in_list(r, h) / r,
    ("map", "hits"): lambda h, r: average_precision(h, _hits(h)),
}


def audit(
    models: Mapping[str, Recommender],
    split: Split,
    k: int = 20,
    *,
    part: Part = "test",
    negatives: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Models by every definition of recall, NDCG and average precision, and by sampled metrics.

    The last four rows rank each held-out item alone: among all items the user has nothing to do
    with, and among a few of these that are drawn, once for all models. The second is how NeuMF (He
    et al. 2017) and many after it were judged. It is no estimate of the first: to be first of 101
    is to be among the best hundredth, so what happens at the top of the list is hardly seen
    (Krichene & Rendle 2020, "On Sampled Metrics for Item Recommendation").

    Parameters
    ----------
    models : mapping of name to Recommender
    split : Split
    k : int, default 20
    part : {"test", "validation"}, default "test"
        As for :func:`~gnnrec_helpers.evaluate`.
    negatives : int, default 100
        How many items are drawn for each held-out item, with replacement, for the sampled metrics.
    seed : int, default 0
        Of these.

    Returns
    -------
    pandas.DataFrame
        One row a definition, by ``metric`` and ``divided by`` (or, for items alone, ``among``); one
        column a model, with the mean over users; a column ``order``, such as "GNN > MF", which
        shows where the definition decides who wins. "=" is between equal means.

    Raises
    ------
    ValueError
        Without models, where an argument is out of range, or where a user has to do with all items.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> both = {"popular": models.Popularity(split.train), "knn": models.ItemKNN(split.train)}
    >>> audit(both, split).loc[("recall@20", "min(relevant, k)"), "order"]
    'knn > popular'
    """
    if not models:
        raise ValueError("`models` is empty: at least one is needed.")
    if negatives < 1:
        raise ValueError(f"negatives={negatives}: at least 1 is needed.")
    columns = {}
    for name, model in models.items():
        held_out, users, items = judged(model, split, k, part)
        relevant = held_out.user_degrees()[users]
        hits = contains(held_out, users[:, None], items)
        column = {
            (f"{metric}@{k}", divisor): float(of_users(hits, relevant).mean())
            for (metric, divisor), of_users in DEFINITIONS.items()
        }
        known = parts_of(split, part)[1]
        alone = _ranks_alone(model, held_out, known, negatives, seed)
        for among, ranks in zip(("all", f"{negatives} drawn"), alone, strict=True):
            found = ranks <= k
            for metric, values in (
                ("hit rate", found.astype(float)),
                ("ndcg", found / np.log2(ranks + 1)),
            ):
                of_users = pd.Series(values).groupby(held_out.user_index).mean()
                column[f"{metric}@{k}, an item alone", f"among {among}"] = float(of_users.mean())
        columns[name] = column
    table = pd.DataFrame(columns)
    table.index = table.index.set_names(["metric", "divided by"])
    table["order"] = table.apply(_order, axis=1)
    return table


def _ranks_alone(
    model: Recommender, held_out: Interactions, known: list[Interactions], negatives: int, seed: int
) -> tuple[IntArray, IntArray]:
    """The rank of each held-out item among all others of no concern to its user, and among some.

    Of equal scores the lower item index comes first, as in :func:`~gnnrec_helpers.serving.rank`.
    """
    concern = reduce(merge, known, held_out)
    sampler, generator = Negatives(concern), np.random.default_rng(seed)
    score, everything = frozen_score(model), torch.arange(concern.num_items)
    size = max(1, SCORES // concern.num_items)
    of_all, of_drawn = [], []
    for start in range(0, len(held_out), size):
        users = held_out.user_index[start : start + size]
        item = torch.from_numpy(held_out.item_index[start : start + size, None])
        distinct, row = np.unique(users, return_inverse=True)
        scores = score(torch.from_numpy(distinct)).cpu().float()[row]  # (pairs, num_items)
        own = scores.gather(1, item)

        drawn = torch.from_numpy(sampler.draw(users, negatives, generator))
        of_drawn.append(_rank(item, own, drawn, scores.gather(1, drawn)))
        mask_pairs(scores, users, concern)
        of_all.append(_rank(item, own, everything, scores))
    return np.concatenate(of_all), np.concatenate(of_drawn)


def _rank(item: Tensor, own: Tensor, others: Tensor, of_others: Tensor) -> IntArray:
    """1 for an item, with its own score, that is before all others."""
    before = (of_others > own) | ((of_others == own) & (others < item))
    return np.asarray(np.count_nonzero(before.numpy(), axis=1) + 1)  # faster than before.sum(1)


def _order(values: pd.Series) -> str:
    """The names of the models, best first."""
    ranked = values.sort_values(ascending=False, kind="stable")
    text = str(ranked.index[0])
    for name, value, before in zip(ranked.index[1:], ranked[1:], ranked, strict=False):
        text += f" {'=' if value == before else '>'} {name}"
    return text
