"""How many small random defects the tests notice, room by room, with mutmut.

Run as ``python -m tests.mutation_score --minutes 60`` on Linux or macOS, with mutmut installed;
``make mutants`` does both. The modules of a room are judged by the tests of that room, in a copy
under ``build/``. From each module a seeded sample of mutants is drawn. A run that ends early is
continued by the same command as long as package and tests are the same.

Mutants that only change the wording of an error are not drawn. Survivors are listed in
``benchmarks/results/mutation_score.md``. What is written below a survivor there, in the place of
"not explained yet", is kept.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

try:
    from mutations import ROOT, copy  # under pytest, which puts this folder on the path
except ImportError:
    from tests.mutations import ROOT, copy

ROOMS = ("data", "evaluation", "serving", "training", "engine")
COPIES = ROOT / "build" / "mutants"
MUTMUT = Path(sys.executable).with_name("mutmut")
REPORT = ROOT / "benchmarks/results/mutation_score.md"
OPEN = "not explained yet"
VERDICTS = {  # of mutmut's exit codes; any other is a time-out or a crash
    None: "not reached", 2: "not reached", 0: "survived", 5: "no test", 33: "no test",
    1: "killed", 3: "killed",
}  # fmt: skip
CONFIGURATION = """
[tool.mutmut]
source_paths = ["gnnrec_helpers"]
only_mutate = ["gnnrec_helpers/{room}/*.py"]
also_copy = ["data", "README.md", "docs"]
pytest_add_cli_args_test_selection = ["tests/{room}"]
"""
MOST_LEFT_OUT = 5  # tests of a room


class Mutant(NamedTuple):
    name: str  # as mutmut calls it
    function: str
    change: str  # the lines that differ
    verdict: str


# ---------------------------------------------------------------------- what mutmut has made
def without_wording(function: ast.FunctionDef) -> str:
    """The code of a function, in which every error and warning says the same."""
    function = deepcopy(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and re.search(r"(Error|\.warn)$", ast.unparse(node.func)):
            node.args = []
    return ast.unparse(function)


def mutants(path: Path) -> dict[str, Mutant]:
    """The mutants of a module by name, but for those that only change the wording of an error."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    codes = json.loads(path.with_name(f"{path.name}.meta").read_text(encoding="utf-8"))
    made = {}
    for name, code in codes["exit_code_by_key"].items():
        mutated = functions[name.rpartition(".")[2]]
        mangled = mutated.name.rpartition("__mutmut_")[0]
        original = functions[f"{mangled}__mutmut_orig"]
        mutated.name = original.name = re.split("^x_|ǁ", mangled)[-1]
        lines = difflib.ndiff(*(ast.unparse(f).splitlines() for f in (original, mutated)))
        change = "\n".join(" ".join(line.split()) for line in lines if line[0] in "-+")
        if without_wording(original) != without_wording(mutated):
            function = mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
            made[name] = Mutant(name, function, change, VERDICTS.get(code, "timed out"))
    return made


def sample(folder: Path, count: int, seed: int) -> dict[str, list[Mutant]]:
    """Some mutants of each module, the same for the same seed."""
    drawn = {}
    for meta in sorted((folder / "mutants/gnnrec_helpers").glob("*/*.py.meta")):
        every = mutants(meta.with_suffix(""))
        module = f"{meta.parent.name}/{meta.stem}"
        names = sorted(every)
        random.Random(f"{seed} {module}").shuffle(names)
        drawn[module] = [every[name] for name in names[:count]]
    return {module: chosen for module, chosen in drawn.items() if chosen}


# ---------------------------------------------------------------------- running
def prepared(room: str) -> Path:
    """A copy of the project for one room, made anew where package or tests have changed."""
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("gnnrec_helpers/**/*.py"), *ROOT.glob("tests/**/*.py")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    folder = COPIES / f"{room}-{digest.hexdigest()[:12]}"
    if not folder.exists():
        for old in COPIES.glob(f"{room}-*"):
            shutil.rmtree(old)
        (folder / "mutants").mkdir(parents=True)  # Python skips a folder that is not there yet
        copy(folder)
        with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(room=room))
    return folder


