"""What is remembered between two looks, and the date in a certificate."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mainstay.ops.supervise import certificate as module
from mainstay.ops.supervise.certificate import Certificate, Sight, expiry
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.system import System
from mainstay.ops.topology.origin import Origin
from mainstay.ops.topology.values import Topology

ORIGIN = Origin.of("https://shop.example")


class Looks:
    """What each look shows; an exception is raised, the last one stays."""

    def __init__(self, *results: Sight | Exception) -> None:
        self.results = list(results)

    async def __call__(self, origin: Origin) -> Sight:
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def notes() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def certificate(notes: list[tuple[str, str, str]]) -> Certificate:
    return Certificate(ORIGIN, lambda *note: notes.append(note))


async def test_a_date_that_was_seen_stays_while_nothing_is_seen(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, notes: list[tuple[str, str, str]]
) -> None:
    gone, valid = OSError("refused"), Sight(True, 5.0, verified=True)
    monkeypatch.setattr(
        module, "look_at", Looks(gone, valid, gone, gone, Sight(True, 9.0, problem="self-signed"))
    )
    shown = []
    for _ in range(5):
        await certificate.look()
        shown.append(certificate.sight)
    nothing = Sight(False, problem="refused")
    assert shown == [
        nothing,
        valid,
        Sight(False, 5.0, problem="refused"),
        Sight(False, 5.0, problem="refused"),
        Sight(True, 9.0, problem="self-signed"),
    ]
    # Each problem is told when it comes, not again at each look.
    assert notes == [
        ("certificate.not-seen", "shop.example", "refused"),
        ("certificate.not-seen", "shop.example", "refused"),
        ("certificate.not-verified", "shop.example", "self-signed"),
    ]


async def test_a_look_without_an_answer_ends(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Origin) -> Sight:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "look_at", never)
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    await certificate.look()
    assert certificate.sight == Sight(False, problem="no answer within 0 s")


async def test_it_looks_again_and_again(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    monkeypatch.setattr(module, "look_at", Looks(ValueError("nonsense"), Sight(True, 1.0), Sight(True, 2.0)))
    watching = asyncio.create_task(certificate.watch())
    async with asyncio.timeout(5.0):
        while certificate.sight is None or certificate.sight.expires != 2.0:
            await asyncio.sleep(0)
    watching.cancel()


@pytest.mark.parametrize(
    ("public_url", "host"),
    [("", None), ("http://shop.example", None), ("https://shop.example:8443", "shop.example")],
)
def test_only_a_public_address_with_https_is_looked_at(
    topology: Topology, journal: Journal, tmp_path: Path, public_url: str, host: str | None
) -> None:
    """A twin has none, see test_twin."""
    declared = replace(topology, edge=replace(topology.edge, public_url=public_url))
    made = System(declared, StateFolder(tmp_path / ".mainstay", "shop"), journal).certificate
    assert (made.host if made else None) == host


def element(tag: int, *content: bytes) -> bytes:
    inside = b"".join(content)
    if len(inside) < 0x80:
        return bytes([tag, len(inside)]) + inside
    size = (len(inside).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(inside).to_bytes(size) + inside


def made(after: bytes, *, version: bool = True, serial: int = 20) -> bytes:
    """The part of a certificate up to its dates, and something behind them."""
    fields = [
        element(0x02, b"\x01" * serial),
        element(0x30, b"\x06\x01\x2a"),
        element(0x30, b"\x31\x00" * 200),
    ]
    validity = element(0x30, element(0x17, b"200101000000Z"), after)
    start = [element(0xA0, element(0x02, b"\x02"))] if version else []
    return element(0x30, element(0x30, *start, *fields, validity, element(0x30, b"\x00" * 300)))


@pytest.mark.parametrize("version", [True, False])
@pytest.mark.parametrize(
    ("after", "date"),
    [
        (element(0x17, b"300102030405Z"), datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (element(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (element(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (element(0x18, b"20500101000000Z"), datetime(2050, 1, 1, tzinfo=UTC)),
        (element(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_date_is_found(after: bytes, date: datetime, version: bool) -> None:
    assert expiry(made(after, version=version)) == date.timestamp()


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"\x30\x03abc", b"nonsense" * 20, made(element(0x17, b"soon"))]
)
def test_what_is_no_certificate_is_said_to_be_none(der: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        expiry(der)
