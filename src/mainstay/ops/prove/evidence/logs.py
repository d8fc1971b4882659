"""What the processes of a twin wrote, copied beside the evidence: each line masked, one in memory at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mainstay.ops.prove.evidence.masking import mask_line

LONGEST = 256 * 1024
"""Bytes of a line that is kept; a longer one is left out whole, as a cut could show half of a secret."""


def keep_logs(logs: Path, place: Path) -> None:
    """Copy what is below a folder as far as it was written by now; of a disk that is full, what it takes."""
    for path in sorted(logs.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                copy = place / path.relative_to(logs)
                copy.parent.mkdir(parents=True, exist_ok=True)
                _copy(path, copy)


def _copy(path: Path, copy: Path) -> None:
    with path.open("rb") as source, copy.open("wb") as target:
        for line in _lines(source):
            # What is no UTF-8 comes out as it was.
            text = line.decode("utf-8", "surrogateescape")
            target.write(mask_line(text).encode("utf-8", "surrogateescape"))


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Up to where the file ended at first: its process may be writing still."""
    left = os.fstat(source.fileno()).st_size
    while left > 0 and (line := source.readline(min(LONGEST, left))):
        size = len(line)
        while len(line) == LONGEST and not line.endswith(b"\n"):
            line = source.readline(LONGEST)
            size += len(line)
        left -= size
        yield line if size <= LONGEST else b"(a line of %d bytes was left out)\n" % size
