"""Mini-batches of positives with sampled negatives, from seeded NumPy generators."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.interactions import IntArray, Interactions, ratings_of
from .device_sampling import DevicePairs
from .on_device import is_gpu
from .ranges import ranges


class Batch(NamedTuple):
    """Users, an item each of them interacted with, and items they did not."""

    users: Tensor  # (batch,)
    positives: Tensor  # (batch,)
    negatives: Tensor  # (batch, negatives), or (negatives,) shared by the whole batch
    # only when shared, the pairs that are positives: (row of the batch, place among the negatives),
    # shape (pairs, 2), or on a GPU a mask, shape (batch, negatives)
    known: Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]


def fill_known(table: Tensor, known: Tensor | None, value: float) -> Tensor:
    """Write `value`, in place, where a batch's shared negatives are known to be positives.

    Parameters
    ----------
    table : Tensor, shape (batch, negatives)
    known : Tensor, optional
        As in :class:`Batch`.
    value : float
    """
    if known is None:
        return table
    if known.dtype == torch.bool:
        return table.masked_fill_(known, value)
    table[known[:, 0], known[:, 1]] = value
    return table


class RatingBatch(NamedTuple):
    """Pairs of a user and an item, and how the one rated the other."""

    users: Tensor  # (batch,)
    items: Tensor  # (batch,)
    ratings: Tensor  # (batch,), float32


class Negatives:
    """Draws items a user has no interaction with, uniformly among those.

    Parameters
    ----------
    train : Interactions
        The interactions that are known; none of them is ever drawn.
    """

    def __init__(self, train: Interactions) -> None:
        full = np.flatnonzero(train.user_degrees() >= train.num_items)
        if len(full):
            raise ValueError(
                f"User {train.users[full[0]]!r} interacted with all {train.num_items} items, so "
                "there is no negative to draw."
            )
        self._num_items = train.num_items
        self._known = np.sort(train.user_index * train.num_items + train.item_index)

    def is_known(self, users: IntArray, items: IntArray) -> np.ndarray:
        """Which pairs are among the interactions; `users` and `items` broadcast."""
        if len(self._known) == 0:
            return np.zeros(np.broadcast(users, items).shape, bool)
        pairs = np.asarray(users * self._num_items + items)
        order = pairs.argsort(axis=None)  # a search for sorted values reads memory in order
        wanted = pairs.flat[order]
        place = np.searchsorted(self._known, wanted)
        found = np.empty(pairs.size, bool)
        found[order] = self._known[np.minimum(place, len(self._known) - 1)] == wanted
        return found.reshape(pairs.shape)

    def draw(self, users: IntArray, count: int, generator: np.random.Generator) -> IntArray:
        """`count` negatives for each of `users`, shape (len(users), count)."""
        owners = np.repeat(users, count)
        drawn = generator.integers(self._num_items, size=len(owners))
        redo = np.flatnonzero(self.is_known(owners, drawn))
        while len(redo):
            drawn[redo] = generator.integers(self._num_items, size=len(redo))
            redo = redo[self.is_known(owners[redo], drawn[redo])]
        return drawn.reshape(len(users), count)


class PairSampler:
    """Goes through all interactions in random order, in batches with fresh negatives.

    With ``shared=True`` the negatives are drawn once for the whole batch, uniformly among all
    items; ``Batch.known`` then says which of them some user of the batch interacted with, for the
    objective to leave out. With ``unseen=False``, too, they are drawn among the items that somebody
    interacted with.

    Each epoch has its own generator, seeded by ``(seed, epoch)``: what is drawn does not depend
    on what was drawn before, so training resumes exactly. A GPU draws by itself, and other batches
    than a processor; see :mod:`gnnrec_helpers.engine.on_device`.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> sampler = PairSampler(datasets.load("toy").interactions, batch_size=4, seed=0)
    >>> [len(batch.users) for batch in sampler.epoch(0)]
    [4, 4, 2]
    """

    def __init__(
        self,
        train: Interactions,
        batch_size: int = 2048,
        negatives: int = 1,
        *,
        seed: int = 0,
        shared: bool = False,
        unseen: bool = True,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: at least 1 is needed.")
        if negatives < 1:
            raise ValueError(f"negatives={negatives}: at least 1 is needed.")
        if len(train) == 0:
            raise ValueError("There are no interactions to train on.")
        self.train = train
        self.batch_size = batch_size
        self.num_negatives = negatives
        self.seed = seed
        self.shared = shared
        if shared:
            self._starts = np.concatenate([[0], np.cumsum(train.item_degrees())])
            self._owners = train.user_index[np.argsort(train.item_index, kind="stable")]
            self._drawable = np.flatnonzero(unseen | (train.item_degrees() > 0))
        else:
            self._negatives = Negatives(train)
        self._on_device: DevicePairs | None = None

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.train) // self.batch_size)

    def epoch(self, number: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """The batches of epoch `number`."""
        device = torch.device(device)
        if is_gpu(device):
            if self._on_device is None or self._on_device.device != device:
                drawable = self._drawable if self.shared else None
                self._on_device = DevicePairs(self.train, drawable, device)
            sizes = (self.batch_size, self.num_negatives)
            yield from (Batch(*parts) for parts in self._on_device.epoch(*sizes, self.seed, number))
            return
        generator = np.random.default_rng([self.seed, number])
        order = generator.permutation(len(self.train))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            users = self.train.user_index[chosen]
            items = self.train.item_index[chosen]
            parts = [users, items]
            if self.shared:
                places = generator.integers(len(self._drawable), size=self.num_negatives)
                drawn = self._drawable[places]
                parts += [drawn, self._known(users, drawn)]
            else:
                parts += [self._negatives.draw(users, self.num_negatives, generator)]
            yield Batch(*map(torch.from_numpy, parts)).to(device)

    def _known(self, users: IntArray, drawn: IntArray) -> IntArray:
        """Which (row of `users`, place in `drawn`) are interactions, shape (pairs, 2).

        Looks at the few interactions of the drawn items, not at every pair of a user and an item.
        """
        times = np.bincount(users, minlength=self.train.num_users)  # rows of each user
        first, rows = np.cumsum(times) - times, np.argsort(users, kind="stable")
        counts = self._starts[drawn + 1] - self._starts[drawn]  # interactions of each drawn item
        owners = self._owners[ranges(self._starts[drawn], counts)]
        places = np.repeat(np.arange(len(drawn)), counts)
        pairs = rows[ranges(first[owners], times[owners])], np.repeat(places, times[owners])
        return np.stack(pairs, axis=1)


class RatingSampler:
    """Goes through all ratings in random order, in batches.

    As for :class:`PairSampler` each epoch has its own generator, seeded by ``(seed, epoch)``.
    """

    def __init__(self, train: Interactions, batch_size: int = 2048, *, seed: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: at least 1 is needed.")
        self.train, self.batch_size, self.seed = train, batch_size, seed
        self._ratings = ratings_of(train).astype(np.float32)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.train) // self.batch_size)

    def epoch(self, number: int, device: torch.device | str = "cpu") -> Iterator[RatingBatch]:
        """The batches of epoch `number`."""
        device = torch.device(device)
        order = np.random.default_rng([self.seed, number]).permutation(len(self.train))
        columns = (self.train.user_index, self.train.item_index, self._ratings)
        if is_gpu(device):  # a whole epoch in one copy
            moved = (torch.from_numpy(c[order]).to(device).split(self.batch_size) for c in columns)
            yield from map(RatingBatch._make, zip(*moved, strict=True))
            return
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield RatingBatch(*(torch.from_numpy(c[chosen]).to(device) for c in columns))


def generator_for(seed: int, *parts: Tensor) -> np.random.Generator:
    """A generator that depends on `seed` and on what a batch holds, and on nothing else.

    So a step of training draws the same numbers whether the steps before it were run now or before
    an interruption.
    """
    marks = [zlib.crc32(part.cpu().numpy().tobytes()) for part in parts]
    return np.random.default_rng([seed, *marks])
