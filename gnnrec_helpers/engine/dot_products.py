"""Scores that are dot products, a block of users at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LINE = 64  # bytes in a line of the processor's cache


class DotProducts:
    """Scores of all items for some users: rows of one table times all rows of another.

    Rows of scores start where cache lines do; otherwise the product takes up to twice as long on
    some processors. The scores are therefore a view of a table that is a little wider.

    Parameters
    ----------
    users, items : Tensor, shapes (n, dim) and (m, dim)

    Examples
    --------
    >>> DotProducts(torch.eye(2), torch.tensor([[1.0, 2.0]]))(torch.tensor([1]))
    tensor([[2.]])
    """

    def __init__(self, users: Tensor, items: Tensor) -> None:
        self.users, self.num_items = users, len(items)
        line = LINE // items.element_size()
        self._width = max(1, -(-len(items) // line)) * line
        self._columns = items.new_zeros(items.shape[1], self._width)  # (dim, m and a few more)
        self._columns[:, : len(items)] = items.T

    def __call__(self, users: Tensor) -> Tensor:
        """Scores of shape (len(users), m)."""
        return self._scores(users, None)

    def blocks(self, users: NDArray[np.int64], size: int) -> Iterator[Tensor]:
        """The scores of all `users`, about `size` numbers at a time.

        All blocks are written to the same memory: a block is valid until the next one is asked for.
        """
        most = max(1, size // self._width)  # users in a block
        memory = self._columns.new_empty(min(most, len(users)), self._width)
        for start in range(0, len(users), most):
            yield self._scores(torch.from_numpy(users[start : start + most]), memory)

    @classmethod
    def cosines(cls, rows: Tensor) -> DotProducts:
        """The cosines of each of these rows with all of them."""
        unit = nn.functional.normalize(rows, dim=1)
        return cls(unit, unit)

    def _scores(self, users: Tensor, memory: Tensor | None) -> Tensor:
        rows = self.users.index_select(0, users.to(self.users.device))
        out = None if memory is None else memory[: len(users)]
        return torch.mm(rows, self._columns, out=out)[:, : self.num_items]
