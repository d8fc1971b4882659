from __future__ import annotations

from mainstay.ops.engines.engine import Address
from mainstay.ops.engines.haproxy import HaproxyEdge
from mainstay.ops.engines.haproxy.config import listen, text, word

from ..golden import assert_approved, program
from ..system import BACKENDS, BEHIND, MONITOR, NODE, ROOM, SYSTEM


def edge() -> HaproxyEdge:
    return HaproxyEdge(NODE, program("haproxy", "2.8.0"), SYSTEM, MONITOR, ROOM, BACKENDS)


def test_configuration() -> None:
    assert_approved("haproxy", edge().files())


def test_configuration_behind_proxies() -> None:
    behind = HaproxyEdge(NODE, program("haproxy", "2.8.0"), BEHIND, MONITOR, ROOM, BACKENDS)
    assert_approved("haproxy/front", behind.files())


def test_a_replica_that_is_down_starts_disabled() -> None:
    written = text(SYSTEM, NODE, MONITOR, ROOM, BACKENDS, frozenset({"catalog.web.2.g1"}))
    assert "server catalog.web.1.g1 127.0.0.1:5001\n" in written
    assert "server catalog.web.2.g1 127.0.0.1:5002 disabled\n" in written


def test_words_survive_what_would_end_them() -> None:
    assert word("/a b") == "/a\\ b"
    assert word("#x'y\"z\\") == "\\#x\\'y\\\"z\\\\"
    assert word("/plain-1.0/") == "/plain-1.0/"


def test_an_ipv6_address_is_bracketed() -> None:
    assert listen(Address("::1", 80)) == "[::1]:80"
    assert listen(Address("127.0.0.1", 80)) == "127.0.0.1:80"


async def test_changes_before_the_start_only_change_the_text() -> None:
    made = edge()
    await made.apply(BACKENDS[:1])
    (file,) = made.files()
    assert "catalog.web.1.g1" in file.text
    assert "catalog.web.2.g1" not in file.text


def test_it_runs_without_privileges_and_stops_softly() -> None:
    launch = edge().launch()
    assert launch.unprivileged
    assert launch.stop_signal.name == "SIGUSR1"
    assert launch.cwd == NODE.folder
