"""Is a GNN needed? Sixteen models on movielens-small, with the same number of trials each.

    python benchmarks/rivals.py            # an hour on two cores
    python benchmarks/rivals.py ablation   # a part of it

Ratings of four stars and more are likes; of each user's likes 70 % train, 10 % validation, 20 %
test; all other films are ranked; lists of 20.

**League.** Settings of every model are chosen by `tune`: ten trials, drawn at random from the
model's space, judged by Recall@20 on validation of seed 0. Then three seeds, of split and training
alike, with test looked at once. Trained models: dimension 64, batches of 1,024, 24 epochs with a
learning rate that falls to zero; the epoch is chosen on validation. Nobody is refitted on
validation: all learn from train alone.

**Ablation.** NGCF with parts left out, one by one, until LightGCN is left, trained with BPR as in
both papers: two learning rates, judged likewise, then three seeds.
"""

from __future__ import annotations

import inspect
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from machine import peak, spread
from recorded import Job, Recorded, Result, main
from torch import nn

from gnnrec_helpers import Split, datasets, fit, models, recommend
from gnnrec_helpers.course.records import Run, select
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.objectives import BPR, SampledSoftmax, SelfSupervised, UltraGCNLoss
from gnnrec_helpers.training.tuning import Between, tune

SEEDS = range(3)
K, TRIALS, EPOCHS = 20, 10, 24
PARTS = ("league", "ablation")
Build = Callable[..., models.Recommender]


def data(seed: int) -> Split:
    return datasets.load("movielens-small").interactions.binarize(4.0).split(0.2, 0.1, seed=seed)


# ---------------------------------------------------------------------- models, and what is tuned
def trained(model: nn.Module, split: Split, seed: int, lr: float, objective: Any) -> Any:
    fit(
        model, split, epochs=EPOCHS, batch_size=1024, lr=lr, schedule="cosine", seed=seed,
        objective=objective, patience=None, validate_every=4, progress=False,
    )  # fmt: skip
    return model


def mf(split: Split, weight_decay: float, lr: float, seed: int = 0) -> models.Recommender:
    model = models.MatrixFactorization(split.train, seed=seed)
    return trained(model, split, seed, lr, SampledSoftmax(weight_decay=weight_decay))


def layered(kind: Callable[..., nn.Module]) -> Build:
    def build(split: Split, weight_decay: float, lr: float, layers: int,
              seed: int = 0) -> models.Recommender:  # fmt: skip
        model = kind(split.train, layers=layers, seed=seed)
        return trained(model, split, seed, lr, SampledSoftmax(weight_decay=weight_decay))

    return build


def contrastive(kind: Callable[..., nn.Module]) -> Build:
    def build(split: Split, weight_decay: float, lr: float, weight: float,
              seed: int = 0) -> models.Recommender:  # fmt: skip
        objective = SelfSupervised(SampledSoftmax(weight_decay=weight_decay), weight)
        return trained(kind(split.train, layers=2, seed=seed), split, seed, lr, objective)

    return build


def ultragcn(split: Split, weight_decay: float, lr: float, negative_weight: float,
             seed: int = 0) -> models.Recommender:  # fmt: skip
    loss = UltraGCNLoss(negative_weight=negative_weight, weight_decay=weight_decay)
    return trained(models.UltraGCN(split.train, seed=seed), split, seed, lr, loss)


def closed(kind: Callable[..., models.Recommender]) -> Build:
    """A model that is built and needs no training: its parameters are what is tuned."""
    seeded = "seed" in inspect.signature(kind).parameters

    def build(split: Split, seed: int = 0, **settings: Any) -> models.Recommender:
        return kind(split.train, **settings, **({"seed": seed} if seeded else {}))

    return build


