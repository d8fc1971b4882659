from __future__ import annotations

from pathlib import Path

import pytest
from pymemcache.client.base import Client

from mainstay.ops.engines import memcached
from mainstay.ops.topology.values import Memcached as Declared

from .running import Runner, new_node

DECLARED = Declared(program="", port=0, max_memory=16 << 20)


@pytest.fixture
def engine(tmp_path: Path) -> memcached.Memcached:
    return memcached.Memcached(new_node(tmp_path, "memcached.1"), memcached.find(DECLARED), DECLARED)


async def test_serves_on_loopback_only(runner: Runner, engine: memcached.Memcached) -> None:
    await engine.prepare()
    running = await runner.start(engine)
    address = engine.node.address
    client = Client((address.host, address.port))
    client.set("seat", b"taken", noreply=False)
    assert client.get("seat") == b"taken"
    assert client.stats()[b"limit_maxbytes"] == DECLARED.max_memory
    client.close()
    assert listening(running.process.pid) == {f"{address.host}:{address.port}"}


async def test_a_frozen_copy_is_not_ready(runner: Runner, engine: memcached.Memcached) -> None:
    await engine.prepare()
    running = await runner.start(engine)
    running.freeze()
    assert not (await engine.probe()).ready


def listening(pid: int) -> set[str]:
    """Every TCP or UDP address on which a process waits, by its own descriptors."""
    sockets = {link for fd in Path(f"/proc/{pid}/fd").iterdir() if (link := str(fd.readlink()))}
    found: set[str] = set()
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, status, inode = (line.split()[index] for index in (1, 3, 9))
            if status == state and f"socket:[{inode}]" in sockets:
                host, port = local.split(":")
                found.add(f"{'.'.join(str(byte) for byte in reversed(bytes.fromhex(host)))}:{int(port, 16)}")
    return found
