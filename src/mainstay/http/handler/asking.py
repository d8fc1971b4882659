"""Django's request objects from a scope or an environment, by the shortest way to the same object."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import LimitedStream, WSGIRequest, get_script_name

from mainstay.http.handler.reading import setting

NAMES_MAX = 256
"""Header names whose form in ``META`` is remembered; clients may send any, so there is an end to it."""

_init_in_django = WSGIRequest.__init__


def make_request(scope: Any, body: Any) -> ASGIRequest | None:
    """
    The request that ``ASGIRequest(scope, body)`` makes, or None where Django has to make it.

    That is so for repeated headers and script prefixes, which Django's versions treat in
    different ways, and for what is not as ASGI describes it.
    """
    if scope.get("root_path") or setting("FORCE_SCRIPT_NAME"):
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
    _read_content_type(request, meta)
    return request  # type: ignore[no-any-return]


def _read_content_type(request: Any, meta: Any) -> None:
    """``request._set_content_type_params(meta)``; without a type there is nothing to take apart."""
    if meta.get("CONTENT_TYPE"):
        request._set_content_type_params(meta)
    else:
        request.content_type, request.content_params = "", {}


def _add_headers(meta: dict[str, Any], headers: Any) -> bool:
    """Put the headers into ``META``; False when one comes twice or needs more than a copy."""
    pairs = [*headers]
    found = {_NAMES[name]: raw.decode("latin1") for name, raw in pairs}
    if len(found) != len(pairs) or not found.keys().isdisjoint(meta):
        return False
    if found.get("HTTP_COOKIE", "").endswith((";", " ")):
        return False
    found.pop("", None)  # Django drops names with an underscore, which could pass for another header
    meta.update(found)
    return True


class _Names(dict[bytes, str]):
    """The form that header names have in ``META``; empty for one that Django drops."""

    def __missing__(self, name: bytes) -> str:
        text = name.decode("latin1")
        if "_" in text:
            key = ""
        elif text in ("content-length", "content-type"):
            key = text.upper().replace("-", "_")
        else:
            key = f"HTTP_{text.upper().replace('-', '_')}"
        if len(self) < NAMES_MAX:
            self[bytes(name)] = key
        return key


_NAMES = _Names()


def make_wsgi_request(environ: Any) -> WSGIRequest:
    """
    The request that ``WSGIRequest(environ)`` makes.

    Django goes from text to bytes and back for a path, which changes nothing in ASCII.
    """
    path = environ.get("PATH_INFO") or "/"
    if script_name(environ) or not path.isascii() or WSGIRequest.__init__ is not _init_in_django:
        return WSGIRequest(environ)
    environ["PATH_INFO"], environ["SCRIPT_NAME"] = path, ""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except (ValueError, TypeError):
        length = 0
    request: Any = WSGIRequest.__new__(WSGIRequest)
    request.__dict__.update(
        environ=environ,
        path_info=path,
        path=f"/{path.replace('/', '', 1)}",
        META=environ,
        method=environ["REQUEST_METHOD"].upper(),
        _stream=LimitedStream(environ["wsgi.input"], length),
        _read_started=False,
        resolver_match=None,
    )
    _read_content_type(request, environ)
    return request  # type: ignore[no-any-return]


def script_name(environ: Any) -> str:
    """``get_script_name(environ)``, at once where neither server nor settings have one."""
    if (
        environ.get("SCRIPT_NAME")
        or "SCRIPT_URL" in environ
        or "REDIRECT_URL" in environ
        or setting("FORCE_SCRIPT_NAME") is not None
    ):
        return get_script_name(environ)
    return ""
