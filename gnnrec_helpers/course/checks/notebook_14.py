"""Exercises of notebook 14."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...data import Interactions, Split
from ..messy_shop import SECOND_EXPORT, clean_shop
from .claims import as_array
from .exercises import checker, off_by


@cache
def _second_export() -> Interactions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Interactions.from_csv(
            io.StringIO(SECOND_EXPORT), "buyer", "article", timestamp="when", weight="pieces",
            separator="|", na_values=["?", "n/a"], missing="drop", keep="sum",
        )  # fmt: skip


@checker("14.1")
def _reads_the_second_export(answer: Any) -> str | None:
    if not isinstance(answer, Interactions):
        return "Interactions are asked for: what Interactions.from_csv returns."
    right = _second_export()
    if "tea; black" not in answer.items:
        return "An article is called 'tea; black', without quotes: what is the separator?"
    if answer.users.dtype == np.int64 or "0007" not in answer.users:
        return "Buyer 0007 is missing: name the column of buyers."
    if "?" in answer.users:
        return "'?' is nobody's number: say so with na_values."
    if answer.weight is None:
        return "The pieces are missing: they are weights."
    if answer.timestamp is None:
        return "The times are missing: name their column."
    if len(answer) != len(right):
        return f"There are {len(answer)} pairs, and {len(right)} are right: what is left out, why?"
    if not np.array_equal(answer.weight, right.weight):  # type: ignore[arg-type]
        return "Buyer 0007 has bought five cups, one and then four: choose what keep does."
    return None


@checker("14.2")
def _each_users_latest(answer: Callable[[Interactions], Any]) -> str | None:
    if not callable(answer):
        return "A function of interactions is asked for."
    generator = np.random.default_rng(5)
    user = np.repeat(np.arange(6), [1, 4, 3, 5, 2, 6])
    whole = Interactions.from_frame(
        {
            "user": user,
            "item": np.concatenate([generator.permutation(9)[:n] for n in np.bincount(user)]),
            "when": 1_700_000_000 + generator.permutation(len(user)),
        },
        timestamp="when",
    )
    given = np.asarray(answer(whole))
    latest = np.array(
        [max(np.flatnonzero(whole.user_index == n), key=lambda p: whole.timestamp[p])  # type: ignore[index]
         for n in range(6)]
    )  # fmt: skip
    try:
        found = np.flatnonzero(whole._mask(given))
    except (TypeError, ValueError) as error:
        return f"A mask, or positions, is asked for. {error}"
    if np.array_equal(found, np.sort(latest[1:])):
        return None
    if np.array_equal(found, np.sort(latest)):
        return "User 0 has a single pair; held out, nothing is left of her in train."
    if len(found) != 5:
        return f"It holds out {len(found)} pairs; with five users of several pairs, 5 are right."
    return "One pair of each user, but not the latest: largest timestamp, not largest position."


@checker("14.3")
def _older_than_train(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (2,):
        return "Two shares are asked for: of the colleague's split, and of the cut at a date."
    right = np.array([share_of_past(split) for split in splits_to_judge()])
    if np.allclose(given, right, atol=5e-3):
        return None
    if np.allclose(given, right[::-1], atol=5e-3):
        return "The right two numbers, in the wrong order."
    if np.allclose(given, 100 * right, atol=0.5):
        return "Shares are asked for: from 0 to 1."
    wrong = np.abs(given - right) > 5e-3
    which = "first" if wrong[0] else "second"
    return f"The {which} is off. " + str(off_by(given[wrong][0], right[wrong][0]))


def splits_to_judge() -> tuple[Split, Split]:
    """The colleague's split of the shop, and a cut at a date."""
    shop = clean_shop()
    return shop.split(0.2, 0, by="time"), shop.split("2025-11-01", 0, by="time")


def share_of_past(split: Split) -> float:
    """The share of test pairs that are older than the newest pair of train."""
    assert split.test.timestamp is not None
    assert split.train.timestamp is not None
    return float((split.test.timestamp < split.train.timestamp.max()).mean())
