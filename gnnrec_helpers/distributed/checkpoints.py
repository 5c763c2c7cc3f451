"""Checkpoints of several processes: each writes its part, and any number of them reads it.

A checkpoint is a folder of safetensors files, written and read by `torch.distributed.checkpoint`,
and a ``story.json`` with everything that is no tensor. It is written aside and put in place when it
is whole, so a process that is killed leaves the one before it. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from ..models.files import check_folder
from ..training.made_with import check_made_with

try:
    from torch.distributed.checkpoint.hf_storage import (
        HuggingFaceStorageReader,
        HuggingFaceStorageWriter,
    )
except ImportError as error:
    raise ImportError(
        "gnnrec_helpers.distributed needs PyTorch 2.9 or newer, whose distributed checkpoints are "
        "safetensors files."
    ) from error

STORY = "story.json"
KEPT = 2  # checkpoints in a folder: the last, and the one before it
NAME = re.compile(r"step-\d{9}")


class Checkpoints:
    """The checkpoints of one training, in a folder.

    Parameters
    ----------
    folder : Path
    made_with : dict
        What makes two trainings the same: model, data and settings, as JSON can hold them. Under
        "start" a digest of the table that training begins with, None for the one that the model's
        seed draws.
    """

    def __init__(self, folder: Path, made_with: Mapping[str, Any]) -> None:
        check_folder(folder)
        self.folder = folder
        self.made_with = json.loads(json.dumps(made_with))  # tuples are lists there

    def save(self, step: int, tensors: Mapping[str, Tensor], story: Mapping[str, Any]) -> None:
        """Write a checkpoint after so many steps; all processes together.

        A checkpoint of the same step is replaced, and the oldest are removed.
        """
        aside, place = (self.folder / f"{prefix}step-{step:09}" for prefix in (".part-", ""))
        if dist.get_rank() == 0:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        dist.barrier()
        write_tensors(aside, tensors)
        digests = _checksums_together(aside)
        if dist.get_rank() == 0:
            content = {**story, "made_with": self.made_with, "files": digests}
            _write_through(aside / STORY, _with_checksum(content))
            if place.exists():
                shutil.rmtree(place)
            os.replace(aside, place)
            for older in _steps(self.folder)[:-KEPT]:
                shutil.rmtree(older)
        dist.barrier()

    def check(self, epochs: int, table: Tensor | None = None) -> None:
        """Refuse a folder whose newest checkpoint is of another training, or of more epochs.

        Parameters
        ----------
        epochs : int
            That are asked for.
        table : Tensor, optional
            What the model has now: what the checkpoint's training began with, or its last or best.
            ``made_with`` tells the start of that training from now on.

        Raises
        ------
        ValueError
        """
        for path in reversed(_steps(self.folder)):
            story = _story(path)
            if story is not None:
                now, start = self.made_with.get("start"), story["made_with"].get("start")
                if table is not None:
                    self.made_with["start"] = start
                self._check_same(path, story)
                if table is not None and now != start and not _holds(path, story["files"], table):
                    raise ValueError(
                        f"The checkpoint {os.fspath(path)!r} is of a training that began with "
                        "another table than the model has now: build it as it was then, or use "
                        "another folder."
                    )
                begun = len(story["progress"]["history"]["epochs"])
                begun += story["progress"]["batch"] > 0
                if begun > epochs:
                    raise ValueError(
                        f"The checkpoint {os.fspath(path)!r} has {begun} epochs, and "
                        f"epochs={epochs} are asked for: ask for no fewer, or use another folder."
                    )
                return

    def load(self, tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
        """Fill the tensors from the newest whole checkpoint; its story, or None without any.

        All processes together, of which there may be more or fewer than there were. One that is
        torn is passed over, and a warning says so.

        Raises
        ------
        ValueError
            If it is one of another training, or if none is whole.
        """
        paths = _agreed([str(path) for path in reversed(_steps(self.folder))])
        for name in paths:
            path = Path(name)
            story = _story(path)
            if story is None or not _is_whole(path, story["files"]):
                if dist.get_rank() == 0:
                    warnings.warn(
                        f"The checkpoint {name!r} is torn: it is passed over.", stacklevel=2
                    )
                continue
            self._check_same(path, story)
            read_tensors(path, tensors)
            return story
        if paths:
            raise ValueError(
                f"No checkpoint in {os.fspath(self.folder)!r} is whole: use another folder."
            )
        return None

    def _check_same(self, path: Path, story: Mapping[str, Any]) -> None:
        record = f"The checkpoint {os.fspath(path)!r}"
        check_made_with(record, story["made_with"], self.made_with, "another folder")


# ---------------------------------------------------------------------- tensors
def write_tensors(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tables that are spread over processes, each process its part."""
    save(
        dict(tensors),
        storage_writer=HuggingFaceStorageWriter(os.fspath(folder), save_distributed=True),
    )


def read_tensors(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Fill tensors from what :func:`write_tensors` wrote; all processes together, each its part."""
    load(dict(tensors), storage_reader=HuggingFaceStorageReader(os.fspath(folder)))


def read_whole(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Fill tensors of one process with whole tables."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled, unavailable or")
        reader = HuggingFaceStorageReader(os.fspath(folder))
        load(dict(tensors), storage_reader=reader, no_dist=True)


def _holds(folder: Path, files: Mapping[str, list[int]], table: Tensor) -> bool:
    """Is this the last or the best table of a checkpoint that is not torn?"""
    if not _are_whole(folder, files, files):
        return False
    stored = {name: torch.empty_like(table, device="cpu") for name in ("nodes", "best")}
    read_whole(folder, stored)
    return any(torch.equal(one, table.cpu()) for one in stored.values())


# ---------------------------------------------------------------------- files
def _steps(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))


def _with_checksum(story: Mapping[str, Any]) -> str:
    """A story as it is written: a changed letter may leave it JSON, and tell something else."""
    return json.dumps({"story": story, "checksum": zlib.crc32(json.dumps(story).encode())})


def _story(path: Path) -> dict[str, Any] | None:
    """What is told beside the tensors; None if it is torn."""
    try:
        text = (path / STORY).read_text("utf-8")
        story: dict[str, Any] = json.loads(text)["story"]
        return story if _with_checksum(story) == text else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _checksum(path: Path) -> list[int]:
    """Size and CRC-32."""
    value = 0
    with path.open("rb") as file:
        while piece := file.read(2**24):
            value = zlib.crc32(piece, value)
    return [path.stat().st_size, value]


def _checksums_together(folder: Path) -> dict[str, list[int]]:
    """The checksums of all files, each computed by one of the processes."""
    names = sorted(path.name for path in folder.iterdir())
    own = names[dist.get_rank() :: dist.get_world_size()]
    everybodys: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everybodys, {name: _checksum(folder / name) for name in own})
    return {name: sums for part in everybodys for name, sums in part.items()}


def _is_whole(folder: Path, files: Mapping[str, list[int]]) -> bool:
    """Are all the files there as they were written? All processes look, and agree."""
    whole = _are_whole(folder, sorted(files)[dist.get_rank() :: dist.get_world_size()], files)
    answers: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(answers, whole)
    return all(answers)


def _are_whole(folder: Path, names: Iterable[str], files: Mapping[str, list[int]]) -> bool:
    paths = [(folder / name, files[name]) for name in names]
    return all(path.is_file() and _checksum(path) == sums for path, sums in paths)


def _agreed(paths: list[str]) -> list[str]:
    """What the first process sees."""
    seen = [paths]
    dist.broadcast_object_list(seen)
    return seen[0]


def _write_through(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
