"""
The supervisor's own metrics in Prometheus' text format, on loopback.

Whether each process is ready, how often it was restarted, its memory, whether acknowledged writes
have less protection than the file asks for, the disk, and the certificate of the public address. Beside them
stand the figures of the engines that have no page of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mainstay.ops.engines.engine import Address
from mainstay.ops.engines.figures import collect, exposition
from mainstay.ops.supervise import status
from mainstay.ops.supervise.disk import find_space
from mainstay.ops.supervise.supervised import State, Supervised

if TYPE_CHECKING:
    from mainstay.ops.supervise.system import System

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """Answers every GET with the metrics, from `open` to `close`."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._server: asyncio.Server | None = None

    async def open(self, address: Address) -> None:
        self._server = await asyncio.start_server(self._answer, address.host, address.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2.0)
            body = (text(self._system) + await self._figures()).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    async def _figures(self) -> str:
        if not self._system.assembled:
            return ""
        return exposition(await collect(self._system.assembly.measured))


def text(system: System) -> str:
    """The exposition; label sets are bounded by the processes of the topology."""
    processes = system.processes
    degraded = int(system.durability in ("degraded", "blocked"))
    lines = [
        "# HELP mainstay_process_up Whether the process is ready.",
        "# TYPE mainstay_process_up gauge",
        *(f"mainstay_process_up{labels(p)} {int(p.state is State.READY)}" for p in processes),
        "# HELP mainstay_process_restarts_total Unplanned and planned restarts of the process.",
        "# TYPE mainstay_process_restarts_total counter",
        *(f"mainstay_process_restarts_total{labels(p)} {p.restarts}" for p in processes),
        "# HELP mainstay_process_memory_bytes Proportional set size of the process and what it started.",
        "# TYPE mainstay_process_memory_bytes gauge",
        *(f"mainstay_process_memory_bytes{labels(p)} {status.size(p)}" for p in processes),
        "# HELP mainstay_durability_degraded Whether writes lack, or wait for, their standby.",
        "# TYPE mainstay_durability_degraded gauge",
        f"mainstay_durability_degraded {degraded}",
        *disk(system),
        *certificate(system),
    ]
    return "\n".join(lines) + "\n"


def disk(system: System) -> list[str]:
    """Of the file system under the state folder, as far as this user may fill it."""
    space = find_space(system.state.path)
    if space is None:
        return []
    return [
        "# HELP mainstay_disk_free_bytes What is left for this user on the disk under the system's data.",
        "# TYPE mainstay_disk_free_bytes gauge",
        f"mainstay_disk_free_bytes {space.free}",
        "# HELP mainstay_disk_size_bytes The size of that disk.",
        "# TYPE mainstay_disk_size_bytes gauge",
        f"mainstay_disk_size_bytes {space.size}",
    ]


def certificate(system: System) -> list[str]:
    """Of the public address, where that is https and has been looked at."""
    if system.certificate is None or system.certificate.sight is None:
        return []
    host, sight = f'{{host="{system.certificate.host}"}}', system.certificate.sight
    lines = [
        "# HELP mainstay_certificate_seen Whether the public address presented a certificate at the last look.",
        "# TYPE mainstay_certificate_seen gauge",
        f"mainstay_certificate_seen{host} {int(sight.seen)}",
    ]
    if sight.seen:
        lines += [
            "# HELP mainstay_certificate_verified Whether it is for this host, in its time and of a trusted signer.",
            "# TYPE mainstay_certificate_verified gauge",
            f"mainstay_certificate_verified{host} {int(sight.verified)}",
        ]
    if sight.expires is not None:
        lines += [
            "# HELP mainstay_certificate_expiry_timestamp_seconds Until when the certificate last seen is valid.",
            "# TYPE mainstay_certificate_expiry_timestamp_seconds gauge",
            f"mainstay_certificate_expiry_timestamp_seconds{host} {sight.expires:.0f}",
        ]
    return lines


def labels(process: Supervised) -> str:
    return f'{{process="{process.name}",kind="{process.unit.kind}",service="{process.unit.service}"}}'
