"""Log lines for a person: what a service wrote as JSON, said in a short line."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

LEFT_OUT = frozenset(
    {
        "time",
        "level",
        "logger",
        "event",
        "service",
        "replica",
        "release",
        "generation",
        "request_id",
        "trace_id",
        "span_id",
    }
)
"""Members that stand elsewhere on the line, or that a person rarely needs; `--json` has all of them."""

COSTS = frozenset({"db_ms", "db_count", "wait_ms"})
"""Members that are on every access line and say nothing when they are zero."""

REQUEST = ("method", "path", "status", "duration_ms")


def readable(line: str) -> str:
    """The line as it is, unless it is JSON of a service or of the edge; then time, level, words, facts."""
    entry = _entry(line)
    if entry is None:
        return _of_edge(line) or line
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


def parsed(process: str, line: str) -> dict[str, Any]:
    """A line for a program: ``entry`` is what it says, where it is a JSON object; else ``line`` is its text."""
    try:
        entry = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        entry = None
    return {"process": process, **({"entry": entry} if isinstance(entry, dict) else {"line": line})}


def _of_edge(line: str) -> str:
    """A request that failed at the edge, or was repeated there; empty for any other line."""
    try:
        entry = json.loads(line) if line.startswith('{"time":') else {}
        clock = datetime.fromtimestamp(entry.pop("time")).astimezone().strftime("%H:%M:%S.%f")[:-3]
        request = [str(entry.pop(name)) for name in ("method", "path", "status")]
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return ""
    took = entry.pop("ms", None)
    took = entry.pop("seconds", 0.0) * 1000 if took is None else took
    facts = (f"{name}={value}" for name, value in entry.items() if _is_worth_telling(name, value))
    return " ".join([clock, f"{'edge':<7}", "request", *request, f"{took:g} ms", *facts])


def _is_worth_telling(name: str, value: Any) -> bool:
    """Of the edge's members; the replica is one that its own line cannot name, and the identifier finds that line."""
    return name != "retries" or value not in ("0", "")


def _entry(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
        datetime.fromisoformat(entry["time"])
    except (ValueError, KeyError, TypeError):
        return None
    return entry if {"level", "event"} <= entry.keys() else None
