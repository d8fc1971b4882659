from __future__ import annotations

from collections.abc import Iterator

import pytest

from mainstay.http.limits import current
from mainstay.http.limits.engine import Engine

from .fleet import Clock, Memory, engines


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Memory:
    return Memory(clock)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, clock: Clock, store: Memory) -> Iterator[Engine]:
    """The engine of this process, over a store in memory."""
    (made,) = engines(1, store, clock)
    monkeypatch.setattr(current, "_engine", made)
    yield made
    current.forget()
