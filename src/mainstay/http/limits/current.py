"""The engine of this process, made from the settings at the first request that is limited."""

from __future__ import annotations

from threading import Lock
from typing import Any

from django.core.signals import setting_changed

from mainstay.base.errors import InvalidInput, OperationFailed, Problem
from mainstay.base.installing import as_installed
from mainstay.http.limits import options
from mainstay.http.limits.engine import Engine
from mainstay.http.limits.options import Options
from mainstay.http.limits.store import Valkey

_lock = Lock()
_engine: Engine | None = None


def engine() -> Engine:
    """
    The one engine; made anew after ``MAINSTAY`` was overridden in a test.

    Raises:
        InvalidInput: The settings are wrong.
        OperationFailed: There is a Valkey to ask, and redis-py is not installed.
    """
    return _engine or _make()


def forget(**kwargs: Any) -> None:
    """Start anew at the next request, with nothing at hand."""
    global _engine
    if kwargs.get("setting", "MAINSTAY") == "MAINSTAY":
        _engine = None


def _make() -> Engine:
    global _engine
    with _lock:
        if _engine is None:
            chosen = options.read()
            _engine = Engine(chosen, _open(chosen) if chosen.url else None)
        return _engine


def _open(chosen: Options) -> Valkey:
    try:
        return Valkey(chosen.url, chosen.timeout)
    except ImportError:
        what = "rate limits are kept in Valkey, and redis-py is not installed"
        hint = as_installed('pip install "django-mainstay[cache]"')
        raise OperationFailed("limits.no-client", what, hint) from None
    except ValueError:
        # The address holds a password, and redis-py's message may hold the address.
        where = "settings, or CACHE_URL of the environment"
        expected = "a URL such as redis://:password@host:6379/0"
        found = "a value that is not shown"
        path = f'{options.PLACE}["url"]'
        raise InvalidInput([Problem("limits.bad-url", where, path, expected, found)]) from None


setting_changed.connect(forget, dispatch_uid="mainstay.http.limits")
