"""Models, data and checkpoints as files: one safetensors file each, with JSON inside.

Numbers are stored as tensors and everything else as JSON. Nothing is unpickled, so a file from a
stranger can be wrong but cannot run code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy import sparse
from torch import Tensor

from ..data import Interactions, KnowledgeGraph, SocialGraph
from ..data.arguments import plain
from ..engine import Adjacency

FORMAT = 1  # of the files; raised when an older version could not read a newer file
KEY = "gnnrec"  # of the JSON among the metadata
DATA = {kind.__name__: kind for kind in (Interactions, SocialGraph, KnowledgeGraph)}
Tensors = dict[str, Tensor]


# ---------------------------------------------------------------------- values
def encode(value: object, name: str, tensors: Tensors) -> Any:
    """What JSON holds of a value; its numbers go to `tensors`, under names that begin with `name`.

    Parameters
    ----------
    value : object
        Numbers, text, None, lists, dictionaries, tensors, arrays, sparse matrices, labels, and the
        data structures of this package.
    name : str
        What the value is called, in file and error message.
    tensors : dict
        Added to.

    Raises
    ------
    TypeError
        For anything else.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return {"list": [encode(v, f"{name}/{place}", tensors) for place, v in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"dict": {key: encode(v, f"{name}/{key}", tensors) for key, v in value.items()}}
    if isinstance(value, Tensor):
        return {"tensor": _put(value.detach(), name, tensors)}
    if isinstance(value, np.ndarray):
        return {"array": _put(torch.from_numpy(np.ascontiguousarray(value)), name, tensors)}
    if isinstance(value, sparse.csr_array):
        parts = [encode(getattr(value, part), f"{name}/{part}", tensors) for part in CSR]
        return {"csr": parts, "shape": list(value.shape)}
    if isinstance(value, pd.Index):
        return _encode_labels(value, name, tensors)
    if isinstance(value, Adjacency):
        matrix, order = value.to_scipy(), value.node_at_slot
        return {"adjacency": [encode(v, f"{name}/{n}", tensors)
                              for n, v in (("matrix", matrix), ("order", order))]}  # fmt: skip
    if type(value).__name__ in DATA:
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}  # type: ignore[arg-type]
        return {"data": type(value).__name__, "fields": encode(fields, name, tensors)}
    raise TypeError(
        f"{name} is a {type(value).__name__}, which cannot be saved: numbers, text, lists, "
        "tensors, and the graphs and tables of this package can."
    )


CSR = ("data", "indices", "indptr")


def _put(tensor: Tensor, name: str, tensors: Tensors) -> str:
    """The name under which the tensor is stored: that of the same memory, if it is there."""
    for known, other in tensors.items():
        if (
            other.data_ptr() == tensor.data_ptr()
            and other.shape == tensor.shape
            and other.dtype == tensor.dtype
            and other.stride() == tensor.stride()
            and tensor.numel()
        ):
            return known
    tensors[name] = tensor
    return name


def decode(node: Any, tensors: Tensors) -> Any:
    """The value that :func:`encode` made `node` of."""
    if not isinstance(node, dict):
        return node
    kind = next(iter(node))
    content = node[kind]
    if kind == "list":
        return tuple(decode(part, tensors) for part in content)
    if kind == "dict":
        return {key: decode(part, tensors) for key, part in content.items()}
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    if kind == "csr":
        return sparse.csr_array(tuple(decode(p, tensors) for p in content), shape=node["shape"])
    if kind == "labels":
        return _decode_labels(node, tensors)
    if kind == "adjacency":
        matrix, order = (decode(part, tensors) for part in content)
        return Adjacency(matrix, None if order is None else order.numpy())
    if kind == "data":
        return DATA[content](**decode(node["fields"], tensors))
    raise KeyError(kind)  # one that only a newer version knows


def _encode_labels(labels: pd.Index, name: str, tensors: Tensors) -> dict[str, Any]:
    if pd.api.types.is_integer_dtype(labels.dtype):
        tensors[name] = torch.from_numpy(labels.to_numpy(np.int64).copy())
    else:  # as one text, since there may be millions
        values = labels.tolist()
        if not all(isinstance(v, (str, int, float, bool)) for v in values):
            kinds = sorted({type(v).__name__ for v in values})
            raise TypeError(
                f"{name} holds labels of type {' and '.join(kinds)}, which cannot be saved: text "
                "and numbers can."
            )
        text = json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")
        tensors[name] = torch.from_numpy(np.frombuffer(text, np.uint8).copy())
    title = plain(labels.name)  # pandas takes any that can be hashed
    title = title if isinstance(title, (str, int, float)) else None
    return {"labels": name, "dtype": str(labels.dtype), "name": title}


def _decode_labels(node: dict[str, Any], tensors: Tensors) -> pd.Index:
    values: Any = tensors[node["labels"]].numpy()
    if values.dtype == np.uint8:
        values = json.loads(values.tobytes().decode("utf-8", "surrogatepass"))
    return pd.Index(values, dtype=node["dtype"], name=node["name"])


def fingerprint(value: object) -> Any:
    """Of a table or a graph a digest of its content; anything smaller as JSON can hold it.

    Examples
    --------
    >>> fingerprint(np.float64(0.1)), fingerprint(torch.arange(3))
    (0.1, 'Tensor 3fcb5a2c')
    """
    if isinstance(value, np.generic):
        return value.item()
    tensors: Tensors = {}
    node = encode(value, "value", tensors)
    if not tensors:  # a number, or a list of them
        return decode(node, tensors)
    if isinstance(value, tuple(DATA.values())):  # what was left out on the way is not content
        node["fields"]["dict"].pop("dropped", None)
    digest = hashlib.sha256(json.dumps(node, sort_keys=True).encode())
    for name in sorted(tensors):
        if tensors[name].numel():  # of nothing there are no bytes to look at
            digest.update(tensors[name].cpu().flatten().view(torch.uint8).numpy().tobytes())
    kind = f"{len(value):,} pairs" if isinstance(value, Interactions) else type(value).__name__
    return f"{kind} {digest.hexdigest()[:8]}"


