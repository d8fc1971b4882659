"""Ports: a fixed one that is taken is refused by name, an automatic one is never given twice."""

from __future__ import annotations

import errno

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import ports as module
from mainstay.ops.supervise.ports import Ports, check


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Ports on which nobody can listen, each with the error it gives."""
    refused: dict[int, int] = {}

    def listen(port: int, host: str) -> None:
        if port in refused:
            raise OSError(refused[port], "Permission denied" if refused[port] == errno.EACCES else "in use")

    monkeypatch.setattr(module, "_listen_once", listen)
    return refused


def refusal(port: int) -> OperationFailed:
    with pytest.raises(OperationFailed) as failure:
        check(port, "127.0.0.1", "edge.port")
    return failure.value


def test_a_busy_port_is_refused_with_its_holder(
    taken: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken[8000] = errno.EADDRINUSE
    monkeypatch.setattr(module.proc, "listener", lambda port: f"python (pid {port})")
    failure = refusal(8000)
    assert failure.id == "port.busy"
    assert failure.what == "127.0.0.1:8000 (edge.port) is in use by python (pid 8000)"
    assert "edge.port" in failure.hint


def test_a_port_this_user_may_not_have_is_not_called_busy(taken: dict[int, int]) -> None:
    taken[80] = errno.EACCES
    failure = refusal(80)
    assert failure.id == "port.cannot-listen"
    assert "Permission denied" in failure.what
    assert "1024" in failure.hint


def test_a_free_one_is_fine(taken: dict[int, int]) -> None:
    check(8000, "127.0.0.1", "edge.port")


def test_an_owner_keeps_its_port(taken: dict[int, int]) -> None:
    assert Ports({"valkey.1": 21000}).take("valkey.1") == 21000


def test_a_remembered_port_that_is_taken_now_is_given_up(taken: dict[int, int]) -> None:
    taken[21000] = errno.EADDRINUSE
    ports = Ports({"valkey.1": 21000})
    assert ports.take("valkey.1") != 21000
    assert ports.given["valkey.1"] != 21000


def test_no_port_is_given_twice(taken: dict[int, int]) -> None:
    ports = Ports({})
    given = [ports.take(f"catalog.web.{number}") for number in range(300)]
    assert len(set(given)) == 300


def test_automatic_ports_are_outside_the_range_of_outgoing_connections(
    taken: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_highest", lambda: 32768)
    ports = Ports({})
    assert all(20000 <= ports.take(str(number)) < 32768 for number in range(300))


def test_when_there_is_none_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_free", lambda port: False)
    with pytest.raises(OperationFailed, match=r"port.none-free"):
        Ports({}).take("valkey.1")
