"""Round trips lose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnrec_helpers import Interactions, datasets
from gnnrec_helpers.data import conversions
from gnnrec_helpers.data.conversions import (
    from_hetero_data,
    from_networkx,
    to_hetero_data,
    to_networkx,
)
from gnnrec_helpers.data.side_graphs import KnowledgeGraph, SocialGraph

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

few = settings(max_examples=60, deadline=None, derandomize=True)
labels = st.one_of(
    st.lists(st.integers(-5, 10**12), min_size=1, max_size=6, unique=True),
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6, unique=True),
)


@st.composite
def tables(draw: st.DrawFn) -> Interactions:
    """With and without ratings, timestamps, lonely users and lonely items."""
    users, items = draw(labels), draw(labels)
    cells = [(u, i) for u in range(len(users)) for i in range(len(items))]
    pairs = sorted(draw(st.sets(st.sampled_from(cells))))
    index = np.array(pairs, np.int64).reshape(-1, 2).T
    count = len(pairs)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    rating = draw(st.none() | st.lists(finite, min_size=count, max_size=count))
    time = draw(st.none() | st.lists(st.integers(0, 2**62), min_size=count, max_size=count))
    above = st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False)
    weight = draw(st.none() | st.lists(above, min_size=count, max_size=count))
    return Interactions(
        index[0].copy(),
        index[1].copy(),
        pd.Index(users),
        pd.Index(items),
        None if rating is None else np.array(rating, np.float64),
        None if time is None else np.array(time, np.int64),
        weight=None if weight is None else np.array(weight, np.float64),
        time_unit=None if time is None else draw(st.sampled_from([None, "s", "ms", "us", "ns"])),
    )


def assert_same(one: Interactions, other: Interactions) -> None:
    assert one.users.tolist() == other.users.tolist()
    assert one.items.tolist() == other.items.tolist()
    assert one.time_unit == other.time_unit
    for name in ("user_index", "item_index", "rating", "timestamp", "weight"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None), name
        if left is not None:
            np.testing.assert_array_equal(left, right)
            assert left.dtype == right.dtype or len(left) == 0


@few
@given(tables())
def test_networkx_and_back(table: Interactions) -> None:
    assert_same(table, from_networkx(to_networkx(table)))


@few
@given(tables())
def test_hetero_data_and_back(table: Interactions) -> None:
    back, social, knowledge = from_hetero_data(to_hetero_data(table))
    assert_same(table, back)
    assert social is None
    assert knowledge is None


def test_dates_come_back_as_dates() -> None:
    rows = {"user": [1, 1], "item": [2, 3], "n": [4, 5], "day": ["2024-01-02", "2024-03-04"]}
    table = Interactions.from_frame(rows, timestamp="day", weight="n")
    for back in (from_networkx(to_networkx(table)), from_hetero_data(to_hetero_data(table))[0]):
        pd.testing.assert_frame_equal(back.to_frame(), table.to_frame())
        assert str(back.to_frame()["timestamp"].dtype).endswith("UTC]")


def test_an_edge_may_name_the_item_first() -> None:
    graph = nx.Graph()
    graph.add_node(("item", "Dune"), bipartite=1)
    graph.add_node(("user", "Cem"), bipartite=0)
    graph.add_edge(("item", "Dune"), ("user", "Cem"))
    assert from_networkx(graph).to_frame().to_numpy().tolist() == [["Cem", "Dune"]]


def own_graph(*edges: dict) -> nx.Graph:
    """One user and as many items as there are edges, with these attributes."""
    graph = nx.Graph()
    graph.add_node(("user", "Ana"), bipartite=0)
    for number, attributes in enumerate(edges):
        graph.add_node(("item", number), bipartite=1)
        graph.add_edge(("user", "Ana"), ("item", number), **attributes)
    return graph


@pytest.mark.parametrize("name", ["rating", "timestamp", "weight"])
def test_what_all_edges_of_ones_own_graph_have_is_read(name: str) -> None:
    found = from_networkx(own_graph({name: 3}, {name: 5}))
    assert getattr(found, name).tolist() == [3, 5]
    assert list(found.values()) == [name]
    with pytest.raises(ValueError, match=rf"^1 of 2 edges have a {name}: all of them must, or no"):
        from_networkx(own_graph({name: 3}, {}))
    with pytest.warns(UserWarning, match=r"^Left out of the edges: 'colour', 'size' \(rating, tim"):
        found = from_networkx(own_graph({name: 3, "colour": "red"}, {name: 5, "size": 4}))
    assert getattr(found, name).tolist() == [3, 5]


def test_attributes_that_are_no_numbers_are_refused() -> None:
    for name, value in (
        ("rating", "4"),
        ("timestamp", pd.Timestamp("2024-01-01")),
        ("rating", True),
    ):
        with pytest.raises(TypeError, match=rf"^{name} holds values of type .* is needed\.$"):
            from_networkx(own_graph({name: value}))
    with pytest.raises(ValueError, match="weight holds 0: numbers above 0"):
        from_networkx(own_graph({"weight": 0}))


def test_networkx_sees_the_same_graph(movielens: Interactions) -> None:
    graph = to_networkx(movielens)
    assert nx.is_bipartite(graph)
    assert graph.number_of_edges() == len(movielens)
    degrees = [graph.degree(("user", label)) for label in movielens.users.tolist()]
    np.testing.assert_array_equal(degrees, movielens.user_degrees())


def test_all_three_graphs_and_back() -> None:
    for name in ("toy", "lastfm-2k"):
        data = datasets.load(name)
        hetero = to_hetero_data(data.interactions, data.social, data.knowledge)
        assert hetero.validate()
        back, social, knowledge = from_hetero_data(hetero)
        assert_same(data.interactions, back)
        np.testing.assert_array_equal(social.source, data.social.source)
        np.testing.assert_array_equal(social.target, data.social.target)
        pd.testing.assert_frame_equal(knowledge.to_frame(), data.knowledge.to_frame())


def edges(source: list[int], target: list[int]) -> HeteroData:
    """Users "a" and "b", items "x" and "y"."""
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data["user"].labels, data["item"].labels = ["a", "b"], ["x", "y"]
    data["user"].num_nodes = data["item"].num_nodes = 2
    data["user", "likes", "item"].edge_index = torch.tensor([source, target])
    return data


def test_edges_may_come_in_any_order() -> None:
    table, _, _ = from_hetero_data(edges([1, 0, 0], [0, 1, 0]))
    assert table.to_frame().to_numpy().tolist() == [["a", "x"], ["a", "y"], ["b", "x"]]


def test_edges_that_are_repeated_or_have_no_node_are_refused() -> None:
    twice = edges([0, 1, 0, 1], [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"2 of 4 pairs are repeated, such as user 'a' with"):
        from_hetero_data(twice)
    table, _, _ = from_hetero_data(twice.coalesce())
    assert len(table) == 2
    with pytest.raises(ValueError, match="user_index holds 9; with 2 users"):
        from_hetero_data(edges([0, 9], [0, 1]))


@pytest.mark.parametrize("key", ["weight", "edge_weight"])
def test_what_the_edges_of_ones_own_hetero_data_have(key: str) -> None:
    data = edges([0, 1], [1, 0])
    likes = data["user", "likes", "item"]
    likes[key] = torch.tensor([2.0, 3.0], requires_grad=True)
    likes.time = [7, 8]
    found = from_hetero_data(data)[0]
    assert found.weight.tolist() == [2, 3]
    assert found.timestamp.tolist() == [7, 8]
    likes.edge_attr = torch.zeros(2, 5)
    told = r"^Left out of the edges \('user', 'likes', 'item'\): 'edge_attr' \(rating, time and wei"
    with pytest.warns(UserWarning, match=told):
        from_hetero_data(data)


def test_of_two_weights_one_is_left_out() -> None:
    data = edges([0, 1], [1, 0])
    data["user", "likes", "item"].weight = torch.tensor([2.0, 3.0])
    data["user", "likes", "item"].edge_weight = torch.ones(2)
    with pytest.warns(UserWarning, match="'edge_weight'"):
        assert from_hetero_data(data)[0].weight.tolist() == [2, 3]


def test_friends_that_are_repeated_or_oneself_are_refused() -> None:
    data, knows = edges([0, 1], [1, 0]), ("user", "knows", "user")
    data[knows].edge_index = torch.tensor([[0, 1, 0], [1, 0, 1]])
    with pytest.raises(ValueError, match=r"1 of 3 links are repeated, such as \('a', 'b'\)"):
        from_hetero_data(data)
    data[knows].edge_index = torch.tensor([[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="1 of 2 links join a user to herself, such as 'b'"):
        from_hetero_data(data)
    data[knows].edge_index = torch.tensor([[1, 0], [0, 1]])
    assert from_hetero_data(data)[1].to_csr().toarray().tolist() == [[0, 1], [1, 0]]
    data[knows].since = torch.tensor([2001, 2002])
    with pytest.warns(UserWarning, match="'since' .links have no values"):
        from_hetero_data(data)
    del data[knows].since, data[knows].edge_index
    data[knows].adj = torch.eye(2)
    with pytest.warns(UserWarning, match="adj"), pytest.raises(ValueError, match="no edge_index"):
        from_hetero_data(data)


@pytest.mark.parametrize("relations", [[3, 5], ["by", "like"], []])
def test_facts_come_back_with_the_labels_of_their_relations(relations: list) -> None:
    table = Interactions.from_frame({"user": [1, 1], "item": ["x", "y"]})
    facts = {"head": ["x", "y"], "relation": relations, "tail": ["red", "x"]}
    facts = {name: column[: len(relations)] for name, column in facts.items()}
    knowledge = KnowledgeGraph.from_frame(facts, table.items)
    back = from_hetero_data(to_hetero_data(table, knowledge=knowledge))[2]
    assert back.relations.tolist() == relations
    assert back.to_frame().to_numpy().tolist() == knowledge.to_frame().to_numpy().tolist()


def test_relations_that_read_alike_or_have_values() -> None:
    table = Interactions.from_frame({"user": [1, 1], "item": ["x", "y"]})
    facts = {"head": ["x", "y"], "relation": [1, "1"], "tail": ["red", "x"]}
    with pytest.raises(ValueError, match="Two relations are called '1'"):
        to_hetero_data(table, knowledge=KnowledgeGraph.from_frame(facts, table.items))
    knowledge = KnowledgeGraph.from_frame({**facts, "relation": ["by", "by"]}, table.items)
    data = to_hetero_data(table, knowledge=knowledge)
    data["entity", "by", "entity"].edge_attr = torch.ones(2)
    with pytest.warns(UserWarning, match="'edge_attr' .facts have no values"):
        from_hetero_data(data)


def test_other_users_or_items_are_refused(toy: Interactions) -> None:
    strangers = SocialGraph.from_frame(pd.DataFrame({"user": [], "friend": []}), pd.Index(["Zoe"]))
    with pytest.raises(ValueError, match="other users than the interactions"):
        to_hetero_data(toy, social=strangers)
    facts = pd.DataFrame({"head": ["Solaris"], "relation": ["genre"], "tail": ["SF"]})
    with pytest.raises(ValueError, match="other items than the interactions"):
        to_hetero_data(toy, knowledge=KnowledgeGraph.from_frame(facts, pd.Index(["Solaris"])))


def test_graphs_of_another_kind_are_refused() -> None:
    from torch_geometric.data import HeteroData

    with pytest.raises(ValueError, match="bipartite=None"):
        from_networkx(nx.path_graph(3))
    graph = nx.Graph([(("user", 1), ("user", 2))])
    nx.set_node_attributes(graph, 0, "bipartite")
    with pytest.raises(ValueError, match="does not join a user and an item"):
        from_networkx(graph)
    with pytest.raises(ValueError, match="There are no edges"):
        from_hetero_data(HeteroData())


def test_graphs_as_pyg_has_them() -> None:
    from torch_geometric.data import HeteroData

    def graph(kind: tuple[str, str, str], labels: bool, edges: list[list[int]]) -> HeteroData:
        data = HeteroData()
        for name in (kind[0], kind[2]):
            data[name].num_nodes = 2
        data[kind].edge_index = torch.tensor(edges)
        if labels:
            data[kind[0]].labels, data[kind[2]].labels = ["a", "b"], ["x", "y"]
        return data

    rates = ("user", "rates", "movie")
    found = conversions.from_hetero_data(graph(rates, True, [[1, 0], [0, 1]]), rates)[0]
    assert found.to_frame().to_numpy().tolist() == [["a", "y"], ["b", "x"]]
    plain = conversions.from_hetero_data(graph(conversions.LIKES, False, [[0, 1], [0, 1]]))[0]
    assert plain.to_frame().to_numpy().tolist() == [[0, 0], [1, 1]]
    with pytest.raises(ValueError, match=r"no edges .*'likes'.* edge types are .*'rates'"):
        conversions.from_hetero_data(graph(rates, True, [[0], [1]]))
    with pytest.raises(ValueError, match="user_index holds 9; with 2 users"):
        conversions.from_hetero_data(graph(rates, True, [[9], [1]]), rates)


def test_objects_of_another_kind_are_refused(toy: Interactions) -> None:
    from torch_geometric.data import Data

    alone = Data(edge_index=torch.tensor([[0], [0]]))
    for call, told in [
        (lambda: from_hetero_data(None), "data must be of type HeteroData, not NoneType."),  # type: ignore[arg-type]
        (lambda: from_hetero_data(alone), "data must be of type HeteroData, not Data."),  # type: ignore[arg-type]
        (lambda: to_hetero_data(None), "interactions must be of type Interactions, not NoneType."),  # type: ignore[arg-type]
        (lambda: to_hetero_data(toy, toy), "social must be of type SocialGraph, not Interactions."),  # type: ignore[arg-type]
        (
            lambda: to_networkx(toy.split(1, 0)),
            "interactions must be of type Interactions, not Split.",
        ),  # type: ignore[arg-type]
        (lambda: from_networkx("graph"), "graph must be of type Graph, not str."),  # type: ignore[arg-type]
    ]:
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == told


@pytest.mark.filterwarnings("error")
def test_nodes_without_a_number_are_refused() -> None:
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data["user", "rates", "movie"].edge_index = torch.tensor([[0, 1], [0, 1]])
    kind = ("user", "rates", "movie")
    with pytest.raises(ValueError, match=r"nodes 'user' have .*: set data\['user'\]\.num_nodes\."):
        from_hetero_data(data, kind)
    data["user"].num_nodes = 2
    with pytest.raises(ValueError, match=r"nodes 'movie' have neither labels nor a number"):
        from_hetero_data(data, kind)
    data["movie"].x = torch.zeros(3, 1)
    assert from_hetero_data(data, kind)[0].num_items == 3
