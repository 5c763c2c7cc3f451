"""Two models in one: a weighted sum of their scores, made comparable first."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ..data.arguments import check_number
from ..data.interactions import Interactions
from .base import Model, Scorer, scoring
from .parts.fold_in import ByBlend, blended, moments_of
from .parts.products import Product

USERS = 256  # whose scores are computed at once


class Blend(Model):
    """Ranks by ``(1 - weight) z(first) + weight z(second)``.

    The scores z of a model are made comparable user by user: less their mean over all items,
    divided by their standard deviation. So a trained model and one in closed form can be blended,
    whose scores are on scales of their own, and where they err on other items, the blend is better
    than both.

    Parameters
    ----------
    train : Interactions
    first, second : Model
        Built from `train` and ready to recommend. A blend of three has a blend among its two.
    weight : float, default 0.5
        Of the second, from 0 to 1; to be chosen on validation. The attribute may be set to another
        weight afterwards.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> toy = datasets.load("toy").interactions
    >>> blend = Blend(toy, models.LinearFilter(toy), models.EASE(toy), weight=0.3)
    >>> blend.score(torch.tensor([0])).numpy().round(2)
    array([[ 1.06,  1.06,  0.11, -1.12, -1.11]], dtype=float32)
    """

    uses_weights = True  # where the models do

    def __init__(
        self, train: Interactions, first: Model, second: Model, weight: float = 0.5
    ) -> None:
        super().__init__(train)
        for name, model in (("first", first), ("second", second)):
            if not isinstance(model, Model):
                raise TypeError(
                    f"{name} is a {type(model).__name__}: a model of gnnrec_helpers.models is "
                    "needed, as it was before it was frozen."
                )
            if not model.is_built_from(train):
                raise ValueError(f"{name} is of other interactions: build it from `train`, too.")
        self.first, self.second = first, second
        self.weight = weight

    @property
    def weight(self) -> float:
        return float(self.__dict__["weight"])

    @weight.setter
    def weight(self, weight: float) -> None:
        check_number(0, 1, weight=weight)
        self._keep("weight", weight)

    @cached_property
    def informed_users(self) -> NDArray[np.bool_]:
        """Those of whom both models know something: the other's scores would be chance."""
        return self.first.informed_users & self.second.informed_users

    @cached_property
    def informed_items(self) -> NDArray[np.bool_]:
        """Those of which both models know something."""
        return self.first.informed_items & self.second.informed_items

    def compute_scores(self, users: Tensor) -> Tensor:
        return self._blended(self.first.score(users), self.second.score(users))

    def scorer(self) -> Scorer:
        first, second = self.first.scorer(), self.second.scorer()
        return lambda users: self._blended(first(users), second(users))

    def _blended(self, first: Tensor, second: Tensor) -> Tensor:
        return blended(first.to(self.device), second.to(self.device), self.weight)

    def products(self) -> list[Product]:
        """Those of both, with each user's rows divided by her standard deviation, less her mean."""
        products: list[Product] = []
        shift = torch.zeros(self.num_users, 1, dtype=torch.float32)
        for model, share in ((self.first, 1 - self.weight), (self.second, self.weight)):
            with scoring(model) as score:
                moments = [
                    torch.stack(moments_of(score(users).cpu()), dim=1).squeeze(2)
                    for users in torch.arange(self.num_users).split(USERS)
                ]
            mean, deviation = torch.cat(moments).split(1, dim=1)  # (num_users, 1) each
            scale = share / deviation
            shift -= scale * mean
            rows = sparse.csr_array(sparse.diags_array(scale.numpy().ravel()))
            for first, *others in model.products():
                if isinstance(first, Tensor):
                    products.append((rows, first, *others))  # it may be large: no copy of it
                else:
                    products.append((sparse.csr_array(rows @ first), *others))
        return [*products, (shift, shift.new_ones(1, self.num_items))]

    def fold_in(self) -> ByBlend:
        """What both say of her items, blended likewise."""
        return ByBlend(self.first.fold_in(), self.second.fold_in(), self.weight)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}; {self.first!r}, {self.second!r})"
