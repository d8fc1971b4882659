"""
What people do at boxoffice, and what must be true whatever breaks meanwhile.

`mainstay prove` loads these: `Browse` reads, `Buy` buys one seat after the other, and
`Scramble` lets several buyers want the same seat at the same moment.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from mainstay.ops.prove import Client, Journey

EVENTS = 200
"""Most events whose seats are for sale here, about five hundred seats each; reading them all takes seconds."""

READERS = 8
"""Orders that are read back at once."""

CONTENDERS = 8
"""Buyers who want the same seat."""

PARTS = 3
"""Journeys that need seats; each has a third of the events for itself, so that they stay out of each other's way."""

LOOK_EVERY = 4
"""Orders of a buyer of which the first is read right after it was placed."""


class Browse(Journey):
    """Public pages, which most visitors only read."""

    weight = 4

    async def set_up(self, client: Client) -> None:
        listing = await client.get("/api/events/")
        events = [row["id"] for row in listing.json["results"]]
        self.pages = ["/", "/api/events/", *(f"/api/events/{event}/" for event in events[:5])]
        self.pages += [f"/api/events/{event}/seats/" for event in events[:3]]  # for which catalog asks orders

    async def step(self, client: Client, number: int) -> None:
        await client.get(self.pages[number % len(self.pages)])


