"""Every model on a GPU computes what it computes on a processor.

The same tests run on a device that is none (see `fake_device`), everywhere, and on a GPU where
there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fake_device import fake_device, waits
from test_contract import BUILD, RATINGS, data_of, trained_models

from gnnrec_helpers import (
    BPR,
    Interactions,
    Split,
    datasets,
    evaluate,
    fit,
    load,
    models,
    recommend,
    similar_items,
    similar_users,
)
from gnnrec_helpers.engine import PairSampler, propagate, propagate_batch, user_item_adjacency
from gnnrec_helpers.engine.on_device import is_gpu
from gnnrec_helpers.engine.sampling import Batch, Negatives
from gnnrec_helpers.evaluation import evaluate_ctr, evaluate_ratings
from gnnrec_helpers.objectives import SampledSoftmax, SelfSupervised
from gnnrec_helpers.serving import explain
from gnnrec_helpers.serving.candidates import Pairs
from gnnrec_helpers.serving.retrieval import rank
from gnnrec_helpers.training import fitting, stepping
from gnnrec_helpers.training.stepping import Stepper

Entered = Callable[[], AbstractContextManager[torch.device]]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
DEVICES = [
    pytest.param(fake_device, id="fake"),
    pytest.param(lambda: nullcontext(torch.device("cuda")), id="cuda", marks=needs_gpu),
]
NOT_RANDOM = {  # what a device draws by itself, left out
    "SGL": {"dropped": 0.0},
    "SEPT": {"dropped": 0.0},
    "SimGCL": {"noise": 0.0},
    "XSimGCL": {"noise": 0.0},
}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    with request.param() as device:
        yield device


class DrawnOnTheHost(PairSampler):
    """The processor's batches, wherever they are wanted."""

    def epoch(self, number: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        for batch in super().epoch(number):
            yield batch.to(device)


class WithMasks(PairSampler):
    """A GPU's form of what is known, on the processor."""

    def epoch(self, number: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        for batch in super().epoch(number):
            if batch.known is not None:
                mask = torch.zeros(len(batch.users), len(batch.negatives), dtype=torch.bool)
                mask[tuple(batch.known.T)] = True
                batch = batch._replace(known=mask)
            yield batch


def judged(model: Any, split: Split, ratings: bool) -> dict[str, float]:
    if ratings:
        return evaluate_ratings(model, split, part="validation")
    return evaluate(model, split, 5, part="validation")


# ---------------------------------------------------------------------- models
@trained_models
def test_losses_are_those_of_the_processor(
    name: str, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, ratings = data_of(name), name in RATINGS
    monkeypatch.setattr(fitting, "PairSampler", DrawnOnTheHost)
    losses, numbers = [], []
    for where in (torch.device("cpu"), device):
        model = BUILD[name](split.train, 0, **NOT_RANDOM.get(name, {})).to(where)
        assert model.device.type == where.type
        history = fit(model, split, epochs=2, batch_size=64, patience=None, progress=False)
        losses.append([row["loss"] for row in history.epochs])
        numbers.append(judged(model, split, ratings))
    np.testing.assert_allclose(losses[1], losses[0], rtol=0, atol=1e-4)
    assert numbers[1] == pytest.approx(numbers[0], abs=1e-3)


@trained_models
def test_training_repeats_itself(name: str, device: torch.device) -> None:
    split = data_of(name)
    tables = []
    for _ in range(2):
        model = BUILD[name](split.train, 0).to(device)
        fit(model, split, epochs=1, batch_size=64, progress=False)
        tables.append({key: value.cpu() for key, value in model.state_dict().items()})
    for key, value in tables[0].items():
        torch.testing.assert_close(tables[1][key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BUILD)
def test_every_answer_comes_from_the_device(name: str, device: torch.device, tmp_path: Any) -> None:
    split = data_of(name)
    here = BUILD[name](split.train, 0)
    there = BUILD[name](split.train, 0).to(device)
    everybody = torch.arange(split.train.num_users)
    scores = there.score(everybody).cpu()
    torch.testing.assert_close(scores, here.score(everybody), rtol=1e-4, atol=1e-5)
    users = split.train.users
    expected = recommend(here, users, k=5)
    for model in (there, there.frozen()):
        found = recommend(model, users, k=5)
        assert found["item"].tolist() == expected["item"].tolist()
    there.save(tmp_path / "model")
    found = recommend(load(tmp_path / "model"), users, k=5)
    assert found["item"].tolist() == expected["item"].tolist()


def told(ask: Callable[[Any], Any], model: Any) -> Any:
    """What is answered, or why nothing is."""
    try:
        return ask(model)
    except TypeError as refusal:
        return str(refusal)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("name", BUILD)
def test_reasons_and_neighbours_come_from_the_device(
    name: str, ordered: bool, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ordered:
        monkeypatch.setattr("gnnrec_helpers.engine.propagation.LARGE", 4)
    train = data_of(name).train
    user, item = train.users[3], train.items[5]
    asks: tuple[Callable[[Any], Any], ...] = (
        lambda model: vars(explain(model, user, item)),
        lambda model: similar_items(model, [item], 4),
        lambda model: similar_users(model, [user], 4),
    )
    here, there = BUILD[name](train, 0), BUILD[name](train, 0).to(device)
    for ask in asks:
        expected, found = (told(ask, model) for model in (here, there))
        assert type(found) is type(expected)
        if isinstance(expected, str):
            assert found == expected
        elif isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(found, expected, rtol=1e-4, atol=1e-5)
        else:
            assert found["score"] == pytest.approx(expected["score"], abs=1e-4)
            assert set(found["terms"]["via"]) == set(expected["terms"]["via"])


# ---------------------------------------------------------------------- products
@pytest.mark.parametrize("kind", [models.MatrixFactorization, models.LightGCN, models.ItemKNN])
def test_what_is_extended_stays_on_the_device(kind: Any, device: torch.device) -> None:
    toy = datasets.load("toy").interactions
    frame = pd.DataFrame({"user": ["Ana", "Fay"], "item": ["Emma", "Heat"]})
    newer = Interactions.from_frame(frame)
    model = kind(toy).to(device)
    extended = models.extend(model, newer)
    assert extended.device == model.device
    expected = models.extend(kind(toy), newer).score(torch.arange(6))
    found = extended.score(torch.arange(6).to(device)).cpu()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    if kind is not models.ItemKNN:
        fit(extended, Split.from_parts(extended.interactions), epochs=1, progress=False)


@pytest.mark.parametrize("normalization", ["symmetric", "mean"])
@pytest.mark.parametrize("ordered", [False, True])
def test_products_and_gradients(
    normalization: Any, ordered: bool, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ordered:
        monkeypatch.setattr("gnnrec_helpers.engine.propagation.LARGE", 4)
    train = data_of("LightGCN").train
    adjacency = user_item_adjacency(train, normalization)
    assert (adjacency.slot_of_node is not None) == ordered
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(adjacency.shape[0], 4, generator=generator)
    rows = torch.tensor([3, 0, 3, len(start) - 1])
    found = []
    for where in (torch.device("cpu"), device):
        graph = user_item_adjacency(train, normalization).to(where)
        x = start.to(where).detach().requires_grad_()
        some, first = propagate_batch(graph, x, 3, rows.to(where), [0.1, 0.2, 0.3, 0.4])
        everything = propagate(graph, x, 2)
        product = graph(x)
        loss = (some * torch.arange(4.0, device=where)).sum() + first.square().sum()
        loss = loss + everything.pow(3).sum() + product.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        found.append([t.detach().cpu() for t in (some, first, everything, product, x.grad)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_long_rows_are_ranked_on_the_device(device: torch.device) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(7, 3000, generator=generator).round(decimals=2)  # with ties
    excluded = Pairs(np.repeat(np.arange(7), 3), np.tile([5, 17, 2999], 7))
    only = (np.array([2]), Pairs(np.full(4, 2), np.array([1, 8, 17, 40])))
    found = []
    for where in (torch.device("cpu"), device):
        there = scores.to(where)
        ranked = rank(
            lambda users, there=there: there[users.to(there.device)].clone(),  # type: ignore[misc]
            np.arange(7),
            10,
            [excluded],
            closed=np.array([3, 4]),
            only=only,
        )
        found.append(ranked)
    assert (found[0].items == found[1].items).all()
    assert (found[0].scores == found[1].scores).all()
    assert (found[0].items[2] >= 0).sum() == 3


def test_a_foreign_module_is_asked_on_its_device(device: torch.device) -> None:
    """With weights, or with nothing but a buffer; one that is no module is asked on the CPU."""
    asked: list[torch.device] = []

    class Theirs(torch.nn.Module):
        def __init__(self, table: torch.Tensor, trained: bool) -> None:
            super().__init__()
            if trained:
                self.table: torch.Tensor = torch.nn.Parameter(table)
            else:
                self.register_buffer("table", table)

        def score(self, users: torch.Tensor) -> torch.Tensor:
            asked.append(users.device)
            return self.table.index_select(0, users)

        def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
            return self.score(users).gather(1, items[:, None]).squeeze(1)

    class Plain:
        def __init__(self, theirs: Theirs) -> None:
            self.score, self.predict = theirs.score, theirs.predict

    split = data_of(RATINGS[0])
    shape = split.train.num_users, split.train.num_items
    table = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    ask = (evaluate, evaluate_ctr, evaluate_ratings)
    for trained in (True, False):
        here, there = Theirs(table.clone(), trained), Theirs(table.clone(), trained)
        expected = [judge(here, split) for judge in ask]
        assert [judge(Plain(here), split) for judge in ask] == expected
        assert {where.type for where in asked} == {"cpu"}
        asked.clear()
        there.to(device)
        assert [judge(there, split) for judge in ask] == expected
        assert {where.type for where in asked} == {device.type}
        asked.clear()


def test_a_model_that_moves_takes_its_graph_along(device: torch.device) -> None:
    model = models.LightGCN(data_of("LightGCN").train, 8)
    users = torch.arange(3)
    before = model.score(users)
    torch.testing.assert_close(model.to(device).score(users).cpu(), before)
    torch.testing.assert_close(model.to("cpu").score(users), before)
    torch.testing.assert_close(model.to(device).score(users).cpu(), before)


# ---------------------------------------------------------------------- batches
def likes(users: int, items: int, share: float, seed: int = 0) -> Interactions:
    chosen = np.random.default_rng(seed).random((users, items)) < share
    chosen[:, 0] = False  # everybody has a negative
    chosen[0, 1] = True
    return Interactions(*np.nonzero(chosen), pd.RangeIndex(users), pd.RangeIndex(items))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_negatives_are_uniform_among_the_unknown(share: float, device: torch.device) -> None:
    train = likes(6, 12, share)
    counts = np.zeros((6, 12), int)
    sampler = PairSampler(train, 7, 50, seed=1)
    pairs = []
    for number in range(40):
        for batch in sampler.epoch(number, device):
            assert is_gpu(batch.users.device)
            users, positives, negatives = (part.cpu().numpy() for part in batch[:3])
            pairs += [(number, *pair) for pair in zip(users, positives, strict=True)]
            np.add.at(counts, (np.repeat(users, 50), negatives.ravel()), 1)
    own = list(zip(train.user_index, train.item_index, strict=True))
    assert sorted(pairs) == sorted((n, *pair) for n in range(40) for pair in own)  # each once
    known = Negatives(train).is_known(np.arange(6)[:, None], np.arange(12))
    assert counts[known].sum() == 0
    for user in range(6):
        drawn = counts[user, ~known[user]]
        expected = drawn.sum() / len(drawn)
        if expected:  # five standard deviations
            assert np.abs(drawn - expected).max() <= 5 * np.sqrt(expected) + 1


def test_shared_negatives_and_who_knows_them(device: torch.device) -> None:
    train = likes(9, 14, 0.4)
    sampler = PairSampler(train, 16, 10, seed=3, shared=True)
    known = Negatives(train).is_known(np.arange(9)[:, None], np.arange(14))
    drawn = []
    for batch in sampler.epoch(2, device):
        users, _, negatives, mask = (part.cpu().numpy() for part in batch)  # type: ignore[union-attr]
        assert (mask == known[users[:, None], negatives]).all()
        drawn += negatives.tolist()
    assert len(set(drawn)) > 8
    seen = PairSampler(likes(9, 14, 0.1), 16, 50, shared=True, unseen=False)
    liked = set(seen.train.item_index.tolist())
    assert {n for batch in seen.epoch(0, device) for n in batch.negatives.cpu().tolist()} == liked


def test_epochs_do_not_depend_on_those_before(device: torch.device) -> None:
    train = likes(9, 14, 0.4)
    for shared in (False, True):
        one, other = (PairSampler(train, 8, 3, seed=5, shared=shared) for _ in range(2))
        list(one.epoch(0, device))
        for first, second in zip(one.epoch(4, device), other.epoch(4, device), strict=True):
            for part, same in zip(first, second, strict=True):
                assert part is None or torch.equal(part.cpu(), same.cpu())  # type: ignore[union-attr]


def test_a_loss_is_the_same_with_a_mask_and_with_pairs(device: torch.device) -> None:
    train = data_of("LightGCN").train
    for kind in (models.LightGCN, models.UltraGCN):
        model = kind(train, 8).to(device)
        loss = model.default_objective()
        for batch in PairSampler(train, 16, 10, shared=True).epoch(0, device):
            assert batch.known is not None
            assert batch.known.dtype == torch.bool
            pairs = batch._replace(known=batch.known.nonzero())
            one, other = (loss(model, form).detach().cpu() for form in (batch, pairs))
            torch.testing.assert_close(one, other)


# ---------------------------------------------------------------------- waits
@pytest.mark.parametrize("objective", [BPR(), SampledSoftmax()], ids=str)
@pytest.mark.parametrize("name", ["LightGCN", "MatrixFactorization"])
def test_a_step_waits_for_nothing(name: str, objective: Any) -> None:
    split = data_of(name).without_validation()
    counts = []
    for batch_size in (64, 8):
        with fake_device() as device:
            model = BUILD[name](split.train, 0).to(device)
            waits.clear()
            fit(model, split, epochs=2, batch_size=batch_size, objective=objective, progress=False)
            counts.append(len(waits))
    assert counts[0] == counts[1]  # as many waits with eight times the steps


# ---------------------------------------------------------------------- recorded steps
@pytest.mark.parametrize("objective", [BPR(), SampledSoftmax()], ids=lambda o: type(o).__name__)
def test_what_is_recorded_is_what_would_be_done(
    objective: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without CUDA a "recording" is the step itself, run on the batch that replays read."""
    split = data_of("LightGCN")
    tables, recordings = [], []
    real = Stepper.__init__

    def recording(self: Stepper, model: Any, objective: Any, lr: float) -> None:
        real(self, model, objective, lr)
        self._may_record = True
        self.optimizer.param_groups[0]["lr"] = torch.tensor(lr)

    def recorded(step: Any) -> Any:
        recordings.append(step)
        return step

    monkeypatch.setattr(fitting, "PairSampler", WithMasks)
    monkeypatch.setattr(stepping, "recorded", recorded)
    monkeypatch.setattr(stepping, "beside", lambda step: step())
    for record in (False, True):
        monkeypatch.setattr(Stepper, "__init__", recording if record else real)
        model = models.LightGCN(split.train, 8)
        fit(model, split, epochs=3, batch_size=16, schedule="cosine", objective=objective,
            patience=None, progress=False)  # fmt: skip
        tables.append(model.nodes.weight.detach().clone())
    assert len(recordings) == 1
    torch.testing.assert_close(tables[1], tables[0])


@needs_gpu
@pytest.mark.parametrize("objective", [BPR(), SampledSoftmax()], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("name", ["LightGCN", "MatrixFactorization", "KnowledgeLightGCN"])
def test_recorded_on_a_gpu(
    name: str, objective: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = data_of(name).without_validation()
    settings = {"batch_size": 16, "objective": objective, "progress": False}
    found = []
    for record in (True, False):
        if not record:
            monkeypatch.setattr(stepping, "is_static", lambda *_: False)
        for stops in ([4], [2, 4]):  # in one go, or interrupted and resumed
            model = BUILD[name](split.train, 0).to("cuda")
            for epochs in stops:
                path = tmp_path / f"{record}{len(stops)}"
                history = fit(model, split, epochs=epochs, checkpoint=path, **settings)
            found.append([row["loss"] for row in history.epochs])
    for losses in found[1:]:
        np.testing.assert_allclose(losses, found[0], rtol=1e-4)


@needs_gpu
def test_what_is_recorded_is_recorded_anew_at_a_plateau(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another learning rate, and without what Adam remembers."""
    split = data_of("LightGCN")
    settings = {"batch_size": 16, "objective": SampledSoftmax(), "progress": False, "patience": 1}
    found = []
    for record in (True, False):
        if not record:
            monkeypatch.setattr(stepping, "is_static", lambda *_: False)
        model = models.LightGCN(split.train, 8).to("cuda")
        history = fit(model, split, epochs=60, schedule="plateau", **settings)
        found.append((history.stages, [row["loss"] for row in history.epochs]))
    (stages, losses), (expected_stages, expected_losses) = found
    assert len(stages) > 1
    assert stages == expected_stages
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-3)


def test_who_is_recorded() -> None:
    """A class says it of itself: a subclass may do something else in every step."""

    class Mine(models.LightGCN):
        pass

    def recorded(kind: type[models.LightGCN], objective: Any) -> bool:
        device = torch.device("cuda")
        parts = (kind(data_of("LightGCN").train, 8), objective)
        return stepping.is_static(*parts, device)

    assert recorded(models.LightGCN, BPR())
    assert recorded(models.LightGCN, SampledSoftmax())
    assert not recorded(Mine, BPR())
    assert not recorded(models.SGL, SelfSupervised())
    assert not recorded(models.SimGCL, BPR())
    assert not recorded(models.LightGCN, lambda model, batch: torch.zeros(()))
    assert not stepping.is_static(
        models.LightGCN(data_of("LightGCN").train, 8), BPR(), torch.device("cpu")
    )
