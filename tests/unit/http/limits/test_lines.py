"""A connection is one thread's at a time, and one whose answer may still come is never used again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis.exceptions import ConnectionError as Closed
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as Late

from mainstay.http.limits.lines import Lines


@dataclass
class Connection:
    """As redis-py's: it connects when it must, and raises what it is told to, once."""

    pool: Pool
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    is_open: bool = True

    def send_command(self, *words: Any) -> None:
        self.asked.append(words)

    def read_response(self) -> Any:
        if self.pool.errors and (error := self.pool.errors.pop(0)) is not None:
            raise error
        return self.asked[-1]

    def disconnect(self) -> None:
        self.is_open = False


class Pool:
    """What `Lines` takes of redis-py's pool."""

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
def lines(pool: Pool) -> Lines:
    return Lines(pool)


def test_one_connection_serves_one_question_after_the_other(pool: Pool, lines: Lines) -> None:
    assert [lines.ask("PING", number) for number in range(3)] == [("PING", 0), ("PING", 1), ("PING", 2)]
    assert len(pool.made) == 1


def test_a_question_in_the_middle_of_another_has_a_connection_of_its_own(pool: Pool, lines: Lines) -> None:
    lines.ask("PING")
    first = pool.made[0]
    read = first.read_response

    def read_while_another_asks() -> Any:
        first.read_response = read  # type: ignore[method-assign]
        lines.ask("OTHER")
        return read()

    first.read_response = read_while_another_asks  # type: ignore[method-assign]
    assert lines.ask("MINE") == ("MINE",)
    assert [connection.asked[-1] for connection in pool.made] == [("MINE",), ("OTHER",)]


def test_a_connection_that_was_closed_meanwhile_costs_a_second_try(pool: Pool, lines: Lines) -> None:
    lines.ask("PING")
    pool.errors = [Closed("closed by server")]
    assert lines.ask("PING") == ("PING",)
    assert [connection.is_open for connection in pool.made] == [False, True]


def test_there_is_no_third_try(pool: Pool, lines: Lines) -> None:
    lines.ask("PING")
    pool.errors = [Closed("closed"), Closed("refused")]
    with pytest.raises(Closed, match="refused"):
        lines.ask("PING")
    pool.errors = [Closed("refused")]
    with pytest.raises(Closed, match="refused"):
        lines.ask("PING")
    assert not any(connection.is_open for connection in pool.made)


def test_a_late_answer_ends_the_connection_and_is_not_asked_for_again(pool: Pool, lines: Lines) -> None:
    """It may have been carried out; and what comes late must not be taken for the next one's answer."""
    lines.ask("PING")
    pool.errors = [Late("late")]
    with pytest.raises(Late):
        lines.ask("PING")
    assert len(pool.made) == 1
    lines.ask("PING")
    assert [connection.is_open for connection in pool.made] == [False, True]


def test_an_error_of_the_server_is_an_answer(pool: Pool, lines: Lines) -> None:
    pool.errors = [NoScriptError("no such script")]
    with pytest.raises(NoScriptError):
        lines.ask("EVALSHA")
    lines.ask("EVAL")
    assert len(pool.made) == 1


def test_whoever_is_interrupted_leaves_no_answer_behind(pool: Pool, lines: Lines) -> None:
    pool.errors = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        lines.ask("PING")
    lines.ask("PING")
    assert [connection.is_open for connection in pool.made] == [False, True]


def test_a_forked_process_begins_without_connections(
    pool: Pool, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines.ask("PING")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    lines.ask("PING")
    assert len(pool.made) == 2
    assert pool.made[0].is_open, "it is the parent's"


def test_closed_they_hang_up(pool: Pool, lines: Lines) -> None:
    lines.ask("PING")
    lines.close()
    assert not pool.made[0].is_open
