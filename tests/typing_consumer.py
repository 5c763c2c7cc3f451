"""What a user of the package writes, under mypy's strict rules; it is checked, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import torch
from torch import Tensor, nn

from gnnrec_helpers import (
    BPR,
    CONTENDERS,
    Between,
    History,
    Interactions,
    SampledSoftmax,
    Split,
    compare,
    evaluate,
    evaluate_ratings,
    fit,
    league,
    load,
    models,
    recommend,
    similar_items,
    tune,
)
from gnnrec_helpers.engine import Batch
from gnnrec_helpers.evaluation import evaluate_groups
from gnnrec_helpers.objectives import (
    CrossEntropy,
    Objective,
    RatingRegression,
    SelfSupervised,
    TrainableModel,
    UltraGCNLoss,
)
from gnnrec_helpers.serving import Index, export_embeddings, rerank


@dataclass(frozen=True)
class Hinge:
    """A loss of one's own."""

    margin: float = 1.0
    asks: ClassVar[tuple[str, ...]] = ("training_embeddings",)
    shared_negatives: ClassVar[int] = 0

    def __call__(self, model: TrainableModel, batch: Batch) -> Tensor:
        users, positives, _ = model.training_embeddings(batch.users, batch.positives)
        _, negatives, _ = model.training_embeddings(batch.users, batch.negatives[:, 0])
        return (self.margin - (users * (positives - negatives)).sum(1)).relu().mean()


class Constant(nn.Module):
    """A model of one's own, which only scores."""

    def __init__(self, train: Interactions) -> None:
        super().__init__()
        self.users, self.items = train.users, train.items

    def score(self, users: Tensor) -> Tensor:
        return torch.zeros(len(users), len(self.items))


def lightgcn(split: Split, lr: float) -> models.LightGCN:
    model = models.LightGCN(split.train)
    fit(model, split, lr=lr, progress=False)
    return model


def sgl(split: Split, lr: float, epochs: int = 100) -> tuple[models.SGL, History]:
    model = models.SGL(split.train)
    return model, fit(model, split, lr=lr, epochs=epochs, progress=False)


def use(split: Split) -> pd.DataFrame:
    model = models.LightGCN(split.train, dim=64, layers=3, seed=0)
    losses = (BPR(), SampledSoftmax(), Hinge())
    for loss in losses:
        fit(model, split, objective=loss)
    fit(models.SGL(split.train), split, objective=SelfSupervised(BPR(), weight=0.1))
    fit(models.UltraGCN(split.train), split, objective=UltraGCNLoss())
    fit(models.ProbabilisticMF(split.train), split, objective=RatingRegression())
    named: Objective[TrainableModel, Batch] = BPR()
    fit(model, split, objective=named, metric="ndcg", k=10)
    fit(model, split, objective=CrossEntropy())
    quality: dict[str, float] = evaluate(Constant(split.train), split, k=10)
    quality |= evaluate_ratings(models.BiasOnly(split.train), split)
    tuned = tune(lightgcn, split, {"lr": Between(1e-3, 1e-1, log=True)})
    compare({"mine": Constant(split.train), "theirs": [model, tuned.refit(split)]}, split)
    genres = pd.Series(["drama", "crime"], index=[1, 2])
    compare({"mine": model}, split, metrics=["recall", "calibration"], item_groups=genres)
    evaluate_groups(model, split, groups=pd.Series(["new", "old"], index=[42, 43]), k=10)
    rate = {"lr": Between(1e-3, 1e-1, log=True)}
    found = league(split, {**CONTENDERS, "SGL": (sgl, rate), "mine": (lightgcn, rate)}, trials=5)
    found = league(split, ["EASE", "LightGCN"], storage="league")
    recommend(found.choose(), users=[42])
    model.save("model.safetensors")
    served = load("model.safetensors").frozen()
    similar_items(model, items=[1], k=5)
    export_embeddings(served, "embeddings")
    Index(model, exact=False, candidates=400).recommend([42], k=5)
    lists = recommend(served, users=[42], k=100)
    return rerank(lists, 10, by="calibrated", interactions=split.train, item_groups=genres)
