"""The life of a system as its user leads it, with the smallest project there is."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stopwatch import Stopwatch
from tests.system.running import Running, plain_project

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Running]:
    running = plain_project(tmp_path / "plain")
    yield running
    running.end()
    assert running.left() == set()


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One system for all tests that leave it running as it was."""
    running = plain_project(tmp_path_factory.mktemp("steady") / "steady")
    try:
        running.up()
        yield running
    finally:
        running.end()


def page(running: Running) -> str:
    with urllib.request.urlopen(running.url + "/", timeout=10) as answer:
        return str(answer.read().decode())


def foreground(running: Running, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mainstay.cli", "--file", str(running.folder / "mainstay.toml"), "up"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,
    )  # type: ignore[call-overload, no-any-return]


def until_gone(running: Running, limit: float) -> set[int]:
    deadline = time.monotonic() + limit
    while (left := running.pids()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


# --- one system that keeps running -----------------------------------------------------------


def test_an_untouched_project_is_served_behind_the_edge(steady: Running) -> None:
    assert "The install worked successfully" in page(steady)


def test_the_status_has_the_shape_that_programs_rely_on(steady: Running) -> None:
    told = json.loads(steady.mainstay("status", "--json").stdout)

    assert told["system"] == "steady"
    assert told["durability"] == "synchronous"
    assert {row["name"]: row["role"] for row in told["processes"]} == {
        "postgres.1": "primary",
        "postgres.2": "standby",
        "web.web.1": "",
        "web.web.2": "",
        "edge.1": "",
    }
    for row in told["processes"]:
        assert row.keys() >= {"name", "service", "kind", "state", "pid", "address", "restarts", "since"}
        assert row["state"] == "ready"


def test_a_second_up_of_the_same_system_is_refused(steady: Running) -> None:
    for words in (("up",), ("up", "--detach")):
        done = steady.mainstay(*words, check=False)
        assert done.returncode == 2
        assert "state.already-running" in done.stderr
        assert str(json.loads(steady.mainstay("status", "--json").stdout)["system"]) == "steady"
    assert steady.status()["ready"]


def test_two_systems_run_side_by_side(steady: Running, plain: Running) -> None:
    plain.up()

    assert plain.url != steady.url
    assert "The install worked successfully" in page(plain)
    assert "The install worked successfully" in page(steady)


def test_manage_runs_with_the_environment_of_the_system(steady: Running) -> None:
    code = "from django.db import connection as c; c.ensure_connection(); print(c.vendor, c.settings_dict['NAME'])"
    done = steady.mainstay("manage", "web", "shell", "--verbosity", "0", "--command", code)

    assert done.stdout.split() == ["postgresql", "web"]


def test_scale_and_restart_change_what_runs(steady: Running) -> None:
    steady.mainstay("scale", "web=3")
    assert steady.process("web.web.3")["state"] == "ready"
    before = steady.process("web.web.1")["pid"]
    steady.mainstay("restart", "web.web.1")
    assert steady.process("web.web.1")["pid"] != before
    steady.mainstay("scale", "web=2")
    assert steady.status()["ready"]
    assert "web.web.3" not in [row["name"] for row in steady.status()["processes"]]


def test_more_replicas_than_the_database_has_room_for_are_refused(steady: Running) -> None:
    done = steady.mainstay("scale", "web=60", check=False)

    assert done.returncode == 2
    assert "capacity.connections" in done.stderr


def test_a_release_that_does_not_start_is_halted_and_the_old_one_serves_on(steady: Running) -> None:
    views = steady.folder / "shop" / "urls.py"
    good = views.read_text()
    before = {row["name"]: row["pid"] for row in steady.status()["processes"]}
    views.write_text(good + "\nraise RuntimeError('a bad release')\n")
    try:
        done = steady.mainstay("rollout", "web", check=False)
    finally:
        views.write_text(good)

    assert done.returncode == 1
    assert "rollout.halted" in done.stderr
    assert "a bad release" in done.stderr
    assert {row["name"]: row["pid"] for row in steady.status()["processes"]} == before
    assert "The install worked successfully" in page(steady)


def test_a_file_that_became_wrong_keeps_nobody_from_looking(steady: Running) -> None:
    file = steady.folder / "mainstay.toml"
    good = file.read_text()
    file.write_text("[edge\n")
    try:
        assert steady.status()["ready"]
        assert steady.mainstay("rollout", "web", check=False).returncode == 2
    finally:
        file.write_text(good)
    assert steady.status()["ready"]


def test_logs_and_events_tell_what_happened(steady: Running) -> None:
    page(steady)
    assert "web.web.1" in steady.mainstay("logs", "web").stdout
    assert "system.running" in steady.mainstay("events", "-n", "200").stdout
    done = steady.mainstay("logs", "wbe", check=False)
    assert done.returncode == 2
    assert "logs.unknown-name" in done.stderr


# --- the first minutes of a new user ---------------------------------------------------------------


def test_init_and_up_are_all_that_a_fresh_project_needs(tmp_path: Path) -> None:
    """`startproject`, `init --write-settings`, the smallest file, `up`: Django answers at the edge and beside it."""
    fresh = Running(tmp_path / "fresh")
    fresh.folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(fresh.folder)], check=True)
    command = [sys.executable, "-m", "mainstay.cli", "init", "--write-settings"]
    subprocess.run(command, cwd=fresh.folder, check=True, capture_output=True, timeout=60)
    (fresh.folder / "mainstay.toml").write_text("[edge]\nport = 0\n[service.web]\n")
    try:
        fresh.up()
        with pytest.raises(urllib.error.HTTPError) as nothing_there:
            page(fresh)
        assert nothing_there.value.code == 404
        assert nothing_there.value.headers["X-Request-ID"]
        nothing_there.value.close()
        admin = f"http://{fresh.process('web.web.1')['address']}/admin/login/"
        with urllib.request.urlopen(admin, timeout=10) as answer:
            assert "Django administration" in answer.read().decode()
    finally:
        fresh.end()


