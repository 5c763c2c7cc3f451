"""From scores to lists: the best items for a user, and the nearest items to an item."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor
from tqdm.auto import tqdm

from ..data.arguments import check_whole
from ..data.interactions import IntArray, Interactions, positions
from ..engine.dot_products import DotProducts
from ..engine.on_device import is_gpu
from ..engine.ranges import ranges
from ..models import Frozen, Model, Recommender, scoring
from ..models.base import evaluating
from ..models.parts.fold_in import ByLeastSquares
from ..models.recommender import table_of, wide
from .candidates import (
    Labelled,
    Pairs,
    PairsByLabel,
    check_weights,
    interactions_in,
    label_index,
    label_list,
    mask_of,
)

# scores in a block, 64 MiB or, on a GPU, 1 GiB; copies that a model makes come on top
BLOCK, ON_GPU = 2**24, 2**28
TIED = 64  # users whose ties are settled at once
COLUMNS = pd.Index(["user", "rank", "item", "score"])
History: TypeAlias = Sequence[Any] | Mapping[Any, float]  # item labels, or their weights
GROUP = 16  # items whose best is looked for first; see `_largest`
NAN = "The model's scores contain NaN; finite numbers are needed."


class Ranked(NamedTuple):
    """Lists of items, best first; a list with fewer candidates than asked for ends in -1."""

    items: IntArray  # (users, k)
    scores: NDArray[Any]  # (users, k), -inf where items is -1; in double precision if given so


def rank(
    score: Callable[[Tensor], Tensor],
    users: IntArray,
    k: int,
    exclude: Iterable[Interactions | Pairs] = (),
    *,
    closed: IntArray | None = None,
    only: tuple[IntArray, Pairs] | None = None,
    block: int | None = None,
    progress: bool = False,
) -> Ranked:
    """The k best items for each user, without the excluded pairs.

    Equal scores are ordered by item index, lower first, on every machine. The scores of a block
    of users are in memory at a time, never those of all, and stay on the device that they are on.

    Parameters
    ----------
    score : function
        From user positions, shape (n,), to scores, shape (n, num_items).
    users : int64 array
    k : int
    exclude : iterable of Interactions
        Pairs that cannot be recommended.
    closed : int64 array, optional
        Items that are in nobody's list.
    only : sorted users and pairs, optional
        These users have no other candidates than these pairs.
    block : int, optional
        Scores held at once; by default 16 million, and 16 times as many on a GPU.
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
            if only is not None:
                _mask_others(block_scores, users[first:last], *only)
            for part in exclude:
                mask_pairs(block_scores, users[first:last], part)
            if closed is not None and len(closed):
                block_scores[:, torch.from_numpy(closed).to(block_scores.device)] = -torch.inf
            columns, values = _top(block_scores, min(k, block_scores.shape[1]))
            items[first:last, : columns.shape[1]] = columns
            scores = scores.astype(np.result_type(scores, values), copy=False)
            scores[first:last, : columns.shape[1]] = values
            bar.update(len(block_scores))
            first = last
    items[np.isneginf(scores)] = -1
    return Ranked(items, scores)


