"""A system without processes: what faults see and touch, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.ops.prove.faults.fault import Evidence
from mainstay.ops.topology.values import Topology


class FakeGuard:
    """Remembers what was promised and not released."""

    def __init__(self) -> None:
        self.outstanding: dict[int, Mapping[str, Any]] = {}
        self.ever: list[Mapping[str, Any]] = []

    def promise(self, undo: Mapping[str, Any]) -> int:
        self.ever.append(undo)
        self.outstanding[len(self.ever)] = undo
        return len(self.ever)

    def release(self, number: int) -> None:
        del self.outstanding[number]


class FakeLinks:
    """Links with their toxics; ``grow`` is added to the counters of a link whenever it is healed."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.toxics: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names}
        self.counted: dict[str, dict[str, int]] = {name: {} for name in names}
        self.story: list[tuple[str, list[Mapping[str, Any]]]] = []
        self.failing: set[str] = set()

    async def set(self, name: str, toxics: list[Mapping[str, Any]]) -> None:
        self.story.append((name, toxics))
        if name in self.failing and toxics:
            raise OSError("the proxies are gone")
        self.toxics[name] = toxics

    async def counters(self, name: str) -> Mapping[str, int]:
        return dict(self.counted[name])


@dataclass
class FakeTarget:
    topology: Topology
    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    seed: int = 1
    guard: FakeGuard = field(default_factory=FakeGuard)
    socket: Path = Path("/nowhere/control.sock")
    links: FakeLinks | None = None
    noted: list[dict[str, Any]] = field(default_factory=list)
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    """Of a verb: what it returns, or the error that it raises."""

    async def status(self) -> dict[str, Any]:
        return {"processes": [dict(row) for row in self.rows]}

    async def call(self, verb: str, **arguments: Any) -> Any:
        self.called.append((verb, arguments))
        answer = self.answers.get(verb, {})
        answer = answer(**arguments) if callable(answer) else answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def events(self) -> list[dict[str, Any]]:
        return list(self.noted)

    async def sql(self, statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        raise OSError("there is no database")


def row(name: str, pid: int | None = 1, **more: Any) -> dict[str, Any]:
    """One process as the supervisor tells of it."""
    first, _, rest = name.partition(".")
    kind, dot, _ = rest.partition(".")
    known = {"service": first, "kind": kind} if dot else {"service": "", "kind": first}
    told = {"name": name, "state": "ready", "role": "", "pid": pid, "address": "", "restarts": 0}
    return {**told, **known, **more}


class FakeFault:
    """Notes what is done to it; ``raises`` is raised by `inject`."""

    def __init__(self, story: list[str], name: str = "", raises: BaseException | None = None) -> None:
        self.story, self.name, self.raises = story, name, raises

    async def inject(self) -> None:
        self.story.append(f"inject {self.name}".strip())
        if self.raises is not None:
            raise self.raises

    async def undo(self) -> None:
        self.story.append(f"undo {self.name}".strip())

    async def evidence(self) -> Evidence:
        return Evidence(True, f"{self.name} bit")
