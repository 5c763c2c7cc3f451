"""From scores to lists: the best items for a user, and the nearest items to an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from tqdm.auto import tqdm

from ..data.arguments import check_whole
from ..data.interactions import IntArray, Interactions, positions
from ..engine.dot_products import DotProducts
from ..engine.ranges import ranges
from ..models import Model, Recommender, scoring

BLOCK = 16 * 2**20  # scores in a block, 64 MiB; copies that a model makes come on top
TIED = 64  # users whose ties are settled at once
GROUP = 16  # items whose best is looked for first; see `_largest`


class Ranked(NamedTuple):
    """Lists of items, best first; a list with fewer candidates than asked for ends in -1."""

    items: IntArray  # (users, k)
    scores: NDArray[np.float32]  # (users, k), -inf where items is -1


def rank(
    score: Callable[[Tensor], Tensor],
    users: IntArray,
    k: int,
    exclude: Iterable[Interactions] = (),
    *,
    block: int = BLOCK,
    progress: bool = False,
) -> Ranked:
    """The k best items for each user, without the excluded pairs.

    Equal scores are ordered by item index, lower first, on every machine. The scores of a block
    of users are in memory at a time, never those of all.

    Parameters
    ----------
    score : function
        From user positions, shape (n,), to scores, shape (n, num_items).
    users : int64 array
    k : int
    exclude : iterable of Interactions
        Pairs that cannot be recommended.
    block : int
        Scores held at once.
    progress : bool
        Show a bar.
    """
    check_whole(k=k)
    exclude = list(exclude)
    items = np.full((len(users), k), -1, np.int64)
    scores = np.full((len(users), k), -np.inf, np.float32)
    first = 0
    bar = tqdm(total=len(users), unit="user", disable=not progress, leave=False)
    with torch.no_grad(), bar:
        for block_scores in _blocks(score, users, block):
            last = first + len(block_scores)
            for part in exclude:
                mask_pairs(block_scores, users[first:last], part)
            columns, values = _top(block_scores, min(k, block_scores.shape[1]))
            items[first:last, : columns.shape[1]] = columns
            scores[first:last, : columns.shape[1]] = values
            bar.update(len(block_scores))
            first = last
    items[np.isneginf(scores)] = -1
    return Ranked(items, scores)


def _blocks(score: Callable[[Tensor], Tensor], users: IntArray, size: int) -> Iterator[Tensor]:
    """The scores of all `users` on the CPU, about `size` of them at a time."""
    if isinstance(score, DotProducts):
        yield from (scores.cpu().float() for scores in score.blocks(users, size))
        return
    first, count = 0, 1  # one user tells how many items there are
    while first < len(users):
        scores = score(torch.from_numpy(users[first : first + count])).cpu().float()
        yield scores
        first, count = first + count, max(1, size // scores.shape[1])


def mask_pairs(scores: Tensor, users: IntArray, part: Interactions) -> None:
    """Minus infinity, in place, at the pairs of `part`, whose pairs are sorted by user."""
    starts = np.searchsorted(part.user_index, users)
    counts = np.searchsorted(part.user_index, users, side="right") - starts
    rows = np.repeat(np.arange(len(users)), counts)
    columns = part.item_index[ranges(starts, counts)]
    scores[torch.from_numpy(rows), torch.from_numpy(columns)] = -torch.inf


def _top(scores: Tensor, k: int) -> tuple[IntArray, NDArray[np.float32]]:
    """The k largest of each row; equal ones by column, lower first."""
    more = min(k + 1, scores.shape[1])
    values, columns = _largest(scores, more)
    if bool(values[:, 0].isnan().any()):  # NaN ranks above everything
        raise ValueError("The model's scores contain NaN; finite numbers are needed.")
    if more > k:
        # only where the first value left out equals the last one taken does the choice matter
        last = values[:, k - 1]
        tied = ((values[:, k] == last) & ~last.isneginf()).nonzero().squeeze(1)
        values, columns = values[:, :k].contiguous(), columns[:, :k].contiguous()
        for some in tied.split(TIED) if len(tied) else ():
            rows = scores[some]
            columns[some] = _lowest_of_equals(rows, last[some, None], k)
            values[some] = rows.gather(1, columns[some])
    columns, order = columns.sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return columns.gather(1, order).numpy(), values.numpy()


def _largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``torch.topk(scores, count, dim=1)``, several times faster where rows are long.

    The columns are put into groups. Each of the `count` largest entries lies in one of the `count`
    groups with the largest maxima, so the entries of these groups are all that is compared. The
    groups with the largest maxima are found in the same way.
    """
    rows, columns = scores.shape
    groups = columns // GROUP  # columns j, j + groups, j + 2 groups, ...; a few are left over
    if groups < 4 * count:
        return torch.topk(scores, count, dim=1)
    maxima = scores[:, : groups * GROUP].view(rows, GROUP, groups).amax(1)
    best = _largest(maxima, count)[1]
    within = (best.unsqueeze(2) + groups * torch.arange(GROUP)).view(rows, -1)
    left_over = torch.arange(groups * GROUP, columns).expand(rows, -1)
    candidates = torch.cat([within, left_over], dim=1)
    values, place = torch.topk(scores.gather(1, candidates), count, dim=1)
    return values, candidates.gather(1, place)


def _lowest_of_equals(scores: Tensor, last: Tensor, k: int) -> Tensor:
    """Columns above the k-th largest value, filled up to k with the lowest that equal it."""
    above = scores > last
    equal = scores == last
    room = k - above.sum(1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(1) <= room))
    return chosen.nonzero()[:, 1].view(len(scores), k)


