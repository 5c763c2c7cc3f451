"""The same models under a random split and under a split at a date: who tagged which artist when.

    GNNREC_DATA=... python benchmarks/at_a_date.py     # ten minutes on one core

Last.fm, tags given from 2007 on; a pair is a user and an artist, dated by the first tag. The dates
are in the publisher's `user_taggedartists-timestamps.dat`, which is not part of the repository.
Users and artists with at least five pairs. People come back to tag for months, so the order means
something. Validation from 2010-01-01 on, test from 2010-07-01 on. The random split has as many
pairs in train.

Only users with something in train are judged, since these models know nothing of others. `league`
tunes each model with eight trials on the validation part of the split in question, and asks test
once (Recall@20, one seed).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import torch
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import Interactions, Split, league
from gnnrec_helpers.course.records import Run
from gnnrec_helpers.datasets.files import need

NAMES = ("popularity", "ItemKNN", "EASE", "iALS", "graph filter", "MF", "LightGCN")
TEST, VALIDATION = "2010-07-01", "2010-01-01"
SPLITS = ("random", "at a date")
FILE = "user_taggedartists-timestamps.dat"


def interactions() -> Interactions:
    source = "https://grouplens.org/datasets/hetrec-2011/"
    rows = pd.read_csv(need("lastfm-2k", FILE, source), sep="\t")
    rows = rows[rows["timestamp"] >= pd.Timestamp("2007-01-01").value // 10**6]
    first = rows.groupby(["userID", "artistID"], as_index=False)["timestamp"].min()
    first["timestamp"] //= 1000  # seconds
    tagged = Interactions.from_frame(first, "userID", "artistID", timestamp="timestamp")
    return tagged.k_core(5)


def split_of(kind: str) -> Split:
    likes = interactions()
    dated = likes.split(TEST, VALIDATION, by="time")
    if kind == "at a date":
        return with_history(dated)
    shares = [len(dated.held_out(part)) / len(likes) for part in ("test", "validation")]
    return with_history(likes.split(*shares, seed=0))


def with_history(split: Split) -> Split:
    """Held-out pairs of users who have something in train."""
    known = split.train.user_degrees() > 0
    parts = [split.held_out(part) for part in ("validation", "test")]
    return Split(split.train, *(part.select(known[part.user_index]) for part in parts))


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(1)
    split = split_of(job["split"])
    parts = (split.train, split.held_out("validation"), split.held_out("test"))
    found = league(split, [job["model"]], trials=8, seed=0, progress=False)
    row = found.to_frame().iloc[0]
    in_train = split.train.item_degrees()[split.held_out("test").item_index] > 0
    return {
        "pairs": [len(part) for part in parts],
        "users with test": int((split.held_out("test").user_degrees() > 0).sum()),
        "of known items": float(in_train.mean()),
        "recall": float(row["recall@20"]),
        "half interval": float(row["± recall@20"]),
        "validation": float(row["validation recall@20"]),
        "settings": str(row["settings"]),
        "at the edge": str(row["at the edge"]),
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    record.run([
        {"split": split, "model": name, "seed": 0}
        for split in SPLITS
        for name in NAMES
    ])  # fmt: skip


def data_of(job: Job) -> list[str]:
    return ["lastfm-2k"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines: list[str] = []
    for kind in SPLITS:
        runs = [run for run in record["runs"] if run["job"]["split"] == kind]
        if runs:
            lines += table(kind, runs)
    lines.append("± is half of a 95 % interval over users.")
    return "\n".join(lines) + "\n"


def table(kind: str, runs: list[Run]) -> list[str]:
    first = runs[0]["result"]
    train, validation, test = first["pairs"]
    lines = [
        f"**{kind}**: {train:,} train, {validation:,} validation and {test:,} test pairs; "
        f"{first['users with test']:,} users are judged; {first['of known items']:.0%} of test "
        "pairs are of artists that train has.",
        "",
        "| model | Recall@20 | on validation | settings | at the edge |",
        "|---|---|---|---|---|",
    ]
    for entry in sorted(runs, key=lambda run: -float(run["result"]["recall"])):
        found = entry["result"]
        lines.append(
            f"| {entry['job']['model']} | {found['recall']:.4f} ± {found['half interval']:.4f} | "
            f"{found['validation']:.4f} | {found['settings'] or '–'} | "
            f"{found['at the edge'] or '–'} |"
        )
    return [*lines, ""]


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "at_a_date", run, report, data_of), measure)
