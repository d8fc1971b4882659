"""
The certificate that people meet: until when it is valid, and whether a browser would take it.

It belongs to what stands in front of the edge, which renews it, so nobody here notices when that stops. The
supervisor looks at it as a client does, at the public address, once an hour.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mainstay.ops.topology.origin import Origin

EVERY = 3600.0
"""Seconds between two looks; what is watched for takes days."""

PATIENCE = 5.0
"""Most seconds for a look, name, connection and handshakes together."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the last look has shown."""

    seen: bool
    """Whether a certificate could be looked at."""
    expires: float | None = None
    """Seconds since 1970 until which it is valid; of the last one that was seen, ``None`` before that."""
    verified: bool = False
    """Whether this machine trusts who signed it, it is for this host, and its time has come and not passed."""
    problem: str = ""
    """Why it was not seen or not verified."""


class Certificate:
    """Of one origin, which speaks https. `watch` lives as long as the system."""

    def __init__(self, origin: Origin, note: Callable[[str, str, str], object]) -> None:
        """``note`` is told when a look shows another problem than the one before: what, of which host, why."""
        self.host = origin.host
        self.sight: Sight | None = None
        """``None`` before the first look."""
        self._origin = origin
        self._note = note

    async def watch(self) -> None:
        """Look now and every hour, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Look once; takes at most `PATIENCE` and never fails, but finds that there is nothing to see."""
        before = self.sight
        try:
            async with asyncio.timeout(PATIENCE):
                sight = await look_at(self._origin)
        except TimeoutError:
            sight = Sight(False, problem=f"no answer within {PATIENCE:g} s")
        except (OSError, ValueError, IndexError) as error:
            sight = Sight(False, problem=str(error) or type(error).__name__)
        if not sight.seen and before is not None:
            # The date of the one that was there stays true until another has been seen.
            sight = replace(sight, expires=before.expires)
        self.sight = sight
        if sight.problem and sight.problem != (before.problem if before else ""):
            what = "certificate.not-verified" if sight.seen else "certificate.not-seen"
            self._note(what, self.host, sight.problem)


async def look_at(origin: Origin) -> Sight:
    """
    Connect as a browser does; where it would refuse, once more without judging, for the date.

    Raises:
        OSError: No connection, or no TLS.
        ValueError, IndexError: What came is no certificate.
    """
    try:
        der = await _presented(origin, _as_browsers())
    except ssl.SSLCertVerificationError as error:
        lenient = ssl.create_default_context()
        lenient.check_hostname = False
        lenient.verify_mode = ssl.CERT_NONE  # nothing is sent or believed: only the date is read
        der = await _presented(origin, lenient)
        return Sight(True, expiry(der), problem=error.verify_message or str(error))
    return Sight(True, expiry(der), verified=True)


def _as_browsers() -> ssl.SSLContext:
    """Python from 3.13 on also refuses what lacks extensions that browsers do without, as private signers make it."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


async def _presented(origin: Origin, context: ssl.SSLContext) -> bytes:
    host = origin.host.strip("[]")
    _, writer = await asyncio.open_connection(host, origin.port, ssl=context, server_hostname=host)
    try:
        der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return der
    finally:
        # The other side's farewell is not worth a wait.
        writer.transport.abort()


# --- the date -------------------------------------------------------------------------------

_VERSION, _UTC_TIME = 0xA0, 0x17


def expiry(der: bytes) -> float:
    """
    The end of a certificate's validity, in seconds since 1970.

    Python's ``ssl`` tells it of verified certificates only. It is the second of two dates in the fourth field,
    after an optional version (https://www.rfc-editor.org/rfc/rfc5280#section-4.1).

    Raises:
        ValueError, IndexError: This is no certificate.
    """
    _, certificate, _ = _element(der, 0)
    _, at, _ = _element(der, certificate)
    tag, _, end = _element(der, at)
    if tag == _VERSION:
        at = end
    for _ in ("serial number", "signature algorithm", "issuer"):
        _, _, at = _element(der, at)
    _, before, _ = _element(der, at)
    _, _, after = _element(der, before)
    tag, start, end = _element(der, after)
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: from 50 on they are of the last century (section 4.1.2.5.1).
        text = ("19" if text[0] >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the element that begins at ``at``."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size]), start + size
    return der[at], start, start + length
