"""What people who split their own data ran into, as they wrote it, and what has to come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import train_test_split
from test_interactions import assert_same, complaint, pairs_of

from gnnrec_helpers import Interactions, Split, evaluate, fit, models, recommend, tune


@pytest.fixture(scope="module")
def shop() -> Interactions:
    """Sixty customers with about ten purchases each; some products sell much better."""
    generator = np.random.default_rng(5)
    table = pd.DataFrame(
        {"user": np.repeat(np.arange(60), 12), "item": (generator.pareto(1, 720) * 10) % 80}
    )
    return Interactions.from_frame(table.astype(int).drop_duplicates())


def test_positions_from_scikit_learn_in_any_order(shop: Interactions) -> None:
    train, test = train_test_split(np.arange(len(shop)), test_size=0.2, random_state=0)
    rows = shop.to_frame()
    splits = [
        Split(shop.select(train), None, shop.select(test)),
        Split(shop.select(np.sort(train)), None, shop.select(np.sort(test))),
        Split.from_positions(shop, test),
        Split.from_parts(rows.iloc[train], test=rows.iloc[test]),
    ]
    numbers = [evaluate(models.Popularity(s.train), s, metrics=["recall"]) for s in splits]
    assert numbers[0]["recall@20"] > 0.3
    assert numbers.count(numbers[0]) == 4
    bought = set(map(tuple, rows.iloc[train].to_numpy().tolist()))
    lists = recommend(models.Popularity(splits[0].train), shop.users, k=5)
    assert not bought & set(zip(lists["user"], lists["item"], strict=True))


def test_parts_that_are_built_by_hand_in_another_order(shop: Interactions) -> None:
    split = shop.split()
    order = np.random.default_rng(1).permutation(len(split.test))
    test = Interactions(
        split.test.user_index[order], split.test.item_index[order], shop.users, shop.items
    )
    model = models.ItemKNN(split.train)
    found = [evaluate(model, Split(split.train, None, part)) for part in (split.test, test)]
    assert found[0] == found[1]
    again = Split.from_parts(split.train, test=test)
    assert_same(again.test, split.test)

    class Oracle(models.Popularity):
        def compute_scores(self, users: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(test.to_csr()[users.numpy()].toarray()).float()

    known = evaluate(Oracle(split.train), Split(split.train, None, test), k=80)
    assert known["recall@80"] == 1.0
    twice = np.concatenate([test.user_index] * 2), np.concatenate([test.item_index] * 2)
    assert "pairs are repeated" in complaint(lambda: Interactions(*twice, shop.users, shop.items))


def test_baskets_of_one_day_are_not_cut_by_the_number_of_the_item() -> None:
    generator = np.random.default_rng(0)
    items = np.concatenate([generator.permutation(400)[:10] for _ in range(50)])
    table = pd.DataFrame({"user": np.repeat(range(50), 10), "item": items, "day": "2024-05-01"})
    whole = Interactions.from_frame(table, timestamp="day")
    lowest = {user: sorted(whole.items_of(user))[:2] for user in whole.users}
    tests = []
    for seed in (0, 1):
        for within in ("user", "all"):
            test = whole.split(0.2, 0, seed=seed, by="time", within=within).test
            tests.append(pairs_of(test))
            assert len(test) == 100
            # two of ten at random are the two lowest once in 45 users, within a few
            assert sum(sorted(test.items_of(user)) == lowest[user] for user in lowest) <= 6
            # the mean of 100 items, against a spread of 12 by chance
            assert abs(test.item_index.mean() - whole.item_index.mean()) < 40
            # and no user is preferred to another: 25 pairs more or less have a spread of 5
            assert abs((test.user_index < 25).sum() - 50) < 25
    assert len({tuple(test) for test in tests}) == 4
    same = whole.split(0.2, 0, seed=0, by="time").test
    assert pairs_of(same) == tests[0]


def test_train_and_test_that_share_pairs(shop: Interactions) -> None:
    test = shop.split().test
    told = f"train and test share {len(test):,} pairs, such as user 0 with item"
    assert told in complaint(lambda: Split(shop, None, test))
    assert told in complaint(lambda: Split.from_parts(shop, test=test))


def short_histories() -> Interactions:
    """6,000 users with one interaction, 3,000 with two, 200 with three and 30 with four."""
    generator = np.random.default_rng(0)
    rows = [
        (f"{length}-{number}", item)
        for length, many in ((1, 6000), (2, 3000), (3, 200), (4, 30))
        for number in range(many)
        for item in generator.choice(500, length, replace=False)
    ]
    return Interactions.from_frame(pd.DataFrame(rows, columns=["user", "item"]))


def test_short_histories_are_left_one_out() -> None:
    whole = short_histories()
    message = complaint(whole.split)  # before the first epoch
    for told in ("no user has the 5", "within='all'", "validation=1", "validation=0"):
        assert told in message
    assert "test=1 (one pair of every user)" in complaint(lambda: whole.split(test=0.1))
    split = whole.split(test=1, validation=1)
    assert len(split.test) == 3230  # all but those with a single one
    assert split.validation is not None
    assert len(split.validation) == 230  # those with three or four
    assert "6,000 users without test items" in repr(split)
    assert len(whole.split(test=1, validation=0).train) == 6000 + 3000 + 2 * 200 + 3 * 30
    for offered in ({"validation": 1}, {"within": "all"}, {"validation": 0}):
        assert len(whole.split(**offered).test) > 0  # type: ignore[arg-type]
    model = models.LightGCN(split.train, dim=8)
    assert len(fit(model, split, epochs=1, progress=False).losses) == 1


def test_train_and_test_come_as_two_files(tmp_path: Path) -> None:
    base, held_out = tmp_path / "u1.base.tsv", tmp_path / "u1.test.tsv"
    base.write_text("user\titem\n1\t10\n1\t11\n2\t10\n2\t12\n3\t11\n")
    held_out.write_text("user\titem\n1\t12\n2\t11\n4\t10\n3\t99\n")
    files = (base, held_out)
    frames = [pd.read_csv(path, sep="\t") for path in files]
    read = [Interactions.from_csv(path, separator="\t") for path in files]
    for train, test in (files, frames, read, (read[0], held_out), (str(base), frames[1])):
        split = Split.from_parts(train, test=test)
        assert split.train.users.tolist() == [1, 2, 3, 4]
        assert split.test.items.tolist() == [10, 11, 12, 99]
        assert pairs_of(split.test) == [(1, 12), (2, 11), (3, 99), (4, 10)]
        assert evaluate(models.Popularity(split.train), split, k=4)["recall@4"] == 1.0


def test_one_more_fit_on_everything(shop: Interactions) -> None:
    message = complaint(lambda: fit(models.LightGCN(shop, dim=8), shop, epochs=1), TypeError)
    assert "Split.from_parts(interactions)" in message
    assert "Split.from_parts(interactions)" in complaint(lambda: shop.split(test=0))
    for final in (Split.from_parts(shop), shop.split().everything()):
        assert pairs_of(final.train) == pairs_of(shop)
        assert final.validation is None
        model = models.LightGCN(final.train, dim=8)
        assert len(fit(model, final, epochs=2, progress=False).losses) == 2
        assert len(recommend(model, shop.users[:3], k=2)) == 6
        for part, told in (("test", "is empty"), ("validation", "no validation part")):
            assert told in complaint(lambda m=model, s=final, p=part: evaluate(m, s, part=p))
        assert "no validation part to tune on" in complaint(
            lambda s=final: tune(
                lambda split, neighbours: models.ItemKNN(split.train, neighbours),
                s,
                {"neighbours": [5, 10]},
                trials=1,
                progress=False,
            )
        )
    other = models.LightGCN(shop.split().train, dim=8)  # of the pairs that came before
    assert "train" in complaint(lambda: fit(other, shop.split().everything(), progress=False))


def test_the_future_does_not_leak_into_train(shop: Interactions) -> None:
    generator = np.random.default_rng(0)
    stamps = generator.integers(1.6e9, 1.7e9, len(shop))
    table = shop.to_frame()
    timed = [
        Interactions.from_frame(table.assign(t=column), timestamp="t")
        for column in (stamps, pd.to_datetime(stamps, unit="s"))
    ]
    for whole in timed:
        together = whole.split(0.2, 0, by="time", within="all")
        assert together.train.timestamp.max() <= together.test.timestamp.min()  # type: ignore[union-attr]
        split = whole.split(by="time", test="2023-06-01", validation="2023-03-01")
        cuts = [pd.Timestamp(day).timestamp() for day in ("2023-03-01", "2023-06-01")]
        want = np.searchsorted(cuts, stamps, side="right")
        parts = [split.train, split.validation, split.test]
        assert [len(part) for part in parts if part] == np.bincount(want).tolist()
        for number, part in enumerate(parts):
            assert pairs_of(part) == [  # type: ignore[arg-type]
                pair for pair, w in zip(pairs_of(shop), want, strict=True) if w == number
            ]
    # within each user somebody else's future is known, which the docstring says
    alone = timed[0].split(0.2, 0, by="time")
    assert alone.train.timestamp.max() > alone.test.timestamp.min()  # type: ignore[union-attr]
