"""What a checkpoint or a journal was made with: told, and refused where it is something else."""

from __future__ import annotations

import dis
import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from ..data import Interactions, KnowledgeGraph, SocialGraph
from ..engine import Adjacency
from ..models import Model
from ..models.files import fingerprint

PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
TABLES = (Tensor, np.ndarray, pd.Index, Adjacency, Interactions, SocialGraph, KnowledgeGraph)
STANDARD, PACKAGE = sysconfig.get_paths()["stdlib"], Path(__file__).parents[1]
INSTALLED = (os.path.join(STANDARD, ""), os.path.join(PACKAGE, ""), "<frozen")
FOREIGN = {"site-packages", "dist-packages"}  # folders of what is installed


def told(name: str, value: object) -> dict[str, str]:
    """What to call a function or an object, and a digest of what it does: two entries of a record.

    Of a function that is its code with defaults, the values in its closure and what it reads
    besides: functions and classes, numbers and text, also in tuples and in dictionaries by name,
    and frozen dataclasses. Of an object it is the class and what pickle would keep. Code that is
    installed, this package's as well, is known by its name.

    A digest is the same in every process, and another in another version of Python.

    Examples
    --------
    >>> from gnnrec_helpers.objectives import BPR
    >>> told("objective", BPR(0.1))
    {'objective': 'BPR(weight_decay=0.1)', 'objective.digest': 'f393764a'}
    >>> told("build", lambda dim=8: dim) == told("build", lambda dim=64: dim)
    False
    """
    content = json.dumps(_Content().of(value))
    return {name: _title(value), f"{name}.digest": hashlib.sha256(content.encode()).hexdigest()[:8]}


def check_made_with(
    record: str, before: Mapping[str, Any], now: Mapping[str, Any], other: str
) -> None:
    """Refuse a record that was made with something else than there is now.

    Parameters
    ----------
    record : str
        What to call it: ``"The checkpoint 'run.safetensors'"``.
    before, now : mapping
        What the record says, and what it would say.
    other : str
        What may be used in its place: ``"another path"``.

    Raises
    ------
    ValueError
    """
    now = json.loads(json.dumps(now))  # as it is stored: tuples are lists there
    for name in now:
        if name.endswith(".digest") and name not in before:
            raise ValueError(
                f"{record} was made by an earlier version, which noted no {name} to compare with "
                f"{now[name]}: use {other}."
            )
    for name in sorted({*now, *before}, key=[*now, *before].index):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"{record} was made with {name}={before.get(name)}, not {now.get(name)}: use the "
                f"same, or {other}."
            )


def _title(value: object) -> str:
    """A name, with the settings that are numbers or text."""
    if not is_dataclass(value) or isinstance(value, type):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    settings = {field.name: getattr(value, field.name) for field in fields(value)}
    shown = [
        f"{name}={_title(setting) if is_dataclass(setting) else repr(setting)}"
        for name, setting in settings.items()
        if isinstance(setting, PLAIN) or is_dataclass(setting)
    ]
    return f"{type(value).__qualname__}({', '.join(shown)})"


