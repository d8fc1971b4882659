"""A connection is one thread's at a time, and one whose answer may still come is never used again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis.connection
from redis.exceptions import ConnectionError as Closed
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as Late

from mainstay.http.limits.connections import LoopConnection, ThreadConnections, pack


@dataclass
class Connection:
    """As redis-py's: it connects when it must, and raises what it is told to, once."""

    pool: Pool
    asked: list[bytes] = field(default_factory=list)
    is_open: bool = True

    def send_packed_command(self, pieces: Iterable[bytes]) -> None:
        self.asked.append(b"".join(pieces))

    def read_response(self) -> Any:
        if self.pool.errors and (error := self.pool.errors.pop(0)) is not None:
            raise error
        return self.asked[-1]

    def disconnect(self) -> None:
        self.is_open = False


class Pool:
    """What `ThreadConnections` takes of redis-py's pool."""

    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.errors: list[BaseException | None] = []
        self.connection_kwargs: dict[str, Any] = {}

    def connection_class(self) -> Connection:
        self.made.append(Connection(self))
        return self.made[-1]


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def lines(pool: Pool) -> ThreadConnections:
    return ThreadConnections(pool)


def test_one_connection_serves_one_question_after_the_other(pool: Pool, lines: ThreadConnections) -> None:
    assert [lines.ask("PING", number) for number in range(3)] == [
        pack(("PING", number)) for number in range(3)
    ]
    assert len(pool.made) == 1


def test_a_question_in_the_middle_of_another_has_a_connection_of_its_own(
    pool: Pool, lines: ThreadConnections
) -> None:
    lines.ask("PING")
    first = pool.made[0]
    read = first.read_response

    def read_while_another_asks() -> Any:
        first.read_response = read  # type: ignore[method-assign]
        lines.ask("OTHER")
        return read()

    first.read_response = read_while_another_asks  # type: ignore[method-assign]
    assert lines.ask("MINE") == pack(("MINE",))
    assert [connection.asked[-1] for connection in pool.made] == [pack(("MINE",)), pack(("OTHER",))]


def test_a_connection_that_was_closed_meanwhile_costs_a_second_try(
    pool: Pool, lines: ThreadConnections
) -> None:
    lines.ask("PING")
    pool.errors = [Closed("closed by server")]
    assert lines.ask("PING") == pack(("PING",))
    assert [connection.is_open for connection in pool.made] == [False, True]


def test_there_is_no_third_try(pool: Pool, lines: ThreadConnections) -> None:
    lines.ask("PING")
    pool.errors = [Closed("closed"), Closed("refused")]
    with pytest.raises(Closed, match="refused"):
        lines.ask("PING")
    pool.errors = [Closed("refused")]
    with pytest.raises(Closed, match="refused"):
        lines.ask("PING")
    assert not any(connection.is_open for connection in pool.made)


def test_a_late_answer_ends_the_connection_and_is_not_asked_for_again(
    pool: Pool, lines: ThreadConnections
) -> None:
    """It may have been carried out; and what comes late must not be taken for the next one's answer."""
    lines.ask("PING")
    pool.errors = [Late("late")]
    with pytest.raises(Late):
        lines.ask("PING")
    assert len(pool.made) == 1
    lines.ask("PING")
    assert [connection.is_open for connection in pool.made] == [False, True]


def test_an_error_of_the_server_is_an_answer(pool: Pool, lines: ThreadConnections) -> None:
    pool.errors = [NoScriptError("no such script")]
    with pytest.raises(NoScriptError):
        lines.ask("EVALSHA")
    lines.ask("EVAL")
    assert len(pool.made) == 1


def test_whoever_is_interrupted_leaves_no_answer_behind(pool: Pool, lines: ThreadConnections) -> None:
    pool.errors = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        lines.ask("PING")
    lines.ask("PING")
    assert [connection.is_open for connection in pool.made] == [False, True]


def test_a_forked_process_begins_without_connections(
    pool: Pool, lines: ThreadConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines.ask("PING")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    lines.ask("PING")
    assert len(pool.made) == 2
    assert pool.made[0].is_open, "it is the parent's"


def test_closed_they_hang_up(pool: Pool, lines: ThreadConnections) -> None:
    lines.ask("PING")
    lines.close()
    assert not pool.made[0].is_open


@pytest.mark.parametrize(
    "words", [("PING",), ("EVALSHA", "f" * 40, 1, "pré:limit", 0.36 * 1e6, 10**9, -1, ""), ("A", 1e-7, 1e22)]
)
def test_a_command_is_packed_as_redis_py_packs_it(words: tuple[str | float | int, ...]) -> None:
    theirs = redis.connection.PythonRespSerializer(
        6000, redis.connection.Encoder("utf-8", "strict", False).encode
    )
    assert pack(words) == b"".join(theirs.pack(*words))


class AsyncConnection:
    """The same of an event loop's, whose answers are set beforehand."""

    def __init__(self, pool: AsyncPool) -> None:
        self.pool = pool
        self.is_connected = False

    async def send_packed_command(self, pieces: Iterable[bytes]) -> None:
        self.is_connected = True
        self.pool.sent.append(b"".join(pieces))

    async def read_response(self) -> Any:
        answer = self.pool.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def disconnect(self, nowait: bool = False) -> None:
        self.is_connected = False
        self.pool.answers = [each for each in self.pool.answers if each != "late"]


class AsyncPool:
    """What `LoopConnection` takes of redis-py's pool."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []
        self.connection_kwargs: dict[str, Any] = {}

    def connection_class(self) -> AsyncConnection:
        return AsyncConnection(self)


COMMANDS = [("A",), ("B",)]
TOGETHER = b"".join(map(pack, COMMANDS))


async def test_questions_of_a_loop_leave_together() -> None:
    pool = AsyncPool(1, 2)
    assert await LoopConnection(pool).ask(COMMANDS) == [1, 2]
    assert pool.sent == [TOGETHER]


async def test_an_error_of_the_server_is_one_answer_among_others() -> None:
    missing = NoScriptError("no such script")
    assert await LoopConnection(AsyncPool(missing, 2)).ask(COMMANDS) == [missing, 2]


async def test_a_loops_connection_that_was_closed_meanwhile_costs_a_second_try() -> None:
    pool = AsyncPool(1, 2, 3, Closed("closed by server"), 5, 6)
    line = LoopConnection(pool)
    await line.ask(COMMANDS)
    assert await line.ask(COMMANDS) == [5, 6]
    assert pool.sent == [TOGETHER] * 3


async def test_a_loops_connection_that_cannot_be_made_is_tried_once() -> None:
    pool = AsyncPool(Closed("refused"), 1, 2)
    with pytest.raises(Closed):
        await LoopConnection(pool).ask(COMMANDS)
    assert len(pool.sent) == 1


async def test_who_gives_a_loops_question_up_leaves_no_answer_behind() -> None:
    pool = AsyncPool(1, asyncio.CancelledError(), "late")
    line = LoopConnection(pool)
    with pytest.raises(asyncio.CancelledError):
        await line.ask(COMMANDS)
    pool.answers += [3, 4]
    assert await line.ask(COMMANDS) == [3, 4]
