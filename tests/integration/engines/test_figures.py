"""Every figure that is promised is there, and Prometheus' own checker reads the page."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mainstay.ops.engines import figures, memcached, nats, valkey
from mainstay.ops.topology import values

from .cluster import Cluster
from .running import Runner, new_node, secrets


async def test_caches_and_broker(runner: Runner, tmp_path: Path) -> None:
    size = 16 << 20
    cache, slab, broker = (
        values.Valkey("", 0, size),
        values.Memcached("", 0, size),
        values.Nats("", 0, size, size),
    )
    engines = (
        valkey.Valkey(new_node(tmp_path, "valkey.1"), valkey.find(cache), cache, secrets(valkey.SECRETS)),
        memcached.Memcached(new_node(tmp_path, "memcached.1"), memcached.find(slab), slab),
        nats.Nats(
            new_node(tmp_path, "nats.1", monitored=True), nats.find(broker), broker, {nats.PASSWORD: "x"}
        ),
    )
    for engine in engines:
        await engine.prepare()
        await runner.start(engine)
    found = await figures.collect(engines)
    promised = {name for name in figures.HELP if name.startswith(("mainstay_cache", "mainstay_broker"))}
    assert {sample.name for sample in found} == promised
    limits = {sample.labels["node"]: sample.value for sample in found if "limit" in sample.name}
    assert limits == {"valkey.1": size, "memcached.1": size}
    read_by_promtool(figures.exposition(found))


async def test_postgres(cluster: Cluster) -> None:
    primary, standby = await cluster.synchronous_pair()
    found = await figures.collect([primary, standby, object()])
    assert {sample.name for sample in found} == {name for name in figures.HELP if "postgres" in name}
    roles = {sample.labels["node"]: sample.value for sample in found if sample.name.endswith("in_recovery")}
    assert roles == {"postgres.1": 0, "postgres.2": 1}
    (synchronous,) = [sample for sample in found if sample.name.endswith("standby_synchronous")]
    assert synchronous.labels["standby"] == "postgres.2"
    assert synchronous.value == 1
    read_by_promtool(figures.exposition(found))


async def test_an_engine_that_does_not_run_has_none(cluster: Cluster, tmp_path: Path) -> None:
    declared = values.Valkey("", 0, 1 << 24)
    idle = valkey.Valkey(
        new_node(tmp_path, "valkey.1"), valkey.find(declared), declared, secrets(valkey.SECRETS)
    )
    assert await figures.collect([idle, cluster.node(1)]) == ()


def read_by_promtool(text: str) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
