"""Models side by side, with intervals over users."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ..data import IntArray, Part, Split
from ..data.arguments import check_whole
from ..models import Recommender
from ..models.recommender import is_recommender
from .judging import check_named, held_out_pairs
from .ranking import USUAL, judge_lists, metric_names, of_all_lists


def compare(
    models: Mapping[str, Recommender | Sequence[Recommender]],
    split: Split,
    *,
    k: int = 20,
    part: Part = "test",
    metrics: Sequence[str] = ("recall", "ndcg"),
    item_groups: pd.Series | None = None,
    baseline: str | None = None,
) -> pd.DataFrame:
    """Models side by side: mean over users, and half the width of its 95 % interval.

    Parameters
    ----------
    models : mapping of name to Recommender, or to several of them
        The same model trained with several seeds is judged by the mean of each user over seeds.
    split, k, part, metrics, item_groups
        As for :func:`evaluate`. "coverage" and "gini" are one number without an interval, the mean
        over seeds where there are several; their columns are the last.
    baseline : str, optional
        One of the names. The mean difference from it, user by user, is added. All models are judged
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
    check_named(models, baseline)
    metrics = metric_names(metrics, item_groups)
    seeds = {name: _seeds(name, model) for name, model in models.items()}
    for model in (model for several in seeds.values() for model in several):
        held_out_pairs(model, split, part)  # all of them, before the first is judged
    tables: dict[str, list[pd.DataFrame]] = {}
    together: dict[str, pd.DataFrame] = {}  # a row for each seed
    for name, several in seeds.items():
        judged = [judge_lists(model, split, k, part, metrics, item_groups) for model in several]
        tables[name] = [table for table, _ in judged]
        together[name] = pd.DataFrame([of_all_lists(lists, metrics) for _, lists in judged])
    result = compare_users(tables, baseline=baseline)
    for metric in next(iter(together.values())):
        result[metric] = pd.Series({name: table[metric].mean() for name, table in together.items()})
        if any(len(table) > 1 for table in together.values()):
            result[f"sd {metric}"] = pd.Series(
                {name: table[metric].std() for name, table in together.items()}
            )
    return result


def _seeds(name: str, model: Recommender | Sequence[Recommender]) -> Sequence[Recommender]:
    if is_recommender(model):
        return [model]
    if not isinstance(model, Sequence) or isinstance(model, str) or len(model) == 0:
        raise TypeError(
            f"models[{name!r}] must be a model with a method score(users), or a list of at least "
            f"one, not {type(model).__name__}."
        )
    return model


def evaluate_groups(
    model: Recommender,
    split: Split,
    groups: pd.Series | int = 4,
    *,
    k: int = 20,
    part: Part = "test",
    metrics: Sequence[str] = USUAL,
    item_groups: pd.Series | None = None,
) -> pd.DataFrame:
    """For whom is a model good? The metrics of each group of users.

    Parameters
    ----------
    model, split, k, part, metrics, item_groups
        As for :func:`evaluate`. "coverage" and "gini" are about the lists of the group.
    groups : int or pandas.Series, default 4
        A number: that many groups of users, from the least to the most active. They are cut at the
        quantiles of how many train items a user has; users with equally many are together, so there
        may be fewer groups. A Series: the group of each user who is judged, by her label.

    Returns
    -------
    pandas.DataFrame
        One row a group; columns ``users``, how many of its users are judged, and for a metric
        ``recall@20`` its mean and ``± recall@20``, half the width of its 95 % interval, which is
        NaN for a single user. Groups by activity are named by their numbers of train items.

    Raises
    ------
    TypeError, ValueError
        If a user who is judged has no group or two.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> split = datasets.load("movielens-small").interactions.binarize(4.0).split()
    >>> table = evaluate_groups(models.ItemKNN(split.train), split, 3)
    >>> table["recall@20"].round(2).to_dict()
    {'2 to 17': 0.28, '18 to 47': 0.25, '48 to 780': 0.16}
    """
    metrics = metric_names(metrics, item_groups)
    users = np.unique(held_out_pairs(model, split, part).user_index)
    group, names = _groups_of(users, groups, split)
    table, lists = judge_lists(model, split, k, part, metrics, item_groups)
    rows = []
    for number in range(len(names)):
        members = group == number
        row: dict[str, float] = {"users": int(members.sum())}
        for metric, values in table[members].items():
            row |= _mean_and_interval(str(metric), values)
        rows.append(row | of_all_lists(lists.of(members), metrics))
    return pd.DataFrame(rows, index=names)


