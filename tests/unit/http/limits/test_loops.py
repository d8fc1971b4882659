"""What is kept for an event loop goes with it: under WSGI each request to an async view has one of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from mainstay.http.limits.courier import Couriers
from mainstay.http.limits.store import Valkey


def test_couriers_of_closed_loops_are_forgotten() -> None:
    store: Any = object()
    couriers = Couriers(store, lambda *_: None)

    async def ask() -> None:
        assert couriers.of_this_loop() is couriers.of_this_loop()

    for _ in range(5):
        asyncio.run(ask())
    assert len(couriers._couriers) == 1


def test_connections_of_closed_loops_are_forgotten() -> None:
    valkey = Valkey("redis://127.0.0.1:1/0", 0.05)

    async def ask() -> None:
        assert valkey._line() is valkey._line()

    for _ in range(5):
        asyncio.run(ask())
    assert len(valkey._loops) == 1
