from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Address
from mainstay.ops.engines.haproxy.admin import Admin, Server

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
3 catalog 1 catalog.web.1.g1 127.0.0.1 2 0 1 9001
3 catalog 2 catalog.web.2.g1 127.0.0.1 2 8 1 9002
4 orders 1 orders.web.1.g1 127.0.0.1 0 1 1 9003

"""
STAT = """# pxname,svname,qcur,qmax,scur,smax
catalog,catalog.web.1.g1,0,0,3,5
catalog,catalog.web.2.g1,0,0,,0

"""


@dataclass(frozen=True, slots=True)
class Told(Admin):
    """An admin socket that has one answer."""

    answer: str = ""
    heard: list[str] = field(default_factory=list)

    async def say(self, *commands: str) -> str:
        self.heard.extend(commands)
        return self.answer


def told(answer: str) -> Told:
    return Told(Path("/nowhere"), "admin.sock", answer)


async def test_servers_and_which_were_taken_out_on_purpose() -> None:
    assert await told(STATE).servers() == (
        Server("catalog", "catalog.web.1.g1", Address("127.0.0.1", 9001), out=False),
        Server("catalog", "catalog.web.2.g1", Address("127.0.0.1", 9002), out=True),
        Server("orders", "orders.web.1.g1", Address("127.0.0.1", 9003), out=True),
    )


async def test_sessions_per_replica() -> None:
    assert await told(STAT).sessions() == {"catalog.web.1.g1": 3, "catalog.web.2.g1": 0}


async def test_an_expected_answer_is_no_refusal() -> None:
    await told("\n").tell("enable server a/b")
    await told("New server registered.\n").tell("add server a/b", expect="New server registered.")


async def test_any_other_answer_is_a_refusal_in_its_words() -> None:
    with pytest.raises(OperationFailed) as refusal:
        await told("No such server.\n").tell("enable server a/b")
    assert refusal.value.details == ("No such server.",)
    assert "enable server a/b" in refusal.value.what


async def test_nobody_listening_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Admin(tmp_path, "admin.sock").say("show info")


async def test_a_path_too_long_for_a_socket_address_is_reached_all_the_same(tmp_path: Path) -> None:
    """Not found is the answer of the kernel; too long would be a refusal before asking it."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    with pytest.raises(FileNotFoundError):
        await Admin(deep, "admin.sock").say("show info")
