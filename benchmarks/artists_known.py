"""Last.fm beside `three_graphs.py`: simple rivals, tags from train alone, fewer artists known.

    python benchmarks/artists_known.py             # half an hour on one core
    python benchmarks/artists_known.py rivals      # a part of it

Splits, users, lists and the four LightGCNs are those of `three_graphs.py`, whose record holds the
trials that this one takes its settings from. Judged by Recall@10 on test.

- rivals: popularity, ItemKNN, EASE and a tag profile, with 5 or all of each user's train artists
  known. Nine trials each on validation of seed 0, as many as the LightGCNs have (popularity
  has nothing to set); five seeds. The tag profile is not trained: artists have the tf-idf of their
  tags, a user is the sum of her artists, and the score is their cosine times a power of the number
  of listeners. The power is what its trials choose.
- leak: the tags were given by the same people. A split's facts without the tags that somebody gave
  to her own held-out artists ("train"), and without as many that were drawn at random ("fewer").
  LightGCN with tags, 5 artists known, settings as for all tags. The tag profile has the same two
  rows among the rivals.
- controls: LightGCN with friends or with tags, shuffled, 5 artists known. Nine trials of its own
  each on validation of seed 0, those of the real ones; five seeds. All 50 epochs: recall stays at
  the level of popularity for a dozen of them, and a patience of six would often end it there.
- leak with all: the same with all artists known; three seeds.
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
from three_graphs import (
    CONTROLS,
    FEW,
    KNOWN,
    OWN,
    K,
    at_most,
    build,
    shuffled,
    split_of,
    tags_of,
)
from three_graphs import trials as trials_of

from gnnrec_helpers import Interactions, KnowledgeGraph, SocialGraph, Split, fit, models
from gnnrec_helpers.course.records import select
from gnnrec_helpers.datasets.files import read_table
from gnnrec_helpers.evaluation.comparison import compare_users
from gnnrec_helpers.evaluation.ranking import evaluate_items, evaluate_users
from gnnrec_helpers.objectives import SampledSoftmax

PARTS = ("rivals", "leak", "controls", "leak with all", "curve")
SEEDS, FEWER_SEEDS = range(5), range(3)
LEVELS: tuple[int | None, ...] = (5, 10, 20, None)  # artists known of each user; None: all
ENDS = (5, None)
FACTS = ("all", "train", "fewer")
POWERS = tuple(power / 8 for power in range(9))
Settings = dict[str, Any]
SPACES: dict[str, list[Settings]] = {
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
    """All tags, or shuffled; or without users' own of held-out artists; or fewer at random."""
    given = read_table("lastfm-2k", "tags.csv.gz")
    given = given[given["artist"].isin(split.train.items)]
    if which in ("train", "fewer"):
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
    tags = tags_of(KnowledgeGraph.from_frame(frame, split.train.items))
    return shuffled(tags, seed) if which == "shuffled" else tags


def held_out_of(split: Split) -> list[Interactions]:
    return [split.held_out("validation"), split.held_out("test")]


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split, social, _ = split_of(job["seed"])
    if job["stage"] == "search":
        return search(job["model"], split, job["seed"])
    result: Result = {"validation": {}, "facts": {}, "by listeners": {}, "users": {}}
    for listens, facts, settings in job["settings"]:
        tags, name = facts_of(split, facts, job["seed"]), named(listens, facts)
        shown = known_of(split, listens, job["seed"])
        if job["model"] in OWN:
            friends = social.rewired(seed=job["seed"]) if facts == "shuffled" else social
            patience = None if facts == "shuffled" else 6
            model = trained(
                job["model"], split, shown, friends, tags, settings, job["seed"], patience
            )
        else:
            model = simple(job["model"], shown, tags, settings)
        result["validation"][name] = on_validation(model, split)
        result["facts"][name] = len(tags)
        if job["stage"] == "test":
            users = evaluate_users(model, split, K, metrics=("recall", "ndcg"))
            users.index = split.train.users.get_indexer(users.index)
            result["users"][name] = users.round(4)
            result["by listeners"][name] = by_listeners(model, split)
    return result


def known_of(split: Split, listens: int | None, seed: int) -> Interactions:
    return split.train if listens is None else at_most(split.train, listens, seed)


