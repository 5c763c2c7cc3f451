"""What groups items belong to: one sentence for what is no group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gnnrec_helpers.serving.item_profiles import group_shares

ITEMS = pd.Index(["Alien", "Heat"])


@pytest.mark.parametrize(
    "genres",
    [["crime", "drama"], {"crime", "drama"}, np.array(["crime", "drama"])],
    ids=["list", "set", "array"],
)
def test_lists_of_groups_are_to_be_exploded(genres: object) -> None:
    groups = pd.Series([["crime"], genres], index=["Alien", "Heat"])
    groups["Alien"] = "crime"
    with pytest.raises(TypeError) as caught:
        group_shares(ITEMS, groups)
    assert str(caught.value) == (
        f"item_groups holds a {type(genres).__name__} for item 'Heat': each row takes one group, "
        "and item_groups.explode() makes a row of each in a list."
    )
    shares = group_shares(ITEMS, groups.explode())
    assert sorted(map(sorted, shares.toarray().tolist())) == [[0.0, 1.0], [0.5, 0.5]]


def test_other_items_may_have_lists() -> None:
    groups = pd.Series(["crime", "crime", ["drama"]], index=["Alien", "Heat", "Big"])
    assert group_shares(ITEMS, groups).toarray().tolist() == [[1.0], [1.0]]
