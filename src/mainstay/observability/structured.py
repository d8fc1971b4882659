"""
For projects that log with structlog: its events become the same lines as all others.

structlog hands each event to the standard library's logger of the same name, and
Mainstay's formatter does the rest: one schema, one place where secrets are masked. Without
structlog installed this module imports, and `configure` says what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from mainstay.base.errors import OperationFailed

RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What `logging` refuses as ``extra``; such a member gets an underscore behind its name."""


def to_record(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """
    The last of structlog's processors: the event as arguments for a standard logger.

    Put it after `structlog.contextvars.merge_contextvars` and whatever else adds members; no
    renderer follows.
    """
    message = event.pop("event", "")
    told = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    if told.get("exc_info") is None and method == "exception":
        told["exc_info"] = True
    extra = {f"{name}_" if name in RESERVED else name: value for name, value in event.items()}
    # As an argument and not as the format: an event may have a percent sign in it.
    return ("%s", message), {"extra": extra, **told}


def processors() -> list[Any]:
    """
    The processors that `configure` sets up.

    Raises:
        OperationFailed: structlog is not installed.
    """
    try:
        import structlog
    except ImportError as error:
        raise OperationFailed("observability.no-structlog", "structlog is not installed") from error
    return [structlog.contextvars.merge_contextvars, to_record]


def configure() -> None:
    """
    Let ``structlog.get_logger()`` write Mainstay's lines. Call it in the settings file.

    Raises:
        OperationFailed: structlog is not installed.
    """
    chain = processors()
    import structlog

    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *chain],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def wrap(logger: logging.Logger) -> Any:
    """
    A structlog logger around one standard logger, without configuring anything.

    Raises:
        OperationFailed: structlog is not installed.
    """
    chain = processors()
    import structlog

    return structlog.wrap_logger(logger, processors=chain, wrapper_class=structlog.stdlib.BoundLogger)
