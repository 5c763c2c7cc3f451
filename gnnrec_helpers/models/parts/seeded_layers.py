"""Linear layers and tables whose first weights come from a NumPy generator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from torch import nn


def linear(
    inputs: int, outputs: int, generator: np.random.Generator, bias: bool = True
) -> nn.Linear:
    """A linear layer as PyTorch starts it: uniform between plus and minus 1 / sqrt(inputs)."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    bound = 1 / math.sqrt(inputs)
    with torch.no_grad():
        for values in layer.parameters():
            drawn = generator.uniform(-bound, bound, tuple(values.shape))
            values.copy_(torch.from_numpy(drawn))
    return layer


def table(rows: int, dim: int, generator: np.random.Generator, spread: float = 0.1) -> nn.Embedding:
    """Embeddings from a normal distribution with standard deviation `spread`.

    Inside of :func:`columns_only` the same numbers are drawn, and some columns of them kept.
    """
    kept = _KEPT.get()
    if kept is None:
        drawn = generator.standard_normal((rows, dim), np.float32)
    else:
        drawn = np.empty((rows, len(range(dim)[kept])), np.float32)
        for start in range(0, rows, BLOCK):
            place = drawn[start : start + BLOCK]
            place[:] = generator.standard_normal((len(place), dim), np.float32)[:, kept]
    return nn.Embedding.from_pretrained(spread * torch.from_numpy(drawn), freeze=False)


BLOCK = 2**16  # rows drawn at a time
_KEPT: ContextVar[slice | None] = ContextVar("the columns that tables keep", default=None)


@contextmanager
def columns_only(columns: slice) -> Iterator[None]:
    """Models built meanwhile have these columns of their tables, and never the whole.

    For training on several processes, each of which has room for a part.

    Examples
    --------
    >>> with columns_only(slice(2, 4)):
    ...     part = table(3, 6, np.random.default_rng(0))
    >>> whole = table(3, 6, np.random.default_rng(0))
    >>> torch.equal(part.weight, whole.weight[:, 2:4])
    True
    """
    before = _KEPT.set(columns)
    try:
        yield
    finally:
        _KEPT.reset(before)
