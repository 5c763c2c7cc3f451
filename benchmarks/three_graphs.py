"""What each graph is worth on Last.fm: listens alone, with friends, with tags, with both.

    python benchmarks/three_graphs.py        # an hour on two cores

The same users, splits, loss, schedule and budget for four LightGCNs that differ in their graph:

- listens: users and artists (LightGCN);
- + friends: users also hear from their friends (SocialLightGCN);
- + tags: artists also hear from their tags (KnowledgeLightGCN; tags given to at least 5 artists);
- + both: all three in one graph, with one weight for friends and tags.

Each of a user's artists falls at random into train (80 %), validation (10 %) or test (10 %); all
other artists are ranked; lists of 10. Dimension 64, sampled softmax, learning rate .005.

1. Tuning: nine trials a model, three weight decays times three values of the model's own setting,
   judged on validation of seed 0 (Recall@10).
2. The best of each with five seeds, of split and training alike; the epoch is chosen on validation,
   test looked at once.
3. Controls with the same settings and seeds: friendships rewired (everybody keeps the number of
   friends), and tags handed to other artists (each tag keeps its number of artists).
4. All of this again where models see only 5 of each user's train artists:
   tuned anew, judged on the same validation and test artists, the other train artists being no
   candidates as before. (Within a training, the epoch is chosen with them among the candidates.)

Tags come from the same log as the listens: an artist whom somebody tags is one whom somebody knows.
That a tag exists may therefore hint at test pairs; no fact names a user.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import peak, spread
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Interactions, KnowledgeGraph, SocialGraph, Split, datasets, fit, models
from gnnrec_helpers.course.records import Run, select
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_items, evaluate_users
from gnnrec_helpers.objectives import SampledSoftmax

DECAYS, SEEDS = (0.025, 0.05, 0.1), range(5)
K = 10
WEIGHTS = (0.1, 0.3, 1.0)
OWN: dict[str, tuple[str, tuple[float, ...]]] = {  # each model's own setting
    "listens": ("layers", (1, 2, 3)),
    "+ friends": ("friend_weight", WEIGHTS),
    "+ tags": ("fact_weight", WEIGHTS),
    "+ both": ("friend_weight = fact_weight", WEIGHTS),
}
CONTROLS = ("+ friends", "+ tags")
LEAST = 5  # artists of a tag that is kept
FEW = 5  # train artists of a user where few are known
KNOWN = ((0, 5), (5, 20), (20, 80), (80, 10**9))  # listeners of an artist in train


def tags_of(knowledge: KnowledgeGraph) -> KnowledgeGraph:
    """The facts with tags that at least `LEAST` artists have."""
    facts = knowledge.to_frame()
    artists = facts.groupby("tail")["head"].transform("size")
    return KnowledgeGraph.from_frame(facts[artists >= LEAST], knowledge.items)


def shuffled(knowledge: KnowledgeGraph, seed: int) -> KnowledgeGraph:
    """Each tag to as many artists as before, and each artist about as many tags, but any."""
    facts = knowledge.to_frame()
    facts["head"] = np.random.default_rng(seed).permutation(facts["head"].to_numpy())
    return KnowledgeGraph.from_frame(facts, knowledge.items)


def build(
    name: str,
    train: Interactions,
    social: SocialGraph,
    tags: KnowledgeGraph,
    own: float,
    seed: int,
) -> models.LightGCN:
    if name == "listens":
        return models.LightGCN(train, layers=int(own), seed=seed)
    if name == "+ friends":
        return models.SocialLightGCN(train, social, friend_weight=own, seed=seed)
    if name == "+ tags":
        return models.KnowledgeLightGCN(train, tags, fact_weight=own, seed=seed)
    return models.KnowledgeLightGCN(
        train, tags, fact_weight=own, social=social, friend_weight=own, seed=seed
    )


def split_of(seed: int) -> tuple[Split, SocialGraph, KnowledgeGraph]:
    lastfm = datasets.load("lastfm-2k")
    assert lastfm.social is not None
    assert lastfm.knowledge is not None
    return lastfm.interactions.split(0.1, 0.1, seed=seed), lastfm.social, tags_of(lastfm.knowledge)


def at_most(train: Interactions, most: int, seed: int) -> Interactions:
    """So many of each user's artists, drawn at random."""
    drawn = np.random.default_rng(seed).random(len(train))
    place = pd.Series(drawn).groupby(train.user_index).rank()  # 1, 2, ... for every user
    return train.select(place.to_numpy() <= most)


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, social, tags = split_of(job["seed"])
    shown = split.train
    if job["listens"] is not None:
        shown = at_most(shown, job["listens"], job["seed"])
    if job["shuffled"]:
        social, tags = social.rewired(seed=job["seed"]), shuffled(tags, job["seed"])
    before = peak()
    model = build(job["model"], shown, social, tags, job["own"], job["seed"])
    history = fit(
        model,
        replace(split, train=shown),
        epochs=50,
        batch_size=2048,
        lr=5e-3,
        objective=SampledSoftmax(weight_decay=job["weight_decay"]),
        seed=job["seed"],
        schedule="constant",
        patience=6,
        validate_every=2,
        progress=False,
    )
    on_validation = evaluate_users(model, split, K, part="validation", metrics=("recall",))
    result: Result = {
        "epochs": len(history.epochs),
        "seconds": sum(epoch["seconds"] for epoch in history.epochs),
        "megabytes": peak() - before,
        "validation": float(on_validation[f"recall@{K}"].mean()),
    }
    if job["part"] == "test":
        users = evaluate_users(model, split, K, metrics=("recall", "ndcg"))
        users.index = split.train.users.get_indexer(users.index)
        result["users"] = {"test": users.round(4)}
        items = evaluate_items(model, split, K)
        listeners = split.train.item_degrees()
        result["by listeners"] = [
            [int(items[column][(listeners >= low) & (listeners < high)].sum())
             for column in ("held_out", f"found@{K}")]
            for low, high in KNOWN
        ]  # fmt: skip
    return result


