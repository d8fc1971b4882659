"""Who asks a Valkey that did not answer, and when."""

from __future__ import annotations

import logging

_logger = logging.getLogger("mainstay.http.limits")


class Breaker:
    """
    After a failure nobody asks for ``pause`` seconds; then one does, and the others follow if it was answered.

    One line in the log when it opens and one when it closes. Not safe without a lock.
    """

    def __init__(self, pause: float, otherwise: str) -> None:
        self._pause = pause
        self._otherwise = otherwise
        self._retry_at = 0.0
        self._is_open = False

    def admits(self, now: float) -> bool:
        """Whether the caller may ask; while open, one call in each pause is told so."""
        if not self._is_open:
            return True
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause
        return True

    def failed(self, now: float, error: BaseException) -> None:
        self._retry_at = now + self._pause
        if not self._is_open:
            self._is_open = True
            reason = f"{type(error).__name__}: {error}"
            _logger.warning("rate limits are %s now, Valkey does not answer: %s", self._otherwise, reason)

    def answered(self) -> None:
        if self._is_open:
            self._is_open = False
            _logger.warning("rate limits are shared again, Valkey answers")
