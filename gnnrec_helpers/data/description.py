"""What a practitioner looks at first: sizes, shapes, and what will go wrong."""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .splits import held_out_ranks
from .tables import PLAUSIBLE, SUSPECTS, UNITS, WHOLE

if TYPE_CHECKING:
    from .interactions import FloatArray, IntArray, Interactions

HOUR, DAY = 3600, 86400
SHARES = (0.2, 0.1)  # of test and validation in split(), as long as nothing else is asked for
CORE = 5  # the k of the k-core that most papers cut their data to
DATED = (-62_135_596_800, 253_402_300_800)  # seconds since 1970: the years 1 to 9999

# How serious a finding is; the most serious come first.
WRONG, MISLEADING, NOTE = 1, 2, 3  # the data are wrong; so will results be; good to know

# From where on something is a finding.
SHORT = 0.2  # of users too short to be judged: below it, what is measured stands for most users
RARE = 0.5  # of items with a single pair: a long tail is normal, a majority of them is not
CORE_LEFT = 0.5  # of pairs left by the core: below it, papers' numbers are about other data
HEAVY = 20  # times the median: active people reach ten times, whoever has more is looked at
GUEST = 0.05  # of all pairs with one user: among hundreds of users nobody has that
FAR = 5  # times the next user: the most active of many people are close to each other
STANDS_OUT = 100  # pairs: with fewer, nobody distorts anything
LEFT_OUT = 0.05  # of rows not read: a few repeated clicks are normal
TIED = 0.2  # of pairs with another of their user at that time: below it, most of the order is known
AT_ONCE = 0.2  # of users with a history within an hour: below it, most histories are sequences
PEOPLE = 20  # whose pairs fill a usual month: with fewer, a month without is an accident
GAP = 0.1  # of a usual month is left in one with a gap
CUT = 0.5  # of a usual month is left in a first or last one that is cut short
CUT_DAYS = 3  # without pairs at its end: a weekend, and a day more
NO_RATING = 0.01  # of ratings 0 or -1: a scale that holds them on purpose has more than a stray few
UNLIKED = 0.1  # of ratings in the lower half of the scale: fewer hardly change a list
COUNTS = 100  # times the median rating is the largest: no scale of stars is as wide
TAIL = 100  # times the median weight is the largest: then few pairs decide
TWINS = 5  # pairs that two users need to be called identical: fewer coincide by chance
MANY_TWINS = 0.01  # of users: below it, they are a few double accounts
VALUES = 12  # different ratings that are still listed one by one
EXAMPLES = 10  # ids or months that a sentence names


class Finding(NamedTuple):
    """Something that will get in the way, and what to do about it.

    Attributes
    ----------
    about : str
        What it concerns, in a word or two.
    severity : {1, 2, 3}
        1: the data are probably not what they should be; 2: results will mislead; 3: good to know.
    sentence : str
        The number, and the call that helps; code stands between backticks.
    """

    about: str
    severity: int
    sentence: str


@dataclass(frozen=True, repr=False, eq=False)
class Description:
    """What :meth:`Interactions.describe` found.

    Attributes
    ----------
    numbers : dict
        Exact, not rounded, by name, in the order in which they are shown. Those of a group share
        what stands before the colon: "pairs per user: median".
    findings : list of Finding
        The most serious first; empty when nothing stands out.
    months : pandas.Series or None
        Pairs of every month from the first to the last; None without dates.
    """

    numbers: dict[str, Any]
    findings: list[Finding]
    months: pd.Series | None = field(default=None)

    def to_frame(self) -> pd.DataFrame:
        """One number per row: column ``value``, by ``name``."""
        return pd.DataFrame({"value": pd.Series(self.numbers, dtype=object)}).rename_axis("name")

    def __repr__(self) -> str:
        lines = list(self._lines())
        width = max(len(name) for name, _ in lines)
        shown = [f"{name:<{width}}  {text}" for name, text in lines]
        shown += ["", *(f"- {finding.sentence}" for finding in self.findings)]
        return "\n".join(shown if self.findings else [*shown, "Nothing stands out."])

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(text)}</td></tr>"
            for name, text in self._lines()
        )
        items = "".join(f"<li>{_with_code(finding.sentence)}</li>" for finding in self.findings)
        below = f"<ul>{items}</ul>" if items else "<p>Nothing stands out.</p>"
        return f"<table>{rows}</table>{below}"

    def _lines(self) -> Iterator[tuple[str, str]]:
        """One line a group, and what it says."""
        for group, names in itertools.groupby(self.numbers, lambda name: name.partition(": ")[0]):
            parts = []
            for name in names:
                text = _shown(name, self.numbers[name])
                part = name.partition(": ")[2]
                parts.append(f"{part}: {text}" if part else text)
            yield group, "; ".join(parts)


