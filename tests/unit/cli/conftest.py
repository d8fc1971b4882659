"""The whole program against a supervisor that answers what a test says."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.cli import app as program
from mainstay.ops.supervise.control import ControlServer
from mainstay.ops.supervise.state import StateFolder
from tests.unit.ops.topology.projects import write_project


@dataclass
class Ended:
    """How a run of the program ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system of one service, in whose folder the program is called."""
    write_project(tmp_path / "web", "shop")
    (tmp_path / "mainstay.toml").write_text('[system]\nname = "shop"\n[service.web]\nroot = "web"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def state(project: Path) -> StateFolder:
    return StateFolder(project / ".mainstay", "shop")


@pytest.fixture
def mainstay(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Call the program as a person does, at a width, without a terminal."""

    def call(*words: str, width: int = 120) -> Ended:
        monkeypatch.setattr(sys, "argv", ["mainstay", *words])
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit) as end:
            program.main()
        said = capsys.readouterr()
        return Ended(int(end.value.code or 0), said.out, said.err)

    return call


class Supervisor:
    """Answers on the control socket from a thread of its own, as the real one does from another process."""

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    async def _answer(self, request: Mapping[str, Any]) -> Any:
        self.asked.append(dict(request))
        answer = self.answers[request["verb"]]
        if isinstance(answer, list) and answer and isinstance(answer[0], dict):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, OperationFailed):
            raise answer
        return answer() if callable(answer) else answer

    def open(self) -> None:
        self.state.claim()
        verbs = ("status", "down", "restart", "scale", "rollout", "environment")
        self._server = ControlServer(self.state.socket, dict.fromkeys(verbs, self._answer))
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.open(), self._loop).result(5)

    def close(self) -> None:
        async def end() -> None:
            await self._server.close()
            await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self.state.release()


@pytest.fixture
def supervisor(state: StateFolder) -> Iterator[Supervisor]:
    supervisor = Supervisor(state)
    supervisor.open()
    yield supervisor
    supervisor.close()


def row(name: str, **facts: Any) -> dict[str, Any]:
    """One process as the supervisor tells of it."""
    service, _, rest = name.partition(".")
    engine = rest.isdigit()
    return {
        "name": name,
        "service": "" if engine else service,
        "kind": service if engine else rest.partition(".")[0],
        "state": "ready",
        "role": "",
        "pid": 4242,
        "address": "127.0.0.1:21000",
        "restarts": 0,
        "since": "2026-01-01T10:00:00.000+00:00",
        "detail": "",
        "memory": 52_428_800,
        **facts,
    }


def told(*rows: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """A whole system as the supervisor tells of it."""
    return {
        "system": "shop",
        "url": "http://127.0.0.1:8000",
        "phase": "running",
        "ready": all(each["state"] == "ready" for each in rows),
        "durability": "synchronous",
        "disk": {"state": "ok", "free": 60 * 2**30, "size": 100 * 2**30, "path": "/shop/.mainstay"},
        "processes": list(rows),
        **facts,
    }
