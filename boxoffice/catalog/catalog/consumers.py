"""Open pages that watch a seat map."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from catalog.push import group_of

TRY_LATER = 1013


class SeatMap(AsyncJsonWebsocketConsumer):
    """
    Sends each change of an event's seats; what a page sends is ignored.

    Changes that happened before the page was connected are not repeated, so the page
    asks for all seats after ``hello``. It must poll while it has no connection.
    """

    async def connect(self) -> None:
        await self.accept()
        self.group = group_of(self.scope["url_route"]["kwargs"]["event"])
        try:
            await self.channel_layer.group_add(self.group, self.channel_name)
        except OSError:
            await self.close(TRY_LATER)
            return
        await self.send_json({"type": "hello"})

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, *args: Any, **kwargs: Any) -> None:
        """Pages have nothing to say; reading on keeps the connection's pings answered."""

    async def seats_changed(self, message: dict[str, Any]) -> None:
        await self.send_json({"type": "seats", "seats": message["seats"]})


class Nowhere(AsyncJsonWebsocketConsumer):
    """Refuses connections to addresses that do not exist."""

    async def connect(self) -> None:
        await self.close()
