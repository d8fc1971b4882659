"""A proxy in a process of its own, with a server that echoes behind its one link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.integration.links.stage import Stage, stage


@pytest.fixture(name="links")
async def links_in_front_of_an_echo(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with stage(tmp_path, free_port()) as made:
        yield made
