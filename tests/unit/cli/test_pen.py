"""Whoever writes to a terminal waits for it; whoever supervises does not."""

from __future__ import annotations

import threading
import time

from mainstay.cli.pen import Pen


def test_jobs_are_done_in_order_and_all_of_them_before_the_end() -> None:
    done: list[int] = []
    pen = Pen()
    for number in range(50):
        pen.write(lambda number=number: done.append(number))
    pen.close()
    assert done == list(range(50))


def test_a_terminal_that_takes_nothing_holds_up_nobody() -> None:
    taken = threading.Event()
    pen = Pen(limit=2)
    began = time.monotonic()
    pen.write(taken.wait)
    while not pen.is_idle:
        time.sleep(0.001)
    for _ in range(5):
        pen.write(lambda: None)
    assert pen.left_out == 3
    pen.close(within=0.05)
    assert time.monotonic() - began < 5.0
    taken.set()


def test_a_terminal_that_is_gone_ends_the_writing_and_nothing_else() -> None:
    done: list[str] = []

    def gone() -> None:
        raise BrokenPipeError

    pen = Pen()
    pen.write(gone)
    pen.write(lambda: done.append("late"))
    pen.close(within=0.5)
    assert done == []
