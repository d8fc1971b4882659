"""
Connections to Valkey for threads: each is one thread's for the length of one question.

redis-py's client looks at a connection before it lends it out, and counts and times each command;
that costs as much again as the question. Here a closed connection is noticed when it is used, and
the question put once more over a new one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any


class Lines:
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

    def _ask_over(self, line: Any, words: tuple[str | float | int, ...]) -> Any:
        try:
            line.send_command(*words)
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
