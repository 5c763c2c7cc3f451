"""Friends and facts, in the index space of the interactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
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
    with pytest.raises(
        ValueError, match=r"no column 'friend' \(for target\); the columns are 'user', "
    ):
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
    with pytest.raises(ValueError, match=rf"no column '{column}' \(for {column}\); the columns "):
        KnowledgeGraph.from_frame(frame.drop(columns=column), pd.Index(["tea"]))


# ---------------------------------------------------------------------- labels and tables
Read = Callable[[Any, Any], Any]
INTEGERS, TEXTS = pd.Index([1, 2, 3]), pd.Index(["a", "b", "c"])


def read_links(column: list, labels: Any) -> SocialGraph:
    return SocialGraph.from_frame({"user": column, "friend": column[::-1]}, labels)


def read_facts(column: list, labels: Any) -> KnowledgeGraph:
    relation = ["r"] * len(column)
    return KnowledgeGraph.from_frame(
        {"head": column, "relation": relation, "tail": column[::-1]}, labels
    )


both = pytest.mark.parametrize("read", [read_links, read_facts])


@both
@pytest.mark.parametrize(
    ("column", "labels", "told"),
    [
        (
            ["1", "2"],
            INTEGERS,
            r"type str, such as '1', and the \w+ are of type int, such as 1: the",
        ),
        ([1, 2], TEXTS, r"type int, such as 1, and the \w+ are of type str, such as 'a': the same"),
        ([0.5, 1.5], INTEGERS, r"type float, such as 0\.5, and the \w+ are of type int, such as 1"),
        ([(1, 2), "1"], INTEGERS, r"type str and tuple, such as '1', and the \w+ are of type int"),
    ],
)
def test_labels_of_another_type_are_refused(
    read: Read, column: list, labels: pd.Index, told: str
) -> None:
    with pytest.raises(ValueError, match=rf"^Columns? '\w+'.* holds? labels of {told}"):
        read(column, labels)


def test_one_column_of_another_type_is_refused() -> None:
    table = {"user": [1, 2], "friend": ["3", "1"]}
    with pytest.raises(ValueError, match=r"^Column 'friend' holds labels of type str, such as"):
        SocialGraph.from_frame(table, INTEGERS)
    # of facts, either end may be no item
    table = {"head": [1, 2], "relation": ["r", "r"], "tail": ["3", "1"]}
    assert KnowledgeGraph.from_frame(table, INTEGERS).num_entities == 5
    assert len(KnowledgeGraph.from_frame(table | {"head": ["8", 3]}, INTEGERS)) == 2


@both
def test_unknown_labels_of_the_same_type_are_no_mistake(read: Read) -> None:
    graph = read([8, 9], INTEGERS)
    assert graph.dropped == 2 if isinstance(graph, SocialGraph) else len(graph) == 2
    assert isinstance(read(["8"], pd.Index([], dtype=int)), (SocialGraph, KnowledgeGraph))
    assert len(read([], INTEGERS)) == 0


@both
@pytest.mark.parametrize("labels", [INTEGERS, TEXTS])
@pytest.mark.parametrize(
    ("column", "told"),
    [
        ([True, False], "of type bool, such as True: integers or text are needed"),
        (["a", True, 1], "of type bool, such as True: integers or text are needed"),
        ([[1], [2]], r"of type list, such as \[1\]: integers or text are needed"),
        ([{}, 1], r"of type dict, such as \{\}: integers or text are needed"),
    ],
)
def test_values_that_are_no_labels_are_refused(
    read: Read, labels: pd.Index, column: list, told: str
) -> None:
    with pytest.raises(TypeError, match=rf"^Column '\w+' holds labels {told}\.$"):
        read(column, labels)


@both
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_labels_are_refused(read: Read, missing: object) -> None:
    with pytest.raises(ValueError, match=r"^Column '\w+' lacks a value in 1 rows\.$"):
        read([1, missing], INTEGERS)


@both
@pytest.mark.parametrize(
    "labels",
    [[1, 2], None, "ab", np.array([1, 2]), Interactions.from_frame({"user": [1], "item": [2]})],
)
def test_labels_are_an_index(read: Read, labels: object) -> None:
    with pytest.raises(TypeError, match=r"must be a pandas\.Index of labels, not \w+\.$"):
        read([1, 2], labels)
    with pytest.raises(ValueError, match="holds the label 1 more than once"):
        read([1, 2], pd.Index([1, 1]))


def test_text_that_is_no_unicode_is_refused() -> None:
    for table in (
        {"user": ["\ud800"], "friend": ["b"]},
        pd.DataFrame({"user": pd.Series(["\ud800"], dtype=object), "friend": ["b"]}),
    ):
        with pytest.raises(ValueError, match="no valid Unicode"):
            SocialGraph.from_frame(table, TEXTS)


TABLES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "mapping": lambda frame: frame.to_dict("list"),
    "arrow": pa.Table.from_pandas,
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "nullable": lambda frame: frame.convert_dtypes(),
    "arrow types": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda frame: frame.astype("category"),
    "arrow dictionaries": lambda frame: pa.Table.from_pandas(frame.astype("category")),
    "an index": lambda frame: frame.set_index(frame.columns[0]),
    "floats": lambda frame: frame if frame.iloc[0, 0] == "b" else frame.astype(float),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("labels", [INTEGERS, TEXTS])
def test_tables_of_every_kind(kind: str, labels: pd.Index) -> None:
    a, b, c = labels.tolist()
    table = TABLES[kind](pd.DataFrame({"user": [b, a], "friend": [c, b]}))
    assert SocialGraph.from_frame(table, labels).to_frame().to_numpy().tolist() == [[a, b], [b, c]]
    table = TABLES[kind](pd.DataFrame({"head": [b, a], "tail": [c, b], "relation": [c, a]}))
    graph = KnowledgeGraph.from_frame(table, labels)
    assert graph.to_frame().to_numpy().tolist() == [[a, a, b], [b, c, c]]
    assert graph.entities.equals(labels)


@pytest.mark.parametrize("table", [[(1, 2)], None, 3, INTEGERS])
def test_what_is_no_table_is_refused(table: object) -> None:
    with pytest.raises(TypeError, match=r"^frame is a .*: a data frame is needed"):
        SocialGraph.from_frame(table, INTEGERS)
    with pytest.raises(TypeError, match=r"^frame is a .*: a data frame is needed"):
        KnowledgeGraph.from_frame(table, INTEGERS)


def test_items_beside_numbers_stay_integers() -> None:
    items = pd.Index([2**53, 2**53 + 1])  # which floats cannot tell apart
    table = {"head": items, "relation": ["r", "r"], "tail": [0.5, 2]}
    graph = KnowledgeGraph.from_frame(table, items)
    assert graph.entities.tolist() == [2**53, 2**53 + 1, 0.5, 2.0]
    assert graph.tail.tolist() == [2, 3]


def test_facts_about_days() -> None:
    days = pd.to_datetime(["2024-02-01", "2024-01-01"])
    table = {"head": [1, 2], "relation": ["r", "r"], "tail": days}
    graph = KnowledgeGraph.from_frame(table, INTEGERS)
    assert graph.to_frame()["tail"].tolist() == days.tolist()


# ---------------------------------------------------------------------- the constructors
@few
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), max_size=8))
def test_links_in_any_order_are_the_same_graph(pairs: list[tuple]) -> None:
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    outside = any(not 0 <= end < 3 for pair in pairs for end in pair)
    if outside or len(set(pairs)) < len(pairs) or any(a == b for a, b in pairs):
        told = (
            r"(source|target) holds (-1|3); with 3|are repeated, such as \('|to herself, such as '"
        )
        with pytest.raises(ValueError, match=told):
            SocialGraph(source, target, USERS)
        return
    graph = SocialGraph(source, target, USERS)
    assert list(zip(graph.source.tolist(), graph.target.tolist(), strict=True)) == sorted(pairs)


@few
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), max_size=8))
def test_facts_in_any_order_are_the_same_graph(triples: list[tuple]) -> None:
    columns = np.array(triples, np.int64).reshape(-1, 3).T
    labels = pd.Index(list("abcd")), pd.Index(["is", "by"]), pd.Index(list("ab"))
    if any(r == 2 for _, r, _ in triples):
        with pytest.raises(ValueError, match="relation holds 2; with 2 relations, positions go"):
            KnowledgeGraph(*columns, *labels)
        return
    repeated = len(triples) - len(set(triples))
    if repeated:
        told = rf"^{repeated} of {len(triples)} facts are repeated, such as \('\w', '\w+', '"
        with pytest.raises(ValueError, match=told):
            KnowledgeGraph(*columns, *labels)
        return
    graph = KnowledgeGraph(*columns, *labels)
    found = zip(graph.head.tolist(), graph.relation.tolist(), graph.tail.tolist(), strict=True)
    assert list(found) == sorted(triples)


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        (
            {"source": [0, 500]},
            ValueError,
            "source holds 500; with 3 users, positions go from 0 to 2",
        ),
        ({"target": [1]}, ValueError, "target holds 1 values for 2 links"),
        ({"target": [1.5, 2.0]}, TypeError, "target holds values of type float64; int64 is needed"),
        ({"source": [True, False]}, TypeError, "source holds values of type bool"),
        ({"source": [[0, 1]]}, ValueError, "one dimension is needed"),
        ({"users": ["ana", "ben", "cem"]}, TypeError, "users must be a pandas.Index of labels"),
        ({"users": pd.Index(["ana", "ana"])}, ValueError, "'ana' more than once"),
    ],
)
def test_what_a_social_graph_refuses(changed: dict, error: type[Exception], told: str) -> None:
    right = {"source": np.array([0, 1]), "target": np.array([1, 2]), "users": USERS}
    for build in (
        lambda: SocialGraph(**right | changed),
        lambda: replace(SocialGraph(**right), **changed),
    ):
        with pytest.raises(error, match=told):
            build()


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"head": [-1]}, ValueError, "head holds -1; with 3 entities"),
        ({"tail": [9]}, ValueError, "tail holds 9; with 3 entities"),
        ({"relation": [1]}, ValueError, "relation holds 1; with 1 relations"),
        ({"tail": [1, 2]}, ValueError, "tail holds 2 values for 1 facts"),
        ({"items": pd.Index(["ben"])}, ValueError, "The first 1 entities are not the items"),
        ({"items": pd.Index(list("abcd"))}, ValueError, "The first 4 entities are not the items"),
        ({"relations": ["is"]}, TypeError, "relations must be a pandas.Index"),
        ({"entities": pd.Index(["ana", "x", "x"])}, ValueError, "'x' more than once"),
    ],
)
def test_what_a_knowledge_graph_refuses(changed: dict, error: type[Exception], told: str) -> None:
    right: dict[str, Any] = {
        "head": np.array([0]), "relation": np.array([0]), "tail": np.array([2]),
        "entities": USERS, "relations": pd.Index(["is"]), "items": USERS[:1],
    }  # fmt: skip
    assert len(KnowledgeGraph(**right)) == 1
    with pytest.raises(error, match=told):
        KnowledgeGraph(**right | changed)


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
