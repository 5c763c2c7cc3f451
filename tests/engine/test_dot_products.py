"""Blocks of dot products, beside the plain product."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gnnrec_helpers.engine.dot_products import DotProducts


def tables(count: int, kind: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 3, generator=generator).to(kind) for n in (5, count))
    return users, items


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 4, 16, 17, 33])
def test_scores_are_dot_products(count: int, kind: torch.dtype) -> None:
    users, items = tables(count, kind)
    score = DotProducts(users, items)
    torch.testing.assert_close(score(torch.tensor([4, 0])), users[[4, 0]] @ items.T)
    assert score(torch.tensor([], dtype=torch.int64)).shape == (0, count)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 17, 33])
@pytest.mark.parametrize("size", [1, 10**6])
def test_blocks_follow_each_other_in_the_same_memory(
    count: int, kind: torch.dtype, size: int
) -> None:
    users, items = tables(count, kind)
    asked = np.array([4, 0, 0, 2, 1])
    places, copies = set(), []
    for block in DotProducts(users, items).blocks(asked, size):
        places.add(block.data_ptr())
        copies.append(block.clone())
        assert block.data_ptr() % 64 == 0  # rows start where a line of the cache does
        assert block.stride(0) * block.element_size() % 64 == 0
    assert len(places) == 1
    torch.testing.assert_close(torch.cat(copies), users[asked] @ items.T)
    assert len(copies) == (1 if size == 10**6 else 5)
