"""Exercises of notebook 06."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import datasets
from ...engine.propagation import propagate, propagate_layers
from ...models import LightGCN
from ...training import History
from .claims import as_array, as_tensor, tensors_close
from .exercises import checker, off_by


@checker("6.1")
def _edge_weights(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    right = np.array([1 / np.sqrt(6), 1 / np.sqrt(2)])
    if given.shape != (2,):
        return "Two numbers are asked for."
    if np.allclose(given, [1 / 6, 1 / 2], atol=1e-3):
        return "The weight divides by the square root of the product of the degrees."
    if np.allclose(given, right[::-1], atol=1e-3):
        return "Those are the right numbers in the other order."
    return off_by(given, right, within=1e-3)


@checker("6.2")
def _reach_of_eli(answer: Iterable[Any]) -> str | None:
    if isinstance(answer, str):
        return "A list of names is asked for."
    likes = datasets.load("toy").interactions
    nodes = [*likes.users, *likes.items]
    given = {str(name).strip() for name in answer}
    unknown = sorted(given - set(nodes))
    if unknown:
        return f"{unknown[0]!r} is no user or film of the toy set."
    if "Eli" in given:
        return "Eli herself is not asked for."
    model = LightGCN(likes, dim=1, layers=3)
    hops = propagate_layers(model.adjacency, torch.eye(len(nodes)), layers=3)
    reached = sum(layer[likes.users.get_loc("Eli")] for layer in hops)
    right = {nodes[place] for place in torch.nonzero(torch.as_tensor(reached)).flatten()} - {"Eli"}
    if given - right:
        return f"{sorted(given - right)[0]} is more than three hops away."
    missing = len(right - given)
    return None if not missing else f"{missing} of those within three hops are missing."


@checker("6.3")
def _propagate(answer: Callable[[Tensor, Tensor, int], Any]) -> str | None:
    if not callable(answer):
        return "A function of (matrix, embeddings, layers) is asked for."
    likes = datasets.load("toy").interactions
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(10, 3, generator=generator)
    model = LightGCN(likes, dim=3)
    matrix = (model.adjacency(torch.eye(10)) > 0).float()
    for layers in (1, 0, 3):
        given = as_tensor(answer(matrix.clone(), table.clone(), layers))
        right = propagate(model.adjacency, table, layers)
        if given.shape != right.shape:
            return f"Its shape is {tuple(given.shape)}; {tuple(right.shape)} is asked for."
        if tensors_close(given, right, 1e-5):
            continue
        if tensors_close(given, right * (layers + 1), 1e-5):
            return "That is the sum of the layers; the mean is asked for."
        if tensors_close(given, propagate_layers(model.adjacency, table, layers)[-1], 1e-5):
            return "That is the last layer only; the mean of all layers is asked for."
        averaged = matrix / matrix.sum(1, keepdim=True)
        if tensors_close(given, (table + averaged @ table) / 2, 1e-5):
            return "That divides by the degree of the row; symmetric takes square roots of both."
        return f"With {layers} layers the result is off."
    lonely = torch.zeros(3, 3)
    lonely[0, 1] = lonely[1, 0] = 1.0
    alone = as_tensor(answer(lonely, torch.ones(3, 2), 2))[2]
    if not bool(torch.isfinite(alone).all()):
        return "A node without neighbours gives nan: its degree is 0."
    if not tensors_close(alone, torch.full((2,), 1 / 3), 1e-5):
        return "A node without neighbours keeps its layer 0, and its other layers are 0."
    return None


@checker("6.4")
def _last_layer(answer: Any) -> str | None:
    if not (isinstance(answer, type) and issubclass(answer, LightGCN)):
        return "A class that inherits from models.LightGCN is asked for."
    likes = datasets.load("toy").interactions
    for layers in (3, 1, 0):
        hint = _hint_on_last_layer(answer(likes, dim=4, layers=layers, seed=1), layers)
        if hint is not None:
            return hint if layers == 3 else f"With layers={layers}: {hint}"
    return None


def _hint_on_last_layer(model: LightGCN, layers: int) -> str | None:
    table = model.nodes.weight
    right = propagate_layers(model.adjacency, table, layers=layers)[-1]
    users, items = model.embeddings()
    given = torch.cat([users, items])
    if given.shape != right.shape:
        return f"embeddings() gives {tuple(given.shape)} in all; {tuple(right.shape)} is right."
    if not tensors_close(given, right, 1e-5):
        if tensors_close(given, propagate(model.adjacency, table, layers=layers), 1e-6):
            return "That is still the mean of all layers."
        return "embeddings() is not the last layer."
    chosen = torch.tensor([1, 0]), torch.tensor([3, 3, 0])
    some_users, some_items = model.embeddings(*chosen)
    if some_users.shape != (2, 4) or some_items.shape != (3, 4):
        return "embeddings(users, items) must give the rows of those users and items only."
    if not (
        tensors_close(some_users, right[chosen[0]], 1e-5)
        and tensors_close(some_items, right[5 + chosen[1]], 1e-5)
    ):
        return "embeddings(users, items) gives other rows than asked: item i is node 5 + i here."
    return None


@checker("6.5")
def _music(answer: Any) -> str | None:
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        return "Two things are asked for: the model, and the History that fit returns."
    model, history = answer
    if not isinstance(model, LightGCN):
        return f"The model is a {type(model).__name__}; LightGCN is asked for."
    if model.layers != 3:
        return f"The model has {model.layers} layers; 3 are asked for."
    if not isinstance(history, History):
        return "The second is not the History that fit returns."
    if history.best is None:
        return "The split had no validation part, so nothing was chosen."
    if history.best < 0.25:
        return f"Validation Recall@20 is {history.best:.4f}; reach .25."
    return None


@checker("6.6")
def _one_layer(answer: Callable[[Tensor, Tensor, Tensor], Any]) -> str | None:
    if not callable(answer):
        return "A function of (users, films, weights) is asked for."
    draw = torch.Generator().manual_seed(0)
    users, films, weights = (torch.rand(s, generator=draw) for s in ((3, 2), (4, 2), (3, 4)))
    given = answer(users.clone(), films.clone(), weights.clone())
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        return "Two tables are asked for, users and films."
    found = [torch.as_tensor(as_array(table)).float() for table in given]
    right = weights @ films, weights.T @ users
    if [table.shape for table in found] != [table.shape for table in right]:
        return "The shapes are not those of users and films."
    if torch.allclose(found[1], weights.T @ right[0], atol=1e-5):
        return "The films are still made from the new users."
    if not torch.allclose(found[0], right[0], atol=1e-5):
        return "The users of the next layer are the weighted sums of the films of this one."
    if not torch.allclose(found[1], right[1], atol=1e-5):
        return "The films of the next layer are the weighted sums of the users of this one."
    return None
