"""What the README says is what the repository holds."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
README, RESULTS = ((ROOT / name).read_text("utf-8") for name in ("README.md", "RESULTS.md"))
LINKS = re.findall(r"\]\((?!https?:)([^)#]+)\)", README + RESULTS)


def test_tables_are_those_of_the_stored_benchmarks():
    stored = (ROOT / "benchmarks/results/movielens_small.md").read_text(encoding="utf-8")
    tables = [table.strip() for table in stored.strip().split("\n\n")]
    assert len(tables) == 2
    paper = (ROOT / "benchmarks/results/paper.md").read_text(encoding="utf-8")
    assert tables[1] in RESULTS
    assert tables[0] in README
    assert paper.split("\n\n")[0] in RESULTS


def test_the_readme_is_read_in_a_minute():
    assert len(README.splitlines()) <= 120


def test_stored_benchmark_shows_what_the_course_claims():
    """LightGCN beats MF by at least 15 % at equal settings, and by less when both are tuned."""
    gains = [float(gain) for gain in re.findall(r"\| \+([0-9.]+)% \|", README)]
    untuned, rate, decay, negatives = gains
    assert min(untuned, rate) >= 15
    assert 0 < negatives < decay < min(untuned, rate)


@pytest.mark.parametrize("target", LINKS)
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_every_notebook_is_on_the_map():
    on_map = set(re.findall(r"\(notebooks/([^)]+)\)", README))
    assert on_map == {path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}


def test_minutes_on_the_map_are_those_of_the_notebooks():
    rows = re.findall(r"\(notebooks/([^)]+)\) \| [^|]+ \| (\d+) \|", README)
    assert rows
    for name, minutes in rows:
        opening = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells[0].source
        assert re.search(r"about (\d+) minutes", opening).group(1) == minutes, name


def test_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\w+)", README, re.M)
    assert commands == ["lab", "test"]
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.M)
    for script in re.findall(r"`python ([\w/]+\.py)", README + RESULTS):
        assert (ROOT / script).is_file()


def test_a_picture_of_a_notebook_comes_first():
    picture = ROOT / re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)[0]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000
    assert README.index(picture.name) < README.index("\n## ")
