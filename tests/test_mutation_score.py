"""What `tests.mutation_score` reads from mutmut's files and writes to its report."""

from __future__ import annotations

import json
from pathlib import Path

from mutation_score import OPEN, Mutant, explanations, mutants, report, sample

MODULE = """
def x_ratio__mutmut_orig(a, b):
    if b == 0:
        raise ValueError("b is 0")
    return a / b

def x_ratio__mutmut_1(a, b):
    if b != 0:
        raise ValueError("b is 0")
    return a / b

def x_ratio__mutmut_3(a, b=1):
    if b == 0:
        raise ValueError("b is 0")
    return a / b

def x_ratio__mutmut_2(a, b):
    if b == 0:
        raise ValueError("XXb is 0XX")
    return a / b

class Table:
    def xǁTableǁwidth__mutmut_orig(self):
        return 2

    def xǁTableǁwidth__mutmut_1(self):
        return 3
"""
CODES = {
    "p.m.x_ratio__mutmut_1": 1,
    "p.m.x_ratio__mutmut_2": 0,
    "p.m.x_ratio__mutmut_3": None,
    "p.m.xǁTableǁwidth__mutmut_1": 0,
}


def written(folder: Path) -> Path:
    path = folder / "mutants/gnnrec_helpers/engine/m.py"
    path.parent.mkdir(parents=True)
    path.write_text(MODULE, encoding="utf-8")
    codes = json.dumps({"exit_code_by_key": CODES})
    path.with_name("m.py.meta").write_text(codes, encoding="utf-8")
    return path


def test_mutants_are_read_but_for_those_of_the_wording(tmp_path: Path) -> None:
    first, second, third = mutants(written(tmp_path)).values()
    assert first == Mutant("p.m.x_ratio__mutmut_1", "ratio", "- if b == 0:\n+ if b != 0:", "killed")
    assert second == Mutant(
        "p.m.x_ratio__mutmut_3",
        "ratio",
        "- def ratio(a, b):\n+ def ratio(a, b=1):",
        "not reached",
    )
    assert third == Mutant(
        "p.m.xǁTableǁwidth__mutmut_1", "Table.width", "- return 2\n+ return 3", "survived"
    )


def test_a_sample_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    written(tmp_path)
    drawn = [sample(tmp_path, 1, seed)["engine/m.py"][0].name for seed in range(20)]
    assert drawn == [sample(tmp_path, 1, s)["engine/m.py"][0].name for s in range(20)]
    assert set(drawn) == {name for name in CODES if name != "p.m.x_ratio__mutmut_2"}
    assert len(sample(tmp_path, 9, 0)["engine/m.py"]) == 3


def test_the_score_leaves_out_what_was_not_reached() -> None:
    verdicts = ["killed", "timed out", "survived", "no test", "not reached"]
    chosen = [Mutant(verdict, "f", f"- {verdict}", verdict) for verdict in verdicts]
    lines = report({"data/a.py": chosen, "data/b.py": chosen[:1]}, "a command", {}).splitlines()
    assert "| data/a.py | 4 | 2 | 1 | 1 | 1 | 50% |" in lines
    assert "| data/b.py | 1 | 1 | 0 | 0 | 0 | 100% |" in lines
    assert "| **all** | 5 | 3 | 1 | 1 | 1 | 60% |" in lines
    assert sum("- `data/a.py`, `f`" in line for line in lines) == 2


def test_explanations_stay_when_the_report_is_written_again() -> None:
    survivors = [Mutant(n, n, f"- old {n}\n+ new {n}", "survived") for n in ("one", "two", "three")]
    text = report({"data/a.py": survivors}, "a command", {})
    assert text.count(OPEN) == 3
    assert explanations(text) == {}
    head, middle, tail = text.split(OPEN, 2)
    text = f"{head}The same\n  number.{middle}{OPEN}{tail.replace(OPEN, 'Never read.')}"
    assert len(explanations(text)) == 2
    assert report({"data/a.py": survivors}, "a command", explanations(text)) == text
    assert "number." not in report({"data/b.py": survivors}, "a command", explanations(text))
