"""The stopwatch of the tests leaves out what the machine did not run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.stopwatch import Stopwatch

MEASURE = """
import time
from tests.stopwatch import Stopwatch
watch, began = Stopwatch(), time.monotonic()
print("begun", flush=True)
input()
print(watch.elapsed(), watch.stalled(), time.monotonic() - began)
"""


def test_a_process_that_did_not_run_was_not_slow() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1)
    process.stdin.write("\n")
    process.stdin.flush()
    os.kill(process.pid, signal.SIGCONT)
    elapsed, stalled, real = map(float, process.communicate(timeout=30)[0].split())
    assert stalled > 0.8
    assert real >= 1
    assert abs(elapsed + stalled - real) < 0.05


def test_a_wait_is_no_stall() -> None:
    """At least one of twenty on a machine that is not stalled all the time."""
    assert any(_waited() for _ in range(20))


def _waited() -> bool:
    watch = Stopwatch()
    time.sleep(0.05)
    return watch.stalled() == 0 and watch.elapsed() >= 0.05
