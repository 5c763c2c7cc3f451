"""Every deliberate defect turns a test red; see `tests.mutations`."""

import re

import pytest
from mutations import DEFECTS, ROOT, RottenDefect, green_without, judge, table, text_of

pytestmark = pytest.mark.mutation


def test_the_tests_are_green_without_a_defect():
    assert green_without(DEFECTS) == ()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_defect_is_noticed(defect):
    assert judge(defect).caught_by, defect.meaning


def test_a_change_that_breaks_nothing_survives():
    """The judge can say no: a comment alters no result."""
    defect = DEFECTS[0]
    harmless = defect._replace(new=defect.old + "  # nothing changed")
    outcome = judge(harmless)
    assert outcome.caught_by == ()
    assert "SURVIVED" in table([outcome])
    assert re.search(r"1 defects, 1 survived", table([outcome]))


def test_a_defect_whose_text_is_gone_is_reported():
    with pytest.raises(RottenDefect, match="0 times"):
        text_of(DEFECTS[0]._replace(old="no such text"), ROOT)
