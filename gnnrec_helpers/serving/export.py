"""The embeddings behind the scores, for other programs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import EmbeddingModel, Frozen, Model

KEY = b"gnnrec"  # among a file's metadata: it was written here, and may be written again


def export_embeddings(model: Model | Frozen, folder: str | os.PathLike[str]) -> None:
    """Write ``users.parquet`` and ``items.parquet``: labels and embeddings, for a vector database.

    A score is the inner product of a user's and an item's embedding, so that is the metric to
    choose there. Users and items of which the model knows nothing (its ``informed_users`` and
    ``informed_items``) are left out, since their embeddings are the chance they started from. Each
    file is written aside and then put in place.

    Parameters
    ----------
    model : Model or Frozen
        With embeddings.
    folder : path
        Is made if need be. Each file has the columns ``id`` (the label: text or whole numbers) and
        ``embedding`` (a list of fixed size, float32), a row for each of these labels, in their
        order.

    Raises
    ------
    TypeError
        If the model scores without embeddings, or labels mix text and numbers.
    ValueError
        If another program's file is there already.

    Examples
    --------
    >>> import tempfile
    >>> from gnnrec_helpers import datasets, models
    >>> folder = tempfile.mkdtemp()
    >>> likes = datasets.load("toy").interactions
    >>> export_embeddings(models.LightGCN(likes, dim=8), folder)
    >>> pq.read_table(Path(folder) / "items.parquet").schema.field("embedding").type
    FixedSizeListType(fixed_size_list<element: float>[8])
    """
    users, items = embeddings_of(model)
    tables = {
        "users.parquet": _table(model.users, users, model.informed_users, "user"),
        "items.parquet": _table(model.items, items, model.informed_items, "item"),
    }
    folder = Path(folder)
    for name in tables:
        if (folder / name).exists() and not _is_ours(folder / name):
            raise ValueError(
                f"{os.fspath(folder / name)!r} is there already and was not written by this "
                "package, so it is left alone: choose another folder."
            )
    folder.mkdir(parents=True, exist_ok=True)
    aside = {folder / name: folder / f"{name}.{os.getpid()}.part" for name in tables}
    try:
        for part, table in zip(aside.values(), tables.values(), strict=True):
            pq.write_table(table, part)
        for path, part in aside.items():
            if path.exists():
                shutil.copymode(path, part)
            os.replace(part, path)
    finally:
        for part in aside.values():
            part.unlink(missing_ok=True)


def embeddings_of(model: Model | Frozen) -> tuple[Tensor, Tensor]:
    """Float32 embeddings of all users and items, (n, dim) and (m, dim), on the CPU.

    Raises
    ------
    TypeError
        If the model's scores are no inner products of embeddings.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> users, items = embeddings_of(models.IALS(datasets.load("toy").interactions, dim=8))
    >>> users.shape, items.shape
    (torch.Size([5, 8]), torch.Size([5, 8]))
    """
    frozen = model.frozen() if isinstance(model, EmbeddingModel) else model
    if isinstance(frozen, Frozen) and [len(product) for product in frozen.products] == [2]:
        users, items = frozen.products[0]
        if isinstance(users, Tensor) and isinstance(items, Tensor):
            return _plain(users), _plain(items.T)
    raise TypeError(
        f"This {type(model).__name__} scores without embeddings of users and items: one like "
        "LightGCN, MatrixFactorization or IALS is needed."
    )


def _plain(rows: Tensor) -> Tensor:
    return rows.detach().cpu().float().contiguous()


def _table(labels: pd.Index, rows: Tensor, informed: NDArray[np.bool_], role: str) -> pa.Table:
    rows = rows[torch.from_numpy(informed)]
    try:
        ids = pa.array(labels).filter(pa.array(informed))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise TypeError(
            f"The {role}s' labels are of several types, and a column is of one: text or numbers."
        ) from None
    numbers = pa.array(rows.numpy().reshape(-1))
    embedding = pa.FixedSizeListArray.from_arrays(numbers, rows.shape[1])
    table = pa.table({"id": ids, "embedding": embedding})
    return table.replace_schema_metadata({KEY: role})


def _is_ours(path: Path) -> bool:
    try:
        return KEY in (pq.read_schema(path).metadata or {})
    except (pa.ArrowInvalid, OSError):
        return False
