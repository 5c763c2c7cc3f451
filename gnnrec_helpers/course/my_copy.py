"""The learner's own copies of the notebooks, in a folder that git ignores and no update touches.

``make lab`` and ``make fresh NOTEBOOK=03`` run this file as a script, from the folder of the
course. It needs nothing but the standard library, so it starts at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

MY = "my"  # beside notebooks/, so relative paths such as ../benchmarks/results stay right
ANSWERS = "answers"  # in MY: the source of each exercise that was answered right, 1.1.py
COPIED_FROM = "gnnrec_copied_from"  # in a copy's metadata: the digest of what was copied
CALL = re.compile(r"""checks\.exercise\(\s*["']([0-9.]+)["']""")


def copy_missing(course: Path) -> list[Path]:
    """Copy each notebook that has no copy yet, and overwrite none.

    Parameters
    ----------
    course : Path
        The folder that holds ``notebooks``.

    Returns
    -------
    list of Path
        The copies that were made.
    """
    return [
        _copy(original, course / MY / original.name, {})
        for original in notebooks(course)
        if not (course / MY / original.name).exists()
    ]


def fresh(course: Path, notebook: str, with_answers: bool = True) -> tuple[Path, list[str]]:
    """Make a new copy of one notebook beside those that are there.

    Parameters
    ----------
    course : Path
        The folder that holds ``notebooks``.
    notebook : str
        Its number, ``"03"`` or ``"3"``, or its file name.
    with_answers : bool, default True
        Whether exercises that were answered right hold those answers, instead of the dots.

    Returns
    -------
    path : Path
    filled : list of str
        The numbers of the exercises that hold an answer.

    Raises
    ------
    ValueError
        If there is no such notebook.
    """
    known = {_number(path.name): path for path in notebooks(course)}
    number = _number(Path(notebook).name)
    if number not in known:
        named = f"There is no notebook {notebook!r}" if notebook else "No notebook is named"
        raise ValueError(f"{named}: NOTEBOOK={min(known)} to NOTEBOOK={max(known)}.")
    original = known[number]
    copy, place = course / MY / original.name, 2
    while copy.exists():
        copy = course / MY / f"{original.stem} ({place}){original.suffix}"
        place += 1
    answers = _answers(course) if with_answers else {}
    cells = json.loads(original.read_text(encoding="utf-8"))["cells"]
    filled = [n for cell in cells if (n := _exercise(cell)) is not None and n in answers]
    return _copy(original, copy, answers), filled


def changed(course: Path) -> list[str]:
    """The numbers of the notebooks that have changed since each of their copies was made."""
    numbers = []
    for original in notebooks(course):
        now = _digest(json.loads(original.read_text(encoding="utf-8")))
        copies = (course / MY).glob(f"{original.stem}*.ipynb")
        then = {digest for copy in copies if (digest := _copied_from(copy))}
        if then and now not in then:
            numbers.append(_number(original.name))
    return numbers


def notebooks(course: Path) -> list[Path]:
    """The notebooks of the course, in order."""
    return sorted((course / "notebooks").glob("[0-9][0-9]*_*.ipynb"))


def _number(name: str) -> str:
    """Of a notebook, such as 04 or 04b, however it is named; empty if there is none."""
    number = re.match(r"(\d+)([a-z]?)(?![a-z])", name)
    return "" if number is None else f"{int(number[1]):02}{number[2]}"


def _copy(original: Path, copy: Path, answers: dict[str, str]) -> Path:
    """Write a copy aside and rename it, so that it is never half-written."""
    content = json.loads(original.read_text(encoding="utf-8"))
    content["metadata"][COPIED_FROM] = _digest(content)
    for cell in content["cells"]:
        answer = answers.get(_exercise(cell) or "")
        if answer is not None:
            cell.update(source=answer.splitlines(keepends=True), outputs=[], execution_count=None)
    copy.parent.mkdir(exist_ok=True)
    aside = copy.with_name(f"{copy.name}.part")
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    aside.write_text(text, encoding="utf-8", newline="\n")
    os.rename(aside, copy)
    return copy


def _exercise(cell: dict[str, Any]) -> str | None:
    """The number of the exercise that a cell is the starter of."""
    if "exercise" not in cell["metadata"].get("tags", []):
        return None
    call = CALL.search("".join(cell["source"]))
    return None if call is None else call[1]


def _answers(course: Path) -> dict[str, str]:
    """Exercise → the source that answered it."""
    kept = {
        path.stem: path.read_text(encoding="utf-8")
        for path in (course / MY / ANSWERS).glob("[0-9]*.py")
    }
    return {number: source for number, source in kept.items() if source}


def _digest(content: dict[str, Any]) -> str:
    """Of what a notebook says; outputs do not count."""
    sources = ["".join(cell["source"]) for cell in content["cells"]]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()[:16]


def _copied_from(copy: Path) -> str | None:
    try:
        return str(json.loads(copy.read_text(encoding="utf-8"))["metadata"][COPIED_FROM])
    except (ValueError, KeyError, TypeError):  # not one of ours, or no longer a notebook
        return None


def main(arguments: list[str]) -> None:
    """What ``make lab`` and ``make fresh`` do with copies, and say."""
    parser = argparse.ArgumentParser(prog="my_copy", description="Your copies of the notebooks.")
    parser.add_argument("--fresh", metavar="NOTEBOOK", help="copy this one again, beside the old")
    parser.add_argument("--answers", default="yes", choices=["yes", "no"])
    asked = parser.parse_args(arguments)
    course = Path.cwd()
    if not notebooks(course):
        sys.exit("There are no notebooks here: run this in the folder of the course.")
    if asked.fresh is None:
        new = copy_missing(course)
        if new:
            print(f"Copied {len(new)} notebooks to {MY}/, where your work stays.")
        for number in changed(course):
            print(f"Notebook {number} has changed: `make fresh NOTEBOOK={number}` copies it anew.")
        return
    try:
        copy, filled = fresh(course, asked.fresh, asked.answers == "yes")
    except ValueError as error:
        sys.exit(str(error))
    print(f"Made {copy.relative_to(course).as_posix()}")
    if filled:
        print(f"It holds your answers to {', '.join(filled)}. For an empty one add ANSWERS=no.")


if __name__ == "__main__":
    main(sys.argv[1:])
