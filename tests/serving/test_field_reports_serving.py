"""What people who serve recommendations ran into, as they wrote it, and what has to come out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from gnnrec_helpers import (
    Interactions,
    Split,
    evaluate,
    extend,
    fit,
    load,
    models,
    recommend,
)
from gnnrec_helpers.serving import export_embeddings


def shop() -> Interactions:
    """Sixty users, about eighty items, a few of them very popular."""
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {"user": generator.integers(0, 60, 900), "item": generator.zipf(1.3, 900) % 80}
    )
    return Interactions.from_frame(table.drop_duplicates())


def trained(epochs: int = 2) -> tuple[models.LightGCN, Split]:
    split = shop().split()
    model = models.LightGCN(split.train, dim=8)
    fit(model, split, epochs=epochs, progress=False)
    return model, split


def test_a_user_who_came_after_training_and_a_basket() -> None:
    model = models.IALS(shop(), dim=8)
    with pytest.raises(KeyError, match="Unknown user 12345"):
        recommend(model, [12345], k=3)
    batch = recommend(model, [1, 12345], k=3, unknown="popular")
    assert batch.groupby("user").size().to_dict() == {1: 3, 12345: 3}
    basket = recommend(model, histories={"basket": [1, 2, 3]}, k=3)
    assert len(basket) == 3
    assert not {1, 2, 3} & set(basket["item"])


def test_what_was_bought_since_training() -> None:
    model = models.Popularity(shop())
    first = recommend(model, [1], k=1)["item"][0]
    frame = pd.DataFrame({"user": [1, 12345], "item": [first, first]})
    for since in (Interactions.from_frame(frame), frame, {1: [first]}):
        assert first not in recommend(model, [1], k=3, since=since)["item"].tolist()


def test_what_is_in_stock_and_what_nobody_should_get() -> None:
    model = models.Popularity(shop())
    best = recommend(model, [1], k=5)["item"].tolist()
    assert recommend(model, [1], k=3, never=best[:2])["item"].tolist() == best[2:5]
    assert recommend(model, [1], k=3, only=best[3:])["item"].tolist() == best[3:]
    with pytest.raises(TypeError, match="named in never="):
        recommend(model, [1], k=3, exclude=[5, 8])  # type: ignore[list-item]


def test_a_model_in_a_file_answers_in_another_process(tmp_path: Path) -> None:
    model, _ = trained()
    model.save(tmp_path / "model.safetensors")
    program = (
        "import sys; from gnnrec_helpers import load, recommend\n"
        "recommend(load(sys.argv[1]).frozen(), [1], k=3).to_json(sys.stdout)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model.safetensors")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    there = [*json.loads(found)["item"].values()]
    assert there == recommend(model, [1], k=3)["item"].tolist()
    assert json.dumps(recommend(model, [1], k=3).to_dict("records"))
    # labels, graph and class are in the file: no weights into a model of others
    assert load(tmp_path / "model.safetensors").identity() == model.identity()  # type: ignore[union-attr]


def test_one_request_does_not_propagate(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = trained()
    wanted = recommend(model, [7])
    frozen = model.frozen()

    def propagates(*_: object) -> None:
        raise AssertionError("a request went through the graph")

    monkeypatch.setattr(models.LightGCN, "node_embeddings", propagates)
    pd.testing.assert_frame_equal(recommend(frozen, [7]), wanted, rtol=1e-5)
    with pytest.raises(AssertionError, match="through the graph"):
        recommend(model, [7])


def test_yesterdays_model_and_todays_interactions() -> None:
    model, split = trained()
    today = Interactions.from_frame(pd.DataFrame({"user": [12345], "item": [1]}))
    newer = extend(model, today)
    assert newer.num_users == model.num_users + 1
    fit(newer, Split.from_parts(newer.interactions), epochs=1, progress=False)
    assert len(recommend(newer, [12345], k=3)) == 3
    assert len(split.train) + 1 == len(newer.interactions)


@pytest.mark.parametrize("kind", [models.LightGCN, models.ItemKNN, models.EASE, models.IALS])
def test_cold_users_do_not_get_a_list_that_looks_like_any_other(kind: type[models.Model]) -> None:
    late = pd.DataFrame({"user": [900, 901], "item": [70, 71], "part": 1})
    both = pd.concat([shop().to_frame().assign(part=0), late])
    whole = Interactions.from_frame(both.drop_duplicates(["user", "item"]), rating="part")
    assert whole.rating is not None
    train = whole.select(whole.rating == 0)
    model = kind(Interactions(train.user_index, train.item_index, train.users, train.items))
    with pytest.raises(KeyError, match=r"User 900 has no interactions in train \(as have 1 more"):
        recommend(model, [900, 901], k=4)
    found = recommend(model, [900, 901], k=4, unknown="popular")
    assert found["score"].isna().all()
    lists = found.groupby("user")["item"].apply(list)
    assert lists[900] == lists[901] != [0, 1, 2, 3]


def test_embeddings_for_another_index(tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    model, _ = trained()
    export_embeddings(model, tmp_path)
    users, items = (
        pyarrow.parquet.read_table(tmp_path / name).to_pandas()
        for name in ("users.parquet", "items.parquet")
    )
    index = faiss.IndexFlatIP(8)
    index.add(np.stack(items["embedding"]).astype(np.float32))
    row = users.index[users["id"] == 7][0]
    found = index.search(np.stack(users["embedding"][[row]]).astype(np.float32), len(items))[1][0]
    known = set(model.interactions.items_of(7)) | set(model.items[~model.informed_items])
    best = [item for item in items["id"][found] if item not in known][:5]
    assert best == recommend(model, [7], k=5)["item"].tolist()


def test_the_same_items_for_everybody_can_be_seen() -> None:
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"user": generator.integers(0, 400, 6000),
                          "item": (generator.pareto(0.7, 6000) * 3).astype(int) % 500})  # fmt: skip
    split = Interactions.from_frame(table.drop_duplicates()).split()
    found = evaluate(models.Popularity(split.train), split, metrics=["recall", "coverage", "gini"])
    spread = evaluate(models.ItemKNN(split.train), split, metrics=["recall", "coverage", "gini"])
    assert found["coverage@20"] < 0.1 < spread["coverage@20"]
    assert found["gini@20"] > spread["gini@20"]


# ------------------------------------------------------------------ labels that are missing
def chain() -> models.ItemKNN:
    """User 1 has 10 and 20, user 2 has 20 and 30, user 3 has 30 and 40."""
    pairs = {"user": [1, 1, 2, 2, 3, 3], "item": [10, 20, 20, 30, 30, 40]}
    return models.ItemKNN(Interactions.from_frame(pd.DataFrame(pairs)), shrink=0)


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA], ids=["None", "nan", "NA"])
@pytest.mark.parametrize("unknown", ["error", "popular", "skip"])
def test_a_missing_label_stands_for_nobody_and_nothing(nothing, unknown):
    """A code of -1 would be the last label: of another person, or of her item."""
    model = chain()
    table = pd.DataFrame({"user": pd.array([1, 2], object), "item": [nothing, 30]}, dtype=object)
    swapped = table.rename(columns={"user": "item", "item": "user"})
    requests = {
        r"histories\['a'\] has a missing item": {"histories": {"a": [10, nothing], "b": [30]}},
        "since= has a missing item": {"users": [1], "since": table},
        "since= has a missing user": {"users": [1], "since": swapped},
        r"never\[2\] has a missing item": {"users": [1], "never": {1: [20], 2: [30, nothing]}},
        "never= has a missing item": {"users": [1], "never": [nothing]},
        "only= has a missing item": {"users": [1], "only": [20, nothing]},
    }  # fmt: skip
    if unknown != "error":
        requests["users= has a missing user"] = {"users": [1, nothing, 77]}
    for sentence, request in requests.items():
        with pytest.raises(ValueError, match=sentence):
            recommend(model, k=2, unknown=unknown, **request)


@pytest.mark.parametrize("users", [[True, 2], [True], np.array([True, False])], ids=str)
@pytest.mark.parametrize("unknown", ["error", "popular", "skip"])
def test_true_is_nobody_s_name(users, unknown):
    with pytest.raises((TypeError, KeyError), match="True"):
        recommend(chain(), users, k=2, unknown=unknown)


@pytest.mark.parametrize("truth", [True, np.True_, False], ids=repr)
@pytest.mark.parametrize("beside", [[], [5], ["text"]], ids=str)
def test_true_is_no_item(truth, beside):
    for argument in ("histories", "never", "since", "only"):
        said = rf"{argument}\['x'\] holds True or False, which would be taken for the item 1 or 0"
        with pytest.raises(TypeError, match=said):
            recommend(chain(), [1], **{argument: {"w": [10], "x": [*beside, truth]}})


# ------------------------------------------------------------------ guests beside known users
@pytest.mark.parametrize("where", ["since", "never"])
def test_guests_with_names_and_users_with_numbers_are_asked_for_together(where):
    model = chain()
    lists = recommend(
        model, [2, "guest"], 4, histories={"new": [10]}, unknown="popular",
        **{where: {2: [40], "guest": [20], "new": [30]}},
    )  # fmt: skip
    found = {user: rows["item"].tolist() for user, rows in lists.groupby("user")}
    assert found == {2: [10], "guest": [30, 10, 40], "new": [20, 40]}
    only = recommend(model, [2], 4, histories={"new": [10]}, only={"new": [20, 30], 2: [40]})
    assert only["item"].tolist() == [40, 20, 30]


def test_users_of_a_kind_that_nobody_has_are_refused():
    with pytest.raises(
        TypeError, match="since= names users such as '2', and the model's look like 1"
    ):
        recommend(chain(), [1], since={"2": [30]})
    with pytest.raises(TypeError, match=r"never= names users such as 2\.5"):
        recommend(models.ItemKNN(shop_with_names()), ["u1"], never={2.5: ["i1"]})


def shop_with_names() -> Interactions:
    pairs = {"user": ["u1", "u1", "u2"], "item": ["i1", "i2", "i2"]}
    return Interactions.from_frame(pd.DataFrame(pairs))
