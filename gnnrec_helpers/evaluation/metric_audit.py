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

from ..data import FloatArray, IntArray, Interactions, Part, Split, merge
from ..data.arguments import check_whole
from ..engine.sampling import Negatives
from ..models import Recommender, scoring
from ..models.recommender import wide
from ..serving.retrieval import mask_pairs
from .judging import check_named, held_out_pairs
from .ranking import Hits, average_precision, judged, ndcg, recall

SCORES = 4 * 2**20  # in memory at once; also says where draws of negatives begin anew


def discounts(k: int) -> FloatArray:
    """What a hit counts at each of the ranks 1 to k: 1 / log2(rank + 1)."""
    return np.asarray(1 / np.log2(np.arange(1, k + 1) + 1))


def best_dcg(counts: IntArray) -> FloatArray:
    """The DCG of a list that begins with this many hits; at least one."""
    return np.asarray(np.cumsum(discounts(int(counts.max())))[counts - 1])


def sum_of_precisions(hits: Hits) -> FloatArray:
    """The precision at the rank of each hit, added up."""
    precisions = hits.cumsum(1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((hits * precisions).sum(1))


def number_of_hits(hits: Hits) -> IntArray:
    """Hits in the list, and 1 where there are none: what is divided by it is 0 then."""
    return np.asarray(np.maximum(hits.sum(1), 1))


def recall_of_reachable(hits: Hits, relevant: IntArray) -> FloatArray:
    """hits / min(relevant, k), so that 1 can be reached (Liang et al. 2018, Mult-VAE)."""
    return np.asarray(hits.sum(1) / np.minimum(relevant, hits.shape[1]))


def dcg(hits: Hits, relevant: IntArray) -> FloatArray:
    """The discounts at the ranks of the hits, added up."""
    return np.asarray((hits * discounts(hits.shape[1])).sum(1))


def ndcg_of_all_relevant(hits: Hits, relevant: IntArray) -> FloatArray:
    """DCG / DCG of a list of all relevant items, even if it is longer than k."""
    return dcg(hits, relevant) / best_dcg(relevant)


def ndcg_of_hits(hits: Hits, relevant: IntArray) -> FloatArray:
    """DCG / DCG of the same hits moved to the top (code of NGCF and KGAT).

    One hit at rank 1 is perfect, however many were missed.
    """
    return dcg(hits, relevant) / best_dcg(number_of_hits(hits))


def average_precision_of_all_relevant(hits: Hits, relevant: IntArray) -> FloatArray:
    """Sum of precisions / relevant."""
    return sum_of_precisions(hits) / relevant


def average_precision_of_hits(hits: Hits, relevant: IntArray) -> FloatArray:
    """Sum of precisions / hits: what was missed does not count."""
    return sum_of_precisions(hits) / number_of_hits(hits)


# (metric, what is divided by) -> its value for every user
DEFINITIONS: Mapping[tuple[str, str], Callable[[Hits, IntArray], FloatArray]] = {
    ("recall", "relevant"): recall,
    ("recall", "min(relevant, k)"): recall_of_reachable,
    ("ndcg", "best list of k"): ndcg,
    ("ndcg", "best list of any length"): ndcg_of_all_relevant,
    ("ndcg", "best order of the hits"): ndcg_of_hits,
    ("ndcg", "nothing (DCG)"): dcg,
    ("map", "min(relevant, k)"): average_precision,
    ("map", "relevant"): average_precision_of_all_relevant,
    ("map", "hits"): average_precision_of_hits,
}


def audit(
    models: Mapping[str, Recommender],
    split: Split,
    *,
    k: int = 20,
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
    TypeError, ValueError
        Without models, if one cannot be judged on this split, if an argument is out of range, or if
        a user has no item to compare with.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> both = {"popular": models.Popularity(split.train), "knn": models.ItemKNN(split.train)}
    >>> audit(both, split).loc[("recall@20", "min(relevant, k)"), "order"]
    'knn > popular'
    """
    check_named(models)
    check_whole(k=k, negatives=negatives)
    check_whole(0, seed=seed)
    for model in models.values():  # all of them, before the first is judged
        held_out_pairs(model, split, part)
    not_candidates = reduce(merge, split.known_before(part), split.held_out(part))
    sampler = Negatives(not_candidates)
    columns = {}
    for name, model in models.items():
        held_out, users, items = judged(model, split, k, part)
        relevant = held_out.user_degrees()[users]
        hits = held_out.contains(users[:, None], items)
        column = {
            (f"{metric}@{k}", divisor): float(of_each_user(hits, relevant).mean())
            for (metric, divisor), of_each_user in DEFINITIONS.items()
        }
        generator = np.random.default_rng(seed)  # the same draws for all models
        alone = _ranks_alone(model, held_out, not_candidates, sampler, negatives, generator)
        for among, ranks in zip(("all", f"{negatives} drawn"), alone, strict=True):
            listed = ranks <= k
            for metric, values in (
                ("hit rate", listed.astype(float)),
                ("ndcg", listed / np.log2(ranks + 1)),
            ):
                of_users = pd.Series(values).groupby(held_out.user_index).mean()
                column[f"{metric}@{k}, an item alone", f"among {among}"] = float(of_users.mean())
        columns[name] = column
    table = pd.DataFrame(columns)
    table.index = table.index.set_names(["metric", "divided by"])
    table["order"] = table.apply(_order, axis=1)
    return table


def _ranks_alone(
    model: Recommender,
    held_out: Interactions,
    not_candidates: Interactions,
    sampler: Negatives,
    negatives: int,
    generator: np.random.Generator,
) -> tuple[IntArray, IntArray]:
    """The rank of each held-out item among all of its user's candidates, and among drawn ones.

    Of equal scores the lower item index comes first, as in :func:`~gnnrec_helpers.serving.rank`.
    """
    everything = torch.arange(held_out.num_items)
    size = max(1, SCORES // held_out.num_items)
    ranks_of_all, ranks_of_drawn = [], []
    with scoring(model, held_out.num_items) as score:
        for start in range(0, len(held_out), size):
            users = held_out.user_index[start : start + size]
            item = torch.from_numpy(held_out.item_index[start : start + size, None])
            distinct, row = np.unique(users, return_inverse=True)
            scores = wide(score(torch.from_numpy(distinct)).cpu())[row]  # (pairs, num_items)
            own = scores.gather(1, item)

            drawn = torch.from_numpy(sampler.draw(users, negatives, generator))
            ranks_of_drawn.append(_rank(item, own, drawn, scores.gather(1, drawn)))
            mask_pairs(scores, users, not_candidates)
            ranks_of_all.append(_rank(item, own, everything, scores))
    return np.concatenate(ranks_of_all), np.concatenate(ranks_of_drawn)


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
