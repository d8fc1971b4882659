"""What a replica answers when its database is slow, gone, in doubt, or a standby may be read."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.integration.inside.database import Database
from tests.integration.inside.forwarder import Forwarder
from tests.integration.inside.receiver import Receiver
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


PATIENT = {f"MAINSTAY_{name}_TIMEOUT": "30" for name in ("LOCK", "STATEMENT", "REQUEST")}
MEET = 4711
"""The advisory lock that the project's contending views wait for in the middle of their transactions."""


def _at_once(replica: Replica, url: str, paths: list[str]) -> list[Response]:
    """Let requests meet in the middle of their transactions, and then all go on."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(url, autocommit=True) as holder, ThreadPoolExecutor(len(paths)) as pool:
        holder.execute("SELECT pg_advisory_lock(%s)", [MEET])
        taken = [pool.submit(replica.request, "POST", path, timeout=30) for path in paths]
        until = time.monotonic() + 20
        while holder.execute(waiting).fetchone() != (len(paths),) and time.monotonic() < until:
            time.sleep(0.01)
        holder.execute("SELECT pg_advisory_unlock(%s)", [MEET])
        return sorted((each.result() for each in taken), key=lambda answer: answer.status)


@pytest.fixture
def contended(start: Start, url: str, receiver: Receiver) -> Callable[[str], Replica]:
    """``contended("asgi")``: a replica with the items *a* and *b* that tells the receiver of its errors."""

    def begin(interface: str) -> Replica:
        replica = start(interface, DATABASE_URL=url, SENTRY_DSN=receiver.dsn, **PATIENT)
        assert [replica.request("POST", f"/add/{name}/").status for name in "ab"] == [201, 201]
        return replica

    return begin


def _reported(replica: Replica, receiver: Receiver) -> list[tuple[list[str], list[str]]]:
    """The fingerprint of each report and the functions of ours in its stack; the replica has ended by then."""
    replica.terminate()
    assert replica.wait() == 0
    return [
        (
            event.get("fingerprint", []),
            [
                frame["function"]
                for frame in event["exception"]["values"][-1]["stacktrace"]["frames"]
                if frame["module"] == "shop.contended"
            ],
        )
        for event in receiver.events
    ]


@both
@pytest.mark.parametrize(
    ("view", "route", "stack"),
    [
        ("swap/{}/{}/1/", "swap/<str:first>/<str:second>/<int:tries>/", ["swap", "_swap"]),
        ("drf-swap/{}/{}/", "drf-swap/<str:first>/<str:second>/", ["post", "_swap"]),
    ],
    ids=["django", "rest_framework"],
)
def test_a_deadlock_is_503_for_one_of_the_two_and_stays_visible(
    contended: Callable[[str], Replica],
    url: str,
    receiver: Receiver,
    interface: str,
    view: str,
    route: str,
    stack: list[str],
) -> None:
    """The same request succeeds when it is repeated; the order of locks is a defect all the same."""
    replica = contended(interface)
    done, refused = _at_once(replica, url, [f"/{view.format(*each)}" for each in ("ab", "ba")])
    assert done.status == 200
    _assert_problem(refused)
    assert refused.json()["type"] == "/problems/unavailable"
    assert "deadlock" not in refused.body.decode()
    assert (_failures(replica, "deadlock"), _failures(replica, "lock")) == (1, 0)
    (said,) = _answered(replica, 1)
    assert said.endswith("to end a deadlock (DeadlockDetected, SQLSTATE 40P01)")
    assert replica.request("POST", f"/{view.format('b', 'a')}").status == 200
    assert _reported(replica, receiver) == [(["database-deadlock", route], stack)]


@both
def test_a_deadlock_that_the_view_tries_again_is_nobody_s_failure(
    contended: Callable[[str], Replica], url: str, receiver: Receiver, interface: str
) -> None:
    replica = contended(interface)
    answers = _at_once(replica, url, ["/swap/a/b/3/", "/swap/b/a/3/"])
    assert [answer.status for answer in answers] == [200, 200]
    with psycopg.connect(url) as asked:
        count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert asked.execute(count).fetchone() == (1,)
    assert (_failures(replica, "deadlock"), _answered(replica, 0)) == (0, [])
    assert _reported(replica, receiver) == []


@both
def test_transactions_that_cannot_be_serialized_are_503_for_one_of_the_two(
    contended: Callable[[str], Replica], url: str, receiver: Receiver, interface: str
) -> None:
    replica = contended(interface)
    with psycopg.connect(url) as emptied:
        emptied.execute("DELETE FROM shop_item")
    done, refused = _at_once(replica, url, ["/book/one/", "/book/two/"])
    assert done.status == 201
    _assert_problem(refused)
    assert _failures(replica, "conflict") == 1
    (said,) = _answered(replica, 1)
    assert said.endswith("(SerializationFailure, SQLSTATE 40001)")
    assert len(replica.get("/items/").json()["names"]) == 1
    assert _reported(replica, receiver) == [(["database-conflict", "book/<str:name>/"], ["book"])]


HOLD = """
import sqlite3, sys
writing = sqlite3.connect("db.sqlite3", isolation_level=None)
writing.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@both
def test_a_file_of_sqlite_that_another_process_writes_is_503(
    start: Start, project: Path, manage: Manage, interface: str
) -> None:
    with (project / "site1/settings.py").open("a") as settings:
        settings.write('DATABASES["default"]["OPTIONS"]["timeout"] = 0.2\n')
    manage("mainstay_prepare", "--no-static")
    replica = start(interface)
    assert replica.request("POST", "/add/one/").status == 201
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=project, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        _assert_problem(replica.request("POST", "/add-atomic/two/"))
        _assert_problem(replica.request("POST", "/add/two/"))
        assert (
            replica.get("/items/").status == 503
        )  # its second read is in a transaction, which begins with a write
        holder.communicate()
    assert _failures(replica, "lock") == 3
    assert ["SQLITE_BUSY" in said for said in _answered(replica, 3)] == [True] * 3
    assert replica.request("POST", "/add/two/").status == 201


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


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
@pytest.mark.parametrize("path", ["/add/one/", "/add-atomic/one/"])
@pytest.mark.usefixtures("missing_standby")
def test_unconfirmed_commit_is_reported_as_unknown(
    start: Start, url: str, postgres: Database, path: str, how: str
) -> None:
    """
    It is done here, and a failover would lose the row.

    PostgreSQL calls it a success with a warning when it is canceled; when it is terminated, the connection
    ends with no word about the commit.
    """
    replica = start("wsgi", DATABASE_URL=url)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(replica.request, "POST", path)
        cancel = f"SELECT {how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not postgres.execute(cancel) and not waiting.done():
            time.sleep(0.05)
        answer = waiting.result()
    _assert_problem(answer)
    assert answer.json()["type"] == "/problems/outcome-unknown"
    assert replica.get("/items/").json()["names"] == ["one"]


