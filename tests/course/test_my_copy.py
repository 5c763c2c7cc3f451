"""The learner's copies: made when missing, never overwritten, out of the way of updates."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gnnrec_helpers.course import my_copy

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "gnnrec_helpers/course/my_copy.py"
STARTER = 'answer = ...\nchecks.exercise("3.1", answer)'


def notebook(path, *sources):
    """A small notebook with one exercise, as the course stores it."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in cells:
        if "checks.exercise" in cell.source:
            cell.metadata["tags"] = ["exercise"]
            cell.outputs = [nbformat.v4.new_output("stream", text="Exercise 3.1: not answered yet")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=cells), indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )


@pytest.fixture
def course(tmp_path):
    notebook(tmp_path / "notebooks/01_one.ipynb", "print('Größe')")
    notebook(tmp_path / "notebooks/03_three.ipynb", "import numpy as np", STARTER)
    return tmp_path


def run(course, *arguments):
    return subprocess.run(
        [sys.executable, "-P", SCRIPT, *arguments], cwd=course, capture_output=True, text=True
    )


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


# ------------------------------------------------------------------ what is missing is copied
def test_every_notebook_is_copied_whole(course):
    assert run(course).stdout == "Copied 2 notebooks to my/, where your work stays.\n"
    for name in ("01_one.ipynb", "03_three.ipynb"):
        original, copy = (json.loads((course / f / name).read_text("utf-8")) for f in ("notebooks",
                          "my"))  # fmt: skip
        assert copy["cells"] == original["cells"]
        assert copy["metadata"].pop("gnnrec_copied_from")
        assert copy == original
    assert sorted(p.name for p in (course / "my").iterdir()) == ["01_one.ipynb", "03_three.ipynb"]


def test_what_is_there_is_never_overwritten(course):
    (course / "my").mkdir()
    (course / "my/01_one.ipynb").write_text("my own, and no notebook (")
    assert "Copied 1 notebooks" in run(course).stdout
    assert (course / "my/01_one.ipynb").read_text() == "my own, and no notebook ("
    before = (course / "my/03_three.ipynb").stat().st_mtime_ns
    assert run(course).stdout == ""
    assert (course / "my/03_three.ipynb").stat().st_mtime_ns == before


