from __future__ import annotations

import json

import pytest

from mainstay.cli.loglines import parsed, readable

ENTRY = {
    "time": "2026-11-22T13:52:39.509Z",
    "level": "info",
    "logger": "mainstay.access",
    "event": "request",
    "service": "orders",
    "replica": "orders.web.1",
    "method": "POST",
    "path": "/api/orders/",
    "status": 201,
    "duration_ms": 190.2,
    "bytes": 337,
}


def test_an_access_line_reads_like_one() -> None:
    assert readable(json.dumps(ENTRY)).split()[1:] == [
        *("info", "request", "POST", "/api/orders/", "201", "190.2", "ms", "bytes=337")
    ]


def test_what_a_request_spent_is_shown_when_it_spent_something() -> None:
    ids = {"trace_id": "0a" * 16}
    spent = {"db_ms": 3.5, "db_count": 2}
    assert readable(json.dumps({**ENTRY, **spent, **ids})).split()[-3:] == [
        "bytes=337",
        "db_ms=3.5",
        "db_count=2",
    ]
    nothing = {"db_ms": 0.0, "db_count": 0}
    assert readable(json.dumps({**ENTRY, **nothing, **ids})).split()[-1] == "bytes=337"


def test_an_exception_keeps_its_lines() -> None:
    told = readable(json.dumps({**ENTRY, "exception": "Traceback\n  boom"}))
    assert told.splitlines()[1:] == ["Traceback", "  boom"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            '{"time":1700000000.123,"client":"127.0.0.1","service":"web","replica":"web.web.1.g1","method":"GET",'
            '"path":"/slow","status":504,"ms":15000,"retries":"0","state":"sH--","request_id":"ab12"}',
            "edge    request GET /slow 504 15000 ms client=127.0.0.1 service=web replica=web.web.1.g1 state=sH-- "
            "request_id=ab12",
        ),
        (
            '{"time":1700000000.123,"method":"GET","path":"/","status":502,"seconds":0.004,"state":"502"}',
            "edge    request GET / 502 4 ms state=502",
        ),
    ],
)
def test_a_line_of_the_edge_reads_like_an_access_line(line: str, words: str) -> None:
    assert readable(line).partition(" ")[2] == words


def test_a_program_is_given_what_a_line_says() -> None:
    assert parsed("web.web.1", json.dumps(ENTRY)) == {"process": "web.web.1", "entry": ENTRY}
    for line in ("plain words", "{not json", '["list"]'):
        assert parsed("web.web.1", line) == {"process": "web.web.1", "line": line}


def test_what_others_wrote_stays_as_it_is() -> None:
    for line in ("plain words", "{not json", '{"time": "yesterday"}', "{}", '["time"]'):
        assert readable(line) == line
