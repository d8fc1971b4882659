"""What ``up`` prints where there is no terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.cli.live import plain_view
from mainstay.ops.supervise.journal import Journal


@pytest.fixture
def system(tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "events.jsonl")
    return SimpleNamespace(journal=journal, ready=False, url="http://127.0.0.1:8000")


async def test_the_address_comes_once_everything_is_ready(
    system: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever starts it in a pipe reads the last line, which would be about durability."""
    with plain_view(system, announce=True):
        system.journal.note("system.running", "shop", system.url)
        await asyncio.sleep(0)
        system.journal.note("durability.synchronous", "postgres.2")
        system.ready = True
        await asyncio.sleep(0)
        system.journal.note("process.ready", "prometheus.1")
        await asyncio.sleep(0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if "open http" not in line] == [
        "system.running",
        "durability.synchronous",
        "process.ready",
    ]
    assert lines.index("open http://127.0.0.1:8000   Ctrl-C stops everything in order") == 2
    assert sum("open http" in line for line in lines) == 1


async def test_a_supervisor_in_the_background_invites_nobody(
    system: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    system.ready = True
    with plain_view(system):
        system.journal.note("system.running", "shop", system.url)
        await asyncio.sleep(0)
    assert "open http" not in capsys.readouterr().out
