"""What lists are like, whether or not they find what is held out.

They are the lists that :func:`~gnnrec_helpers.evaluate` judges: of the users with held-out items,
without what is known of them. Everything they are compared with is train.

========================  ================================================  ==============
metric                    question                                          range
========================  ================================================  ==============
``coverage``              Which share of the catalogue is recommended?      0 to 1
``gini``                  How unequally often are items recommended?        0 to 1
``novelty``               How rare are the items, in bits?                  0 to log2(users)
``diversity``             How different are the items of a list?            0 to 1
``popularity_lift``       More popular items than her own, and by how much? from -1
``calibration``           How far are the groups of items from her own?     0 to 4.6
========================  ================================================  ==============

The first two are one number for all lists together; the others have a value for each user. What is
better is for you to say: popularity alone has little novelty, random lists have much. Only
calibration has a best value, 0.

An empty list counts with what is written at each metric. Of a shorter list the items that are there
count. A user without train items has no popularity and no groups of her own, so her lift and her
calibration are NaN: she is left out of their means, and a warning says how many are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from ..data import FloatArray, IntArray, Interactions
from ..data.description import gini as gini_of
from ..serving.item_profiles import divergence, group_shares, popularity_thirds, user_columns

CELLS = 2**22  # of a table that is made for some users at a time


class Lists(NamedTuple):
    """The lists of some users, and what they are compared with."""

    users: IntArray  # (n,), positions
    items: IntArray  # (n, k), positions; -1 is none
    train: Interactions
    item_groups: pd.Series | None = None  # by label; popularity thirds by default

    def of(self, rows: NDArray[np.bool_]) -> Lists:
        """The lists of some of the users."""
        return self._replace(users=self.users[rows], items=self.items[rows])


def coverage(lists: Lists) -> float:
    """The share of all items in ``train.items`` that are in at least one list.

    0 if all lists are empty. It grows with the number of users and with k: compare models by the
    same lists only (Ge, Delgado-Battenfeld & Jannach 2010, "Beyond Accuracy").

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> train = datasets.load("toy").interactions
    >>> coverage(Lists(np.array([0, 1]), np.array([[0, 1], [0, -1]]), train))
    0.4
    """
    return float(np.count_nonzero(_times_listed(lists)) / lists.train.num_items)


def gini(lists: Lists) -> float:
    """The Gini coefficient of how often each item is in a list, over all items.

    The sum over items of (2 i - n - 1) c_i, divided by n times the sum of c_i, where c_1 to c_n are
    the counts in ascending order. 0 if all items are listed equally often, nearly 1 if one item
    fills all lists. 0 if all lists are empty. As in RecBole (Sun et al. 2019, "Debiasing the
    Human-Recommender System Feedback Loop in Collaborative Filtering").

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> train = datasets.load("toy").interactions
    >>> gini(Lists(np.array([0, 1]), np.array([[0], [0]]), train))
    0.8
    """
    counts = _times_listed(lists)
    return gini_of(counts) if counts.any() else 0.0


def novelty(lists: Lists) -> FloatArray:
    """The mean self-information of the items of each list, in bits.

    That of an item is -log2(the share of the users of train who have it). An item that nobody has
    counts as if one user had it, so that it is finite. 0 for an empty list (Zhou et al. 2010,
    "Solving the Apparent Diversity-Accuracy Dilemma of Recommender Systems").

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> train = datasets.load("toy").interactions  # each film is liked by 2 of 5
    >>> novelty(Lists(np.array([0]), np.array([[3]]), train)).round(3).tolist()
    [1.322]
    """
    owners = np.maximum(lists.train.item_degrees(), 1)
    users = max(np.count_nonzero(lists.train.user_degrees()), 1)
    return _mean_of_list(np.log2(users / owners), lists.items)


def diversity(lists: Lists) -> FloatArray:
    """How different the items of each list are: the mean of 1 - cosine over its pairs of items.

    The cosine is that of the items' columns of the user-item matrix of train. An item that nobody
    has differs from all others by 1. 0 for a list of fewer than two items, which has no pair
    (intra-list diversity: Ziegler et al. 2005, "Improving Recommendation Lists Through Topic
    Diversification"; Vargas & Castells 2011).

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> train = datasets.load("toy").interactions  # the same two people like films 0 and 1
    >>> diversity(Lists(np.array([4]), np.array([[0, 1, 3]]), train)).round(3).tolist()
    [0.667]
    """
    there = lists.items >= 0
    row, _ = np.nonzero(there)
    listed, number = np.unique(lists.items[there], return_inverse=True)
    numbers = np.full(lists.items.shape, len(listed))  # where there is no item: a column of zeros
    numbers[there] = number
    columns = user_columns(lists.train)[listed]
    rows_of_users = columns.T.tocsr()
    total = np.zeros(len(lists.users))  # cosines of each item of a list with all of its items
    order = np.argsort(number, kind="stable")  # each item's cosines are needed once
    new = np.diff(number[order], prepend=-1) > 0
    for block in _blocks(lists.items.shape[1] + new * len(listed)):
        entries = order[block]
        first, last = number[entries[[0, -1]]]
        cosine = np.pad((columns[first : last + 1] @ rows_of_users).toarray(), ((0, 0), (0, 1)))
        of_entries = cosine[number[entries, None] - first, numbers[row[entries]]].sum(1)
        total += np.bincount(row[entries], of_entries, minlength=len(total))
    length = there.sum(1)
    with_itself = _sum_of_list(lists.train.item_degrees() > 0, lists.items)
    cosines = (total - with_itself) / 2
    pairs = np.maximum(length * (length - 1) / 2, 1)
    return np.where(length > 1, np.clip(1 - cosines / pairs, 0, 1), 0.0)  # 1 - 1 may be -1e-16


def popularity_lift(lists: Lists) -> FloatArray:
    """How much more popular the items of each list are than the user's own, as a share.

    q / p - 1, where p is the mean popularity of her train items and q that of her list, and the
    popularity of an item is how many users have it in train. 0 is as popular as her own, 1 twice as
    popular, -1 an empty list or one of items that nobody has. NaN for a user without train items.

    For a group of users Abdollahpouri et al. (2020, "The Connection Between Popularity Bias,
    Calibration, and Fairness in Recommendation") divide the mean of q by the mean of p. Here each
    user has a lift of her own, so that its mean has an interval; the two agree for one user.

    Examples
    --------
    >>> table = {"user": ["ana", "ben", "ben"], "item": ["tea", "tea", "rye"]}
    >>> train = Interactions.from_frame(table)  # positions: rye 0, tea 1
    >>> popularity_lift(Lists(np.array([0]), np.array([[0]]), train)).tolist()
    [-0.5]
    """
    train = lists.train
    popularity, count = train.item_degrees(), train.user_degrees()
    total = np.bincount(train.user_index, popularity[train.item_index], minlength=train.num_users)
    own = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return _mean_of_list(popularity, lists.items) / own[lists.users] - 1


def calibration(lists: Lists) -> FloatArray:
    """How far the groups of items in each list are from those of what the user has, in nats.

    Steck's C_KL (2018, "Calibrated Recommendations"), see
    :func:`~gnnrec_helpers.serving.item_profiles.divergence`: lower is better, 0 best. An item of
    several groups counts for each in equal parts, and all items of a list or a history count
    alike. ln(100) = 4.6 for an empty list, the same as for one that shares no group with her
    history. NaN for a user without train items.

    Groups are by default the popularity thirds head, mid and tail, see
    :func:`~gnnrec_helpers.serving.item_profiles.popularity_thirds`.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")  # Ana likes science fiction only
    >>> genres = toy.items["genres"]
    >>> both = Lists(np.array([0]), np.array([[2, 3]]), toy.interactions, genres)
    >>> calibration(both).round(2).tolist()  # Casablanca and Dune
    [0.68]
    """
    train = lists.train
    groups = popularity_thirds(train) if lists.item_groups is None else lists.item_groups
    shares = group_shares(train.items, groups)
    matrix = train.to_csr()
    nats = np.empty(len(lists.users))
    for rows in _blocks(np.full(len(lists.users), shares.shape[1])):
        listed = _indicator(lists.items[rows], train.num_items)
        history, in_list = (
            (sums @ shares).toarray() / np.maximum(sums.sum(1), 1)[:, None]
            for sums in (matrix[lists.users[rows]], listed)
        )
        nats[rows] = divergence(history, in_list)
    nats[train.user_degrees()[lists.users] == 0] = np.nan
    return nats


# one number for all lists, and one for each user
OF_ALL_LISTS: Mapping[str, Callable[[Lists], float]] = {"coverage": coverage, "gini": gini}
OF_USERS: Mapping[str, Callable[[Lists], FloatArray]] = {
    "novelty": novelty,
    "diversity": diversity,
    "popularity_lift": popularity_lift,
    "calibration": calibration,
}


def _times_listed(lists: Lists) -> IntArray:
    return np.bincount(lists.items[lists.items >= 0], minlength=lists.train.num_items)


def _sum_of_list(values: NDArray[Any], items: IntArray) -> NDArray[Any]:
    """The sum of the items' values over each list."""
    return np.asarray(np.where(items >= 0, values[items], 0).sum(1))


def _mean_of_list(values: NDArray[Any], items: IntArray) -> FloatArray:
    """The mean of the items' values over each list, 0 for an empty one."""
    return _sum_of_list(values, items) / np.maximum((items >= 0).sum(1), 1)


def _indicator(items: IntArray, num_items: int) -> sparse.csr_array:
    """1 where an item is in a list, shape (lists, num_items)."""
    row, place = np.nonzero(items >= 0)
    return sparse.csr_array(
        (np.ones(len(row)), (row, items[row, place])), shape=(len(items), num_items)
    )


def _blocks(cells: IntArray) -> Iterator[IntArray]:
    """Rows in their order, about as many at a time as have `CELLS` cells together."""
    starts = np.flatnonzero(np.diff(np.cumsum(cells) // CELLS, prepend=-1))
    yield from np.split(np.arange(len(cells)), starts)[1:]  # what is before the first is empty
