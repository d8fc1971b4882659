from __future__ import annotations

from pathlib import Path

import pytest
import redis

from mainstay.ops.engines import valkey
from mainstay.ops.topology.values import Valkey as Declared

from .running import Runner, new_node, secrets

DECLARED = Declared(program="", port=0, max_memory=32 << 20)


@pytest.fixture
def engine(tmp_path: Path) -> valkey.Valkey:
    return valkey.Valkey(
        new_node(tmp_path, "valkey.1"), valkey.find(DECLARED), DECLARED, secrets(valkey.SECRETS)
    )


async def test_serves_whoever_has_the_url(runner: Runner, engine: valkey.Valkey) -> None:
    await engine.prepare()
    await runner.start(engine)
    with redis.Redis.from_url(engine.url) as client:
        assert client.set("seat", "taken")
        assert client.get("seat") == b"taken"
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "allkeys-lru"
        assert client.config_get("save") == {"save": ""}


async def test_refuses_whoever_has_no_password(runner: Runner, engine: valkey.Valkey) -> None:
    await engine.prepare()
    await runner.start(engine)
    with redis.Redis(port=engine.node.address.port) as client, pytest.raises(redis.AuthenticationError):
        client.get("seat")
    stranger = valkey.Valkey(engine.node, engine.program, DECLARED, {valkey.PASSWORD: "wrong"})
    probe = await stranger.probe()
    assert not probe.ready
    assert "WRONGPASS" in probe.detail


async def test_a_frozen_copy_is_not_ready(runner: Runner, engine: valkey.Valkey) -> None:
    await engine.prepare()
    running = await runner.start(engine)
    running.freeze()
    assert "no answer within" in (await engine.probe()).detail
    running.thaw()
    assert (await engine.probe()).ready


async def test_stops_at_its_signal(runner: Runner, engine: valkey.Valkey) -> None:
    await engine.prepare()
    running = await runner.start(engine)
    assert await running.stop() == 0
    assert not (await engine.probe()).ready
