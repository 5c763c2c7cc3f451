"""The package's own league on movielens-small, by the one call that anybody would make.

    python benchmarks/league.py            # some minutes on two cores

`league(split)` with its defaults: eight models, the same number of trials each for those that have
something to tune, judged once on test. Ratings of four stars and more are likes; of each user's
likes 70 % train, 10 % validation, 20 % test; all other films are ranked; lists of 20. One seed of
split and training; `rivals.py` has three, and more models.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import torch
from machine import peak
from recorded import Job, Recorded, Result, main

from gnnrec_helpers import datasets, league

K = 20


# ---------------------------------------------------------------------- one run
def run(job: Job) -> Result:
    torch.set_num_threads(2)
    split = datasets.load("movielens-small").interactions.binarize(4.0).split(0.2, 0.1, seed=0)
    before, started, used = peak(), time.perf_counter(), time.process_time()
    found = league(split, trials=job["trials"], seed=job["seed"], k=K, progress=False)
    frame = found.to_frame()
    return {
        "wall": time.perf_counter() - started,
        "cpu": time.process_time() - used,
        "megabytes": peak() - before,
        "baseline": found.baseline,
        "best": found.best,
        # numbers as they are, and what is missing as None
        "table": frame.astype(object).where(frame.notna(), None).to_dict("index"),
        "tried": {name: tuning.values for name, tuning in found.tunings.items()},
        "chosen": found.settings,
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded) -> None:
    record.run([{"trials": 8, "seed": 0}])


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines: list[str] = []
    for entry in record["runs"]:
        job, found = entry["job"], entry["result"]
        baseline = found["baseline"]
        lines += [
            f"{job['trials']} trials for each model that has something to tune, seed "
            f"{job['seed']}; in the order in which validation prefers them:",
            "",
            f"| model | validation Recall@20 | Recall@20 | NDCG@20 | against {baseline} | p | "
            "epochs | fit, s | tuning, s | size, MB | settings |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for name, row in found["table"].items():
            same = name == baseline
            gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
            lines.append(
                f"| {name} | {row['validation recall@20']:.4f} | "
                f"{row['recall@20']:.4f} ± {row['± recall@20']:.4f} | "
                f"{row['ndcg@20']:.4f} ± {row['± ndcg@20']:.4f} | {'–' if same else gain} | "
                f"{'–' if same else format(row['p recall@20'], '.2g')} | "
                f"{'–' if row['epochs'] is None else row['epochs']} | "
                f"{row['fit, s']:.1f} | {row['tuning, s']:.0f} | {row['size, MB']:.1f} | "
                f"{row['settings'] or '–'} |"
            )
        told = {
            "At the edge of the space": [
                f"{name} ({row['at the edge']})"
                for name, row in found["table"].items()
                if row["at the edge"]
            ],
            "Still improving when the epochs ended": [
                name for name, row in found["table"].items() if row["cap hit"]
            ],
        }
        lines += ["", *(f"{what}: {', '.join(names) or 'none'}." for what, names in told.items())]
        lines += [
            "",
            f"{found['wall']:.0f} s in all, {found['cpu']:.0f} s of a processor, on two threads; "
            f"at most {found['megabytes']:.0f} MB of memory beyond the loaded data.",
            "",
        ]
    lines += [
        "± is half of a 95 % interval over users; p of a paired t-test; size: of the saved model, "
        "with the interactions it was built from.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "league", run, report, data_of), measure)
