"""How soon, and how far, LightGCN gets on Gowalla: every setting chosen on validation.

    GNNREC_DATA=... python benchmarks/time_to_quality.py
    GNNREC_DATA=... python benchmarks/time_to_quality.py yelp2018     # the same on other data

1. Tuning. A fifth of every user's train is held out (seed 0), as large a share as that of the
   published test part. LightGCN with three layers, matrix factorization, both of them on cosines
   with the bilateral softmax, UltraGCN and XSimGCL are trained on the rest, once with each of the
   settings below. One thread a run, two runs at once.
2. Refit. The setting with the best validation Recall@20, on all of train, for the same number of
   epochs, with three seeds (UltraGCN and cosines: one), one run at a time on two threads. Nothing
   is stopped early. Test is looked at after every second epoch for the curve only; this is not
   counted as training.
3. The recipe of the LightGCN paper beside it (BPR, learning rate .001, weight decay .0001, batches
   of 2,048), for as many epochs as it is given here; the paper trains for up to 1,000. XSimGCL and
   SGL with their papers' settings likewise, and XSimGCL once more with layer 0 kept, the loss and
   settings chosen for LightGCN, and half as many epochs.

Every finished run is stored at once and not repeated while its code stays the same, and one that
was interrupted goes on from its last epoch.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import torch
from machine import record_of, spread
from provenance import digest_of_code
from recorded import CACHE, Job, Recorded, Result, parser
from torch import nn

from gnnrec_helpers import Split, datasets, evaluate, fit, models
from gnnrec_helpers.objectives import BPR, Objective, SampledSoftmax, SelfSupervised, UltraGCNLoss
from gnnrec_helpers.training import History

MARKS, SEEDS = (0.15, 0.16, 0.17, 0.18, 0.183, 0.186), (0, 1, 2)
OWN = ("contrast", "negative_weight", "temperature", "exponent", "ranks")  # of rivals' losses
COSINES = ("MF, cosines", "LightGCN, cosines")
Setting = dict[str, Any]


def softmax(
    layers: int, decay: float, lr: float, negatives: int, batch_size: int, epochs: int
) -> Setting:
    return {"layers": layers, "loss": "softmax", "weight_decay": decay, "lr": lr,
            "negatives": negatives, "batch_size": batch_size, "epochs": epochs,
            "schedule": "cosine"}  # fmt: skip


def cosines(layers: int, temperature: float, exponent: float, ranks: str, epochs: int) -> Setting:
    """The bilateral softmax of cosines.

    `ranks` says by what the model ranks: as published, MF by cosines, LightGCN by dot products.
    """
    own = {"temperature": temperature, "exponent": exponent, "ranks": ranks}
    return {**softmax(layers, 0.0, 0.01, 1024, 4096, epochs), **own}


TRIALS = {
    "LightGCN": [
        softmax(3, 0.025, 0.01, 1024, 4096, 30),
        softmax(3, 0.05, 0.01, 1024, 4096, 40),
        softmax(3, 0.035, 0.01, 2048, 4096, 30),
        softmax(3, 0.05, 0.01, 2048, 4096, 40),
        softmax(3, 0.05, 0.02, 2048, 8192, 50),
    ],
    "XSimGCL": [
        {**softmax(3, 0.025, 0.01, 1024, 4096, 15), "contrast": 0.05},
        {**softmax(3, 0.003, 0.005, 1024, 4096, 12), "contrast": 0.1},
        {**softmax(3, 1e-4, 0.003, 1, 4096, 12), "loss": "bpr", "contrast": 0.2},
    ],
    "UltraGCN": [
        {**softmax(0, decay, 0.01, 1024, 4096, 20), "loss": "ultragcn", "negative_weight": weight}
        for decay, weight in ((1e-3, 10.0), (1e-3, 30.0))
    ],
    "MF": [
        softmax(0, decay, lr, 1024, 4096, 20)
        for decay, lr in ((0.1, 0.02), (0.2, 0.01), (0.2, 0.02), (0.3, 0.02))
    ],
    "MF, cosines": [
        cosines(0, temperature, exponent, "cosine", 40)
        for temperature, exponent in ((0.08, 1.0), (0.08, 1.22), (0.12, 1.0), (0.12, 1.22))
    ],
    "LightGCN, cosines": [
        cosines(3, temperature, exponent, ranks, 30)
        for temperature, exponent in ((0.12, 0.84), (0.12, 1.0), (0.15, 1.1))
        for ranks in ("dot", "cosine")
    ],
}
# As published but for the number of epochs. Embeddings start with a standard deviation of about
# .008 (Glorot & Bengio's for a table of so many rows), not .1: how much noise of a given length
# matters depends on it.
AS_PUBLISHED: dict[str, Setting] = {
    "XSimGCL": {
        "layers": 3, "loss": "bpr", "weight_decay": 1e-4, "lr": 1e-3, "negatives": 1,
        "batch_size": 2048, "epochs": 12, "schedule": "constant", "contrast": 0.2, "start": 0.008,
    },
    "SGL": {
        "layers": 3, "loss": "bpr", "weight_decay": 1e-4, "lr": 1e-3, "negatives": 1,
        "batch_size": 2048, "epochs": 12, "schedule": "constant", "contrast": 0.1, "start": 0.008,
    },
}  # fmt: skip
CONTRASTIVE = {"SGL": models.SGL, "XSimGCL": models.XSimGCL}
PAPER: Setting = {
    "layers": 3, "loss": "bpr", "weight_decay": 1e-4, "lr": 1e-3, "negatives": 1,
    "batch_size": 2048, "epochs": 10, "schedule": "constant",
}  # fmt: skip


# ---------------------------------------------------------------------- one run
def build(name: str, split: Split, setting: Setting, seed: int) -> tuple[nn.Module, Objective]:
    decay, negatives = setting["weight_decay"], setting["negatives"]
    if name == "UltraGCN":
        loss = UltraGCNLoss(
            negative_weight=setting["negative_weight"],
            shared_negatives=negatives,
            weight_decay=decay,
        )
        return models.UltraGCN(split.train, dim=64, seed=seed), loss
    objective: Objective = BPR(decay)
    if setting["loss"] == "softmax":
        own = {part: setting[part] for part in ("temperature", "exponent") if part in setting}
        objective = SampledSoftmax(negatives, decay, cosine=name in COSINES, **own)
    layers = setting["layers"]
    if name in CONTRASTIVE:
        options = {"layer_0": True} if setting.get("layer_0") else {}
        model = CONTRASTIVE[name](split.train, dim=64, layers=layers, seed=seed, **options)
        with torch.no_grad():
            model.nodes.weight *= setting.get("start", 0.1) / 0.1
        return model, SelfSupervised(objective, setting["contrast"])
    ranks = {"cosine": True} if setting.get("ranks") == "cosine" else {}
    return models.LightGCN(split.train, dim=64, layers=layers, seed=seed, **ranks), objective


def fitted(
    name: str,
    split: Split,
    setting: Setting,
    seed: int,
    device: torch.device | str = "cpu",
    **arguments: Any,
) -> tuple[Any, History]:
    """The model, trained to the last epoch, and how it went."""
    model, objective = build(name, split, setting, seed)
    history = fit(
        model.to(device),
        split,
        epochs=setting["epochs"],
        batch_size=setting["batch_size"],
        lr=setting["lr"],
        schedule=setting["schedule"],
        objective=objective,
        seed=seed,
        patience=None,
        validate_every=setting["epochs"],  # where the schedule ends
        progress=False,
        **arguments,
    )
    return model, history


def train(data: str, job: Job) -> Result:
    torch.set_num_threads(job["threads"])
    setting, tuning = job["setting"], job["tuning"]
    split = datasets.load(data).split
    assert split is not None
    if tuning:
        split = split.with_validation(0.2, seed=0)

    def look_at_test(model: Any, history: History) -> None:
        done = len(history.epochs)
        if done % 2 == 0 or done == setting["epochs"]:
            history.epochs[-1].update(evaluate(model, split, metrics=("recall", "ndcg")))

    folder = CACHE / data / job["model"] / digest_of_code(train)  # other code starts again
    checkpoint = folder / f"{name_of(job)}.safetensors"
    _, history = fitted(
        job["model"],
        split,
        setting,
        job["seed"],
        checkpoint=checkpoint,
        after_epoch=None if tuning else look_at_test,
    )
    checkpoint.unlink()
    seconds = sum(epoch["seconds"] for epoch in history.epochs)
    if tuning:
        return {"validation": history.epochs[-1]["recall@20"], "seconds": seconds}
    return {"epochs": history.epochs, "seconds": seconds, "load": os.getloadavg()[0]}


def name_of(job: Job) -> str:
    """A file name that says everything about a run of one model on one data set."""
    parts = [f"{key}-{value}" for key, value in job["setting"].items()]
    return "_".join([*parts, f"seed-{job['seed']}", "tuning" if job["tuning"] else "all"])


# ---------------------------------------------------------------------- what is run
def trials(model: str) -> list[Job]:
    return [{"model": model, "setting": s, "seed": 0, "tuning": True, "threads": 1}
            for s in TRIALS[model]]  # fmt: skip


def refits(model: str, setting: Setting, seeds: tuple[int, ...] = SEEDS) -> list[Job]:
    return [{"model": model, "setting": setting, "seed": seed, "tuning": False, "threads": 2}
            for seed in seeds]  # fmt: skip


def tuned(record: Recorded, model: str) -> Setting:
    """The setting with the best Recall@20 on validation."""
    return record.best(trials(model), lambda result: result["validation"], at_once=2)["setting"]


def with_layer_0(record: Recorded) -> Setting:
    """XSimGCL that keeps layer 0, with the loss, settings and start that LightGCN has.

    The weight of its second loss is the published one: nothing is chosen for it. Half as many
    epochs, since each takes several times as long.
    """
    chosen = tuned(record, "LightGCN")
    own = {"contrast": AS_PUBLISHED["XSimGCL"]["contrast"], "layer_0": True}
    return {**chosen, "epochs": chosen["epochs"] // 2, **own}


def recorded(data: str, *, reuse_outdated: bool) -> Recorded:
    return Recorded(
        record_of("time_to_quality", data),
        partial(train, data),
        report,
        lambda job: [data],
        reuse_outdated=reuse_outdated,
    )


def measure(record: Recorded) -> None:
    record.run(trials("XSimGCL"), at_once=2)  # not refitted: none came near LightGCN on Gowalla
    for model in ("LightGCN", "MF", "UltraGCN", *COSINES):
        seeds = SEEDS if model in ("LightGCN", "MF") else SEEDS[:1]
        record.run(refits(model, tuned(record, model), seeds))
    for model, setting in AS_PUBLISHED.items():
        record.run(refits(model, setting, (0,)))
    record.run(refits("XSimGCL", with_layer_0(record), (0,)))
    record.run(refits("paper's recipe", PAPER, (0,)))


# ---------------------------------------------------------------------- tables
def seconds_until(result: Result, mark: float) -> float | None:
    """Seconds of training after which test Recall@20 was first seen at the mark."""
    spent = 0.0
    for epoch in result["epochs"]:
        spent += epoch["seconds"]
        if epoch.get("recall@20", 0.0) >= mark:
            return spent
    return None


def label(job: Job) -> str:
    """Which model this is, in a table."""
    if job["setting"] == AS_PUBLISHED.get(job["model"]):
        return f"{job['model']}, as published"
    return job["model"] + (", layer 0 kept" if job["setting"].get("layer_0") else "")


def report(record: dict[str, Any]) -> str:
    runs = [(run["job"], run["result"]) for run in record["runs"]]
    final = [(job, result) for job, result in runs if not job["tuning"]]
    varied = ("weight_decay", "lr", "negatives", "batch_size", "epochs")
    lines = [
        "Refitted on all of train, two threads (load: the machine's, at the end; 2 is this run "
        "alone):",
        "",
    ]
    lines += ["| model | seed | epochs | training, s | load | Recall@20 | NDCG@20 |",
              "|---|---|---|---|---|---|---|"]  # fmt: skip
    for job, result in final:
        last = result["epochs"][-1]
        lines.append(
            f"| {label(job)} | {job['seed']} | {len(result['epochs'])} | {result['seconds']:.0f} | "
            f"{result['load']:.1f} | {last['recall@20']:.4f} | {last['ndcg@20']:.4f} |"
        )
    for model in dict.fromkeys(label(job) for job, _ in final):
        lasts = [result["epochs"][-1] for job, result in final if label(job) == model]
        if len(lasts) > 1:
            cells = " | ".join(
                spread([last[m] for last in lasts]) for m in ("recall@20", "ndcg@20")
            )
            lines.append(f"| {model}, mean ± standard deviation | | | | | {cells} |")
    lines += ["", "Seconds of training until test Recall@20 passes a mark:", ""]
    lines += ["| model | seed | " + " | ".join(f"{mark:.3f}" for mark in MARKS) + " |",
              "|---|---|" + "---|" * len(MARKS)]  # fmt: skip
    for job, result in final:
        passed = [seconds_until(result, mark) for mark in MARKS]
        cells = " | ".join("–" if seconds is None else f"{seconds:.0f}" for seconds in passed)
        lines.append(f"| {label(job)} | {job['seed']} | {cells} |")
    lines += ["", "Settings tried, judged on validation (a fifth of train; seed 0, one thread, "
              "beside another run):", ""]  # fmt: skip
    lines += ["| model | " + " | ".join(varied) + " | own setting | training, s | "
              "validation Recall@20 |", "|---|" + "---|" * (len(varied) + 3)]  # fmt: skip
    for job, result in runs:
        if job["tuning"]:
            cells = " | ".join(f"{job['setting'][name]:g}" for name in varied)
            given = {name: job["setting"][name] for name in OWN if name in job["setting"]}
            own = [f"{n} {v if isinstance(v, str) else f'{v:g}'}" for n, v in given.items()]
            lines.append(
                f"| {job['model']} | {cells} | {', '.join(own) or '–'} | {result['seconds']:.0f} | "
                f"{result['validation']:.4f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("data", nargs="?", default="gowalla")
    given = arguments.parse_args()
    record = recorded(given.data, reuse_outdated=given.reuse_outdated)
    if given.report:
        record.store()
    else:
        measure(record)
        record.drop_outdated()


if __name__ == "__main__":
    main()