def _groups_of(users: IntArray, groups: pd.Series | int, split: Split) -> tuple[IntArray, pd.Index]:
    """The group of each of these users, and the names of the groups."""
    if not isinstance(groups, pd.Series):
        if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)):
            raise TypeError(
                "groups must be a number of groups, or a pandas.Series of them by user label, not "
                f"{type(groups).__name__}."
            )
        check_whole(groups=groups)
        degrees = split.train.user_degrees()[users]
        edges = np.quantile(degrees, np.arange(1, groups) / groups)
        levels, group = np.unique(np.searchsorted(edges, degrees), return_inverse=True)
        own = [degrees[group == number] for number in range(len(levels))]
        return group, pd.Index([f"{few.min()} to {few.max()}" for few in own], name="train items")
    labels = split.train.users[users]
    if not groups.index.is_unique:
        twice = groups.index[groups.index.duplicated()].tolist()[0]
        raise ValueError(f"groups holds user {twice!r} more than once: a user has one group.")
    of_users = groups.reindex(labels)
    without = labels[of_users.isna()]
    if len(without):
        raise ValueError(
            f"groups lacks {len(without):,} of the {len(labels):,} users who are judged, such as "
            f"{without[:1].tolist()[0]!r}."
        )
    group, names = pd.factorize(of_users, sort=True)
    return group, pd.Index(names, name=groups.name)


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
        As for :func:`compare`. Differences are those of users who have a value in both.

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
    Intervals are those of Student's t with one degree of freedom less than there are users. A
    single user says nothing of others, so the interval and p are NaN; p is NaN as well where no
    user's value differs. The interval and p say how much the mean would move with other users of
    the same kind, and nothing of other seeds; the standard deviation says the reverse. p is that
    of one comparison: of twenty models that are no better than the baseline, one is expected below
    0.05.
    """
    check_named(tables, baseline, "tables")
    for name, seeds in tables.items():
        if not isinstance(seeds, Sequence) or not all(isinstance(t, pd.DataFrame) for t in seeds):
            raise TypeError(f"tables[{name!r}] must be a list of tables, one for each seed.")
        if len(seeds) == 0:
            raise ValueError(f"tables[{name!r}] is empty: at least one table is needed.")
    first = next(iter(tables.values()))[0]
    for name, seeds in tables.items():
        if any(set(table) != set(first) for table in seeds):
            raise ValueError(
                f"tables[{name!r}] holds other metrics than {', '.join(map(str, first))}: all "
                "models must be judged by the same."
            )
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
            for metric, differences in (table - users[baseline]).items():
                paired = differences.dropna()
                row |= _mean_and_interval(f"Δ {metric}", paired)
                row[f"p {metric}"] = _p_value(paired)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def half_width(standard_error: float, count: int) -> float:
    """Half the width of the 95 % interval of a mean of `count` values; NaN for fewer than two."""
    return float(stdtrit(count - 1, 0.975)) * standard_error if count > 1 else math.nan


def _standard_error(values: pd.Series) -> float:
    return float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else math.nan


def _mean_and_interval(name: str, values: pd.Series) -> dict[str, float]:
    values = values.dropna()  # of users without train items, of whom some metrics say nothing
    width = half_width(_standard_error(values), len(values))
    return {name: float(values.mean()), f"± {name}": width}


def _p_value(differences: pd.Series) -> float:
    """Of Student's t-test that the mean is 0."""
    mean, error = float(differences.mean()), _standard_error(differences)
    if math.isnan(error) or mean == error == 0:
        return math.nan
    t = abs(mean) / error if error else math.inf
    return float(2 * stdtr(len(differences) - 1, -t))
