"""Why this item for this user? A linear model's score is a sum, and its terms are the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from ..data.arguments import check_whole
from ..data.interactions import FloatArray, IntArray, positions
from ..models import LightGCN, LinearFilter, Model, UserKNN
from ..models.base import evaluating
from ..models.parts.fold_in import ByProducts

HERSELF = "herself"  # the kind of the term that comes from a user's own row of the table
HOPS = 3  # of the longest paths: user - item - person - item


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """A score as a sum: what :func:`explain` answers.

    Attributes
    ----------
    user, item : labels
    score : float
        What the model gives the pair.
    terms : pandas.DataFrame
        Columns kind, via, contribution, the largest first; their contributions add up to the score.
        ``"item"`` is one that the user has, ``"user"`` a friend or somebody who is like her, and
        ``"herself"`` her own row of the table, which no neighbour explains.
    paths : pandas.DataFrame
        For models that propagate, the strongest paths user - item - person - item, or as far as
        the model's layers go: columns path, a tuple of labels, and contribution. Empty for others.
    other_paths : float
        The sum over all other paths, shorter ones included. With `paths` it adds up to the score.
    """

    user: Any
    item: Any
    score: float
    terms: pd.DataFrame
    paths: pd.DataFrame
    other_paths: float

    def __repr__(self) -> str:
        because = [
            f"{kind if kind == HERSELF else repr(via)} {value:+.3f}"
            for kind, via, value in self.terms.head(3).to_numpy().tolist()
        ]
        more = ", ..." if len(self.terms) > len(because) else ""
        return (
            f"Explanation({self.item!r} for {self.user!r}: score {self.score:.3f} = "
            f"{', '.join(because) or 'nothing'}{more})"
        )

    def _repr_html_(self) -> str:
        tables = [self.terms.head(10), *([self.paths] if len(self.paths) else [])]
        shown = "".join(
            table.to_html(index=False, float_format="{:.4f}".format) for table in tables
        )
        return (
            f"<p>Score {self.score:.4f}: the {min(10, len(self.terms))} largest of "
            f"{len(self.terms)} terms</p>{shown}"
        )


def explain(model: Model, user: Any, item: Any, *, paths: int = 10) -> Explanation:
    """The score of a pair as a sum over what the user has.

    Exact for linear models, to rounding; nothing is estimated.

    - ItemKNN, RP3Beta, EASE, LinearFilter, GraphFilter: the score is a sum over the user's items,
      each with its weight for this item. UserKNN: a sum over the users who are most like her and
      have it.
    - LightGCN and its kin: with layers ``X, A X, A² X, ...`` and their weights w, the user's
      embedding is ``w0 x_u + sum over neighbours j of A_uj (w1 x_j + w2 (A X)_j + ...)``, and the
      dot product with the item's embedding goes through the sum. To go on with ``(A X)_j`` gives
      paths: user - item, user - item - person, user - item - person - item. Those of three steps
      stand for all that go on from their end. A path may come back to where it has been.

    Parameters
    ----------
    model : Model
        The model itself, not its ``frozen()``, which has no graph.
    user, item : labels
        Also a pair that the model was built from.
    paths : int, default 10
        How many of the longest paths are listed, the strongest.

    Returns
    -------
    Explanation

    Raises
    ------
    KeyError
        For an unknown user or item.
    TypeError
        If the model's score is no such sum.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> likes = datasets.load("toy").interactions
    >>> explain(models.ItemKNN(likes, shrink=0), "Cem", "Alien")
    Explanation('Alien' for 'Cem': score 0.500 = 'Casablanca' +0.500, 'Dune' +0.000)
    >>> found = explain(models.LightGCN(likes, dim=8), "Cem", "Alien", paths=2)
    >>> bool(abs(found.terms["contribution"].sum() - found.score) < 1e-6)
    True
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"{type(model).__name__} cannot be explained: a model of gnnrec_helpers.models is "
            "needed, as it was before it was frozen."
        )
    check_whole(0, paths=paths)
    row = int(positions(model.users, [user], "user")[0])
    column = int(positions(model.items, [item], "item")[0])
    with evaluating(model):
        score = float(model.score(torch.tensor([row]))[0, column])
        if isinstance(model, LightGCN):
            terms, strongest, others = _propagated(model, row, column, paths)
        else:
            terms = _summed(model, row, column)
            strongest, others = [], float(terms["contribution"].sum())
    off = abs(float(terms["contribution"].sum()) - score)
    if off > 1e-3 * max(1.0, abs(score)):  # a subclass that scores in a way of its own
        raise TypeError(
            f"The score of {type(model).__name__} is {off:.3g} away from the sum of its terms, so "
            "these do not explain it: it scores in another way than the class it inherits from."
        )
    terms = terms.sort_values("contribution", ascending=False, kind="stable", ignore_index=True)
    listed = pd.DataFrame(strongest, columns=["path", "contribution"])
    return Explanation(user, item, score, terms, listed, others)


