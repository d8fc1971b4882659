"""A project that knows nothing of Mainstay, run as in a twin: its own database stays as it is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from mainstay.base import wire
from mainstay.ops.supervise.twin import Twin
from tests.integration.inside.database import Database
from tests.integration.inside.replica import Replica

Start = Callable[..., Replica]
Run = Callable[..., subprocess.CompletedProcess[str]]

VIEWS = """
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.urls import path

def add(request):
    Group.objects.create(name="of the twin")
    return HttpResponse(Group.objects.count())

urlpatterns = [path("add/", add)]
"""

OWN_SETTINGS = """
import os
from django.conf import settings
import shop.settings
from django.db.backends.signals import connection_created
settings._wrapped = type(settings._wrapped)("shop.settings")
settings.DATABASES = {"default": dict(settings.DATABASES["default"])}
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What ``startproject`` makes, with a row in its database."""
    folder = tmp_path / "shop"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(folder)], check=True)
    (folder / "shop" / "urls.py").write_text(VIEWS)
    plain = {**os.environ, wire.SETTINGS_MODULE: "shop.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=folder, env=plain, check=True)
    with closing(sqlite3.connect(folder / "db.sqlite3")) as connection:
        connection.execute("INSERT INTO auth_group (name) VALUES ('real')")
        connection.commit()
    return folder


@pytest.fixture
def variables(root: Path, tmp_path: Path) -> dict[str, str]:
    """What the supervisor of a twin tells each of its processes."""
    return {
        wire.SETTINGS_MODULE: wire.TWIN_SETTINGS_MODULE,
        wire.TWIN_SETTINGS: "shop.settings",
        wire.TWIN: str(tmp_path / "twin"),
        "PYTHONPATH": str(root),
    }


@pytest.fixture
def run(root: Path, variables: dict[str, str]) -> Run:
    def start(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=root,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=50,
        )

    return start


def groups(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM auth_group ORDER BY id")]


def test_migrations_commands_and_requests_write_to_the_copy(
    root: Path, run: Run, variables: dict[str, str], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    before = (root / "db.sqlite3").read_bytes()
    prepared = run("-m", "mainstay.db.prepare", "--no-static", "--then", "flush --noinput")
    assert prepared.returncode == 0, prepared.stderr
    assert (
        f"{wire.WARNING}in this twin DATABASES['default'] is a copy of {root}/db.sqlite3" in prepared.stdout
    )
    code = "from django.contrib.auth.models import Group; Group.objects.create(name='of a command')"
    assert run("manage.py", "shell", "-c", code).returncode == 0
    assert run("manage.py", "flush", "--noinput").returncode == 0
    replica = Replica(
        root, "wsgi", free_port(), tmp_path / "log", {**variables, wire.APPLICATION: "shop.wsgi:application"}
    )
    try:
        replica.wait_until_ready()
        assert replica.get("/add/").body == b"1"
    finally:
        replica.kill()
    assert (root / "db.sqlite3").read_bytes() == before
    assert groups(root / "db.sqlite3") == ["real"]
    (copy,) = (tmp_path / "twin" / "databases").glob("*.sqlite3")
    assert groups(copy) == ["of the twin"]
    Twin(tmp_path / "twin").remove("shop")
    assert not (tmp_path / "twin").exists()


def test_an_application_that_puts_its_own_settings_back_is_not_served(
    root: Path, variables: dict[str, str], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    (root / "shop" / "own.py").write_text(OWN_SETTINGS)
    replica = Replica(
        root, "wsgi", free_port(), tmp_path / "log", {**variables, wire.APPLICATION: "shop.own:application"}
    )
    try:
        assert replica.wait(20) != 0
        assert replica.output().startswith("twin.not-apart  DATABASES of this process")
    finally:
        replica.kill()


def test_a_worker_that_names_its_own_settings_is_ended(root: Path, run: Run) -> None:
    settings = root / "shop" / "settings.py"
    settings.write_text(settings.read_text() + "\nINSTALLED_APPS.append('mainstay.http')\n")
    manage = root / "manage.py"
    own = "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n"
    manage.write_text(manage.read_text().replace("import os\n", f"import os\n{own}", 1))
    ended = run("manage.py", "flush", "--noinput")
    assert "twin.not-apart" in ended.stderr, ended.stderr
    assert groups(root / "db.sqlite3") == ["real"]


def test_a_database_that_may_be_read_is_not_written(
    root: Path, run: Run, variables: dict[str, str], postgres: Database
) -> None:
    """By a command with whatever it does, since it is the server that says no."""
    parts = urlsplit(postgres.fresh())
    entry = {"ENGINE": "django.db.backends.postgresql", "HOST": parts.hostname, "PORT": parts.port}
    entry |= {"NAME": parts.path[1:], "USER": "app", "OPTIONS": {"options": "-c statement_timeout=5000"}}
    settings = root / "shop" / "settings.py"
    settings.write_text(settings.read_text() + f"\nDATABASES['live'] = {entry!r}\n")
    with psycopg.connect(parts.geturl(), autocommit=True) as connection:
        connection.execute("CREATE TABLE stock AS SELECT 7 AS left")
        variables[wire.TWIN_READS] = "live"
        code = "from django.db import connections; c = connections['live'].cursor(); "
        reading = run("manage.py", "shell", "-c", code + "c.execute('TABLE stock'); print(c.fetchall())")
        assert "[(7,)]" in reading.stdout, reading.stderr
        for statement in ("DELETE FROM stock", "CREATE TABLE other ()", "TRUNCATE stock"):
            writing = run("manage.py", "shell", "-c", f"{code}c.execute({statement!r})")
            assert writing.returncode != 0, statement
            assert "in a read-only transaction" in writing.stderr
        assert connection.execute("TABLE stock").fetchall() == [(7,)]


def test_a_database_elsewhere_ends_the_preparation_by_its_name(root: Path, run: Run) -> None:
    settings = root / "shop" / "settings.py"
    elsewhere = "{'ENGINE': 'django.db.backends.postgresql', 'HOST': 'db.example', 'NAME': 'live'}"
    settings.write_text(settings.read_text() + f"\nDATABASES['default'] = {elsewhere}\n")
    ended = run("-m", "mainstay.db.prepare", "--no-static")
    assert ended.returncode == 3
    assert ended.stderr.startswith("twin.foreign-database  shop.settings: DATABASES['default']\n")
    assert "postgresql at db.example" in ended.stderr
    assert "Traceback" not in ended.stderr
