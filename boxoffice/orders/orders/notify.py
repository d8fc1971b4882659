"""
Telling the catalogue which seats changed: the one place through which news leaves this service.

News are sent after commit by a thread of this process, so that a slow or absent
catalogue never delays or fails a purchase. They can be lost, with the process or with
the call; versions let the catalogue drop what comes late, and it asks for the whole
truth of an event (`/internal/seats/`) when its picture is old.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from functools import partial

from django.db import transaction

from mainstay.settings import service_url
from orders import calls
from orders.queries import SeatState

logger = logging.getLogger(__name__)

_waiting: queue.Queue[tuple[int, Sequence[SeatState]]] = queue.Queue(maxsize=10_000)
_start = threading.Lock()
_sender: threading.Thread | None = None


def seats_changed(event: int, states: Sequence[SeatState]) -> None:
    """Send these states once the surrounding transaction commits."""
    transaction.on_commit(partial(_enqueue, event, states))


def flush(seconds: float) -> None:
    """Wait until what was enqueued has been sent, for short-lived processes and tests."""
    done = threading.Thread(target=_waiting.join, daemon=True)
    done.start()
    done.join(seconds)


def _enqueue(event: int, states: Sequence[SeatState]) -> None:
    _ensure_sender()
    try:
        _waiting.put_nowait((event, states))
    except queue.Full:
        logger.warning("the catalogue does not keep up: news of event %s dropped", event)


def _ensure_sender() -> None:
    """Start the thread on first use: a server may fork after import."""
    global _sender
    with _start:
        if _sender is None or not _sender.is_alive():
            _sender = threading.Thread(target=_send_forever, name="seat-news", daemon=True)
            _sender.start()


def _send_forever() -> None:
    while True:
        event, states = _waiting.get()
        try:
            _send(event, states)
        except Exception as error:
            logger.warning("the catalogue was not told about event %s: %s", event, error)
        finally:
            _waiting.task_done()


def _send(event: int, states: Sequence[SeatState]) -> None:
    body = {"event": event, "seats": [state.as_json() for state in states]}
    status, _ = calls.post(service_url("catalog") + "/internal/seat-changes/", body, limit=1.0)
    if status >= 400:
        raise calls.CallFailed(f"answered {status}")
