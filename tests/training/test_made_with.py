"""What a record tells of code and objects: another digest for another, the same in any process."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import BPR, SampledSoftmax, datasets, models
from gnnrec_helpers.training.made_with import check_made_with, told

PREAMBLE = """
import functools, torch
from dataclasses import dataclass
from gnnrec_helpers import BPR, SampledSoftmax, datasets, models
"""


def digest(value: object) -> str:
    return told("it", value)["it.digest"]


def defined(code: str) -> Any:
    """What `it` is after these lines, in a module of its own."""
    module = ModuleType("somebodys")
    exec(compile(PREAMBLE + code, "somebodys.py", "exec"), vars(module))
    return module.it


# two of the same name that do something else
PAIRS = {
    "another body": ("def it(s): return s.a(1)", "def it(s): return s.a(2)"),
    "another method": ("def it(s): return s.first()", "def it(s): return s.second()"),
    "1 and True": ("def it(s): return 1", "def it(s): return True"),
    "lambdas": ("it = lambda s: s + 1", "it = lambda s: s + 2"),
    "swapped arguments": ("def it(s, a, b): return a - b", "def it(s, b, a): return a - b"),
    "a default": ("def it(s, dim=8): return dim", "def it(s, dim=64): return dim"),
    "a named default": ("def it(s, *, dim=8): return dim", "def it(s, *, dim=64): return dim"),
    "a function inside": (
        "def it(s):\n  def f(): return 1\n  return f()",
        "def it(s):\n  def f(): return 2\n  return f()",
    ),
    "a closure": (
        "def of(d):\n  return lambda s: d\nit = of(8)",
        "def of(d):\n  return lambda s: d\nit = of(64)",
    ),
    "a list in a closure": (
        "def of(d):\n  return lambda s: d\nit = of([8])",
        "def of(d):\n  return lambda s: d\nit = of([64])",
    ),
    "a function that it calls": (
        "def f(): return 1\ndef it(s): return f()",
        "def f(): return 2\ndef it(s): return f()",
    ),
    "a class that it calls": (
        "class C:\n  def f(self): return 1\ndef it(s): return C().f()",
        "class C:\n  def f(self): return 2\ndef it(s): return C().f()",
    ),
    "a number that it reads": ("D = 8\ndef it(s): return D", "D = 64\ndef it(s): return D"),
    "a tuple that it reads": ("D = 8,\ndef it(s): return D", "D = 64,\ndef it(s): return D"),
    "settings that it reads": (
        "D = {'lr': 0.1}\ndef it(s): return dict(**D)",
        "D = {'lr': 0.2}\ndef it(s): return dict(**D)",
    ),
    "a loss that it reads": (
        "L = BPR(0.1)\ndef it(s): return L",
        "L = BPR(0.2)\ndef it(s): return L",
    ),
    "a decorator's argument": (
        "def w(n):\n  def d(f):\n    @functools.wraps(f)\n    def g(s): return f(s) + n\n"
        "    return g\n  return d\n@w(1)\ndef it(s): return 0",
        "def w(n):\n  def d(f):\n    @functools.wraps(f)\n    def g(s): return f(s) + n\n"
        "    return g\n  return d\n@w(2)\ndef it(s): return 0",
    ),
    "partial keywords": (
        "def f(s, d): return d\nit = functools.partial(f, d=8)",
        "def f(s, d): return d\nit = functools.partial(f, d=64)",
    ),
    "partial of another": (
        "def f(s, d): return d\nit = functools.partial(f, d=8)",
        "def f(s, d): return -d\nit = functools.partial(f, d=8)",
    ),
    "instances": (
        "class C:\n  def __init__(self, w): self.w = w\n  def __call__(self, s): pass\nit = C(1)",
        "class C:\n  def __init__(self, w): self.w = w\n  def __call__(self, s): pass\nit = C(2)",
    ),
    "instances with slots": (
        "class C:\n  __slots__ = ('w',)\n  def __init__(self, w): self.w = w\nit = C(1)",
        "class C:\n  __slots__ = ('w',)\n  def __init__(self, w): self.w = w\nit = C(2)",
    ),
    "instances of redefined classes": (
        "class C:\n  def __call__(self, s): return 1\nit = C()",
        "class C:\n  def __call__(self, s): return 2\nit = C()",
    ),
    "an inherited method": (
        "class B:\n  def __call__(self, s): return 1\nclass C(B): pass\nit = C()",
        "class B:\n  def __call__(self, s): return 2\nclass C(B): pass\nit = C()",
    ),
    "a property": (
        "class C:\n  @property\n  def w(self): return 1\nit = C()",
        "class C:\n  @property\n  def w(self): return 2\nit = C()",
    ),
    "a number of a class": ("class C: w = 1\nit = C()", "class C: w = 2\nit = C()"),
    "bound methods": (
        "class C:\n  def __init__(self, w): self.w = w\n  def f(self, s): pass\nit = C(1).f",
        "class C:\n  def __init__(self, w): self.w = w\n  def f(self, s): pass\nit = C(2).f",
    ),
    "classes": ("class it: w = 1", "class it: w = 2"),
    "dataclasses": ("it = BPR(0.1)", "it = BPR(0.2)"),
    "modules of other weights": (
        "torch.manual_seed(0); it = torch.nn.Linear(2, 2)",
        "torch.manual_seed(1); it = torch.nn.Linear(2, 2)",
    ),
    "models of other weights": (
        "it = models.LightGCN(datasets.load('toy').interactions, dim=4)\n"
        "torch.nn.init.constant_(it.nodes.weight, 1)",
        "it = models.LightGCN(datasets.load('toy').interactions, dim=4)\n"
        "torch.nn.init.constant_(it.nodes.weight, 2)",
    ),
    "tensors": ("it = torch.zeros(2, 3)", "it = torch.zeros(3, 2)"),
    "which of two is repeated": (
        "def f(): pass\ndef g(): return 1\nit = (f, g, f)",
        "def f(): pass\ndef g(): return 1\nit = (f, g, g)",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_does_something_else_has_another_digest(name: str) -> None:
    one, other = PAIRS[name]
    assert digest(defined(one)) != digest(defined(other))


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_made_again_has_the_same_digest(name: str) -> None:
    for code in PAIRS[name]:
        assert digest(defined(code)) == digest(defined("\n# further down\n\n" + code))


def test_it_is_the_same_in_every_process() -> None:
    """Hashes of text, and so the order of sets, differ between processes, and addresses do."""
    code = [*(code for pair in PAIRS.values() for code in pair)]
    code += ["def it(s): return s in {'a', 'b', 'c', 'd'}", "it = {'a', 'b', 'c', 'd'}"]
    script = "import sys, json, test_made_with as t\n" + (
        "print(json.dumps([t.digest(t.defined(one)) for one in json.loads(sys.argv[1])]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, json.dumps(code)],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop()) == [digest(defined(one)) for one in code]


def test_to_be_called_changes_nothing() -> None:
    it = defined("def f(x): return x.bit_length() + 1\ndef it(s): return f(s)")
    before = digest(it)
    for number in range(1000):  # the interpreter adapts the code
        it(number)
    assert digest(it) == before


@pytest.mark.parametrize(
    "code",
    [
        "log = []\ndef it(s): log.append(s)",
        "scores = {}\ndef it(s): scores[s] = 1.0",
        "class C:\n  n = 0\nc = C()\ndef it(s): c.n += 1",
    ],
)
def test_what_a_function_writes_to_is_no_setting(code: str) -> None:
    it = defined(code)
    before = digest(it)
    it(1)
    assert digest(it) == before


def endless() -> Callable[[], Any]:
    held: list[Any] = [lambda: held]
    held.append(held)
    return held[0]


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        (number for number in range(3)),
        functools.partial(print, sys.stderr),
        endless(),
        np.array([None, "a"], object),
        pd.Index([("a", 1)], tupleize_cols=False),
        torch.ones(2, dtype=torch.bfloat16),
        torch.eye(2).to_sparse(),
        np.random.default_rng(0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_has_one(value: object) -> None:
    assert digest(value) == digest(value)


def test_what_is_installed_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(BPR()), digest(torch.nn.functional.relu)
    monkeypatch.setattr(BPR, "__call__", lambda *_: None)
    assert (digest(BPR()), digest(torch.nn.functional.relu)) == before
    assert digest(torch.nn.functional.relu) != digest(torch.nn.functional.elu)


def test_data_count_by_their_content() -> None:
    toy, again = datasets.load("toy").interactions, datasets.load("toy").interactions
    assert digest(toy) == digest(again) != digest(toy.select([0, 1]))
    frame = pd.DataFrame({"a": [1, 2]})
    assert digest(frame) == digest(frame.copy()) != digest(frame + 1)
    one, other = (models.LightGCN(toy, dim=4) for _ in range(2))
    before = digest(one)
    one.informed_users  # noqa: B018  # which is remembered
    assert digest(one) == before == digest(other)
    with torch.no_grad():
        other.nodes.weight[0, 0] += 1
    assert digest(other) != before


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (BPR(0.1), "BPR(weight_decay=0.1)"),
        (SampledSoftmax, "SampledSoftmax"),
        (digest, "digest"),
        (lambda split: split, "<lambda>"),
        (functools.partial(digest), "partial"),
        (torch.nn.Sequential(torch.nn.Linear(2, 2)), "Sequential"),
        (Path("a").joinpath, "PurePath.joinpath"),
    ],
)
def test_a_name_is_one_line_without_an_address(value: object, name: str) -> None:
    assert told("it", value)["it"] == name


# ---------------------------------------------------------------------- what is refused
def test_a_record_of_something_else_is_refused() -> None:
    def check(before: dict[str, Any], **now: Any) -> None:
        check_made_with("The journal 'it'", before, now, "another path")

    check({"lr": 0.1, "layers": [1, 2]}, lr=0.1, layers=(1, 2))
    for before, now, message in (
        ({"lr": 0.1}, {"lr": 0.2}, "was made with lr=0.1, not 0.2: use the same, or another path."),
        ({"lr": 0.1, "k": 3}, {"lr": 0.1}, "was made with k=3, not None: use the same"),
        ({"lr": 0.1}, {"lr": 0.1, "k": 3}, "was made with k=None, not 3: use the same"),
        (
            {"build": "f"},
            {"build": "f", "build.digest": "12ab34cd"},
            "was made by an earlier version, which noted no build.digest to compare with 12ab34cd: "
            "use another path.",
        ),
    ):
        with pytest.raises(ValueError, match=r"^The journal 'it' ") as caught:
            check(before, **now)
        assert message in str(caught.value)
