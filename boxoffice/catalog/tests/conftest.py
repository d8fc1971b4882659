from __future__ import annotations

from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command


@pytest.fixture
def season(db) -> None:
    """The twelve events of a first start."""
    call_command("seed", "--if-empty", stdout=StringIO())


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()
