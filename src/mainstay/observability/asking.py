"""
Questions to what may be slow or gone, with answers that are read at once.

A thread of its own puts each question again and again for as long as somebody looks. So who looks never
waits, a question that hangs holds up no other, and there is never a second thread for the same one.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from mainstay.base.threads import start_thread
from mainstay.observability import scrubbing

FORGOTTEN = 60.0
"""Seconds without a reader after which nobody is asked any more, so that a process without probes costs nothing."""
WORDS = 200
"""Most characters of a reason."""

Question = Callable[[], Any]
"""Gives the answer, or raises; may be a coroutine function."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a question stands at one moment."""

    ok: bool | None = None
    """``None``: there was no answer yet, good or bad."""
    value: Any = None
    problem: str = ""
    age: float = 0.0
    """Seconds since the answer; since the question, where it is late."""
    took: float = 0.0
    failures: int = 0
    """How often there was no answer, or one that came too late. Only grows."""


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any
    problem: str
    at: float
    took: float


@dataclass(frozen=True, slots=True)
class _State:
    last: _Answer | None = None
    since: float | None = None
    """When the question was put that has no answer yet."""
    failures: int = 0


class Asked:
    """
    One question and its thread, from the first `look` on for as long as somebody looks.

    ``limit`` and ``every`` are seconds and may be changed: what takes longer has failed, whatever it says in the
    end, and so long is the pause before the next time. May be read by several threads; nothing of it keeps a process
    from ending. A thread that could not be started, or has ended, is started at the next look.
    """

    def __init__(
        self, name: str, question: Question, *, limit: float, every: float, forgotten: float = FORGOTTEN
    ) -> None:
        self.limit = limit
        self.every = every
        self._name = name
        self._question = question
        self._forgotten = forgotten
        self._state = _State()
        """Written by the thread alone, each time as a whole."""
        self._wanted = -math.inf
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def look(self) -> Seen:
        """The latest answer, at once. The first call begins the asking."""
        self._wanted = time.monotonic()
        if not self.is_running:
            self._begin()
        return self._seen()

    def stop(self) -> None:
        """Ask no more, unless somebody looks again."""
        self._wanted = -math.inf

    def _begin(self) -> None:
        with self._lock:
            if not self.is_running:
                self._thread = start_thread(self._keep_asking, self._name)

    def _seen(self) -> Seen:
        # The clock is read last: read before an answer that comes meanwhile, it would make its age negative.
        state, limit = self._state, self.limit
        now = time.monotonic()
        if state.since is not None and now - state.since > limit:
            problem, late = f"no answer within {limit:g} s", now - state.since
            return Seen(False, problem=problem, age=late, failures=state.failures + 1)
        last = state.last
        if last is None:
            return Seen(failures=state.failures)
        return Seen(
            not last.problem, last.value, last.problem, now - last.at, last.took, failures=state.failures
        )

    def _keep_asking(self) -> None:
        only_look()
        while True:
            with self._lock:
                if time.monotonic() - self._wanted >= self._forgotten:
                    self._thread = None
                    return
            self._ask()
            time.sleep(self.every)

    def _ask(self) -> None:
        began = time.monotonic()
        self._state = replace(self._state, since=began)
        value, problem = None, ""
        try:
            try:
                value = finish(self._question())
            finally:
                give_connections_back()
        except BaseException as error:  # whatever is raised is the answer, and the thread has to go on
            problem = _words(error)
        now = time.monotonic()
        if not problem and now - began > self.limit:
            problem = f"took {now - began:.1f} s, more than {self.limit:g} s"
        self._state = _State(
            _Answer(value, problem, now, now - began), failures=self._state.failures + bool(problem)
        )


def finish(answer: Any) -> Any:
    """Wait for a coroutine; anything else is the answer already."""
    # Not the function is asked: a partial or a lambda may give one as well.
    return asyncio.run(answer) if inspect.iscoroutine(answer) else answer


def _words(error: BaseException) -> str:
    words = scrubbing.scrub_text(" ".join(str(error).split()))[:WORDS]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def give_connections_back() -> None:
    """Close, or return to their pool, the database connections of a thread that no request will tidy up."""
    if (db := sys.modules.get("django.db")) is not None and "settings" in vars(db.connections):
        db.connections.close_all()


_is_onlooker: ContextVar[bool] = ContextVar("mainstay_is_onlooker", default=False)


def only_look() -> None:
    """Say that the thread that calls this does no work: no statement of it counts as progress from now on."""
    _is_onlooker.set(True)


def is_onlooker() -> bool:
    return _is_onlooker.get()


def is_seconds(given: object) -> bool:
    """Whether it is a finite number above 0."""
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return is_number and 0 < given < math.inf  # type: ignore[operator]  # it is a number


def require_seconds(what: str, given: object) -> None:
    """
    See that it is a number of seconds, where it is declared: a later comparison with the clock would fail where
    nobody looks for the declaration.

    Raises:
        ValueError: It is none.
    """
    if not is_seconds(given):
        raise ValueError(f"{what} is a number of seconds above 0, such as 1.0, not {given!r}")


def place(function: Callable[..., object]) -> str:
    """Where a function stands; what is no function is told apart by what it is."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
