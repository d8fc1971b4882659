"""Durations, sizes and counts as people write them: ``"500ms"``, ``"5s"``, ``"10 MiB"``, ``"1 claim"``."""

from __future__ import annotations

import re

MIB = 2**20
"""Bytes."""
GIB = 2**30
"""Bytes."""
DAY = 86400.0
"""Seconds."""

DURATION_PATTERN = r"[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)"
SIZE_PATTERN = r"[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)"

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_MOST_DIGITS = 24
"""Longer numbers are nonsense and would make float conversion overflow."""


def parse_duration(text: str) -> float | None:
    """Seconds, or ``None`` when this is not a number with a unit from ms to d."""
    parts = _split(text, DURATION_PATTERN)
    return float(parts[0]) * _SECONDS[parts[1]] if parts else None


def parse_size(text: str) -> int | None:
    """Bytes, or ``None``; ``kB`` counts in thousands and ``KiB`` in 1024s, as the standards say."""
    parts = _split(text, SIZE_PATTERN)
    return round(float(parts[0]) * _BYTES[parts[1]]) if parts else None


def duration_text(seconds: float) -> str:
    """The shortest exact spelling: ``15 s``, ``500 ms``, ``15 d``."""
    for unit in ("d", "h", "m"):
        # One minute reads better as 60 s, beside limits of 10 s and 15 s.
        least = 120 if unit == "m" else _SECONDS[unit]
        if seconds >= least and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g} {unit}"
    return f"{seconds * 1000:g} ms" if 0 < seconds < 1 else f"{seconds:g} s"


def size_text(size: int) -> str:
    """The shortest exact spelling in 1024s: ``10 MiB``, ``1500 B``."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size >= _BYTES[unit] and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]} {unit}"
    return f"{size} B"


def plural(number: int, one: str, more: str = "") -> str:
    """``1 claim``, ``14 claims``, ``2 processes``; ``more`` is the word for several where an s does not make it."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def _split(text: str, pattern: str) -> tuple[str, str] | None:
    if len(text) > _MOST_DIGITS or not re.fullmatch(pattern, text, re.ASCII):
        return None
    number = re.match(r"[0-9.]+", text)
    return (number.group(), text[number.end() :].strip()) if number else None
