"""Scores as products of matrices, beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from gnnrec_helpers.models.parts import products
from gnnrec_helpers.models.parts.products import scores_of


@pytest.mark.parametrize("users", [[4], [0], [3, 1, 4]])  # user 0 has nothing
@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])  # of the entries that are there
def test_scores_are_those_of_dense_matrices(
    users: list[int], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)

    def matrix(rows: int, columns: int, share: float) -> sparse.csr_array:
        there = generator.random((rows, columns)) < share
        return sparse.csr_array(there * generator.standard_normal((rows, columns)))

    likes = matrix(5, 40, 0.2).toarray()
    likes[0] = 0
    parts = [sparse.csr_array(likes), *(matrix(*shape, share) for shape in ((40, 30), (30, 50)))]
    dense = torch.from_numpy(generator.standard_normal((40, 6)))
    back = torch.from_numpy(generator.standard_normal((6, 50)))
    one, two, three = (part.toarray() for part in parts)
    expected = one @ two @ three + one @ dense.numpy() @ back.numpy()
    for few in (0.5, products.FEW, 1e9):  # always gathered, or as it is, or never
        monkeypatch.setattr(products, "FEW", few)
        found = scores_of([tuple(parts), (parts[0], dense, back)], torch.tensor(users))
        np.testing.assert_allclose(found, expected[users], atol=1e-12)
