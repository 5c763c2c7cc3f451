"""Which items may be in a list: those in stock, none that was bought since, none never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.interactions import IntArray, Interactions

PairsByLabel: TypeAlias = Interactions | pd.DataFrame | Mapping[Any, Sequence[Any]]


class Pairs(NamedTuple):
    """Pairs of positions, sorted by the first."""

    user_index: IntArray
    item_index: IntArray


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
            users, items = given["user"].to_numpy(), given["item"].to_numpy()
        elif isinstance(given, Mapping):
            lists = {user: item_list(of, f"{argument}[{user!r}]") for user, of in given.items()}
            sizes = [len(of) for of in lists.values()]
            names = pd.Index(list(lists), tupleize_cols=False)
            chosen = pd.Index([item for of in lists.values() for item in of], tupleize_cols=False)
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

    def within(self, users: pd.Index, items: pd.Index, argument: str) -> Pairs:
        """Their positions among these labels; others are none of their business."""
        rows = _found(users, self.users, "users", argument)[self.user_index]
        columns = _found(items, self.items, "items", argument)[self.item_index]
        known = (rows >= 0) & (columns >= 0)
        rows, columns = rows[known], columns[known]
        order = np.argsort(rows, kind="stable")
        return Pairs(rows[order], columns[order])


def mask_of(items: pd.Index, given: Any, argument: str) -> NDArray[np.bool_]:
    """Which of `items` are among the given labels, shape (len(items),); others are passed over."""
    found = _found(items, pd.Index(item_list(given, argument), tupleize_cols=False), "items",
                   argument)  # fmt: skip
    mask = np.zeros(len(items), bool)
    mask[found[found >= 0]] = True
    return mask


def item_list(given: Any, argument: str) -> list[Any]:
    """A list of labels; one label, text or a number, is none."""
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise TypeError(f"{argument} is {given!r}: a list of item labels is needed.")
    return list(given.tolist() if hasattr(given, "tolist") else given)


def _found(labels: pd.Index, given: pd.Index, role: str, argument: str) -> IntArray:
    """Where the given labels stand, -1 where they are not; labels of another kind are refused."""
    if given is labels:
        return np.arange(len(labels))
    found = np.asarray(labels.get_indexer(given), np.int64)
    if len(given) and (found < 0).all() and len(labels) and _kind(given) != _kind(labels):
        raise TypeError(
            f"{argument}= names {role} such as {given[:1].tolist()[0]!r}, and the model's look "
            f"like {labels[:1].tolist()[0]!r}: labels of the same type are needed."
        )
    return found


def _kind(labels: pd.Index) -> str:
    """Text, number or something else."""
    inferred = pd.api.types.infer_dtype(labels, skipna=True)
    return "number" if inferred in ("integer", "floating", "mixed-integer-float") else inferred
