"""The service answers what the package answers, refuses in a sentence, and outlives bad files."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gnnrec_helpers import Interactions, datasets, models, recommend, similar_items

pytest.importorskip("fastapi")
uvicorn = pytest.importorskip("uvicorn")

from serving_soak import Client, bad_files, kill_saves, replace, soak, started  # noqa: E402

from gnnrec_helpers.serving import service as module  # noqa: E402
from gnnrec_helpers.serving.__main__ import main  # noqa: E402
from gnnrec_helpers.serving.service import ModelFile, service  # noqa: E402

TOY = datasets.load("toy").interactions
BUILD: dict[str, Callable[[Interactions], Any]] = {
    "LightGCN": lambda likes: models.LightGCN(likes, dim=8, seed=2),
    "ItemKNN": models.ItemKNN,
}


@contextmanager
def serving(path: Path, **settings: Any) -> Iterator[Client]:
    """A server in a thread of this process."""
    config = uvicorn.Config(service(path, **settings), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        client = Client(server.servers[0].sockets[0].getsockname()[1])
        yield client
        client.connection.close()
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    path = tmp_path_factory.mktemp("service") / "films.safetensors"
    BUILD["LightGCN"](TOY).save(path)
    with serving(path) as client:
        yield client


# ---------------------------------------------------------------------- answers
@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("frozen", [False, True])
def test_lists_are_those_of_recommend(name: str, frozen: bool, tmp_path: Path) -> None:
    model = BUILD[name](TOY)
    (model.frozen() if frozen else model).save(tmp_path / "model")
    users = ["Ben", "Ana", "Ana"]
    with serving(tmp_path / "model") as ask:
        status, answer = ask("/recommend", {"users": users, "k": 2})
        similar = ask("/similar-items", {"items": ["Dune", "Alien"], "k": 2})
    assert status == 200
    assert [one["user"] for one in answer["lists"]] == users
    table = recommend(model, users, k=2)
    flat = [entry for one in answer["lists"] for entry in one["items"]]
    assert [entry["item"] for entry in flat] == table["item"].tolist()
    np.testing.assert_allclose([entry["score"] for entry in flat], table["score"], rtol=1e-5)
    if not frozen:
        near = similar_items(model, ["Dune", "Alien"], k=2)
        assert similar[0] == 200
        assert [one["item"] for one in similar[1]["lists"]] == ["Dune", "Alien"]
        flat = [entry for one in similar[1]["lists"] for entry in one["similar"]]
        assert [entry["item"] for entry in flat] == near["similar"].tolist()
        np.testing.assert_allclose(
            [entry["similarity"] for entry in flat], near["similarity"], rtol=1e-5, atol=1e-7
        )
    elif similar[0] != 200:
        assert similar[0] == 400
        assert similar[1]["detail"].endswith(".")


def test_one_is_not_the_text_one(tmp_path: Path) -> None:
    users, items = pd.Index([1, "1", "é 🎬"]), pd.Index(["1", 1, 2**60, "x"])
    pairs = Interactions(np.arange(3), np.array([0, 1, 3]), users, items)
    model = models.LightGCN(pairs, dim=4, seed=0)
    model.save(tmp_path / "model")
    with serving(tmp_path / "model") as ask:
        for user in users.tolist():
            (one,) = ask("/recommend", {"users": [user]})[1]["lists"]
            assert type(one["user"]) is type(user)
            assert one["user"] == user
            listed = [entry["item"] for entry in one["items"]]
            want = recommend(model, [user])["item"].tolist()
            assert [*map(repr, listed)] == [*map(repr, want)]
        assert ask("/recommend", {"users": [2]})[0] == 404
        (one,) = ask("/similar-items", {"items": [1], "k": 3})[1]["lists"]
        assert type(one["item"]) is int
        assert "'1'" in [repr(entry["item"]) for entry in one["similar"]]


def test_a_user_for_whom_nothing_is_left_has_no_list(tmp_path: Path) -> None:
    likes = Interactions(np.array([0, 0, 1]), np.array([0, 1, 0]), pd.RangeIndex(2),
                         pd.RangeIndex(2))  # fmt: skip
    models.Popularity(likes).save(tmp_path / "model")
    with serving(tmp_path / "model") as ask:
        assert [one["user"] for one in ask("/recommend", {"users": [0, 1]})[1]["lists"]] == [1]


def test_health_tells_what_is_served(ask: Client) -> None:
    status, answer = ask("/health")
    assert status == 200
    assert answer.pop("digest") == ask("/recommend", {"users": ["Ana"]})[1]["digest"]
    loaded = pd.Timestamp(answer.pop("loaded"))
    assert pd.Timedelta(0) <= pd.Timestamp.now("UTC") - loaded < pd.Timedelta("10min")
    version = sys.modules["gnnrec_helpers"].__version__
    assert answer == {
        "status": "ok", "version": version, "users": 5, "items": 5, "refused": None,
        "model": "LightGCN(5 users, 5 items, dim=8, layers=3, cosine=False, seed=2)",
    }  # fmt: skip


def test_somebody_new_what_is_in_stock_and_the_unknown(ask: Client) -> None:
    def listed(**body: Any) -> dict[Any, list[Any]]:
        status, answer = ask("/recommend", body)
        assert status == 200
        return {one["user"]: [e["item"] for e in one["items"]] for one in answer["lists"]}

    model = BUILD["LightGCN"](TOY)
    new = listed(histories={"new": ["Dune"]}, k=2)
    wanted = recommend(model, histories={"new": ["Dune"]}, k=2)["item"].tolist()
    assert new == {"new": wanted}
    assert set(listed(users=["Ana"], only=["Emma", "Heat"])["Ana"]) == {"Emma"}
    assert "Casablanca" not in listed(users=["Ana"], never=["Casablanca"])["Ana"]
    assert list(listed(users=["Zoe", "Ana"], unknown="skip")) == ["Ana"]
    status, answer = ask("/recommend", {"users": ["Zoe", "Ana"], "unknown": "popular", "k": 1})
    assert status == 200
    scores = [one["items"][0]["score"] for one in answer["lists"]]
    assert scores[0] is None  # not the model's
    assert scores[1] is not None
    status, answer = ask("/recommend", {"histories": {"new": ["Heat"]}})
    assert (status, answer["detail"][:19]) == (404, "Unknown item 'Heat'")


def test_reasons_add_up(ask: Client) -> None:
    status, answer = ask("/explain", {"user": "Ana", "item": "Casablanca"})
    assert status == 200
    assert sum(term["contribution"] for term in answer["terms"]) == pytest.approx(
        answer["score"], abs=1e-5
    )
    by_path = sum(path["contribution"] for path in answer["paths"]) + answer["other_paths"]
    assert by_path == pytest.approx(answer["score"], abs=1e-5)
    assert answer["paths"][0]["path"][0] == "Ana"
    assert {"herself", "item"} == {term["kind"] for term in answer["terms"]}
    status, answer = ask("/explain", {"user": "Ana", "item": "Heat"})
    assert (status, answer["detail"][:19]) == (404, "Unknown item 'Heat'")


def test_what_is_asked_reaches_recommend(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def asked(model: Any, users: Any, k: int, **options: Any) -> pd.DataFrame:
        seen.append((users, k, options))
        return pd.DataFrame({"user": ["me"], "rank": [1], "item": [3], "score": [np.float32(0.5)]})

    monkeypatch.setattr(module, "recommend", asked)
    body = {"histories": {"me": ["Dune", 3]}, "never": [1], "only": [], "unknown": "popular"}
    status, answer = ask("/recommend", body)
    assert (status, seen) == (200, [(None, 10, body)])
    assert answer["lists"] == [{"user": "me", "items": [{"item": 3, "score": 0.5}]}]


# ---------------------------------------------------------------------- what is refused
MANY = [*range(101)]
REFUSED: list[tuple[str, Any, int, str]] = [
    ("/recommend", {"users": ["Zoe"]}, 404, "Unknown user 'Zoe': the 5 known ones look like"),
    ("/recommend", {"users": ["Ana", 1]}, 404, "Unknown user 1"),
    ("/recommend", {"users": [2**70]}, 404, "Unknown user 1180591620717411303424"),
    ("/similar-items", {"items": ["Solaris"]}, 404, "Unknown item 'Solaris'"),
    ("/recommend", b"{", 400, "The body is not JSON."),
    ("/recommend", b'{"users": ["\xff"]}', 400, "error parsing the body"),
    ("/recommend", b'{"users": ["\\ud800"]}', 404, "Unknown user '\\ud800'"),
    ("/recommend", b'{"users": [NaN]}', 422, "body.users.0: a label is text or a whole number."),
    ("/recommend", [], 422, "body: "),
    ("/recommend", {}, 422, "body: either users or histories are needed."),
    ("/recommend", {"users": [1], "histories": {"a": [1]}}, 422, "either users or histories"),
    ("/recommend", {"users": []}, 422, "body.users: List should have at least 1 item"),
    ("/recommend", {"users": MANY}, 422, "body.users: List should have at most 100 items"),
    ("/recommend", {"users": "Ana"}, 422, "body.users: Input should be a valid list."),
    ("/recommend", {"users": [True]}, 422, "body.users.0: a label is text or a whole number."),
    ("/recommend", {"users": [1.0]}, 422, "body.users.0: a label is text or a whole number."),
    ("/recommend", {"users": ["Ana"], "k": 0}, 422, "body.k: "),
    ("/recommend", {"users": ["Ana"], "k": 1001}, 422, "body.k: "),
    ("/recommend", {"users": ["Ana"], "k": "10"}, 422, "body.k: Input should be a valid integer."),
    ("/recommend", {"users": ["Ana"], "K": 3}, 422, "body.K: "),
    ("/recommend", {"users": ["Ana"], "only": [*range(10_001)]}, 422, "body.only: "),
    ("/recommend", {"users": ["Ana"], "unknown": "no"}, 422, "body.unknown: "),
    ("/recommend", {"histories": {str(n): [] for n in MANY}}, 422, "body.histories: "),
    ("/recommend", b" " * 2**21, 413, "The body is larger than 1,048,576 bytes."),
    ("/explain", {"user": "Ana"}, 422, "body.item: Field required."),
    ("/nowhere", {}, 404, "Not Found"),
    ("/health", {}, 405, "Method Not Allowed"),
]


@pytest.mark.parametrize(("path", "body", "status", "sentence"), REFUSED)
def test_a_bad_request_gets_one_sentence(
    ask: Client, path: str, body: Any, status: int, sentence: str
) -> None:
    given, answer = ask(path, body)
    assert (given, [*answer]) == (status, ["detail"])
    assert sentence in answer["detail"]
    assert "\n" not in answer["detail"]
    assert ask("/recommend", {"users": ["Ana"]})[0] == 200


# ---------------------------------------------------------------------- the file
def test_a_newer_file_is_taken_once_it_no_longer_changes(tmp_path: Path) -> None:
    path = tmp_path / "model"
    models.LightGCN(TOY, dim=4, seed=0).save(path)
    file = ModelFile(path)
    old, gone = file.current, weakref.ref(file.current.model)
    file.look()
    assert file.current is old
    models.LightGCN(TOY, dim=4, seed=1).save(path)
    file.look()
    assert file.current is old  # it may be being written
    file.look()
    assert "seed=1" in str(file.current.model)
    assert file.current.digest != old.digest
    del old
    assert gone() is None


def test_a_bad_file_is_refused_and_the_old_model_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, good = tmp_path / "model", tmp_path / "good"
    models.LightGCN(TOY, dim=4, seed=0).save(good)
    replace(path, good, False)
    file = ModelFile(path)
    current, list_ = file.current, recommend(file.current.lists, ["Ana"])
    odd = Interactions(np.array([0]), np.array([0]), pd.Index([0.5]), pd.Index(["x"]))
    models.Popularity(odd).save(tmp_path / "odd")
    half = Interactions(
        np.array([0]), np.array([0]), pd.Index([1]), pd.Index(["\ud800"], dtype=object)
    )
    models.Popularity(half).save(tmp_path / "half")
    for new in [*bad_files(good, tmp_path), tmp_path / "odd", tmp_path / "half"]:
        replace(path, new, in_place=True)
        caplog.clear()
        for _ in range(5):
            file.look()
        assert file.current is current
        assert file.refused
        assert len(caplog.records) == 1  # not with every look
        if new and new.stem not in ("odd", "half"):
            assert repr(str(path)) in file.refused
        pd.testing.assert_frame_equal(recommend(current.lists, ["Ana"]), list_)
    replace(path, good, in_place=True)
    for _ in range(2):
        file.look()
    assert file.refused is None


def test_writing_over_the_file_changes_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "model"
    models.LightGCN(TOY, dim=64, seed=0).frozen().save(path)
    served = ModelFile(path).current
    before = recommend(served.lists, TOY.users)
    with path.open("r+b") as file:
        file.seek(len(path.read_bytes()) // 2)
        file.write(bytes(2_000))
    pd.testing.assert_frame_equal(recommend(served.lists, TOY.users), before)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / "model", module.read
    models.LightGCN(TOY, dim=4, seed=0).save(path)
    file = ModelFile(path)

    def slow(path: Path) -> Any:
        served = read(path)
        models.LightGCN(TOY, dim=4, seed=2).save(path)
        return served

    models.LightGCN(TOY, dim=4, seed=1).save(path)
    file.look()
    monkeypatch.setattr(module, "read", slow)
    file.look()
    assert "seed=0" in str(file.current.model)
    monkeypatch.setattr(module, "read", read)
    for _ in range(2):
        file.look()
    assert "seed=2" in str(file.current.model)


def test_a_model_whose_table_would_be_too_large_serves_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frozen(self: models.Model) -> None:
        raise ValueError("a table of all scores needs 9 GB")

    models.NGCF(TOY, dim=4).save(tmp_path / "model")
    monkeypatch.setattr(models.Model, "frozen", frozen)
    served = ModelFile(tmp_path / "model").current
    assert served.lists is served.model
    assert not any(part.training for part in served.model.modules())


# ---------------------------------------------------------------------- a process of its own
def test_a_start_that_fails_ends_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    path = str(tmp_path / "model")
    with pytest.raises(SystemExit) as ended:
        main([path])
    assert (ended.value.code, capsys.readouterr().err) == (1, f"There is no file {path!r}.\n")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit) as ended:
        main([path])
    sentence = capsys.readouterr().err
    assert ended.value.code == 1
    assert "pip install 'gnnrec-helpers[serving]'" in sentence
    assert sentence.count("\n") == 1


def test_it_serves_without_training_code_and_sigterm_lets_a_request_finish(tmp_path: Path) -> None:
    models.LightGCN(TOY, dim=4).save(tmp_path / "model")
    log = tmp_path / "log"
    with started(tmp_path / "model", log, PYTHONPROFILEIMPORTTIME="1") as (process, port):
        client, body = Client(port).connection, b'{"users": ["Ana"]}'
        client.putrequest("POST", "/recommend")
        client.putheader("Content-Type", "application/json")
        client.putheader("Content-Length", str(len(body)))
        client.endheaders(body[:5])
        time.sleep(0.2)
        process.terminate()
        time.sleep(0.2)
        if sys.platform != "win32":  # which ends a process without asking
            client.send(body[5:])
            assert client.getresponse().status == 200
        client.close()
    text = log.read_text("utf-8")
    assert "Traceback" not in text
    assert sys.platform == "win32" or process.returncode == 0
    imported = {name.strip() for name in re.findall(r"^import time:.*\|(.*)$", text, re.M)}
    assert "gnnrec_helpers.serving.service" in imported
    needless = ("gnnrec_helpers.training", "gnnrec_helpers.course", "optuna", "faiss", "matplotlib")
    assert {name for name in imported if name.startswith(needless)} == set()


def test_it_serves_while_its_file_is_replaced_and_ends_when_asked(tmp_path: Path) -> None:
    report = soak(tmp_path, seconds=2, clients=4, replacements=4, poll=0.05)
    assert report.wrong == []
    assert report.refused == 2
    assert report.requests > 100
    assert len(report.answered_by) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="starting so many processes takes minutes")
def test_a_killed_save_leaves_a_whole_file(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    found, _ = kill_saves(tmp_path, kills=8)
    assert sum(found.values()) == 8
