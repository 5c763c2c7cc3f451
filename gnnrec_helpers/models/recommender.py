"""What is asked of anybody's model: one method."""

from __future__ import annotations

from typing import Protocol, TypeGuard

from torch import Tensor


class Recommender(Protocol):
    """Anything that scores all items for some users.

    Other people's models need no more than this to be judged. With ``users`` and ``items``, two
    pandas.Index of labels, :func:`gnnrec_helpers.recommend` can speak of them by name.
    """

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items, shape (len(users), num_items); higher is better."""
        ...


class RatingModel(Protocol):
    """Anything that says how a user would rate an item."""

    def predict(self, users: Tensor, items: Tensor) -> Tensor:
        """The rating of each of these pairs, shape (len(users),); `items` is as long."""
        ...


def is_recommender(model: object) -> TypeGuard[Recommender]:
    """Is there a ``score`` to call? A table of that name is none."""
    return callable(getattr(model, "score", None))


def check_recommender(model: object) -> None:
    """Refuse what has no ``score`` to call."""
    if not is_recommender(model):
        raise TypeError(
            f"{type(model).__name__} has no method score(users): a recommender is needed, such as "
            "those of gnnrec_helpers.models."
        )


def is_rating_model(model: object) -> TypeGuard[RatingModel]:
    """Is there a ``predict`` to call?"""
    return callable(getattr(model, "predict", None))
