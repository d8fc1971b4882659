"""Real sockets through the real program: every toxic bites and heals, and without one nothing is changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
import time
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.client import connect
from mainstay.ops.supervise import proc
from tests.integration.links.stage import LINK, Echo, Stage, Streams, break_off, gone, until

MEGABYTES = 10


# --- without toxics --------------------------------------------------------------------------------


async def test_bytes_pass_unchanged_and_are_counted(links: Stage) -> None:
    await links.ask(data=b"x" * 1000)
    counted = await links.control.counters(LINK)
    assert (counted["connections"], counted["bytes"], counted["delayed"]) == (1, 2000, 0)


async def test_a_half_closed_connection_still_brings_the_answer(links: Stage) -> None:
    reader, writer = await links.open()
    writer.write(b"all I have")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(-1), 20.0) == b"all I havebye"
    writer.close()


async def test_a_broken_connection_is_broken_on_the_other_side_too(links: Stage) -> None:
    streams = await links.open()
    await links.ask(streams)
    break_off(streams)
    await until(lambda: links.echo.ends == ["rst"])


async def test_many_connections_at_once(links: Stage) -> None:
    await asyncio.gather(*(links.ask(data=bytes(5000)) for _ in range(300)))
    await until(lambda: len(links.echo.ends) == 300)
    assert await links.count("connections") == 300


async def test_a_reader_that_stands_still_bounds_the_memory(links: Stage) -> None:
    """A client sends and never reads: the writing must stop, not the proxy grow."""
    reader, writer = await links.open()
    await links.ask((reader, writer))
    before, written = links.memory(), 0
    with contextlib.suppress(TimeoutError):
        for _ in range(400):
            writer.write(bytes(256 * 1024))
            await asyncio.wait_for(writer.drain(), 0.3)
            written += 1
    assert written < 400, "nobody was ever slowed down"
    assert links.memory() - before < 16 * 1024 * 1024
    writer.transport.abort()


async def test_a_link_that_holds_everything_back_bounds_the_memory(links: Stage) -> None:
    """Delay must not mean that a gigabyte waits in the proxy: at some point the sender is slowed down."""
    _, writer = await links.open()
    await links.set({"type": "latency", "latency": 30, "direction": "up"})
    before, written = links.memory(), 0
    with contextlib.suppress(TimeoutError):
        for _ in range(400):
            writer.write(bytes(256 * 1024))
            await asyncio.wait_for(writer.drain(), 0.3)
            written += 1
    assert written < 400, "nobody was ever slowed down"
    assert links.memory() - before < 16 * 1024 * 1024
    writer.transport.abort()


async def test_a_request_in_two_small_pieces_does_not_wait_for_an_acknowledgement(links: Stage) -> None:
    """Nagle's algorithm and delayed ACKs together cost 40 ms for each such request, so neither side may use it."""
    links.echo.only_lines = True
    reader, writer = await links.open()
    took = []
    for _ in range(20):
        began = time.monotonic()
        writer.write(b"head ")
        await asyncio.sleep(0.002)
        writer.write(b"body\n")
        assert await asyncio.wait_for(reader.readline(), 20.0) == b"head body\n"
        took.append(time.monotonic() - began)
    # The kernel acknowledges the first at once in any case; of the others not one would be quicker than 40 ms.
    assert min(took[5:]) < 0.03
    writer.close()


async def test_with_nobody_behind_it_a_link_refuses_and_opens_again_with_its_target(links: Stage) -> None:
    """An edge may repeat a refused request elsewhere, and must not repeat one that was cut off."""
    streams = await links.open()
    await links.ask(streams)
    port = links.echo.port
    await links.echo.stop()
    assert await gone(streams) == "fin"
    with pytest.raises(ConnectionRefusedError):
        await _open_until_refused(links)
    links.echo = Echo(port)
    await links.echo.start()
    await _open_until_taken(links)


async def _open_until_refused(links: Stage) -> None:
    for _ in range(50):
        _, writer = await links.open()
        writer.close()
        await asyncio.sleep(0.005)


async def _open_until_taken(links: Stage) -> None:
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            await links.ask()
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it stayed closed")


# --- each toxic bites, and heals ---------------------------------------------------------------------


async def quickest(links: Stage, streams: Streams | None = None, data: bytes = b"hello") -> float:
    """The shortest of three round trips: what a machine that stands still for a moment cannot make longer."""
    return min([await links.ask(streams, data) for _ in range(3)])


async def test_latency(links: Stage) -> None:
    streams = await links.open()
    await links.set({"type": "latency", "latency": "100ms", "jitter": 0.02, "direction": "up"})
    assert 0.08 <= await quickest(links, streams) < 0.5
    await links.set({"type": "latency", "latency": 0.1})
    assert 0.2 <= await quickest(links, streams) < 0.7
    assert await links.count("delayed") == 9
    await links.set()
    assert await quickest(links, streams) < 0.08


