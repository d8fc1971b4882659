"""``LOGGING`` from the environment, and the same for processes that Django did not configure."""

from __future__ import annotations

import logging as standard_logging
import sys
from typing import Any

from mainstay.base import environment

ACCESS_LOGGER = "mainstay.access"

QUIET = ("uvicorn.error", "uvicorn.access", "_granian", "asyncio", "httpx", "httpx2")
"""Loggers whose INFO lines repeat what the access line or the supervisor says already."""


def logging(level: str = "INFO") -> dict[str, Any]:
    """
    ``LOGGING``: everything to standard output, one JSON object a line.

    On a terminal outside of Mainstay the lines are short and colored instead.
    ``django.server`` and ``django.request`` flow to the same place, so nothing is
    printed twice.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "mainstay.observability.formats.JsonFormatter"},
            "terminal": {"()": "mainstay.observability.formats.TerminalFormatter"},
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": form(),
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            "django.server": {"level": level, "handlers": [], "propagate": True},
            **{name: {"level": "WARNING"} for name in QUIET},
        },
    }


def form() -> str:
    """``terminal`` for a person at a keyboard, ``json`` for everything else."""
    return "terminal" if sys.stdout.isatty() and not environment.is_managed() else "json"


def ensure_output() -> None:
    """Give Mainstay's own loggers a handler where the project's ``LOGGING`` has none for them."""
    from mainstay.observability.formats import JsonFormatter, TerminalFormatter

    logger = standard_logging.getLogger("mainstay")
    if logger.hasHandlers():
        if logger.getEffectiveLevel() > standard_logging.INFO:
            logger.setLevel(standard_logging.INFO)
        return
    handler = standard_logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if form() == "json" else TerminalFormatter())
    logger.addHandler(handler)
    logger.setLevel(standard_logging.INFO)
    logger.propagate = False
