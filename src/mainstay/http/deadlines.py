"""
How long a request has: from its caller's header, its route's decorator, or the default.

A caller may shorten what the service gives, never lengthen it.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sys
from collections.abc import Awaitable, Callable
from inspect import iscoroutine
from time import monotonic
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction

from mainstay.base.deadline import DEADLINE, NEVER, Deadline, within
from mainstay.base.errors import InvalidInput, Problem
from mainstay.http import dispatching

View = TypeVar("View", bound=Callable[..., Any])

_MILLISECONDS = re.compile("[0-9]{1,9}")
"""Plain digits; anything else, also a header that came twice, says nothing."""

_WORDS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
"""What mainstay.toml knows, by which a text is guessed at."""

LONGEST = 86_400.0
"""Seconds; event loops refuse timers of years."""

DECORATED: dict[str, float] = {}
"""Most seconds that `deadline` was given, by the place where it stands; for the system checks."""


def begin(offered: str, trusted: bool, default: float) -> Deadline:
    """
    The deadline of a request that arrives now and has ``default`` seconds.

    ``offered`` is what its peer wrote into ``Mainstay-Deadline``, in milliseconds. It
    is believed from a trusted peer only, and ignored when it is no such number.
    """
    now = monotonic()
    bound = NEVER
    if trusted and offered and _MILLISECONDS.fullmatch(offered):
        bound = now + int(offered) / 1000
    return Deadline(now, default, bound)


def deadline(seconds: float) -> Callable[[View], View]:
    """
    Give a view this many seconds from the arrival of its request, less or more than the default.

    A caller that has less time keeps it, and the edge is one: it gives each request ``timeouts.request`` of
    mainstay.toml. An async view is cancelled at its deadline; a sync one stops at the next checkpoint, which
    every query is, and its own end; the answer is 504, and ``ATOMIC_REQUESTS`` takes back what it did. For
    functions, sync or async, and for classes of views, Django REST framework's among them.

    Raises:
        InvalidInput: It is not a number of seconds above 0, or the class is no view.

    Example:
        >>> @deadline(2.0)
        ... def search(request): ...
    """
    caller = sys._getframe(1)
    where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < NEVER:
        expected = "a number of seconds above 0, such as 2.0"
        raise InvalidInput(
            [Problem("http.bad-deadline", where, "deadline", expected, repr(seconds), _meant(seconds))]
        )
    place = f"{caller.f_globals.get('__name__', '')}, line {caller.f_lineno}"
    DECORATED[place] = max(seconds, DECORATED.get(place, 0.0))

    def decorate(view: View) -> View:
        if isinstance(view, type):
            return cast("View", dispatching.decorate(view, decorate, "deadline", where))
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def respond_async(*args: Any, **kwargs: Any) -> Any:
                return await _await_within(seconds, lambda: view(*args, **kwargs))

            return cast("View", respond_async)

        @functools.wraps(view)
        def respond(*args: Any, **kwargs: Any) -> Any:
            current = DEADLINE.get()
            if current is None:
                with within(seconds) as own:
                    return end(own, view(*args, **kwargs))
            current.allow(seconds)
            return end(current, view(*args, **kwargs))

        def end(current: Deadline, answer: Any) -> Any:
            if iscoroutine(answer):  # `dispatch` of an async class-based view is no coroutine function
                return _await_within(seconds, lambda: answer)
            current.check()
            return answer

        return cast("View", respond)

    return decorate


def _meant(given: object) -> str:
    """The line that was meant, where one can tell."""
    if callable(given):
        return "write @deadline(2.0) above the view"
    match = _WORDS.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        return ""
    return f"write @deadline({float(match[1]) * UNITS[match[2] or 's']:g}): the number alone, in seconds"


async def _await_within(seconds: float, start: Callable[[], Awaitable[Any]]) -> Any:
    current = DEADLINE.get()
    if current is None:
        with within(seconds) as own:
            return await _cancel_at(own, start)
    current.allow(seconds)
    return await _cancel_at(current, start)


async def _cancel_at(current: Deadline, start: Callable[[], Awaitable[Any]]) -> Any:
    """What ``start`` gives, or the end of it at the deadline, which may be moved meanwhile."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None
    limit = asyncio.timeout(None)

    def look() -> None:
        nonlocal timer
        if (left := current.remaining()) <= 0:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(min(left, LONGEST), look)

    try:
        async with limit:
            look()
            return await start()
    except Exception as error:  # its own TimeoutError, or whatever a view makes of being cancelled
        if limit.expired():
            current.exceed(error)
        raise
    finally:
        if timer is not None:
            timer.cancel()


def ended_in_time(view: Callable[..., Any]) -> Callable[..., Any]:
    """
    An async view that is cancelled at the deadline of its request, for a server that has no loop to watch it.

    Under WSGI each async view has a loop of its own, beside the thread that waits for it.
    """

    async def respond(*args: Any, **kwargs: Any) -> Any:
        current = DEADLINE.get()
        if current is None:
            return await view(*args, **kwargs)
        return await _cancel_at(current, lambda: view(*args, **kwargs))

    return respond
