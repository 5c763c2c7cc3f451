"""The same interactions as a NetworkX graph and as PyTorch Geometric's `HeteroData`, and back.

Nothing is lost on the way: labels, their order, ratings, timestamps and their unit, weights, users
and items without any interaction. What a graph of one's own has besides is named in a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from .interactions import VALUES, IntArray, Interactions
from .side_graphs import KnowledgeGraph, SocialGraph

if TYPE_CHECKING:
    import networkx as nx
    from torch_geometric.data import HeteroData

LIKES = ("user", "likes", "item")
FRIENDS = ("user", "knows", "user")
SAME = ("item", "is", "entity")
# of HeteroData's edges, where PyG's own layers call a weight edge_weight
ATTRIBUTES = {"rating": "rating", "time": "timestamp", "edge_weight": "weight", "weight": "weight"}


def to_networkx(interactions: Interactions) -> nx.Graph:
    """A graph with nodes ``("user", label)`` and ``("item", label)``, one edge an interaction.

    Nodes have NetworkX's customary attribute ``bipartite`` (0 for users, 1 for items); edges have
    ``rating``, ``timestamp`` and ``weight`` where the interactions do, and the graph ``time_unit``.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> graph = to_networkx(datasets.load("toy").interactions)
    >>> sorted(graph.neighbors(("user", "Ana")))
    [('item', 'Alien'), ('item', 'Blade Runner')]
    """
    import networkx as nx

    _check_kind("interactions", interactions, Interactions)
    graph = nx.Graph()
    users = [("user", label) for label in interactions.users.tolist()]
    items = [("item", label) for label in interactions.items.tolist()]
    graph.add_nodes_from(users, bipartite=0)
    graph.add_nodes_from(items, bipartite=1)
    attributes = {name: values.tolist() for name, values in interactions.values().items()}
    pairs = zip(interactions.user_index.tolist(), interactions.item_index.tolist(), strict=True)
    graph.graph["attributes"] = list(attributes)
    if interactions.time_unit is not None:
        graph.graph["time_unit"] = interactions.time_unit
    for place, (user, item) in enumerate(pairs):
        edge = {name: values[place] for name, values in attributes.items()}
        graph.add_edge(users[user], items[item], **edge)
    return graph


def from_networkx(graph: nx.Graph) -> Interactions:
    """Interactions from a graph such as :func:`to_networkx` makes.

    Edges may have ``rating``, ``timestamp`` and ``weight``: all of them, or none.

    Raises
    ------
    TypeError, ValueError
        If it is no graph, if a node or an edge is of another kind, or if only some edges have one
        of the three.
    """
    import networkx as nx

    _check_kind("graph", graph, nx.Graph)
    sides: dict[int, list[Any]] = {0: [], 1: []}
    for node, side in graph.nodes(data="bipartite"):
        if side not in sides or not (isinstance(node, tuple) and len(node) == 2):
            raise ValueError(
                f"Node {node!r} with bipartite={side!r}: nodes ('user', label) with 0 and "
                "('item', label) with 1 are needed."
            )
        sides[side].append(node)
    places = [{node: place for place, node in enumerate(sides[side])} for side in (0, 1)]
    users, items = [], []
    values: dict[str, list[Any]] = {name: [] for name in VALUES}
    attributes: dict[str, None] = {}
    for one, other, edge in graph.edges(data=True):
        if one in places[1]:
            one, other = other, one
        if one not in places[0] or other not in places[1]:
            raise ValueError(f"Edge {one!r} - {other!r} does not join a user and an item.")
        users.append(places[0][one])
        items.append(places[1][other])
        for name in edge.keys() & VALUES:
            values[name].append(edge[name])
        attributes |= dict.fromkeys(edge)
    _warn_of_unread("the edges", attributes, VALUES, "rating, timestamp and weight are read")
    columns: dict[str, Any] = {}
    for name, column in values.items():
        if 0 < len(column) < len(users):
            raise ValueError(
                f"{len(column):,} of {len(users):,} edges have a {name}: all of them must, or none."
            )
        # of no edges, the graph says what they would have
        if column or name in graph.graph.get("attributes", []):
            columns[name] = np.array(column)
    if "timestamp" in columns:
        columns["time_unit"] = graph.graph.get("time_unit")
    return Interactions(
        np.array(users, np.int64),
        np.array(items, np.int64),
        pd.Index([label for _, label in sides[0]]),
        pd.Index([label for _, label in sides[1]]),
        **columns,
    )


def to_hetero_data(
    interactions: Interactions,
    social: SocialGraph | None = None,
    knowledge: KnowledgeGraph | None = None,
) -> HeteroData:
    """A `HeteroData` with node types user and item, and what is known beside the interactions.

    Parameters
    ----------
    interactions : Interactions
        Edges ``("user", "likes", "item")``, with ``rating``, ``time`` (and its ``time_unit``) and
        ``weight`` where there are any.
    social : SocialGraph, optional
        Edges ``("user", "knows", "user")``.
    knowledge : KnowledgeGraph, optional
        Node type entity, of which the first are the items; edges ``("entity", relation,
        "entity")`` for every relation, and ``("item", "is", "entity")``.

    Returns
    -------
    HeteroData
        Every node type has ``num_nodes`` and ``labels``.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> data = to_hetero_data(datasets.load("toy").interactions)
    >>> data["user", "likes", "item"].edge_index.shape
    torch.Size([2, 10])
    """
    from torch_geometric.data import HeteroData

    _check_kind("interactions", interactions, Interactions)
    if social is not None:
        _check_kind("social", social, SocialGraph)
    if knowledge is not None:
        _check_kind("knowledge", knowledge, KnowledgeGraph)
    data = HeteroData()
    _add_nodes(data, "user", interactions.users)
    _add_nodes(data, "item", interactions.items)
    likes = data[LIKES]
    likes.edge_index = _edges(interactions.user_index, interactions.item_index)
    if interactions.rating is not None:
        likes.rating = torch.from_numpy(interactions.rating)
    if interactions.timestamp is not None:
        likes.time = torch.from_numpy(interactions.timestamp)
    if interactions.time_unit is not None:
        likes.time_unit = interactions.time_unit
    if interactions.weight is not None:
        likes.weight = torch.from_numpy(interactions.weight)
    if social is not None:
        if not social.users.equals(interactions.users):
            raise ValueError("The social graph has other users than the interactions.")
        data[FRIENDS].edge_index = _edges(social.source, social.target)
    if knowledge is not None:
        if not knowledge.items.equals(interactions.items):
            raise ValueError("The knowledge graph has other items than the interactions.")
        _add_nodes(data, "entity", knowledge.entities)
        same = np.arange(interactions.num_items)
        data[SAME].edge_index = _edges(same, same)
        for place, relation in enumerate(knowledge.relations.tolist()):
            chosen = knowledge.relation == place
            name = ("entity", str(relation), "entity")
            if name in data.edge_types:
                raise ValueError(f"Two relations are called {name[1]!r}: give one another name.")
            data[name].edge_index = _edges(knowledge.head[chosen], knowledge.tail[chosen])
            if not isinstance(relation, str):  # types of edges are text
                data[name].relation = relation
    return data


def from_hetero_data(
    data: HeteroData, edge: tuple[str, str, str] = LIKES
) -> tuple[Interactions, SocialGraph | None, KnowledgeGraph | None]:
    """What :func:`to_hetero_data` was made from, or the pairs of any other bipartite edge type.

    Parameters
    ----------
    data : HeteroData
    edge : tuple of str
        The edge type that holds the interactions, such as ``("user", "rates", "movie")``. Nodes
        without ``labels`` are labelled 0, 1, 2, ... and need ``num_nodes``. The edges may have
        ``rating``, ``time`` (and its ``time_unit``), and ``weight`` or ``edge_weight``; what else
        they have is named in a warning.

    Raises
    ------
    TypeError, ValueError
        If it is no `HeteroData`, if it has no such edges or does not say how many nodes there are,
        if an edge has no node, if edges are repeated (``data.coalesce()`` keeps one of each), or if
        a user knows herself.
    """
    from torch_geometric.data import HeteroData

    _check_kind("data", data, HeteroData)
    if edge not in data.edge_types:
        raise ValueError(f"There are no edges {edge}; the edge types are {data.edge_types}.")
    likes = data[edge]
    keys = {name: key for key, name in ATTRIBUTES.items() if key in likes}
    read = ["edge_index", "time_unit", *keys.values()]
    _warn_of_unread(f"the edges {edge}", likes.keys(), read, "rating, time and weight are read")
    user_index, item_index = _edge_index(data, edge)
    values: dict[str, Any] = {name: _array(likes[key]) for name, key in keys.items()}
    if "timestamp" in values:
        values["time_unit"] = likes.get("time_unit")
    interactions = Interactions(
        user_index,
        item_index,
        _labels_of(data, edge[0]),
        _labels_of(data, edge[2]),
        **values,
    )
    social = knowledge = None
    if FRIENDS in data.edge_types:
        names = data[FRIENDS].keys()
        _warn_of_unread(f"the edges {FRIENDS}", names, ["edge_index"], "links have no values")
        source, target = _edge_index(data, FRIENDS)
        social = SocialGraph(source, target, interactions.users)
    if SAME in data.edge_types:
        names = [kind for kind in data.edge_types if kind[0] == kind[2] == "entity"]
        for name in names:
            read = ["edge_index", "relation"]
            _warn_of_unread(f"the edges {name}", data[name].keys(), read, "facts have no values")
        parts = [_edge_index(data, name) for name in names]
        head, tail = np.concatenate([np.empty((2, 0), np.int64), *parts], axis=1)
        knowledge = KnowledgeGraph(
            head,
            np.repeat(np.arange(len(names)), [part.shape[1] for part in parts]),
            tail,
            _labels_of(data, "entity"),
            pd.Index([data[name].get("relation", name[1]) for name in names]),
            interactions.items,
        )
    return interactions, social, knowledge


def _check_kind(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}.")


def _warn_of_unread(edges: str, names: Iterable[str], read: Collection[str], why: str) -> None:
    """Name what edges have besides what is read."""
    if unread := ", ".join(repr(name) for name in names if name not in read):
        warnings.warn(f"Left out of {edges}: {unread} ({why}).", stacklevel=3)


def _edge_index(data: HeteroData, kind: tuple[str, str, str]) -> NDArray[Any]:
    """Sources and targets, shape (2, n)."""
    if "edge_index" not in data[kind]:
        raise ValueError(f"The edges {kind} have no edge_index.")
    return _array(data[kind].edge_index)


def _array(values: Any) -> NDArray[Any]:
    """Of a tensor wherever it is, or of anything that NumPy takes."""
    return np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)


def _labels_of(data: HeteroData, kind: str) -> pd.Index:
    if "labels" in data[kind]:
        return pd.Index(data[kind].labels)
    # PyG guesses, with a warning of its own, where the nodes have nothing to be counted by
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        count = data[kind].num_nodes
    if count is None:
        raise ValueError(
            f"The nodes {kind!r} have neither labels nor a number: set data[{kind!r}].num_nodes."
        )
    return pd.RangeIndex(count)


def _add_nodes(data: HeteroData, kind: str, labels: pd.Index) -> None:
    data[kind].num_nodes = len(labels)
    data[kind].labels = labels.tolist()


def _edges(source: IntArray, target: IntArray) -> torch.Tensor:
    """Shape (2, edges)."""
    return torch.from_numpy(np.stack([source, target]))
