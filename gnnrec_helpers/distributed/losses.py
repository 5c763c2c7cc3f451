"""The losses of :mod:`gnnrec_helpers.objectives`, from scores instead of embeddings.

Several processes share a batch. So what they minimize is written in two parts: what each positive
of the batch adds, given its scores, and the squared length that weight decay acts on.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..engine.sampling import Batch
from ..objectives import BPR, NOTHING, SampledSoftmax

Ranking = BPR | SampledSoftmax


def pair_losses(
    objective: Ranking, positive: Tensor, negative: Tensor, known: Tensor | None = None
) -> Tensor:
    """What each positive of a batch adds to the loss, weight decay aside.

    Parameters
    ----------
    objective : BPR or SampledSoftmax
    positive : Tensor, shape (batch,)
        Scores.
    negative : Tensor, shape (batch, negatives)
    known : int64 Tensor, shape (pairs, 2), optional
        Which (row, column) of `negative` are positives, to be left out.

    Returns
    -------
    Tensor, shape (batch,)

    Examples
    --------
    >>> pair_losses(BPR(), torch.tensor([1.0]), torch.tensor([[1.0, 1.0]]))
    tensor([0.6931])
    """
    if isinstance(objective, BPR):
        return softplus(negative - positive.unsqueeze(1)).mean(1)
    negative = negative / objective.temperature
    if known is not None:
        negative = negative.index_put(tuple(known.T), negative.new_tensor(NOTHING))
    return softplus(negative.logsumexp(1) - positive / objective.temperature)


def known_of(batch: Batch, own: slice) -> Tensor | None:
    """Which shared negatives are positives of some pairs of a batch, with rows from the first."""
    if batch.known is None:
        return None
    rows = batch.known[:, 0]
    return batch.known[(rows >= own.start) & (rows < own.stop)] - rows.new_tensor([own.start, 0])


def checked_objective(objective: object) -> Ranking:
    """Refuse a loss that is not known in terms of scores.

    Raises
    ------
    TypeError
    """
    if type(objective) not in (BPR, SampledSoftmax):
        raise TypeError(
            f"objective={objective!r}: training on several processes knows BPR and SampledSoftmax."
        )
    assert isinstance(objective, (BPR, SampledSoftmax))
    if isinstance(objective, SampledSoftmax) and (objective.cosine or objective.exponent):
        raise ValueError(
            f"objective={objective!r}: training on several processes knows the softmax of dot "
            "products, without an exponent."
        )
    return objective


def scores_of_rows(users: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    """Dot products of each user with her positive and with the negatives.

    `negatives` are rows shared by the whole batch, (count, dim), or each positive's own,
    (batch, count, dim).
    """
    positive = (users * positives).sum(1)
    if negatives.dim() == 2:
        return positive, users @ negatives.T
    return positive, torch.bmm(negatives, users.unsqueeze(2)).squeeze(2)
