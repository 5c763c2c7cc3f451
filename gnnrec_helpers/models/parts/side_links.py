"""What models take from the graphs beside the interactions: who is tied to whom, and a check."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from ...data.interactions import IntArray, Interactions
from ...data.side_graphs import KnowledgeGraph, SocialGraph


def friendships(social: SocialGraph, train: Interactions) -> sparse.csr_array:
    """The user-user matrix of ones where either of two users is linked to the other."""
    check_users(social, train)
    return _either_way(social.to_csr())


def linked(knowledge: KnowledgeGraph) -> sparse.csr_array:
    """The entity-entity matrix of ones where some fact links two; facts about oneself are none."""
    ends = (knowledge.head, knowledge.tail)
    shape = (knowledge.num_entities, knowledge.num_entities)
    links = sparse.csr_array((np.ones(len(knowledge)), ends), shape=shape)
    links.setdiag(0)
    links.eliminate_zeros()
    links.data[:] = 1.0  # not one for every fact about the same two
    return _either_way(links)


def both_ways(knowledge: KnowledgeGraph) -> tuple[IntArray, IntArray, IntArray]:
    """Heads, relations and tails of all facts, then of their inverses.

    The inverse of relation r is relation ``num_relations + r``.
    """
    return (
        np.concatenate([knowledge.head, knowledge.tail]),
        np.concatenate([knowledge.relation, knowledge.relation + knowledge.num_relations]),
        np.concatenate([knowledge.tail, knowledge.head]),
    )


def _either_way(links: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array(links.maximum(links.T))


def check_users(social: SocialGraph, train: Interactions) -> None:
    """Refuse a social graph on other users than the interactions."""
    if not isinstance(social, SocialGraph):
        raise TypeError(f"A SocialGraph is needed, not {type(social).__name__}.")
    _check(social.users, train.users, "social graph", "users", "SocialGraph.from_frame(links")


def check_items(knowledge: KnowledgeGraph, train: Interactions) -> None:
    """Refuse a knowledge graph about other items than the interactions."""
    if not isinstance(knowledge, KnowledgeGraph):
        raise TypeError(f"A KnowledgeGraph is needed, not {type(knowledge).__name__}.")
    _check(
        knowledge.items, train.items, "knowledge graph", "items", "KnowledgeGraph.from_frame(facts"
    )


def _check(theirs: pd.Index, ours: pd.Index, graph: str, role: str, builder: str) -> None:
    if not theirs.equals(ours):
        raise ValueError(
            f"The {graph} and the interactions have different {role} ({len(theirs):,} and "
            f"{len(ours):,} labels): build both on the same index, as {builder}, train.{role}) "
            "does."
        )
