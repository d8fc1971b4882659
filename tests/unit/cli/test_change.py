"""``restart``, ``scale``, ``rollout``, ``manage``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed

from .conftest import Ended, Supervisor

Mainstay = Callable[..., Ended]


def test_restart_asks_for_one_process(mainstay: Mainstay, supervisor: Supervisor) -> None:
    supervisor.answers["restart"] = {"restarted": "valkey.1"}
    shown = mainstay("restart", "valkey.1")
    assert (shown.code, shown.out) == (0, "valkey.1 was restarted\n")
    assert supervisor.asked == [{"verb": "restart", "name": "valkey.1"}]


def test_scale_asks_for_a_number(mainstay: Mainstay, supervisor: Supervisor) -> None:
    supervisor.answers["scale"] = {"name": "catalog.web", "from": 2, "to": 3}
    shown = mainstay("scale", "catalog=3")
    assert (shown.code, shown.out) == (0, "catalog.web: 2 → 3\n")
    assert supervisor.asked == [{"verb": "scale", "name": "catalog", "replicas": 3}]


@pytest.mark.parametrize(
    "words",
    ["catalog", "catalog=", "catalog=many", "catalog=-1", "catalog=1.5", "=3=3", f"catalog={'9' * 5000}"],
)
def test_scale_by_something_else_is_exit_code_2_and_asks_nothing(
    mainstay: Mainstay, supervisor: Supervisor, words: str
) -> None:
    shown = mainstay("scale", words, "--json")
    assert shown.code == 2
    (problem,) = shown.json["error"]["problems"]
    assert (problem["id"], problem["found"]) == ("scale.bad-argument", words)
    assert supervisor.asked == []


def test_rollout_tells_how_many_were_replaced(mainstay: Mainstay, supervisor: Supervisor) -> None:
    done = {"service": "catalog", "replaced": 2, "seconds": 3.4}
    supervisor.answers["rollout"] = done
    assert mainstay("rollout", "catalog").out == "catalog: 2 processes replaced in 3.4 s\n"
    assert mainstay("rollout", "catalog", "--json").json == done


def test_rollout_passes_the_release_on(
    mainstay: Mainstay, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSTAY_RELEASE", "1.4.3")
    supervisor.answers["rollout"] = {"service": "catalog", "replaced": 2, "seconds": 3.4}
    mainstay("rollout", "catalog")
    assert supervisor.asked[-1] == {"verb": "rollout", "name": "catalog", "release": "1.4.3"}


def test_a_halted_rollout_is_exit_code_1_with_the_last_lines(
    mainstay: Mainstay, supervisor: Supervisor
) -> None:
    supervisor.answers["rollout"] = OperationFailed(
        "rollout.halted", "catalog: not ready", "mend it", 1, ("KeyError: 'NEW'",)
    )
    shown = mainstay("rollout", "catalog")
    assert shown.code == 1
    assert shown.err.splitlines() == [
        "rollout.halted  catalog: not ready",
        "    KeyError: 'NEW'",
        "    hint      mend it",
    ]
    told = mainstay("rollout", "catalog", "--json").json
    assert told["error"]["id"] == "rollout.halted"
    assert told["error"]["details"] == ["KeyError: 'NEW'"]
    assert told["exit_code"] == 1


@pytest.mark.parametrize(
    "words", [("restart", "x"), ("scale", "x=1"), ("rollout", "x"), ("manage", "x", "check")]
)
def test_without_a_running_system_nothing_can_be_changed(mainstay: Mainstay, words: tuple[str, ...]) -> None:
    shown = mainstay(*words)
    assert shown.code == 1
    assert "system.not-running" in shown.err


def test_manage_becomes_manage_py_with_the_systems_environment(
    mainstay: Mainstay, supervisor: Supervisor, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[Any] = []

    def become(path: str, argv: list[str], env: dict[str, str]) -> None:
        became.append((path, argv, env, Path.cwd()))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setenv("EDITOR", "vi")
    supervisor.answers["environment"] = {
        "cwd": str(project / "web"),
        "env": {"DATABASE_URL": "postgresql://…"},
        "command": ["/usr/bin/python", "manage.py"],
    }
    assert mainstay("manage", "web", "migrate", "--plan", "--help", "-v", "2").code == 0
    ((path, argv, env, folder),) = became
    assert path == "/usr/bin/python"
    assert argv == ["/usr/bin/python", "manage.py", "migrate", "--plan", "--help", "-v", "2"]
    assert env["DATABASE_URL"] == "postgresql://…"
    assert env["EDITOR"] == "vi", "an interactive command is the person's own"
    assert folder == project / "web"
