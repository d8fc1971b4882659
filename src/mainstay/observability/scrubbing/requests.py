"""What came with a request and must not turn up elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from mainstay.base.context import REQUEST
from mainstay.observability.scrubbing.names import looks_secret
from mainstay.observability.scrubbing.texts import SECRET_LEAST

SECRETS_LIMIT = 128
"""
Values of one request that are looked for. Each text is searched for each of them, and a client could send 10,000.

A browser has some dozen cookies for a site. Credentials, parts of the path and fields come first.
"""

_KEPT = "_mainstay_secrets"
_BODY_LIMIT = 65536
_FIELDS_LIMIT = 200


def current_secrets() -> tuple[str, ...]:
    """`request_secrets` of the request being worked on; none outside of one."""
    request = REQUEST.get()
    return () if request is None else request_secrets(request)


def request_secrets(request: object) -> tuple[str, ...]:
    """
    What came with this request and must not turn up elsewhere: credentials, cookies, secret fields.

    Only what has been read already is looked at: the body is never read for this. Found once
    per request and kept with it. At most `SECRETS_LIMIT` values, longest first.
    """
    kept = getattr(request, "__dict__", None)
    if kept is None:
        return ()
    if (found := kept.get(_KEPT)) is None:
        try:
            found = _found_in(kept)
        except Exception:  # a request of a shape that is not known here has no known secrets
            found = ()
        has_body = (kept.get("META") or {}).get("REQUEST_METHOD") not in ("GET", "HEAD")
        if kept.get("resolver_match") and (not has_body or "_body" in kept or "_post" in kept):
            kept[_KEPT] = found
    return tuple(found)


def _found_in(kept: Mapping[str, Any]) -> tuple[str, ...]:
    meta = kept.get("META") or {}
    parts = getattr(kept.get("resolver_match"), "kwargs", None) or {}
    named = [*parts.items(), *_posted(kept.get("_post")), *_asked(meta.get("QUERY_STRING", ""))]
    found = [
        *_credentials(meta),
        *(str(value) for name, value in named if looks_secret(name)),
        *_in_json(kept.get("_body"), meta.get("CONTENT_TYPE", "")),
        *_cookies(meta.get("HTTP_COOKIE", "")),
    ]
    each = dict.fromkeys(value for value in found if len(value) >= SECRET_LEAST)
    return tuple(sorted(islice(each, SECRETS_LIMIT), key=len, reverse=True))


def _credentials(meta: Mapping[str, Any]) -> Iterator[str]:
    for name, value in meta.items():
        if name.startswith("HTTP_") and isinstance(value, str) and looks_secret(name):
            yield from (value, value.rpartition(" ")[2])


def _cookies(header: str) -> list[str]:
    """Every value, because a project names its cookies as it likes; first those whose names say it."""
    pairs = [
        (name.strip(), value.strip())
        for name, _, value in (each.partition("=") for each in header.split(";"))
    ]
    return [value for name, value in sorted(pairs, key=lambda pair: not looks_secret(pair[0]))]


def _posted(post: Any) -> list[tuple[str, str]]:
    if post is None or not issubclass(type(post), dict):
        return []
    return [(name, text) for name, texts in dict.items(post) for text in texts]


def _asked(query: str) -> list[tuple[str, str]]:
    return parse_qsl("&".join(query.split("&", _FIELDS_LIMIT)[:_FIELDS_LIMIT])) if query else []


def _in_json(body: Any, content_type: str) -> list[str]:
    if not isinstance(body, bytes) or len(body) > _BODY_LIMIT or "json" not in content_type:
        return []
    try:
        waiting: list[tuple[bool, Any]] = [(False, json.loads(body))]
    except (ValueError, RecursionError):  # a client may send anything
        return []
    found: list[str] = []
    while waiting:
        secret, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(secret or looks_secret(name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(secret, inner) for inner in value]
        elif secret and isinstance(value, str):
            found.append(value)
    return found
