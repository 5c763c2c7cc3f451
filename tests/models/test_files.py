"""What a file keeps of a model, whoever wrote the class, and what a file does to others."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from gnnrec_helpers import Interactions, Split, datasets, fit, load, models
from gnnrec_helpers.models import Frozen, LightGCN, Model, extend
from gnnrec_helpers.models.files import KEY

ALL = torch.arange(5)


# ---------------------------------------------------------------------- classes of one's own
class Weighed(LightGCN):
    """An attribute that no argument is named after."""

    alpha: Any = 0.5

    def layer_weights(self) -> list[float]:
        weights = self.alpha if isinstance(self.alpha, list) else [self.alpha]
        return weights + [0.25] * (self.layers + 1 - len(weights))


class Named(LightGCN):
    """An argument and an attribute of the same name; `dim` is no longer what it was given."""

    def __init__(self, train: Interactions, dim: int = 4, *, alpha: float = 0.5) -> None:
        super().__init__(train, 2 * dim)
        self.alpha = alpha

    def layer_weights(self) -> list[float]:
        return [self.alpha] * (self.layers + 1)


class Passing(LightGCN):
    def __init__(self, train: Interactions, **settings: Any) -> None:
        super().__init__(train, **settings)


class ByPlace(LightGCN):
    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)


class AlsoByPlace(LightGCN):
    def __init__(self, train: Interactions, /, dim: int = 4) -> None:
        super().__init__(train, dim)


class Filter(models.GraphFilter):
    """Without the arguments whose attributes may be set afterwards."""

    def __init__(self, train: Interactions) -> None:
        super().__init__(train, 2, 0.1)


class Heard(models.UserKNN):
    def __init__(self, train: Interactions) -> None:
        super().__init__(train, 3, 1.0)


def changed(model: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


SAVED: dict[str, Callable[[Interactions], Model]] = {
    "an attribute set afterwards": lambda toy: changed(Weighed(toy, 8), alpha=0.1),
    "a list of them": lambda toy: changed(Weighed(toy, 8), alpha=[0.7, 0.2]),
    "another size than the argument": lambda toy: Named(toy, 4, alpha=0.1),
    "arguments passed on": lambda toy: Passing(toy, dim=4, layers=1, seed=3),
    "nothing passed on": Passing,
    "a filter": Filter,
    "a filter with others afterwards": lambda toy: changed(
        Filter(toy), alpha=0.9, polynomial=(1.0, -0.5)
    ),
    "neighbours": Heard,
    "a blend with another weight": lambda toy: changed(
        models.Blend(toy, models.ItemKNN(toy), models.Popularity(toy)), weight=0.9
    ),
    "friends with a fixed weight": lambda toy: models.KnowledgeLightGCN(
        toy, datasets.load("toy").knowledge, 4
    ),
}


@pytest.mark.parametrize("name", SAVED)
def test_what_is_loaded_is_what_was_saved(name: str, toy: Interactions, tmp_path: Path) -> None:
    model = SAVED[name](toy)
    for round_ in range(2):  # what was loaded can be saved as well
        path = tmp_path / str(round_)
        model.save(path)
        again = type(model).load(path)
        assert torch.equal(again.score(ALL), model.score(ALL))
        assert again.identity() == model.identity()
        assert repr(again) == repr(model)
        assert torch.equal(again.frozen().score(ALL), model.frozen().score(ALL))
        attributes = {n: v for n, v in vars(model).items() if isinstance(v, (float, list, tuple))}
        assert {n: vars(again)[n] for n in attributes} == attributes
        model = again


CHANGED: dict[str, tuple[Callable[[Interactions], Model], str]] = {
    "depth": (lambda toy: changed(LightGCN(toy, 8, 3), layers=1), "layers=1 .* layers=3,"),
    "an argument of one's own": (lambda toy: changed(Named(toy), alpha=0.1), "alpha=0.1 .*=0.5,"),
    "a size that was changed": (lambda toy: changed(Named(toy), dim=3), "dim=3 .* dim=4,"),
    "a closed form": (
        lambda toy: changed(models.EASE(toy), regularization=1),
        "regularization=1 .*=100.0,",
    ),
    "within another": (
        lambda toy: models.Blend(toy, changed(LightGCN(toy, 4), layers=0), models.Popularity(toy)),
        "layers=0 .* layers=3,",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_model_that_its_arguments_no_longer_describe_is_not_saved(
    name: str, toy: Interactions, tmp_path: Path
) -> None:
    build, message = CHANGED[name]
    with pytest.raises(ValueError, match=f"has {message}"):
        build(toy).save(tmp_path / "it")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "build",
    [lambda toy: ByPlace(toy), lambda toy: ByPlace(toy, 4, layers=2), lambda toy: AlsoByPlace(toy)],
)
def test_an_argument_without_a_name_is_told(
    build: Callable[[Interactions], Model], toy: Interactions, tmp_path: Path
) -> None:
    model = build(toy)
    assert model.score(ALL).shape == (5, 5)
    for ask in (lambda: model.save(tmp_path / "it"), lambda: extend(model, toy)):
        with pytest.raises(TypeError, match=r"constructor takes \w+\[0\] by its place: it has to"):
            ask()
    assert [*tmp_path.iterdir()] == []


def test_arguments_that_are_passed_on_are_seen(toy: Interactions) -> None:
    model = Passing(toy, dim=4, layers=1)
    assert repr(model) == "Passing(5 users, 5 items, dim=4, layers=1)"
    assert model.identity() != Passing(toy, dim=4, layers=2).identity()
    friends = datasets.load("lastfm-2k")
    train = friends.interactions.binarize(1)

    class Social(models.SocialLightGCN):
        def __init__(self, train: Interactions, **settings: Any) -> None:
            super().__init__(train, **settings)

    fewer = train.select(train.user_index > 20)
    found = Social(fewer, social=friends.social, dim=2).informed_users
    assert found.tolist() == models.SocialLightGCN(fewer, friends.social, 2).informed_users.tolist()
    assert not found.all() or (fewer.user_degrees() == 0).any()
    with pytest.raises(TypeError, match="seed='x': a whole number is needed"):
        Passing(toy, seed="x")


# ---------------------------------------------------------------------- other versions
def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A file whose JSON another version wrote."""
    with safe_open(path, framework="pt") as file:
        story = json.loads(file.metadata()[KEY])
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    story["version"] = "9.8.7"
    change(story)
    save_file(tensors, path, {KEY: json.dumps(story)})


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no tables": lambda story: story["model"].pop("tables"),
    "a table less": lambda story: story["model"]["tables"]["dict"].pop("similarity"),
    "an argument more": lambda story: story["model"]["arguments"].update(damping=1.0),
    "an argument less": lambda story: story["model"]["arguments"].pop("train"),
    "a value of a new kind": lambda story: story["model"]["arguments"].update(
        shrink={"complex": [1, 2]}
    ),
    "data with something new": lambda story: story["model"]["arguments"]["train"]["fields"][
        "dict"
    ].update(session=None),
    "weights of another name": lambda story: story["model"].update(
        weights={"dict": {"table.weight": {"tensor": "model/tables/similarity/data"}}}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("read", [load, models.ItemKNN.load])
def test_a_file_of_another_version_is_told_in_a_sentence(
    change: str, read: Any, toy: Interactions, tmp_path: Path
) -> None:
    path = tmp_path / "it"
    models.ItemKNN(toy).save(path)
    rewritten(path, CHANGES[change])
    with pytest.raises(ValueError, match=r"it' was written by gnnrec_helpers 9\.8\.7 and") as told:
        read(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("read", [load, Frozen.load])
def test_so_is_a_frozen_one(read: Any, toy: Interactions, tmp_path: Path) -> None:
    path = tmp_path / "it"
    models.ItemKNN(toy).frozen().save(path)
    rewritten(path, lambda story: story["frozen"]["dict"].update(quantized=True))
    with pytest.raises(ValueError, match=r"it' was written by gnnrec_helpers 9\.8\.7 and"):
        read(path)


def test_a_file_without_attributes_is_read(toy: Interactions, tmp_path: Path) -> None:
    """As those of older versions are."""
    model = LightGCN(toy, 4)
    model.save(tmp_path / "it")
    rewritten(tmp_path / "it", lambda story: story["model"].pop("attributes"))
    again = load(tmp_path / "it")
    assert torch.equal(again.score(ALL), model.score(ALL))


# ---------------------------------------------------------------------- whose file it is
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_a_new_file_has_the_mode_that_any_new_file_has(
    umask: int, toy: Interactions, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        models.ItemKNN(toy).save(tmp_path / "it")
        (tmp_path / "plain").touch()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"it": 0o666 & ~umask, "plain": 0o666 & ~umask}


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o644, 0o664])
def test_a_file_that_is_replaced_keeps_its_mode(
    mode: int, toy: Interactions, tmp_path: Path
) -> None:
    for model in (models.ItemKNN(toy), models.ItemKNN(toy, 1)):
        model.save(tmp_path / "it")
        (tmp_path / "it").chmod(mode)
    models.ItemKNN(toy, 2).save(tmp_path / "it")
    assert stat.S_IMODE((tmp_path / "it").stat().st_mode) == mode


