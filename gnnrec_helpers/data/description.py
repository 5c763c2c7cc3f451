"""What a practitioner looks at first: sizes, shapes, and what will go wrong."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .tables import SUSPECTS, UNITS, WHOLE, mixed_units, unit_of

if TYPE_CHECKING:
    from .interactions import IntArray, Interactions

HOUR, DAY = 3600, 86400
SPARSE = 10  # pairs that a user has at least, below which few can be held out
MANY = 0.2  # of all users or pairs: what concerns fewer is no finding


class Finding(NamedTuple):
    """Something that will get in the way, and what to do about it."""

    about: str
    sentence: str


@dataclass(frozen=True, repr=False)
class Description:
    """What :meth:`Interactions.describe` found.

    Attributes
    ----------
    numbers : dict
        By what they are, in the order in which they are shown.
    findings : list of Finding
        Empty when nothing stands out.
    """

    numbers: dict[str, Any]
    findings: list[Finding]

    def to_frame(self) -> pd.DataFrame:
        """One number per row, under its name: column ``value``."""
        return pd.DataFrame({"value": pd.Series(self.numbers, dtype=object)}).rename_axis("what")

    def __repr__(self) -> str:
        width = max(map(len, self.numbers))
        lines = [f"{name:<{width}}  {_shown(value)}" for name, value in self.numbers.items()]
        lines += ["", *(f"- {finding.sentence}" for finding in self.findings)]
        return "\n".join(lines if self.findings else [*lines, "Nothing stands out."])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(_shown(value))}</td></tr>"
            for name, value in self.numbers.items()
        )
        found = "".join(f"<li>{html.escape(finding.sentence)}</li>" for finding in self.findings)
        below = f"<ul>{found}</ul>" if found else "<p>Nothing stands out.</p>"
        return f"<table>{rows}</table>{below}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def describe(interactions: Interactions) -> Description:
    """See :meth:`Interactions.describe`."""
    if len(interactions) == 0:
        none = Finding("pairs", "There are no pairs, so there is nothing to learn from.")
        return Description({"pairs": 0, "users": interactions.num_users,
                            "items": interactions.num_items}, [none])  # fmt: skip
    numbers: dict[str, Any] = {
        "pairs": len(interactions),
        "users": interactions.num_users,
        "items": interactions.num_items,
        "density": interactions.density,
    }
    findings: list[Finding] = []
    for name, count in interactions.dropped.items():
        numbers[f"left out: {name}"] = int(count)
    _degrees(interactions, numbers, findings)
    _core(interactions, numbers, findings)
    _values(interactions, numbers, findings)
    if interactions.timestamp is not None:
        _times(interactions, numbers, findings)
    for role, labels, degrees in (
        ("user", interactions.users, interactions.user_degrees()),
        ("item", interactions.items, interactions.item_degrees()),
    ):
        _labels(role, labels, degrees, findings)
    return Description(numbers, findings)


# ---------------------------------------------------------------------- how many
def gini(counts: IntArray) -> float:
    """How unequal counts are: 0 where all are alike, near 1 where one has everything.

    Examples
    --------
    >>> gini(np.array([1, 1, 1, 1])), gini(np.array([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    ranked = np.sort(counts)
    place = np.arange(1, len(ranked) + 1)
    return float((2 * place - len(ranked) - 1) @ ranked / (len(ranked) * ranked.sum()))


def _degrees(interactions: Interactions, numbers: dict[str, Any], findings: list[Finding]) -> None:
    users, items = interactions.user_degrees(), interactions.item_degrees()
    for role, degrees in (("user", users), ("item", items)):
        least, median, most = (float(q) for q in np.quantile(degrees, [0, 0.5, 1]))
        numbers[f"pairs per {role}"] = (
            f"{least:,.0f} to {most:,.0f}, median {median:,.4g}, mean {degrees.mean():,.4g}"
        )
    top = np.sort(items)[::-1][: max(1, len(items) // 100)].sum() / len(interactions)
    numbers["share of the most popular 1 % of items"] = float(top)
    numbers["Gini of items"] = gini(items)

    # the default split rounds halves up: .2 of three pairs, and .1 of five, are one
    without_test = float((users < 3).mean())
    without_validation = float((users < 5).mean())
    if without_test >= MANY:
        findings.append(
            Finding(
                "short histories",
                f"{without_test:.0%} of users have one or two pairs, so split() holds nothing out "
                "of them: split(test=1, validation=1) leaves one out of each who has two or more.",
            )
        )
    elif without_validation >= MANY:
        findings.append(
            Finding(
                "short histories",
                f"{without_validation:.0%} of users have fewer than five pairs, so split() takes "
                "no validation pair from them: split(test=1, validation=1) does.",
            )
        )
    if (single := float((users == 1).mean())) >= MANY:
        findings.append(
            Finding(
                "single pairs",
                f"{single:.0%} of users have a single pair, from which nothing can be held out; "
                "they are trained on and never judged.",
            )
        )
    if (rare := float((items == 1).mean())) >= 0.5:
        findings.append(
            Finding(
                "rare items",
                f"{rare:.0%} of items have a single pair, so a model learns next to nothing about "
                "them: k_core(1, 2) leaves them out, or facts about items help.",
            )
        )
    most, count = int(users.argmax()), int(users.max())
    if count > 0.05 * len(interactions) and count > 20 * np.median(users):
        label = interactions.users[[most]].tolist()[0]
        findings.append(
            Finding(
                "one user",
                f"User {label!r} has {count / len(interactions):.0%} of all pairs: is this a guest "
                "account, a robot, or a mark for a missing id (na_values=)?",
            )
        )


def _core(interactions: Interactions, numbers: dict[str, Any], findings: list[Finding]) -> None:
    kept = interactions
    while len(kept):
        enough = (kept.user_degrees()[kept.user_index] >= 5) & (
            kept.item_degrees()[kept.item_index] >= 5
        )
        if enough.all():
            break
        kept = kept.select(enough)
    left = f"{len(kept):,} pairs of {len(np.unique(kept.user_index)):,} users and " \
           f"{len(np.unique(kept.item_index)):,} items"  # fmt: skip
    numbers["k_core(5, 5) would leave"] = left
    if len(kept) == 0:
        findings.append(
            Finding("core", "k_core(5, 5), which many papers use, would leave nothing.")
        )


def _values(interactions: Interactions, numbers: dict[str, Any], findings: list[Finding]) -> None:
    rating, weight = interactions.rating, interactions.weight
    if rating is not None:
        values, counts = np.unique(rating, return_counts=True)
        if len(values) <= 12:
            listed = ", ".join(f"{v:g}: {c:,}" for v, c in zip(values, counts, strict=True))
        else:
            listed = f"{values[0]:g} to {values[-1]:g}, median {np.median(rating):g}"
        numbers["ratings"] = listed
        if len(values) == 1:
            findings.append(
                Finding(
                    "ratings",
                    f"Every rating is {values[0]:g}, so they say nothing: read the table without "
                    "rating=.",
                )
            )
        elif values[-1] > 100 * np.median(rating) and (rating == np.floor(rating)).all():
            findings.append(
                Finding(
                    "ratings",
                    f"The ratings go up to {values[-1]:g} and their median is "
                    f"{np.median(rating):g}, so they look like counts: read them as weight=, which "
                    "IALS and LightGCN use.",
                )
            )
        else:
            liked = float(np.quantile(rating, 0.5))
            findings.append(
                Finding(
                    "ratings",
                    "Ranking models take every pair for a like, whatever its rating: "
                    f"binarize({liked:g}) keeps the better half, or choose what a like is.",
                )
            )
        if (low := int((rating <= 0).sum())) and values[-1] > 0:
            findings.append(
                Finding(
                    "ratings",
                    f"{low / len(rating):.0%} of ratings are 0 or less: do they mean dislike, or "
                    "that no rating was given (na_values=[0])?",
                )
            )
    if weight is not None:
        least, median, most = (float(q) for q in np.quantile(weight, [0, 0.5, 1]))
        numbers["weights"] = f"{least:g} to {most:g}, median {median:g}"
        if most > 100 * median:
            findings.append(
                Finding(
                    "weights",
                    f"The largest weight, {most:g}, is {most / median:,.0f} times the median, so "
                    "few pairs decide: np.log1p of the counts is usual.",
                )
            )


# ---------------------------------------------------------------------- when
def _times(interactions: Interactions, numbers: dict[str, Any], findings: list[Finding]) -> None:
    stamps = interactions.timestamp
    assert stamps is not None
    users = interactions.user_index
    order = np.lexsort((stamps, users))
    same_user = users[order[1:]] == users[order[:-1]]
    tied = same_user & (stamps[order[1:]] == stamps[order[:-1]])
    numbers["pairs at the same time as another of their user"] = float(
        np.union1d(np.flatnonzero(tied), np.flatnonzero(tied) + 1).size / len(stamps)
    )
    if odd := mixed_units(stamps):
        findings.append(
            Finding(
                "time",
                f"{odd:,} timestamps seem to be in another unit (seconds, milliseconds) than the "
                "others, so the order is wrong: bring them to one unit.",
            )
        )
        return
    unit = interactions.time_unit or unit_of(stamps)
    if unit is None:
        numbers["timestamps"] = f"{stamps.min():,} to {stamps.max():,}, no dates"
        return
    factor = dict(UNITS)[unit]
    moments = pd.to_datetime(stamps, unit=unit)
    guess = "" if interactions.time_unit else f" (if they are in {unit})"
    numbers["first"] = f"{moments.min():%Y-%m-%d %H:%M}{guess}"
    numbers["last"] = f"{moments.max():%Y-%m-%d %H:%M}{guess}"

    starts = np.flatnonzero(np.append(True, ~same_user))
    span = np.maximum.reduceat(stamps[order], starts) - np.minimum.reduceat(stamps[order], starts)
    several = np.diff(np.append(starts, len(stamps))) > 1
    if several.any():
        at_once = float((span[several] < HOUR * factor).mean())
        numbers["users whose pairs lie within an hour"] = at_once
        if at_once >= MANY:
            findings.append(
                Finding(
                    "order",
                    f"{at_once:.0%} of users with several pairs have them all within an hour, so "
                    "their order is no sequence: split(by='time') holds out what was typed last.",
                )
            )
    months = moments.to_numpy().astype("datetime64[M]").astype(np.int64)
    counts = np.bincount(months - months.min())
    numbers["months"] = len(counts)
    if len(counts) >= 4:
        usual = float(np.median(counts))
        short = [place for place, count in enumerate(counts) if count < usual / 4]
        if short and len(short) <= len(counts) / 4:
            named = ", ".join(
                f"{np.datetime64(int(months.min()) + place, 'M')} ({counts[place]:,})"
                for place in short[:4]
            )
            named += f" and {len(short) - 4} other months" if len(short) > 4 else ""
            findings.append(
                Finding(
                    "months",
                    f"Few pairs are from {named}, against {usual:,.0f} in a usual month: is the "
                    "export cut, or something missing there?",
                )
            )


# ---------------------------------------------------------------------- who and what
def _labels(role: str, labels: pd.Index, degrees: IntArray, findings: list[Finding]) -> None:
    if pd.api.types.is_integer_dtype(labels.dtype):
        for suspect in (0, -1):
            if suspect in labels and (count := int(degrees[labels.get_loc(suspect)])) > 20 * max(
                np.median(degrees), 1
            ):
                findings.append(
                    Finding(
                        f"{role}s",
                        f"The {role} {suspect} has {count:,} pairs: if it stands for a missing "
                        f"one, read with na_values=[{suspect}] and missing='drop'.",
                    )
                )
        return
    texts = [str(label) for label in labels]
    odd = [text for text in texts if text.strip().lower() in {*SUSPECTS, ""}]
    if odd:
        count = int(degrees[[texts.index(text) for text in odd]].sum())
        named = ", ".join(map(repr, sorted(odd)))
        findings.append(
            Finding(
                f"{role}s",
                f"{named} look{'s' * (len(odd) == 1)} like a missing {role} and has {count:,} "
                f"pairs: if so, read with na_values={sorted(odd)!r} and missing='drop'.",
            )
        )
    same: dict[str, str] = {}
    for text in texts:
        folded = " ".join(text.split()).casefold()
        if folded in same:
            findings.append(
                Finding(
                    f"{role}s",
                    f"{role.capitalize()}s {same[folded]!r} and {text!r} differ in spaces or "
                    "capitals alone: if they are one, make them one before reading.",
                )
            )
            break
        same[folded] = text
    plain = [text for text in texts if text not in odd]
    if plain and all(text.endswith(".0") and WHOLE.fullmatch(text[:-2]) for text in plain):
        findings.append(
            Finding(
                f"{role}s",
                f"The {role}s are called {plain[0]!r} and so on: they were integers once, and "
                "nothing else that calls them by number will match.",
            )
        )
