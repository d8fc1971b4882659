from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from mainstay.base.context import REQUEST_ID
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
    assert list(parsed)[:7] == ["time", "level", "logger", "event", "service", "replica", "release"]
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
