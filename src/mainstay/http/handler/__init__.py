"""
Django's request handlers, without the thread hops and the repeated work between middleware.

A user's ``MIDDLEWARE`` stays as written. What Django ships is recognised by its exact class
and run in a native form that does the same; everything else runs as in Django.

`FastASGIHandler` and `FastWSGIHandler` are subclasses of Django's handlers.
`install` puts the same code into Django's own classes, so that its test suites, and a
project's test client, run on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainstay.http.handler.asgi import FastASGIHandler as FastASGIHandler
    from mainstay.http.handler.replacing import install as install
    from mainstay.http.handler.replacing import replace as replace
    from mainstay.http.handler.replacing import uninstall as uninstall
    from mainstay.http.handler.wsgi import FastWSGIHandler as FastWSGIHandler

_PLACES = {
    "FastASGIHandler": "asgi",
    "FastWSGIHandler": "wsgi",
    "install": "replacing",
    "replace": "replacing",
    "uninstall": "replacing",
}

__all__ = ["FastASGIHandler", "FastWSGIHandler", "install", "replace", "uninstall"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
