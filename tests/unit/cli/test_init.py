"""``mainstay init``."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.cli import init as verb
from mainstay.http.security import security
from mainstay.ops.topology import load
from tests.unit.ops.topology.projects import write_project

app = typer.Typer()


@app.callback()
def options(ctx: typer.Context, file: Path = typer.Option(None, "--file")) -> None:  # noqa: B008
    ctx.obj = file


app.command()(verb.init)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = write_project(tmp_path / "shop")
    monkeypatch.chdir(root)
    return root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


def refusal(*arguments: str) -> Any:
    done = run(*arguments)
    assert isinstance(done.exception, InvalidInput)
    (problem,) = done.exception.problems
    return problem


def test_the_file_is_written_and_loads_and_the_settings_lines_are_shown(shop: Path) -> None:
    done = run()

    assert done.exit_code == 0, done.output
    assert load(shop).service("web").settings == "shop.settings"
    assert verb.BLOCK in done.output
    assert (shop / "shop" / "settings.py").read_text().count("mainstay") == 0


def test_json_tells_the_same(shop: Path) -> None:
    told = json.loads(run("--json").output)

    assert told["file"] == str(shop / "mainstay.toml")
    assert told["services"][0]["application"] == "shop.asgi:application"
    assert told["settings"][0]["written"] is False
    assert told["settings"][0]["lines"] == verb.BLOCK.splitlines()


def test_a_file_that_is_there_is_kept_until_forced(shop: Path) -> None:
    (shop / "mainstay.toml").write_text("# mine\n")

    assert refusal().id == "init.file-exists"
    assert (shop / "mainstay.toml").read_text() == "# mine\n"
    assert run("--force").exit_code == 0
    assert "[service.web]" in (shop / "mainstay.toml").read_text()


def test_the_settings_lines_can_be_written_later(shop: Path) -> None:
    """What a first `init` proposed must not need one's own file to be written over."""
    (shop / "mainstay.toml").write_text("# mine\n[service.web]\n")

    done = run("--write-settings")
    assert done.exit_code == 0, done.output
    assert "Left mainstay.toml as it is" in done.output
    assert (shop / "mainstay.toml").read_text() == "# mine\n[service.web]\n"
    assert (shop / "shop" / "settings.py").read_text().endswith(verb.BLOCK)


def test_the_lines_add_security_and_overrule_nothing_of_the_project(tmp_path: Path) -> None:
    settings: dict[str, object] = {
        "BASE_DIR": tmp_path,
        "INSTALLED_APPS": [],
        "MIDDLEWARE": [],
        "X_FRAME_OPTIONS": "SAMEORIGIN",
    }
    exec(verb.BLOCK, settings)

    assert settings["X_FRAME_OPTIONS"] == "SAMEORIGIN"
    assert settings["CSRF_FAILURE_VIEW"] == security()["CSRF_FAILURE_VIEW"]
    assert "SECURE_CSP" not in settings


def test_a_declaration_in_pyproject_is_not_overruled_by_accident(shop: Path) -> None:
    (shop / "pyproject.toml").write_text("[tool.mainstay.service.web]\n")

    assert refusal().where == "pyproject.toml"
    assert not (shop / "mainstay.toml").exists()


def test_other_pyproject_files_do_not_matter(shop: Path) -> None:
    (shop / "pyproject.toml").write_text("[tool.ruff]\n")

    assert run().exit_code == 0


def test_no_project_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert refusal().id == "init.no-django-project"
    assert list(tmp_path.iterdir()) == []


def test_a_project_that_cannot_be_served_is_told_and_nothing_is_written(shop: Path) -> None:
    for name in ("asgi", "wsgi"):
        (shop / "shop" / f"{name}.py").unlink()

    assert run().exit_code != 0
    assert not (shop / "mainstay.toml").exists()


def test_several_projects_below_are_several_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("billing", "shop"):
        write_project(tmp_path / name, name)
    monkeypatch.chdir(tmp_path)
    told = json.loads(run("--json").output)

    assert [service["name"] for service in told["services"]] == ["billing", "shop"]
    assert len(told["settings"]) == 2


def test_a_named_file_decides_the_place(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["--file", "shop/system.toml", "init"])

    assert done.exit_code == 0, done.output
    assert load(shop / "system.toml").service("web").root == shop
    assert "`mainstay --file shop/system.toml up` runs it" in done.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(shop: Path) -> None:
    shop.chmod(0o500)
    done = run()
    shop.chmod(0o700)

    assert isinstance(done.exception, OperationFailed)
    assert done.exception.id == "init.cannot-write"


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "free some space there"), (errno.EROFS, "make its folder writable for this user")],
)
def test_what_cannot_be_written_is_one_error_that_names_the_file(
    shop: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    """On a file system that is read-only, also the removal of what was never written is refused."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    done = run("--force")
    assert isinstance(done.exception, OperationFailed)
    assert (done.exception.id, done.exception.hint) == ("init.cannot-write", hint)
    assert done.exception.what == f"mainstay.toml: {os.strerror(number)}"


def test_settings_are_changed_only_on_request_after_the_difference_with_a_backup(shop: Path) -> None:
    settings = shop / "shop" / "settings.py"
    settings.chmod(0o640)
    before = settings.read_text()
    done = run("--write-settings")
    backup = settings.with_name("settings.py.before-mainstay")

    assert "+DATABASES = mainstay.databases(BASE_DIR)" in done.output
    assert done.output.index("+DATABASES") < done.output.index("Appended to shop/settings.py")
    assert settings.read_text() == f"{before}\n\n{verb.BLOCK}"
    assert settings.stat().st_mode & 0o777 == 0o640
    assert backup.read_text() == before


def test_settings_are_changed_once_and_no_backup_is_lost(shop: Path) -> None:
    settings = shop / "shop" / "settings.py"
    run("--write-settings")
    changed = settings.read_text()

    assert "uses Mainstay already" in run("--write-settings", "--force").output
    assert settings.read_text() == changed
    settings.write_text("A = 1")
    run("--write-settings", "--force")
    assert settings.with_name("settings.py.before-mainstay.2").read_text() == "A = 1"


def test_settings_of_any_encoding_come_through(shop: Path) -> None:
    settings = shop / "shop" / "settings.py"
    settings.write_bytes(b"# -*- coding: latin-1 -*-\r\nNAME = '\xe4'\r\n")
    run("--write-settings")

    assert settings.read_bytes().startswith(
        b"# -*- coding: latin-1 -*-\r\nNAME = '\xe4'\r\n\r\n\r\n# Mainstay"
    )


def test_settings_without_a_base_folder_get_lines_that_work(shop: Path) -> None:
    (shop / "shop" / "settings.py").write_text("INSTALLED_APPS = []\nMIDDLEWARE = []\n")

    assert "DATABASES = mainstay.databases()" in run().output


def test_an_untouched_startproject_passes_djangos_own_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines that are proposed must work as they are, in a project nobody has edited."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}

    def python(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True
        )

    python("-m", "django", "startproject", "shop", ".")
    monkeypatch.chdir(tmp_path)
    assert run("--write-settings").exit_code == 0
    python("manage.py", "check", "--fail-level", "WARNING")
