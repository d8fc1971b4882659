"""A twin beside the user's own system: with links in path, and gone with whoever owns it, however that ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.twin import TwinSystem
from mainstay.ops.supervise import proc
from mainstay.ops.topology import load
from tests.system.running import Running, plain_project

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

URLS = """
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("users/", lambda request: HttpResponse(get_user_model().objects.count()))]
"""


class NoGuard:
    """Nothing here outlives the test."""

    def promise(self, undo: Any) -> int:
        return 0

    def release(self, number: int) -> None:
        pass


@pytest.fixture
def shop(tmp_path: Path) -> Running:
    running = plain_project(tmp_path / "shop")
    (tmp_path / "shop" / "shop" / "urls.py").write_text(URLS)
    return running


async def seconds(url: str) -> float:
    """How long one page takes that asks the database."""

    def get() -> float:
        began = time.monotonic()
        with urllib.request.urlopen(f"{url}/users/") as answer:
            assert answer.read() == b"0"
        return time.monotonic() - began

    return await asyncio.to_thread(get)


async def quickest(url: str) -> float:
    """Of three, as the machine may stand still for a moment."""
    return min([await seconds(url) for _ in range(3)])


async def test_links_stand_between_everybody_and_are_harmless_until_told(
    shop: Running, tmp_path: Path
) -> None:
    system = await TwinSystem.start(load(shop.folder / "mainstay.toml"), tmp_path / "twin", guard=NoGuard())
    try:
        status = await system.status()
        names = {row["name"]: row["state"] for row in status["processes"]}
        assert names["links.1"] == "ready"
        assert status["durability"] == "synchronous"
        assert not (shop.folder / ".mainstay").exists()
        await _one_link_slows_one_dependency(system, status["url"])
        await _replication_goes_through_its_link(system)
        await _replicas_keep_their_link_when_they_are_replaced(system, status["url"])
        await _the_links_come_back_when_they_are_killed(system, status["url"])
        await _sql_goes_where_it_is_told(system)
        events = [event["event"] for event in await system.events()]
        assert events.index("system.starting") < events.index("system.running") < events.index("rollout.done")
    finally:
        await system.stop()
    assert not (tmp_path / "twin").exists()
    assert not Running(tmp_path / "twin").left()


async def _one_link_slows_one_dependency(system: TwinSystem, url: str) -> None:
    assert system.links is not None
    primary = next(row["name"] for row in (await system.status())["processes"] if row["role"] == "primary")
    assert await quickest(url) < 0.3
    await system.links.set(f"web->{primary}", [{"type": "latency", "latency": 0.3, "direction": "down"}])
    assert await seconds(url) >= 0.3
    assert (await system.links.counters(f"web->{primary}"))["delayed"] > 0
    await system.links.set(f"web->{primary}", [])
    assert await quickest(url) < 0.3


async def _replication_goes_through_its_link(system: TwinSystem) -> None:
    assert system.links is not None
    assert (await system.links.counters("postgres.2->postgres.1"))["connections"] >= 1
    await system.links.set("postgres.2->postgres.1", [{"type": "down"}])
    await _until_durability(system, "degraded")
    await system.links.set("postgres.2->postgres.1", [])
    await _until_durability(system, "synchronous")


async def _until_durability(system: TwinSystem, wanted: str) -> None:
    deadline = time.monotonic() + 15.0
    while (seen := (await system.status())["durability"]) != wanted:
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.05)


async def _replicas_keep_their_link_when_they_are_replaced(system: TwinSystem, url: str) -> None:
    assert system.links is not None
    await system.call("rollout", name="web")
    before = await _bytes_from_the_edge(system)
    assert await quickest(url) < 1.0
    assert await _bytes_from_the_edge(system) > before
    assert {"edge->web.web.1", "edge->web.web.2"} <= set(system.links.names)


async def _bytes_from_the_edge(system: TwinSystem) -> int:
    assert system.links is not None
    counted = [await system.links.counters(f"edge->web.web.{number}") for number in (1, 2)]
    return sum(each["bytes"] for each in counted)


async def _the_links_come_back_when_they_are_killed(system: TwinSystem, url: str) -> None:
    row = next(row for row in (await system.status())["processes"] if row["name"] == "links.1")
    proc_started = proc.start_time(row["pid"])
    os.kill(row["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 10.0
    while proc.alive(row["pid"], proc_started) or not (await system.status())["ready"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await quickest(url) < 1.0


async def _sql_goes_where_it_is_told(system: TwinSystem) -> None:
    assert await system.sql("SELECT current_database()::text", service="web") == [("web",)]
    assert await system.sql("SELECT pg_is_in_recovery()") == [(False,)]
    assert await system.sql("SELECT pg_is_in_recovery()", node="postgres.2") == [(True,)]
    with pytest.raises(OperationFailed, match=r"postgres\.9"):
        await system.sql("SELECT 1", node="postgres.9")


WRITES = """
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

