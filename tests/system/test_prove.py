"""`mainstay prove` as a person uses it, on a plain project: what it leaves behind, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.supervise import proc
from tests.stopwatch import Stopwatch
from tests.system.running import Running, plain_project

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PATIENCE = 240.0
FILES = {"proof.json", "report.html", "junit.xml", "summary.md", "events.jsonl", "topology.toml", "claims"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Running]:
    running = plain_project(tmp_path / "shop")
    yield running
    running.end()
    assert running.left() == set()


def prove(shop: Running, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run to its end, with this exit code, and without a traceback."""
    done = shop.mainstay("prove", *words, check=False, limit=PATIENCE)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done


def begun(shop: Running, *words: str) -> subprocess.Popen[str]:
    """Begin, and go on."""
    command = [
        sys.executable,
        "-m",
        "mainstay.cli",
        "--file",
        str(shop.folder / "mainstay.toml"),
        "prove",
        *words,
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )


def until(proving: subprocess.Popen[str], words: str) -> None:
    """Read what it says until it says this."""
    assert proving.stdout is not None
    for line in proving.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended and never said {words!r}")


def latest(shop: Running) -> dict[str, Any]:
    return dict(json.loads((shop.folder / ".mainstay" / "proofs" / "latest" / "proof.json").read_text()))


def proofs(shop: Running) -> list[Path]:
    found = (shop.folder / ".mainstay" / "proofs").glob("2*")
    return sorted(path for path in found if path.is_dir())


def assert_nothing_is_left(shop: Running, within: float = 15.0) -> None:
    """No process, no mount and no folder of a twin."""
    twins = str(shop.folder / ".mainstay" / "twins")
    deadline = time.monotonic() + within
    while True:
        processes = {pid for pid in shop.pids() if twins in _words(pid)}
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if twins in line]
        if not processes and not mounts and not list(Path(twins).glob("*")):
            return
        assert time.monotonic() < deadline, (processes, mounts, list(Path(twins).rglob("*"))[:20])
        time.sleep(0.1)


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text() + str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def test_a_plain_project_is_proved_with_nothing_written_beside_its_own_running_system(shop: Running) -> None:
    shop.up()
    before = {row["name"]: row["pid"] for row in shop.status()["processes"]}
    shown = prove(shop, "--quick", "--only", "replica-killed-*", "--only", "primary-lost", "--seed", "7")
    assert "keeps all 2 claims" in shown.stdout

    told = latest(shop)
    assert [(claim["name"], claim["verdict"]) for claim in told["claims"]] == [
        ("replica-killed-web", "pass"),
        ("primary-lost", "pass"),
    ]
    assert all(bite["bit"] for claim in told["claims"] for bite in claim["bites"])
    assert told["operations"]["all"] > 100
    (folder,) = proofs(shop)
    assert {path.name for path in folder.iterdir()} >= FILES
    assert (folder / "logs" / "web.web.1.log").stat().st_size
    events = (folder / "events.jsonl").read_text()
    assert '"postgres.promoted"' in events
    assert_nothing_is_left(shop)

    assert {row["name"]: row["pid"] for row in shop.status()["processes"]} == before
    assert shop.events("process.ended", "postgres.promoted") == []


def test_the_running_system_is_loaded_without_faults_at_its_address_and_nobody_elses(shop: Running) -> None:
    shop.up()
    prove(shop, "--against", shop.url, "--seconds", "2", "--rate", "10")
    (claim,) = latest(shop)["claims"]
    assert (claim["name"], claim["verdict"], claim["schedule"]) == ("under-load", "pass", [])
    assert shop.events("process.ended") == []

    refused = prove(shop, "--against", "http://192.0.2.1:8000", code=2)
    assert refused.stderr.startswith("prove.not-loopback  192.0.2.1 is not this machine")
    assert "--allow-remote" in refused.stderr
    assert len(proofs(shop)) == 1


def _slowest(claim: dict[str, Any]) -> float:
    return max(float(figure) for name, figure in claim["figures"].items() if name.startswith("worst."))


IMPOSSIBLE = """
[[prove.claim]]
name = "instant"
faults = [{ fault = "kill", target = "web.web" }, { fault = "edge.reload", target = "edge" }]
holds = ["worst.get <= 1 ms"]
"""


def test_a_claim_that_does_not_hold_leaves_a_schedule_that_fails_again(shop: Running) -> None:
    with (shop.folder / "mainstay.toml").open("a") as file:
        file.write(IMPOSSIBLE)
    shown = prove(shop, "--quick", "--only", "instant", "--seconds", "1", "--seed", "3", code=1)
    assert "fail" in shown.stdout
    (folder,) = proofs(shop)
    schedule = folder / "claims" / "instant" / "replay.json"
    saved = json.loads(schedule.read_text())
    assert (saved["strikes"], saved["seed"]) == ([], 3)

    again = prove(shop, "--replay", str(schedule), "--no-shrink", code=1)
    assert "instant" in again.stdout
    (claim,) = latest(shop)["claims"]
    assert claim["verdict"] == "fail"
    assert _slowest(claim) > 0.001
    assert_nothing_is_left(shop)


LONG = """
[[prove.claim]]
name = "long"
faults = [{ fault = "pause", target = "web.web", lasts = "30s" }]
holds = ["errors.get = 0"]
"""


