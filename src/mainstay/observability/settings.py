"""Observability from the environment: ``LOGGING``, and the one call that sets everything up."""

from __future__ import annotations

import logging as standard_logging
import sys
from collections.abc import Mapping
from typing import Any

from mainstay.base import environment
from mainstay.observability import interop, reports, scrubbing, traces

ACCESS_LOGGER = "mainstay.access"

QUIET = ("uvicorn.error", "uvicorn.access", "_granian", "granian.access", "asyncio", "httpx", "httpx2")
"""Loggers whose INFO lines repeat what the access line or the supervisor says already."""

JOINED = ("django", "django.server", "uvicorn", "celery", "celery.task", "celery.redirected", "structlog")
"""Loggers that come with handlers of their own, which would print their lines twice or in another form."""


def logging(level: str = "INFO") -> dict[str, Any]:
    """
    ``LOGGING``: everything to standard output, one JSON object a line.

    On a terminal outside of Mainstay the lines are short and colored instead. What libraries
    log (Django, uvicorn, granian, Celery) flows to the same place, so nothing is printed twice
    and nothing in another form.
    """
    scrubbing.learn_environment()
    _keep_celery_from_logging()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "mainstay.observability.formats.JsonFormatter"},
            "terminal": {"()": "mainstay.observability.formats.TerminalFormatter"},
        },
        "handlers": {
            "stdout": {
                "class": "mainstay.observability.output.OutputHandler",
                "stream": "ext://sys.stdout",
                "formatter": form(),
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            **{name: {"level": level, "handlers": [], "propagate": True} for name in JOINED},
            **{name: {"level": "WARNING", "handlers": [], "propagate": True} for name in QUIET},
        },
    }


def observability(
    level: str = "INFO",
    *,
    sentry: Mapping[str, Any] | None = None,
    sampled: float | None = None,
    opentelemetry: bool | None = None,
) -> dict[str, Any]:
    """
    Logs, error reports and traces in one call: ``LOGGING = mainstay.observability()``.

    Returns what `logging` returns. Error reports start if ``SENTRY_DSN`` is set, traces are sent
    if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is; metrics need nothing but ``prometheus_client``.

    Args:
        level: The least level that is logged.
        sentry: Options for ``sentry_sdk.init``, and ``per_minute``, the cap of reports.
        sampled: The share of requests whose spans are sent, when no caller has decided;
            without it ``OTEL_TRACES_SAMPLER_ARG``, and without that 0.05.
        opentelemetry: Whether spans that are started through OpenTelemetry's API become Mainstay's, where
            traces are sent and the API is installed. Without it they do unless OpenTelemetry's SDK is installed;
            a provider that is registered already always stays.

    Raises:
        InvalidInput: A variable for traces has a value that means nothing.
        OperationFailed: Traces are sent, ``opentelemetry`` is ``True``, and its API is not installed.
    """
    reports.setup(**(sentry or {}))
    if traces.setup(sampled):
        interop.setup(opentelemetry, traces.TRACING)
    return logging(level)


def form() -> str:
    """``terminal`` for a person at a keyboard, ``json`` for everything else."""
    return "terminal" if sys.stdout.isatty() and not environment.is_managed() else "json"


def ensure_output() -> None:
    """Give Mainstay's own loggers a handler where the project's ``LOGGING`` has none for them."""
    from mainstay.observability.formats import JsonFormatter, TerminalFormatter
    from mainstay.observability.output import OutputHandler

    logger = standard_logging.getLogger("mainstay")
    if logger.hasHandlers():
        if logger.getEffectiveLevel() > standard_logging.INFO:
            logger.setLevel(standard_logging.INFO)
        return
    handler = OutputHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if form() == "json" else TerminalFormatter())
    logger.addHandler(handler)
    logger.setLevel(standard_logging.INFO)
    logger.propagate = False


def _keep_celery_from_logging() -> None:
    """A Celery worker replaces the root logger's handlers unless somebody else says that logging is set up."""
    if "celery" not in sys.modules:
        return
    from celery.signals import setup_logging  # type: ignore[import-not-found]

    setup_logging.connect(_has_been_set_up, weak=False, dispatch_uid="mainstay.observability")


def _has_been_set_up(**kwargs: Any) -> None:
    """Being connected is the whole message."""
