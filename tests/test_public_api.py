"""What the README promises runs as it is written, and the package is built in floors."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import gnnrec_helpers

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(gnnrec_helpers.__file__).resolve().parent
README = ROOT / "README.md"
PROMISES = README, ROOT / "docs" / "package.md"

# a module imports from its own floor and from those below
FLOORS = [
    {"data"},
    {"datasets", "engine"},
    {"models", "objectives"},
    {"training", "evaluation", "serving"},
    {"course", "distributed"},
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


# ---------------------------------------------------------------------- importing
def test_importing_the_package_is_light() -> None:
    code = "import gnnrec_helpers, json, sys; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    names = json.loads(found.stdout)
    assert "gnnrec_helpers.serving" in names
    assert [name for name in names if name.startswith("gnnrec_helpers.training")] == []
    loaded = {name.partition(".")[0] for name in names}
    assert "torch" in loaded  # the list is one of modules
    heavy = {"matplotlib", "torch_geometric", "sklearn", "networkx", "IPython", "ipywidgets"}
    assert loaded & (heavy | {"optuna", "faiss", "fastapi", "uvicorn"}) == set()


def test_what_is_imported_later_is_there() -> None:
    from gnnrec_helpers import training

    assert gnnrec_helpers.fit is training.fit
    assert {"fit", "league", "training"} <= {*dir(gnnrec_helpers)}
    assert {*gnnrec_helpers.__all__} <= {*dir(gnnrec_helpers)}
    with pytest.raises(AttributeError, match="'gnnrec_helpers' has no attribute 'fitt'"):
        gnnrec_helpers.fitt  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'fitt'"):
        from gnnrec_helpers import fitt  # noqa: F401


def test_all_that_is_promised_is_there() -> None:
    assert len(set(gnnrec_helpers.__all__)) == len(gnnrec_helpers.__all__)
    for name in gnnrec_helpers.__all__:
        assert hasattr(gnnrec_helpers, name), name
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", gnnrec_helpers.__version__)


# ---------------------------------------------------------------------- floors
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below the package.

    What a person's tools leave behind, such as `.ipynb_checkpoints`, is none.
    """
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if all(part.isidentifier() and part != "__pycache__" for part in parts):
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imported(name: str, source: str, package: bool, known: set[str]) -> Iterator[str]:
    """The modules of the package that a module imports, anywhere in its text."""
    here = name.split(".") if name else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "gnnrec_helpers":
                    yield alias.name.removeprefix("gnnrec_helpers").removeprefix(".")
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                up = node.level - package  # "." in a package is the package itself
                base = here[: len(here) - up] + (node.module or "").split(".")
            elif (node.module or "").split(".")[0] == "gnnrec_helpers":
                base = node.module.split(".")[1:]
            else:
                continue
            base = [part for part in base if part]
            for alias in node.names:
                dotted = ".".join([*base, alias.name])
                yield dotted if dotted in known else ".".join(base)


def all_imports() -> dict[str, set[str]]:
    found = modules()
    return {
        name: set(imported(name, path.read_text("utf-8"), path.name == "__init__.py", set(found)))
        for name, path in found.items()
    }


def test_imports_are_understood() -> None:
    known = set(modules())
    source = "from ... import datasets\nfrom ...models import LightGCN\nfrom .claims import near\n"
    assert set(imported("course.checks.notebook_99", source, False, known)) == {
        "datasets",
        "models",
        "course.checks.claims",
    }
    assert set(imported("models", "from .lightgcn import LightGCN", True, known)) == {
        "models.lightgcn"
    }
    far = "import gnnrec_helpers.course\nfrom gnnrec_helpers.models import item_knn\nimport torch\n"
    assert set(imported("data.side_graphs", far, False, known)) == {"course", "models.item_knn"}
    assert set(imported("data.side_graphs", "from gnnrec_helpers import fit", False, known)) == {""}


def test_every_module_has_a_floor() -> None:
    assert {name.split(".")[0] for name in modules() if name} == set(FLOOR)


