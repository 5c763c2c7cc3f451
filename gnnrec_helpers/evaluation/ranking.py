"""How good is a ranking? All items are ranked for every user; nothing is sampled.

Candidates are all items except those the user is known to have chosen before: train when
validation is judged, train and validation when test is. A user without held-out items is left
out of the mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import FloatArray, IntArray, Interactions, Part, Split
from ..data.arguments import check_whole
from ..models import Recommender, scoring
from ..serving.item_profiles import group_shares
from ..serving.retrieval import rank
from .beyond_accuracy import OF_ALL_LISTS, OF_USERS, Lists
from .judging import check_known, held_out_pairs

Hits = NDArray[np.bool_]  # (users, k): is the item at this rank one of the held-out ones?


def recall(hits: Hits, relevant: IntArray) -> FloatArray:
    """The share of the held-out items that are in the list: hits / relevant."""
    return np.asarray(hits.sum(1) / relevant)


def precision(hits: Hits, relevant: IntArray) -> FloatArray:
    """The share of the list that is held-out items: hits / k."""
    return np.asarray(hits.sum(1) / hits.shape[1])


def hit_rate(hits: Hits, relevant: IntArray) -> FloatArray:
    """1 where at least one held-out item is in the list."""
    return np.asarray(hits.any(1), np.float64)


def mrr(hits: Hits, relevant: IntArray) -> FloatArray:
    """1 / rank of the first held-out item, 0 where there is none in the list."""
    first = hits.argmax(1)
    return np.where(hits.any(1), 1 / (first + 1), 0.0)


def ndcg(hits: Hits, relevant: IntArray) -> FloatArray:
    """Hits discounted by 1 / log2(rank + 1), divided by the best that was possible.

    The best list has its min(relevant, k) hits first (Järvelin & Kekäläinen 2002).
    """
    discount = 1 / np.log2(np.arange(hits.shape[1]) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    return (hits * discount).sum(1) / ideal[np.minimum(relevant, hits.shape[1])]


def average_precision(hits: Hits, relevant: IntArray) -> FloatArray:
    """The mean, over the held-out items, of the precision at the rank of each (0 if absent)."""
    ranks = np.arange(1, hits.shape[1] + 1)
    at_hits = hits * hits.cumsum(1) / ranks
    return at_hits.sum(1) / np.minimum(relevant, hits.shape[1])


METRICS: Mapping[str, Callable[[Hits, IntArray], FloatArray]] = {
    "recall": recall,
    "ndcg": ndcg,
    "precision": precision,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
}
USUAL = ("recall", "ndcg", "precision", "hit_rate", "mrr")


def evaluate(
    model: Recommender,
    split: Split,
    k: int = 20,
    *,
    part: Part = "test",
    metrics: Sequence[str] = USUAL,
    item_groups: pd.Series | None = None,
    block: int | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Mean metrics of a model's top-k lists over the users with held-out items.

    Parameters
    ----------
    model : Recommender
    split : Split
    k : int, default 20
        Length of the lists; where a user has fewer candidates the list is shorter.
    part : {"test", "validation"}
        What is to be found. Choose anything (epochs, layers, ...) with "validation" only.
    metrics : sequence of str
        From "recall", "ndcg", "precision", "hit_rate", "mrr", "map", and beyond accuracy from
        "novelty", "diversity", "popularity_lift", "calibration", "coverage", "gini", which
        :mod:`gnnrec_helpers.evaluation.beyond_accuracy` defines. The last two are not means: they
        are about all lists together.
    item_groups : pandas.Series, optional
        For "calibration": the group of each item, by its label, with a row for each group of an
        item; popularity thirds by default.
    block : int, optional
        Scores in memory at once; bounds the memory whatever the number of users. By default 16
        million, 64 MiB, and on a GPU, where ranking takes place, 16 times as many.
    progress : bool
        Show a bar.

    Returns
    -------
    dict
        ``{"recall@20": 0.231, ...}``

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> movies = datasets.load("movielens-small")
    >>> split = movies.interactions.binarize(4.0).split()
    >>> genres = movies.items["genres"].str.split("|").explode()
    >>> popular = models.Popularity(split.train)
    >>> both = evaluate(popular, split, metrics=["coverage", "calibration"], item_groups=genres)
    >>> {name: round(value, 3) for name, value in both.items()}
    {'coverage@20': 0.011, 'calibration@20': 0.657}
    """
    metrics = metric_names(metrics, item_groups)
    table, lists = judge_lists(model, split, k, part, metrics, item_groups, block, progress)
    numbers = {str(name): float(values.mean()) for name, values in table.items()}
    numbers |= of_all_lists(lists, metrics)
    return {f"{name}@{k}": numbers[f"{name}@{k}"] for name in metrics}


