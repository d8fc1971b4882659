from __future__ import annotations

from mainstay.ops.engines.valkey import PASSWORD, Valkey, command, first_complaint, quoted
from mainstay.ops.topology.values import Valkey as Declared

from .golden import NODE, assert_approved, program

ENGINE = Valkey(NODE, program("valkey-server"), Declared("", 0, 64 << 20), {PASSWORD: "pa/ss"})


def test_configuration() -> None:
    assert_approved("valkey", ENGINE.files())


def test_url_carries_the_password_quoted() -> None:
    assert ENGINE.url == "redis://:pa%2Fss@127.0.0.1:4001/0"


def test_password_is_not_shown() -> None:
    assert "pa/ss" not in repr(ENGINE)


def test_commands_count_bytes_not_characters() -> None:
    assert command("AUTH", "é") == b"*2\r\n$4\r\nAUTH\r\n$2\r\n\xc3\xa9\r\n"


def test_complaint_is_the_first_error_line() -> None:
    assert first_complaint(b"+OK\r\n-LOADING from disk\r\n-NOAUTH\r\n") == "LOADING from disk"
    assert first_complaint(b"+OK\r\n") == "the answer to PING was cut short"


def test_quotation_survives_quotes_and_backslashes() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
