"""
One log record as one line: JSON for machines, a short form for a terminal.

Every line has the same members, whoever wrote it: time, level, logger, event, service,
replica, release, generation, then request_id, trace_id, span_id and user_id inside a request, then what
the call added through ``extra``. Secrets are masked, whatever was added is bounded, and a
record that cannot be formatted still becomes a line.
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
from mainstay.base.context import REQUEST_ID, user_id
from mainstay.base.tracecontext import current_trace
from mainstay.observability import scrubbing

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; anything else came through ``extra``."""

FRAMEWORK = frozenset({"request", "response", "server_time"})
"""What Django adds to its records: objects of its own, and a time that stands on the line already."""

SQL_LOGGER = "django.db.backends"
SQL_PRIVATE = frozenset({"params", "sql"})
"""Django's log of statements (``DEBUG`` only) adds the parameters, which are the users' data."""

LEVELS = {name: name.lower() for name in logging.getLevelNamesMapping()}
ENCODER = json.JSONEncoder(default=str, ensure_ascii=False, separators=(",", ":"))
"""Made once: `json.dumps` with these options makes a new one for each line."""

FIELDS = "_mainstay_fields"
"""
Set by a writer whose ``extra`` is plain and without secrets already, so that the formatter need not look.
"""

LINE_LIMIT = 128 * 1024
"""Characters of one line; a longer one is cut down to its first members."""

EXCEPTION_LIMIT = 32 * 1024

COSTS = frozenset({"db_ms", "db_count", "wait_ms"})
"""Left out of the short form when they are zero."""

COLORS = {"DEBUG": 90, "INFO": 36, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}


class JsonFormatter(logging.Formatter):
    """One record as one JSON object on one line. Never raises."""

    def __init__(self) -> None:
        super().__init__()
        self._process = process_fields()

    def format(self, record: logging.LogRecord) -> str:
        try:
            line = ENCODER.encode(self._line(record))
        except Exception as error:  # whatever was added, the line itself must not be lost
            return ENCODER.encode(self._rescued(record, error))
        return line if len(line) <= LINE_LIMIT else ENCODER.encode(self._cut(record, len(line)))

    def opening(self, level: str, logger: str, event: str) -> str:
        """The members between ``time`` and ``request_id``, the same on all such lines of this process."""
        return ENCODER.encode({"level": level, "logger": logger, "event": event, **self._process})[1:-1]

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        known: dict[str, Any] | None = record.__dict__.get(FIELDS)
        line = self._head(record, message(record) if known is None else record.msg)
        if known is not None:
            line.update(known)
        else:
            for name, value in added(record).items():
                line[f"{name}_" if name in line else name] = value
        if record.exc_info:
            line["exception"] = exception(record)
        if record.stack_info:
            line["stack"] = scrubbing.scrub_text(record.stack_info, EXCEPTION_LIMIT)
        return line

    def _head(self, record: logging.LogRecord, event: object) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": LEVELS.get(record.levelname, record.levelname),
            "logger": record.name,
            "event": event,
            **self._process,
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        if trace := current_trace():
            line["trace_id"] = trace.trace_id
            line["span_id"] = trace.parent_id
        if user := user_id():
            line["user_id"] = user
        return line

    def _rescued(self, record: logging.LogRecord, error: Exception) -> dict[str, Any]:
        """The line without what was added, which is what may have failed."""
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": str(record.levelname).lower(),
            "logger": str(record.name),
            "event": safe_message(record),
            **self._process,
            "request_id": REQUEST_ID.get(),
            "format_error": type(error).__name__,
        }
        return line

    def _cut(self, record: logging.LogRecord, length: int) -> dict[str, Any]:
        line = self._head(record, safe_message(record)[:1024])
        if record.exc_info:
            line["exception"] = exception(record)[-1024:]
        return {**line, "cut_from": length}


class TerminalFormatter(logging.Formatter):
    """One record for a person: time, level, text, and what was added. Never raises."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = f"\x1b[{COLORS.get(record.levelname, 0)}m{record.levelname.lower():8}\x1b[0m"
        try:
            return self._line(record, f"{clock} {level}")
        except Exception:  # as above
            return f"{clock} {level} {safe_message(record)}"

    def _line(self, record: logging.LogRecord, head: str) -> str:
        shown = {
            name: value
            for name, value in added(record).items()
            if value not in ("", None) and not (name in COSTS and not value)
        }
        extra = " ".join(f"{name}={value}" for name, value in shown.items())
        line = f"{head} {message(record)} {extra}".rstrip()
        return f"{line}\n{exception(record)}" if record.exc_info else line


def message(record: logging.LogRecord) -> str:
    """The text of a record, without secrets, also where its arguments do not fit it."""
    text = _sql(record) if record.name == SQL_LOGGER else _joined(record)
    return scrubbing.scrub_text(text, secrets=scrubbing.current_secrets())


def safe_message(record: logging.LogRecord) -> str:
    """The same when everything else has failed."""
    try:
        return message(record)
    except Exception:  # whatever it is, the line must not be lost
        return "(a text that cannot be shown)"


def exception(record: logging.LogRecord) -> str:
    """The traceback of a record, without secrets, its end kept if it is too long."""
    try:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip()  # type: ignore[misc]
    except Exception as error:
        return f"(a traceback that cannot be shown: {type(error).__name__})"
    if len(text) > EXCEPTION_LIMIT:
        text = f"{text[: EXCEPTION_LIMIT // 4]}\n…\n{text[-EXCEPTION_LIMIT // 2 :]}"
    return scrubbing.scrub_text(text, EXCEPTION_LIMIT, scrubbing.current_secrets())


def process_fields() -> Mapping[str, str]:
    """What is the same on every line of this process."""
    names = {
        "service": wire.SERVICE,
        "replica": wire.REPLICA,
        "release": wire.RELEASE,
        "generation": wire.GENERATION,
    }
    return {field: environment.text(variable) for field, variable in names.items()}


def added(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller passed as ``extra``: plain, bounded, without secrets and the framework's own objects."""
    known: dict[str, Any] | None = record.__dict__.get(FIELDS)
    return known if known is not None else _found(record)


def _found(record: logging.LogRecord) -> dict[str, Any]:
    names = [name for name in vars(record) if name not in STANDARD and name not in FRAMEWORK]
    if record.name == SQL_LOGGER:
        names = [name for name in names if name not in SQL_PRIVATE]
    secrets = scrubbing.current_secrets() if names else ()
    return {
        str(name): scrubbing.scrub_named(str(name), vars(record)[name], secrets)
        for name in names[: scrubbing.LINE.items]
    }


def _joined(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:
        return f"{_text_of(record.msg)} (its arguments fail with {type(error).__name__})"


def _sql(record: logging.LogRecord) -> str:
    """Django's line for a statement, without its parameters, which stand in the statement's text as well."""
    statement = record.__dict__.get("sql")
    return scrubbing.scrub_sql(_text_of(statement)) if statement else scrubbing.scrub_sql(_joined(record))


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"({type(value).__name__}: its text fails with {type(error).__name__})"


def timestamp(seconds: float) -> str:
    """UTC with milliseconds, as RFC 3339 writes it."""
    whole = int(seconds)
    return _second(whole) + _MILLISECONDS[int((seconds - whole) * 1000)]


_MILLISECONDS = tuple(f".{each:03d}Z" for each in range(1000))


@lru_cache(maxsize=2)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
