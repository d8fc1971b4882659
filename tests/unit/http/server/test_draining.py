from __future__ import annotations

import pytest

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.server.draining import LISTEN_LIMIT, QUIET, may_stop_listening


def process(draining_since: float, last_arrival: float) -> Lifecycle:
    return Lifecycle(draining_since=draining_since, last_arrival=last_arrival)


def test_listens_until_it_has_been_quiet() -> None:
    assert not may_stop_listening(process(100, 50), 100.1, 12)
    assert may_stop_listening(process(100, 50), 100.01 + QUIET, 12)


def test_late_arrivals_prolong_it() -> None:
    assert not may_stop_listening(process(100, 100.2), 100.2 + QUIET / 2, 12)


@pytest.mark.parametrize(("drain", "limit"), [(12, LISTEN_LIMIT), (1, 0.5)])
def test_busy_clients_cannot_prolong_it_for_ever(drain: float, limit: float) -> None:
    now = 100 + limit
    assert may_stop_listening(process(100, now), now, drain)
    assert not may_stop_listening(process(100, now - 0.01), now - 0.01, drain)
