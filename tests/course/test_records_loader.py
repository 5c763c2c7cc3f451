"""Records of benchmarks: what is written is read again, and two files that differ are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gnnrec_helpers.course import records


def table(users: list[int], **metrics: list[float]) -> pd.DataFrame:
    index = pd.Index(users, dtype=np.int32, name="user")
    return pd.DataFrame({name.replace("_", "@"): v for name, v in metrics.items()}, index=index)


def example() -> dict[str, Any]:
    """Two runs with tables of users, of which one has two, and one without between them."""
    runs = [
        {
            "job": {"model": "MF", "seed": 1},
            "result": {"epochs": [{"loss": 0.1 + 0.2, "Δ": None}], "many": list(range(300))},
            "provenance": {"commit": "abc", "code": "1", "data": {}, "processor": "one"},
            "users": {
                "test": table([0, 2, 5], recall_20=[0.1, 1 / 3, 0.0], ndcg_20=[0.3, 1e-17, 1.0]),
                "few": table([5], recall_20=[0.5]),
            },
        },
        {"job": {"model": "MF", "seed": 0, "trial": True}, "result": {}, "provenance": {}},
        {
            "job": {"model": "EASE", "seed": 0},
            "result": {},
            "provenance": {},
            "users": {"test": table([7, 1], recall_20=[0.25, 0.75], ndcg_20=[0.0, 0.5])},
        },
    ]
    return {"machine": {"cores": 2}, "runs": runs}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "example.json"


def test_a_record_is_read_as_it_was_written(path: Path) -> None:
    records.write(example(), path)
    stored = records.read(path)
    assert stored["machine"] == {"cores": 2}
    assert len(stored["runs"]) == 3
    for run, expected in zip(stored["runs"], example()["runs"], strict=True):
        users, expected_users = run.pop("users", {}), expected.pop("users", {})
        assert run == expected
        assert users.keys() == expected_users.keys()
        for name, values in users.items():
            pd.testing.assert_frame_equal(values, expected_users[name], check_exact=True)


def test_the_same_record_gives_the_same_files(path: Path) -> None:
    records.write(example(), path)
    files = {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()}
    assert {file.name for file in files} == {"example.json", "example.npz"}
    records.write(records.read(path), path)
    assert {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()} == files


def test_diffs_can_be_read(path: Path) -> None:
    records.write(example(), path)
    lines = path.read_text(encoding="utf-8").splitlines()
    (numbers,) = (line for line in lines if '"many"' in line)
    assert json.loads("{" + numbers.strip().rstrip(",") + "}") == {"many": list(range(300))}
    assert '    "epochs": [{"loss": 0.30000000000000004, "Δ": null}],' in lines
    assert len(lines) < 30


def test_users_are_plain_arrays_that_numpy_reads(path: Path) -> None:
    records.write(example(), path)
    with np.load(path.parent / "users" / "example.npz", allow_pickle=False) as arrays:
        assert arrays["test/run"].tolist() == [0, 0, 0, 2, 2]
        assert arrays["test/user"].tolist() == [0, 2, 5, 7, 1]
        assert arrays["test/recall@20"].tolist() == [0.1, 1 / 3, 0.0, 0.25, 0.75]
        assert arrays["few/run"].tolist() == [0]


def test_a_record_without_users_is_one_file(path: Path) -> None:
    record = {"rows": {"MF": {"recall": 0.5}}}
    records.write(record, path)
    assert records.read(path) == record
    assert [file.name for file in path.parent.iterdir()] == ["example.json"]


def test_files_that_do_not_belong_together_are_refused(path: Path) -> None:
    records.write(example(), path)
    beside = path.parent / "users" / "example.npz"
    earlier = beside.read_bytes()
    changed = example()
    changed["runs"][2]["users"]["test"].iloc[0, 0] = 0.5
    records.write(changed, path)
    beside.write_bytes(earlier)
    with pytest.raises(ValueError, match=r"example\.npz' is not the file that .*example\.json'"):
        records.read(path)
    beside.unlink()
    with pytest.raises(ValueError, match=r"example\.npz' is not the file"):
        records.read(path)


def test_bad_files_are_refused(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no record .*example\.json"):
        records.read(path)
    path.parent.mkdir()
    for text in ("{", "[1]"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="is not a record: a JSON object is needed"):
            records.read(path)


def test_tables_with_other_metrics_are_refused_before_anything_is_written(path: Path) -> None:
    record = example()
    record["runs"][2]["users"]["test"] = table([1], recall_20=[0.5])
    with pytest.raises(ValueError, match="need the same metrics"):
        records.write(record, path)
    assert not path.exists()


def test_runs_are_selected_by_their_jobs() -> None:
    record = example()
    runs = record["runs"]
    assert records.select(record, model="MF") == [runs[1], runs[0]]  # by seed
    assert records.select(record, model="MF", seed=1) == [runs[0]]
    assert records.select(record, trial=True) == [runs[1]]
    assert records.select(record, trial=None) == []  # runs without the value are not meant
    assert records.select({"runs": []}, model="MF") == []
    with pytest.raises(
        ValueError, match="No job has a value 'modle'; there are model, seed, trial"
    ):
        records.select(record, modle="MF")
    with_users = [run for run in records.select(record) if "users" in run]
    tables = records.tables_of_users(with_users)
    assert list(tables) == ["EASE", "MF"]
    assert tables["MF"][0] is runs[0]["users"]["test"]
    (few,) = records.tables_of_users([runs[0]], "few")["MF"]
    assert few["recall@20"].tolist() == [0.5]
