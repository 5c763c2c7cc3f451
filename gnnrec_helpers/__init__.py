"""Graph neural networks for recommender systems: the package behind the gnnrec course.

>>> from gnnrec_helpers import Interactions, datasets, evaluate, fit, load, models, recommend
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import datasets, models
from .data import Interactions, KnowledgeGraph, SocialGraph, Split
from .evaluation import compare, compare_ratings, evaluate, evaluate_ratings
from .models import extend, load
from .objectives import BPR, SampledSoftmax
from .serving import explain, recommend, similar_items, similar_users

if TYPE_CHECKING:
    from .training import CONTENDERS, Between, History, League, Tuning, fit, league, tune
else:

    def __getattr__(name: str) -> Any:
        """The names of `training`, which is imported when one is first asked for.

        A process that only serves goes without it.
        """
        if name != "training" and name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        training = import_module(".training", __name__)
        return training if name == "training" else getattr(training, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "training"})


__version__ = "0.2.0"

__all__ = [
    "BPR",
    "CONTENDERS",
    "Between",
    "History",
    "Interactions",
    "KnowledgeGraph",
    "League",
    "SampledSoftmax",
    "SocialGraph",
    "Split",
    "Tuning",
    "compare",
    "compare_ratings",
    "datasets",
    "evaluate",
    "evaluate_ratings",
    "explain",
    "extend",
    "fit",
    "league",
    "load",
    "models",
    "recommend",
    "similar_items",
    "similar_users",
    "tune",
]
