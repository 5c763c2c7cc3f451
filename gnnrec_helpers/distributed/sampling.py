"""Batches that every process draws for itself, and all draw alike."""

from __future__ import annotations

from ..data.interactions import Interactions
from ..engine.sampling import PairSampler
from .settings import Settings


def sampler_for(settings: Settings, train: Interactions) -> PairSampler:
    """The batches that :func:`gnnrec_helpers.fit` would draw."""
    shared = settings.objective.shared_negatives
    return PairSampler(
        train,
        settings.batch_size,
        shared or settings.negatives,
        seed=settings.seed,
        shared=bool(shared),
        unseen=getattr(settings.objective, "unseen_negatives", True),
    )