# ---------------------------------------------------------------------- files
def write(path: str | os.PathLike[str], story: dict[str, Any], tensors: Tensors) -> None:
    """Write a file aside, then put it in place, so that there is never half a file.

    Whoever may read the file before may read the new one, too.

    Parameters
    ----------
    path : path
    story : dict
        What JSON can hold, under a key that says what kind of file it is.
    tensors : dict

    Raises
    ------
    NotADirectoryError, PermissionError, ValueError
        As :func:`check_place` does.
    """
    path = Path(path)
    check_place(path, story)
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.touch()
    except PermissionError as error:
        raise PermissionError(
            f"The folder {os.fspath(path.parent)!r} may not be written to: choose another one."
        ) from error
    try:
        # safetensors makes a file that its owner alone may read
        mode = (path if path.exists() else aside).stat().st_mode
        told = {"format": FORMAT, "version": version(), **story}
        save_file(_apart(tensors), aside, {KEY: json.dumps(told)})
        aside.chmod(stat.S_IMODE(mode))
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def version() -> str:
    """Of this package."""
    return str(getattr(sys.modules["gnnrec_helpers"], "__version__", "unknown"))


def _apart(tensors: Tensors) -> Tensors:
    """On the CPU, contiguous, each in memory of its own, as safetensors asks for."""
    alone: Tensors = {}
    memories = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage()
        if memory.nbytes() != tensor.nbytes or memory.data_ptr() in memories:
            tensor = tensor.clone()
        memories.add(tensor.untyped_storage().data_ptr())
        alone[name] = tensor
    return alone


def read(
    path: str | os.PathLike[str], what: str, accepted: Callable[[dict[str, Any]], bool]
) -> tuple[dict[str, Any], Tensors]:
    """The JSON and the tensors of a file.

    Parameters
    ----------
    path : path
    what : str
        What the file should be, for the error message: ``"a model written by save"``.
    accepted : function
        Says of the JSON whether it is that.

    Raises
    ------
    FileNotFoundError
        Without such a file.
    PermissionError
        If it may not be read.
    ValueError
        If the file is torn, is something else, or was written by a newer version of the format.
    """
    name = os.fspath(path)
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no file {name!r}.")
    _check_readable(path)
    try:
        with safe_open(path, framework="pt") as file:
            story = json.loads((file.metadata() or {})[KEY])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        written, usable = story["format"], accepted(story)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name!r} is not {what}, or it is torn: choose another path.") from error
    if written > FORMAT:
        version = story.get("version", "a newer version")
        raise ValueError(
            f"{name!r} was written by gnnrec_helpers {version}, in format {written}; this version "
            f"reads formats up to {FORMAT}."
        )
    if not usable:
        raise ValueError(f"{name!r} is not {what}: choose another path.")
    return story, tensors


@contextmanager
def understood(path: str | os.PathLike[str], story: Mapping[str, Any]) -> Iterator[None]:
    """For what is made of a file: whatever it lacks, or has too much, becomes one sentence."""
    try:
        yield
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        found = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(
            f"{os.fspath(path)!r} was written by gnnrec_helpers "
            f"{story.get('version', 'of another version')} and does not hold what this version, "
            f"{version()}, expects of such a file ({found})."
        ) from error


def check_place(path: Path, story: Mapping[str, Any]) -> None:
    """Refuse a path that :func:`write` cannot write to, before long work.

    Parameters
    ----------
    path : Path
    story : dict
        Of what is to be written; its keys say of which kind it is.

    Raises
    ------
    NotADirectoryError
        If it is under a file.
    ValueError
        If it is a folder, or a file that this package did not write, or one of another kind.
    PermissionError
        If the file that is there may not be read.
    """
    check_folder(path.parent)
    if path.exists():
        _check_replaceable(path, story)


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made, because a file has its name or that of one above it."""
    for place in (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                raise NotADirectoryError(f"{os.fspath(place)!r} is a file: a folder is needed.")
            return


def _check_replaceable(path: Path, story: Mapping[str, Any]) -> None:
    """Refuse to write over another program's file, or over one of this package with another key."""
    _check_readable(path)
    try:
        with safe_open(path, framework="pt") as file:
            there = json.loads((file.metadata() or {})[KEY])
    except (SafetensorError, OSError, KeyError, ValueError):
        raise ValueError(
            f"{os.fspath(path)!r} is there already and was not written by this package, so it is "
            "left alone: choose another path."
        ) from None
    if not story.keys() <= there.keys():
        theirs, ours = (
            min(one.keys() - {"format", "version"}, default="") for one in (there, story)
        )
        raise ValueError(
            f"{os.fspath(path)!r} is there already and is of another kind ({theirs!r}, not "
            f"{ours!r}), so it is left alone: choose another path."
        )


def _check_readable(path: str | os.PathLike[str]) -> None:
    """Of a file that may not be read, safetensors says that there is none."""
    try:
        with Path(path).open("rb"):
            pass
    except PermissionError as error:
        raise PermissionError(
            f"{os.fspath(path)!r} may not be read: ask its owner for the permission."
        ) from error
    except OSError:  # a folder, say: what it is not is told by who reads it
        pass