@csrf_exempt
def groups(request):
    if request.method == "POST":
        Group.objects.create(name=f"group {Group.objects.count()}")
    return HttpResponse(Group.objects.count())

urlpatterns = [path("groups/", groups)]
"""


async def test_a_twin_writes_to_a_copy_of_a_database_of_the_projects_own(
    shop: Running, tmp_path: Path
) -> None:
    """What ``startproject`` makes uses its SQLite file; the worker is a program of the project."""
    (shop.folder / "shop" / "urls.py").write_text(WRITES)
    settings = shop.folder / "shop" / "settings.py"
    settings.write_text(settings.read_text().replace("DATABASES = mainstay.databases()\n", ""))
    adds = "from django.contrib.auth.models import Group; Group.objects.create(name='of the worker')"
    adds += "; import time; time.sleep(600)"
    (shop.folder / "mainstay.toml").write_text(
        "[edge]\nport = 0\n[service.web]\nprepare = ['flush --noinput']\n"
        f'[service.web.processes.adder]\nreplicas = 1\ncommand = """python manage.py shell -c "{adds}" """\n'
    )
    plain = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=shop.folder, env=plain, check=True)
    real = shop.folder / "db.sqlite3"
    before = real.read_bytes()
    system = await TwinSystem.start(load(shop.folder / "mainstay.toml"), tmp_path / "twin", guard=NoGuard())
    try:
        url = (await system.status())["url"] + "/groups/"
        deadline = time.monotonic() + 20.0
        while await asyncio.to_thread(answer, url) != b"1":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert await asyncio.to_thread(answer, url, b"") == b"2"
        assert await asyncio.to_thread(answer, url) == b"2"
        said = [event["why"] for event in await system.events() if event["event"] == "service.warning"]
        assert [why for why in said if f"DATABASES['default'] is a copy of {real}" in why]
    finally:
        await system.stop()
    assert real.read_bytes() == before
    assert not (tmp_path / "twin").exists()


def answer(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body) as found:
        return bytes(found.read())


async def test_a_database_elsewhere_is_never_asked_by_a_twin(shop: Running, tmp_path: Path) -> None:
    settings = shop.folder / "shop" / "settings.py"
    elsewhere = "{'ENGINE': 'django.db.backends.postgresql', 'HOST': 'db.example', 'NAME': 'live'}"
    settings.write_text(settings.read_text() + f"\nDATABASES['default'] = {elsewhere}\n")
    with pytest.raises(OperationFailed, match=r"twin\.foreign-database") as failure:
        await TwinSystem.start(load(shop.folder / "mainstay.toml"), tmp_path / "twin", guard=NoGuard())
    assert "DATABASES['default']" in str(failure.value)
    assert not (tmp_path / "twin").exists()


OWNER = """
import asyncio, sys
from pathlib import Path
from mainstay.ops.prove.twin import TwinSystem
from mainstay.ops.topology import load
async def main():
    system = await TwinSystem.start(load(Path(sys.argv[1])), Path(sys.argv[2]), guard=None)
    print(system.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_nothing_of_a_twin_outlives_an_owner_that_was_killed(shop: Running, tmp_path: Path) -> None:
    twin = Running(tmp_path / "twin")
    command = [sys.executable, "-c", OWNER, str(shop.folder / "mainstay.toml"), str(twin.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        supervisor = int(owner.stdout.readline())
        family = {pid: proc.start_time(pid) for pid in proc.descendants({supervisor})}
        # One that is frozen must not hold it up either.
        os.kill(
            next(pid for pid in family if proc.environment(pid).get("MAINSTAY_KIND") == "web"), signal.SIGSTOP
        )
        owner.kill()
    deadline = time.monotonic() + 30.0
    while alive := [pid for pid, started in family.items() if proc.alive(pid, started)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)
    assert not twin.folder.exists()


async def test_a_twin_that_does_not_come_up_says_why_and_leaves_nothing(
    shop: Running, tmp_path: Path
) -> None:
    with pytest.raises(OperationFailed, match=r"shop\.nowhere") as failure:
        await TwinSystem.start(
            load(shop.folder / "mainstay.toml"),
            tmp_path / "twin",
            guard=NoGuard(),
            content={"services": {"web": {"application": "shop.nowhere:application"}}},
        )
    assert failure.value.id == "process.not-ready"
    assert not (tmp_path / "twin").exists()
    assert not Running(tmp_path / "twin").left()