# --- starting and ending ------------------------------------------------------------------------


def in_shell(running: Running, code: str) -> list[str]:
    done = running.mainstay("manage", "web", "shell", "--verbosity", "0", "--command", code)
    return done.stdout.split()


def test_data_outlives_down_and_goes_with_its_volumes(plain: Running) -> None:
    plain.up()
    user = "from django.contrib.auth.models import User; "
    in_shell(plain, user + "User.objects.create(username='kept')")
    plain.down()
    assert until_gone(plain, 5) == set()
    plain.up()
    assert in_shell(plain, user + "print(User.objects.get().username)") == ["kept"]
    refused = plain.mainstay("down", "--volumes", check=False)
    assert refused.returncode != 0
    assert (plain.folder / ".mainstay" / "nodes" / "postgres.1").exists()
    plain.mainstay("down", "--volumes", "--yes")
    assert not (plain.folder / ".mainstay").exists()


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_succeeds(plain: Running) -> None:
    plain.up()
    # A frozen process cannot obey the parent-death signal; only the next start ends it.
    frozen = plain.signal("web.web.1", signal.SIGSTOP)
    supervisor = int((plain.folder / ".mainstay" / "lock").read_text())
    os.kill(supervisor, signal.SIGKILL)
    assert until_gone(plain, 10) <= {frozen}
    plain.up()
    assert frozen not in plain.pids()
    assert "The install worked successfully" in page(plain)


@pytest.mark.parametrize("moment", [0.0, 0.7, 1.5, 3.0])
def test_an_interrupt_in_the_middle_of_a_start_stops_everything(plain: Running, moment: float) -> None:
    """Moments count from when the system is claimed; before, nothing has been started."""
    starting = foreground(plain)
    lock = plain.folder / ".mainstay" / "lock"
    while not (lock.exists() and lock.read_text()):
        time.sleep(0.01)
    time.sleep(moment)
    starting.send_signal(signal.SIGINT)
    told, _ = starting.communicate(timeout=40)

    assert starting.returncode in (0, 130), told
    assert "Traceback" not in told
    assert until_gone(plain, 2) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_a_running_system_in_order(plain: Running, number: signal.Signals) -> None:
    running = foreground(plain)
    plain.until("ready", lambda told: told.get("ready"), 60)
    running.send_signal(number)
    told, _ = running.communicate(timeout=30)

    assert running.returncode == 0
    assert "system.stopped" in told
    assert until_gone(plain, 2) == set()


def test_a_second_interrupt_ends_at_once(plain: Running) -> None:
    running = foreground(plain)
    plain.until("ready", lambda told: told.get("ready"), 60)
    plain.signal("web.web.1", signal.SIGSTOP)
    running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    watch = Stopwatch()
    running.communicate(timeout=30)

    assert watch.elapsed() < 5
    assert until_gone(plain, 2) == set()


def test_a_closed_terminal_ends_the_system(plain: Running) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "mainstay.cli", "--file", str(plain.folder / "mainstay.toml"), "up"]
    running = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    os.set_blocking(master, False)

    def ready(told: dict[str, object]) -> object:
        # A terminal that takes no more would hold up who draws on it.
        with contextlib.suppress(BlockingIOError):
            os.read(master, 65536)
        return told.get("ready")

    plain.until("ready", ready, 60)
    os.close(master)
    running.send_signal(signal.SIGHUP)
    running.wait(30)

    assert until_gone(plain, 2) == set()


def test_a_process_that_cannot_live_is_shown_as_a_crash_loop_with_its_last_words(tmp_path: Path) -> None:
    looping = plain_project(
        tmp_path / "plain", service='processes.doomed = { command = "python doomed.py", replicas = 1 }'
    )
    script = looping.folder / "doomed.py"
    script.write_text("import time; time.sleep(60)")
    try:
        looping.up()
        script.write_text("raise SystemExit('there is no lamp oil')")
        looping.signal("web.doomed.1", signal.SIGKILL)
        looping.until("crash loop", lambda told: "crash-loop" in str(told), 30)
        shown = looping.mainstay("status", check=False)

        assert shown.returncode == 1
        assert re.search(r"web\.doomed\.1 +crash-loop", shown.stdout)
        assert "there is no lamp oil" in shown.stdout
    finally:
        looping.end()
