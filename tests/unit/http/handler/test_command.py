from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from mainstay.http.handler import measuring
from mainstay.http.management.commands.mainstay_middleware import Command
from tests.unit.http.handler.test_identity import DEFAULT, PROJECT, SETTINGS


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "ROUNDS", 2)
    monkeypatch.setattr(measuring, "SECONDS", 0.004)


def shown(*middleware: str, **options: Any) -> str:
    out = io.StringIO()
    with override_settings(**{**SETTINGS, "MIDDLEWARE": list(middleware)}):
        call_command(Command(), stdout=out, **options)
    return out.getvalue()


def test_each_middleware_has_its_line_and_the_native_ones_their_cost() -> None:
    lines = shown(*DEFAULT, f"{PROJECT}.Traced").splitlines()

    assert lines[0].split()[:2] == ["middleware", "form"]
    assert [line.split()[1] for line in lines[1:]] == [*["native"] * len(DEFAULT), "adapted"]
    assert lines[-1].endswith("not a middleware that Mainstay has a native form of")


def test_figures_come_from_a_measurement() -> None:
    rows = json.loads(shown(*DEFAULT, f"{PROJECT}.Traced", json=True))

    costs = [row["cost"] for row in rows[:-1]]
    assert rows[-1]["cost"] is None
    # Thirteen changes of thread against none: no busy machine turns that round.
    assert sum(cost["asgi"] for cost in costs) < sum(cost["asgi_in_django"] for cost in costs)


def test_the_projects_own_are_measured_only_on_demand() -> None:
    rows = json.loads(shown(f"{PROJECT}.Traced", json=True, all=True))

    assert rows[0]["cost"]["wsgi"] >= 0


def test_an_empty_list_is_said_to_be_empty() -> None:
    assert "is empty" in shown(no_cost=True)


@override_settings(MAINSTAY={"http": {"native": "yes"}})
def test_a_bad_option_is_an_error_of_the_command() -> None:
    with pytest.raises(CommandError, match=r"http\.bad-option"):
        shown(*DEFAULT)
