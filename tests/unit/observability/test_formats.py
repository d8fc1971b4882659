from __future__ import annotations

import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.functional import SimpleLazyObject

from mainstay.base.context import REQUEST, REQUEST_ID
from mainstay.base.tracecontext import TRACE, new_trace
from mainstay.observability.formats import JsonFormatter, TerminalFormatter
from mainstay.observability.settings import logging as logging_settings


def line(record: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter().format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def record(message: str = "sold %s", *args: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def test_every_line_has_the_same_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    monkeypatch.setenv("MAINSTAY_REPLICA", "shop.web.1")
    monkeypatch.setenv("MAINSTAY_RELEASE", "r7")
    parsed = line(record("sold %s", "A1", seat="A1"))
    members = ["time", "level", "logger", "event", "service", "replica", "release", "generation"]
    assert list(parsed)[:8] == members
    assert (parsed["level"], parsed["event"], parsed["seat"]) == ("warning", "sold A1", "A1")
    assert parsed["time"].endswith("Z")


def test_request_id_is_added_inside_a_request() -> None:
    assert "request_id" not in line(record("x"))
    token = REQUEST_ID.set("abcd-1234")
    try:
        assert line(record("x"))["request_id"] == "abcd-1234"
    finally:
        REQUEST_ID.reset(token)


def test_traceback_is_one_member_on_the_same_line() -> None:
    made = record("failed")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert line(made)["exception"].endswith("ValueError: two\nlines")


def test_forged_lines_stay_inside_their_value() -> None:
    assert line(record('x\n{"level":"info"}'))["event"] == 'x\n{"level":"info"}'


def test_framework_objects_are_left_out() -> None:
    assert "request" not in line(record("x", request=object()))


def test_person_gets_one_short_line() -> None:
    text = TerminalFormatter().format(record("sold %s", "A1", seat="A1", empty=""))
    assert text.endswith("sold A1 seat=A1")


def test_person_is_not_told_of_what_was_not_spent() -> None:
    spent_little = TerminalFormatter().format(record("request", db_count=2, db_ms=0.0, bytes=0))
    assert spent_little.endswith("request db_count=2 bytes=0")
    assert TerminalFormatter().format(record("request", db_count=0, bytes=0)).endswith("request bytes=0")


def test_settings_configure_logging_for_real(capsys: pytest.CaptureFixture[str]) -> None:
    settings = logging_settings()
    settings["formatters"].pop("terminal")
    import logging.config

    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logging.config.dictConfig(settings)
        logging.getLogger("shop.orders").info("sold", extra={"seat": "A1"})
    finally:
        root.handlers[:], root.level = before
    assert json.loads(capsys.readouterr().out)["seat"] == "A1"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class BrokenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def _ring() -> dict[str, Any]:
    ring: dict[str, Any] = {}
    ring["self"] = ring
    return ring


@pytest.mark.parametrize(
    "made",
    [
        record("%s and %s", "one"),
        record("%d", "x"),
        record("%s", Broken()),
        record(Broken()),  # type: ignore[arg-type]
        record(b"bytes \xff"),  # type: ignore[arg-type]
        record("x", seat=Broken()),
        record("x", seats=[Broken(), {"a": Broken()}]),
        record("x", ring=_ring()),
        record("x", big=10**5000, nan=float("nan"), raw=b"\xff\x00", lone="\ud800"),
        record("x" * 10_000_000),
        record("x", **{f"k{number}": "v" * 9000 for number in range(300)}),
        record("x", time="never", event="forged", level="info", service="other"),
        record("x", **{"1": 2, "": 3}),
    ],
    ids=range(13),
)
def test_a_record_that_cannot_be_formatted_still_becomes_one_valid_line(made: logging.LogRecord) -> None:
    text = JsonFormatter().format(made)
    parsed = json.loads(text.encode("utf-8", "backslashreplace"), parse_constant=pytest.fail)
    assert "\n" not in text
    assert len(text) < 200_000
    assert parsed["level"] == "warning"
    assert parsed["logger"] == "shop"
    assert parsed["event"] != "forged"
    assert parsed["service"] != "other"
    TerminalFormatter().format(made)


@pytest.mark.parametrize("error", [BrokenError(), RecursionError(), ValueError("x" * 1_000_000)])
def test_an_error_without_a_text_is_told_all_the_same(error: Exception) -> None:
    made = record("failed")
    made.exc_info = (type(error), error, None)
    parsed = line(made)
    assert type(error).__name__ in parsed["exception"]
    assert len(parsed["exception"]) < 40_000


def test_an_error_in_the_formatter_itself_does_not_lose_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr("mainstay.observability.formats.scrubbing.scrub_named", fail)
    parsed = line(record("sold %s", "A1", seat="A1"))
    assert (parsed["event"], parsed["format_error"]) == ("sold A1", "RuntimeError")


def test_the_trace_and_the_user_of_the_request_are_added() -> None:
    trace, request = new_trace(), SimpleNamespace(_cached_user=SimpleNamespace(id=7))
    tokens = TRACE.set(trace), REQUEST.set(request)
    try:
        parsed = line(record("x"))
    finally:
        TRACE.reset(tokens[0])
        REQUEST.reset(tokens[1])
    assert (parsed["trace_id"], parsed["span_id"]) == (trace.trace_id, trace.span_id)
    assert parsed["user_id"] == "7"


def test_a_user_that_was_not_asked_for_is_not_looked_up() -> None:
    def load() -> Any:
        raise AssertionError("a log line asked the database")

    token = REQUEST.set(SimpleNamespace(user=SimpleLazyObject(load)))
    try:
        assert "user_id" not in line(record("x"))
    finally:
        REQUEST.reset(token)


def test_secrets_leave_neither_the_text_nor_the_extra_nor_the_traceback() -> None:
    made = record("login with password=%s", "c4nary-1", data={"token": "c4nary-2"}, url="pg://a:c4nary-3@h/")
    try:
        raise ValueError("Authorization: Bearer c4nary-4")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert "c4nary" not in json.dumps(line(made))
    assert "c4nary" not in TerminalFormatter().format(made)


def test_djangos_log_of_statements_shows_no_parameter() -> None:
    sql = "SELECT * FROM t WHERE email = 'c4nary-1' AND pin = 4711"
    made = record("(%.3f) %s; args=%s; alias=%s", 0.001, sql, ("c4nary-1", 4711), "default", sql=sql)
    made.name = "django.db.backends"
    made.params = ("c4nary-1", 4711)
    shown = JsonFormatter().format(made)
    assert "c4nary" not in shown
    assert "4711" not in shown
    assert json.loads(shown)["event"] == "SELECT * FROM t WHERE email = ? AND pin = ?"


def test_structlog_gives_the_same_line() -> None:
    pytest.importorskip("structlog")
    from mainstay.observability import structured

    lines: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record)

    logger = logging.getLogger("shop.structured")
    handler = Kept()
    logger.addHandler(handler)
    try:
        log = structured.wrap(logger)
        log.warning("sold", seat="A1", password="c4nary", name="bob", args=[1])
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("failed", seat="A2")
    finally:
        logger.removeHandler(handler)
    first, second = (line(each) for each in lines)
    assert list(first)[:7] == ["time", "level", "logger", "event", "service", "replica", "release"]
    assert (first["event"], first["level"], first["logger"]) == ("sold", "warning", "shop.structured")
    assert (first["seat"], first["password"], first["name_"], first["args_"]) == (
        "A1",
        "(masked)",
        "bob",
        [1],
    )
    assert second["exception"].endswith("ValueError: broken")
