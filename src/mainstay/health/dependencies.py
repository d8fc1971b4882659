"""
What this process depends on, and how it was when last asked.

A dependency says what its absence means (`Role`). Each is asked in the background
(`mainstay.observability.asking`), so that a probe reads answers and never waits for one, and one that
hangs holds up nobody else. No dependency takes a process out of rotation: all replicas share it, so that would take out
the fleet (Amazon Builders' Library, "Implementing health checks").
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.observability.asking import FORGOTTEN, Asked, is_seconds, place

LIMIT = 1.0
EVERY = 5.0

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
    Something outside of this process. ``limit`` and ``every`` are seconds above 0.
    """

    name: str
    check: Check
    role: Role = Role.DEGRADING
    limit: float = LIMIT
    """A check that takes longer has failed, whatever it says in the end."""
    every: float = EVERY
    """Between the end of one check and the begin of the next."""


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
class _Watched:
    """One dependency, and the asking."""

    dependency: Dependency
    asked: Asked

    def observe(self) -> Observation:
        seen = self.asked.look()
        return Observation(self.dependency.role, seen.ok, seen.problem, seen.age, seen.took)

    def change(self, **changes: Any) -> None:
        self.dependency = replace(self.dependency, **changes)
        self.asked.limit, self.asked.every = self.dependency.limit, self.dependency.every


@dataclass
class Watch:
    """
    Asks every dependency from the first `observe` on, for as long as somebody observes.

    May be used from several threads. Nothing of it keeps a process from ending.
    """

    forgotten: float = FORGOTTEN
    _watched: dict[str, _Watched] = field(default_factory=dict, repr=False)
    _own: dict[str, Check] = field(default_factory=dict, repr=False)
    """What the project has declared itself."""
    _wishes: dict[str, Mapping[str, Any] | None] = field(default_factory=dict, repr=False)
    """What was said of dependencies that nobody has declared yet; ``None`` is: not at all."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, dependency: Dependency) -> None:
        """Watch this one too; one of the same name is replaced, unless that is being watched already."""
        with self._lock:
            wish, before = self._wishes.get(dependency.name, {}), self._watched.get(dependency.name)
            if wish is not None and not (before and before.asked.is_running):
                self._watched[dependency.name] = self._prepare(replace(dependency, **wish))

    def declare(self, dependency: Dependency, where: str = "") -> None:
        """
        `add` for one of the project's own, which may stand for one of ours.

        Args:
            where: The file and line that declare it, for messages.

        Raises:
            InvalidInput: Another function of the project has the name, and would be asked no more.
        """
        here = place(dependency.check)
        before = self._own.setdefault(dependency.name, dependency.check)
        if place(before) != here:  # a module that is imported again declares the same once more
            found = f"a second one; {place(before)} has the name"
            hint = "give each a name of its own"
            what = f"dependency {dependency.name!r}"
            raise InvalidInput(
                [Problem("health.second-dependency", where or here, what, "one function", found, hint)]
            )
        self.add(dependency)

    def override(self, name: str, **changes: Any) -> None:
        """Another role, limit or pace than the dependency has by itself, also when it is declared later."""
        with self._lock:
            self._wishes[name] = changes
            if watched := self._watched.get(name):
                watched.change(**changes)

    def remove(self, name: str) -> None:
        """Do not ask it, also when it is declared later."""
        with self._lock:
            self._wishes[name] = None
            if watched := self._watched.pop(name, None):
                watched.asked.stop()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._watched)

    def observe(self) -> dict[str, Observation]:
        """The latest of each, at once. The first call begins the asking."""
        return {name: watched.observe() for name, watched in tuple(self._watched.items())}

    def _prepare(self, dependency: Dependency) -> _Watched:
        asked = Asked(
            f"mainstay-health-{dependency.name}",
            dependency.check,
            limit=dependency.limit,
            every=dependency.every,
            forgotten=self.forgotten,
        )
        return _Watched(dependency, asked)


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
        InvalidInput: The name is none, there is no such role, a number of seconds is none, or another function has
            this name.
    """
    caller = sys._getframe(1)
    where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    problems = [*_misnamed(name, where), *_misplaced(role, where)]
    problems += [*_not_seconds("limit", limit, where), *_not_seconds("every", every, where)]
    if problems:
        raise InvalidInput(problems)
    declared = Dependency(name, _undeclared, Role(str(role)), limit, every)

    def declare(check: Check) -> Check:
        if not callable(check):
            raise InvalidInput([Problem(BAD, where, name, "a function that asks it", repr(check))])
        WATCH.declare(replace(declared, check=check), where)
        return check

    return declare


BAD = "health.bad-dependency"


def _misnamed(name: object, where: str) -> list[Problem]:
    if isinstance(name, str) and name:
        return []
    hint = 'write @dependency("search") above the function' if callable(name) else ""
    return [Problem(BAD, where, "dependency", "a name", repr(name), hint)]


def _misplaced(role: object, where: str) -> list[Problem]:
    roles = [str(each) for each in Role]
    if isinstance(role, str) and role in roles:
        return []
    return [Problem(BAD, where, "role", f"one of {', '.join(roles)}", repr(role), nearest(str(role), roles))]


def _not_seconds(key: str, seconds: object, where: str) -> list[Problem]:
    if is_seconds(seconds):
        return []
    return [Problem(BAD, where, key, "a number of seconds above 0, such as 1.0", repr(seconds))]


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
