"""How far `fit` with nothing but a model and a split is from the best known setting.

    GNNREC_DATA=... python benchmarks/defaults.py
    GNNREC_DATA=... python benchmarks/defaults.py films ciao      # these data sets only

Matrix factorization and LightGCN with three layers, dimension 64. *movielens-small* counts ratings
of four stars or more; *films* those of them that are of films about which Freebase has facts;
*lastfm-2k* every artist that was listened to; *ciao* ratings of four and five. Per user 20 % are
test and 10 % validation, seed 0. Of *gowalla* a fifth of the published train is validation, and the
published test is test.

1. `fit(model, split)` as it is, with three seeds: when validation stops improving, it tries other
   weight decays from the best weights, and then smaller learning rates.
2. Trained from the start with other losses: several weight decays, and BPR with a weight decay of
   1e-4. The learning rate falls likewise. Seed 0; the best of them on validation is trained with
   three seeds. It is the best known setting if it is better on validation, over three seeds, than
   the default itself.
3. On Gowalla the best known setting is that of benchmarks/time_to_quality.py, with more shared
   negatives, larger batches, and a learning rate that falls.

How weight decay by default grows where likes are few was found on the five data sets above and
tried on two that were not used for it: *movielens, a fifth* and *lastfm-2k, a third* keep a random
part of the likes.

The gap is that of the mean test Recall@20. Where there is a GPU, all are trained on it.
"""

from __future__ import annotations

import itertools
import statistics
from functools import partial
from typing import Any

import numpy as np
import torch
from machine import DEVICE, at_once, spread, trained_on
from movielens_small import data as movielens
from recorded import Job, Recorded, Result, main
from time_to_quality import fitted, softmax

from gnnrec_helpers import Split, datasets, evaluate, fit, models
from gnnrec_helpers.course.records import Run, select
from gnnrec_helpers.objectives import BPR, SampledSoftmax

THINNED = {
    "movielens, a fifth": ("movielens-small", 1 / 5),
    "lastfm-2k, a third": ("lastfm-2k", 1 / 3),
}
DATA = ("movielens-small", "films", "lastfm-2k", "ciao", "gowalla", *THINNED)
SEEDS = (0, 1, 2)
MODELS = {"MF": models.MatrixFactorization, "LightGCN": models.LightGCN}
DECAYS = {"MF": (0.1, 0.2, 0.3, 0.5), "LightGCN": (0.01, 0.025, 0.05, 0.1)}
FEW_LIKES = {"MF": (0.2, 0.3, 0.5, 0.8), "LightGCN": (0.025, 0.05, 0.1, 0.2, 0.4)}
# on Gowalla, of time_to_quality.py
TUNED = {
    "MF": softmax(0, 0.2, 0.01, 1024, 4096, 20),
    "LightGCN": softmax(3, 0.05, 0.02, 2048, 8192, 50),
}


NOT_KEPT = """What was tried for the default and is not in it (runs that are not stored):

- Weight decay found by going on from the best weights alone, without the rule for few likes: on
  Ciao, MF stayed a seventh behind training from the start with the decay that suits it. From
  weights that have fitted the noise, more decay does not lead to where it leads from the start,
  neither with twice the patience, nor with a smaller learning rate, nor with smaller first values.
- More decay from the start whenever less has been trained: no better elsewhere within a hundred
  epochs, where `fit` ends after about 65.
- Smaller learning rates before other decays: less than from seed to seed.
- More than two smaller learning rates: a quarter of the epochs more for less than a thousandth of
  recall."""


def split_of(name: str) -> Split:
    if name == "movielens-small":
        return movielens()
    whole, share = THINNED.get(name, (name, 1.0))
    loaded = datasets.load("movielens-small" if name == "films" else whole)
    if name == "gowalla":
        assert loaded.split is not None
        return loaded.split.with_validation(0.2, seed=0)
    likes = loaded.interactions
    if name == "films" or whole in ("movielens-small", "ciao"):
        likes = likes.binarize(4.0)
    if name == "films":
        assert loaded.knowledge is not None
        described = likes.items.isin(loaded.knowledge.to_frame()["head"])
        likes = likes.select(described[likes.item_index])
    if share < 1:
        likes = likes.select(np.random.default_rng(0).random(len(likes)) < share)
    return likes.split(test=0.2, validation=0.1, seed=0)


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, name, seed, loss = split_of(job["data"]), job["model"], job["seed"], job["loss"]
    if loss == "tuned":
        model, history = fitted(name, split, TUNED[name], seed, DEVICE)
    else:
        model = MODELS[name](split.train, dim=64, seed=seed).to(DEVICE)
        objective = (
            None
            if loss == "default"
            else BPR()
            if loss == "BPR"
            else SampledSoftmax(weight_decay=loss)
        )
        history = fit(model, split, objective=objective, seed=seed, progress=False)
    seconds = sum(epoch["seconds"] for epoch in history.epochs)
    judged = evaluate(model, split, metrics=("recall", "ndcg"))
    return {
        "validation": history.best,
        **{metric.partition("@")[0]: value for metric, value in judged.items()},
        "epochs": len(history.epochs),
        "seconds": seconds,
        "trained on": trained_on(),
    }


