"""What is known of items beside scores: who has them, and which groups they belong to."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from ..data import FloatArray, Interactions

SMOOTHING = 0.01  # Steck's alpha


def user_columns(interactions: Interactions) -> sparse.csr_array:
    """The items' columns of the user-item matrix, each of length 1, shape (num_items, num_users).

    The product of two rows is the cosine of two items: of the users who have both, by the root of
    the product of how many have each. An item that nobody has is a row of zeros, so its cosine with
    every item is 0.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> columns = user_columns(datasets.load("toy").interactions)
    >>> (columns @ columns.T).diagonal().round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    length = np.sqrt(interactions.item_degrees())
    return interactions.to_csr(1 / length[interactions.item_index]).T.tocsr()


def popularity_thirds(interactions: Interactions) -> pd.Series:
    """The group of each item, by its label: "head", "mid" or "tail".

    Items are sorted by how many users have them; of equals the lower position comes first. An item
    is in the head if those before it have less than a third of all interactions, in the mid if they
    have less than two thirds, and in the tail otherwise. Items that nobody has are in the tail.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> popularity_thirds(datasets.load("toy").interactions).tolist()  # all equally popular
    ['head', 'head', 'mid', 'mid', 'tail']
    """
    degrees = interactions.item_degrees()
    order = np.argsort(-degrees, kind="stable")
    before = np.empty_like(degrees)
    before[order] = np.cumsum(degrees[order]) - degrees[order]
    third = np.where(degrees > 0, 3 * before // max(len(interactions), 1), 2)
    return pd.Series(np.array(["head", "mid", "tail"])[third], interactions.items)


def group_shares(items: pd.Index, item_groups: pd.Series) -> sparse.csr_array:
    """How much of each item belongs to each group, shape (num_items, num_groups).

    Parameters
    ----------
    items : pandas.Index
        Labels.
    item_groups : pandas.Series
        The group of an item, by its label. An item of several groups has several rows, and belongs
        to each in equal parts. Other labels are allowed.

    Raises
    ------
    TypeError, ValueError
        If it is no Series, if a group is missing or a list, or if an item has none.

    Examples
    --------
    >>> genres = pd.Series(["crime", "drama", "crime"], index=["Heat", "Heat", "Alien"])
    >>> group_shares(pd.Index(["Alien", "Heat"]), genres).toarray().tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    if not isinstance(item_groups, pd.Series):
        raise TypeError(
            f"item_groups must be a pandas.Series of groups by item label, not "
            f"{type(item_groups).__name__}."
        )
    position = items.get_indexer(item_groups.index)
    rows = pd.DataFrame({"item": position, "group": item_groups.array})[position >= 0]
    missing = rows["group"].isna()
    if missing.any():
        nameless = items[rows["item"][missing]]
        raise ValueError(
            f"item_groups holds a missing value for item {nameless[:1].tolist()[0]!r}: each item "
            "needs a group, such as 'unknown'."
        )
    try:
        rows = rows.drop_duplicates()
    except (TypeError, NotImplementedError):  # the latter of Arrow's lists
        listed = rows[~rows["group"].map(pd.api.types.is_hashable)].iloc[0]
        raise TypeError(
            f"item_groups holds a {type(listed['group']).__name__} for item "
            f"{items[[listed['item']]].tolist()[0]!r}: each row takes one group, and "
            "item_groups.explode() makes a row of each in a list."
        ) from None
    count = np.bincount(rows["item"], minlength=len(items))
    if not count.all():
        without = items[count == 0]
        raise ValueError(
            f"item_groups lacks {len(without):,} of {len(items):,} items, such as "
            f"{without[:1].tolist()[0]!r}: each needs a group, such as 'unknown'."
        )
    code, groups = pd.factorize(rows["group"])
    share = 1 / count[rows["item"]]
    return sparse.csr_array((share, (rows["item"], code)), shape=(len(items), len(groups)))


def divergence(history: FloatArray, listed: FloatArray) -> FloatArray:
    """Steck's miscalibration C_KL: how far a list's groups are from those of a user's history.

    The sum over groups g of p(g) ln(p(g) / q'(g)), where q' = (1 - 0.01) q + 0.01 p. It is the
    Kullback-Leibler divergence of q' from p. The small part of p keeps it finite.

    Parameters
    ----------
    history : array, shape (..., groups)
        p, the distribution over groups of what the user has.
    listed : array, shape (..., groups)
        q, the distribution over groups of the items in her list; zeros for an empty list.

    Returns
    -------
    array, shape (...)
        In nats: 0 where both are the same, at most ln(100) = 4.6, where they share no group.

    Examples
    --------
    >>> history = np.array([0.5, 0.5])
    >>> divergence(history, np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]])).round(2).tolist()
    [0.0, 1.96, 4.61]
    """
    smoothed = (1 - SMOOTHING) * listed + SMOOTHING * history
    ratio = np.divide(history, smoothed, out=np.ones(np.shape(smoothed)), where=history > 0)
    return np.asarray((history * np.log(ratio)).sum(-1))
