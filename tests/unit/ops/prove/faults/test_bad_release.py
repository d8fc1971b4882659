"""The module that stands before a service's application and spoils it."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mainstay.ops.prove.faults.bad_release import FOLDER

Make = Callable[..., ModuleType]
GOOD = """
import time
async def asgi(scope, receive, send):
    if scope["type"] == "http":
        time.sleep(0.02)
        await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "done"})
def wsgi(environ, start_response):
    time.sleep(0.02)
    start_response("200 OK", [])
    return [b"good"]
"""


@pytest.fixture
def tally(tmp_path: Path) -> Path:
    return tmp_path / "tally"


@pytest.fixture
def make(tmp_path: Path, tally: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Import it as a replica of an interface would."""
    (tmp_path / "good_shop.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "good_shop", raising=False)

    def begin(variant: str, interface: str = "asgi", share: str = "1") -> ModuleType:
        for name, value in (
            ("", variant),
            ("_SHARE", share),
            ("_OF", f"good_shop:{interface}"),
            ("_TALLY", str(tally)),
        ):
            monkeypatch.setenv(f"MAINSTAY_BAD_RELEASE{name}", value)
        monkeypatch.setenv("MAINSTAY_INTERFACE", interface)
        spec = importlib.util.spec_from_file_location("bad", FOLDER / "mainstay_bad_release.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return begin


async def answered(module: ModuleType, kind: str = "http") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    await module.application({"type": kind}, receive, send)
    return sent


def called(module: ModuleType) -> tuple[str, bytes]:
    status: list[str] = []
    body = module.application({}, lambda line, headers: status.append(line))
    return status[0], b"".join(body)


def test_one_that_crashes_does_so_at_its_import_and_leaves_that_it_was_there(make: Make, tally: Path) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        make("crash")
    assert tally.read_bytes() == b""


async def test_errors_take_the_place_of_answers_and_are_counted(make: Make, tally: Path) -> None:
    sent = await answered(make("errors"))
    assert (sent[0]["status"], tally.read_bytes()) == (500, b".")
    assert called(make("errors", "wsgi"))[0].startswith("500")
    assert tally.read_bytes() == b".."


async def test_outside_their_share_answers_are_as_they_were(make: Make, tally: Path) -> None:
    assert (await answered(make("errors", share="0")))[0]["status"] == 200
    assert called(make("errors", "wsgi", share="0")) == ("200 OK", b"good")
    assert tally.read_bytes() == b""


async def test_a_slow_one_takes_so_many_times_as_long(make: Make, tally: Path) -> None:
    for answer in (make("slow"), make("slow", "wsgi")):
        began = time.monotonic()
        if answer.application is answer.asgi:
            assert (await answered(answer))[0]["status"] == 200
        else:
            assert called(answer) == ("200 OK", b"good")
        assert time.monotonic() - began >= 0.06
    assert tally.read_bytes() == b".."


async def test_what_is_no_request_is_left_alone(make: Make, tally: Path) -> None:
    assert await answered(make("errors"), "lifespan") == [{"type": "done"}]
    assert tally.read_bytes() == b""
