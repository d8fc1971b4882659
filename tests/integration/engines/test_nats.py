from __future__ import annotations

from pathlib import Path

import nats as client
import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import nats
from mainstay.ops.engines.ask import converse, http_get
from mainstay.ops.topology.values import Nats as Declared

from .running import Runner, new_node

DECLARED = Declared(program="", port=0, max_memory=16 << 20, max_file=64 << 20)


@pytest.fixture
def engine(tmp_path: Path) -> nats.Nats:
    node = new_node(tmp_path, "nats.1", monitored=True)
    return nats.Nats(node, nats.find(DECLARED), DECLARED, {nats.PASSWORD: "Wq-3_x"})


async def test_what_it_acknowledged_outlives_a_crash(runner: Runner, engine: nats.Nats) -> None:
    await engine.prepare()
    running = await runner.start(engine)
    connection = await client.connect(engine.url)
    stream = connection.jetstream()
    await stream.add_stream(name="orders", subjects=["orders.>"])
    for number in range(20):
        await stream.publish("orders.placed", str(number).encode())
    await connection.close()

    await running.kill()
    await engine.prepare()
    await runner.start(engine)
    connection = await client.connect(engine.url)
    assert (await connection.jetstream().stream_info("orders")).state.messages == 20
    await connection.close()


async def test_refuses_whoever_has_no_password(runner: Runner, engine: nats.Nats) -> None:
    await engine.prepare()
    await runner.start(engine)
    greeting = b'CONNECT {"verbose":true,"pass":"wrong","user":"mainstay"}\r\nPING\r\n'
    assert b"-ERR 'Authorization Violation'" in await converse(engine.node.address, greeting, until=b"-ERR")


async def test_storage_is_bounded_and_synced(runner: Runner, engine: nats.Nats) -> None:
    await engine.prepare()
    await runner.start(engine)
    _, body = await http_get(engine.monitor, "/varz")
    assert '"max_memory": 16777216' in body
    assert '"max_storage": 67108864' in body
    assert '"sync_always": true' in body


async def test_a_configuration_it_does_not_accept_fails_in_its_own_words(engine: nats.Nats) -> None:
    engine.declared = Declared(program="", port=0, max_memory=-5, max_file="lots")  # type: ignore[arg-type]
    with pytest.raises(OperationFailed) as failed:
        await engine.prepare()
    assert 'parsing "lot"' in str(failed.value)
