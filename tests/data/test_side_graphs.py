"""Friends and facts, in the index space of the interactions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers import Interactions, KnowledgeGraph, SocialGraph, datasets

few = settings(max_examples=60, deadline=None, derandomize=True)
USERS = pd.Index(["ana", "ben", "cem"])
names = st.sampled_from(["ana", "ben", "cem", "zed"])


def links(*pairs: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(pairs), columns=["user", "friend"])


def facts(*triples: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(triples), columns=["head", "relation", "tail"])


# ---------------------------------------------------------------------- friends
@few
@given(st.lists(st.tuples(names, names)), st.booleans())
def test_links_between_known_people_are_kept_once(pairs: list[tuple], mutual: bool) -> None:
    known = {(a, b) for a, b in pairs if a != b and "zed" not in (a, b)}
    expected = known | ({(b, a) for a, b in known} if mutual else set())
    graph = SocialGraph.from_frame(links(*pairs), USERS, mutual=mutual)
    assert list(graph.to_frame().itertuples(index=False, name=None)) == sorted(expected)
    assert len(graph) == len(expected)
    assert graph.dropped == sum(a == b or "zed" in (a, b) for a, b in pairs)
    matrix = graph.to_csr().toarray()
    assert {(USERS[a], USERS[b]) for a, b in np.argwhere(matrix == 1)} == expected
    assert matrix.sum() == len(expected)


def test_the_friends_of_the_toy_by_hand() -> None:
    graph = datasets.load("toy").social
    assert graph.to_csr().toarray().tolist() == [
        [0, 1, 0, 0, 1],  # Ana: Ben, Eli
        [1, 0, 1, 0, 0],  # Ben: Ana, Cem
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1],  # Dia: Eli
        [1, 0, 0, 1, 0],
    ]
    assert graph.num_users == 5
    assert repr(graph) == "SocialGraph(8 links of 5 users)"


def test_links_left_out_are_reported() -> None:
    frame = pd.DataFrame({"who": ["ana", "ana", "ben"], "whom": ["ben", "zed", "ben"]})
    graph = SocialGraph.from_frame(frame, USERS, "who", "whom")
    assert repr(graph) == (
        "SocialGraph(1 links of 3 users, left out: 2 to unknown users or oneself)"
    )


def test_no_links_and_no_users() -> None:
    assert len(SocialGraph.from_frame(links(), USERS)) == 0
    assert SocialGraph.from_frame(links(("ana", "ben")), pd.Index([])).dropped == 1


def test_an_absent_column_of_links_is_named() -> None:
    with pytest.raises(ValueError, match=r"no column 'friend'; the columns are 'user', 'trusts'\."):
        SocialGraph.from_frame(pd.DataFrame({"user": [1], "trusts": [2]}), USERS)


# ---------------------------------------------------------------------- facts
things = st.sampled_from(["tea", "rye", "jam", "hot", "red"])


@few
@given(st.lists(st.tuples(things, st.sampled_from(["is", "with"]), things)))
def test_facts_come_back_and_items_come_first(triples: list[tuple]) -> None:
    items = pd.Index(["jam", "rye", "tea"])
    graph = KnowledgeGraph.from_frame(facts(*triples), items)
    found = list(graph.to_frame().itertuples(index=False, name=None))
    assert sorted(found) == sorted(set(triples))
    assert graph.entities[:3].equals(items)
    others = {thing for head, _, tail in triples for thing in (head, tail)} - set(items)
    assert graph.entities[3:].tolist() == sorted(others)
    assert graph.relations.tolist() == sorted({relation for _, relation, _ in triples})
    assert (graph.num_entities, graph.num_items) == (3 + len(others), 3)
    assert (len(graph), graph.num_relations) == (len(set(triples)), len(graph.relations))


def test_the_order_of_facts_means_nothing() -> None:
    triples = [("tea", "is", "hot"), ("rye", "is", "red"), ("tea", "with", "jam")]
    items = pd.Index(["rye", "tea"])
    one, other = (KnowledgeGraph.from_frame(facts(*t), items) for t in (triples, triples[::-1]))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert one.entities.equals(other.entities)


def test_the_facts_of_the_toy_by_hand(toy: Interactions) -> None:
    graph = datasets.load("toy").knowledge
    assert graph.entities[:5].equals(toy.items)
    assert graph.entities[5:].tolist() == [
        "Autumn de Wilde", "Denis Villeneuve", "Michael Curtiz", "Ridley Scott",
        "Romance", "Science Fiction",
    ]  # fmt: skip
    assert graph.relations.tolist() == ["directed by", "genre"]
    of_alien = graph.to_frame()[graph.head == 0]
    assert of_alien["tail"].tolist() == ["Ridley Scott", "Science Fiction"]
    assert repr(graph) == (
        "KnowledgeGraph(10 facts of 2 kinds about 5 of 5 items, 11 entities)"
    )  # fmt: skip


def test_items_that_are_numbers_beside_tails_that_are_text() -> None:
    triples = [(7, "is", "red"), (3, "is", "hot"), (8, "like", 3)]  # 8 is no item
    graph = KnowledgeGraph.from_frame(facts(*triples), pd.Index([3, 7]))
    assert graph.entities.tolist() == [3, 7, 8, "hot", "red"]
    assert set(graph.to_frame().itertuples(index=False, name=None)) == set(triples)
    assert "about 2 of 2 items" in repr(graph)


def test_columns_of_facts_go_by_the_names_given() -> None:
    frame = pd.DataFrame({"a": ["tea"], "b": ["is"], "c": ["hot"]})
    graph = KnowledgeGraph.from_frame(frame, pd.Index(["tea"]), "a", "b", "c")
    assert graph.to_frame().to_numpy().tolist() == [["tea", "is", "hot"]]


@pytest.mark.parametrize("column", ["head", "relation", "tail"])
def test_a_fact_that_lacks_a_part_is_refused(column: str) -> None:
    frame = facts(("tea", "is", "hot"), ("rye", "is", "red"))
    frame.loc[1, column] = None
    with pytest.raises(ValueError, match=rf"Column '{column}' lacks a value in 1 rows\."):
        KnowledgeGraph.from_frame(frame, pd.Index(["tea"]))
    with pytest.raises(ValueError, match=rf"no column '{column}'; the columns are"):
        KnowledgeGraph.from_frame(frame.drop(columns=column), pd.Index(["tea"]))


# ---------------------------------------------------------------------- rewiring
@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_rewiring_keeps_how_many_friends_everybody_has(mutual: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = generator.integers(60, size=(150, 2))
    frame = pd.DataFrame(pairs, columns=["user", "friend"])
    graph = SocialGraph.from_frame(frame, pd.RangeIndex(60), mutual=mutual)
    other = graph.rewired(seed=seed)
    before, after = graph.to_csr(), other.to_csr()
    np.testing.assert_array_equal(after.sum(axis=1), before.sum(axis=1))
    np.testing.assert_array_equal(after.sum(axis=0), before.sum(axis=0))
    assert after.max() == 1
    assert after.diagonal().sum() == 0
    assert ((after != after.T).nnz == 0) == mutual
    assert after.multiply(before).sum() < 0.4 * len(graph)  # mostly with others than before
    again = graph.rewired(seed=seed)
    np.testing.assert_array_equal(again.target, other.target)


def test_rewiring_what_cannot_be_rewired() -> None:
    users = pd.RangeIndex(2)
    pair = SocialGraph(np.array([0, 1]), np.array([1, 0]), users)
    assert len(pair.rewired()) in (0, 2)  # two friends: the same again, or nobody
    assert len(SocialGraph(np.empty(0, int), np.empty(0, int), users).rewired()) == 0