@pytest.fixture
def paused(shop: Running) -> Iterator[subprocess.Popen[str]]:
    """A proof in the middle of a fault that lasts half a minute."""
    with (shop.folder / "mainstay.toml").open("a") as file:
        file.write(LONG)
    proving = begun(shop, "--only", "long", "--seconds", "1")
    try:
        until(proving, "begun")
        yield proving
    finally:
        proving.kill()
        proving.communicate()


def test_a_proof_that_is_killed_in_the_middle_of_a_fault_leaves_nothing_and_keeps_no_other_from_working(
    shop: Running, paused: subprocess.Popen[str]
) -> None:
    family = {pid: proc.start_time(pid) for pid in proc.descendants({paused.pid})}
    paused.kill()
    paused.wait()
    assert_nothing_is_left(shop)
    watch = Stopwatch()  # who cleaned up ends after it
    while left := [pid for pid, started in family.items() if proc.alive(pid, started)]:
        assert watch.elapsed() < 5.0, left
        time.sleep(0.02)
    (folder,) = proofs(shop)
    assert (folder / "claims" / "long" / "history.jsonl").stat().st_size

    prove(shop, "--only", "calm", "--seconds", "1")
    assert_nothing_is_left(shop)


@pytest.mark.parametrize("signals", [1, 2, 4])
def test_a_proof_that_is_interrupted_leaves_evidence_and_nothing_else(
    shop: Running, paused: subprocess.Popen[str], signals: int
) -> None:
    """The second signal is of a person who does not want to wait for the end."""
    for _ in range(signals):
        paused.send_signal(signal.SIGINT)
        time.sleep(0.2)
    told, _ = paused.communicate(timeout=60.0)
    assert "Traceback" not in told
    assert paused.returncode == 2
    assert latest(shop)["interrupted"] == "received SIGINT"
    assert "was not finished: received SIGINT" in told
    assert_nothing_is_left(shop)


def test_two_proofs_at_once_have_a_twin_each(shop: Running, tmp_path: Path) -> None:
    """Although their evidence goes into folders of one name."""
    words = ("--only", "replica-killed-web", "--seconds", "1", "--rate", "5")
    both = [begun(shop, *words, "--evidence", str(tmp_path / name / "proof")) for name in ("one", "two")]
    ended = [proving.communicate(timeout=PATIENCE)[0] for proving in both]
    assert [proving.returncode for proving in both] == [0, 0], "\n".join(ended)
    assert all((tmp_path / name / "proof" / "report.html").exists() for name in ("one", "two"))
    assert_nothing_is_left(shop)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk with less room than evidence needs."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "mainstay", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


Spoil = Callable[[Running], tuple[str, ...]]


def _full(shop: Running) -> tuple[str, ...]:
    return ("--evidence", str(shop.folder.parent / "small" / "proof"))


def _foreign(shop: Running) -> tuple[str, ...]:
    return ("--evidence", str(shop.folder))


def _read_only(shop: Running) -> tuple[str, ...]:
    return ("--evidence", "/proc/self/proof")


def _journeys(shop: Running) -> tuple[str, ...]:
    (shop.folder / "proof.py").write_text("import mainstay\nraise KeyError('seat')\n")
    with (shop.folder / "mainstay.toml").open("a") as file:
        file.write('[prove]\njourneys = "proof.py"\n')
    return ()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_full, r"^prove\.evidence-full  "),
        (_foreign, r"^prove\.evidence-not-empty  "),
        (_read_only, r"^prove\.evidence-(read-only|unusable)  "),
        (_journeys, r"^prove\.journey-broken  .*line 2: KeyError: 'seat'"),
    ],
)
def test_what_would_spoil_a_proof_is_told_before_anything_is_started(
    shop: Running, spoil: Spoil, told: str
) -> None:
    began = time.monotonic()
    done = prove(shop, *spoil(shop), code=2)
    assert re.search(told, done.stderr, re.DOTALL), done.stderr
    assert done.stdout == ""
    assert not (shop.folder / ".mainstay" / "twins").exists()
    assert time.monotonic() - began < 20.0


def test_a_system_that_does_not_come_up_is_one_error_with_its_reason(shop: Running) -> None:
    with (shop.folder / "shop" / "settings.py").open("a") as settings:
        settings.write("\nraise RuntimeError('no stock today')\n")
    done = prove(shop, "--quick", code=2)
    assert "no stock today" in done.stderr
    (log,) = re.findall(r"the whole log: (\S+)", done.stderr)
    assert "no stock today" in Path(log).read_text()
    assert len(re.findall(r"^[a-z]+\.[a-z-]+  ", done.stderr, re.MULTILINE)) == 1
    assert_nothing_is_left(shop)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_was_filled_is_gone_with_its_twin(shop: Running) -> None:
    prove(shop, "--only", "disk-full", "--seconds", "1")
    (claim,) = latest(shop)["claims"]
    assert claim["verdict"] == "pass"
    assert_nothing_is_left(shop)


def test_a_twin_whose_supervisor_dies_ends_the_proof_and_blames_no_claim(
    shop: Running, paused: subprocess.Popen[str]
) -> None:
    twin = next((shop.folder / ".mainstay" / "twins").glob("*/state/lock"))
    os.kill(int(twin.read_text()), signal.SIGKILL)
    told, _ = paused.communicate(timeout=120.0)
    assert paused.returncode == 2, told
    assert "prove.system-gone" in told
    assert latest(shop)["claims"] == []
    assert_nothing_is_left(shop)
