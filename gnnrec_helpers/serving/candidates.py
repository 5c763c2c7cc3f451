"""Which items may be in a list: those in stock, none that was bought since, none never seen."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.arguments import is_finite
from ..data.interactions import IntArray, Interactions
from ..engine.ranges import ranges

LEAST, MOST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)  # of weights
NOT_SEVERAL = (Interactions, Mapping, pd.DataFrame, str, bytes)  # one thing, though it iterates
PairsByLabel: TypeAlias = Interactions | pd.DataFrame | Mapping[Any, Sequence[Any]]


class Pairs(NamedTuple):
    """Pairs of positions, sorted by the first."""

    user_index: IntArray
    item_index: IntArray

    @classmethod
    def of(cls, part: Interactions, names: pd.Index) -> Pairs:
        """What those among `names` have whom `part` knows, by their place among the names."""
        users = part.users.get_indexer(names)
        known = np.flatnonzero(users >= 0)
        starts = np.searchsorted(part.user_index, users[known])
        counts = np.searchsorted(part.user_index, users[known], side="right") - starts
        return cls(np.repeat(known, counts), part.item_index[ranges(starts, counts)])


@dataclass(frozen=True)
class Labelled:
    """Pairs of labels: position i of `user_index` speaks of ``users[user_index[i]]``."""

    users: pd.Index
    items: pd.Index
    user_index: IntArray
    item_index: IntArray

    @classmethod
    def of(cls, given: Any, argument: str) -> Labelled:
        """Interactions, a frame with columns user and item, or a mapping from user to items."""
        if isinstance(given, Interactions):
            return cls(given.users, given.items, given.user_index, given.item_index)
        if isinstance(given, pd.DataFrame):
            missing = [name for name in ("user", "item") if name not in given.columns]
            if missing:
                raise ValueError(
                    f"{argument}= is a table without a column {missing[0]!r}: columns user and "
                    "item are needed."
                )
            users = label_index(given["user"].to_numpy(), "user", f"{argument}=")
            items = label_index(given["item"].to_numpy(), "item", f"{argument}=")
        elif isinstance(given, Mapping):
            lists = {user: label_list(of, f"{argument}[{user!r}]") for user, of in given.items()}
            sizes = [len(of) for of in lists.values()]
            names = label_index(list(lists), "user", f"{argument}=")
            chosen = pd.Index([item for of in lists.values() for item in of], tupleize_cols=False)
            if chosen.hasnans or _no_label(chosen) is not None:
                for user, of in lists.items():  # the first with one that is none is named
                    label_index(of, "item", f"{argument}[{user!r}]")
            codes, found = pd.factorize(chosen)
            index = np.repeat(np.arange(len(names)), sizes).astype(np.int64)
            return cls(names, pd.Index(found), index, codes.astype(np.int64))
        else:
            raise TypeError(
                f"{argument}= is {type(given).__name__}: Interactions, a table with columns user "
                "and item, or a mapping from user to items is needed."
            )
        user_codes, user_labels = pd.factorize(users)
        item_codes, item_labels = pd.factorize(items)
        return cls(
            pd.Index(user_labels),
            pd.Index(item_labels),
            user_codes.astype(np.int64),
            item_codes.astype(np.int64),
        )

    def check_users(self, people: Sequence[pd.Index], argument: str) -> None:
        """Refuse users who are called otherwise than all these people, as 1 is beside 'Ana'."""
        if any((of.get_indexer(self.users) >= 0).any() for of in people if len(of)):
            return
        if len(self.users) and _kind(self.users) not in {_kind(of) for of in people if len(of)}:
            raise _another_kind(self.users, people[0], "users", argument)

    def within(self, users: pd.Index, items: pd.Index, argument: str) -> Pairs:
        """Their positions among these labels; others are none of their business."""
        rows = users.get_indexer(self.users).astype(np.int64)[self.user_index]
        columns = _found(items, self.items, "items", argument)[self.item_index]
        known = (rows >= 0) & (columns >= 0)
        rows, columns = rows[known], columns[known]
        order = np.argsort(rows, kind="stable")
        return Pairs(rows[order], columns[order])


def mask_of(items: pd.Index, given: Any, argument: str) -> NDArray[np.bool_]:
    """Which of `items` are among the given labels, shape (len(items),); others are passed over."""
    labels = label_index(label_list(given, argument), "item", f"{argument}=")
    found = _found(items, labels, "items", argument)
    mask = np.zeros(len(items), bool)
    mask[found[found >= 0]] = True
    return mask


def label_index(given: Any, role: str, argument: str) -> pd.Index:
    """Labels, none of them missing: a code of -1 would stand for the last one.

    Nor is any of them True or False, or a list.
    """
    labels = pd.Index(given, tupleize_cols=False)
    missing = np.flatnonzero(labels.isna())
    if len(missing):
        raise ValueError(
            f"{argument} has a missing {role}, {labels[missing[:1]].tolist()[0]!r}, at position "
            f"{missing[0]}: leave it out, or give its label."
        )
    place = _no_label(labels)
    if place is not None and isinstance(labels[place], (bool, np.bool_)):
        raise TypeError(
            f"{argument} holds True or False, which would be taken for the {role} 1 or 0."
        )
    if place is not None:
        raise TypeError(
            f"{argument} holds a {type(labels[place]).__name__} at position {place}: the label of "
            f"one {role} is needed there."
        )
    return labels


def _no_label(labels: pd.Index) -> int | None:
    """The position of the first that is True, False or nothing to look up, as a list is."""
    if labels.dtype not in (bool, object) or labels.inferred_type == "string":
        return None
    odd = (isinstance(of, (bool, np.bool_)) or not isinstance(of, Hashable) for of in labels)
    return next((place for place, is_odd in enumerate(odd) if is_odd), None)


def label_list(given: Any, argument: str, role: str = "item", *, one: bool = False) -> list[Any]:
    """A list of labels.

    Parameters
    ----------
    given : object
        A table is none, for it would be taken for the names of its columns.
    argument, role : str
        For the error.
    one : bool
        Whether a single label will do, too.
    """
    dimensions = len(getattr(given, "shape", (0,)))
    if dimensions > 1:
        raise TypeError(
            f"{argument} is {type(given).__name__} of shape {tuple(given.shape)}: a list of "
            f"{role} labels is needed, one of its columns for example."
        )
    single = isinstance(given, (str, bytes)) or not hasattr(given, "__iter__") or not dimensions
    if isinstance(given, Mapping) or (single and not one):
        raise TypeError(f"{argument} is {given!r}: a list of {role} labels is needed.")
    values = given.tolist() if hasattr(given, "tolist") else given
    return [values] if single else list(values)


def check_weights(weights: Mapping[Any, Any], argument: str) -> None:
    """Refuse weights of items that are not positive, or too large for single precision."""
    for item, weight in weights.items():
        if not is_finite(weight) or not LEAST <= weight <= MOST:
            raise ValueError(
                f"{argument} gives {item!r} the weight {weight!r}: a positive, finite number is "
                "needed."
            )


def interactions_in(exclude: Any) -> list[Interactions]:
    """One or several Interactions, whose pairs are left out, as a list."""
    several = isinstance(exclude, Iterable) and not isinstance(exclude, NOT_SEVERAL)
    parts = list(exclude) if several else [exclude]
    for part in parts:
        if not isinstance(part, Interactions):
            shown = repr(part) if part is None or np.isscalar(part) else type(part).__name__
            raise TypeError(
                f"exclude {'holds' if several else 'is'} {shown}: Interactions are needed, such as "
                "split.train, or () to leave out nothing. Items that nobody should get are named "
                "in never=, what users have got since in since=."
            )
    return parts


def _found(labels: pd.Index, given: pd.Index, role: str, argument: str) -> IntArray:
    """Where the given labels stand, -1 where they are not; labels of another kind are refused."""
    found = np.asarray(labels.get_indexer(given), np.int64)
    if len(given) and (found < 0).all() and len(labels) and _kind(given) != _kind(labels):
        raise _another_kind(given, labels, role, argument)
    return found


def _another_kind(given: pd.Index, labels: pd.Index, role: str, argument: str) -> TypeError:
    return TypeError(
        f"{argument}= names {role} such as {given[:1].tolist()[0]!r}, and the model's look "
        f"like {labels[:1].tolist()[0]!r}: labels of the same type are needed."
    )


def _kind(labels: pd.Index) -> str:
    """Text, number or something else."""
    inferred = pd.api.types.infer_dtype(labels, skipna=True)
    return "number" if inferred in ("integer", "floating", "mixed-integer-float") else inferred
