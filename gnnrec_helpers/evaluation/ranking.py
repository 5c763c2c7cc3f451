"""How good is a ranking? All items are ranked for every user; nothing is sampled.

Candidates are all items except those the user is known to have chosen before: train when
validation is judged, train and validation when test is. A user without held-out items is left
out of the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from ..data.interactions import FloatArray, IntArray, Interactions, Split
from ..models import Recommender, frozen_score
from ..models.recommender import is_recommender
from ..serving.retrieval import BLOCK, check_labels, rank

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
Part = Literal["test", "validation"]


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
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ValueError(f"No metric {unknown[0]!r}; there are {', '.join(METRICS)}.")
    held_out, users, items = judged(model, split, k, part, block, progress)
    hits = contains(held_out, users[:, None], items)
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
    hits = contains(held_out, users[:, None], items)
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
    part: str,
    block: int = BLOCK,
    progress: bool = False,
) -> tuple[Interactions, IntArray, IntArray]:
    """What is to be found, the users who are judged, and their lists (-1 is none)."""
    held_out, seen = parts_of(split, part)
    check_labels(model, held_out)
    users = np.unique(held_out.user_index)
    if len(users) == 0:
        raise ValueError(f"The {part} part of the split is empty, so there is nothing to find.")
    ranked = rank(frozen_score(model), users, k, seen, block=block, progress=progress)
    return held_out, users, ranked.items


def compare(
    models: Mapping[str, Recommender | Sequence[Recommender]],
    split: Split,
    k: int = 20,
    *,
    part: Part = "test",
    baseline: str | None = None,
) -> pd.DataFrame:
    """Models side by side: mean over users, and half the width of its 95 % interval.

    Parameters
    ----------
    models : mapping of name to Recommender, or to several of them
        The same model trained with several seeds is judged by the mean of each user over seeds.
    split, k, part
        As for :func:`evaluate`.
    baseline : str, optional
        One of the names. The mean difference to it, user by user, is added. All models are judged
        on the same users, so two may differ clearly although their intervals overlap.

    Returns
    -------
    pandas.DataFrame
        One row a model; its columns are those of :func:`compare_users`.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> both = {"popular": models.Popularity(split.train), "knn": models.ItemKNN(split.train)}
    >>> compare(both, split, baseline="popular")["Δ recall@20"].round(2).to_dict()
    {'popular': 0.0, 'knn': 0.08}
    """
    return compare_users(
        {
            name: [
                evaluate_users(one, split, k, part=part, metrics=("recall", "ndcg"))
                for one in (
                    [model] if is_recommender(model) else cast(Sequence[Recommender], model)
                )
            ]
            for name, model in models.items()
        },
        baseline=baseline,
    )


def _each(model: Recommender | Sequence[Recommender]) -> Sequence[Recommender]:
    return [model] if is_recommender(model) else cast(Sequence[Recommender], model)


def compare_users(
    tables: Mapping[str, Sequence[pd.DataFrame]], *, baseline: str | None = None
) -> pd.DataFrame:
    """:func:`compare` for models that were judged before, by one and the same metrics.

    Parameters
    ----------
    tables : mapping of name to tables
        As :func:`evaluate_users` gives them, one for each seed. Where the seeds are of different
        splits, a user is judged by those in which she has held-out items.
    baseline : str, optional
        As for :func:`compare`.

    Returns
    -------
    pandas.DataFrame
        One row a model. For a metric ``recall@20`` the columns are ``recall@20`` and
        ``± recall@20``, half the width of the 95 % interval of the mean over users; where there are
        several seeds ``sd recall@20``, the standard deviation of that mean from seed to seed; with
        a baseline also ``Δ recall@20``, ``± Δ recall@20`` and ``p recall@20``, of a two-sided
        paired t-test.

    Notes
    -----
    The interval and p say how much the mean would move with other users of the same kind, and
    nothing of other seeds; the standard deviation says the reverse. p is that of one comparison:
    of twenty models that are no better than the baseline, one is expected below 0.05.
    """
    if baseline is not None and baseline not in tables:
        raise ValueError(f"baseline={baseline!r}: choose one of {', '.join(map(repr, tables))}.")
    users = {name: pd.concat(seeds).groupby(level=0).mean() for name, seeds in tables.items()}
    several = any(len(seeds) > 1 for seeds in tables.values())
    rows = {}
    for name, table in users.items():
        row: dict[str, float] = {}
        for metric, values in table.items():
            row |= _mean_and_interval(str(metric), values)
            if several:
                row[f"sd {metric}"] = float(
                    pd.Series([t[metric].mean() for t in tables[name]]).std()
                )
        if baseline is not None:
            for metric, values in (table - users[baseline]).items():
                row |= _mean_and_interval(f"Δ {metric}", values)
                row[f"p {metric}"] = _chance(values)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _mean_and_interval(name: str, values: pd.Series) -> dict[str, float]:
    half_width = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return {name: float(values.mean()), f"± {name}": half_width}


def _chance(differences: pd.Series) -> float:
    """p of Student's t-test that the mean is 0; NaN where nothing differs."""
    error = float(differences.std(ddof=1)) / np.sqrt(len(differences))
    if not error > 0:
        return float("nan")
    t = abs(float(differences.mean())) / error
    return float(2 * stdtr(len(differences) - 1, -t))


def parts_of(split: Split, part: str) -> tuple[Interactions, list[Interactions]]:
    """What is to be found, and what is known before."""
    if part == "test":
        known = [split.train] if split.validation is None else [split.train, split.validation]
        return split.test, known
    if part == "validation":
        if split.validation is None:
            raise ValueError("This split has no validation part: see Split.with_validation.")
        return split.validation, [split.train]
    raise ValueError(f"part={part!r}: choose 'test' or 'validation'.")


def contains(held_out: Interactions, users: IntArray, items: IntArray) -> Hits:
    """Which (user, item) pairs are held out; item -1 is none."""
    pairs = held_out.user_index * held_out.num_items + held_out.item_index  # sorted already
    wanted = users * held_out.num_items + items
    place = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    return (pairs[place] == wanted) & (items >= 0)
