"""Settings, read at each request as Django reads them, by a shorter way."""

from __future__ import annotations

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