def _shown(name: str, value: Any) -> str:
    if name.startswith("share"):
        return _percent(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"
    return str(value)


def _percent(share: float) -> str:
    """In whole percent; not as nothing or everything what is not."""
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def _exact(value: float) -> str:
    """All digits of a number, without those of a whole one behind the point."""
    return repr(float(value)).removesuffix(".0")


def _count(count: int, what: str, verb: str = "") -> str:
    """So many of something, and what they do, a verb in the plural."""
    if count == 1:
        return f"1 {what} {'has' if verb == 'have' else verb + 's'}" if verb else f"1 {what}"
    return f"{count:,} {what}s {verb}".rstrip()


def _with_code(sentence: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(sentence))


def _named(labels: list[Any]) -> str:
    """Some labels as Python shows them, long ones cut."""
    texts = [repr(label) for label in labels[:EXAMPLES]]
    shown = ", ".join(text if len(text) <= 60 else f"{text[:56]}..." for text in texts)
    return shown + (f" and {len(labels) - EXAMPLES:,} more" if len(labels) > EXAMPLES else "")


class _Notes:
    """Numbers and findings as they come together."""

    def __init__(self) -> None:
        self.numbers: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def spread(self, group: str, ranked: NDArray[Any]) -> None:
        """The quartiles and the mean of some numbers, which are in order."""
        places = np.array([0.25, 0.5, 0.75]) * (len(ranked) - 1)
        below, above = ranked[np.floor(places).astype(int)], ranked[np.ceil(places).astype(int)]
        parts = places % 1
        quartiles = (below * (1 - parts) + above * parts).tolist()
        with np.errstate(over="ignore"):  # the largest floats have no finite sum
            mean = float(ranked.mean())
        names = ("least", "lower quartile", "median", "upper quartile", "most", "mean")
        numbers = (ranked[0].item(), *quartiles, ranked[-1].item(), mean)
        self.numbers |= {
            f"{group}: {name}": number for name, number in zip(names, numbers, strict=True)
        }

    def find(self, about: str, severity: int, sentence: str) -> None:
        self.findings.append(Finding(about, severity, sentence))


def describe(interactions: Interactions) -> Description:
    """See :meth:`Interactions.describe`."""
    notes = _Notes()
    notes.numbers |= {
        "pairs": len(interactions),
        "users": interactions.num_users,
        "items": interactions.num_items,
    }
    notes.numbers |= {f"left out: {n}": int(count) for n, count in interactions.dropped.items()}
    if len(interactions) == 0:
        notes.find("pairs", WRONG, "There are no pairs, so there is nothing to learn from.")
        return Description(notes.numbers, notes.findings)
    _left_out(interactions, notes)
    users, items = interactions.user_degrees(), interactions.item_degrees()
    starts = (np.cumsum(users) - users)[users > 0]  # of every user's pairs, which lie together
    _degrees(interactions, users, items, notes)
    _users(interactions, users, items, starts, notes)
    _core(interactions, users, items, notes)
    _ratings(interactions, notes)
    _weights(interactions, notes)
    months = _times(interactions, users, starts, notes)
    for role, labels, degrees in (
        ("user", interactions.users, users),
        ("item", interactions.items, items),
    ):
        _missing_ids(role, labels, degrees, notes)
        _spellings(role, labels, notes)
    findings = sorted(notes.findings, key=lambda finding: finding.severity)
    return Description(notes.numbers, findings, months)


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


def _left_out(interactions: Interactions, notes: _Notes) -> None:
    rows = len(interactions) + sum(
        count
        for name, count in interactions.dropped.items()
        if name.startswith(("rows", "repeated pairs", "repeats of a pair"))
    )
    dated = ", and `keep='first'` dates each pair by its first row, as a split by time needs"
    dated = dated if interactions.timestamp is not None else ""
    for name, count in interactions.dropped.items():
        share = count / rows
        if name == "repeated pairs" and share >= LEFT_OUT:
            notes.find(
                "repeated pairs",
                NOTE,
                f"{_percent(share)} of the rows ({count:,}) repeated a pair and were left out: "
                f"`keep='count'` when reading makes their number a weight{dated}.",
            )
        elif name == "rows with a missing value" and share >= LEFT_OUT:
            notes.find(
                "missing values",
                MISLEADING,
                f"{_percent(share)} of the rows ({count:,}) lacked a value and were left out: read "
                "without the columns that are not needed, such as `rating=`.",
            )


def _degrees(interactions: Interactions, users: IntArray, items: IntArray, notes: _Notes) -> None:
    notes.numbers["density"] = interactions.density
    for role, degrees in (("user", users), ("item", items)):
        with_pairs = np.sort(degrees[degrees > 0])
        if without := len(degrees) - len(with_pairs):
            notes.numbers[f"{role}s without pairs"] = without
        notes.spread(f"pairs per {role}", with_pairs)
    top = with_pairs[-max(1, len(with_pairs) // 100) :]
    notes.numbers["share of pairs of the top 1 % of items"] = float(top.sum() / len(interactions))
    notes.numbers["Gini of items"] = gini(with_pairs)
    single = float((with_pairs == 1).mean())
    notes.numbers["share of items with a single pair"] = single
    if single >= RARE:
        notes.find(
            "rare items",
            NOTE,
            f"{_percent(single)} of items have a single pair, so little can be learnt about them: "
            "`interactions.k_core(1, 2)` leaves them out."
            if (items > 1).any()
            else "Every item has a single pair, so no two users have anything in common.",
        )
    for role, degrees in (("user", users), ("item", items)):
        if without := int((degrees == 0).sum()):
            notes.find(
                f"{role}s without pairs",
                NOTE,
                f"{_count(without, role, 'have')} no pair here, of {len(degrees):,}, and the "
                "numbers are about the others: `interactions.compact()` takes them off the list.",
            )


def _users(
    interactions: Interactions, users: IntArray, items: IntArray, starts: IntArray, notes: _Notes
) -> None:
    degrees = users[users > 0]
    bounds = held_out_ranks(degrees, SHARES)
    short = {
        "test pair: by split()": bounds[1] == 0,
        "test pair: by split(test=1)": degrees < 2,
        "validation pair: by split()": bounds[2] == bounds[1],
        "validation pair: by split(test=1, validation=1)": degrees < 3,
    }
    for name, which in short.items():
        notes.numbers[f"share of users without a {name}"] = float(which.mean())
    no_test, single, no_validation, _ = (float(which.mean()) for which in short.values())
    helps = f"{_leave_one_out(degrees)} leaves one out for test of each who has two"
    if no_test >= SHORT and single < 1:
        notes.find(
            "short histories",
            MISLEADING,
            f"{_percent(no_test)} of users have too few pairs for `split()` to hold out a test "
            f"pair: {helps}.",
        )
    elif no_validation >= SHORT and single < 1:
        notes.find(
            "short histories",
            MISLEADING,
            f"{_percent(no_validation)} of users have too few pairs for `split()` to hold out a "
            f"validation pair: {helps}, and then one for validation of each who has three.",
        )
    if single >= SHORT:
        notes.find(
            "single pairs",
            MISLEADING,
            f"{_percent(single)} of users have a single pair, so nothing can be held out of them "
            "and no measure is about them"
            + (": `interactions.k_core(2, 1)` leaves them out." if single < 1 else "."),
        )
    num_items = int((items > 0).sum())
    full = np.flatnonzero(users == num_items)
    notes.numbers["users with every item"] = len(full)
    if len(full) and num_items > 1:
        notes.find(
            "every item",
            MISLEADING,
            f"{_count(len(full), 'user', 'have')} all {num_items:,} items, such as "
            f"{_named(interactions.users[full[:1]].tolist())}, so nothing is left to recommend: "
            "`interactions.select(interactions.user_degrees()[interactions.user_index] < "
            f"{num_items})` leaves such users out.",
        )
    twins = _twins(interactions, degrees, starts)
    notes.numbers[f"users identical to another, in {TWINS} or more items"] = twins
    if twins >= max(2, MANY_TWINS * len(degrees)):
        notes.find(
            "identical users",
            MISLEADING,
            f"{twins:,} users have exactly the same {TWINS} or more items as another, so what is "
            "held out of one is known from the other: join or drop copied accounts before reading.",
        )


def _leave_one_out(degrees: IntArray, by: str = "") -> str:
    """The split that asks no more of users than the longest history has."""
    return f"`interactions.split(test=1, validation={int(degrees.max() >= 3)}{by})`"


def _by_time(users: IntArray) -> str:
    """The split by time, with the default shares where somebody has enough for them."""
    long_enough = np.diff(held_out_ranks(users.max(keepdims=True), SHARES), axis=0).all()
    return (
        "`interactions.split(by='time')`" if long_enough else _leave_one_out(users, ", by='time'")
    )


def _without(role: str, place: int) -> str:
    return f"`interactions.select(interactions.{role}_index != {place}).compact()` leaves it out"


def _stands_out(degrees: IntArray) -> int | None:
    """Who has implausibly many pairs, if there is somebody."""
    most = int(degrees.argmax())
    count = int(degrees[most])
    others = np.delete(degrees, most)
    others = others[others > 0]
    if len(others) == 0 or count < STANDS_OUT or count < HEAVY * np.median(others):
        return None
    return most if count >= GUEST * degrees.sum() or count >= FAR * others.max() else None


def _twins(interactions: Interactions, degrees: IntArray, starts: IntArray) -> int:
    """How many users have the same items as another, of those with at least `TWINS`."""
    # equal histories have equal sums of random numbers; whether others have them too is checked
    marks = np.random.default_rng(0).integers(0, 2**63, interactions.num_items, dtype=np.int64)
    sums = np.add.reduceat(marks[interactions.item_index], starts)
    long = np.flatnonzero(degrees >= TWINS)
    long = long[np.argsort(sums[long], kind="stable")]
    alike = (np.diff(sums[long]) == 0) & (np.diff(degrees[long]) == 0)
    first, second = long[:-1][alike], long[1:][alike]
    if len(first) == 0:
        return 0
    lengths = degrees[first]
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    differ = (
        interactions.item_index[np.repeat(starts[first], lengths) + within]
        != interactions.item_index[np.repeat(starts[second], lengths) + within]
    )
    same = ~np.logical_or.reduceat(differ, ends - lengths)
    return len(np.union1d(first[same], second[same]))


def _core(interactions: Interactions, users: IntArray, items: IntArray, notes: _Notes) -> None:
    user, item = interactions.user_index, interactions.item_index
    users, items = users.copy(), items.copy()
    kept = np.ones(len(user), bool)
    while len(gone := np.flatnonzero(kept & ((users < CORE)[user] | (items < CORE)[item]))):
        kept[gone] = False
        users -= np.bincount(user[gone], minlength=len(users))
        items -= np.bincount(item[gone], minlength=len(items))
    pairs = int(kept.sum())
    left = {"pairs": pairs, "users": int((users > 0).sum()), "items": int((items > 0).sum())}
    name = f"k_core({CORE}, {CORE})"
    notes.numbers |= {f"left by {name}: {what}": count for what, count in left.items()}
    share = pairs / len(interactions)
    if share < CORE_LEFT:
        what = (
            f"only {_percent(share)} of the pairs ({pairs:,} of {left['users']:,} users "
            f"and {left['items']:,} items)"
            if pairs
            else "nothing"
        )
        notes.find(
            "core",
            NOTE,
            f"`interactions.{name}`, which many papers use, would leave {what}: do not compare "
            "with their numbers.",
        )


# ---------------------------------------------------------------------- ratings and weights
def _ratings(interactions: Interactions, notes: _Notes) -> None:
    rating = interactions.rating
    if rating is None:
        return
    ranked = np.sort(rating)
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    values = ranked[first]
    notes.spread("ratings", ranked)
    notes.numbers["different ratings"] = len(values)
    if len(values) <= VALUES:
        counts = np.diff(np.append(first, len(ranked)))
        notes.numbers |= {
            f"pairs rated: {_exact(value)}": int(n) for value, n in zip(values, counts, strict=True)
        }
    negative = int(np.searchsorted(ranked, 0))
    zero = int(np.searchsorted(ranked, 0, side="right")) - negative
    notes.numbers["share of ratings of 0"] = zero / len(ranked)
    notes.numbers["share of ratings under 0"] = negative / len(ranked)
    if len(values) == 1:
        notes.find(
            "one rating",
            NOTE,
            f"Every rating is {_exact(values[0])}, so ratings say nothing: read without `rating=`.",
        )
        return
    # 0 below all others, or -1 as the only one under 0, is no step of a scale
    stand_in, count = (-1, negative) if negative else (0, zero)
    alone = values[0] == stand_in and values[1] >= 0
    if alone and count >= NO_RATING * len(ranked) and ranked[-1] > 0:
        notes.find(
            "no rating",
            MISLEADING,
            f"{_percent(count / len(ranked))} of ratings are {stand_in} ({count:,}), which often "
            f"stands for no rating: `interactions.select(interactions.rating > {stand_in})` leaves "
            "these pairs out.",
        )
    _low_ratings(ranked, notes)


def _low_ratings(ranked: FloatArray, notes: _Notes) -> None:
    """What ranking models make of ratings."""
    least, median, most = ranked[0], ranked[len(ranked) // 2], ranked[-1]
    if least >= 0 and most > COUNTS * median > 0 and (ranked == np.floor(ranked)).all():
        notes.find(
            "counts",
            MISLEADING,
            f"Ratings reach {_exact(most)} with a median of {_exact(median)}, so they look like "
            "counts, and ranking models ignore ratings: read them with `weight=` instead, which "
            "IALS and LightGCN use.",
        )
        return
    middle = least / 2 + most / 2
    low = int(np.searchsorted(ranked, middle))
    # from the middle on, or from the median: the better half of a scale that is used at its top
    like = float(ranked[max(low, len(ranked) // 2)])
    if low >= UNLIKED * len(ranked):
        liked = len(ranked) - int(np.searchsorted(ranked, like))
        notes.find(
            "low ratings",
            MISLEADING,
            f"{_percent(low / len(ranked))} of ratings lie in the lower half of the scale, under "
            f"{_exact(middle)}, and ranking models take them for likes: "
            f"`interactions.binarize({_exact(like)})` keeps {liked:,} pairs.",
        )


def _weights(interactions: Interactions, notes: _Notes) -> None:
    weight = interactions.weight
    if weight is None:
        return
    ranked = np.sort(weight)
    notes.spread("weights", ranked)
    parts = ranked / ranked[-1]  # their sum stays finite
    heaviest = parts[-max(1, len(parts) // 100) :].sum() / parts.sum()
    notes.numbers["share of all weight on the heaviest 1 % of pairs"] = float(heaviest)
    if ranked[0] == ranked[-1]:
        notes.find(
            "one weight",
            NOTE,
            f"Every weight is {_exact(ranked[0])}, so weights say nothing: read without `weight=`.",
        )
    elif ranked[-1] / TAIL > (median := ranked[len(ranked) // 2]):
        notes.find(
            "heavy weights",
            MISLEADING,
            f"The largest weight is {_exact(ranked[-1])}, the median {_exact(median)}, and "
            f"{_percent(float(heaviest))} of all weight lies on 1 % of the pairs: "
            "`dataclasses.replace(interactions, weight=np.log1p(interactions.weight))` evens them.",
        )


# ---------------------------------------------------------------------- when
def _times(
    interactions: Interactions, users: IntArray, starts: IntArray, notes: _Notes
) -> pd.Series | None:
    """Numbers of time, and the pairs of every month."""
    stamps = interactions.timestamp
    if stamps is None:
        return None
    tied = _tied(interactions, stamps) / len(stamps)
    ranked = np.sort(stamps)
    unit, inside = _unit(ranked, interactions)
    if unit is None:
        notes.numbers["first"], notes.numbers["last"] = ranked[0].item(), ranked[-1].item()
        notes.numbers["time unit"] = "none: plain numbers"
        months = None
    else:
        months = _calendar(interactions, stamps, ranked, unit, inside, starts, users, notes)
    notes.numbers["share of pairs tied in time"] = tied
    if tied >= TIED:
        notes.find(
            "ties",
            MISLEADING,
            f"{_percent(tied)} of pairs have the same time as another of their user, so which came "
            f"first is unknown: {_by_time(users)} draws it, so compare several seeds.",
        )
    return months


def _tied(interactions: Interactions, stamps: NDArray[Any]) -> int:
    """How many pairs have another of the same user at the same time."""
    # user and time in one integer, which sorts ten times faster than the two; where there is no
    # room for all of the time its last bits are left out, and pairs that are then alike looked at
    room = 63 - interactions.num_users.bit_length()
    low, high = stamps.min(), stamps.max()
    if stamps.dtype.kind == "f":
        spread = high / 2 - low / 2 or 1.0
        times = ((stamps / 2 - low / 2) / spread * (2.0 ** min(room, 52) - 1)).astype(np.uint64)
        exact = False
    else:
        bits = (int(high) - int(low)).bit_length()
        # a difference beyond 2**63 wraps around, and is right when read without a sign
        times = (stamps - low).view(np.uint64) >> np.uint64(max(0, bits - room))
        exact = bits <= room
    keys = (interactions.user_index.astype(np.uint64) << np.uint64(room)) | times
    if not exact:
        ranked = np.sort(keys)
        alike = np.isin(keys, ranked[1:][ranked[1:] == ranked[:-1]])
        order = np.lexsort((stamps[alike], interactions.user_index[alike]))
        user, time = interactions.user_index[alike][order], stamps[alike][order]
        same = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
    else:
        keys.sort()
        same = keys[1:] == keys[:-1]
    return int((np.append(same, False) | np.append(False, same)).sum())


def _unit(ranked: NDArray[Any], interactions: Interactions) -> tuple[Any, tuple[int, int]]:
    """The unit of times in order, known or from the magnitude of most, and where dates lie in it.

    The second is the first place of a plausible date, and the one behind the last.
    """
    inside = {
        unit: (
            int(np.searchsorted(ranked, PLAUSIBLE[0] * factor)),
            int(np.searchsorted(ranked, PLAUSIBLE[1] * factor)),
        )
        for unit, factor in UNITS
    }
    if interactions.time_unit is not None:
        return interactions.time_unit, inside[interactions.time_unit]
    unit, (start, end) = max(inside.items(), key=lambda found: found[1][1] - found[1][0])
    return (unit, (start, end)) if 2 * (end - start) > len(ranked) else (None, (0, 0))


def _calendar(
    interactions: Interactions,
    stamps: NDArray[Any],
    ranked: NDArray[Any],
    unit: str,
    inside: tuple[int, int],
    starts: IntArray,
    users: IntArray,
    notes: _Notes,
) -> pd.Series | None:
    """What timestamps say that are dates."""
    factor = dict(UNITS)[unit]  # type: ignore[index]
    start, end = inside
    notes.numbers["first"] = _moment(ranked[0], unit)
    notes.numbers["last"] = _moment(ranked[-1], unit)
    notes.numbers["days"] = (ranked[-1].item() / factor - ranked[0].item() / factor) / DAY
    guess = "" if interactions.time_unit else ", guessed from the magnitude"
    notes.numbers["time unit"] = unit + guess

    odd = len(ranked) - (end - start)
    if odd and interactions.time_unit is None:
        others = sum(
            int(np.searchsorted(ranked, PLAUSIBLE[1] * other))
            - int(np.searchsorted(ranked, PLAUSIBLE[0] * other))
            for name, other in UNITS
            if name != unit
        )
        if others:
            notes.numbers["timestamps in another unit"] = others
            notes.find(
                "mixed units",
                WRONG,
                f"{_count(others, 'timestamp', 'seem')} to be in another unit than {unit}, in "
                "which most are dates, so the order is wrong: bring them to one unit before "
                "reading.",
            )
            odd -= others
    if odd:
        notes.numbers["timestamps before 1980 or after 2100"] = odd
        example = ranked[0] if start else ranked[-1]
        shown = f"{example.item()!r} ({_moment(example, unit)})"
        low, high = (bound * factor for bound in PLAUSIBLE)
        notes.find(
            "implausible dates",
            WRONG,
            f"{_count(odd, 'timestamp', 'lie')} before 1980 or after 2100, such as {shown}, and "
            "may stand for a missing time: "
            f"`interactions.select((interactions.timestamp >= {low}) & "
            f"(interactions.timestamp < {high}))` keeps the others."
            if end > start
            else f"All timestamps lie before 1980 or after 2100, such as {shown}: if {unit!r} is "
            "not their unit, `dataclasses.replace(interactions, time_unit=...)` says which is.",
        )
    if end == start:
        return None

    several = users[users > 0] > 1
    if several.any():
        latest, earliest = (f.reduceat(stamps, starts)[several] for f in (np.maximum, np.minimum))
        # a difference of integers beyond 2**63 would wrap around
        at_once = float((latest <= _later(earliest, HOUR * factor)).mean())
        notes.numbers["share of histories within an hour"] = at_once
        if at_once >= AT_ONCE:
            notes.find(
                "no sequence",
                MISLEADING,
                f"{_percent(at_once)} of users with several pairs have them all within an hour, so "
                f"their order is no sequence: {_by_time(users)} holds out what they entered last, "
                "and without by='time' any.",
            )
    return _months(ranked[start:end], unit, notes)


def _later(stamps: NDArray[Any], by: int) -> NDArray[Any]:
    """Moments later by so much; none beyond the largest integer."""
    if stamps.dtype.kind == "f":
        return stamps + by
    return np.minimum(stamps, np.iinfo(np.int64).max - by) + by


def _moment(stamp: Any, unit: str) -> str:
    """A moment as ISO text, without a fraction of the unit; a number where it has no date."""
    whole = int(np.floor(stamp))
    factor = dict(UNITS)[unit]  # type: ignore[index]
    if not DATED[0] <= whole // factor < DATED[1] or abs(whole) >= 2**63:
        return f"{stamp.item()!r}"
    return str(np.datetime64(whole, unit)).replace("T", " ")  # type: ignore[call-overload]


def _months(ranked: NDArray[Any], unit: str, notes: _Notes) -> pd.Series:
    """Pairs of every month, and those with oddly few."""
    ends = np.floor(ranked[[0, -1]]).astype(np.int64).astype(f"datetime64[{unit}]")
    first, last = ends.astype("datetime64[M]")
    edges = np.arange(first, last + 2)
    begins = edges.astype(f"datetime64[{unit}]").astype(np.int64)
    counts = np.diff(np.searchsorted(ranked, begins))
    months = pd.Series(counts, pd.PeriodIndex(edges[:-1], freq="M", name="month"), name="pairs")
    notes.numbers["months"] = len(counts)
    notes.spread("pairs per month", np.sort(counts))

    # what a few people do in a sitting or two makes no month: it has to be what many leave behind
    many = PEOPLE * notes.numbers["pairs per user: mean"]
    usual, after, before = _usual(months)
    gaps = np.flatnonzero((usual >= many) & (counts <= GAP * usual))
    if len(gaps):
        named = ", ".join(f"{months.index[n]} ({counts[n]:,})" for n in gaps[:EXAMPLES])
        more = f" and {len(gaps) - EXAMPLES:,} more months" if len(gaps) > EXAMPLES else ""
        notes.find(
            "a gap",
            WRONG,
            f"Hardly any pairs are from {named}{more}, against {usual.iloc[gaps[0]]:,.0f} in a "
            "month around: look whether rows are missing there.",
        )
    begin, finish = ends.astype("datetime64[D]")
    found, around = counts[0], after.iloc[0]
    if begin >= first.astype("datetime64[D]") + CUT_DAYS and many <= around >= found / CUT:
        notes.find(
            "a month cut short",
            NOTE,
            f"Pairs begin on {begin}, and {first} has {found:,} against {around:,.0f} in a month "
            "near it: leave it out where months are compared.",
        )
    found, around = counts[-1], before.iloc[-1]
    if finish < (last + 1).astype("datetime64[D]") - CUT_DAYS and many <= around >= found / CUT:
        notes.find(
            "a month cut short",
            NOTE,
            f"Pairs end on {finish}, and {last} has {found:,} against {around:,.0f} in a month "
            "near it: leave it out where months are compared, and test on more than it, "
            f"`interactions.split(test='{last - 1}-01', by='time')`.",
        )
    return months


def _usual(months: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The medians of the year after and before every month, after the lower of the two.

    So neither growth nor a peak makes a gap of the months around; NaN where there are not three.
    """
    after = months[::-1].rolling(12, min_periods=3).median().shift(1)[::-1]
    before = months.rolling(12, min_periods=3).median().shift(1)
    return after.where(after <= before, before.where(after.notna())), after, before


# ---------------------------------------------------------------------- who and what
def _texts(labels: pd.Index) -> list[str]:
    if pd.api.types.is_numeric_dtype(labels.dtype):
        return []
    return [label for label in labels.tolist() if isinstance(label, str)]


def _missing_ids(role: str, labels: pd.Index, degrees: IntArray, notes: _Notes) -> None:
    """Ids that may stand for a missing one."""
    texts = {text for text in _texts(labels) if text.strip().lower() in {*SUSPECTS, ""}}
    if texts:
        found = sorted(texts)
        count = int(degrees[labels.isin(found)].sum())
        notes.find(
            "missing ids",
            WRONG,
            f"{_named(found)} look{'s' * (len(found) == 1)} like a missing {role} and "
            f"{'has' if len(found) == 1 else 'have'} {count:,} pairs: if so, read with "
            f"`na_values={found!r}, missing='drop'`.",
        )
    named = set(np.flatnonzero(labels.isin(sorted(texts))).tolist()) if texts else set()
    for place in np.flatnonzero(pd.isna(labels.to_numpy())).tolist():
        named.add(place)
        notes.find(
            "missing ids",
            WRONG,
            f"One {role} is called {labels[place]!r}, with {_count(int(degrees[place]), 'pair')}: "
            f"{_without(role, place)}.",
        )
    most = _stands_out(degrees)
    for place, label in _zero_or_minus_one(labels):
        # 0 is the first of many lists; a number below zero is not, where all others are above it
        if place == most or (label == -1 and len(labels) > 1 and int((labels < 0).sum()) == 1):
            named.add(place)
            notes.find(
                "missing ids",
                WRONG,
                f"The {role} {label!r} has {_count(int(degrees[place]), 'pair')}: if it stands for "
                f"a missing one, {_without(role, place)}.",
            )
    if role == "user" and most is not None and most not in named:
        count = int(degrees[most])
        notes.find(
            "one user",
            WRONG,
            f"User {_named(labels[[most]].tolist())} has {count:,} pairs, "
            f"{_percent(count / int(degrees.sum()))} of all: if this is a guest account or a "
            f"robot, {_without(role, most)}.",
        )


def _zero_or_minus_one(labels: pd.Index) -> list[tuple[int, Any]]:
    """Where these labels stand, as integers or as text."""
    if pd.api.types.is_integer_dtype(labels.dtype):
        suspects: tuple[Any, ...] = (0, -1)
    elif _texts(labels):
        suspects = ("0", "-1")
    else:
        return []
    same = {s: pd.array(labels == s, "boolean").to_numpy(bool, na_value=False) for s in suspects}
    return [(int(place), s) for s, which in same.items() for place in np.flatnonzero(which)]


def _spellings(role: str, labels: pd.Index, notes: _Notes) -> None:
    """Ids that were spoilt on the way."""
    texts = _texts(labels)
    if not texts:
        return
    spaces = [text for text in texts if text != text.strip()]
    if spaces:
        notes.find(
            "spaces",
            WRONG,
            f"{_count(len(spaces), f'{role} id', 'have')} a space at an end, such as "
            f"{_named(spaces[:1])}: `frame[column].str.strip()` before reading takes it away.",
        )
    folded = list(map(_folded, texts))
    alike = len(texts) - len(set(folded))
    if alike:
        seen: dict[str, str] = {}
        pair = next(
            [seen[key], text]
            for key, text in zip(folded, texts, strict=True)
            if seen.setdefault(key, text) is not text
        )
        notes.find(
            "spellings",
            WRONG,
            f"{_count(alike, f'{role} id', 'differ')} from another only in capitals, spaces or the "
            f"code of an accent, such as {' and '.join(_named([text]) for text in pair)}: if they "
            "are one, `frame[column].str.normalize('NFC').str.split().str.join(' ').str.lower()` "
            "before reading makes them one.",
        )
    plain = [text for text in texts if text.strip().lower() not in {*SUSPECTS, ""}]
    if plain and all(text.endswith(".0") and WHOLE.fullmatch(text[:-2]) for text in plain):
        notes.find(
            "float ids",
            WRONG,
            f"All {len(plain):,} {role} ids end in '.0', such as {plain[0]!r}: they were integers "
            "once and match no other table, so `frame[column].astype(float)` before reading makes "
            "them integers again.",
        )


def _folded(text: str) -> str:
    if not text.isascii():
        # marks without width, as the beginning of a file has one
        text = unicodedata.normalize("NFC", text.replace("\ufeff", "").replace("\u200b", ""))
    return " ".join(text.split()).lower()
