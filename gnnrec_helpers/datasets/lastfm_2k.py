"""Last.fm, HetRec 2011: what 1,892 people listen to, whom they know, how they tag artists."""

from __future__ import annotations

import pandas as pd

from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph, SocialGraph
from .dataset import Dataset
from .files import find, read_table

TERMS = "non-commercial use, as published by GroupLens for HetRec 2011"
CITATION = "Cantador, Brusilovsky & Kuflik (2011), HetRec 2011 workshop at RecSys"


def load(name: str) -> Dataset:
    """Listening counts as ratings, mutual friendships, and "tagged" facts (artist, tagged, tag).

    The embedded copy knows artists by number only. Where the publisher's ``artists.dat`` lies in
    ``$GNNREC_DATA/lastfm-2k``, `items` has their names; nothing else changes.
    """
    listens = read_table(name, "listens.csv.gz")
    interactions = Interactions.from_frame(listens, user="user", item="artist", rating="listens")
    friends = read_table(name, "friends.csv.gz")
    social = SocialGraph.from_frame(friends, interactions.users, mutual=True)
    tags = read_table(name, "tags.csv.gz")[["artist", "tag"]].drop_duplicates()
    tags = tags[tags["artist"].isin(interactions.items)]
    facts = pd.DataFrame(
        {"head": tags["artist"], "relation": "tagged", "tail": "tag " + tags["tag"].astype(str)}
    )
    return Dataset(
        name,
        interactions,
        items=_names(name),
        social=social,
        knowledge=KnowledgeGraph.from_frame(facts, interactions.items),
        terms=TERMS,
        citation=CITATION,
    )


def _names(name: str) -> pd.DataFrame | None:
    path = find(name, "artists.dat")
    if path is None:
        return None
    artists = pd.read_csv(path, sep="\t", quoting=3, encoding="utf-8", index_col="id")
    return artists.rename(columns={"name": "title"})[["title"]].rename_axis("artist")
