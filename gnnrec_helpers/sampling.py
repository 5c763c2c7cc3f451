"""Mini-batches of positives with sampled negatives, from seeded NumPy generators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .interactions import IntArray, Interactions


class Batch(NamedTuple):
    """Users, an item each of them interacted with, and items they did not."""

    users: Tensor  # (batch,)
    positives: Tensor  # (batch,)
    negatives: Tensor  # (batch, negatives)


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
        pairs = users * self._num_items + items
        place = np.searchsorted(self._known, pairs)
        return self._known[np.minimum(place, len(self._known) - 1)] == pairs

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

    Each epoch has its own generator, seeded by ``(seed, epoch)``: what is drawn does not depend
    on what was drawn before, so training resumes exactly.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> sampler = PairSampler(datasets.load("toy").interactions, batch_size=4, seed=0)
    >>> [len(batch.users) for batch in sampler.epoch(0)]
    [4, 4, 2]
    """

    def __init__(
        self, train: Interactions, batch_size: int = 2048, negatives: int = 1, seed: int = 0
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
        self._negatives = Negatives(train)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.train) // self.batch_size)

    def epoch(self, number: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """The batches of epoch `number`."""
        generator = np.random.default_rng([self.seed, number])
        order = generator.permutation(len(self.train))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            users = self.train.user_index[chosen]
            items = self.train.item_index[chosen]
            drawn = self._negatives.draw(users, self.num_negatives, generator)
            yield Batch(*(torch.from_numpy(part).to(device) for part in (users, items, drawn)))
