"""One command: ``torchrun --nproc-per-node 2 -m gnnrec_helpers.distributed --data gowalla``."""

from __future__ import annotations

import argparse
import glob
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

from .. import datasets
from ..data import Interactions, Split
from ..engine.truncation import Bags
from ..evaluation.ranking import evaluate
from ..models import LightGCN, MatrixFactorization, TruncatedLightGCN
from ..models.files import check_place
from ..objectives import BPR, SampledSoftmax
from ..training.fitting import usual_batch_size
from .checkpoints import Checkpoints, read_whole, write_tensors
from .engines import building_own_part, check_model, engine_for
from .joining import joined, leave
from .losses import Ranking, checked_objective
from .sampling import sampler_for
from .settings import Settings
from .starting import made_with_of
from .training import train

MODELS = {kind.__name__: kind for kind in (MatrixFactorization, LightGCN, TruncatedLightGCN)}


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        prog="torchrun --nproc-per-node 2 -m gnnrec_helpers.distributed",
        description="Train a linear graph model on several processes, of one machine or several.",
    )
    add = parser.add_argument
    add(
        "--data",
        required=True,
        help="a data set's name, or what Interactions.read takes: "
        "a file, a folder of Parquet files or, in quotes, a pattern such as 'sales/*.parquet'",
    )
    add("--user", help="the column of users, in a file, or its place from 0; by default user")
    add("--item", help="the column of items, likewise; by default item")
    add("--rating", help="the column of ratings, likewise, for --likes")
    add("--no-header", action="store_true", help="the first line of the file is a pair already")
    add("--likes", type=float, help="of ratings, this and above count as chosen")
    add("--validation", type=float, default=0.0, help="share of train that says when to stop")
    add("--parallel", choices=["dimensions", "nodes"], default="dimensions")
    add("--model", choices=MODELS, default="LightGCN")
    add("--dim", type=int, default=64)
    add("--layers", type=int, help="of LightGCN and TruncatedLightGCN; by default 3")
    add("--bag", type=int, help="nodes in a bag (TruncatedLightGCN); by default 64")
    add("--walks", type=int, help="from each node, to estimate bags; by default they are exact")
    add("--loss", choices=["SampledSoftmax", "BPR"], help="by default the model's own")
    add("--negatives", type=int, help="of a batch (SampledSoftmax), of each positive (BPR)")
    add("--weight-decay", type=float, help="by default that of the loss")
    add("--epochs", type=int, default=100)
    add("--batch-size", type=int, help="by default chosen by the number of pairs")
    add("--lr", type=float, default=5e-3)
    add("--seed", type=int, default=0)
    add("--patience", type=int, help="epochs without a better validation; by default 10")
    add("--k", type=int, help="length of the lists that are judged; by default 20")
    add("--checkpoint", type=Path, help="a folder; training goes on where its newest is")
    add("--save-every", type=int, help="steps between checkpoints, besides one an epoch")
    add("--save", type=Path, help="the file the model is saved to, for gnnrec_helpers.load")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    given = parser().parse_args(arguments)
    with joined():
        _train(given)


def _train(given: argparse.Namespace) -> None:
    if given.checkpoint is None and given.save is None:
        raise ValueError("Say what is to be kept: --save FILE, --checkpoint FOLDER, or both.")
    _check_effect(given, _without_effect(given))
    if given.save is not None:
        check_place(given.save, {"model": {}})
    split = _split(given)
    _check_effect(given, _without_effect_on(split))
    with building_own_part(given.parallel):
        model = _model(given, split.train)
    check_model(model, given.parallel, dist.get_world_size())
    settings = Settings(
        given.parallel,
        given.epochs,
        usual_batch_size(len(split.train)) if given.batch_size is None else given.batch_size,
        given.lr,
        _loss(given, checked_objective(model.default_objective())),
        1 if given.loss != "BPR" or given.negatives is None else given.negatives,
        given.seed, 10 if given.patience is None else given.patience,
        k=20 if given.k is None else given.k, save_every=given.save_every,
    )  # fmt: skip
    checkpoints = None
    if given.checkpoint is not None:
        checkpoints = Checkpoints(given.checkpoint, made_with_of(model, settings, split))
        checkpoints.check(settings.epochs)
    with _shared_bags(model, (given.checkpoint or given.save).resolve()):
        _train_and_save(given, model, settings, split, checkpoints)


def _train_and_save(
    given: argparse.Namespace,
    model: MatrixFactorization,
    settings: Settings,
    split: Split,
    checkpoints: Checkpoints | None,
) -> None:
    engine = engine_for(model, settings)
    first = dist.get_rank() == 0

    def report(row: dict[str, float]) -> None:
        told = [f"{name} {value:.4g}" for name, value in row.items() if name != "epoch"]
        print(f"epoch {row['epoch']:.0f}: {', '.join(told)}", flush=True)

    train(engine, sampler_for(settings, split.train), settings, split, checkpoints, report)
    if len(split.test):
        judged = evaluate(engine.recommender(), split, settings.k)
        if first:
            print(", ".join(f"{name} {value:.4f}" for name, value in judged.items()), flush=True)
    if given.save is not None:
        with _folder_beside(given.save.resolve()) as aside:
            write_tensors(aside, {"nodes": engine.tensors()["nodes"]})
            dist.barrier()
            if first:
                _save(_model(given, split.train), aside, given.save)
            dist.barrier()