# ---------------------------------------------------------------------- one matrix
def _summed(model: Model, user: int, item: int) -> pd.DataFrame:
    """The terms of a model that weighs what a user has, or who is like her."""
    known = model.interactions
    if isinstance(model, UserKNN):
        heard = sparse.csr_array(model.similarity[[user]])
        has_it = known.contains(heard.indices, np.full(len(heard.indices), item))
        who, weights = heard.indices[has_it], heard.data[has_it]
        return _terms("user", model.users[who], weights.astype(np.float64))
    try:
        fold_in = model.fold_in()
    except TypeError:
        fold_in = None
    # of other models that divide by how many items there are, the terms would say nothing: those of
    # popularity are all alike
    if not isinstance(fold_in, ByProducts) or (
        fold_in.power and not isinstance(model, LinearFilter)
    ):
        raise TypeError(
            f"A score of {type(model).__name__} is no sum over what a user has, so it cannot be "
            "explained by its terms: those of ItemKNN, UserKNN, RP3Beta, EASE, the filters and "
            "LightGCN with its kin are."
        )
    hers = known.item_index[slice(*np.searchsorted(known.user_index, [user, user + 1]))]
    each_alone = sparse.eye_array(model.num_items, format="csr", dtype=np.float32)[hers]
    weights = fold_in(sparse.csr_array(each_alone))[:, item].double().numpy()
    weights /= max(1, len(hers)) ** fold_in.power
    return _terms("item", model.items[hers], weights)


def _terms(kind: str, labels: pd.Index, contributions: FloatArray) -> pd.DataFrame:
    return pd.DataFrame({"kind": kind, "via": labels, "contribution": contributions})


# ---------------------------------------------------------------------- propagation
Path = tuple[int, ...]  # nodes, the user first


def _propagated(
    model: LightGCN, user: int, item: int, count: int
) -> tuple[pd.DataFrame, list[tuple[tuple[Any, ...], float]], float]:
    """Terms, strongest paths, and what all others add up to.

    The dot product with the item's embedding e is taken first. What is propagated is then one
    number a node instead of an embedding: ``s = X e``, and layer l of it is ``A^l s``.
    """
    graph = _Graph(model)
    weights = model.layer_weights() or [1 / (model.layers + 1)] * (model.layers + 1)
    pair = (torch.tensor([node]).to(model.device) for node in (user, item))
    target = model.embeddings(*pair)[1][0]
    if model.cosine:  # the user's length divides all terms alike
        target = target / model.node_embeddings()[user].norm()
    start = model.nodes.weight.detach().cpu().double() @ target.detach().cpu().double()
    layers = [start.numpy()]
    for _ in range(model.layers):
        layers.append(graph.propagated(layers[-1]))

    def onward(steps: int) -> FloatArray:
        """What a path adds that has come to a node in so many steps, with all that go on there."""
        left = zip(weights[steps:], layers, strict=False)
        return sum((weight * layer for weight, layer in left), np.zeros_like(layers[0]))

    own = float(weights[0] * layers[0][user])
    nodes, edges = graph.neighbours(user)
    if model.layers == 0:
        nodes, edges = nodes[:0], edges[:0]
    first = edges * onward(1)[nodes]
    terms = pd.DataFrame(
        {
            "kind": [HERSELF, *map(graph.kind, nodes.tolist())],
            "via": [graph.label(user), *map(graph.label, nodes.tolist())],
            "contribution": [own, *first],
        }
    )
    steps = min(HOPS, model.layers)
    strongest = graph.strongest(user, onward(steps), steps, count) if steps else []
    named = [(tuple(map(graph.label, path)), value) for path, value in strongest]
    rest = float(terms["contribution"].sum()) - sum(value for _, value in strongest)
    return terms, named, rest