def simple(name: str, shown: Interactions, tags: KnowledgeGraph, settings: Settings) -> Any:
    likes = replace(shown, rating=None)  # every listen counts as one
    if name == "popularity":
        return models.Popularity(likes)
    if name == "tag profile":
        return TagProfile(likes, tags, **settings)
    kinds = {"ItemKNN": models.ItemKNN, "EASE": models.EASE}
    return kinds[name](likes, **settings)


def trained(
    name: str, split: Split, shown: Interactions, social: SocialGraph, tags: KnowledgeGraph,
    settings: Settings, seed: int, patience: int | None,
) -> models.LightGCN:  # fmt: skip
    model = build(name, shown, social, tags, settings["own"], seed)
    fit(
        model,
        replace(split, train=shown),
        epochs=50,
        batch_size=2048,
        lr=5e-3,
        objective=SampledSoftmax(weight_decay=settings["weight_decay"]),
        seed=seed,
        schedule="constant",
        patience=patience,
        validate_every=2,
        progress=False,
    )
    return model


def search(name: str, split: Split, seed: int) -> Result:
    """Recall on validation of every setting, for every number of artists known."""
    tags = facts_of(split, "all", seed)
    values = {
        named(listens): [
            on_validation(simple(name, shown, tags, settings), split) for settings in SPACES[name]
        ]
        for listens in ENDS
        if (shown := known_of(split, listens, seed))
    }
    return {"settings": SPACES[name], "values": values}


def on_validation(model: Any, split: Split) -> float:
    found = evaluate_users(model, split, K, part="validation", metrics=("recall",))
    return float(found[f"recall@{K}"].mean())


def by_listeners(model: Any, split: Split) -> list[list[int]]:
    items, listeners = evaluate_items(model, split, K), split.train.item_degrees()
    return [
        [int(items[column][(listeners >= low) & (listeners < high)].sum())
         for column in ("held_out", f"found@{K}")]
        for low, high in KNOWN
    ]  # fmt: skip


# ---------------------------------------------------------------------- what is run
def job(part: str, stage: str, model: str, settings: list[Any], seed: int = 0) -> Job:
    """The settings are lists of: artists known, facts, and what is set."""
    return {"part": part, "stage": stage, "model": model, "settings": settings, "seed": seed}


@cache
def settings_of(name: str, listens: int | None) -> Settings:
    """What validation chose among nine trials in the record of `three_graphs.py`."""
    trials = select(load("three_graphs"), part="validation", model=name, listens=listens)
    best = max(trials, key=lambda run: run["result"]["validation"])["job"]
    return {"weight_decay": best["weight_decay"], "own": best["own"]}


def measure(record: Recorded, *parts: str) -> None:
    if "rivals" in parts:
        for name in SPACES:
            (found,) = record.run([job("rivals", "search", name, [])])
            best = {
                level: found["settings"][int(np.argmax(values))]
                for level, values in found["values"].items()
            }
            settings = [[listens, "all", best[named(listens)]] for listens in ENDS]
            if name == "tag profile":
                settings += [
                    [listens, facts, best[named(listens)]]
                    for listens, facts in itertools.product(ENDS, FACTS[1:])
                ]
            record.run([job("rivals", "test", name, settings, seed) for seed in SEEDS])
    for part, listens, seeds in (("leak", 5, SEEDS), ("leak with all", None, FEWER_SEEDS)):
        if part in parts:
            settings = [[listens, facts, settings_of("+ tags", listens)] for facts in FACTS[1:]]
            record.run([job("leak", "test", "+ tags", settings, seed) for seed in seeds])
    if "controls" in parts:
        for name in CONTROLS:
            tried = [
                [FEW, "shuffled", {"weight_decay": trial["weight_decay"], "own": trial["own"]}]
                for trial in trials_of(name, FEW)
            ]
            best = record.best(
                [job("controls", "trial", name, [settings]) for settings in tried],
                lambda result: max(result["validation"].values()),
            )
            record.run([{**best, "stage": "test", "seed": seed} for seed in SEEDS])
    if "curve" in parts:
        for listens, name in itertools.product((10, 20), OWN):
            tried = [[listens, "all", settings_of(name, chosen)] for chosen in (5, None)]
            trials = [job("curve", "trial", name, [settings]) for settings in tried]
            best = record.best(trials, lambda result: max(result["validation"].values()))
            record.run([{**best, "stage": "test", "seed": seed} for seed in FEWER_SEEDS])


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def users_of(record: dict[str, Any], model: str, name: str) -> dict[int, pd.DataFrame]:
    """Seed → the table of users of a model, for artists known and facts of that name."""
    runs = select(record, stage="test", model=model)
    return {run["job"]["seed"]: run["users"][name] for run in runs if name in run["users"]}


