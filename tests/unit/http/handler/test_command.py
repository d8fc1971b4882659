from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from mainstay.http.checks import ENTRANCE
from mainstay.http.handler import measuring
from mainstay.http.management.commands import mainstay_middleware as command
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


def test_what_slows_a_round_down_makes_no_middleware_cheap() -> None:
    """Each side's best round may be another one: their difference would say 0, or less than the native form."""
    calm = [100.0, 103.5, 109.5]
    rounds = [
        calm,
        [200.0, 207.0, 219.0],  # the machine had half of its speed
        [100.0, 90.0, 96.0],  # it became faster between two of them
        calm,
        [150.0, 153.5, 159.5],
    ]
    assert measuring.differences(rounds) == [3.5, 6.0]
    assert measuring.differences([[5.0, 4.0]]) == [0.0]


def test_nothing_is_said_to_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "measure", lambda *_: [measuring.Cost(0.0, 3.46, 0.04, 176.0)])
    (line,) = shown(DEFAULT[0]).splitlines()[1:]
    assert line.split()[2:] == ["<0.1", "3.5", "<0.1", "176.0"]


def test_who_has_no_native_form_is_not_said_to_be_switched_off() -> None:
    with override_settings(MAINSTAY={"http": {"native": False}}):
        entrance, security = shown(ENTRANCE, DEFAULT[0], no_cost=True).splitlines()[1:]
    assert entrance.endswith("runs as it is and without a thread, since it says that it never blocks")
    assert security.endswith('runs as in Django, as MAINSTAY["http"] asks')


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
