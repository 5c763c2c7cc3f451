"""What facts add: yes or no on Last.fm, and full ranking on films, with equal budgets.

    GNNREC_DATA=... python benchmarks/knowledge.py        # half an hour on two cores
    python benchmarks/knowledge.py films                  # the second part needs no other data

**Yes or no** (`lastfm-kg`, the protocol of the KGCN paper): 60 % of all pairs are train, 20 %
validation, 20 % test, each pair beside one that was drawn at random; area under the ROC curve,
F1. Four trials a model, judged by the AUC on validation of seed 0, then five seeds, of split and
training alike. The epoch is the best of ten on validation, or of twenty where a step is cheaper.
F1 is given for a yes above a probability of one half (score 0) where the model was trained so, and
for a yes above a score that was chosen on validation.

**Full ranking** (`movielens-small`, the 1,333 films with facts, ratings of 4 and more as likes): of
each user's likes 70 % train, 10 % validation, 20 % test, all other films of those ranked, lists of
20. Six trials a model, judged by Recall@20 on validation of seed 0, then five seeds. The learning
rate falls to zero over 80 epochs, or fewer for models that peak early; the epoch is chosen on
validation. Films with fewer than 5 likes in train are looked at by themselves: how often they
are found among all films, and among each other.

Trials are weight decays, two or three, times two values of a model's own setting.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import spread
from recorded import Found, Job, Recorded
from torch import Tensor, nn

from gnnrec_helpers import Interactions, KnowledgeGraph, Split, datasets, fit, models
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.evaluation.yes_or_no import best_threshold, evaluate_ctr
from gnnrec_helpers.objectives import CrossEntropy, Objective, SampledSoftmax, SelfSupervised

SEEDS, K, FEW, EPOCHS = range(5), 20, 5, 10
PAIRWISE = ("KGCN", "RippleNet")  # see an item differently for every user: cross-entropy
CLOSED = ("Popularity", "ItemKNN")  # nothing is chosen
OWN: dict[str, tuple[str, tuple[Any, ...]]] = {  # each model's own setting
    "LightGCN": ("layers", (2, 3)),
    "KnowledgeLightGCN": ("fact_weight", (0.1, 0.3)),
    "KGAT": ("weight of the facts' loss", (0.1, 1.0)),
    "KGIN": ("layers", (1, 2)),
    "KGCN": ("aggregator", ("sum", "concat")),
    "RippleNet": ("weight of the facts' loss", (0.0, 0.01)),
}
# epochs on films, where not 80; these peak early, and a step of theirs costs more
LONG = {"KGAT": 40, "KGIN": 40, "KGCN": 20, "RippleNet": 20}
DECAYS = {  # by part and by loss
    "yes or no": {True: (3e-3, 1e-2), False: (0.05, 0.1)},
    "films": {True: (1e-3, 3e-3, 1e-2), False: (0.02, 0.05, 0.2)},
}
PUBLISHED = {"KGCN": ".794 / .719 (sum), .796 / .721 (concat), .781 / .699 (neighbor)"}


# ---------------------------------------------------------------------- data
@cache
def films() -> tuple[Interactions, KnowledgeGraph]:
    """Likes of the films that facts are known about, and these facts."""
    movies = datasets.load("movielens-small")
    assert movies.knowledge is not None
    facts = movies.knowledge.to_frame()
    likes = movies.interactions.binarize(4.0)
    known = likes.select(likes.items.isin(facts["head"])[likes.item_index]).compact()
    # facts about films that nobody likes are left out: these films cannot be asked for
    return known, KnowledgeGraph.from_frame(facts[facts["head"].isin(known.items)], known.items)


def data(part: str, seed: int) -> tuple[Split, KnowledgeGraph]:
    if part == "films":
        likes, facts = films()
        return likes.split(0.2, 0.1, seed=seed), facts
    lastfm = datasets.load("lastfm-kg")
    assert lastfm.knowledge is not None
    return lastfm.interactions.split(0.2, 0.2, seed=seed, within="all"), lastfm.knowledge


# ---------------------------------------------------------------------- one run
def build(
    job: Job, train: Interactions, facts: KnowledgeGraph
) -> tuple[models.Recommender, Objective | None]:
    name, own, decay, seed = job["model"], job["own"], job["weight_decay"], job["seed"]
    if name == "Popularity":
        return models.Popularity(train), None
    if name == "ItemKNN":
        return models.ItemKNN(train), None
    entropy, softmax = CrossEntropy(decay), SampledSoftmax(weight_decay=decay)
    if name == "KGCN":
        return models.KGCN(train, facts, aggregator=own, seed=seed), entropy
    if name == "RippleNet":
        return models.RippleNet(train, facts, seed=seed), SelfSupervised(entropy, own)
    if name == "KGAT":
        return models.KGAT(train, facts, seed=seed), SelfSupervised(softmax, own)
    if name == "KGIN":
        return models.KGIN(train, facts, layers=own, seed=seed), SelfSupervised(softmax, 1e-4)
    if name == "KnowledgeLightGCN":
        return models.KnowledgeLightGCN(train, facts, fact_weight=own, seed=seed), softmax
    return models.LightGCN(train, layers=own, seed=seed), softmax


def run(job: Job) -> Found:
    torch.set_num_threads(1)
    split, facts = data(job["part"], job["seed"])
    model, objective = build(job, split.train, facts)
    ask = yes_or_no if job["part"] == "yes or no" else full_ranking
    return ask(job, model, objective, split)


def yes_or_no(job: Job, model: models.Recommender, objective: Objective | None,
              split: Split) -> Found:  # fmt: skip
    best: dict[str, Any] = {"auc": -1.0}

    def keep(trained: nn.Module, history: Any) -> None:
        auc = evaluate_ctr(trained, split, "validation")["auc"]  # type: ignore[arg-type]
        if auc > best["auc"]:
            weights = {name: value.clone() for name, value in trained.state_dict().items()}
            best.update(auc=auc, epoch=len(history.epochs), weights=weights)

    seconds = 0.0
    if objective is not None:
        pairwise = job["model"] in PAIRWISE
        history = fit(
            model,  # type: ignore[arg-type]
            Split(split.train, None, split.test),
            epochs=EPOCHS if pairwise else 2 * EPOCHS,
            batch_size=128 if pairwise else 1024,
            lr=5e-3,
            objective=objective,
            seed=job["seed"],
            after_epoch=keep,
            progress=False,
        )
        model.load_state_dict(best.pop("weights"))  # type: ignore[attr-defined]
        seconds = sum(epoch["seconds"] for epoch in history.epochs)
    found: Found = {"seconds": seconds, "epoch": best.get("epoch")}
    found["validation"] = evaluate_ctr(model, split, "validation")["auc"]
    if job["stage"] == "test":
        found["test"] = evaluate_ctr(model, split)
        threshold = best_threshold(model, split)
        found["test"]["f1 above a threshold"] = evaluate_ctr(model, split, threshold=threshold)[
            "f1"
        ]
    return found


class AmongFew:
    """A model that may recommend some items only."""

    def __init__(self, model: models.Recommender, allowed: np.ndarray) -> None:
        self.model, self.forbidden = model, torch.from_numpy(~allowed)

    def score(self, users: Tensor) -> Tensor:
        return self.model.score(users).masked_fill(self.forbidden, -torch.inf)


def full_ranking(job: Job, model: models.Recommender, objective: Objective | None,
                 split: Split) -> Found:  # fmt: skip
    found: Found = {"seconds": 0.0, "epochs": None}
    if objective is not None:
        pairwise = job["model"] in PAIRWISE
        history = fit(
            model,  # type: ignore[arg-type]
            split,
            epochs=LONG.get(job["model"], 80),
            batch_size=512 if pairwise else 2048,
            lr=5e-3 if pairwise else 1e-2,
            schedule="cosine",
            objective=objective,
            negatives=4,
            seed=job["seed"],
            patience=None,
            validate_every=4,
            progress=False,
        )
        found["seconds"] = sum(epoch["seconds"] for epoch in history.epochs)
        found["epochs"] = history.best_epoch
    on_validation = evaluate_users(model, split, K, part="validation", metrics=("recall",))
    found["validation"] = float(on_validation[f"recall@{K}"].mean())
    if job["stage"] == "test":
        few = split.train.item_degrees() < FEW
        rare = split.test.select(few[split.test.item_index])
        of_few = Split(split.train, split.validation, rare)
        found["test"] = {
            "all": of_users(model, split, ("recall", "ndcg")),
            "few": of_users(model, of_few, ("recall",)),
            "among few": of_users(AmongFew(model, few), of_few, ("recall",)),
        }
        found["pairs"] = [len(split.test), len(rare)]
    return found


def of_users(model: models.Recommender, split: Split, metrics: tuple[str, ...]) -> Found:
    table = evaluate_users(model, split, K, metrics=metrics)
    columns = {str(name): values.round(4).tolist() for name, values in table.items()}
    return {"users": split.train.users.get_indexer(table.index).tolist(), **columns}


# ---------------------------------------------------------------------- what is run
def job(part: str, name: str, decay: float | None, own: Any, seed: int = 0,
        stage: str = "search") -> Job:  # fmt: skip
    return {"part": part, "model": name, "weight_decay": decay, "own": own, "seed": seed,
            "stage": stage}  # fmt: skip


def trials(part: str, name: str) -> list[Job]:
    """The same number, whatever the model."""
    settings = itertools.product(DECAYS[part][name in PAIRWISE], OWN[name][1])
    return [job(part, name, *setting) for setting in settings]


def measure(parts: list[str], at_once: int = 2) -> None:
    record = Recorded("knowledge", run, report)
    for part in parts:
        record.wanted([trial for name in OWN for trial in trials(part, name)], at_once)
        best = {
            name: record.best(trials(part, name), lambda found: found["validation"]) for name in OWN
        }
        settings = {name: (trial["weight_decay"], trial["own"]) for name, trial in best.items()}
        settings |= dict.fromkeys(CLOSED, (None, None))
        record.wanted(
            [job(part, n, *settings[n], seed, "test") for seed in SEEDS for n in settings], at_once
        )


# ---------------------------------------------------------------------- tables
def judged(record: dict[str, Any], part: str) -> dict[str, list[Found]]:
    """What the runs on test found, by model."""
    found: dict[str, list[Found]] = {name: [] for name in (*CLOSED, *OWN)}
    for entry in sorted(record["runs"], key=lambda entry: entry["job"]["seed"]):
        if (entry["job"]["part"], entry["job"]["stage"]) == (part, "test"):
            found[entry["job"]["model"]].append(entry["found"])
    return {name: runs for name, runs in found.items() if runs}


def tables_of(found: dict[str, list[Found]], which: str) -> dict[str, list[pd.DataFrame]]:
    """The metrics of every user on test, by model and seed."""
    return {
        name: [
            pd.DataFrame(run["test"][which]).set_index("users").rename_axis(None) for run in runs
        ]
        for name, runs in found.items()
    }


def report(record: dict[str, Any]) -> str:
    lines: list[str] = []
    found = judged(record, "yes or no")
    if found:
        lines += ["Yes or no, lastfm-kg, five seeds, mean ± standard deviation:", ""]
        lines += ["| model | AUC | F1 above one half | F1 above a chosen score | best epoch | "
                  "training, s | published (AUC / F1) |"]  # fmt: skip
        lines += ["|---|---|---|---|---|---|---|"]
        for name, runs in found.items():
            tests = [run["test"] for run in runs]
            half = spread([test["f1"] for test in tests]) if name in PAIRWISE else "–"
            chosen = spread([test["f1 above a threshold"] for test in tests])
            epoch = "–" if name in CLOSED else ", ".join(str(run["epoch"]) for run in runs)
            lines.append(
                f"| {name} | {spread([test['auc'] for test in tests])} | {half} | {chosen} | "
                f"{epoch} | {statistics.mean(run['seconds'] for run in runs):.0f} | "
                f"{PUBLISHED.get(name, '–')} |"
            )
        lines.append("")
    found = judged(record, "films")
    if "LightGCN" in found:
        lines += ["Full ranking of the films with facts, five seeds:", ""]
        lines += ["| model | Recall@20 | NDCG@20 | against LightGCN | p | few likes | against "
                  "LightGCN | p | few likes, among each other | against LightGCN | p | "
                  "training, s |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        parts = {
            which: compare_users(tables_of(found, which), baseline="LightGCN")
            for which in ("all", "few", "among few")
        }
        for name, runs in found.items():
            cells = [name]
            for which, table in parts.items():
                row = table.loc[name]
                cells.append(f"{row['recall@20']:.4f} ± {row['± recall@20']:.4f}")
                if which == "all":
                    cells.append(f"{row['ndcg@20']:.4f} ± {row['± ndcg@20']:.4f}")
                same = name == "LightGCN"
                gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
                cells += ["–", "–"] if same else [gain, f"{row['p recall@20']:.2g}"]
            cells.append(f"{statistics.mean(run['seconds'] for run in runs):.0f}")
            lines.append("| " + " | ".join(cells) + " |")
        pairs = np.array([run["pairs"] for run in found["LightGCN"]])
        test, rare = pairs.mean(0)
        lines += ["", "± is half of a 95 % interval over users, each with her mean over seeds; p "
                  f"of a paired t-test. Films with fewer than {FEW} likes in train are {rare:.0f} "
                  f"of {test:.0f} test pairs.", ""]  # fmt: skip
    for part, metric in (("yes or no", "AUC"), ("films", "Recall@20")):
        here = [e for e in record["runs"]
                if (e["job"]["part"], e["job"]["stage"]) == (part, "search")]  # fmt: skip
        if here:
            lines += [f"Tuning, {part}, judged on validation, seed 0:", ""]
            lines += [f"| model | weight decay | own setting | {metric} | training, s |",
                      "|---|---|---|---|---|"]  # fmt: skip
        for e in here:
            j, f = e["job"], e["found"]
            lines.append(
                f"| {j['model']} | {j['weight_decay']:g} | {OWN[j['model']][0]} {j['own']} | "
                f"{f['validation']:.4f} | {f['seconds']:.0f} |"
            )
        lines += [""] if here else []
    return "\n".join(lines)


if __name__ == "__main__":
    measure(sys.argv[1:] or ["yes or no", "films"])
