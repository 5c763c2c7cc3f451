"""Interactions beside a knowledge graph, in the files of the KGCN paper: Last.fm, Book-Crossing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph
from .dataset import Dataset
from .files import need

PUBLISHER = "https://github.com/hwwang55/KGCN/tree/master/data"
TERMS = "published for research, no licence stated: ask the publisher before passing it on"
LINKS, FACTS = "item_index2entity_id.txt", "kg.txt"


class _Source(NamedTuple):
    file: str
    separator: str
    columns: tuple[str, str, str]  # of the user, the item, and how much
    folder: str
    citation: str


SOURCES = {
    "lastfm-kg": _Source(
        "user_artists.dat",
        "\t",
        ("userID", "artistID", "weight"),
        "music",
        "Cantador et al. (2011), HetRec; facts: Wang et al. (2019), KGCN, WWW",
    ),
    "book-crossing-kg": _Source(
        "BX-Book-Ratings.csv",
        ";",
        ("User-ID", "ISBN", "Book-Rating"),
        "book",
        "Ziegler et al. (2005), WWW; facts: Wang et al. (2019), KGCN, WWW",
    ),
}


def load(name: str) -> Dataset:
    """Every pair of a user and a linked item, as the KGCN paper takes them, and facts about items.

    Items that are not linked to an entity are left out, and counted in ``interactions.dropped``
    with the pairs they are in. An entity that is an item has its label; another one is called
    "entity 3846", by its number in the file. What was listened to how often, or rated how, is kept
    as `rating`.
    """
    source = SOURCES[name]
    where = f"{PUBLISHER}/{source.folder}"
    pairs_path, links_path, facts_path = (
        need(name, file, where) for file in (source.file, LINKS, FACTS)
    )
    pairs = _pairs(pairs_path, source)
    links = _table(links_path, ["item", "entity"])
    linked = pairs["item"].isin(links["item"])
    left_out = int((~linked).sum())
    interactions = replace(
        Interactions.from_frame(pairs[linked], rating="rating"),
        dropped={"pairs with an item that is not linked": left_out} if left_out else {},
    )
    facts = _table(facts_path, ["head", "relation", "tail"])
    label_of = dict(zip(links["entity"], links["item"], strict=True))
    for column in ("head", "tail"):
        facts[column] = [label_of.get(entity, f"entity {entity}") for entity in facts[column]]
    return Dataset(
        name,
        interactions,
        knowledge=KnowledgeGraph.from_frame(facts, interactions.items),
        terms=TERMS,
        citation=source.citation,
    )


def _pairs(path: Path, source: _Source) -> pd.DataFrame:
    """Columns user, item, rating; items as text, since some are ISBNs."""
    frame = pd.read_csv(path, sep=source.separator, dtype=str, encoding="latin-1", quotechar='"')
    missing = [column for column in source.columns if column not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise ValueError(f"{path.name} has no column {missing[0]!r}; the columns are {found}.")
    pairs = frame[list(source.columns)].set_axis(["user", "item", "rating"], axis=1)
    pairs["rating"] = pd.to_numeric(pairs["rating"], errors="coerce")
    if pairs["rating"].isna().any():
        line = int(np.flatnonzero(pairs["rating"].isna())[0]) + 2
        raise ValueError(f"{path.name}, line {line}: {source.columns[2]} is no number.")
    return pairs.drop_duplicates(["user", "item"], keep="last")


def _table(path: Path, names: list[str]) -> pd.DataFrame:
    """A file without a header, of columns separated by tabs, as text."""
    frame = pd.read_csv(path, sep="\t", header=None, dtype=str)
    if frame.shape[1] != len(names):
        raise ValueError(
            f"{path.name}: {frame.shape[1]} columns; {len(names)} are needed "
            f"({', '.join(names)}), separated by tabs."
        )
    if frame.isna().any(axis=None):
        line = int(np.flatnonzero(frame.isna().any(axis=1))[0]) + 1
        raise ValueError(f"{path.name}, line {line}: a value is missing.")
    return frame.set_axis(names, axis=1)
