"""Work that is done together, where the first error is what counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any


async def together(work: Iterable[Awaitable[Any]]) -> None:
    """Run all of it; when one fails, cancel the rest and raise the first error as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for item in work:
                group.create_task(_as_coroutine(item))
    except BaseExceptionGroup as errors:
        raise _first(errors) from errors


async def _as_coroutine(item: Awaitable[Any]) -> Any:
    return await item


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
