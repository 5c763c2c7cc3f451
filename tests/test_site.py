"""The pieces of the course site that are ours; all but the last test do without Sphinx."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def sources() -> ModuleType:
    return _of_docs("sources")


@pytest.fixture(scope="module")
def verify() -> ModuleType:
    return _of_docs("verify")


def _of_docs(name: str) -> ModuleType:
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


# ---------------------------------------------------------------------- notebooks
def figure(alt: str | None) -> dict[str, Any]:
    told = {} if alt is None else {"image/png": {"alt": alt}}
    return {"output_type": "display_data", "data": {"image/png": ""}, "metadata": told}


def test_what_a_figure_shows_is_where_the_site_looks_for_it(sources: ModuleType) -> None:
    text = {"output_type": "stream", "text": "three"}
    cell = {"metadata": {"tags": ["needed"]}, "outputs": [text, figure("Five bars.")]}
    sources.describe_figure(cell)
    assert cell["metadata"] == {"tags": ["needed"], "mystnb": {"image": {"alt": "Five bars."}}}


@pytest.mark.parametrize("outputs", [[figure(None)], [figure("one"), figure("two")]])
def test_a_figure_without_a_description_of_its_own_is_refused(
    sources: ModuleType, outputs: list[dict[str, Any]]
) -> None:
    with pytest.raises(ValueError, match="one is needed"):
        sources.describe_figure({"metadata": {}, "outputs": outputs})


def test_outputs_of_notebooks_stay_as_they_are(sources: ModuleType) -> None:
    for name in sources.NOTEBOOKS:
        stored = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
        page = json.loads(sources.notebook_page(name))
        assert len(page["cells"]) == len(stored["cells"])
        for before, after in zip(stored["cells"], page["cells"], strict=True):
            assert after.get("outputs") == before.get("outputs")
            assert after["metadata"].get("tags") == before["metadata"].get("tags")


# ---------------------------------------------------------------------- Colab
def test_each_notebook_s_page_leads_to_the_same_version_on_colab(sources: ModuleType) -> None:
    for name in sources.NOTEBOOKS:
        first = json.loads(sources.notebook_page(name))["cells"][0]["source"]
        (link,) = re.findall(r"\(https://colab\.research\.google\.com/github/(\S+)\)", first)
        owner, repository, kind, tag, *path = link.split("/")
        assert f"https://github.com/{owner}/{repository}" == sources.repository()
        assert [kind, tag, "/".join(path)] == ["blob", f"v{sources.VERSION}", f"notebooks/{name}"]
        assert f"\n{sources.colab_cell()}" in first


@pytest.fixture(scope="module")
def tagged(sources: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a tag, such as Colab would fetch from."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    tree = tmp_path_factory.mktemp("repository")
    for name in ("gnnrec_helpers", "data", "licenses", "benchmarks", "notebooks"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tree)]
    version = f"v{sources.VERSION}"
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["tag", version]):
        subprocess.run([*git, *command], check=True)
    return tree


def test_the_lines_for_colab_work_where_nothing_is_installed(
    sources: ModuleType, tagged: Path, tmp_path: Path
) -> None:
    """In an environment without this package; the others' packages are lent to it, offline."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    lines = sources.colab_cell().replace(sources.repository(), tagged.as_uri())
    stored = re.compile(r'(?:benchmarks/results/|results / \\")(\w+\.json)')
    texts = [(ROOT / "notebooks" / name).read_text("utf-8") for name in sources.NOTEBOOKS]
    read = {name for text in texts for name in stored.findall(text)}
    assert len(read) >= 15
    (tmp_path / "cell.ipy").write_text(
        f"""{lines}
import gnnrec_helpers, sys
from gnnrec_helpers import datasets
from gnnrec_helpers.course import checks, plots, records
assert gnnrec_helpers.__file__.startswith(sys.prefix), gnnrec_helpers.__file__
for name in {sorted(read)}:
    assert records.read("../benchmarks/results/" + name)
for name in ("toy", "movielens-small", "lastfm-2k"):
    datasets.load(name)
print("version", gnnrec_helpers.__version__)
"""
    )
    lent = {
        "PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0", "IPYTHONDIR": str(tmp_path / "ipython"),
    }  # fmt: skip
    run = subprocess.run(
        [python, "-m", "IPython", "cell.ipy"],
        cwd=tmp_path,
        env={**os.environ, **lent},
        capture_output=True,
        text=True,
    )
    assert run.stdout.splitlines()[-1:] == [f"version {sources.VERSION}"], run.stdout + run.stderr


