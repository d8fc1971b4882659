from __future__ import annotations

from collections.abc import Iterator

import pytest

from mainstay.base.criticality import CRITICALITY, Criticality


@pytest.fixture(autouse=True)
def _importance() -> Iterator[None]:
    """A view that is called without an entrance leaves its importance in the thread, which all tests share."""
    yield
    CRITICALITY.set(Criticality.CRITICAL)
