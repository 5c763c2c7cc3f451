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

from gnnrec_helpers import Interactions, datasets, models, recommend
from gnnrec_helpers.models import Frozen
from gnnrec_helpers.serving import export, export_embeddings


def shop(users: list[Any], items: list[Any]) -> Interactions:
    return Interactions(np.arange(2), np.arange(2), pd.Index(users), pd.Index(items))


@pytest.mark.parametrize("make", [lambda model: model, lambda model: model.frozen()])
def test_scores_can_be_made_of_what_was_written(make: Any, tmp_path: Path) -> None:
    model = models.LightGCN(shop(["ana", "bo"], [7, 2**60]), dim=6, seed=1)
    export_embeddings(make(model), tmp_path / "new" / "folder")
    tables = {p.stem: pl.read_parquet(p) for p in (tmp_path / "new" / "folder").iterdir()}
    assert {*tables} == {"users", "items"}
    assert tables["users"].schema == {"id": pl.String, "embedding": pl.Array(pl.Float32, 6)}
    assert tables["users"]["id"].to_list() == ["ana", "bo"]
    assert tables["items"]["id"].to_list() == [7, 2**60]
    rows = {name: table["embedding"].to_numpy() for name, table in tables.items()}
    scores = model.score(torch.arange(2)).numpy()
    np.testing.assert_allclose(rows["users"] @ rows["items"].T, scores, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [lambda model: model, lambda model: model.frozen()])
def test_what_the_model_knows_nothing_of_is_left_out(make: Any, tmp_path: Path) -> None:
    """A nearest item by the vectors is then one that is recommended."""
    likes = datasets.load("movielens-small").interactions.binarize(4.0)
    train = likes.select(likes.user_index % 9 > 0)
    model = models.LightGCN(train, dim=8, seed=0)
    with torch.no_grad():  # chance may be larger than what was learnt
        model.nodes.weight[train.num_users :][train.item_degrees() == 0] *= 50
    export_embeddings(make(model), tmp_path)
    users, items = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("users", "items"))
    assert users["id"].to_list() == train.users[train.user_degrees() > 0].tolist()
    assert items["id"].to_list() == train.items[train.item_degrees() > 0].tolist()
    scores = users["embedding"].to_numpy() @ items["embedding"].to_numpy().T
    for row, user in enumerate(users["id"].to_list()[:20]):
        order = items["id"].to_numpy()[np.argsort(-scores[row], kind="stable")]
        found = [item for item in order if item not in set(train.items_of(user))][:5]
        assert found == recommend(model, [user], k=5)["item"].tolist()


def test_labels_keep_their_type_where_nothing_is_known(tmp_path: Path) -> None:
    empty = datasets.load("toy").interactions.select([])
    export_embeddings(models.LightGCN(empty, dim=4), tmp_path)
    found = pl.read_parquet(tmp_path / "users.parquet")
    assert found.schema == {"id": pl.String, "embedding": pl.Array(pl.Float32, 4)}
    assert len(found) == 0


def test_whoever_may_read_it_still_may(tmp_path: Path) -> None:
    likes = datasets.load("toy").interactions
    for _ in range(2):
        export_embeddings(models.LightGCN(likes, dim=4), tmp_path)
        (tmp_path / "users.parquet").chmod(0o640)
    export_embeddings(models.LightGCN(likes, dim=4), tmp_path)
    assert (tmp_path / "users.parquet").stat().st_mode & 0o777 == 0o640


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
