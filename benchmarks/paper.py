"""Published figures on Gowalla, and ours.

    GNNREC_DATA=... python benchmarks/paper.py
    GNNREC_DATA=... python benchmarks/paper.py EASE GF-CF        # these rows only
    GNNREC_DATA=... python benchmarks/paper.py --data yelp2018   # other data of the same format

Protocol: train.txt and test.txt as published with LightGCN, all items that are not in a user's
train ranked, Recall@20 and NDCG@20. There are two columns of ours:

- *chosen on validation*: settings are chosen on a fifth of train, as large a share as test is of
  all, then the model is fitted on all of train. EASE inverts a matrix of 29,858 x 29,858 numbers,
  some minutes and 7 GB; its settings are chosen among the 8,000 most popular items. Those of the
  filters are chosen by 6,000 users. MF and LightGCN are trained as benchmarks/time_to_quality.py
  chose for MF and for three layers; other depths take the settings of three layers. "LightGCN and
  BSPM" is a blend of the two, whose weight is chosen last.
- *as published*: the settings that the paper gives. LightGCN's own recipe takes days on a laptop,
  so it, XSimGCL and SGL are run for as long as time_to_quality.py runs them.

Every row is stored as soon as it is there, and not computed again while its code stays the same.
Settings that were published for Gowalla are not used on other data, except those that papers give
for all of theirs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from machine import RESULTS, describe, load, record_of, store
from provenance import is_current, outdated, provenance
from recorded import key, parser
from time_to_quality import (
    AS_PUBLISHED,
    PAPER,
    SEEDS,
    Setting,
    fitted,
    recorded,
    refits,
    tuned,
    with_layer_0,
)

from gnnrec_helpers import Interactions, Split, datasets, evaluate, models

PUBLISHED = {  # on Gowalla: Recall@20, NDCG@20, source
    "most popular": "0.0416 / 0.0316 (Anelli et al. 2023)",
    "ItemKNN": "0.1409 / 0.1165 (Anelli et al. 2023), 0.1570 / 0.1214 (BARS)",
    "UserKNN": "0.1685 / 0.1370 (Anelli et al. 2023)",
    "RP3beta": "0.1829 / 0.1520 (Anelli et al. 2023)",
    "iALS": "–",
    "EASE": "0.1661 / 0.1384 (Anelli et al. 2023), 0.1765 / 0.1467 (BARS)",
    "linear filter": "–",
    "GF-CF": "0.1849 / 0.1518 (Shen et al. 2021)",
    "LinkProp": "–",
    "EASE, adaptive": "0.1922 / 0.1605 (Park et al. 2025, of a relative)",
    "BSPM": "0.1920 / 0.1597 (Choi et al. 2023)",
    "MF": "0.1627 / 0.1378 (BARS)",
    "MF, cosines": "0.1882 / 0.1584 (Wu et al. 2024, BSL)",
    "UltraGCN": "0.1862 / 0.1580 (paper)",
    "SGL": "–",
    "XSimGCL": "–",
    "XSimGCL, layer 0 kept": "–",
    "LightGCN, 1 layer": "0.1687 / 0.1417 (authors' code)",
    "LightGCN, 2 layers": "0.1786 / 0.1524 (authors' code)",
    "LightGCN, 3 layers": "0.1824 / 0.1547 (authors' code), 0.1830 / 0.1554 (paper)",
    "LightGCN, 4 layers": "0.1825 / 0.1537 (authors' code)",
    "LightGCN, cosines": "0.1892 / 0.1590 (Wu et al. 2024, BSL)",
    "LightGCN and BSPM": "–",
}
KNN = [(neighbours, shrink) for neighbours in (50, 100, 200, 500) for shrink in (0, 10, 50, 200)]
USERS = [(neighbours, shrink) for neighbours in (50, 100, 200) for shrink in (0, 10, 50)]
WALKS = [(500, alpha, beta) for alpha in (0.4, 0.6, 0.8, 1.0, 1.2) for beta in (0.1, 0.2, 0.3)]
ALTERNATING = [(a, b) for a in (0.003, 0.01, 0.03) for b in (0.0003, 0.001, 0.003)]
EASES, ALPHAS = (15.0, 60.0, 250.0, 1000.0), (0.1, 0.2, 0.3, 0.5)
ADAPTED = list(product((20.0, 60.0, 250.0), (0.0, 0.3, 0.6), (0.0, 0.3, 0.6)))
HELD_BACK = (-0.2, -0.1, 0.0, 0.1, 0.2)
EXPONENTS = list(product((0.3, 0.5, 0.7), (0.4, 0.7, 1.0), (0.2, 0.35, 0.5, 0.65)))
COMPONENTS, SHARPENED = 448, list(product((0.1, 0.2, 0.3), (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)))
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
Row = dict[str, Any]


def judged(build: Callable[[], models.Recommender], split: Split) -> Row:
    started = time.perf_counter()
    model = build()
    built = time.perf_counter()
    metrics = evaluate(model, split, metrics=("recall", "ndcg"))
    return {
        "model": repr(model),
        "recall": metrics["recall@20"],
        "ndcg": metrics["ndcg@20"],
        "fit": built - started,
        "evaluation": time.perf_counter() - built,
    }


def best(settings: list[Any], build: Callable[[Any], models.Recommender], parts: Split) -> Any:
    """The setting with the best validation Recall@20."""
    quality = {
        setting: evaluate(build(setting), parts, part="validation", metrics=("recall",))
        for setting in settings
    }
    return max(quality, key=lambda setting: quality[setting]["recall@20"])


def popular_items(parts: Split, count: int = 8000) -> Split:
    """Train and validation with the most popular items only."""
    items = np.sort(np.argsort(-parts.train.item_degrees(), kind="stable")[:count])

    def among(part: Interactions) -> Interactions:
        kept = part.select(np.isin(part.item_index, items))
        place = np.searchsorted(items, kept.item_index)
        return Interactions(kept.user_index, place, part.users, part.items[items])

    return Split(among(parts.train), among(parts.validation), among(parts.test))


def some_users(parts: Split, count: int = 6000) -> Split:
    """The same train, and what is to be found for so many users drawn at random."""
    everybody = np.flatnonzero(parts.validation.user_degrees() > 0)
    drawn = np.random.default_rng(0).permutation(everybody)[:count]
    among = np.isin(parts.validation.user_index, drawn)
    return Split(parts.train, parts.validation.select(among), parts.test)


def bspm(known: Interactions, alpha: float, step: float) -> models.GraphFilter:
    return models.GraphFilter(known, COMPONENTS, alpha, models.sharpening(step))


def best_bspm(parts: Split) -> tuple[float, float]:
    """Weight of the ideal filter and length of the step."""
    filters = bspm(parts.train, *SHARPENED[0])

    def changed(setting: tuple[float, float]) -> models.GraphFilter:
        filters.alpha, filters.polynomial = setting[0], models.sharpening(setting[1])
        return filters

    chosen: tuple[float, float] = best(SHARPENED, changed, some_users(parts))
    return chosen


def closed_forms(data: str, split: Split) -> dict[str, Callable[[], Row]]:
    train, parts = split.train, split.with_validation(0.2, seed=0)

    def chosen(build: Callable[..., models.Recommender], settings: list[Any]) -> Callable[[], Row]:
        """The row of the setting that is best on validation."""

        def row() -> Row:
            setting = best(settings, lambda setting: build(parts.train, *setting), parts)
            return judged(lambda: build(train, *setting), split)

        return row

    def ials(known: Interactions, unobserved: float, regularization: float) -> models.IALS:
        return models.IALS(known, unobserved=unobserved, regularization=regularization)

    def ease() -> Row:
        few = popular_items(parts)
        value = best(list(EASES), lambda value: models.EASE(few.train, value), few)
        return judged(lambda: models.EASE(train, value), split)

    def gf_cf() -> Row:
        filters = models.GraphFilter(parts.train, components=256)

        def weighted(alpha: float) -> models.GraphFilter:
            filters.alpha = alpha
            return filters

        alpha = best(list(ALPHAS), weighted, parts)
        return judged(lambda: models.GraphFilter(train, components=256, alpha=alpha), split)

    def link_prop() -> Row:
        few = some_users(parts)
        b, c, d = best(EXPONENTS, lambda some: models.LinearFilter(few.train, (0, *some)), few)
        return judged(lambda: models.LinearFilter(train, (0, b, c, d)), split)

    def adaptive_ease() -> Row:
        few = popular_items(parts)

        def build(known: Interactions, setting: tuple[float, ...]) -> models.EASE:
            ridge, dropout, user, item = setting
            both = {"item_exponent": item, "history_exponent": item}  # equal, as the authors' are
            return models.EASE(known, ridge, dropout=dropout, user_exponent=user, **both)

        ridge = best(ADAPTED, lambda setting: build(few.train, (*setting, 0.0)), few)
        ends = [(*ridge, item) for item in HELD_BACK]
        chosen = best(ends, lambda setting: build(few.train, setting), few)
        return judged(lambda: build(train, chosen), split)

    on_gowalla: dict[str, Callable[[], models.Recommender]] = {
        "GF-CF": lambda: models.GraphFilter(train, components=256, alpha=0.3),
        "BSPM": lambda: bspm(train, 0.2, 2.5),
        "EASE, adaptive": lambda: models.EASE(train, 20.0, dropout=0.6, user_exponent=0.3),
        "UserKNN": lambda: models.UserKNN(train, 146, shrink=0, reverse=True),
        "RP3beta": lambda: models.RP3Beta(train, 777, alpha=0.5664, beta=0.001085, sources=777),
    }
    return {
        "most popular": lambda: judged(lambda: models.Popularity(train), split),
        "ItemKNN": chosen(models.ItemKNN, KNN),
        "linear filter": lambda: judged(lambda: models.LinearFilter(train), split),
        "GF-CF": gf_cf,
        "UserKNN": chosen(models.UserKNN, USERS),
        "RP3beta": chosen(models.RP3Beta, WALKS),
        "iALS": chosen(ials, ALTERNATING),
        "EASE": ease,
        "EASE, adaptive": adaptive_ease,
        "LinkProp": link_prop,
        "BSPM": lambda: judged(partial(bspm, train, *best_bspm(parts)), split),
        **{
            f"{name}, as published": partial(judged, build, split)
            for name, build in (on_gowalla if data == "gowalla" else {}).items()
        },
    }


def blends(data: str, split: Split, reuse_outdated: bool) -> dict[str, Callable[[], Row]]:
    """A trained model and a filter, each as chosen on validation, and then the weight of both."""

    def row() -> Row:
        setting = tuned(recorded(data, reuse_outdated=reuse_outdated), "LightGCN")
        parts = split.with_validation(0.2, seed=0)
        chosen = best_bspm(parts)

        def both(known: Split) -> models.Blend:
            model, _ = fitted("LightGCN", known, setting, SEEDS[0])
            return models.Blend(known.train, model, bspm(known.train, *chosen))

        blend = both(parts)

        def weighted(weight: float) -> models.Blend:
            blend.weight = weight
            return blend

        weight = best(list(WEIGHTS), weighted, parts)

        def build() -> models.Blend:
            whole = both(split)
            whole.weight = weight
            return whole

        return judged(build, split)

    return {"LightGCN and BSPM": row}


def trained(data: str, reuse_outdated: bool) -> dict[str, Callable[[], Row]]:
    """Rows from the runs of time_to_quality.py, which are run where they are not there yet."""
    runs = recorded(data, reuse_outdated=reuse_outdated)

    def row(name: str, setting: Setting, seeds: tuple[int, ...], note: str = "") -> Row:
        jobs = refits(name, setting, seeds)
        results = runs.run(jobs)
        lasts = [result["epochs"][-1] for result in results]
        return {
            "model": ", ".join(f"{option} {value}" for option, value in setting.items()),
            "recall": statistics.mean(last["recall@20"] for last in lasts),
            "ndcg": statistics.mean(last["ndcg@20"] for last in lasts),
            "fit": statistics.mean(result["seconds"] for result in results),
            "evaluation": None,
            "seeds": len(seeds),
            "note": note,
            "provenance": runs.stored[key(jobs[0])]["provenance"],
        }

    def published(name: str) -> Row:
        setting = AS_PUBLISHED[name]
        return row(name, setting, SEEDS[:1], f", {setting['epochs']} epochs")

    def depth(layers: int) -> Row:
        chosen = tuned(runs, "LightGCN")
        if layers == chosen["layers"]:
            return row("LightGCN", chosen, SEEDS)
        setting, note = {**chosen, "layers": layers}, f", chosen for {chosen['layers']} layers"
        return row(f"LightGCN, layers={layers}", setting, SEEDS[:1], note)

    return {
        "MF": lambda: row("MF", tuned(runs, "MF"), SEEDS),
        "MF, cosines": lambda: row("MF, cosines", tuned(runs, "MF, cosines"), SEEDS[:1]),
        "LightGCN, cosines": lambda: row(
            "LightGCN, cosines", tuned(runs, "LightGCN, cosines"), SEEDS[:1]
        ),
        "UltraGCN": lambda: row("UltraGCN", tuned(runs, "UltraGCN"), SEEDS[:1]),
        "XSimGCL, as published": lambda: published("XSimGCL"),
        "XSimGCL, layer 0 kept": lambda: row(
            "XSimGCL", with_layer_0(runs), SEEDS[:1], ", chosen for LightGCN"
        ),
        "SGL, as published": lambda: published("SGL"),
        "LightGCN, 3 layers": lambda: depth(3),
        "LightGCN, 3 layers, as published": lambda: row(
            "paper's recipe", PAPER, SEEDS[:1], f", {PAPER['epochs']} of 1,000 epochs"
        ),
        "LightGCN, 1 layer": lambda: depth(1),
        "LightGCN, 2 layers": lambda: depth(2),
        "LightGCN, 4 layers": lambda: depth(4),
    }


def measure(data: str, names: Sequence[str], reuse_outdated: bool) -> None:
    split = datasets.load(data).split
    if split is None:
        raise ValueError(f"{data!r} has no split of its own, so there are no figures to compare.")
    closed = {**closed_forms(data, split), **blends(data, split, reuse_outdated)}
    work = {**trained(data, reuse_outdated), **closed}
    unknown = [name for name in names if name not in work]
    if unknown:
        raise ValueError(f"No row {unknown[0]!r}; there are {', '.join(work)}.")
    stored, now = record_of("paper", data), provenance([closed_forms, blends], [data])

    def rows() -> dict[str, Row]:
        return load(stored)["rows"] if (RESULTS / f"{stored}.json").exists() else {}

    for name in names or work:
        known = rows().get(name) if name in closed else None  # other rows are those of runs
        if known is not None and (
            reuse_outdated or is_current(known["provenance"], now["code"], [data])
        ):
            continue
        row = {"provenance": now, **work[name]()}
        machine = describe(torch.get_num_threads(), [closed_forms, blends], [data])
        # read again: another process may have stored rows meanwhile
        record = {"machine": machine, "rows": {**rows(), name: row}}
        store(stored, record, tables(data, record, now))


def tables(data: str, record: dict[str, Any], now: dict[str, Any]) -> str:
    """The report, and how many of the closed forms in it are of another version."""
    closed = [r["provenance"] for r in record["rows"].values() if r["evaluation"] is not None]
    warning = outdated(closed, [is_current(stored, now["code"], [data]) for stored in closed])
    return report(data, record) + (f"\nClosed forms: {warning}\n" if warning else "")


def report(data: str, record: dict[str, Any]) -> str:
    rows = record["rows"]
    lines = [
        "| model | chosen on validation | as published | published figures | fit, s | judged, s |",
        "|---|---|---|---|---|---|",
    ]

    def figures(name: str) -> str:
        if name not in rows:
            return "–"
        note = rows[name].get("note", "")
        return f"{rows[name]['recall']:.4f} / {rows[name]['ndcg']:.4f}{note}"

    for name, published in PUBLISHED.items():
        row = rows.get(name) or rows.get(f"{name}, as published")
        if row is None:
            continue
        evaluation = "–" if row["evaluation"] is None else f"{row['evaluation']:.1f}"
        same = name in ("most popular", "linear filter")  # nothing to choose
        lines.append(
            f"| {name} | {figures(name)} | {figures(name if same else name + ', as published')} | "
            f"{published if data == 'gowalla' else '–'} | {row['fit']:.1f} | {evaluation} |"
        )
    several = len({row["provenance"]["processor"] for row in rows.values()}) > 1
    where = " Seconds are of more than one processor, see paper.json." if several else ""
    lines += ["", f"Recall@20 / NDCG@20.{where} Settings:", ""]
    for name, row in rows.items():
        seeds = f", {row['seeds']} seed(s)" if "seeds" in row else ""
        lines.append(f"- {name}: {row['model']}{seeds}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--data", default="gowalla")
    arguments.add_argument("rows", nargs="*", help="names as in the tables; all by default")
    given = arguments.parse_args()
    if given.report:
        stored = record_of("paper", given.data)
        now = provenance([closed_forms, blends], [given.data])
        store(stored, load(stored), tables(given.data, load(stored), now))
    else:
        measure(given.data, given.rows, given.reuse_outdated)
