"""What `datasets.load` returns."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph, SocialGraph
from ..data.splits import Split


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """A data set and everything that is known beside it; absent parts are None.

    Attributes
    ----------
    name : str
    interactions : Interactions
        All of them, train and test of a published split together.
    split : Split or None
        The published split, where there is one.
    items : pandas.DataFrame or None
        What is known of the items, indexed by label (for example a `title`).
    social : SocialGraph or None
    knowledge : KnowledgeGraph or None
    terms : str
        Under what conditions the data may be used.
    citation : str
    """

    name: str
    interactions: Interactions
    split: Split | None = None
    items: pd.DataFrame | None = None
    social: SocialGraph | None = None
    knowledge: KnowledgeGraph | None = None
    terms: str = ""
    citation: str = ""

    def __repr__(self) -> str:
        parts = [f"Dataset({self.name!r})", f"  interactions: {self.interactions!r}"]
        for part in ("split", "social", "knowledge"):
            value = getattr(self, part)
            if value is not None:
                parts.append(f"  {part}: {value!r}")
        if self.items is not None:
            columns = ", ".join(map(str, self.items.columns))
            parts.append(f"  items: {len(self.items):,} rows with {columns}")
        return "\n".join([*parts, f"  terms: {self.terms}", f"  cite: {self.citation}"])
