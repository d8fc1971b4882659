"""A schedule of strikes, each begun at its moment, undone whatever happens, and asked whether it bit."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mainstay.ops.prove.claim import Bite
from mainstay.ops.prove.faults import catalogue
from mainstay.ops.prove.faults.fault import Evidence, Fault, NotPossible, Strike, Target
from mainstay.ops.prove.faults.targets import Absent

UNDO_LIMIT = 30.0
"""Seconds an undo may take; what is not undone by then is left to the guard."""

Report = Callable[[Strike, str], None]


async def run(
    strikes: Iterable[Strike],
    target: Target,
    *,
    make: Callable[[Strike, Target], Fault] = catalogue.make,
    report: Report = lambda strike, what: None,
) -> list[Bite]:
    """
    Strike as the schedule says, counted from this call, and return what became of each.

    A bite begins right before its fault is injected. It ends when it was undone, or, of a fault
    that ends by itself, when it had been injected: recovery counts from there. ``report`` is told
    ``begun`` and ``over`` of each strike.

    A strike whose means or target are missing once another one has begun is one that did not bite:
    what was seen by then is worth a judgement.

    Raises:
        NotPossible: The first of them lacks its means, so nothing was done. Also on this and any other
            error, and when this is cancelled, everything that was begun is undone before it is raised.
    """
    schedule = _Schedule(target, make, report, time.monotonic())
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(schedule.carry_out(strike)) for strike in strikes]
    except BaseExceptionGroup as errors:
        raise _worst(errors) from errors
    return [task.result() for task in tasks]


@dataclass
class _Schedule:
    """What the strikes of one run share."""

    target: Target
    make: Callable[[Strike, Target], Fault]
    report: Report
    start: float
    begun: int = 0
    """How many were injected, or are being."""

    async def carry_out(self, strike: Strike) -> Bite:
        await asyncio.sleep(self.start + strike.at - time.monotonic())
        lasts = catalogue.duration(strike)
        fault = self.make(strike, self.target)
        self.report(strike, "begun")
        missing = ""
        began = ended = time.monotonic()
        try:
            try:
                await self._inject(fault)
                ended = time.monotonic()
                await asyncio.sleep(lasts)
            except Absent as error:
                missing = str(error)
            except NotPossible as error:
                if not self.begun:
                    raise
                missing = str(error)
        finally:
            await _surely(fault.undo())
        ended = time.monotonic() if lasts else ended
        self.report(strike, "over")
        return Bite(strike, began, ended, Evidence(False, missing) if missing else await fault.evidence())

    async def _inject(self, fault: Fault) -> None:
        self.begun += 1
        try:
            await fault.inject()
        except (Absent, NotPossible):
            self.begun -= 1
            raise


async def _surely(work: Awaitable[None]) -> None:
    """Finish some work although this task is cancelled meanwhile, within `UNDO_LIMIT`; then be cancelled."""
    task = asyncio.ensure_future(asyncio.wait_for(work, UNDO_LIMIT))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        with contextlib.suppress(Exception):
            task.result()
        raise cancelled
    task.result()


def _worst(errors: BaseExceptionGroup[Any]) -> BaseException:
    """Of several the one that says most: anything but a lack of means, which a failure may have caused."""
    flat = list(_flat(errors))
    return next((error for error in flat if not isinstance(error, NotPossible)), flat[0])


def _flat(errors: BaseExceptionGroup[Any]) -> Iterable[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error