def test_contributing_tells_the_same_floors() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| ([1-5]) \| (.*) \|$", text, re.M)
    told = {int(floor): set(re.findall(r"`(\w+)`", rooms)) for floor, rooms in rows}
    assert told == {place + 1: floor for place, floor in enumerate(FLOORS)}
    described = set(re.findall(r"^\| `(\w+)(?:/|\.py)` \|", text, re.M))
    assert described == set(FLOOR)


def test_the_places_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (table,) = re.findall(r"^\| you add \| it goes to \|\n.*?\n\n", text, re.M | re.S)
    places = set(re.findall(r"`([\w<>/]+(?:/|\.py))`", table))
    assert {"evaluation/ranking.py", "course/plots/", "datasets/<name>.py"} <= places
    for place in places:
        exact = re.sub(r"[^/]*[<A-Z].*", "", place)  # up to the first name that one chooses
        assert any((root / exact).exists() for root in (PACKAGE, ROOT, ROOT / "tests")), place


def test_modules_import_downward_only() -> None:
    wrong = []
    for name, others in all_imports().items():
        if not name:
            continue  # the package itself, on top of all
        floor = FLOOR[name.split(".")[0]]
        for other in others:
            # the whole package stands above every floor
            if not other or FLOOR[other.split(".")[0]] > floor:
                wrong.append(f"{name} imports {other or 'the whole package'}")
    assert wrong == []


def test_no_module_imports_itself_in_a_circle() -> None:
    # between top-level names: what lies inside a folder is its own affair
    graph: dict[str, set[str]] = {}
    for name, others in all_imports().items():
        top = name.split(".")[0]
        if top:
            graph.setdefault(top, set()).update(other.split(".")[0] for other in others)
            graph[top].discard(top)
    while graph:
        ready = {name for name, others in graph.items() if not others & graph.keys()}
        assert ready, f"a circle among {sorted(graph)}"
        graph = {name: others for name, others in graph.items() if name not in ready}


# ---------------------------------------------------------------------- the README
MARK = 'from_csv("my_shop.csv"'
SHOP = """\
customer,product,when,paid
ana,tea,2026-01-03 10:12,3.50
ben,rye bread,2026-01-03 11:40,4.20
ana,rye bread,2026-02-14 09:05,4.20
007,tea,2026-03-01 18:00,3.50
"""


def promised_code(mark: str = MARK) -> str:
    text = "\n".join(path.read_text("utf-8") for path in PROMISES)
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    blocks = [block for block in blocks if mark in block]
    assert len(blocks) == 1
    return blocks[0]


def test_the_ten_lines_for_own_data_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file to everybody's list."""
    generator = np.random.default_rng(0)
    odd = np.arange(30)[:, None] % 2 == np.arange(24) % 2
    user, item = np.nonzero(generator.random((30, 24)) < np.where(odd, 0.5, 0.1))
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(generator.permutation(len(user)), unit="h")
    table = pd.DataFrame({"customer": user, "product": item, "when": when})
    table.to_csv(tmp_path / "my_shop.csv", index=False)
    code = promised_code("league(")
    assert len([line for line in code.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {"__name__": "__main__"})
    lists = pd.read_parquet(tmp_path / "lists.parquet")
    assert set(lists["user"]) == set(user)
    both = lists.merge(table, left_on=["user", "item"], right_on=["customer", "product"])
    assert len(both) == 0
    served = gnnrec_helpers.load(tmp_path / "my_shop.safetensors")
    assert len(served.interactions) == len(table)  # type: ignore[attr-defined]


def test_the_lines_for_somebody_new_run() -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    *lines, last = promised_code("explain(model").splitlines()
    assert last.startswith("extend(")
    lines = [line.replace("recommend(model, h", "new = recommend(model, h") for line in lines]
    exec(compile("\n".join([*lines, last]), str(README), "exec"), names)
    assert names["new"]["item"].nunique() == 10  # type: ignore[index]


def test_the_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = promised_code()
    (tmp_path / "my_shop.csv").write_text(SHOP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code, str(README), "exec"), names)

    split, model, history, mine = (names[n] for n in ("split", "model", "history", "mine"))
    assert len(history.epochs) <= 20
    assert history.best > 0.15  # popularity reaches 0.13
    evaluated = gnnrec_helpers.evaluate(model, split, k=20)
    assert evaluated["recall@20"] > 0.18  # popularity reaches 0.15
    with torch.no_grad():
        assert model.score(torch.tensor([0])).shape == (1, split.train.num_items)
    served = names["served"]
    assert not isinstance(served, torch.nn.Module)
    table = gnnrec_helpers.recommend(model, users=[42], k=10)
    pd.testing.assert_frame_equal(gnnrec_helpers.recommend(served, users=[42], k=10), table)
    assert gnnrec_helpers.recommend(served, users=[42], k=10)["rank"].max() == 10
    assert table["rank"].tolist() == list(range(1, 11))
    assert not set(table["item"]) & set(split.train.items_of(42))
    assert mine.timestamp.tolist() == [1772388000, 1771059900, 1767435120, 1767440400]
    assert mine.to_frame()[["user", "item"]].to_dict("list") == {
        "user": ["007", "ana", "ana", "ben"],
        "item": ["tea", "rye bread", "tea", "rye bread"],
    }


