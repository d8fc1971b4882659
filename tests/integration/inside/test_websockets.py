"""The sample of docs/how-to/websockets.md, as it stands there, on a real replica."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.integration.inside.replica import Replica

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/websockets.md"
FILES = {
    "# shop/consumers.py": "shop/consumers.py",
    "# asgi.py": "site1/asgi.py",
    "# shop/live.py": "shop/live.py",
}
"""How a sample begins, and where it belongs in the project of the tests."""


@pytest.fixture
def sample(project: Path, start: Callable[..., Replica]) -> Callable[..., Replica]:
    """A replica of the project with the page's files in it."""
    samples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for opening, name in FILES.items():
        (text,) = (each for each in samples if each.startswith(opening))
        (project / name).write_text(text)
    with (project / "site1/urls.py").open("a") as urls:
        urls.write("from shop.live import sell\nurlpatterns.append(path('sell/<str:seat>/', sell))\n")
    settings = (project / "site1/settings.py").read_text()
    hosts = 'ALLOWED_HOSTS = ["*"]'
    assert hosts in settings
    (project / "site1/settings.py").write_text(
        settings.replace(hosts, "ALLOWED_HOSTS = mainstay.allowed_hosts()")
    )
    return start


def open_at(replica: Replica, origin: str = "http://localhost") -> ClientConnection:
    return connect(f"ws://127.0.0.1:{replica.port}/ws/seats/", origin=Origin(origin))


def test_pages_hear_of_a_change_and_are_told_to_come_back(sample: Callable[..., Replica]) -> None:
    replica = sample("asgi")
    with open_at(replica) as one, open_at(replica) as other:
        assert replica.get("/sell/A1/").json() == {"sold": "A1"}
        assert [json.loads(page.recv(5)) for page in (one, other)] == [{"sold": "A1"}] * 2
        replica.terminate()
        for page in (one, other):
            with pytest.raises(ConnectionClosed) as closed:
                page.recv(10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert replica.wait() == 0


def test_a_page_of_a_stranger_is_refused(sample: Callable[..., Replica]) -> None:
    replica = sample("asgi", MAINSTAY_ALLOWED_HOSTS="shop.example")
    with pytest.raises(InvalidStatus, match="403"), open_at(replica, origin="https://evil.example"):
        pass
    with open_at(replica, origin="https://shop.example"):
        pass
    refused, taken = replica.wait_for_lines(2)
    assert [(line["method"], line["status"]) for line in (refused, taken)] == [
        ("WEBSOCKET", 403),
        ("WEBSOCKET", 101),
    ]


def test_connections_take_no_place_and_have_no_deadline(sample: Callable[..., Replica]) -> None:
    replica = sample("asgi", MAINSTAY_REQUESTS_MAX="1", MAINSTAY_REQUEST_TIMEOUT="0.5")
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(open_at(replica)) for _ in range(8)]
        with pytest.raises(TimeoutError):
            pages[0].recv(1.0)  # longer than a request may take
        assert replica.get("/sell/B2/").status == 200
        assert {json.loads(page.recv(5))["sold"] for page in pages} == {"B2"}
        metrics = replica.get("/metrics").body.decode()
        assert "mainstay_http_requests_in_flight 0.0" in metrics
        assert "mainstay_admission_in_flight 0.0" in metrics