def evaluate_users(
    model: Recommender,
    split: Split,
    k: int = 20,
    *,
    part: Part = "test",
    metrics: Sequence[str] = USUAL,
    item_groups: pd.Series | None = None,
    block: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """The metrics of every user with held-out items: one row a user, one column a metric.

    The arguments are those of :func:`evaluate`. "coverage" and "gini" are refused, since no user
    has a value of her own.
    """
    metrics = metric_names(metrics, item_groups)
    for name in metrics:
        if name in OF_ALL_LISTS:
            raise ValueError(
                f"{name} is one number for all lists together, no user has one of her own: "
                "evaluate has it."
            )
    return judge_lists(model, split, k, part, metrics, item_groups, block, progress)[0]


def judge_lists(
    model: Recommender,
    split: Split,
    k: int,
    part: Part,
    metrics: Sequence[str],
    item_groups: pd.Series | None = None,
    block: int | None = None,
    progress: bool = False,
) -> tuple[pd.DataFrame, Lists]:
    """The metrics that every user has, and the lists for those of all lists together."""
    if item_groups is not None and isinstance(split, Split):  # anything else is refused below
        group_shares(split.train.items, item_groups)
    held_out, users, items = judged(model, split, k, part, block, progress)
    lists = Lists(users, items, split.train, item_groups)
    hits = held_out.contains(users[:, None], items)
    relevant = held_out.user_degrees()[users]
    columns = {
        f"{name}@{k}": METRICS[name](hits, relevant) if name in METRICS else OF_USERS[name](lists)
        for name in metrics
        if name not in OF_ALL_LISTS
    }
    table = pd.DataFrame(columns, index=split.train.users[users])
    _say_who_is_left_out(table)
    return table, lists


def metric_names(metrics: Iterable[str], item_groups: pd.Series | None) -> tuple[str, ...]:
    """Refuse what is no list of names, a name that is no metric, and groups that nothing uses."""
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        example = metrics if isinstance(metrics, str) else USUAL[0]
        raise TypeError(f"metrics={metrics!r}: a list of names is needed, such as [{example!r}].")
    metrics = tuple(metrics)  # an iterator is used up by the first look
    known = (*METRICS, *OF_USERS, *OF_ALL_LISTS)
    if not metrics:
        raise ValueError(f"metrics is empty: at least one is needed of {', '.join(known)}.")
    unknown = [name for name in metrics if name not in known]
    if unknown:
        raise ValueError(f"No metric {unknown[0]!r}; there are {', '.join(known)}.")
    if item_groups is not None and "calibration" not in metrics:
        raise ValueError("item_groups are for the metric 'calibration', which is not asked for.")
    return metrics


def of_all_lists(lists: Lists, metrics: Sequence[str]) -> dict[str, float]:
    """Those of the metrics that are one number for all lists, by names such as "gini@20"."""
    k = lists.items.shape[1]
    return {f"{name}@{k}": OF_ALL_LISTS[name](lists) for name in metrics if name in OF_ALL_LISTS}


def _say_who_is_left_out(table: pd.DataFrame) -> None:
    """Users without train items have nothing that some metrics could compare a list with."""
    without = table.isna()
    names = ", ".join(map(str, table.columns[without.any()]))
    count = int(without.any(axis=1).sum())
    if count and count == len(table):
        raise ValueError(
            f"{names} cannot be told: none of the {count:,} users who are judged has train items."
        )
    if count:
        warnings.warn(
            f"{names}: {count:,} of {len(table):,} users have no train items to compare with, and "
            "are left out.",
            stacklevel=4,
        )


def evaluate_items(
    model: Recommender, split: Split, k: int = 20, *, part: Part = "test", block: int | None = None
) -> pd.DataFrame:
    """How often each item was to be found, and how often it was: which items does a model find?

    Parameters
    ----------
    model, split, k, part, block
        As for :func:`evaluate`.

    Returns
    -------
    pandas.DataFrame
        One row an item, in the order of ``split.train.items``; columns ``held_out``, the users for
        whom it is held out, ``found@20``, those of them in whose list it is, and ``listed@20``, all
        users who were judged and in whose list it is.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> table = evaluate_items(models.Popularity(split.train), split)
    >>> int((table["listed@20"] > 0).sum())  # films that popularity ever recommends
    66
    """
    held_out, users, items = judged(model, split, k, part, block)
    hits = held_out.contains(users[:, None], items)
    count = held_out.num_items
    return pd.DataFrame(
        {
            "held_out": held_out.item_degrees(),
            f"found@{k}": np.bincount(items[hits], minlength=count),
            f"listed@{k}": np.bincount(items[items >= 0], minlength=count),
        },
        index=split.train.items,
    )


def judged(
    model: Recommender,
    split: Split,
    k: int,
    part: Part,
    block: int | None = None,
    progress: bool = False,
) -> tuple[Interactions, IntArray, IntArray]:
    """What is to be found, the users who are judged, and their lists (-1 is none)."""
    check_whole(k=k, block=1 if block is None else block)
    held_out = held_out_pairs(model, split, part)
    users = np.flatnonzero(held_out.user_degrees())
    check_known(model, users, part)
    with scoring(model, held_out.num_items) as score:
        known = split.known_before(part)
        ranked = rank(score, users, k, known, block=block, progress=progress)
    return held_out, users, ranked.items
