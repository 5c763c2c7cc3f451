"""What contrastive models share: two views of the same nodes should agree."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize as unit_length


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
    >>> import torch
    >>> round(info_nce(torch.eye(2), torch.eye(2), temperature=1.0).item(), 4)
    0.3133
    """
    cosines = unit_length(one) @ unit_length(other).T / temperature  # (n, n)
    return (cosines.logsumexp(1) - cosines.diagonal()).mean()
