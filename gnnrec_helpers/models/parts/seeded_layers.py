"""Linear layers and tables whose first weights come from a NumPy generator."""

from __future__ import annotations

import math

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
    """Embeddings from a normal distribution with standard deviation `spread`."""
    drawn = generator.standard_normal((rows, dim), np.float32)
    return nn.Embedding.from_pretrained(spread * torch.from_numpy(drawn), freeze=False)
