"""Exercises of notebook 02."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse

from ... import datasets
from ...data.interactions import Interactions
from ..graph_statistics import components, gini, reach
from .claims import as_array
from .exercises import checker, number_in, off_by


@checker("2.1")
def _walks(answer: Any) -> str | None:
    given, right = as_array(answer).ravel(), [0, 0, 0, 1, 2]
    if given.size != 5:
        return f"Five numbers are asked for, one a film, not {given.size}."
    if given.tolist() == [0, 0, 0, 0, 1]:
        return "Those are the walks with one edge."
    if given.tolist() in ([0, 0, 0, 1, 1], [0, 0, 0, 1, 0]):
        return "Walks may turn round and come back to Emma; there is more than one way to do it."
    return off_by(given, right)


@checker("2.2")
def _bridge(answer: Sequence[str]) -> str | None:
    likes = datasets.load("toy").interactions
    if isinstance(answer, str) or len(answer) != 2:
        return 'Two names are asked for, a person and a film, such as ("Ana", "Alien").'
    table = likes.to_frame()
    ends = {str(name) for name in answer}
    removed = table["user"].isin(ends) & table["item"].isin(ends)
    if not removed.any():
        return "There is no such edge in the toy graph."
    parts = components(_without(likes, np.flatnonzero(removed.to_numpy())))
    if parts.max() == 0:
        return "Without that edge there is still a path between any two nodes."
    people = int((parts[:5] == parts[0]).sum())
    if people != 3:
        return f"That splits the graph, but Ana's part then has {people} of the five people."
    return None


def _without(likes: Interactions, rows: np.ndarray) -> Interactions:
    keep = np.setdiff1d(np.arange(len(likes)), rows)
    return Interactions(likes.user_index[keep], likes.item_index[keep], likes.users, likes.items)


@checker("2.3")
def _gini(answer: Callable[[Any], Any]) -> str | None:
    if not callable(answer):
        return "A function of a list of numbers is asked for; give its name without brackets."
    for values in ([1, 1, 1, 1], [0, 0, 0, 4], [5, 1, 3, 3, 8]):
        found, right = number_in(answer(np.array(values))), gini(values)
        if abs(found - 2 * right) < 1e-9 and right > 0:
            return "Twice too large: it is half the mean difference, over the mean."
        size = len(values)
        if abs(found - right * size / (size - 1)) < 1e-9 and right > 0:
            return "Pairs of a member with itself count too: divide by n squared."
        if abs(found - right * np.mean(values)) < 1e-9 and right > 0 and np.mean(values) != 1:
            return "Divide by the mean as well, so that the unit does not matter."
        if abs(found - right) > 1e-6:
            return f"For {values} it gives {found:.3f}. {off_by(found, right)}"
    return None


@checker("2.4")
def _reach(answer: Callable[[Interactions, int, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (interactions, user, hops) is asked for."
    likes = datasets.load("toy").interactions
    for user, most in ((0, 1), (0, 3), (4, 5), (2, 2), (1, 7)):
        found = number_in(answer(likes, user, most))
        right = float(reach(likes, [user], most)[0, most])
        if found > 1:
            return "A share from 0 to 1 is asked for, no number of films and no percentage."
        name = likes.users[user]
        if abs(found - right) > 1e-6:
            exact = right - (float(reach(likes, [user], most)[0, most - 2]) if most > 1 else 0)
            if abs(found - exact) < 1e-6:
                return f"Those are films exactly {most} hops away; nearer ones count too."
            far = f"{most} hop{'s' * (most > 1)}"
            return f"For {name} and {far} it gives {found:.2f}. {off_by(found, right)}"
    return None


@checker("2.5")
def _leaking_pairs(answer: Any) -> str | None:
    everything, train = _pairs_of_all_and_of_train()
    given, right = number_in(answer), everything - train
    if given == 2 * right:
        return "Every pair is counted twice, once from each of its films."
    if given in (everything, train):
        return "That is how many pairs are joined in one of the two graphs; what do they differ by?"
    return off_by(given, right)


@cache
def _pairs_of_all_and_of_train() -> tuple[int, int]:
    likes = datasets.load("movielens-small").interactions.binarize(4.0)
    return _pairs(likes), _pairs(likes.split(seed=0).train)


def _pairs(likes: Interactions) -> int:
    """Pairs of films that somebody likes both of."""
    matrix = likes.to_csr()
    return int(sparse.triu(matrix.T @ matrix, k=1).nnz)
