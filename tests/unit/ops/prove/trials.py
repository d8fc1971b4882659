"""Claims to try, the journeys that try them, and what becomes of their strikes."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from mainstay.ops.prove.claim import Bite, Claim, Load, Result
from mainstay.ops.prove.faults.fault import Evidence, Strike
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.trial import Trial
from mainstay.ops.prove.verdict import Judgement
from tests.unit.ops.prove.proved import Ask, FakeSystem, Story

KILL = Strike("kill", "web.web.1")
CALM = Claim("calm", "It holds.", (), Load(50.0), ("errors = 0",), steady=0.2, after=0.1, source="a test")
STRUCK = replace(CALM, name="struck", strikes=(KILL,), holds=("errors.get = 0",))

Strikes = Callable[[Sequence[Strike]], Awaitable[list[Bite]]]


async def bite(given: Sequence[Strike], *, bit: bool = True, lasts: float = 0.1) -> list[Bite]:
    began = time.monotonic()
    await asyncio.sleep(lasts)
    return [Bite(each, began, time.monotonic(), Evidence(bit, "pid 1 was gone")) for each in given]


def tried(claim: Claim, system: FakeSystem, *journeys: Journey, story: Story | None = None) -> Trial:
    return Trial(claim, system, journeys or (Ask(),), story or Story(), 1, io.StringIO())


def named(result: Result, rule: str) -> Judgement:
    return next(each for each in result.judgements if each.rule.startswith(rule))


class Raising(Ask):
    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    async def set_up(self, client: Client) -> None:
        if self.where == "set_up":
            raise KeyError("token")

    async def step(self, client: Client, number: int) -> None:
        await super().step(client, number)
        if self.where == "step" and number == 3:
            raise KeyError("token")

    async def final(self, client: Client) -> None:
        if self.where == "final":
            raise KeyError("token")


class Endless(Ask):
    async def step(self, client: Client, number: int) -> None:
        await super().step(client, number)
        await asyncio.sleep(600.0)
