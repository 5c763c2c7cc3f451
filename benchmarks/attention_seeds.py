"""Do two trainings of KGCN on the same facts give a user the same attention over relations?

    python benchmarks/attention_seeds.py       # five minutes on one core

The films, split and training are those of notebook 10: 12 epochs of cross-entropy, seven seeds. A
seed of `KGCN` draws the start of the training and also which 8 facts of every entity the model
sees. So the seven trainings are done twice: all with the facts that seed 0 draws, and each with its
own. For every pair of seeds: the correlation of the relations' mean attention over users, and the
correlation of what users differ by from that mean. 1 where both trainings say the same.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import spread
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import KnowledgeGraph, datasets, evaluate, fit, models
from gnnrec_helpers.course.records import select
from gnnrec_helpers.objectives import CrossEntropy

SEEDS = range(7)


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    movies = datasets.load("movielens-small")
    assert movies.knowledge is not None
    facts, likes = movies.knowledge.to_frame(), movies.interactions.binarize(4.0)
    likes = likes.select(likes.items.isin(facts["head"])[likes.item_index]).compact()
    knowledge = KnowledgeGraph.from_frame(facts[facts["head"].isin(likes.items)], likes.items)
    split = likes.split(test=0.2, validation=0.1, seed=0)
    model = models.KGCN(split.train, knowledge, seed=job["seed"])
    if job["facts"] == "of seed 0":
        first = models.KGCN(split.train, knowledge, seed=0)
        model.neighbour_entities.copy_(first.neighbour_entities)
        model.neighbour_relations.copy_(first.neighbour_relations)
    fit(
        model,
        split,
        epochs=12,
        batch_size=512,
        lr=5e-3,
        negatives=4,
        objective=CrossEntropy(weight_decay=1e-3),
        validate_every=4,
        patience=None,
        seed=job["seed"],
        progress=False,
    )
    with torch.no_grad():
        relations = model.relations.weight[: knowledge.num_relations]
        attention = (model.user_table.weight @ relations.T).softmax(1)  # (num_users, num_relations)
    return {
        "validation": evaluate(model, split, part="validation")["recall@20"],
        "users": {
            "attention": pd.DataFrame(attention.numpy().round(3), columns=knowledge.relations)
        },
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    record.run([
        {"facts": facts, "seed": seed}
        for facts, seed in itertools.product(("of seed 0", "of its own seed"), SEEDS)
    ])  # fmt: skip


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
def likeness(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Correlation of two trainings' mean attention, and of what users differ by from it."""
    means = one.mean(0), other.mean(0)
    apart = one - means[0], other - means[1]
    return correlation(*means), correlation(*apart)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def report(record: dict[str, Any]) -> str:
    lines = ["| facts | pairs of seeds | of the mean attention | of what users differ by | "
             "validation Recall@20 |", "|---|---|---|---|---|"]  # fmt: skip
    for facts in dict.fromkeys(run["job"]["facts"] for run in record["runs"]):
        runs = select(record, facts=facts)
        tables = [run["users"]["attention"].to_numpy() for run in runs]
        pairs = [likeness(*pair) for pair in itertools.combinations(tables, 2)]
        if pairs:
            cells = [f"{min(v):.2f} to {max(v):.2f}, median {np.median(v):.2f}"
                     for v in zip(*pairs, strict=True)]  # fmt: skip
            recall = spread([run["result"]["validation"] for run in runs])
            lines.append(f"| {facts} | {len(pairs)} | {' | '.join(cells)} | {recall} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "attention_seeds", run, report, data_of), measure)
