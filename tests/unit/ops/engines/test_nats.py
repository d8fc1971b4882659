from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay.ops.engines.nats import PASSWORD, Nats, quoted
from mainstay.ops.topology.values import Nats as Declared

from .golden import NODE, assert_approved, program

ENGINE = Nats(NODE, program("nats-server"), Declared("", 0, 64 << 20, 1 << 30), {PASSWORD: "s3cret"})


def test_configuration() -> None:
    assert_approved("nats", ENGINE.files())


def test_url() -> None:
    assert ENGINE.url == "nats://mainstay:s3cret@127.0.0.1:4001"


def test_password_is_not_shown() -> None:
    assert "s3cret" not in repr(ENGINE)


def test_needs_a_monitor_address() -> None:
    blind = Nats(replace(NODE, monitor=None), ENGINE.program, ENGINE.declared, ENGINE.secrets)
    with pytest.raises(ValueError, match="monitor"):
        blind.files()


def test_quotation_uses_no_escapes_by_code_point() -> None:
    assert quoted('é"\\') == '"é\\"\\\\"'
