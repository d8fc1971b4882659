"""Figures of a claim that its callers cannot see: what the supervisor noted, and what the processes logged."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mainstay.ops.prove.history import History
from mainstay.ops.prove.judging.periods import LOADED, periods


def supervised(
    events: Iterable[Mapping[str, Any]], services: Collection[str], began: float, ended: float
) -> dict[str, float]:
    """
    Of the services' web processes, within a stretch of wall-clock time in seconds since 1970.

    ``restarts``: how many ended. ``left-ready``: how often one that went on running stopped being ready.
    A worker whose program ends when it loses its database takes nothing out of rotation, and is not counted.
    Where the supervisor noted nothing at all, not even its own start, nothing is claimed.
    """
    told: dict[str, list[str]] = {}
    noted = list(events)
    if not noted:
        return {}
    for event in noted:
        if began <= _moment(event) <= ended and _is_of(event, services):
            told.setdefault(str(event["subject"]), []).append(str(event["event"]))
    return {
        "restarts": float(sum(names.count("process.ended") for names in told.values())),
        "left-ready": float(sum(names.count("process.not-ready") for names in told.values())),
    }


def _moment(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(str(event["time"])).timestamp()


def _is_of(event: Mapping[str, Any], services: Collection[str]) -> bool:
    service, _, process = str(event.get("subject", "")).partition(".")
    return service in services and process.startswith("web.")


Seen = Mapping[tuple[str, str], int]
"""How many access lines there are of a request identifier and a path."""


def seen(history: History, logs: Path) -> Seen:
    """What the processes wrote of the requests of a run, in the access lines of Mainstay's own log format."""
    known = {each.request_id for each in history.operations if each.request_id}
    found: Counter[tuple[str, str]] = Counter()
    for line in _access_lines(logs):
        identifier = str(line.get("request_id", ""))
        if identifier in known:
            found[identifier, str(line.get("path", ""))] += 1
    return found


def repeated_writes(history: History, seen: Seen) -> dict[str, float]:
    """
    ``repeated.write``: how many POST and PATCH requests without a key reached a process more than once.

    Where no process wrote a line of a request that was sent, nothing is claimed.
    """
    sent = unkeyed(history)
    times = [count for (identifier, _), count in seen.items() if identifier in sent]
    return {"repeated.write": float(sum(count > 1 for count in times))} if times else {}


def arrived(history: History, seen: Seen) -> dict[str, float]:
    """
    ``backend.requests``: how many requests reached the processes for those of the load, calls of services included.

    ``backend.untold``: how many requests of the load had no answer, and no line in any log, so that nobody
    knows how often they arrived. Where no process wrote a line, nothing is claimed.
    """
    named = {identifier for identifier, _ in seen}
    phases = periods(history)
    load = [each for each in history.operations if phases.name(each.due) in LOADED]
    known = {each.request_id for each in load if each.request_id}
    times = [count for (identifier, _), count in seen.items() if identifier in known]
    untold = sum(not each.status and each.request_id not in named for each in load)
    return {"backend.requests": float(sum(times)), "backend.untold": float(untold)} if times else {}


def unkeyed(history: History) -> set[str]:
    """The identifiers of requests that no process may get twice: POST and PATCH without a key."""
    return {
        each.request_id
        for each in history.operations
        if each.kind == "write" and each.name.startswith(("POST ", "PATCH ")) and each.request_id
    }


def _access_lines(logs: Path) -> Iterator[dict[str, Any]]:
    """Also of what was rotated: a line that is not found would count as a request that never came."""
    # The oldest first, as a line that is rotated meanwhile must not be counted twice.
    for path in sorted([*logs.glob("*.web.*.log"), *logs.glob("*.web.*.log.[0-9]*")], reverse=True):
        with contextlib.suppress(OSError), path.open(errors="replace") as stream:
            for line in stream:
                if '"mainstay.access"' in line:
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)
