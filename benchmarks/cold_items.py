"""Films of which only the facts are known, on movielens-small.

    python benchmarks/cold_items.py                # resumable; no whole run has been timed

Ratings of four stars and more are likes, of 6,170 films; Freebase has facts about 1,151 of these.
The films with facts are drawn into warm (70 %), validation (10 %) and test (20 %); the last two are
cold: nothing of what anybody likes among them is in train. Beside the likes of cold films as many
of the other films, drawn at random, are held out. All films are ranked for a user but those that
she likes in train, warm ones and cold ones alike; lists of 20. "Among cold films only" ranks the
test films by themselves.

Settings are chosen by 8 trials on validation, by the harmonic mean of two numbers: Recall@20 of the
cold likes and of the warm ones. By cold likes alone a model would be chosen that puts cold films on
top, whatever else there is; the trials tell both numbers. Trained models have 30 epochs with a
learning rate that falls to zero, and the epoch is chosen likewise. Five seeds of draw and
training; the settings are those of seed 0.

"shuffled facts" is the control: every film has the facts of another film, and settings are chosen
for it. In the rows "nothing hidden" and "cold negatives" GraphSAGE does without one of its two
precautions, with its other settings as they are.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from new_users import drawn
from recorded import Job, Recorded, Result, main
from scipy import sparse
from torch import Tensor, nn

from gnnrec_helpers import (
    Between,
    Interactions,
    KnowledgeGraph,
    SampledSoftmax,
    Split,
    datasets,
    evaluate,
    fit,
    models,
)
from gnnrec_helpers.course import records
from gnnrec_helpers.evaluation import compare_users, evaluate_items, evaluate_users
from gnnrec_helpers.models import Recommender
from gnnrec_helpers.models.parts.fact_features import fact_features

K, TRIALS, SEEDS, EPOCHS = 20, 8, range(5), 30
BASELINE = "FactRidge on iALS"
Built = tuple[Recommender, int | None]  # and its epoch


# ---------------------------------------------------------------------- data
class Films(NamedTuple):
    """A split and facts; `cold` says which films have no likes in train, since they were drawn."""

    split: Split
    facts: KnowledgeGraph
    cold: np.ndarray  # (films,)

    def judged(self, part: str, *kinds: bool) -> Split:
        """With the cold likes (True), the warm ones (False) or both of a part to be found.

        Films of the other part are candidates like others.
        """
        held_out = self.split.validation if part == "validation" else self.split.test
        assert held_out is not None
        chosen = np.isin(self.cold[held_out.item_index], kinds)
        return Split(self.split.train, None, held_out.select(chosen))


def data(seed: int, shuffled: bool = False) -> Films:
    movies = datasets.load("movielens-small")
    assert movies.knowledge is not None
    likes = movies.interactions.binarize(4.0)
    facts = movies.knowledge.to_frame()
    facts = facts[facts["head"].isin(likes.items)]  # films that nobody likes cannot be asked for
    generator = np.random.default_rng(seed)
    films = generator.permutation(facts["head"].unique())
    film = likes.items[likes.item_index]
    test, validation = (
        film.isin(part) for part in np.split(films, [len(films) // 5, len(films) * 3 // 10])[:2]
    )
    cold = np.isin(np.arange(likes.num_items), likes.item_index[test | validation])
    others = generator.permutation(np.flatnonzero(~(test | validation)))
    beside_test, beside_validation = others[: test.sum()], others[test.sum() :][: validation.sum()]
    test[beside_test] = validation[beside_validation] = True
    if shuffled:
        other = dict(zip(films.tolist(), generator.permutation(films).tolist(), strict=True))
        facts = facts.assign(head=facts["head"].map(other))
    split = Split.from_positions(likes, test, validation)
    return Films(split, KnowledgeGraph.from_frame(facts, likes.items), cold)


def recalls(model: Recommender, films: Films) -> list[float]:
    """Of the cold and of the warm likes of validation."""
    return [
        evaluate(model, films.judged("validation", kind), K, metrics=("recall",))[f"recall@{K}"]
        for kind in (True, False)
    ]


# ---------------------------------------------------------------------- the models
class RandomOrder:
    """A score that is drawn for every user and film."""

    def __init__(self, train: Interactions, seed: int) -> None:
        scores = np.random.default_rng(seed).random((train.num_users, train.num_items), np.float32)
        self.table = torch.from_numpy(scores)

    def score(self, users: Tensor) -> Tensor:
        return self.table[users]


def random_order(films: Films, seed: int) -> Built:
    return RandomOrder(films.split.train, seed), None


def popularity(films: Films, seed: int) -> Built:
    return models.Popularity(films.split.train), None


def profile(films: Films, seed: int, rarity: float, length: float) -> Built:
    """Facts in common with the films that a user likes; ItemKNN with facts in the users' place.

    A fact of n films counts ``log(films / n) ** rarity``; similarities are divided by the lengths
    of both films' facts to the power `length`. With 0 and 1 it is the cosine.
    """
    train = films.split.train
    has = fact_features(train, films.facts)
    weighed = sparse.csr_array(has * np.log(has.shape[0] / has.sum(axis=0)) ** rarity)
    lengths = np.maximum(np.sqrt(weighed.power(2).sum(axis=1)), 1e-9) ** -length
    weighed = sparse.csr_array(sparse.diags_array(lengths) @ weighed)
    alike = sparse.csr_array(weighed @ weighed.T)
    return models.Frozen(train, [(train.to_csr(), alike)]), None


def ridge_of_ials(films: Films, seed: int, c: float, **settings: float) -> Built:
    train = films.split.train
    return models.FactRidge(train, films.facts, models.IALS(train, seed=seed, **settings), c), None


def ridge_of_lightgcn(films: Films, seed: int, c: float, lr: float, weight_decay: float) -> Built:
    train = films.split.train
    model = models.LightGCN(train, layers=2, seed=seed)

    def ridge() -> Recommender:
        return models.FactRidge(train, films.facts, model, c)

    epoch = trained(model, films, seed, lr, SampledSoftmax(weight_decay=weight_decay), ridge)
    return ridge(), epoch


def knowledge_lightgcn(
    films: Films, seed: int, lr: float, weight_decay: float, **settings: Any
) -> Built:
    model = models.KnowledgeLightGCN(films.split.train, films.facts, seed=seed, **settings)
    loss = SampledSoftmax(weight_decay=weight_decay, unseen_negatives=False)
    return model, trained(model, films, seed, lr, loss)


def graphsage(
    films: Films, seed: int, lr: float, unseen_negatives: bool = False, **settings: Any
) -> Built:
    model = models.GraphSAGE(films.split.train, films.facts, seed=seed, **settings)
    loss = SampledSoftmax(
        weight_decay=0.0, temperature=0.1, unseen_negatives=unseen_negatives
    )  # its own, but for the negatives
    return model, trained(model, films, seed, lr, loss)


def trained(
    model: models.Model,
    films: Films,
    seed: int,
    lr: float,
    loss: SampledSoftmax,
    judged: Callable[[], Recommender] | None = None,
) -> int:
    """Fit a model; the epoch whose weights it has at last.

    Parameters
    ----------
    model, films, seed, lr, loss
    judged : function, optional
        What is made of the model, where that is judged in its place.
    """
    best: dict[str, Any] = {"quality": -1.0}

    def keep(model: nn.Module, history: Any) -> None:
        if len(history.epochs) % 2:
            return
        quality = statistics.harmonic_mean(recalls(judged() if judged else model, films))  # type: ignore[arg-type]
        if quality > best["quality"]:
            weights = {name: value.clone() for name, value in model.state_dict().items()}
            best.update(quality=quality, epoch=len(history.epochs), weights=weights)

    fit(
        model, Split.from_parts(films.split.train), epochs=EPOCHS, batch_size=2048, lr=lr,
        schedule="cosine", objective=loss, seed=seed, after_epoch=keep, progress=False,
    )  # fmt: skip
    model.load_state_dict(best["weights"])
    epoch: int = best["epoch"]
    return epoch


MODELS: dict[str, Callable[..., Built]] = {
    "random order": random_order,
    "popularity": popularity,
    "facts profile": profile,
    "FactRidge on iALS": ridge_of_ials,
    "FactRidge on LightGCN": ridge_of_lightgcn,
    "KnowledgeLightGCN": knowledge_lightgcn,
    "GraphSAGE": graphsage,
}
CONTROL = ", shuffled facts"


# ---------------------------------------------------------------------- one run
class Among:
    """A model that may recommend some films only."""

    def __init__(self, model: Recommender, allowed: np.ndarray) -> None:
        self.model, self.forbidden = model, torch.from_numpy(~allowed)

    def score(self, users: Tensor) -> Tensor:
        return self.model.score(users).masked_fill(self.forbidden, -torch.inf)


def run(job: Job) -> Result:
    torch.set_num_threads(1)
    films = data(job["seed"], shuffled=job["model"].endswith(CONTROL))
    build = MODELS[job["model"].partition(",")[0]]
    model, epoch = build(films, job["seed"], **job["settings"])
    result: Result = {"epoch": epoch, "validation": recalls(model, films)}
    if job["stage"] == "test":
        of_cold, of_warm, whole = (
            films.judged("test", *kinds) for kinds in ((True,), (False,), (True, False))
        )
        cold = of_cold.test.item_degrees() > 0
        listed = evaluate_items(model, of_cold, K)[f"listed@{K}"].to_numpy()
        users = {
            "cold": evaluate_users(model, of_cold, K, metrics=("recall", "ndcg")),
            "warm": evaluate_users(model, of_warm, K, metrics=("recall",)),
            "both": evaluate_users(model, whole, K, metrics=("recall",)),
            "among cold": evaluate_users(Among(model, cold), of_cold, K, metrics=("recall",)),
        }
        result |= {
            "cold films": int(cold.sum()),
            "their share": float(listed[cold].sum() / listed.sum()),
            "users": {name: table.round(4) for name, table in users.items()},
        }
    return result


# ---------------------------------------------------------------------- what is run
RATE = Between(3e-4, 5e-2, log=True)
DECAY = Between(2e-3, 0.5, log=True)
RIDGE = Between(0.03, 300.0, log=True)
SPACES: dict[str, dict[str, Between]] = {
    "random order": {},
    "popularity": {},
    "facts profile": {"rarity": Between(0.0, 4.0), "length": Between(0.0, 2.0)},
    "FactRidge on iALS": {
        "c": RIDGE,
        "unobserved": Between(1e-3, 1.0, log=True),
        "regularization": Between(1e-3, 1.0, log=True),
    },
    "FactRidge on LightGCN": {"c": RIDGE, "lr": RATE, "weight_decay": DECAY},
    "KnowledgeLightGCN": {
        "lr": Between(3e-5, 5e-2, log=True),
        "weight_decay": DECAY,
        "layers": Between(1, 5),
        "fact_weight": Between(0.1, 30.0, log=True),
    },
    "GraphSAGE": {"lr": RATE, "layers": Between(1, 4), "hidden": Between(0.0, 0.95)},
}
for name in ("facts profile", "FactRidge on iALS", "FactRidge on LightGCN", "GraphSAGE"):
    SPACES[name + CONTROL] = SPACES[name]
WITHOUT: dict[str, dict[str, Any]] = {  # GraphSAGE with its settings, but
    "GraphSAGE, nothing hidden": {"hidden": 0.0},
    "GraphSAGE, cold negatives": {"unseen_negatives": True},
}


def measure(record: Recorded) -> None:
    chosen: dict[str, dict[str, Any]] = {}
    for name, space in SPACES.items():
        trials = [
            {"model": name, "stage": "search", "seed": 0, "settings": drawn(space, trial)}
            for trial in range(TRIALS)
        ]
        chosen[name] = record.best(trials, quality)["settings"] if space else {}
    chosen |= {name: {**chosen["GraphSAGE"], **other} for name, other in WITHOUT.items()}
    record.run([{"model": name, "stage": "test", "seed": seed, "settings": settings}
                for name, settings in chosen.items() for seed in SEEDS])  # fmt: skip


def quality(result: Result) -> float:
    """What settings are chosen by."""
    return statistics.harmonic_mean(result["validation"])


def data_of(job: Job) -> list[str]:
    return ["movielens-small"]


# ---------------------------------------------------------------------- tables
COLUMNS = {  # what is looked at, metric
    "Recall@20 of cold films": ("cold", "recall@20"),
    "NDCG@20 of cold films": ("cold", "ndcg@20"),
    "Recall@20 of warm films": ("warm", "recall@20"),
    "of both": ("both", "recall@20"),
    "Recall@20 among cold films only": ("among cold", "recall@20"),
}


def report(record: dict[str, Any]) -> str:
    runs = {
        name: of_model
        for name in (*SPACES, *WITHOUT)
        if (of_model := records.select(record, model=name, stage="test"))
    }
    if BASELINE not in runs:
        return "Not finished.\n"
    everybody = [run for of_model in runs.values() for run in of_model]
    means = {
        which: compare_users(records.tables_of_users(everybody, which), baseline=BASELINE)
        for which, _ in COLUMNS.values()
    }
    titles = ["model", *COLUMNS, f"cold, against {BASELINE}", "p", "both, against it", "p",
              "cold, over seeds", "cold films in a list", "epochs", "settings"]  # fmt: skip
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, of_model in runs.items():
        cells = [
            f"{means[which].loc[name, metric]:.4f} ± {means[which].loc[name, f'± {metric}']:.4f}"
            for which, metric in COLUMNS.values()
        ]
        for which in ("cold", "both"):
            row = means[which].loc[name]
            same = name == BASELINE
            gain = f"{row['Δ recall@20']:+.4f} ± {row['± Δ recall@20']:.4f}"
            cells += ["–", "–"] if same else [gain, format(row["p recall@20"], ".2g")]
        epochs = [run["result"]["epoch"] for run in of_model]
        settings = of_model[0]["job"]["settings"]
        cells += [
            f"{means['cold'].loc[name, 'sd recall@20']:.4f}",
            f"{statistics.mean(run['result']['their share'] for run in of_model):.1%}",
            "–" if None in epochs else ", ".join(map(str, epochs)),
            ", ".join(f"{key}={value:.4g}" for key, value in settings.items()) or "–",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    count = statistics.mean(run["result"]["cold films"] for run in everybody)
    lines += [
        "",
        "Means over users, each with her mean over five seeds; ± is half of a 95 % interval over "
        "users, p of a paired t-test: they say nothing of other films. Over seeds: standard "
        f"deviation of the mean; {count:.0f} other films are drawn for each seed. Cold films in a "
        "list: the share of the places that test films have.",
        "",
        f"At an end of its space: {', '.join(edges(runs)) or 'none'}.",
        "",
        "Trials, seed 0: Recall@20 of cold and of warm likes on validation, the chosen trial in "
        "bold:",
        "",
    ]
    for name in SPACES:
        trials = [run["result"] for run in records.select(record, model=name, stage="search")]
        best = max(map(quality, trials), default=0.0)
        shown = (
            ("**{:.3f} / {:.3f}**" if quality(trial) == best else "{:.3f} / {:.3f}").format(
                *trial["validation"]
            )
            for trial in trials
        )
        lines += [f"- {name}: {', '.join(shown)}"] if trials else []
    return "\n".join(lines) + "\n"


def edges(runs: dict[str, list[records.Run]]) -> list[str]:
    """What was chosen within 5 % of an end of its space, where less or more is possible."""
    found = []
    for name, space in SPACES.items():
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
    main(__doc__, partial(Recorded, "cold_items", run, report, data_of), measure)
