"""Stored runs of the benchmarks: what was run, what came out, and where it comes from.

A record is a JSON file of summaries. The numbers of single users lie beside it, in a compressed
NumPy file: ``results/rivals.json`` and ``results/users/rivals.npz``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Run = dict[str, Any]
WIDTH = 180  # of a line, in characters; an array of numbers may be longer


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A record, with the tables of users in the runs that have some.

    Parameters
    ----------
    path : path
        Of the JSON file.

    Returns
    -------
    dict
        As it was stored. Where the record has ``runs``, each of them is a dict of

        - ``job``: what was asked for, such as the model, its settings and the seed;
        - ``result``: the numbers that came out;
        - ``provenance``: the commit, a digest of the code, digests of the data, the processor. Code
          and data are None in a run that was made before they were noted;
        - ``users``, in some runs: name → table, one row a user and one column a metric, as
          :func:`~gnnrec_helpers.evaluation.evaluate_users` has it. The index is the user's position
          in the list of users.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a record, or the file of users beside it is absent or another one.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no record {os.fspath(path)!r}.")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ValueError(f"{os.fspath(path)!r} is not a record: a JSON object is needed.")
    digest = record.pop("digest of users", None)
    if digest is not None:
        beside = _path_of_users(path)
        stored = beside.read_bytes() if beside.is_file() else b""
        if _digest(stored) != digest:
            raise ValueError(
                f"{os.fspath(beside)!r} is not the file that {os.fspath(path)!r} was stored with: "
                "restore both, or run the benchmark again."
            )
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            for number, name, table in _tables(dict(arrays)):
                record["runs"][number].setdefault("users", {})[name] = table
    return record


def write(record: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Store a record so that :func:`read` gives it back.

    Both files are written aside and then renamed, so that none of them is ever half-written.

    Parameters
    ----------
    record : dict
        What :func:`read` returns.
    path : path
        Of the JSON file.
    """
    path = Path(path)
    summary = dict(record)
    files: dict[Path, bytes] = {}
    arrays = _arrays(record.get("runs", []))
    if arrays:
        summary["runs"] = [
            {name: value for name, value in run.items() if name != "users"}
            for run in record["runs"]
        ]
        files[_path_of_users(path)] = content = _compressed(arrays)
        summary["digest of users"] = _digest(content)
    files[path] = (_text(summary) + "\n").encode()
    for place, content in files.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        _aside(place).write_bytes(content)
    for place in files:
        os.replace(_aside(place), place)


def select(record: dict[str, Any], **job: Any) -> list[Run]:
    """The runs whose job has these values, in the order of their seeds.

    Examples
    --------
    >>> record = {"runs": [{"job": {"model": "MF", "seed": seed}} for seed in (1, 0)]}
    >>> select(record, model="MF")
    [{'job': {'model': 'MF', 'seed': 0}}, {'job': {'model': 'MF', 'seed': 1}}]
    """
    for name in job:
        if record["runs"] and not any(name in run["job"] for run in record["runs"]):
            names = ", ".join(dict.fromkeys(name for run in record["runs"] for name in run["job"]))
            raise ValueError(f"No job has a value {name!r}; there are {names}.")
    absent = object()
    runs = [
        run
        for run in record["runs"]
        if all(run["job"].get(name, absent) == value for name, value in job.items())
    ]
    return sorted(runs, key=lambda run: run["job"]["seed"])


def tables_of_users(runs: Iterable[Run], name: str = "test") -> dict[str, list[pd.DataFrame]]:
    """Model → its tables of users, as :func:`~gnnrec_helpers.evaluation.compare_users` takes them.

    Parameters
    ----------
    runs : iterable of runs
        All with a table of that name; :func:`select` finds them.
    name : str
        Which table, where a run has several.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        tables.setdefault(run["job"]["model"], []).append(run["users"][name])
    return tables


# ---------------------------------------------------------------------- the file of users
# The tables of one name lie below each other, in arrays "name/run", "name/user", "name/recall@20".
# A run is named by its position in the record.
def _arrays(runs: list[Run]) -> dict[str, NDArray[Any]]:
    columns: dict[str, list[NDArray[Any]]] = {}
    for number, run in enumerate(runs):
        for name, table in run.get("users", {}).items():
            values = {
                "run": np.full(len(table), number, np.int32),
                "user": table.index.to_numpy(np.int32),
                **{str(metric): column.to_numpy(np.float64) for metric, column in table.items()},
            }
            for column, array in values.items():
                columns.setdefault(f"{name}/{column}", []).append(array)
    for name, arrays in columns.items():
        of_table = columns[f"{name.partition('/')[0]}/run"]
        if len(arrays) != len(of_table):
            raise ValueError(
                f"All tables of one name need the same metrics; {name!r} is not in all."
            )
    return {name: np.concatenate(arrays) for name, arrays in columns.items()}


def _compressed(arrays: dict[str, NDArray[Any]]) -> bytes:
    """As `numpy.savez_compressed` writes them, a third smaller by LZMA; `numpy.load` reads both."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def _tables(arrays: dict[str, NDArray[Any]]) -> Iterator[tuple[int, str, pd.DataFrame]]:
    for name in dict.fromkeys(key.partition("/")[0] for key in arrays):
        columns = {
            key.partition("/")[2]: values
            for key, values in arrays.items()
            if key.partition("/")[0] == name
        }
        run = columns.pop("run")
        together = pd.DataFrame(columns).set_index("user")
        for number, rows in pd.Series(np.arange(len(run))).groupby(run, sort=False):
            yield int(str(number)), name, together.iloc[rows.to_numpy()]


# ---------------------------------------------------------------------- files
def _path_of_users(path: Path) -> Path:
    return path.parent / "users" / f"{path.stem}.npz"


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _text(value: Any, indent: int = 0) -> str:
    """JSON with a line for whatever fits into one, and for every array of numbers or names."""
    flat = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value)
    )
    if not nested or len(flat) + indent <= WIDTH:
        return flat
    margin = " " * (indent + 1)
    if isinstance(value, dict):
        names = (json.dumps(str(name), ensure_ascii=False) for name in value)
        parts = [
            f"{margin}{name}: {_text(part, indent + 1)}"
            for name, part in zip(names, value.values(), strict=True)
        ]
        opening, closing = "{", "}"
    else:
        parts = [margin + _text(part, indent + 1) for part in value]
        opening, closing = "[", "]"
    return "\n".join([opening, ",\n".join(parts), " " * indent + closing])
