"""Look over the built site: links, other hosts, descriptions of figures, public names, size.

python docs/verify.py
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sources

SITE = sources.DOCS / "_build" / "html"
MEGABYTES = 30
# what a browser asks for without being told to by a reader
FETCHED = {
    ("img", "src"),
    ("script", "src"),
    ("iframe", "src"),
    ("link", "href"),
    ("source", "src"),
}


class Page(HTMLParser):
    """Where a page leads, what it fetches, its anchors, and figures without a description."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.anchors: set[str] = set()
        self.undescribed: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        self.fetched |= {value for name, value in values.items() if (tag, name) in FETCHED}
        if tag == "img" and not values.get("alt"):
            self.undescribed.add(values.get("src", ""))


def problems(site: Path) -> list[str]:
    """A sentence for everything that is wrong with the pages of a folder."""
    pages = {
        path: Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts  # templates of the theme
    }
    found = []
    for path, page in pages.items():
        here = path.relative_to(site).as_posix()
        found += [f"{here}: a figure without description, {src}" for src in page.undescribed]
        for address in sorted(page.links | page.fetched):
            parts = urlsplit(address)
            if parts.scheme in ("http", "https") or parts.netloc:
                if address in page.fetched:
                    found.append(f"{here}: asks another host for {address}")
                continue
            if parts.scheme == "data":
                continue
            if parts.scheme:
                found.append(f"{here}: a link to {address}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists():
                found.append(f"{here}: {address} leads nowhere")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{here}: {address} leads to no place on its page")
    return found


def missing_names(site: Path) -> list[str]:
    """Public names without an entry on the page of their module."""
    found = []
    for module in sources.ROOMS[1:]:
        path = site / "api" / f"{module}.html"
        anchors = Page(path.read_text(encoding="utf-8")).anchors
        found += [
            f"{module}.{name} is not on {path.name}"
            for name in sources.public_names(module)
            if f"{module}.{name}" not in anchors
        ]
    return found


def main() -> None:
    site = SITE.resolve()
    found = problems(site) + missing_names(site)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    if size > MEGABYTES:
        found.append(f"The site has {size:.1f} MB; at most {MEGABYTES} are meant.")
    if found:
        sys.exit("\n".join(found))
    print(f"{sum(1 for _ in site.rglob('*.html'))} pages, {size:.1f} MB; all links lead somewhere.")


if __name__ == "__main__":
    main()
