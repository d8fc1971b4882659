"""
What people do at boxoffice, as operations for `traffic`.

`Buyers` keeps what was acknowledged, so that a test can ask afterwards whether all of it
is there: each order that was answered with 201, and each seat sold once.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from dataclasses import dataclass, field

from tests.system.traffic import Answer, request

RETRIES = 40


@dataclass
class Buyers:
    """A few signed-in people who buy one seat after the other, each with an Idempotency-Key."""

    base: str
    token: str = ""
    seats: list[tuple[int, int]] = field(default_factory=list)
    """``(event, seat)`` still unused by this test."""
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Order id by key, for every 201."""
    moments: list[float] = field(default_factory=list)
    """`time.monotonic` of every acknowledged order."""
    refused: list[str] = field(default_factory=list)
    raw_failures: list[str] = field(default_factory=list)
    """Keyed POSTs that a caller without retries would have seen fail."""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def prepare(self, events: int = 12) -> None:
        email = f"{uuid.uuid4().hex[:12]}@example.com"
        answer = await self._patiently(
            "POST", "/api/accounts/", {"email": email, "password": "long enough 42"}
        )
        assert answer.status == 201, answer
        self.token = answer.json["token"]
        listing = await request(self.base, "GET", "/api/events/")
        for event in [row["id"] for row in listing.json["results"]][:events]:
            page = await request(self.base, "GET", f"/api/events/{event}/seats/")
            rows = page.json if isinstance(page.json, list) else page.json["seats"]
            self.seats += [(event, row["id"]) for row in rows if row["state"] == "free"]

    async def buy(self, _: int) -> Answer:
        """Hold a seat, then order it; the order's POST is retried with its key, as a real client would."""
        event, seat = self.seats.pop()
        hold = await self._patiently("POST", "/api/holds/", {"event": event, "seats": [seat]})
        if hold.status != 201:
            self.refused.append(f"hold: {hold.status} {hold.error or hold.body[:120]!r}")
            return hold
        key = uuid.uuid4().hex
        answer = await self._order(key, hold.json["id"])
        if answer.status == 201:
            self.acknowledged[key] = answer.json["id"]
            self.moments.append(time.monotonic())
        else:
            self.refused.append(f"order: {answer.status} {answer.error or answer.body[:120]!r}")
        return answer

    async def _order(self, key: str, hold: str) -> Answer:
        answer = Answer(0)
        for attempt in range(RETRIES):
            answer = await self._send("POST", "/api/orders/", {"hold": hold}, key)
            if answer.status not in (0, 409, 500, 502, 503, 504):
                return answer
            if attempt == 0:
                self.raw_failures.append(f"{answer.status} {answer.error or answer.body[:200]!r}")
            await asyncio.sleep(0.3)
        return answer

    async def _patiently(self, method: str, path: str, body: object) -> Answer:
        """Repeat what is safe to repeat here: a hold of the same seat by the same account, a new account."""
        answer = Answer(0)
        for _ in range(RETRIES):
            answer = await self._send(method, path, body, uuid.uuid4().hex)
            if answer.status in (200, 201):
                return answer
            await asyncio.sleep(0.1)
        return answer

    async def _send(self, method: str, path: str, body: object, key: str) -> Answer:
        headers = {"Idempotency-Key": key}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return await request(self.base, method, path, body, headers)

    async def missing(self) -> list[str]:
        """Orders that were acknowledged and are not there now; asks until it is told."""
        gone = []
        for order in self.acknowledged.values():
            answer = Answer(0)
            for _ in range(RETRIES):
                headers = {"Authorization": f"Bearer {self.token}"}
                answer = await request(self.base, "GET", f"/api/orders/{order}/", headers=headers)
                if answer.status in (200, 404):
                    break
                await asyncio.sleep(0.25)
            if answer.status != 200 or answer.json["status"] != "paid":
                gone.append(f"{order}: {answer.status}")
        return gone
