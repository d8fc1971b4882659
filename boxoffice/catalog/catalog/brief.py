"""Remembering answers for a moment."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

Value = TypeVar("Value")

logger = logging.getLogger(__name__)


def briefly(key: str, seconds: int, make: Callable[[], Value]) -> Value:
    """What the cache remembers under a key, else a new value; a cache that is away is simply not used."""
    name = "brief:" + hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    try:
        if (value := cache.get(name)) is not None:
            return value
    except Exception as error:  # each cache client has errors of its own
        logger.warning("the cache could not be read: %s", error)
        return make()
    value = make()
    try:
        cache.set(name, value, seconds)
    except Exception as error:
        logger.warning("the cache could not be written: %s", error)
    return value
