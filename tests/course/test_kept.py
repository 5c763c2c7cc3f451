"""Right answers are kept as files, where a learner works and nowhere else."""

import re

import nbclient
import nbformat
import pytest

from gnnrec_helpers.course import checks, my_copy
from gnnrec_helpers.course.checks import kept

OTHERS = sum(number.startswith("1.") for number in checks.exercises()) - 1  # besides 1.1
ANSWER = 'answer = [0, 0, 0, 0.5, 0]  # größer\nchecks.exercise("1.1", answer)'


@pytest.fixture
def my(tmp_path, monkeypatch):
    """A learner's folder, in which the test runs as a notebook would."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "my").mkdir()
    monkeypatch.chdir(tmp_path / "my")
    return tmp_path / "my"


def running(monkeypatch, source):
    monkeypatch.setattr(kept, "_running_cell", lambda: source)


# ------------------------------------------------------------------ keeping
def test_a_right_answer_is_kept_and_shown(my, monkeypatch, capsys):
    running(monkeypatch, ANSWER)
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    assert (my / "answers/1.1.py").read_text("utf-8") == ANSWER
    assert [path.name for path in (my / "answers").iterdir()] == ["1.1.py"]
    assert capsys.readouterr().out.splitlines() == [
        "✔ Exercise 1.1: right!",
        f"Notebook 01: ✔{'·' * OTHERS} 1 of {OTHERS + 1}",
    ]


@pytest.mark.parametrize("answer", [..., [0, 0, 0, 0, 0], None])
def test_another_answer_is_not_kept(my, monkeypatch, answer):
    running(monkeypatch, ANSWER)
    checks.exercise("1.1", answer)
    assert not (my / "answers").exists()


def test_the_latest_right_answer_is_kept_and_a_wrong_one_takes_nothing_away(my, monkeypatch):
    for source, answer in ((ANSWER, [0, 0, 0, 0.5, 0]), (f"# again\n{ANSWER}", [0, 0, 0, 0.5, 0]),
                           ("# worse\n" + ANSWER, [1, 0, 0, 0.5, 0])):  # fmt: skip
        running(monkeypatch, source)
        checks.exercise("1.1", answer)
    assert (my / "answers/1.1.py").read_text("utf-8") == f"# again\n{ANSWER}"


def test_without_the_source_of_the_call_an_answer_counts_and_an_older_source_stays(my, monkeypatch):
    running(monkeypatch, "check_all()")
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    assert (my / "answers/1.1.py").read_text() == ""
    running(monkeypatch, ANSWER)
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    running(monkeypatch, ANSWER.replace("1.1", "1.2"))
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    assert (my / "answers/1.1.py").read_text("utf-8") == ANSWER


@pytest.mark.parametrize("where", ["notebooks", ".", "my/deeper"])
def test_elsewhere_nothing_is_written(my, monkeypatch, capsys, where):
    (my / "deeper").mkdir()
    monkeypatch.chdir(my.parent / where)
    running(monkeypatch, ANSWER)
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    assert capsys.readouterr().out == "✔ Exercise 1.1: right!\n"
    assert not list(my.parent.rglob("answers"))
    checks.progress()
    assert "runs from my/" in capsys.readouterr().out


def test_a_folder_called_my_without_a_course_is_no_learner_s(tmp_path, monkeypatch):
    (tmp_path / "my").mkdir()
    monkeypatch.chdir(tmp_path / "my")
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    assert not list((tmp_path / "my").iterdir())


def test_a_disk_that_refuses_does_not_spoil_the_verdict(my, capsys):
    (my / "answers").write_text("a file where the folder should be")
    checks.exercise("1.1", [0, 0, 0, 0.5, 0])
    first, second = capsys.readouterr().out.splitlines()
    assert first == "✔ Exercise 1.1: right!"
    assert second.startswith("It could not be kept in ")


# ------------------------------------------------------------------ progress
def test_progress_has_a_row_for_each_notebook(my, capsys):
    (my / "answers").mkdir()
    for number in ("1.1", "1.2", "1.4", "10.5", "99.1"):
        (my / "answers" / f"{number}.py").touch()
    checks.progress()
    *rows, total = capsys.readouterr().out.splitlines()
    assert len(rows) == 15
    assert rows[0].startswith("Notebook 01: ✔✔·✔")
    assert rows[0].endswith(f"3 of {OTHERS + 1}")
    assert re.fullmatch(r"Notebook 02: ·+ 0 of \d", rows[1])
    assert re.fullmatch(r"Notebook 10: ····✔·* 1 of \d", rows[9])
    assert total == f"4 of {len(checks.exercises())} exercises are solved."


# ------------------------------------------------------------------ in a real kernel
def executed(path):
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300).execute(
        cwd=str(path.parent)
    )
    return ["".join(o["text"] for o in c.outputs if "text" in o) for c in notebook.cells]


def test_from_a_notebook_to_a_filled_copy(tmp_path):
    setup = nbformat.v4.new_code_cell("from gnnrec_helpers.course import checks")
    starter = nbformat.v4.new_code_cell('answer = ...\nchecks.exercise("1.1", answer)')
    starter.metadata["tags"] = ["exercise"]
    original = tmp_path / "notebooks/01_one.ipynb"
    original.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[setup, starter]), original)
    (copy,) = my_copy.copy_missing(tmp_path)

    worked_on = nbformat.read(copy, as_version=4)
    worked_on.cells[1].source = f"%%time\n{ANSWER}"
    nbformat.write(worked_on, copy)
    done = f"Notebook 01: ✔{'·' * OTHERS} 1 of {OTHERS + 1}\n"
    assert executed(copy)[1].startswith(f"✔ Exercise 1.1: right!\n{done}")

    again, filled = my_copy.fresh(tmp_path, "01")
    assert filled == ["1.1"]
    assert nbformat.read(again, as_version=4).cells[1].source == f"%%time\n{ANSWER}"