@contextmanager
def somebody_else() -> Iterator[Path]:
    """A folder of ours, and, if we may do everything, the rights of somebody who may not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        mine = os.geteuid()
        try:
            yield Path(folder)
        finally:
            if mine == 0:
                os.seteuid(0)
            os.chmod(folder, 0o755)


def give_up_rights(*paths: Path) -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights are of another kind here")
def test_a_file_that_may_not_be_read_is_not_called_torn(toy: Interactions) -> None:
    model = models.ItemKNN(toy)
    with somebody_else() as folder:
        path = folder / "it"
        model.save(path)
        path.chmod(0o600)
        give_up_rights(path)
        for ask in (lambda: load(path), lambda: Model.load(path), lambda: model.save(path)):
            with pytest.raises(PermissionError, match=r"it' may not be read: ask its owner"):
                ask()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights are of another kind here")
def test_a_folder_that_may_not_be_written_to_is_named(toy: Interactions) -> None:
    model = models.ItemKNN(toy)
    with somebody_else() as folder:
        give_up_rights(folder)
        for path, named in ((folder / "it", folder), (folder / "new" / "it", folder / "new")):
            with pytest.raises(PermissionError, match=f"folder '{named}' may not be written to"):
                model.save(path)
        assert [*folder.iterdir()] == []


def test_a_file_of_another_kind_is_left_alone(toy: Interactions, tmp_path: Path) -> None:
    """Of this package as well: a training that took a night is no model."""
    model = LightGCN(toy, 4)
    split = Split.from_parts(toy)
    fit(model, split, epochs=1, checkpoint=tmp_path / "checkpoint", progress=False)
    model.save(tmp_path / "model")
    model.frozen().save(tmp_path / "frozen")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for one, kind in ((model, "model"), (model.frozen(), "frozen")):
        for name in set(before) - {kind}:
            match = rf"{name}' is there already and is of another kind \('{name}', not '{kind}'\)"
            with pytest.raises(ValueError, match=match):
                one.save(tmp_path / name)
        one.save(tmp_path / kind)
    with pytest.raises(ValueError, match="model' is not a checkpoint written by fit"):
        fit(LightGCN(toy, 4), split, epochs=1, checkpoint=tmp_path / "model", progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"mine", b"\x08\0\0\0\0\0\0\0{}      "])
def test_another_program_s_file_is_left_alone(
    content: bytes, toy: Interactions, tmp_path: Path
) -> None:
    path = tmp_path / "it"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="it' is there already and was not written by this pack"):
        models.ItemKNN(toy).save(path)
    assert path.read_bytes() == content
    with pytest.raises(ValueError, match="it' is not a model written by save, or it is torn"):
        load(path)
    with pytest.raises(ValueError, match="is there already and was not written by this package"):
        models.ItemKNN(toy).save(tmp_path)  # a folder


@pytest.mark.parametrize(
    "name", [("shop", "user"), np.int64(3), pd.Timestamp("2026-01-01"), "user"]
)
def test_labels_of_any_name_are_saved(name: Any, tmp_path: Path) -> None:
    toy = datasets.load("toy").interactions
    model = models.LightGCN(replace(toy, users=toy.users.rename(name)), 4)
    model.save(tmp_path / "it")
    again = load(tmp_path / "it")
    assert again.users.equals(model.users)
    assert again.users.name == (name if isinstance(name, (str, np.integer)) else None)
    assert torch.equal(again.score(ALL), model.score(ALL))
