"""Settings that go around what holds a twin's databases apart are found out."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from mainstay.base import twin, wire
from mainstay.base.errors import OperationFailed

APART = {"default": {"NAME": "/twin/copy"}}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wire.TWIN, "/twin")
    monkeypatch.setitem(sys.modules, wire.TWIN_SETTINGS_MODULE, SimpleNamespace(DATABASES=APART))  # type: ignore[arg-type]


def test_the_databases_that_were_held_apart_are_right(held: None) -> None:
    twin.check(APART)


def test_equal_ones_are_others(held: None) -> None:
    with pytest.raises(OperationFailed, match=r"^twin\.not-apart"):
        twin.check({"default": {"NAME": "/twin/copy"}})


def test_another_module_of_settings_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wire.TWIN, "/twin")
    monkeypatch.delitem(sys.modules, wire.TWIN_SETTINGS_MODULE, raising=False)
    with pytest.raises(OperationFailed, match=r"^twin\.not-apart"):
        twin.check(APART)


def test_outside_of_a_twin_anything_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(wire.TWIN, raising=False)
    twin.check(APART)
