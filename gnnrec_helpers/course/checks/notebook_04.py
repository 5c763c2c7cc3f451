"""Exercises of notebooks 04 and 04b."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ... import datasets
from ...data.interactions import IntArray, Interactions
from ...engine.propagation import bipartite_matrix, propagate_layers, user_item_adjacency
from ..computation_graphs import computation_graph, computation_tree
from .claims import as_array, as_tensor, tensors_close
from .exercises import checker, off_by

Sampler = Callable[[Interactions, int, int, int, np.random.Generator], Any]


@checker("4.1")
def _tree_of_eli(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.size != 4:
        return f"Four numbers are asked for, not {given.size}."
    likes = datasets.load("toy").interactions
    right = computation_tree(likes, 4, layers=3).sizes
    if given.tolist() == right[::-1]:
        return "Those are the right numbers from the leaves up; begin with Eli."
    if given.tolist() == computation_graph(likes, 4, layers=3).sizes:
        return "Those are the sizes with copies merged; in the tree every copy counts."
    if given.tolist() == [1, 1, 1, 1]:
        return "A film also passes on what it heard from Eli herself: the walk may turn back."
    return off_by(given, right)


@checker("4.2")
def _in_place(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.shape != (4,):
        return f"Four numbers are asked for, not {given.size}."
    right = [55, 199, 55, 59]
    if np.array_equal(given, [55, 59, 55, 199]):
        return "The colleague's numbers come first."
    if given[0] == 60 or given[2] == 60:
        return "Eli's own number is 5: nobody has changed it before his turn."
    if np.array_equal(given[2:], [55, 59]) and given[1] == 59:
        return "The right numbers are right. Which numbers does the colleague's Emma receive?"
    return off_by(given, right)


@checker("4.3")
def _backward_mean(answer: Callable[[Tensor, Tensor], Any]) -> str | None:
    if not callable(answer):
        return "A function of (edge_index, gradient) is asked for."
    generator = torch.Generator().manual_seed(4)
    for size in (3, 6):
        adjacency = torch.triu(torch.ones(size, size), diagonal=1)  # towards smaller numbers only
        receivers, senders = adjacency.nonzero().T
        edges = torch.stack([senders, receivers])
        matrix = adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)
        gradient = torch.randn(size, 2, generator=generator)
        given = as_tensor(answer(edges.clone(), gradient.clone()))
        if given.shape != gradient.shape:
            return f"Its shape is {tuple(given.shape)}; {tuple(gradient.shape)} is asked for."
        if tensors_close(given, matrix.T @ gradient, 1e-5):
            continue
        if tensors_close(given, matrix @ gradient, 1e-5):
            return "That is the forward pass; gradients go from receivers back to senders."
        if tensors_close(given, adjacency.T @ gradient, 1e-5):
            return "The direction is right; each receiver had divided what it received."
        sent = adjacency / adjacency.sum(0, keepdim=True).clamp(min=1)
        if tensors_close(given, sent.T @ gradient, 1e-5):
            return "Divide by how many messages the receiver got, not by how many were sent."
        if tensors_close(given, sent @ gradient, 1e-5):
            return "Senders and receivers are swapped: row 0 of edge_index has the senders."
        if not bool(torch.isfinite(given).all()):
            return "A node that receives nothing gives nan: its count is 0."
        return f"On a graph of {size} nodes the gradient is off."
    return None


@checker("4.4")
def _blind_sum(answer: Any) -> str | None:
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "A pair of lists is asked for, such as ([1], [1, 1])."
    first, second = (as_array(values).ravel() for values in answer)
    if first.size == 0 or second.size == 0:
        return "Each of the two users needs at least one neighbour."
    if sorted(first.tolist()) == sorted(second.tolist()):
        return "Those are the same neighbours, which nothing should tell apart."
    if abs(first.sum() - second.sum()) > 1e-9:
        return f"The sums are {first.sum():g} and {second.sum():g}: the sum tells them apart."
    for name, how in (("mean", np.mean), ("max", np.max)):
        if abs(how(first) - how(second)) <= 1e-9:
            return f"The {name} cannot tell them apart either."
    return None


@checker("4.5")
def _sampled(answer: Sampler) -> str | None:
    if not callable(answer):
        return "A function of (interactions, user, layers, fanout, generator) is asked for."
    for name, user, layers, fanout in (
        ("toy", 1, 3, 99),
        ("movielens-small", 41, 2, 3),
        ("movielens-small", 41, 2, 3),
        ("movielens-small", 0, 3, 2),
    ):
        table = datasets.load(name).interactions
        levels, again, other = (
            _levels(answer(table, user, layers, fanout, np.random.default_rng(seed)))
            for seed in (0, 0, 1)
        )
        if hint := _faults(table, user, layers, fanout, levels):
            return hint
        if not _same(levels, again):
            return "The same generator gave other nodes the second time: use it for all draws."
        if fanout < 99 and _same(levels, other):
            return "Another generator gave the same nodes: draw neighbours at random."
    three = Interactions(np.zeros(3, int), np.arange(3), pd.RangeIndex(1), pd.RangeIndex(3))
    two = np.repeat([0, 1], [3, 23])  # each film of user 0 leads to a copy of user 1
    copies = Interactions(two, np.r_[:3, :23], pd.RangeIndex(2), pd.RangeIndex(23))
    for table, layers in ((three, 1), (copies, 3)):
        for seed in range(8):
            levels = _levels(answer(table, 0, layers, 3, np.random.default_rng(seed)))
            if hint := _faults(table, 0, layers, 3, levels):
                return hint
    return None


@checker("4.6")
def _sides(answer: Any) -> str | None:
    given = as_array(answer).ravel()
    if given.size != 3:
        return f"Three means are asked for, not {given.size}."
    start = torch.from_numpy(np.random.default_rng(0).normal(size=(10, 4)))
    likes = datasets.load("toy").interactions
    deep = propagate_layers(user_item_adjacency(likes), start, 100)[100]
    unit = torch.nn.functional.normalize(deep, dim=1)
    apart = (1 - unit @ unit.T).numpy()
    pairs = np.triu(np.ones((5, 5), bool), 1)
    right = [apart[:5, :5][pairs].mean(), apart[5:, 5:][pairs].mean(), apart[:5, 5:].mean()]
    everything = apart[np.triu(np.ones((10, 10), bool), 1)].mean()
    if (abs(given - everything) < 0.01).any():
        return "One of them is the mean over all 45 pairs, which is what the colleague has."
    if abs(given - np.subtract(1, right)).max() < 0.01:
        return "Those are cosines; the cosine distance is 1 minus the cosine."
    return off_by(given, right, within=0.006)


def _levels(answer: Any) -> list[IntArray]:
    return [as_array(level).ravel().astype(np.int64) for level in answer]


def _same(first: list[IntArray], second: list[IntArray]) -> bool:
    return all(np.array_equal(np.sort(a), np.sort(b)) for a, b in zip(first, second, strict=True))


def _faults(
    table: Interactions, user: int, layers: int, fanout: int, levels: list[IntArray]
) -> str | None:
    if len(levels) != layers + 1:
        return f"{layers} layers make {layers + 1} levels; these are {len(levels)}."
    if levels[0].tolist() != [user]:
        return "The first level is the user alone."
    matrix = bipartite_matrix(table)
    for depth, (above, below) in enumerate(pairwise(levels), 1):
        if len(np.unique(below)) < len(below):
            return f"Level {depth} has a node twice: merge copies."
        joined = matrix[above][:, below].toarray() > 0
        if not joined.any(axis=0).all():
            return f"Level {depth} has a node that is no neighbour of any node above it."
        wanted = np.minimum(fanout, np.diff(matrix.indptr)[above])
        if len(below) > wanted.sum():
            return (
                f"Level {depth} has {len(below)} nodes; {len(above)} above it with a fanout of "
                f"{fanout} allow {wanted.sum()} at most."
            )
        if (joined.sum(axis=1) < wanted).any():
            return (
                f"A node above level {depth} reads fewer neighbours than it has and may: draw "
                "without repetition."
            )
    return None
