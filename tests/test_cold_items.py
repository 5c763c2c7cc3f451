"""The split of the benchmark of cold films gives nothing away."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("cold_items")


def test_no_like_of_a_cold_film_is_in_train(benchmark: Any) -> None:
    films = benchmark.data(1)
    split, cold = films.split, films.cold
    of_train, of_validation, of_test = (
        one.item_degrees() for one in (split.train, split.validation, split.test)
    )
    described = np.unique(films.facts.head)
    assert np.isin(np.flatnonzero(cold), described).all()
    assert not of_train[cold].any()
    assert not (of_validation[cold] * of_test[cold]).any()  # a film is of one part
    assert (of_test[cold] > 0).sum() == len(described) // 5
    assert (of_validation[cold] > 0).sum() == len(described) * 3 // 10 - len(described) // 5
    for of_part in (of_validation, of_test):
        assert of_part[~cold].sum() == of_part[cold].sum()
    for part, held_out in (("validation", split.validation), ("test", split.test)):
        alone = films.judged(part, True).test
        assert cold[alone.item_index].all()
        assert len(alone) + len(films.judged(part, False).test) == len(held_out)
        assert len(films.judged(part, True, False).test) == len(held_out)


def test_shuffled_facts_are_those_of_other_films(benchmark: Any) -> None:
    films, others = benchmark.data(1), benchmark.data(1, shuffled=True)
    for name in ("train", "validation", "test"):
        one, same = (getattr(of.split, name).item_index for of in (films, others))
        assert np.array_equal(one, same)
    before, after = (np.bincount(of.facts.head, minlength=len(of.cold)) for of in (films, others))
    assert sorted(before) == sorted(after)
    assert np.mean(before[before > 0] == after[before > 0]) < 0.2
    tails = [sorted(of.facts.to_frame()["tail"].astype(str)) for of in (films, others)]
    assert tails[0] == tails[1]
