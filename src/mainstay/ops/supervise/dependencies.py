"""What the processes of a system say of the dependencies that each of them has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from mainstay.base import wire
from mainstay.ops.engines.ask import http_get
from mainstay.ops.supervise.supervised import State, Supervised
from mainstay.ops.supervise.units import BackgroundProcess, WebReplica

LIMIT = 0.5
"""Seconds a process has to say it; the answers are ready, so one that needs longer has other troubles."""

Told = dict[str, dict[str, Any]]


async def dependencies(processes: Iterable[Supervised]) -> dict[str, Told]:
    """By process, how each of its dependencies was when last asked; without those that do not say."""
    asked = [
        process
        for process in processes
        if isinstance(process.unit, WebReplica | BackgroundProcess) and process.state is not State.STOPPED
    ]
    answers = await asyncio.gather(*(_ask(process) for process in asked))
    return {process.name: told for process, told in zip(asked, answers, strict=True) if told}


async def _ask(process: Supervised) -> Told:
    assert isinstance(process.unit, WebReplica | BackgroundProcess)  # noqa: S101 - chosen so
    try:
        _, body = await http_get(process.unit.address, wire.READY_PATH, limit=LIMIT)
        told = json.loads(body)["dependencies"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}