async def test_what_is_late_when_a_link_heals_arrives_at_once_and_in_order(links: Stage) -> None:
    reader, writer = await links.open()
    await links.set({"type": "latency", "latency": 60, "jitter": 30, "direction": "up"})
    sent = b"".join(bytes([number]) * 1000 for number in range(20))
    for start in range(0, len(sent), 1000):
        writer.write(sent[start : start + 1000])
        await asyncio.sleep(0.002)
    await links.set()
    assert await asyncio.wait_for(reader.readexactly(len(sent)), 20.0) == sent
    writer.close()


async def test_bandwidth(links: Stage) -> None:
    await links.set({"type": "bandwidth", "rate": "100 kB", "direction": "down"})
    assert 0.4 <= await quickest(links, data=bytes(50_000)) < 1.5
    await links.set()
    assert await quickest(links, data=bytes(50_000)) < 0.3


async def test_slices_and_jitter_change_no_byte_of_ten_megabytes(links: Stage) -> None:
    await links.set(
        {"type": "slicer", "average_size": 3000, "size_variation": 2999},
        {"type": "latency", "latency": 0.005, "jitter": 0.005},
    )
    sent = os.urandom(1024 * 1024) * MEGABYTES
    reader, writer = await links.open()

    async def send() -> None:
        for start in range(0, len(sent), 65536):
            writer.write(sent[start : start + 65536])
            await writer.drain()

    sending = asyncio.create_task(send())
    assert await asyncio.wait_for(reader.readexactly(len(sent)), 20.0) == sent
    await sending
    writer.close()


async def test_slices_with_pauses(links: Stage) -> None:
    await links.set({"type": "slicer", "average_size": 10, "delay": 0.02, "direction": "down"})
    assert 0.15 <= await quickest(links, data=bytes(100)) < 1.0
    await links.set()
    assert await quickest(links, data=bytes(100)) < 0.1


async def test_slow_close(links: Stage) -> None:
    reader, writer = await links.open()
    await links.set({"type": "slow_close", "delay": 0.2, "direction": "up"})
    began = time.monotonic()
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(-1), 20.0) == b"bye"
    assert time.monotonic() - began >= 0.2
    assert await links.count("late_ends") == 1
    writer.close()


async def test_limit_data(links: Stage) -> None:
    streams = await links.open()
    await links.ask(streams)
    await links.set({"type": "limit_data", "bytes": 7, "direction": "down"})
    assert await links.count("limited") == 0
    streams[1].write(b"0123456789")
    assert await gone(streams) == "fin after b'0123456'"
    assert await links.count("limited") == 1
    await links.set()
    await links.ask()


async def test_black_hole_swallows_and_breaks_what_has_lost_something(links: Stage) -> None:
    holed, idle = await links.open(), await links.open()
    await links.ask(holed)
    await links.ask(idle)
    await links.set({"type": "black_hole"})
    holed[1].write(b"into the dark")
    fresh = await links.open()
    fresh[1].write(b"me too")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(holed[0].read(1), 0.3)
    assert await links.count("dropped") == len(b"into the dark" + b"me too")
    assert links.echo.open == 2, "a connection of which nothing arrives reaches nobody"
    await links.set()
    assert [await gone(holed), await gone(fresh)] == ["rst", "rst"]
    await links.ask(idle)
    idle[1].close()
    await links.ask()


async def test_black_hole_discards_what_waits(links: Stage) -> None:
    streams = await links.open()
    await links.set({"type": "latency", "latency": 60, "direction": "up"})
    streams[1].write(b"on its way")
    await asyncio.sleep(0.05)
    await links.set({"type": "black_hole"})
    assert await links.count("dropped") == len(b"on its way")
    await links.set()
    assert await gone(streams) == "rst"


async def test_black_hole_that_holds_loses_nothing(links: Stage) -> None:
    reader, writer = await links.open()
    await links.set({"type": "black_hole", "hold": True})
    writer.write(b"patience")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    await links.set()
    assert await asyncio.wait_for(reader.readexactly(8), 20.0) == b"patience"
    writer.close()


async def test_reset_peer_breaks_what_is_open_and_what_comes(links: Stage) -> None:
    streams = await links.open()
    await links.ask(streams)
    await links.set({"type": "reset_peer"})
    assert await gone(streams) == "rst"
    with contextlib.suppress(ConnectionResetError):
        assert await gone(await links.open()) == "rst"
    await until(lambda: links.echo.ends == ["rst"])
    assert await links.count("reset") == 2
    await links.set()
    await links.ask()


