"""Lines into pipes that are read, not read, slow and gone."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mainstay.observability import output
from mainstay.observability.formats import JsonFormatter
from mainstay.observability.output import DROPPED, OutputHandler, PipeWriter
from tests.unit.conftest import NoRoom

CAPACITY = 65536


class Pipe:
    """A pipe of a known size whose reader this test is."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, CAPACITY)
        self.stream = os.fdopen(self.write_end, "w")
        self.writers: list[PipeWriter] = []

    def handler(self) -> OutputHandler:
        made = handler(self.stream)
        self.writers.append(waiter_of(made))
        return made

    def fill(self) -> None:
        """Until nothing more fits."""
        os.set_blocking(self.write_end, False)
        try:
            while True:
                os.write(self.write_end, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(self.write_end, True)

    def read(self, count: int) -> bytes:
        got = b""
        while len(got) < count and (chunk := os.read(self.read_end, min(65536, count - len(got)))):
            got += chunk
        return got

    def read_lines(self, until: Callable[[list[bytes]], bool]) -> list[bytes]:
        got = b""
        while not until(got.splitlines()):
            got += os.read(self.read_end, 65536)
        return got.splitlines()

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.read_end)
        for writer in self.writers:
            writer._emptied.wait(5)  # or its thread would write into whatever has this number next
        self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def record(text: str, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "", 0, text, None, None)
    made.__dict__.update(extra)
    return made


def handler(stream: Any) -> OutputHandler:
    made = OutputHandler(stream)
    made.setFormatter(JsonFormatter())
    return made


def waiter_of(made: OutputHandler) -> PipeWriter:
    writer = made._writer
    assert writer is not None
    return writer


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    made = pipe.handler()
    for number in range(500):
        made.handle(record(str(number)))
    made.flush()
    events = [json.loads(line)["event"] for line in pipe.read_lines(lambda lines: len(lines) == 500)]
    assert events == [str(number) for number in range(500)]


def test_a_thread_that_cannot_start_is_tried_again_with_the_next_line(pipe: Pipe, no_room: NoRoom) -> None:
    no_room(2)
    made = pipe.handler()
    for number in range(3):
        made.handle(record(str(number)))
    made.flush()
    events = [json.loads(line)["event"] for line in pipe.read_lines(lambda lines: len(lines) == 3)]
    assert events == ["0", "1", "2"]


def test_a_full_pipe_stops_nobody_and_memory_stays_bounded(pipe: Pipe) -> None:
    """The writer is caught in its write while this thread logs on; without the thread this test never ends."""
    pipe.fill()
    made = pipe.handler()
    before = DROPPED.value
    for number in range(output.LINES_LIMIT + 5000):
        made.handle(record(str(number)))
    writer = waiter_of(made)
    assert writer.waiting <= output.LINES_LIMIT
    assert writer._size <= output.BYTES_LIMIT
    assert DROPPED.value - before >= 4000

    pipe.read(CAPACITY)
    got = b""
    while b'"log lines were dropped"' not in got or not got.endswith(b"\n"):
        got += os.read(pipe.read_end, 65536)
    told = [json.loads(line) for line in got.splitlines() if b'"log lines were dropped"' in line]
    assert told[0]["dropped"] == DROPPED.value - before
    made.handle(record("flows again"))
    assert b"flows again" in b"".join(pipe.read_lines(lambda lines: any(b"flows again" in x for x in lines)))


def test_many_bytes_are_bounded_as_many_lines_are(pipe: Pipe) -> None:
    pipe.fill()
    writer = PipeWriter(pipe.write_end, lambda count: b"", lines_limit=1000, bytes_limit=10_000)
    pipe.writers.append(writer)
    for _ in range(100):
        writer.put(b"y" * 999 + b"\n")
    assert writer._size <= 10_000


def test_the_end_of_the_process_waits_for_a_stalled_reader_only_so_long(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    pipe.fill()
    made = pipe.handler()
    made.handle(record("never read"))
    writer = waiter_of(made)
    with monkeypatch.context() as patched:
        patched.setattr(writer._emptied, "wait", lambda seconds: waited.append(seconds))
        made.flush()
    assert waited == [output.FLUSH_LIMIT]


def test_a_reader_that_has_gone_is_counted_and_hurts_nobody(pipe: Pipe) -> None:
    made = pipe.handler()
    os.close(pipe.read_end)
    before = DROPPED.value
    made.handle(record("into the void"))
    made.flush()
    assert DROPPED.value == before + 1


def test_a_file_has_the_line_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("a") as stream:
        made = handler(stream)
        assert made._writer is None
        made.handle(record("\ud800 and more"))
        assert json.loads((tmp_path / "log").read_bytes())["event"] == "\ud800 and more"


def test_a_full_disk_is_counted_and_not_raised() -> None:
    with Path("/dev/full").open("a") as stream:
        made = handler(stream)
        before = DROPPED.value
        made.handle(record("x"))
        assert DROPPED.value == before + 1


def test_a_stream_without_a_descriptor_is_written_to() -> None:
    stream = io.StringIO()
    handler(stream).handle(record("x"))
    assert json.loads(stream.getvalue())["event"] == "x"


def test_a_child_of_a_fork_writes_its_own_lines(pipe: Pipe) -> None:
    made = pipe.handler()
    made.handle(record("parent"))
    made.flush()
    writer = waiter_of(made)
    assert writer._thread is not None
    writer._begin()  # what `os.register_at_fork` calls in the child, where the thread is not
    made.handle(record("child"))
    made.flush()
    lines = pipe.read_lines(lambda lines: len(lines) == 2)
    assert [json.loads(line)["event"] for line in lines] == ["parent", "child"]


def test_threads_lose_and_mix_nothing(pipe: Pipe) -> None:
    made = pipe.handler()
    threads = [
        threading.Thread(target=lambda: [made.handle(record("z" * 300)) for _ in range(200)])
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    lines = pipe.read_lines(lambda lines: len(lines) >= 1000 and lines[-1].endswith(b"}"))
    for thread in threads:
        thread.join()
    assert [json.loads(line)["event"] for line in lines] == ["z" * 300] * 1000


def test_a_forked_process_writes_its_own_lines() -> None:
    """The thread that writes for its parent is not in it."""
    code = """
import logging, os, sys
from mainstay.observability.output import OutputHandler
handler = OutputHandler(sys.stdout)
say = lambda text: (handler.emit(logging.LogRecord("x", 20, "", 0, text, None, None)), handler.flush())
say("of the parent")
child = os.fork()
if not child:
    say("of the child")
    os._exit(0)
os.waitpid(child, 0)
"""
    words = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["of the parent", "of the child"]
