"""The fast handler in the place of Django's: in one application, or in Django's own classes."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler

from mainstay.http.handler.asgi import FastASGIHandler
from mainstay.http.handler.chain import FastHandler
from mainstay.http.handler.wsgi import FastWSGIHandler

_SOURCES: tuple[tuple[type, type], ...] = (
    (BaseHandler, FastHandler),
    (ASGIHandler, FastASGIHandler),
    (WSGIHandler, FastWSGIHandler),
)
_DJANGO: dict[tuple[type, str], Any] = {}
_ABSENT = object()


def install() -> None:
    """
    Put the fast handler's methods into Django's own classes, for this process.

    Afterwards ``WSGIHandler``, ``ASGIHandler`` and the handlers of the test clients load and run
    their middleware as the fast handler does. It is how Django's test suites are run against
    it, and how a project can run its own. Handlers that loaded their middleware earlier keep it.
    Calling it twice is harmless; `uninstall` takes it back.
    """
    for target, source in _SOURCES:
        for name, value in vars(source).items():
            if not name.startswith("__"):
                _put(target, name, value)
    _put(WSGIHandler, "__call__", FastWSGIHandler._mainstay_call)


def _put(target: type, name: str, value: Any) -> None:
    if (target, name) not in _DJANGO:
        _DJANGO[target, name] = vars(target).get(name, _ABSENT)
        setattr(target, name, value)


def uninstall() -> None:
    """Give Django's classes their own methods back."""
    while _DJANGO:
        (target, name), value = _DJANGO.popitem()
        if value is _ABSENT:
            delattr(target, name)
        else:
            setattr(target, name, value)


def replace(application: Any) -> Any:
    """
    The application with the fast handler where Django's own stands.

    Only exactly Django's ``ASGIHandler`` or ``WSGIHandler`` is replaced, or the one that is
    the ``"http"`` entry of a router of Channels, in place. Whatever else wraps or extends
    them is the project's own and stays as it is.
    """
    if type(application) is ASGIHandler:
        return FastASGIHandler()
    if type(application) is WSGIHandler:
        return FastWSGIHandler()
    mapping = getattr(application, "application_mapping", None)
    if isinstance(mapping, dict) and type(mapping.get("http")) is ASGIHandler:
        mapping["http"] = FastASGIHandler()
    return application
