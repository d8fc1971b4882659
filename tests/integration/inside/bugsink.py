"""Bugsink, a server that takes Sentry's reports, run for a test on loopback with its own database."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

ENVIRONMENT = Path(__file__).parents[3] / ".venv-bugsink"

CONFIGURATION = """
from bugsink.settings.default import *

SECRET_KEY = "only for this test, and long enough to be accepted by the checks"
DATABASES["default"]["NAME"] = "{folder}/bugsink.sqlite3"
DATABASES["snappea"]["NAME"] = "{folder}/snappea.sqlite3"
SNAPPEA = {{"TASK_ALWAYS_EAGER": True}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {{
    "BASE_URL": "http://127.0.0.1:{port}",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
}}
"""

PROJECT = """
from projects.models import Project
print("dsn", Project.objects.create(name="shop").dsn)
"""


class Bugsink:
    """Migrated and answering when the constructor returns; `end` stops it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        (folder / "bugsink_conf.py").write_text(CONFIGURATION.format(folder=folder, port=port))
        self._manage("migrate", "--verbosity", "0")
        told = self._manage("shell", "--command", PROJECT)
        self.dsn = next(line.split()[1] for line in told.splitlines() if line.startswith("dsn "))
        gunicorn = (str(ENVIRONMENT / "bin" / "gunicorn"), "--bind", f"127.0.0.1:{port}", "bugsink.wsgi")
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                gunicorn, cwd=folder, stdout=log, stderr=log, env=self._env, start_new_session=True
            )
        self._until_it_answers()

    @property
    def _env(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "MAINSTAY_"))
        }
        return {**kept, "PYTHONPATH": str(self.folder), "DJANGO_SETTINGS_MODULE": "bugsink_conf"}

    def _manage(self, *words: str) -> str:
        command = (str(ENVIRONMENT / "bin" / "bugsink-manage"), *words)
        done = subprocess.run(
            command, cwd=self.folder, env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with (
                suppress(OSError),
                closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as asked,
            ):
                asked.request("GET", "/health/ready")
                asked.getresponse()
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def events(self) -> list[dict[str, Any]]:
        """Every report it has stored."""
        with closing(sqlite3.connect(self.folder / "bugsink.sqlite3")) as database:
            rows = database.execute("SELECT data FROM events_event ORDER BY digested_at").fetchall()
        return [json.loads(data) for (data,) in rows]

    def issues(self) -> int:
        """How many different things its events say."""
        with closing(sqlite3.connect(self.folder / "bugsink.sqlite3")) as database:
            (count,) = database.execute("SELECT count(*) FROM issues_issue").fetchone()
        return int(count)

    def wait_for_events(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 15
        while len(found := self.events()) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} reports arrived"
            time.sleep(0.05)
        return found

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
