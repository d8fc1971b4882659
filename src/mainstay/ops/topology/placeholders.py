"""``{valkey.url}`` and the like inside the values of ``env``."""

from __future__ import annotations

import string
from collections.abc import Mapping

NAMES = ("postgres.url", "valkey.url", "memcached.url", "nats.url", "edge.url")


def service_placeholder(name: str) -> str:
    """The placeholder that becomes the address at which a service is called."""
    return f"service.{name}.url"


def names(text: str) -> tuple[str, ...]:
    """
    The placeholders in a text, in order.

    Raises:
        ValueError: A brace stands alone, or a placeholder carries a conversion or a format.
    """
    return tuple(name for _, name in _parts(text) if name is not None)


def fill(text: str, addresses: Mapping[str, str]) -> str:
    """
    The text with each placeholder replaced; doubled braces become single ones.

    Raises:
        KeyError: A placeholder has no address. `load` has checked that each names something.
    """
    return "".join(plain + ("" if name is None else addresses[name]) for plain, name in _parts(text))


def _parts(text: str) -> list[tuple[str, str | None]]:
    parts = []
    for plain, name, form, conversion in string.Formatter().parse(text):
        if form or conversion:
            raise ValueError(f"a placeholder holds only a name, not {name}{'!' if conversion else ':'}…")
        parts.append((plain, name))
    return parts
