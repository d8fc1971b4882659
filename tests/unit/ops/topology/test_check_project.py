"""Whether a service is a Django project that can be served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.base.errors import Problem

Found = Callable[[str], list[tuple[str, str]]]
Problems = Callable[[str], list[Problem]]
WEB = '[service.web]\nroot = "catalog"\n'


@pytest.mark.parametrize(
    ("text", "problem", "path"),
    [
        ('[service.web]\nroot = "catlog"', "root-missing", "root"),
        ('[service.web]\nroot = "catalog/manage.py"', "root-missing", "root"),
        ("[service.web]", "no-django-project", "root"),
        (WEB + 'manage = "run.py"', "no-django-project", "root"),
        (WEB + 'settings = "catalog.settigns"', "settings-missing", "settings"),
        (
            WEB + 'settings = "nowhere.settings"\napplication = "catalog.asgi:application"',
            "settings-missing",
            "settings",
        ),
        (WEB + 'application = "catalog.server:application"', "application-missing", "application"),
        (WEB + 'application = "catalog.asgi:aplication"', "application-missing", "application"),
        (
            WEB + 'interface = "wsgi"\napplication = "catalog.asgi:application"',
            "interface-mismatch",
            "interface",
        ),
        ('[service.web]\nroot = "payments"\ninterface = "asgi"', "application-unknown", "application"),
        (WEB + 'python = "no-such-python"', "python-missing", "python"),
        (WEB + 'python = "catalog/manage.py"', "python-missing", "python"),
    ],
)
def test_each_mistake_is_one_problem(found: Found, text: str, problem: str, path: str) -> None:
    assert found(text) == [(problem, f"service.web.{path}")]


def test_the_projects_that_are_there_are_named(problems: Problems) -> None:
    (problem,) = problems("[service.web]")

    assert problem.hint == 'found here: root = "catalog", root = "orders", root = "payments"'


def test_misspelt_modules_and_names_have_a_nearest(problems: Problems) -> None:
    (settings,) = problems(WEB + 'settings = "catalog.settigns"')
    (application,) = problems(WEB + 'application = "catalog.asgi:aplication"')

    assert settings.hint == "did you mean 'catalog.settings'?"
    assert application.hint == "did you mean 'application'?"


def test_a_project_that_tells_nothing_is_asked_to(found: Found, folder: Path) -> None:
    (folder / "catalog" / "manage.py").write_text("")
    (folder / "catalog" / "catalog" / "settings.py").unlink()
    for name in ("asgi", "wsgi"):
        (folder / "catalog" / "catalog" / f"{name}.py").unlink()

    assert found(WEB) == [
        ("settings-unknown", "service.web.settings"),
        ("application-unknown", "service.web.application"),
    ]


def test_settings_of_an_installed_package_are_trusted(found: Found) -> None:
    assert found(WEB + 'settings = "hypothesis.settings"\napplication = "catalog.asgi:application"') == []


def test_a_package_of_another_interpreter_is_trusted(found: Found) -> None:
    text = 'settings = "elsewhere.settings"\napplication = "elsewhere.asgi:application"\npython = "/bin/sh"'

    assert found(WEB + text) == []