# ---------------------------------------------------------------------- what is run
def job(name: str, decay: float, own: float, seed: int = 0, part: str = "validation",
        shuffled: bool = False, listens: int | None = None) -> Job:  # fmt: skip
    return {"model": name, "weight_decay": decay, "own": own, "seed": seed, "part": part,
            "shuffled": shuffled, "listens": listens}  # fmt: skip


def trials(name: str, listens: int | None) -> list[Job]:
    """Nine, whatever the model."""
    settings = itertools.product(DECAYS, OWN[name][1])
    return [job(name, decay, own, listens=listens) for decay, own in settings]


def measure(record: Recorded, at_once: int = 2) -> None:
    for listens in (FEW, None):
        best = {
            name: record.best(trials(name, listens), lambda result: result["validation"], at_once)
            for name in OWN
        }
        kinds = [(name, False) for name in OWN] + [(name, True) for name in CONTROLS]
        final = [
            {**best[name], "seed": seed, "part": "test", "shuffled": shuffled}
            for seed, (name, shuffled) in itertools.product(SEEDS, kinds)
        ]
        record.run(final, at_once)


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def judged(record: dict[str, Any], listens: int | None = None) -> dict[str, list[Run]]:
    """The runs on test, by model, in the order of the seeds."""
    by_model: dict[str, list[Run]] = {}
    for name, shuffled in [(name, False) for name in OWN] + [(name, True) for name in CONTROLS]:
        runs = select(record, model=name, shuffled=shuffled, listens=listens, part="test")
        if runs:
            by_model[f"{name}, shuffled" if shuffled else name] = runs
    return by_model


def report(record: dict[str, Any]) -> str:
    return "\n".join(
        line
        for listens, known in ((None, "All train artists known"), (FEW, f"{FEW} artists a user"))
        for line in tables(record, listens, known)
    )


def tables(record: dict[str, Any], listens: int | None, known: str) -> list[str]:
    by_model = judged(record, listens)
    lines = [f"## {known}", ""]
    if "listens" in by_model:
        lines += ["Five seeds, mean ± standard deviation over seeds, @10:", ""]
        lines += [
            "| graph | Recall | NDCG | Recall against listens | p | training, s | memory, MB |",
            "|---|---|---|---|---|---|---|",
        ]
        users = {name: [run["users"]["test"] for run in runs] for name, runs in by_model.items()}
        table = compare_users(users, baseline="listens")
        for name, seeds in users.items():
            means = [spread([float(one[m].mean()) for one in seeds]) for m in seeds[0]]
            row = table.loc[name]
            gain, chance = "–", "–"
            if name != "listens":
                gain = f"{row[f'Δ recall@{K}']:+.4f} ± {row[f'± Δ recall@{K}']:.4f}"
                chance = f"{row[f'p recall@{K}']:.2g}"
            cost = [
                f"{statistics.mean(run['result'][what] for run in by_model[name]):.0f}"
                for what in ("seconds", "megabytes")
            ]
            lines.append(f"| {name} | {' | '.join([*means, gain, chance, *cost])} |")
        lines += ["", "Against listens: the mean difference of the same users' Recall@10 and its "
                  "95 % interval over users, each with her mean over seeds; p of a paired t-test. "
                  "Memory: what building and training added. One thread."]  # fmt: skip
        lines.append("")
        lines += ["Share of test pairs that are found, by listeners of the artist in train:", ""]
        lines += ["| graph | " + " | ".join(between(*bounds) for bounds in KNOWN) + " |"]
        lines += ["|---|" + "---|" * len(KNOWN)]
        for name, runs in by_model.items():
            counts = np.array([run["result"]["by listeners"] for run in runs]).sum(0)  # (bins, 2)
            shares = counts[:, 1] / np.maximum(counts[:, 0], 1)
            lines.append(f"| {name} | " + " | ".join(f"{share:.4f}" for share in shares) + " |")
        lines.append("")
    lines += ["Tuning, nine trials a model, judged on validation, seed 0:", ""]
    lines += ["| graph | weight decay | own setting | Recall@10 | epochs | training, s |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for entry in record["runs"]:
        j, f = entry["job"], entry["result"]
        if (j["part"], j["listens"]) == ("validation", listens):
            lines.append(
                f"| {j['model']} | {j['weight_decay']:g} | {OWN[j['model']][0]} {j['own']:g} | "
                f"{f['validation']:.4f} | {f['epochs']} | {f['seconds']:.0f} |"
            )
    return [*lines, ""]


def between(low: int, high: int) -> str:
    return f"{low} or more" if high >= 10**9 else f"{low} to {high - 1}"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "three_graphs", run, report, data_of), measure)