RATE = Between(2e-3, 5e-2, log=True)
DECAY = Between(5e-3, 0.5, log=True)
LAYERED = {"weight_decay": DECAY, "lr": RATE, "layers": [1, 2, 3]}
CONTRASTED = {"weight_decay": DECAY, "lr": RATE, "weight": Between(3e-3, 0.3, log=True)}
NEIGHBOURS = {"neighbours": Between(5, 500, log=True), "shrink": Between(0.0, 100.0)}
LEAGUE: dict[str, tuple[Build, Mapping[str, Any]]] = {
    "most popular": (closed(models.Popularity), {}),
    "ItemKNN": (closed(models.ItemKNN), NEIGHBOURS),
    "UserKNN": (closed(models.UserKNN), NEIGHBOURS),
    "RP3beta": (
        closed(models.RP3Beta),
        {"neighbours": Between(5, 500, log=True), "alpha": Between(0.2, 1.5),
         "beta": Between(0.0, 0.8)},
    ),
    "EASE": (closed(models.EASE), {"regularization": Between(10.0, 2000.0, log=True)}),
    "linear filter": (closed(models.LinearFilter), {}),
    "GF-CF": (
        closed(models.GraphFilter),
        {"components": Between(8, 256, log=True), "alpha": Between(0.03, 3.0, log=True)},
    ),
    "iALS": (
        closed(models.IALS),
        {"unobserved": Between(0.01, 1.0, log=True),
         "regularization": Between(1e-3, 1.0, log=True)},
    ),
    "MF": (mf, {"weight_decay": DECAY, "lr": RATE}),
    "UltraGCN": (
        ultragcn,
        {"weight_decay": Between(1e-4, 0.1, log=True), "lr": RATE,
         "negative_weight": Between(3.0, 300.0, log=True)},
    ),
    "NGCF": (layered(models.NGCF), LAYERED),
    "LightGCN": (layered(models.LightGCN), LAYERED),
    "SGL": (contrastive(models.SGL), CONTRASTED),
    "SimGCL": (contrastive(models.SimGCL), CONTRASTED),
    "XSimGCL": (contrastive(models.XSimGCL), CONTRASTED),
    "XSimGCL, layer 0 kept": (contrastive(partial(models.XSimGCL, layer_0=True)), CONTRASTED),
}  # fmt: skip
BASELINE = "LightGCN"

ABLATION: dict[str, dict[str, bool] | None] = {  # None is LightGCN
    "NGCF": {},
    "without products": {"products": False},
    "without W": {"weights": False},
    "without nonlinearity": {"nonlinear": False},
    "without W, nonlinearity": {"weights": False, "nonlinear": False},
    "without W, nonlinearity, products": {"weights": False, "nonlinear": False, "products": False},
    "LightGCN": None,
}
ABLATED = [{"weight_decay": 1e-4, "lr": lr} for lr in (5e-3, 2e-2)]


def ablated(name: str, split: Split, weight_decay: float, lr: float,
            seed: int = 0) -> models.Recommender:  # fmt: skip
    left_out = ABLATION[name]
    model = (
        models.LightGCN(split.train, layers=2, seed=seed)
        if left_out is None
        else models.NGCF(split.train, layers=2, **left_out, seed=seed)
    )
    return trained(model, split, seed, lr, BPR(weight_decay))


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split = data(job["seed"])
    if job["stage"] == "search":
        build, space = LEAGUE[job["model"]]
        tuning = tune(build, split, space, TRIALS, seed=0, progress=False)
        return {"settings": tuning.settings, "values": tuning.values, "seconds": tuning.seconds}
    before, started = peak(), time.perf_counter()
    if job["part"] == "league":
        model = LEAGUE[job["model"]][0](split, **job["settings"], seed=job["seed"])
    else:
        model = ablated(job["model"], split, **job["settings"], seed=job["seed"])
    seconds = time.perf_counter() - started
    on_validation = evaluate_users(model, split, K, part="validation", metrics=("recall",))
    result: Result = {
        "validation": float(on_validation[f"recall@{K}"].mean()),
        "seconds": seconds,
        "megabytes": peak() - before,
        "parameters": sum(p.numel() for p in model.parameters())
        if isinstance(model, nn.Module)
        else None,
    }
    if job["stage"] == "test":
        users = evaluate_users(model, split, K, metrics=("recall", "ndcg"))
        users.index = split.train.users.get_indexer(users.index)
        result["users"] = {"test": users.round(4)}
        result |= lists_of(model, split)
    return result


def lists_of(model: models.Recommender, split: Split) -> Result:
    """What share of the films is in somebody's list, and how many likes those have."""
    lists = recommend(model, split.train.users, K, exclude=split.known_before("test"))
    item = split.train.items.get_indexer(lists["item"])
    likes = split.train.item_degrees()
    return {
        "coverage": len(np.unique(item)) / split.train.num_items,
        "likes of the recommended": float(likes[item].mean()),
    }


