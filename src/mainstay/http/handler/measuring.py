"""
What each middleware costs a request, in processor time of this process.

The middleware are put around a view that answers at once, one more each time, and the
difference is theirs. The figures are small and the machine is never idle, so each is the least of
several rounds: the best estimate of what the work itself costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from mainstay.http.handler.chain import FastHandler, fill

ROUNDS = 7
SECONDS = 0.02
"""Processor time of one side of one round."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds that one middleware adds to a request, here and in Django's own form."""

    wsgi: float
    wsgi_in_django: float
    asgi: float
    asgi_in_django: float


def measure(paths: Sequence[str], adapted: Sequence[str] = ()) -> list[Cost]:
    """The cost of each of these middleware, in their order; ``adapted`` ones run as in Django on both sides."""
    sides = [
        _differences(paths, adapted, native=native, is_async=is_async)
        for is_async in (False, True)
        for native in (True, False)
    ]
    return [Cost(*each) for each in zip(*sides, strict=True)]


def _differences(
    paths: Sequence[str], adapted: Sequence[str], *, native: bool, is_async: bool
) -> list[float]:
    with asyncio.Runner() as runner:
        asks = []
        for length in range(len(paths) + 1):
            handler = _Probe()
            fill(handler, paths[:length], is_async=is_async, native=native, adapted=adapted)
            asks.append(_asking_async(handler, runner) if is_async else _asking(handler))
        totals = _least(asks)
    return [max(0.0, after - before) for before, after in pairwise(totals)]


class _Probe(FastHandler):
    """A handler whose URLconf knows one view."""

    def resolve_request(self, request: HttpRequest) -> Any:
        is_async = hasattr(request, "scope")
        return (_answer_async if is_async else _answer), (), {}


def _answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok")


async def _answer_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok")


def _asking(handler: Any) -> Callable[[int], None]:
    make, host = RequestFactory(), _host()

    def ask(count: int) -> None:
        for _ in range(count):
            handler._middleware_chain(make.get("/", secure=True, headers={"host": host}))

    return ask


def _asking_async(handler: Any, runner: asyncio.Runner) -> Callable[[int], None]:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "scheme": "https",
        "server": ("127.0.0.1", 443),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", _host().encode())],
    }

    async def ask_all(count: int) -> None:
        for _ in range(count):
            await handler._middleware_chain(ASGIRequest(scope, BytesIO()))

    def ask(count: int) -> None:
        runner.run(ask_all(count))

    return ask


def _host() -> str:
    """A host that this project answers to."""
    named = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    return named[0] if named else "localhost"


def _least(asks: Sequence[Callable[[int], None]]) -> list[float]:
    """Microseconds per request of each in its best round; all take their turn in every round."""
    counts = []
    for ask in asks:
        count = 4
        while (spent := _time(ask, count) * count) < SECONDS / 2:
            count *= 2 if spent > SECONDS / 16 else 4
        counts.append(count)
    rounds = [[_time(ask, count) for ask, count in zip(asks, counts, strict=True)] for _ in range(ROUNDS)]
    return [min(times) * 1e6 for times in zip(*rounds, strict=True)]


def _time(ask: Callable[[int], None], count: int) -> float:
    begin = time.process_time()
    ask(count)
    return (time.process_time() - begin) / count
