"""``CHANNEL_LAYERS`` from the environment."""

from __future__ import annotations

from typing import Any

from mainstay.base import environment, wire


def channel_layers() -> dict[str, dict[str, Any]]:
    """
    ``CHANNEL_LAYERS``: publish/subscribe on Valkey, or this process's memory.

    The publish/subscribe layer on purpose: the other one of channels-redis loses its
    group memberships when the server restarts and breaks on redis-py 8's read timeout.
    """
    url = environment.text(wire.CACHE_URL)
    if not url:
        return {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [url], "prefix": environment.text(wire.SERVICE, "mainstay")},
        }
    }
