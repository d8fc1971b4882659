"""What a replica answers when its database is slow, gone, in doubt, or a standby may be read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.integration.inside.database import Database
from tests.integration.inside.forwarder import Forwarder
from tests.integration.inside.replica import Replica, Response
from tests.stopwatch import Stopwatch

Start = Callable[..., Replica]
Manage = Callable[..., object]

both = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


@pytest.fixture
def url(postgres: Database, manage: Manage) -> str:
    """A database with the project's tables."""
    url = postgres.fresh()
    manage("mainstay_prepare", "--no-static", DATABASE_URL=url)
    return url


@both
def test_a_full_pool_makes_requests_wait_and_then_says_when_to_come_back(
    start: Start, url: str, interface: str
) -> None:
    replica = start(interface, DATABASE_URL=url, MAINSTAY_POOL_MAX="1")
    with ThreadPoolExecutor(5) as pool:
        answers = [each.result() for each in [pool.submit(replica.get, "/database/1300/") for _ in range(5)]]
    assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503]
    refused = next(answer for answer in answers if answer.status == 503)
    _assert_problem(refused)
    assert "no database connection was free" in refused.json()["detail"]
    assert "Traceback" not in replica.output()


@both
def test_the_wait_for_a_connection_ends_at_the_deadline(
    start: Start, url: str, postgres: Database, interface: str
) -> None:
    """The pool's own limit would end it with a 503."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop.web.1' AND state = 'active'"
    replica = start(interface, DATABASE_URL=url, MAINSTAY_POOL_MAX="1")
    assert replica.get("/database/1/").status == 200
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(replica.get, "/database/2600/")
        while postgres.execute(busy) != [(1,)]:
            time.sleep(0.01)
        late = replica.get("/database/1/", {"Mainstay-Deadline": "300"})
    assert (late.status, taken.result().status) == (504, 200)
    line = next(each for each in replica.wait_for_lines(3) if each["status"] == 504)
    assert line["wait_ms"] > 200


@both
def test_pool_never_holds_more_than_it_may(
    start: Start, url: str, postgres: Database, interface: str
) -> None:
    replica = start(interface, DATABASE_URL=url, MAINSTAY_POOL_MAX="2")
    with ThreadPoolExecutor(12) as pool:
        answers = [each.result() for each in [pool.submit(replica.get, "/database/20/") for _ in range(60)]]
    assert {answer.status for answer in answers} == {200}
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop.web.1'"
    assert postgres.execute(count) == [(2,)]
    text = replica.get("/metrics").body.decode()
    assert 'mainstay_db_pool_size{alias="default"} 2.0' in text
    assert 'mainstay_db_pool_waiting{alias="default"} 0.0' in text


@both
def test_lost_connections_are_replaced_without_an_error(
    start: Start, url: str, postgres: Database, interface: str
) -> None:
    replica = start(interface, DATABASE_URL=url, MAINSTAY_POOL_MAX="2")
    assert replica.get("/database/1/").status == 200
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'shop.web.1'"
    )
    postgres.execute(kill)
    assert [replica.get("/database/1/").status for _ in range(4)] == [200] * 4


@both
def test_a_whole_pool_of_lost_connections_costs_no_pause(
    start: Start, url: str, postgres: Database, interface: str
) -> None:
    """As after a failover. psycopg_pool sleeps for a second, give or take a tenth, once it has found the second."""
    replica = start(interface, DATABASE_URL=url, MAINSTAY_POOL_MAX="4")
    with ThreadPoolExecutor(4) as pool:
        assert {each.status for each in pool.map(lambda _: replica.get("/database/400/"), range(4))} == {200}
    lost = "FROM pg_stat_activity WHERE application_name = 'shop.web.1'"
    assert postgres.execute(f"SELECT count(*) {lost}") == [(4,)]
    postgres.execute(f"SELECT pg_terminate_backend(pid) {lost}")
    watch = Stopwatch()
    assert replica.get("/database/1/").status == 200
    stalled = watch.stalled()
    assert replica.wait_for_lines(5)[-1]["wait_ms"] - 1000 * stalled < 900


def test_database_that_was_away_is_used_as_soon_as_it_is_back(
    start: Start, url: str, postgres: Database, free_port: Callable[[], int]
) -> None:
    """psycopg's own pauses double with each failure and would keep requests waiting for seconds."""
    port = free_port()
    replica = start("wsgi", DATABASE_URL=url.replace(str(postgres.port), str(port)))
    began = time.monotonic()
    while time.monotonic() - began < 8:
        assert replica.get("/database/1/").status == 503
    with Forwarder(port, postgres.port):
        back = Stopwatch()
        assert replica.get("/database/1/").status == 200
        assert back.elapsed() < 4


