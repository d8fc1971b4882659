"""When the lines of a log were written, in the spellings of the programs that a system runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

AHEAD = 1.0
"""Seconds by which a line may be later than the file was last written, which files are told a moment late."""

_DATE = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z| UTC|[+-]\d\d:?\d\d)?"
# Services, Prometheus, Alertmanager, PostgreSQL, nginx's errors, NATS. Only where a line begins: later it is content.
_DATED = re.compile(rf'(?:\{{"time": ?"|time=|ts=|\[\d+\] )?({_DATE})')
_VALKEY = re.compile(r"\d+:[A-Z] (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d\.\d{3}) ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EDGE = re.compile(r'\{"time": ?(\d{9,11}(?:\.\d+)?)[,}]')
_SUPERVISOR = re.compile(r"(\d\d:\d\d:\d\d\.\d{3})  ")


def timed(lines: Iterable[str], ended: float) -> Iterator[tuple[float, str]]:
    """
    Each line with the second since 1970 in which it was written, never less than that of the line before.

    One that does not say it, such as the rest of a traceback, goes with the line before it; those at
    the begin with the first that does. ``ended`` is when the log was last written.
    """
    waiting: list[str] = []
    latest: float | None = None
    for line in lines:
        moment = find_moment(line, ended)
        if moment is not None:
            latest = moment if latest is None else max(latest, moment)
        if latest is None:
            waiting.append(line)
            continue
        for each in (*waiting, line):
            yield latest, each
        waiting.clear()
    for each in waiting:
        yield ended, each


def find_moment(line: str, ended: float) -> float | None:
    """When a line says that it was written; ``None`` if it does not, or names a time still to come."""
    try:
        moment = _moment(line, ended)
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and moment <= ended + AHEAD else None


def _moment(line: str, ended: float) -> float | None:
    if found := _DATED.match(line):
        text = found[1].replace("/", "-").replace(",", ".").replace(" UTC", "Z").replace(" Z", "Z")
        return datetime.fromisoformat(text).timestamp()
    if found := _EDGE.match(line):
        return float(found[1])
    if found := _VALKEY.match(line):
        day, month, year, clock = found.groups()
        return datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02}-{day} {clock}").timestamp()
    if found := _SUPERVISOR.match(line):
        return _latest(found[1], ended)
    return None


def _latest(clock: str, ended: float) -> float:
    """The last time before ``ended`` at which clocks here showed this."""
    day = datetime.fromtimestamp(ended + AHEAD).astimezone()
    moment = datetime.fromisoformat(f"{day:%Y-%m-%d} {clock}").astimezone()
    return (moment if moment <= day else moment - timedelta(days=1)).timestamp()
