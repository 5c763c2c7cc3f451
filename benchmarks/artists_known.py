"""Last.fm beside `three_graphs.py`: simple rivals, tags from train alone, fewer artists known.

    python benchmarks/artists_known.py             # half an hour on one core
    python benchmarks/artists_known.py rivals      # a part of it

Splits, users, lists and the four LightGCNs are those of `three_graphs.py`, whose record holds the
trials that this one takes its settings from. Judged by Recall@10 on test.

- rivals: popularity, ItemKNN, EASE and a tag profile, with 5, 10, 20 or all of each user's train
  artists known. Nine trials each on validation of seed 0, as many as the LightGCNs have (popularity
  has nothing to set); five seeds. The tag profile is not trained: artists have the tf-idf of their
  tags, a user is the sum of her artists, and the score is their cosine times a power of the number
  of listeners. The power is what its trials choose.
- leak: the tags were given by the same people. A split's facts without the tags that somebody gave
  to her own held-out artists ("train"), and without as many that were drawn at random ("fewer").
  The tag profile with 5 or all artists known, and LightGCN with tags; settings as for all tags.
- curve: the four LightGCNs with 10 and with 20 artists known. Two trials each on validation of seed
  0: the settings chosen for 5 artists and those for all. Three seeds.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import load, spread
from recorded import Job, Recorded, Result, main
from scipy import sparse
from three_graphs import KNOWN, OWN, K, at_most, build, split_of, tags_of

from gnnrec_helpers import Interactions, KnowledgeGraph, Split, fit, models
from gnnrec_helpers.course.records import Run, select
from gnnrec_helpers.datasets.files import read_table
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_items, evaluate_users
from gnnrec_helpers.objectives import SampledSoftmax

PARTS = ("rivals", "leak", "curve")
SEEDS, FEWER_SEEDS = range(5), range(3)
LEVELS: tuple[int | None, ...] = (5, 10, 20, None)  # artists known of each user; None: all
FACTS = ("all", "train", "fewer")
POWERS = tuple(power / 8 for power in range(9))
SPACES: dict[str, list[dict[str, float]]] = {
    "popularity": [{}],
    "ItemKNN": [
        {"neighbours": neighbours, "shrink": shrink}
        for neighbours, shrink in itertools.product((50, 200, 800), (0, 5, 50))
    ],
    "EASE": [{"regularization": float(c)} for c in (3, 10, 30, 60, 100, 200, 400, 1000, 3000)],
    "tag profile": [{"power": power} for power in POWERS],
}


class TagProfile:
    """Scores by the tags of the artists a user is known to listen to, and by popularity."""

    def __init__(self, train: Interactions, tags: KnowledgeGraph, power: float) -> None:
        has = sparse.csr_array(
            (np.ones(len(tags)), (tags.head, tags.tail)), (train.num_items, tags.num_entities)
        )
        idf = np.log(train.num_items / np.maximum(has.sum(axis=0), 1))
        self.artists = unit_rows(has * idf)  # (num_items, num_entities)
        self.people = unit_rows(train.to_csr() @ self.artists)  # (num_users, num_entities)
        self.listeners = train.item_degrees() ** power  # (num_items,)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        cosines = (self.people[users.numpy()] @ self.artists.T).toarray()
        return torch.from_numpy(cosines * self.listeners).float()


def unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    matrix = sparse.csr_array(matrix)
    lengths = np.sqrt(matrix.power(2).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ matrix)


# ---------------------------------------------------------------------- tags from train alone
def facts_of(split: Split, which: str, seed: int) -> KnowledgeGraph:
    """All tags; or without those of users for their own held-out artists; or fewer at random."""
    given = read_table("lastfm-2k", "tags.csv.gz")
    given = given[given["artist"].isin(split.train.items)]
    if which != "all":
        held_out = pd.concat([part.to_frame()[["user", "item"]] for part in held_out_of(split)])
        pairs = pd.MultiIndex.from_frame(given[["user", "artist"]])
        own = pairs.isin(pd.MultiIndex.from_frame(held_out))
        if which == "fewer":
            own = np.random.default_rng(seed).permutation(own)
        given = given[~own]
    facts = given[["artist", "tag"]].drop_duplicates()
    frame = pd.DataFrame(
        {"head": facts["artist"], "relation": "tagged", "tail": "tag " + facts["tag"].astype(str)}
    )
    return tags_of(KnowledgeGraph.from_frame(frame, split.train.items))


def held_out_of(split: Split) -> list[Interactions]:
    return [split.held_out("validation"), split.held_out("test")]


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, social, _ = split_of(job["seed"])
    shown = split.train
    if job["listens"] is not None:
        shown = at_most(shown, job["listens"], job["seed"])
    tags = facts_of(split, job["facts"], job["seed"])
    likes = replace(shown, rating=None)  # every listen counts as one
    name, settings, result = job["model"], job["settings"], {}
    model: Any
    if name == "popularity":
        model = models.Popularity(likes)
    elif name == "ItemKNN":
        model = models.ItemKNN(likes, **settings)
    elif name == "EASE":
        model = models.EASE(likes, **settings)
    elif name == "tag profile":
        model = TagProfile(likes, tags, **settings)
    else:
        model = build(name, shown, social, tags, settings["own"], job["seed"])
        history = fit(
            model,
            replace(split, train=shown),
            epochs=50,
            batch_size=2048,
            lr=5e-3,
            objective=SampledSoftmax(weight_decay=settings["weight_decay"]),
            seed=job["seed"],
            patience=6,
            validate_every=2,
            progress=False,
        )
        result = {"epochs": len(history.epochs)}
    found = evaluate_users(model, split, K, part="validation", metrics=("recall",))
    result |= {"facts": len(tags), "validation": float(found[f"recall@{K}"].mean())}
    if job["stage"] == "test":
        users = evaluate_users(model, split, K, metrics=("recall", "ndcg"))
        users.index = split.train.users.get_indexer(users.index)
        result["users"] = {"test": users.round(4)}
        items, listeners = evaluate_items(model, split, K), split.train.item_degrees()
        result["by listeners"] = [
            [int(items[column][(listeners >= low) & (listeners < high)].sum())
             for column in ("held_out", f"found@{K}")]
            for low, high in KNOWN
        ]  # fmt: skip
    return result


# ---------------------------------------------------------------------- what is run
def job(
    part: str, stage: str, model: str, settings: dict[str, float], listens: int | None, *,
    seed: int = 0, facts: str = "all",
) -> Job:  # fmt: skip
    return {"part": part, "stage": stage, "model": model, "settings": settings,
            "listens": listens, "facts": facts, "seed": seed}  # fmt: skip


@cache
def settings_of(name: str, listens: int | None) -> dict[str, float]:
    """What validation chose among nine trials in the record of `three_graphs.py`."""
    trials = select(load("three_graphs"), part="validation", model=name, listens=listens)
    best = max(trials, key=lambda run: run["result"]["validation"])["job"]
    return {"weight_decay": best["weight_decay"], "own": best["own"]}


def on_validation(result: Result) -> float:
    return float(result["validation"])


def measure(record: Recorded, *parts: str) -> None:
    chosen = {}
    if "rivals" in parts or "leak" in parts:
        for listens, name in itertools.product(LEVELS, SPACES):
            trials = [job("rivals", "trial", name, tried, listens) for tried in SPACES[name]]
            chosen[name, listens] = record.best(trials, on_validation)["settings"]
    if "rivals" in parts:
        record.run([
            job("rivals", "test", name, settings, listens, seed=seed)
            for (name, listens), settings in chosen.items()
            for seed in SEEDS
        ])  # fmt: skip
    if "leak" in parts:
        for listens, name in itertools.product((5, None), ("tag profile", "+ tags")):
            profile = name == "tag profile"
            settings = chosen[name, listens] if profile else settings_of(name, listens)
            seeds = SEEDS if profile or listens == 5 else FEWER_SEEDS
            record.run([
                job("leak", "test", name, settings, listens, seed=seed, facts=facts)
                for seed, facts in itertools.product(seeds, FACTS[1:])
            ])  # fmt: skip
    if "curve" in parts:
        for listens, name in itertools.product((10, 20), OWN):
            tried = [settings_of(name, 5), settings_of(name, None)]
            trials = [job("curve", "trial", name, settings, listens) for settings in tried]
            best = record.best(trials, on_validation)
            record.run([{**best, "stage": "test", "seed": seed} for seed in FEWER_SEEDS])


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def tables_of(record: dict[str, Any], **which: Any) -> dict[str, list[pd.DataFrame]]:
    """Model → the tables of users on test, one a seed."""
    runs: dict[str, list[Run]] = {}
    for entry in select(record, stage="test", **which):
        runs.setdefault(entry["job"]["model"], []).append(entry)
    return {name: [entry["users"]["test"] for entry in found] for name, found in runs.items()}


def report(record: dict[str, Any]) -> str:
    lines = ["Recall@10 on test by how many of each user's artists are known, mean ± standard "
             "deviation over seeds:", "", "| model | " + " | ".join(map(named, LEVELS)) + " |",
             "|---|" + "---|" * len(LEVELS)]  # fmt: skip
    for part, names in (("rivals", SPACES), ("curve", OWN)):
        for name in names:
            cells = []
            for listens in LEVELS:
                tables = tables_of(record, part=part, listens=listens, facts="all").get(name, [])
                cells.append(spread([float(one[f"recall@{K}"].mean()) for one in tables]))
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "The LightGCNs with 5 and with all artists known are in `three_graphs.md`. Five "
              "seeds for the rivals, three for the LightGCNs.", "",
              "Tags from train alone, Recall@10 on test:", "",
              "| model | artists known | facts | number of facts | Recall@10 | against all tags |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    leak = {"train": "without tags of one's own held-out artists", "fewer": "as many fewer, drawn"}
    for listens, name in itertools.product((5, None), ("tag profile", "+ tags")):
        for facts, meaning in leak.items():
            runs = select(record, part="leak", model=name, listens=listens, facts=facts)
            if runs:
                lines.append(
                    f"| {name} | {named(listens)} | {meaning} | "
                    f"{np.mean([run['result']['facts'] for run in runs]):,.0f} | "
                    f"{against_all(record, runs, name, listens)} |"
                )
    lines += ["", "Chosen on validation, seed 0:", ""]
    lines += chosen_of(record)
    return "\n".join(lines) + "\n"


def against_all(record: dict[str, Any], runs: list[Run], name: str, listens: int | None) -> str:
    """Mean and spread over seeds; the paired difference to the same model with all tags."""
    seeds = [run["job"]["seed"] for run in runs]
    if name == "tag profile":
        whole = select(record, part="rivals", stage="test", model=name, listens=listens)
    else:
        whole = select(load("three_graphs"), part="test", model=name, listens=listens,
                       shuffled=False)  # fmt: skip
    whole = [run for run in whole if run["job"]["seed"] in seeds]
    tables = {"all": [run["users"]["test"] for run in whole],
              "these": [run["users"]["test"] for run in runs]}  # fmt: skip
    row = compare_users(tables, baseline="all").loc["these"]
    recalls = spread([float(one[f"recall@{K}"].mean()) for one in tables["these"]])
    return f"{recalls} | {row[f'Δ recall@{K}']:+.4f} ± {row[f'± Δ recall@{K}']:.4f}"


def chosen_of(record: dict[str, Any]) -> list[str]:
    lines = []
    for (part, names), listens in itertools.product((("rivals", SPACES), ("curve", OWN)), LEVELS):
        for name in names:
            trials = select(record, part=part, stage="trial", model=name, listens=listens)
            if trials and name != "popularity":
                best = max(trials, key=lambda run: run["result"]["validation"])
                settings = ", ".join(f"{k} {v:g}" for k, v in best["job"]["settings"].items())
                lines.append(
                    f"- {name}, {named(listens)} known: {settings} of {len(trials)} trials, "
                    f"Recall@10 {best['result']['validation']:.4f}"
                )
    return lines


def named(listens: int | None) -> str:
    return "all" if listens is None else f"{listens}"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "artists_known", run, report, data_of), measure, PARTS)
