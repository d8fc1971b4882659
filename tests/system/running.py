"""A whole system in a folder of its own, driven as a user drives it: by the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.control import call
from mainstay.ops.supervise.state import StateFolder

REPOSITORY = Path(__file__).parents[2]
BOXOFFICE = REPOSITORY / "boxoffice"


@dataclass
class Running:
    """One system; the folder goes with the test, and nothing of it may survive `end`."""

    folder: Path

    def mainstay(
        self, *words: str, check: bool = True, limit: float = 120.0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "mainstay.cli", "--file", str(self.folder / "mainstay.toml"), *words],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def up(self, limit: float = 120.0) -> float:
        """Start detached and wait until all is ready; returns the seconds that took."""
        began = time.monotonic()
        self.mainstay("up", "--detach")
        self.mainstay("wait", "--timeout", str(limit), limit=limit + 10)
        return time.monotonic() - began

    def down(self) -> float:
        began = time.monotonic()
        self.mainstay("down")
        return time.monotonic() - began

    def end(self) -> None:
        """Stop whatever runs, however broken it is."""
        done = self.mainstay("down", "--volumes", "--yes", check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """What `mainstay status --json` prints, without the cost of a new Python for each look."""
        state = StateFolder(self.folder / ".mainstay", "")
        try:
            return dict(call(state.socket, "status", memory=False))
        except OperationFailed:
            return {"ready": False, "processes": []}

    @property
    def url(self) -> str:
        return str(self.status()["url"])

    def process(self, name: str) -> dict[str, Any]:
        return next(dict(row) for row in self.status()["processes"] if row["name"] == name)

    def primary(self) -> dict[str, Any]:
        return next(dict(row) for row in self.status()["processes"] if row["role"] == "primary")

    def signal(self, name: str, number: signal.Signals) -> int:
        """Signal a process by its name; returns the pid that was hit."""
        pid = int(self.process(name)["pid"])
        os.kill(pid, number)
        return pid

    def events(self, *names: str) -> list[dict[str, Any]]:
        lines = (self.folder / ".mainstay" / "events.jsonl").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if not names or entry["event"] in names]

    def until(self, what: str, true: Any, limit: float = 30.0) -> float:
        """Wait until a condition on the status holds; returns the seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < limit:
            if true(self.status()):
                return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"not within {limit:g} s: {what}\n{json.dumps(self.status(), indent=1)}")

    def left(self, within: float = 3.0) -> set[int]:
        """Processes still there after so many seconds; a supervisor gives up its lock a moment before it is gone."""
        deadline = time.monotonic() + within
        while (found := self.pids()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def pids(self) -> set[int]:
        """Every process that belongs to the system, found by its folder in ``/proc``."""
        mine = str(self.folder)
        return {
            int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _in(entry, mine)
        }


def _in(entry: Path, folder: str) -> bool:
    try:
        if entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        command = entry.joinpath("cmdline").read_bytes().decode(errors="replace")
        place = str(entry.joinpath("cwd").readlink())
    except OSError:
        return False
    return folder in command or place.startswith(folder)


def boxoffice(folder: Path, *, edge: str = "auto", changes: Mapping[str, str] | None = None) -> Running:
    """A copy of the reference system with automatic ports, so that it runs beside any other."""
    shutil.copytree(BOXOFFICE, folder, ignore=shutil.ignore_patterns(".mainstay", "__pycache__", "*.sqlite3"))
    file = folder / "mainstay.toml"
    text = re.sub(r"(?m)^port = \d+$", f'port = 0\nengine = "{edge}"', file.read_text(), count=1)
    for old, new in (changes or {}).items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)
    return Running(folder)


def plain_project(folder: Path, *, service: str = "", edge: str = "") -> Running:
    """What `django-admin startproject` makes, with its welcome page, on the fewest settings lines that will do."""
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(folder)], check=True)
    settings = folder / "shop" / "settings.py"
    settings.write_text(
        settings.read_text()
        + "\nfrom mainstay import settings as mainstay\n"
        + "SECRET_KEY = mainstay.secret_key()\nALLOWED_HOSTS = mainstay.allowed_hosts()\n"
        + "DATABASES = mainstay.databases()\n"
    )
    (folder / "mainstay.toml").write_text(f"[edge]\nport = 0\n{edge}\n[service.web]\n{service}\n")
    return Running(folder)
