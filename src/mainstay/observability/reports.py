"""
Error reports through sentry-sdk: what is sent, what is left out, what is attached.

Off, and sentry-sdk not even imported, without ``SENTRY_DSN``. Reports leave from
sentry-sdk's own thread and never block a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mainstay.base import environment, wire
from mainstay.base.context import REQUEST_ID

LOGROCKET_LIMIT = 500
"""Longest session URL that is believed; the header comes from a browser."""

PRINTABLE = re.compile(r"[!-~]+")

IGNORED = frozenset({"DisallowedHost", "RequestAborted", "ClientDisconnect", "CancelledError"})
"""Errors that a client causes by leaving or by asking for the wrong host."""


def setup(**options: Any) -> bool:
    """
    Start error reports if ``SENTRY_DSN`` is set, and say whether they run.

    Call it in the settings file; ``options`` go to ``sentry_sdk.init`` and win over
    the defaults here. Without sentry-sdk installed nothing happens.
    """
    dsn = environment.text(wire.SENTRY_DSN)
    if not dsn:
        return False
    try:
        import sentry_sdk
    except ImportError:
        return False
    sentry_sdk.init(**{**defaults(dsn), **options})
    return True


def defaults(dsn: str) -> dict[str, Any]:
    """What `setup` passes to ``sentry_sdk.init``."""
    return {
        "dsn": dsn,
        "release": environment.text(wire.RELEASE) or None,
        "environment": environment.text(wire.SYSTEM, "development"),
        "server_name": environment.text(wire.REPLICA) or None,
        "traces_sample_rate": 0.0,
        "auto_session_tracking": False,
        "before_send": attach_request,
    }


def attach_request(event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any] | None:
    """Drop what a client caused; add the request id, the service and the LogRocket session."""
    if _is_ignored(hint):
        return None
    tags = event.setdefault("tags", {})
    if request_id := REQUEST_ID.get():
        tags["request_id"] = request_id
    if service := environment.text(wire.SERVICE):
        tags["service"] = service
    if session := logrocket_session(_headers(event)):
        tags["logrocket"] = session[:200]
        event.setdefault("contexts", {})["logrocket"] = {"session_url": session}
    return event


def logrocket_session(headers: Mapping[str, str]) -> str | None:
    """The session URL that the browser sent, if it is one: https, printable, of bounded length."""
    wanted = wire.LOGROCKET_URL.lower()
    value = next((value for name, value in headers.items() if name.lower() == wanted), "")
    if len(value) > LOGROCKET_LIMIT or not PRINTABLE.fullmatch(value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme == "https" and parts.hostname else None


def _headers(event: Mapping[str, Any]) -> Mapping[str, str]:
    headers = event.get("request", {}).get("headers", {})
    return headers if isinstance(headers, Mapping) else {}


def _is_ignored(hint: Mapping[str, Any]) -> bool:
    exc_info = hint.get("exc_info")
    if exc_info and any(kind.__name__ in IGNORED for kind in exc_info[0].__mro__):
        return True
    record = hint.get("log_record")
    return record is not None and record.name == "django.security.DisallowedHost"
