"""Tables of which a process keeps a part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gnnrec_helpers.models.parts import seeded_layers
from gnnrec_helpers.models.parts.seeded_layers import linear, part_only, table


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_weights_are_float32_whatever_others_are(dtype: torch.dtype) -> None:
    expected = linear(3, 2, np.random.default_rng(0)).weight
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        found = linear(3, 2, np.random.default_rng(0)).weight
    finally:
        torch.set_default_dtype(before)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("block", [1, 3, 100])
@pytest.mark.parametrize(
    ("rows", "columns"), [((0, 10), (2, 4)), ((3, 7), (0, 6)), ((9, 10), (0, 6)), ((4, 4), (1, 2))]
)
def test_a_part_has_the_numbers_of_the_whole(
    block: int, rows: tuple[int, int], columns: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeded_layers, "BLOCK", block)
    kept = slice(*rows), slice(*columns)
    generators = [np.random.default_rng(0) for _ in range(2)]
    whole = table(10, 6, generators[0])
    with part_only(lambda *shape: kept if shape == (10, 6) else pytest.fail(str(shape))):
        part = table(10, 6, generators[1])
    assert torch.equal(part.weight, whole.weight[kept])
    assert generators[0].random() == generators[1].random()  # what is drawn next is the same
