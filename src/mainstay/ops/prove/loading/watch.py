"""What keeps a generator honest about itself: which step held it up, and no pause of Python's own making."""

from __future__ import annotations

import contextlib
import gc
import resource
import time
import traceback
import types
from collections.abc import Callable, Coroutine, Iterator
from collections.abc import Generator as Iteration
from pathlib import Path
from typing import Any

BLOCKS = 0.1
"""Seconds between two awaits of a step from which on it is named as one that blocks."""

_HERE = Path(__file__).parent


@types.coroutine
def timed(step: Coroutine[Any, Any, None], blocks: Callable[[float], None]) -> Iteration[Any, Any, None]:
    """
    Run a coroutine; ``blocks`` is told of every stretch of `BLOCKS` seconds and more between two awaits.

    Only of those in which it slept or computed itself: a process that merely got no
    processor for a while neither gave it up (a voluntary context switch) nor used it.
    """
    resume, value = step.send, None
    while True:
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_THREAD)
        try:
            awaited = resume(value)
        except StopIteration:
            return
        finally:
            took = time.monotonic() - began
            if took >= BLOCKS and _was_its_own(before):
                blocks(took)
        try:
            value = yield awaited
            resume = step.send
        except GeneratorExit:
            step.close()
            raise
        except BaseException as error:
            value, resume = error, step.throw


def _was_its_own(before: resource.struct_rusage) -> bool:
    after = resource.getrusage(resource.RUSAGE_THREAD)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return after.ru_nvcsw > before.ru_nvcsw or computed > BLOCKS / 2


@contextlib.contextmanager
def quiet_collector() -> Iterator[None]:
    """
    No full garbage collection inside: with a long history it would stop every step for tens of milliseconds.

    What is there already is set aside (`gc.freeze`); young garbage is still collected, which
    takes well below a millisecond. The full collection comes at the end.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        gc.collect()


def told(error: BaseException) -> str:
    """A traceback with the lines of the project, not of the generator."""
    frames = [
        each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).parent != _HERE
    ]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])
