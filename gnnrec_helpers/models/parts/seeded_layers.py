"""Linear layers and tables whose first weights come from a NumPy generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from torch import nn


def linear(
    inputs: int, outputs: int, generator: np.random.Generator, bias: bool = True
) -> nn.Linear:
    """A linear layer as PyTorch starts it: uniform between plus and minus 1 / sqrt(inputs)."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, dtype=torch.float32)
    bound = 1 / math.sqrt(inputs)
    with torch.no_grad():
        for values in layer.parameters():
            drawn = generator.uniform(-bound, bound, tuple(values.shape))
            values.copy_(torch.from_numpy(drawn))
    return layer


def table(rows: int, dim: int, generator: np.random.Generator, spread: float = 0.1) -> nn.Embedding:
    """Embeddings from a normal distribution with standard deviation `spread`.

    Inside of :func:`part_only` the same numbers are drawn, and a part of them kept.
    """
    part = _PART.get()
    if part is None:
        drawn = generator.standard_normal((rows, dim), np.float32)
    else:
        kept_rows, kept_columns = part(rows, dim)
        blocks = []
        for start in range(0, rows, BLOCK):
            block = generator.standard_normal((min(BLOCK, rows - start), dim), np.float32)
            first, last = (max(at - start, 0) for at in (kept_rows.start, kept_rows.stop))
            blocks.append(block[first:last, kept_columns].copy())
        drawn = np.concatenate(blocks)
    return nn.Embedding.from_pretrained(spread * torch.from_numpy(drawn), freeze=False)


BLOCK = 2**16  # rows drawn at a time
Part = Callable[[int, int], tuple[slice, slice]]  # of rows and columns, which are to be kept
_PART: ContextVar[Part | None] = ContextVar("the part that tables keep", default=None)


@contextmanager
def part_only(part: Part) -> Iterator[None]:
    """Models built meanwhile have a part of their tables, and never the whole.

    For training on several processes, each of which has room for a part.

    Parameters
    ----------
    part : function
        From the numbers of rows and columns to the slices of them that are kept.

    Examples
    --------
    >>> with part_only(lambda rows, dim: (slice(0, rows), slice(2, 4))):
    ...     part = table(3, 6, np.random.default_rng(0))
    >>> whole = table(3, 6, np.random.default_rng(0))
    >>> torch.equal(part.weight, whole.weight[:, 2:4])
    True
    """
    before = _PART.set(part)
    try:
        yield
    finally:
        _PART.reset(before)
