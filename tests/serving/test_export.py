"""Embeddings as Parquet, read back by another library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
import torch

from gnnrec_helpers import Interactions, datasets, models
from gnnrec_helpers.models import Frozen
from gnnrec_helpers.serving import export, export_embeddings


def shop(users: list[Any], items: list[Any]) -> Interactions:
    return Interactions(np.arange(2), np.arange(2), pd.Index(users), pd.Index(items))


@pytest.mark.parametrize("make", [lambda model: model, lambda model: model.frozen()])
def test_scores_can_be_made_of_what_was_written(make: Any, tmp_path: Path) -> None:
    model = models.LightGCN(shop(["ana", "bo"], [7, 5, 2**60]), dim=6, seed=1)
    export_embeddings(make(model), tmp_path / "new" / "folder")
    tables = {p.stem: pl.read_parquet(p) for p in (tmp_path / "new" / "folder").iterdir()}
    assert {*tables} == {"users", "items"}
    assert tables["users"].schema == {"id": pl.String, "embedding": pl.Array(pl.Float32, 6)}
    assert tables["users"]["id"].to_list() == ["ana", "bo"]
    assert tables["items"]["id"].to_list() == [7, 5, 2**60]
    rows = {name: table["embedding"].to_numpy() for name, table in tables.items()}
    scores = model.score(torch.arange(2)).numpy()
    np.testing.assert_allclose(rows["users"] @ rows["items"].T, scores, rtol=1e-5, atol=1e-7)


def test_it_can_be_written_again_but_not_over_others(tmp_path: Path) -> None:
    likes = datasets.load("toy").interactions
    for dim in (4, 8):
        export_embeddings(models.MatrixFactorization(likes, dim=dim), tmp_path)
    assert pq.read_schema(tmp_path / "users.parquet").field("embedding").type.list_size == 8
    pd.DataFrame({"user": [1]}).to_parquet(tmp_path / "users.parquet")
    before = (tmp_path / "items.parquet").read_bytes()
    with pytest.raises(ValueError, match=r"users.parquet' is there already"):
        export_embeddings(models.MatrixFactorization(likes, dim=2), tmp_path)
    assert pd.read_parquet(tmp_path / "users.parquet").columns.tolist() == ["user"]
    assert (tmp_path / "items.parquet").read_bytes() == before


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    likes = datasets.load("toy").interactions
    export_embeddings(models.MatrixFactorization(likes, dim=4), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    write = pq.write_table

    def full(table: Any, path: Path) -> None:
        if path.name.startswith("items"):
            path.write_bytes(b"PAR1 half")
            raise OSError("No space left on device")
        write(table, path)

    monkeypatch.setattr(export.pq, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        export_embeddings(models.MatrixFactorization(likes, dim=8), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    likes = datasets.load("toy").interactions
    with pytest.raises(TypeError, match="EASE scores without embeddings"):
        export_embeddings(models.EASE(likes), tmp_path)
    mixed = shop(["ana", 1], [1, 2])
    with pytest.raises(TypeError, match="users' labels are of several types"):
        export_embeddings(Frozen(mixed, [(torch.ones(2, 3), torch.ones(3, 2))]), tmp_path)
    assert [*tmp_path.iterdir()] == []
