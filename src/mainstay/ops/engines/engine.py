"""
What every engine offers to the supervisor.

An engine module describes one program that Mainstay runs but did not write. It
finds the program, writes its configuration as pure text, says how to start it and
answers one question: is it ready? The supervisor is the only one that starts,
signals and waits for processes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

Source = Literal["explicit", "system", "wheel"]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was found, and why this one."""

    engine: str
    path: Path
    version: str
    source: Source
    reason: str
    """One sentence for `mainstay plan`, such as ``haproxy 2.6 on PATH lacks X, so the wheel``."""
    features: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Node:
    """One running copy of an engine: where it keeps things and where it listens."""

    name: str
    """``postgres.1``, ``edge.1`` …"""
    folder: Path
    """Everything this copy owns; exists, mode 0700. Data goes to ``data``, rendered text to ``config``."""
    address: Address
    monitor: Address | None = None
    """A second, inside-only address for status and metrics, for engines that have one."""
    inside: Mapping[str, Address] = field(default_factory=dict)
    """
    For an edge: per service a loopback address at which it balances calls from other
    services over the same replicas, with the same retry and drain rules but without the
    public listener's host check, body limits and hidden paths.
    """

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        return self.folder / "config"


@dataclass(frozen=True, slots=True)
class File:
    """A rendered text and where it goes, relative to the node's ``config`` folder."""

    name: str
    text: str
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process; values only."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to a minimal environment (PATH, HOME, LANG, TZ)."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 5.0
    """Seconds between the stop signal and SIGKILL to the whole group."""
    unprivileged: bool = False
    """Run in a user namespace without privileges when Mainstay itself runs as root."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer of one running process to: are you ready?"""

    ready: bool
    detail: str = ""
    answered: bool = True
    """False when nothing came back at all: the process may be frozen, where "not ready" is a sign of life."""


class Engine(Protocol):
    """One running copy of a program, as the supervisor sees it."""

    node: Node
    program: Program

    def files(self) -> tuple[File, ...]:
        """The configuration texts; pure."""

    async def prepare(self) -> None:
        """
        Make the start possible: write files, create the data folder, let the
        program check its own configuration. Safe to repeat.

        Raises:
            OperationFailed: The program refused, with its own words.
        """

    def launch(self) -> Launch: ...

    async def probe(self) -> Probe:
        """Ask once; answers within a second and never raises."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One replica as the edge sees it."""

    name: str
    """The process name, ``catalog.web.1``."""
    service: str
    address: Address


class EdgeEngine(Engine, Protocol):
    """An engine that stands in front: it can change where requests go while it runs."""

    breaks_hanging: ClassVar[bool]
    """Whether `set_down` breaks requests that hang on a frozen replica; else only its end does."""

    async def apply(self, backends: tuple[Backend, ...]) -> None:
        """
        Send requests to exactly these replicas from now on, without dropping any.

        Returns when the running edge has acknowledged the change: a replica that is
        missing from ``backends`` gets no new request after this returns. Called with
        the full set each time; before the edge runs it only changes what `files` says.
        """

    async def in_flight(self, backend: str) -> int:
        """Requests and sockets the edge still has open towards this replica; 0 when unknown to it."""

    async def set_down(self, backend: str, down: bool) -> None:
        """
        Tell the edge what the supervisor's own probes saw: pass over a replica at once, or
        use it again. It stays in rotation; `apply` does not undo this.
        """
