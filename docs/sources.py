"""Put the pages of the course site where Sphinx reads them.

    python docs/sources.py

Pages are written by hand in this folder, taken from ``notebooks/`` and ``benchmarks/results/``, or
made from the package. Links lead where things are in the repository; here they become links of
the site.
"""

from __future__ import annotations

import importlib
import inspect
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit

from gnnrec_helpers import __version__ as VERSION

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SOURCE = DOCS / "_build" / "source"
RESULTS = "benchmarks/results"
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))

# the public modules, as a reader meets them
ROOMS = [
    "gnnrec_helpers",
    "gnnrec_helpers.data",
    "gnnrec_helpers.datasets",
    "gnnrec_helpers.models",
    "gnnrec_helpers.objectives",
    "gnnrec_helpers.training",
    "gnnrec_helpers.evaluation",
    "gnnrec_helpers.serving",
    "gnnrec_helpers.engine",
    "gnnrec_helpers.distributed",
    "gnnrec_helpers.course.checks",
    "gnnrec_helpers.course.plots",
]

PROMISES = ["*Stable since 0.2.*", "*May change.*"]  # columns of the table in package.md

MIDDLE, WIDTH = 265.0, 124  # of the map, and of a box in it, in its own units

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([\w./-]+\.\w+)(#[\w-]+)?(?=\))")
TERM = re.compile(r"\*([^*]+)\*: (.+?)(?= \*[^*]+\*: |$)")


def main() -> None:
    pages = all_pages()
    for path in SOURCE.rglob("*"):
        if path.is_file() and path.relative_to(SOURCE).as_posix() not in pages:
            path.unlink()
    for name, content in pages.items():
        path = SOURCE / name
        if not path.exists() or path.read_bytes() != content:  # Sphinx reads what is newer
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def all_pages() -> dict[str, bytes]:
    """The content of every file, by its path on the site."""
    texts = {f"notebooks/{name}": notebook_page(name) for name in NOTEBOOKS}
    texts |= {path.name: written_page(path) for path in DOCS.glob("*.md")}
    texts |= {page_of_module(name): module_page(name) for name in ROOMS}
    titles = result_titles()
    texts |= {f"results/{name}": result_page(name, title) for name, title in titles.items()}
    texts |= {page_of(path): code_page(path) for path in sorted(linked_code())}
    pages = {name: text.encode() for name, text in texts.items()}
    for path in (ROOT / RESULTS).glob("*.png"):
        pages[f"results/{path.name}"] = path.read_bytes()
    return pages


# ---------------------------------------------------------------------- links
def page_of(path: str) -> str:
    """Where a file of the repository is on the site."""
    folder, name = posixpath.split(path)
    if name.endswith(".py"):
        return f"code/{path.removesuffix('.py')}.md"
    known = {"docs": name, "notebooks": path, RESULTS: f"results/{name}"}
    if folder not in known or not (ROOT / path).exists():
        raise ValueError(f"A link leads to {path}, which is not on the site.")
    return known[folder]


def linked(text: str, folder: str, page: str) -> str:
    """Markdown of this folder of the repository, as a page of the site."""

    def moved(link: re.Match[str]) -> str:
        target = page_of(posixpath.normpath(posixpath.join(folder, link[1])))
        return posixpath.relpath(target, posixpath.dirname(page) or ".") + (link[2] or "")

    return outside_code(text, lambda part: LINK.sub(moved, part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for code in FENCE.finditer(text):
        parts += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(text[end:])])


# ---------------------------------------------------------------------- notebooks
def read_notebook(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))


def notebook_page(name: str) -> str:
    """A notebook with links of the site, and what its figures show where the site looks for it."""
    notebook = read_notebook(name)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            describe_figure(cell)
        else:
            text = linked("".join(cell["source"]), "notebooks", f"notebooks/{name}")
            cell["source"] = with_terms(text)
    notebook["cells"][0]["source"] += f"\n\n{in_colab(name)}"
    return json.dumps(notebook, ensure_ascii=False)


