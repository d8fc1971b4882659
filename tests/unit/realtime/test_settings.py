from __future__ import annotations

import pytest

from mainstay.realtime.settings import channel_layers


def test_publish_subscribe_layer_on_valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other layer of channels-redis breaks on redis-py 8 after five idle seconds."""
    monkeypatch.setenv("CACHE_URL", "redis://127.0.0.1:7000/0")
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    default = channel_layers()["default"]
    assert default["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert default["CONFIG"] == {"hosts": ["redis://127.0.0.1:7000/0"], "prefix": "shop"}
