from __future__ import annotations

from mainstay.ops.engines.memcached import Memcached
from mainstay.ops.topology.values import Memcached as Declared

from .golden import NODE, program

ENGINE = Memcached(NODE, program("memcached"), Declared("", 0, 64 << 20))


def test_listens_on_its_one_address_without_udp() -> None:
    words = " ".join(ENGINE.launch().argv)
    assert "--listen 127.0.0.1 --port 4001 --udp-port 0" in words
    assert "--memory-limit 64" in words


def test_a_size_below_a_mebibyte_is_one_mebibyte() -> None:
    tiny = Memcached(NODE, program("memcached"), Declared("", 0, 1000))
    assert "--memory-limit 1 " in " ".join(tiny.launch().argv)


def test_says_that_it_has_no_password() -> None:
    assert "no password" in ENGINE.note


def test_url() -> None:
    assert ENGINE.url == "memcached://127.0.0.1:4001"
