"""``MAINSTAY["http"]["rate_limits"]``: names, types, defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from django.conf import settings

from mainstay.base import environment, wire
from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.http.options import such_as

WHEN_UNAVAILABLE: Final = ("local", "open", "closed")
PLACE: Final = 'MAINSTAY["http"]["rate_limits"]'
EXAMPLES: Final = {"url": "redis://127.0.0.1:6379/0", "prefix": "shop"}
"""Of those whose default says nothing; the others' default is one."""


@dataclass(frozen=True, slots=True)
class Options:
    """Read late, so that tests just override."""

    enabled: bool = True
    """False lets everything pass and asks nobody."""

    url: str = ""
    """Which Valkey; without it ``CACHE_URL`` of the environment, and without that this process's memory."""

    prefix: str = ""
    """Stands before every key; without it the service's name, so that two services do not share a budget."""

    when_unavailable: str = "local"
    """
    Without Valkey ``local`` lets each replica enforce its part of the rate, ``open`` lets everything
    pass, ``closed`` answers 503.
    """

    replicas: int = 1
    """Processes that share a budget: for ``local``, and for what each may hold. A running system says it itself."""

    timeout: float = 0.05
    """Seconds that one question to Valkey may take."""

    pause: float = 1.0
    """Seconds without a question after one that failed."""

    lease: float = 1.0
    """Seconds for which units taken from Valkey are good."""

    block_share: float = 0.05
    """The part of the burst that all replicas together may hold unused."""

    keys_max: int = 10_000
    """Clients remembered in this process; the one unseen for longest is forgotten first."""


def read() -> Options:
    """
    The options as the settings have them now.

    Raises:
        InvalidInput: One is unknown or of the wrong kind; all mistakes at once.
    """
    everything = getattr(settings, "MAINSTAY", {})
    http = everything.get("http", {}) if isinstance(everything, Mapping) else {}
    found = http.get("rate_limits", {}) if isinstance(http, Mapping) else {}
    if not isinstance(found, Mapping):
        hint = such_as("rate_limits", {"enabled": False})
        raise InvalidInput(
            [Problem("limits.bad-option", "settings", PLACE, "a dictionary", repr(found), hint)]
        )
    if problems := list(_problems(found)):
        raise InvalidInput(problems)
    given: dict[str, Any] = dict(found)
    given["url"] = given.get("url") or environment.text(wire.CACHE_URL)
    given["prefix"] = given.get("prefix") or environment.text(wire.SERVICE, "mainstay")
    given.setdefault("replicas", environment.whole(wire.REPLICAS, 1))
    return Options(**given)


def _problems(found: Mapping[str, object]) -> Iterator[Problem]:
    known = {each.name for each in fields(Options)}
    for name, value in found.items():
        path = f'{PLACE}["{name}"]'
        if name not in known:
            hint = nearest(str(name), known) or such_as("enabled", False)
            expected = f"one of {', '.join(sorted(known))}"
            yield Problem("limits.unknown-option", "settings", path, expected, repr(name), hint)
        elif expected := _expected(name, value):
            shown = "a value that is not shown" if name == "url" else repr(value)
            hint = such_as(name, EXAMPLES.get(name, getattr(Options(), name)))
            yield Problem("limits.bad-option", "settings", path, expected, shown, hint)


def _expected(name: str, value: object) -> str:
    """What should stand there, or nothing where that is the case."""
    match name:
        case "enabled":
            return "" if isinstance(value, bool) else "True or False"
        case "url" | "prefix":
            return "" if isinstance(value, str) else "a text"
        case "when_unavailable":
            return "" if value in WHEN_UNAVAILABLE else " or ".join(map(repr, WHEN_UNAVAILABLE))
        case "replicas" | "keys_max":
            is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            return "" if is_count else "a whole number of 1 or more"
        case "block_share":
            return "" if _is_number(value) and 0 <= value <= 1 else "a number from 0 to 1"  # type: ignore[operator]
    return "" if _is_number(value) and 0 < value <= 60 else "seconds, more than 0 and at most 60"  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
