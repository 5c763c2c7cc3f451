"""Checkpoints: written by so many processes, read by another number, torn ones passed over."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import checkpointing
import numpy as np
import pytest
import torch
import torch.distributed as dist
from processes import on

from gnnrec_helpers.distributed.checkpoints import Checkpoints, _with_checksum, read_whole

MADE_WITH = {"lr": 0.1, "dims": (1, 2)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of the steps 5, 9 and 12 by two processes; the oldest is gone."""
    folder = tmp_path_factory.mktemp("written")
    on(2, checkpointing.save, folder, folder / "checkpoints", 5, 9, 12)
    return folder / "checkpoints"


@pytest.fixture
def place(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "checkpoints"))


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A group of this one process."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # each group adds to it
    dist.init_process_group(
        "gloo", store=dist.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1
    )
    yield
    dist.destroy_process_group()


def newest(place: Path) -> dict[str, torch.Tensor]:
    tables = {name: torch.zeros(checkpointing.SHAPE) for name in checkpointing.TABLES}
    story = Checkpoints(place, MADE_WITH).load(tables)
    assert story is not None
    for table in tables.values():
        assert torch.equal(table, checkpointing.whole(story["told"]))
    return story["told"]


@pytest.mark.parametrize("processes", [1, 3])
def test_two_processes_write_and_another_number_reads(
    written: Path, tmp_path: Path, processes: int
) -> None:
    assert sorted(path.name for path in written.iterdir()) == ["step-000000009", "step-000000012"]
    on(processes, checkpointing.load, tmp_path, written, "answer")
    for rank in range(processes):
        assert np.load(tmp_path / f"answer-{rank}.npy").tolist() == [12, 1, 1]


def test_one_process_reads_a_whole_table_without_a_group(written: Path) -> None:
    table = torch.zeros(checkpointing.SHAPE)
    read_whole(written / "step-000000012", {"columns": table})
    assert torch.equal(table, checkpointing.whole(12))


def test_nothing_is_pickled(written: Path) -> None:
    kinds = {path.suffix for path in written.glob("*/*")}
    assert kinds == {".safetensors", ".json"}


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["told", "made_with", "files", "checksum"])
def test_a_story_that_is_still_json_but_another_is_passed_over(
    place: Path, alone: None, name: str
) -> None:
    path = place / "step-000000012" / "story.json"
    told = json.loads(path.read_text())
    inner = told if name == "checksum" else told["story"]
    inner[name] = {"told": 13, "made_with": {"lr": 0.2}, "files": {}, "checksum": 1}[name]
    path.write_text(json.dumps(told))
    with pytest.warns(UserWarning, match="step-000000012' is torn: it is passed over"):
        assert newest(place) == 9
    Checkpoints(place, MADE_WITH).check(2)  # which is of the one before it


@pytest.mark.parametrize("harm", [shorten, change_a_bit, Path.unlink])
@pytest.mark.parametrize("which", ["story.json", "shard-00001*.safetensors"])
def test_a_torn_checkpoint_is_passed_over(
    place: Path, alone: None, harm: object, which: str
) -> None:
    assert newest(place) == 12
    (path,) = (place / "step-000000012").glob(which)
    harm(path)  # type: ignore[operator]
    with pytest.warns(UserWarning, match="step-000000012' is torn: it is passed over"):
        assert newest(place) == 9
    (path,) = (place / "step-000000009").glob(which)
    harm(path)  # type: ignore[operator]
    with (
        pytest.warns(UserWarning, match="is torn"),
        pytest.raises(ValueError, match=r"No checkpoint in '.*' is whole: use another folder"),
    ):
        newest(place)


def test_what_was_left_half_written_is_no_checkpoint(place: Path, alone: None) -> None:
    (place / "step-000000012").rename(place / ".part-step-000000015")
    assert newest(place) == 9
    table = {name: torch.ones(checkpointing.SHAPE) for name in checkpointing.TABLES}
    Checkpoints(place, MADE_WITH).save(15, table, {"told": 15})
    assert sorted(path.name for path in place.iterdir()) == ["step-000000009", "step-000000015"]
    told = Checkpoints(place, MADE_WITH).load(table)
    assert told is not None
    assert told["told"] == 15


def test_an_empty_folder_has_none(tmp_path: Path, alone: None) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        checkpoints = Checkpoints(folder, MADE_WITH)
        checkpoints.check(2)
        assert checkpoints.load({}) is None


def test_a_checkpoint_of_more_epochs_than_asked_for_is_refused(place: Path, alone: None) -> None:
    Checkpoints(place, MADE_WITH).check(2)
    with pytest.raises(ValueError, match=r"12' has 2 epochs, and epochs=1 are asked for: ask for"):
        Checkpoints(place, MADE_WITH).check(1)
    path = place / "step-000000012" / "story.json"
    story = json.loads(path.read_text())["story"]
    story["progress"]["batch"] = 1  # a third has begun
    path.write_text(_with_checksum(story))
    with pytest.raises(ValueError, match="has 3 epochs, and epochs=2 are asked for"):
        Checkpoints(place, MADE_WITH).check(2)


def test_a_checkpoint_of_another_training_is_refused(place: Path, alone: None) -> None:
    for other, match in (
        ({**MADE_WITH, "lr": 0.2}, r"12' was made with lr=0.1, not 0.2: use the same, or another"),
        ({**MADE_WITH, "k": 5}, r"was made with k=None, not 5"),
    ):
        checkpoints = Checkpoints(place, other)
        with pytest.raises(ValueError, match=match):
            checkpoints.check(2)
        with pytest.raises(ValueError, match=match):
            checkpoints.load({})