def test_request_that_waits_during_a_failover_is_answered(
    start: Start, url: str, postgres: Database, free_port: Callable[[], int]
) -> None:
    port = free_port()
    replica = start("wsgi", DATABASE_URL=url.replace(str(postgres.port), str(port)))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(replica.get, "/database/1/")
        time.sleep(0.9)
        with Forwarder(port, postgres.port):
            assert waiting.result().status == 200


@both
def test_unreachable_database_is_503_and_the_process_stays_ready(
    start: Start, free_port: Callable[[], int], interface: str
) -> None:
    replica = start(interface, DATABASE_URL=f"postgresql://app@127.0.0.1:{free_port()}/none")
    answer = replica.get("/items/")
    assert answer.status == 503
    _assert_problem(answer)
    assert replica.get("/readyz").status == 200
    page = replica.get("/items/", {"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "Service Unavailable" in page.body.decode()


def test_middleware_that_needs_the_database_is_503_too(start: Start, free_port: Callable[[], int]) -> None:
    """Django turns errors of middleware into a 500 before any other middleware can see them."""
    url = f"postgresql://app@127.0.0.1:{free_port()}/none"
    _assert_problem(start("wsgi", DATABASE_URL=url, SHOP_COUNTS="1").get("/"))


@both
def test_a_statement_that_reaches_its_limit_is_told_no_time_to_come_back(
    start: Start, url: str, interface: str
) -> None:
    """The database is well, and the same again would take as long."""
    replica = start(interface, DATABASE_URL=url, MAINSTAY_STATEMENT_TIMEOUT="0.2")
    assert replica.get("/database/1/").status == 200
    slow = replica.get("/database/3000/")
    assert (slow.status, slow.json()["type"]) == (504, "/problems/statement-timeout")
    assert "retry-after" not in slow.headers
    assert _failures(replica, "statement") == 1
    (said,) = _answered(replica, 1)
    assert "`timeouts.statement`" in said


def test_a_lock_that_is_not_had_is_503(start: Start, url: str) -> None:
    """Somebody else's work is in the way, and is over soon."""
    replica = start("wsgi", DATABASE_URL=url, MAINSTAY_LOCK_TIMEOUT="0.2")
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE shop_item IN ACCESS EXCLUSIVE MODE")
        _assert_problem(replica.get("/items/"))
    assert _failures(replica, "lock") == 1
    assert replica.get("/items/").status == 200


@pytest.fixture
def small_disk(tmp_path: Path, postgres: Database, url: str) -> Iterator[None]:
    """The project's table lies on a disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "mainstay", str(place)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"only root may mount a small disk: {mounted.stderr.strip()}")
    space = f"small_{url.rpartition('_')[2]}"
    try:
        postgres.execute(f"CREATE TABLESPACE {space} LOCATION '{place}'")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER TABLE shop_item SET TABLESPACE {space}")
        yield
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE shop_item")
        postgres.execute(f"DROP TABLESPACE {space}")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@both
@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_refuses_writes_and_says_when_to_come_back(
    start: Start, url: str, interface: str
) -> None:
    replica = start(interface, DATABASE_URL=url)
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.DiskFull):
        connection.execute(
            "INSERT INTO shop_item (name) SELECT repeat('x', 40) || n FROM generate_series(1, 100000) n"
        )
    answers = [replica.request("POST", f"/add/{name}/") for name in "ab"]
    for answer in answers:
        _assert_problem(answer, after="5")
        assert answer.json()["type"] == "/problems/unavailable"
    assert replica.get("/items/").status == 200
    assert replica.get("/readyz").status == 200
    assert _failures(replica, "resources") == 2
    assert ["DiskFull, SQLSTATE 53100" in said for said in _answered(replica, 2)] == [True, True]


def _answered(replica: Replica, refused: int) -> list[str]:
    """What the log says of so many refused requests beside their access lines."""
    until = time.monotonic() + 5
    while sum(line["status"] >= 500 for line in replica.lines()) < refused and time.monotonic() < until:
        time.sleep(0.02)
    assert replica.lines("django.request") == []
    said = [line["event"] for line in replica.lines("mainstay.http")]
    return [event for event in said if event.startswith("answered")]


def _failures(replica: Replica, reason: str) -> float:
    """What `mainstay_db_failures_total` says."""
    name = f'mainstay_db_failures_total{{reason="{reason}"}} '
    page = replica.get("/metrics").body.decode()
    return float(next(line for line in page.splitlines() if line.startswith(name)).removeprefix(name))


@pytest.fixture
def missing_standby(postgres: Database, url: str) -> Iterator[None]:
    """Commits wait for a synchronous standby that never comes."""
    postgres.execute("ALTER SYSTEM SET synchronous_standby_names = 'ghost'")
    postgres.execute("SELECT pg_reload_conf()")
    yield
    postgres.execute("ALTER SYSTEM RESET synchronous_standby_names")
    postgres.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("path", ["/add/one/", "/add-atomic/one/"])
@pytest.mark.usefixtures("missing_standby")
def test_unconfirmed_commit_is_reported_as_unknown(
    start: Start, url: str, postgres: Database, path: str
) -> None:
    """PostgreSQL calls it a success with a warning; a failover would lose the row."""
    replica = start("wsgi", DATABASE_URL=url)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(replica.request, "POST", path)
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not postgres.execute(cancel) and not waiting.done():
            time.sleep(0.05)
        answer = waiting.result()
    _assert_problem(answer)
    assert "outcome is unknown" in answer.json()["detail"]


@pytest.fixture
def standby(postgres: Database, url: str, manage: Manage, start: Start) -> str:
    """A second database in the role of a standby, one row behind the primary."""
    standby = postgres.fresh()
    manage("mainstay_prepare", "--no-static", DATABASE_URL=standby)
    start("wsgi", DATABASE_URL=standby).request("POST", "/add/old/")
    primary = start("wsgi", DATABASE_URL=url)
    primary.request("POST", "/add/old/")
    primary.request("POST", "/add/new/")
    return standby


@both
def test_reads_go_to_the_standby_only_where_the_code_says_so(
    start: Start, url: str, standby: str, interface: str
) -> None:
    replica = start(interface, DATABASE_URL=url, DATABASE_REPLICA_URLS=standby)
    assert replica.get("/items/").json() == {"names": ["old"], "in_transaction": ["new", "old"]}
    assert replica.get("/primary-items/").json() == {"names": ["new", "old"], "inside": ["old"]}
    assert replica.get("/async-items/").json() == {"names": ["old"]}
    assert replica.request("POST", "/add/newer/").status == 201
    assert replica.get("/primary-items/").json()["names"] == ["new", "newer", "old"]


@both
def test_a_standby_that_is_gone_is_replaced_by_the_primary(
    start: Start, url: str, free_port: Callable[[], int], interface: str
) -> None:
    gone = f"postgresql://app@127.0.0.1:{free_port()}/none"
    replica = start(interface, DATABASE_URL=url, DATABASE_REPLICA_URLS=gone)
    replica.request("POST", "/add/only/")
    for _ in range(3):
        assert replica.get("/items/").json()["names"] == ["only"]


@both
@pytest.mark.parametrize("path", ["/items/", "/async-items/"])
def test_a_read_whose_standby_is_lost_under_it_is_answered_by_the_primary(
    start: Start, url: str, standby: str, postgres: Database, interface: str, path: str
) -> None:
    patient = {f"MAINSTAY_{name}_TIMEOUT": "30" for name in ("LOCK", "STATEMENT", "REQUEST")}
    replica = start(interface, DATABASE_URL=url, DATABASE_REPLICA_URLS=standby, **patient)
    assert replica.get(path).json()["names"] == ["old"]
    reading = "FROM pg_stat_activity WHERE application_name = 'shop.web.1' AND wait_event_type = 'Lock'"
    with psycopg.connect(standby) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("LOCK TABLE shop_item IN ACCESS EXCLUSIVE MODE")
        taken = pool.submit(replica.get, path, timeout=30)
        while postgres.execute(f"SELECT count(*) {reading}") != [(1,)]:
            time.sleep(0.01)
        postgres.execute(f"SELECT pg_terminate_backend(pid) {reading}")
        answer = taken.result()
    assert answer.json()["names"] == ["new", "old"]


def _assert_problem(answer: Response, after: str = "1") -> None:
    assert answer.status == 503
    assert answer.headers["retry-after"] == after
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 503
    assert answer.json()["request_id"]