def in_colab(name: str) -> str:
    """Where the notebook of this version can be run without an installation, and how."""
    path = urlsplit(repository()).path
    address = f"https://colab.research.google.com/github{path}/blob/v{VERSION}/notebooks/{name}"
    lines = [
        ":::{dropdown} Open in Colab",
        f"[Colab]({address}) runs this notebook on a machine of its own, so nothing has to be",
        "installed on yours. Put these lines into a new cell above all others, and run it first:",
        f"it installs version {VERSION} of the package, and fetches the data and the records",
        f"that the notebooks read.\n\n```text\n{colab_cell()}```\n:::",
    ]
    return "\n".join(lines)


def colab_cell() -> str:
    return f"""\
!git clone -q --depth 1 --branch v{VERSION} {repository()} gnnrec
%pip install -q "./gnnrec[course,serving]"
%cd -q gnnrec/notebooks
"""


def repository() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


def describe_figure(cell: dict[str, Any]) -> None:
    """Jupyter keeps what a figure shows with the output, MyST-NB takes it from the cell."""
    found = [
        output["metadata"].get("image/png", {}).get("alt")
        for output in cell["outputs"]
        if "image/png" in output.get("data", {})
    ]
    if len(found) > 1 or None in found:
        raise ValueError(f"A cell has {len(found)} figures, described as {found}: one is needed.")
    if found:
        cell["metadata"]["mystnb"] = {"image": {"alt": found[0]}}


