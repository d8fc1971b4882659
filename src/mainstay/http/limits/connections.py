"""
Connections to Valkey: those of threads, each of which is one thread's for the length of one question,
and the one of an event loop, over which questions go together.

redis-py's client looks at a connection before it lends it out, and counts and times each command;
that costs as much again as the question. Here a closed connection is noticed when it is used, and
the question put once more over a new one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

Words = tuple[str | float | int, ...]
"""A command and what it is to be done with."""


def pack(words: Words) -> bytes:
    """A command as the server reads it (https://valkey.io/topics/protocol/): redis-py takes several times as long."""
    pieces = [b"*%d\r\n" % len(words)]
    for word in words:
        text = str(word).encode()
        pieces.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(pieces)


class ThreadConnections:
    """
    Idle connections of one process, the one used last on top. Safe in threads.

    A process that was forked starts without any: two that read from one connection would get each other's answers.
    """

    def __init__(self, pool: Any) -> None:
        import redis

        # Not the pool's own `make_connection`: that counts what it made and never what was thrown away.
        self._open: Callable[[], Any] = lambda: pool.connection_class(**pool.connection_kwargs)
        self._refused: type[Exception] = redis.exceptions.ResponseError
        self._closed: type[Exception] = redis.exceptions.ConnectionError
        self._idle: deque[Any] = deque()
        self._process = os.getpid()

    def ask(self, *words: str | float | int) -> Any:
        """
        One command and its answer.

        Raises:
            redis.RedisError, OSError: There is no answer, or it is an error.
        """
        if self._process != os.getpid():
            self._idle, self._process = deque(), os.getpid()
        try:
            line = self._idle.pop()
        except IndexError:
            return self._ask_over(self._open(), words)
        try:
            return self._ask_over(line, words)
        except self._closed:
            return self._ask_over(self._open(), words)

    def _ask_over(self, line: Any, words: Words) -> Any:
        try:
            line.send_packed_command([pack(words)])
            answer = line.read_response()
        except self._refused:
            self._idle.append(line)
            raise
        except BaseException:
            # Its answer may still come, and would be taken for the next one's.
            line.disconnect()
            raise
        self._idle.append(line)
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().disconnect()


class LoopConnection:
    """The connection of one event loop, used by one task at a time."""

    def __init__(self, pool: Any) -> None:
        import redis

        self._line = pool.connection_class(**pool.connection_kwargs)
        self._refused: type[Exception] = redis.exceptions.ResponseError
        self._closed: type[Exception] = redis.exceptions.ConnectionError

    async def ask(self, commands: Sequence[Words]) -> list[Any]:
        """
        All in one round trip; what the server answers with an error is that error's exception in its place.

        Raises:
            redis.RedisError, OSError: There is no answer.
        """
        is_new = not self._line.is_connected
        try:
            return await self._ask(commands)
        except self._closed:
            if is_new:
                raise
            return await self._ask(commands)

    async def _ask(self, commands: Sequence[Words]) -> list[Any]:
        line = self._line
        try:
            await line.send_packed_command(map(pack, commands))
            return [await self._answer() for _ in commands]
        except BaseException:
            # Answers may still come, and would be taken for the next ones.
            await line.disconnect(nowait=True)
            raise

    async def _answer(self) -> Any:
        try:
            return await self._line.read_response()
        except self._refused as error:
            return error

    async def close(self) -> None:
        await self._line.disconnect()
