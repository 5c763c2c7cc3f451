"""Five people, five films: small enough to check everything with a pencil."""

from __future__ import annotations

from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph, SocialGraph
from .dataset import Dataset
from .files import read_table


def load(name: str) -> Dataset:
    """Ten likes, four friendships, ten facts."""
    interactions = Interactions.from_frame(read_table(name, "likes.csv"), item="film")
    return Dataset(
        name,
        interactions,
        items=read_table(name, "films.csv").set_index("film").rename_axis("film"),
        social=SocialGraph.from_frame(
            read_table(name, "friends.csv"), interactions.users, mutual=True
        ),
        knowledge=KnowledgeGraph.from_frame(read_table(name, "facts.csv"), interactions.items),
        terms="invented for this course, no conditions",
        citation="none needed",
    )
