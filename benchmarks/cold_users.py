"""Listeners of whom only the friends are known, on Last.fm.

    python benchmarks/cold_users.py                # half an hour on one core

A strict split of the users, as Heater's (Zhu et al., SIGIR 2020): of 1,892 listeners 60 % train,
10 % are validation and 30 % test, and nothing that the last two listen to is known. All artists are
ranked for them; Recall@20. Settings are chosen by 8 trials on the validation listeners; trained
models stop when these are found no better. Three seeds of split and training; the settings are
those of seed 0.

Everybody's friends are known. "rewired friends" is the control: as many friends for everybody, but
with anybody, and settings chosen for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from recorded import Job, Recorded, Result, main
from scipy import sparse
from torch import Tensor

from gnnrec_helpers import (
    Between,
    Interactions,
    SampledSoftmax,
    SocialGraph,
    Split,
    datasets,
    fit,
    models,
    tune,
)
from gnnrec_helpers.course import records
from gnnrec_helpers.evaluation import compare_users, evaluate_users
from gnnrec_helpers.models import Recommender

K, TRIALS, SEEDS = 20, 8, (0, 1, 2)


class Friends:
    """The listens of a user's friends added up; popular artists first where these are level.

    Parameters
    ----------
    each : float
        A friend with n artists counts ``n ** -each`` for each of them.
    """

    def __init__(self, train: Interactions, social: SocialGraph, each: float = 0.0) -> None:
        listens = train.to_csr()
        sizes = np.maximum(train.user_degrees(), 1).astype(float) ** -each
        weighed = sparse.csr_array(sparse.diags_array(sizes) @ listens)
        popular = train.item_degrees()
        self.table = (social.to_csr() @ weighed).toarray() + 1e-6 * popular / popular.max()
        self.users, self.items = train.users, train.items

    def score(self, users: Tensor) -> Tensor:
        return torch.from_numpy(self.table[users.numpy()]).float()


# ---------------------------------------------------------------------- the models
def data(seed: int, rewired: bool) -> tuple[Split, SocialGraph]:
    lastfm = datasets.load("lastfm-2k")
    likes, social = lastfm.interactions.binarize(1), lastfm.social
    assert social is not None
    order = np.random.default_rng(seed).permutation(likes.num_users)
    parts = np.split(order, [round(0.6 * len(order)), round(0.7 * len(order))])
    train, validation, test = (likes.select(np.isin(likes.user_index, part)) for part in parts)
    return Split(train, validation, test), social.rewired(seed=seed) if rewired else social


def social_lightgcn(
    split: Split, social: SocialGraph, seed: int, **settings: Any
) -> tuple[Recommender, int]:
    lr, weight_decay = settings.pop("lr"), settings.pop("weight_decay")
    model = models.SocialLightGCN(split.train, social, seed=seed, **settings)
    history = fit(
        model, split, epochs=200, schedule="constant", patience=6, batch_size=2048, lr=lr,
        seed=seed, k=K, objective=SampledSoftmax(weight_decay=weight_decay), progress=False,
    )  # fmt: skip
    return model, history.best_epoch or len(history.epochs)


def friends(
    split: Split, social: SocialGraph, seed: int, each: float = 0.0
) -> tuple[Recommender, None]:
    return Friends(split.train, social, each), None


def popularity(split: Split, social: SocialGraph, seed: int) -> tuple[Recommender, None]:
    return models.Popularity(split.train), None


SPACE = {
    "layers": Between(1, 5),
    "friend_weight": Between(0.1, 30.0, log=True),
    "lr": Between(3e-4, 5e-2, log=True),
    "weight_decay": Between(5e-3, 0.5, log=True),
}
MODELS: dict[str, tuple[Callable[..., Any], bool, dict[str, Between]]] = {
    "popularity": (popularity, False, {}),
    "friends' listens": (friends, False, {}),
    "friends' listens, weighed": (friends, False, {"each": Between(0.0, 2.0)}),
    "friends' listens, rewired friends": (friends, True, {}),
    "SocialLightGCN": (social_lightgcn, False, SPACE),
    "SocialLightGCN, rewired friends": (social_lightgcn, True, SPACE),
}


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(1)
    build, rewired, space = MODELS[job["model"]]
    split, social = data(job["seed"], rewired)
    if job["stage"] == "search":

        def built(split: Split, **settings: Any) -> Recommender:
            model: Recommender = build(split, social, job["seed"], **settings)[0]
            return model

        found = tune(_named(built, space), split, space, TRIALS, seed=0, k=K, progress=False)
        return {"settings": found.settings, "values": found.values, "best": found.best}
    model, epochs = build(split, social, job["seed"], **job["settings"])
    users = evaluate_users(model, split, K, metrics=("recall", "ndcg"))
    return {"epochs": epochs, "users": {"test": users}}


def _named(build: Callable[..., Recommender], space: dict[str, Between]) -> Callable[..., Any]:
    """`build` with the parameters that `tune` looks for, by name."""
    lines = (
        f"lambda split, {', '.join(space)}: build(split, {', '.join(f'{n}={n}' for n in space)})"
    )
    found: Callable[..., Any] = eval(lines, {"build": build})
    return found


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    for name, (_, _, space) in MODELS.items():
        settings: dict[str, Any] = {}
        if space:
            job = {"model": name, "stage": "search", "seed": 0, "trials": TRIALS}
            settings = record.run([job])[0]["best"]
        record.run([{"model": name, "stage": "test", "seed": seed, "settings": settings}
                    for seed in SEEDS])  # fmt: skip


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    names = [name for name in MODELS if records.select(record, model=name, stage="test")]
    tables: dict[str, list[pd.DataFrame]] = {
        name: [run["users"]["test"] for run in records.select(record, model=name, stage="test")]
        for name in names
    }
    if "friends' listens" not in tables:
        return "Not finished.\n"
    means = compare_users(tables, baseline="friends' listens")
    lines = [
        "| model | Recall@20 | NDCG@20 | against friends' listens | p | settings |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in means.iterrows():
        settings = records.select(record, model=name, stage="test")[0]["job"]["settings"]
        same = name == "friends' listens"
        gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
        lines.append(
            f"| {name} | {row['recall@20']:.4f} ± {row['± recall@20']:.4f} | {row['ndcg@20']:.4f} "
            f"± {row['± ndcg@20']:.4f} | {'–' if same else gain} | "
            f"{'–' if same else format(row['p recall@20'], '.2g')} | "
            f"{', '.join(f'{k}={v:.4g}' for k, v in settings.items()) or '–'} |"
        )
    lines += ["", "Means over users and three seeds; ± is half of a 95 % interval over users."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "cold_users", run, report, data_of), measure)
