"""Interactions beside a knowledge graph, in the files of their publishers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gnnrec_helpers import datasets
from gnnrec_helpers.datasets import files

LASTFM = "userID\tartistID\tweight\n2\t51\t9\n2\t52\t7\n3\t51\t1\n3\t99\t4\n"
BOOKS = '"User-ID";"ISBN";"Book-Rating"\n"8";"002X";"5"\n"9";"002X";"0"\n"9";"7";"3"\n'
LINKS = "51\t0\n52\t1\n53\t2\n"
YOURS = Path(os.environ["GNNREC_DATA"]) if os.environ.get("GNNREC_DATA") else None
FACTS = "0\tmusic.label\t3\n1\tmusic.label\t3\n0\tmusic.like\t1\n"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where GNNREC_DATA points, with an empty cache beside it."""
    monkeypatch.setattr(files, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("GNNREC_DATA", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, pairs: str, links: str = LINKS, facts: str = FACTS) -> None:
    (folder / name).mkdir()
    file = "user_artists.dat" if name == "lastfm-kg" else "BX-Book-Ratings.csv"
    for path, text in ((file, pairs), ("item_index2entity_id.txt", links), ("kg.txt", facts)):
        (folder / name / path).write_text(text, encoding="utf-8")


def test_artists_that_are_linked_and_their_facts(folder: Path) -> None:
    put(folder, "lastfm-kg", LASTFM)
    data = datasets.load("lastfm-kg")
    rows = list(data.interactions.to_frame().itertuples(index=False, name=None))
    assert rows == [("2", "51", 9.0), ("2", "52", 7.0), ("3", "51", 1.0)]
    assert data.interactions.dropped == {"pairs with an item that is not linked": 1}
    facts = data.knowledge.to_frame().to_numpy().tolist()
    assert sorted(facts) == [
        ["51", "music.label", "entity 3"],
        ["51", "music.like", "52"],
        ["52", "music.label", "entity 3"],
    ]
    assert data.knowledge.items.equals(data.interactions.items)
    assert "KGCN" in data.citation


def test_books_have_numbers_with_letters(folder: Path) -> None:
    put(folder, "book-crossing-kg", BOOKS, links="002X\t0\n7\t1\n")
    data = datasets.load("book-crossing-kg")
    rows = list(data.interactions.to_frame().itertuples(index=False, name=None))
    assert rows == [("8", "002X", 5.0), ("9", "002X", 0.0), ("9", "7", 3.0)]
    assert ["002X", "music.like", "7"] in data.knowledge.to_frame().to_numpy().tolist()


@pytest.mark.parametrize(
    ("pairs", "links", "facts", "message"),
    [
        ("user\tartistID\tweight\n", LINKS, FACTS, "no column 'userID'"),
        (LASTFM + "4\t51\tmany\n", LINKS, FACTS, "line 6: weight is no number"),
        (LASTFM, "51\n", FACTS, "1 columns; 2 are needed"),
        (LASTFM, LINKS, "0\tlabel\t3\n1\tlabel\t\n", "kg.txt, line 2: a value is missing"),
    ],
)
def test_broken_files_are_refused(
    folder: Path, pairs: str, links: str, facts: str, message: str
) -> None:
    put(folder, "lastfm-kg", pairs, links, facts)
    with pytest.raises(ValueError, match=message):
        datasets.load("lastfm-kg")


def test_absent_files_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"user_artists\.dat.*data/music"):
        datasets.load("lastfm-kg")


def test_the_published_last_fm(monkeypatch: pytest.MonkeyPatch) -> None:
    if YOURS is None or not (YOURS / "lastfm-kg").is_dir():
        pytest.skip("no lastfm-kg in GNNREC_DATA")
    monkeypatch.setenv("GNNREC_DATA", str(YOURS))
    data = datasets.load("lastfm-kg")
    found, facts = data.interactions, data.knowledge
    assert (len(found), found.num_users) == (21_173, 1_872)
    assert (len(facts), facts.num_relations) == (15_518, 60)
    assert (found.num_items, facts.num_entities) == (3_846, 9_366)
    others = [label for label in facts.entities if str(label).startswith("entity ")]
    assert len(others) == 5_520
    assert np.isin(found.items, facts.entities[: facts.num_items]).all()
