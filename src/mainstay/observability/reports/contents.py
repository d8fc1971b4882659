"""What a report says of the request it happened in, and that no secret is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from mainstay.base import environment, wire
from mainstay.base.context import REQUEST, REQUEST_ID, user_id
from mainstay.base.tracecontext import current_trace
from mainstay.observability import scrubbing

Event = dict[str, Any]

LOGROCKET_LIMIT = 500
"""Longest session URL that is believed; the header comes from a browser."""

PRINTABLE = re.compile(r"[!-~]+")


def attach_request(event: Event, hint: Mapping[str, Any]) -> Event:
    """Add the request id, the trace, the service, the user's key and the LogRocket session."""
    tags = event.setdefault("tags", {})
    if request_id := REQUEST_ID.get():
        tags["request_id"] = request_id
    if service := environment.text(wire.SERVICE):
        tags["service"] = service
    if trace := current_trace():
        tags["trace_id"] = trace.trace_id
        told = {"trace_id": trace.trace_id, "span_id": trace.span_id}
        event.setdefault("contexts", {}).setdefault("trace", {}).update(told)
    if REQUEST.get() is not None and (user := user_id()):
        event["user"] = {"id": user}
    if session := logrocket_session(_headers(event)):
        tags["logrocket"] = session[:200]
        event.setdefault("contexts", {})["logrocket"] = {"session_url": session}
    return event


def scrubbed(event: Event) -> Event:
    """The event without secrets, wherever in it they stand."""
    secrets = scrubbing.current_secrets()
    told = event.get("request")
    if isinstance(told, dict) and isinstance(told.get("query_string"), str):
        told["query_string"] = scrub_query(told["query_string"])
    clean = scrubbing.scrub(event, secrets, scrubbing.REPORT)
    if not isinstance(clean, dict):
        raise TypeError("an event is a dictionary")
    return clean


def describe_request(request: Any) -> Event:
    """A request as Sentry shows it: without its body, its cookies and its address's query."""
    meta: Mapping[str, Any] = request.META
    headers = {
        name[5:].replace("_", "-").title(): str(value)
        for name, value in meta.items()
        if name.startswith("HTTP_") and name != "HTTP_COOKIE"
    }
    match = getattr(request, "resolver_match", None)
    route = str(match.route) if match is not None else ""
    host = scrubbing.scrub_text(str(meta.get("HTTP_HOST") or meta.get("SERVER_NAME") or ""), 300)
    return {
        "method": request.method,
        "url": f"{request.scheme}://{host}{scrubbing.scrub_path(request.path, route)}",
        "query_string": scrub_query(meta.get("QUERY_STRING", "")),
        "headers": headers,
    }


def scrub_query(query: str) -> str:
    """A query without the values of parameters with secret names, and without values that look secret."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return scrubbing.MASK
    return urlencode([(name, scrubbing.scrub_named(name, value)) for name, value in pairs], safe="() ")


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
