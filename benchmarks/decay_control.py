"""Do users with many friends lose by their friends, or by the weight decay chosen with them?

    python benchmarks/decay_control.py         # five minutes on one core

In the record of `social.py` SocialLightGCN has a weight decay of .05, and LightGCN .025: each what
validation chose. Users with 16 friends or more find less with SocialLightGCN. Here LightGCN is
trained with a decay of .05 and three layers, as SocialLightGCN is, but without friends. Everything
else is that of `social.py`: five seeds of split and training, Recall@10 on test.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import social
from machine import load
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import datasets
from gnnrec_helpers.course.records import select

DECAY, LAYERS = 0.05, 3
GROUPS = ((1, 2), (2, 6), (6, 16), (16, 1000))  # friends


def run(job: Job) -> Result:
    return social.run(job)


def measure(record: Recorded) -> None:
    for seed in social.SEEDS:
        record.run([social.job("LightGCN", DECAY, LAYERS, seed=seed, part="test")])


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def recalls(record: dict[str, Any], **which: Any) -> np.ndarray:
    """Recall@10 of every user, (seeds, users), of the seeds that this record has."""
    runs = select(record, part="test", fold=None, **which)
    return np.array([run["users"]["test"]["recall@10"] for run in runs])


def report(record: dict[str, Any]) -> str:
    graph = datasets.load("lastfm-2k").social
    assert graph is not None
    runs = select(record, part="test")
    friends = np.asarray(graph.to_csr().sum(axis=1)).ravel()[runs[0]["users"]["test"].index]
    stored = load("social")
    mine = recalls(record)
    seeds = [run["job"]["seed"] for run in runs]
    plain, with_friends = (
        recalls(stored, model=name, rewired=False)[seeds] for name in ("LightGCN", "SocialLightGCN")
    )
    differences = {
        "decay .05 without friends against LightGCN with .025": mine - plain,
        "SocialLightGCN with .05 against LightGCN with .025": with_friends - plain,
        "SocialLightGCN against LightGCN, both with .05": with_friends - mine,
    }
    lines = [f"Change of Recall@10 by number of friends, {len(runs)} seeds; ± half of a 95 % "
             "interval over users, each with her mean over seeds:", "",
             "| | all | " + " | ".join(map(named, GROUPS)) + " |",
             "|---|" + "---|" * (len(GROUPS) + 1)]  # fmt: skip
    for name, difference in differences.items():
        gain = difference.mean(axis=0)
        masks = [(friends >= low) & (friends < high) for low, high in ((0, 1000), *GROUPS)]
        cells = [
            f"{gain[mask].mean():+.4f} ± {1.96 * gain[mask].std(ddof=1) / mask.sum() ** 0.5:.4f}"
            for mask in masks
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def named(bounds: tuple[int, int]) -> str:
    low, high = bounds
    if high == 1000:
        return f"{low} friends or more"
    return f"{low} friend" if high == low + 1 else f"{low} to {high - 1} friends"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "decay_control", run, report, data_of), measure)
