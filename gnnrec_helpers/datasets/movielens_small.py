"""MovieLens, the small 2016 edition: 100,004 ratings of 9,066 movies by 671 people."""

from __future__ import annotations

import pandas as pd

from ..interactions import Interactions
from .dataset import Dataset
from .files import read_table

TERMS = "GroupLens terms: research and teaching, no commercial use, redistribution as received"
CITATION = "Harper & Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS 5(4), 19"


def load(name: str) -> Dataset:
    """Ratings from 0.5 to 5 with their time; `items` has title, year and genres of each movie."""
    ratings = read_table(name, "ratings.csv.gz")
    interactions = Interactions.from_frame(
        ratings, user="user", item="movie", rating="rating", timestamp="timestamp"
    )
    movies = read_table(name, "movies.csv.gz").set_index("movie")
    movies["year"] = movies["year"].astype("Int64")
    untitled = pd.Series("(untitled " + movies.index.astype(str) + ")", index=movies.index)
    movies["title"] = movies["title"].fillna(untitled)  # five movies come without one
    return Dataset(name, interactions, items=movies, terms=TERMS, citation=CITATION)
