"""What is looked up at each request as Django looks it up, by a shorter way: settings, and what asgiref keeps."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

from django.conf import settings

_kept: dict[str, Any] = object.__getattribute__(settings, "__dict__")


def setting(name: str) -> Any:
    """
    ``settings.<name>``, overridden values included.

    Django keeps what was read in the object's own dict, and clears it when a setting changes. The
    attribute leads there through a method of `LazyObject` in Python, which takes three times as long.
    """
    try:
        return _kept[name]
    except KeyError:
        return getattr(settings, name)


def is_empty(local: Any) -> bool:
    """
    Whether nothing was ever set in this ``asgiref.local.Local`` here; False where it cannot be seen.

    To ask for what is not there costs two microseconds, for an error that nobody reads.
    """
    variable = getattr(getattr(local, "_storage", None), "_data", None)
    return isinstance(variable, ContextVar) and variable.get(None) is None


def of_this_thread(local: Any) -> Any:
    """
    What reads an ``asgiref.local.Local(thread_critical=True)`` in a thread without an event loop; else the same.

    By itself it finds out at each look, by an error, that there is no loop, which takes a microsecond.
    """
    storage = getattr(local, "_storage", None)
    return storage if type(storage) is threading.local and asyncio._get_running_loop() is None else local