# ---------------------------------------------------------------------- wrong objects
def wrong_calls() -> dict[str, Callable[[], object]]:
    """A table, interactions or a number where something else is wanted."""
    g = gnnrec_helpers
    likes = g.datasets.load("toy").interactions
    split = likes.split(test=1, validation=0)
    model = g.models.LightGCN(split.train, dim=4)
    quick: dict[str, Any] = {"epochs": 1, "progress": False}
    return {
        "fit(model, interactions)": lambda: g.fit(model, split.train, **quick),
        "fit(lr='auto')": lambda: g.fit(model, split, lr="auto", **quick),
        "fit(batch_size=64.0)": lambda: g.fit(model, split, batch_size=64.0, **quick),
        "fit(seed=None)": lambda: g.fit(model, split, seed=None, **quick),
        "fit(patience='a')": lambda: g.fit(model, split, patience="a", **quick),
        "evaluate(model, interactions)": lambda: g.evaluate(model, split.test),
        "evaluate(k=2.5)": lambda: g.evaluate(model, split, k=2.5),
        "compare(interactions)": lambda: g.compare({"a": model}, likes),
        "evaluate_groups(dict)": lambda: g.evaluation.evaluate_groups(model, split, {"Ana": "new"}),
        "rerank(interactions)": lambda: g.serving.rerank(likes, 1, interactions=likes),
        "LightGCN(split)": lambda: g.models.LightGCN(split),
        "LightGCN(frame)": lambda: g.models.LightGCN(likes.to_frame()),
        "LightGCN(dim='8')": lambda: g.models.LightGCN(likes, dim="8"),
        "LightGCN(layers=1.5)": lambda: g.models.LightGCN(likes, layers=1.5),
        "recommend(k='10')": lambda: g.recommend(model, ["Ana"], k="10"),
        "recommend(users=None)": lambda: g.recommend(model, None),
        "recommend(exclude=labels)": lambda: g.recommend(model, ["Ana"], exclude=["Dune"]),
        "recommend(exclude=frame)": lambda: g.recommend(model, ["Ana"], exclude=likes.to_frame()),
        "tune(interactions)": lambda: g.tune(lambda split, dim: model, likes, {"dim": [4]}),
        "league(interactions)": lambda: g.league(likes),
    }


@pytest.mark.parametrize("name", wrong_calls())
def test_the_wrong_object_gets_one_sentence(name: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        wrong_calls()[name]()
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert "not supported between" not in message
    assert "has no" not in message


def test_labels_may_come_in_a_tensor_or_an_array() -> None:
    likes = gnnrec_helpers.Interactions.from_frame({"user": [1, 2, 2], "item": [5, 5, 6]})
    model = gnnrec_helpers.models.Popularity(likes)
    want = gnnrec_helpers.recommend(model, [2, 1], k=1)
    for labels in (torch.tensor([2, 1]), np.array([2, 1]), pd.Series([2, 1]), (2, 1)):
        pd.testing.assert_frame_equal(gnnrec_helpers.recommend(model, labels, k=1), want)
