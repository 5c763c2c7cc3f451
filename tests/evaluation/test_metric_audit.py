"""The competing definitions of a metric, by hand; sampled ranks against what chance says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from tables import interactions
from torch import Tensor

from gnnrec_helpers import Interactions, Split, evaluate, models
from gnnrec_helpers.evaluation import metric_audit
from gnnrec_helpers.evaluation.metric_audit import DEFINITIONS, audit


class Table:
    """A recommender that reads its scores from a table."""

    def __init__(self, scores: object) -> None:
        self.scores = torch.tensor(scores, dtype=torch.float32)

    def score(self, users: Tensor) -> Tensor:
        return self.scores[users]


def split_of(train: object, test: object) -> Split:
    parts = [interactions(np.asarray(part, float)) for part in (train, test)]
    return Split(parts[0], None, parts[1])


# one user, ten items: item 0 is known, items 1 to 4 are to be found, lists have length 3
ONE = split_of([[1] + [0] * 9], [[0, 1, 1, 1, 1] + [0] * 5])
PRECISE = [[9.0, 8, 0, 0, 0, 7, 6, 5, 4, 3]]  # list 1, 5, 6: one hit, at rank 1
BROAD = [[9.0, 7, 6, 0, 0, 8, 5, 4, 3, 2]]  # list 5, 1, 2: hits at ranks 2 and 3


def test_every_definition_by_hand() -> None:
    table = audit({"precise": Table(PRECISE), "broad": Table(BROAD)}, ONE, k=3)
    second, third = 1 / math.log2(3), 0.5  # what a hit at this rank gains; the first gains 1
    best_of_3, best_of_4 = 1 + second + third, 1 + second + third + 1 / math.log2(5)
    gained = second + third
    expected = {
        ("recall@3", "relevant"): (1 / 4, 2 / 4),
        ("recall@3", "min(relevant, k)"): (1 / 3, 2 / 3),
        ("ndcg@3", "best list of k"): (1 / best_of_3, gained / best_of_3),
        ("ndcg@3", "best list of any length"): (1 / best_of_4, gained / best_of_4),
        ("ndcg@3", "best order of the hits"): (1, gained / (1 + second)),
        ("ndcg@3", "nothing (DCG)"): (1, gained),
        ("map@3", "min(relevant, k)"): (1 / 3, (1 / 2 + 2 / 3) / 3),
        ("map@3", "relevant"): (1 / 4, (1 / 2 + 2 / 3) / 4),
        ("map@3", "hits"): (1, (1 / 2 + 2 / 3) / 2),
        # of the others only 5 to 9 are no positives: PRECISE has items 1, 2, 3, 4 at ranks 1 and
        # 6, 6, 6 of 6, BROAD at 2, 2, 6, 6
        ("hit rate@3, an item alone", "among all"): (1 / 4, 2 / 4),
        ("ndcg@3, an item alone", "among all"): (1 / 4, 2 * second / 4),
    }
    for row, (precise, broad) in expected.items():
        assert table.loc[row, "precise"] == pytest.approx(precise), row
        assert table.loc[row, "broad"] == pytest.approx(broad), row
        wins = "precise > broad" if precise > broad else "broad > precise"
        assert table.loc[row, "order"] == wins, row
    assert len(set(table["order"])) == 2  # which of the two is better depends on the definition
    assert len(table) == len(expected) + 2
    assert table.index.names == ["metric", "divided by"]


def by_loops(hits: list[bool], relevant: int) -> dict[tuple[str, str], float]:
    """Every definition for one user, from the ranks of her hits."""
    k = len(hits)
    ranks = [rank for rank, hit in enumerate(hits, 1) if hit]
    gained = sum(1 / math.log2(rank + 1) for rank in ranks)
    precisions = sum(number / rank for number, rank in enumerate(ranks, 1))

    def best(count: int) -> float:
        return sum(1 / math.log2(rank + 1) for rank in range(1, count + 1))

    return {
        ("recall", "relevant"): len(ranks) / relevant,
        ("recall", "min(relevant, k)"): len(ranks) / min(relevant, k),
        ("ndcg", "best list of k"): gained / best(min(relevant, k)),
        ("ndcg", "best list of any length"): gained / best(relevant),
        ("ndcg", "best order of the hits"): gained / best(len(ranks)) if ranks else 0,
        ("ndcg", "nothing (DCG)"): gained,
        ("map", "min(relevant, k)"): precisions / min(relevant, k),
        ("map", "relevant"): precisions / relevant,
        ("map", "hits"): precisions / len(ranks) if ranks else 0,
    }


@given(st.integers(1, 6), st.data())
@settings(deadline=None, derandomize=True)
def test_every_definition_by_loops(k: int, data: st.DataObject) -> None:
    lists = st.lists(st.booleans(), min_size=k, max_size=k)
    hits = data.draw(st.lists(lists, min_size=1, max_size=5))
    relevant = [sum(row) + data.draw(st.integers(0 if any(row) else 1, 9)) for row in hits]
    expected = [by_loops(row, count) for row, count in zip(hits, relevant, strict=True)]
    assert list(DEFINITIONS) == list(expected[0])
    for name, of_each_user in DEFINITIONS.items():
        values = of_each_user(np.array(hits), np.array(relevant))
        np.testing.assert_allclose(values, [row[name] for row in expected], err_msg=name)


# a user with items 0 (train), 1 (validation) and 2 (test); 3, 4 and 5 are no concern of hers
CANDIDATES = Split(
    *(interactions(np.eye(1, 6, place)) for place in range(3))  # type: ignore[arg-type]
)


@pytest.mark.parametrize(
    ("part", "scores", "rank"),
    [
        # when test is judged, train and validation are no candidates
        ("test", [9, 8, 5, 1, 1, 1], 1),
        ("test", [9, 8, 5, 6, 1, 1], 2),
        ("test", [9, 8, 5, 6, 7, 6], 4),
        # when validation is judged train is none, but test is one
        ("validation", [9, 5, 1, 1, 1, 1], 1),
        ("validation", [9, 5, 8, 1, 1, 1], 2),
        ("validation", [9, 5, 8, 6, 1, 7], 4),
    ],
)
def test_whom_an_item_alone_is_ranked_with(part: str, scores: list[float], rank: int) -> None:
    found = [
        audit({"it": Table([scores])}, CANDIDATES, k=k, part=part, negatives=1).loc[
            (f"hit rate@{k}, an item alone", "among all"), "it"
        ]
        for k in range(1, 5)
    ]
    assert found == [float(k >= rank) for k in range(1, 5)]


@pytest.mark.parametrize(
    ("part", "drawn"),
    [("test", {3, 4, 5}), ("validation", {2, 3, 4, 5})],
    ids=["test", "validation"],
)
def test_whom_it_is_drawn_with(part: str, drawn: set[int]) -> None:
    """An item that scores more than the held-out one makes a difference only if it is drawn."""
    held_out = {"test": 2, "validation": 1}[part]
    for better in set(range(6)) - {held_out}:
        scores = [0.0] * 6
        scores[held_out], scores[better] = 5, 9
        table = audit({"it": Table([scores])}, CANDIDATES, k=1, part=part, negatives=200)
        first = table.loc[("hit rate@1, an item alone", "among 200 drawn"), "it"]
        assert first == (0 if better in drawn else 1), better


def test_a_list_without_hits_is_worth_nothing() -> None:
    nothing = Table([[9.0, 0, 0, 0, 0, 5, 5, 5, 5, 5]])
    table = audit({"nothing": nothing}, ONE, k=3)
    assert (table["nothing"] == 0).all()
    assert (table["order"] == "nothing").all()


def test_the_first_definitions_are_those_of_evaluate(movielens_split: Split) -> None:
    both = {
        "popular": models.Popularity(movielens_split.train),
        "knn": models.ItemKNN(movielens_split.train),
    }
    table = audit(both, movielens_split, k=10, part="validation", negatives=5)
    for name, model in both.items():
        found = evaluate(
            model, movielens_split, 10, part="validation", metrics=("recall", "ndcg", "map")
        )
        for metric, row in (
            ("recall", "relevant"),
            ("ndcg", "best list of k"),
            ("map", "min(relevant, k)"),
        ):
            assert table.loc[(f"{metric}@10", row), name] == found[f"{metric}@10"]


def test_equal_scores_come_in_the_order_of_items() -> None:
    """Item 2 is behind items 0 and 1, which nobody has to do with, and before item 3."""
    split = split_of([[0, 0, 0, 0, 1]], [[0, 0, 1, 0, 0]])
    table = audit({"equal": Table([[1.0] * 5])}, split, k=3)
    assert table.loc[("ndcg@3, an item alone", "among all"), "equal"] == pytest.approx(0.5)
    twice = {"one": Table([[1.0] * 5]), "two": Table([[2.0] * 5])}
    assert (audit(twice, split, k=3)["order"] == "one = two").all()


def test_sampled_ranks_are_those_that_chance_gives() -> None:
    """Of `negatives` draws a share as large as that of all better items is better: a binomial."""
    generator = np.random.default_rng(0)
    users, items, k, count = 600, 50, 3, 20
    test = np.zeros((users, items))
    test[np.arange(users), generator.integers(1, items, users)] = 1
    train = np.zeros((users, items))
    train[:, 0] = 1
    scores = generator.random((users, items))
    scores[:, 0] = 2  # known, so neither drawn nor ranked
    scores[test > 0] += 0.3
    table = audit({"random": Table(scores)}, split_of(train, test), k=k, negatives=count)

    better = (scores[:, 1:] > scores[test > 0][:, None]).sum(1)
    everything = (better < k).mean()
    assert table.loc[("hit rate@3, an item alone", "among all"), "random"] == everything
    chances = binom.cdf(k - 1, count, better / (items - 2))
    error = math.sqrt((chances * (1 - chances)).sum()) / users
    sampled = table.loc[("hit rate@3, an item alone", "among 20 drawn"), "random"]
    assert sampled == pytest.approx(chances.mean(), abs=3 * error)
    assert sampled > everything + 10 * error
    again = audit({"random": Table(scores)}, split_of(train, test), k=k, negatives=count)
    pd.testing.assert_frame_equal(again, table)
    other = audit({"random": Table(scores)}, split_of(train, test), k=k, negatives=count, seed=1)
    assert not other.equals(table)


def test_ranks_among_all_do_not_depend_on_how_many_are_found_at_once(
    movielens_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    popular = {"popular": models.Popularity(movielens_split.train)}
    at_once = audit(popular, movielens_split, k=20)
    monkeypatch.setattr(metric_audit, "SCORES", 150 * movielens_split.train.num_items)
    in_parts = audit(popular, movielens_split, k=20)
    drawn = at_once.index.get_level_values(1).str.contains("drawn")
    pd.testing.assert_frame_equal(in_parts[~drawn], at_once[~drawn])
    values = in_parts["popular"][drawn]
    np.testing.assert_allclose(values, at_once["popular"][drawn], atol=0.01)  # other draws


def test_what_cannot_be_is_refused(toy: Interactions) -> None:
    with pytest.raises(ValueError, match="`models` is empty"):
        audit({}, ONE)
    with pytest.raises(ValueError, match="negatives=0: at least 1"):
        audit({"precise": Table(PRECISE)}, ONE, negatives=0)
    with pytest.raises(ValueError, match="no validation part"):
        audit({"precise": Table(PRECISE)}, ONE, part="validation")
    with pytest.raises(ValueError, match="all 2 items"):
        audit({"two": Table([[1.0, 2.0]])}, split_of([[1, 0]], [[0, 1]]))
