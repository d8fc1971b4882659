"""
The moment after which an answer is worthless, known to everything that works for it.

Set by the entrance of the process for each request; read by whatever waits: queries,
caches, calls. What is left is one budget, so nested waits cannot add up to more than
the caller was willing to spend (gRPC and Go's ``context`` have the same idea).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import NoReturn

NEVER = float("inf")


class DeadlineExceeded(TimeoutError):
    """There is no time left. The caller has given up, so the work is stopped and not repeated."""

    def __init__(self, message: str = "the deadline of this request has passed") -> None:
        super().__init__(message)


class Deadline:
    """
    A moment on the monotonic clock, in seconds.

    ``at`` may be moved, for a route that has its own limit, but never beyond ``bound``, which is
    how long the caller itself said it would wait. ``began`` is when the wait began; ``exceeded``
    remembers that work was stopped for it.
    """

    __slots__ = ("at", "began", "bound", "exceeded")

    def __init__(self, began: float, seconds: float, bound: float = NEVER) -> None:
        self.began = began
        self.bound = bound
        at = began + seconds
        self.at = at if at < bound else bound
        self.exceeded = False

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline this many seconds from now."""
        return cls(monotonic(), seconds)

    def remaining(self) -> float:
        """Seconds that are left; negative once it has passed."""
        return self.at - monotonic()

    @property
    def expired(self) -> bool:
        return monotonic() >= self.at

    def allow(self, seconds: float) -> None:
        """Give so many seconds from the beginning, but not more than the caller does."""
        self.at = min(self.began + seconds, self.bound)

    def lift(self) -> None:
        """Take it away: the answer has begun and may take as long as its reader needs."""
        self.at = self.bound = NEVER

    def check(self) -> None:
        """
        Stop the work if there is no time left.

        Raises:
            DeadlineExceeded: It has passed.
        """
        if monotonic() >= self.at:
            self.exceed()

    def exceed(self, cause: BaseException | None = None) -> NoReturn:
        """
        Stop the work and remember why.

        Raises:
            DeadlineExceeded: Always.
        """
        self.exceeded = True
        raise DeadlineExceeded from cause

    def __repr__(self) -> str:
        return f"<Deadline in {self.remaining():.3f} s>"


DEADLINE: ContextVar[Deadline | None] = ContextVar("mainstay_deadline", default=None)


def current_deadline() -> Deadline | None:
    """The deadline of the work being done, or ``None`` where nobody waits for it."""
    return DEADLINE.get()


def check() -> None:
    """
    A checkpoint: call it before work that may take long. Without a deadline it does nothing.

    Raises:
        DeadlineExceeded: There is no time left.
    """
    deadline = DEADLINE.get()
    if deadline is not None and monotonic() >= deadline.at:
        deadline.exceed()


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """
    Give the work inside at most this many seconds, and never more than its surroundings have.

    Nothing is interrupted by this alone: checkpoints inside see the shorter time.
    """
    outer = DEADLINE.get()
    inner = Deadline(monotonic(), seconds, outer.at if outer is not None else NEVER)
    token = DEADLINE.set(inner)
    try:
        yield inner
    finally:
        DEADLINE.reset(token)
