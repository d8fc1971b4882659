"""
News from orders: what came, and what was missed.

`seats_changed` takes what orders sends after each change. Because such a message can
be lost, `refresh_when_old` asks orders for the whole truth of an event that people
are looking at.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Sequence

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.actions import News, learn_seats, parse_news
from catalog.push import push_seats
from catalog.queries import describe_seat
from mainstay.settings import service_url

logger = logging.getLogger(__name__)

OLD = 10.0
"""Seconds after which this process asks orders about an event again, if somebody looks at it."""

_asked: dict[int, float] = {}
_choosing = threading.Lock()


async def seats_changed(event: int, news: Sequence[News]) -> None:
    """Take news over and pass on to open pages what was really new."""
    changed = await sync_to_async(learn_seats)(event, news)
    if changed:
        now = timezone.now()
        await push_seats(event, [describe_seat(seat, now) for seat in changed])


def refresh_when_old(event: int) -> None:
    """Ask orders in the background, unless this process has asked a moment ago."""
    with _choosing:
        now = time.monotonic()
        if now - _asked.get(event, -OLD) < OLD:
            return
        if len(_asked) > 10_000:
            _asked.clear()
        _asked[event] = now
    threading.Thread(target=_refresh, args=(event,), name=f"refresh-{event}", daemon=True).start()


def refresh(event: int) -> None:
    """
    Ask orders for every seat of an event that was ever touched, and learn.

    Raises:
        OSError: Orders did not answer.
    """
    async_to_sync(seats_changed)(event, ask_orders(event))


def ask_orders(event: int) -> list[News]:
    request = urllib.request.Request(  # noqa: S310 - the address of a neighbor, from the environment
        f"{service_url('orders')}/internal/seats/?event={event}",
        headers={"Mainstay-Internal-Token": settings.INTERNAL_TOKEN},
    )
    with urllib.request.urlopen(request, timeout=2.0) as response:  # noqa: S310 - the address comes from the system
        return parse_news(json.load(response)["seats"])


def _refresh(event: int) -> None:
    try:
        refresh(event)
    except Exception as error:  # the picture stays as it is; the next look asks again
        logger.warning("orders could not be asked about event %s: %s", event, error)
    finally:
        connection.close()
