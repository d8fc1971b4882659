"""
What each middleware costs a request, in processor time of this process.

The middleware are put around a view that answers at once, one more each time, and the
difference is theirs. The figures are small and the machine is never idle: what is compared is
measured right after one another, in rounds that go forth and back, and each figure is the median
of its differences. The least of each side, which other work reaches at different times, would
make a difference of two strangers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from statistics import median
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from mainstay.http.handler.chain import FastHandler, fill

ROUNDS = 25
SECONDS = 0.006
"""Processor time of one chain in one round."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds that one middleware adds to a request, here and in Django's own form."""

    wsgi: float
    wsgi_in_django: float
    asgi: float
    asgi_in_django: float


def measure(paths: Sequence[str], adapted: Sequence[str] = ()) -> list[Cost]:
    """The cost of each of these middleware, in their order; ``adapted`` ones run as in Django on both sides."""
    sides = [side for is_async in (False, True) for side in _sides(paths, adapted, is_async=is_async)]
    return [Cost(*each) for each in zip(*sides, strict=True)]


def _sides(paths: Sequence[str], adapted: Sequence[str], *, is_async: bool) -> list[list[float]]:
    """What each adds here, and in Django; both are measured in the same rounds."""
    with asyncio.Runner() as runner:
        asks = []
        for native in (True, False):
            for length in range(len(paths) + 1):
                handler = _Probe()
                fill(handler, paths[:length], is_async=is_async, native=native, adapted=adapted)
                asks.append(_asking_async(handler, runner) if is_async else _asking(handler))
        rounds = _rounds(asks)
    half = len(paths) + 1
    return [differences([each[:half] for each in rounds]), differences([each[half:] for each in rounds])]


def differences(rounds: Sequence[Sequence[float]]) -> list[float]:
    """
    What each chain of a round takes more than the one before it: the median over all rounds, and never below 0.

    Whatever slows a whole round down is in both of its neighbors, and a round that was disturbed between two of
    them is one of many.
    """
    added = [[after - before for before, after in pairwise(each)] for each in rounds]
    return [max(0.0, median(each)) for each in zip(*added, strict=True)]


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


def _rounds(asks: Sequence[Callable[[int], None]]) -> list[list[float]]:
    """Microseconds per request of each in every round; every other round goes backwards."""
    counts = []
    for ask in asks:
        count = 4
        while (spent := _time(ask, count) * count) < SECONDS / 2:
            count *= 2 if spent > SECONDS / 16 else 4
        counts.append(count)
    return [_round(asks, counts, backwards=bool(number % 2)) for number in range(ROUNDS)]


def _round(asks: Sequence[Callable[[int], None]], counts: Sequence[int], *, backwards: bool) -> list[float]:
    times = [0.0] * len(asks)
    for place in reversed(range(len(asks))) if backwards else range(len(asks)):
        times[place] = _time(asks[place], counts[place]) * 1e6
    return times


def _time(ask: Callable[[int], None], count: int) -> float:
    begin = time.process_time()
    ask(count)
    return (time.process_time() - begin) / count
