"""Django projects read as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.ops.topology.project import bound_names, find_projects, inspect
from tests.unit.ops.topology.projects import write_project


def test_a_fresh_project_tells_everything(tmp_path: Path) -> None:
    project = inspect(write_project(tmp_path / "x"))

    assert project.found
    assert (project.settings, project.asgi, project.wsgi) == (
        "shop.settings",
        "shop.asgi:application",
        "shop.wsgi:application",
    )


def test_nothing_is_imported(tmp_path: Path) -> None:
    """A project's modules may need a database or a secret only to be imported."""
    root = write_project(tmp_path / "x")
    for file in (root / "manage.py", root / "shop" / "settings.py", root / "shop" / "asgi.py"):
        file.write_text(file.read_text() + "\nraise SystemExit('imported')\n")

    assert inspect(root).found


@pytest.mark.parametrize(
    "line",
    [
        'os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.production"',
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.production')",
        'if True:\n    os.putenv("DJANGO_SETTINGS_MODULE", "config.settings.production")',
    ],
)
def test_settings_of_any_depth_are_those_that_manage_names(tmp_path: Path, line: str) -> None:
    root = write_project(tmp_path / "x", "config")
    (root / "manage.py").write_text(f"import os\n{line}\n")

    assert inspect(root).settings == "config.settings.production"
    assert inspect(root).asgi == "config.asgi:application"


def test_settings_are_found_without_a_hint_in_manage(tmp_path: Path) -> None:
    root = write_project(tmp_path / "x")
    (root / "manage.py").write_text("from shop.cli import main\nmain()\n")

    assert inspect(root).settings == "shop.settings"


def test_two_candidates_are_no_answer(tmp_path: Path) -> None:
    root = write_project(tmp_path / "x", "one")
    write_project(tmp_path / "y", "two")
    (tmp_path / "y" / "two").rename(root / "two")
    (root / "manage.py").write_text("")

    assert inspect(root).settings == ""


def test_the_application_can_be_the_one_that_the_settings_name(tmp_path: Path) -> None:
    root = write_project(tmp_path / "x", asgi=False, wsgi=False)
    (root / "shop" / "settings.py").write_text("ASGI_APPLICATION = 'gate.routing.application'\n")
    (root / "gate").mkdir()
    (root / "gate" / "routing.py").write_text("application = None\n")

    assert inspect(root).asgi == "gate.routing:application"


def test_a_module_that_binds_no_application_is_no_entrance(tmp_path: Path) -> None:
    root = write_project(tmp_path / "x")
    (root / "shop" / "asgi.py").write_text("app = None\n")

    assert inspect(root).asgi == ""


@pytest.mark.parametrize(
    "text", [b"def broken(:\n", b"\xff\xfe", b"\0", b"x = " + b"(" * 5000, b"#" * 2_000_000]
)
def test_files_that_cannot_be_parsed_tell_nothing(tmp_path: Path, text: bytes) -> None:
    root = write_project(tmp_path / "x", asgi=False, wsgi=False)
    (root / "manage.py").write_bytes(text)
    (root / "shop" / "settings.py").write_bytes(text)

    assert inspect(root).asgi == ""


def test_projects_are_looked_for_here_and_one_level_below(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden", "node_modules"):
        write_project(tmp_path / name)
    write_project(tmp_path / "deep" / "er")

    assert [project.root.name for project in find_projects(tmp_path)] == ["a", "b"]
    write_project(tmp_path / "c")
    (tmp_path / "manage.py").touch()
    assert [project.root for project in find_projects(tmp_path)] == [tmp_path]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b = 1\nc: int = 2\n(d, e) = 1, 2", {"a", "b", "c", "d", "e"}),
        ("import x.y\nfrom p import q as r\ndef f(): pass\nclass G: pass", {"x", "r", "f", "G"}),
        ("from p import *", None),
        ("try:\n    a = 1\nexcept E:\n    b = 2", None),
    ],
)
def test_names_of_a_module(tmp_path: Path, text: str, names: set[str] | None) -> None:
    (tmp_path / "m.py").write_text(text)
    found = bound_names(tmp_path / "m.py")

    assert (None if found is None else set(found)) == names


def test_odd_escapes_in_a_project_warn_nobody(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text('a = "\\d"\n')

    assert bound_names(tmp_path / "m.py") == frozenset({"a"})
