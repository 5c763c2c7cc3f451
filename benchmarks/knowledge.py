"""What facts add: yes or no on Last.fm, and full ranking on films, with equal budgets.

    GNNREC_DATA=... python benchmarks/knowledge.py        # half an hour on two cores
    python benchmarks/knowledge.py films                  # this part needs no other data
    GNNREC_DATA=... python benchmarks/knowledge.py shuffled  # five minutes on one core
    GNNREC_DATA=... python benchmarks/knowledge.py equal  # five minutes on one core

**Yes or no** (`lastfm-kg`, the protocol of the KGCN paper): 60 % of all pairs are train, 20 %
validation, 20 % test, each pair beside one that was drawn at random; area under the ROC curve,
F1. Four trials a model, judged by the AUC on validation of seed 0, then five seeds, of split and
training alike. The epoch is the best of ten on validation, or of twenty where a step is cheaper.
F1 is given for a yes above a probability of one half (score 0) where the model was trained so, and
for a yes above a score that was chosen on validation.

**Shuffled**, the same protocol: LightGCN with facts of other items. The tails of every relation are
shuffled, so that an item has as many facts of each kind as before. The same four trials, then the
same five seeds.

**Equal dimensions**, the same protocol: KGCN and RippleNet have 16 dimensions and learn by
cross-entropy, the others have 64 and learn by sampled softmax. Which of the two makes the
difference? So all have 16 here, LightGCN learns by cross-entropy too, and every model is trained
until its AUC on validation has not risen for ten epochs. Six trials each. Not KGAT, KGIN and
RippleNet, whose epochs cost most.

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
from contextlib import suppress
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import spread
from recorded import Job, Recorded, Result, main
from torch import Tensor, nn

from gnnrec_helpers import Interactions, KnowledgeGraph, Split, datasets, fit, models
from gnnrec_helpers.course.records import Run, select, tables_of_users
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_users
from gnnrec_helpers.evaluation.yes_or_no import best_threshold, evaluate_ctr
from gnnrec_helpers.objectives import CrossEntropy, Objective, SampledSoftmax, SelfSupervised

SEEDS = range(5)
K, FEW, EPOCHS = 20, 5, 10
PARTS = {
    "yes or no": "lastfm-kg",
    "shuffled": "lastfm-kg",
    "equal": "lastfm-kg",
    "films": "movielens-small",
}
DIM, MOST, PATIENCE = 16, 200, 10  # of the part with equal dimensions
PAIRWISE = ("KGCN", "RippleNet")  # see an item differently for every user: cross-entropy
CLOSED = ("Popularity", "ItemKNN")  # nothing is chosen
ENTROPY = "LightGCN, cross-entropy"
OWN: dict[str, tuple[str, tuple[Any, ...]]] = {  # each model's own setting
    "LightGCN": ("layers", (2, 3)),
    "KnowledgeLightGCN": ("fact_weight", (0.1, 0.3)),
    "KGAT": ("weight of the facts' loss", (0.1, 1.0)),
    "KGIN": ("layers", (1, 2)),
    "KGCN": ("aggregator", ("sum", "concat")),
    "RippleNet": ("weight of the facts' loss", (0.0, 0.01)),
}
OWN_SHUFFLED = {"KnowledgeLightGCN": OWN["KnowledgeLightGCN"]}
OWN_EQUAL = {  # around what was best with 64 dimensions
    "LightGCN": ("layers", (2, 3)),
    ENTROPY: ("layers", (2, 3)),
    "KnowledgeLightGCN": ("fact_weight", (0.3, 1.0)),
    "KGCN": ("aggregator", ("sum", "concat")),
}
# epochs on films, where not 80; these peak early, and a step of theirs costs more
LONG = {"KGAT": 40, "KGIN": 40, "KGCN": 20, "RippleNet": 20}
DECAYS = {  # by part and by loss
    "yes or no": {True: (3e-3, 1e-2), False: (0.05, 0.1)},
    "films": {True: (1e-3, 3e-3, 1e-2), False: (0.02, 0.05, 0.2)},
}
DECAYS_EQUAL = {  # the best lies inside; KGCN was worse with a third of the first
    "LightGCN": (0.1, 0.2, 0.4),
    ENTROPY: (1e-2, 3e-2, 0.1),
    "KnowledgeLightGCN": (0.1, 0.2, 0.4),
    "KGCN": (0.1, 0.3, 1.0),
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
    facts = lastfm.knowledge
    if part == "shuffled":
        facts = of_other_items(facts, seed)
    return lastfm.interactions.split(0.2, 0.2, seed=seed, within="all"), facts


def of_other_items(knowledge: KnowledgeGraph, seed: int) -> KnowledgeGraph:
    """As many facts of each kind about every item, but with what those of other items lead to."""
    facts = knowledge.to_frame()
    shuffle = np.random.default_rng(seed).permutation
    facts["tail"] = facts.groupby("relation")["tail"].transform(lambda tails: shuffle(tails))
    return KnowledgeGraph.from_frame(facts.drop_duplicates(), knowledge.items)


# ---------------------------------------------------------------------- one run
class LightGCNOfPairs(models.LightGCN):
    """LightGCN that scores pairs one by one, so that it can learn by cross-entropy."""

    def training_scores(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        user_rows, item_rows, start = self.training_embeddings(users, items)
        return (user_rows * item_rows).sum(1), start


def build(
    job: Job, train: Interactions, facts: KnowledgeGraph
) -> tuple[models.Recommender, Objective | None]:
    name, own, decay, seed = job["model"], job["own"], job["weight_decay"], job["seed"]
    if name == "Popularity":
        return models.Popularity(train), None
    if name == "ItemKNN":
        return models.ItemKNN(train), None
    entropy, softmax = CrossEntropy(decay), SampledSoftmax(weight_decay=decay)
    dim = DIM if job["part"] == "equal" or name in PAIRWISE else 64
    if name == ENTROPY:
        return LightGCNOfPairs(train, dim, own, seed=seed), entropy
    if name == "KGCN":
        return models.KGCN(train, facts, dim, aggregator=own, seed=seed), entropy
    if name == "RippleNet":
        return models.RippleNet(train, facts, dim, seed=seed), SelfSupervised(entropy, own)
    if name == "KGAT":
        widths = (dim, dim // 2, dim // 4)
        return models.KGAT(train, facts, dim, widths, seed=seed), SelfSupervised(softmax, own)
    if name == "KGIN":
        return models.KGIN(train, facts, dim, own, seed=seed), SelfSupervised(softmax, 1e-4)
    if name == "KnowledgeLightGCN":
        return models.KnowledgeLightGCN(train, facts, dim, fact_weight=own, seed=seed), softmax
    return models.LightGCN(train, dim, own, seed=seed), softmax


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, facts = data(job["part"], job["seed"])
    model, objective = build(job, split.train, facts)
    ask = full_ranking if job["part"] == "films" else yes_or_no
    return ask(job, model, objective, split)


class SettledError(Exception):
    """The AUC on validation has not risen for long enough."""


def yes_or_no(job: Job, model: models.Recommender, objective: Objective | None,
              split: Split) -> Result:  # fmt: skip
    best: dict[str, Any] = {"auc": -1.0}

    def keep(trained: nn.Module, history: Any) -> None:
        auc = evaluate_ctr(trained, split, part="validation")["auc"]  # type: ignore[arg-type]
        if auc > best["auc"]:
            weights = {name: value.clone() for name, value in trained.state_dict().items()}
            best.update(auc=auc, epoch=len(history.epochs), weights=weights)
        best["seconds"] = sum(epoch["seconds"] for epoch in history.epochs)
        if equal and len(history.epochs) - best["epoch"] >= PATIENCE:
            raise SettledError

    equal = job["part"] == "equal"
    if objective is not None:
        pairwise = job["model"] in PAIRWISE
        with suppress(SettledError):
            fit(
                model,  # type: ignore[arg-type]
                Split(split.train, None, split.test),
                epochs=MOST if equal else EPOCHS if pairwise else 2 * EPOCHS,
                batch_size=128 if pairwise else 1024,
                lr=5e-3,
                objective=objective,
                seed=job["seed"],
                after_epoch=keep,
                progress=False,
            )
        model.load_state_dict(best.pop("weights"))  # type: ignore[attr-defined]
    result: Result = {"seconds": best.get("seconds", 0.0), "epoch": best.get("epoch")}
    result["validation"] = evaluate_ctr(model, split, part="validation")["auc"]
    if job["stage"] == "test":
        result["test"] = evaluate_ctr(model, split)
        above = evaluate_ctr(model, split, threshold=best_threshold(model, split))
        result["test"]["f1 above a threshold"] = above["f1"]
    return result


class AmongFew:
    """A model that may recommend some items only."""

    def __init__(self, model: models.Recommender, allowed: np.ndarray) -> None:
        self.model, self.forbidden = model, torch.from_numpy(~allowed)

    def score(self, users: Tensor) -> Tensor:
        return self.model.score(users).masked_fill(self.forbidden, -torch.inf)


def full_ranking(job: Job, model: models.Recommender, objective: Objective | None,
                 split: Split) -> Result:  # fmt: skip
    result: Result = {"seconds": 0.0, "epochs": None}
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
        result["seconds"] = sum(epoch["seconds"] for epoch in history.epochs)
        result["epochs"] = history.best_epoch
    on_validation = evaluate_users(model, split, K, part="validation", metrics=("recall",))
    result["validation"] = float(on_validation[f"recall@{K}"].mean())
    if job["stage"] == "test":
        few = split.train.item_degrees() < FEW
        rare = split.test.select(few[split.test.item_index])
        of_few = Split(split.train, split.validation, rare)
        result["users"] = {
            "all": of_users(model, split, ("recall", "ndcg")),
            "few": of_users(model, of_few, ("recall",)),
            "among few": of_users(AmongFew(model, few), of_few, ("recall",)),
        }
        result["pairs"] = [len(split.test), len(rare)]
    return result


def of_users(model: models.Recommender, split: Split, metrics: tuple[str, ...]) -> pd.DataFrame:
    table = evaluate_users(model, split, K, metrics=metrics)
    table.index = split.train.users.get_indexer(table.index)
    return table.round(4)


# ---------------------------------------------------------------------- what is run
def job(part: str, name: str, decay: float | None, own: Any, seed: int = 0,
        stage: str = "search") -> Job:  # fmt: skip
    return {"part": part, "model": name, "weight_decay": decay, "own": own, "seed": seed,
            "stage": stage}  # fmt: skip


def own_settings(part: str) -> dict[str, tuple[str, tuple[Any, ...]]]:
    return {"equal": OWN_EQUAL, "shuffled": OWN_SHUFFLED}.get(part, OWN)


def trials(part: str, name: str) -> list[Job]:
    """The same number, whatever the model."""
    kind = "films" if part == "films" else "yes or no"
    decays = DECAYS_EQUAL[name] if part == "equal" else DECAYS[kind][name in PAIRWISE]
    settings = itertools.product(decays, own_settings(part)[name][1])
    return [job(part, name, *setting) for setting in settings]


def measure(record: Recorded, *parts: str, at_once: int = 2) -> None:
    for part in parts:
        names = own_settings(part)
        record.run([trial for name in names for trial in trials(part, name)], at_once)
        best = {
            name: record.best(trials(part, name), lambda result: result["validation"])
            for name in names
        }
        settings = {name: (trial["weight_decay"], trial["own"]) for name, trial in best.items()}
        if part in ("yes or no", "films"):
            settings |= dict.fromkeys(CLOSED, (None, None))
        record.run(
            [job(part, n, *settings[n], seed, "test") for seed in SEEDS for n in settings], at_once
        )


def data_of(job: Job) -> list[str]:
    return [PARTS[job["part"]]]


# ---------------------------------------------------------------------- tables
def judged(record: dict[str, Any], part: str) -> dict[str, list[Run]]:
    """The runs on test, by model, in the order of the seeds."""
    runs = select(record, part=part, stage="test")
    names = (*CLOSED, *own_settings(part))
    by_model = {n: [run for run in runs if run["job"]["model"] == n] for n in names}
    return {name: runs for name, runs in by_model.items() if runs}


def report(record: dict[str, Any]) -> str:
    lines: list[str] = []
    by_model = judged(record, "yes or no")
    if by_model:
        lines += ["Yes or no, lastfm-kg, five seeds, mean ± standard deviation:", ""]
        lines += ["| model | AUC | F1 above one half | F1 above a chosen score | best epoch | "
                  "training, s | published (AUC / F1) |"]  # fmt: skip
        lines += ["|---|---|---|---|---|---|---|"]
        for name, runs in by_model.items():
            tests = [run["result"]["test"] for run in runs]
            half = spread([test["f1"] for test in tests]) if name in PAIRWISE else "–"
            chosen = spread([test["f1 above a threshold"] for test in tests])
            epoch = (
                "–" if name in CLOSED else ", ".join(str(run["result"]["epoch"]) for run in runs)
            )
            lines.append(
                f"| {name} | {spread([test['auc'] for test in tests])} | {half} | {chosen} | "
                f"{epoch} | {statistics.mean(run['result']['seconds'] for run in runs):.0f} | "
                f"{PUBLISHED.get(name, '–')} |"
            )
        lines.append("")
    shuffled = judged(record, "shuffled")
    if shuffled:
        real, other = (
            {run["job"]["seed"]: run["result"]["test"]["auc"] for run in runs["KnowledgeLightGCN"]}
            for runs in (by_model, shuffled)
        )
        lines += ["KnowledgeLightGCN with facts of other items, same trials and seeds:", "",
                  "| seed | AUC, real facts | shuffled | difference |",
                  "|---|---|---|---|"]  # fmt: skip
        lines += [f"| {seed} | {real[seed]:.4f} | {auc:.4f} | {real[seed] - auc:+.4f} |"
                  for seed, auc in other.items()]  # fmt: skip
        lines.append("")
    by_model = judged(record, "equal")
    if by_model:
        lines += [f"Yes or no, {DIM} dimensions for all, trained until the AUC on validation has "
                  f"not risen for {PATIENCE} epochs, five seeds:", "",
                  "| model | AUC | F1 above a chosen score | best epoch | training, s |",
                  "|---|---|---|---|---|"]  # fmt: skip
        for name, runs in by_model.items():
            tests = [run["result"]["test"] for run in runs]
            lines.append(
                f"| {name} | {spread([test['auc'] for test in tests])} | "
                f"{spread([test['f1 above a threshold'] for test in tests])} | "
                f"{', '.join(str(run['result']['epoch']) for run in runs)} | "
                f"{statistics.mean(run['result']['seconds'] for run in runs):.0f} |"
            )
        lines.append("")
    by_model = judged(record, "films")
    if "LightGCN" in by_model:
        lines += ["Full ranking of the films with facts, five seeds:", ""]
        lines += ["| model | Recall@20 | NDCG@20 | against LightGCN | p | few likes | against "
                  "LightGCN | p | few likes, among each other | against LightGCN | p | "
                  "training, s |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        parts = {
            which: compare_users(
                tables_of_users(itertools.chain(*by_model.values()), which), baseline="LightGCN"
            )
            for which in ("all", "few", "among few")
        }
        for name, runs in by_model.items():
            cells = [name]
            for which, table in parts.items():
                row = table.loc[name]
                cells.append(f"{row['recall@20']:.4f} ± {row['± recall@20']:.4f}")
                if which == "all":
                    cells.append(f"{row['ndcg@20']:.4f} ± {row['± ndcg@20']:.4f}")
                same = name == "LightGCN"
                gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
                cells += ["–", "–"] if same else [gain, f"{row['p recall@20']:.2g}"]
            cells.append(f"{statistics.mean(run['result']['seconds'] for run in runs):.0f}")
            lines.append("| " + " | ".join(cells) + " |")
        pairs = np.array([run["result"]["pairs"] for run in by_model["LightGCN"]])
        test, rare = pairs.mean(0)
        lines += ["", "± is half of a 95 % interval over users, each with her mean over seeds; p "
                  f"of a paired t-test. Films with fewer than {FEW} likes in train are {rare:.0f} "
                  f"of {test:.0f} test pairs.", ""]  # fmt: skip
    for part, metric in (("yes or no", "AUC"), ("shuffled", "AUC"), ("equal", "AUC"),
                         ("films", "Recall@20")):  # fmt: skip
        tried = select(record, part=part, stage="search")
        if tried:
            lines += [f"Tuning, {part}, judged on validation, seed 0:", ""]
            lines += [f"| model | weight decay | own setting | {metric} | training, s |",
                      "|---|---|---|---|---|"]  # fmt: skip
        for e in tried:
            j, f = e["job"], e["result"]
            lines.append(
                f"| {j['model']} | {j['weight_decay']:g} | "
                f"{own_settings(part)[j['model']][0]} {j['own']} | "
                f"{f['validation']:.4f} | {f['seconds']:.0f} |"
            )
        lines += [""] if tried else []
    return "\n".join(lines)


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "knowledge", run, report, data_of), measure, [*PARTS])
