"""The line that is written without a record says what the record would have said."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.context import REQUEST, REQUEST_ID
from mainstay.base.tracecontext import TRACE, TraceContext
from mainstay.http.entrance import access, line
from mainstay.http.exchange import Exchange
from mainstay.observability.formats import JsonFormatter, TerminalFormatter
from mainstay.observability.output import OutputHandler
from mainstay.observability.settings import ACCESS_LOGGER

TEXT = st.text(max_size=60) | st.sampled_from(
    ["/reset/MQ/c8f-123/", "token=s3cretpassw0rd", 'a"b\\c', "\x00\x1f\x7f\u2028", "/é/\ud800", "GET"]
)
SECONDS = st.floats(0, 1e5) | st.sampled_from([0.0, 0.000005, 0.0000151, 0.12345, 2.675e-3])
COUNT = st.integers(0, 10**9)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    made = Exchange(draw(TEXT), draw(TEXT), "01890a5d-ac96-774b-bcce-b302099a8057", draw(TEXT), draw(TEXT))
    made.route = draw(TEXT | st.just("reset/<uidb64>/<token>/"))
    made.status, made.sent = draw(st.integers(100, 599)), draw(COUNT)
    made.db_count, made.db_seconds = draw(COUNT), draw(SECONDS)
    made.waited = draw(SECONDS)
    if draw(st.booleans()):
        made.db_count, made.db_seconds, made.waited = 0, 0.0, 0.0
    made.trace = draw(
        st.sampled_from([TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"), None])
    )
    return made


@given(exchanges(), SECONDS, st.sampled_from([None, 7, 'o"neil', ""]))
def test_it_says_what_the_record_says(exchange: Exchange, seconds: float, user: Any) -> None:
    request = None if user is None else SimpleNamespace(_cached_user=SimpleNamespace(id=user))
    tokens = REQUEST.set(request), REQUEST_ID.set(exchange.request_id), TRACE.set(exchange.trace)
    formatter = JsonFormatter()
    try:
        text = line.render(exchange, seconds, formatter)
        expected = formatter.format(access._record(exchange, seconds))
    finally:
        for variable, token in zip((REQUEST, REQUEST_ID, TRACE), tokens, strict=True):
            variable.reset(token)  # type: ignore[arg-type]
    assert text.endswith("}\n")
    assert "\n" not in text[:-1]
    ours, theirs = json.loads(text), json.loads(expected)
    assert list(ours) == list(theirs)
    assert ours.pop("time")[:10] == theirs.pop("time")[:10]
    assert ours == theirs


class Seen(logging.Handler):
    """A handler of the project's own."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Log:
    """The access logger, with an output of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = path.open("w")
        self.handler = OutputHandler(self.stream)
        self.handler.setFormatter(JsonFormatter())
        self.logger = logging.getLogger(ACCESS_LOGGER)
        self.before = self.logger.level, self.logger.propagate
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False

    def finish(self, *others: logging.Handler, first: logging.Handler | None = None) -> None:
        """Finish a request while the logger has these handlers and its own, and not pytest's."""
        exchange = Exchange("GET", "/", "id-12345678", "203.0.113.7", "curl")
        exchange.route, exchange.view, exchange.status = "", "home", 200
        before, self.logger.handlers = self.logger.handlers, [self.handler, *others]
        if first is not None:
            self.logger.handlers.insert(0, first)
        try:
            access.finish(exchange)
        finally:
            self.logger.handlers = before

    def lines(self) -> list[str]:
        os.fsync(self.stream.fileno())
        return self.path.read_text().splitlines()

    def close(self) -> None:
        self.logger.level, self.logger.propagate = self.before
        self.stream.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "out")
    yield made
    made.close()


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each record that is made for an access line."""
    made: list[int] = []
    make = access._record

    def count(exchange: Exchange, seconds: float) -> logging.LogRecord:
        made.append(1)
        return make(exchange, seconds)

    monkeypatch.setattr(access, "_record", count)
    return made


def test_a_line_that_nobody_else_sees_needs_no_record(log: Log, records: list[int]) -> None:
    log.finish()
    (written,) = log.lines()
    assert json.loads(written)["status"] == 200
    assert records == []


def test_a_handler_of_the_projects_own_gets_its_record(log: Log, records: list[int]) -> None:
    seen = Seen()
    log.finish(seen)
    log.finish(first=seen)
    assert vars(seen.records[0])["status"] == 200
    assert len(log.lines()) == len(records) == len(seen.records) == 2


def test_a_handler_further_up_gets_its_record(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.logger.propagate = True
    log.finish()
    assert [record.name for record in caplog.records] == [ACCESS_LOGGER]


def test_a_filter_decides(log: Log) -> None:
    def drop(record: logging.LogRecord) -> bool:
        return vars(record)["path"] != "/"

    for filtered in (log.logger, log.handler):
        filtered.addFilter(drop)
        log.finish()
        filtered.removeFilter(drop)
    assert log.lines() == []
    log.finish()
    assert len(log.lines()) == 1


def test_levels_decide(log: Log) -> None:
    log.handler.setLevel(logging.WARNING)
    log.finish()
    log.handler.setLevel(logging.NOTSET)
    log.logger.setLevel(logging.WARNING)
    log.finish()
    assert log.lines() == []


def test_another_form_is_kept(log: Log) -> None:
    log.handler.setFormatter(TerminalFormatter())
    log.finish()
    assert "status=200" in log.lines()[0]


def test_a_tool_that_watches_all_records_sees_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    call = logging.Logger.callHandlers

    def watched(logger: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.name)
        call(logger, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", watched)
    log.finish()
    assert seen == [ACCESS_LOGGER]
    assert len(log.lines()) == 1
