"""JSON over HTTP to the other services of the system, with a time limit."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from mainstay.http import request_id

INTERNAL_HEADER = "Mainstay-Internal-Token"


class CallFailed(Exception):
    """No answer came; the other side may or may not have acted."""


def post(
    url: str, body: object, *, limit: float, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """
    Send JSON and return status and answer.

    A connection that breaks is tried a second time within the limit, so send only
    what may arrive twice.

    Raises:
        CallFailed: No answer within ``limit`` seconds.
    """
    end = time.monotonic() + limit
    content = json.dumps(body).encode()
    sent = {
        "Content-Type": "application/json",
        INTERNAL_HEADER: settings.INTERNAL_TOKEN,
        **({"X-Request-ID": request} if (request := request_id()) else {}),
        **(headers or {}),
    }
    for last in (False, True):
        try:
            return _send(url, content, sent, end - time.monotonic())
        except (OSError, http.client.HTTPException, ValueError) as error:
            if last or end - time.monotonic() < 0.05:
                raise CallFailed(f"{url}: {error!r}") from error
    raise AssertionError("unreachable")


def _send(url: str, content: bytes, headers: Mapping[str, str], limit: float) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=limit)
    try:
        connection.request("POST", parts.path, content, dict(headers))
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer) if answer else {}
    finally:
        connection.close()
