"""Figures of a claim that its callers cannot see: what the supervisor noted, and what the processes logged."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mainstay.ops.prove.history import History


def supervised(
    events: Iterable[Mapping[str, Any]], services: Collection[str], began: float, ended: float
) -> dict[str, float]:
    """
    Of the services' web processes, within a stretch of wall-clock time in seconds since 1970.

    ``restarts``: how many ended. ``left-ready``: how often one that went on running stopped being ready.
    A worker whose program ends when it loses its database takes nothing out of rotation, and is not counted.
    """
    told: dict[str, list[str]] = {}
    for event in events:
        if began <= _moment(event) <= ended and _is_of(event, services):
            told.setdefault(str(event["subject"]), []).append(str(event["event"]))
    return {
        "restarts": float(sum(names.count("process.ended") for names in told.values())),
        "left-ready": float(sum(map(_left_ready, told.values()))),
    }


def _left_ready(names: Sequence[str]) -> int:
    """How often one process was *starting* again without having ended before or being started next."""
    around = zip(["", *names], names, [*names[1:], ""], strict=False)
    return sum(
        name == "process.starting" and before != "process.ended" and after != "process.started"
        for before, name, after in around
    )


def _moment(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(str(event["time"])).timestamp()


def _is_of(event: Mapping[str, Any], services: Collection[str]) -> bool:
    service, _, process = str(event.get("subject", "")).partition(".")
    return service in services and process.startswith("web.")


def repeated_writes(history: History, logs: Path) -> dict[str, float]:
    """
    ``repeated.write``: how many POST and PATCH requests without a key reached a process more than once.

    Known from the access lines of Mainstay's own log format; where no process wrote one
    of a request that was sent, nothing is claimed.
    """
    sent = unkeyed(history)
    if not sent:
        return {}
    seen: Counter[tuple[str, str]] = Counter()
    for line in _access_lines(logs):
        identifier = str(line.get("request_id", ""))
        if identifier in sent:
            seen[identifier, str(line.get("path", ""))] += 1
    if not seen:
        return {}
    return {"repeated.write": float(sum(count > 1 for count in seen.values()))}


def unkeyed(history: History) -> set[str]:
    """The identifiers of requests that no process may get twice: POST and PATCH without a key."""
    return {
        each.request_id
        for each in history.operations
        if each.kind == "write" and each.name.startswith(("POST ", "PATCH ")) and each.request_id
    }


def _access_lines(logs: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(logs.glob("*.web.*.log")):
        with contextlib.suppress(OSError), path.open(errors="replace") as stream:
            for line in stream:
                if '"mainstay.access"' in line:
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)
