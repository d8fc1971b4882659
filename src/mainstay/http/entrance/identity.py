"""Request ids: taken over from a trusted proxy, or made here."""

from __future__ import annotations

import os
import re
import time

ACCEPTABLE = re.compile(r"[A-Za-z0-9-]{8,64}")
"""Long enough to be unique, short enough for a log line, and nothing that a log viewer could run."""

VERSION = 7 << 76
VARIANT = 0b10 << 62


def choose(offered: str, trusted: bool) -> str:
    """The id offered by a trusted peer if it is acceptable, else a new one."""
    return offered if trusted and ACCEPTABLE.fullmatch(offered) else new()


def new() -> str:
    """A UUID version 7 (RFC 9562), so that ids sort by time in any log viewer."""
    stamp = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    value = stamp << 80 | VERSION | (noise >> 68) << 64 | VARIANT | noise & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
