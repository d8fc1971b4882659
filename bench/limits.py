"""
What a rate limit costs a request, beside django-ratelimit on the same server.

Both limit the same view, for the fleet, on a real Valkey on loopback that is started for the
bench. Counted is the processor time of the process that serves; Valkey's own is not, though the
other side keeps it busier. django-ratelimit is measured itself where it is installed; else the same
calls are made that its 4.1 makes for a request (``core.get_usage``: the client's network, ``cache.add`` under a
hashed name with the window's end, then ``cache.incr``). A refusal of ours is a whole answer with
its problem and headers; the other side only learns that it should refuse.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import time
import zlib
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders
from django.test import RequestFactory, override_settings

from bench.engines import start_valkey
from bench.frame import Comparison, Work

AMPLE = "10000000/h"
"""More than a bench can spend, so that every request passes."""
SCARCE = "100/h"
"""Spent in the first moment, so that nearly every request is refused."""
CLIENTS = 4000
EVERYBODY = 1 << 24
"""More than come in a bench, so that each is new."""
WARM_UP = 3000
FUDGE = 5
"""Seconds that django-ratelimit keeps a window longer than it lasts."""


def comparisons() -> list[Comparison]:
    _set_django_up(start_valkey())
    peer = _peer()
    name = "django-ratelimit" if find_spec("django_ratelimit") else "django-ratelimit's calls"
    rows = (
        ("rate limit, one client passes", AMPLE, 1),
        ("rate limit, one client is refused", SCARCE, 1),
        (f"rate limit, {CLIENTS} clients in turn pass", AMPLE, CLIENTS),
        ("rate limit, a new client's first request passes", AMPLE, EVERYBODY),
    )
    return [
        Comparison(
            what,
            "request",
            name,
            _warm(_calls(peer(rate)(_named(row)), clients)),
            "@rate_limit",
            _calls(_ours(rate)(_named(row)), clients),
        )
        for row, (what, rate, clients) in enumerate(rows)
    ]


def _named(row: int) -> Callable[[HttpRequest], HttpResponse]:
    """A view that costs next to nothing, so that what is around it shows; each row has its own budgets."""
    answer = HttpResponse(b"ok")

    def view(request: HttpRequest) -> HttpResponse:
        answer.headers = ResponseHeaders({})
        return answer

    view.__qualname__ = f"view_{row}"
    return view


def _warm(work: Work) -> Work:
    """Past the first connection: whoever is measured first would else be measured over too few requests."""
    work(WARM_UP)
    return work


def _calls(view: Callable[[HttpRequest], Any], clients: int) -> Work:
    """Requests of so many clients in turn; one object, so that memory which is cold does not decide."""
    request = RequestFactory().get("/")
    numbers = itertools.cycle(range(clients))

    def work(count: int) -> None:
        for number in itertools.islice(numbers, count):
            request.META["REMOTE_ADDR"] = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            view(request)

    return work


def _ours(rate: str) -> Callable[[Any], Any]:
    from mainstay.http import rate_limit

    return rate_limit(rate, key="ip")


def _peer() -> Callable[[str], Callable[[Any], Any]]:
    if not find_spec("django_ratelimit"):
        return _same_calls
    from django_ratelimit.decorators import ratelimit  # type: ignore[import-not-found, unused-ignore]

    return lambda rate: ratelimit(key="ip", rate=rate, block=False)


def _same_calls(rate: str) -> Callable[[Any], Any]:
    from django.core.cache import caches

    limit, period = int(rate.partition("/")[0]), 3600

    def decorate(view: Any) -> Any:
        group = f"{view.__module__}.{view.__qualname__}"

        @wraps(view)
        def limited(request: Any) -> Any:
            cache = caches["default"]
            network = ipaddress.ip_network(f"{request.META['REMOTE_ADDR']}/32", strict=False)
            value = str(network.network_address)
            now = int(time.time())
            window = now - now % period + zlib.crc32(value.encode()) % period
            window += period if window < now else 0
            text = "".join((group, f"{limit}/{period}s", value, str(window)))
            key = "rl:" + hashlib.sha256(text.encode()).hexdigest()
            count = 1 if cache.add(key, 1, period + FUDGE) else cache.incr(key)
            request.limited = count > limit
            return view(request)

        return limited

    return decorate


def _set_django_up(url: str) -> None:
    import django

    if not settings.configured:
        settings.configure(SECRET_KEY="only-for-the-bench", ALLOWED_HOSTS=["*"])
        django.setup()
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    override_settings(
        CACHES={"default": cache}, MAINSTAY={"http": {"rate_limits": {"url": url, "timeout": 1.0}}}
    ).enable()
