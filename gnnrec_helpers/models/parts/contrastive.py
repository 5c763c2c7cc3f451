"""What contrastive models share: two views of the same nodes should agree."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize as unit_length

from ...engine.sampling import Batch
from ...objectives import log_sum_exp


def info_nce(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Each row of `one` should be nearer to the same row of `other` than to any other row.

    The mean over rows of ``-log(exp(cos(one[i], other[i]) / t) / sum over j of exp(cos(one[i],
    other[j]) / t))`` (van den Oord et al. 2018; SGL, eq. 10).

    Parameters
    ----------
    one, other : Tensor, shape (n, dim)
        Two views of the same n nodes.
    temperature : float

    Examples
    --------
    >>> round(info_nce(torch.eye(2), torch.eye(2), temperature=1.0).item(), 4)
    0.3133
    """
    one, other = unit_length(one) / temperature, unit_length(other)
    return (log_sum_exp(one, other) - (one * other).sum(1)).mean()


def disagreement(
    views: Callable[[Tensor], tuple[Tensor, Tensor]],
    batch: Batch,
    num_users: int,
    temperature: float,
) -> Tensor:
    """:func:`info_nce` of two views of the batch's users, plus that of its positive items.

    Parameters
    ----------
    views : function
        From nodes, users first and each once, to their embeddings in the one view and the other.
    batch : Batch
    num_users : int
    temperature : float
    """
    users, items = batch.users.unique(), batch.positives.unique()
    nodes = torch.cat([users, items + num_users])
    one, other = (view.split([len(users), len(items)]) for view in views(nodes))
    of_users = info_nce(one[0], other[0], temperature)
    return of_users + info_nce(one[1], other[1], temperature)
