"""``mainstay plan``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.cli import plan as verb
from mainstay.ops.engines.engine import Program
from mainstay.ops.topology import load, plan
from tests.unit.ops.topology.projects import write_project

TEXT = """
[service.catalog]
root = "catalog"
routes = ["/"]
processes.beat = { command = "celery -A [bold]catalog[/bold] beat" }
[service.orders]
root = "orders"
"""
PROGRAMS = {
    "postgres": Program("postgres", Path("/usr/lib/postgresql/18/bin/postgres"), "18.1", "system", "on PATH")
}
app = typer.Typer()


@app.callback()
def options(ctx: typer.Context, file: Path = typer.Option(None, "--file")) -> None:  # noqa: B008
    ctx.obj = file


app.command()(verb.plan)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("catalog", "orders"):
        write_project(tmp_path / name, name)
    (tmp_path / "mainstay.toml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def printed(folder: Path) -> Callable[..., str]:
    """The report at a width, with or without a terminal."""

    def report(width: int, *, terminal: bool = False, **options: object) -> str:
        out = io.StringIO()
        console = Console(file=out, width=width, force_terminal=terminal, highlight=False)
        verb.report(plan(load(folder)), to=console, **options)  # type: ignore[arg-type]
        return out.getvalue()

    return report


def test_the_plan_says_what_matters(printed: Callable[..., str]) -> None:
    text = printed(100)

    assert "edge 15 s > request 10 s > statement 5 s > lock 2 s\n" in text
    assert "28 ≤ 200 − 20 reserved = 180   152 to spare\n" in text
    assert "catalog.web.1 … 2 127.0.0.1:auto pool 4 asgi catalog.asgi:application" in " ".join(text.split())
    assert "[service.catalog, service.orders]\n" in text
    assert "inside only  → orders\n" in text
    assert "pool = 4" in text
    assert "more connections than cores make PostgreSQL slower" in text


def test_a_port_that_is_not_known_yet_is_not_80(printed: Callable[..., str], folder: Path) -> None:
    assert printed(100).splitlines()[0].endswith("  http://127.0.0.1:8000")
    (folder / "mainstay.toml").write_text(f"{TEXT}[edge]\nport = 0\n")
    assert (
        printed(100)
        .splitlines()[0]
        .endswith("  http://127.0.0.1, on a free port that is chosen at the start")
    )


def test_a_port_that_was_chosen_is_told(folder: Path) -> None:
    """It is taken again at the next start, so it is known, and what is bookmarked stays right."""
    (folder / "mainstay.toml").write_text(f"{TEXT}[edge]\nport = 0\n")
    (folder / ".mainstay").mkdir()
    (folder / ".mainstay" / "ports.json").write_text('{"edge.1": 23456}')
    done = CliRunner().invoke(app, ["plan"])
    assert done.output.splitlines()[0].endswith("  http://127.0.0.1:23456")


def test_an_engine_that_cannot_run_is_exit_code_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "look_for_programs", lambda _: ({}, {"postgres": "not here; install it"}))
    done = CliRunner().invoke(app, ["plan"])
    assert done.exit_code == 1
    assert "postgres  not here; install it" in done.output
    assert CliRunner().invoke(app, ["plan", "--json"]).exit_code == 1


def test_one_service_is_shown_alone(folder: Path) -> None:
    done = CliRunner().invoke(app, ["plan", "--service", "orders"])
    assert done.exit_code == 0
    assert "orders.web.1" in done.output
    assert "inside only  → orders" in done.output
    assert "[service.orders]" in done.output
    assert "catalog.web.1" not in done.output
    assert "postgres.1" not in done.output
    assert "`mainstay manage orders mainstay_middleware`" in done.output
    told = json.loads(CliRunner().invoke(app, ["plan", "--service", "orders", "--json"]).output)
    assert {each["service"] for each in told["processes"]} == {"orders"}


def test_a_service_that_is_none_is_told_with_the_nearest(folder: Path) -> None:
    done = CliRunner().invoke(app, ["plan", "--service", "order"])
    assert isinstance(done.exception, OperationFailed)
    assert done.exception.hint == "did you mean 'orders'?"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_screen_and_nothing_is_lost(
    printed: Callable[..., str], width: int
) -> None:
    lines = printed(width).splitlines()

    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    words = " ".join(" ".join(lines).split())
    assert "few people wait longer" in words
    assert "celery -A [bold]catalog[/bold] beat" in words


def test_without_a_terminal_the_text_is_plain(
    printed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" not in printed(80)
    assert "\x1b" in printed(80, terminal=True)


def test_programs_that_were_found_are_shown_with_the_reason(printed: Callable[..., str]) -> None:
    assert "Programs" not in printed(120)
    assert "postgres  on PATH  /usr/lib/postgresql/18/bin/postgres" in printed(120, programs=PROGRAMS)


def test_a_missing_program_is_named_with_what_to_do(printed: Callable[..., str]) -> None:
    assert "memcached  not here; install it" in printed(120, missing={"memcached": "not here; install it"})


def test_the_plan_as_json(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    done = CliRunner().invoke(app, ["--file", str(folder), "plan", "--json"])
    told = json.loads(done.output)

    assert done.exit_code == bool(told["missing"])
    assert [each["name"] for each in told["processes"]][-1] == "edge.1"
    assert told["budget"]["fits"] is True
    assert {"postgres", "edge"} <= {*told["programs"], *told["missing"]}


def test_the_file_is_found_from_here(folder: Path) -> None:
    done = CliRunner().invoke(app, ["plan"])

    assert done.exit_code == 0
    assert str(folder / "mainstay.toml") in done.output.replace("\n", "")


def test_a_wrong_file_is_the_error_itself(folder: Path) -> None:
    (folder / "mainstay.toml").write_text("[service.web]\nreplicas = 0\n")
    done = CliRunner().invoke(app, ["plan"])

    assert isinstance(done.exception, InvalidInput)
    assert done.output == ""