@contextmanager
def _folder_beside(place: Path) -> Iterator[Path]:
    """A new folder, which all processes see, and which is removed at the end."""
    name: list[str] = [""]
    if dist.get_rank() == 0:
        place.parent.mkdir(parents=True, exist_ok=True)
        name = [tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}.part-")]
    dist.broadcast_object_list(name)
    try:
        yield Path(name[0])
    finally:
        if dist.get_rank() == 0:
            shutil.rmtree(name[0], ignore_errors=True)


@contextmanager
def _shared_bags(model: MatrixFactorization, place: Path) -> Iterator[None]:
    """Bags of a model that has some: the first process computes them, and all map one file."""
    if not isinstance(model, TruncatedLightGCN):
        yield
        return
    with _folder_beside(place) as folder:
        computed = dist.new_group(timeout=timedelta(days=7))  # it may take long
        if dist.get_rank() == 0:
            model.bags().save(folder)
        dist.barrier(computed)
        model.use_bags(Bags.open(folder))
        yield


def _save(model: MatrixFactorization, aside: Path, path: Path) -> None:
    """Put the parts of the table together; the only place where one process has it whole."""
    read_whole(aside, {"nodes": model.nodes.weight.detach()})
    model.save(path)


def _loss(given: argparse.Namespace, usual: Ranking) -> Ranking:
    decay = {} if given.weight_decay is None else {"weight_decay": given.weight_decay}
    if given.loss == "BPR":
        return BPR(**decay)
    count = {} if given.negatives is None else {"shared_negatives": given.negatives}
    return replace(SampledSoftmax() if given.loss else usual, **count, **decay)


def _model(given: argparse.Namespace, train: Interactions) -> MatrixFactorization:
    asked = {"layers": given.layers, "k": given.bag, "walks": given.walks}
    options = {name: value for name, value in asked.items() if value is not None}
    return MODELS[given.model](train, given.dim, seed=given.seed, **options)


def _without_effect(given: argparse.Namespace) -> dict[str, str]:
    """Options that change nothing, whatever the data, and why."""
    of_bags = f"with --model {given.model}: TruncatedLightGCN has bags"
    reasons: dict[str, str] = {}
    if given.model != "TruncatedLightGCN":
        reasons |= {"bag": of_bags, "walks": of_bags}
    if given.model == "MatrixFactorization":
        reasons["layers"] = "with --model MatrixFactorization, which has none"
    if not _is_file(given.data):
        of_files = ("user", "item", "rating", "no_header")
        reasons |= dict.fromkeys(of_files, f"with --data {given.data}, which is no file")
    elif given.likes is None:
        reasons["rating"] = "without --likes"
    if given.checkpoint is None:
        reasons["save_every"] = "without --checkpoint"
    return reasons


def _without_effect_on(split: Split) -> dict[str, str]:
    """Options that change nothing with these data, and why."""
    if split.validation is not None:
        return {}
    reasons = {"patience": "without a validation part: --validation makes one"}
    if len(split.test) == 0:
        reasons["k"] = "without a validation or a test part: --validation makes one"
    return reasons


def _check_effect(given: argparse.Namespace, reasons: dict[str, str]) -> None:
    for name, why in reasons.items():
        value = getattr(given, name)
        if value is not None and value is not False:
            option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
            raise ValueError(f"{option} has no effect {why}.")


def _is_file(data: str) -> bool:
    return Path(data).exists() or bool(glob.glob(data))


def _split(given: argparse.Namespace) -> Split:
    """The published split where there is one; otherwise all pairs are for training."""
    split = None
    if _is_file(given.data):
        if given.likes is not None and given.rating is None:
            raise ValueError(f"--likes {given.likes:g} needs --rating, the column of ratings.")
        columns = {"user": given.user or "user", "item": given.item or "item"}
        columns |= {} if given.rating is None else {"rating": given.rating}
        places = {name: int(at) if at.isdecimal() else at for name, at in columns.items()}
        header = {"header": False} if given.no_header else {}
        pairs = Interactions.read(given.data, **places, **header)
    else:
        dataset = datasets.load(given.data)
        pairs, split = dataset.interactions, dataset.split
    if given.likes is not None:
        pairs, split = pairs.binarize(given.likes), None
    split = Split.from_parts(pairs) if split is None else split
    return split.with_validation(given.validation, seed=given.seed) if given.validation else split


if __name__ == "__main__":
    main()
    leave()