class Buyer:
    """A signed-in person, and the orders that were asked for and acknowledged."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.orders: dict[str, str] = {}
        """Order by key, for every one that was acknowledged."""
        self.unsure: dict[str, str] = {}
        """Hold by key, for every order of which nobody knows whether it was placed."""

    async def buy(self, client: Client, event: int, seat: int) -> None:
        """Hold a seat, then order it with a key, which is repeated until there is an answer."""
        client.token = self.token
        wanted = {"event": event, "seats": [seat]}
        # The seat may be taken by somebody else: that is an answer, not an error.
        hold = await client.post("/api/holds/", json=wanted, key=True, expect=(201, 409), retry=True)
        if hold.status != 201:
            return
        key = uuid.uuid4().hex
        client.attempted("orders", key)
        order = await client.post(
            "/api/orders/", json={"hold": hold.json["id"]}, key=key, expect=(201,), retry=True
        )
        if order.status == 201:
            self._acknowledge(client, key, order.json)
            if len(self.orders) % LOOK_EVERY == 1:
                await self._look(client, order.json["id"])
        elif order.status in (0, 409) or order.status >= 500:
            self.unsure[key] = hold.json["id"]

    def _acknowledge(self, client: Client, key: str, order: Any) -> None:
        client.acknowledged("orders", key)
        self.orders[key] = order["id"]
        for seat in order["seats"]:
            client.owned("seats", f"{order['event']}/{seat['id']}", order["id"])
        if order["total"] != sum(seat["price"] for seat in order["seats"]):
            client.violation(f"order {order['id']} costs {order['total']}, which is not what its seats cost")

    async def _look(self, client: Client, order: str) -> None:
        """Who has just bought sees the order as paid: they read what they wrote."""
        client.wrote("purchases", order, 1, session=order)
        answer = await client.get(f"/api/orders/{order}/", expect=(200, 404), retry=True)
        if answer.ok:
            paid = answer.status == 200 and answer.json["status"] == "paid"
            client.read("purchases", order, int(paid), session=order)

    async def read_back(self, client: Client) -> None:
        """Every order that was acknowledged, its seats and its charge; unsure ones are asked for once more."""
        client.token = self.token
        for key, hold in self.unsure.items():
            answer = await client.post(
                "/api/orders/", json={"hold": hold}, key=key, expect=(201, 410), retry=True
            )
            if answer.status == 201:
                self._acknowledge(client, key, answer.json)
        orders = iter(self.orders.items())

        async def reader() -> None:
            for key, order in orders:
                await self._read_back(client, key, order)

        await asyncio.gather(*(reader() for _ in range(READERS)))

    async def _read_back(self, client: Client, key: str, order: str) -> None:
        answer = await client.get(f"/api/orders/{order}/", expect=(200, 404), retry=True)
        if answer.status != 200 or answer.json["status"] != "paid":
            return
        client.observed("orders", key)
        for seat in answer.json["seats"]:
            client.owned("seats", f"{answer.json['event']}/{seat['id']}", order)
        client.owned("charges", answer.json["charge"], order)


async def sign_up(client: Client) -> Buyer:
    credentials = {"email": f"{uuid.uuid4().hex[:16]}@example.com", "password": secrets.token_urlsafe(12)}
    answer = await client.post("/api/accounts/", json=credentials, key=True, expect=(201,), retry=True)
    return Buyer(answer.json["token"])


async def events(client: Client) -> AsyncIterator[int]:
    """The coming events, page by page, until there are enough."""
    cursor, left = "", EVENTS
    while left:
        page = (await client.get(f"/api/events/?cursor={cursor}")).json
        for row in page["results"][:left]:
            left -= 1
            yield row["id"]
        if not (cursor := page["next"] or ""):
            return


async def free_seats(client: Client, part: int) -> deque[tuple[int, int]]:
    """The free seats of a third of the events."""
    coming = [event async for event in events(client)]
    found: deque[tuple[int, int]] = deque()
    for event in share(coming, part):
        page = await client.get(f"/api/events/{event}/seats/")
        found += [(event, seat["id"]) for seat in page.json if seat["state"] == "free"]
    if not found:
        raise LookupError(f"no seat is free in a third of {len(coming)} events: {MORE}")
    return found


def share(coming: list[int], part: int) -> list[int]:
    """Every third event, one further each round: venues of a few sizes take turns, and each part has some of all."""
    return [event for index, event in enumerate(coming) if (index + index // PARTS) % PARTS == part]


MORE = "start with more of them (seed --events)"


class Buy(Journey):
    """One person buys seat after seat."""

    weight = 1
    writes = True
    rules = (
        "lost.orders = 0",
        "oversold.seats = 0",
        "oversold.charges = 0",
        "stale.purchases = 0",
        "violations = 0",
    )

    async def set_up(self, client: Client) -> None:
        self.buyer = await sign_up(client)
        self.seats = await free_seats(client, 0)

    async def step(self, client: Client, number: int) -> None:
        if not self.seats:
            raise LookupError(f"every seat that was free is bought: {MORE}")
        event, seat = self.seats.popleft()
        await self.buyer.buy(client, event, seat)

    async def final(self, client: Client) -> None:
        await self.buyer.read_back(client)


class Linger(Journey):
    """Somebody without an account takes a seat, thinks better of it and gives it back; no key protects this."""

    weight = 1
    writes = True

    async def set_up(self, client: Client) -> None:
        self.seats = await free_seats(client, 2)

    async def step(self, client: Client, number: int) -> None:
        event, seat = self.seats[number % len(self.seats)]
        hold = await client.post("/api/holds/", json={"event": event, "seats": [seat]}, expect=(201, 409))
        if hold.status == 201:
            await client.delete(f"/api/holds/{hold.json['id']}/", expect=(204,))


class Scramble(Journey):
    """Several people want the same seat at the same moment; at most one gets it."""

    weight = 0.5
    writes = True
    rules = ("lost.orders = 0", "oversold.seats = 0")

    async def set_up(self, client: Client) -> None:
        self.buyers = [await sign_up(client) for _ in range(CONTENDERS)]
        self.seats = await free_seats(client, 1)

    async def step(self, client: Client, number: int) -> None:
        """All of them at once, each with a client of its own."""
        event, seat = self.seats[number % len(self.seats)]
        callers = [client.begin(f"{client.session}-{each}") for each in range(CONTENDERS)]
        await asyncio.gather(
            *(buyer.buy(caller, event, seat) for buyer, caller in zip(self.buyers, callers, strict=True))
        )

    async def final(self, client: Client) -> None:
        for buyer in self.buyers:
            await buyer.read_back(client)
