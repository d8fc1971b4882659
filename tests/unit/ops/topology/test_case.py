"""Which problems only follow from others."""

from __future__ import annotations

import pytest

from mainstay.ops.topology.case import overlaps


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", True),
        ("a.b[1]", "a.b", True),
        ("a.b", "a.bc", False),
        ("a.b", "a.c", False),
    ],
)
def test_places_overlap_when_one_holds_the_other(one: str, other: str, same: bool) -> None:
    assert overlaps(one, other) is same
    assert overlaps(other, one) is same
