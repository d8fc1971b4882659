from __future__ import annotations

import pytest

from mainstay.cache.settings import caches


def test_valkey_with_bounded_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", "redis://:pw@127.0.0.1:7000/0")
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    default = caches()["default"]
    assert default["LOCATION"] == "redis://:pw@127.0.0.1:7000/0"
    assert default["KEY_PREFIX"] == "shop"
    options = default["OPTIONS"]
    assert 0 < options["socket_connect_timeout"] <= options["socket_timeout"] <= 1
    assert options["retry"].get_retries() == 1


def test_memcached_is_an_alias_beside_and_the_default_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMCACHED_URL", "memcached://127.0.0.1:7001")
    monkeypatch.delenv("CACHE_URL", raising=False)
    alone = caches()
    assert alone["default"]["LOCATION"] == alone["memcached"]["LOCATION"] == "127.0.0.1:7001"
    monkeypatch.setenv("CACHE_URL", "redis://127.0.0.1:7000/0")
    assert caches()["default"]["BACKEND"].endswith("RedisCache")
    assert caches()["memcached"]["BACKEND"].endswith("PyMemcacheCache")