class _Content:
    """What there is in a value, as JSON can hold it; no addresses, and no order by chance."""

    def __init__(self) -> None:
        self._seen: dict[int, object] = {}  # kept, so that no other gets its place in memory

    def of(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, PLAIN):
            return [type(value).__name__, repr(value)]  # 1, 1.0 and True are different
        if isinstance(value, tuple):
            return ["tuple", *map(self.of, value)]
        if isinstance(value, (set, frozenset)):
            return ["set", *sorted(map(self.of, value), key=json.dumps)]
        if id(value) in self._seen:  # a function that calls itself, say
            return ["seen", [*self._seen].index(id(value))]
        self._seen[id(value)] = value
        if isinstance(value, list):
            return ["list", *map(self.of, value)]
        if isinstance(value, Mapping):
            pairs = ([self.of(key), self.of(held)] for key, held in value.items())
            return ["mapping", *sorted(pairs, key=json.dumps)]
        if isinstance(value, CodeType):
            return self._of_code(value)
        if isinstance(value, FunctionType):
            return self._of_function(value)
        if isinstance(value, type):
            return self._of_class(value)
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, MethodType):
            return self.of((value.__func__, value.__self__))
        if isinstance(value, partial):
            return self.of((value.func, value.args, value.keywords))
        return [self.of(type(value)), self._of_object(value)]

    def _of_code(self, code: CodeType) -> Any:
        numbers = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        steps = (code.co_code, code.co_exceptiontable, code.co_consts)
        return self.of((numbers, steps, code.co_names, code.co_varnames))

    def _of_function(self, function: FunctionType) -> Any:
        held = []
        for cell in function.__closure__ or ():
            try:
                held.append(self.of(cell.cell_contents))
            except ValueError:  # it is filled later
                held.append(None)
        given = self.of((function.__defaults__, function.__kwdefaults__))
        if _is_installed(function.__code__.co_filename):
            return [function.__module__, function.__qualname__, given, held]
        read = {name: self.of(value) for name, value in _read_by(function) if _is_setting(value)}
        return [self.of(function.__code__), given, held, sorted(read.items())]

    def _of_class(self, kind: type) -> Any:
        if _is_own(kind):
            members = {name: _unwrapped(member) for name, member in vars(kind).items()}
            used = {
                name: self.of(member)
                for name, member in members.items()
                if isinstance(member, FunctionType)
                or (not name.startswith("__") and _is_setting(member))
            }
            return [kind.__qualname__, self.of(kind.__bases__), sorted(used.items())]
        return [kind.__module__, kind.__qualname__]

    def _of_object(self, value: Any) -> Any:
        if isinstance(value, Model):
            return self.of((value._arguments, dict(value.state_dict())))
        if isinstance(value, TABLES):
            try:
                shape = (str(getattr(value, "dtype", "")), tuple(getattr(value, "shape", ())))
                return self.of((*shape, fingerprint(value)))
            except (TypeError, RuntimeError):  # labels or numbers of a kind that no file holds
                pass
        if is_dataclass(value):
            return self.of({field.name: getattr(value, field.name) for field in fields(value)})
        try:
            kept = value.__reduce_ex__(4)
        except Exception:  # what pickle refuses, in whatever words: a lock, an open file
            return None
        return self.of(kept if isinstance(kept, str) else kept[:3])


def _is_setting(value: object) -> bool:
    """Does a function depend on this name's value, rather than write to it?"""
    if isinstance(value, tuple):
        return all(map(_is_setting, value))
    if isinstance(value, dict):
        by_name = all(isinstance(key, str) for key in value)
        return bool(value) and by_name and all(map(_is_setting, value.values()))
    if isinstance(value, (*PLAIN, np.generic, FunctionType, type, partial)):
        return True
    parameters = getattr(type(value), "__dataclass_params__", None)  # of a dataclass
    return parameters is not None and parameters.frozen


def _read_by(function: FunctionType) -> Iterator[tuple[str, object]]:
    """The global names that a function reads, also of modules of the user's own, with values."""
    for code in _codes(function.__code__):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in function.__globals__:
                value = function.__globals__[step.argval]
                yield step.argval, value
                if isinstance(value, ModuleType) and not _is_installed(
                    getattr(value, "__file__", None)
                ):
                    for name in code.co_names:
                        yield f"{step.argval}.{name}", getattr(value, name, None)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _unwrapped(member: Any) -> Any:
    """The function in a property or a method of a class; anything else as it is."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func
    return getattr(member, "__func__", member)


def _is_own(kind: type) -> bool:
    """Is this a class of the user's, which may be another tomorrow under the same name?"""
    module = sys.modules.get(kind.__module__)
    is_notebooks = module is None or kind.__module__ == "__main__"
    return is_notebooks or not _is_installed(getattr(module, "__file__", None))


def _is_installed(file: str | None) -> bool:
    """Is this a file of Python's, of this package or of what is installed beside it?"""
    return file is None or file.startswith(INSTALLED) or not FOREIGN.isdisjoint(Path(file).parts)
