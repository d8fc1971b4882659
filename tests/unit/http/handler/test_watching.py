"""Work ends when its client goes, and nothing else ends with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.exceptions import RequestAborted

from mainstay.http.handler.watching import until_gone


class Client:
    """Stays until told to go; knows whether anybody listens to it."""

    def __init__(self) -> None:
        self.news: asyncio.Event = asyncio.Event()
        self.error: Exception = RequestAborted()
        self.heard = 0
        self.left_alone = False

    async def listen(self) -> None:
        self.heard += 1
        try:
            await self.news.wait()
        except asyncio.CancelledError:
            self.left_alone = True
            raise
        raise self.error


async def test_nobody_listens_while_work_never_waits() -> None:
    client, done = Client(), []

    async def work() -> None:
        done.append(1)

    await until_gone(work(), client.listen)

    assert done == [1]
    assert client.heard == 0


async def test_finished_work_stops_the_listener() -> None:
    client = Client()

    async def work() -> None:
        await asyncio.sleep(0.001)

    await until_gone(work(), client.listen)

    assert client.left_alone


async def test_work_is_cancelled_when_the_client_goes_and_the_caller_goes_on() -> None:
    client, seen = Client(), []

    async def work() -> None:
        client.news.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    await until_gone(work(), client.listen)

    assert seen == ["cancelled"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # a cancellation that was left over would strike here


async def test_work_may_refuse_to_stop() -> None:
    client, seen = Client(), []

    async def work() -> None:
        client.news.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.001)
            seen.append("finished")

    await until_gone(work(), client.listen)

    assert seen == ["finished"]
    await asyncio.sleep(0)


async def test_cancellation_from_outside_reaches_the_work_and_the_caller() -> None:
    client, seen = Client(), []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.create_task(until_gone(work(), client.listen))
    await asyncio.sleep(0.001)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
    assert client.left_alone


async def test_what_the_work_raises_is_raised() -> None:
    client = Client()

    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await until_gone(work(), client.listen)
    assert client.left_alone


async def test_an_unexpected_message_ends_the_work_and_is_raised() -> None:
    client = Client()
    client.error = AssertionError("not a message")

    async def work() -> None:
        client.news.set()
        await asyncio.sleep(30)

    with pytest.raises(AssertionError, match="not a message"):
        await until_gone(work(), client.listen)


async def test_time_limits_inside_the_work_are_its_own() -> None:
    client, seen = Client(), []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(30)
        except TimeoutError:
            seen.append("late")
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))

    await until_gone(work(), client.listen)

    assert seen == ["late"]


async def test_work_and_news_in_the_same_moment_leave_nothing_behind() -> None:
    for _ in range(50):
        client = Client()

        async def work(client: Any = client) -> None:
            await asyncio.sleep(0)
            client.news.set()
            await asyncio.sleep(0)

        await until_gone(work(), client.listen)
        await asyncio.sleep(0)