def test_an_interrupted_copy_is_made_again(course, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(my_copy.os, "rename", fail)
        with pytest.raises(KeyboardInterrupt):
            my_copy.copy_missing(course)
    assert not list((course / "my").glob("*.ipynb"))
    assert len(my_copy.copy_missing(course)) == 2
    assert not list((course / "my").glob("*.part"))


def test_the_course_s_own_notebooks_are_copied_with_working_links(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        (tmp_path / "notebooks" / path.name).write_bytes(path.read_bytes())
    copies = my_copy.copy_missing(tmp_path)
    assert len(copies) == len(my_copy.notebooks(ROOT)) == len(list(ROOT.glob("notebooks/*.ipynb")))
    for copy in copies:
        content = nbformat.read(copy, as_version=4)
        nbformat.validate(content)
        text = "\n".join(cell.source for cell in content.cells if cell.cell_type == "markdown")
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", text):
            target = ROOT / "notebooks" / link if link.startswith("../") else tmp_path / "my" / link
            assert target.exists(), link


# ------------------------------------------------------------------ a new copy
def test_a_new_copy_lies_beside_the_old_ones(course):
    my_copy.copy_missing(course)
    (course / "my/03_three.ipynb").write_text("worked on")
    for number, name in (("03", "03_three (2)"), ("3", "03_three (3)"),
                         ("my/03_three.ipynb", "03_three (4)")):  # fmt: skip
        assert run(course, "--fresh", number).stdout == f"Made my/{name}.ipynb\n"
        assert sources(course / f"my/{name}.ipynb") == ["import numpy as np", STARTER]
    assert (course / "my/03_three.ipynb").read_text() == "worked on"


@pytest.mark.parametrize("named", ["03b", "3b", "my/03b_more.ipynb", "03b_more (2).ipynb"])
def test_a_second_part_is_not_taken_for_the_first(course, named):
    notebook(course / "notebooks/03b_more.ipynb", "import torch", STARTER)
    copy, _ = my_copy.fresh(course, named)
    assert copy == course / "my/03b_more.ipynb"
    assert my_copy.fresh(course, "03")[0] == course / "my/03_three.ipynb"
    notebook(course / "notebooks/03b_more.ipynb", "import numpy", STARTER)
    assert my_copy.changed(course) == ["03b"]


def test_the_first_copy_has_the_plain_name(course):
    assert my_copy.fresh(course, "01") == (course / "my/01_one.ipynb", [])


@pytest.mark.parametrize(
    ("notebook", "said"),
    [
        ("", "No notebook is named: NOTEBOOK=01 to NOTEBOOK=03."),
        ("02", "There is no notebook '02': NOTEBOOK=01 to NOTEBOOK=03."),
        ("three", "There is no notebook 'three': NOTEBOOK=01 to NOTEBOOK=03."),
    ],
)
def test_a_notebook_that_is_not_there_is_refused(course, notebook, said):
    refused = run(course, "--fresh", notebook)
    assert refused.returncode == 1
    assert refused.stderr == said + "\n"
    assert not (course / "my").exists()


def test_outside_the_course_it_says_so(tmp_path):
    assert "in the folder of the course" in run(tmp_path).stderr


def test_kept_answers_fill_the_new_copy(course):
    my_copy.copy_missing(course)
    mine = '# größer\nanswer = [23, 6]\nchecks.exercise("3.1", answer)'
    (course / "my/answers").mkdir()
    (course / "my/answers/3.1.py").write_text(mine, encoding="utf-8")
    (course / "my/answers/3.2.py").write_text("another exercise")
    said = run(course, "--fresh", "03").stdout
    assert "It holds your answers to 3.1." in said
    copy = nbformat.read(course / "my/03_three (2).ipynb", as_version=4)
    nbformat.validate(copy)
    assert [cell.source for cell in copy.cells] == ["import numpy as np", mine]
    assert copy.cells[1].outputs == []  # "not answered yet" is no longer so
    assert run(course, "--fresh", "03", "--answers", "no").stdout == "Made my/03_three (3).ipynb\n"
    assert sources(course / "my/03_three (3).ipynb")[1] == STARTER


def test_an_answer_without_source_fills_nothing(course):
    (course / "my/answers").mkdir(parents=True)
    (course / "my/answers/3.1.py").write_text("")
    copy, filled = my_copy.fresh(course, "03")
    assert filled == []
    assert sources(copy)[1] == STARTER


# ------------------------------------------------------------------ updates
def test_a_notebook_that_changed_is_announced_until_it_is_copied(course):
    my_copy.copy_missing(course)
    assert my_copy.changed(course) == []
    notebook(course / "notebooks/03_three.ipynb", "import numpy as np", "new = 1", STARTER)
    assert run(course).stdout == (
        "Notebook 03 has changed: `make fresh NOTEBOOK=03` copies it anew.\n"
    )
    run(course, "--fresh", "03")
    assert my_copy.changed(course) == []


def test_other_outputs_are_no_change(course):
    my_copy.copy_missing(course)
    original = course / "notebooks/03_three.ipynb"
    content = json.loads(original.read_text("utf-8"))
    content["cells"][1]["outputs"] = []
    original.write_text(json.dumps(content), "utf-8")
    assert my_copy.changed(course) == []


def test_an_update_of_the_course_never_meets_the_learner_s_work(tmp_path):
    def git(folder, *arguments):
        return subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
            cwd=folder, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    upstream, mine = tmp_path / "upstream", tmp_path / "mine"
    notebook(upstream / "notebooks/03_three.ipynb", "import numpy as np", STARTER)
    (upstream / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    git(upstream, "init", "--quiet")
    git(upstream, "add", ".")
    git(upstream, "commit", "--quiet", "-m", "first")
    git(tmp_path, "clone", "--quiet", upstream, mine)

    run(mine)
    answered = STARTER.replace("...", "[23, 6]")
    notebook(mine / "my/03_three.ipynb", "import numpy as np", answered)
    (mine / "my/answers").mkdir()
    (mine / "my/answers/3.1.py").write_text(answered)
    assert git(mine, "status", "--porcelain") == ""

    notebook(upstream / "notebooks/03_three.ipynb", "import numpy as np", "new = 1", STARTER)
    git(upstream, "commit", "--quiet", "-am", "a cell more")
    git(mine, "pull", "--quiet")
    assert sources(mine / "notebooks/03_three.ipynb")[1] == "new = 1"
    assert sources(mine / "my/03_three.ipynb") == ["import numpy as np", answered]
    run(mine, "--fresh", "03")
    assert sources(mine / "my/03_three (2).ipynb") == ["import numpy as np", "new = 1", answered]
