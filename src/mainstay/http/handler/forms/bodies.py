"""Middleware that look at the address, the language or the body: common, locale, ETag, gzip."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import ResponseHeaders

from mainstay.http.handler.reading import setting
from mainstay.http.handler.steps import BLOCKS, Step

COMPRESS_HERE = 32 * 1024
"""Bytes up to which a body is compressed on the event loop: about half a millisecond."""


_HOSTS: set[Any] = set()
HOSTS_MAX = 256
"""Allowed hosts that are remembered; a wildcard allows any number."""


def check_host(request: Any) -> None:
    """
    ``request.get_host()`` for its exception only.

    Raises:
        DisallowedHost: The host is not in ``ALLOWED_HOSTS``.
    """
    if type(request).get_host is not HttpRequest.get_host:
        request.get_host()
        return
    asked = (request._get_raw_host(), setting("DEBUG"), *setting("ALLOWED_HOSTS"))
    if asked not in _HOSTS:
        request.get_host()
        if len(_HOSTS) >= HOSTS_MAX:
            _HOSTS.clear()
        _HOSTS.add(asked)


def common(middleware: Any) -> Step:
    """``CommonMiddleware``: refused agents, ``www.``, the slash, the length."""
    enter_in_full, leave_in_full = middleware.process_request, middleware.process_response

    def before(request: Any) -> Any:
        if setting("DISALLOWED_USER_AGENTS") or setting("PREPEND_WWW"):
            return enter_in_full(request)
        check_host(request)  # most of what Django's does here is to raise DisallowedHost
        return None

    def after(request: Any, response: Any) -> Any:
        if response.status_code == 404 or response.streaming or type(response.headers) is not ResponseHeaders:
            return leave_in_full(request, response)
        store = response.headers._store
        if "content-length" not in store:
            store["content-length"] = ("Content-Length", str(len(response.content)))
        return response

    return Step(before=before, after=after)


def conditional_get(middleware: Any) -> Step:
    """``ConditionalGetMiddleware``: a hash of the body, nothing to wait for."""
    return Step(after=middleware.process_response)


def gzip(middleware: Any) -> Step:
    """``GZipMiddleware``; a large body is compressed in a thread."""
    in_full = middleware.process_response

    def after(request: Any, response: Any) -> Any:
        if response.streaming:
            return in_full(request, response)
        length = len(response.content)
        if length < 200:
            return response
        return in_full(request, response) if length <= COMPRESS_HERE else BLOCKS

    return Step(after=after, after_full=in_full)


def locale(middleware: Any) -> Step:
    """``LocaleMiddleware``: cookies, headers and catalogs in memory, nothing to wait for."""
    return Step(before=middleware.process_request, after=middleware.process_response)
