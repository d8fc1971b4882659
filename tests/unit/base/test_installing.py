"""A hint to install more names the place this package came from."""

from __future__ import annotations

import json

import pytest

from mainstay.base import installing
from mainstay.base.installing import as_installed, command

CHECKOUT = json.dumps({"url": "file:///src/my%20checkout", "dir_info": {"editable": True}})


@pytest.mark.parametrize(
    ("origin", "typed"),
    [
        ("", 'pip install "django-mainstay[postgres]"'),
        (CHECKOUT, "pip install -e '/src/my checkout[postgres]'"),
        (
            json.dumps({"url": "file:///src/mainstay", "dir_info": {}}),
            'pip install "django-mainstay[postgres] @ file:///src/mainstay"',
        ),
        (
            json.dumps({"url": "file:///dist/django_mainstay-1-py3-none-any.whl", "archive_info": {}}),
            'pip install "django-mainstay[postgres] @ file:///dist/django_mainstay-1-py3-none-any.whl"',
        ),
        (
            json.dumps(
                {"url": "https://host.example/m.git", "vcs_info": {"vcs": "git", "commit_id": "4c1f"}}
            ),
            'pip install "django-mainstay[postgres] @ git+https://host.example/m.git@4c1f"',
        ),
        ("no record", 'pip install "django-mainstay[postgres]"'),
        ("[]", 'pip install "django-mainstay[postgres]"'),
        ('{"url": 7, "dir_info": 7}', 'pip install "django-mainstay[postgres]"'),
    ],
)
def test_the_command_fits_where_the_package_came_from(origin: str, typed: str) -> None:
    assert command("postgres", origin) == typed


def test_only_the_command_in_a_hint_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "origin", lambda: CHECKOUT)
    hint = 'pip install "django-mainstay[engines]", or install the package postgresql'
    assert as_installed(hint) == (
        "pip install -e '/src/my checkout[engines]', or install the package postgresql"
    )
    assert as_installed("make it writable for this user") == "make it writable for this user"
