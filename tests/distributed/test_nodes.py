"""Rows of the table on several processes, by TorchRec: the same training as on one."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import by_dimension
import by_node
import numpy as np
import pytest
from processes import on, split

from gnnrec_helpers import SampledSoftmax, distributed, fit, models
from gnnrec_helpers.course import checks
from gnnrec_helpers.distributed import nodes
from gnnrec_helpers.distributed.checkpoints import _with_checksum
from gnnrec_helpers.distributed.nodes import NEEDED, check_truncated
from gnnrec_helpers.distributed.settings import Settings
from gnnrec_helpers.distributed.starting import made_with_of
from gnnrec_helpers.engine.truncation import Bags

needs_torchrec = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED), reason="TorchRec is not installed"
)


@pytest.fixture(scope="module", params=[1, 2, 3])
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> by_dimension.Found:
    """What so many processes computed."""
    folder = tmp_path_factory.mktemp("nodes")
    on(request.param, by_node.train, folder)
    with np.load(folder / f"{request.param}.npz") as arrays:
        return dict(arrays)


@needs_torchrec
@pytest.mark.parametrize("loss", by_dimension.LOSSES)
@pytest.mark.parametrize("name", by_node.MODELS)
def test_it_is_the_training_of_one_process(found: by_dimension.Found, name: str, loss: str) -> None:
    model = by_node.MODELS[name]()
    by_dimension.assert_as_alone(found, f"{name} {loss}", model, loss)


@needs_torchrec
def test_from_start_to_end_and_on_with_more_processes(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "batch_size": 40, "lr": 0.02, "objective": SampledSoftmax(12), "patience": None,
    }  # fmt: skip
    alone, model = by_node.started(), by_node.started()
    expected = fit(alone, split(), epochs=6, progress=False, **settings)
    half = distributed.fit(
        model, split(), parallel="nodes", epochs=3, checkpoint=tmp_path / "checkpoints",
        progress=False, **settings,
    )  # fmt: skip
    np.testing.assert_allclose(half.losses, expected.losses[:3], rtol=1e-5)
    assert not model.training
    on(3, by_node.go_on, tmp_path, Settings("nodes", epochs=6, **settings))
    with np.load(tmp_path / "gone-on.npz") as found:
        np.testing.assert_allclose(found["losses"], expected.losses, rtol=1e-5)
        assert found["best"] == expected.best
        table = alone.nodes.weight.detach().numpy()
        np.testing.assert_allclose(found["table"], table, atol=1e-4, rtol=1e-4)


@needs_torchrec
def test_a_checkpoint_with_other_bags_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    settings: dict[str, Any] = {"batch_size": 40, "lr": 0.02, "objective": SampledSoftmax(12)}
    model = by_node.started()
    story = tmp_path / "step-000000001" / "story.json"
    story.parent.mkdir()
    made_with = made_with_of(model, Settings("nodes", **settings), split())
    story.write_text(_with_checksum({"made_with": made_with, "files": {}}))
    model.use_bags(Bags(model.bags().nodes, 0.5 * model.bags().weights))
    with pytest.raises(ValueError, match=r"was made with model\.bags=None, not") as caught:
        distributed.fit(model, split(), parallel="nodes", checkpoint=tmp_path, **settings)
    assert "\n" not in str(caught.value)


def test_without_torchrec_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "find_spec", lambda name: None if name == "torchrec" else object())
    model = models.TruncatedLightGCN(split().train, 6, 2, 5)
    with pytest.raises(ImportError, match=r"needs TorchRec \(torchrec cannot be found\)") as caught:
        distributed.fit(model, split(), parallel="nodes")
    assert "\n" not in str(caught.value)


def test_only_a_model_with_bags_is_taken() -> None:
    for model in (models.LightGCN(split().train, 6), models.Popularity(split().train), "LightGCN"):
        with pytest.raises(TypeError, match="cannot be trained with parallel='nodes'"):
            check_truncated(model)


def test_notebook_15_goes_on_without_torchrec(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cell trains on one process then, and prints what is stored."""
    monkeypatch.setattr(nodes, "find_spec", lambda name: None)
    notebook = Path(__file__).parents[2] / "notebooks" / "15_scaling_out.ipynb"
    cells = {cell["id"]: cell for cell in json.loads(notebook.read_text("utf-8"))["cells"]}
    cell = cells["torchrec-real"]
    settings = {"epochs": 2, "batch_size": 1024, "progress": False}
    history = fit(models.TruncatedLightGCN(split().train, dim=32, k=64), split(), **settings)  # type: ignore[arg-type]
    known = {"models": models, "distributed": distributed, "fit": fit, "checks": checks}
    exec("".join(cell["source"]), {**known, "split": split(), "history": history})
    assert capsys.readouterr().out == "".join(cell["outputs"][0]["text"])
