"""What is left of a request's time, as everything below it sees it."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context

import pytest

from mainstay.base import deadline as module
from mainstay.base.deadline import DEADLINE, Deadline, DeadlineExceeded, check, current_deadline, within


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def test_no_deadline_is_no_limit() -> None:
    assert current_deadline() is None
    check()


def test_time_left_shrinks_and_runs_out_at_the_very_moment(clock: list[float]) -> None:
    deadline = Deadline.after(2.0)
    clock[0] += 1.5

    assert deadline.remaining() == pytest.approx(0.5)
    assert not deadline.expired
    clock[0] += 0.5
    assert deadline.expired


def test_checkpoint_stops_the_work_and_remembers_it(clock: list[float]) -> None:
    with within(1.0) as deadline:
        check()
        clock[0] += 1.0
        with pytest.raises(DeadlineExceeded):
            check()

    assert deadline.exceeded
    assert current_deadline() is None


def test_an_exceeded_deadline_is_a_timeout_for_whoever_knows_no_better() -> None:
    assert issubclass(DeadlineExceeded, TimeoutError)


def test_nested_limits_never_give_more_than_the_outer_one(clock: list[float]) -> None:
    with within(1.0), within(5.0) as inner:
        assert inner.remaining() == pytest.approx(1.0)


def test_a_route_may_move_its_deadline_but_not_beyond_the_caller(clock: list[float]) -> None:
    free, bound = Deadline(100.0, 5.0), Deadline(100.0, 5.0, bound=102.0)
    free.allow(30.0)
    bound.allow(30.0)

    assert (free.at, bound.at) == (130.0, 102.0)


def test_a_lifted_deadline_never_comes(clock: list[float]) -> None:
    deadline = Deadline(100.0, 1.0, bound=101.0)
    deadline.lift()
    clock[0] += 1e9

    deadline.check()


async def test_threads_and_tasks_of_the_request_share_its_deadline() -> None:
    with within(9.0) as deadline:
        seen = [await asyncio.to_thread(current_deadline), await asyncio.create_task(_current())]
        alone: list[Deadline | None] = []
        thread = threading.Thread(target=lambda: alone.append(current_deadline()))
        thread.start()
        thread.join()

    assert seen == [deadline, deadline]
    assert alone == [None]


def test_contexts_are_strangers() -> None:
    copy_context().run(DEADLINE.set, Deadline.after(1.0))

    assert current_deadline() is None


async def _current() -> Deadline | None:
    return current_deadline()
