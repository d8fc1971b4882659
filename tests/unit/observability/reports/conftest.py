"""A clock that stands still until it is told, for each test its own."""

from __future__ import annotations

import pytest

from tests.unit.observability.reports.flood import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
