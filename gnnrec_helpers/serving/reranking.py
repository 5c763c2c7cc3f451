"""The third stage: from many good candidates to a short list that is good as a whole.

A first model finds a few hundred candidates, a second one ranks them, and both score each item
alone. What a list should be like as a whole, varied or true to all that a user cares for, is
decided here, item by item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from scipy import sparse

from ..data import FloatArray, IntArray, Interactions
from ..data.arguments import check_whole
from ..data.interactions import positions
from .item_profiles import divergence, group_shares, popularity_thirds, user_columns

By = Literal["mmr", "calibrated"]
COLUMNS = ["user", "rank", "item", "score"]
# from the places that are taken already to what speaks against each candidate as the next
Penalty = Callable[[list[int]], FloatArray]
# from a user and her candidates, as numbers from 0 on, to her penalty
PenaltyOf = Callable[[int, IntArray], Penalty]


def rerank(
    lists: pd.DataFrame,
    k: int,
    by: By = "mmr",
    *,
    trade_off: float = 0.3,
    interactions: Interactions | None = None,
    item_vectors: pd.DataFrame | None = None,
    item_groups: pd.Series | None = None,
) -> pd.DataFrame:
    """Choose k of each user's candidates anew, so that the list is good as a whole.

    Items are taken one by one. Each time it is the item with the largest value of ::

        (1 - trade_off) * relevance - trade_off * penalty

    Of equal values the one that ranked higher is taken. The relevance is the score on a scale that
    all users and models share: (score - lowest) / (highest - lowest) among the user's candidates.
    It is 1 for the first of them, 0 for the last, and 0 for all where all scores are equal. So a
    trade-off also depends on how many candidates there are. The penalty is what `by` says.

    Parameters
    ----------
    lists : pandas.DataFrame
        As :func:`~gnnrec_helpers.recommend` gives it, with more items a user than are to be left,
        100 say. Further columns are kept.
    k : int
        Items a user; she gets all of hers where there are fewer.
    by : {"mmr", "calibrated"}
        "mmr", maximal marginal relevance (Carbonell & Goldstein 1998, whose lambda is
        1 - trade_off): the largest similarity to an item that is taken already, 0 for the first.
        Similarity is the cosine of the items' columns of the user-item matrix of `interactions`, or
        of their rows of `item_vectors`. It is 0 with an item that nobody has, or a row of zeros.

        "calibrated" (Steck 2018, "Calibrated Recommendations", whose lambda is `trade_off`): how
        far the groups of her list with this item are from those of what the user has, in nats, as
        the metric ``calibration`` measures it. All items count alike. For somebody without
        interactions it is 0, so she keeps her first k.
    trade_off : float, default 0.3
        From 0, which gives the first k as they are, to 1, where relevance does not count.
    interactions : Interactions, optional
        What users have, such as ``split.train``.
    item_vectors : pandas.DataFrame, optional
        For "mmr": a row of numbers for each item, by its label: embeddings, or what is known of it.
    item_groups : pandas.Series, optional
        For "calibrated": the group of each item, by its label, with a row for each group of an
        item. By default the popularity thirds head, mid and tail of `interactions`.

    Returns
    -------
    pandas.DataFrame
        The columns of `lists`, with new ranks from 1 on; scores are those of `lists`.

    Raises
    ------
    TypeError, ValueError, KeyError
        With one sentence, before any work. A KeyError names a user or item that `interactions` or
        `item_vectors` do not know.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models, recommend
    >>> toy = datasets.load("toy")
    >>> lists = recommend(models.Popularity(toy.interactions), ["Eli"], k=4)
    >>> lists["item"].tolist()  # the same two people like the first two
    ['Alien', 'Blade Runner', 'Casablanca', 'Dune']
    >>> rerank(lists, 2, interactions=toy.interactions)["item"].tolist()
    ['Alien', 'Dune']
    >>> genres = toy.items["genres"]  # Eli likes a romance
    >>> calm = rerank(lists, 2, "calibrated", interactions=toy.interactions, item_groups=genres)
    >>> calm["item"].tolist()
    ['Casablanca', 'Alien']
    """
    check_whole(k=k)
    _check_arguments(by, trade_off, interactions, item_vectors, item_groups)
    table = _in_order(lists)
    user, users = pd.factorize(table["user"])
    item, items = pd.factorize(table["item"])
    if item_vectors is not None:
        penalty_of = _closeness(items, item_vectors)
    elif by == "mmr":
        penalty_of = _closeness(items, cast(Interactions, interactions))
    else:
        penalty_of = _miscalibration(users, items, cast(Interactions, interactions), item_groups)

    score = table["score"].to_numpy(np.float64)
    starts = np.flatnonzero(np.diff(user, prepend=-1))
    ends = np.flatnonzero(np.diff(user, append=-1)) + 1
    rows, ranks = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first, last in zip(starts, ends, strict=True):
        penalty = penalty_of(user[first], item[first:last])
        places = _greedy(_scaled(score[first:last]), k, trade_off, penalty)
        rows.append(first + np.array(places))
        ranks.append(np.arange(1, len(places) + 1))
    chosen = table.iloc[np.concatenate(rows)].reset_index(drop=True)
    return chosen.assign(rank=np.concatenate(ranks))


def _greedy(relevance: FloatArray, k: int, trade_off: float, penalty: Penalty) -> list[int]:
    """Places of the items that are taken, in this order."""
    taken: list[int] = []
    for _ in range(min(k, len(relevance))):
        value = (1 - trade_off) * relevance - trade_off * penalty(taken)
        value[taken] = -np.inf
        taken.append(int(value.argmax()))  # the first of equals
    return taken


def _scaled(score: FloatArray) -> FloatArray:
    """From 0, of the last of a user's candidates, to 1, of the first; 0 where all are equal."""
    width = score[0] - score[-1]
    return (score - score[-1]) / (width or 1.0)


