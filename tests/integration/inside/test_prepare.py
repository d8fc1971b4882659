"""`mainstay_prepare` against a real PostgreSQL: once, whole, and clear when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from mainstay.base import wire
from tests.integration.inside.database import Database

Manage = Callable[..., subprocess.CompletedProcess[str]]

SLOW = """
import time

from django.db import migrations


def wait(apps, schema_editor):
    time.sleep(1.5)


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(wait)]
"""

BROKEN = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunSQL("ALTER TABLE no_such_table ADD COLUMN x int")]
"""


def test_migrates_then_finds_nothing_to_do(postgres: Database, manage: Manage) -> None:
    url = postgres.fresh()
    first = manage("mainstay_prepare", "--no-static", DATABASE_URL=url)
    assert first.returncode == 0, first.stderr
    assert "applied shop.0001_initial" in first.stdout
    second = manage("mainstay_prepare", "--no-static", DATABASE_URL=url)
    assert second.stdout == "migrations: nothing to do\n"
    assert second.returncode == 0


def test_of_two_at_once_one_migrates_and_the_other_waits(
    postgres: Database, manage: Manage, project: Path
) -> None:
    (project / "shop/migrations/0002_slow.py").write_text(SLOW)
    url = postgres.fresh()
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(manage, "mainstay_prepare", "--no-static", DATABASE_URL=url) for _ in range(2)]
        outputs = sorted((run.result().stdout for run in runs), key=len)
    assert [run.result().returncode for run in runs] == [0, 0]
    waited, migrated = outputs
    assert "waiting for another process that migrates this database" in waited
    assert "migrations: nothing to do" in waited
    assert "applied shop.0002_slow" in migrated


def test_lock_goes_with_a_killed_process(postgres: Database, manage: Manage, project: Path) -> None:
    (project / "shop/migrations/0002_slow.py").write_text(SLOW)
    url = postgres.fresh()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "mainstay_prepare", "--no-static"],
        cwd=project,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "site1.settings", "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert any("shop.0001" in line for line in process.stdout)
        process.kill()
    assert manage("mainstay_prepare", "--no-static", DATABASE_URL=url).returncode == 0


def test_failing_migration_is_named_with_the_database_s_words(
    postgres: Database, manage: Manage, project: Path
) -> None:
    (project / "shop/migrations/0002_broken.py").write_text(BROKEN)
    failed = manage("mainstay_prepare", "--then", "check", DATABASE_URL=postgres.fresh())
    assert failed.returncode == 4
    assert "prepare.migration-failed  shop.0002_broken" in failed.stderr
    assert 'relation "no_such_table" does not exist' in failed.stderr
    assert "applied shop.0001_initial" in failed.stdout
    assert "running: check" not in failed.stdout
    assert "Traceback" not in failed.stderr


def test_what_runs_otherwise_than_one_would_think_is_said(
    postgres: Database, manage: Manage, project: Path
) -> None:
    """A plain project on SQLite runs well beside a PostgreSQL that it never uses."""
    url = postgres.fresh()
    assert wire.WARNING not in manage("mainstay_prepare", DATABASE_URL=url).stdout
    settings = project / "site1/settings.py"
    lite = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}"
    settings.write_text(f"{settings.read_text()}\nDEBUG = True\n{lite}\n")
    run = manage("mainstay_prepare", DATABASE_URL=url)
    assert run.returncode == 0, run.stderr
    assert f"{wire.WARNING}DATABASES['default'] is sqlite" in run.stdout
    assert f"{wire.WARNING}DEBUG is on" in run.stdout


def test_an_sqlite_file_of_several_processes_is_said_unless_it_is_silenced(
    manage: Manage, project: Path
) -> None:
    """A service that needs no PostgreSQL has nothing else by which anybody would notice."""
    settings = project / "site1/settings.py"
    lite = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}"
    settings.write_text(f"{settings.read_text()}\n{lite}\n")
    told = {"MAINSTAY_SERVICE": "shop", "MAINSTAY_REPLICAS": "2", "SECRET_KEY": "x" * 60}
    run = manage("mainstay_prepare", **told)
    assert run.returncode == 0, run.stderr
    words = "DATABASES['default'] is an SQLite file, and 2 web processes write to it. Write needs"
    assert f"{wire.WARNING}{words}" in run.stdout
    settings.write_text(f"{settings.read_text()}\nSILENCED_SYSTEM_CHECKS = ['mainstay.W106']\n")
    assert wire.WARNING not in manage("mainstay_prepare", **told).stdout


def test_unreachable_database_is_exit_4(manage: Manage, free_port: Callable[[], int]) -> None:
    failed = manage("mainstay_prepare", DATABASE_URL=f"postgresql://app@127.0.0.1:{free_port()}/none")
    assert failed.returncode == 4
    assert "prepare.migration-failed" in failed.stderr


def test_migrations_have_no_statement_limit(postgres: Database, manage: Manage, project: Path) -> None:
    slow = SLOW.replace("time.sleep(1.5)", "schema_editor.execute('SELECT pg_sleep(0.6)')")
    (project / "shop/migrations/0002_slow.py").write_text(slow)
    run = manage("mainstay_prepare", DATABASE_URL=postgres.fresh(), MAINSTAY_STATEMENT_TIMEOUT="0.2")
    assert run.returncode == 0, run.stderr


def test_commands_run_afterwards_in_order(postgres: Database, manage: Manage) -> None:
    run = manage(
        "mainstay_prepare",
        "--then",
        "check --tag models",
        "--then",
        "diffsettings",
        DATABASE_URL=postgres.fresh(),
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.index("running: check --tag models") < run.stdout.index("running: diffsettings")
    assert "no issues" in run.stdout


def test_no_migrate_leaves_the_database_alone(postgres: Database, manage: Manage) -> None:
    url = postgres.fresh()
    assert manage("mainstay_prepare", "--no-migrate", DATABASE_URL=url).returncode == 0
    with psycopg.connect(url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_static_files_are_collected_once_hashed_and_compressed(manage: Manage, project: Path) -> None:
    static = project / "shop/static/shop"
    static.mkdir(parents=True)
    (static / "page.css").write_text("body { color: navy }\n" * 100)
    root = project / "collected"

    def prepare() -> str:
        return manage("mainstay_prepare", "--no-migrate", MAINSTAY_STATIC_ROOT=str(root)).stdout

    assert prepare() == f"static files: collected into {root}\n"
    names = [path.name for path in (root / "shop").iterdir()]
    assert any(
        name.startswith("page.") and name.endswith(".css.gz") and name != "page.css.gz" for name in names
    )
    assert prepare() == "static files: unchanged\n"
    time.sleep(0.01)
    (static / "page.css").write_text("body { color: teal }\n" * 100)
    assert "collected into" in prepare()


@pytest.mark.parametrize("module", ["mainstay.db.prepare"])
def test_module_form_needs_no_installed_app_and_blames_the_settings(project: Path, module: str) -> None:
    settings = project / "site1/settings.py"
    settings.write_text(
        settings.read_text().replace("*mainstay.installed_apps(),", '"django_tasks", "django_tasks_db",')
    )
    command = [sys.executable, "-m", module, "--no-static"]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "site1.settings"}
    run = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stderr
    settings.write_text("import nowhere_to_be_found\n")
    run = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=50)
    assert run.returncode == 3
    assert run.stderr.startswith("serve.import-failed  site1/settings.py:1: ModuleNotFoundError")
