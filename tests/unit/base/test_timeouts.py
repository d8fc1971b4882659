"""Waiting for a turn and for a lock takes no longer, together, than a statement may."""

from __future__ import annotations

import pytest

from mainstay.base import timeouts, wire


def test_turn_and_lock_fill_what_a_statement_may_take() -> None:
    assert timeouts.turn() + timeouts.lock() == timeouts.statement()


@pytest.mark.parametrize(
    ("statement", "lock", "turn"),
    [
        ("5", "2", 3.0),
        ("2.5", "1", 1.5),
        ("60", "2", timeouts.LONGEST_TURN),
        ("1", "2", timeouts.SHORTEST_TURN),
    ],
)
def test_it_follows_the_file(statement: str, lock: str, turn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wire.STATEMENT_TIMEOUT, statement)
    monkeypatch.setenv(wire.LOCK_TIMEOUT, lock)
    assert timeouts.turn() == turn
