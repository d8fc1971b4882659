"""
The life of a supervisor, driven from outside: started, interrupted, killed, started again.

The system is the smallest there is: one Django service without engines behind an edge.
Whatever happens, nothing of it is left running, and what was wrong is said once.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.supervise import proc

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SETTINGS = """
SECRET_KEY = "only for this test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["django.contrib.contenttypes"]
STATIC_URL = "/static/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
execute_from_command_line(sys.argv)
"""
ENTRANCE = "from django.core.asgi import get_asgi_application\napplication = get_asgi_application()\n"
FILE = """
[system]
name = "smallest"
[edge]
port = 0
[service.web]
root = "web"
replicas = 2
needs = []
processes.stubborn = { command = "python stubborn.py" }
[timeouts]
stop = "30s"
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(1)
"""

NEARLY_FULL = """
import resource, os, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
os.execv(sys.argv[1], sys.argv[1:])
"""


class Smallest:
    """The system's folder, and every way to call upon it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".mainstay"
        self.started: list[subprocess.Popen[bytes]] = []
        inner = folder / "web" / "shop"
        inner.mkdir(parents=True)
        for path, text in {
            folder / "mainstay.toml": FILE.replace(
                'processes.stubborn = { command = "python stubborn.py" }\n', ""
            ).replace('[timeouts]\nstop = "30s"\n', ""),
            folder / "web" / "manage.py": MANAGE,
            folder / "web" / "stubborn.py": STUBBORN,
            inner / "__init__.py": "",
            inner / "settings.py": SETTINGS,
            inner / "urls.py": URLS,
            inner / "asgi.py": ENTRANCE,
        }.items():
            path.write_text(text)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "mainstay.cli", "--file", str(self.folder / "mainstay.toml"), *words]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL
        )

    def up(self) -> None:
        for words in (("up", "--detach"), ("wait",)):
            done = self.call(*words)
            assert done.returncode == 0, done.stdout + done.stderr

    def foreground(self, **facts: Any) -> subprocess.Popen[bytes]:
        self.started.append(
            subprocess.Popen(self.command("up"), stdin=subprocess.DEVNULL, start_new_session=True, **facts)
        )
        return self.started[-1]

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.call("status", "--json").stdout))

    def pid(self, name: str) -> int:
        return next(int(row["pid"]) for row in self.status()["processes"] if row["name"] == name)

    def supervisor(self) -> int:
        return int((self.state / "lock").read_text())

    def happened(self, what: str) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return f'"{what}"' in (self.state / "events.jsonl").read_text()
        return False

    def running(self) -> dict[int, str]:
        """Every process that belongs to the system, whoever its parent is by now."""
        found = {}
        for pid in proc.pids():
            place, env = proc.folder(pid), proc.environment(pid)
            ours = str(self.state) in env.get("MAINSTAY_STATIC_ROOT", "")
            if (ours or (place is not None and place.is_relative_to(self.folder))) and proc.state(pid) != "Z":
                found[pid] = (proc.PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
        return found


def until(condition: Callable[[], object], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def smallest(tmp_path: Path) -> Iterator[Smallest]:
    smallest = Smallest(tmp_path / "system")
    yield smallest
    smallest.call("down")
    for process in smallest.started:
        process.kill()
        process.wait()
    left = smallest.running()
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, "something of it is still running"


def ended(process: subprocess.Popen[bytes], within: float) -> int:
    return process.wait(within)


# --- in order --------------------------------------------------------------------------------


def test_it_goes_up_and_down_and_up_again_and_leaves_nothing(smallest: Smallest) -> None:
    smallest.up()
    told = smallest.status()
    assert told["ready"]
    assert told["durability"] == "none"
    assert {row["name"]: row["state"] for row in told["processes"]} == {
        "edge.1": "ready",
        "web.web.1": "ready",
        "web.web.2": "ready",
    }
    assert smallest.call("up", "--detach").returncode == 2, "a second one is refused"
    assert smallest.call("down").returncode == 0
    assert smallest.running() == {}
    smallest.up()
    assert smallest.status()["url"] == told["url"], "an automatic port is kept"


@pytest.mark.parametrize(
    "when", ["supervisor.cleanup", "system.starting", "service.preparing", "process.started"]
)
def test_ctrl_c_in_the_middle_of_a_start_ends_it_in_order(smallest: Smallest, when: str) -> None:
    process = smallest.foreground(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: smallest.happened(when) or (when == "supervisor.cleanup" and smallest.state.exists()))
    process.send_signal(signal.SIGINT)
    assert ended(process, 20) in (0, 130, -signal.SIGINT)
    assert smallest.running() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_stops_a_running_system_in_order(smallest: Smallest, number: signal.Signals) -> None:
    process = smallest.foreground(stdout=subprocess.DEVNULL)
    until(lambda: smallest.happened("system.running"))
    process.send_signal(number)
    assert ended(process, 20) == 0
    assert smallest.running() == {}
    assert smallest.happened("system.stopped")
    assert f"received {number.name}" in (smallest.state / "events.jsonl").read_text()


def test_a_second_ctrl_c_does_not_wait_for_those_that_will_not_go(smallest: Smallest) -> None:
    (smallest.folder / "mainstay.toml").write_text(FILE)
    process = smallest.foreground(stdout=subprocess.DEVNULL)
    until(lambda: smallest.happened("system.running"))
    process.send_signal(signal.SIGINT)
    time.sleep(1.0)
    assert process.poll() is None, "the stubborn one is given its time"
    process.send_signal(signal.SIGINT)
    ended(process, 20)  # less than the 30 s that it would be given
    assert smallest.running() == {}


def test_a_terminal_that_is_closed_stops_it_in_order(smallest: Smallest) -> None:
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *smallest.command("up")],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    smallest.started.append(process)
    os.close(terminal)
    os.set_blocking(master, False)

    def drained() -> bool:
        with contextlib.suppress(BlockingIOError):
            os.read(master, 65536)
        return smallest.happened("system.running")

    until(drained)
    os.close(master)
    ended(process, 20)
    assert smallest.happened("system.stopped")
    assert smallest.running() == {}


def test_a_reader_that_leaves_does_not_stop_it(smallest: Smallest) -> None:
    """``mainstay up | head -1``."""
    process = smallest.foreground(stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
    until(lambda: smallest.happened("system.running"))
    first = smallest.pid("web.web.1")
    os.kill(first, signal.SIGKILL)
    until(lambda: smallest.pid("web.web.1") != first if smallest.status()["ready"] else False)
    assert smallest.call("down").returncode == 0
    ended(process, 10)


# --- out of order ------------------------------------------------------------------------------


def test_after_kill_9_of_the_supervisor_nothing_serves_on_and_the_next_up_starts(smallest: Smallest) -> None:
    smallest.up()
    frozen = smallest.pid("web.web.1")
    os.kill(frozen, signal.SIGSTOP)
    os.kill(smallest.supervisor(), signal.SIGKILL)
    until(lambda: set(smallest.running()) <= {frozen}, within=20)
    assert smallest.call("status").returncode == 1
    smallest.up()
    assert proc.state(frozen) in ("", "Z"), "the frozen one could not hear the signal; it was ended now"
    assert smallest.happened("supervisor.cleanup")


def test_down_cleans_up_after_a_killed_supervisor(smallest: Smallest) -> None:
    smallest.up()
    frozen = smallest.pid("web.web.2")
    os.kill(frozen, signal.SIGSTOP)
    os.kill(smallest.supervisor(), signal.SIGKILL)
    until(lambda: not proc.alive(smallest.supervisor(), proc.start_time(smallest.supervisor())))
    assert smallest.call("down").returncode == 0
    until(lambda: smallest.running() == {}, within=10)


def test_settings_that_do_not_import_end_the_start_with_their_own_words(smallest: Smallest) -> None:
    (smallest.folder / "web" / "shop" / "settings.py").write_text("import no_such_module\n")
    done = smallest.call("up", "--detach")
    waited = smallest.call("wait", "--json")
    assert waited.returncode == 1
    told = json.loads(waited.stdout)["error"]
    assert told["id"] == "service.cannot-prepare"
    assert "no_such_module" in str(told["details"])
    assert "no_such_module" in done.stdout + done.stderr + waited.stdout
    assert smallest.running() == {}


def test_a_service_that_never_becomes_ready_ends_the_start(smallest: Smallest) -> None:
    (smallest.folder / "web" / "shop" / "asgi.py").write_text(
        ENTRANCE + "raise RuntimeError('no entrance')\n"
    )
    process = smallest.foreground(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert b"no entrance" in out
    assert smallest.running() == {}


def test_a_busy_port_is_refused_with_its_holder_and_starts_nothing(smallest: Smallest) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        text = (smallest.folder / "mainstay.toml").read_text()
        (smallest.folder / "mainstay.toml").write_text(text.replace("port = 0", f"port = {port}"))
        done = smallest.call("up")
    assert done.returncode == 2
    assert "port.busy" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr


def test_a_disk_full_of_nothing_else_is_said_to_be_full(smallest: Smallest) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NEARLY_FULL, *smallest.command("up")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "state.cannot-write" in done.stderr
    assert smallest.running() == {}


# --- changes ------------------------------------------------------------------------------------


def test_down_in_the_middle_of_a_rolling_update_leaves_nothing(smallest: Smallest) -> None:
    smallest.up()
    rollout = subprocess.Popen(
        smallest.command("rollout", "web"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until(lambda: smallest.happened("rollout.started"))
    assert smallest.call("down").returncode == 0
    out, _ = rollout.communicate(timeout=30)
    assert rollout.returncode == 2
    assert "control.no-answer" in out
    assert smallest.running() == {}


def test_manage_of_a_service_that_is_none_is_answered_at_once(smallest: Smallest) -> None:
    smallest.up()
    done = smallest.call("manage", "wbe", "check")
    assert done.returncode == 2
    assert "did you mean 'web'?" in done.stderr
    assert smallest.call("manage", "web", "check").returncode == 0


def test_a_halted_rollout_leaves_what_served_before(smallest: Smallest) -> None:
    smallest.up()
    before = {smallest.pid(f"web.web.{number}") for number in (1, 2)}
    (smallest.folder / "web" / "shop" / "asgi.py").write_text(ENTRANCE + "raise SystemExit(3)\n")
    done = smallest.call("rollout", "web")
    assert done.returncode == 1
    assert "rollout.halted" in done.stderr
    told = smallest.status()
    assert told["ready"]
    assert {row["pid"] for row in told["processes"] if row["service"]} == before
