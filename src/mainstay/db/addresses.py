"""Database URLs as parts, and their mistakes in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from mainstay.base.environment import invalid

POSTGRES = ("postgres", "postgresql", "psql", "pgsql")
SQLITE = ("sqlite", "sqlite3")


@dataclass(frozen=True, slots=True)
class Address:
    """One database URL, taken apart; ``options`` are its query parameters."""

    scheme: str
    name: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: str = ""
    options: dict[str, str] = field(default_factory=dict)


def parse(url: str, variable: str) -> Address:
    """
    Take a database URL apart.

    Raises:
        InvalidInput: The scheme is unknown, or the URL names no database.
    """
    scheme, _, rest = url.partition("://")
    if scheme in SQLITE:
        return Address("sqlite", unquote(rest.removeprefix("/").partition("?")[0]) or ":memory:")
    if scheme not in POSTGRES:
        raise invalid(variable, "postgresql://user:password@host:port/name or sqlite:///file", _shown(url))
    return _parse_postgres(url, variable)


def _parse_postgres(url: str, variable: str) -> Address:
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError:
        raise invalid(variable, "a URL with one host and a numeric port", _shown(url)) from None
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise invalid(variable, "a URL that ends in a database name", _shown(url))
    return Address(
        scheme="postgresql",
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=unquote(parts.hostname or ""),
        port=port,
        options=dict(parse_qsl(parts.query)),
    )


def _shown(url: str) -> str:
    """The URL without its password."""
    head, at, tail = url.rpartition("@")
    scheme, _, credentials = head.partition("://")
    return f"{scheme}://{credentials.partition(':')[0]}:***@{tail}" if at else url
