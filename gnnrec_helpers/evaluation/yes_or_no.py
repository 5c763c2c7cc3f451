"""Yes or no? Held-out pairs among as many that were drawn at random.

Papers on knowledge graphs judge models so ("click-through rate prediction"). It is easier than to
rank all items: a random item is seldom a popular one, so popularity alone does well. Its figures
belong beside those of any model.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ..data import FloatArray, IntArray, Part, Split, merge
from ..data.arguments import check_whole
from ..engine.sampling import Negatives
from ..models import Recommender, scoring
from ..models.base import evaluating
from ..models.recommender import device_of, numbers, wide
from ..serving.retrieval import NAN
from .judging import held_out_pairs

USERS, PAIRS = 64, 2**12  # users, with all items, or pairs that are scored at once


def evaluate_ctr(
    model: Recommender,
    split: Split,
    *,
    part: Part = "test",
    threshold: float = 0.0,
    seed: int = 0,
) -> dict[str, float]:
    """Area under the ROC curve, F1 and accuracy on held-out pairs and as many random ones.

    For every held-out pair one item is drawn that this user did not choose in any part.

    Parameters
    ----------
    model : Recommender
    split : Split
    part : {"test", "validation"}
    threshold : float, default 0.0
        A score above it counts as a yes. Zero is a probability of one half for models that are
        trained with :class:`~gnnrec_helpers.objectives.CrossEntropy`; for others
        :func:`best_threshold` finds one on validation. The AUC needs none.
    seed : int, default 0
        Of the items that are drawn.

    Returns
    -------
    dict
        ``{"auc": 0.79, "f1": 0.72, "accuracy": 0.71}``

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> likes = datasets.load("lastfm-2k").interactions.binarize(1)
    >>> split = likes.split(test=0.2, validation=0.2, within="all")
    >>> found = evaluate_ctr(models.Popularity(split.train), split)
    >>> round(found["auc"], 2)
    0.81
    """
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.number)):
        raise TypeError(f"threshold={threshold!r}: a number is needed.")
    if not math.isfinite(threshold):
        raise ValueError(f"threshold={threshold!r}: a finite number is needed.")
    positive, negative = _asked(model, split, part, seed)
    return {
        "auc": _area(positive, negative),
        "f1": _f1(positive > threshold, negative > threshold),
        "accuracy": float(np.concatenate([positive > threshold, negative <= threshold]).mean()),
    }


def best_threshold(model: Recommender, split: Split, *, seed: int = 0) -> float:
    """The score above which to say yes, for the largest F1 on validation.

    Parameters
    ----------
    model, split, seed
        As for :func:`evaluate_ctr`.
    """
    positive, negative = _asked(model, split, "validation", seed)
    scores = np.concatenate([positive, negative])
    if not np.isfinite(scores).all():
        raise ValueError("The model's scores contain infinity; a threshold needs finite numbers.")
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(order < len(positive))  # among the highest scores, for each number of them
    f1 = 2 * right / (np.arange(1, len(scores) + 1) + len(positive))
    ends = np.append(np.diff(scores[order]) < 0, True)  # equal scores are taken together
    last = int(np.argmax(np.where(ends, f1, -1.0)))
    least = scores[order[last]]
    below = scores[scores < least]
    middle = (least + below.max()) / 2 if len(below) else least - 1.0
    return float(min(middle, np.nextafter(least, -np.inf)))  # large numbers: 1e20 - 1 is 1e20


def _asked(
    model: Recommender, split: Split, part: Part, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Scores of the held-out pairs, and of as many that were drawn."""
    check_whole(0, seed=seed)
    held_out = held_out_pairs(model, split, part)
    chosen = merge(split.train, split.test)
    if split.validation is not None:
        chosen = merge(chosen, split.validation)
    users, items = held_out.user_index, held_out.item_index
    drawn = Negatives(chosen).draw(users, 1, np.random.default_rng(seed))[:, 0]
    asked = np.stack([items, drawn], axis=1)
    positive, negative = scores = _scores(model, users, asked, held_out.num_items).T
    if np.isnan(scores).any():
        raise ValueError(NAN)
    return positive, negative


def _scores(model: Recommender, users: IntArray, items: IntArray, num_items: int) -> FloatArray:
    """Scores of items, shape (n, m), each row for one of `users`, who are in ascending order."""
    if callable(getattr(model, "training_scores", None)):  # only what is asked for
        name, device = f"{type(model).__name__}.training_scores", device_of(model)
        pairs = np.repeat(users, items.shape[1]), items.ravel()
        blocks = zip(
            *(torch.from_numpy(part).to(device).split(PAIRS) for part in pairs), strict=True
        )
        with evaluating(model):
            scores = [
                numbers(
                    cast(Any, model).training_scores(*block)[0],
                    (len(block[0]),),
                    name,
                    "a score for each pair",
                )
                for block in blocks
            ]
        return torch.cat(scores).view(items.shape).cpu().double().numpy()
    distinct, first = np.unique(users, return_index=True)
    ends = np.append(first, len(users))
    pair_scores = np.empty(items.shape)
    with scoring(model, num_items) as score:
        for start in range(0, len(distinct), USERS):
            block = distinct[start : start + USERS]
            pairs_of_block = slice(ends[start], ends[start + len(block)])
            rows = np.searchsorted(block, users[pairs_of_block])
            table = wide(score(torch.from_numpy(block)).cpu()).numpy()  # (block, num_items)
            pair_scores[pairs_of_block] = table[rows[:, None], items[pairs_of_block]]
    return pair_scores


def _area(positive: FloatArray, negative: FloatArray) -> float:
    """How often a positive scores above a negative; half where they are equal."""
    # of pandas, since importing scipy.stats takes a second; equal ones share the mean rank
    ranks = pd.Series(np.concatenate([positive, negative])).rank().to_numpy()
    wins = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(wins / (len(positive) * len(negative)))


def _f1(positive: NDArray[np.bool_], negative: NDArray[np.bool_]) -> float:
    """From what was said yes to."""
    hits, false_alarms = int(positive.sum()), int(negative.sum())
    return 2 * hits / max(hits + false_alarms + len(positive), 1)
