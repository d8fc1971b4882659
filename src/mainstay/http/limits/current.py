"""The engine of this process, made from the settings at the first request that is limited."""

from __future__ import annotations

from threading import Lock
from typing import Any

from django.core.signals import setting_changed

from mainstay.http.limits import options
from mainstay.http.limits.engine import Engine
from mainstay.http.limits.store import Valkey

_lock = Lock()
_engine: Engine | None = None


def engine() -> Engine:
    """
    The one engine; made anew after ``MAINSTAY`` was overridden in a test.

    Raises:
        InvalidInput: The settings are wrong.
        ImportError: There is a Valkey to ask, and redis-py is not installed.
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
            store = Valkey(chosen.url, chosen.timeout) if chosen.url else None
            _engine = Engine(chosen, store)
        return _engine


setting_changed.connect(forget, dispatch_uid="mainstay.http.limits")
