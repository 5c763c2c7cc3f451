"""Yes or no? Held-out pairs among as many that were drawn at random.

Papers on knowledge graphs judge models so ("click-through rate prediction"). It is easier than to
rank all items: a random item is seldom a popular one, so popularity alone does well. Its figures
belong beside those of any model.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
import torch
from scipy.stats import rankdata

from .evaluation import Part
from .interactions import FloatArray, IntArray, Split, merge
from .models import Recommender, frozen_score
from .retrieval import check_labels
from .sampling import Negatives

USERS = 64  # whose scores of all items are in memory at once


def evaluate_ctr(
    model: Recommender, split: Split, part: Part = "test", *, seed: int = 0
) -> dict[str, float]:
    """Area under the ROC curve, F1 and accuracy on held-out pairs and as many random ones.

    For every held-out pair one item is drawn that this user did not choose in any part. A score
    above zero counts as a yes, which is a probability above one half for models that are trained
    with :class:`~gnnrec_helpers.objectives.CrossEntropy`; for others only the AUC means something.

    Parameters
    ----------
    model : Recommender
    split : Split
    part : {"test", "validation"}
    seed : int, default 0
        Of the items that are drawn.

    Returns
    -------
    dict
        ``{"auc": 0.79, "f1": 0.72, "accuracy": 0.71}``

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> likes = datasets.load("lastfm-2k").interactions
    >>> split = likes.split(test=0.2, validation=0.2, within="all")
    >>> found = evaluate_ctr(models.Popularity(split.train), split)
    >>> round(found["auc"], 2)
    0.81
    """
    if part not in get_args(Part):
        raise ValueError(f"part={part!r}: choose 'test' or 'validation'.")
    held_out = split.validation if part == "validation" else split.test
    if held_out is None or len(held_out) == 0:
        raise ValueError(f"The {part} part of the split is empty, so there is nothing to judge.")
    check_labels(model, held_out)
    known = merge(split.train, split.test)
    if split.validation is not None:
        known = merge(known, split.validation)
    users, items = held_out.user_index, held_out.item_index
    drawn = Negatives(known).draw(users, 1, np.random.default_rng(seed))[:, 0]
    positive, negative = _scores(model, users, np.stack([items, drawn], axis=1)).T
    return {
        "auc": _area(positive, negative),
        "f1": _f1(positive, negative),
        "accuracy": float(np.concatenate([positive > 0, negative <= 0]).mean()),
    }


def _scores(model: Recommender, users: IntArray, items: IntArray) -> FloatArray:
    """Scores of items, shape (n, m), each row for one of `users`, who are in ascending order."""
    score = frozen_score(model)
    some, first = np.unique(users, return_index=True)
    ends = np.append(first, len(users))
    found = np.empty(items.shape)
    for start in range(0, len(some), USERS):
        block = some[start : start + USERS]
        here = slice(ends[start], ends[start + len(block)])
        rows = np.searchsorted(block, users[here])
        scores = score(torch.from_numpy(block)).cpu().numpy()  # (block, num_items)
        found[here] = scores[rows[:, None], items[here]]
    return found


def _area(positive: FloatArray, negative: FloatArray) -> float:
    """How often a positive scores above a negative; half where they are equal."""
    ranks = rankdata(np.concatenate([positive, negative]))  # equal ones share the mean rank
    wins = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(wins / (len(positive) * len(negative)))


def _f1(positive: FloatArray, negative: FloatArray) -> float:
    hits, false_alarms, misses = (
        (positive > 0).sum(), (negative > 0).sum(), (positive <= 0).sum(),
    )  # fmt: skip
    return float(2 * hits / max(2 * hits + false_alarms + misses, 1))
