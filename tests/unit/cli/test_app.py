"""Options before the verb, help, and how every error leaves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import mainstay as package
from mainstay.base import installing
from mainstay.base.errors import OperationFailed
from mainstay.cli import app as program
from mainstay.cli import inspect, up

from .conftest import Ended, Supervisor

Mainstay = Callable[..., Ended]
CHECKOUT = '{"url": "file:///src/mainstay", "dir_info": {"editable": true}}'
VERBS = [
    *("init", "plan", "schema", "up", "down", "wait"),
    *("restart", "scale", "rollout", "manage", "status", "logs", "events", "prove"),
]


def test_the_version_is_told(mainstay: Mainstay) -> None:
    shown = mainstay("--version")
    assert (shown.code, shown.out) == (0, f"mainstay {package.__version__}\n")


def test_help_lists_every_verb(mainstay: Mainstay) -> None:
    shown = mainstay("--help")
    assert shown.code == 0
    assert [verb for verb in VERBS if f" {verb} " not in shown.out] == []


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "manage"])
def test_every_verb_explains_itself(mainstay: Mainstay, verb: str) -> None:
    shown = mainstay(verb, "--help")
    assert shown.code == 0
    assert "Usage" in shown.out


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_shows_no_types_and_words_to_fill_in_as_capitals(mainstay: Mainstay, verb: str) -> None:
    shown = mainstay(*([verb] if verb else []), "--help", width=200).out
    assert not re.search(r"<[\w\[]", shown)
    usage = next(line for line in shown.splitlines() if "Usage:" in line)
    words = usage.partition(verb or "mainstay")[2].replace("ARGS]...", "ARGS]")
    assert words == words.upper()
    assert not set("{}.") & set(words)


@pytest.mark.parametrize("words", [(), ("--file", ".")])
def test_without_a_verb_there_is_help_and_exit_code_2(mainstay: Mainstay, words: tuple[str, ...]) -> None:
    shown = mainstay(*words)
    assert shown.code == 2
    assert "Usage: mainstay" in shown.out
    assert "rollout" in shown.out


def test_help_of_manage_is_its_own_until_a_service_is_named(
    mainstay: Mainstay, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = mainstay("manage", "--help")
    assert shown.code == 0
    assert "manage.py of a service" in shown.out
    supervisor.answers["environment"] = {"cwd": ".", "env": {}, "command": ["python", "manage.py"]}
    run: list[list[str]] = []

    def execve(program: str, command: list[str], env: object) -> None:
        run.append(command)

    monkeypatch.setattr("os.execve", execve)
    mainstay("manage", "web", "migrate", "--help", "-v", "2")
    assert run == [["python", "manage.py", "migrate", "--help", "-v", "2"]]


def test_a_verb_that_is_none_is_exit_code_2(mainstay: Mainstay) -> None:
    assert mainstay("strat").code == 2


def test_a_file_can_be_named_before_the_verb(mainstay: Mainstay, project: Path, tmp_path: Path) -> None:
    assert "system.not-running" in mainstay("--file", str(project), "status").err
    shown = mainstay("--file", str(project / "missing.toml"), "status")
    assert shown.code == 2
    assert "missing.toml" in shown.err


def test_a_hint_is_a_command_for_the_same_system(
    mainstay: Mainstay, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody elsewhere would otherwise be told to start whatever is found from there."""
    assert "hint      `mainstay up` starts it" in mainstay("status").err
    monkeypatch.chdir("/")
    assert (
        f"hint      `mainstay --file {project} up` starts it"
        in mainstay("--file", str(project), "status").err
    )
    told = mainstay("--file", str(project), "status", "--json").json
    assert told["error"]["hint"] == f"`mainstay --file {project} up` starts it"
    (project / "a b").mkdir()
    missing = mainstay("--file", str(project / "a b" / "mainstay.toml"), "plan").err
    assert f"`mainstay --file '{project}/a b/mainstay.toml' init` writes" in missing


def test_a_hint_to_install_more_names_the_checkout(
    mainstay: Mainstay, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing is published, the name alone cannot be installed from anywhere."""
    monkeypatch.setattr(installing, "origin", lambda: CHECKOUT)
    hint = 'pip install "django-mainstay[engines]", or install the package postgresql'
    failure = OperationFailed("engine.postgres-missing", "no usable postgres was found", hint)

    def fail(_: object) -> None:
        raise failure

    monkeypatch.setattr(up.target, "topology", fail)
    assert "hint      pip install -e '/src/mainstay[engines]', or install" in mainstay("up").err


def test_a_person_who_interrupts_gets_the_shells_own_code(
    mainstay: Mainstay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect.target, "ask", interrupt)
    assert mainstay("status").code == 130


def test_errors_are_not_read_as_markup(mainstay: Mainstay, project: Path) -> None:
    (project / "mainstay.toml").write_text('[service.web]\nroot = "web"\n"[red]key[/red]" = 1\n')
    assert "[red]key[/red]" in mainstay("plan").err


def test_the_program_and_its_verbs_are_one_table() -> None:
    names = {command.name or command.callback.__name__ for command in program.app.registered_commands}  # type: ignore[union-attr]
    assert names == set(VERBS)


def test_a_defect_of_the_program_is_no_claim_that_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("of nothing")

    monkeypatch.setattr(program, "app", broken)
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code == 2
    assert "ZeroDivisionError: of nothing" in capsys.readouterr().err
