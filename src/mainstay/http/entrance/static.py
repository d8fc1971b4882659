"""
Collected static files, served before Django is asked.

Reading, compression, ranges and far-future headers are whitenoise's. Its middleware is
not used because under ASGI it would send each request through a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import FileWrapper

from mainstay.http.exchange import EXCHANGE

VIEW = "<static>"
CHUNK = 64 * 1024
HASHED = re.compile(r"\.[0-9a-f]{12}\.[^/]+$")
"""Names that Django's manifest storage makes; their content never changes."""


def find_files() -> Any | None:
    """The collected files of the configured project, or ``None`` when there are none to serve here."""
    from django.conf import ENVIRONMENT_VARIABLE, settings

    if not settings.configured and not os.environ.get(ENVIRONMENT_VARIABLE):
        return None  # an application without Django
    root, url = settings.STATIC_ROOT, settings.STATIC_URL or ""
    if not root or not Path(root).is_dir() or urlsplit(url).netloc or not find_spec("whitenoise"):
        return None
    from whitenoise import WhiteNoise  # type: ignore[import-untyped]

    return WhiteNoise(None, root=str(root), prefix=url, immutable_file_test=_is_immutable)


class AsgiStatic:
    """An ASGI application with static files in front of it."""

    def __init__(self, application: Any, files: Any) -> None:
        self._application = application
        self._files = files.files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        file = self._files.get(scope["path"]) if scope["type"] == "http" else None
        if file is None:
            await self._application(scope, receive, send)
            return
        _note()
        response = file.get_response(scope["method"], _conditions(scope["headers"]))
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        await _send_file(send, response.file)


class WsgiStatic:
    """A WSGI application with static files in front of it."""

    def __init__(self, application: Any, files: Any) -> None:
        self._application = application
        self._files = files.files

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        file = self._files.get(environ.get("PATH_INFO", ""))
        if file is None:
            body: Iterable[bytes] = self._application(environ, start_response)
            return body
        _note()
        response = file.get_response(environ["REQUEST_METHOD"], environ)
        start_response(f"{response.status:d} {response.status.phrase}", list(response.headers))
        return FileWrapper(response.file, CHUNK) if response.file else []


def _note() -> None:
    exchange = EXCHANGE.get()
    if exchange is not None:
        exchange.route, exchange.view = "", VIEW


def _is_immutable(path: str, url: str) -> bool:
    return HASHED.search(url) is not None


def _conditions(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The request's headers as whitenoise reads them."""
    return {
        "HTTP_" + name.decode("latin-1").upper().replace("-", "_"): value.decode("latin-1")
        for name, value in headers
    }


async def _send_file(send: Any, file: Any) -> None:
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK) if file else b"":
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        if file:
            file.close()
