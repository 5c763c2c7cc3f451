"""All items for some users, where every pair of a user and an item is scored by itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PAIRS = 2**15  # scored at once


def score_all_items(
    score_pairs: Callable[[Tensor, Tensor], Tensor], users: Tensor, num_items: int
) -> Tensor:
    """Scores of shape (len(users), num_items), from a function of aligned users and items."""
    items = torch.arange(num_items, device=users.device)
    rows = []
    for some in users.split(max(1, PAIRS // num_items)):
        pairs = some.repeat_interleave(num_items), items.repeat(len(some))
        rows.append(score_pairs(*pairs).view(len(some), num_items))
    return torch.cat(rows)
