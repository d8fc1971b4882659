from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import transaction

from orders import notify
from orders.actions import holds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard(monkeypatch) -> Iterator[list]:
    """What somebody in the place of the catalogue is told: path, token and body of each call."""
    calls: list = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append((self.path, self.headers["Mainstay-Internal-Token"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Ear)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("MAINSTAY_URL_CATALOG", f"http://127.0.0.1:{server.server_port}")
    yield calls
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_catalogue_is_told_after_commit(heard, seats, internal):
    hold = holds.hold_seats(1, seats[:1], None)
    holds.release_hold(hold.pk)
    notify.flush(5)
    assert heard == [
        ("/internal/seat-changes/", *internal.values(), {"event": 1, "seats": [news]})
        for news in ([1000, "held", hold.expires_at.isoformat(), 1], [1000, "free", None, 2])
    ]


def test_what_is_rolled_back_is_no_news(heard, seats):
    with transaction.atomic():
        holds.hold_seats(1, seats[:1], None)
        transaction.set_rollback(True)
    notify.flush(5)
    assert heard == []


def test_an_absent_catalogue_delays_nobody(seats, monkeypatch):
    monkeypatch.setenv("MAINSTAY_URL_CATALOG", "http://127.0.0.1:9")
    assert holds.hold_seats(1, seats[:1], None)
    notify.flush(5)