@pytest.mark.parametrize("path", ["/add/one/", "/add-atomic/one/"])
def test_a_connection_that_the_server_ends_before_the_commit_is_no_doubt(
    start: Start, url: str, postgres: Database, path: str
) -> None:
    """It says so, and has rolled back; the request may be repeated by whoever has no key as well."""
    replica = start("wsgi", DATABASE_URL=url)
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("INSERT INTO shop_item (name) VALUES ('one')")  # the name is taken, or not: who knows
        waiting = pool.submit(replica.request, "POST", path)
        kill = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND application_name = 'shop.web.1'"
        )
        while not postgres.execute(kill) and not waiting.done():
            time.sleep(0.05)
        answer = waiting.result()
        other.rollback()
    _assert_problem(answer)
    assert answer.json()["type"] == "/problems/unavailable"
    assert replica.get("/items/").json()["names"] == []


@pytest.mark.parametrize("path", ["/add/one/", "/add-atomic/one/"])
@pytest.mark.usefixtures("missing_standby")
def test_a_network_that_is_cut_under_a_commit_leaves_it_in_doubt(
    start: Start, url: str, postgres: Database, free_port: Callable[[], int], path: str
) -> None:
    """Also where Django, which connects anew at the end of a transaction, meets an error of its own there."""
    port = free_port()
    with Forwarder(port, postgres.port) as network:
        replica = start("wsgi", DATABASE_URL=url.replace(str(postgres.port), str(port)))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(replica.request, "POST", path)
            committing = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            while not postgres.execute(committing) and not waiting.done():
                time.sleep(0.05)
            network.cut()
            answer = waiting.result()
    _assert_problem(answer)
    assert answer.json()["type"] == "/problems/outcome-unknown"


@pytest.mark.parametrize(
    ("path", "told"),
    [("/add/one/", "outcome-unknown"), ("/add-atomic/one/", "unavailable"), ("/items/", "unavailable")],
)
def test_a_network_that_is_cut_leaves_in_doubt_what_commits_by_itself(
    start: Start, url: str, postgres: Database, free_port: Callable[[], int], path: str, told: str
) -> None:
    """What was in a transaction is rolled back with it, and what reads changes nothing."""
    port = free_port()
    with Forwarder(port, postgres.port) as network:
        replica = start("wsgi", DATABASE_URL=url.replace(str(postgres.port), str(port)))
        assert replica.get("/items/").status == 200
        with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
            other.execute("LOCK TABLE shop_item IN ACCESS EXCLUSIVE MODE")
            waiting = pool.submit(replica.request, "GET" if path == "/items/" else "POST", path)
            blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not postgres.execute(blocked) and not waiting.done():
                time.sleep(0.05)
            network.cut()
            answer = waiting.result()
    _assert_problem(answer)
    assert answer.json()["type"] == f"/problems/{told}"


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
    replica = start(interface, DATABASE_URL=url, DATABASE_REPLICA_URLS=standby, **PATIENT)
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
