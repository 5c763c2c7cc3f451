"""Batches drawn on a GPU: all shapes are known beforehand, so that nothing waits for the device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..data.interactions import IntArray, Interactions
from .on_device import generator_on

AT_ONCE = 2**22  # negatives drawn in one go, 32 MiB


class DevicePairs:
    """What :class:`~gnnrec_helpers.engine.PairSampler` needs on a device: the interactions, there.

    Negatives of a positive of its own are drawn without trying again. If a user knows d of n items,
    a number r below n - d is drawn, and the r-th item that she does not know is the negative. With
    her items in ascending order, the j-th of them has as many unknown items before it as its number
    minus j. So j, the count of those with at most r before them, is found by a binary search, and
    the negative is item r + j.

    Parameters
    ----------
    train : Interactions
    drawable : int64 array, optional
        Negatives are shared by a batch, and drawn among these items.
    device : torch.device
    """

    def __init__(
        self, train: Interactions, drawable: IntArray | None, device: torch.device
    ) -> None:
        self.device, self._num_items = device, train.num_items
        self._users, self._items = self._moved(train.user_index, train.item_index)
        self._drawable = drawable
        if drawable is None:
            degrees = train.user_degrees()
            starts = np.cumsum(degrees) - degrees
            rank = np.arange(len(train)) - starts[train.user_index]  # among the user's items
            before = train.item_index - rank  # items that she does not know, with lower numbers
            keys = train.user_index * (train.num_items + 1) + before
            self._keys, self._starts, self._room = self._moved(
                keys, starts, train.num_items - degrees
            )
        else:
            by_item = np.argsort(train.item_index, kind="stable")
            self._degrees = train.item_degrees()
            self._owners, self._first = self._moved(
                train.user_index[by_item], np.cumsum(self._degrees) - self._degrees
            )
            self._counts = self._moved(self._degrees)[0]
            # which row of the mask is about a user; the last row is about nobody of the batch
            self._row_of = torch.full((train.num_users,), -1, device=device)

    def _moved(self, *arrays: IntArray) -> list[Tensor]:
        return [torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for array in arrays]

    def epoch(
        self, batch_size: int, negatives: int, seed: int, number: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """The parts of every batch."""
        generator = generator_on(self.device, seed, number)
        order = torch.randperm(len(self._users), generator=generator, device=self.device)
        if self._drawable is None:
            yield from self._with_own(order, batch_size, negatives, generator)
        else:
            # NumPy draws these few, so that the host knows how many interactions they have
            host = np.random.default_rng([seed, number])
            yield from self._with_shared(order, batch_size, negatives, host)

    def _with_own(
        self, order: Tensor, batch_size: int, count: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, ...]]:
        batches = max(1, AT_ONCE // (batch_size * count))
        for some in order.split(batches * batch_size):
            users, positives = self._users[some], self._items[some]
            parts = (users, positives, self._draw(users, count, generator))
            yield from zip(*(part.split(batch_size) for part in parts), strict=True)

    def _draw(self, users: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Items that the users do not know, shape (len(users), count)."""
        drawn = torch.rand(
            len(users), count, generator=generator, device=self.device, dtype=torch.float64
        )
        place = (drawn * self._room[users, None]).long()  # below her number of unknown items
        wanted = users[:, None] * (self._num_items + 1) + place
        found = torch.searchsorted(self._keys, wanted, right=True)
        return place + found - self._starts[users, None]

    def _with_shared(
        self, order: Tensor, batch_size: int, count: int, generator: np.random.Generator
    ) -> Iterator[tuple[Tensor, ...]]:
        assert self._drawable is not None
        rows = order.split(batch_size)
        drawn = self._drawable[generator.integers(len(self._drawable), size=(len(rows), count))]
        entries = self._degrees[drawn].sum(1).tolist()
        for chosen, items, total in zip(rows, self._moved(drawn)[0], entries, strict=True):
            users = self._users[chosen]
            yield users, self._items[chosen], items, self._known(users, items, total)

    def _known(self, users: Tensor, drawn: Tensor, total: int) -> Tensor:
        """A mask, shape (len(users), len(drawn)): which of them know which of the items?

        Goes through the `total` interactions of the drawn items. A user who is in the batch several
        times has one row, which all her places read.
        """
        self._row_of[users] = torch.arange(len(users), device=self.device)
        rows = self._row_of[users]  # whichever of her places was written last
        counts = self._counts[drawn]
        places = torch.repeat_interleave(counts, output_size=total)  # 0, 0, 1, ... by interaction
        shift = self._first[drawn] - counts.cumsum(0) + counts
        entry = torch.arange(total, device=self.device) + shift[places]
        mask = torch.zeros(len(users) + 1, len(drawn), dtype=torch.bool, device=self.device)
        row = self._row_of[self._owners[entry]]
        mask.view(-1).index_fill_(0, row % len(mask) * len(drawn) + places, True)
        self._row_of.index_fill_(0, users, -1)
        return mask.index_select(0, rows)
