"""What a training on several processes is asked for, checked before any of them starts."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from typing import Any, Literal, get_args

from ..data.arguments import check_whole
from ..evaluation.ranking import METRICS
from ..models.files import fingerprint
from ..objectives import BPR, SampledSoftmax
from .losses import Ranking, checked_objective

Parallel = Literal["dimensions", "nodes"]
OBJECTIVES = {kind.__name__: kind for kind in (BPR, SampledSoftmax)}


def check_parallel(parallel: object) -> None:
    """Refuse another way of splitting."""
    if parallel not in get_args(Parallel):
        raise ValueError(f"parallel={parallel!r}: 'dimensions' or 'nodes' is possible.")


@dataclass(frozen=True)
class Settings:
    """The arguments of :func:`gnnrec_helpers.distributed.fit` that are no data."""

    parallel: Parallel = "dimensions"
    epochs: int = 100
    batch_size: int = 2048
    lr: float = 5e-3
    objective: Ranking = field(default_factory=SampledSoftmax)
    negatives: int = 1
    seed: int = 0
    patience: int | None = 10
    validate_every: int = 1
    metric: str = "recall"
    k: int = 20
    save_every: int | None = None

    def __post_init__(self) -> None:
        checked_objective(self.objective)
        check_parallel(self.parallel)
        check_whole(
            epochs=self.epochs,
            batch_size=self.batch_size,
            negatives=self.negatives,
            validate_every=self.validate_every,
            k=self.k,
        )
        check_whole(0, seed=self.seed)
        for name in ("patience", "save_every"):
            if getattr(self, name) is not None:
                check_whole(**{name: getattr(self, name)})
        lr = self.lr
        if isinstance(lr, bool) or not isinstance(lr, Real) or not 0 < lr < math.inf:
            raise ValueError(f"lr={lr!r}: a positive number is needed.")
        if self.metric not in METRICS:
            raise ValueError(
                f"metric={self.metric!r}: choose one of {', '.join(map(repr, METRICS))}."
            )
        if self.negatives != 1 and self.objective.shared_negatives:
            raise ValueError(
                f"negatives={self.negatives} has no effect with {self.objective!r}, which shares "
                "its own: set `shared_negatives` there."
            )

    @property
    def watched(self) -> str:
        """What validation measures."""
        return f"{self.metric}@{self.k}"

    def to_json(self) -> dict[str, Any]:
        """As a file holds them."""
        loss = {"name": type(self.objective).__name__, **asdict(self.objective)}
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: fingerprint(value) for name, value in {**told, "objective": loss}.items()}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Settings:
        """What :meth:`to_json` wrote."""
        loss = dict(told["objective"])
        return cls(**{**told, "objective": OBJECTIVES[loss.pop("name")](**loss)})

    def made_with(self) -> dict[str, Any]:
        """What has to be the same when a training goes on from a checkpoint.

        Not how long it is to go on, nor how often it is written.
        """
        told = self.to_json()
        for name in ("epochs", "save_every"):
            del told[name]
        return {**told, "objective": str(self.objective)}
