"""A journey that never gives way again is interrupted, named with its line, and costs only its claim."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mainstay.ops.prove.loading import watchdog
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.watchdog import Stuck, Watchdog

pytestmark = pytest.mark.timeout(90)


class Sleeping(Journey):
    async def step(self, client: Client, number: int) -> None:
        time.sleep(60.0)  # noqa: ASYNC251 - the mistake that must be found


class Spinning(Journey):
    async def step(self, client: Client, number: int) -> None:
        while True:
            number += 1


class Catching(Journey):
    async def step(self, client: Client, number: int) -> None:
        try:
            time.sleep(60.0)  # noqa: ASYNC251 - the mistake that must be found
        except Exception:
            raise AssertionError("it was caught") from None


JOURNEYS: list[type[Journey]] = [Sleeping, Spinning, Catching]


@pytest.mark.parametrize("journey", JOURNEYS)
async def test_it_is_interrupted_and_named_with_its_line(journey: type[Journey]) -> None:
    began = time.monotonic()
    made = journey()
    dog = Watchdog([made], 0.3)
    with pytest.raises(Stuck), dog:
        await made.step(None, 0)  # type: ignore[arg-type]
    assert time.monotonic() - began < 30.0
    assert f"journey {made.name!r} (test_watchdog.py, line " in dog.stuck


async def test_where_it_is_another_task_that_of_the_proof_is_cut() -> None:
    made = Spinning()
    dog = Watchdog([made], 0.3)
    step = asyncio.create_task(made.step(None, 0))  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError), dog:
        await asyncio.sleep(60.0)
    assert isinstance(step.exception(), Stuck)
    assert dog.stuck


async def test_who_leaves_before_being_cut_is_not_cut_later() -> None:
    made = Spinning()
    dog = Watchdog([made], 0.3)
    with pytest.raises(Stuck), dog:
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waiting.set_result, None)
        step = asyncio.create_task(made.step(None, 0))  # type: ignore[arg-type]
        await waiting
    assert isinstance(step.exception(), Stuck)
    await asyncio.sleep(0.05)


async def test_work_of_the_prover_itself_is_not_interrupted() -> None:
    """Judging a long history takes its time, and is no journey's doing."""
    before = signal.getsignal(watchdog.SIGNAL)
    dog = Watchdog([], 0.1)
    with dog:
        time.sleep(0.5)  # noqa: ASYNC251 - this is no journey
        await asyncio.sleep(0.3)
    assert dog.stuck == ""
    assert signal.getsignal(watchdog.SIGNAL) is before


STUBBORN = """
import asyncio, time
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.watchdog import Watchdog

class Swallowing(Journey):
    async def step(self, client, number):
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass

async def main():
    journey = Swallowing()
    with Watchdog([journey], 0.3):
        await journey.step(None, 0)

asyncio.run(main())
"""


def test_one_that_swallows_every_interruption_takes_the_process_with_it(tmp_path: Path) -> None:
    (tmp_path / "proof.py").write_text(STUBBORN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "proof.py")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "journey 'swallowing' (proof.py, line 10) held the event loop" in done.stderr


MANY = """
import asyncio
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.watchdog import Watchdog

class Spinning(Journey):
    async def step(self, client, number):
        while True:
            pass

async def main():
    journey = Spinning()
    try:
        with Watchdog([journey], 0.3) as dog:
            steps = [asyncio.create_task(journey.step(None, number)) for number in range(6)]
            await asyncio.wait(steps)
    except asyncio.CancelledError:
        print(len([each for each in steps if each.done()]), asyncio.current_task().cancelling(), dog.stuck)

asyncio.run(main())
"""


def test_steps_that_hold_the_loop_one_after_the_other_have_swallowed_nothing(tmp_path: Path) -> None:
    """After a moment without the processor many steps begin at once: the loop does not turn before the last of them."""
    (tmp_path / "proof.py").write_text(MANY)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "proof.py")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("6 1 journey 'spinning' (proof.py, line "), done.stderr
