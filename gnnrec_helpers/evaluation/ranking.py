"""How good is a ranking? All items are ranked for every user; nothing is sampled.

Candidates are all items except those the user is known to have chosen before: train when
validation is judged, train and validation when test is. A user without held-out items is left
out of the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import FloatArray, IntArray, Interactions, Part, Split
from ..data.arguments import check_whole
from ..models import Recommender, scoring
from ..serving.retrieval import BLOCK, rank
from .judging import held_out_pairs

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
    block: int = BLOCK,
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
        From "recall", "ndcg", "precision", "hit_rate", "mrr", "map".
    block : int
        Scores in memory at once; bounds the memory whatever the number of users.
    progress : bool
        Show a bar.

    Returns
    -------
    dict
        ``{"recall@20": 0.231, ...}``
    """
    table = evaluate_users(
        model, split, k, part=part, metrics=metrics, block=block, progress=progress
    )
    return {str(name): float(values.mean()) for name, values in table.items()}


def evaluate_users(
    model: Recommender,
    split: Split,
    k: int = 20,
    *,
    part: Part = "test",
    metrics: Sequence[str] = USUAL,
    block: int = BLOCK,
    progress: bool = False,
) -> pd.DataFrame:
    """The metrics of every user with held-out items: one row a user, one column a metric."""
    if isinstance(metrics, str):
        raise TypeError(f"metrics={metrics!r}: a list of names is needed, such as [{metrics!r}].")
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ValueError(f"No metric {unknown[0]!r}; there are {', '.join(METRICS)}.")
    held_out, users, items = judged(model, split, k, part, block, progress)
    hits = held_out.contains(users[:, None], items)
    relevant = held_out.user_degrees()[users]
    columns = {f"{name}@{k}": METRICS[name](hits, relevant) for name in metrics}
    return pd.DataFrame(columns, index=split.train.users[users])


def evaluate_items(
    model: Recommender, split: Split, k: int = 20, *, part: Part = "test", block: int = BLOCK
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
    block: int = BLOCK,
    progress: bool = False,
) -> tuple[Interactions, IntArray, IntArray]:
    """What is to be found, the users who are judged, and their lists (-1 is none)."""
    check_whole(k=k, block=block)
    held_out = held_out_pairs(model, split, part)
    users = np.unique(held_out.user_index)
    with scoring(model) as score:
        known = split.known_before(part)
        ranked = rank(score, users, k, known, block=block, progress=progress)
    return held_out, users, ranked.items
