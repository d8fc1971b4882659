"""Why a system that does not run is down, as far as what its supervisor left behind tells."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from mainstay.ops.supervise.leftovers import RECORD
from mainstay.ops.supervise.logs import Tail
from mainstay.ops.supervise.run import last_failure
from mainstay.ops.supervise.state import StateFolder

LOOKED_AT = 1000
"""Events from the end, among which the supervisor's last own one is looked for."""


def why_down(state: StateFolder) -> tuple[str, ...]:
    """Lines for a person: the error of the last start, or how the last run ended; none of a system that never ran."""
    if (failure := last_failure(state)) is not None:
        return (f"the last start failed: {failure.id}  {failure.what}", *failure.details)
    last = _last_of_the_supervisor(state)
    if last is None:
        return ()
    if last["event"] == "system.stopped":
        return (f"it was stopped at {_clock(last['time'])}: {last['why']}",)
    return (f"the supervisor ended without taking leave, at about {_last_sign(state, last)}",)


def _last_of_the_supervisor(state: StateFolder) -> dict[str, Any] | None:
    tail = Tail(state.events)
    tail.skip_to_last(LOOKED_AT)
    found = None
    for line in tail.rest():
        try:
            entry = json.loads(line)
            if entry["event"].startswith("system."):
                datetime.fromisoformat(entry["time"])
                found = {"event": entry["event"], "time": entry["time"], "why": entry["why"]}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # a line that a full disk or a kill has cut short
    return found


def _last_sign(state: StateFolder, last: dict[str, Any]) -> str:
    """Its pids are written every few seconds, so the record is about as old as its end."""
    try:
        written = (state.path / f"{RECORD}.json").stat().st_mtime
    except OSError:
        return _clock(last["time"])
    return f"{datetime.fromtimestamp(written).astimezone():%Y-%m-%d %H:%M:%S}"


def _clock(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M:%S}"