def recommend(
    model: Recommender,
    users: ArrayLike | Sequence[object] | None = None,
    k: int = 10,
    exclude: Interactions | Sequence[Interactions] | None = None,
    *,
    histories: Mapping[object, Sequence[object]] | None = None,
) -> pd.DataFrame:
    """The k best items for some users, by their labels.

    Parameters
    ----------
    model : Recommender
        A model, its ``frozen()``, or anything with ``score(users)``.
    users : sequence of labels
    k : int, default 10
        More than there are candidates is allowed: the list is then shorter.
    exclude : Interactions, or several, optional
        Pairs that are not recommended. By default those that the model was built from, which its
        users have already; ``exclude=()`` leaves out nothing.
    histories : mapping, optional
        For somebody who was not there when the model was built, the items she has. Not possible
        yet.

    Returns
    -------
    pandas.DataFrame
        Columns user, rank (from 1), item, score.

    Raises
    ------
    KeyError
        For a user the model does not know, naming her.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> likes = datasets.load("toy").interactions
    >>> recommend(models.ItemKNN(likes, shrink=0), ["Ana"], k=1)["item"].tolist()
    ['Casablanca']
    """
    if histories is not None:
        raise NotImplementedError("recommend(histories=...) for new users is not possible yet.")
    if users is None:
        raise TypeError("recommend needs `users`, a list of labels such as [42].")
    excluded = _excluded(model, exclude)
    user_labels, item_labels = _labels_of(model, excluded)
    check_labels(model, *excluded)
    asked = positions(user_labels, users, "user")
    with scoring(model) as score:
        ranked = rank(score, asked, k, excluded)
    row, place = np.nonzero(ranked.items >= 0)
    return pd.DataFrame(
        {
            "user": user_labels.array[asked[row]],
            "rank": place + 1,
            "item": item_labels.array[ranked.items[row, place]],
            "score": ranked.scores[row, place],
        },
        copy=False,
    )


def _excluded(
    model: object, exclude: Interactions | Sequence[Interactions] | None
) -> list[Interactions]:
    if exclude is None:
        built_from = getattr(model, "interactions", None)
        return [built_from] if isinstance(built_from, Interactions) else []
    parts = [exclude] if isinstance(exclude, Interactions) else list(exclude)
    for part in parts:
        if not isinstance(part, Interactions):
            raise TypeError(
                f"exclude holds {part!r}: Interactions are needed, such as split.train, or () to "
                "leave out nothing."
            )
    return parts


def similar_items(model: Model, items: ArrayLike | Sequence[object], k: int = 10) -> pd.DataFrame:
    """The k items most similar to each of some items, by what the model compares items with.

    Where it has embeddings that is their cosine; for ItemKNN, RP3Beta, EASE and the filters it is
    the weight between items by which they score.

    Returns
    -------
    pandas.DataFrame
        Columns item, rank, similar, similarity.

    Raises
    ------
    TypeError
        If the model has nothing to compare items by.
    """
    return _similar(model, items, k, "item")


def similar_users(model: Model, users: ArrayLike | Sequence[object], k: int = 10) -> pd.DataFrame:
    """The k users most similar to each of some users; see :func:`similar_items`.

    Returns
    -------
    pandas.DataFrame
        Columns user, rank, similar, similarity.
    """
    return _similar(model, users, k, "user")


def _similar(
    model: Model, asked: ArrayLike | Sequence[object], k: int, role: Literal["item", "user"]
) -> pd.DataFrame:
    if not isinstance(model, Model):
        raise TypeError(f"{type(model).__name__} has nothing to compare {role}s by.")
    labels = model.items if role == "item" else model.users
    asked_index = positions(labels, asked, role)
    # everything but itself; the pairs of something asked twice are the same
    oneself = np.unique(asked_index)
    with scoring(model):
        similarity = model.item_similarity() if role == "item" else model.user_similarity()
        ranked = rank(similarity, asked_index, k, [Interactions(oneself, oneself, labels, labels)])
    row, place = np.nonzero(ranked.items >= 0)
    return pd.DataFrame(
        {
            role: labels[asked_index[row]],
            "rank": place + 1,
            "similar": labels[ranked.items[row, place]],
            "similarity": ranked.scores[row, place],
        }
    )


def check_labels(*sources: object) -> None:
    """Refuse models and interactions whose positions speak of different users or items.

    One without ``users`` and ``items`` labels cannot be checked and is let through.
    """
    first: tuple[pd.Index, pd.Index] | None = None
    for source in sources:
        users, items = getattr(source, "users", None), getattr(source, "items", None)
        if not (isinstance(users, pd.Index) and isinstance(items, pd.Index)):
            continue
        first = (users, items) if first is None else first
        for role, labels, other in (("users", first[0], users), ("items", first[1], items)):
            if not labels.equals(other):
                raise ValueError(
                    f"The model and the interactions have different {role} ({len(labels):,} and "
                    f"{len(other):,} labels): use those the model was built from, such as "
                    "split.train."
                )


def _labels_of(model: object, known: Sequence[Interactions]) -> tuple[pd.Index, pd.Index]:
    for source in (model, *known):
        users, items = getattr(source, "users", None), getattr(source, "items", None)
        if isinstance(users, pd.Index) and isinstance(items, pd.Index):
            return users, items
    raise TypeError(
        f"{type(model).__name__} has no `users` and `items` labels: give it both as pandas.Index, "
        "or pass the interactions it was built from as `exclude`."
    )