# ---------------------------------------------------------------------- glossary
def terms(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the last cell of a notebook explains."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in "".join(cell["source"]).splitlines():
                if line.startswith("**Glossary.**"):
                    yield from TERM.findall(line.removeprefix("**Glossary.** "))


def with_terms(text: str) -> str:
    """Every term that is explained leads to the glossary."""
    return re.sub(
        r"^\*\*Glossary\.\*\* .*$",
        lambda line: TERM.sub(r"{term}`\1`: \2", line[0]),
        text,
        flags=re.MULTILINE,
    )


def glossary() -> str:
    """All terms of all notebooks, each with the notebooks that explain it."""
    entries: dict[str, list[str]] = {}
    for name in NOTEBOOKS:
        for term, meaning in terms(read_notebook(name)):
            link = f"[{name.partition('_')[0]}](notebooks/{name})"
            entries.setdefault(term, []).append(f"{meaning.rstrip('.')} ({link})")
    lines = [f"{term}\n  {'; '.join(found)}.\n" for term, found in entries.items()]
    return "\n".join([":::{glossary}", ":sorted:", "", *lines, ":::"])


# ---------------------------------------------------------------------- pages written by hand
def written_page(path: Path) -> str:
    text = linked(path.read_text(encoding="utf-8"), "docs", path.name)
    for made in (course_table, course_map, needs_table, api_table, glossary):
        mark = f"<!-- {made.__name__} -->"
        if mark in text:
            text = text.replace(mark, made())
    return text


def about(name: str) -> dict[str, Any]:
    """What the first cell of a notebook says: title, question, minutes, what comes before."""
    text = "".join(read_notebook(name)["cells"][0]["source"])
    (before,) = re.findall(r"\*\*Before this:\*\* (.*?)(?: \*\*Data:|$)", text, re.MULTILINE)
    return {
        "title": text.splitlines()[0].removeprefix("# "),
        "question": re.search(r"\*\*The question:\*\* (.*)", text)[1],
        "minutes": int(re.search(r"\*\*Time:\*\* about (\d+) minutes", text)[1]),
        "before": linked(before, "notebooks", "map.md"),
        # what follows a semicolon is optional, or about a part
        "needs": re.findall(r"\]\(([^)]+\.ipynb)\)", before.partition(";")[0]),
    }


def course_table() -> str:
    return _notebooks(
        "the question", lambda told: told["question"][:1].upper() + told["question"][1:]
    )


def needs_table() -> str:
    return _notebooks("before it", lambda told: told["before"].rstrip(". "))


def _notebooks(heading: str, tell: Callable[[dict[str, Any]], str]) -> str:
    """A table of all notebooks and their minutes, with a column of what is told about each."""
    rows = []
    for name in NOTEBOOKS:
        told = about(name)
        rows.append(f"| [{told['title']}](notebooks/{name}) | {tell(told)} | {told['minutes']} |")
    return "\n".join([f"| notebook | {heading} | minutes |", "|---|---|---|", *rows])


def course_map() -> str:
    """Which notebook needs which, as a drawing whose boxes are links."""
    told = {name: about(name) for name in NOTEBOOKS}
    known: dict[str, set[str]] = {}  # everything that is read before
    depth: dict[str, int] = {}
    for name in NOTEBOOKS:  # what is needed stands before it in the course
        needs = told[name]["needs"]
        known[name] = set(needs).union(*(known[needed] for needed in needs))
        depth[name] = 1 + max((depth[needed] for needed in needs), default=-1)
    parents = {
        name: [
            n for n in told[name]["needs"] if not any(n in known[m] for m in told[name]["needs"])
        ]
        for name in NOTEBOOKS
    }
    boxes, lines = [], []
    centre: dict[str, float] = {}
    for level in range(max(depth.values()) + 1):
        row = [name for name in NOTEBOOKS if depth[name] == level]
        below = {n: fmean(centre[p] for p in parents[n]) if parents[n] else MIDDLE for n in row}
        row.sort(key=below.__getitem__)
        for name, x in zip(row, _apart(sorted(below.values())), strict=True):
            centre[name] = x
            y = 70 * level
            boxes.append(_box(x, y, name, told[name]["title"]))
            for parent in parents[name]:
                start, from_x = 70 * depth[parent] + 44, centre[parent]
                bend = (y + max(start, y - 26)) / 2
                lines.append(
                    f'<path d="M{from_x:g} {start}V{max(start, y - 26)}'
                    f'C{from_x:g} {bend:g} {x:g} {bend:g} {x:g} {y}"/>'
                )
    width = max(2 * MIDDLE, max(centre.values()) + WIDTH / 2 + 2)
    size = f"0 -2 {width:g} {70 * max(depth.values()) + 48}"
    opening = f'<svg class="course-map" viewBox="{size}" role="group" aria-label="The map">'
    return "\n".join([opening, *lines, *boxes, "</svg>"])


def _apart(wanted: list[float]) -> list[float]:
    """Places of boxes from left to right that do not touch, near those that are wanted."""
    places: list[float] = []
    for x in wanted:
        places.append(max(x, places[-1] + WIDTH + 8) if places else x)
    excess = (sum(places) - sum(wanted)) / len(places)
    return [x - min(excess, places[0] - WIDTH / 2 - 2) for x in places]


def _box(x: float, y: int, name: str, title: str) -> str:
    """A box around a title, in two lines of about the same length if it has several words."""
    words = title.replace(" · ", " ").split()
    ends = [" ".join(words[:n]) for n in range(2, len(words) + 1)]  # no number alone
    first = min(ends, key=lambda text: max(len(text), len(title) - 2 - len(text)))
    second = title.replace(" · ", " ").removeprefix(first).strip()
    page = name.removesuffix(".ipynb") + ".html"
    texts = [(19, first), (35, second)] if second else [(27, first)]
    return (
        f'<a href="notebooks/{page}">'
        f'<rect x="{x - WIDTH / 2:g}" y="{y}" width="{WIDTH}" height="44" rx="5"/>'
        + "".join(f'<text x="{x:g}" y="{y + down}">{text}</text>' for down, text in texts)
        + "</a>"
    )


# ---------------------------------------------------------------------- API
def public_names(module: str) -> list[str]:
    """`__all__`; without it, the classes and functions that a module defines."""
    found = importlib.import_module(module)
    if hasattr(found, "__all__"):
        return list(found.__all__)
    return [
        name
        for name, value in vars(found).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module
        and callable(value)
    ]


def page_of_module(module: str) -> str:
    return f"api/{module}.rst"


def api_table() -> str:
    rows = []
    for module in ROOMS:
        told = " ".join(
            inspect.getdoc(importlib.import_module(module)).partition("\n\n")[0].split()
        )
        rows.append(f"| [{module}]({page_of_module(module)}) | {told} |")
    pages = [page_of_module(module) for module in ROOMS]
    tree = ["", "```{toctree}", ":hidden:", "", *pages, "```"]
    return "\n".join(["| module | what it is for |", "|---|---|", *rows, *tree])


def module_page(module: str) -> str:
    """All public names of a module; the package itself only says where its names are."""
    found = importlib.import_module(module)
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", ""]
    names = public_names(module)
    if module == ROOMS[0]:
        return "\n".join([*lines, *(f"- `{address(name)}`" for name in names), ""])
    values = {name: getattr(found, name) for name in names}
    documented = [n for n, v in values.items() if inspect.isclass(v) or inspect.isfunction(v)]
    lines += [f".. currentmodule:: {module}", "", ".. autosummary::", ""]
    lines += [f"   {name}" for name in documented] + [""]
    promised = stability()[module]
    for name, value in values.items():
        if inspect.isclass(value):
            lines += [f".. autoclass:: {name}", "   :members:", "", f"   {promised[name]}", ""]
        elif inspect.isfunction(value):
            lines += [f".. autofunction:: {name}", "", f"   {promised[name]}", ""]
        elif isinstance(value, Mapping):
            lines += [f".. data:: {name}", "", f"   Its keys: {', '.join(map(str, value))}.", ""]
        else:
            lines += [f".. data:: {name}", f"   :value: {value!r}", ""]
    return "\n".join(lines)


def stability() -> dict[str, dict[str, str]]:
    """Module → name → whether it stays, by the table of ``package.md``; "all" is every name."""
    text = (DOCS / "package.md").read_text(encoding="utf-8")
    table = text.partition("| stable | may change |\n|---|---|---|\n")[2].partition("\n\n")[0]
    promised: dict[str, dict[str, str]] = {}
    for line in table.splitlines():
        room, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
        module = room if room == ROOMS[0] else f"{ROOMS[0]}.{room}"
        for cell, promise in zip(cells, PROMISES, strict=True):
            names = public_names(module) if cell == "all" else re.findall(r"\w+", cell)
            promised.setdefault(module, {}).update(dict.fromkeys(names, promise))
    return promised


def address(name: str) -> str:
    """Where a name of the package itself is documented."""
    package = importlib.import_module(ROOMS[0])
    for room in ROOMS[1:]:
        if room == f"{ROOMS[0]}.{name}":
            return room
        if name in public_names(room) and getattr(package, name) is getattr(
            importlib.import_module(room), name
        ):
            return f"{room}.{name}"
    raise ValueError(f"{name} is public in {ROOMS[0]} and in none of its modules.")


# ---------------------------------------------------------------------- results and code
def result_titles() -> dict[str, str]:
    """The title of every page of results: what the link to it in ``results.md`` says."""
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    links = re.findall(rf"\[([^]]+)\]\(\.\./{RESULTS}/(\w+\.md)\)", text)
    titles = {name: title for title, name in links}
    there = {path.name for path in (ROOT / RESULTS).glob("*.md")}
    if there != titles.keys():
        raise ValueError(f"docs/results.md and {RESULTS} differ in {sorted(there ^ titles.keys())}")
    return titles


def result_page(name: str, title: str) -> str:
    text = (ROOT / RESULTS / name).read_text(encoding="utf-8")
    wide = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n"
    return f"{wide}# {title}\n\n{linked(text, RESULTS, f'results/{name}')}"


def linked_code() -> set[str]:
    """The files of Python that a page leads to."""
    texts = [(ROOT / "docs" / path.name, "docs") for path in DOCS.glob("*.md")]
    texts += [(ROOT / "notebooks" / name, "notebooks") for name in NOTEBOOKS]
    return {
        posixpath.normpath(posixpath.join(folder, link[0]))
        for path, folder in texts
        for link in LINK.findall(path.read_text(encoding="utf-8"))
        if link[0].endswith(".py")
    }


def code_page(path: str) -> str:
    code = (ROOT / path).read_text(encoding="utf-8")
    return f"---\norphan: true\n---\n\n# {path}\n\n~~~~~python\n{code}~~~~~\n"


if __name__ == "__main__":
    main()
