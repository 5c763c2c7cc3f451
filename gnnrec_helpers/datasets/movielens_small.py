"""MovieLens, the small 2016 edition: 100,004 ratings of 9,066 movies by 671 people."""

from __future__ import annotations

import pandas as pd

from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph
from .dataset import Dataset
from .files import read_table

TERMS = (
    "GroupLens terms: research and teaching, no commercial use, redistribution as received; "
    "facts: CC BY, Freebase"
)
CITATION = (
    "Harper & Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS 5(4), 19; "
    "facts: Zhao et al. (2019), KB4Rec, Data Intelligence 1(2)"
)


def load(name: str) -> Dataset:
    """Ratings from 0.5 to 5 with their time; `items` has title, year and genres of each movie.

    `knowledge` has Freebase's facts about 1,333 of the movies: who acted, directed or wrote,
    prizes, countries, sequels. What is no movie of this set has its Freebase number as label.
    """
    ratings = read_table(name, "ratings.csv.gz")
    interactions = Interactions.from_frame(
        ratings, user="user", item="movie", rating="rating", timestamp="timestamp"
    )
    movies = read_table(name, "movies.csv.gz").set_index("movie")
    movies["year"] = movies["year"].astype("Int64")
    untitled = pd.Series("(untitled " + movies.index.astype(str) + ")", index=movies.index)
    movies["title"] = movies["title"].fillna(untitled)  # five movies come without one
    facts = read_table(name, "facts.csv.gz")
    is_movie = facts["entity"].str.isdecimal()
    tails = [int(t) if movie else t for t, movie in zip(facts["entity"], is_movie, strict=True)]
    knowledge = KnowledgeGraph.from_frame(
        facts.assign(entity=pd.Series(tails, dtype=object)),
        interactions.items,
        head="movie",
        tail="entity",
    )
    return Dataset(
        name,
        interactions,
        items=movies,
        knowledge=knowledge,
        terms=TERMS,
        citation=CITATION,
    )
