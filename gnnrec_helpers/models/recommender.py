"""What is asked of anybody's model: one method. And what it may answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import chain
from typing import Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

TABLE = "a row for each user and a column for each item"
PAIRS = "a rating for each pair"
MASKED = "a masked array, whose mask would be lost: fill it first"


class Recommender(Protocol):
    """Anything that scores all items for some users.

    Other people's models need no more than this to be judged. With ``users`` and ``items``, two
    pandas.Index of labels, :func:`gnnrec_helpers.recommend` can speak of them by name.
    """

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items, shape (len(users), num_items); higher is better.

        `users` are on the device of a module's weights, and on the CPU for what has none. A NumPy
        array of scores is as good as a Tensor; what it is indexed by is ``users.numpy()``.
        """
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


def check_takes_users(score: Callable[..., object], name: str) -> None:
    """Refuse a ``score`` that needs more than users, as scikit-learn's ``score(X, y)`` does."""
    _check_takes(
        score,
        1,
        f"{name} cannot be called with users alone",
        f"score(users) is needed, which gives {TABLE}",
    )


def check_takes_pairs(predict: Callable[..., object], name: str) -> None:
    """Refuse a ``predict`` that does not take two arguments, as scikit-learn's ``predict(X)``."""
    _check_takes(
        predict,
        2,
        f"{name} cannot be called with users and items",
        f"predict(users, items) is needed, which gives {PAIRS}",
    )


def _check_takes(method: Callable[..., object], count: int, refusal: str, needed: str) -> None:
    try:
        inspect.signature(method).bind(*[None] * count)
    except ValueError:  # it is not written in Python, and says nothing
        pass
    except TypeError as error:
        raise TypeError(f"{refusal} ({error}): {needed}.") from None


def device_of(model: object) -> torch.device:
    """Where a module's weights are; the CPU for what has none."""
    weights = chain(model.parameters(), model.buffers()) if isinstance(model, nn.Module) else ()
    return next((tensor.device for tensor in weights), torch.device("cpu"))


def table_of(values: object, users: int, items: int | None, name: str) -> Tensor:
    """What `name` gave, if it is scores of so many users and items; None is any number of items."""
    return numbers(values, (users, "num_items" if items is None else items), name, TABLE)


def numbers(values: object, shape: tuple[int | str, ...], name: str, meaning: str) -> Tensor:
    """What a method gave, if it is numbers of this shape, in a Tensor or an array.

    Parameters
    ----------
    values : object
    shape : tuple
        Text stands for any length.
    name, meaning : str
        Of the method, and of the shape, for the error.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} gave {MASKED}, scores with -inf for example.")
    if isinstance(values, (np.ndarray, np.generic)):
        values = np.asarray(values)
        if shape[0] == 1 and values.ndim == len(shape) - 1:
            name = f"For one user, whom NumPy takes for a number unless in users.numpy(), {name}"
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        single = values.dtype in (np.float16, np.float32)
        values = torch.from_numpy(np.array(values, np.float32 if single else np.float64))
    if not isinstance(values, Tensor) or values.layout != torch.strided or values.is_complex():
        kind = [str(getattr(values, of)) for of in ("layout", "dtype") if hasattr(values, of)]
        raise TypeError(
            f"{name} gave {' '.join([type(values).__name__, *kind])}: a dense Tensor or array of "
            f"numbers is needed, {meaning}."
        )
    check_shape(tuple(values.shape), shape, name, meaning)
    return values


def check_shape(
    found: tuple[int, ...], needed: tuple[int | str, ...], name: str, meaning: str
) -> None:
    """Refuse another shape than is needed, where text stands for any length."""
    if found == needed:
        return
    fits = (isinstance(n, str) or n == m for n, m in zip(needed, found, strict=False))
    if len(found) != len(needed) or not all(fits):
        shown = str(needed).replace("'", "")
        raise ValueError(f"{name} gave shape {found}: {shown} is needed, {meaning}.")


def wide(scores: Tensor) -> Tensor:
    """In single precision, or in double where single would make two of them equal."""
    narrow = scores.is_floating_point() and scores.dtype != torch.float64
    return scores.float() if narrow else scores.double()
