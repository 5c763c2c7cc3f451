"""Numbers that functions are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gnnrec_helpers.data.arguments import BELOW_1, POSITIVE, check_number, check_whole, is_finite


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.25), np.int8(1), 5e-324, BELOW_1])
def test_a_number_in_the_range_passes(value: Any) -> None:
    check_number(x=value)
    check_number(POSITIVE, x=value)
    check_number(0, 1, x=value)
    assert is_finite(value)


@pytest.mark.parametrize("value", [None, "1", True, np.bool_(True), [1.0], np.ones(1), 1j])
def test_what_is_no_number_is_named(value: Any) -> None:
    for ends in ((), (0,), (0, 1)):
        with pytest.raises(TypeError, match=r"^x=.*: a (finite )?number .*is needed\.$"):
            check_number(*ends, x=value)
    with pytest.raises(TypeError, match=r"^x=.*: a whole number is needed\.$"):
        check_whole(x=value)
    assert not is_finite(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, np.float32("inf"), 10**400, -(10**400)])
def test_what_is_endless_is_refused_whatever_the_range(value: Any) -> None:
    for ends in ((), (0,), (POSITIVE,), (0, 1)):
        with pytest.raises(ValueError, match=r"^x=-?(inf|1\d+): a finite number is needed\.$"):
            check_number(*ends, x=value)
    assert not is_finite(value)


@pytest.mark.parametrize(
    ("ends", "value", "needed"),
    [
        ((), math.nan, "a finite number"),
        ((0,), math.nan, "a number of at least 0"),
        ((0,), -1e-300, "a number of at least 0"),
        ((POSITIVE,), 0, "a positive number"),
        ((POSITIVE,), np.float32(0), "a positive number"),
        ((POSITIVE,), math.nan, "a positive number"),
        ((0, BELOW_1), 1, "a share from 0 to below 1"),
        ((0, BELOW_1), np.float16(1), "a share from 0 to below 1"),
        ((0, 1), 1.001, "a number from 0 to 1"),
        ((0, 1), np.float64(math.nan), "a number from 0 to 1"),
    ],
)
def test_the_range_is_told(ends: tuple[float, ...], value: Any, needed: str) -> None:
    with pytest.raises(ValueError, match=f"^second={value}: {needed} is needed\\.$"):
        check_number(*ends, first=0.5, second=value)
