"""Log lines for a person: what a service wrote as JSON, said in a short line."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

LEFT_OUT = frozenset(
    {"time", "level", "logger", "event", "service", "replica", "release", "request_id", "trace_id", "span_id"}
)
"""Members that stand elsewhere on the line, or that a person rarely needs; `--json` has all of them."""

COSTS = frozenset({"db_ms", "db_count", "wait_ms"})
"""Members that are on every access line and say nothing when they are zero."""

REQUEST = ("method", "path", "status", "duration_ms")


def readable(line: str) -> str:
    """The line as it is, unless it is one of Mainstay's own JSON lines; then time, level, words, facts."""
    entry = _entry(line)
    if entry is None:
        return line
    clock = datetime.fromisoformat(entry["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    facts = {name: value for name, value in entry.items() if _is_worth_showing(name, value)}
    words = [clock, f"{entry['level']:<7}", str(entry["event"]), *_request(facts)]
    words += [f"{name}={value}" for name, value in facts.items() if name != "exception"]
    text = " ".join(words)
    return f"{text}\n{entry['exception']}" if "exception" in entry else text


def _is_worth_showing(name: str, value: Any) -> bool:
    return name not in LEFT_OUT and value not in (None, "") and not (name in COSTS and not value)


def _request(facts: dict[str, Any]) -> list[str]:
    """The four members of an access line, without their names; taken out of ``facts``."""
    if not all(name in facts for name in REQUEST):
        return []
    method, path, status, duration = (facts.pop(name) for name in REQUEST)
    return [str(method), str(path), str(status), f"{duration} ms"]


def _entry(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
        datetime.fromisoformat(entry["time"])
    except (ValueError, KeyError, TypeError):
        return None
    return entry if {"level", "event"} <= entry.keys() else None
