"""Django's request object from an ASGI scope, by the shortest way to the same object."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

NAMES_MAX = 256
"""Header names whose form in ``META`` is remembered; clients may send any, so there is an end to it."""

_NAMES: dict[bytes, str] = {}


def make_request(scope: Any, body: Any) -> ASGIRequest | None:
    """
    The request that ``ASGIRequest(scope, body)`` makes, or None where Django has to make it.

    That is so for repeated headers and script prefixes, which Django's versions treat in
    different ways, and for what is not as ASGI describes it.
    """
    if scope.get("root_path") or settings.FORCE_SCRIPT_NAME:
        return None
    query, client, server = scope.get("query_string"), scope.get("client"), scope.get("server")
    if type(query) is not bytes or not client or not server:
        return None
    path = scope["path"]
    method = scope["method"].upper()
    meta = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": query.decode(),
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "REMOTE_ADDR": client[0],
        "REMOTE_HOST": client[0],
        "REMOTE_PORT": client[1],
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
    }
    if not _add_headers(meta, scope.get("headers", ())):
        return None
    request: Any = ASGIRequest.__new__(ASGIRequest)
    request.__dict__.update(
        scope=scope,
        _post_parse_error=False,
        _read_started=False,
        resolver_match=None,
        path=path,
        script_name="",
        path_info=path,
        method=method,
        META=meta,
        _stream=body,
    )
    request._set_content_type_params(meta)
    return request  # type: ignore[no-any-return]


def _add_headers(meta: dict[str, Any], headers: Any) -> bool:
    """Put the headers into ``META``; False when one comes twice or needs more than a copy."""
    for name, raw in headers:
        key = _NAMES.get(name)
        if key is None:
            key = _name(name)
        if not key:  # Django drops names with an underscore, which could pass for another header
            continue
        if key in meta:
            return False
        value = raw.decode("latin1")
        if key == "HTTP_COOKIE" and value.endswith((";", " ")):
            return False
        meta[key] = value
    return True


def _name(name: bytes) -> str:
    text = name.decode("latin1")
    if "_" in text:
        key = ""
    elif text in ("content-length", "content-type"):
        key = text.upper().replace("-", "_")
    else:
        key = f"HTTP_{text.upper().replace('-', '_')}"
    if len(_NAMES) < NAMES_MAX:
        _NAMES[bytes(name)] = key
    return key