async def test_reset_peer_after_a_while_and_after_some_bytes(links: Stage) -> None:
    old = await links.open()
    await links.ask(old)
    await links.set({"type": "reset_peer", "timeout": 3.0, "existing": False})
    fresh = await links.open()
    await links.ask(fresh)
    assert await gone(fresh) == "rst"
    await links.ask(old)
    await links.set({"type": "reset_peer", "bytes": 3, "direction": "up"})
    old[1].write(b"abcdef")
    assert await gone(old) == "rst"


async def test_down_refuses_and_comes_back(links: Stage) -> None:
    streams = await links.open()
    await links.ask(streams)
    await links.set({"type": "down"})
    assert await gone(streams) == "rst"
    with pytest.raises(ConnectionRefusedError):
        await links.open()
    await links.set()
    await links.ask()


async def test_each_connection_suffers_with_the_given_probability(links: Stage) -> None:
    await links.set({"type": "latency", "latency": 0.15, "probability": 0.5, "direction": "up"})
    took = await asyncio.gather(*[links.ask(await links.open()) for _ in range(40)])
    slow = await links.count("delayed")
    assert 8 <= slow <= 32
    assert sum(each >= 0.15 for each in took) >= slow


# --- who sets them -----------------------------------------------------------------------------------


SETTER = """
import asyncio, sys
from pathlib import Path
from mainstay.ops.links.client import connect
async def main():
    control = await connect(Path(sys.argv[1]))
    await control.set("a->b", [{"type": "black_hole"}])
    print("set", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_toxics_end_with_who_set_them_even_by_kill_9(links: Stage) -> None:
    setter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SETTER, str(links.socket), stdout=asyncio.subprocess.PIPE
    )
    assert setter.stdout is not None
    assert await asyncio.wait_for(setter.stdout.readline(), 20.0) == b"set\n"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(links.ask(), 0.3)
    setter.send_signal(signal.SIGKILL)
    await setter.wait()
    await _open_until_taken(links)


async def test_what_another_has_set_stays(links: Stage) -> None:
    other = await connect(links.socket)
    await links.set({"type": "latency", "latency": 0.15, "direction": "up"})
    await other.set(LINK, [{"type": "latency", "latency": 0.1, "direction": "up"}])
    assert await links.ask() >= 0.25
    await other.close()
    await asyncio.sleep(0.05)
    assert 0.15 <= await quickest(links) < 0.25


async def test_the_control_socket_is_private_and_refuses_nonsense(links: Stage) -> None:
    assert stat.S_IMODE(links.socket.stat().st_mode) == 0o600
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("links.unknown-name", {"verb": "set", "name": "a->c", "toxics": []}),
        ("links.wrong-toxic", {"verb": "set", "name": LINK, "toxics": [{"type": "poison"}]}),
        ("links.wrong-toxic", {"verb": "set", "name": LINK, "toxics": 3}),
        ("links.wrong-request", {"verb": "set"}),
        ("links.wrong-address", {"verb": "retarget", "name": LINK, "target": "here"}),
        ("links.wrong-door", {"verb": "add", "name": "x"}),
        ("links.unknown-verb", {"verb": "explode"}),
    ]
    for id_, request in wrong:
        with pytest.raises(OperationFailed) as refused:
            await links.control.ask(**request)
        assert refused.value.id == id_
    await links.ask()


async def test_doors_come_lead_elsewhere_and_go(links: Stage, free_port: Any) -> None:
    second = Echo()
    await second.start()
    listen = f"127.0.0.1:{free_port()}"
    await links.control.ask("add", name="a->c", listen=listen, target=f"127.0.0.1:{second.port}")
    assert await links.control.refresh() == ("a->b", "a->c")
    stays = await links.open()
    await links.ask(stays)
    await links.control.ask("retarget", name=LINK, target=f"127.0.0.1:{second.port}")
    await links.ask(stays)
    await links.ask()
    assert (links.echo.open, second.open) == (1, 1)
    await links.control.ask("retarget", name=LINK, target=f"127.0.0.1:{second.port}", cut=True)
    assert await gone(stays) == "rst"
    await links.control.ask("remove", listen=listen)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(listen.rpartition(":")[2]))
    assert (await links.control.counters("a->c"))["connections"] == 0
    await second.stop()


async def test_it_is_up_after_a_third_of_a_second_of_work(links: Stage) -> None:
    """Twice that is allowed, of its own processor time: a start that imports too much takes more."""
    await links.stop()
    await links.start()
    assert proc.cpu_ticks(links.process.pid) / os.sysconf("SC_CLK_TCK") < 0.6
