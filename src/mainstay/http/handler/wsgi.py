"""The fast twin of Django's ``WSGIHandler``."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core import signals
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.response import HttpResponseBase, ResponseHeaders
from django.urls import set_script_prefix
from django.urls.base import _prefixes as script_prefixes  # type: ignore[attr-defined]

from mainstay.http.handler.asking import make_wsgi_request, script_name
from mainstay.http.handler.chain import FastHandler
from mainstay.http.handler.reading import is_empty
from mainstay.http.handler.receiving import FINISHED, STARTED, tidy_after, tidy_before

quietly = suppress(Exception)
"""As Django: what cannot be closed stops nobody. Made once, since it may be used again and at once."""

_close_in_django = HttpResponseBase.close


class FastWSGIHandler(FastHandler, WSGIHandler):
    """Django's WSGI application on the fast chain."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request. A tool that has wrapped Django's own ``__call__`` is not passed by."""
        if "__call__" in self._mainstay_wrapped:
            return WSGIHandler.__call__(self, environ, start_response)
        return self._mainstay_call(environ, start_response)

    def _mainstay_call(self, environ: dict[str, Any], start_response: Any) -> Any:
        if (prefix := script_name(environ)) or not is_empty(script_prefixes):
            set_script_prefix(prefix)
        if STARTED.are_known(self.__class__):
            tidy_before()
        else:
            signals.request_started.send(sender=self.__class__, environ=environ)
        make = make_wsgi_request if self.request_class is WSGIRequest else self.request_class
        request = make(environ)
        response: Any = self.get_response(request)
        response._handler_class = self.__class__
        response._mainstay_close = close
        start_response(f"{response.status_code} {response.reason_phrase}", _headers(response))
        if getattr(response, "file_to_stream", None) is not None and environ.get("wsgi.file_wrapper"):
            # A server that is given the wrapper closes it, not the response.
            response.file_to_stream.close = response.close
            return environ["wsgi.file_wrapper"](response.file_to_stream, response.block_size)
        return response


def close(response: Any) -> None:
    """
    ``response.close()``, with the work of Django's receivers done in one pass.

    The outermost layer finds it at the response; other servers call the response's own.
    """
    is_plain = type(response).close is _close_in_django
    if not is_plain or "close" in vars(response) or not FINISHED.are_known(response._handler_class):
        response.close()
        return
    for closer in response._resource_closers:
        with quietly:
            closer()
    response._resource_closers.clear()
    response.closed = True
    tidy_after(in_thread=True)


def _headers(response: Any) -> list[tuple[str, str]]:
    if type(response.headers) is ResponseHeaders and type(response).items is HttpResponseBase.items:
        headers = list(response.headers._store.values())
    else:
        headers = [*response.items()]
    if response.cookies:
        headers += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    return headers
