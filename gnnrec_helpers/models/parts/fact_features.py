"""Facts as features: which item has which of them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ...data.interactions import Interactions
from ...data.side_graphs import KnowledgeGraph
from .side_links import both_ways, check_items


def fact_features(
    train: Interactions, knowledge: KnowledgeGraph, least: int = 1
) -> sparse.csr_array:
    """The matrix of ones where an item has a fact, shape (num_items, facts).

    A fact is a pair of a relation and what is at its other end, in either direction. So what a
    fact stands for does not depend on the items without interactions.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items.
    least : int, default 1
        Facts that fewer items with interactions have are left out.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy")
    >>> fact_features(toy.interactions, toy.knowledge, least=2).sum(axis=0)
    array([2., 2., 3.])
    """
    check_items(knowledge, train)
    source, relation, target = both_ways(knowledge)
    of_item = source < knowledge.num_items
    fact = (relation * knowledge.num_entities + target)[of_item]
    kinds, column = np.unique(fact, return_inverse=True)
    ones = np.ones(len(fact))
    has = sparse.csr_array((ones, (source[of_item], column)), (knowledge.num_items, len(kinds)))
    known = has[train.item_degrees() > 0]
    return sparse.csr_array(has[:, known.sum(axis=0) >= least])