# ---------------------------------------------------------------------- what is run
def job(part: str, model: str, settings: dict[str, Any] | None, seed: int = 0,
        stage: str = "search") -> Job:  # fmt: skip
    return {"part": part, "model": model, "settings": settings, "seed": seed, "stage": stage}


def measure(record: Recorded, *parts: str, at_once: int = 2) -> None:
    if "league" in parts:
        names = [name for name, (_, space) in LEAGUE.items() if space]
        searches = [job("league", name, None) for name in names]
        results = dict(zip(names, record.run(searches, at_once), strict=True))
        chosen = {
            name: results[name]["settings"][int(np.nanargmax(results[name]["values"]))]
            for name in names
        }
        record.run(
            [job("league", name, chosen.get(name, {}), seed, "test")
             for seed in SEEDS for name in LEAGUE],
            at_once,
        )  # fmt: skip
    if "ablation" in parts:
        best = {
            name: record.best(
                [job("ablation", name, settings, stage="trial") for settings in ABLATED],
                lambda result: result["validation"],
                at_once,
            )
            for name in ABLATION
        }  # fmt: skip
        record.run(
            [{**best[name], "seed": seed, "stage": "test"} for seed in SEEDS for name in ABLATION],
            at_once,
        )


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
def judged(record: dict[str, Any], part: str) -> dict[str, list[Run]]:
    """The runs on test, by model, in the order of the seeds."""
    runs = select(record, part=part, stage="test")
    names = LEAGUE if part == "league" else ABLATION
    by_model = {name: [run for run in runs if run["job"]["model"] == name] for name in names}
    return {name: runs for name, runs in by_model.items() if runs}


def report(record: dict[str, Any]) -> str:
    lines: list[str] = []
    for part, title in (
        ("league", f"League, settings chosen in {TRIALS} trials each, three seeds:"),
        ("ablation", "NGCF with parts left out (two layers, BPR), three seeds:"),
    ):
        runs_by_model = judged(record, part)
        if BASELINE not in runs_by_model:
            continue
        # means over users, each with her mean over seeds, and differences from LightGCN
        tables = {name: [run["users"]["test"] for run in r] for name, r in runs_by_model.items()}
        table = compare_users(tables, baseline=BASELINE)
        lines += [title, "", "| model | Recall@20 | NDCG@20 | against LightGCN | p | over seeds | "
                  "fit, s | memory, MB | parameters | films in some list | likes of a film in a "
                  "list |", "|---|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        for name, runs in runs_by_model.items():
            row = table.loc[name]
            same = name == BASELINE
            gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
            mean = {
                key: statistics.mean(run["result"][key] for run in runs)
                for key in ("seconds", "megabytes", "coverage", "likes of the recommended")
            }
            parameters = runs[0]["result"]["parameters"]
            lines.append(
                f"| {name} | {row['recall@20']:.4f} ± {row['± recall@20']:.4f} | "
                f"{row['ndcg@20']:.4f} ± {row['± ndcg@20']:.4f} | {'–' if same else gain} | "
                f"{'–' if same else format(row['p recall@20'], '.2g')} | "
                f"{spread([one['recall@20'].mean() for one in tables[name]])} | "
                f"{mean['seconds']:.1f} | {mean['megabytes']:.0f} | "
                f"{'–' if parameters is None else format(parameters, ',')} | "
                f"{mean['coverage']:.0%} | {mean['likes of the recommended']:.0f} |"
            )
        lines.append("")
    if lines:
        lines += [
            "± is half of a 95 % interval over users, each with her mean over seeds; p of a paired "
            "t-test; over seeds: mean ± standard deviation. One thread a run.",
            "",
        ]
    lines += ["Chosen on validation, seed 0:", ""]
    for entry in record["runs"]:
        j, f = entry["job"], entry["result"]
        if j["stage"] == "search":
            best = int(np.nanargmax(f["values"]))
            settings = ", ".join(
                f"{name} {value:.4g}" for name, value in f["settings"][best].items()
            )
            lines.append(
                f"- {j['model']}: {settings}; Recall@20 {f['values'][best]:.4f} in trial "
                f"{best + 1} of {len(f['values'])}, which took {sum(f['seconds']):.0f} s"
            )
        elif j["stage"] == "trial":
            lines.append(
                f"- ablation, {j['model']}: weight decay {j['settings']['weight_decay']:g}, "
                f"lr {j['settings']['lr']:g}: Recall@20 {f['validation']:.4f}"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "rivals", run, report, data_of), measure, PARTS)