class _Graph:
    """What a model propagates along, a node at a time."""

    def __init__(self, model: LightGCN) -> None:
        self.model = model
        self.parts = model.graphs()

    def propagated(self, field: FloatArray) -> FloatArray:
        """One number a node, once along all edges, in double precision."""
        total = np.zeros_like(field)
        for weight, adjacency in self.parts:
            values, columns, offsets, at_slot, of_node = (
                None if part is None else part.cpu().numpy()
                for part in (
                    adjacency.weights,
                    adjacency.columns,
                    adjacency.offsets,
                    adjacency.node_at_slot,
                    adjacency.slot_of_node,
                )
            )
            matrix = sparse.csr_array((values, columns, offsets), shape=adjacency.shape)
            heard = matrix @ (field if at_slot is None else field[at_slot])
            total += weight * (heard if of_node is None else heard[of_node])
        return total

    def neighbours(self, node: int) -> tuple[IntArray, FloatArray]:
        """Whom a node hears, and how much."""
        found = [(adjacency.row(node), weight) for weight, adjacency in self.parts]
        nodes = np.concatenate([nodes for (nodes, _), _ in found])
        return nodes, np.concatenate([weight * edges for (_, edges), weight in found])

    def strongest(
        self, start: int, end: FloatArray, steps: int, count: int
    ) -> list[tuple[Path, float]]:
        """Of the paths of so many steps those that contribute most, in size.

        A path gives ``end`` at its last node, times the weights of its edges.
        """
        paths: list[tuple[Path, float]] = [((start,), 1.0)]
        for step in range(steps):
            if step == steps - 1:
                paths = self._promising(paths, end, count)
            longer: list[tuple[Path, float]] = []
            for path, strength in paths:
                nodes, edges = self.neighbours(path[-1])
                together = strength * edges
                longer += [
                    ((*path, node), value)
                    for node, value in zip(nodes.tolist(), together.tolist(), strict=True)
                ]
            paths = longer
        found = [(path, strength * float(end[path[-1]])) for path, strength in paths]
        return sorted(found, key=lambda one: -abs(one[1]))[:count]

    def _promising(
        self, paths: list[tuple[Path, float]], end: FloatArray, count: int
    ) -> list[tuple[Path, float]]:
        """The paths among whose continuations by one step the `count` strongest are.

        The best continuation of a path is known without writing all of them down, and the strongest
        continuations belong to the paths whose best are strongest.
        """
        best: dict[int, float] = {}
        for node in {path[-1] for path, _ in paths}:
            nodes, edges = self.neighbours(node)
            best[node] = float(np.abs(edges * end[nodes]).max(initial=0.0))
        return sorted(paths, key=lambda one: -abs(one[1]) * best[one[0][-1]])[:count]

    def kind(self, node: int) -> str:
        """What a node is: "user", "item" or, where there are facts, "thing"."""
        model = self.model
        if node < model.num_users:
            return "user"
        return "item" if node < model.num_users + model.num_items else "thing"

    def label(self, node: int) -> Any:
        """What a node is called."""
        for labels in self.model.node_labels():
            if node < len(labels):
                return labels[[node]].tolist()[0]
            node -= len(labels)
        raise IndexError(node)
