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


@pytest.mark.parametrize("part", ["cold alone", "cold and warm"])
def test_no_like_of_a_cold_film_is_in_train(benchmark: Any, part: str) -> None:
    split, facts, cold = benchmark.data(part, 1)
    of_train, of_validation, of_test = (
        one.item_degrees() for one in (split.train, split.validation, split.test)
    )
    films = len(np.unique(facts.head))
    assert cold.sum() == films // 5
    assert np.isin(np.flatnonzero(cold), facts.head).all()
    assert not of_train[cold].any()
    assert not of_validation[cold].any()
    if part == "cold alone":
        assert not of_test[~cold].any()
        others = of_validation > 0
        assert others.sum() == films * 3 // 10 - films // 5
        assert not of_train[others].any()
    else:
        assert of_test[~cold].sum() == of_test[cold].sum()
    alone, _, same = benchmark.data("cold alone", 1)
    assert np.array_equal(cold, same)
    assert not of_train[alone.validation.item_degrees() > 0].any()


def test_shuffled_facts_are_those_of_other_films(benchmark: Any) -> None:
    split, facts, _ = benchmark.data("cold alone", 1)
    same, shuffled, _ = benchmark.data("cold alone", 1, shuffled=True)
    for name in ("train", "validation", "test"):
        assert np.array_equal(getattr(same, name).item_index, getattr(split, name).item_index)
    before, after = (np.bincount(one.head, minlength=one.num_items) for one in (facts, shuffled))
    assert sorted(before) == sorted(after)
    assert np.mean(before[before > 0] == after[before > 0]) < 0.2
    tails = [one.to_frame()["tail"].astype(str).sort_values().tolist() for one in (facts, shuffled)]
    assert tails[0] == tails[1]
