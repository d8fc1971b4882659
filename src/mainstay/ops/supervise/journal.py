"""
What the supervisor did and why, as lines that can be read later.

Each entry is one JSON object on one line of ``events.jsonl``; the latest also stay in
memory for the live view. An entry that cannot be written (a full disk) is kept in
memory and never stops the work it tells of; nor does a listener whose terminal is gone.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

KEEP = 200
ROTATE_AT = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``what`` is a stable word such as ``process.ready``."""

    time: str
    what: str
    subject: str
    why: str
    facts: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {"time": self.time, "event": self.what, "subject": self.subject, "why": self.why, **self.facts}


class Journal:
    """Append-only; `subscribe` to be told of each new entry at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listeners: list[Callable[[Entry], None]] = []
        self.latest: deque[Entry] = deque(maxlen=KEEP)

    def subscribe(self, listener: Callable[[Entry], None]) -> None:
        self._listeners.append(listener)

    def note(self, what: str, subject: str, why: str = "", **facts: object) -> Entry:
        """Record that ``what`` happened to ``subject``, and why."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = Entry(now, what, subject, why, facts)
        self.latest.append(entry)
        with contextlib.suppress(OSError):
            self._append(json.dumps(entry.as_json(), default=str))
        for listener in list(self._listeners):
            try:
                listener(entry)
            except (OSError, ValueError):
                self._listeners.remove(listener)
        return entry

    def _append(self, line: str) -> None:
        if self._path.exists() and self._path.stat().st_size > ROTATE_AT:
            self._path.replace(self._path.with_suffix(".jsonl.1"))
        with self._path.open("a") as stream:
            stream.write(line + "\n")