def _blocks(
    score: Callable[[Tensor], Tensor], users: IntArray, size: int | None
) -> Iterator[Tensor]:
    """The scores of all `users`, about `size` of them at a time, on the device they come on."""
    if isinstance(score, DotProducts):
        blocks = score.blocks(users, size or _usual_size(score.users.device))
        yield from (wide(scores) for scores in blocks)
        return
    first, count, num_items = 0, 1, None  # one user tells how many items there are, and where
    while first < len(users):
        block = torch.from_numpy(users[first : first + count].copy())  # `score` may write to it
        scores = wide(table_of(score(block), len(block), num_items, "score"))
        yield scores
        first += count
        num_items = scores.shape[1]
        count = max(1, (size or _usual_size(scores.device)) // num_items)


def _usual_size(device: torch.device) -> int:
    return ON_GPU if is_gpu(device) else BLOCK


def mask_pairs(scores: Tensor, users: IntArray, part: Interactions | Pairs) -> None:
    """Minus infinity, in place, at the pairs of `part`, whose pairs are sorted by user."""
    scores[_cells(users, part, scores.device)] = -torch.inf


def _mask_others(scores: Tensor, users: IntArray, restricted: IntArray, pairs: Pairs) -> None:
    """Minus infinity, in place, at all but these pairs of the restricted users."""
    cells = _cells(users, pairs, scores.device)
    kept = scores[cells]
    scores[torch.from_numpy(np.isin(users, restricted)).to(scores.device)] = -torch.inf
    scores[cells] = kept


def _cells(
    users: IntArray, part: Interactions | Pairs, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Rows and columns of a block with these users at which the pairs are."""
    starts = np.searchsorted(part.user_index, users)
    counts = np.searchsorted(part.user_index, users, side="right") - starts
    rows = np.repeat(np.arange(len(users)), counts)
    columns = part.item_index[ranges(starts, counts)]
    return torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)


def _top(scores: Tensor, k: int) -> tuple[IntArray, NDArray[Any]]:
    """The k largest of each row; equal ones by column, lower first."""
    more = min(k + 1, scores.shape[1])
    values, columns = _largest(scores, more)
    if bool(values[:, 0].isnan().any()):  # NaN ranks above everything
        raise ValueError(NAN)
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
    return columns.gather(1, order).cpu().numpy(), values.cpu().numpy()


def _largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``torch.topk(scores, count, dim=1)``, several times faster where rows are long.

    The columns are put into groups. Each of the `count` largest entries lies in one of the `count`
    groups with the largest maxima, so the entries of these groups are all that is compared. The
    groups with the largest maxima are found in the same way.
    """
    rows, columns = scores.shape
    device = scores.device
    groups = columns // GROUP  # columns j, j + groups, j + 2 groups, ...; a few are left over
    if groups < 4 * count:
        return torch.topk(scores, count, dim=1)
    maxima = scores[:, : groups * GROUP].view(rows, GROUP, groups).amax(1)
    best = _largest(maxima, count)[1]
    within = (best.unsqueeze(2) + groups * torch.arange(GROUP, device=device)).view(rows, -1)
    left_over = torch.arange(groups * GROUP, columns, device=device).expand(rows, -1)
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
    histories: Mapping[Any, History] | None = None,
    unknown: Literal["error", "popular", "skip"] = "error",
    only: Sequence[Any] | Mapping[Any, Sequence[Any]] | None = None,
    never: Sequence[Any] | Mapping[Any, Sequence[Any]] | None = None,
    since: PairsByLabel | None = None,
) -> pd.DataFrame:
    """The k best items for some users, by their labels; also for somebody who was not in train.

    Parameters
    ----------
    model : Recommender
        A model, its ``frozen()``, or anything with ``score(users)``.
    users : sequence of labels, optional
    k : int, default 10
        More than there are candidates is allowed: the list is then shorter.
    exclude : Interactions, or several, optional
        Pairs that are not recommended, over the model's users and items. By default those that the
        model was built from, which its users have already, and, to those who are in `histories`,
        what is there; ``()`` leaves out nothing. Pairs that are given here are not recommended to
        users whom the model knows nothing about either, nor to a known user among `histories`.
    histories : mapping from a name to item labels, or to a mapping from item to weight, optional
        For people who were not in train, or baskets: the items each of them has. Nothing is trained
        again; the model's ``fold_in`` says what it does. A name may be that of a known user, who
        is then judged by this history alone. Weights, greater than 0, are for models that learnt
        from weights; an item in a list has the weight 1.
    unknown : {"error", "popular", "skip"}
        What to do about a user of whom the model knows nothing: her label is unknown, she has no
        interactions in train, or none of the items in her history has. ``"popular"`` gives her the
        most popular items, with a missing score, since it is not the model's; ``"skip"`` leaves her
        out. With both, unknown items in histories are passed over.
    only : item labels, or a mapping from user to item labels, optional
        Nothing else is recommended: what is in stock, say. A mapping restricts the users it names.
        Labels that the model does not know cannot be recommended, and are passed over.
    never : item labels, or a mapping from user to item labels, optional
        What is not recommended to anybody, or to a user.
    since : Interactions, table with columns user and item, or mapping from user to items, optional
        What users have got since the model was built, which is not recommended either. Compared by
        label, so it may have users and items that the model does not know.

    Returns
    -------
    pandas.DataFrame
        Columns user, rank (from 1), item, score: first `users`, then `histories`, in the order in
        which they are given. Items without interactions in train, of which a model knows nothing
        either, are in no list; a model that has facts about items knows those that have some.

    Raises
    ------
    KeyError
        For a user or an item of a history that the model does not know, naming it.
    TypeError
        If a model cannot answer for `histories`, or not for weights in them, or labels have another
        type than the model's.

    Warns
    -----
    UserWarning
        If the model does not say what it was built from, and `exclude` does not either.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> model = models.ItemKNN(datasets.load("toy").interactions, shrink=0)
    >>> recommend(model, ["Ana"], k=1)["item"].tolist()
    ['Casablanca']
    >>> recommend(model, histories={"somebody new": ["Dune"]}, k=1)["item"].tolist()
    ['Casablanca']
    >>> recommend(model, ["Ana", "Zoe"], k=1, unknown="popular")  # Zoe is not in train
      user  rank        item  score
    0  Ana     1  Casablanca    1.0
    1  Zoe     1       Alien    NaN
    """
    if users is None and histories is None:
        raise TypeError("recommend needs `users`, a list of labels such as [42], or `histories`.")
    if unknown not in ("error", "popular", "skip"):
        raise ValueError(f"unknown={unknown!r}: choose 'error', 'popular' or 'skip'.")
    check_whole(k=k)
    excluded = _excluded(model, exclude)
    named = [] if exclude is None else excluded  # who is not looked up in the model has its name
    user_labels, item_labels = _labels_of(model, excluded)
    check_labels(model, *excluded)
    asked = names = None
    if users is not None:
        asked, names = _asked(model, users, user_labels, unknown)
    people = [user_labels]
    if names is not None:
        people.append(names.unique())
    if isinstance(histories, Mapping):
        people.append(label_index(list(histories), "user", "histories="))
    candidates = _Candidates.of(model, people, item_labels, only, never, since)
    groups: list[_Group] = []
    first = 0
    if asked is not None:
        known = asked >= 0
        group = _Group(np.flatnonzero(known), user_labels, asked[known])
        with scoring(model, len(item_labels)) as score:
            groups.append(group.answered(candidates, score, k, excluded))
        if exclude is None and not excluded:
            warnings.warn(
                f"{type(model).__name__} does not say what it was built from, so nothing is left "
                "out, and users may get what they have already: exclude=split.train leaves that "
                "out, and exclude=() says that it may be there.",
                stacklevel=2,
            )
        if names is not None and unknown == "popular":
            strangers = np.flatnonzero(~known)
            groups.append(_popular(model, strangers, names[strangers], candidates, k, named))
        first = len(asked)
    if histories is not None:
        leave_out = exclude is None or len(excluded) > 0
        groups += _from_histories(model, histories, item_labels, unknown, candidates, k, first,
                                  leave_out, named)  # fmt: skip
    return _frame(groups, item_labels)


class _Group(NamedTuple):
    """Users who are answered in the same way."""

    places: IntArray  # among all who are asked for, (n,)
    labels: pd.Index  # unique
    rows: IntArray  # of each user among `labels`, (n,)
    ranked: Ranked | None = None

    def answered(
        self,
        candidates: _Candidates,
        score: Callable[[Tensor], Tensor],
        k: int,
        exclude: Sequence[Interactions | Pairs],
    ) -> _Group:
        """With the best items of each row."""
        ranked = rank(
            score,
            self.rows,
            k,
            [*exclude, *candidates.never_by_user(self.labels)],
            closed=candidates.closed,
            only=candidates.only_by_user(self.labels),
        )
        return self._replace(ranked=ranked)


@dataclass(frozen=True)
class _Candidates:
    """What `only`, `never` and `since` leave, and what the model knows anything about."""

    items: pd.Index
    closed: IntArray  # columns that are in no list
    only: Labelled | None
    never: tuple[tuple[str, Labelled], ...]

    @classmethod
    def of(
        cls,
        model: object,
        people: Sequence[pd.Index],  # the model's, and those who are asked for
        items: pd.Index,
        only: Any,
        never: Any,
        since: Any,
    ) -> _Candidates:
        informed = getattr(model, "informed_items", None)
        may = np.ones(len(items), bool) if informed is None else informed
        by_user = []
        if isinstance(only, Mapping):
            allowed = Labelled.of(only, "only")
        else:
            allowed = None
            if only is not None:
                stock = mask_of(items, only, "only")
                if not stock.any():
                    raise KeyError(
                        f"only= names none of the {len(items):,} items of the model: the known "
                        f"ones look like {', '.join(map(repr, items[:3].tolist()))}."
                    )
                may = may & stock
        if isinstance(never, Mapping):
            by_user.append(("never", Labelled.of(never, "never")))
        elif never is not None:
            may = may & ~mask_of(items, never, "never")
        if since is not None:
            by_user.append(("since", Labelled.of(since, "since")))
        for name, given in [*by_user, ("only", allowed)]:
            if given is not None:
                given.check_users(people, name)
        return cls(items, np.flatnonzero(~may), allowed, tuple(by_user))

    def never_by_user(self, users: pd.Index) -> list[Pairs]:
        return [given.within(users, self.items, name) for name, given in self.never]

    def only_by_user(self, users: pd.Index) -> tuple[IntArray, Pairs] | None:
        """The restricted rows, and the pairs that are left to them."""
        if self.only is None:
            return None
        restricted = users.get_indexer(self.only.users)
        return np.sort(restricted[restricted >= 0]), self.only.within(users, self.items, "only")


def _asked(
    model: object, users: Any, labels: pd.Index, unknown: str
) -> tuple[IntArray, pd.Index | None]:
    """The position of each user, -1 for one of whom the model knows nothing; their labels."""
    informed = getattr(model, "informed_users", None)
    given = label_list(users, "users", "user", one=True)
    if unknown == "error":
        try:
            asked = positions(labels, given, "user")
        except KeyError as error:
            error.add_note("unknown='popular' or unknown='skip' goes on without her.")
            raise
        if informed is not None:
            check_informed(
                labels, informed, asked,
                "unknown='popular' gives her the most popular items, unknown='skip' leaves her out",
            )  # fmt: skip
        return asked, None
    names = label_index(given, "user", "users=")
    asked = labels.get_indexer(names).astype(np.int64)
    if informed is not None:
        asked[(asked >= 0) & ~informed[asked]] = -1
    return asked, names


def check_informed(
    labels: pd.Index, informed: NDArray[np.bool_], asked: IntArray, instead: str
) -> None:
    """Refuse users of whom the model knows nothing; `instead` says what can be done."""
    if not informed[asked].all():
        nobody = labels[asked[~informed[asked]]].tolist()
        others = f" (as have {len(nobody) - 1:,} more)" if len(nobody) > 1 else ""
        raise KeyError(
            f"User {nobody[0]!r} has no interactions in train{others}, so the model knows nothing "
            f"about her: {instead}."
        )


def _from_histories(
    model: Recommender,
    histories: Mapping[Any, History],
    items: pd.Index,
    unknown: str,
    candidates: _Candidates,
    k: int,
    first: int,
    leave_out: bool,
    excluded: Sequence[Interactions],
) -> list[_Group]:
    """Those who can be answered from their items, and, if wanted, popular items for the others."""
    if not isinstance(histories, Mapping):
        raise TypeError(
            f"histories is {type(histories).__name__}: a mapping from a name to the items she has "
            "is needed, such as {'new': [1, 50]}."
        )
    if not isinstance(model, (Model, Frozen)):
        raise TypeError(
            f"{type(model).__name__} has no fold_in, so it cannot answer for `histories`."
        )
    fold_in = model.fold_in()
    given, weights = _weighed(model, histories)
    found = items.get_indexer(given.items)
    if unknown == "error" and (found < 0).any():
        label = given.items[found < 0].tolist()[0]
        try:
            positions(items, [label], "item")
        except KeyError as error:
            error.add_note("unknown='popular' or unknown='skip' passes over unknown items.")
            raise
    pairs = given.within(given.users, items, "histories")
    heard = np.zeros(len(given.users), bool)
    heard[pairs.user_index[model.informed_items[pairs.item_index]]] = True
    if unknown == "error" and not heard.all():
        nobody = given.users[~heard].tolist()[0]
        raise KeyError(
            f"The history of {nobody!r} has no item with interactions in train, so nothing is "
            "known about her: unknown='popular' gives her the most popular items, "
            "unknown='skip' leaves her out."
        )
    shape = (len(given.users), len(items))
    columns = found[given.item_index]
    known = columns >= 0
    cells = given.user_index[known], columns[known]
    matrix = sparse.csr_array((weights[known], cells), shape=shape)
    matrix.sum_duplicates()
    in_lists = np.array([not isinstance(of, Mapping) for of in histories.values()], bool)
    # an item that is named twice counts once
    matrix.data[np.repeat(in_lists, np.diff(matrix.indptr))] = 1.0

    def score(rows: Tensor) -> Tensor:
        given = fold_in(sparse.csr_array(matrix[rows.numpy()]))
        return table_of(given, len(rows), len(items), f"fold_in of {type(model).__name__}")

    own = [pairs] if leave_out else []
    own += [Pairs.of(part, given.users) for part in excluded]
    rows = np.flatnonzero(heard)
    with evaluating(model):
        groups = [_Group(first + rows, given.users, rows).answered(candidates, score, k, own)]
    if unknown == "popular" and not heard.all():
        silent = np.flatnonzero(~heard)
        names = given.users[silent]
        groups.append(_popular(model, first + silent, names, candidates, k, excluded))
    return groups


def _weighed(
    model: Model | Frozen, histories: Mapping[Any, History]
) -> tuple[Labelled, NDArray[np.float32]]:
    """Histories, and the weight of each of their pairs, which is 1 in a list."""
    lists: dict[Any, list[Any]] = {}
    weights: list[float] = []
    for name, history in histories.items():
        argument = f"histories[{name!r}]"
        if isinstance(history, Mapping):
            _check_learnt_weights(model, argument)
            check_weights(history, argument)
            lists[name] = list(history)
            weights += history.values()
        else:
            lists[name] = label_list(history, argument)
            weights += [1.0] * len(lists[name])
    return Labelled.of(lists, "histories"), np.array(weights, np.float32)


def _check_learnt_weights(model: Model | Frozen, argument: str) -> None:
    """Refuse a model to which a weight in a history would say nothing, or something else."""
    if isinstance(model, Frozen):
        # of other kinds its tables do not say whether the model used the weights
        learnt = isinstance(model.fold_in(), ByLeastSquares)
        if not learnt or model.interactions.weight is None:
            raise TypeError(
                f"{argument} has weights, of which a frozen model makes use only if it was an IALS "
                "that learnt from weights: ask the model itself, or give a list of item labels."
            )
    elif not _learnt_weights(model):
        raise TypeError(
            f"{argument} has weights, and this {type(model).__name__} did not learn from weights: "
            "a list of item labels is needed."
        )


def _learnt_weights(model: Model) -> bool:
    inner = [given for given in model._arguments.values() if isinstance(given, Model)]
    weighed = model.interactions.weight is not None
    return model.uses_weights and weighed and all(map(_learnt_weights, inner))


def _popular(
    model: object,
    places: IntArray,
    names: pd.Index,
    candidates: _Candidates,
    k: int,
    excluded: Sequence[Interactions],
) -> _Group:
    """The most popular items for those of whom the model knows nothing, with missing scores."""
    built_from = getattr(model, "interactions", None)
    if not isinstance(built_from, Interactions):
        raise TypeError(
            f"{type(model).__name__} does not say what it was built from, so unknown='popular' is "
            "not possible: unknown='skip' is."
        )
    codes, labels = pd.factorize(names)
    counts = torch.from_numpy(built_from.item_degrees()).float()

    def score(rows: Tensor) -> Tensor:
        return counts.repeat(len(rows), 1)

    group = _Group(places, pd.Index(labels), codes.astype(np.int64))
    left_out = [Pairs.of(part, group.labels) for part in excluded]
    ranked = group.answered(candidates, score, k, left_out).ranked
    assert ranked is not None
    return group._replace(ranked=Ranked(ranked.items, np.full_like(ranked.scores, np.nan)))


def _frame(groups: Sequence[_Group], item_labels: pd.Index) -> pd.DataFrame:
    """All lists below each other, in the order in which they were asked for."""
    places, labels, ranks, items, scores = [], [], [], [], []
    for group in groups:
        assert group.ranked is not None
        row, place = np.nonzero(group.ranked.items >= 0)
        places.append(group.places[row])
        labels.append(group.labels[group.rows[row]])
        ranks.append(place + 1)
        items.append(group.ranked.items[row, place])
        scores.append(group.ranked.scores[row, place])
    used = [index for index in labels if len(index)] or labels[:1]
    users = used[0].append(used[1:]) if len(used) > 1 else used[0]
    columns = [np.concatenate(part) for part in (ranks, items, scores)]
    if len(used) > 1:
        order = np.argsort(np.concatenate(places), kind="stable")
        users, columns = users[order], [column[order] for column in columns]
    return table(users.array, columns[0], item_labels.array[columns[1]], columns[2])


def table(users: Any, ranks: NDArray[Any], items: Any, scores: NDArray[Any]) -> pd.DataFrame:
    """Lists as a table; twice as fast as with names that are looked up anew in each."""
    made = pd.DataFrame({0: users, 1: ranks, 2: items, 3: scores}, copy=False)
    made.columns = COLUMNS.view()
    return made


def _excluded(
    model: object, exclude: Interactions | Sequence[Interactions] | None
) -> list[Interactions]:
    if exclude is not None:
        return interactions_in(exclude)
    built_from = getattr(model, "interactions", None)
    return [built_from] if isinstance(built_from, Interactions) else []


def similar_items(
    model: Model | Frozen, items: ArrayLike | Sequence[object], k: int = 10
) -> pd.DataFrame:
    """The k items most similar to each of some items, by what the model compares items with.

    Where it has embeddings that is their cosine; for ItemKNN, RP3Beta, EASE and the filters it is
    the weight between items by which they score. Items of which the model knows nothing are in no
    list. A frozen model compares by embeddings only.

    Returns
    -------
    pandas.DataFrame
        Columns item, rank, similar, similarity.

    Raises
    ------
    KeyError
        For an unknown item, or one without interactions in train.
    TypeError
        If the model has nothing to compare items by.
    """
    return _similar(model, items, k, "item")


def similar_users(
    model: Model | Frozen, users: ArrayLike | Sequence[object], k: int = 10
) -> pd.DataFrame:
    """The k users most similar to each of some users; see :func:`similar_items`.

    Returns
    -------
    pandas.DataFrame
        Columns user, rank, similar, similarity.
    """
    return _similar(model, users, k, "user")


def _similar(
    model: Model | Frozen,
    asked: ArrayLike | Sequence[object],
    k: int,
    role: Literal["item", "user"],
) -> pd.DataFrame:
    if not isinstance(model, (Model, Frozen)):
        raise TypeError(f"{type(model).__name__} has nothing to compare {role}s by.")
    if role == "item":
        labels, informed = model.items, model.informed_items
    else:
        labels, informed = model.users, model.informed_users
    asked_index = positions(labels, label_list(asked, f"{role}s", role, one=True), role)
    if not informed[asked_index].all():
        nothing = labels[asked_index[~informed[asked_index]]].tolist()[0]
        raise KeyError(
            f"The {role} {nothing!r} has no interactions in train, so there is nothing to compare "
            "it by."
        )
    # everything but itself; the pairs of something asked twice are the same
    oneself = np.unique(asked_index)
    with scoring(model):
        similarity = model.item_similarity() if role == "item" else model.user_similarity()
        ranked = rank(similarity, asked_index, k, [Pairs(oneself, oneself)],
                      closed=np.flatnonzero(~informed))  # fmt: skip
    row, place = np.nonzero(ranked.items >= 0)
    return pd.DataFrame(
        {
            role: labels[asked_index[row]],
            "rank": place + 1,
            "similar": labels[ranked.items[row, place]],
            "similarity": ranked.scores[row, place],
        }
    )


LISTS = (pd.Index, pd.Series, np.ndarray, list, tuple)  # what labels may be in


def check_labels(*sources: object) -> None:
    """Refuse models and interactions whose positions speak of different users or items.

    One without ``users`` and ``items`` labels cannot be checked and is let through.
    """
    first: list[pd.Index] | None = None
    for source in sources:
        pair: list[Any] = [getattr(source, role, None) for role in ("users", "items")]
        if not all(isinstance(given, LISTS) and getattr(given, "ndim", 1) == 1 for given in pair):
            continue
        own = [
            given if isinstance(given, pd.Index) else pd.Index(given, tupleize_cols=False)
            for given in pair
        ]
        first = first or own
        for role, labels, other in zip(("users", "items"), first, own, strict=True):
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
