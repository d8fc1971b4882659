"""Work that is done together."""

from __future__ import annotations

import asyncio

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.together import together


async def test_all_of_it_is_done() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await together(work(number) for number in range(3))
    assert done == [0, 1, 2]


async def test_the_first_error_comes_out_as_it_is_and_cuts_the_rest_off() -> None:
    """A start that fails is told by its reason, not by a group of errors, however deep it happened."""
    cut: list[str] = []

    async def fail() -> None:
        raise OperationFailed("port.busy", "it is in use")

    async def wait() -> None:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            cut.append("cut")
            raise

    with pytest.raises(OperationFailed, match="it is in use"):
        await together([wait(), together([wait(), fail()])])
    assert cut == ["cut", "cut"]
