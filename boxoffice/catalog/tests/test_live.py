from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer

from catalog import handlers
from catalog.asgi import application
from catalog.models import Seat

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("season")]

ORIGIN = [(b"origin", b"http://localhost"), (b"host", b"localhost")]


@pytest.fixture
def tell(async_client, internal):
    """News as orders sends them."""

    async def send(*seats, headers=internal, event=4):
        body = {"event": event, "seats": seats}
        return await async_client.post(
            "/internal/seat-changes/", body, content_type="application/json", headers=headers
        )

    return send


class Socket(ApplicationCommunicator):
    """A WebSocket without a server; the one in channels.testing wants daphne to be installed."""

    def __init__(self, path: str, headers: list) -> None:
        super().__init__(
            application, {"type": "websocket", "path": path, "headers": headers, "subprotocols": []}
        )

    async def receive_json(self) -> dict:
        return json.loads((await self.receive_output())["text"])

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait()


async def connect(path="/ws/events/4/", headers=ORIGIN) -> tuple[Socket, bool]:
    socket = Socket(path, headers)
    await socket.send_input({"type": "websocket.connect"})
    return socket, (await socket.receive_output())["type"] == "websocket.accept"


async def test_an_open_page_is_told_of_changes(tell):
    socket, _ = await connect()
    assert await socket.receive_json() == {"type": "hello"}
    assert (await tell([4000, "sold", None, 1])).status_code == 204
    message = await socket.receive_json()
    assert message["type"] == "seats"
    assert [(seat["id"], seat["state"], seat["row"]) for seat in message["seats"]] == [(4000, "sold", "A")]
    await socket.leave()


async def test_old_news_and_other_events_are_not_passed_on(tell):
    socket, _ = await connect()
    await socket.receive_json()
    await tell([4000, "sold", None, 1])
    await socket.receive_json()
    await tell([4000, "held", None, 1])
    await tell([5000, "sold", None, 1], event=5)
    assert await socket.receive_nothing(0.2)
    await socket.leave()


async def test_what_a_page_says_is_ignored():
    socket, _ = await connect()
    await socket.receive_json()
    await socket.send_input({"type": "websocket.receive", "text": "not even json"})
    assert await socket.receive_nothing(0.2)
    await socket.leave()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/ws/nothing/", ORIGIN),
        ("/ws/events/4/", [(b"origin", b"https://evil.example"), (b"host", b"localhost")]),
    ],
)
async def test_strange_connections_are_refused(path, headers):
    _, connected = await connect(path, headers)
    assert not connected


async def test_without_the_channel_layer_a_page_is_sent_away_and_news_still_count(tell, monkeypatch):
    async def broken(*args):
        raise ConnectionError

    monkeypatch.setattr(get_channel_layer(), "group_add", broken)
    monkeypatch.setattr(get_channel_layer(), "group_send", broken)
    socket, _ = await connect()
    assert (await socket.receive_output())["code"] == 1013
    assert (await tell([4000, "sold", None, 1])).status_code == 204
    assert (await Seat.objects.aget(pk=4000)).state == "sold"


@pytest.mark.parametrize("headers", [{}, {"Mainstay-Internal-Token": "guess"}])
async def test_strangers_are_refused(tell, headers):
    assert (await tell([4000, "sold", None, 1], headers=headers)).status_code == 403
    assert (await Seat.objects.aget(pk=4000)).state == "free"


async def test_without_a_configured_token_everybody_is_a_stranger(tell, settings):
    settings.INTERNAL_TOKEN = ""
    assert (await tell(headers={"Mainstay-Internal-Token": ""})).status_code == 403


@pytest.mark.parametrize(
    "body", ["", "[]", '{"event": 4}', '{"event": 4, "seats": [[1, "stolen", null, 1]]}']
)
async def test_words_that_are_no_news(async_client, internal, body):
    answer = await async_client.post(
        "/internal/seat-changes/", body, content_type="application/json", headers=internal
    )
    assert answer.status_code == 400


class TestHealing:
    """What was missed is asked for."""

    @pytest.fixture
    def orders(self, monkeypatch) -> Iterator[list]:
        """Somebody in the place of orders, who knows that seat 4001 is sold; the calls it got."""
        calls: list = []

        class Truth(BaseHTTPRequestHandler):
            def do_GET(self):
                calls.append((self.path, self.headers["Mainstay-Internal-Token"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"seats": [[4001, "sold", None, 2]]}).encode())

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Truth)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("MAINSTAY_URL_ORDERS", f"http://127.0.0.1:{server.server_port}")
        yield calls
        server.shutdown()
        thread.join()
        server.server_close()

    def test_the_truth_is_taken_over(self, orders, internal):
        handlers.refresh(4)
        assert orders == [("/internal/seats/?event=4", *internal.values())]
        assert Seat.objects.get(pk=4001).state == "sold"

    def test_a_look_at_the_seats_asks_once_in_a_while(self, client, orders, monkeypatch):
        monkeypatch.setattr(handlers, "_asked", {})
        before = threading.enumerate()
        for _ in range(5):
            assert client.get("/api/events/4/seats/").status_code == 200
            for thread in set(threading.enumerate()) - set(before):
                thread.join(5)
        assert len(orders) == 1
        assert client.get("/api/events/4/seats/").json()[1]["state"] == "sold"

    def test_absent_orders_disturb_nobody(self, client, monkeypatch):
        monkeypatch.setattr(handlers, "_asked", {})
        assert client.get("/api/events/4/seats/").status_code == 200
