"""What training minimizes, for a batch of positives and sampled negatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar, cast, runtime_checkable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize as unit_length
from torch.nn.functional import softplus

from .data.arguments import POSITIVE, check_loss, check_number, check_whole, plain
from .engine.sampling import Batch, RatingBatch, fill_known

NOTHING = -1e30  # a score whose exponential is 0, and yet a number: a user may know all negatives

ModelT = TypeVar("ModelT", contravariant=True)
BatchT = TypeVar("BatchT", contravariant=True)


class Objective(Protocol[ModelT, BatchT]):
    """A loss: a number to be made small.

    ``Objective[M, B]`` is a loss of models M on batches B. A loss of your own is any object with
    these two attributes that can be called.
    """

    @property
    def asks(self) -> tuple[str, ...]:
        """The methods of a model that the loss calls; :func:`gnnrec_helpers.fit` checks them."""
        ...

    @property
    def shared_negatives(self) -> int:
        """How many negatives a whole batch shares; 0 if every positive has its own."""
        ...

    def __call__(self, model: ModelT, batch: BatchT, /) -> Tensor: ...


def _check_amounts(loss: Any, *names: str, low: float = 0) -> None:
    """Refuse settings that are no numbers from `low` up."""
    for name in names:
        check_number(low, **{name: _settled(loss, name)})


def _settled(loss: Any, name: str) -> Any:
    """A setting; NumPy's numbers become Python's, which a checkpoint can hold."""
    value = plain(getattr(loss, name))
    object.__setattr__(loss, name, value)
    return value


class TrainableModel(Protocol):
    """What :class:`BPR` and :class:`SampledSoftmax` ask of a model."""

    def training_embeddings(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings of users and of items, and the rows of the table that weight decay acts on."""
        ...


