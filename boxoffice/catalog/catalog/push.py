"""Telling open pages, through the channel layer."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)


def group_of(event: int) -> str:
    return f"event-{event}"


async def push_seats(event: int, seats: Sequence[dict[str, object]]) -> None:
    """
    Send changed seats to every page that watches the event, on every replica.

    Pages are told at most once and must not rely on it: without the channel layer
    they learn of changes by polling, so its failure is a line in the log.
    """
    try:
        await get_channel_layer().group_send(group_of(event), {"type": "seats.changed", "seats": list(seats)})
    except Exception as error:  # whatever a broken connection to Valkey raises
        logger.warning("pages were not told about event %s: %s", event, error)