def _closeness(items: pd.Index, known: Interactions | pd.DataFrame) -> PenaltyOf:
    """The largest cosine with an item that is taken."""
    unit: Any  # dense or sparse
    if isinstance(known, Interactions):
        unit = user_columns(known)[positions(known.items, items, "item")]
    else:
        vectors = known.iloc[positions(known.index, items, "item")].to_numpy(np.float64)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(length > 0, length, 1)

    def penalty_of(user: int, candidates: IntArray) -> Penalty:
        own = unit[candidates]
        cosine = own @ own.T
        cosine = cosine.toarray() if sparse.issparse(cosine) else cosine
        return lambda taken: cosine[taken].max(0) if taken else np.zeros(len(candidates))

    return penalty_of


def _miscalibration(
    users: pd.Index, items: pd.Index, interactions: Interactions, item_groups: pd.Series | None
) -> PenaltyOf:
    """The divergence from the user's groups to those of her list with the item."""
    groups = popularity_thirds(interactions) if item_groups is None else item_groups
    every = group_shares(interactions.items, groups)
    shares = every[positions(interactions.items, items, "item")]
    asked = positions(interactions.users, users, "user")
    histories = interactions.to_csr()[asked] @ every  # sums over what each has

    def penalty_of(user: int, candidates: IntArray) -> Penalty:
        total = histories[[user]].toarray()[0]
        hers = total > 0  # the other groups add nothing
        history = total[hers] / total.sum() if hers.any() else total[hers]
        share = shares[candidates].toarray()[:, hers]
        return lambda taken: divergence(history, (share[taken].sum(0) + share) / (len(taken) + 1))

    return penalty_of


# ---------------------------------------------------------------------- what is refused
def _check_arguments(
    by: str, trade_off: object, interactions: object, item_vectors: object, item_groups: object
) -> None:
    if by not in ("mmr", "calibrated"):
        raise ValueError(f"by={by!r}: choose 'mmr' or 'calibrated'.")
    if isinstance(trade_off, bool) or not isinstance(trade_off, (int, float, np.number)):
        raise TypeError(f"trade_off={trade_off!r}: a number from 0 to 1 is needed.")
    if not 0 <= trade_off <= 1:
        raise ValueError(f"trade_off={trade_off!r}: a number from 0 to 1 is needed.")
    for name, value, kind in (
        ("interactions", interactions, Interactions),
        ("item_vectors", item_vectors, pd.DataFrame),
    ):
        if not isinstance(value, (kind, type(None))):
            raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}.")
    if by == "mmr":
        if item_groups is not None:
            raise ValueError("item_groups are for by='calibrated'.")
        if (interactions is None) == (item_vectors is None):
            raise ValueError(
                "by='mmr' compares items by `interactions`, such as split.train, or by "
                "`item_vectors`: one of the two is needed."
            )
    elif item_vectors is not None:
        raise ValueError("item_vectors are for by='mmr'.")
    elif interactions is None:
        raise ValueError(
            "by='calibrated' needs `interactions`, what the users have, such as split.train."
        )
    if isinstance(item_vectors, pd.DataFrame):
        _check_vectors(item_vectors)


def _check_vectors(item_vectors: pd.DataFrame) -> None:
    if not item_vectors.index.is_unique:
        twice = item_vectors.index[item_vectors.index.duplicated()].tolist()[0]
        raise ValueError(f"item_vectors holds item {twice!r} more than once.")
    for name, column in item_vectors.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise TypeError(
                f"item_vectors holds {column.dtype} in column {name!r}: numbers are needed."
            )
        if not np.isfinite(column.to_numpy(np.float64, na_value=np.nan)).all():
            raise ValueError(f"item_vectors holds what is no finite number in column {name!r}.")


def _in_order(lists: object) -> pd.DataFrame:
    """By user, in the order of their first rows, and then by rank."""
    if not isinstance(lists, pd.DataFrame):
        raise TypeError(f"lists must be a table as recommend gives it, not {type(lists).__name__}.")
    for name in COLUMNS:
        if name not in lists:
            raise ValueError(f"lists has no column {name!r}: {', '.join(COLUMNS)} are needed.")
        if lists[name].isna().any():
            raise ValueError(f"lists has a missing value in column {name!r}.")
    for name in ("rank", "score"):
        if not pd.api.types.is_numeric_dtype(lists[name]):
            raise TypeError(f"lists holds {lists[name].dtype} in {name!r}: numbers are needed.")
    if not np.isfinite(lists["score"].to_numpy(np.float64)).all():
        raise ValueError("lists holds a score that is no finite number.")
    for name in ("item", "rank"):
        repeated = lists[lists.duplicated(["user", name])]
        if len(repeated):
            user, value = (repeated[column].tolist()[0] for column in ("user", name))
            raise ValueError(f"lists holds {name} {value!r} of user {user!r} more than once.")
    table = lists.iloc[np.lexsort((lists["rank"], pd.factorize(lists["user"])[0]))]
    user, score = table["user"].to_numpy(), table["score"].to_numpy(np.float64)
    rises = np.flatnonzero((user[1:] == user[:-1]) & (score[1:] > score[:-1]))
    if len(rises):
        worse, better = table["rank"].iloc[[rises[0], rises[0] + 1]].tolist()
        raise ValueError(
            f"lists: user {table['user'].tolist()[rises[0]]!r} has a higher score at rank {better} "
            f"than at rank {worse}, where the order by score is needed, as recommend gives it."
        )
    return table
