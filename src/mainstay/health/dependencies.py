"""
What this process depends on, and how it was when last asked.

A dependency says what its absence means (`Role`). Each is asked by a thread of its own, again and
again, so that a probe reads answers and never waits for one, and one that hangs holds up nobody
else. No dependency takes a process out of rotation: all replicas share it, so that would take out
the fleet (Amazon Builders' Library, "Implementing health checks").
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from mainstay.base.errors import nearest
from mainstay.health import progress
from mainstay.observability import scrubbing

LIMIT = 1.0
EVERY = 5.0
FORGOTTEN = 60.0
"""Seconds without a reader after which nobody is asked any more, so that a process without probes costs nothing."""
WORDS = 200
"""Most characters of a reason."""

Check = Callable[[], Any]
"""Returns when all is well and raises when it is not; may be a coroutine function."""


class Role(StrEnum):
    VITAL = "vital"
    """Without it nothing useful can be answered."""
    DEGRADING = "degrading"
    """Without it answers are slower, or some of them are missing."""
    OPTIONAL = "optional"
    """Without it nobody notices."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """
    Something outside of this process. ``limit`` and ``every`` are seconds.

    Raises:
        ValueError: One of them is not a number of seconds above 0.
    """

    name: str
    check: Check
    role: Role = Role.DEGRADING
    limit: float = LIMIT
    """A check that takes longer has failed, whatever it says in the end."""
    every: float = EVERY
    """Between the end of one check and the begin of the next."""

    def __post_init__(self) -> None:
        for name in ("limit", "every"):
            seconds = getattr(self, name)
            # A later comparison with the clock would fail in the probe, where nobody looks for the declaration.
            is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
            if not is_number or not 0 < seconds < math.inf:
                what = f"`{name}` of dependency {self.name!r}"
                raise ValueError(f"{what} is a number of seconds above 0, such as 1.0, not {seconds!r}")


@dataclass(frozen=True, slots=True)
class Observation:
    """How a dependency was when last asked."""

    role: Role
    ok: bool | None
    """``None``: not asked yet."""
    detail: str = ""
    age: float = 0.0
    """Seconds since the answer; since the question, where it is late."""
    took: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "role": str(self.role),
            "ok": self.ok,
            "detail": self.detail,
            "age_ms": round(self.age * 1000),
            "took_ms": round(self.took * 1000, 1),
        }


@dataclass
class _Asked:
    """One dependency and its thread. Written by the thread, read by anybody; each write is one assignment."""

    dependency: Dependency
    last: tuple[bool, str, float, float] | None = None
    """Whether it was well, what it said, when that was and how long it took."""
    since: float | None = None
    """When the question was put that has no answer yet."""

    def observe(self, clock: Callable[[], float] = time.monotonic) -> Observation:
        # The clock is read last: read before an answer that comes meanwhile, it would make its age negative.
        role, since, last = self.dependency.role, self.since, self.last
        now = clock()
        if since is not None and now - since > self.dependency.limit:
            return Observation(role, False, f"no answer within {self.dependency.limit:g} s", now - since)
        if last is None:
            return Observation(role, None)
        ok, detail, at, took = last
        return Observation(role, ok, detail, now - at, took)

    def ask(self) -> None:
        self.since = began = time.monotonic()
        ok, detail = _answer(self.dependency.check)
        now = time.monotonic()
        if ok and now - began > self.dependency.limit:
            ok, detail = False, f"took {now - began:.1f} s, more than {self.dependency.limit:g} s"
        self.last, self.since = (ok, detail, now, now - began), None


def _answer(check: Check) -> tuple[bool, str]:
    try:
        answer = check()
        if inspect.iscoroutine(
            answer
        ):  # not the function is asked: a partial or a lambda may give one as well
            asyncio.run(answer)
    except BaseException as error:  # whatever a check raises is its answer, and its thread has to go on
        words = scrubbing.scrub_text(" ".join(str(error).split()))[:WORDS]
        return False, f"{type(error).__name__}: {words}" if words else type(error).__name__
    return True, ""


@dataclass
class Watch:
    """
    Asks every dependency from the first `observe` on, for as long as somebody observes.

    May be used from several threads. Nothing of it keeps a process from ending.
    """

    forgotten: float = FORGOTTEN
    _asked: dict[str, _Asked] = field(default_factory=dict, repr=False)
    _own: dict[str, Check] = field(default_factory=dict, repr=False)
    """What the project has declared itself."""
    _wishes: dict[str, Mapping[str, Any] | None] = field(default_factory=dict, repr=False)
    """What was said of dependencies that nobody has declared yet; ``None`` is: not at all."""
    _threads: dict[str, threading.Thread] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _wanted: float = 0.0

    def add(self, dependency: Dependency) -> None:
        """Watch this one too; one of the same name is replaced, unless that is being watched already."""
        with self._lock:
            wish = self._wishes.get(dependency.name, {})
            if dependency.name not in self._threads and wish is not None:
                self._asked[dependency.name] = _Asked(replace(dependency, **wish))

    def declare(self, dependency: Dependency) -> None:
        """
        `add` for one of the project's own, which may stand for one of ours.

        Raises:
            ValueError: Another function of the project has the name, and would be asked no more.
        """
        place = _place(dependency.check)
        before = self._own.setdefault(dependency.name, dependency.check)
        if _place(before) != place:  # a module that is imported again declares the same once more
            what = f"dependency {dependency.name!r} of {place} is declared already, in {_place(before)}"
            raise ValueError(f"{what}: give each a name of its own")
        self.add(dependency)

    def override(self, name: str, **changes: Any) -> None:
        """Another role, limit or pace than the dependency has by itself, also when it is declared later."""
        with self._lock:
            self._wishes[name] = changes
            if asked := self._asked.get(name):
                asked.dependency = replace(asked.dependency, **changes)

    def remove(self, name: str) -> None:
        """Do not ask it, also when it is declared later."""
        with self._lock:
            self._wishes[name] = None
            self._asked.pop(name, None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._asked)

    def observe(self) -> dict[str, Observation]:
        """The latest of each, at once. The first call begins the asking."""
        self._wanted = time.monotonic()
        self._begin()
        return {name: asked.observe() for name, asked in tuple(self._asked.items())}

    def _begin(self) -> None:
        if len(self._threads) == len(self._asked):
            return
        with self._lock:
            for name, asked in self._asked.items():
                if name not in self._threads:
                    thread = threading.Thread(
                        target=self._keep_asking,
                        args=(name, asked),
                        name=f"mainstay-health-{name}",
                        daemon=True,
                    )
                    self._threads[name] = thread
                    thread.start()

    def _keep_asking(self, name: str, asked: _Asked) -> None:
        progress.only_look()
        while time.monotonic() - self._wanted < self.forgotten and name in self._asked:
            asked.ask()
            time.sleep(asked.dependency.every)
        with self._lock:
            self._threads.pop(name, None)


WATCH = Watch()
"""Of this process."""


def dependency(
    name: str, *, role: str = Role.DEGRADING, limit: float = LIMIT, every: float = EVERY
) -> Callable[[Check], Check]:
    """
    Declare what a function checks as a dependency of this process::

        @dependency("search", role="optional", limit=0.5)
        def search_answers() -> None:
            client.ping()

    The function, which may be a coroutine function, returns when all is well and raises when it is not. It
    runs in a thread of its own, every ``every`` seconds, from the first readiness probe on.

    Raises:
        ValueError: There is no such role, a number of seconds is none, or another function has this name.
    """
    declared = Dependency(name, _undeclared, _role(name, role), limit, every)

    def declare(check: Check) -> Check:
        WATCH.declare(replace(declared, check=check))
        return check

    return declare


def _role(name: str, given: object) -> Role:
    roles = [str(role) for role in Role]
    if given in roles:
        return Role(str(given))
    hint = f"; {guess}" if (guess := nearest(str(given), roles)) else ""
    raise ValueError(f"`role` of dependency {name!r} is one of {', '.join(roles)}, not {given!r}{hint}")


def _place(check: Check) -> str:
    """Where a function stands; what is no function is told apart by what it is."""
    code = getattr(inspect.unwrap(check), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(check)


def _undeclared() -> None:
    """Stands where the function will, so that what is wrong is said at the line of the decorator."""


def of_health_check(check: Any) -> Check:
    """
    A class of django-health-check, as a check to declare: ``dependency("disk")(of_health_check(DiskUsage()))``.

    Takes instances of version 4 (``run``) and of version 3 (``check_status`` and ``errors``).

    Raises:
        TypeError: It is neither.
    """
    if callable(getattr(check, "run", None)):
        return check.run  # type: ignore[no-any-return]
    if callable(getattr(check, "check_status", None)):
        return lambda: _run_version_3(check)
    raise TypeError(f"{check!r} is no health check: it has neither run() nor check_status()")


def _run_version_3(check: Any) -> None:
    check.errors = []
    check.check_status()
    if check.errors:
        raise check.errors[0]