# ---------------------------------------------------------------------- what is run
def job(data: str, model: str, loss: str | float, seed: int = 0) -> Job:
    return {"data": data, "model": model, "loss": loss, "seed": seed}


def others(data: str, model: str) -> list[Job]:
    """What is tried beside the default."""
    if data == "gowalla":
        return [job(data, model, "tuned")]
    decays = FEW_LIKES if data == "ciao" or data in THINNED else DECAYS
    return [job(data, model, loss) for loss in (*decays[model], "BPR")]


def measure(record: Recorded, *names: str) -> None:
    """Everything with the first seed, and then the other seeds."""
    for seeds in (SEEDS[:1], SEEDS):
        for name, model in itertools.product(names, MODELS):
            defaults = [job(name, model, "default", seed) for seed in seeds]
            record.run(defaults, at_once(2))
            tried = record.best(others(name, model), lambda r: r["validation"], at_once(2))
            chosen = [job(name, model, tried["loss"], seed) for seed in seeds]
            record.run(chosen, at_once(2))


def data_of(job: Job) -> list[str]:
    whole, _ = THINNED.get(job["data"], (job["data"], 1.0))
    return ["movielens-small" if whole == "films" else whole]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines = [
        "| data | model | seeds | default: Recall@20 | training, s | best known | its Recall@20 | "
        "training, s | gap |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for data, model in itertools.product(DATA, MODELS):
        runs = select(record, data=data, model=model)
        by_loss: dict[Any, list[Run]] = {}
        for entry in runs:
            by_loss.setdefault(entry["job"]["loss"], []).append(entry)
        if len(by_loss) < 2 or "default" not in by_loss:  # not finished
            continue
        full = {loss: some for loss, some in by_loss.items()
                if len(some) == len(by_loss["default"])}  # fmt: skip
        best = max(full, key=lambda loss: mean(full[loss], "validation"))
        cells = []
        for some in (full["default"], full[best]):
            recalls = [entry["result"]["recall"] for entry in some]
            cells.append([spread(recalls) if len(recalls) > 1 else f"{recalls[0]:.4f}",
                          f"{mean(some, 'seconds'):.0f}"])  # fmt: skip
        gap = 1 - mean(full["default"], "recall") / mean(full[best], "recall")
        name = f"weight decay {best}" if isinstance(best, float) else best
        cells[0].insert(0, str(len(by_loss["default"])))
        row = [data, model, *cells[0], name, *cells[1], f"{gap:.1%}"]
        lines.append(f"| {' | '.join(row)} |")
    lines += [
        "",
        "Mean ± standard deviation over seeds. The best known setting is the best on validation. "
        f"Where they were trained: {'; '.join(where(record))}.",
        "",
        "Validation Recall@20 of what was tried, seed 0:",
        "",
        "| data | model | what was tried |",
        "|---|---|---|",
    ]
    for data, model in itertools.product(DATA, MODELS):
        tried = [
            f"{entry['job']['loss']}: {entry['result']['validation']:.4f}"
            for entry in select(record, data=data, model=model, seed=0)
        ]
        if tried:
            lines.append(f"| {data} | {model} | {', '.join(tried)} |")
    return "\n".join([*lines, "", NOT_KEPT]) + "\n"


def where(record: dict[str, Any]) -> list[str]:
    """On what the models were trained, data set by data set."""
    found = []
    for data in DATA:
        runs = select(record, data=data)
        names = {e["result"].get("trained on", e["provenance"]["processor"]) for e in runs}
        found += [f"{data}, {' and '.join(sorted(names))}"] if runs else []
    return found


def mean(runs: list[Run], what: str) -> float:
    return statistics.mean(entry["result"][what] for entry in runs)


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "defaults", run, report, data_of), measure, DATA)