# ---------------------------------------------------------------------- links and terms
@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("02_recommendation_graphs.ipynb", "02_recommendation_graphs.ipynb"),
        ("../benchmarks/results/paper.md", "../results/paper.md"),
        ("../docs/glossary.md#hop", "../glossary.md#hop"),
        ("../gnnrec_helpers/objectives.py", "../code/gnnrec_helpers/objectives.md"),
        ("https://arxiv.org/abs/2002.02126", "https://arxiv.org/abs/2002.02126"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(
    sources: ModuleType, link: str, moved: str
) -> None:
    assert sources.linked(f"[x]({link}).", "notebooks", "notebooks/a.ipynb") == f"[x]({moved})."


def test_a_link_that_leads_off_the_site_is_refused(sources: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"notebooks/16_sessions\.ipynb"):
        sources.linked("[x](16_sessions.ipynb)", "notebooks", "notebooks/a.ipynb")


def test_code_keeps_what_looks_like_a_link(sources: ModuleType) -> None:
    text = "```python\nf[0](some.md)\n```\n"
    assert sources.linked(text, "notebooks", "notebooks/a.ipynb") == text


def test_every_notebook_explains_terms_and_all_are_in_the_glossary(sources: ModuleType) -> None:
    glossary = sources.glossary()
    for name in sources.NOTEBOOKS:
        terms = list(sources.terms(sources.read_notebook(name)))
        assert len(terms) >= 4, name
        for term, meaning in terms:
            assert f"\n{term}\n  " in glossary
            assert meaning.removesuffix(".") in glossary
            assert f"{{term}}`{term}`" in sources.notebook_page(name)
    hop = re.search(r"\nHop\n  (.*)\n", glossary)
    assert hop
    assert [link in hop[1] for link in ("[02](", "[06](", "[01](")] == [True, True, False]


def test_the_map_shows_every_notebook_and_no_line_upwards(sources: ModuleType) -> None:
    drawn = sources.course_map()
    boxes = re.findall(r'href="notebooks/(\w+)\.html"', drawn)
    assert sorted(f"{name}.ipynb" for name in boxes) == sources.NOTEBOOKS
    lines = re.findall(r'd="M\S+ (\d+)V.* (\d+)"', drawn)
    assert len(lines) >= len(boxes) - 1
    assert all(int(start) < int(end) for start, end in lines)


# ---------------------------------------------------------------------- results and API
def test_every_page_of_results_has_a_title(sources: ModuleType) -> None:
    titles = sources.result_titles()
    assert len(set(titles.values())) == len(titles) >= 27
    page = sources.result_page("paper.md", titles["paper.md"])
    assert "\n# Published figures on Gowalla, and ours\n" in page


def test_every_module_with_public_names_has_a_page(sources: ModuleType) -> None:
    package = ROOT / "gnnrec_helpers"
    declared = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
        if re.search(r"^__all__ = ", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {*sources.ROOMS} == declared | {"gnnrec_helpers.objectives"}


def test_module_pages_list_every_public_name(sources: ModuleType) -> None:
    for module in sources.ROOMS[1:]:
        page = sources.module_page(module)
        named = re.findall(r"^\.\. (?:autoclass|autofunction|data):: (\w+)$", page, re.MULTILINE)
        declared = getattr(importlib.import_module(module), "__all__", None)
        assert named == (declared or sources.public_names(module))
    top = sources.module_page("gnnrec_helpers")
    for name in importlib.import_module("gnnrec_helpers").__all__:
        assert re.search(rf"^- `gnnrec_helpers\.(\w+\.)?{name}`$", top, re.MULTILINE)
    assert {"BPR", "SampledSoftmax"} <= {*sources.public_names("gnnrec_helpers.objectives")}


def test_the_table_of_what_stays_has_every_public_name_once(sources: ModuleType) -> None:
    promised = sources.stability()
    assert list(promised) == sources.ROOMS
    for module in sources.ROOMS:
        assert promised[module].keys() == {*sources.public_names(module)}, module
    page = (DOCS / "package.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| [\w.]+ \|(.*)$", page.partition("| may change |")[2], re.M):
        names = re.findall(r"`(\w+)`", row)
        assert len(names) == len({*names}), row


def test_what_the_package_offers_itself_stays_in_its_module(sources: ModuleType) -> None:
    stable, _ = sources.PROMISES
    promised = sources.stability()
    for name in promised["gnnrec_helpers"]:
        room, _, last = sources.address(name).rpartition(".")
        if sources.address(name) not in promised:  # a name, not a module
            assert promised[room][last] == stable, name


def test_every_public_class_says_whether_it_stays(sources: ModuleType) -> None:
    page = sources.module_page("gnnrec_helpers.models")
    said = dict(
        re.findall(r"^\.\. autoclass:: (\w+)\n   :members:\n\n   (.*)$", page, re.MULTILINE)
    )
    assert len(said) == page.count(".. autoclass::") >= 30
    assert [said["LightGCN"], said["SEPT"]] == sources.PROMISES


def test_numbers_that_changed_are_those_of_the_results() -> None:
    """The newest version comes first; what it says now is on the page that it leads to."""
    text = (DOCS / "numbers.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == importlib.import_module("gnnrec_helpers").__version__
    rows = re.findall(r"^\| \[.*\]\((.*)\).* \| (.*) \| (.*) \| .* \|$", text, re.MULTILINE)
    assert len(rows) >= 5
    for page, before, now in rows:
        assert before != now
        found = (DOCS / page).read_text(encoding="utf-8")
        assert all(
            re.search(rf"\| {number}\b", found) or f"/ {number}" in found
            for number in re.findall(r"0\.\d+", now)
        ), now


def test_how_to_cite_is_as_in_the_citation_file() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    page = (DOCS / "cite.md").read_text(encoding="utf-8")
    assert f"{{{citation['title']}}}" in page
    assert f"version = {{{citation['version']}}}" in page


# ---------------------------------------------------------------------- looking it over
def test_what_is_wrong_with_pages_is_found(verify: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#there">1</a><a href="b.html#gone">2</a>'
        '<a href="c.html">3</a><a href="https://example.org">4</a><a href="#top">5</a>'
        '<a href="mailto:recall@20">6</a><img src="f.png" alt=""><img src="f.png" alt="A line.">'
        '<script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    (tmp_path / "f.png").touch()
    assert sorted(verify.problems(tmp_path)) == [
        "a.html: a figure without description, f.png",
        "a.html: a link to mailto:recall@20",
        "a.html: asks another host for https://example.org/x.js",
        "a.html: b.html#gone leads to no place on its page",
        "a.html: c.html leads nowhere",
    ]


# ---------------------------------------------------------------------- what it needs
def test_the_site_needs_exact_versions_of_what_the_lock_does_not_have() -> None:
    def pins(path: Path) -> dict[str, str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [Requirement(line) for line in lines if line and not line.startswith("#")]
        return {canonicalize_name(pin.name): str(pin.specifier) for pin in found}

    needed = pins(DOCS / "requirements.txt")
    assert all(specifier.startswith("==") for specifier in needed.values())
    assert not needed.keys() & pins(ROOT / "requirements.lock").keys()


def test_sphinx_shows_the_description_of_a_figure(sources: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("myst_nb", reason="Sphinx is not installed: make site installs it")
    application = importlib.import_module("sphinx.application")
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
        "rkJggg=="
    )
    shown = figure("A pixel.")
    shown["data"]["image/png"] = pixel
    shown["metadata"]["image/png"]["width"] = 640  # less than it has pixels, to be sharp
    cell = {
        "cell_type": "code", "execution_count": 1, "source": "draw()", "outputs": [shown],
        "metadata": {"tags": ["hide-output"]}, "id": "a",
    }  # fmt: skip
    sources.describe_figure(cell)
    title = {"cell_type": "markdown", "source": "# Title", "metadata": {}, "id": "b"}
    notebook = {"cells": [title, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "index.ipynb").write_text(json.dumps(notebook))
    settings = {"extensions": ["myst_nb"], "nb_execution_mode": "off"}
    folders = (tmp_path, None, tmp_path / "html", tmp_path / "trees")
    application.Sphinx(*folders, "html", settings, status=None, warning=None).build()
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert 'alt="A pixel."' in page
    assert 'width="640"' in page
    assert "<details" in page
