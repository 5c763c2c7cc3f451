"""Neighbours of some nodes, samples of them, and sums with attention, beside plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnnrec_helpers.engine.neighbour_lists import (
    NeighbourLists,
    Neighbours,
    attention_weights,
    weighted_sum,
)
from gnnrec_helpers.engine.sampling import generator_for

few = settings(max_examples=60, deadline=None, derandomize=True)
Edge = tuple[int, int]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[Edge, int], list[int]]:
    """Edges from 5 nodes to 4, each with a value; and some of the 5, in any order."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), unique=True))
    asked = draw(st.lists(st.integers(0, 4), max_size=5, unique=True))
    return {pair: draw(st.integers(0, 9)) for pair in pairs}, asked


def lists_of(edges: dict[Edge, int], seed: int = 0) -> NeighbourLists:
    pairs = np.array(list(edges), np.int64).reshape(-1, 2)
    values = np.array(list(edges.values()), np.int64)
    return NeighbourLists(pairs[:, 0], pairs[:, 1], 5, 4, values, seed)


def by_node(found: Neighbours, asked: list[int]) -> list[dict[int, int]]:
    """The neighbours of each node that was asked for, with the value of the edge."""
    ends = found.offsets.tolist()
    assert found.owner.tolist() == [
        place for place in range(len(asked)) for _ in range(ends[place], ends[place + 1])
    ]
    nodes, values = found.node.tolist(), found.value.tolist()
    pairs = [list(zip(nodes, values, strict=True))[a:b] for a, b in itertools.pairwise(ends)]
    assert [len(p) for p in pairs] == [len(dict(p)) for p in pairs], "a neighbour occurs twice"
    return [dict(p) for p in pairs]


@few
@given(graphs(), st.integers(0, 3))
def test_all_neighbours(graph: tuple[dict[Edge, int], list[int]], seed: int) -> None:
    edges, asked = graph
    found = by_node(lists_of(edges, seed).of(torch.tensor(asked, dtype=torch.int64)), asked)
    assert found == [
        {target: value for (source, target), value in edges.items() if source == node}
        for node in asked
    ]


@few
@given(graphs(), st.integers(1, 3), st.integers(0, 5), st.data())
def test_a_sample_without_the_hidden(
    graph: tuple[dict[Edge, int], list[int]], most: int, seed: int, data: st.DataObject
) -> None:
    edges, asked = graph
    pairs = st.tuples(st.integers(0, 4), st.integers(0, 3))
    hidden = data.draw(st.lists(pairs, max_size=6))
    ends = torch.tensor(hidden, dtype=torch.int64).view(-1, 2)
    found = lists_of(edges).of(
        torch.tensor(asked, dtype=torch.int64),
        most,
        np.random.default_rng(seed),
        (ends[:, 0], ends[:, 1]),
    )
    for node, some in zip(asked, by_node(found, asked), strict=True):
        everything = {t: value for (source, t), value in edges.items() if source == node}
        gone = {t for source, t in hidden if source == node} & set(everything)
        assert some.items() <= everything.items()
        assert not set(some) & gone
        wanted = min(most, len(everything))
        assert wanted - len(gone) <= len(some) <= wanted


def test_every_neighbour_is_as_likely_as_any_other() -> None:
    lists = NeighbourLists(np.zeros(7, np.int64), np.arange(7), 1, 7)
    generator = np.random.default_rng(0)
    drawn = [lists.of(torch.tensor([0]), 3, generator).node.tolist() for _ in range(2100)]
    counts = np.bincount(np.ravel(drawn), minlength=7)
    assert counts.sum() == 6300
    # each is in three of seven samples: 900 times, with a standard deviation of 23
    assert abs(counts - 900).max() < 90


def test_repeated_edges_are_refused() -> None:
    with pytest.raises(ValueError, match="repeated edges"):
        NeighbourLists(np.array([1, 1]), np.array([2, 2]), 3, 3)


# ---------------------------------------------------------------------- attention
def sample(seed: int = 0) -> tuple[Neighbours, Tensor, Tensor]:
    edges = {(0, 1): 0, (0, 3): 0, (2, 0): 0, (2, 1): 0, (2, 2): 0, (4, 2): 0}
    found = lists_of(edges, seed).of(torch.tensor([2, 1, 0, 4]))
    generator = torch.Generator().manual_seed(seed)
    scores = 5 * torch.randn(6, generator=generator, dtype=torch.float64)
    rows = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    return found, scores, rows


def test_attention_is_a_softmax_for_each_node() -> None:
    found, scores, rows = sample()
    weights = attention_weights(scores, found)
    ends = found.offsets.tolist()
    assert ends == [0, 3, 3, 5, 6]
    expected = torch.cat([scores[a:b].softmax(0) for a, b in itertools.pairwise(ends)])
    torch.testing.assert_close(weights, expected)
    total = weighted_sum(weights, rows, found)
    for place, (a, b) in enumerate(itertools.pairwise(ends)):
        torch.testing.assert_close(total[place], weights[a:b] @ rows[a:b])
    assert total[1].tolist() == [0, 0, 0]  # nobody to listen to


def test_large_scores_stay_finite() -> None:
    found, scores, _ = sample()
    assert attention_weights(1000 * scores.float(), found).isfinite().all()


def test_gradients_of_attention_are_those_of_finite_differences() -> None:
    found, scores, rows = sample(1)

    def total(scores: Tensor, rows: Tensor) -> Tensor:
        return weighted_sum(attention_weights(scores, found), rows, found)

    inputs = (scores.requires_grad_(), rows.requires_grad_())
    assert torch.autograd.gradcheck(total, inputs)


def test_no_edges_at_all() -> None:
    found = lists_of({}).of(torch.tensor([0, 3]))
    weights = attention_weights(torch.zeros(0), found)
    assert weights.shape == (0,)
    assert weighted_sum(weights, torch.zeros(0, 2), found).tolist() == [[0, 0], [0, 0]]


def test_a_generator_depends_on_the_batch_and_the_seed_only() -> None:
    one, other = torch.tensor([1, 2]), torch.tensor([2, 1])
    drawn = [
        generator_for(seed, *parts).random()
        for seed, parts in [
            (0, (one, other)),
            (0, (one, other)),
            (0, (other, one)),
            (1, (one, other)),
        ]
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_repeated_edges_are_refused_wherever_they_are() -> None:
    source, target = np.array([0, 1, 1]), np.array([0, 1, 1])
    with pytest.raises(ValueError, match="repeated edges"):
        NeighbourLists(source, target, 2, 2)
