"""What a flood of reports is made of: errors as Django and its drivers raise them, and a clock that stands still."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.utils import OperationalError

from mainstay.observability.reports.filtering import PER_MINUTE, Reports

REFUSED = psycopg.OperationalError("connection refused")


def hint(error: BaseException) -> dict[str, Any]:
    return {"exc_info": (type(error), error, error.__traceback__)}


def django_error(cause: BaseException | None, kind: type[Exception] = OperationalError) -> Exception:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def capped(clock: Clock, per_minute: int = PER_MINUTE) -> Reports:
    """Reports whose summary comes after the test."""
    return Reports(lambda count: None, per_minute, clock, minute=3600)
