"""What a learner has solved, as files: ``my/answers/1.1.py`` holds the cell that answered 1.1.

Answers are kept only where a notebook runs from a learner's folder, as :mod:`..my_copy` makes it.
Whoever verifies the course writes nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..my_copy import ANSWERS, CALL, MY


def keep(number: str) -> bool:
    """Store the cell that is running as the answer to an exercise.

    Returns
    -------
    bool
        Whether it was stored.
    """
    folder = _folder()
    if folder is None:
        return False
    path, source = folder / f"{number}.py", _running_cell()
    if number not in CALL.findall(source):  # another cell called it, so its source is no answer
        source = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        folder.mkdir(exist_ok=True)
        aside = path.with_name(f"{path.name}.{os.getpid()}.part")
        aside.write_text(source, encoding="utf-8", newline="\n")
        os.replace(aside, path)
    except OSError as error:
        print(f"It could not be kept in {path}: {error.strerror}.")
        return False
    return True


def row_of(number: str, exercises: list[str]) -> str:
    """The row of the notebook that an exercise belongs to."""
    return row(_notebook(number), exercises)


def row(notebook: str, exercises: list[str]) -> str:
    """The exercises of a notebook, with a mark for each one solved."""
    ours, solved = [number for number in exercises if _notebook(number) == notebook], _solved()
    marks = "".join("✔" if number in solved else "·" for number in ours)
    return f"Notebook {notebook:0>2}: {marks} {marks.count('✔')} of {len(ours)}"


def progress_of(exercises: list[str]) -> str:
    """A row for each notebook."""
    if _folder() is None:
        return "Right answers are kept when a notebook runs from my/, which `make lab` opens."
    rows = [row(notebook, exercises) for notebook in dict.fromkeys(map(_notebook, exercises))]
    total = len(_solved() & set(exercises))
    return "\n".join([*rows, f"{total} of {len(exercises)} exercises are solved."])


def _notebook(number: str) -> str:
    return number.partition(".")[0]


def _folder() -> Path | None:
    here = Path.cwd()
    ours = here.name == MY and (here.parent / "notebooks").is_dir()
    return here / ANSWERS if ours else None


def _solved() -> set[str]:
    folder = _folder()
    return set() if folder is None else {path.stem for path in folder.glob("*.py")}


def _running_cell() -> str:
    """The source of the cell that IPython is running, empty where there is no IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return "" if shell is None else shell.history_manager.input_hist_raw[-1]
