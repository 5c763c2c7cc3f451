"""Recommending without training: low-pass filters on the item-item graph, in closed form.

Both see a user's interactions as a signal on the items, and smooth it (Shen et al. 2021, "How
Powerful is Graph Convolution for Recommendation?").
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor

from ..data.arguments import check_number, check_whole, is_finite
from ..data.interactions import FloatArray, Interactions
from ..engine.dot_products import DotProducts
from ..engine.propagation import Adjacency
from ..engine.sparse_product import Csr, multiply
from .base import Model, Scorer
from .parts.fold_in import ByProducts
from .parts.products import Product

CELLS = 2**24  # (a user who is asked for, any user) at once: 64 MiB
USERS = 64  # who are asked for at once: the sparse product is slower where its rows are longer


def sharpening(step: float, order: int = 4) -> tuple[float, ...]:
    """The polynomial by which BSPM sharpens scores, for :class:`GraphFilter`.

    It is the Taylor polynomial of ``exp(-step x)``: with order 4 one Runge-Kutta step of the flow
    ``dy/dt = -y N.T N``, which takes back some of the smoothing (Choi et al. 2023, "Blurring-
    Sharpening Process Models for Collaborative Filtering"). With a step as long as the published
    2.5 it is far from that flow: at x = 1 it is .648, not .082. So take it for what it is, a filter
    with coefficients of its own.

    Parameters
    ----------
    step : float
        Published for Gowalla is 2.5; to be chosen on validation. With 0 nothing is sharpened.
    order : int, default 4

    Returns
    -------
    tuple of float
        The ``order + 1`` coefficients, that of the constant first.

    Examples
    --------
    >>> sharpening(2.0)
    (1.0, -2.0, 2.0, -1.3333333333333333, 0.6666666666666666)
    """
    check_number(step=step)
    check_whole(order=order)
    # 0.0 is added where -0.0 would be printed
    return tuple((-step) ** power / math.factorial(power) + 0.0 for power in range(order + 1))


class LinearFilter(Model):
    """A user's interactions, sent to the users who share them, and back to their items.

    With R the user-item matrix and ``N = D_U^-1/2 R D_I^-1/2`` its normalized form, the scores of
    a user with interactions r are ``r N.T N``: the two-hop step of LightGCN without embeddings.
    With other exponents they are her row of::

        D_U^-a R D_I^-b R.T D_U^-c R D_I^-d

    which is LinkProp (Fu et al. 2022, "Revisiting Neighborhood-based Link Prediction for
    Collaborative Filtering").

    Parameters
    ----------
    train : Interactions
    exponents : four floats, default (0, 0.5, 1, 0.5)
        The a, b, c and d above, to be chosen on validation: of the degrees of the user herself, of
        her items, of the users who share them, and of the items recommended. The first scales all
        scores of a user alike, which changes no list. The third is 1 by default because each of two
        N has a half of it.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> LinearFilter(datasets.load("toy").interactions).score(torch.tensor([0])).numpy().round(2)
    array([[0.83, 0.83, 0.33, 0.  , 0.  ]], dtype=float32)
    """

    def __init__(
        self, train: Interactions, exponents: Sequence[float] = (0.0, 0.5, 1.0, 0.5)
    ) -> None:
        if not _are_finite(exponents, 4) or len(exponents) > 4:
            raise ValueError(f"exponents={exponents!r}: four finite numbers are needed.")
        own, heard, shared, recommended = exponents
        super().__init__(train)
        self._own = own
        self._likes = sparse.csr_array(train.to_csr(), dtype=np.float32)
        self._degrees = np.asarray(self._likes.sum(axis=0)).ravel()  # (num_items,)
        # D_U^(-c/2) R D_I^-d, and the same with b, (num_users, num_items)
        self._normal = _divided(self._likes, shared / 2, recommended)
        self._heard = (
            self._normal if heard == recommended else _divided(self._likes, shared / 2, heard)
        )
        self._to_items = Adjacency(sparse.csr_array(self._normal.T))

    def compute_scores(self, users: Tensor) -> Tensor:
        # as `products` has it, but the second product is the engine's, which is faster
        histories = self._likes[users.cpu().numpy()]
        size = max(1, min(USERS, CELLS // self.num_users))
        blocks = range(0, max(1, len(users)), size)
        return torch.cat([self._filtered(histories[b : b + size]) for b in blocks])

    def _filtered(self, histories: sparse.csr_array) -> Tensor:
        """Scores of users with these interactions, shapes (n, num_items)."""
        scores = self._to_items(self._shared(histories)).T
        if self._own:
            sizes = torch.from_numpy(np.maximum(np.diff(histories.indptr), 1)).to(scores)
            scores = scores * sizes[:, None] ** -self._own
        return scores

    def _shared(self, histories: sparse.csr_array) -> Tensor:
        """How much every user has in common with users of these interactions, (num_users, n)."""
        shared = (self._heard @ histories.T).toarray(order="C")
        return torch.from_numpy(shared).to(self.device)

    def products(self) -> list[Product]:
        return self.fold_in().of(self._likes)

    def fold_in(self) -> ByProducts:
        """Her items through the same filter."""
        return ByProducts([(sparse.csr_array(self._heard.T), self._normal)], self._own)

    def item_similarity(self) -> Scorer:
        """The scores of a user who has one item only."""
        everything = sparse.eye_array(self.num_items, format="csr", dtype=np.float32)
        return lambda items: self._filtered(sparse.csr_array(everything[items.cpu().numpy()]))


class GraphFilter(LinearFilter):
    """GF-CF: the linear filter plus an ideal low-pass filter, which keeps the smoothest signals.

    It keeps `components` numbers for every user and every item.

    With ``P = N.T N`` and N as in :class:`LinearFilter`, the scores of a user with interactions r
    are::

        r (P + alpha D_I^-1/2 V V.T D_I^1/2) q(P)

    with V the `components` leading right singular vectors of N, and q a polynomial: 1 in GF-CF
    (Shen et al. 2021, eq. 19 and the remark on degrees in the authors' code), that of
    :func:`sharpening` in BSPM with early merge (Choi et al. 2023). P, a matrix of all pairs of
    items, is not formed.

    Parameters
    ----------
    train : Interactions
    components : int, default 256
        At most one less than the number of users and of items.
    alpha : float, default 0.3
        Weight of the ideal filter; the attribute may be set to another weight afterwards.
    polynomial : sequence of float, default (1,)
        The coefficients of q, that of the constant first. The attribute may be set to others
        afterwards, which needs no other singular vectors.
    seed : int, default 0
        Of the vector the iteration starts from; it changes the scores in the last digits only.

    Examples
    --------
    BSPM with the constants that were published for Gowalla, but for 448 components:

    >>> from gnnrec_helpers import datasets
    >>> toy = datasets.load("toy").interactions
    >>> model = GraphFilter(toy, 2, alpha=0.2, polynomial=sharpening(2.5))
    >>> model.score(torch.tensor([0])).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        train: Interactions,
        components: int = 256,
        alpha: float = 0.3,
        polynomial: Sequence[float] = (1.0,),
        *,
        seed: int = 0,
    ) -> None:
        check_whole(components=components)
        most = min(train.num_users, train.num_items) - 1
        if components > most:
            raise ValueError(
                f"components={components}: from 1 to {most} are possible with "
                f"{train.num_users} users and {train.num_items} items."
            )
        check_number(alpha=alpha)
        _check_polynomial(polynomial)
        super().__init__(train)
        # (num_items, components)
        vectors = self.computed("vectors", lambda: self._leading(components, seed))
        roots = torch.from_numpy(np.sqrt(self._degrees))[:, None]
        self._onto = torch.where(roots > 0, vectors / roots, 0.0)  # D_I^-1/2 V
        self._smooth = torch.from_numpy(self._likes @ self._onto.numpy())  # (num_users, components)
        self._upward = vectors * roots  # D_I^1/2 V
        self.alpha, self.polynomial = alpha, polynomial

    @property
    def alpha(self) -> float:
        return float(self.__dict__["alpha"])

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        check_number(alpha=alpha)
        self._keep("alpha", alpha)

    @property
    def polynomial(self) -> tuple[float, ...]:
        return tuple(self.__dict__["polynomial"])

    @polynomial.setter
    def polynomial(self, coefficients: Sequence[float]) -> None:
        _check_polynomial(coefficients)
        self._keep("polynomial", tuple(map(float, coefficients)))
        to_items, to_users = self._to_items.csr(), self._to_items.csr(transposed=True)
        device = self._to_items.columns.device
        back = self._applied(self._upward.to(device), to_users, to_items)  # (num_items, components)
        self._back = back.cpu()
        self._low_pass = DotProducts(self._smooth, self._back)

    def _applied(self, x: Tensor, there: Csr, back: Csr) -> Tensor:
        """``q(P) x`` by Horner's rule, with P as two products: there and back."""
        total = self.polynomial[-1] * x
        for coefficient in reversed(self.polynomial[:-1]):
            total = multiply(back, multiply(there, total)).add_(x, alpha=coefficient)
        return total

    def _leading(self, components: int, seed: int) -> Tensor:
        """Right singular vectors of the normalized matrix, by the same sparse product."""
        rows, columns = self._normal.shape
        if self._normal.nnz == 0:  # no direction is longer than another
            return torch.zeros(columns, components, dtype=torch.float32)
        to_items, to_users = self._to_items.csr(), self._to_items.csr(transposed=True)

        def product(csr: Csr, x: FloatArray) -> FloatArray:
            matrix = torch.from_numpy(x.reshape(len(x), -1).astype(np.float32))
            return np.asarray(multiply(csr, matrix).numpy())

        operator = LinearOperator(
            (rows, columns),
            matvec=lambda x: product(to_users, x),
            rmatvec=lambda x: product(to_items, x),
            matmat=lambda x: product(to_users, x),
            rmatmat=lambda x: product(to_items, x),
            dtype=np.float32,
        )
        start = np.random.default_rng(seed).standard_normal(min(rows, columns))
        with torch.no_grad():
            _, _, vectors = svds(operator, components, v0=start, return_singular_vectors="vh")
        # a copy: of a single vector the transpose is contiguous with a negative stride, which torch
        # does not take
        return torch.from_numpy(vectors.T.copy())

    def compute_scores(self, users: Tensor) -> Tensor:
        smoothed = self._low_pass(users.cpu()).to(self.device)
        return super().compute_scores(users).add_(smoothed, alpha=self.alpha)

    def _shared(self, histories: sparse.csr_array) -> Tensor:
        """``q(N N.T) N r`` for all users: as ``r N.T N q(P)`` is ``r N.T q(N N.T) N``."""
        to_items, to_users = self._to_items.csr(), self._to_items.csr(transposed=True)
        return self._applied(super()._shared(histories), to_items, to_users)

    def fold_in(self) -> ByProducts:
        # one user's product with it is faster where its rows lie in one piece
        back = (self.alpha * self._back.T).contiguous()
        return ByProducts([self._linear_part(), (self._onto, back)])

    def _linear_part(self) -> Product:
        """``P q(P)`` as a chain of matrices.

        Horner's rule needs what it began with at every step, so each matrix takes two vectors side
        by side: the sum so far, and that.
        """
        *lower, highest = self.polynomial
        to_items, to_users = self._normal, sparse.csr_array(self._normal.T)
        if not lower:
            return to_users, to_items if highest == 1 else highest * to_items
        itself = sparse.eye_array(self.num_users, format="csr", dtype=np.float32)

        def block(rows: list[list[sparse.csr_array | None]]) -> sparse.csr_array:
            return sparse.csr_array(sparse.block_array(rows, format="csr"))

        chain = [block([[highest * to_users, to_users]])]  # (num_items, 2 num_users)
        there = block([[to_items, None], [None, itself]])
        for coefficient in reversed(lower):
            back = [[to_users, None], [coefficient * itself, itself]]
            chain += [there, block(back)]
        chain[-1] = block([row[:1] for row in back])  # of the last two vectors only the sum counts
        return *chain, to_items

    def item_similarity(self) -> Scorer:
        """The scores of a user who has one item only."""
        linear = super().item_similarity()
        low_pass = DotProducts(self._onto, self._back)

        def similarity(items: Tensor) -> Tensor:
            return linear(items).add_(low_pass(items.cpu()).to(self.device), alpha=self.alpha)

        return similarity


def _check_polynomial(coefficients: object) -> None:
    if not _are_finite(coefficients, 1):
        raise ValueError(
            f"polynomial={coefficients!r}: finite coefficients are needed, that of the constant "
            "first."
        )


def _are_finite(values: object, least: int) -> bool:
    return (
        isinstance(values, (Sequence, np.ndarray))
        and len(values) >= least
        and all(map(is_finite, values))
    )


def _divided(likes: sparse.csr_array, users: float, items: float) -> sparse.csr_array:
    """``D_U^-users R D_I^-items``; rows and columns without interactions stay empty."""
    likes = sparse.csr_array(likes, dtype=np.float64)
    left, right = (
        sparse.diags_array((1 / np.maximum(likes.sum(axis=axis), 1)) ** exponent)
        for axis, exponent in ((1, users), (0, items))
    )
    return sparse.csr_array(left @ likes @ right).astype(np.float32)
