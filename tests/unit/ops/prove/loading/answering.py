"""A server in the mind: `Http` whose answers come from a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mainstay.ops.prove.history import History
from mainstay.ops.prove.loading.client import Client, Recorder
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.http import Http

REFUSED = Answer(0, error="ConnectionRefusedError: nobody there", sent=False)
SILENT = Answer(0, error="no answer within 10 s")


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class FakeHttp(Http):
    """Answers what ``answer`` says; remembers what it was asked."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        super().__init__("http://127.0.0.1:8000")
        self.answer = answer
        self.asked: list[Asked] = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> Answer:
        asked = Asked(method, path, headers or {}, body)
        self.asked.append(asked)
        await asyncio.sleep(0)
        return self.answer(asked)


def client(*answers: Answer, due: float | None = None) -> tuple[Client, FakeHttp, History]:
    """A client that gets these answers one after the other, the last one for ever."""
    left = list(answers)
    http = FakeHttp(lambda asked: left.pop(0) if len(left) > 1 else left[0])
    history = History()
    return Client(http, Recorder(history), "buyer", due=due), http, history
