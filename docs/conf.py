"""The course site. Its pages are in ``_build/source``, where ``sources.py`` puts them."""

from __future__ import annotations

import inspect
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gnnrec_helpers import __version__  # noqa: E402

project = "gnnrec"
author = "The gnnrec authors"
copyright = "2026, the gnnrec authors"
version = release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["**/.ipynb_checkpoints"]

# ---------------------------------------------------------------------- notebooks
nb_execution_mode = "off"  # the stored outputs, which make test compares with new ones
nb_ipywidgets_js = {}  # else every page with a widget asks two other hosts for scripts
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_code_prompt_show = "Predict first, then show the result"
nb_code_prompt_hide = "Hide the result"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# ---------------------------------------------------------------------- API
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # types stand in the docstrings
autosummary_generate = False  # a page for each module, not one for each name
numpydoc_show_class_members = False
viewcode_line_numbers = True
toc_object_entries_show_parents = "hide"

# ---------------------------------------------------------------------- HTML
html_theme = "sphinx_book_theme"
html_title = "gnnrec"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["course.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "navbar_persistent": [],  # else there are two search boxes
    "use_download_button": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
mathjax_path = "mathjax/tex-chtml.js"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """The part of MathJax that the pages use: all of it has 24 MB."""
    if error is None:
        (package,) = find_spec("sphinx-mathjax-offline").submodule_search_locations
        mathjax = Path(package) / "static" / "mathjax"
        for part in ("tex-chtml.js", "output/chtml/fonts/woff-v2"):
            there = app.outdir / "_static" / "mathjax" / part
            there.parent.mkdir(parents=True, exist_ok=True)
            if (mathjax / part).is_dir():
                shutil.copytree(mathjax / part, there, dirs_exist_ok=True)
            else:
                shutil.copyfile(mathjax / part, there)


def signature_of_class(
    app: Sphinx, what: str, name: str, item: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str | None, Any]:
    """That of ``__init__``; autodoc takes the one of ``__new__``, which models have, too."""
    if what == "class" and signature:
        signature = stringify_signature(inspect.signature(item), show_annotation=False)
        return signature.removesuffix(" -> None"), returns
    return signature, returns


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-signature", signature_of_class)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
