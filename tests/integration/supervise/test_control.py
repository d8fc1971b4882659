"""One question, one answer, over a socket that only its owner can open."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput, OperationFailed, Problem
from mainstay.ops.supervise.control import LIMIT, ControlServer, call


class Asked:
    """What the supervisor can do, in this test."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.never = asyncio.Event()

    async def echo(self, request: Mapping[str, Any]) -> Any:
        self.requests.append(dict(request))
        return {"told": request.get("word"), "path": Path("/srv")}

    async def refuse(self, _: Mapping[str, Any]) -> Any:
        raise OperationFailed("scale.out-of-range", "65 replicas", "fewer", 1, ("line 1", "line 2"))

    async def wrong_file(self, _: Mapping[str, Any]) -> Any:
        raise InvalidInput([Problem("topology.unknown-key", "mainstay.toml", "a", "a key", "x")])

    async def mistake(self, request: Mapping[str, Any]) -> Any:
        return request["name"]

    async def silent(self, _: Mapping[str, Any]) -> Any:
        await self.never.wait()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
async def asked(path: Path) -> AsyncIterator[Asked]:
    asked = Asked()
    names = ("echo", "refuse", "wrong_file", "mistake", "silent")
    server = ControlServer(path, {name: getattr(asked, name) for name in names})
    await server.open()
    yield asked
    asked.never.set()
    await server.close()
    await asyncio.sleep(0.01)
    assert not path.exists()


async def ask(path: Path, verb: str, **arguments: Any) -> Any:
    return await asyncio.to_thread(call, path, verb, **arguments)


async def refusal(path: Path, verb: str, **arguments: Any) -> OperationFailed:
    with pytest.raises(OperationFailed) as failure:
        await ask(path, verb, **arguments)
    return failure.value


def send(path: Path, raw: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(raw)
        with connection.makefile("rb") as answer:
            return answer.readline()


async def test_a_request_reaches_its_verb_and_its_answer_comes_back(path: Path, asked: Asked) -> None:
    assert await ask(path, "echo", word="grüezi") == {"told": "grüezi", "path": "/srv"}
    assert asked.requests == [{"verb": "echo", "word": "grüezi"}]


async def test_only_the_owner_can_open_the_socket(path: Path, asked: Asked) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_refusal_comes_back_as_it_was(path: Path, asked: Asked) -> None:
    expected = OperationFailed("scale.out-of-range", "65 replicas", "fewer", 1, ("line 1", "line 2"))
    assert await refusal(path, "refuse") == expected


async def test_a_wrong_file_comes_back_with_its_problems(path: Path, asked: Asked) -> None:
    failure = await refusal(path, "wrong_file")
    assert (failure.id, failure.exit_code) == ("topology.unknown-key", 2)
    assert "mainstay.toml" in failure.details[0]


async def test_a_mistake_of_the_supervisor_is_answered_too(path: Path, asked: Asked) -> None:
    """Without an answer, who asked would wait until time is up and blame a frozen supervisor."""
    failure = await refusal(path, "mistake")
    assert (failure.id, failure.what) == ("supervisor.error", "KeyError: 'name'")


@pytest.mark.parametrize(
    "raw", [b"status\n", b"{}\n", b"[]\n", b'{"verb": "format"}\n', b'{"verb": []}\n', b"7\n"]
)
async def test_what_is_no_request_is_answered_as_such(path: Path, asked: Asked, raw: bytes) -> None:
    answer = json.loads(await asyncio.to_thread(send, path, raw))
    assert answer["error"]["id"] == "control.unknown-verb"


async def test_neither_a_flood_nor_a_hang_up_stops_the_server(path: Path, asked: Asked) -> None:
    with pytest.raises((ConnectionError, AssertionError)):
        assert await asyncio.to_thread(send, path, b"x" * (LIMIT + 100_000))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
    assert await ask(path, "echo") == {"told": None, "path": "/srv"}


async def test_many_are_answered_at_the_same_time(path: Path, asked: Asked) -> None:
    waiting = asyncio.create_task(ask(path, "silent", timeout=5))
    await asyncio.sleep(0.05)
    answers = await asyncio.gather(*(ask(path, "echo", word=n) for n in range(8)))
    assert [answer["told"] for answer in answers] == list(range(8))
    asked.never.set()
    assert await waiting is None


async def test_a_supervisor_that_does_not_answer_is_not_waited_for(path: Path, asked: Asked) -> None:
    failure = await refusal(path, "silent", timeout=0.1)
    assert failure.id == "control.no-answer"
    assert "silent" in failure.what


async def test_nobody_there_means_it_does_not_run(path: Path) -> None:
    failure = await refusal(path, "status")
    assert (failure.id, failure.exit_code) == ("system.not-running", 1)


async def test_a_socket_that_a_killed_supervisor_left_means_the_same(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert (await refusal(path, "status")).id == "system.not-running"


async def test_such_a_socket_does_not_hinder_the_next_supervisor(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    asked = Asked()
    server = ControlServer(path, {"echo": asked.echo})
    await server.open()
    assert await ask(path, "echo", word=1) == {"told": 1, "path": "/srv"}
    await server.close()
