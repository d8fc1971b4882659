"""``CACHES`` from the environment."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from mainstay.base import environment, wire

SOCKET_TIMEOUT = 0.5
"""Seconds one cache command may take; a cache that is slower than the database is no help."""
CONNECT_TIMEOUT = 0.3
CONNECTIONS = 64


def caches() -> dict[str, dict[str, Any]]:
    """
    ``CACHES``: Valkey as ``default``, Memcached as ``memcached`` when there is one.

    Without ``CACHE_URL`` the default is Memcached if there is one, else this process's memory.
    """
    aliases: dict[str, dict[str, Any]] = {}
    if url := environment.text(wire.MEMCACHED_URL):
        aliases["memcached"] = memcached(url)
    url = environment.text(wire.CACHE_URL)
    default = valkey(url) if url else aliases.get("memcached") or in_memory()
    return {"default": default, **aliases}


def valkey(url: str) -> dict[str, Any]:
    """
    Django's Redis backend with bounded waits.

    redis-py retries three times with growing pauses since its version 6; one
    immediate repeat covers a connection the server closed and keeps a dead
    cache from costing a request seconds.
    """
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": environment.text(wire.SERVICE),
        "OPTIONS": {
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": CONNECT_TIMEOUT,
            "socket_keepalive": True,
            "health_check_interval": 30,
            "max_connections": CONNECTIONS,
            **_retry_once(),
        },
    }


def memcached(url: str) -> dict[str, Any]:
    parts = urlsplit(url if "://" in url else f"memcached://{url}")
    return {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": f"{parts.hostname}:{parts.port or 11211}",
        "KEY_PREFIX": environment.text(wire.SERVICE),
        "OPTIONS": {
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": SOCKET_TIMEOUT,
            "no_delay": True,
            "ignore_exc": True,
            "use_pooling": True,
            "max_pool_size": CONNECTIONS,
        },
    }


def in_memory() -> dict[str, Any]:
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "mainstay"}


def _retry_once() -> dict[str, Any]:
    try:
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        return {}
    return {"retry": Retry(NoBackoff(), 1)}