@dataclass(frozen=True)
class BPR:
    """Bayesian personalised ranking: a positive should score above a negative.

    The mean over the batch of ``softplus(negative - positive)``, which is
    ``-log sigmoid(positive - negative)``, plus `weight_decay` times half the squared length of
    the initial embeddings of each triple (Rendle et al. 2009; LightGCN, eq. 15).

    Parameters
    ----------
    weight_decay : float, default 1e-4
    """

    asks: ClassVar[tuple[str, ...]] = ("training_embeddings",)
    static_step: ClassVar[bool] = True  # see gnnrec_helpers.training.stepping
    shared_negatives: ClassVar[int] = 0
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        _check_amounts(self, "weight_decay")

    def __call__(self, model: TrainableModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size, count = batch.negatives.shape
        items = torch.cat([batch.positives, batch.negatives.flatten()])
        users_found, items_found, start = model.training_embeddings(batch.users, items)
        positive, negative = items_found.split([size, size * count])
        positive_score = (users_found * positive).sum(1, keepdim=True)  # (batch, 1)
        negative_score = (users_found.unsqueeze(1) * negative.view(size, count, -1)).sum(2)
        loss = softplus(negative_score - positive_score).mean(1).mean()  # over (batch, negatives)
        return loss + self.weight_decay / 2 * squared_length(start) / size


@dataclass(frozen=True)
class SampledSoftmax:
    """The positive should stand out from many negatives at once, shared by the whole batch.

    The mean over the batch of ``-log(exp(positive) / (exp(positive) + sum of exp(negatives)))``,
    the cross-entropy of picking the positive, plus `weight_decay` times half the squared length
    of the initial embeddings, as for :class:`BPR` (Wu et al. 2024, "On the Effectiveness of
    Sampled Softmax Loss for Item Recommendation"). A user's own positives are left out of the sum.

    Parameters
    ----------
    shared_negatives : int, default 1024
        Drawn uniformly for each batch.
    weight_decay : float, default 0.025
        A compromise for graph models: validation chose 0.05 on Gowalla
        (benchmarks/time_to_quality.py) and 0.025 on lastfm-2k (benchmarks/social.py). For other
        data choose it on validation. Where ``fit`` is given no objective, matrix factorization
        takes 0.2 by itself, both take more where users or items have few likes, and ``fit`` tries
        other values.
    temperature : float, default 1.0
        Scores are divided by it.
    unseen_negatives : bool, default True
        Whether items without interactions are drawn, too. They are never positives, so a model
        that describes them by something else, such as facts, would learn that this is bad.
    cosine : bool, default False
        Scores are cosines instead of dot products, whatever the model ranks by. They need a low
        temperature, about 0.1, and next to no weight decay, which they do not notice. A model that
        ranks by cosines (``MatrixFactorization(..., cosine=True)``) is trained on them anyway.
    exponent : float, optional
        The sum over the negatives is raised to it, and the positive is left out of it:
        ``-log(exp(positive) / (sum of exp(negatives)) ** exponent)``. This is the bilateral
        softmax loss in the authors' code, and the exponent is there in the place of a second
        temperature (Wu et al. 2024, "BSL: Understanding and Improving Softmax Loss for
        Recommendation"; published for Gowalla with a temperature of 0.08 and 1.22). For cosines
        only: of dot products it would be smallest where they are without bound.

    Examples
    --------
    The bilateral softmax loss, on cosines:

    >>> from gnnrec_helpers import Split, datasets, fit, models
    >>> split = Split.from_parts(datasets.load("toy").interactions)
    >>> loss = SampledSoftmax(4, 0.0, temperature=0.1, exponent=1.2)
    >>> model = models.MatrixFactorization(split.train, dim=8, cosine=True)
    >>> len(fit(model, split, objective=loss, epochs=2, progress=False).losses)
    2
    """

    asks: ClassVar[tuple[str, ...]] = ("training_embeddings",)
    static_step: ClassVar[bool] = True
    shared_negatives: int = 1024
    weight_decay: float = 0.025
    temperature: float = 1.0
    unseen_negatives: bool = True
    cosine: bool = False
    exponent: float | None = None

    def __post_init__(self) -> None:
        check_whole(shared_negatives=_settled(self, "shared_negatives"))
        _check_amounts(self, "weight_decay")
        _check_amounts(self, "temperature", low=POSITIVE)
        if self.exponent is not None:
            _check_amounts(self, "exponent", low=POSITIVE)

    def __call__(self, model: TrainableModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size, count = len(batch.users), len(batch.negatives)
        items = torch.cat([batch.positives, batch.negatives])
        users_found, items_found, start = model.training_embeddings(batch.users, items)
        if self.cosine:
            users_found, items_found = unit_length(users_found), unit_length(items_found)
        positive, negative = items_found.split([size, count])
        users_found = users_found / self.temperature
        positive_score = (users_found * positive).sum(1)  # (batch,)
        negatives_sum = log_sum_exp(users_found, negative, batch.known)  # (batch,)
        if self.exponent is None:
            # -log(exp(p) / (exp(p) + sum of exp(n))) = log(1 + exp(log(sum of exp(n)) - p))
            loss = softplus(negatives_sum - positive_score).mean()
        else:
            losses = self.exponent * negatives_sum - positive_score
            # whoever knows all negatives has nothing to compare with
            loss = torch.where(negatives_sum > NOTHING / 2, losses, 0.0).mean()
        return loss + self.weight_decay / 2 * squared_length(start) / size


class SelfSupervisedModel(Protocol):
    """What :class:`SelfSupervised` asks of a model."""

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """A second loss that needs no positives, a scalar."""
        ...


@runtime_checkable
class PerturbedModel(Protocol):
    """A model that looks a little different to every batch, to both losses in the same way."""

    def perturbed(self, batch: Batch) -> SelfSupervisedModel:
        """What it looks like to this batch."""
        ...


@dataclass(frozen=True)
class SelfSupervised:
    """Another objective plus `weight` times the model's own self-supervised loss.

    A model with ``perturbed`` (:class:`~gnnrec_helpers.models.XSimGCL`) is asked for it once a
    batch, and both losses are taken of what it answers.

    Parameters
    ----------
    objective : BPR, SampledSoftmax or CrossEntropy
    weight : float, default 0.01
        Needs choosing on validation.
    """

    objective: Objective[Any, Batch] = field(default_factory=SampledSoftmax)
    weight: float = 0.01

    def __post_init__(self) -> None:
        check_loss(self.objective)
        _check_amounts(self, "weight")

    @property
    def asks(self) -> tuple[str, ...]:
        return (*self.objective.asks, "self_supervised_loss")

    @property
    def shared_negatives(self) -> int:
        return self.objective.shared_negatives

    @property
    def unseen_negatives(self) -> bool:
        return getattr(self.objective, "unseen_negatives", True)

    def __call__(self, model: SelfSupervisedModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        if isinstance(model, PerturbedModel):
            model = model.perturbed(batch)
        first = self.objective(model, batch)
        return first + self.weight * model.self_supervised_loss(batch)


class TrainablePairModel(Protocol):
    """What :class:`CrossEntropy` asks of a model."""

    def training_scores(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of aligned pairs, and the rows of the tables that weight decay acts on."""
        ...


@dataclass(frozen=True)
class CrossEntropy:
    """A positive is a yes, a negative a no, and the score says how likely a yes is.

    The mean of ``-log sigmoid(positive)`` plus that of ``-log sigmoid(-negative)``, plus
    `weight_decay` times half the squared length of the embeddings of each pair. For models that see
    an item differently for every user, so that no two embeddings need be compared.

    Parameters
    ----------
    weight_decay : float, default 1e-4
    """

    asks: ClassVar[tuple[str, ...]] = ("training_scores",)
    shared_negatives: ClassVar[int] = 0
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        _check_amounts(self, "weight_decay")

    def __call__(self, model: TrainablePairModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size, count = batch.negatives.shape
        users = torch.cat([batch.users, batch.users.repeat_interleave(count)])
        items = torch.cat([batch.positives, batch.negatives.flatten()])
        scores, start = model.training_scores(users, items)
        positive, negative = scores.split([size, size * count])
        loss = softplus(-positive).mean() + softplus(negative).mean()
        return loss + self.weight_decay / 2 * squared_length(start) / size


class TrainableRatingModel(Protocol):
    """What :class:`RatingRegression` asks of a model."""

    def training_predictions(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """The ratings of aligned pairs, and the rows of the table that weight decay acts on."""
        ...


@dataclass(frozen=True)
class RatingRegression:
    """Least squares: a predicted rating should be the rating that was given.

    The mean over the batch of ``(prediction - rating)²``, plus `weight_decay` times half the
    squared length of the user's and the item's embedding of each rating.

    Parameters
    ----------
    weight_decay : float, default 0.1
        Needs choosing on validation.
    """

    asks: ClassVar[tuple[str, ...]] = ("training_predictions",)
    shared_negatives: ClassVar[int] = 0
    weight_decay: float = 0.1

    def __post_init__(self) -> None:
        _check_amounts(self, "weight_decay")

    def __call__(self, model: TrainableRatingModel, batch: RatingBatch) -> Tensor:
        """The loss of a batch, a scalar."""
        predictions, start = model.training_predictions(batch.users, batch.items)
        loss = (predictions - batch.ratings).square().mean()
        return loss + self.weight_decay / 2 * squared_length(start) / len(batch.users)


class WeightedPairsModel(TrainableModel, Protocol):
    """What :class:`UltraGCNLoss` asks of a model."""

    def pair_weights(self, users: Tensor, items: Tensor) -> Tensor:
        """The weight of a pair in the constraint; `users` and `items` broadcast."""
        ...

    def neighbours_of(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """The items chosen together with each of these, and their weights, shapes (n, count)."""
        ...


@dataclass(frozen=True)
class UltraGCNLoss:
    """Binary cross-entropy of pairs, weighted by degrees, and of items chosen together.

    With s the dot product of a user and an item, the mean over the batch of::

        (1 + constraint * weight) * softplus(-s)                     of the positive
        + negative_weight * mean of (1 + constraint * weight) * softplus(s)   over negatives
        + together * sum of weights * softplus(-s)                   over the positive's neighbours

    plus weight decay as for :class:`BPR` (Mao et al. 2021, eq. 14; see
    :class:`~gnnrec_helpers.models.UltraGCN`).

    Parameters
    ----------
    constraint : float, default 1.0
    together : float, default 0.5
    negative_weight : float, default 100.0
    shared_negatives : int, default 1024
        Drawn uniformly for each batch; a user's own positives are left out.
    weight_decay : float, default 1e-4
    """

    asks: ClassVar[tuple[str, ...]] = ("training_embeddings", "pair_weights", "neighbours_of")
    constraint: float = 1.0
    together: float = 0.5
    negative_weight: float = 100.0
    shared_negatives: int = 1024
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        check_whole(shared_negatives=_settled(self, "shared_negatives"))
        _check_amounts(self, "constraint", "together", "negative_weight", "weight_decay")

    def __call__(self, model: WeightedPairsModel, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        size, negatives = len(batch.users), batch.negatives
        neighbours, neighbour_weights = model.neighbours_of(batch.positives)  # (batch, count)
        items = torch.cat([batch.positives, negatives, neighbours.flatten()])
        users, rows, start = model.training_embeddings(batch.users, items)
        positive, negative, together = rows.split([size, len(negatives), neighbours.numel()])

        weights = 1 + self.constraint * model.pair_weights(batch.users, batch.positives)
        positive_loss = (weights * softplus(-(users * positive).sum(1))).mean()

        weights = 1 + self.constraint * model.pair_weights(batch.users[:, None], negatives)
        fill_known(weights, batch.known, 0.0)
        negative_loss = (weights * softplus(users @ negative.T)).mean()

        scores = (users.unsqueeze(1) * together.view(*neighbours.shape, -1)).sum(2)
        together_loss = (neighbour_weights * softplus(-scores)).sum(1).mean()

        loss = positive_loss + self.negative_weight * negative_loss + self.together * together_loss
        return loss + self.weight_decay / 2 * squared_length(start[: 2 * size]) / size


def squared_length(rows: Tensor) -> Tensor:
    """The sum of all squares, the same to the last bit with any number of threads."""
    # row by row first: one long sum would depend on the number of threads, and the notebooks'
    # stored outputs would depend on the machine
    return rows.square().sum(1).sum()


def log_sum_exp(users: Tensor, items: Tensor, known: Tensor | None = None) -> Tensor:
    """``log(sum over items of exp(user · item))`` for each user, `known` pairs left out.

    As ``(users @ items.T).logsumexp(1)``, at about half the time: the table of scores, the largest
    thing in a training step, is kept once and worked on in place.

    Parameters
    ----------
    users : Tensor, shape (n, dim)
    items : Tensor, shape (m, dim)
    known : Tensor, optional
        Rows of users and of items, shape (pairs, 2), or a mask, shape (n, m).

    Returns
    -------
    Tensor, shape (n,)

    Examples
    --------
    >>> log_sum_exp(torch.eye(2), torch.eye(2))
    tensor([1.3133, 1.3133])
    """
    return cast(Tensor, _LogSumExp.apply(users, items, known))


class _LogSumExp(torch.autograd.Function):
    """See :func:`log_sum_exp`."""

    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, known: Tensor | None) -> Tensor:
        scores = users @ items.T  # (batch, negatives)
        fill_known(scores, known, NOTHING)
        largest = scores.amax(1, keepdim=True)
        powers = scores.sub_(largest).exp_()
        total = powers.sum(1, keepdim=True)
        ctx.save_for_backward(users, items, powers, total)
        return (largest + total.log()).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        users, items, powers, total = ctx.saved_tensors
        share = gradient.unsqueeze(1) / total
        of_users = share * _product(powers, items)
        return of_users, _product(powers.T, share * users), None


def _product(left: Tensor, right: Tensor, piece: int = 256) -> Tensor:
    """``left @ right``, on the CPU the same to the last bit with any number of threads.

    Long sums are added up in pieces of a fixed length; left to itself, a matrix library cuts them
    into as many as it has threads.
    """
    if left.device.type != "cpu":
        return left @ right
    total = left[:, :piece] @ right[:piece]
    for start in range(piece, left.shape[1], piece):
        total.addmm_(left[:, start : start + piece], right[start : start + piece])
    return total
