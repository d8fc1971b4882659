"""
What the supervisor noted, on the clock of one claim: events, and the states of each process.

Seconds count from the begin of the claim; what was before it is negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

READY, DOWN = "ready", "down"
_STATES = ("starting", READY, "not-ready", "draining", "stopped", "crash-loop")
_MARGIN = 1.0
"""Seconds around an operation within which something that happened may explain it."""
_MOST_AROUND = 12


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the supervisor's journal."""

    at: float
    event: str
    subject: str
    why: str
    facts: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        facts = {name: value for name, value in self.facts.items() if name != "log"}
        return {
            "at": round(self.at, 3),
            "event": self.event,
            "subject": self.subject,
            "why": self.why,
            **facts,
        }


def moments(events: Iterable[Mapping[str, Any]], zero: float) -> list[Moment]:
    """The entries that can be read, oldest first; ``zero`` is seconds since 1970."""
    return sorted(_read(events, zero), key=lambda moment: moment.at)


def _read(events: Iterable[Mapping[str, Any]], zero: float) -> Iterator[Moment]:
    for entry in events:
        facts = dict(entry)
        time_, what, subject, why = (str(facts.pop(name, "")) for name in ("time", "event", "subject", "why"))
        try:
            at = datetime.fromisoformat(time_).timestamp() - zero
        except ValueError:
            continue
        yield Moment(at, what, subject, why, facts)


def around(told: Iterable[Moment], began: float, ended: float) -> list[Moment]:
    """What happened during an operation or within a second of it; the nearest, in order."""
    near = [moment for moment in told if began - _MARGIN <= moment.at <= ended + _MARGIN]
    near.sort(key=lambda moment: max(began - moment.at, moment.at - ended, 0.0))
    return sorted(near[:_MOST_AROUND], key=lambda moment: moment.at)


@dataclass
class Lane:
    """One process through a claim: bands of a state and a role that follow one another without a gap."""

    name: str
    bands: list[dict[str, Any]]


def lanes(told: list[Moment], until: float) -> list[Lane]:
    """
    The states of each process that the supervisor ever spoke of, from 0 to ``until``.

    ``down`` is added to the supervisor's own words: from the end of a process to the next
    start of it. What a process was before the first entry about it follows from that entry:
    only one that was ready can end or be taken out.
    """
    names = dict.fromkeys(m.subject for m in told if _state(m) or _role(m))
    found = [Lane(name, _bands([m for m in told if _about(m, name)], until)) for name in names]
    return sorted(found, key=lambda lane: lane.name)


def _about(moment: Moment, name: str) -> bool:
    return moment.subject == name and bool(_state(moment) or _role(moment))


def _state(moment: Moment) -> str:
    match moment.event.split(".", 1):
        case ["process", "started"]:
            return "starting"
        case ["process", "ended" | "killed"]:
            return DOWN
        case ["process", state] if state in _STATES:
            return state
    return ""


def _role(moment: Moment) -> str:
    match moment.event:
        case "postgres.promoted":
            return "primary"
        case "postgres.primary-lost" | "durability.synchronous" | "durability.degraded":
            return "standby"
    return ""


def _before(told: list[Moment]) -> tuple[str, str]:
    """State and role of a process before the first entry about it."""
    state = "stopped" if told[0].event == "process.started" else READY
    first = next((moment for moment in told if _role(moment)), None)
    if first is None:
        return state, ""
    return state, "primary" if first.event == "postgres.primary-lost" else "standby"


def _bands(told: list[Moment], until: float) -> list[dict[str, Any]]:
    state, role = _before(told)
    bands: list[dict[str, Any]] = []
    began, why = 0.0, ""
    for moment in told:
        if moment.at > until:
            break
        new_state = _state(moment) or state
        if state == DOWN and moment.event == "process.starting":
            new_state = DOWN  # wanted again, and not started yet
        new_role = _role(moment) or role
        if (new_state, new_role) != (state, role):
            if moment.at > began:
                bands.append(_band(began, moment.at, state, role, why))
                began = moment.at
            state, role, why = new_state, new_role, moment.why
    bands.append(_band(began, until, state, role, why))
    return bands


def _band(began: float, ended: float, state: str, role: str, why: str) -> dict[str, Any]:
    return {
        "began": round(began, 3),
        "ended": round(max(began, ended), 3),
        "state": state,
        "role": role,
        "why": why,
    }
