"""Small trees of real processes that stand for a system, and a target that knows them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.ops.prove.faults.fault import Guard, Links
from mainstay.ops.supervise import proc
from mainstay.ops.topology.values import Edge, Engines, Topology

TREE = """
import os, subprocess, sys, time
sleep = [sys.executable, '-c', 'import time; time.sleep(600)']
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
print(*(child.pid for child in children), flush=True)
time.sleep(600)
"""
"""A process with a child in its session and one that made its own, as PostgreSQL's backends do."""

ANSWERING = """
import socket
from email.utils import formatdate
with socket.socket() as server:
    server.bind(('127.0.0.1', 0))
    server.listen()
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(f'HTTP/1.0 200 OK\\r\\nDate: {formatdate(usegmt=True)}\\r\\n\\r\\n'.encode())
"""
"""A server that says what time it is for it."""


def topology(folder: Path) -> Topology:
    edge = Edge("127.0.0.1", 0, "auto", "", (), 1 << 20, 1 << 14, 100, 100)
    return Topology("shop", folder / "mainstay.toml", edge, (), Engines())


@dataclass
class Tree:
    """One process of the system with everything below it."""

    name: str
    code: str
    cwd: Path
    process: subprocess.Popen[bytes] = field(init=False)
    said: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.code], stdout=subprocess.PIPE, start_new_session=True, cwd=self.cwd
        )
        assert self.process.stdout is not None
        self.said = [int(word) for word in self.process.stdout.readline().split()]

    @property
    def pids(self) -> list[int]:
        return [self.process.pid, *(self.said if self.code is TREE else [])]

    @property
    def states(self) -> list[str]:
        """Of each ``T`` when it is stopped, ``S`` when it goes on, nothing when it is gone."""
        found = {"T": "T", "Z": "", "X": "", "": ""}
        return [found.get(proc.state(pid), "S") for pid in self.pids]

    def end(self) -> None:
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class System:
    """The trees as a target; it restarts what ends as a supervisor does, when told to `supervise`."""

    folder: Path
    guard: Guard
    trees: dict[str, Tree] = field(default_factory=dict)
    seed: int = 1
    socket: Path = Path("/nowhere/control.sock")
    links: Links | None = None
    noted: list[dict[str, Any]] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    _old: list[Tree] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topology = topology(self.folder)

    def start(self, name: str, code: str = TREE) -> Tree:
        engine = name.count(".") == 1
        cwd = self.folder / "nodes" / name if engine else self.folder
        cwd.mkdir(parents=True, exist_ok=True)
        self.trees[name] = Tree(name, code, cwd)
        return self.trees[name]

    async def status(self) -> dict[str, Any]:
        return {"processes": [self._row(tree) for tree in self.trees.values()]}

    def _row(self, tree: Tree) -> dict[str, Any]:
        service, _, rest = tree.name.partition(".")
        kind, dot, _ = rest.partition(".")
        return {
            "name": tree.name,
            "service": service if dot else "",
            "kind": kind if dot else service,
            "state": "ready",
            "role": "",
            "pid": tree.process.pid if tree.process.poll() is None else None,
            "address": f"127.0.0.1:{tree.said[0]}" if tree.code is ANSWERING else "",
            "restarts": self.restarts.get(tree.name, 0),
        }

    async def supervise(self) -> None:
        while True:
            for name, tree in list(self.trees.items()):
                if tree.process.poll() is not None:
                    self.noted.append({"event": "process.ended", "subject": name})
                    self._old.append(tree)
                    self.restarts[name] = self.restarts.get(name, 0) + 1
                    self.start(name, tree.code)
            await asyncio.sleep(0.01)

    async def call(self, verb: str, **arguments: Any) -> Any:
        raise AssertionError(f"nobody is asked for {verb}")

    async def events(self) -> list[dict[str, Any]]:
        return list(self.noted)

    async def sql(self, statement: str, *, service: str = "", node: str = "") -> list[tuple[Any, ...]]:
        raise OSError("there is no database")

    def end(self) -> None:
        for tree in [*self._old, *self.trees.values()]:
            tree.end()


def wait(condition: Any, within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)
