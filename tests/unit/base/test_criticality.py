"""Four levels of importance, in an order that refusals follow."""

from __future__ import annotations

from mainstay.base.criticality import CRITICALITY, Criticality, current_criticality


def test_what_may_be_shed_is_less_than_what_may_not() -> None:
    assert sorted(Criticality) == [
        Criticality.SHEDDABLE,
        Criticality.SHEDDABLE_PLUS,
        Criticality.CRITICAL,
        Criticality.CRITICAL_PLUS,
    ]


def test_whoever_says_nothing_is_critical() -> None:
    assert current_criticality() is Criticality.CRITICAL
    token = CRITICALITY.set(Criticality.SHEDDABLE)
    try:
        assert current_criticality() is Criticality.SHEDDABLE
    finally:
        CRITICALITY.reset(token)
