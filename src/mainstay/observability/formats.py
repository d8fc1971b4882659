"""
One log record as one line: JSON for machines, a short form for a terminal.

Every line has the same members, whoever wrote it: time, level, logger, event,
service, replica, release, request_id, then what the call added through ``extra``.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from mainstay.base import environment, wire
from mainstay.base.context import REQUEST_ID

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; anything else came through ``extra``."""

LEVELS = {name: name.lower() for name in logging.getLevelNamesMapping()}
ENCODER = json.JSONEncoder(default=str, ensure_ascii=False, separators=(",", ":"))
"""Made once: `json.dumps` with these options makes a new one for each line."""

FIELDS = "_mainstay_fields"
"""Set by a writer that knows its own ``extra``, so that the formatter need not look for it."""

COLORS = {"DEBUG": 90, "INFO": 36, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}


class JsonFormatter(logging.Formatter):
    """One record as one JSON object on one line."""

    def __init__(self) -> None:
        super().__init__()
        self._process = process_fields()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": LEVELS.get(record.levelname, record.levelname),
            "logger": record.name,
            "event": record.getMessage(),
            **self._process,
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= added(record)
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        if record.stack_info:
            line["stack"] = record.stack_info
        return ENCODER.encode(line)


class TerminalFormatter(logging.Formatter):
    """One record for a person: time, level, text, and what was added."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = f"\x1b[{COLORS.get(record.levelname, 0)}m{record.levelname.lower():8}\x1b[0m"
        shown = {name: value for name, value in added(record).items() if value not in ("", None)}
        extra = " ".join(f"{name}={value}" for name, value in shown.items())
        line = f"{clock} {level} {record.getMessage()} {extra}".rstrip()
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


def process_fields() -> Mapping[str, str]:
    """What is the same on every line of this process."""
    names = {"service": wire.SERVICE, "replica": wire.REPLICA, "release": wire.RELEASE}
    return {field: environment.text(variable) for field, variable in names.items()}


def added(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller passed as ``extra``, without objects that belong to the framework."""
    known: dict[str, Any] | None = record.__dict__.get(FIELDS)
    return known if known is not None else _found(record)


def _found(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(record).items()
        if name not in STANDARD
        and name != FIELDS
        and isinstance(value, str | int | float | bool | list | dict | None)
    }


def timestamp(seconds: float) -> str:
    """UTC with milliseconds, as RFC 3339 writes it."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
