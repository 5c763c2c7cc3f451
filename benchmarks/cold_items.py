"""Films of which only the facts are known, on movielens-small.

    python benchmarks/cold_items.py                # half an hour on one core
    python benchmarks/cold_items.py "cold alone"   # a part of it

Ratings of four stars and more are likes, of 6,170 films; Freebase has facts about 1,151 of these.
The films with facts are drawn into warm (70 %), validation (10 %) and test (20 %). Nothing of what
anybody likes among the last two is in train. All films are ranked for a user but those that she
likes in train, warm ones and cold ones alike; lists of 20. "Among cold films only" ranks the test
films by themselves.

**Cold alone.** Train is all likes of the other films. What is to be found is the likes of cold
films and nothing else. So a model does well that puts cold films on top, whatever else there is.

**Cold and warm.** As many likes of the other films are held out beside those of cold ones, at
random, and both are to be found, in validation as in test.

Settings are chosen by 8 trials on validation, by Recall@20 of what is to be found. Trained models
stop when it improves no more. LightGCN by itself cannot rank cold films, so its epochs are one of
its settings. Three seeds of draw and training; the settings are those of seed 0. In the second part
"shuffled facts" is the control: every film has the facts of another film, and settings are chosen
for it. In the rows "nothing hidden" and "cold negatives" GraphSAGE does without one of its two
precautions, with its other settings as they are.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from recorded import Job, Recorded, Result, main
from scipy import sparse
from torch import Tensor

from gnnrec_helpers import (
    Between,
    Interactions,
    KnowledgeGraph,
    SampledSoftmax,
    Split,
    datasets,
    fit,
    models,
    tune,
)
from gnnrec_helpers.course import records
from gnnrec_helpers.evaluation import compare_users, evaluate_items, evaluate_users
from gnnrec_helpers.models import Recommender
from gnnrec_helpers.models.parts.fact_features import fact_features

K, TRIALS, SEEDS = 20, 8, (0, 1, 2)
PARTS = ("cold alone", "cold and warm")
BASELINE = "facts profile"
Built = tuple[Recommender, int | None]  # and its epochs


# ---------------------------------------------------------------------- data
def data(part: str, seed: int, shuffled: bool = False) -> tuple[Split, KnowledgeGraph, np.ndarray]:
    """The split, of which no cold film is in train, the facts, and which films test has as cold."""
    movies = datasets.load("movielens-small")
    assert movies.knowledge is not None
    likes = movies.interactions.binarize(4.0)
    facts = movies.knowledge.to_frame()
    facts = facts[facts["head"].isin(likes.items)]  # films that nobody likes cannot be asked for
    generator = np.random.default_rng(seed)
    films = generator.permutation(facts["head"].unique())
    test, validation, _ = np.split(films, [len(films) // 5, len(films) * 3 // 10])
    film = likes.items[likes.item_index]
    held_out = [film.isin(test), film.isin(validation)]
    if part == "cold and warm":
        warm = generator.permutation(np.flatnonzero(~(held_out[0] | held_out[1])))
        counts = [int(mask.sum()) for mask in held_out]
        for mask, beside in zip(held_out, np.split(warm, np.cumsum(counts)), strict=False):
            mask[beside] = True
    if shuffled:
        others = dict(zip(films.tolist(), generator.permutation(films).tolist(), strict=True))
        facts = facts.assign(head=facts["head"].map(others))
    split = Split.from_positions(likes, *held_out)
    return split, KnowledgeGraph.from_frame(facts, likes.items), likes.items.isin(test)


# ---------------------------------------------------------------------- the models
class RandomOrder:
    """A score that is drawn for every user and film."""

    def __init__(self, train: Interactions, seed: int) -> None:
        drawn = np.random.default_rng(seed).random((train.num_users, train.num_items), np.float32)
        self.table = torch.from_numpy(drawn)

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]


def random_order(split: Split, facts: KnowledgeGraph, seed: int) -> Built:
    return RandomOrder(split.train, seed), None


def popularity(split: Split, facts: KnowledgeGraph, seed: int) -> Built:
    return models.Popularity(split.train), None


def profile(split: Split, facts: KnowledgeGraph, seed: int, rarity: float, length: float) -> Built:
    """Facts in common with the films that a user likes; ItemKNN with facts in the users' place.

    A fact of n films counts ``log(films / n) ** rarity``; similarities are divided by the lengths
    of both films' facts to the power `length`. With 0 and 1 it is the cosine.
    """
    has = fact_features(split.train, facts)
    weighed = sparse.csr_array(has * np.log(has.shape[0] / has.sum(axis=0)) ** rarity)
    lengths = np.maximum(np.sqrt(weighed.power(2).sum(axis=1)), 1e-9) ** -length
    weighed = sparse.csr_array(sparse.diags_array(lengths) @ weighed)
    alike = sparse.csr_array(weighed @ weighed.T)
    return models.Frozen(split.train, [(split.train.to_csr(), alike)]), None


def ridge_of_ials(
    split: Split, facts: KnowledgeGraph, seed: int, c: float, unobserved: float,
    regularization: float,
) -> Built:  # fmt: skip
    factors = models.IALS(
        split.train, unobserved=unobserved, regularization=regularization, seed=seed
    )
    return models.FactRidge(split.train, facts, factors, c), None


def ridge_of_lightgcn(
    split: Split, facts: KnowledgeGraph, seed: int, c: float, weight_decay: float, epochs: int
) -> Built:
    model = models.LightGCN(split.train, layers=2, seed=seed)
    trained(model, Split.from_parts(split.train), seed, 1e-2, epochs, weight_decay=weight_decay)
    return models.FactRidge(split.train, facts, model, c), epochs


def knowledge_lightgcn(
    split: Split, facts: KnowledgeGraph, seed: int, lr: float, weight_decay: float,
    **settings: Any,
) -> Built:  # fmt: skip
    model = models.KnowledgeLightGCN(split.train, facts, seed=seed, **settings)
    loss = {"weight_decay": weight_decay, "unseen_negatives": False}
    return model, trained(model, split, seed, lr, **loss)


def graphsage(
    split: Split, facts: KnowledgeGraph, seed: int, lr: float, unseen_negatives: bool = False,
    **settings: Any,
) -> Built:  # fmt: skip
    model = models.GraphSAGE(split.train, facts, seed=seed, **settings)
    loss = {"weight_decay": 0.0, "temperature": 0.1, "unseen_negatives": unseen_negatives}
    return model, trained(model, split, seed, lr, **loss)


def trained(
    model: models.Model, split: Split, seed: int, lr: float, epochs: int = 80, **loss: Any
) -> int:
    history = fit(
        model, split, epochs=epochs, batch_size=4096, lr=lr, objective=SampledSoftmax(**loss),
        seed=seed, patience=10, validate_every=2, k=K, progress=False,
    )  # fmt: skip
    return history.best_epoch or len(history.epochs)


RATE = Between(1e-4, 5e-2, log=True)
DECAY = Between(5e-4, 0.5, log=True)
PROFILE = {"rarity": Between(0.0, 4.0), "length": Between(0.0, 2.0)}
OF_IALS = {
    "c": Between(0.03, 300.0, log=True),
    "unobserved": Between(3e-4, 3.0, log=True),
    "regularization": Between(3e-4, 10.0, log=True),
}
OF_LIGHTGCN = {
    "c": Between(0.03, 300.0, log=True),
    "weight_decay": DECAY,
    "epochs": Between(4, 200, log=True),
}
LINKED = {
    "lr": RATE,
    "weight_decay": DECAY,
    "layers": Between(1, 5),
    "fact_weight": Between(0.1, 30.0, log=True),
}
SAGE = {"lr": RATE, "layers": Between(1, 4), "hidden": Between(0.0, 0.95)}
MODELS: dict[str, tuple[Callable[..., Built], bool, dict[str, Between]]] = {
    "random order": (random_order, False, {}),
    "popularity": (popularity, False, {}),
    BASELINE: (profile, False, PROFILE),
    "FactRidge on iALS": (ridge_of_ials, False, OF_IALS),
    "FactRidge on LightGCN": (ridge_of_lightgcn, False, OF_LIGHTGCN),
    "KnowledgeLightGCN": (knowledge_lightgcn, False, LINKED),
    "GraphSAGE": (graphsage, False, SAGE),
    "facts profile, shuffled facts": (profile, True, PROFILE),
    "FactRidge on iALS, shuffled facts": (ridge_of_ials, True, OF_IALS),
    "GraphSAGE, shuffled facts": (graphsage, True, SAGE),
}
WITHOUT: dict[str, dict[str, Any]] = {  # GraphSAGE with its settings, but
    "GraphSAGE, nothing hidden": {"hidden": 0.0},
    "GraphSAGE, cold negatives": {"unseen_negatives": True},
}


# ---------------------------------------------------------------------- one run
class Among:
    """A model that may recommend some films only."""

    def __init__(self, model: Recommender, allowed: np.ndarray) -> None:
        self.model, self.forbidden = model, torch.from_numpy(~allowed)

    def score(self, users: Tensor) -> Tensor:
        return self.model.score(users).masked_fill(self.forbidden, -torch.inf)


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    build, shuffled, space = MODELS["GraphSAGE" if job["model"] in WITHOUT else job["model"]]
    split, facts, cold = data(job["part"], job["seed"], shuffled)
    if job["stage"] == "search":

        def built(split: Split, **settings: Any) -> Recommender:
            return build(split, facts, job["seed"], **settings)[0]

        found = tune(built, split, space, job["trials"], seed=0, k=K, progress=False)
        return {
            "settings": found.settings,
            "values": found.values,
            "seconds": found.seconds,
            "best": found.best,
        }
    model, epochs = build(split, facts, job["seed"], **job["settings"])
    whole, of_cold, of_warm = (  # validation films are candidates like others
        Split(split.train, None, split.test.select(np.isin(cold[split.test.item_index], kinds)))
        for kinds in ((True, False), (True,), (False,))
    )
    listed = evaluate_items(model, of_cold, K)[f"listed@{K}"].to_numpy()
    users = {
        "cold": evaluate_users(model, of_cold, K, metrics=("recall", "ndcg")),
        "among cold": evaluate_users(Among(model, cold), of_cold, K, metrics=("recall",)),
    }
    if len(of_warm.test):
        for name, judged in (("both", whole), ("warm", of_warm)):
            users[name] = evaluate_users(model, judged, K, metrics=("recall",))
    return {
        "epochs": epochs,
        "cold films": int(cold.sum()),
        "their share": float(listed[cold].sum() / listed.sum()),
        "users": {name: table.round(4) for name, table in users.items()},
    }


# ---------------------------------------------------------------------- what is run
def measure(record: Recorded, *parts: str) -> None:
    for part in parts:
        chosen: dict[str, dict[str, Any]] = {}
        for name, (_, shuffled, space) in MODELS.items():
            if shuffled and part == "cold alone":
                continue
            job = {"part": part, "model": name, "stage": "search", "seed": 0, "trials": TRIALS}
            chosen[name] = record.run([job])[0]["best"] if space else {}
        if part == "cold and warm":
            chosen |= {name: {**chosen["GraphSAGE"], **other} for name, other in WITHOUT.items()}
        record.run([{"part": part, "model": name, "stage": "test", "seed": seed,
                     "settings": settings}
                    for name, settings in chosen.items() for seed in SEEDS])  # fmt: skip


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
def report(record: dict[str, Any]) -> str:
    lines = [line for part in PARTS for line in tables(record, part)]
    lines += [
        f"Means over users, each with her mean over three seeds; ± is half of a 95 % interval over "
        f"users, p of a paired t-test against {BASELINE}. Over seeds: standard deviation of the "
        "mean; other films are drawn for each seed. Cold films in a list: the share of the places "
        "that test films have.",
    ]
    return "\n".join(lines) + "\n"


def tables(record: dict[str, Any], part: str) -> list[str]:
    runs = {
        name: records.select(record, part=part, model=name, stage="test")
        for name in (*MODELS, *WITHOUT)
    }
    runs = {name: of_model for name, of_model in runs.items() if of_model}
    if BASELINE not in runs:
        return [f"## {part.capitalize()}", "", "Not finished.", ""]
    everybody = [run for of_model in runs.values() for run in of_model]
    both = part == "cold and warm"
    columns = {  # what is looked at, metric
        "Recall@20 of both": ("both", "recall@20"),
        "of warm films": ("warm", "recall@20"),
        "of cold films" if both else "Recall@20 of cold films": ("cold", "recall@20"),
        "NDCG@20 of cold films": ("cold", "ndcg@20"),
        "Recall@20 among cold films only": ("among cold", "recall@20"),
    }
    columns = {title: key for title, key in columns.items() if both or "cold" in key[0]}
    means = {
        which: compare_users(records.tables_of_users(everybody, which), baseline=BASELINE)
        for which in {which for which, _ in columns.values()}
    }
    titles = ["model", *columns, f"cold, against {BASELINE}", "p", "cold, over seeds",
              "cold films in a list", "epochs", "settings"]  # fmt: skip
    count = statistics.mean(run["result"]["cold films"] for run in everybody)
    lines = [
        f"## {part.capitalize()}",
        "",
        f"{count:.0f} cold films:",
        "",
        f"| {' | '.join(titles)} |",
        "|---" * len(titles) + "|",
    ]
    for name, of_model in runs.items():
        row = means["cold"].loc[name]
        same = name == BASELINE
        epochs = [run["result"]["epochs"] for run in of_model]
        settings = of_model[0]["job"]["settings"]
        cells = [
            f"{means[which].loc[name, metric]:.4f} ± {means[which].loc[name, f'± {metric}']:.4f}"
            for which, metric in columns.values()
        ]
        cells += [
            "–" if same else f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}",
            "–" if same else format(row["p recall@20"], ".2g"),
            f"{row['sd recall@20']:.4f}",
            f"{statistics.mean(run['result']['their share'] for run in of_model):.1%}",
            "–" if None in epochs else ", ".join(map(str, epochs)),
            ", ".join(f"{key}={value:.4g}" for key, value in settings.items()) or "–",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        f"At an end of its space: {', '.join(edges(runs)) or 'none'}.",
        "",
        "Recall@20 on validation, seed 0, of each trial:",
        "",
    ]
    for run in records.select(record, part=part, stage="search"):
        tried = ", ".join(f"{value:.4f}" for value in run["result"]["values"])
        lines.append(f"- {run['job']['model']}: {tried}; {sum(run['result']['seconds']):.0f} s")
    return [*lines, ""]


def edges(runs: dict[str, list[records.Run]]) -> list[str]:
    """What was chosen within 5 % of an end of its space, where less or more is possible."""
    found = []
    for name, (_, _, space) in MODELS.items():
        for parameter, value in runs[name][0]["job"]["settings"].items() if name in runs else ():
            between = space[parameter]
            low, high, x = (
                np.log(v) if between.log else v for v in (between.low, between.high, value)
            )
            least = between.low == 0 or (parameter == "layers" and value == 1)
            if x > high - 0.05 * (high - low) or (x < low + 0.05 * (high - low) and not least):
                found.append(f"{name} ({parameter}={value:.4g})")
    return found


if __name__ == "__main__":
    main(__doc__, partial(Recorded, "cold_items", run, report, data_of), measure, PARTS)