def mutmut(folder: Path, names: list[str], seconds: float, workers: int) -> str:
    """Run mutmut on these mutants, for this long at most; what it has judged is on disk."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "GNNREC_DATA"},
        "PYTHONPATH": str(folder / "mutants"),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    process = subprocess.Popen(
        [MUTMUT, "run", "--max-children", str(workers), *names],
        cwd=folder, env=environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    for patience, ending in ((seconds, signal.SIGINT), (20, signal.SIGKILL)):
        try:
            return process.communicate(timeout=patience)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, ending)  # mutmut's session, with the tests it has started
    return process.communicate()[0]


def left_out(folder: Path) -> list[str]:
    """Tests that fail under mutmut without any mutant, such as those that look at their caller."""
    settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    options: list[str] = settings["tool"]["mutmut"].get("pytest_add_cli_args", [])
    return options[1::2]


def leave_out(folder: Path, tests: list[str]) -> bool:
    """Have mutmut do without these tests too, unless they are too many."""
    every = [*left_out(folder), *tests]
    options = [option for test in every for option in ("--deselect", test)]
    path = folder / "pyproject.toml"
    text = re.sub(r"^pytest_add_cli_args = .*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    path.write_text(f"{text}pytest_add_cli_args = {json.dumps(options)}\n", encoding="utf-8")
    return len(every) <= MOST_LEFT_OUT


def judge(folder: Path, count: int, seed: int, seconds: float, workers: int) -> None:
    """Have mutmut judge the sampled mutants of a room that are not judged yet."""
    end = time.monotonic() + seconds
    while not (folder / "mutants" / "mutmut-stats.json").exists():
        # no mutant has this name: mutmut makes the mutants, times the tests and stops
        output = mutmut(folder, ["none"], end - time.monotonic(), workers)
        if time.monotonic() > end:
            return  # with longer, the same command makes a new start
        failed = re.findall(r"^FAILED (\S+)", output, re.M)
        if "nothing matches" not in output and not (failed and leave_out(folder, failed)):
            raise SystemExit(
                f"mutmut did not get as far as judging in {folder.name}:\n{output[-3000:]}"
            )
    drawn = sample(folder, count, seed).values()
    left = [m.name for chosen in drawn for m in chosen if m.verdict == "not reached"]
    if left and time.monotonic() < end:
        mutmut(folder, left, end - time.monotonic(), workers)


# ---------------------------------------------------------------------- the report
def explanations(text: str) -> dict[str, str]:
    """What was written below each survivor of a report, by the survivor's lines."""
    found = re.findall(r"^(- `.*?```)\n\n  (.*?)\n(?=\n|\Z)", text, re.M | re.S)
    return {key: why for key, why in found if why != OPEN}


def report(
    modules: dict[str, list[Mutant]],
    command: str,
    explained: dict[str, str],
    without: Sequence[str] = (),
) -> str:
    """A table of scores, and every survivor with what explains it."""
    lines = [
        f"Written by `{command}`. Noticed are mutants that turn a test of their room red or make "
        "it run too long; those that were not reached in time do not count.",
        "", "| module | judged | noticed | survived | no test | not reached | score |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    total: Counter[str] = Counter()
    for module, chosen in [*modules.items(), ("**all**", [])]:
        counts = Counter(mutant.verdict for mutant in chosen) if chosen else total
        total += Counter() if counts is total else counts
        noticed, missed = counts["killed"] + counts["timed out"], counts["not reached"]
        judged = counts.total() - missed
        score = f"{noticed / judged:.0%}" if judged else "–"
        lines.append(
            f"| {module} | {judged} | {noticed} | {counts['survived']} | {counts['no test']} "
            f"| {missed} | {score} |"
        )
    if without:
        tests = ", ".join(f"`{test.rpartition('::')[2]}`" for test in without)
        lines += ["", f"Left out, since they fail under mutmut without any mutant: {tests}."]
    lines += ["", "## Survivors", ""]
    for module, chosen in modules.items():
        for mutant in chosen:
            if mutant.verdict in ("survived", "no test"):
                change = mutant.change.replace("\n", "\n  ")
                key = f"- `{module}`, `{mutant.function}`\n  ```diff\n  {change}\n  ```"
                lines += [key, "", f"  {explained.get(key, OPEN)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rooms", nargs="*", default=ROOMS, help=f"of {', '.join(ROOMS)}")
    parser.add_argument("--minutes", type=float, default=60, help="for all rooms together")
    parser.add_argument("--sample", type=int, default=40, help="mutants a module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    if unknown := sorted(set(options.rooms) - set(ROOMS)):
        parser.error(f"{', '.join(unknown)}: there are only the rooms {', '.join(ROOMS)}")
    if not MUTMUT.exists():
        parser.error("mutmut is not installed: make mutants installs it")
    modules: dict[str, list[Mutant]] = {}
    without: list[str] = []
    end = time.monotonic() + 60 * options.minutes
    for place, room in enumerate(options.rooms):
        seconds = (end - time.monotonic()) / (len(options.rooms) - place)
        folder = prepared(room)
        judge(folder, options.sample, options.seed, seconds, options.workers)
        modules |= sample(folder, options.sample, options.seed)
        without += left_out(folder)
        print(f"{room}: done, {(end - time.monotonic()) / 60:.0f} minutes left", flush=True)
    command = f"python -m tests.mutation_score {' '.join(sys.argv[1:])}".strip()
    before = options.report.read_text(encoding="utf-8") if options.report.exists() else ""
    text = report(modules, command, explanations(before), without)
    options.report.write_text(text, encoding="utf-8", newline="\n")
    print(text)


if __name__ == "__main__":
    main()
