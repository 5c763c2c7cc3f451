"""How far are predicted ratings from those that were given?

Every held-out rating is predicted and counts once, those of users and items that train does not
know too. Predictions beyond the scale are moved to its end first, unless that is turned off: a
prediction of 5.3 stars means 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import torch

from ..data import FloatArray, Interactions, Part, Split
from ..data.interactions import ratings_of
from ..models import RatingModel
from ..models.base import evaluating
from ..models.recommender import PAIRS, check_takes_pairs, device_of, is_rating_model, numbers
from .comparison import half_width
from .judging import check_named, held_out_pairs

Clip = tuple[float, float] | Literal["train"] | None
BLOCK = 2**17  # pairs predicted at once


def evaluate_ratings(
    model: RatingModel, split: Split, *, part: Part = "test", clip: Clip = "train"
) -> dict[str, float]:
    """Mean absolute error and root mean squared error over the held-out ratings.

    Parameters
    ----------
    model : RatingModel
    split : Split
        With ratings; see ``Interactions.split(within="all")``.
    part : {"test", "validation"}
        Which ratings are predicted. Choose anything (regularization, ...) with "validation" only.
    clip : (lowest, highest) or "train" or None
        Where the scale ends, for example ``(1, 5)``; "train" takes the lowest and highest rating
        there. None leaves predictions as they are.

    Returns
    -------
    dict
        ``{"mae": 0.716, "rmse": 0.947}``

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> split = datasets.load("movielens-small").interactions.split(within="all")
    >>> found = evaluate_ratings(models.BiasOnly(split.train), split)
    >>> {name: round(value, 3) for name, value in found.items()}
    {'mae': 0.686, 'rmse': 0.892}
    """
    errors = rating_errors(model, split, part=part, clip=clip)
    return {
        "mae": float(np.abs(errors).mean()),
        "rmse": math.sqrt(float(np.square(errors).mean())),
    }


def rating_errors(
    model: RatingModel, split: Split, *, part: Part = "test", clip: Clip = "train"
) -> FloatArray:
    """Prediction minus rating for every held-out pair, in the order of ``split.held_out(part)``."""
    held_out = _rated_pairs(model, split, part)
    lowest, highest = _scale(split, clip)
    name, device = f"{type(model).__name__}.predict", device_of(model)
    blocks = []
    with evaluating(model):
        for start in range(0, len(held_out), BLOCK):
            users, items = (  # somebody's model may write to them
                torch.from_numpy(index[start : start + BLOCK]).to(device, copy=True)
                for index in (held_out.user_index, held_out.item_index)
            )
            count = len(users)
            try:
                given = model.predict(users, items)
            except TypeError:
                check_takes_pairs(model.predict, name)
                raise
            block = numbers(given, (count,), name, PAIRS)
            blocks.append(block.cpu().double().numpy())
    predicted = np.concatenate(blocks)
    lacking = int((~np.isfinite(predicted)).sum())
    if lacking:
        raise ValueError(
            f"{lacking:,} of {len(predicted):,} predicted ratings are NaN or infinite: finite "
            "numbers are needed."
        )
    return predicted.clip(lowest, highest) - ratings_of(held_out)


def _rated_pairs(model: RatingModel, split: Split, part: Part) -> Interactions:
    held_out = held_out_pairs(model, split, part, _check_rating_model)
    ratings_of(held_out)
    return held_out


def _check_rating_model(model: object) -> None:
    if not is_rating_model(model):
        raise TypeError(f"{type(model).__name__} has no predict: it ranks items, it rates none.")


def compare_ratings(
    models: Mapping[str, RatingModel],
    split: Split,
    *,
    part: Part = "test",
    baseline: str | None = None,
    clip: Clip = "train",
) -> pd.DataFrame:
    """Models side by side: errors, and half the width of their 95 % intervals.

    Parameters
    ----------
    models : mapping of name to RatingModel
    split, part, clip
        As for :func:`evaluate_ratings`.
    baseline : str, optional
        One of the names. The mean differences from it, rating by rating, are added: of absolute and
        of squared errors. All models are judged on the same ratings, so two may differ clearly
        although their intervals overlap. Less than 0 is better than the baseline.

    Returns
    -------
    pandas.DataFrame
        One row a model; columns ``mae``, ``± mae``, ``rmse``, ``± rmse``, with a baseline also
        ``Δ mae``, ``± Δ mae``, ``Δ mse``, ``± Δ mse`` (mse is the square of rmse).

    Notes
    -----
    The intervals say how much the means over ratings would move with other users of the same kind.
    The ratings of one user move together, because she may be easy or hard to predict; taken for
    independent of each other, they would give intervals that are too narrow. Intervals are those of
    Student's t with one degree of freedom less than there are users, and NaN for a single user.
    Nothing is said of other splits or seeds.
    """
    check_named(models, baseline)
    for model in models.values():  # all of them, before the first is judged
        _rated_pairs(model, split, part)
    errors = {
        name: rating_errors(model, split, part=part, clip=clip) for name, model in models.items()
    }
    held_out = split.held_out(part)
    rows = {}
    for name, own in errors.items():
        mae, mae_width = _mean_and_width(np.abs(own), held_out)
        mse, mse_width = _mean_and_width(np.square(own), held_out)
        rmse = math.sqrt(mse)
        # a small change of the mean square changes its root by a share of 1 / (2 root)
        rmse_width = mse_width / (2 * rmse) if rmse else mse_width
        row = {"mae": mae, "± mae": mae_width, "rmse": rmse, "± rmse": rmse_width}
        if baseline is not None:
            other = errors[baseline]
            for what, size in (("Δ mae", np.abs), ("Δ mse", np.square)):
                row[what], row[f"± {what}"] = _mean_and_width(size(own) - size(other), held_out)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _mean_and_width(values: FloatArray, held_out: Interactions) -> tuple[float, float]:
    """The mean over ratings, and half the width of its 95 % interval over users."""
    mean = float(values.mean())
    _, user = np.unique(held_out.user_index, return_inverse=True)
    surplus = np.bincount(user, values - mean)  # what each user adds to, or takes from, the mean
    count = len(surplus)
    variance = count / (count - 1) * float(np.square(surplus).sum()) if count > 1 else math.nan
    return mean, half_width(math.sqrt(variance) / len(values), count)


def _scale(split: Split, clip: Clip) -> tuple[float, float]:
    if clip is None:
        return -math.inf, math.inf
    if isinstance(clip, str) and clip == "train":
        ratings = ratings_of(split.train)
        return float(ratings.min()), float(ratings.max())
    if not isinstance(clip, (tuple, list, np.ndarray)) or not all(
        isinstance(end, (int, float, np.number)) for end in clip
    ):
        raise ValueError(f"clip={clip!r}: a pair of numbers, 'train' or None is needed.")
    if len(clip) != 2 or not clip[0] <= clip[1]:
        raise ValueError(f"clip={clip!r}: the lowest and then the highest rating are needed.")
    return clip
