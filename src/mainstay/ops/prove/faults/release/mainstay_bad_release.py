"""
A release that is bad on purpose: it stands before a service's own application and spoils it.

Put on the path of one service by the fault ``bad-release``, which says in the environment what to
do. Standard library only, because it runs in the service's own interpreter.

==================================  =============================================================
``MAINSTAY_BAD_RELEASE``            ``crash`` at the import, ``errors`` or ``slow``
``MAINSTAY_BAD_RELEASE_SHARE``      of the answers that become a 500
``MAINSTAY_BAD_RELEASE_FACTOR``     how many times as long an answer takes
``MAINSTAY_BAD_RELEASE_OF``         ``module:attribute`` of the real application
``MAINSTAY_BAD_RELEASE_TALLY``      a file that grows by one byte with each spoiled answer
==================================  =============================================================
"""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

VARIANT = os.environ["MAINSTAY_BAD_RELEASE"]
SHARE = float(os.environ.get("MAINSTAY_BAD_RELEASE_SHARE", "0.05"))
FACTOR = float(os.environ.get("MAINSTAY_BAD_RELEASE_FACTOR", "3"))
TALLY = os.open(os.environ["MAINSTAY_BAD_RELEASE_TALLY"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
BODY = b"this release is bad on purpose\n"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]

if VARIANT == "crash":
    raise RuntimeError("this release crashes at its start on purpose")

_module, _, _name = os.environ["MAINSTAY_BAD_RELEASE_OF"].partition(":")
_good: Any = importlib.import_module(_module)
for _part in _name.split("."):
    _good = getattr(_good, _part)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def _spoils() -> bool:
    """Whether this answer becomes an error; counted when it does."""
    return VARIANT == "errors" and random.random() < SHARE  # noqa: S311 - no secret


def _count() -> None:
    os.write(TALLY, b".")


async def asgi(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        await _good(scope, receive, send)
    elif _spoils():
        _count()
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})
    else:
        await _good(scope, receive, _slowed(send) if VARIANT == "slow" else send)


def _slowed(send: Send) -> Send:
    began = time.monotonic()

    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            _count()
            await asyncio.sleep((time.monotonic() - began) * (FACTOR - 1))
        await send(message)

    return late


def wsgi(environ: Message, start_response: Callable[..., Any]) -> Iterable[bytes]:
    if _spoils():
        _count()
        start_response("500 Internal Server Error", HEADERS)
        return [BODY]
    began = time.monotonic()
    answer: Iterable[bytes] = _good(environ, start_response)
    if VARIANT == "slow":
        _count()
        time.sleep((time.monotonic() - began) * (FACTOR - 1))
    return answer


application: Callable[..., Any] = wsgi if os.environ.get("MAINSTAY_INTERFACE") == "wsgi" else asgi
