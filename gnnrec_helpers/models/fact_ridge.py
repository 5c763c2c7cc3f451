"""Ridge regression from facts to the embeddings of another model."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.arguments import POSITIVE, check_number
from ..data.interactions import Interactions
from ..data.side_graphs import KnowledgeGraph
from .base import EmbeddingModel
from .parts.fact_features import fact_features


class FactRidge(EmbeddingModel):
    """A fitted model whose items without interactions are placed where their facts say.

    With F the matrix of ones where an item with interactions has a fact, and V the embeddings that
    the model has for these items::

        W = (F' F + c I)^-1 F' V

    and an item without interactions becomes the sum of its facts' rows of W. Users, and items with
    interactions, keep their embeddings. The least squares of Gantner et al. (2010), "Learning
    Attribute-to-Feature Mappings for Cold-Start Recommendations", section III, with its linear map.

    Parameters
    ----------
    train : Interactions
    knowledge : KnowledgeGraph
        About the same items. A fact is a pair of a relation and what is at its other end.
    model : EmbeddingModel
        Built from `train` and trained: IALS or LightGCN, say.
    regularization : float, default 1.0
        The c above, to be chosen on validation.

    Notes
    -----
    W is computed as ``F' (F F' + c I)^-1 V``, which is the same: there are more facts than items.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> toy = datasets.load("toy")
    >>> factors = models.IALS(toy.interactions, dim=4)
    >>> FactRidge(toy.interactions, toy.knowledge, factors).score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    uses_weights = True  # where the model does

    def __init__(
        self,
        train: Interactions,
        knowledge: KnowledgeGraph,
        model: EmbeddingModel,
        regularization: float = 1.0,
    ) -> None:
        check_number(POSITIVE, regularization=regularization)
        if not isinstance(model, EmbeddingModel):
            raise TypeError(
                f"A model with embeddings is needed, such as IALS, not {type(model).__name__}."
            )
        super().__init__(train)
        if not model.is_built_from(train):
            raise ValueError("The model is of other interactions: build it from `train`, too.")
        has = fact_features(train, knowledge)
        self._described = has.sum(axis=1) > 0

        def placed() -> Tensor:
            users, items = (rows.detach().cpu() for rows in model.embeddings())
            known = train.item_degrees() > 0
            learnt, cold = np.flatnonzero(known & self._described), np.flatnonzero(~known)
            facts = has[learnt]
            gram = (facts @ facts.T).toarray() + regularization * np.eye(len(learnt))
            weights = facts.T @ np.linalg.solve(gram, items[learnt].double().numpy())
            items = items.index_copy(
                0, torch.from_numpy(cold), torch.from_numpy(has[cold] @ weights).to(items)
            )
            return torch.cat([users, items])

        self.nodes = self.computed("nodes", placed)  # (num_users + num_items, dim)

    @cached_property
    def informed_items(self) -> NDArray[np.bool_]:
        """Those with interactions, and those with a fact that one of these has."""
        known: NDArray[np.bool_] = self.interactions.item_degrees() > 0
        return known | self._described

    def embeddings(
        self, users: Tensor | None = None, items: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of these users and items (all by default), shapes (n, dim) and (m, dim)."""
        return self.rows_of(self.nodes, users, items)
