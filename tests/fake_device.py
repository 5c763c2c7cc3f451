"""A device that is none: tensors on it say "meta", and what is computed is computed on the CPU.

(PyTorch for CPUs knows no "cuda". The package takes "meta" for a GPU for as long as this lasts.)

An operation on tensors of two devices is refused, as on a real one, and so is ``numpy()`` of a
tensor on it. So a test finds an index or a table on the wrong device where there is no GPU. What
is on the device can only be made there, or moved there by ``to``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from gnnrec_helpers.engine import on_device

DEVICE = torch.device("meta")
waits: list[str] = []  # operations that made the host wait for the device


class OnDevice(Tensor):
    """A tensor that says it is on the device; `held` is where it really is."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnDevice:
        strided = held.layout == torch.strided
        self = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride() if strided else None,
            storage_offset=held.storage_offset() if strided else None,
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=held.requires_grad,
        )
        self.held = held
        return self

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def __repr__(self, **_: Any) -> str:
        return f"OnDevice({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


SYNC = ("_local_scalar_dense", "nonzero", "_unique2", "unique_dim", "unique_consecutive")
TO = ("_to_copy", "to")


def dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    leaves, spec = tree_flatten((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    wanted = kwargs.get("device")
    wanted = None if wanted is None else torch.device(wanted)
    there = [isinstance(tensor, OnDevice) for tensor in tensors]
    if name == "copy_":
        waits.extend([name] * (there == [False, True]))
        result = func(*tree_map(really, args), **tree_map(really, kwargs))
        return args[0]
    moved = name == "_to_copy"
    mixed = [tensor for tensor in tensors if not isinstance(tensor, OnDevice) and tensor.dim() > 0]
    if any(there) and mixed and not moved:
        shapes = [tuple(tensor.shape) for tensor in mixed]
        raise RuntimeError(
            f"{name}: Expected all tensors to be on the same device, but those of shapes {shapes} "
            "are on the CPU."
        )
    if any(there) and (name in SYNC or (moved and wanted is not None and wanted.type == "cpu")):
        waits.append(name)
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    leaves, spec = tree_flatten((args, kwargs))
    args, kwargs = tree_unflatten([really(leaf) for leaf in leaves], spec)
    result = func(*args, **kwargs)
    on_device = any(there) if wanted is None else wanted.type == DEVICE.type
    if not on_device:
        return result
    known = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, OnDevice)}
    return tree_map(lambda leaf: known[id(leaf)] if id(leaf) in known else wrapped(leaf), result)


def really(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, OnDevice) else leaf


def wrapped(leaf: Any) -> Any:
    return OnDevice(leaf) if isinstance(leaf, Tensor) else leaf


class Fake(TorchDispatchMode):
    """Makes what is asked for on the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(func, args, kwargs or {})


class Generator(torch.Generator):
    """One of the CPU, wherever it is asked for."""

    def __new__(cls, device: object = "cpu") -> Generator:
        return super().__new__(cls)


@contextmanager
def fake_device() -> Iterator[torch.device]:
    """The device, for as long as this lasts."""
    with pytest.MonkeyPatch.context() as patch, Fake():
        patch.setattr(on_device, "GPUS", (DEVICE.type,))
        patch.setattr(torch, "Generator", Generator)
        # `Module.to` otherwise puts the new data into the old parameter, which is of another class
        patch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
        waits.clear()
        yield DEVICE
