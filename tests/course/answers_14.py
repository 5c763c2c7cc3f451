"""Answers to the exercises of notebook 14: right ones in two forms, wrong ones and hints."""

import io
import warnings

import numpy as np

from gnnrec_helpers import Interactions
from gnnrec_helpers.course.checks.notebook_14 import share_of_past, splits_to_judge
from gnnrec_helpers.course.messy_shop import SECOND_EXPORT


def second(user="buyer", item="article", **options):
    options = {
        "timestamp": "when", "weight": "pieces", "separator": "|", "na_values": ["?", "n/a"],
        "missing": "drop", "keep": "sum", **options,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Interactions.from_csv(io.StringIO(SECOND_EXPORT), user, item, **options)


def latest(interactions):
    ranked = np.lexsort((interactions.timestamp, interactions.user_index))
    last = np.append(np.diff(interactions.user_index[ranked]) != 0, True)
    found = ranked[last]
    return found[interactions.user_degrees()[interactions.user_index[found]] > 1]


def as_mask(interactions):
    mask = np.zeros(len(interactions), bool)
    mask[latest(interactions)] = True
    return mask


def of_everybody(interactions):
    ranked = np.lexsort((interactions.timestamp, interactions.user_index))
    return ranked[np.append(np.diff(interactions.user_index[ranked]) != 0, True)]


def last_position(interactions):
    last = np.flatnonzero(np.append(np.diff(interactions.user_index) != 0, True))
    return last[interactions.user_degrees()[interactions.user_index[last]] > 1]


SHARES = [share_of_past(split) for split in splits_to_judge()]

RIGHT = [
    ("14.1", second()),
    ("14.1", second(ids="text")),
    ("14.2", latest),
    ("14.2", as_mask),
    ("14.3", SHARES),
    ("14.3", (round(SHARES[0], 2), 0)),
]
WRONG = [
    ("14.1", SECOND_EXPORT, "what Interactions.from_csv returns"),
    ("14.1", second(user="pieces"), "Buyer 0007"),
    ("14.1", second(na_values=["n/a"]), "'?'"),
    ("14.1", second(weight=None, keep="latest"), "pieces are missing"),
    ("14.1", second(timestamp=None), "times are missing"),
    ("14.1", second(keep="latest"), "five cups"),
    ("14.2", 3, "A function"),
    ("14.2", of_everybody, "single pair"),
    ("14.2", last_position, "not the latest"),
    ("14.2", lambda interactions: [0, 1], "holds out 2 pairs"),
    ("14.2", lambda interactions: [0.5], "A mask, or positions"),
    ("14.3", 0.5, "Two shares"),
    ("14.3", SHARES[::-1], "wrong order"),
    ("14.3", [100 * share for share in SHARES], "from 0 to 1"),
    ("14.3", [0.01, 0.0], "first is off"),
]