def report(record: dict[str, Any]) -> str:
    lines = ["Recall@10 on test by how many of each user's artists are known, mean ± standard "
             "deviation over seeds:", "", "| model | " + " | ".join(map(named, LEVELS)) + " |",
             "|---|" + "---|" * len(LEVELS)]  # fmt: skip
    for name in (*SPACES, *OWN):
        tables = [users_of(record, name, named(listens)) for listens in LEVELS]
        cells = [spread([float(one[f"recall@{K}"].mean()) for one in t.values()]) for t in tables]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "The LightGCNs with 5 and with all artists known are in `three_graphs.md`. Five "
              "seeds for the rivals, three for the LightGCNs.", "",
              *controls(record),
              "Without the tags that people gave to their own held-out artists (train), and "
              "without as many that were drawn at random (fewer):", "",
              "| model | artists known | facts | number of facts | Recall@10 | against all tags |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    for listens, name, facts in itertools.product(ENDS, ("tag profile", "+ tags"), FACTS[1:]):
        level = named(listens, facts)
        if these := users_of(record, name, level):
            whole = with_all_tags(record, name, listens)
            against = {"all": [whole[seed] for seed in these], "these": [*these.values()]}
            row = compare_users(against, baseline="all").loc["these"]
            size = np.mean([
                run["result"]["facts"][level]
                for run in select(record, stage="test", model=name)
                if level in run["result"]["facts"]
            ])  # fmt: skip
            recall = spread([float(one[f"recall@{K}"].mean()) for one in these.values()])
            lines.append(
                f"| {name} | {named(listens)} | {facts} | {size:,.0f} | {recall} | "
                f"{row[f'Δ recall@{K}']:+.4f} ± {row[f'± Δ recall@{K}']:.4f} |"
            )
    lines += ["", "± in the last column: half of a 95 % interval over users, each with her mean "
              "over seeds.", "", "Chosen on validation, seed 0:", ""]  # fmt: skip
    for run in select(record, stage="search"):
        for level, values in run["result"]["values"].items():
            best = int(np.argmax(values))
            settings = ", ".join(f"{k} {v:g}" for k, v in run["result"]["settings"][best].items())
            lines.append(f"- {run['job']['model']}, {level} known: {settings or 'nothing'} of "
                         f"{len(values)} trials, Recall@10 {values[best]:.4f}")  # fmt: skip
    for run in select(record, stage="trial"):
        ((listens, facts, settings),) = run["job"]["settings"]
        level = named(listens, facts)
        lines.append(f"- {run['job']['model']}, {level} known, tried: weight decay "
                     f"{settings['weight_decay']:g}, own {settings['own']:g}, Recall@10 "
                     f"{run['result']['validation'][level]:.4f}")  # fmt: skip
    return "\n".join(lines) + "\n"


def controls(record: dict[str, Any]) -> list[str]:
    """Shuffled friends and tags, each with the settings that suit it best."""
    level = named(FEW, "shuffled")
    rows = []
    for name in CONTROLS:
        if these := users_of(record, name, level):
            recall = spread([float(one[f"recall@{K}"].mean()) for one in these.values()])
            job = select(record, stage="test", part="controls", model=name)[0]["job"]
            ((_, _, chosen),) = job["settings"]
            setting = f"{chosen['weight_decay']:g}, {chosen['own']:g}"
            rows.append(f"| {name}, shuffled | {recall} | {setting} |")
    head = [f"Shuffled, {FEW} artists known, with settings of their own:", "",
            "| model | Recall@10 | weight decay, own setting |", "|---|---|---|"]  # fmt: skip
    return [*head, *rows, ""] if rows else []


def with_all_tags(
    record: dict[str, Any], name: str, listens: int | None
) -> dict[int, pd.DataFrame]:
    if name == "tag profile":
        return users_of(record, name, named(listens))
    runs = select(load("three_graphs"), part="test", model=name, listens=listens, shuffled=False)
    return {run["job"]["seed"]: run["users"]["test"] for run in runs}


def named(listens: int | None, facts: str = "all") -> str:
    level = "all" if listens is None else f"{listens}"
    return level if facts == "all" else f"{level} {facts}"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "artists_known", run, report, data_of), measure, PARTS)
