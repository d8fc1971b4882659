"""Whose budget a request is charged to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, inet_pton
from typing import Any, Final

from mainstay.base.errors import InvalidInput, Problem
from mainstay.http.exchange import EXCHANGE

IPV6_PREFIX: Final = 64
"""Bits that stand for one client: what a provider gives one customer (RFC 6177) is never smaller."""

PLAIN: Final = re.compile(r"[A-Za-z0-9._:@+/=-]{1,64}")
"""What may stand in a key as it is; anything longer or stranger, and every header, is stored as its hash."""

FIELD: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
EXPECTED = "'ip', 'user', 'header:NAME' or a function of the request"

Key = Callable[[Any], "str | None"]
AsyncKey = Callable[[Any], "Awaitable[str | None]"]


class Keys:
    """
    Finds the key of a request, in a thread and in an event loop.

    ``None`` means that the request is not limited; only a function of the project's own says so.
    """

    def __init__(self, sync: Key, async_: AsyncKey) -> None:
        self.find = sync
        self.find_async = async_


def read(key: object, where: str) -> Keys:
    """
    What ``key=`` means.

    Raises:
        InvalidInput: It is none of the known forms.
    """
    if callable(key):
        return _of_function(key)
    if key == "ip":
        return Keys(of_address, _awaited(of_address))
    if key == "user":
        return Keys(of_user, of_user_async)
    if isinstance(key, str) and key.startswith("header:") and FIELD.fullmatch(key[7:]):
        find = _of_header(key[7:])
        return Keys(find, _awaited(find))
    raise InvalidInput([Problem("limits.bad-key", where, "key", EXPECTED, repr(key))])


def of_address(request: Any) -> str:
    """The client's network: as the entrance found it, else what the server says."""
    exchange = EXCHANGE.get()
    client = exchange.client if exchange is not None else ""
    return network(request.META.get("REMOTE_ADDR") or client or "")


def of_user(request: Any) -> str:
    """Who is signed in; everybody else by address."""
    return _signed_in(getattr(request, "user", None)) or of_address(request)


async def of_user_async(request: Any) -> str:
    """The same without asking the database in the event loop."""
    ask = getattr(request, "auser", None)
    if ask is None:
        return of_user(request)
    return _signed_in(await ask()) or of_address(request)


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """
    One client as seen from outside: an IPv4 address, or the /64 of an IPv6 address.

    What is no address, as behind a Unix socket, is one client.
    """
    if is_ipv4(address):
        return f"ip:{address}"
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return f"ip:{short(address)}" if address else "ip:unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"ip:{parsed.ipv4_mapped}"
        bits = 128 - IPV6_PREFIX
        return f"ip:{IPv6Address(int(parsed) >> bits << bits)}/{IPV6_PREFIX}"
    return f"ip:{parsed}"


def is_ipv4(address: str) -> bool:
    """Whether it is an IPv4 address in its one usual form; a tenth of what `ip_address` takes to say so."""
    try:
        inet_pton(AF_INET, address)
    except (OSError, ValueError):
        return False
    return True


def short(value: str) -> str:
    """A value as part of a key: itself if it is short and plain, else its hash."""
    return value if PLAIN.fullmatch(value) else hashed(value)


def hashed(value: str) -> str:
    """The same without the value itself, whatever it is."""
    return "#" + blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _signed_in(user: Any) -> str:
    if user is None or not getattr(user, "is_authenticated", False):
        return ""
    return f"user:{short(str(user.pk))}"


def _of_header(name: str) -> Callable[[Any], str]:
    field = "HTTP_" + name.upper().replace("-", "_")

    def find(request: Any) -> str:
        value = request.META.get(field, "")
        # Mostly a credential: whoever sees the keys in Valkey must not be able to use it.
        return f"{name.lower()}:{hashed(value)}" if value else of_address(request)

    return find


def _of_function(function: Callable[[Any], Any]) -> Keys:
    prefix = short(getattr(function, "__qualname__", type(function).__qualname__))

    def named(value: object) -> str | None:
        return None if value is None else f"{prefix}:{short(str(value))}"

    async def find_async(request: Any) -> str | None:
        value = function(request)
        return named(await value if inspect.isawaitable(value) else value)

    return Keys(lambda request: named(function(request)), find_async)


def _awaited(find: Callable[[Any], str]) -> AsyncKey:
    async def find_async(request: Any) -> str:
        return find(request)

    return find_async
