"""boxoffice with more seats is boxoffice: what its long claims show is true of the one that people start."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.prove.history import History
from mainstay.ops.prove.loading.client import Client, Recorder
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.journey import import_file

BOXOFFICE = Path(__file__).parents[2] / "boxoffice"


def services(name: str) -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((BOXOFFICE / name).read_text())
    for service in declared["service"].values():
        service.pop("prepare", None)
    return {key: declared[key] for key in ("service", "engine")}


def test_the_system_behind_the_figures_is_the_one_that_is_started() -> None:
    assert services("figures.toml") == services("mainstay.toml")


JOURNEYS = import_file(BOXOFFICE / "proof.py")
FIGURES = tomllib.loads((BOXOFFICE / "figures.toml").read_text())
READY = 60
"""Seconds of load beside the faults of a long claim, at most."""


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def steps(journey: str) -> float:
    """How many steps of a journey all long claims take together."""
    weights = {"browse": 4.0, "buy": 1.0, "linger": 1.0, "scramble": JOURNEYS.Scramble.weight}
    found = 0.0
    for claim in FIGURES["prove"]["claim"]:
        part = {name: weight for name, weight in weights.items() if name in claim.get("journeys", weights)}
        rate = claim.get("rate", FIGURES["prove"]["rate"])
        found += rate * (seconds(claim["during"]) + READY) * part.get(journey, 0.0) / sum(part.values())
    return found


def test_there_are_seats_for_all_long_claims_together() -> None:
    """They are tried on one system, one after the other, and nobody can buy a seat twice."""
    inventory = import_file(BOXOFFICE / "catalog" / "catalog" / "inventory.py")
    for service in FIGURES["service"].values():
        for command in service.get("prepare", ()):
            assert command == f"seed --if-empty --events {JOURNEYS.EVENTS}"
    coming = list(range(1, JOURNEYS.EVENTS + 1))
    shares = [JOURNEYS.share(coming, part) for part in range(JOURNEYS.PARTS)]
    assert sorted(event for each in shares for event in each) == coming
    seats = [sum(len(list(inventory.places(event))) for event in each) for each in shares]
    assert seats[0] > steps("buy") > 17_500
    assert seats[1] > steps("scramble")


def test_the_scramble_is_fifty_thousand_attempts() -> None:
    (claim,) = (each for each in FIGURES["prove"]["claim"] if each["name"] == "scramble")
    attempts = claim["rate"] * seconds(claim["during"]) * JOURNEYS.CONTENDERS
    assert attempts == pytest.approx(50_000, rel=0.05)


def test_in_the_soak_one_replica_of_each_service_lives_through_it() -> None:
    (claim,) = (each for each in FIGURES["prove"]["claim"] if each["name"] == "soak")
    for service in FIGURES["service"]:
        targets = {each["target"] for each in claim["faults"]}
        assert not targets & {"everything", service, f"{service}.web", f"{service}.web.1", f"{service}.web.*"}


class Server:
    """Answers holds once ``together`` of them are there; the first gets the seat."""

    base = "http://127.0.0.1:9"

    def __init__(self, together: int) -> None:
        self.together, self.holding, self.asked = asyncio.Barrier(together), 0, 0

    async def request(self, method: str, path: str, **how: Any) -> Answer:
        self.asked += 1
        if path == "/api/holds/":
            await asyncio.wait_for(self.together.wait(), 5.0)
            self.holding += 1
            return Answer(409) if self.holding > 1 else Answer(201, body=b'{"id": "h"}')
        order = {"id": "o", "event": 1, "seats": [{"id": 7, "price": 50}], "total": 50, "status": "paid"}
        return Answer(201 if method == "POST" else 200, body=json.dumps(order).encode())


async def test_those_who_want_the_same_seat_ask_for_it_at_the_same_moment() -> None:
    """One after the other they would never meet in the database, however high the rate."""
    journey = JOURNEYS.Scramble()
    journey.buyers = [JOURNEYS.Buyer(f"token {number}") for number in range(JOURNEYS.CONTENDERS)]
    journey.seats = deque([(1, 7)])
    history = History()
    server = Server(JOURNEYS.CONTENDERS)
    client = Client(server, Recorder(history), "scramble", due=5.0)  # type: ignore[arg-type]
    await journey.step(client, 0)
    assert {operation.due for operation in history.operations if operation.name == "POST /api/holds/"} == {
        5.0
    }
    assert [len(buyer.orders) for buyer in journey.buyers].count(1) == 1
    assert len({fact.session for fact in history.of("read")}) == 1
    assert [fact.value for fact in history.of("read", "purchases")] == [1]


async def test_who_finds_every_seat_sold_is_told_what_to_do() -> None:
    journey = JOURNEYS.Buy()
    journey.seats = deque()
    with pytest.raises(LookupError, match=r"every seat that was free is bought: .* --events"):
        await journey.step(None, 0)
